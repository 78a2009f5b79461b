//! Amazon Bedrock's Converse as the demo speaks it: its checks of a request, its answers and errors.
//!
//! It owns the wire shape; what is said is made in [`super::reply`].

mod refused;

use aws_smithy_eventstream::frame::write_message_to;
use aws_smithy_types::event_stream::{Header, HeaderValue as FrameValue, Message};
use http::request::Parts;
use http::{HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use super::answer::{self, Answer, Event, Refusal, Stamp, check_method, read_object, text};
use super::reply::{Asked, Reply, Wanted, reply};

/// What a path asks for: `/model/ID/converse`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Converse,
    Stream,
    Count,
}

/// Answers a request to a model of Bedrock's; none where the path is another's.
pub(super) fn answer(head: &Parts, body: &[u8], stamp: Stamp) -> Option<Answer> {
    let (model, action) = asked_of(head.uri.path())?;
    Some(match read(head, body, (model, action)) {
        Ok(asked) if action == Action::Count => {
            let tokens = reply(&asked).input_tokens;
            answer::whole(StatusCode::OK, &json!({ "inputTokens": tokens }), &headers(stamp))
        }
        Ok(asked) if action == Action::Stream => stream(&reply(&asked), stamp),
        Ok(asked) => whole(&reply(&asked), stamp),
        Err(refusal) => refuse(&refusal, stamp),
    })
}

fn asked_of(path: &str) -> Option<(&str, Action)> {
    let (rest, action) = path.rsplit_once('/')?;
    let (_, model) = rest.rsplit_once("/model/")?;
    let action = match action {
        "converse" => Action::Converse,
        "converse-stream" => Action::Stream,
        "count-tokens" => Action::Count,
        _ => return None,
    };
    Some((model, action))
}

