//! OpenAI Chat Completions as the demo speaks it: its checks of a request, its answers and errors.
//!
//! It owns the wire shape; what is said is made in [`super::reply`].

use http::StatusCode;
use http::request::Parts;
use serde_json::{Value, json};

use super::answer::{
    self, Answer, Event, Refusal, Stamp, bearer, check_method, kind, read_object, text, with,
};
use super::refused;
use super::reply::{Asked, Reply, Wanted, reply};

/// The roles of a message.
const ROLES: [&str; 6] = ["system", "developer", "user", "assistant", "tool", "function"];

/// How the answer is to be sent.
struct Form {
    include_usage: bool,
    stream: bool,
}

/// Answers a request to `/chat/completions`.
pub(super) fn answer(head: &Parts, body: &[u8], stamp: Stamp) -> Answer {
    match read(head, body) {
        Ok((asked, form)) if form.stream => stream(&asked, &reply(&asked), &form, stamp),
        Ok((asked, _)) => whole(&asked, &reply(&asked), stamp),
        Err(refusal) => refuse(&refusal, stamp),
    }
}

/// An error answer.
pub(super) fn refuse(refusal: &Refusal, stamp: Stamp) -> Answer {
    let error = json!({
        "code": refusal.code,
        "message": refusal.message,
        "param": refusal.param,
        "type": "invalid_request_error",
    });
    answer::whole(refusal.status, &json!({ "error": error }), &headers(stamp))
}

fn headers(stamp: Stamp) -> [(&'static str, String); 3] {
    [
        ("x-request-id", format!("req_demo_{:08}", stamp.serial)),
        ("openai-version", "2020-10-01".to_owned()),
        ("openai-processing-ms", "1".to_owned()),
    ]
}

fn read(head: &Parts, body: &[u8]) -> Result<(Asked, Form), Refusal> {
    check_method(&head.method)?;
    if bearer(&head.headers).is_none() {
        return Err(Refusal {
            status: StatusCode::UNAUTHORIZED,
            ..Refusal::bad("You didn't provide an API key in an Authorization header (Bearer).")
        });
    }
    let request = Value::Object(read_object(body)?);
    let model = read_model(&request)?;
    let form = read_form(&request)?;
    let messages = read_messages(&request)?;
    refused::openai(&request, &model)?;
    check_turns(messages)?;
    let max_tokens = read_limit(&request)?;
    let asked = Asked {
        body_bytes: body.len(),
        max_tokens,
        model,
        system_chars: messages
            .iter()
            .filter(|m| is_system(m))
            .map(|m| content(m).chars().count())
            .sum(),
        tool_results: last_results(messages),
        tools: read_tools(&request)?,
        user_text: last_user(messages),
        wanted: wanted(&request),
    };
    Ok((asked, form))
}

fn read_model(request: &Value) -> Result<String, Refusal> {
    match request.get("model") {
        Some(Value::String(model)) if !model.is_empty() => Ok(model.clone()),
        Some(_) => Err(Refusal::field("model", "Invalid type for 'model': expected a string.")),
        None => Err(Refusal::field("model", "you must provide a model parameter")),
    }
}

fn read_form(request: &Value) -> Result<Form, Refusal> {
    let stream = match request.get("stream") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(stream)) => *stream,
        Some(_) => {
            return Err(Refusal::field("stream", "Invalid type for 'stream': expected a boolean."));
        }
    };
    let options = request.get("stream_options").filter(|options| !options.is_null());
    if options.is_some() && !stream {
        let message = "The 'stream_options' parameter is only allowed when 'stream' is enabled.";
        return Err(Refusal::field("stream_options", message));
    }
    let include_usage = options.and_then(|options| options.get("include_usage"));
    Ok(Form { include_usage: include_usage == Some(&Value::Bool(true)), stream })
}

fn read_messages(request: &Value) -> Result<&[Value], Refusal> {
    match request.get("messages") {
        Some(Value::Array(messages)) if !messages.is_empty() => Ok(messages),
        Some(Value::Array(_)) => Err(Refusal::field(
            "messages",
            "Invalid 'messages': empty array. Expected an array with minimum length 1.",
        )),
        Some(_) => {
            Err(Refusal::field("messages", "Invalid type for 'messages': expected an array."))
        }
        None => Err(Refusal::field("messages", "Missing required parameter: 'messages'.")),
    }
}

