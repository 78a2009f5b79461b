//! From a fault and the good answer to the steps that a connection plays.
//!
//! It owns the order of bytes and breaks; the sockets are in `connection.rs`.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};
use sfai_router::demo::{Answer, Body, Event};

use super::fault::{At, Fault, Gate, Missing, Raw, Status, Then};

/// One thing that a connection does.
#[derive(Debug, Clone)]
pub(super) enum Step {
    /// Closes the connection with a FIN.
    Close,
    /// Nothing, until the client leaves.
    Hang,
    /// Nothing, until the gate opens.
    Hold(Gate),
    /// Closes the connection with a RST.
    Reset,
    /// Writes and flushes.
    Send(Bytes),
    /// Nothing for a while.
    Wait(Duration),
}

/// Which dialect an error is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Anthropic,
    Openai,
}

impl Dialect {
    /// That of a path.
    pub(super) fn of(path: &str) -> Self {
        if path.ends_with("/messages") { Self::Anthropic } else { Self::Openai }
    }
}

/// The steps of a fault. `good` is the demo's answer to the request; when that is a refusal it is
/// sent in place of every fault that needs a stream.
pub(super) fn script(fault: &Fault, good: &Answer, dialect: Dialect) -> Vec<Step> {
    match fault {
        Fault::Status(status) => return whole_status(status, dialect),
        Fault::Raw(raw) => return raw_answer(raw),
        Fault::Part(pieces, then) => return part(pieces, *then),
        Fault::NotHttp => return vec![send("SSH-2.0-OpenSSH_9.6\r\n"), Step::Close],
        _ => {}
    }
    let parts = Parts::of(good);
    match fault {
        Fault::Cut(at) => parts.until(*at, [Step::Close]),
        Fault::Reset(at) => parts.until(*at, [Step::Reset]),
        Fault::Hang(at) => parts.until(*at, [Step::Hang]),
        Fault::Hold(at, gate) => parts.around(*at, Step::Hold(gate.clone())),
        Fault::Pause(at, time) => parts.around(*at, Step::Wait(*time)),
        Fault::AnswerThenClose => parts.all().into_iter().chain([Step::Close]).collect(),
        other => Parts::of(&changed(other, good.clone(), dialect)).all(),
    }
}

/// A response in the pieces between the points of [`At`]; joined they are all of it.
struct Parts([Vec<Step>; 5]);

impl Parts {
    fn of(answer: &Answer) -> Self {
        let [head, mut opening, mut first, mut middle, mut end] = [const { Vec::new() }; 5];
        let mut parts = match &answer.body {
            Body::Whole(bytes) => {
                let half = bytes.len() / 2;
                first.push(Step::Send(bytes.slice(..half)));
                middle.push(Step::Send(bytes.slice(half..bytes.len().saturating_sub(1))));
                end.push(Step::Send(bytes.slice(bytes.len().saturating_sub(1)..)));
                [head, opening, first, middle, end]
            }
            Body::Events(events) => {
                let start = events.iter().position(|e| e.is_content).unwrap_or(events.len());
                let stop = events.iter().rposition(|e| e.is_content).map_or(start, |last| last + 1);
                for (index, event) in events.iter().enumerate() {
                    let part = match index {
                        _ if index < start => &mut opening,
                        _ if index == start && start < stop => &mut first,
                        _ if index < stop => &mut middle,
                        _ => &mut end,
                    };
                    part.push(chunk(&event.bytes));
                }
                end.push(send("0\r\n\r\n"));
                [head, opening, first, middle, end]
            }
        };
        parts[0].push(head_of(answer));
        Self(parts)
    }

    fn all(self) -> Vec<Step> {
        self.0.into_iter().flatten().collect()
    }

    fn until(self, at: At, then: impl IntoIterator<Item = Step>) -> Vec<Step> {
        self.0.into_iter().take(at as usize).flatten().chain(then).collect()
    }

    fn around(self, at: At, pause: Step) -> Vec<Step> {
        let mut steps = self.0.into_iter();
        let mut all: Vec<_> = steps.by_ref().take(at as usize).flatten().collect();
        all.push(pause);
        all.extend(steps.flatten());
        all
    }
}

