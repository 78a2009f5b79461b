//! Whole messages, turned into chat completions.
//!
//! Owns the choice's message; streams are in `stream`.

use std::borrow::Cow;

use bytes::{Bytes, BytesMut};
use model_map::FailureClass;

use super::chunks::{annotation, encrypted_detail, put_usage, quoted, text_detail};
use super::message::{Block, BlockKind, Message, StopReason, characters, cited, explanation, text};
use crate::json;
use crate::wire::answer::ANSWER_TOOL;
use crate::wire::{Answer, AnswerOptions, UpstreamError, Usage, error};

/// Turns a message into a chat completion. Errors: `server_error` where it is no message, the
/// error's class where it is an error object, `empty` where it holds neither content nor a tool
/// call and no reason for that (the output limit, a refusal).
pub fn translate(body: &Bytes, options: &AnswerOptions) -> Result<Answer, UpstreamError> {
    let not_a_message =
        || UpstreamError::of(FailureClass::ServerError, "the answer is not a message");
    let body = std::str::from_utf8(body).map_err(|_| not_a_message())?;
    let message = json::read(body, Message::read).ok_or_else(not_a_message)?;
    if message.error.is_some() {
        return Err(error::read_event(body));
    }
    let mut parts = Parts::default();
    for block in message.content.as_ref().ok_or_else(not_a_message)? {
        parts.add(block, options);
    }
    if message.stop_reason == Some(StopReason::Refusal) {
        parts.refusal = explanation(message.stop_details);
    }
    if parts.is_empty() && !StopReason::excuses_emptiness(message.stop_reason) {
        return Err(UpstreamError::of(FailureClass::Empty, "a message without content"));
    }
    let usage = message.usage.map(Usage::from);
    let finish = Some(StopReason::finish_reason(message.stop_reason, parts.count_calls()));
    Ok(Answer { body: write(&message, &parts, usage, options), usage, finish })
}

/// The parts of the choice's message, as JSON.
#[derive(Default)]
struct Parts<'a> {
    /// Strings that are one, without quotes.
    content: String,
    characters: u64,
    reasoning: String,
    details: Vec<String>,
    /// Reasoning blocks so far.
    reasonings: u32,
    calls: Vec<String>,
    annotations: Vec<String>,
    refusal: Option<&'a str>,
}

impl<'a> Parts<'a> {
    fn is_empty(&self) -> bool {
        self.content.is_empty() && self.calls.is_empty() && self.refusal.is_none()
    }

    fn count_calls(&self) -> u32 {
        u32::try_from(self.calls.len()).unwrap_or(u32::MAX)
    }

    fn add(&mut self, block: &Block<'a>, options: &AnswerOptions) {
        match block.kind {
            BlockKind::Text => self.text(block),
            BlockKind::Thinking => {
                let (thinking, signature) = (text(block.thinking), text(block.signature));
                self.reasoning.push_str(inner(thinking));
                if thinking.or(signature).is_some() {
                    self.details.push(text_detail(thinking, signature, self.reasonings));
                }
                self.reasonings += 1;
            }
            BlockKind::RedactedThinking => {
                if let Some(raw) = text(block.data) {
                    self.details.push(encrypted_detail(raw, self.reasonings));
                    self.reasonings += 1;
                }
            }
            BlockKind::ToolUse => self.call(block, options),
            BlockKind::Hidden => (),
        }
    }

    fn text(&mut self, block: &Block<'a>) {
        let start = self.characters;
        if let Some(raw) = text(block.text) {
            self.content.push_str(inner(Some(raw)));
            self.characters += characters(raw);
        }
        let citations = block.citations.iter().copied().filter_map(cited);
        self.annotations
            .extend(citations.map(|(url, title)| annotation(url, title, start, self.characters)));
    }

    fn call(&mut self, block: &Block<'a>, options: &AnswerOptions) {
        let name = text(block.name).unwrap_or("\"\"");
        let input = block.input.unwrap_or("{}");
        let arguments = quoted(input);
        if options.answer_tool && name.trim_matches('"') == ANSWER_TOOL {
            return self.content.push_str(inner(Some(&arguments)));
        }
        let id = text(block.id).unwrap_or("\"\"");
        self.calls.push(format!(
            r#"{{"id":{id},"type":"function","function":{{"name":{name},"arguments":{arguments}}}}}"#
        ));
    }
}

/// A string without its quotes.
fn inner(raw: Option<&str>) -> &str {
    raw.and_then(|raw| raw.strip_prefix('"')?.strip_suffix('"')).unwrap_or("")
}

