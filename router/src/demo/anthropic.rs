//! Anthropic Messages as the demo speaks it: its checks of a request, its answers and errors.
//!
//! It owns the wire shape; what is said is made in [`super::reply`].

use std::collections::BTreeSet;

use http::StatusCode;
use http::request::Parts;
use serde_json::{Value, json};

use super::answer::{
    self, Answer, Event, Refusal, Stamp, bearer, check_method, kind, read_object, text,
};
use super::refused;
use super::reply::{Asked, Reply, Wanted, reply};

/// Answers a request to `/messages`.
pub(super) fn answer(head: &Parts, body: &[u8], stamp: Stamp) -> Answer {
    match read(head, body) {
        Ok((asked, true)) => stream(&asked, &reply(&asked), stamp),
        Ok((asked, false)) => {
            let message = message(&asked, &reply(&asked), stamp);
            answer::whole(StatusCode::OK, &message, &headers(stamp))
        }
        Err(refusal) => refuse(&refusal, stamp),
    }
}

/// An error answer.
pub(super) fn refuse(refusal: &Refusal, stamp: Stamp) -> Answer {
    let kind = match refusal.status.as_u16() {
        401 => "authentication_error",
        404 => "not_found_error",
        413 => "request_too_large",
        _ => "invalid_request_error",
    };
    let error = json!({ "message": refusal.message, "type": kind });
    let value = json!({ "error": error, "request_id": request_id(stamp), "type": "error" });
    answer::whole(refusal.status, &value, &headers(stamp))
}

fn request_id(stamp: Stamp) -> String {
    format!("req_demo_{:08}", stamp.serial)
}

