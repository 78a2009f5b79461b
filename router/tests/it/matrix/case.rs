//! The cases: what fails, where, and who asks.

use std::time::Duration;

use serde_json::{Value, json};

use crate::bedrock::{delta, event, frame};
use crate::faults::{At, Fault, Status, Then};

pub const UPSTREAMS: [&str; 3] = ["openai", "anthropic", "bedrock"];
pub const COMMITS: [&str; 3] = ["headers", "first_token", "complete"];
const CLIENTS: [Client; 3] = [Client::Chat, Client::Messages, Client::Responses];
/// Long enough for a good answer on a loaded machine; every silent case waits for it.
pub const FIRST_TOKEN: Duration = Duration::from_millis(1000);
/// The pause before a retry, where the provider does not ask for one.
pub const BACK_OFF: Duration = Duration::from_millis(100);
/// What a provider asks for in its headers, where it limits.
pub const RETRY_AFTER: Duration = Duration::from_millis(300);
/// What the roles retry: all that can be.
pub const RETRIED: [Class; 4] =
    [Class::Network, Class::RateLimit, Class::Overloaded, Class::ServerError];

pub use model_map::FailureClass as Class;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Client {
    Chat,
    Messages,
    Responses,
}

/// How far the first link's answer had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Point {
    BeforeHeaders,
    AfterHeaders,
    AfterFirstToken,
    InToolCall,
}

impl Point {
    pub const ALL: [Self; 4] =
        [Self::BeforeHeaders, Self::AfterHeaders, Self::AfterFirstToken, Self::InToolCall];
}

#[derive(Debug, Clone)]
pub struct Case {
    pub class: Class,
    pub point: Point,
    pub client: Client,
    pub upstream: &'static str,
    pub streamed: bool,
    pub commit: &'static str,
}

/// Every combination that exists: an answer is empty at its end alone, and what is whole has no
/// error in its middle but that it breaks off.
pub fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for class in Class::ALL {
        for point in Point::ALL {
            for client in CLIENTS {
                for upstream in UPSTREAMS {
                    for (streamed, commit) in COMMITS
                        .map(|commit| (true, commit))
                        .into_iter()
                        .chain([(false, COMMITS[1])])
                    {
                        let case = Case { class, point, client, upstream, streamed, commit };
                        cases.extend(case.exists().then_some(case));
                    }
                }
            }
        }
    }
    cases
}

impl Case {
    fn exists(&self) -> bool {
        let breaks = matches!(self.class, Class::Network | Class::Timeout);
        // A guardrail of Bedrock's is an ending, and its whole answers have no errors under a 200.
        let is_told = self.point == Point::BeforeHeaders || self.streamed;
        let is_bedrocks =
            self.class != Class::ContentFilter && (is_told || breaks || self.class == Class::Empty);
        if self.upstream == "bedrock" && !is_bedrocks {
            return false;
        }
        match self.point {
            Point::BeforeHeaders => self.class != Class::Empty,
            Point::AfterHeaders => true,
            // Of nothing but reasoning.
            Point::AfterFirstToken if self.class == Class::Empty => self.streamed,
            Point::AfterFirstToken | Point::InToolCall => {
                self.class != Class::Empty && (self.streamed || breaks)
            }
        }
    }

