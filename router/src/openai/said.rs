//! What chat completions say, piece by piece: the one form from which answers of other clients'
//! protocols are written.
//!
//! Owns the lenient reading of chunks and of whole answers, of the first choice alone. Texts keep
//! their quotes and escapes, so that they are written as they came.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::chunk;
use crate::json;
use crate::sse::Events;
use crate::wire::Usage;
use crate::wire::mold::Mold;

type Raw<'a> = Option<&'a RawValue>;

/// A piece of an answer. Every `&str` but those of enums is a JSON string with its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said<'a> {
    /// The answer's id and the model's name, once.
    Begin { id: Option<&'a str>, model: Option<&'a str> },
    /// A piece of its text.
    Text(&'a str),
    /// What a part of the text is taken from: by its characters in all of the text.
    Citation(Citation<'a>),
    /// A piece of the text that it has in place of an answer.
    Refusal(&'a str),
    /// A piece of reasoning, of the block with this number.
    Thinking { block: u64, text: &'a str },
    /// The signature under a block of reasoning.
    Signature { block: u64, signature: &'a str },
    /// Reasoning that only its provider can read.
    Redacted { data: &'a str },
    /// A call of a tool begins.
    Call { call: u64, id: Option<&'a str>, name: &'a str },
    /// A piece of a call's arguments.
    Arguments { call: u64, text: &'a str },
    /// Why it ended.
    Finish(Finish),
    /// What it used.
    Usage(Usage),
    /// The end mark.
    Done,
}

/// An address that a part of the text is taken from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Citation<'a> {
    /// With quotes.
    pub(crate) url: &'a str,
    /// With quotes.
    pub(crate) title: &'a str,
    /// The first character.
    pub(crate) start: u64,
    /// The first that is not in it.
    pub(crate) end: u64,
}

/// A `finish_reason`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Finish {
    Length,
    ContentFilter,
    #[serde(alias = "function_call")]
    ToolCalls,
    #[default]
    #[serde(other)]
    Stop,
}

/// Hears an answer: knows what has begun.
#[derive(Debug, Default)]
pub(crate) struct Hearing {
    begun: bool,
    calls: Vec<u64>,
    /// The shape of a chunk with nothing but a piece of text.
    text: Mold,
}

impl Hearing {
    /// Hears whole events of a stream.
    pub(crate) fn events(&mut self, bytes: &[u8], mut tell: impl FnMut(Said<'_>)) {
        for event in Events::new(bytes).flatten() {
            let Some(data) = &event.data else { continue };
            let data = data.trim_ascii();
            if data == b"[DONE]" {
                tell(Said::Done);
                continue;
            }
            let text = std::str::from_utf8(data).unwrap_or_default();
            if let Some(raw) = self.text.string(text) {
                tell(Said::Text(raw));
            } else if let Ok(chunk) = serde_json::from_str::<Chunk<'_>>(text) {
                self.parsed(text, &chunk, &mut tell);
            }
        }
    }

    /// Hears a chunk, and learns its shape where all that it says is a piece of text.
    fn parsed<'a>(&mut self, text: &'a str, chunk: &Chunk<'a>, tell: &mut impl FnMut(Said<'a>)) {
        let (mut pieces, mut last) = (0, None);
        self.chunk(chunk, &mut |said| {
            pieces += 1;
            last = Some(said);
            tell(said);
        });
        if let (1, Some(Said::Text(raw))) = (pieces, last) {
            self.text.learn(text, raw);
        }
    }

    /// Hears a whole answer.
    pub(crate) fn whole(&mut self, body: &[u8], mut tell: impl FnMut(Said<'_>)) {
        let text = std::str::from_utf8(body).unwrap_or_default();
        if let Ok(chunk) = serde_json::from_str::<Chunk<'_>>(text) {
            self.chunk(&chunk, &mut tell);
        }
        tell(Said::Done);
    }

    fn chunk<'a>(&mut self, chunk: &Chunk<'a>, tell: &mut impl FnMut(Said<'a>)) {
        let choice = chunk
            .choices
            .as_ref()
            .and_then(|all| all.iter().find(|choice| choice.index.unwrap_or(0) == 0));
        if let Some(choice) = choice {
            if !self.begun {
                self.begun = true;
                tell(Said::Begin { id: text(chunk.id), model: text(chunk.model) });
            }
            // Perplexity's chunks have both: `message` is then all that was said so far.
            if let Some(delta) = choice.delta.as_ref().or(choice.message.as_ref()) {
                self.delta(delta, tell);
            }
            if let Some(finish) = finish(choice.finish_reason) {
                tell(Said::Finish(finish));
            }
        }
        let usage = chunk.usage.or_else(|| chunk.x_groq.as_ref()?.usage);
        if let Some(usage) = usage.and_then(|raw| json::read(raw.get(), chunk::usage)) {
            tell(Said::Usage(usage));
        }
    }

    fn delta<'a>(&mut self, delta: &Delta<'a>, tell: &mut impl FnMut(Said<'a>)) {
        reasoning(delta, tell);
        content(delta.content, tell);
        citations(delta.annotations.as_deref().unwrap_or_default(), tell);
        if let Some(refusal) = text(delta.refusal) {
            tell(Said::Refusal(refusal));
        }
        for (place, call) in delta.tool_calls.iter().flatten().enumerate() {
            self.call(call.index.unwrap_or(place as u64), call, tell);
        }
        if let Some(function) = &delta.function_call {
            let call = Call { index: None, id: None, function: Some(function.clone()) };
            self.call(0, &call, tell);
        }
    }

    fn call<'a>(&mut self, place: u64, call: &Call<'a>, tell: &mut impl FnMut(Said<'a>)) {
        let Some(function) = &call.function else { return };
        if !self.calls.contains(&place) {
            self.calls.push(place);
            let name = text(function.name).unwrap_or("\"\"");
            tell(Said::Call { call: place, id: text(call.id), name });
        }
        match function.arguments.map(RawValue::get) {
            Some("null" | "\"\"") | None => (),
            // Some servers give the object itself in place of its text: the caller takes both.
            Some(arguments) => tell(Said::Arguments { call: place, text: arguments }),
        }
    }
}

fn finish(raw: Raw<'_>) -> Option<Finish> {
    let raw = text(raw)?;
    Some(serde_json::from_str(raw).unwrap_or_default())
}

/// Reasoning with its signatures where they are told, else its plain text.
fn reasoning<'a>(delta: &Delta<'a>, tell: &mut impl FnMut(Said<'a>)) {
    let mut told = false;
    let details = delta.reasoning_details.as_deref().unwrap_or_default();
    for detail in details.iter().filter_map(|raw| serde_json::from_str(raw.get()).ok()) {
        let detail: Detail<'a> = detail;
        let block = detail.index.unwrap_or(0);
        let is_own = detail.format.as_deref().is_none_or(|format| format.starts_with("anthropic"));
        if let Some(text) = text(detail.text).or_else(|| text(detail.summary)) {
            tell(Said::Thinking { block, text });
            told = true;
        }
        if let Some(signature) = text(detail.signature).filter(|_| is_own) {
            tell(Said::Signature { block, signature });
            told = true;
        }
        if let Some(data) = text(detail.data).filter(|_| is_own) {
            tell(Said::Redacted { data });
            told = true;
        }
    }
    if told {
        return;
    }
    if let Some(text) = text(delta.reasoning_content).or_else(|| text(delta.reasoning)) {
        tell(Said::Thinking { block: 0, text });
    }
}

/// Text as a string or as a list of parts.
fn content<'a>(raw: Raw<'a>, tell: &mut impl FnMut(Said<'a>)) {
    let Some(raw) = raw else { return };
    if let Some(text) = text(Some(raw)) {
        return tell(Said::Text(text));
    }
    let parts: Vec<Part<'a>> = serde_json::from_str(raw.get()).unwrap_or_default();
    for part in parts {
        if let Some(text) = text(part.text) {
            tell(Said::Text(text));
        }
        for thought in part.thinking.into_iter().flatten() {
            if let Some(text) = text(thought.text) {
                tell(Said::Thinking { block: 0, text });
            }
        }
    }
}

fn citations<'a>(annotations: &[&'a RawValue], tell: &mut impl FnMut(Said<'a>)) {
    let read =
        annotations.iter().filter_map(|raw| serde_json::from_str::<Annotation<'a>>(raw.get()).ok());
    for Annotation { url_citation: cited } in read {
        if let Some(url) = text(cited.url) {
            let title = text(cited.title).unwrap_or("\"\"");
            let [start, end] = [cited.start_index, cited.end_index].map(Option::unwrap_or_default);
            tell(Said::Citation(Citation { url, title, start, end }));
        }
    }
}

/// A string with its quotes; none for anything else and for the empty one.
fn text<'a>(value: Raw<'a>) -> Option<&'a str> {
    let value = value?.get();
    (value.starts_with('"') && value.len() > 2).then_some(value)
}

