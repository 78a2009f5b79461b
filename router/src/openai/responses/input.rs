//! The input of a response as chat messages.
//!
//! Owns items and their parts, and whose turn it is.

use std::borrow::Cow;

use bytes::BytesMut;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::sealed;
use crate::anthropic::quoted;
use crate::json;
use crate::openai::request::{ChatRequest, RequestError};
use crate::wire::names::in_chat;

type Raw<'a> = Option<&'a RawValue>;

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    role: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    content: Raw<'a>,
    #[serde(borrow, default)]
    call_id: Raw<'a>,
    #[serde(borrow, default)]
    name: Raw<'a>,
    #[serde(borrow, default)]
    arguments: Raw<'a>,
    /// Of a call of a tool without a schema.
    #[serde(borrow, default)]
    input: Raw<'a>,
    #[serde(borrow, default)]
    output: Raw<'a>,
    #[serde(borrow, default)]
    encrypted_content: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Part<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    text: Raw<'a>,
    #[serde(borrow, default)]
    refusal: Raw<'a>,
    #[serde(borrow, default)]
    image_url: Raw<'a>,
    #[serde(borrow, default)]
    detail: Raw<'a>,
    #[serde(borrow, default)]
    file_data: Raw<'a>,
    #[serde(borrow, default)]
    filename: Raw<'a>,
}

