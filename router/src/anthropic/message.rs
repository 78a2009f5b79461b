//! Messages as Anthropic sends them, whole and in events.
//!
//! Owns the shapes, borrowed from the bytes; a string that only passes through keeps its quotes
//! and escapes, so that it is written as it came.

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::wire::Usage;

/// A JSON value as it stands in the bytes.
pub(super) type Raw<'a> = Option<&'a RawValue>;

/// A string with its quotes; none for anything else and for the empty one.
pub(super) fn text<'a>(value: Raw<'a>) -> Option<&'a str> {
    let value = value?.get();
    (value.starts_with('"') && value.len() > 2).then_some(value)
}

/// One event of a stream.
#[derive(Debug, Deserialize)]
pub(super) struct Event<'a> {
    #[serde(rename = "type", default)]
    pub(super) kind: EventKind,
    #[serde(default)]
    pub(super) index: u64,
    #[serde(borrow, default)]
    pub(super) delta: Option<Delta<'a>>,
    #[serde(borrow, default)]
    pub(super) content_block: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) message: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) usage: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) error: Raw<'a>,
}

/// An event's `type`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
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
    #[serde(other)]
    Unknown,
}

/// What a `content_block_delta` or a `message_delta` brings.
#[derive(Debug, Deserialize)]
pub(super) struct Delta<'a> {
    #[serde(rename = "type", default)]
    pub(super) kind: DeltaKind,
    #[serde(borrow, default)]
    pub(super) text: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) thinking: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) signature: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) partial_json: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) citation: Raw<'a>,
    #[serde(default)]
    pub(super) stop_reason: Option<StopReason>,
    #[serde(borrow, default)]
    pub(super) stop_details: Raw<'a>,
}

/// The `type` of a block's delta.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum DeltaKind {
    CitationsDelta,
    InputJsonDelta,
    SignatureDelta,
    TextDelta,
    ThinkingDelta,
    #[default]
    #[serde(other)]
    Unknown,
}

/// The message that a stream begins with, as far as anything is in it.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Start<'a> {
    #[serde(borrow, default)]
    pub(super) id: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) model: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) usage: Raw<'a>,
}

/// A whole message, or the start of one that is forwarded.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, default)]
    pub(super) id: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) model: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) content: Option<Vec<Block<'a>>>,
    #[serde(default)]
    pub(super) stop_reason: Option<StopReason>,
    #[serde(borrow, default)]
    pub(super) stop_details: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) usage: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) error: Raw<'a>,
}

/// A content block.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Block<'a> {
    #[serde(rename = "type", default)]
    pub(super) kind: BlockKind,
    #[serde(borrow, default)]
    pub(super) text: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) citations: Option<Vec<&'a RawValue>>,
    #[serde(borrow, default)]
    pub(super) thinking: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) signature: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) data: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) id: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) name: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) input: Raw<'a>,
}

/// A block's `type`.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum BlockKind {
    RedactedThinking,
    Text,
    Thinking,
    ToolUse,
    /// Server tools and their results too: the client has no part in them.
    #[default]
    #[serde(other)]
    Hidden,
}

/// Why a message ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StopReason {
    MaxTokens,
    ModelContextWindowExceeded,
    Refusal,
    ToolUse,
    /// `end_turn`, `stop_sequence`, `pause_turn` and those to come.
    #[serde(other)]
    Other,
}

impl StopReason {
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

#[derive(Debug, Default, Deserialize)]
struct StopDetails<'a> {
    #[serde(borrow, default)]
    explanation: Raw<'a>,
}

/// What a refusal says, with its quotes.
pub(super) fn explanation<'a>(details: Raw<'a>) -> Option<&'a str> {
    text(serde_json::from_str::<StopDetails<'a>>(details?.get()).ok()?.explanation)
}

/// A citation of something that has an address.
#[derive(Debug, Deserialize)]
pub(super) struct Citation<'a> {
    #[serde(borrow, default)]
    url: Raw<'a>,
    #[serde(borrow, default)]
    title: Raw<'a>,
}

impl<'a> Citation<'a> {
    /// The address and the title, with their quotes; none where there is no address.
    pub(super) fn read(raw: &'a RawValue) -> Option<(&'a str, &'a str)> {
        let citation: Self = serde_json::from_str(raw.get()).ok()?;
        Some((text(citation.url)?, text(citation.title).unwrap_or("\"\"")))
    }
}

/// Tokens as Anthropic counts them, added up over a stream's events.
#[derive(Debug, Default, Clone, Copy, Deserialize)]
pub(super) struct WireUsage {
    #[serde(default)]
    input_tokens: Option<u64>,
    #[serde(default)]
    cache_creation_input_tokens: Option<u64>,
    #[serde(default)]
    cache_read_input_tokens: Option<u64>,
    #[serde(default)]
    output_tokens: Option<u64>,
    #[serde(default)]
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Debug, Default, Clone, Copy, Deserialize)]
struct OutputDetails {
    #[serde(default)]
    thinking_tokens: Option<u64>,
}

impl WireUsage {
    /// Reads a `usage`; none where it is of another shape.
    pub(super) fn read(raw: Raw<'_>) -> Option<Self> {
        serde_json::from_str(raw?.get()).ok()
    }

    /// Takes a later, cumulative count: it wins field by field.
    pub(super) fn update(&mut self, later: Self) {
        self.input_tokens = later.input_tokens.or(self.input_tokens);
        self.cache_creation_input_tokens =
            later.cache_creation_input_tokens.or(self.cache_creation_input_tokens);
        self.cache_read_input_tokens =
            later.cache_read_input_tokens.or(self.cache_read_input_tokens);
        self.output_tokens = later.output_tokens.or(self.output_tokens);
        self.output_tokens_details = later.output_tokens_details.or(self.output_tokens_details);
    }
}

impl From<WireUsage> for Usage {
    fn from(wire: WireUsage) -> Self {
        let cache_read = wire.cache_read_input_tokens.unwrap_or(0);
        let cache_write = wire.cache_creation_input_tokens.unwrap_or(0);
        let fresh = wire.input_tokens.unwrap_or(0);
        Self {
            input: fresh.saturating_add(cache_read).saturating_add(cache_write),
            cache_read,
            cache_write,
            output: wire.output_tokens.unwrap_or(0),
            reasoning: wire.output_tokens_details.and_then(|details| details.thinking_tokens),
        }
    }
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
        let finish = |reason: &str, calls| {
            let reason = serde_json::from_str(reason).expect("a reason");
            StopReason::finish_reason(reason, calls)
        };
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
            ("null", 0, "stop"),
            ("null", 1, "tool_calls"),
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

    #[test]
    fn a_later_usage_wins_field_by_field() {
        let read = |text: &str| serde_json::from_str::<WireUsage>(text).expect("usage");
        let mut usage =
            read(r#"{"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":1}"#);
        usage.update(read(r#"{"cache_read_input_tokens":0,"output_tokens":7}"#));
        let usage = Usage::from(usage);
        assert_eq!((usage.input, usage.cache_read, usage.output), (10, 0, 7));
    }
}
