//! A client's Messages request as a chat, for models that are not Anthropic's.
//!
//! Owns the top level; messages are in `history`. It is made once for a request, and each link's
//! own is then made from it as from any chat.

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::history;
use super::outline::{Format, OutputConfig, Raw, effort, text};
use crate::anthropic::request::{header_name, is_trivial};
use crate::openai::request::{ChatRequest, Draft, RequestError};
use crate::wire::names::{self, MadeNames};

/// What a chat has a place for, or what means nothing to it.
const KNOWN: [&str; 16] = [
    "cache_control",
    "max_tokens",
    "messages",
    "metadata",
    "model",
    "output_config",
    "output_format",
    "service_tier",
    "stop_sequences",
    "stream",
    "system",
    "temperature",
    "thinking",
    "tool_choice",
    "tools",
    "top_p",
];

/// The chat, and what it has no place for.
pub(crate) fn translate(own: &ChatRequest) -> Result<(ChatRequest, Vec<String>), RequestError> {
    let mut draft = Draft::new(own.body().len());
    draft.field("messages", |out| history::write(own, out))?;
    for (name, chat) in [
        ("max_tokens", "max_completion_tokens"),
        ("temperature", "temperature"),
        ("top_p", "top_p"),
        ("stop_sequences", "stop"),
    ] {
        if let Some(value) = own.get(name).filter(|value| *value != "[]") {
            draft.raw(chat, value);
        }
    }
    if let Some(effort) = effort(own)? {
        draft.raw("reasoning_effort", &serde_json::to_string(&effort).unwrap_or_default());
    }
    if own.stream() {
        draft.raw("stream", "true");
        // Who reads messages is always told what they used.
        draft.raw("stream_options", r#"{"include_usage":true}"#);
    }
    let metadata = own.read::<Metadata<'_>>("metadata")?;
    if let Some(user) = text(metadata.and_then(|metadata| metadata.user_id)) {
        draft.raw("user", user);
    }
    let choice = write_tools(own, &mut draft)?;
    write_format(own, &mut draft)?;
    let unknown = own.fields().iter().filter(|field| !KNOWN.contains(&own.name(field)));
    let unknown = unknown.filter(|field| !is_trivial(own.name(field), own.value(field)));
    let mut dropped: Vec<String> = unknown.map(|field| header_name(own.name(field))).collect();
    dropped.extend(choice);
    // Cache hints lose nothing, the tier of a provider does.
    let tier = own.get("service_tier").filter(|tier| *tier != "\"auto\"");
    dropped.extend(tier.map(|_| "service_tier".to_owned()));
    Ok((draft.finish(own.model(), own.stream()), dropped))
}

#[derive(Deserialize)]
struct Metadata<'a> {
    #[serde(borrow, default)]
    user_id: Raw<'a>,
}

#[derive(Deserialize)]
struct Tool<'a> {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(borrow)]
    name: &'a RawValue,
    #[serde(borrow, default)]
    description: Raw<'a>,
    #[serde(borrow, default)]
    input_schema: Raw<'a>,
    #[serde(default)]
    strict: Option<bool>,
}

#[derive(Deserialize)]
struct Choice<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow, default)]
    name: Raw<'a>,
    #[serde(default)]
    disable_parallel_tool_use: Option<bool>,
}

