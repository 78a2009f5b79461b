//! Message streams, turned into chat completion chunks.
//!
//! Owns the state of one stream: what is open, what has been said. Whole messages are in `answer`,
//! blocks in `blocks`.

use std::borrow::Cow;

use bytes::Bytes;
use model_map::FailureClass;
use serde::de::IgnoredAny;

use super::blocks::Blocks;
use super::chunks::Chunks;
use super::message::{Delta, DeltaKind, Event, EventKind, Message, StopReason, explanation, text};
use super::usage::WireUsage;
use crate::json;
use crate::sse::{self, Events, TooLong};
use crate::wire::mold::Mold;
use crate::wire::{
    AnswerOptions, End, Ending, Progress, StreamFailure, UpstreamError, Usage, error,
};

/// Reads a message stream and writes chunks.
#[derive(Debug)]
pub(crate) struct Reader {
    options: AnswerOptions,
    bytes: sse::Blocks,
    chunks: Chunks,
    blocks: Blocks,
    stop: Option<StopReason>,
    refused: bool,
    usage: Option<WireUsage>,
    ended: bool,
    failure: Option<StreamFailure>,
    skipped: u32,
    /// The shape of an event with a piece of text, and its block.
    text: (Mold, u64),
}

impl Reader {
    pub(crate) fn new(options: AnswerOptions) -> Self {
        Self {
            blocks: Blocks::new(options.answer_tool),
            options,
            bytes: sse::Blocks::default(),
            chunks: Chunks::default(),
            stop: None,
            refused: false,
            usage: None,
            ended: false,
            failure: None,
            skipped: 0,
            text: (Mold::default(), 0),
        }
    }

    pub(crate) fn push(&mut self, chunk: Bytes) -> Progress {
        if self.is_over() {
            return self.progress(0);
        }
        let events = match self.bytes.push(chunk) {
            Ok(whole) => self.read(&whole),
            Err(TooLong) => {
                self.fail(too_long());
                0
            }
        };
        self.progress(events)
    }

    pub(crate) fn finish(&mut self) -> End {
        let rest = self.bytes.take_rest();
        if !self.is_over() {
            self.read(&rest);
        }
        if !self.is_over() && self.stop.is_some() {
            self.end();
        }
        if self.is_void() {
            self.close();
        }
        End { out: self.chunks.take(), ending: self.ending() }
    }

    pub(crate) fn usage(&self) -> Option<Usage> {
        self.usage.map(Usage::from)
    }

