//! A whole Converse answer as a message.
//!
//! Owns its blocks, the reason of its end and its usage; the streamed form is in `stream`.

use bytes::Bytes;
use serde::Deserialize;

use super::citation::Citation;
use super::{Raw, or, quoted};
use crate::wire::names::{self, MadeNames};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    #[serde(borrow)]
    output: Output<'a>,
    #[serde(default)]
    stop_reason: Option<String>,
    #[serde(default)]
    usage: Usage,
}

#[derive(Debug, Deserialize)]
struct Output<'a> {
    #[serde(borrow)]
    message: Message<'a>,
}

#[derive(Debug, Deserialize)]
struct Message<'a> {
    #[serde(borrow, default)]
    content: Vec<Block<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block<'a> {
    #[serde(borrow, default)]
    text: Raw<'a>,
    #[serde(borrow, default)]
    tool_use: Option<ToolUse<'a>>,
    #[serde(borrow, default)]
    reasoning_content: Option<Reasoning<'a>>,
    #[serde(borrow, default)]
    citations_content: Option<Cited<'a>>,
}

/// A call of a tool.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ToolUse<'a> {
    #[serde(borrow, default)]
    pub(super) tool_use_id: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) name: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) input: Raw<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reasoning<'a> {
    #[serde(borrow, default)]
    reasoning_text: Option<ReasoningText<'a>>,
    #[serde(borrow, default)]
    redacted_content: Raw<'a>,
}

#[derive(Debug, Deserialize)]
struct ReasoningText<'a> {
    #[serde(borrow, default)]
    text: Raw<'a>,
    #[serde(borrow, default)]
    signature: Raw<'a>,
}

#[derive(Debug, Deserialize)]
struct Cited<'a> {
    #[serde(borrow, default)]
    content: Vec<Text<'a>>,
    #[serde(borrow, default)]
    citations: Vec<Citation<'a>>,
}

#[derive(Debug, Deserialize)]
struct Text<'a> {
    #[serde(borrow, default)]
    text: Raw<'a>,
}

/// Tokens as Bedrock counts them: those of the cache beside the input, as Anthropic does.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct Usage {
    input_tokens: u64,
    output_tokens: u64,
    cache_read_input_tokens: u64,
    cache_write_input_tokens: u64,
}

impl Usage {
    /// As a message says it.
    pub(super) fn write(self) -> String {
        format!(
            r#"{{"input_tokens":{},"cache_creation_input_tokens":{},"cache_read_input_tokens":{},"output_tokens":{}}}"#,
            self.input_tokens,
            self.cache_write_input_tokens,
            self.cache_read_input_tokens,
            self.output_tokens
        )
    }
}

/// Why a message ended, in Anthropic's words.
pub(super) fn stop_reason(reason: &str) -> &str {
    match reason {
        "guardrail_intervened" | "content_filtered" => "refusal",
        "tool_use" | "max_tokens" | "stop_sequence" | "model_context_window_exceeded" => reason,
        _ => "end_turn",
    }
}

/// The message of an answer; the answer itself where it is none.
pub fn message(body: Bytes, (id, model): (&str, &str), names: &MadeNames) -> Bytes {
    let Ok(answer) = serde_json::from_slice::<Answer<'_>>(&body) else { return body };
    let blocks: Vec<String> =
        answer.output.message.content.iter().filter_map(|it| block(it, names)).collect();
    let reason = answer.stop_reason.as_deref().map_or("end_turn", stop_reason);
    Bytes::from(format!(
        r#"{{"id":{},"type":"message","role":"assistant","model":{},"content":[{}],"stop_reason":"{reason}","stop_sequence":null,"usage":{}}}"#,
        quoted(id),
        quoted(model),
        blocks.join(","),
        answer.usage.write()
    ))
}

/// A number of tokens as Anthropic says it; the answer itself where it is none.
pub(crate) fn counted(body: Bytes) -> Bytes {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Count {
        input_tokens: u64,
    }
    match serde_json::from_slice::<Count>(&body) {
        Ok(count) => Bytes::from(format!(r#"{{"input_tokens":{}}}"#, count.input_tokens)),
        Err(_) => body,
    }
}

fn block(block: &Block<'_>, names: &MadeNames) -> Option<String> {
    if let Some(text) = block.text {
        return Some(format!(r#"{{"type":"text","text":{}}}"#, text.get()));
    }
    if let Some(call) = &block.tool_use {
        return Some(format!(
            r#"{{"type":"tool_use","id":{},"name":{},"input":{}}}"#,
            or(call.tool_use_id, "\"\""),
            names::own(names, or(call.name, "\"\"")),
            or(call.input, "{}")
        ));
    }
    if let Some(reasoning) = &block.reasoning_content {
        if let Some(data) = reasoning.redacted_content {
            return Some(format!(r#"{{"type":"redacted_thinking","data":{}}}"#, data.get()));
        }
        let said = reasoning.reasoning_text.as_ref()?;
        let (text, signature) = (or(said.text, "\"\""), or(said.signature, "\"\""));
        return Some(format!(r#"{{"type":"thinking","thinking":{text},"signature":{signature}}}"#));
    }
    let cited = block.citations_content.as_ref()?;
    let texts = cited.content.iter().filter_map(|part| crate::json::decode(part.text?.get()));
    let text: String = texts.collect();
    let citations: Vec<String> = cited.citations.iter().filter_map(Citation::write).collect();
    Some(format!(
        r#"{{"type":"text","text":{},"citations":[{}]}}"#,
        quoted(&text),
        citations.join(",")
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_whole_answer_is_a_message() {
        let body = json!({"output": {"message": {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}},
            {"reasoningContent": {"redactedContent": "eA=="}},
            {"text": "a"},
            {"citationsContent": {"content": [{"text": "b"}, {"text": "\n"}], "citations": [
                {"title": "T", "sourceContent": [{"text": "c"}],
                    "location": {"web": {"url": "https://h", "domain": "h"}}},
                {"title": "D", "location": {"documentPage": {"documentIndex": 1, "start": 2, "end": 3}}},
                {"location": {"of": "tomorrow"}}]}},
            {"guardContent": {}},
            {"toolUse": {"toolUseId": "t", "name": "f", "input": {"a": 1}}}]}},
            "stopReason": "tool_use", "metrics": {"latencyMs": 3},
            "usage": {"inputTokens": 1, "outputTokens": 2, "totalTokens": 3}});
        let message = message(body.to_string().into(), ("msg_1", "m"), &MadeNames::new());
        let message: Value = serde_json::from_slice(&message).expect("JSON");
        let expected = json!({
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m",
            "stop_reason": "tool_use", "stop_sequence": null,
            "usage": {"input_tokens": 1, "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0, "output_tokens": 2},
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "sig"},
                {"type": "redacted_thinking", "data": "eA=="},
                {"type": "text", "text": "a"},
                {"type": "text", "text": "b\n", "citations": [
                    {"type": "web_search_result_location", "cited_text": "c", "url": "https://h",
                        "title": "T", "encrypted_index": "sfai-unsigned"},
                    {"type": "page_location", "cited_text": "", "document_index": 1,
                        "document_title": "D", "start_page_number": 2, "end_page_number": 3}]},
                {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}}],
        });
        assert_eq!(message, expected);
    }
}