fn headers(stamp: Stamp) -> [(&'static str, String); 1] {
    [("x-amzn-requestid", format!("demo-{:08}", stamp.serial))]
}

fn refuse(refusal: &Refusal, stamp: Stamp) -> Answer {
    let kind = match refusal.status.as_u16() {
        403 => "AccessDeniedException",
        _ => "ValidationException",
    };
    let mut extra = headers(stamp).to_vec();
    extra.push(("x-amzn-errortype", format!("{kind}:http://internal.amazon.com/")));
    answer::whole(refusal.status, &json!({ "message": refusal.message }), &extra)
}

fn read(head: &Parts, body: &[u8], (model, action): (&str, Action)) -> Result<Asked, Refusal> {
    check_method(&head.method)?;
    if !head.headers.contains_key(header::AUTHORIZATION) {
        let refusal = Refusal::bad("Missing Authentication Token");
        return Err(Refusal { status: StatusCode::FORBIDDEN, ..refusal });
    }
    let mut request = Value::Object(read_object(body)?);
    if action == Action::Count {
        let counted = request.pointer("/input/converse").cloned();
        request = counted.ok_or_else(|| Refusal::bad("input: one member must be set"))?;
    }
    let messages = request.get("messages").and_then(Value::as_array);
    let messages = messages.filter(|messages| !messages.is_empty());
    let messages = messages.ok_or_else(|| {
        Refusal::bad("A conversation must start with a user message. Try again with a conversation that starts with a user message.")
    })?;
    let has_tools = request.get("toolConfig").is_some();
    check_turns(messages, has_tools)?;
    refused::names(&request)?;
    let limit = request.pointer("/inferenceConfig/maxTokens").and_then(Value::as_u64);
    let system = request.get("system").and_then(Value::as_array).into_iter().flatten();
    Ok(Asked {
        body_bytes: body.len(),
        max_tokens: limit,
        model: model.replace("%3A", ":").replace("%2F", "/"),
        system_chars: system.map(|block| text(block, "text").chars().count()).sum(),
        tool_results: last_results(messages),
        tools: tools(&request),
        user_text: last_user(messages),
        wanted: wanted(&request),
    })
}

/// The form that is asked for, by a schema or by a tool that is to be called.
fn wanted(request: &Value) -> Wanted {
    if let Some(choice) =
        request.pointer("/toolConfig/toolChoice").filter(|it| it.get("auto").is_none())
    {
        let named = choice.pointer("/tool/name").and_then(Value::as_str);
        let tools = request.pointer("/toolConfig/tools").and_then(Value::as_array);
        let tools = tools.into_iter().flatten().filter_map(|tool| tool.get("toolSpec"));
        let forced = tools.filter(|tool| named.is_none_or(|named| text(tool, "name") == named));
        let schema = |tool: &Value| tool.pointer("/inputSchema/json").cloned().unwrap_or_default();
        return Wanted::Call(
            forced.map(|tool| (text(tool, "name").to_owned(), schema(tool))).collect(),
        );
    }
    let schema = request.pointer("/outputConfig/textFormat/structure/jsonSchema/schema");
    let schema = schema.and_then(Value::as_str).and_then(|text| serde_json::from_str(text).ok());
    schema.map_or(Wanted::Free, Wanted::Json)
}

fn blocks<'v>(message: &'v Value, member: &'static str) -> impl Iterator<Item = &'v Value> {
    let content = message.get("content").and_then(Value::as_array);
    content.into_iter().flatten().filter_map(move |block| block.get(member))
}

/// Turns alternate from a user's on, every call has its result in the next turn, and blocks are not
/// blank.
fn check_turns(messages: &[Value], has_tools: bool) -> Result<(), Refusal> {
    let mut expected = "user";
    let mut open: Vec<&str> = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        if text(message, "role") != expected {
            return Err(Refusal::bad(match index {
                0 => "A conversation must start with a user message.".to_owned(),
                _ => format!(
                    "A conversation must alternate between user and assistant roles: messages.{index}"
                ),
            }));
        }
        if message.get("content").and_then(Value::as_array).is_none_or(Vec::is_empty) {
            return Err(Refusal::bad(format!(
                "The content field in the Message object at messages.{index} is empty."
            )));
        }
        let blank = |block: &Value| block.as_str().is_none_or(|text| text.trim().is_empty());
        if blocks(message, "text").any(blank) {
            return Err(Refusal::bad(format!(
                "The text field in the ContentBlock object at messages.{index}.content is blank."
            )));
        }
        let results: Vec<&str> =
            blocks(message, "toolResult").map(|it| text(it, "toolUseId")).collect();
        if open.iter().any(|id| !results.contains(id)) || results.len() != open.len() {
            return Err(Refusal::bad(format!(
                "Expected toolResult blocks at messages.{index}.content for the following Ids: {}",
                open.join(", ")
            )));
        }
        open = blocks(message, "toolUse").map(|it| text(it, "toolUseId")).collect();
        let calls = !open.is_empty() || !results.is_empty();
        if calls && !has_tools {
            return Err(Refusal::bad(
                "The toolConfig field must be defined when using toolUse and toolResult content blocks.",
            ));
        }
        expected = if expected == "user" { "assistant" } else { "user" };
    }
    match open.first() {
        Some(id) => {
            Err(Refusal::bad(format!("Expected toolResult blocks for the following Ids: {id}")))
        }
        None => Ok(()),
    }
}

fn tools(request: &Value) -> std::collections::BTreeSet<String> {
    let tools = request.pointer("/toolConfig/tools").and_then(Value::as_array);
    let names = tools.into_iter().flatten().filter_map(|tool| tool.pointer("/toolSpec/name"));
    names.filter_map(Value::as_str).map(str::to_owned).collect()
}

