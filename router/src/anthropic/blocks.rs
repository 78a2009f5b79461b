//! The content blocks of one streamed message, as deltas of a choice.
//!
//! Owns which block is open and what it becomes; the stream around them is in `stream`.

use super::chunks::{Chunks, annotation, encrypted_detail, quoted, text_detail};
use super::message::{Block, BlockKind, Delta, DeltaKind, characters, cited, text};
use crate::wire::answer::ANSWER_TOOL;

/// What has been read of a message's blocks.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    answer_tool: bool,
    open: Vec<Open>,
    calls: u32,
    reasonings: u32,
    /// Characters of the content so far, for annotations.
    characters: u64,
    content: bool,
    token: bool,
}

/// A block that has started.
#[derive(Debug)]
struct Open {
    index: u64,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Text {
        start: u64,
        citations: Vec<(String, String)>,
    },
    /// With its place among the reasoning blocks.
    Thinking(u32),
    Tool(Input),
    Hidden,
}

/// A tool's input as it comes in.
#[derive(Debug)]
struct Input {
    /// The call's place among the client's calls; none for the forced tool that is the answer.
    call: Option<u32>,
    /// What the block's start gave, for a block without deltas.
    whole: String,
    /// Whether a delta has brought anything.
    streamed: bool,
}

impl Blocks {
    pub(super) fn new(answer_tool: bool) -> Self {
        Self { answer_tool, ..Self::default() }
    }

    /// Calls of the client's own tools.
    pub(super) fn calls(&self) -> u32 {
        self.calls
    }

    /// Whether there is any text or tool call.
    pub(super) fn has_content(&self) -> bool {
        self.content
    }

    /// Whether there is anything at all for the client, reasoning too.
    pub(super) fn has_token(&self) -> bool {
        self.token
    }

    pub(super) fn start(&mut self, index: u64, block: &Block<'_>, to: &mut Chunks) {
        let kind = match block.kind {
            BlockKind::Text => Kind::Text { start: self.characters, citations: Vec::new() },
            BlockKind::Thinking => Kind::Thinking(self.next_reasoning()),
            BlockKind::RedactedThinking => self.redacted(block, to),
            BlockKind::ToolUse => Kind::Tool(self.tool(block, to)),
            BlockKind::Hidden => Kind::Hidden,
        };
        self.open.retain(|open| open.index != index);
        self.open.push(Open { index, kind });
        self.whole_in_start(index, block, to);
    }

    /// Some servers put into a block's start what belongs into deltas.
    fn whole_in_start(&mut self, index: u64, block: &Block<'_>, to: &mut Chunks) {
        match block.kind {
            BlockKind::Text => {
                self.text(text(block.text), to);
                for citation in &block.citations {
                    self.citation(index, citation);
                }
            }
            BlockKind::Thinking => {
                self.thinking(index, text(block.thinking), to);
                self.signature(index, text(block.signature), to);
            }
            _ => (),
        }
    }

    pub(super) fn delta(&mut self, index: u64, delta: &Delta<'_>, to: &mut Chunks) {
        match delta.kind {
            DeltaKind::TextDelta => {
                if let Some(raw) = text(delta.text) {
                    self.said(index, raw, to);
                }
            }
            DeltaKind::ThinkingDelta => self.thinking(index, text(delta.thinking), to),
            DeltaKind::SignatureDelta => self.signature(index, text(delta.signature), to),
            DeltaKind::InputJsonDelta => self.input(index, text(delta.partial_json), to),
            DeltaKind::CitationsDelta => {
                if let Some(citation) = delta.citation {
                    self.citation(index, citation);
                }
            }
            DeltaKind::Unknown => (),
        }
    }

    /// A piece of text.
    pub(super) fn said(&mut self, index: u64, raw: &str, to: &mut Chunks) {
        if self.shows_text(index) {
            self.text(Some(raw), to);
        }
    }

    pub(super) fn stop(&mut self, index: u64, to: &mut Chunks) {
        if let Some(place) = self.open.iter().position(|open| open.index == index) {
            let open = self.open.remove(place);
            self.close(open.kind, to);
        }
    }