    pub fn path(&self) -> &'static str {
        match self.client {
            Client::Chat => "/v1/chat/completions",
            Client::Messages => "/v1/messages",
            Client::Responses => "/v1/responses",
        }
    }

    pub fn request(&self) -> Value {
        let quick = if self.class == Class::Timeout { "-quick" } else { "" };
        let role = format!("{}-{}{quick}", self.upstream, self.commit);
        let mut body = json!({"model": role, "stream": self.streamed});
        match self.client {
            Client::Responses => body["input"] = "Say hello.".into(),
            Client::Chat | Client::Messages => {
                body["max_tokens"] = 100.into();
                body["messages"] = json!([{"role": "user", "content": "Say hello."}]);
            }
        }
        body
    }

    /// Whether this is how the client's protocol ends a stream.
    pub fn ends_with(&self, data: &str) -> bool {
        match self.client {
            Client::Chat => data == "[DONE]",
            Client::Messages => data.contains("\"message_stop\""),
            Client::Responses => data.contains("\"response.completed\""),
        }
    }

    /// Whether anything in a stream says that the answer is whole.
    pub fn finishes(&self, body: &str) -> bool {
        let marks = [
            "[DONE]",
            "\"message_stop\"",
            "\"response.completed\"",
            "\"end_turn\"",
            "\"finish_reason\":\"stop\"",
            "\"finish_reason\":\"tool_calls\"",
        ];
        marks.iter().any(|mark| body.contains(mark))
    }

    /// What the first link's provider does.
    pub fn fault(&self) -> Fault {
        let whole_at = match self.point {
            Point::BeforeHeaders => At::BeforeHeaders,
            Point::AfterHeaders => At::AfterHeaders,
            Point::AfterFirstToken | Point::InToolCall => At::AfterFirstToken,
        };
        match (self.class, self.point) {
            (Class::Network, Point::BeforeHeaders) => Fault::Reset(At::BeforeHeaders),
            (Class::Timeout, Point::BeforeHeaders) => Fault::Hang(At::BeforeHeaders),
            (_, Point::BeforeHeaders) => self.status(),
            (Class::Empty, Point::AfterFirstToken) => Fault::Part(vec![self.thoughts()], Then::End),
            (Class::Empty, _) => Fault::Empty,
            (Class::Network, _) if !self.streamed => Fault::Reset(whole_at),
            (Class::Timeout, _) if !self.streamed => Fault::Hang(whole_at),
            // An error under a 200.
            (_, _) if !self.streamed => match self.status() {
                Fault::Status(status) => Fault::Status(Status { status: 200, ..status }),
                other => other,
            },
            (Class::Network, _) => Fault::Part(vec![self.start()], Then::Reset),
            (Class::Timeout, _) => Fault::Part(vec![self.start()], Then::Hang),
            (_, _) => {
                let error = match self.upstream {
                    "anthropic" => format!("event: error\ndata: {}\n\n", self.error()).into_bytes(),
                    "bedrock" => self.exception_in_a_stream(),
                    _ => format!("data: {}\n\n", self.error()).into_bytes(),
                };
                Fault::Part(vec![[self.start(), error].concat()], Then::End)
            }
        }
    }

    fn status(&self) -> Fault {
        let status = match self.class {
            Class::InvalidRequest | Class::ContextLength | Class::ContentFilter => 400,
            Class::RateLimit => 429,
            Class::Overloaded => 503,
            Class::Timeout => 408,
            Class::Auth => 401,
            Class::NotFound => 404,
            Class::Network | Class::Empty | Class::ServerError => 500,
        };
        let mut fault = Fault::status(status).with_body(&self.error());
        if self.upstream == "bedrock" {
            let (kind, message) = self.exception();
            fault = Fault::status(status).with_body(&json!({ "message": message }).to_string());
            fault = fault.with_header("x-amzn-errortype", &format!("{kind}:http://internal/"));
        }
        if self.class != Class::RateLimit {
            return fault;
        }
        fault.with_header("retry-after-ms", &RETRY_AFTER.as_millis().to_string())
    }

    /// The provider's error object.
    fn error(&self) -> String {
        let (kind, status, code, message) = match self.class {
            Class::RateLimit => ("rate_limit_error", 429, None, "Slow down"),
            Class::Overloaded => ("overloaded_error", 529, None, "Overloaded"),
            Class::Auth => ("authentication_error", 401, None, "Bad key"),
            Class::NotFound => ("not_found_error", 404, None, "No such model"),
            Class::ContextLength => {
                ("invalid_request_error", 400, Some("context_length_exceeded"), "Too long")
            }
            Class::ContentFilter => {
                ("invalid_request_error", 400, Some("content_filter"), "Filtered")
            }
            Class::InvalidRequest => ("invalid_request_error", 400, None, "Bad request"),
            _ => ("api_error", 500, None, "Internal error"),
        };
        let mut error = json!({"type": kind, "message": message});
        match (self.upstream, code) {
            (_, Some(code)) => error["code"] = code.into(),
            ("openai", None) => error["code"] = status.into(),
            _ => {}
        }
        json!({"type": "error", "error": error}).to_string()
    }

    /// The exception of Bedrock's, and what it says.
    fn exception(&self) -> (&'static str, &'static str) {
        match self.class {
            Class::RateLimit => ("ThrottlingException", "Slow down"),
            Class::Overloaded => ("ServiceUnavailableException", "Overloaded"),
            Class::Auth => ("AccessDeniedException", "Bad key"),
            Class::NotFound => ("ResourceNotFoundException", "No such model"),
            Class::ContextLength => {
                ("ValidationException", "Input is too long for requested model.")
            }
            Class::InvalidRequest => ("ValidationException", "Bad request"),
            Class::Timeout => ("ModelTimeoutException", "Too slow"),
            _ => ("InternalServerException", "Internal error"),
        }
    }

    /// In a stream its name begins in lower case.
    fn exception_in_a_stream(&self) -> Vec<u8> {
        let (kind, message) = self.exception();
        let (first, rest) = kind.split_at(1);
        let kind = first.to_lowercase() + rest;
        frame("exception", &kind, &json!({ "message": message }))
    }

    /// The stream up to the point.
    fn start(&self) -> Vec<u8> {
        if self.upstream == "bedrock" {
            return self.frames().concat();
        }
        let events = if self.upstream == "anthropic" { self.messages() } else { self.chunks() };
        events.concat().into_bytes()
    }

    /// A stream that ends well, and holds nothing but reasoning.
    fn thoughts(&self) -> Vec<u8> {
        match self.upstream {
            "bedrock" => {
                let thought = json!({"reasoningContent": {"text": "Hm"}});
                let stop = event("contentBlockStop", json!({"contentBlockIndex": 0}));
                let end = event("messageStop", json!({"stopReason": "end_turn"}));
                let start = event("messageStart", json!({"role": "assistant"}));
                [start, delta(0, thought), stop, end].concat()
            }
            "anthropic" => {
                let events = [
                    json!({"type": "message_start", "message": {"id": "msg_1", "type": "message",
                        "role": "assistant", "content": [], "model": "m", "stop_reason": null,
                        "usage": {"input_tokens": 3, "output_tokens": 1}}}),
                    json!({"type": "content_block_start", "index": 0,
                        "content_block": {"type": "thinking", "thinking": "", "signature": ""}}),
                    json!({"type": "content_block_delta", "index": 0,
                        "delta": {"type": "thinking_delta", "thinking": "Hm"}}),
                    json!({"type": "content_block_stop", "index": 0}),
                    json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"},
                        "usage": {"output_tokens": 1}}),
                    json!({"type": "message_stop"}),
                ];
                let name = |event: &Value| event["type"].as_str().unwrap().to_owned();
                let event = |event: &Value| format!("event: {}\ndata: {event}\n\n", name(event));
                events.iter().map(event).collect::<String>().into_bytes()
            }
            _ => {
                let chunk = |delta: Value, finish: Value| {
                    let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
                    let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1,
                        "model": "m", "choices": [choice]});
                    format!("data: {chunk}\n\n")
                };
                let thought = chunk(json!({"reasoning_content": "Hm"}), Value::Null);
                let stop = chunk(json!({}), "stop".into());
                [thought, stop, "data: [DONE]\n\n".to_owned()].concat().into_bytes()
            }
        }
    }

    fn chunks(&self) -> Vec<String> {
        let chunk = |delta: Value| {
            let choice = json!({"index": 0, "delta": delta, "finish_reason": null});
            let chunk = json!({"id": "c", "object": "chat.completion.chunk", "created": 1,
                "model": "m", "choices": [choice]});
            format!("data: {chunk}\n\n")
        };
        let call = |function: Value| {
            let mut call = json!({"index": 0, "function": function});
            if call["function"]["name"].is_string() {
                call["id"] = "call_1".into();
                call["type"] = "function".into();
            }
            chunk(json!({"tool_calls": [call]}))
        };
        let role = chunk(json!({"role": "assistant", "content": ""}));
        match self.point {
            Point::BeforeHeaders => Vec::new(),
            Point::AfterHeaders => vec![role],
            Point::AfterFirstToken => vec![role, chunk(json!({"content": "Hel"}))],
            Point::InToolCall => vec![
                role,
                call(json!({"name": "look", "arguments": ""})),
                call(json!({"arguments": "{\"at\": "})),
            ],
        }
    }

    fn frames(&self) -> Vec<Vec<u8>> {
        let start = event("messageStart", json!({"role": "assistant"}));
        let call = json!({"toolUse": {"toolUseId": "t1", "name": "look"}});
        match self.point {
            Point::BeforeHeaders => Vec::new(),
            Point::AfterHeaders => vec![start],
            Point::AfterFirstToken => vec![start, delta(0, json!({"text": "Hel"}))],
            Point::InToolCall => vec![
                start,
                event("contentBlockStart", json!({"contentBlockIndex": 0, "start": call})),
                delta(0, json!({"toolUse": {"input": "{\"at\": "}})),
            ],
        }
    }

    fn messages(&self) -> Vec<String> {
        let event =
            |event: Value| format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap());
        let block = |block: Value| {
            event(json!({"type": "content_block_start", "index": 0, "content_block": block}))
        };
        let delta = |delta: Value| {
            event(json!({"type": "content_block_delta", "index": 0, "delta": delta}))
        };
        let message = json!({"id": "msg_1", "type": "message", "role": "assistant", "content": [],
            "model": "m", "stop_reason": null, "stop_sequence": null,
            "usage": {"input_tokens": 3, "output_tokens": 1}});
        let start = event(json!({"type": "message_start", "message": message}));
        match self.point {
            Point::BeforeHeaders => Vec::new(),
            Point::AfterHeaders => vec![start],
            Point::AfterFirstToken => vec![
                start,
                block(json!({"type": "text", "text": ""})),
                delta(json!({"type": "text_delta", "text": "Hel"})),
            ],
            Point::InToolCall => vec![
                start,
                block(json!({"type": "tool_use", "id": "toolu_1", "name": "look", "input": {}})),
                delta(json!({"type": "input_json_delta", "partial_json": "{\"at\": "})),
            ],
        }
    }
}
