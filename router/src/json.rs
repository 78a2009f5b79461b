//! JSON looked at without building it: one pass that checks a text and finds its parts.
//!
//! Owns what is given of a text; the pass is in `scan`, and what a value means is for its reader.

mod read;
mod scan;
mod sought;
mod surrogates;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bytes::BytesMut;
use memchr::memchr;

pub(crate) use self::read::read;
pub(crate) use self::scan::Scan;
pub(crate) use self::sought::Sought;
pub(crate) use self::surrogates::mended;

/// How deep arrays and objects may stand in one another.
pub(crate) const MAX_DEPTH: usize = 128;

/// As many members as most objects have at most.
const USUAL: usize = 8;

/// Why a text is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JsonError {
    /// Not JSON: what was expected, and at which byte.
    Syntax(&'static str, usize),
    /// Deeper than [`MAX_DEPTH`].
    Depth,
    /// A key that one object holds twice.
    Duplicate(String),
}

impl fmt::Display for JsonError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Syntax(expected, at) => write!(to, "{expected} expected at byte {at}"),
            Self::Depth => write!(to, "nested deeper than {MAX_DEPTH}"),
            Self::Duplicate(key) => write!(to, "the key `{key}` stands twice in one object"),
        }
    }
}

/// A member of an object, by its places in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// The key with its quotes.
    pub(crate) key: Range<usize>,
    /// The value.
    pub(crate) value: Range<usize>,
}

/// Checks a whole text and gives the members of the object that it is.
pub(crate) fn object(text: &str) -> Result<Vec<Member>, JsonError> {
    Ok(object_and_halves(text)?.0)
}

/// The same, and whether any escape is a half of a character: alone or not is for [`mended`] to
/// see.
pub(crate) fn object_and_halves(text: &str) -> Result<(Vec<Member>, bool), JsonError> {
    let mut scan = Scan::strict(text);
    let mut members = Vec::with_capacity(USUAL);
    scan.space();
    scan.object(&mut |scan, key| {
        let value = scan.place();
        members.push(Member { key, value });
    });
    scan.through(members)
}

/// Checks a whole text and gives the elements of the array that it is.
pub(crate) fn array(text: &str) -> Result<Vec<Range<usize>>, JsonError> {
    let mut scan = Scan::strict(text);
    let mut elements = Vec::new();
    scan.space();
    scan.array(&mut |scan| elements.push(scan.place()));
    Ok(scan.through(elements)?.0)
}

/// The text of a JSON string, given with its quotes.
pub(crate) fn decode(raw: &str) -> Option<Cow<'_, str>> {
    let inner = raw.strip_prefix('"')?.strip_suffix('"')?;
    if inner.contains('\\') {
        return serde_json::from_str(raw).ok().map(Cow::Owned);
    }
    Some(Cow::Borrowed(inner))
}

/// The JSON string that a text begins with, with its quotes, and the rest.
pub(crate) fn leading_string(text: &str) -> Option<(&str, &str)> {
    let mut scan = Scan::lenient(text);
    if scan.peek() != Some(b'"') {
        return None;
    }
    scan.string()?;
    text.split_at_checked(scan.at)
}

/// Appends the text of a JSON string that is known to be one; whether it could be read.
pub(crate) fn decode_onto(raw: &str, to: &mut String) -> bool {
    let inner = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"'));
    inner.is_some_and(|inner| unescape(inner, to).is_some())
}

fn unescape(mut inner: &str, to: &mut String) -> Option<()> {
    while let Some(at) = memchr(b'\\', inner.as_bytes()) {
        to.push_str(inner.get(..at)?);
        let (letter, length) = match inner.as_bytes().get(at + 1)? {
            b'n' => ('\n', 2),
            b't' => ('\t', 2),
            b'r' => ('\r', 2),
            b'b' => ('\u{8}', 2),
            b'f' => ('\u{c}', 2),
            b'u' => unicode(inner.get(at..)?)?,
            byte @ (b'"' | b'\\' | b'/') => (char::from(*byte), 2),
            _ => return None,
        };
        to.push(letter);
        inner = inner.get(at + length..)?;
    }
    to.push_str(inner);
    Some(())
}

/// The letter of one escape or of two, and their length.
fn unicode(text: &str) -> Option<(char, usize)> {
    let unit = |at: usize| {
        let digits = text.get(at..at + 6)?.strip_prefix("\\u")?;
        u16::from_str_radix(digits, 16).ok()
    };
    let first = unit(0)?;
    if let Some(letter) = char::from_u32(u32::from(first)) {
        return Some((letter, 6));
    }
    let mut letters = char::decode_utf16([first, unit(6)?]);
    Some((letters.next()?.ok()?, 12))
}

/// Appends `text` as a JSON string.
pub(crate) fn put_string(to: &mut BytesMut, text: &str) {
    // Writing into memory cannot fail.
    let _ = serde_json::to_writer(bytes::BufMut::writer(to), text);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn finds_members_and_elements() {
        let text = r#" {"a" : [1, {"b":2}] ,"c":"}"} "#;
        let members = object(text).expect("valid");
        let values: Vec<&str> = members.iter().filter_map(|m| text.get(m.value.clone())).collect();
        assert_eq!(values, [r#"[1, {"b":2}]"#, r#""}""#]);
        let list = "[ 1,[2] , null ]";
        let elements: Vec<&str> =
            array(list).expect("valid").into_iter().filter_map(|r| list.get(r)).collect();
        assert_eq!(elements, ["1", "[2]", "null"]);
    }

    #[test]
    fn refuses_a_key_that_stands_twice_however_spelled_and_wherever() {
        for text in [
            r#"{"a":1,"a":2}"#,
            r#"{"a":1,"\u0061":2}"#,
            r#"{"x":[{"y":{"b":1,"c":2,"b":3}}]}"#,
            r#"{"1":0,"2":0,"3":0,"4":0,"5":0,"6":0,"7":0,"8":0,"9":0,"3":0}"#,
        ] {
            assert!(matches!(object(text), Err(JsonError::Duplicate(_))), "{text}");
        }
        assert!(object(r#"{"a":{"a":1},"b":{"a":2}}"#).is_ok());
    }

    #[test]
    fn counts_depth() {
        let nested = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        assert!(object(&nested(MAX_DEPTH - 1)).is_ok());
        assert_eq!(object(&nested(MAX_DEPTH)), Err(JsonError::Depth));
        assert_eq!(object(&nested(100_000)), Err(JsonError::Depth));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn agrees_with_serde_on_what_is_json(text in r#"\{("[ab]"|[\[\]{},: "\\0-9eE.+-]|true|null|\\u00e9|\n){0,12}\}"#) {
            let serde = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text);
            let ours = object(&text);
            if !matches!(ours, Err(JsonError::Duplicate(_))) {
                prop_assert_eq!(ours.is_ok(), serde.is_ok(), "{}", text);
            }
        }
    }
}