/// Writes the tools and the choice among them, which is named where there are none.
fn write_tools(own: &ChatRequest, draft: &mut Draft) -> Result<Option<String>, RequestError> {
    let raw = own.read::<Vec<&RawValue>>("tools")?.unwrap_or_default();
    let tools: Vec<String> = raw
        .into_iter()
        .enumerate()
        .map(|(index, raw)| tool(raw, &format!("tools[{index}]")))
        .collect::<Result<_, _>>()?;
    let choice = own.read::<Choice<'_>>("tool_choice")?;
    if tools.is_empty() {
        let lost = choice.filter(|choice| matches!(choice.kind.as_str(), "any" | "tool"));
        return Ok(lost.map(|_| "tool_choice".to_owned()));
    }
    draft.raw("tools", &format!("[{}]", tools.join(",")));
    let Some(choice) = choice else { return Ok(None) };
    match (choice.kind.as_str(), text(choice.name)) {
        ("auto", _) => draft.raw("tool_choice", "\"auto\""),
        ("none", _) => draft.raw("tool_choice", "\"none\""),
        ("any", _) => draft.raw("tool_choice", "\"required\""),
        ("tool", Some(name)) => {
            let name = names::in_chat(name);
            let choice = format!(r#"{{"type":"function","function":{{"name":{name}}}}}"#);
            draft.raw("tool_choice", &choice);
        }
        _ => return Err(RequestError::at("tool_choice", "is not known")),
    }
    if choice.disable_parallel_tool_use == Some(true) {
        draft.raw("parallel_tool_calls", "false");
    }
    Ok(None)
}

fn tool(raw: &RawValue, at: &str) -> Result<String, RequestError> {
    let read = serde_json::from_str::<Tool<'_>>(raw.get());
    let tool = read.map_err(|error| RequestError::at(at, format!("cannot be read: {error}")))?;
    if let Some(kind) = tool.kind.filter(|kind| kind != "custom") {
        let kind = header_name(&kind);
        let what = format!("is of type `{kind}`, which only Anthropic's models know");
        return Err(RequestError::at(at, what));
    }
    let mut function = format!(r#"{{"name":{}"#, names::in_chat(tool.name.get()));
    for (name, value) in [("description", tool.description), ("parameters", tool.input_schema)] {
        if let Some(value) = value {
            function += &format!(r#","{name}":{}"#, value.get());
        }
    }
    if tool.strict == Some(true) {
        function += r#","strict":true"#;
    }
    Ok(format!(r#"{{"type":"function","function":{function}}}}}"#))
}

/// The names that are others in `chat`, which was made from this request.
pub(crate) fn made_names(own: &ChatRequest, chat: &ChatRequest) -> MadeNames {
    if names::stand_in(chat.get("tools").unwrap_or_default()) {
        return read_names(own);
    }
    MadeNames::new()
}

#[cold]
#[inline(never)]
fn read_names(own: &ChatRequest) -> MadeNames {
    let tools = own.read::<Vec<Tool<'_>>>("tools").ok().flatten().unwrap_or_default();
    names::made_in_chat(tools.iter().map(|tool| tool.name.get()))
}

/// `output_config.format`, or `output_format` as it was called before.
fn write_format(own: &ChatRequest, draft: &mut Draft) -> Result<(), RequestError> {
    let config = own.read::<OutputConfig<'_>>("output_config")?;
    let format = config.and_then(|config| config.format);
    let format = format.or(own.read::<Format<'_>>("output_format")?);
    let Some(schema) = format.and_then(|format| format.schema) else { return Ok(()) };
    let value = serde_json::from_str::<Value>(schema.get()).unwrap_or_default();
    let (schema, strict) = (schema.get(), is_strict(&value));
    draft.raw(
        "response_format",
        &format!(
            r#"{{"type":"json_schema","json_schema":{{"name":"answer","schema":{schema},"strict":{strict}}}}}"#
        ),
    );
    Ok(())
}

/// Whether a schema is one that OpenAI holds answers to: every object closed, and every property
/// required. Others it refuses when asked to be strict.
fn is_strict(schema: &Value) -> bool {
    let properties = schema.get("properties").and_then(Value::as_object);
    let required = schema.get("required").and_then(Value::as_array);
    let is_required =
        |name: &String| required.is_some_and(|all| all.iter().any(|it| it == name.as_str()));
    let is_object = schema.get("type").is_some_and(|kind| kind == "object") || properties.is_some();
    let is_closed = schema.get("additionalProperties").is_some_and(|more| more == false);
    if is_object && !(is_closed && properties.is_none_or(|all| all.keys().all(is_required))) {
        return false;
    }
    match schema {
        Value::Object(members) => {
            members.iter().filter(|(name, _)| *name != "properties").all(|(_, it)| is_strict(it))
                && properties.is_none_or(|all| all.values().all(is_strict))
        }
        Value::Array(list) => list.iter().all(is_strict),
        _ => true,
    }
}