/// The good answer with a fault in its content.
fn changed(fault: &Fault, mut good: Answer, dialect: Dialect) -> Answer {
    if good.status != StatusCode::OK {
        return good;
    }
    good.body = match (good.body, fault) {
        (Body::Events(events), Fault::Malformed(at)) => {
            let broken = event("data: {\"choices\": [{\"delta\"\n\n");
            Body::Events(inserted(events, *at, broken))
        }
        (Body::Whole(bytes), Fault::Malformed(_)) => Body::Whole(bytes.slice(..bytes.len() / 2)),
        (Body::Events(events), Fault::ErrorEvent(at)) => {
            let mut events = inserted(events, *at, event(&error_event(dialect)));
            let place = events.iter().position(|e| is_error(&e.bytes)).unwrap();
            events.truncate(place + 1);
            Body::Events(events)
        }
        (Body::Whole(_), Fault::ErrorEvent(_)) => Body::Whole(error_body(500, dialect).into()),
        (Body::Events(events), Fault::Missing(what)) => {
            Body::Events(without(events, *what, dialect))
        }
        (Body::Events(events), Fault::Empty) => {
            Body::Events(events.into_iter().filter(|event| !event.is_content).collect())
        }
        (Body::Whole(bytes), Fault::Empty) => Body::Whole(emptied(&bytes).into()),
        (Body::Events(events), Fault::Bytewise) => Body::Events(bytewise(events)),
        (body, _) => body,
    };
    good
}

fn event(text: &str) -> Event {
    Event { bytes: text.to_owned().into(), is_content: false }
}

fn inserted(mut events: Vec<Event>, at: At, new: Event) -> Vec<Event> {
    let first = events.iter().position(|e| e.is_content).unwrap_or(events.len());
    let last = events.iter().rposition(|e| e.is_content).unwrap_or(first);
    let place = match at {
        At::BeforeHeaders | At::AfterHeaders => 0,
        At::BeforeFirstToken => first,
        At::AfterFirstToken => first + 1,
        At::AfterLastToken => last + 1,
    };
    events.insert(place.min(events.len()), new);
    events
}

fn without(mut events: Vec<Event>, what: Missing, dialect: Dialect) -> Vec<Event> {
    let last = events.iter().rposition(|e| e.is_content).unwrap_or(0);
    if what != Missing::Finish {
        events.pop();
    }
    if what != Missing::Mark {
        let is_finish = |event: &Event| match dialect {
            Dialect::Openai => {
                !contains(&event.bytes, "\"finish_reason\":null")
                    && contains(&event.bytes, "\"finish_reason\"")
            }
            Dialect::Anthropic => contains(&event.bytes, "event: message_delta"),
        };
        if let Some(place) = events.iter().skip(last).position(is_finish) {
            events.remove(last + place);
        }
    }
    events
}

fn contains(bytes: &[u8], text: &str) -> bool {
    String::from_utf8_lossy(bytes).contains(text)
}

fn is_error(bytes: &[u8]) -> bool {
    contains(bytes, "\"error\":{")
}

/// Events of one byte each, of which each becomes an HTTP chunk.
fn bytewise(events: Vec<Event>) -> Vec<Event> {
    let bytes = |event: Event| {
        let is_content = event.is_content;
        let each = event.bytes.into_iter();
        each.map(move |byte| Event { bytes: Bytes::from(vec![byte]), is_content })
    };
    events.into_iter().flat_map(bytes).collect()
}

fn emptied(bytes: &[u8]) -> String {
    let mut value: Value = serde_json::from_slice(bytes).unwrap();
    if let Some(message) = value.pointer_mut("/choices/0/message") {
        *message = json!({"content": "", "role": "assistant"});
    } else if let Some(message) = value.pointer_mut("/output/message") {
        message["content"] = json!([]);
    } else {
        value["content"] = json!([]);
    }
    value.to_string()
}

fn error_event(dialect: Dialect) -> String {
    match dialect {
        Dialect::Anthropic => format!("event: error\ndata: {}\n\n", error_body(529, dialect)),
        Dialect::Openai => format!("data: {}\n\n", error_body(500, dialect)),
    }
}

