//! Messages as Anthropic sends them, whole and in events.
//!
//! Owns the shapes, borrowed from the bytes; a string that only passes through keeps its quotes
//! and escapes, so that it is written as it came.

use super::usage::WireUsage;
use crate::json::{self, Scan};

/// A JSON value as it stands in the bytes.
pub(super) type Raw<'a> = Option<&'a str>;

/// A string with its quotes; none for anything else and for the empty one.
pub(super) fn text(value: Raw<'_>) -> Raw<'_> {
    value.filter(|value| value.starts_with('"') && value.len() > 2)
}

/// One event of a stream.
#[derive(Debug, Default)]
pub(super) struct Event<'a> {
    pub(super) kind: EventKind,
    pub(super) index: u64,
    pub(super) delta: Option<Delta<'a>>,
    pub(super) content_block: Block<'a>,
    pub(super) message: Message<'a>,
    pub(super) usage: Option<WireUsage>,
    pub(super) error: Raw<'a>,
}

impl<'a> Event<'a> {
    /// Reads an event; none where it is of another shape.
    pub(super) fn read(value: &mut Scan<'a>) -> Option<Self> {
        let (mut event, mut has_place) = (Self::default(), true);
        let is_object = value.members(&mut |key, value| match key {
            "type" => event.kind = EventKind::of(value.raw()),
            "index" => {
                let index = value.number();
                has_place &= index.is_some();
                event.index = index.unwrap_or_default();
            }
            "delta" => event.delta = Delta::read(value),
            "content_block" => event.content_block = Block::read(value).unwrap_or_default(),
            "message" => event.message = Message::read(value).unwrap_or_default(),
            "usage" => event.usage = WireUsage::read(value),
            "error" => event.error = value.raw(),
            _ => (),
        });
        (is_object && has_place).then_some(event)
    }
}

/// An event's `type`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventKind {
    ContentBlockDelta,
    ContentBlockStart,
    ContentBlockStop,
    Error,
    MessageDelta,
    MessageStart,
    MessageStop,
    /// Pings too.
    #[default]
    Unknown,
}

impl EventKind {
    fn of(value: Raw<'_>) -> Self {
        match value.unwrap_or_default() {
            r#""content_block_delta""# => Self::ContentBlockDelta,
            r#""content_block_start""# => Self::ContentBlockStart,
            r#""content_block_stop""# => Self::ContentBlockStop,
            r#""error""# => Self::Error,
            r#""message_delta""# => Self::MessageDelta,
            r#""message_start""# => Self::MessageStart,
            r#""message_stop""# => Self::MessageStop,
            _ => Self::Unknown,
        }
    }
}

/// What a `content_block_delta` or a `message_delta` brings.
#[derive(Debug, Default)]
pub(super) struct Delta<'a> {
    pub(super) kind: DeltaKind,
    pub(super) text: Raw<'a>,
    pub(super) thinking: Raw<'a>,
    pub(super) signature: Raw<'a>,
    pub(super) partial_json: Raw<'a>,
    pub(super) citation: Raw<'a>,
    pub(super) stop_reason: Option<StopReason>,
    pub(super) stop_details: Raw<'a>,
}

impl<'a> Delta<'a> {
    fn read(value: &mut Scan<'a>) -> Option<Self> {
        let mut delta = Self::default();
        let is_object = value.members(&mut |key, value| match key {
            "type" => delta.kind = DeltaKind::of(value.raw()),
            "text" => delta.text = value.raw(),
            "thinking" => delta.thinking = value.raw(),
            "signature" => delta.signature = value.raw(),
            "partial_json" => delta.partial_json = value.raw(),
            "citation" => delta.citation = value.raw(),
            "stop_reason" => delta.stop_reason = StopReason::of(value.raw()),
            "stop_details" => delta.stop_details = value.raw(),
            _ => (),
        });
        is_object.then_some(delta)
    }
}

/// The `type` of a block's delta.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum DeltaKind {
    CitationsDelta,
    InputJsonDelta,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    #[default]
    Unknown,
}