fn headers(stamp: Stamp) -> [(&'static str, String); 4] {
    [
        ("request-id", request_id(stamp)),
        ("anthropic-organization-id", "org_demo".to_owned()),
        ("anthropic-ratelimit-requests-limit", "20000".to_owned()),
        ("anthropic-ratelimit-requests-remaining", "19999".to_owned()),
    ]
}

/// What is asked, and whether it is to be streamed.
fn read(head: &Parts, body: &[u8]) -> Result<(Asked, bool), Refusal> {
    check_method(&head.method)?;
    check_headers(head)?;
    let request = Value::Object(read_object(body)?);
    let model = read_model(&request)?;
    let max_tokens = read_max_tokens(&request)?;
    let stream = read_stream(&request)?;
    refused::anthropic(&request, &model)?;
    let messages = read_messages(&request)?;
    check_turns(messages, refused::takes_system_turns(&model))?;
    let asked = Asked {
        body_bytes: body.len(),
        max_tokens: Some(max_tokens),
        model,
        system_chars: system_chars(&request)?,
        tool_results: last_results(messages),
        tools: read_tools(&request)?,
        user_text: last_user(messages),
        wanted: wanted(&request),
    };
    Ok((asked, stream))
}

fn check_headers(head: &Parts) -> Result<(), Refusal> {
    let key = head.headers.get("x-api-key").is_some_and(|key| !key.is_empty());
    if !key && bearer(&head.headers).is_none() {
        let refusal = Refusal::bad("x-api-key header is required");
        return Err(Refusal { status: StatusCode::UNAUTHORIZED, ..refusal });
    }
    match head.headers.get("anthropic-version") {
        Some(version) if version == "2023-06-01" || version == "2023-01-01" => Ok(()),
        Some(_) => Err(Refusal::bad("anthropic-version: unknown version")),
        None => Err(Refusal::bad("anthropic-version: header is required")),
    }
}

fn read_model(request: &Value) -> Result<String, Refusal> {
    match request.get("model") {
        Some(Value::String(model)) if !model.is_empty() => Ok(model.clone()),
        Some(_) => Err(Refusal::bad("model: Input should be a valid string")),
        None => Err(Refusal::bad("model: Field required")),
    }
}

fn read_max_tokens(request: &Value) -> Result<u64, Refusal> {
    match request.get("max_tokens").map(Value::as_u64) {
        Some(Some(limit)) if limit > 0 => Ok(limit),
        Some(_) => Err(Refusal::bad("max_tokens: must be an integer of at least 1")),
        None => Err(Refusal::bad("max_tokens: Field required")),
    }
}

fn read_stream(request: &Value) -> Result<bool, Refusal> {
    match request.get("stream") {
        None => Ok(false),
        Some(Value::Bool(stream)) => Ok(*stream),
        Some(_) => Err(Refusal::bad("stream: Input should be a valid boolean")),
    }
}

fn read_messages(request: &Value) -> Result<&[Value], Refusal> {
    match request.get("messages") {
        Some(Value::Array(messages)) if !messages.is_empty() => Ok(messages),
        Some(Value::Array(_)) => Err(Refusal::bad("messages: at least one message is required")),
        Some(_) => Err(Refusal::bad("messages: Input should be a valid list")),
        None => Err(Refusal::bad("messages: Field required")),
    }
}

/// Turns alternate from a user's on, and tool uses and tool results belong together. The real API
/// joins turns of one side; refusing them shows a client that forgot to.
fn check_turns(messages: &[Value], takes_system: bool) -> Result<(), Refusal> {
    let mut expected = "user";
    let mut open: Vec<&str> = Vec::new();
    let mut told = false;
    for (index, message) in messages.iter().enumerate() {
        if takes_system && text(message, "role") == "system" {
            check_instruction(index, message, expected == "assistant" && !told)?;
            told = true;
            continue;
        }
        told = false;
        check_side(index, text(message, "role"), expected)?;
        check_content(index, message)?;
        check_results(index, message, &mut open)?;
        open = ids(message, "tool_use", "id");
        expected = if expected == "user" { "assistant" } else { "user" };
    }
    open.first().map_or(Ok(()), |id| Err(unanswered(messages.len(), id)))
}

/// Instructions follow a user's turn, and stand before the assistant's or at the end.
fn check_instruction(index: usize, message: &Value, has_place: bool) -> Result<(), Refusal> {
    if !has_place {
        return Err(Refusal::bad(format!(
            "messages.{index}: a message with the role 'system' must follow a user turn"
        )));
    }
    check_content(index, message)
}

fn check_side(index: usize, role: &str, expected: &str) -> Result<(), Refusal> {
    if role == expected {
        return Ok(());
    }
    Err(Refusal::bad(match (index, role) {
        (_, other) if other != "user" && other != "assistant" => format!(
            "messages: Unexpected role \"{other}\". The Messages API accepts a top-level `system` parameter, not \"system\" as an input message role."
        ),
        (0, _) => "messages: first message must use the \"user\" role".to_owned(),
        (_, role) => format!(
            "messages: roles must alternate between \"user\" and \"assistant\", but found multiple \"{role}\" roles in a row"
        ),
    }))
}

fn check_content(index: usize, message: &Value) -> Result<(), Refusal> {
    let at = format!("messages.{index}.content");
    match message.get("content") {
        Some(Value::String(content)) => check_text(&at, content),
        Some(Value::Array(blocks)) if blocks.is_empty() => {
            Err(Refusal::bad(format!("{at}: all messages must have non-empty content")))
        }
        Some(Value::Array(blocks)) => blocks
            .iter()
            .enumerate()
            .try_for_each(|(n, block)| check_block(&format!("{at}.{n}"), block)),
        Some(_) => Err(Refusal::bad(format!("{at}: Input should be a valid string or list"))),
        None => Err(Refusal::bad(format!("{at}: Field required"))),
    }
}

fn check_block(at: &str, block: &Value) -> Result<(), Refusal> {
    let required: &[&str] = match kind(block) {
        "text" => return check_text(at, text(block, "text")),
        "image" | "document" => &["source"],
        "tool_use" => &["id", "name", "input"],
        "tool_result" => &["tool_use_id"],
        "thinking" => &["thinking", "signature"],
        "redacted_thinking" => &["data"],
        "server_tool_use" | "mcp_tool_use" => &["id", "name", "input"],
        server if server.ends_with("_tool_result") => &["tool_use_id"],
        other => {
            return Err(Refusal::bad(format!("{at}: Input tag '{other}' is not a known block")));
        }
    };
    match required.iter().find(|field| block.get(**field).is_none()) {
        Some(field) => Err(Refusal::bad(format!("{at}.{}.{field}: Field required", kind(block)))),
        None => Ok(()),
    }
}

fn check_text(at: &str, content: &str) -> Result<(), Refusal> {
    if !content.trim().is_empty() {
        return Ok(());
    }
    Err(Refusal::bad(format!("{at}: text content blocks must contain non-whitespace text")))
}

/// The results at the head of a turn answer the tool uses of the turn before, every one.
fn check_results(index: usize, message: &Value, open: &mut Vec<&str>) -> Result<(), Refusal> {
    for id in ids(message, "tool_result", "tool_use_id") {
        let Some(place) = open.iter().position(|open| *open == id) else {
            return Err(Refusal::bad(format!(
                "messages.{index}.content: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message."
            )));
        };
        open.remove(place);
    }
    open.first().map_or(Ok(()), |id| Err(unanswered(index, id)))
}

fn unanswered(index: usize, id: &str) -> Refusal {
    Refusal::bad(format!(
        "messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: {id}. Each `tool_use` block must have a corresponding `tool_result` block in the next message."
    ))
}

fn blocks<'v>(message: &'v Value, wanted: &str) -> impl Iterator<Item = &'v Value> {
    let blocks = message.get("content").and_then(Value::as_array);
    blocks.into_iter().flatten().filter(move |block| kind(block) == wanted)
}