fn read_limit(request: &Value) -> Result<Option<u64>, Refusal> {
    for name in ["max_completion_tokens", "max_tokens"] {
        match request.get(name) {
            None | Some(Value::Null) => {}
            Some(value) => match value.as_u64() {
                Some(limit) if limit > 0 => return Ok(Some(limit)),
                _ => {
                    let message = format!("Invalid '{name}': expected an integer of at least 1.");
                    return Err(Refusal::field(name, message));
                }
            },
        }
    }
    Ok(None)
}

/// Roles are known ones, and tool messages and tool calls belong together.
fn check_turns(messages: &[Value]) -> Result<(), Refusal> {
    let mut open: Vec<&str> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let role = text(message, "role");
        if !ROLES.contains(&role) {
            let message = format!("Invalid value: '{role}'. Supported values are: {ROLES:?}.");
            return Err(Refusal::field(format!("messages[{index}].role"), message));
        }
        if role == "tool" {
            close_call(&mut open, message, index)?;
            continue;
        }
        if let Some(id) = open.first() {
            return Err(unanswered(id, index));
        }
        open = call_ids(message);
    }
    open.first().map_or(Ok(()), |id| Err(unanswered(id, messages.len())))
}

fn close_call(open: &mut Vec<&str>, message: &Value, index: usize) -> Result<(), Refusal> {
    let id = text(message, "tool_call_id");
    let Some(place) = open.iter().position(|open| *open == id) else {
        let message = "Invalid parameter: messages with role 'tool' must be a response to a preceeding message with 'tool_calls'.";
        return Err(Refusal::field(format!("messages.[{index}].role"), message));
    };
    open.remove(place);
    Ok(())
}

fn unanswered(id: &str, index: usize) -> Refusal {
    let message = format!(
        "An assistant message with 'tool_calls' must be followed by tool messages responding to each 'tool_call_id'. The following tool_call_ids did not have response messages: {id}"
    );
    Refusal::field(format!("messages.[{index}].role"), message)
}

fn call_ids(message: &Value) -> Vec<&str> {
    let calls = message.get("tool_calls").and_then(Value::as_array);
    calls.into_iter().flatten().map(|call| text(call, "id")).collect()
}

fn read_tools(request: &Value) -> Result<std::collections::BTreeSet<String>, Refusal> {
    if request.get("tool_choice").and_then(Value::as_str) == Some("none") {
        return Ok(Default::default());
    }
    let tools = request.get("tools").and_then(Value::as_array);
    let named = |tool: &Value| {
        let place = if kind(tool) == "custom" { "/custom/name" } else { "/function/name" };
        tool.pointer(place).cloned()
    };
    let name = |(index, tool): (usize, &Value)| match named(tool) {
        Some(Value::String(name)) if !name.is_empty() => Ok(name),
        _ => {
            let param = format!("tools[{index}].function.name");
            let message = format!("Missing required parameter: '{param}'.");
            Err(Refusal::field(param, message))
        }
    };
    tools.into_iter().flatten().enumerate().map(name).collect()
}

/// The form that is asked for, by a schema or by a tool that is to be called.
fn wanted(request: &Value) -> Wanted {
    let choice = request.get("tool_choice").unwrap_or(&Value::Null);
    let named = choice.pointer("/function/name").and_then(Value::as_str);
    if named.is_some() || choice.as_str() == Some("required") {
        let tools = request.get("tools").and_then(Value::as_array).into_iter().flatten();
        let tools = tools.filter_map(|tool| tool.get("function"));
        let forced = tools.filter(|tool| named.is_none_or(|named| text(tool, "name") == named));
        let schema = |tool: &Value| tool.get("parameters").cloned().unwrap_or_default();
        return Wanted::Call(
            forced.map(|tool| (text(tool, "name").to_owned(), schema(tool))).collect(),
        );
    }
    let format = request.get("response_format").unwrap_or(&Value::Null);
    match (kind(format), format.pointer("/json_schema/schema")) {
        ("json_schema", Some(schema)) => Wanted::Json(schema.clone()),
        ("json_object", _) => Wanted::Json(json!({"properties": {"answer": {"type": "string"}}})),
        _ => Wanted::Free,
    }
}

fn is_system(message: &Value) -> bool {
    matches!(text(message, "role"), "system" | "developer")
}