fn joined<'v>(texts: impl Iterator<Item = &'v Value>) -> String {
    texts.filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

fn last_user(messages: &[Value]) -> String {
    let last = messages.iter().rfind(|message| text(message, "role") == "user");
    last.map(|message| joined(blocks(message, "text"))).unwrap_or_default()
}

/// The results of the last turn, when no text of the user's follows them.
fn last_results(messages: &[Value]) -> Vec<String> {
    let last = messages.last().filter(|message| blocks(message, "text").next().is_none());
    let results = last.into_iter().flat_map(|message| blocks(message, "toolResult"));
    results.map(|result| joined(blocks(result, "text"))).collect()
}

fn stop_reason(reply: &Reply) -> &'static str {
    match (reply.calls.is_empty(), reply.is_cut) {
        (false, _) => "tool_use",
        (true, true) => "max_tokens",
        (true, false) => "end_turn",
    }
}

fn call_id(stamp: Stamp, index: usize) -> String {
    format!("tooluse_demo_{}_{index}", stamp.serial)
}

fn usage(reply: &Reply) -> Value {
    let (input, output) = (reply.input_tokens, reply.output_tokens);
    json!({ "inputTokens": input, "outputTokens": output, "totalTokens": input + output })
}

fn whole(reply: &Reply, stamp: Stamp) -> Answer {
    let calls = reply.calls.iter().enumerate().map(|(index, call)| {
        let id = call_id(stamp, index);
        json!({ "toolUse": { "input": call.input, "name": call.name, "toolUseId": id } })
    });
    let content: Vec<Value> =
        std::iter::once(json!({ "text": reply.text() })).chain(calls).collect();
    let value = json!({
        "metrics": { "latencyMs": 1 },
        "output": { "message": { "content": content, "role": "assistant" } },
        "stopReason": stop_reason(reply),
        "usage": usage(reply),
    });
    answer::whole(StatusCode::OK, &value, &headers(stamp))
}

/// As on the wire: no start of a text's block, and the usage after the end.
fn stream(reply: &Reply, stamp: Stamp) -> Answer {
    let mut events = vec![frame("messageStart", json!({ "role": "assistant" }))];
    let delta = |index: usize, delta: Value| {
        let bytes =
            frame("contentBlockDelta", json!({ "contentBlockIndex": index, "delta": delta })).bytes;
        Event { bytes, is_content: true }
    };
    let stop = |index: usize| frame("contentBlockStop", json!({ "contentBlockIndex": index }));
    events.extend(reply.pieces.iter().map(|piece| delta(0, json!({ "text": piece }))));
    events.push(stop(0));
    for (place, call) in reply.calls.iter().enumerate() {
        let index = place + 1;
        let start = json!({ "toolUse": { "name": call.name, "toolUseId": call_id(stamp, place) } });
        let start =
            frame("contentBlockStart", json!({ "contentBlockIndex": index, "start": start }));
        events.push(Event { is_content: true, ..start });
        let pieces = call.argument_pieces().into_iter();
        events.extend(pieces.map(|piece| delta(index, json!({ "toolUse": { "input": piece } }))));
        events.push(stop(index));
    }
    events.push(frame("messageStop", json!({ "stopReason": stop_reason(reply) })));
    let metadata = json!({ "metrics": { "latencyMs": 1 }, "usage": usage(reply) });
    events.push(frame("metadata", metadata));
    let mut answer = answer::events(events, &headers(stamp));
    let kind = HeaderValue::from_static("application/vnd.amazon.eventstream");
    answer.headers.insert(header::CONTENT_TYPE, kind);
    answer
}

