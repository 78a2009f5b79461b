//! The bytes of both dialects: what the client sends, what the upstream answers.
//!
//! Owns no socket; the sizes are those of real traffic (an event of about 200 bytes).

use bytes::Bytes;
use serde_json::{Value, json};

/// A provider's wire protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Openai,
    Anthropic,
}

/// The text that every content event holds: how a client tells that the first token is there.
pub(super) const TOKEN: &str = "a token";

impl Dialect {
    pub(super) const ALL: [Self; 2] = [Self::Openai, Self::Anthropic];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Openai => "openai",
            Self::Anthropic => "anthropic",
        }
    }

    /// The path of the protocol's one endpoint.
    pub(super) const fn path(self) -> &'static str {
        match self {
            Self::Openai => "/v1/chat/completions",
            Self::Anthropic => "/v1/messages",
        }
    }

    /// A request of about 1.2 kB, a short system prompt and one question.
    pub(super) fn request(self, model: &str, streamed: bool) -> Bytes {
        let system = "You are a senior backend engineer. Prefer boring technology. ".repeat(6);
        let question = "Why does this connection pool stall when one replica is slow? ".repeat(12);
        let mut body = match self {
            Self::Openai => json!({
                "messages": [
                    {"role": "system", "content": system},
                    {"role": "user", "content": question},
                ],
            }),
            Self::Anthropic => json!({
                "system": system,
                "messages": [{"role": "user", "content": question}],
            }),
        };
        if let Value::Object(fields) = &mut body {
            fields.insert("model".into(), model.into());
            fields.insert("max_tokens".into(), 2048.into());
            fields.insert("temperature".into(), 0.3.into());
            fields.insert("stream".into(), streamed.into());
        }
        Bytes::from(body.to_string())
    }

    /// What stands before the first content event.
    pub(super) fn prologue(self) -> Bytes {
        Bytes::from_static(match self {
            Self::Openai => OPENAI_PROLOGUE.as_bytes(),
            Self::Anthropic => ANTHROPIC_PROLOGUE.as_bytes(),
        })
    }

    /// One content event.
    pub(super) fn event(self) -> Bytes {
        Bytes::from_static(match self {
            Self::Openai => OPENAI_EVENT.as_bytes(),
            Self::Anthropic => ANTHROPIC_EVENT.as_bytes(),
        })
    }

    /// What stands after the last content event.
    pub(super) fn epilogue(self) -> Bytes {
        Bytes::from_static(match self {
            Self::Openai => OPENAI_EPILOGUE.as_bytes(),
            Self::Anthropic => ANTHROPIC_EPILOGUE.as_bytes(),
        })
    }

    /// The mark that ends a stream; the router turns Anthropic's into OpenAI's.
    pub(super) const fn end_mark(self) -> &'static str {
        match self {
            Self::Openai => "data: [DONE]",
            Self::Anthropic => "event: message_stop",
        }
    }

    /// A whole answer of about 1 kB.
    pub(super) fn answer(self) -> Bytes {
        let text = "A pool hands out whatever is free, and a token of load goes on. ".repeat(12);
        let body = match self {
            Self::Openai => json!({
                "id": "chatcmpl-bench", "object": "chat.completion", "created": 1_790_000_000,
                "model": "bench-model", "service_tier": "default", "system_fingerprint": null,
                "choices": [{
                    "index": 0, "logprobs": null, "finish_reason": "stop",
                    "message": {"role": "assistant", "content": text, "refusal": null, "annotations": []},
                }],
                "usage": {"prompt_tokens": 210, "completion_tokens": 190, "total_tokens": 400,
                    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
                    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0}},
            }),
            Self::Anthropic => json!({
                "id": "msg_bench", "type": "message", "role": "assistant", "model": "bench-model",
                "content": [{"type": "text", "text": text}],
                "stop_reason": "end_turn", "stop_sequence": null,
                "usage": {"input_tokens": 210, "output_tokens": 190,
                    "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0},
            }),
        };
        Bytes::from(body.to_string())
    }
}

const OPENAI_PROLOGUE: &str = concat!(
    r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1790000000,"model":"bench-model","#,
    r#""system_fingerprint":"fp_bench","choices":[{"index":0,"delta":{"role":"assistant","content":""},"#,
    r#""logprobs":null,"finish_reason":null}]}"#,
    "\n\n"
);

const OPENAI_EVENT: &str = concat!(
    r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1790000000,"model":"bench-model","#,
    r#""system_fingerprint":"fp_bench","choices":[{"index":0,"delta":{"content":" a token"},"#,
    r#""logprobs":null,"finish_reason":null}]}"#,
    "\n\n"
);

const OPENAI_EPILOGUE: &str = concat!(
    r#"data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1790000000,"model":"bench-model","#,
    r#""system_fingerprint":"fp_bench","choices":[{"index":0,"delta":{},"logprobs":null,"finish_reason":"stop"}]}"#,
    "\n\ndata: [DONE]\n\n"
);

const ANTHROPIC_PROLOGUE: &str = concat!(
    "event: message_start\n",
    r#"data: {"type":"message_start","message":{"id":"msg_bench","type":"message","role":"assistant","#,
    r#""model":"bench-model","content":[],"stop_reason":null,"stop_sequence":null,"#,
    r#""usage":{"input_tokens":210,"cache_creation_input_tokens":0,"cache_read_input_tokens":0,"output_tokens":1}}}"#,
    "\n\nevent: content_block_start\n",
    r#"data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
    "\n\nevent: ping\n",
    r#"data: {"type":"ping"}"#,
    "\n\n"
);

const ANTHROPIC_EVENT: &str = concat!(
    "event: content_block_delta\n",
    r#"data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","#,
    r#""text":" and here is a token of an answer that says a little more"}}"#,
    "\n\n"
);

const ANTHROPIC_EPILOGUE: &str = concat!(
    "event: content_block_stop\n",
    r#"data: {"type":"content_block_stop","index":0}"#,
    "\n\nevent: message_delta\n",
    r#"data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":190}}"#,
    "\n\nevent: message_stop\n",
    r#"data: {"type":"message_stop"}"#,
    "\n\n"
);

#[cfg(test)]
mod tests {
    use super::*;

    fn data_lines(text: &[u8]) -> Vec<String> {
        let text = std::str::from_utf8(text).unwrap();
        text.lines().filter_map(|line| line.strip_prefix("data: ")).map(Into::into).collect()
    }

    #[test]
    fn every_event_is_json_and_every_content_event_holds_the_token() {
        for dialect in Dialect::ALL {
            let all = [dialect.prologue(), dialect.event(), dialect.epilogue()].concat();
            for data in data_lines(&all) {
                assert!(data == "[DONE]" || serde_json::from_str::<Value>(&data).is_ok(), "{data}");
            }
            assert!(String::from_utf8_lossy(&dialect.event()).contains(TOKEN));
            assert!(!String::from_utf8_lossy(&dialect.prologue()).contains(TOKEN));
            assert!(String::from_utf8_lossy(&dialect.epilogue()).contains(dialect.end_mark()));
            assert!((150..300).contains(&dialect.event().len()), "{}", dialect.event().len());
        }
    }
}