fn ids<'v>(message: &'v Value, wanted: &str, key: &str) -> Vec<&'v str> {
    blocks(message, wanted).map(|block| text(block, key)).collect()
}

fn read_tools(request: &Value) -> Result<BTreeSet<String>, Refusal> {
    let choice = request.get("tool_choice").map(kind).unwrap_or_default();
    let tools = request.get("tools").and_then(Value::as_array);
    let name = |(index, tool): (usize, &Value)| match tool.get("name") {
        Some(Value::String(name)) if is_tool_name(name) => match tool.get("input_schema") {
            Some(Value::Object(_)) => Ok(name.clone()),
            // Server tools have a type and no schema.
            _ if !kind(tool).is_empty() && kind(tool) != "custom" => Ok(name.clone()),
            _ => Err(Refusal::bad(format!("tools.{index}.custom.input_schema: Field required"))),
        },
        _ => Err(Refusal::bad(format!(
            "tools.{index}.custom.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'"
        ))),
    };
    let names: Result<BTreeSet<_>, _> = tools.into_iter().flatten().enumerate().map(name).collect();
    if choice == "none" { names.map(|_| BTreeSet::new()) } else { names }
}

/// The form that is asked for, by a schema or by a tool that is to be called.
fn wanted(request: &Value) -> Wanted {
    let choice = request.get("tool_choice");
    let tools = request.get("tools").and_then(Value::as_array).into_iter().flatten();
    let tools = tools.filter_map(|tool| Some((text(tool, "name"), tool.get("input_schema")?)));
    let named = choice.map(|choice| text(choice, "name")).filter(|name| !name.is_empty());
    let forced = tools.filter(|(name, _)| named.is_none_or(|named| named == *name));
    match choice.map(kind).unwrap_or_default() {
        "any" | "tool" => {
            Wanted::Call(forced.map(|(name, schema)| (name.to_owned(), schema.clone())).collect())
        }
        _ => match request.pointer("/output_config/format/schema") {
            Some(schema) => Wanted::Json(schema.clone()),
            None => Wanted::Free,
        },
    }
}

fn is_tool_name(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    (1..=128).contains(&name.len()) && name.chars().all(is_letter)
}

fn system_chars(request: &Value) -> Result<usize, Refusal> {
    match request.get("system") {
        None => Ok(0),
        Some(Value::String(system)) => Ok(system.chars().count()),
        Some(Value::Array(blocks)) => {
            let count = |(n, block): (usize, &Value)| {
                check_text(&format!("system.{n}"), text(block, "text"))?;
                Ok(text(block, "text").chars().count())
            };
            blocks.iter().enumerate().map(count).sum()
        }
        Some(_) => Err(Refusal::bad("system: Input should be a valid string or list")),
    }
}

/// The texts of a content, a string or blocks.
fn content(holder: &Value) -> String {
    match holder.get("content") {
        Some(Value::String(content)) => content.clone(),
        Some(Value::Array(_)) => {
            blocks(holder, "text").map(|block| text(block, "text")).collect::<Vec<_>>().join("\n")
        }
        _ => String::new(),
    }
}

fn last_user(messages: &[Value]) -> String {
    messages
        .iter()
        .rfind(|message| text(message, "role") == "user")
        .map(content)
        .unwrap_or_default()
}

