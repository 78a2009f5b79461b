//! Whole answers of upstreams that speak the client's protocol.
//!
//! Owns the check that there is an answer; the bytes are forwarded as they came.

use bytes::Bytes;
use model_map::FailureClass;

use super::chunk::{Chunk, Finish};
use crate::json;
use crate::wire::{Answer, UpstreamError, error};

/// Checks an answer's body and reads what it used. Errors: `server_error` where it is no JSON
/// object, the error's class where it holds an error object, `empty` where it holds neither
/// content nor a tool call and says nothing of the output limit or a filter.
pub fn read(body: Bytes) -> Result<Answer, UpstreamError> {
    let Some((text, chunk)) = parse(&body) else {
        let message = "the answer is not a chat completion";
        return Err(UpstreamError::of(FailureClass::ServerError, message));
    };
    if chunk.is_error() {
        return Err(error::read_event(text));
    }
    if !chunk.choices.content && chunk.choices.finish != Some(Finish::Curtailed) {
        return Err(UpstreamError::of(FailureClass::Empty, "an answer without content"));
    }
    let (finish, usage) = (chunk.choices.reason, chunk.usage());
    Ok(Answer { body, usage, finish })
}

fn parse(body: &[u8]) -> Option<(&str, Chunk<'_>)> {
    // JSON's own white space alone, since the bytes go on as they came.
    let text = std::str::from_utf8(body).ok()?.trim_start_matches([' ', '\t', '\n', '\r']);
    text.starts_with('{').then_some(())?;
    Some((text, json::read(text, Chunk::read)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(body: &'static str) -> FailureClass {
        read(Bytes::from_static(body.as_bytes())).expect_err("no answer").failure.class
    }

    #[test]
    fn forwards_the_very_bytes() {
        let body = Bytes::from_static(
            b"\n\n{\"choices\":[{\"message\":{\"content\":\"a\"}}],\"usage\":{\"prompt_tokens\":3}}",
        );
        let answer = read(body.clone()).expect("an answer");
        assert_eq!((answer.body.as_ptr(), answer.body.len()), (body.as_ptr(), body.len()));
        assert_eq!(answer.usage.map(|usage| usage.input), Some(3));
    }

    #[test]
    fn tells_what_is_no_answer() {
        assert_eq!(class("<html>"), FailureClass::ServerError);
        assert_eq!(class("\x0c{\"choices\":[]}"), FailureClass::ServerError);
        assert_eq!(class(r#"{"choices":[{"message":{"content":"a"#), FailureClass::ServerError);
        assert_eq!(class(r#"{"choices":[{"message":{"content":null}}]}"#), FailureClass::Empty);
        assert_eq!(
            class(r#"{"error":{"message":"m","type":"rate_limit_error"}}"#),
            FailureClass::RateLimit
        );
    }

    #[test]
    fn an_answer_may_be_empty_for_a_reason() {
        let body = r#"{"choices":[{"message":{"content":""},"finish_reason":"length"}]}"#;
        assert!(read(body.into()).is_ok());
    }
}
