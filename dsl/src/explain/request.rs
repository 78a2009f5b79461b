//! A Chat Completions request, read for its facts.
//!
//! Owns this reading, which asks of a body what the router asks of it; what each part counts is
//! [`model_map::facts`]'s.

use std::collections::BTreeMap;

use model_map::{Draw, IMAGE_TOKENS, RequestFacts, document_tokens, estimate_tokens};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

/// A request that was read.
#[derive(Debug)]
pub struct Request {
    /// What it is like, without the role's own prompt; headers and the client are not in a body.
    pub facts: RequestFacts,
    /// What its requests have in common, for the draw.
    conversation: Vec<u8>,
}

impl Request {
    /// Reads a body.
    ///
    /// # Errors
    /// When it is not a JSON object.
    pub fn read(body: &[u8]) -> Result<Self, serde_json::Error> {
        let body: BTreeMap<String, &RawValue> = serde_json::from_slice(body)?;
        let body = Body(body);
        let messages: Vec<&RawValue> = body.read("messages").unwrap_or_default();
        let metadata = body.read::<BTreeMap<String, Value>>("metadata").unwrap_or_default();
        let text = |(key, value): (String, Value)| Some((key, value.as_str()?.to_owned()));
        let tools = body.tools();
        let mut facts = RequestFacts {
            json: body.wants_json(),
            max_tokens: ["max_completion_tokens", "max_tokens"]
                .iter()
                .find_map(|name| body.read(name)),
            messages: messages.len() as u64,
            metadata: metadata.into_iter().filter_map(text).collect(),
            stream: body.read("stream").unwrap_or_default(),
            tokens: tools.map_or(0, estimate_tokens),
            tools: tools.is_some(),
            ..RequestFacts::default()
        };
        messages.iter().for_each(|message| survey(message.get(), &mut facts));
        let conversation = conversation(&body, &facts.metadata, &messages);
        Ok(Self { facts, conversation })
    }

    /// The draw of its conversation.
    pub fn draw(&self, client: Option<&str>) -> Draw {
        Draw::of(client, &self.conversation)
    }
}

/// The members of a body.
struct Body<'b>(BTreeMap<String, &'b RawValue>);

impl<'b> Body<'b> {
    fn get(&self, name: &str) -> Option<&'b str> {
        self.0.get(name).map(|value| value.get()).filter(|value| *value != "null")
    }

    /// A member that has this type; one of another is none, since a fact is never an error.
    fn read<T: Deserialize<'b>>(&self, name: &str) -> Option<T> {
        self.get(name).and_then(|value| serde_json::from_str(value).ok())
    }

    /// The raw tools, where there are any.
    fn tools(&self) -> Option<&'b str> {
        let mut lists = ["tools", "functions"].iter().filter_map(|name| self.get(name));
        lists.find(|list| !list.trim_matches(['[', ']', ' ', '\n', '\r', '\t']).is_empty())
    }

    fn wants_json(&self) -> bool {
        let format = self.read::<Value>("response_format").unwrap_or_default();
        let kind = format.get("type").and_then(Value::as_str);
        matches!(kind, Some("json_schema" | "json_object"))
    }
}

/// Adds what a message holds. What is not shaped like one counts as a message without words.
fn survey(message: &str, facts: &mut RequestFacts) {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(message).unwrap_or_default();
    for (key, value) in members {
        match key.as_str() {
            "content" => content(value.get(), facts),
            "tool_calls" | "function_call" => facts.tokens += estimate_tokens(value.get()),
            _ => {}
        }
    }
}

fn content(content: &str, facts: &mut RequestFacts) {
    if let Ok(text) = serde_json::from_str::<String>(content) {
        facts.tokens += estimate_tokens(&text);
        return;
    }
    let parts: Vec<&RawValue> = serde_json::from_str(content).unwrap_or_default();
    let parts = parts
        .iter()
        .filter_map(|part| serde_json::from_str::<BTreeMap<String, &RawValue>>(part.get()).ok());
    for (key, value) in parts.flatten() {
        match key.as_str() {
            "text" | "refusal" => {
                let text = serde_json::from_str::<String>(value.get()).unwrap_or_default();
                facts.tokens += estimate_tokens(&text);
            }
            "image_url" | "image" => {
                facts.image = true;
                facts.tokens += IMAGE_TOKENS;
            }
            "file" | "input_audio" => facts.tokens += document_tokens(value.get().len() as u64),
            _ => {}
        }
    }
}

