//! A client's request for a response as a chat.
//!
//! Owns the top level; the input is in `input`.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::input;
use crate::anthropic::request::{header_name, is_trivial};
use crate::openai::request::{ChatRequest, Draft, RequestError};
use crate::wire::names::{self, MadeNames};

type Raw<'a> = Option<&'a RawValue>;

/// What a chat has a place for, or what means nothing to it.
const KNOWN: [&str; 18] = [
    "client_metadata",
    "input",
    "instructions",
    "max_output_tokens",
    "model",
    "parallel_tool_calls",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning",
    "safety_identifier",
    "stream",
    "stream_options",
    "temperature",
    "text",
    "tool_choice",
    "tools",
    "top_p",
    "user",
];

/// What would need a memory.
const STATEFUL: [&str; 3] = ["previous_response_id", "conversation", "prompt"];

/// The chat, and what it has no place for.
pub(crate) fn translate(own: &ChatRequest) -> Result<(ChatRequest, Vec<String>), RequestError> {
    for name in STATEFUL {
        if own.get(name).is_some() {
            let what =
                "is not taken by this model, whose answers are not kept: send all of `input`";
            return Err(RequestError::at(name, what));
        }
    }
    let mut draft = Draft::new(own.body().len());
    draft.field("messages", |out| input::write(own, out))?;
    for (name, chat) in [
        ("max_output_tokens", "max_completion_tokens"),
        ("temperature", "temperature"),
        ("top_p", "top_p"),
        ("parallel_tool_calls", "parallel_tool_calls"),
    ] {
        if let Some(value) = own.get(name) {
            draft.raw(chat, value);
        }
    }
    if let Some(user) = own.get("safety_identifier").or_else(|| own.get("user")) {
        draft.raw("user", user);
    }
    if own.stream() {
        draft.raw("stream", "true");
        draft.raw("stream_options", r#"{"include_usage":true}"#);
    }
    if let Some(effort) = reasoning(own)?.effort {
        draft.raw("reasoning_effort", effort.get());
    }
    let mut dropped = write_tools(own, &mut draft)?;
    dropped.extend(write_format(own, &mut draft)?);
    let unknown = own.fields().iter().filter(|field| !KNOWN.contains(&own.name(field)));
    let unknown = unknown.filter(|field| {
        let value = own.value(field);
        !is_trivial(own.name(field), value) && !is_usual(own.name(field), value)
    });
    dropped.extend(unknown.map(|field| header_name(own.name(field))));
    Ok((draft.finish(own.model(), own.stream()), dropped))
}

/// Whether a member asks for what a translated answer is in any case. What only makes it cheaper
/// or faster, as a cache's key does, is no loss.
fn is_usual(name: &str, value: &str) -> bool {
    match name {
        "include" => {
            let asked = serde_json::from_str::<Vec<String>>(value).unwrap_or_default();
            asked.iter().all(|one| one == "reasoning.encrypted_content")
        }
        "service_tier" => matches!(value, "\"auto\"" | "\"default\""),
        _ => value == "\"disabled\"",
    }
}

/// `reasoning`.
#[derive(Default, Deserialize)]
pub(super) struct Reasoning<'a> {
    #[serde(borrow, default)]
    pub(super) effort: Raw<'a>,
}

/// Reads `reasoning`.
pub(super) fn reasoning(own: &ChatRequest) -> Result<Reasoning<'_>, RequestError> {
    Ok(own.read::<Reasoning<'_>>("reasoning")?.unwrap_or_default())
}

#[derive(Deserialize)]
struct Tool<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow, default)]
    name: Raw<'a>,
    #[serde(borrow, default)]
    description: Raw<'a>,
    #[serde(borrow, default)]
    parameters: Raw<'a>,
    #[serde(default)]
    strict: Option<bool>,
    /// The grammar of a text in place of arguments.
    #[serde(borrow, default)]
    format: Option<Format<'a>>,
}

fn tools(own: &ChatRequest) -> Result<Vec<Tool<'_>>, RequestError> {
    let raw = own.read::<Vec<&RawValue>>("tools")?.unwrap_or_default();
    raw.into_iter().enumerate().map(|(index, raw)| read_tool(index, raw)).collect()
}

fn read_tool(index: usize, raw: &RawValue) -> Result<Tool<'_>, RequestError> {
    let read = serde_json::from_str(raw.get());
    read.map_err(|error| {
        RequestError::at(format!("tools[{index}]"), format!("cannot be read: {error}"))
    })
}