fn frame(name: &'static str, payload: Value) -> Event {
    let header = |name: &'static str, value: &'static str| {
        Header::new(name, FrameValue::String(value.into()))
    };
    let message = Message::new(payload.to_string())
        .add_header(header(":event-type", name))
        .add_header(header(":content-type", "application/json"))
        .add_header(header(":message-type", "event"));
    let mut bytes = Vec::new();
    // It fails for headers that are too long, and these are not.
    let _ = write_message_to(&message, &mut bytes);
    Event { bytes: bytes.into(), is_content: false }
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::super::Body;

    use super::*;

    const STAMP: Stamp = Stamp { created: 1, serial: 7 };

    fn post(action: &str, body: &Value) -> Answer {
        let path = format!("/bedrock/model/eu.anthropic.claude-x-v1%3A0/{action}");
        let request = Request::post(path).header("authorization", "Bearer demo").body(());
        let (head, ()) = request.expect("a request").into_parts();
        answer(&head, body.to_string().as_bytes(), STAMP).expect("a path of Bedrock's")
    }

    fn json_of(answer: &Answer) -> Value {
        match &answer.body {
            Body::Whole(bytes) => serde_json::from_slice(bytes).expect("JSON"),
            Body::Events(_) => panic!("a stream"),
        }
    }

    fn question(text: &str) -> Value {
        json!({
            "messages": [{"role": "user", "content": [{"text": text}]}],
            "system": [{"text": "Be brief."}],
            "toolConfig": {"tools": [{"toolSpec": {"name": "read", "inputSchema": {"json": {}}}}]},
        })
    }

    #[test]
    fn it_says_whole_what_it_streams() {
        let whole = json_of(&post("converse", &question("call read {\"path\":\"a\"}")));
        let content = &whole["output"]["message"]["content"];
        assert!(
            content[0]["text"].as_str().is_some_and(|it| it.contains("eu.anthropic.claude-x-v1:0"))
        );
        assert_eq!(content[1]["toolUse"]["input"], json!({"path": "a"}));
        assert_eq!(whole["stopReason"], "tool_use");
        let streamed = post("converse-stream", &question("call read {\"path\":\"a\"}"));
        let Body::Events(events) = &streamed.body else { panic!("no stream") };
        assert_eq!(streamed.headers["content-type"], "application/vnd.amazon.eventstream");
        assert!(events.iter().filter(|event| event.is_content).count() > 3);
        let counted = json!({ "input": { "converse": question("Hi") } });
        assert!(json_of(&post("count-tokens", &counted))["inputTokens"].as_u64() > Some(10));
    }

    #[test]
    fn it_refuses_what_bedrock_refuses() {
        let refused = |body: &Value, words: &str| {
            let answer = post("converse", body);
            assert_eq!(answer.status, 400, "{body}");
            assert!(
                answer.headers["x-amzn-errortype"]
                    .to_str()
                    .is_ok_and(|it| it.starts_with("Validation"))
            );
            let message = json_of(&answer)["message"].as_str().unwrap_or_default().to_owned();
            assert!(message.contains(words), "{message}");
        };
        let said = |role: &str, content: Value| json!({"role": role, "content": content});
        let with = |messages: Value| {
            let mut body = question("q");
            body["messages"] = messages;
            body
        };
        let (hello, call) = (
            json!([{"text": "q"}]),
            json!([{"toolUse": {"toolUseId": "t", "name": "read", "input": {}}}]),
        );
        refused(&json!({}), "must start with a user message");
        refused(&with(json!([said("assistant", hello.clone())])), "must start");
        refused(
            &with(json!([said("user", hello.clone()), said("user", hello.clone())])),
            "alternate",
        );
        refused(&with(json!([said("user", json!([{"text": " "}]))])), "blank");
        let document = json!({"document": {"format": "txt", "name": "a", "source": {"text": "t"}}});
        let twice = json!([said("user", json!([{"text": "q"}, document, document]))]);
        refused(&with(twice), "duplicate document names");
        refused(
            &with(json!([
                said("user", hello.clone()),
                said("assistant", call.clone()),
                said("user", hello.clone())
            ])),
            "toolResult",
        );
        let result = json!([{"toolResult": {"toolUseId": "t", "content": [{"text": "r"}]}}]);
        let mut untold =
            with(json!([said("user", hello), said("assistant", call), said("user", result)]));
        assert_eq!(post("converse", &untold).status, 200);
        if let Some(members) = untold.as_object_mut() {
            members.remove("toolConfig");
        }
        refused(&untold, "toolConfig");
    }
}
