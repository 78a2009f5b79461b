//! What a chat completion says, as a message's blocks.
//!
//! Owns which block is open; how it is written is in `events`. The streamed and the whole form are
//! made by the same steps, so that they cannot differ.

use bytes::{Bytes, BytesMut};

use super::UNSIGNED;
use super::events::{Piece, Sheet, Start, Stop, Whole, inner};
use crate::anthropic::quoted;
use crate::openai::said::{Citation, Finish, Hearing, Said};
use crate::wire::Usage;
use crate::wire::ids::salt;
use crate::wire::names::{self, MadeNames};

/// Writes one message.
#[derive(Debug)]
pub(crate) struct Composer {
    hearing: Hearing,
    script: Script,
}

/// What is known of the message besides the answer that it is written from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The model's name where the answer has none.
    pub(crate) model: &'a str,
    /// Whether the client asked to see reasoning.
    pub(crate) shows_thinking: bool,
    /// The tools that have other names upstream.
    pub(crate) names: &'a MadeNames,
    /// For the ids of calls that have none.
    pub(crate) chance: u64,
}

/// What the client gets.
#[derive(Debug)]
struct Script {
    sheet: Sheet,
    /// The model's name where the answer has none.
    model: String,
    /// Whether the client asked to see reasoning.
    shows_thinking: bool,
    /// The tools that have other names upstream.
    names: MadeNames,
    /// What ids begin with that are not given.
    salt: u64,
    begun: bool,
    ended: bool,
    next: u32,
    open: Option<Open>,
    calls: Vec<Call>,
    /// What it says in place of an answer, without quotes.
    refusal: String,
    finish: Option<Finish>,
    usage: Usage,
}

/// The text or the reasoning that is being written.
#[derive(Debug)]
struct Open {
    index: u32,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    /// With its number in the answer, and whether its signature has come.
    Thinking(u64, bool),
}

/// A call of a tool.
#[derive(Debug)]
struct Call {
    number: u64,
    index: u32,
    open: bool,
    /// Its arguments so far: the inside of a JSON string.
    arguments: String,
}

impl Composer {
    /// A stream.
    pub(crate) fn streamed(wanted: Wanted<'_>) -> Self {
        Self::new(Sheet::Events(BytesMut::new()), wanted)
    }

    /// A whole message of a whole answer.
    pub(crate) fn whole(body: &[u8], wanted: Wanted<'_>) -> Bytes {
        let mut composer = Self::new(Sheet::Whole(Whole::default()), wanted);
        let Self { hearing, script } = &mut composer;
        hearing.whole(body, |said| script.take(said));
        composer.script.sheet.take()
    }

    fn new(sheet: Sheet, Wanted { model, shows_thinking, names, chance }: Wanted<'_>) -> Self {
        let script = Script {
            sheet,
            model: model.to_owned(),
            shows_thinking,
            names: names.clone(),
            salt: chance,
            begun: false,
            ended: false,
            next: 0,
            open: None,
            calls: Vec::new(),
            refusal: String::new(),
            finish: None,
            usage: Usage::default(),
        };
        Self { hearing: Hearing::default(), script }
    }

    /// Takes whole events of a chat completion.
    pub(crate) fn push(&mut self, events: &[u8]) -> Bytes {
        let Self { hearing, script } = self;
        hearing.events(events, |said| script.take(said));
        self.script.sheet.take()
    }

    /// Ends a message whose stream had no end mark.
    pub(crate) fn end(&mut self) -> Bytes {
        self.script.end();
        self.script.sheet.take()
    }
}

impl Script {
    fn take(&mut self, said: Said<'_>) {
        if self.ended {
            return;
        }
        match said {
            Said::Begin { id, model } => self.begin(id, model),
            Said::Text(text) => self.text(text),
            Said::Citation(citation) => self.citation(citation),
            Said::Refusal(text) => {
                self.refusal.push_str(inner(text));
                self.text(text);
            }
            Said::Thinking { block, text } if self.shows_thinking => {
                let index = self.thinking(block);
                self.sheet.piece(index, Piece::Thinking(text));
            }
            Said::Signature { block, signature } if self.shows_thinking => {
                let index = self.thinking(block);
                self.sheet.piece(index, Piece::Signature(signature));
                self.open = Some(Open { index, kind: Kind::Thinking(block, true) });
            }
            Said::Redacted { data } if self.shows_thinking => {
                self.close();
                let index = self.next_index();
                self.sheet.open(index, Start::Redacted(data));
                self.sheet.close(index);
            }
            Said::Thinking { .. } | Said::Signature { .. } | Said::Redacted { .. } => (),
            Said::Call { call, id, name } => self.call(call, id, name),
            Said::Arguments { call, text } => self.arguments(call, text),
            Said::Finish(finish) => self.finish = Some(finish),
            Said::Usage(usage) => self.usage = usage,
            Said::Done => self.end(),
        }
    }