/// The names of tools that take a text in place of arguments, and those that are others in a chat.
pub(crate) fn named_tools(own: &ChatRequest) -> (Vec<String>, MadeNames) {
    let tools = tools(own).unwrap_or_default();
    let named = || tools.iter().filter_map(|tool| Some((tool.kind.as_str(), tool.name?.get())));
    let custom = named().filter(|(kind, _)| *kind == "custom");
    let made = names::made_in_chat(named().map(|(_, name)| name));
    (custom.map(|(_, name)| name.to_owned()).collect(), made)
}

/// Writes the tools, and names those that only OpenAI runs: a client offers them unasked.
fn write_tools(own: &ChatRequest, draft: &mut Draft) -> Result<Vec<String>, RequestError> {
    const TEXT: &str = r#"{"type":"object","properties":{"input":{"type":"string"}},"required":["input"],"additionalProperties":false}"#;
    let (mut list, mut dropped) = (Vec::new(), Vec::new());
    for tool in tools(own)? {
        let grammar = tool.format.as_ref().filter(|format| format.kind != "text");
        if grammar.is_some() && !dropped.iter().any(|it| it == "tools.format") {
            dropped.push("tools.format".to_owned());
        }
        let parameters = match (tool.kind.as_str(), tool.parameters) {
            ("function", parameters) => parameters.map(RawValue::get),
            ("custom", _) => Some(TEXT),
            (kind, _) => {
                dropped.push(header_name(&format!("tools.{kind}")));
                continue;
            }
        };
        let name = names::in_chat(tool.name.map_or("\"\"", RawValue::get));
        let mut function = format!(r#"{{"name":{name}"#);
        for (name, value) in
            [("description", tool.description.map(RawValue::get)), ("parameters", parameters)]
        {
            if let Some(value) = value {
                function += &format!(r#","{name}":{value}"#);
            }
        }
        if tool.strict == Some(true) {
            function += r#","strict":true"#;
        }
        list.push(format!(r#"{{"type":"function","function":{function}}}}}"#));
    }
    if list.is_empty() {
        let choice = own.get("tool_choice").filter(|it| !matches!(*it, "\"auto\"" | "\"none\""));
        dropped.extend(choice.map(|_| "tool_choice".to_owned()));
        return Ok(dropped);
    }
    draft.raw("tools", &format!("[{}]", list.join(",")));
    if let Some(choice) = own.get("tool_choice") {
        match choice.starts_with('"') {
            true => draft.raw("tool_choice", choice),
            false => {
                let named = own.read::<Tool<'_>>("tool_choice")?;
                let named = named.filter(|it| matches!(it.kind.as_str(), "function" | "custom"));
                match named.and_then(|it| it.name) {
                    Some(name) => {
                        let name = names::in_chat(name.get());
                        let choice =
                            format!(r#"{{"type":"function","function":{{"name":{name}}}}}"#);
                        draft.raw("tool_choice", &choice);
                    }
                    None => dropped.push("tool_choice".to_owned()),
                }
            }
        }
    }
    Ok(dropped)
}

#[derive(Deserialize)]
struct Text<'a> {
    #[serde(borrow, default)]
    format: Option<Format<'a>>,
    #[serde(borrow, default)]
    verbosity: Raw<'a>,
}

#[derive(Deserialize)]
struct Format<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow, default)]
    name: Raw<'a>,
    #[serde(borrow, default)]
    schema: Raw<'a>,
    #[serde(default)]
    strict: Option<bool>,
}

/// Writes the shape of the answer, and names what else of `text` a chat has no place for.
fn write_format(own: &ChatRequest, draft: &mut Draft) -> Result<Option<String>, RequestError> {
    let Some(text) = own.read::<Text<'_>>("text")? else { return Ok(None) };
    if let Some(format) = text.format {
        match (format.kind.as_str(), format.schema) {
            ("json_schema", Some(schema)) => {
                let name = format.name.map_or("\"answer\"", RawValue::get);
                let (schema, strict) = (schema.get(), format.strict == Some(true));
                draft.raw("response_format", &format!(
                    r#"{{"type":"json_schema","json_schema":{{"name":{name},"schema":{schema},"strict":{strict}}}}}"#
                ));
            }
            ("json_object", _) => draft.raw("response_format", r#"{"type":"json_object"}"#),
            _ => (),
        }
    }
    let is_usual = |verbosity: &&RawValue| verbosity.get() == "\"medium\"";
    Ok(text.verbosity.filter(|it| !is_usual(it)).map(|_| "text.verbosity".to_owned()))
}