/// The texts of a message's content, a string or parts.
fn content(message: &Value) -> String {
    match message.get("content") {
        Some(Value::String(content)) => content.clone(),
        Some(Value::Array(parts)) => {
            let texts = parts.iter().filter(|part| kind(part) == "text");
            texts.map(|part| text(part, "text")).collect::<Vec<_>>().join("\n")
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

fn last_results(messages: &[Value]) -> Vec<String> {
    let last = messages.rsplit(|message| text(message, "role") != "tool").next();
    last.unwrap_or_default().iter().map(content).collect()
}

fn finish_reason(reply: &Reply) -> &'static str {
    match (reply.calls.is_empty(), reply.is_cut) {
        (false, _) => "tool_calls",
        (true, true) => "length",
        (true, false) => "stop",
    }
}

fn usage(reply: &Reply) -> Value {
    json!({
        "completion_tokens": reply.output_tokens,
        "completion_tokens_details": {
            "accepted_prediction_tokens": 0,
            "audio_tokens": 0,
            "reasoning_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
        "prompt_tokens": reply.input_tokens,
        "prompt_tokens_details": { "audio_tokens": 0, "cached_tokens": 0 },
        "total_tokens": reply.input_tokens + reply.output_tokens,
    })
}

fn call_id(stamp: Stamp, index: usize) -> String {
    format!("call_demo_{}_{index}", stamp.serial)
}

/// The fields that every chunk and every whole answer has.
fn envelope(object: &str, asked: &Asked, stamp: Stamp) -> Value {
    json!({
        "created": stamp.created,
        "id": format!("chatcmpl-demo-{}", stamp.serial),
        "model": asked.model,
        "object": object,
        "service_tier": "default",
        "system_fingerprint": null,
    })
}

fn whole(asked: &Asked, reply: &Reply, stamp: Stamp) -> Answer {
    let calls: Vec<_> = reply
        .calls
        .iter()
        .enumerate()
        .map(|(index, call)| {
            let function = json!({ "arguments": call.arguments(), "name": call.name });
            json!({ "function": function, "id": call_id(stamp, index), "type": "function" })
        })
        .collect();
    let mut message =
        json!({ "annotations": [], "content": reply.text(), "refusal": null, "role": "assistant" });
    if !calls.is_empty() {
        message = with(message, json!({ "content": null, "tool_calls": calls }));
    }
    let choice = json!({ "finish_reason": finish_reason(reply), "index": 0, "logprobs": null, "message": message });
    let more = json!({ "choices": [choice], "usage": usage(reply) });
    let value = with(envelope("chat.completion", asked, stamp), more);
    answer::whole(StatusCode::OK, &value, &headers(stamp))
}

fn stream(asked: &Asked, reply: &Reply, form: &Form, stamp: Stamp) -> Answer {
    let chunk = |more: Value| {
        let mut value = with(envelope("chat.completion.chunk", asked, stamp), more);
        if form.include_usage && value.get("usage").is_none() {
            value = with(value, json!({ "usage": null }));
        }
        format!("data: {value}\n\n")
    };
    let choice = |delta: Value, finish: Option<&str>| {
        chunk(
            json!({ "choices": [{ "delta": delta, "finish_reason": finish, "index": 0, "logprobs": null }] }),
        )
    };
    // As OpenAI does, the first chunk says who speaks, and has null for content before calls.
    let first = if reply.calls.is_empty() { json!("") } else { Value::Null };
    let opening = json!({ "content": first, "refusal": null, "role": "assistant" });
    let mut events = vec![Event::frame(choice(opening, None))];
    events
        .extend(deltas(reply, stamp).into_iter().map(|delta| Event::content(choice(delta, None))));
    events.push(Event::frame(choice(json!({}), Some(finish_reason(reply)))));
    if form.include_usage {
        events.push(Event::frame(chunk(json!({ "choices": [], "usage": usage(reply) }))));
    }
    events.push(Event::frame("data: [DONE]\n\n".to_owned()));
    answer::events(events, &headers(stamp))
}

/// The deltas between the first chunk and the last; a reply with calls has no text here, as most
/// answers of OpenAI's.
fn deltas(reply: &Reply, stamp: Stamp) -> Vec<Value> {
    if reply.calls.is_empty() {
        return reply.pieces.iter().map(|piece| json!({ "content": piece })).collect();
    }
    let mut deltas = Vec::new();
    for (index, call) in reply.calls.iter().enumerate() {
        let function = json!({ "arguments": "", "name": call.name });
        let opening = json!({ "function": function, "id": call_id(stamp, index), "index": index, "type": "function" });
        deltas.push(json!({ "tool_calls": [opening] }));
        let mut pieces = call.argument_pieces();
        if pieces.is_empty() {
            pieces.push("{}".to_owned());
        }
        deltas.extend(pieces.into_iter().map(|piece| {
            json!({ "tool_calls": [{ "function": { "arguments": piece }, "index": index }] })
        }));
    }
    deltas
}