fn write(
    message: &Message<'_>,
    parts: &Parts<'_>,
    usage: Option<Usage>,
    options: &AnswerOptions,
) -> Bytes {
    let id = text(message.id).unwrap_or("\"chatcmpl-unknown\"");
    let model = text(message.model).map_or_else(|| quoted(&options.model).into(), Cow::Borrowed);
    let finish = StopReason::finish_reason(message.stop_reason, parts.count_calls());
    let mut out = BytesMut::with_capacity(parts.content.len() + parts.reasoning.len() * 2 + 512);
    let mut put = |text: &str| out.extend_from_slice(text.as_bytes());
    put(&format!(
        r#"{{"id":{id},"object":"chat.completion","created":{},"model":{model},"choices":[{{"index":0,"message":{{"role":"assistant","content":"#,
        options.created
    ));
    match parts.content.as_str() {
        "" => put("null"),
        content => ["\"", content, "\""].into_iter().for_each(&mut put),
    }
    put(&format!(r#","refusal":{}"#, parts.refusal.unwrap_or("null")));
    if !parts.reasoning.is_empty() {
        [r#","reasoning_content":""#, &parts.reasoning, "\""].into_iter().for_each(&mut put);
    }
    let lists = [
        ("reasoning_details", &parts.details),
        ("tool_calls", &parts.calls),
        ("annotations", &parts.annotations),
    ];
    for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
        put(&format!(r#","{name}":[{}]"#, list.join(",")));
    }
    put(&format!(r#"}},"logprobs":null,"finish_reason":"{finish}"}}],"usage":"#));
    put_usage(&mut out, usage.unwrap_or_default());
    out.extend_from_slice(b"}");
    out.freeze()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn message(content: &Value, stop: &str) -> Bytes {
        let body = json!({"type": "message", "id": "msg_1", "model": "m", "content": content,
            "stop_reason": stop, "usage": {"input_tokens": 1, "output_tokens": 2}});
        body.to_string().into()
    }

    fn translated(content: &Value, stop: &str, answer_tool: bool) -> Value {
        let options = AnswerOptions { created: 7, answer_tool, ..AnswerOptions::default() };
        let answer = translate(&message(content, stop), &options).expect("an answer");
        serde_json::from_slice(&answer.body).expect("JSON")
    }

    #[test]
    fn a_whole_message() {
        let content = json!([
            {"type": "thinking", "thinking": "hm\n", "signature": "sig"},
            {"type": "redacted_thinking", "data": "x"},
            {"type": "text", "text": "é "},
            {"type": "text", "text": "b", "citations": [{"url": "u", "title": null}, {"document_index": 0}]},
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"q": 1}},
            {"type": "tool_use", "id": "t", "name": "f", "input": {"a": "\""}},
        ]);
        let expected = json!({
            "id": "msg_1", "object": "chat.completion", "created": 7, "model": "m",
            "choices": [{"index": 0, "logprobs": null, "finish_reason": "tool_calls", "message": {
                "role": "assistant", "content": "é b", "refusal": null, "reasoning_content": "hm\n",
                "reasoning_details": [
                    {"type": "reasoning.text", "text": "hm\n", "signature": "sig", "index": 0},
                    {"type": "reasoning.encrypted", "data": "x", "index": 1}],
                "tool_calls": [{"id": "t", "type": "function",
                    "function": {"name": "f", "arguments": "{\"a\":\"\\\"\"}"}}],
                "annotations": [{"type": "url_citation", "url_citation":
                    {"start_index": 2, "end_index": 3, "title": "", "url": "u"}}],
            }}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3,
                "prompt_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0}},
        });
        assert_eq!(translated(&content, "tool_use", false), expected);
    }

    #[test]
    fn the_input_of_the_forced_tool_is_the_answer() {
        let content =
            json!([{"type": "tool_use", "id": "t", "name": ANSWER_TOOL, "input": {"a": 1}}]);
        let choice = &translated(&content, "tool_use", true)["choices"][0];
        assert_eq!(choice["message"]["content"], "{\"a\":1}");
        assert_eq!(choice["finish_reason"], "stop");
    }

    #[test]
    fn tells_what_is_no_answer() {
        let class = |body: &[u8]| {
            let body = Bytes::copy_from_slice(body);
            translate(&body, &AnswerOptions::default()).expect_err("no answer").failure.class
        };
        assert_eq!(class(b"<html>"), FailureClass::ServerError);
        assert_eq!(class(b"{}"), FailureClass::ServerError);
        assert_eq!(class(&message(&json!([]), "end_turn")), FailureClass::Empty);
        let error = br#"{"type":"error","error":{"type":"overloaded_error","message":"m"}}"#;
        assert_eq!(class(error), FailureClass::Overloaded);
    }
}