/// Writes `messages`: the instructions first.
pub(super) fn write(own: &ChatRequest, out: &mut BytesMut) -> Result<(), RequestError> {
    let mut list = List { out, used: false, turn: Turn::default(), seen: Vec::new() };
    if let Some(instructions) = own.get("instructions").filter(|text| is_text(text)) {
        list.put(&[r#"{"role":"system","content":"#, instructions, "}"]);
    }
    let input = own.get("input").unwrap_or_default();
    if input.starts_with('"') {
        list.put(&[r#"{"role":"user","content":"#, input, "}"]);
    } else {
        let items = own.read::<Vec<&RawValue>>("input")?.unwrap_or_default();
        for (index, raw) in items.into_iter().enumerate() {
            let at = format!("input[{index}]");
            let item = serde_json::from_str(raw.get())
                .map_err(|error| RequestError::at(&at, format!("cannot be read: {error}")))?;
            list.item(&item, &at)?;
        }
        list.end_turn();
        list.show();
    }
    list.out.extend_from_slice(if list.used { b"]" } else { b"[]" });
    Ok(())
}

fn is_text(raw: &str) -> bool {
    raw.starts_with('"') && raw.len() > 2
}

fn string<'a>(raw: Raw<'a>) -> Option<&'a str> {
    raw.map(RawValue::get).filter(|raw| raw.starts_with('"'))
}

fn inner(raw: &str) -> &str {
    raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')).unwrap_or_default()
}

/// What the assistant says in a row is one message.
#[derive(Default)]
struct Turn {
    text: String,
    thoughts: Vec<String>,
    calls: Vec<String>,
}

struct List<'o> {
    out: &'o mut BytesMut,
    used: bool,
    turn: Turn,
    /// What a tool's message cannot hold of the results so far. It stands behind all of them: no
    /// other message may come between the results of one turn's calls.
    seen: Vec<String>,
}

impl List<'_> {
    fn put(&mut self, parts: &[&str]) {
        self.out.extend_from_slice(if self.used { b"," } else { b"[" });
        self.used = true;
        parts.iter().for_each(|part| self.out.extend_from_slice(part.as_bytes()));
    }

    fn end_turn(&mut self) {
        let Turn { text, thoughts, calls } = std::mem::take(&mut self.turn);
        if text.is_empty() && calls.is_empty() {
            return;
        }
        self.show();
        let text = if text.is_empty() { "null".to_owned() } else { format!("\"{text}\"") };
        let mut message = format!(r#"{{"role":"assistant","content":{text}"#);
        for (name, list) in [("reasoning_details", thoughts), ("tool_calls", calls)] {
            if !list.is_empty() {
                message += &format!(r#","{name}":[{}]"#, list.join(","));
            }
        }
        self.put(&[&message, "}"]);
    }

    /// Ends the results of a turn's calls.
    fn show(&mut self) {
        let seen = std::mem::take(&mut self.seen);
        if !seen.is_empty() {
            self.put(&[r#"{"role":"user","content":["#, &seen.join(","), "]}"]);
        }
    }

    fn item(&mut self, item: &Item<'_>, at: &str) -> Result<(), RequestError> {
        match item.kind.as_deref().unwrap_or("message") {
            "message" => self.message(item, at),
            "reasoning" => {
                let sealed = item.encrypted_content.as_deref().and_then(sealed::open);
                self.turn.thoughts.extend(sealed);
                Ok(())
            }
            "function_call" => self.call(item, string(item.arguments).map(str::to_owned), at),
            "custom_tool_call" => {
                let input = string(item.input).unwrap_or("\"\"");
                self.call(item, Some(quoted(&format!(r#"{{"input":{input}}}"#))), at)
            }
            "function_call_output" | "custom_tool_call_output" => self.output(item, at),
            // What a provider's own tools did: the text stands beside it.
            kind if kind.ends_with("_call") && item.call_id.is_none() => Ok(()),
            kind => {
                let kind: String = kind.chars().filter(|c| !c.is_control()).take(40).collect();
                let what = format!("is of type `{kind}`, which this model does not take");
                Err(RequestError {
                    code: Some("unsupported_content"),
                    ..RequestError::at(at, what)
                })
            }
        }
    }

    fn message(&mut self, item: &Item<'_>, at: &str) -> Result<(), RequestError> {
        let (text, parts) = content(item.content, at)?;
        match item.role.as_deref() {
            Some("assistant") => {
                // What follows a call begins another message.
                if !self.turn.calls.is_empty() {
                    self.end_turn();
                }
                self.turn.text.push_str(&text);
            }
            Some("system" | "developer") => {
                self.end_turn();
                self.show();
                if let Some(index) = parts.iter().position(|part| !part.starts_with(TEXT)) {
                    return Err(not_text(&format!("{at}.content[{index}]")));
                }
                if !text.is_empty() {
                    self.put(&[r#"{"role":"system","content":""#, &text, "\"}"]);
                }
            }
            Some("user") | None => {
                self.end_turn();
                self.show();
                match parts.as_slice() {
                    [] => (),
                    [_] if !text.is_empty() => {
                        self.put(&[r#"{"role":"user","content":""#, &text, "\"}"]);
                    }
                    parts => {
                        self.put(&[r#"{"role":"user","content":["#, &parts.join(","), "]}"]);
                    }
                }
            }
            Some(_) => return Err(RequestError::at(format!("{at}.role"), "is not known")),
        }
        Ok(())
    }

    fn call(
        &mut self,
        item: &Item<'_>,
        arguments: Option<String>,
        at: &str,
    ) -> Result<(), RequestError> {
        let (Some(id), Some(name)) = (string(item.call_id), string(item.name)) else {
            return Err(RequestError::at(at, "has no `call_id` or no `name`"));
        };
        let name = in_chat(name);
        let arguments = arguments.unwrap_or_else(|| "\"{}\"".to_owned());
        self.turn.calls.push(format!(
            r#"{{"id":{id},"type":"function","function":{{"name":{name},"arguments":{arguments}}}}}"#
        ));
        Ok(())
    }

    fn output(&mut self, item: &Item<'_>, at: &str) -> Result<(), RequestError> {
        self.end_turn();
        let id = string(item.call_id).ok_or_else(|| RequestError::at(at, "has no `call_id`"))?;
        let (text, parts) = content(item.output, at)?;
        self.put(&[r#"{"role":"tool","tool_call_id":"#, id, r#","content":""#, &text, "\"}"]);
        let mut seen = parts.into_iter().filter(|part| !part.starts_with(TEXT)).peekable();
        if seen.peek().is_some() {
            let label = format!("From the result of {}:", json::decode(id).unwrap_or_default());
            self.seen.push(format!(r#"{TEXT},"text":{}}}"#, quoted(&label)));
            self.seen.extend(seen);
        }
        Ok(())
    }
}

/// The error of instructions that are anything but text, which chats have no place for.
fn not_text(at: &str) -> RequestError {
    let what = "is not text: this model takes it from users alone";
    RequestError { code: Some("unsupported_content"), ..RequestError::at(at, what) }
}

/// How a part begins that is text.
const TEXT: &str = r#"{"type":"text""#;

/// The joined text without quotes, and all parts.
fn content(raw: Raw<'_>, at: &str) -> Result<(String, Vec<String>), RequestError> {
    let (mut all, mut parts) = (String::new(), Vec::new());
    let mut say = |raw: &str, parts: &mut Vec<String>| {
        if is_text(raw) {
            all.push_str(inner(raw));
            parts.push(format!(r#"{TEXT},"text":{raw}}}"#));
        }
    };
    match raw {
        None => (),
        Some(text) if text.get().starts_with('"') => say(text.get(), &mut parts),
        Some(list) => {
            let read: Vec<Part<'_>> = serde_json::from_str(list.get())
                .map_err(|error| RequestError::at(at, format!("cannot be read: {error}")))?;
            for (index, part) in read.iter().enumerate() {
                match part.kind.as_ref() {
                    "input_text" | "output_text" | "text" | "refusal" => {
                        let said = string(part.text).or(string(part.refusal));
                        say(said.unwrap_or_default(), &mut parts);
                    }
                    _ => parts.push(other(part).ok_or_else(|| {
                        let what = "is neither text nor a picture or a file with its data";
                        RequestError {
                            code: Some("unsupported_content"),
                            ..RequestError::at(format!("{at}.content[{index}]"), what)
                        }
                    })?),
                }
            }
        }
    }
    Ok((all, parts))
}

fn other(part: &Part<'_>) -> Option<String> {
    match part.kind.as_ref() {
        "input_image" => {
            let url = string(part.image_url)?;
            let detail = string(part.detail).map(|it| format!(r#","detail":{it}"#));
            let detail = detail.unwrap_or_default();
            Some(format!(r#"{{"type":"image_url","image_url":{{"url":{url}{detail}}}}}"#))
        }
        "input_file" => {
            let data = string(part.file_data)?;
            let name = string(part.filename).unwrap_or("\"document.pdf\"");
            Some(format!(r#"{{"type":"file","file":{{"filename":{name},"file_data":{data}}}}}"#))
        }
        _ => None,
    }
}