    pub(crate) fn reason(&self) -> Option<&'static str> {
        self.ended.then(|| StopReason::finish_reason(self.stop, self.blocks.calls()))
    }

    pub(crate) fn skipped(&self) -> u32 {
        self.skipped
    }

    fn is_over(&self) -> bool {
        self.ended || self.failure.is_some()
    }

    fn ending(&self) -> Ending {
        if let Some(failure) = &self.failure {
            return Ending::Failed(Box::new(failure.clone()));
        }
        match self.ended {
            false => Ending::Cut,
            true if self.is_void() => Ending::Empty,
            true => Ending::Complete,
        }
    }

    /// Whether it is at its end, and there is nothing before it.
    fn is_void(&self) -> bool {
        let has_content = self.blocks.has_content() || self.refused;
        self.ended && !has_content && !StopReason::excuses_emptiness(self.stop)
    }

    fn progress(&mut self, events: u32) -> Progress {
        Progress {
            out: self.chunks.take(),
            events,
            token: self.blocks.has_token() || self.refused,
            ended: self.ended,
            failure: self.failure.clone(),
        }
    }

    /// Reads whole events and gives their number.
    fn read(&mut self, whole: &[u8]) -> u32 {
        let mut events = 0;
        for event in Events::new(whole) {
            let Ok(event) = event else {
                self.fail(too_long());
                break;
            };
            events += u32::from(!event.blank);
            if let Some(data) = &event.data {
                self.take_data(event.name, data);
            }
            if self.is_over() {
                break;
            }
        }
        events
    }

    fn take_data(&mut self, name: &[u8], data: &[u8]) {
        let text = std::str::from_utf8(data).ok();
        if let Some(raw) = text.and_then(|data| self.text.0.string(data)) {
            return self.blocks.said(self.text.1, raw, &mut self.chunks);
        }
        match text.and_then(|text| json::read(text, Event::read)) {
            Some(event) if event.kind == EventKind::Error || event.error.is_some() => {
                self.fail(error::read_event(text.unwrap_or_default()));
            }
            Some(event) => {
                // The first is waited for: what the next are like is learnt from the second.
                let is_first = !self.blocks.has_token();
                self.take(&event);
                if !is_first {
                    self.learn(text.unwrap_or_default(), &event);
                }
            }
            _ if name == b"error" => self.fail(error::read_event(text.unwrap_or_default())),
            _ if text.is_some_and(is_json) => (),
            _ => self.skipped = self.skipped.saturating_add(1),
        }
    }

    fn take(&mut self, event: &Event<'_>) {
        match event.kind {
            EventKind::MessageStart => self.message_start(&event.message),
            EventKind::ContentBlockStart => {
                self.begin(&Message::default());
                self.blocks.start(event.index, &event.content_block, &mut self.chunks);
            }
            EventKind::ContentBlockDelta => {
                if let Some(delta) = &event.delta {
                    self.begin(&Message::default());
                    self.blocks.delta(event.index, delta, &mut self.chunks);
                }
            }
            EventKind::ContentBlockStop => self.blocks.stop(event.index, &mut self.chunks),
            EventKind::MessageDelta => self.message_delta(event),
            EventKind::MessageStop => self.end(),
            EventKind::Error | EventKind::Unknown => (),
        }
    }

    fn learn(&mut self, data: &str, event: &Event<'_>) {
        let delta = event.delta.as_ref().filter(|_| event.kind == EventKind::ContentBlockDelta);
        let delta = delta.filter(|delta| delta.kind == DeltaKind::TextDelta);
        if let Some(raw) = delta.and_then(|delta| text(delta.text)) {
            self.text.0.learn(data, raw);
            self.text.1 = event.index;
        }
    }

    fn message_start(&mut self, start: &Message<'_>) {
        self.update_usage(start.usage);
        self.begin(start);
    }

    /// Writes the first chunk, with the role, if it is not written yet.
    fn begin(&mut self, start: &Message<'_>) {
        if self.chunks.has_begun() {
            return;
        }
        let own_model = || super::chunks::quoted(&self.options.model).into();
        let model = text(start.model).map_or_else(own_model, Cow::Borrowed);
        let id = text(start.id).unwrap_or("\"chatcmpl-unknown\"");
        self.chunks.begin(id, &model, self.options.created);
        self.chunks.delta(&[r#""role":"assistant""#]);
    }

    fn message_delta(&mut self, event: &Event<'_>) {
        self.update_usage(event.usage);
        if let Some(delta) = &event.delta {
            self.stop = delta.stop_reason.or(self.stop);
            self.refusal(delta);
        }
    }

    fn refusal(&mut self, delta: &Delta<'_>) {
        if delta.stop_reason != Some(StopReason::Refusal) || self.refused {
            return;
        }
        if let Some(raw) = explanation(delta.stop_details) {
            self.begin(&Message::default());
            self.refused = true;
            self.chunks.delta(&[r#""refusal":"#, raw]);
        }
    }

    fn update_usage(&mut self, later: Option<WireUsage>) {
        if let Some(later) = later {
            self.usage.get_or_insert_default().update(later);
        }
    }

    fn end(&mut self) {
        self.begin(&Message::default());
        self.blocks.stop_all(&mut self.chunks);
        self.ended = true;
        if !self.is_void() {
            self.close();
        }
    }

    /// Writes the end.
    fn close(&mut self) {
        self.chunks.finish(StopReason::finish_reason(self.stop, self.blocks.calls()));
        if self.options.include_usage {
            self.chunks.usage(self.usage().unwrap_or_default());
        }
        self.chunks.done();
    }

    fn fail(&mut self, error: UpstreamError) {
        self.failure = Some(StreamFailure { error, event: Bytes::new() });
    }
}

fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

fn too_long() -> UpstreamError {
    UpstreamError::of(FailureClass::ServerError, "a line of the stream is over 4 MiB")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(data: &str) -> String {
        format!("event: x\ndata: {data}   \n\n")
    }

    fn start() -> String {
        event(
            r#"{"type":"message_start","message":{"id":"msg_1","model":"m","usage":{"input_tokens":3,"output_tokens":1}}}"#,
        )
    }

    fn block(index: u64, start: &str, deltas: &[&str]) -> String {
        let mut all = event(&format!(
            r#"{{"type":"content_block_start","index":{index},"content_block":{start}}}"#
        ));
        for delta in deltas {
            all += &event(&format!(
                r#"{{"type":"content_block_delta","index":{index},"delta":{delta}}}"#
            ));
        }
        all + &event(&format!(r#"{{"type":"content_block_stop","index":{index}}}"#))
    }

    fn stop(reason: &str) -> String {
        event(&format!(
            r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}"}},"usage":{{"output_tokens":9}}}}"#
        )) + &event(r#"{"type":"message_stop"}"#)
    }

    fn run(text: &str) -> (String, End) {
        let options = AnswerOptions { created: 7, include_usage: true, ..AnswerOptions::default() };
        let mut reader = Reader::new(options);
        let progress = reader.push(Bytes::from(text.to_owned()));
        let end = reader.finish();
        (String::from_utf8_lossy(&[progress.out, end.out.clone()].concat()).into_owned(), end)
    }

    /// The chunks without what all of them share.
    fn brief(text: &str) -> Vec<String> {
        let head = r#"{"id":"msg_1","object":"chat.completion.chunk","created":7,"model":"m","#;
        text.split_terminator("\n\n")
            .map(|event| event.trim_start_matches("data: "))
            .map(|data| data.strip_prefix(head).unwrap_or(data).to_owned())
            .collect()
    }

    #[test]
    fn a_message_with_text_and_a_tool() {
        let text = block(
            0,
            r#"{"type":"text","text":""}"#,
            &[r#"{"type":"text_delta","text":"H\u00e9"}"#],
        );
        let tool = block(
            1,
            r#"{"type":"tool_use","id":"t1","name":"f","input":{}}"#,
            &[
                r#"{"type":"input_json_delta","partial_json":""}"#,
                r#"{"type":"input_json_delta","partial_json":"{\"a\":1}"}"#,
            ],
        );
        let (out, end) = run(&(start() + &text + &tool + &stop("tool_use")));
        assert_eq!(
            brief(&out),
            [
                r#""choices":[{"index":0,"delta":{"role":"assistant"},"finish_reason":null}]}"#,
                r#""choices":[{"index":0,"delta":{"content":"H\u00e9"},"finish_reason":null}]}"#,
                r#""choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t1","type":"function","function":{"name":"f","arguments":""}}]},"finish_reason":null}]}"#,
                r#""choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"a\":1}"}}]},"finish_reason":null}]}"#,
                r#""choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}"#,
                r#""choices":[],"usage":{"prompt_tokens":3,"completion_tokens":9,"total_tokens":12,"prompt_tokens_details":{"cached_tokens":0,"cache_write_tokens":0}}}"#,
                "[DONE]",
            ]
        );
        assert_eq!(end.ending, Ending::Complete);
    }

    #[test]
    fn a_tool_without_arguments_has_an_empty_object() {
        let tool = block(
            0,
            r#"{"type":"tool_use","id":"t1","name":"f","input":{}}"#,
            &[r#"{"type":"input_json_delta","partial_json":""}"#],
        );
        let (out, _) = run(&(start() + &tool + &stop("tool_use")));
        assert!(brief(&out)[2].contains(r#""arguments":"{}""#), "{out}");
    }

    #[test]
    fn a_server_tool_stays_hidden() {
        let hidden = block(
            0,
            r#"{"type":"server_tool_use","id":"s","name":"web_search","input":{}}"#,
            &[r#"{"type":"input_json_delta","partial_json":"{\"q\":1}"}"#],
        );
        let text = block(1, r#"{"type":"text","text":"a"}"#, &[]);
        let (out, _) = run(&(start() + &hidden + &text + &stop("tool_use")));
        assert!(!out.contains("tool_calls") && out.contains(r#""finish_reason":"stop""#), "{out}");
    }

    #[test]
    fn what_ends_a_stream() {
        let text =
            block(0, r#"{"type":"text","text":""}"#, &[r#"{"type":"text_delta","text":"a"}"#]);
        let without_mark = stop("end_turn").replace("message_stop", "ping");
        assert_eq!(run(&(start() + &text + &stop("end_turn"))).1.ending, Ending::Complete);
        let (out, end) = run(&(start() + &text + &without_mark));
        assert_eq!(end.ending, Ending::Complete);
        assert!(out.ends_with("data: [DONE]\n\n"));
        let (out, end) = run(&(start() + &text));
        assert_eq!(end.ending, Ending::Cut);
        assert!(!out.contains("DONE") && !out.contains(r#""finish_reason":""#));
        assert_eq!(run(&(start() + &stop("end_turn"))).1.ending, Ending::Empty);
        assert_eq!(run(&(start() + &stop("max_tokens"))).1.ending, Ending::Complete);
    }

    #[test]
    fn the_input_of_the_forced_tool_is_the_answer() {
        let tool = block(
            0,
            r#"{"type":"tool_use","id":"t","name":"sfai_json_answer","input":{}}"#,
            &[r#"{"type":"input_json_delta","partial_json":"{\"a\":1}"}"#],
        );
        let text = start() + &tool + &stop("tool_use");
        let options = AnswerOptions { answer_tool: true, ..AnswerOptions::default() };
        let mut reader = Reader::new(options);
        let out = reader.push(Bytes::from(text.clone())).out;
        let out = String::from_utf8_lossy(&out).into_owned();
        assert!(out.contains(r#""delta":{"content":"{\"a\":1}"}"#), "{out}");
        assert!(out.contains(r#""finish_reason":"stop""#) && !out.contains("tool_calls"), "{out}");
        // A client's own tool of that name is a tool.
        assert!(run(&text).0.contains("tool_calls"));
    }

    #[test]
    fn nothing_follows_an_error() {
        let error =
            event(r#"{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}"#);
        let (out, end) = run(&(start() + &error + &stop("end_turn")));
        assert!(!out.contains("DONE") && !out.contains("Overloaded"), "{out}");
        let Ending::Failed(failure) = end.ending else { panic!("no failure") };
        assert_eq!(failure.error.failure.class, FailureClass::Overloaded);
    }
}