    fn begin(&mut self, id: Option<&str>, model: Option<&str>) {
        if self.begun {
            return;
        }
        self.begun = true;
        self.salt = salt(id.unwrap_or_default(), self.salt);
        let own_model = quoted(&self.model);
        self.sheet.begin(id.unwrap_or("\"msg_unknown\""), model.unwrap_or(&own_model));
    }

    fn next_index(&mut self) -> u32 {
        let index = self.next;
        self.next += 1;
        index
    }

    fn text(&mut self, text: &str) {
        let index = match self.open {
            Some(Open { index, kind: Kind::Text }) => index,
            _ => self.open(Kind::Text, Start::Text),
        };
        self.sheet.piece(index, Piece::Text(text));
    }

    /// Marked as ours: Anthropic would refuse it when it is sent back.
    fn citation(&mut self, Citation { url, title, .. }: Citation<'_>) {
        if let Some(Open { index, kind: Kind::Text }) = self.open {
            let citation = format!(
                r#"{{"type":"web_search_result_location","cited_text":"","url":{url},"title":{title},"encrypted_index":"{UNSIGNED}"}}"#
            );
            self.sheet.piece(index, Piece::Citation(&citation));
        }
    }

    fn thinking(&mut self, block: u64) -> u32 {
        match self.open {
            Some(Open { index, kind: Kind::Thinking(open, false) }) if open == block => index,
            _ => self.open(Kind::Thinking(block, false), Start::Thinking),
        }
    }

    fn open(&mut self, kind: Kind, start: Start<'_>) -> u32 {
        self.close();
        let index = self.next_index();
        self.sheet.open(index, start);
        self.open = Some(Open { index, kind });
        index
    }

    /// Closes all that is open.
    fn close(&mut self) {
        self.close_open();
        self.close_calls(|_| true);
    }

    fn close_open(&mut self) {
        let Some(Open { index, kind }) = self.open.take() else { return };
        if matches!(kind, Kind::Thinking(_, false)) {
            self.sheet.piece(index, Piece::Signature(&format!("\"{UNSIGNED}\"")));
        }
        self.sheet.close(index);
    }

    fn close_calls(&mut self, may_close: fn(&Call) -> bool) {
        for call in self.calls.iter_mut().filter(|call| call.open && may_close(call)) {
            call.open = false;
            self.sheet.close(call.index);
        }
    }

    fn call(&mut self, number: u64, id: Option<&str>, name: &str) {
        self.close_open();
        // A call whose arguments are still on their way stays open beside the new one.
        self.close_calls(Call::is_complete);
        let index = self.next_index();
        let own_id = format!("\"toolu_{:016x}_{index}\"", self.salt);
        let name = names::own(&self.names, name);
        self.sheet.open(index, Start::Tool(id.unwrap_or(&own_id), name));
        self.calls.push(Call { number, index, open: true, arguments: String::new() });
    }

    fn arguments(&mut self, number: u64, text: &str) {
        let call = self.calls.iter_mut().find(|call| call.number == number && call.open);
        let Some(call) = call else { return };
        let quoted = (!text.starts_with('"')).then(|| quoted(text));
        let text = quoted.as_deref().unwrap_or(text);
        call.arguments.push_str(inner(text));
        self.sheet.piece(call.index, Piece::Input(text));
    }

    fn end(&mut self) {
        if self.ended {
            return;
        }
        self.begin(None, None);
        self.close();
        self.ended = true;
        let explanation = Some(self.refusal.as_str()).filter(|refusal| !refusal.is_empty());
        let reason = self.reason();
        self.sheet.end(Stop { reason, explanation, usage: self.usage });
    }

    fn reason(&self) -> &'static str {
        match self.finish {
            Some(Finish::ContentFilter) => "refusal",
            _ if !self.refusal.is_empty() => "refusal",
            Some(Finish::Length) => "max_tokens",
            // Some servers say `stop` after a call: who called waits for the result.
            _ if !self.calls.is_empty() => "tool_use",
            _ => "end_turn",
        }
    }
}