/// The results of the last turn, when no text of the user's follows them.
fn last_results(messages: &[Value]) -> Vec<String> {
    let last = messages.last().filter(|message| content(message).is_empty());
    last.into_iter().flat_map(|message| blocks(message, "tool_result")).map(content).collect()
}

fn stop_reason(reply: &Reply) -> &'static str {
    match (reply.calls.is_empty(), reply.is_cut) {
        (false, _) => "tool_use",
        (true, true) => "max_tokens",
        (true, false) => "end_turn",
    }
}

fn tool_use(reply: &Reply, index: usize, stamp: Stamp, input: Value) -> Value {
    let name = reply.calls.get(index).map_or("", |call| call.name.as_str());
    let id = format!("toolu_demo_{}_{index}", stamp.serial);
    json!({ "id": id, "input": input, "name": name, "type": "tool_use" })
}

fn usage(input_tokens: u64, output_tokens: u64) -> Value {
    json!({
        "cache_creation": { "ephemeral_1h_input_tokens": 0, "ephemeral_5m_input_tokens": 0 },
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "inference_geo": "not_available",
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "service_tier": "standard",
    })
}

/// The whole message.
fn message(asked: &Asked, reply: &Reply, stamp: Stamp) -> Value {
    let mut content = vec![json!({ "text": reply.text(), "type": "text" })];
    content.extend(
        reply
            .calls
            .iter()
            .enumerate()
            .map(|(index, call)| tool_use(reply, index, stamp, call.input.clone())),
    );
    json!({
        "content": content,
        "id": format!("msg_demo_{}", stamp.serial),
        "model": asked.model,
        "role": "assistant",
        "stop_reason": stop_reason(reply),
        "stop_sequence": null,
        "type": "message",
        "usage": usage(reply.input_tokens, reply.output_tokens),
    })
}

fn stream(asked: &Asked, reply: &Reply, stamp: Stamp) -> Answer {
    let mut events = vec![Event::frame(start_event(asked, reply, stamp))];
    let text_deltas =
        reply.pieces.iter().map(|piece| json!({ "text": piece, "type": "text_delta" }));
    let opening = json!({ "text": "", "type": "text" });
    push_block(&mut events, 0, opening, text_deltas.collect());
    for (index, call) in reply.calls.iter().enumerate() {
        // As on the wire: an empty piece first, and nothing more for a tool without arguments.
        let pieces = std::iter::once(String::new()).chain(call.argument_pieces());
        let deltas =
            pieces.map(|piece| json!({ "partial_json": piece, "type": "input_json_delta" }));
        push_block(
            &mut events,
            index + 1,
            tool_use(reply, index, stamp, json!({})),
            deltas.collect(),
        );
    }
    let delta = json!({ "stop_reason": stop_reason(reply), "stop_sequence": null });
    let usage = json!({
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "input_tokens": reply.input_tokens,
        "output_tokens": reply.output_tokens,
    });
    events.push(Event::frame(event("message_delta", json!({ "delta": delta, "usage": usage }))));
    events.push(Event::frame(event("message_stop", json!({}))));
    answer::events(events, &headers(stamp))
}

fn start_event(asked: &Asked, reply: &Reply, stamp: Stamp) -> String {
    let message = json!({
        "content": [],
        "id": format!("msg_demo_{}", stamp.serial),
        "model": asked.model,
        "role": "assistant",
        "stop_reason": null,
        "stop_sequence": null,
        "type": "message",
        "usage": usage(reply.input_tokens, 1),
    });
    event("message_start", json!({ "message": message }))
}

/// A block from its start to its stop; the stream's ping follows the start of the first.
fn push_block(events: &mut Vec<Event>, index: usize, opening: Value, deltas: Vec<Value>) {
    let is_tool = kind(&opening) == "tool_use";
    let start = event("content_block_start", json!({ "content_block": opening, "index": index }));
    events.push(if is_tool { Event::content(start) } else { Event::frame(start) });
    if index == 0 {
        events.push(Event::frame(event("ping", json!({}))));
    }
    events.extend(deltas.into_iter().map(|delta| {
        Event::content(event("content_block_delta", json!({ "delta": delta, "index": index })))
    }));
    events.push(Event::frame(event("content_block_stop", json!({ "index": index }))));
}

fn event(name: &str, fields: Value) -> String {
    let value = answer::with(fields, json!({ "type": name }));
    format!("event: {name}\ndata: {value}\n\n")
}