impl DeltaKind {
    fn of(value: Raw<'_>) -> Self {
        match value.unwrap_or_default() {
            r#""citations_delta""# => Self::CitationsDelta,
            r#""input_json_delta""# => Self::InputJsonDelta,
            r#""signature_delta""# => Self::SignatureDelta,
            r#""text_delta""# => Self::TextDelta,
            r#""thinking_delta""# => Self::ThinkingDelta,
            _ => Self::Unknown,
        }
    }
}

/// A message: a whole one, or the one that a stream begins with, as far as anything is in it.
#[derive(Debug, Default)]
pub(super) struct Message<'a> {
    pub(super) id: Raw<'a>,
    pub(super) model: Raw<'a>,
    /// None where it is no list of objects.
    pub(super) content: Option<Vec<Block<'a>>>,
    pub(super) stop_reason: Option<StopReason>,
    pub(super) stop_details: Raw<'a>,
    pub(super) usage: Option<WireUsage>,
    pub(super) error: Raw<'a>,
}

impl<'a> Message<'a> {
    /// Reads a message; none where it is no object.
    pub(super) fn read(value: &mut Scan<'a>) -> Option<Self> {
        let mut message = Self::default();
        let is_object = value.members(&mut |key, value| match key {
            "id" => message.id = value.raw(),
            "model" => message.model = value.raw(),
            "content" => message.content = value.list(Block::read),
            "stop_reason" => message.stop_reason = StopReason::of(value.raw()),
            "stop_details" => message.stop_details = value.raw(),
            "usage" => message.usage = WireUsage::read(value),
            "error" => message.error = value.raw(),
            _ => (),
        });
        is_object.then_some(message)
    }
}

/// A content block.
#[derive(Debug, Default)]
pub(super) struct Block<'a> {
    pub(super) kind: BlockKind,
    pub(super) text: Raw<'a>,
    pub(super) citations: Vec<&'a str>,
    pub(super) thinking: Raw<'a>,
    pub(super) signature: Raw<'a>,
    pub(super) data: Raw<'a>,
    pub(super) id: Raw<'a>,
    pub(super) name: Raw<'a>,
    pub(super) input: Raw<'a>,
}

impl<'a> Block<'a> {
    /// Reads a block; none where it is no object.
    pub(super) fn read(value: &mut Scan<'a>) -> Option<Self> {
        let mut block = Self::default();
        let is_object = value.members(&mut |key, value| match key {
            "type" => block.kind = BlockKind::of(value.raw()),
            "text" => block.text = value.raw(),
            "citations" => block.citations = value.list(Scan::raw).unwrap_or_default(),
            "thinking" => block.thinking = value.raw(),
            "signature" => block.signature = value.raw(),
            "data" => block.data = value.raw(),
            "id" => block.id = value.raw(),
            "name" => block.name = value.raw(),
            "input" => block.input = value.raw(),
            _ => (),
        });
        is_object.then_some(block)
    }
}

/// A block's `type`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum BlockKind {
    RedactedThinking,
    Text,
    Thinking,
    ToolUse,
    /// Server tools and their results too: the client has no part in them.
    #[default]
    Hidden,
}

impl BlockKind {
    fn of(value: Raw<'_>) -> Self {
        match value.unwrap_or_default() {
            r#""redacted_thinking""# => Self::RedactedThinking,
            r#""text""# => Self::Text,
            r#""thinking""# => Self::Thinking,
            r#""tool_use""# => Self::ToolUse,
            _ => Self::Hidden,
        }
    }
}

/// Why a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StopReason {
    MaxTokens,
    ModelContextWindowExceeded,
    Refusal,
    ToolUse,
    /// `end_turn`, `stop_sequence`, `pause_turn` and those to come.
    Other,
}

impl StopReason {
    /// Reads a reason; none where it is no string.
    fn of(value: Raw<'_>) -> Option<Self> {
        match value? {
            r#""max_tokens""# => Some(Self::MaxTokens),
            r#""model_context_window_exceeded""# => Some(Self::ModelContextWindowExceeded),
            r#""refusal""# => Some(Self::Refusal),
            r#""tool_use""# => Some(Self::ToolUse),
            other => other.starts_with('"').then_some(Self::Other),
        }
    }

