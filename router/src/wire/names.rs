//! MadeNames of tools that an upstream does not take: mostly those of MCP servers, whose names a client
//! puts before.
//!
//! Owns the name upstream and the way back; where names stand is each translation's. The name
//! upstream is made of the client's alone, so that it is the same in every turn.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::made::{MARK, short};
#[cfg(feature = "aws")]
use super::made::{is_plain, made};
#[cfg(feature = "aws")]
use crate::anthropic::quoted;
#[cfg(feature = "aws")]
use crate::json;

/// The most characters that OpenAI's chats and Bedrock take. Anthropic's Messages and OpenAI's
/// Responses take 128.
const LONGEST: usize = 64;

/// The made names of a request, each with the client's that it stands for, as JSON.
pub(crate) type MadeNames = BTreeMap<String, String>;

/// The name that a tool has in a chat, given and returned as JSON.
pub(crate) fn in_chat(raw: &str) -> Cow<'_, str> {
    short(raw, LONGEST)
}

/// The name that a tool has on Bedrock, which takes fewer characters; noted where it is made.
#[cfg(feature = "aws")]
pub(crate) fn on_bedrock<'a>(raw: &'a str, names: &mut MadeNames) -> Cow<'a, str> {
    let inner = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')).unwrap_or(raw);
    if inner.len() <= LONGEST && inner.chars().all(is_plain) {
        return Cow::Borrowed(raw);
    }
    let Some(name) = json::decode(raw) else { return Cow::Borrowed(raw) };
    let made = quoted(&made(&name, LONGEST));
    names.entry(made.clone()).or_insert_with(|| raw.to_owned());
    Cow::Owned(made)
}

/// Whether tools, as they are sent, may have made names.
pub(crate) fn stand_in(tools: &str) -> bool {
    memchr::memmem::find(tools.as_bytes(), MARK.as_bytes()).is_some()
}

/// Those of a client's names, as JSON, that are others in a chat.
pub(crate) fn made_in_chat<'a>(names: impl Iterator<Item = &'a str>) -> MadeNames {
    let made = names.filter_map(|own| match in_chat(own) {
        Cow::Owned(made) => Some((made, own.to_owned())),
        Cow::Borrowed(_) => None,
    });
    made.collect()
}

/// The client's name for a tool.
pub(crate) fn own<'n>(names: &'n MadeNames, name: &'n str) -> &'n str {
    names.get(name).map_or(name, String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::anthropic::quoted;
    use crate::json;

    #[test]
    fn a_long_name_has_a_short_one_of_its_own() {
        let raw = |length: usize, end: &str| quoted(&format!("{}{end}", "n".repeat(length)));
        for fine in [raw(64, ""), raw(1, ""), raw(61, "\"\\\n")] {
            assert_eq!(in_chat(&fine), fine);
        }
        let [one, other] = [raw(64, "a"), raw(64, "b")];
        let [one_made, other_made] = [in_chat(&one), in_chat(&other)];
        assert_ne!(one_made, other_made);
        assert_eq!(json::decode(&one_made).expect("a text").len(), LONGEST);
        assert_eq!(one_made, in_chat(&one));
        let names = made_in_chat([raw(1, ""), one.clone()].iter().map(String::as_str));
        assert_eq!(names, MadeNames::from([(one_made.clone().into_owned(), one.clone())]));
        assert_eq!(own(&names, &one_made), one);
        assert_eq!(own(&names, &other_made), other_made);
        assert!(stand_in(&one_made) && !stand_in(&one));
    }

    #[cfg(feature = "aws")]
    #[test]
    fn bedrock_gets_plain_names_that_stay_apart() {
        let mut names = MadeNames::new();
        let fine = quoted(&"a-_9".repeat(16));
        assert_eq!(on_bedrock(&fine, &mut names), fine);
        assert!(names.is_empty());
        let odd = ["a.b", "a/b", "a_é", "a\"b", "a\u{1}", &"n".repeat(65)].map(quoted);
        let made: Vec<String> =
            odd.iter().map(|raw| on_bedrock(raw, &mut names).into_owned()).collect();
        for (raw, name) in odd.iter().zip(&made) {
            let plain = json::decode(name).expect("a text");
            assert!(plain.len() <= LONGEST && plain.chars().all(is_plain), "{plain}");
            assert_eq!(own(&names, name), raw);
            assert_eq!(made.iter().filter(|other| *other == name).count(), 1);
            // Once is enough, and what is made stays as it is.
            assert_eq!(on_bedrock(raw, &mut names), *name);
            assert_eq!(on_bedrock(name, &mut MadeNames::new()), *name);
        }
        assert_eq!(names.len(), odd.len());
    }
}
