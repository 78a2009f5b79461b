//! What a client asks for, in its own words, and how it is known again in a request to a provider.
//!
//! Owns the questions; what comes of them is the parent's.

use serde_json::{Value, json};

use super::MARK;

/// What is asked for, and in whose words.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Asked {
    System,
    Systems,
    Image,
    ImageByUrl,
    Pdf,
    TextFile,
    Schema,
    Tool,
    Serial,
    Stop,
    Temperature,
    Rare,
    Effort,
    Person,
    Cache,
    OwnCache,
}

impl Asked {
    /// Whether it is about a cache that OpenAI's providers keep by themselves.
    pub(super) fn is_of_a_cache(self) -> bool {
        matches!(self, Self::Cache | Self::OwnCache)
    }
}

pub(super) const REQUESTS: [(Asked, &str); 16] = [
    (Asked::System, "system prompt"),
    (Asked::Systems, "several instructions, in order"),
    (Asked::Image, "picture, inline"),
    (Asked::ImageByUrl, "picture by URL"),
    (Asked::Pdf, "PDF, inline"),
    (Asked::TextFile, "text file, inline"),
    (Asked::Schema, "schema of the answer"),
    (Asked::Tool, "a tool that must be called"),
    (Asked::Serial, "one call at a time"),
    (Asked::Stop, "stop sequences"),
    (Asked::Temperature, "temperature"),
    (Asked::Rare, "`seed` or `top_k`"),
    (Asked::Effort, "effort or thinking budget"),
    (Asked::Person, "the id of the person who asks"),
    (Asked::Cache, "breakpoints of a role with `cache`"),
    (Asked::OwnCache, "the client's own breakpoints"),
];

/// [`MARK`] in base64.
const MARK64: &str = "TUFSS01BUks=";

/// A question of this client's, with or without the feature; none where it has no words for it.
pub(super) fn question(client: &str, asked: Asked, stream: bool) -> Option<Value> {
    let text_file = format!("data:text/plain;base64,{MARK64}");
    let data = |kind: &str| format!("data:{kind};base64,{MARK}");
    let source = |kind: &str| json!({"type": "base64", "media_type": kind, "data": MARK});
    let url = format!("https://example.org/{MARK}.png");
    let schema = json!({"type": "object", "properties": {MARK: {"type": "string"}}, "required": [MARK],
        "additionalProperties": false});
    let part = match (asked, client) {
        (Asked::Image, "chat") => {
            json!({"type": "image_url", "image_url": {"url": data("image/png")}})
        }
        (Asked::Image, "messages") => json!({"type": "image", "source": source("image/png")}),
        (Asked::Image, _) => json!({"type": "input_image", "image_url": data("image/png")}),
        (Asked::ImageByUrl, "chat") => json!({"type": "image_url", "image_url": {"url": url}}),
        (Asked::ImageByUrl, "messages") => {
            json!({"type": "image", "source": {"type": "url", "url": url}})
        }
        (Asked::ImageByUrl, _) => json!({"type": "input_image", "image_url": url}),
        (Asked::Pdf, "chat") => {
            json!({"type": "file", "file": {"filename": "f.pdf", "file_data": data("application/pdf")}})
        }
        (Asked::Pdf, "messages") => {
            json!({"type": "document", "source": source("application/pdf")})
        }
        (Asked::Pdf, _) => {
            json!({"type": "input_file", "filename": "f.pdf", "file_data": data("application/pdf")})
        }
        (Asked::TextFile, "chat") => {
            json!({"type": "file", "file": {"filename": "f.txt", "file_data": text_file}})
        }
        (Asked::TextFile, "messages") => json!({"type": "document",
            "source": {"type": "text", "media_type": "text/plain", "data": MARK}}),
        (Asked::TextFile, _) => {
            json!({"type": "input_file", "filename": "f.txt", "file_data": text_file})
        }
        (Asked::OwnCache, "responses") => return None,
        (Asked::OwnCache, _) => {
            json!({"type": "text", "text": "q", "cache_control": {"type": "ephemeral"}})
        }
        (_, "responses") => json!({"type": "input_text", "text": "q"}),
        _ => json!({"type": "text", "text": "q"}),
    };
    let said = json!([{"role": "user", "content": [part]}]);
    let mut body = match client {
        "responses" => json!({"model": "r", "max_output_tokens": 4000, "input": said}),
        _ => json!({"model": "r", "max_tokens": 4000, "messages": said}),
    };
    body["stream"] = json!(stream);
    if asked == Asked::OwnCache {
        body["model"] = json!("plain");
    }
    let format = json!({"type": "json_schema", "name": "a", "schema": schema, "strict": true});
    match (asked, client) {
        (Asked::System, "chat") => {
            let messages = body["messages"].as_array_mut().unwrap();
            messages.insert(0, json!({"role": "system", "content": MARK}));
        }
        (Asked::System, "messages") => body["system"] = json!(MARK),
        (Asked::System, _) => body["instructions"] = json!(MARK),
        (Asked::Schema, "chat") => {
            let inner = json!({"name": "a", "schema": schema, "strict": true});
            body["response_format"] = json!({"type": "json_schema", "json_schema": inner});
        }
        (Asked::Schema, "messages") => {
            body["output_config"] = json!({"format": {"type": "json_schema", "schema": schema}});
        }
        (Asked::Schema, _) => body["text"] = json!({ "format": format }),
        (Asked::Systems, "chat") => {
            let messages = body["messages"].as_array_mut().unwrap();
            messages.insert(0, json!({"role": "system", "content": format!("1{MARK}")}));
            messages.insert(1, json!({"role": "developer", "content": format!("2{MARK}")}));
        }
        (Asked::Systems, "messages") => {
            let block = |number: u8| json!({"type": "text", "text": format!("{number}{MARK}")});
            body["system"] = json!([block(1), block(2)]);
        }
        (Asked::Systems, _) => {
            body["instructions"] = json!(format!("1{MARK}"));
            let input = body["input"].as_array_mut().unwrap();
            input.insert(0, json!({"role": "developer", "content": format!("2{MARK}")}));
        }
        (Asked::Tool | Asked::Serial, _) => tools(client, asked, &mut body),
        (Asked::Temperature, _) => body["temperature"] = json!(0.5),
        (Asked::Rare, "chat") => body["seed"] = json!(7),
        (Asked::Rare, "messages") => body["top_k"] = json!(7),
        (Asked::Rare, _) => return None,
        (Asked::Person, "messages") => body["metadata"] = json!({"user_id": MARK}),
        (Asked::Person, _) => body["user"] = json!(MARK),
        (Asked::Stop, "chat") => body["stop"] = json!([MARK]),
        (Asked::Stop, "messages") => body["stop_sequences"] = json!([MARK]),
        (Asked::Stop, _) => return None,
        (Asked::Effort, "chat") => body["reasoning_effort"] = json!("low"),
        (Asked::Effort, "messages") => {
            body["thinking"] = json!({"type": "enabled", "budget_tokens": 2000});
        }
        (Asked::Effort, _) => body["reasoning"] = json!({"effort": "low"}),
        (Asked::Cache, "chat") => {
            let messages = body["messages"].as_array_mut().unwrap();
            messages.insert(0, json!({"role": "system", "content": "Be brief."}));
        }
        (Asked::Cache, "messages") => body["system"] = json!("Be brief."),
        (Asked::Cache, _) => body["instructions"] = json!("Be brief."),
        _ => (),
    }
    Some(body)
}