impl Call {
    fn is_complete(&self) -> bool {
        let quoted = format!("\"{}\"", self.arguments);
        crate::json::decode(&quoted).is_some_and(|text| crate::json::object(&text).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    const fn wanted(shows_thinking: bool) -> Wanted<'static> {
        static NONE: MadeNames = MadeNames::new();
        Wanted { model: "m", shows_thinking, names: &NONE, chance: 7 }
    }

    fn stream(chunks: &[Value]) -> String {
        let mut composer = Composer::streamed(wanted(true));
        let mut out = Vec::new();
        for chunk in chunks {
            out.extend_from_slice(&composer.push(format!("data: {chunk}\n\n").as_bytes()));
        }
        out.extend_from_slice(&composer.push(b"data: [DONE]\n\n"));
        out.extend_from_slice(&composer.end());
        String::from_utf8(out).expect("text")
    }

    fn brief(stream: &str) -> Vec<String> {
        let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
        data.map(|data| {
            let event: Value = serde_json::from_str(data).expect("JSON");
            let kind = event["type"].as_str().unwrap_or_default().to_owned();
            match (event["index"].as_u64(), event["delta"]["type"].as_str()) {
                (Some(index), Some(delta)) => format!("{index} {delta}"),
                (Some(index), None) => format!("{index} {kind}"),
                _ => kind,
            }
        })
        .collect()
    }

    fn delta(delta: Value) -> Value {
        json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": delta}]})
    }

    #[test]
    fn blocks_open_and_close_in_order() {
        let call = |index: u64, id: Option<&str>, arguments: &str| {
            let mut call = json!({"index": index, "function": {"arguments": arguments}});
            if let Some(id) = id {
                call["id"] = json!(id);
                call["function"]["name"] = json!("f");
            }
            delta(json!({"tool_calls": [call]}))
        };
        let out = stream(&[
            delta(json!({"role": "assistant", "content": ""})),
            delta(json!({"reasoning_content": "hm"})),
            delta(json!({"content": "a"})),
            call(0, Some("x"), ""),
            call(0, None, "{}"),
            call(1, Some("y"), ""),
            call(1, None, "{\"a\":"),
            call(1, None, "1}"),
            json!({"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]}),
            json!({"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 2,
                "prompt_tokens_details": {"cached_tokens": 3}}}),
        ]);
        let expected = [
            "message_start",
            "0 content_block_start",
            "0 thinking_delta",
            "0 signature_delta",
            "0 content_block_stop",
            "1 content_block_start",
            "1 text_delta",
            "1 content_block_stop",
            "2 content_block_start",
            "2 input_json_delta",
            "2 content_block_stop",
            "3 content_block_start",
            "3 input_json_delta",
            "3 input_json_delta",
            "3 content_block_stop",
            "message_delta",
            "message_stop",
        ];
        assert_eq!(brief(&out), expected);
        assert!(out.contains(r#""stop_reason":"tool_use""#), "{out}");
        let usage = r#""usage":{"input_tokens":2,"cache_creation_input_tokens":0,"cache_read_input_tokens":3,"output_tokens":2}"#;
        assert!(out.contains(usage), "{out}");
    }

    #[test]
    fn what_a_text_is_taken_from_stands_in_its_block() {
        let cited = json!([{"type": "url_citation", "url_citation":
            {"url": "https://h", "title": "T", "start_index": 0, "end_index": 1}}]);
        let out = stream(&[delta(json!({"content": "a"})), delta(json!({"annotations": cited}))]);
        assert!(out.contains(r#""delta":{"type":"citations_delta","citation":{"#), "{out}");
        let body = json!({"id": "c", "model": "m", "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"content": "a", "annotations": cited}}]});
        let whole = Composer::whole(body.to_string().as_bytes(), wanted(false));
        let whole: Value = serde_json::from_slice(&whole).expect("JSON");
        let citation = json!({"type": "web_search_result_location", "cited_text": "",
            "url": "https://h", "title": "T", "encrypted_index": UNSIGNED});
        let block = json!({"type": "text", "text": "a", "citations": [citation]});
        assert_eq!(whole["content"], json!([block]));
    }

    #[test]
    fn a_refusal_is_shown_and_told() {
        let out = stream(&[delta(json!({"refusal": "no"})), delta(json!({"refusal": "pe"}))]);
        assert!(out.contains(r#""stop_reason":"refusal""#), "{out}");
        assert!(out.contains(r#""explanation":"nope""#), "{out}");
        assert!(out.contains(r#""text":"no""#), "{out}");
    }

    #[test]
    fn reasoning_that_nobody_asked_for_is_not_shown() {
        let body = json!({"id": "c", "model": "m", "choices": [{"index": 0, "finish_reason": "stop",
            "message": {"content": "a", "reasoning_content": "hm"}}]});
        let message = |shows: bool| -> Value {
            let whole = Composer::whole(body.to_string().as_bytes(), wanted(shows));
            serde_json::from_slice(&whole).expect("JSON")
        };
        assert_eq!(message(false)["content"], json!([{"type": "text", "text": "a"}]));
        let thought = json!({"type": "thinking", "thinking": "hm", "signature": UNSIGNED});
        assert_eq!(message(true)["content"][0], thought);
        assert_eq!(message(true)["stop_reason"], "end_turn");
    }
}
