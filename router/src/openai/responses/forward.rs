//! Responses of upstreams that have them, read along while they are forwarded.
//!
//! Owns what the router notes of them; the bytes are `wire::forward`'s.

use std::borrow::Cow;

use bytes::Bytes;
use model_map::FailureClass;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::error::Broken;
use crate::wire::forward::{Forward, ReadAlong, Verdict, is_json};
use crate::wire::{Answer, UpstreamError, Usage, error};

/// Forwards a stream of a response's events.
pub(crate) type Reader = Forward<Along>;

/// What has been noted.
#[derive(Debug, Default)]
pub(crate) struct Along {
    content: bool,
    token: bool,
    incomplete: bool,
    reason: Option<&'static str>,
    usage: Option<Usage>,
    /// The number of the next event.
    number: u64,
    head: Head,
}

/// What every event that holds the response says of it.
#[derive(Debug, Default, Deserialize)]
struct Head {
    #[serde(default)]
    id: String,
    #[serde(default)]
    model: String,
    #[serde(default)]
    created_at: Value,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Cow<'a, str>,
    #[serde(default)]
    sequence_number: Option<u64>,
    #[serde(borrow, default)]
    delta: Option<&'a RawValue>,
    #[serde(borrow, default)]
    item: Option<Item<'a>>,
    #[serde(borrow, default)]
    response: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Item<'a> {
    #[serde(rename = "type", borrow, default)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
}

impl Item<'_> {
    /// Whether it is an answer, or a part of one.
    fn is_content(&self) -> bool {
        match self.kind.as_ref() {
            "reasoning" => false,
            "message" => self.content.is_some_and(says_something),
            _ => true,
        }
    }
}

/// Whether a message's content is more than empty texts.
fn says_something(content: &RawValue) -> bool {
    #[derive(Deserialize)]
    struct Part<'a> {
        #[serde(borrow, default)]
        text: Option<&'a RawValue>,
        #[serde(borrow, default)]
        refusal: Option<&'a RawValue>,
    }
    let Ok(parts) = serde_json::from_str::<Vec<Part<'_>>>(content.get()) else { return true };
    parts.iter().any(|part| match part.text.or(part.refusal) {
        Some(text) => text.get() != "\"\"",
        None => true,
    })
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
    #[serde(borrow, default)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    output: Option<Vec<Item<'a>>>,
    #[serde(borrow, default)]
    incomplete_details: Option<Incomplete<'a>>,
    #[serde(default)]
    usage: Option<WireUsage>,
}

#[derive(Deserialize)]
struct Incomplete<'a> {
    #[serde(borrow, default)]
    reason: Option<Cow<'a, str>>,
}

impl Response<'_> {
    /// Why it ended, in the words of `wire::Told`.
    fn reason(&self) -> &'static str {
        let calls =
            |item: &Item<'_>| matches!(item.kind.as_ref(), "function_call" | "custom_tool_call");
        let details = self.incomplete_details.as_ref();
        match details.map(|it| it.reason.as_deref().unwrap_or_default()) {
            Some("max_output_tokens") => "length",
            Some("content_filter") => "content_filter",
            Some(_) => "other",
            None if self.output.iter().flatten().any(calls) => "tool_calls",
            None => "stop",
        }
    }
}

#[derive(Deserialize)]
struct WireUsage {
    #[serde(default)]
    input_tokens: u64,
    #[serde(default)]
    output_tokens: u64,
    #[serde(default)]
    input_tokens_details: Option<InputDetails>,
    #[serde(default)]
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Default, Deserialize)]
struct InputDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
    #[serde(default)]
    cache_write_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct OutputDetails {
    #[serde(default)]
    reasoning_tokens: Option<u64>,
}

impl From<WireUsage> for Usage {
    fn from(wire: WireUsage) -> Self {
        let input = wire.input_tokens_details.unwrap_or_default();
        Self {
            input: wire.input_tokens,
            cache_read: input.cached_tokens.unwrap_or(0),
            cache_write: input.cache_write_tokens.unwrap_or(0),
            output: wire.output_tokens,
            reasoning: wire.output_tokens_details.and_then(|details| details.reasoning_tokens),
        }
    }
}

impl ReadAlong for Along {
    fn judge(&mut self, name: &[u8], data: &[u8]) -> Verdict {
        let text = std::str::from_utf8(data).unwrap_or_default();
        match serde_json::from_str::<Event<'_>>(text) {
            Ok(event) if event.kind == "error" => Verdict::Fail(error::read_event(text)),
            Ok(event) if event.kind == "response.failed" => {
                let response = event.response.map_or(text, RawValue::get);
                Verdict::Fail(error::read_event(response))
            }
            Ok(event) => self.note(&event),
            Err(_) if name == b"error" => Verdict::Fail(error::read_event(text)),
            Err(_) if is_json(text) => Verdict::Forward,
            Err(_) => Verdict::LeaveOut,
        }
    }

    fn has_token(&self) -> bool {
        self.token
    }

    /// The event that tells why it ends is the end mark itself.
    fn has_finished(&self) -> bool {
        false
    }

    fn is_answer(&self) -> bool {
        self.content || self.incomplete
    }

    fn usage(&self) -> Option<Usage> {
        self.usage
    }

    fn reason(&self) -> Option<&'static str> {
        self.reason
    }
}