/// As the router has it: the session that the metadata names, else the `user` and the first text
/// of the first user message, as they stand in the body.
fn conversation(
    body: &Body<'_>,
    metadata: &BTreeMap<String, String>,
    messages: &[&RawValue],
) -> Vec<u8> {
    let session = ["session_id", "conversation_id"].iter().find_map(|key| metadata.get(*key));
    if let Some(session) = session {
        return session.clone().into_bytes();
    }
    let first = messages.iter().find_map(|message| {
        let members: BTreeMap<String, &RawValue> = serde_json::from_str(message.get()).ok()?;
        let role: String = serde_json::from_str(members.get("role")?.get()).ok()?;
        (role == "user").then(|| members.get("content").map(|content| first_text(content.get())))
    });
    let user = body.get("user").unwrap_or_default();
    [user, first.flatten().unwrap_or_default()].concat().into_bytes()
}

fn first_text(content: &str) -> &str {
    if content.starts_with('"') {
        return content;
    }
    let parts: Vec<&RawValue> = serde_json::from_str(content).unwrap_or_default();
    let text = parts.iter().find_map(|part| {
        let part: BTreeMap<String, &RawValue> = serde_json::from_str(part.get()).ok()?;
        part.get("text").map(|text| text.get())
    });
    text.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: &Value) -> Request {
        Request::read(body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn facts_are_those_that_the_router_finds() {
        // The messages of the router's own test of its survey.
        let messages = r#"{"messages": [
            {"role":"system","content":"abcd"},
            {"role":"user","content":[{"type":"text","text":"日本"},
                {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAAAAAA"}}]},
            {"role":"assistant","content":null,"tool_calls":[]},
            {"role":"tool","content":[]}, 7, "x", {"role":"user","content":{"odd":1}}
        ], "tools": [{"type":"function"}], "max_tokens": 5, "max_completion_tokens": 7,
        "stream": true, "response_format": {"type": "json_schema"},
        "metadata": {"team": "search", "count": 3}}"#;
        let facts = Request::read(messages.as_bytes()).unwrap().facts;
        let expected = RequestFacts {
            image: true,
            json: true,
            max_tokens: Some(7),
            messages: 7,
            metadata: [("team".to_owned(), "search".to_owned())].into(),
            stream: true,
            tokens: 1 + 2 + IMAGE_TOKENS + 1 + 6,
            tools: true,
            ..RequestFacts::default()
        };
        assert_eq!(facts, expected);
    }

    #[test]
    fn what_is_of_another_type_is_not_there() {
        let odd = json!({"messages": 1, "tools": null, "functions": [], "max_tokens": "many",
            "stream": "yes", "response_format": [], "metadata": "x"});
        assert_eq!(read(&odd).facts, RequestFacts::default());
        assert!(Request::read(b"[]").is_err() && Request::read(b"{").is_err());
    }

    #[test]
    fn a_document_counts_by_its_length() {
        let file = json!({"type": "file", "file": {"file_data": "A".repeat(80_000)}});
        let facts = read(&json!({"messages": [{"role": "user", "content": [file]}]})).facts;
        assert!((2_000..2_010).contains(&facts.tokens) && !facts.image, "{facts:?}");
    }

    #[test]
    fn a_conversation_is_its_session_or_its_first_words() {
        let first = json!({"role": "user", "content": "q"});
        let parts = json!({"role": "user", "content": [{"type": "image_url"}, {"text": "q"}]});
        let of = |body: Value| String::from_utf8(read(&body).conversation).unwrap();
        assert_eq!(of(json!({"messages": [{"role": "system", "content": "s"}, first]})), "\"q\"");
        assert_eq!(of(json!({"messages": [parts, first], "user": "u"})), "\"u\"\"q\"");
        assert_eq!(of(json!({"messages": [first], "metadata": {"session_id": "s"}})), "s");
    }
}