#[derive(Deserialize)]
struct Chunk<'a> {
    #[serde(borrow, default)]
    id: Raw<'a>,
    #[serde(borrow, default)]
    model: Raw<'a>,
    #[serde(borrow, default)]
    choices: Option<Vec<Choice<'a>>>,
    #[serde(borrow, default)]
    usage: Raw<'a>,
    #[serde(borrow, default)]
    x_groq: Option<Groq<'a>>,
}

#[derive(Deserialize)]
struct Groq<'a> {
    #[serde(borrow, default)]
    usage: Raw<'a>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(default)]
    index: Option<u64>,
    #[serde(borrow, default)]
    delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    message: Option<Delta<'a>>,
    #[serde(borrow, default)]
    finish_reason: Raw<'a>,
}

#[derive(Default, Deserialize)]
struct Delta<'a> {
    #[serde(borrow, default)]
    content: Raw<'a>,
    #[serde(borrow, default)]
    refusal: Raw<'a>,
    #[serde(borrow, default)]
    annotations: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    reasoning: Raw<'a>,
    #[serde(borrow, default)]
    reasoning_content: Raw<'a>,
    #[serde(borrow, default)]
    reasoning_details: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<Call<'a>>>,
    #[serde(borrow, default)]
    function_call: Option<Function<'a>>,
}

