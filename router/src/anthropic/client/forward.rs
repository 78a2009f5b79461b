//! Messages of upstreams that speak the client's protocol, read along while they are forwarded.
//!
//! Owns what the router notes of them; the bytes are `wire::forward`'s.

use bytes::Bytes;
use model_map::FailureClass;

use crate::anthropic::message::{
    Block, BlockKind, DeltaKind, Event, EventKind, Message, StopReason, text,
};
use crate::anthropic::usage::WireUsage;
use crate::json;
use crate::wire::forward::{Forward, ReadAlong, Verdict, is_json};
use crate::wire::{Answer, UpstreamError, Usage, error};

/// Forwards a stream of a message's events.
pub(crate) type Reader = Forward<Along>;

/// What has been noted.
#[derive(Debug, Default)]
pub(crate) struct Along {
    content: bool,
    token: bool,
    stop: Option<StopReason>,
    /// Calls of the client's tools.
    calls: u32,
    usage: Option<WireUsage>,
}

impl ReadAlong for Along {
    fn judge(&mut self, name: &[u8], data: &[u8]) -> Verdict {
        let text = std::str::from_utf8(data).unwrap_or_default();
        match json::read(text, Event::read) {
            Some(event) if event.kind == EventKind::Error || event.error.is_some() => {
                self.fail(text)
            }
            Some(event) => self.note(&event),
            None if name == b"error" => self.fail(text),
            None if is_json(text) => Verdict::Forward,
            None => Verdict::LeaveOut,
        }
    }

    fn has_token(&self) -> bool {
        self.token
    }

    fn has_finished(&self) -> bool {
        self.stop.is_some()
    }

    fn is_answer(&self) -> bool {
        self.content || StopReason::excuses_emptiness(self.stop)
    }

    fn usage(&self) -> Option<Usage> {
        self.usage.map(Usage::from)
    }

    fn reason(&self) -> Option<&'static str> {
        self.stop.is_some().then(|| StopReason::finish_reason(self.stop, self.calls))
    }
}

impl Along {
    /// After its stop reason a message is whole, and an error is forwarded like the rest.
    fn fail(&self, text: &str) -> Verdict {
        match self.content && self.stop.is_some() {
            true => Verdict::Forward,
            false => Verdict::Fail(error::read_event(text)),
        }
    }

    fn note(&mut self, event: &Event<'_>) -> Verdict {
        match event.kind {
            EventKind::MessageStart => self.count(event.message.usage),
            EventKind::ContentBlockStart => self.block(&event.content_block),
            EventKind::ContentBlockDelta => {
                if let Some(delta) = &event.delta {
                    let is_text = delta.kind == DeltaKind::TextDelta && text(delta.text).is_some();
                    self.content |= is_text;
                    self.token |= is_text
                        || text(delta.thinking).is_some()
                        || text(delta.signature).is_some()
                        || text(delta.partial_json).is_some();
                }
            }
            EventKind::MessageDelta => {
                self.count(event.usage);
                let stop = event.delta.as_ref().and_then(|delta| delta.stop_reason);
                self.stop = stop.or(self.stop);
            }
            EventKind::MessageStop => return Verdict::End,
            EventKind::ContentBlockStop | EventKind::Error | EventKind::Unknown => (),
        }
        Verdict::Forward
    }

    fn block(&mut self, block: &Block<'_>) {
        let is_content = is_content(block);
        self.calls += u32::from(block.kind == BlockKind::ToolUse);
        self.content |= is_content;
        self.token |= is_content || text(block.thinking).is_some() || text(block.data).is_some();
    }

    fn count(&mut self, usage: Option<WireUsage>) {
        if let Some(later) = usage {
            self.usage.get_or_insert_default().update(later);
        }
    }
}

/// Whether a block is an answer: this client knows the provider's own tools, too.
fn is_content(block: &Block<'_>) -> bool {
    match block.kind {
        BlockKind::Text => text(block.text).is_some(),
        BlockKind::Thinking | BlockKind::RedactedThinking => false,
        BlockKind::ToolUse | BlockKind::Hidden => true,
    }
}

/// Checks a number of tokens, which is forwarded as it came. Errors as for messages.
pub(crate) fn read_count(body: Bytes) -> Result<Answer, UpstreamError> {
    let text = std::str::from_utf8(&body).unwrap_or_default();
    let (mut tokens, mut told) = (None, None);
    let read = json::read(text, |answer| {
        let is_object = answer.members(&mut |key, value| match key {
            "input_tokens" => tokens = value.number(),
            "error" => told = value.raw(),
            _ => (),
        });
        is_object.then_some(())
    });
    match (read.and(tokens), told) {
        (Some(_), _) => Ok(Answer { body, usage: None, finish: None }),
        (None, Some(_)) => Err(error::read_event(text)),
        _ => Err(UpstreamError::of(FailureClass::ServerError, "the answer is not a count")),
    }
}

/// Checks a whole message, which is forwarded as it came. Errors: `server_error` where it is none,
/// the error's class where it is an error object, `empty` where it holds nothing and gives no
/// reason for that.
pub(crate) fn read(body: Bytes) -> Result<Answer, UpstreamError> {
    let not_a_message =
        || UpstreamError::of(FailureClass::ServerError, "the answer is not a message");
    let text = std::str::from_utf8(&body).map_err(|_| not_a_message())?;
    let message = json::read(text, Message::read).ok_or_else(not_a_message)?;
    if message.error.is_some() {
        return Err(error::read_event(text));
    }
    let blocks = message.content.as_deref().ok_or_else(not_a_message)?;
    let excused = StopReason::excuses_emptiness(message.stop_reason);
    if !excused && !blocks.iter().any(is_content) {
        return Err(UpstreamError::of(FailureClass::Empty, "a message without content"));
    }
    let usage = message.usage.map(Usage::from);
    let calls = blocks.iter().filter(|block| block.kind == BlockKind::ToolUse).count();
    let calls = u32::try_from(calls).unwrap_or(u32::MAX);
    let finish = Some(StopReason::finish_reason(message.stop_reason, calls));
    Ok(Answer { body, usage, finish })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_told_from_an_error() {
        let class = |body: &'static str| {
            read_count(Bytes::from_static(body.as_bytes())).err().map(|error| error.failure.class)
        };
        assert_eq!(class(r#"{"input_tokens":7,"error":null}"#), None);
        let limited = r#"{"type":"error","error":{"type":"rate_limit_error","message":"m"}}"#;
        assert_eq!(class(limited), Some(FailureClass::RateLimit));
        for other in [r#"{"input_tokens":"7"}"#, r#"{"input_tokens":7"#, "7", ""] {
            assert_eq!(class(other), Some(FailureClass::ServerError), "{other}");
        }
    }
}