    /// Closes what the stream left open.
    pub(super) fn stop_all(&mut self, to: &mut Chunks) {
        for open in std::mem::take(&mut self.open) {
            self.close(open.kind, to);
        }
    }

    fn find(&mut self, index: u64) -> Option<&mut Kind> {
        self.open.iter_mut().find(|open| open.index == index).map(|open| &mut open.kind)
    }

    /// Text is shown in a text block, and where the start of the block is missing.
    fn shows_text(&mut self, index: u64) -> bool {
        matches!(self.find(index), Some(Kind::Text { .. }) | None)
    }

    fn next_reasoning(&mut self) -> u32 {
        let index = self.reasonings;
        self.reasonings += 1;
        index
    }

    fn redacted(&mut self, block: &Block<'_>, to: &mut Chunks) -> Kind {
        if let Some(raw) = text(block.data) {
            self.token = true;
            let detail = encrypted_detail(raw, self.next_reasoning());
            to.delta(&[r#""reasoning_details":["#, &detail, "]"]);
        }
        Kind::Hidden
    }

    fn tool(&mut self, block: &Block<'_>, to: &mut Chunks) -> Input {
        let name = text(block.name).unwrap_or("\"\"");
        let whole = block.input.unwrap_or("{}").to_owned();
        if self.answer_tool && name.trim_matches('"') == ANSWER_TOOL {
            return Input { call: None, whole, streamed: false };
        }
        let call = self.calls;
        self.calls += 1;
        (self.content, self.token) = (true, true);
        let id = text(block.id).unwrap_or("\"\"");
        to.delta(&[
            &format!(r#""tool_calls":[{{"index":{call},"id":"#),
            id,
            r#","type":"function","function":{"name":"#,
            name,
            r#","arguments":""}}]"#,
        ]);
        Input { call: Some(call), whole, streamed: false }
    }

    fn text(&mut self, raw: Option<&str>, to: &mut Chunks) {
        if let Some(raw) = raw {
            (self.content, self.token) = (true, true);
            self.characters += characters(raw);
            to.delta(&[r#""content":"#, raw]);
        }
    }

    fn thinking(&mut self, index: u64, raw: Option<&str>, to: &mut Chunks) {
        let (Some(raw), Some(Kind::Thinking(place))) = (raw, self.find(index)) else {
            return;
        };
        to.thinking(*place, raw);
        self.token = true;
    }

    fn signature(&mut self, index: u64, raw: Option<&str>, to: &mut Chunks) {
        let (Some(raw), Some(Kind::Thinking(place))) = (raw, self.find(index)) else {
            return;
        };
        let detail = text_detail(None, Some(raw), *place);
        self.token = true;
        to.delta(&[r#""reasoning_details":["#, &detail, "]"]);
    }

    fn input(&mut self, index: u64, raw: Option<&str>, to: &mut Chunks) {
        if let (Some(raw), Some(Kind::Tool(input))) = (raw, self.find(index)) {
            input.streamed = true;
            let call = input.call;
            self.arguments(call, raw, to);
        }
    }

    fn arguments(&mut self, call: Option<u32>, raw: &str, to: &mut Chunks) {
        (self.content, self.token) = (true, true);
        match call {
            None => to.delta(&[r#""content":"#, raw]),
            Some(call) => to.arguments(call, raw),
        }
    }

    fn citation(&mut self, index: u64, raw: &str) {
        if let Some(Kind::Text { citations, .. }) = self.find(index) {
            citations.extend(cited(raw).map(|(url, title)| (url.into(), title.into())));
        }
    }

    fn close(&mut self, kind: Kind, to: &mut Chunks) {
        match kind {
            Kind::Tool(input) if !input.streamed => {
                self.arguments(input.call, &quoted(&input.whole), to);
            }
            Kind::Text { start, citations } if !citations.is_empty() => {
                let end = self.characters;
                let all: Vec<String> = citations
                    .iter()
                    .map(|(url, title)| annotation(url, title, start, end))
                    .collect();
                to.delta(&[r#""annotations":["#, &all.join(","), "]"]);
            }
            _ => (),
        }
    }
}