#[derive(Deserialize)]
struct Annotation<'a> {
    #[serde(borrow)]
    url_citation: UrlCitation<'a>,
}

#[derive(Deserialize)]
struct UrlCitation<'a> {
    #[serde(borrow, default)]
    url: Raw<'a>,
    #[serde(borrow, default)]
    title: Raw<'a>,
    #[serde(default)]
    start_index: Option<u64>,
    #[serde(default)]
    end_index: Option<u64>,
}

#[derive(Deserialize)]
struct Call<'a> {
    #[serde(default)]
    index: Option<u64>,
    #[serde(borrow, default)]
    id: Raw<'a>,
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
}

#[derive(Clone, Deserialize)]
struct Function<'a> {
    #[serde(borrow, default)]
    name: Raw<'a>,
    #[serde(borrow, default)]
    arguments: Raw<'a>,
}

#[derive(Deserialize)]
struct Detail<'a> {
    #[serde(borrow, default)]
    text: Raw<'a>,
    #[serde(borrow, default)]
    summary: Raw<'a>,
    #[serde(borrow, default)]
    signature: Raw<'a>,
    #[serde(borrow, default)]
    data: Raw<'a>,
    #[serde(borrow, default)]
    format: Option<Cow<'a, str>>,
    #[serde(default)]
    index: Option<u64>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(borrow, default)]
    text: Raw<'a>,
    /// Mistral's reasoning.
    #[serde(borrow, default)]
    thinking: Option<Vec<Thought<'a>>>,
}

#[derive(Deserialize)]
struct Thought<'a> {
    #[serde(borrow, default)]
    text: Raw<'a>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(events: &[&str]) -> Vec<String> {
        let mut hearing = Hearing::default();
        let mut all = Vec::new();
        for data in events {
            let event = format!("data: {data}\n\n");
            hearing.events(event.as_bytes(), |said| all.push(format!("{said:?}")));
        }
        all
    }

    #[test]
    fn a_call_begins_once_and_the_first_choice_alone_is_heard() {
        let heard = heard(&[
            r#"{"id":"c","model":"m","choices":[{"index":1,"delta":{"content":"no"}}]}"#,
            r#"{"id":"c","model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"","arguments":"{}"}}]}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"tool_calls"}]}"#,
            r#"{"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#,
            "[DONE]",
        ]);
        let expected = [
            r#"Begin { id: Some("\"c\""), model: Some("\"m\"") }"#,
            r#"Call { call: 0, id: Some("\"a\""), name: "\"f\"" }"#,
            r#"Arguments { call: 0, text: "\"{}\"" }"#,
            "Finish(ToolCalls)",
        ];
        assert_eq!(heard.get(..4).expect("pieces"), expected);
        assert!(heard[4].starts_with("Usage("), "{heard:?}");
        assert_eq!(heard[5], "Done");
    }

    #[test]
    fn reasoning_is_heard_once_however_often_it_is_told() {
        let both = r#"{"choices":[{"delta":{"reasoning_content":"a","reasoning":"a","reasoning_details":[{"type":"reasoning.text","text":"a","index":2}]}}]}"#;
        let plain = r#"{"choices":[{"delta":{"reasoning":"b"}}]}"#;
        let foreign = r#"{"choices":[{"delta":{"reasoning_details":[{"type":"reasoning.encrypted","data":"x","format":"google-gemini-v1"}]}}]}"#;
        let heard = heard(&[both, plain, foreign]);
        let expected =
            [r#"Thinking { block: 2, text: "\"a\"" }"#, r#"Thinking { block: 0, text: "\"b\"" }"#];
        assert_eq!(heard.get(1..).expect("pieces"), expected);
    }

    #[test]
    fn what_a_text_is_taken_from_is_heard_after_it() {
        let cited = r#"{"choices":[{"message":{"content":"ab","annotations":[{"type":"url_citation","url_citation":{"url":"https://h","title":"T","start_index":0,"end_index":2}},{"type":"file_citation"}]}}]}"#;
        let heard = heard(&[cited]);
        let expected =
            r#"Citation(Citation { url: "\"https://h\"", title: "\"T\"", start: 0, end: 2 })"#;
        assert_eq!(heard.get(1..).expect("pieces"), [r#"Text("\"ab\"")"#, expected]);
    }

    #[test]
    fn content_may_be_a_list_of_parts() {
        let parts = r#"{"choices":[{"delta":{"content":[{"type":"thinking","thinking":[{"type":"text","text":"t"}]},{"type":"text","text":"a"}]}}]}"#;
        let heard = heard(&[parts]);
        assert_eq!(heard[1], r#"Thinking { block: 0, text: "\"t\"" }"#);
        assert_eq!(heard[2], r#"Text("\"a\"")"#);
    }
}