/// What the provider says with a status.
fn error_body(status: u16, dialect: Dialect) -> String {
    let (kind, code, message) = match (dialect, status) {
        (Dialect::Anthropic, 400 | 413 | 422) => ("invalid_request_error", None, "Bad request"),
        (Dialect::Anthropic, 401) => ("authentication_error", None, "invalid x-api-key"),
        (Dialect::Anthropic, 403) => ("permission_error", None, "Not allowed"),
        (Dialect::Anthropic, 404) => ("not_found_error", None, "model: unknown"),
        (Dialect::Anthropic, 429) => {
            ("rate_limit_error", None, "This request would exceed the rate limit")
        }
        (Dialect::Anthropic, 503 | 529) => ("overloaded_error", None, "Overloaded"),
        (Dialect::Anthropic, _) => ("api_error", None, "Internal server error"),
        (Dialect::Openai, 401) => {
            ("invalid_request_error", Some("invalid_api_key"), "Incorrect API key provided")
        }
        (Dialect::Openai, 404) => {
            ("invalid_request_error", Some("model_not_found"), "The model does not exist")
        }
        (Dialect::Openai, 429) => ("requests", Some("rate_limit_exceeded"), "Rate limit reached"),
        (Dialect::Openai, 400..=499) => ("invalid_request_error", None, "Bad request"),
        (Dialect::Openai, _) => {
            ("server_error", None, "The server had an error while processing your request")
        }
    };
    let error = match dialect {
        Dialect::Anthropic => {
            return json!({"type": "error", "error": {"type": kind, "message": message}})
                .to_string();
        }
        Dialect::Openai => json!({"code": code, "message": message, "param": null, "type": kind}),
    };
    json!({ "error": error }).to_string()
}

fn whole_status(status: &Status, dialect: Dialect) -> Vec<Step> {
    let body = status.body.clone().unwrap_or_else(|| error_body(status.status, dialect));
    let mut head = status_line(status.status);
    if !status.headers.iter().any(|(name, _)| name == "content-type") {
        head += "content-type: application/json\r\n";
    }
    head += &fields(&status.headers);
    vec![send(&format!("{head}content-length: {}\r\n\r\n{body}", body.len()))]
}

fn raw_answer(raw: &Raw) -> Vec<Step> {
    let head = status_line(raw.status) + &fields(&raw.headers);
    let mut steps = vec![send(&format!("{head}transfer-encoding: chunked\r\n\r\n"))];
    let mut cuts: Vec<_> = raw.cuts.iter().copied().filter(|cut| *cut < raw.body.len()).collect();
    cuts.extend([0, raw.body.len()]);
    cuts.sort_unstable();
    cuts.dedup();
    steps.extend(cuts.windows(2).map(|edges| chunk(&raw.body[edges[0]..edges[1]])));
    steps.push(send("0\r\n\r\n"));
    steps
}

fn part(pieces: &[Vec<u8>], then: Then) -> Vec<Step> {
    let head = status_line(200) + "content-type: text/event-stream\r\n";
    let mut steps = vec![send(&format!("{head}transfer-encoding: chunked\r\n\r\n"))];
    steps.extend(pieces.iter().filter(|piece| !piece.is_empty()).map(|piece| chunk(piece)));
    steps.push(match then {
        Then::End => send("0\r\n\r\n"),
        Then::Hang => Step::Hang,
        Then::Reset => Step::Reset,
    });
    steps
}

fn status_line(status: u16) -> String {
    let reason = StatusCode::from_u16(status).ok().and_then(|s| s.canonical_reason());
    format!("HTTP/1.1 {status} {}\r\n", reason.unwrap_or("Unknown"))
}

fn fields(headers: &[(String, String)]) -> String {
    headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
}

fn head_of(answer: &Answer) -> Step {
    let mut head = status_line(answer.status.as_u16());
    for (name, value) in &answer.headers {
        head += &format!("{name}: {}\r\n", value.to_str().unwrap());
    }
    head += &match &answer.body {
        Body::Whole(bytes) => format!("content-length: {}\r\n\r\n", bytes.len()),
        Body::Events(_) => "transfer-encoding: chunked\r\n\r\n".to_owned(),
    };
    send(&head)
}

fn send(text: &str) -> Step {
    Step::Send(Bytes::copy_from_slice(text.as_bytes()))
}

/// An HTTP chunk, whose boundaries a client sees as they are.
fn chunk(bytes: &[u8]) -> Step {
    let size = format!("{:x}\r\n", bytes.len());
    Step::Send([size.as_bytes(), bytes, b"\r\n"].concat().into())
}
