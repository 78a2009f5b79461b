//! Who asks, as OpenAI takes it.
//!
//! Owns the length of what tells one user or conversation from another; what it is for is the
//! client's to say.

use std::borrow::Cow;

use crate::wire::made::short;

/// The members that name a user or a conversation.
const NAMES: [&str; 3] = ["prompt_cache_key", "safety_identifier", "user"];

/// The most characters that OpenAI takes of them; OpenRouter and Zhipu take 128.
const LONGEST: usize = 64;

/// A member's value; that of one which is too long is short, and the same each time. Claude Code's
/// `user_id` has over 100 characters, which Anthropic takes.
pub(super) fn fitted<'v>(name: &str, value: &'v str) -> Cow<'v, str> {
    match value.len() > LONGEST && NAMES.contains(&name) {
        true => short(value, LONGEST),
        false => Cow::Borrowed(value),
    }
}