    /// OpenAI's `finish_reason`, for a message with so many calls of the client's tools.
    pub(crate) fn finish_reason(reason: Option<Self>, calls: u32) -> &'static str {
        match reason {
            Some(Self::MaxTokens | Self::ModelContextWindowExceeded) => "length",
            Some(Self::Refusal) => "content_filter",
            Some(Self::ToolUse) | None if calls > 0 => "tool_calls",
            _ => "stop",
        }
    }

    /// Whether it is reason enough for an answer without content.
    pub(super) fn excuses_emptiness(reason: Option<Self>) -> bool {
        matches!(reason, Some(Self::MaxTokens | Self::ModelContextWindowExceeded | Self::Refusal))
    }
}

/// What a refusal says, with its quotes.
pub(super) fn explanation(details: Raw<'_>) -> Raw<'_> {
    text(json::read(details?, |details| details.member("explanation")))
}

/// The address and the title of what is cited, with their quotes; none where it has no address.
pub(super) fn cited(citation: &str) -> Option<(&str, &str)> {
    let (mut url, mut title) = (None, None);
    json::read(citation, |citation| {
        let is_object = citation.members(&mut |key, value| match key {
            "url" => url = value.raw(),
            "title" => title = value.raw(),
            _ => (),
        });
        is_object.then_some(())
    })?;
    Some((text(url)?, text(title).unwrap_or("\"\"")))
}

/// How many characters a string has that is given with its quotes.
pub(crate) fn characters(raw: &str) -> u64 {
    let inner = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"'));
    let mut rest = inner.unwrap_or_default().as_bytes();
    let mut count = 0;
    while let Some(escape) = memchr::memchr(b'\\', rest) {
        let (before, from) = rest.split_at_checked(escape).unwrap_or((rest, b""));
        let (length, characters) = match from {
            // The second half of a pair belongs to the first.
            [_, b'u', b'd' | b'D', b'c'..=b'f' | b'C'..=b'F', ..] => (6, 0),
            [_, b'u', ..] => (6, 1),
            _ => (2, 1),
        };
        count += unescaped(before) + characters;
        rest = from.get(length..).unwrap_or_default();
    }
    count + unescaped(rest)
}

/// How many characters UTF-8 bytes are: those that do not continue one.
fn unescaped(bytes: &[u8]) -> u64 {
    // So few at a time that a byte counts them: many bytes are then counted at once.
    let starts = |few: &[u8]| few.iter().map(|byte| u8::from((byte & 0xc0) != 0x80)).sum::<u8>();
    bytes.chunks(usize::from(u8::MAX)).map(|few| u64::from(starts(few))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finish_reasons() {
        let finish =
            |reason: &str, calls| StopReason::finish_reason(StopReason::of(Some(reason)), calls);
        for (reason, calls, finish_reason) in [
            ("\"end_turn\"", 0, "stop"),
            ("\"stop_sequence\"", 0, "stop"),
            ("\"pause_turn\"", 0, "stop"),
            ("\"max_tokens\"", 1, "length"),
            ("\"model_context_window_exceeded\"", 0, "length"),
            ("\"tool_use\"", 2, "tool_calls"),
            ("\"tool_use\"", 0, "stop"),
            ("\"refusal\"", 0, "content_filter"),
            ("\"of tomorrow\"", 0, "stop"),
            ("7", 0, "stop"),
            ("7", 1, "tool_calls"),
        ] {
            assert_eq!(finish(reason, calls), finish_reason, "{reason}");
        }
    }

    #[test]
    fn counts_characters_escaped_or_not() {
        for (raw, count) in
            [(r#""""#, 0), (r#""aé😀""#, 3), (r#""\n\"\\""#, 3), (r#""\u00e9\ud83d\ude00x""#, 3)]
        {
            assert_eq!(characters(raw), count, "{raw}");
        }
    }
}
