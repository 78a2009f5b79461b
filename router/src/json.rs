//! JSON looked at without building it: one pass that checks a text and finds its parts.
//!
//! Owns syntax, depth and duplicate keys; what a value means is for its reader.

mod sought;
mod surrogates;

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use bytes::BytesMut;
use memchr::{memchr, memchr2};

pub(crate) use self::sought::Sought;
pub(crate) use self::surrogates::mended;

/// How deep arrays and objects may stand in one another.
pub(crate) const MAX_DEPTH: usize = 128;

/// Objects with more members than this are checked for duplicates by sorting.
const FEW: usize = 8;

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
    let mut scan = Scan::new(text);
    let mut members = Vec::new();
    scan.space();
    scan.object(|key, value| members.push(Member { key, value }))?;
    scan.end()?;
    Ok((members, scan.halves))
}

/// Checks a whole text and gives the elements of the array that it is.
pub(crate) fn array(text: &str) -> Result<Vec<Range<usize>>, JsonError> {
    let mut scan = Scan::new(text);
    let mut elements = Vec::new();
    scan.space();
    scan.array(|element| elements.push(element))?;
    scan.end()?;
    Ok(elements)
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
    let mut scan = Scan::new(text);
    if scan.peek() != Some(b'"') {
        return None;
    }
    scan.string().ok()?;
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

struct Scan<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// The keys of the objects that are open, outermost first.
    keys: Vec<Cow<'a, str>>,
    /// Whether a surrogate was escaped.
    halves: bool,
}

impl<'a> Scan<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0, keys: Vec::new(), halves: false }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    #[cold]
    fn expected<T>(&self, what: &'static str) -> Result<T, JsonError> {
        Err(JsonError::Syntax(what, self.at))
    }

    fn take(&mut self, byte: u8, what: &'static str) -> Result<(), JsonError> {
        if self.peek() != Some(byte) {
            return self.expected(what);
        }
        self.at += 1;
        Ok(())
    }

    fn end(&mut self) -> Result<(), JsonError> {
        self.space();
        if self.at == self.text.len() { Ok(()) } else { self.expected("the end") }
    }

    /// A value without the space around it.
    fn value(&mut self) -> Result<Range<usize>, JsonError> {
        self.space();
        let start = self.at;
        match self.peek() {
            Some(b'{') => self.object(|_, _| ())?,
            Some(b'[') => self.array(|_| ())?,
            Some(b'"') => self.string()?,
            Some(b'-' | b'0'..=b'9') => self.number()?,
            _ => self.word()?,
        }
        Ok(start..self.at)
    }

    fn enter(&mut self) -> Result<(), JsonError> {
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(JsonError::Depth) } else { Ok(()) }
    }

    fn object(
        &mut self,
        mut seen: impl FnMut(Range<usize>, Range<usize>),
    ) -> Result<(), JsonError> {
        self.take(b'{', "an object")?;
        self.enter()?;
        let outer = self.keys.len();
        self.space();
        if self.peek() != Some(b'}') {
            loop {
                let key = self.key()?;
                let value = self.value()?;
                seen(key, value);
                if !self.more()? {
                    break;
                }
            }
        }
        self.take(b'}', "`,` or `}`")?;
        self.depth -= 1;
        self.check_duplicates(outer)
    }

    fn array(&mut self, mut seen: impl FnMut(Range<usize>)) -> Result<(), JsonError> {
        self.take(b'[', "an array")?;
        self.enter()?;
        self.space();
        if self.peek() != Some(b']') {
            loop {
                seen(self.value()?);
                if !self.more()? {
                    break;
                }
            }
        }
        self.take(b']', "`,` or `]`")?;
        self.depth -= 1;
        Ok(())
    }

    /// Whether a comma follows.
    fn more(&mut self) -> Result<bool, JsonError> {
        self.space();
        let more = self.peek() == Some(b',');
        self.at += usize::from(more);
        Ok(more)
    }

    fn key(&mut self) -> Result<Range<usize>, JsonError> {
        self.space();
        let start = self.at;
        if self.peek() != Some(b'"') {
            return self.expected("a key");
        }
        self.string()?;
        let range = start..self.at;
        let raw = self.text.get(range.clone()).unwrap_or_default();
        let Some(key) = decode(raw).or(self.halves.then_some(Cow::Borrowed(raw))) else {
            return self.expected("a key");
        };
        self.keys.push(key);
        self.space();
        self.take(b':', "`:`")?;
        Ok(range)
    }

    fn check_duplicates(&mut self, outer: usize) -> Result<(), JsonError> {
        let keys = self.keys.get_mut(outer..).unwrap_or_default();
        let twice = if keys.len() <= FEW { twice_in_few(keys) } else { twice_in_many(keys) };
        if let Some(key) = twice {
            return Err(JsonError::Duplicate(key.chars().take(64).collect()));
        }
        self.keys.truncate(outer);
        Ok(())
    }

    fn string(&mut self) -> Result<(), JsonError> {
        self.at += 1;
        loop {
            let rest = self.rest();
            let Some(length) = memchr2(b'"', b'\\', rest) else {
                self.at = self.text.len();
                return self.expected("`\"`");
            };
            if has_control(rest.get(..length).unwrap_or_default()) {
                return self.expected("an escape in place of a control character");
            }
            self.at += length + 1;
            if rest.get(length) == Some(&b'"') {
                return Ok(());
            }
            self.escape()?;
        }
    }

    fn escape(&mut self) -> Result<(), JsonError> {
        let length = match self.rest() {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 1,
            [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|x| x.is_ascii_hexdigit()) => {
                self.halves |= matches!(a, b'd' | b'D') && *b >= b'8';
                5
            }
            _ => return self.expected("an escape"),
        };
        self.at += length;
        Ok(())
    }

    fn number(&mut self) -> Result<(), JsonError> {
        self.at += usize::from(self.peek() == Some(b'-'));
        match self.peek() {
            Some(b'0') => self.at += 1,
            _ => self.digits()?,
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            self.at += usize::from(matches!(self.peek(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), JsonError> {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        if count == 0 { self.expected("a digit") } else { Ok(()) }
    }

    fn word(&mut self) -> Result<(), JsonError> {
        let Some(word) = ["true", "false", "null"]
            .into_iter()
            .find(|word| self.rest().starts_with(word.as_bytes()))
        else {
            return self.expected("a value");
        };
        self.at += word.len();
        Ok(())
    }
}

/// Looks at every byte, since a loop without an early end is done several bytes at a time.
fn has_control(run: &[u8]) -> bool {
    run.iter().fold(false, |found, byte| found | (*byte < 0x20))
}

fn twice_in_few<'k>(keys: &'k [Cow<'_, str>]) -> Option<&'k str> {
    keys.iter()
        .enumerate()
        .find(|(index, key)| keys.iter().take(*index).any(|before| before == *key))
        .map(|(_, key)| key.as_ref())
}

fn twice_in_many<'k>(keys: &'k mut [Cow<'_, str>]) -> Option<&'k str> {
    keys.sort_unstable();
    keys.windows(2).find(|pair| pair.first() == pair.last())?.first().map(AsRef::as_ref)
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