impl Along {
    /// What is known of the response where it breaks off. Its items are not kept: the client has
    /// them.
    pub(crate) fn broken(&self) -> Broken {
        if self.head.id.is_empty() {
            return Broken { number: self.number, ..Broken::default() };
        }
        let Head { id, model, created_at } = &self.head;
        let response = json!({"id": id, "object": "response", "created_at": created_at,
            "model": model, "output": []});
        Broken { number: self.number, response }
    }

    fn note(&mut self, event: &Event<'_>) -> Verdict {
        let is_filled = event.delta.is_some_and(|delta| delta.get() != "\"\"");
        match event.kind.as_ref() {
            "response.completed" | "response.incomplete" => {
                self.incomplete |= event.kind == "response.incomplete";
                let response = event.response.and_then(|raw| serde_json::from_str(raw.get()).ok());
                let response: Option<Response<'_>> = response;
                self.reason = response.as_ref().map(Response::reason);
                let output = response.as_ref().and_then(|response| response.output.as_ref());
                self.content |= output.is_some_and(|all| all.iter().any(Item::is_content));
                self.usage = response.and_then(|it| it.usage).map(Usage::from).or(self.usage);
                return Verdict::End;
            }
            "response.created" => {
                let head = event.response.and_then(|raw| serde_json::from_str(raw.get()).ok());
                self.head = head.unwrap_or_default();
            }
            "response.output_text.delta" | "response.refusal.delta" => self.content |= is_filled,
            "response.output_item.added" => {
                let kind = event.item.as_ref().map_or("message", |item| item.kind.as_ref());
                self.content |= !matches!(kind, "message" | "reasoning");
            }
            _ => (),
        }
        self.number = event.sequence_number.map_or(self.number, |number| number + 1);
        self.token |= self.content || (is_filled && event.kind.ends_with(".delta"));
        Verdict::Forward
    }
}

/// Checks a whole response, which is forwarded as it came. Errors: `server_error` where it is
/// none, the error's class where it failed, `empty` where it is complete and holds nothing.
pub(crate) fn read(body: Bytes) -> Result<Answer, UpstreamError> {
    let not_one = || UpstreamError::of(FailureClass::ServerError, "the answer is not a response");
    let text = std::str::from_utf8(&body).map_err(|_| not_one())?;
    let response: Response<'_> = serde_json::from_str(text).map_err(|_| not_one())?;
    if response.error.is_some() {
        return Err(error::read_event(text));
    }
    let finish = Some(response.reason());
    let output = response.output.ok_or_else(not_one)?;
    if response.status.as_deref() == Some("completed") && !output.iter().any(Item::is_content) {
        return Err(UpstreamError::of(FailureClass::Empty, "a response without output"));
    }
    let usage = response.usage.map(Usage::from);
    Ok(Answer { body, usage, finish })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{End, Ending};

    fn event(event: &Value) -> String {
        format!("event: {}\ndata: {event}\n\n", event["type"].as_str().unwrap())
    }

    fn ended(status: &str, output: &Value) -> Value {
        let details = match status {
            "incomplete" => json!({"reason": "max_output_tokens"}),
            _ => Value::Null,
        };
        json!({"id": "resp_1", "object": "response", "model": "m", "status": status,
            "error": null, "incomplete_details": details, "output": output})
    }

    /// Both forms of a response that thought, and then ended so.
    fn both(status: &str, output: &Value) -> (bool, End, bool) {
        let response = ended(status, output);
        let thought =
            event(&json!({"type": "response.reasoning_summary_text.delta", "delta": "a"}));
        let end = event(&json!({"type": format!("response.{status}"), "response": response}));
        let mut reader = Reader::default();
        let out = reader.push(format!("{thought}{end}").into()).out;
        let is_sent = out == format!("{thought}{end}");
        assert!(is_sent || out == thought, "{out:?}");
        let whole = read(response.to_string().into());
        let is_empty = whole.is_err_and(|error| error.failure.class == FailureClass::Empty);
        (is_sent, reader.finish(), is_empty)
    }

    #[test]
    fn a_response_that_breaks_off_is_told_by_its_number_and_its_name() {
        let mut reader = Reader::default();
        let head = json!({"id": "resp_1", "model": "m", "created_at": 7});
        for (number, kind) in ["response.created", "response.output_text.delta"].iter().enumerate()
        {
            let one =
                json!({"type": kind, "sequence_number": number, "response": head, "delta": "a"});
            reader.push(event(&one).into());
        }
        let Broken { number, response } = reader.along().broken();
        assert_eq!(number, 2);
        for name in ["id", "model", "created_at"] {
            assert_eq!(response[name], head[name]);
        }
        assert_eq!(Reader::default().along().broken().number, 0);
    }

    #[test]
    fn both_forms_of_a_response_agree_on_whether_it_is_empty() {
        let reasoning = json!({"type": "reasoning", "summary": []});
        let message = |text: &str| json!({"type": "message", "content": [{"type": "output_text", "text": text}]});
        for output in [json!([]), json!([reasoning]), json!([reasoning, message("")])] {
            let (is_sent, end, is_empty) = both("completed", &output);
            assert!(!is_sent && is_empty, "{output}");
            assert_eq!(end.ending, Ending::Empty, "{output}");
            let (is_sent, end, is_empty) = both("incomplete", &output);
            assert!(is_sent && !is_empty, "{output}");
            assert_eq!(end.ending, Ending::Complete, "{output}");
        }
        let call = json!({"type": "function_call"});
        for output in [json!([reasoning, message("a")]), json!([call])] {
            let (is_sent, end, is_empty) = both("completed", &output);
            assert!(is_sent && !is_empty, "{output}");
            assert_eq!(end.ending, Ending::Complete, "{output}");
        }
    }
}