/// One tool, which must be called, or one call at most.
fn tools(client: &str, asked: Asked, body: &mut Value) {
    let schema = json!({"type": "object", "properties": {}});
    let (tool, named, auto) = match client {
        "chat" => (
            json!({"type": "function", "function": {"name": MARK, "parameters": schema}}),
            json!({"type": "function", "function": {"name": MARK}}),
            json!("auto"),
        ),
        "messages" => (
            json!({"name": MARK, "input_schema": schema}),
            json!({"type": "tool", "name": MARK}),
            json!({"type": "auto", "disable_parallel_tool_use": true}),
        ),
        _ => (
            json!({"type": "function", "name": MARK, "parameters": schema}),
            json!({"type": "function", "name": MARK}),
            json!("auto"),
        ),
    };
    body["tools"] = json!([tool]);
    body["tool_choice"] = if asked == Asked::Tool { named } else { auto };
    if asked == Asked::Serial && client != "messages" {
        body["parallel_tool_calls"] = json!(false);
    }
}

/// Whether a request to a provider has what was asked for.
pub(super) fn arrived(asked: Asked, sent: &Value) -> bool {
    let text = sent.to_string();
    match asked {
        Asked::Effort => text.contains("effort\"") || text.contains("budget_tokens"),
        Asked::Cache => text.contains("cache_control") || text.contains("cachePoint"),
        Asked::OwnCache => text.contains("cache_control") || text.contains("cachePoint"),
        Asked::Systems => {
            let places = ["1", "2"].map(|number| text.find(&format!("{number}{MARK}")));
            places[0].is_some() && places[0] < places[1]
        }
        Asked::TextFile => text.contains(MARK) || text.contains(MARK64),
        Asked::Tool => {
            let choice = sent.get("tool_choice").or_else(|| sent.pointer("/toolConfig/toolChoice"));
            choice.is_some_and(|choice| choice.to_string().contains(MARK))
        }
        Asked::Serial => {
            text.contains("\"parallel_tool_calls\":false")
                || text.contains("\"disable_parallel_tool_use\":true")
        }
        Asked::Temperature => text.contains("\"temperature\":0.5"),
        Asked::Rare => text.contains("\"seed\":7") || text.contains("\"top_k\":7"),
        _ => text.contains(MARK),
    }
}
