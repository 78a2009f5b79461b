//! Who asks, as Anthropic takes it.
//!
//! Owns what a chat's `user` becomes: Anthropic wants "a uuid, hash value, or other opaque
//! identifier" and refuses what looks like an e-mail address or a telephone number.

use std::borrow::Cow;

use super::chunks::quoted;
use crate::json;
use crate::wire::made::made;

/// The most characters that Anthropic takes ("Create a Message", `metadata.user_id`).
const LONGEST: usize = 256;

/// The `user_id` of a `user`, both JSON strings: a hash where it would be refused.
#[inline(never)]
pub(super) fn user_id(raw: &str) -> Cow<'_, str> {
    let user = json::decode(raw).unwrap_or_default();
    if user.chars().count() <= LONGEST && !is_address(&user) && !is_telephone(&user) {
        return Cow::Borrowed(raw);
    }
    // Nothing of the name stays in it.
    Cow::Owned(quoted(&format!("user{}", made(&user, 0))))
}

fn is_address(user: &str) -> bool {
    let parts = user.split_once('@');
    parts.is_some_and(|(name, host)| !name.is_empty() && host.trim_matches('.').contains('.'))
}

/// Seven digits and more with nothing but what people write between them.
fn is_telephone(user: &str) -> bool {
    let digits = user.chars().filter(char::is_ascii_digit).count();
    let may_stand = |c: char| c.is_ascii_digit() || " +-.()/".contains(c);
    (7..=15).contains(&digits) && user.chars().all(may_stand)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_are_named_by_a_hash() {
        let of = |user: &str| user_id(&quoted(user)).into_owned();
        let long = "a".repeat(257);
        for user in ["jo@example.com", "+1 (555) 010-9999", "5550109999", &long, "x <jo@a.co.uk>"] {
            let id = of(user);
            assert!(id.starts_with("\"user_sfai_") && id.len() == 28, "{id}");
            assert_eq!(id, of(user));
        }
        assert_ne!(of("jo@example.com"), of("jo@example.org"));
        let account = "user_3f0c_account__session_3d6a54e2-1111-4222-8333-944455556666";
        for user in [account, "u-1", "42", "@jo", "jo@home", "3d6a54e2-1111-4222-8333-944455556666"]
        {
            assert_eq!(of(user), quoted(user));
        }
        assert_eq!(of(&"a".repeat(256)).len(), 258);
    }
}
