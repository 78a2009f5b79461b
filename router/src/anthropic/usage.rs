//! What a message used.
//!
//! Owns Anthropic's counting: fresh tokens apart from cached ones, and the latest count of each.

use crate::json::Scan;
use crate::wire::Usage;

/// Tokens as Anthropic counts them, added up over a stream's events.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct WireUsage {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    thinking_tokens: Option<u64>,
}

impl WireUsage {
    /// Reads a `usage`; none where it is of another shape.
    pub(super) fn read(value: &mut Scan<'_>) -> Option<Self> {
        let (mut usage, mut is_sound) = (Self::default(), true);
        let sound = &mut is_sound;
        let is_object = value.members(&mut |key, value| match key {
            "input_tokens" => usage.input_tokens = value.tokens(sound),
            "cache_creation_input_tokens" => {
                usage.cache_creation_input_tokens = value.tokens(sound)
            }
            "cache_read_input_tokens" => usage.cache_read_input_tokens = value.tokens(sound),
            "output_tokens" => usage.output_tokens = value.tokens(sound),
            "output_tokens_details" => {
                value.members(&mut |key, value| {
                    if key == "thinking_tokens" {
                        usage.thinking_tokens = value.tokens(sound);
                    }
                });
            }
            _ => (),
        });
        (is_object && is_sound).then_some(usage)
    }

    /// Takes a later, cumulative count: it wins field by field.
    pub(super) fn update(&mut self, later: Self) {
        self.input_tokens = later.input_tokens.or(self.input_tokens);
        self.cache_creation_input_tokens =
            later.cache_creation_input_tokens.or(self.cache_creation_input_tokens);
        self.cache_read_input_tokens =
            later.cache_read_input_tokens.or(self.cache_read_input_tokens);
        self.output_tokens = later.output_tokens.or(self.output_tokens);
        self.thinking_tokens = later.thinking_tokens.or(self.thinking_tokens);
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
            reasoning: wire.thinking_tokens,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    #[test]
    fn a_later_usage_wins_field_by_field() {
        let read = |text: &str| json::read(text, WireUsage::read).expect("usage");
        let mut usage =
            read(r#"{"input_tokens":10,"cache_read_input_tokens":5,"output_tokens":1}"#);
        usage.update(read(r#"{"cache_read_input_tokens":0,"output_tokens":7}"#));
        let usage = Usage::from(usage);
        assert_eq!((usage.input, usage.cache_read, usage.output), (10, 0, 7));
    }
}
