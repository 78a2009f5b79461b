//! One pass over a text.
//!
//! Owns the grammar, the depth and the keys that stand twice. What is wrong is kept in the scan, so
//! that its many small steps hand no errors on; nothing is read after it.

use std::borrow::Cow;
use std::ops::Range;

use memchr::memchr2;

use super::{JsonError, MAX_DEPTH, decode};

/// Objects with more members than this are checked for duplicates by sorting.
const FEW: usize = 8;

/// As many keys as most texts have open at once.
const OPEN_KEYS: usize = 16;

/// How deep an answer's may: what a model writes is not the router's to refuse, as far as the stack
/// holds it.
const ANSWER_DEPTH: usize = 512;

/// Told of each member of an object, with the place of its key, quotes included, when the scan stands
/// at its value: what it does not read is passed over.
///
/// No type parameter, as the elements' has none: requests, answers and events are read by the same
/// code, which a request has brought into the caches when its answer comes.
pub(super) type OnMember<'s, 'a> = &'s mut dyn FnMut(&mut Scan<'a>, Range<usize>);

/// A place in a text.
pub(crate) struct Scan<'a> {
    pub(super) text: &'a str,
    pub(super) at: usize,
    depth: usize,
    deepest: usize,
    /// The keys of the objects that are open, outermost first; none where they may stand twice.
    keys: Option<Vec<Cow<'a, str>>>,
    /// Whether a surrogate was escaped.
    pub(super) halves: bool,
    /// Whether anything was escaped in the last string.
    pub(super) escaped: bool,
    pub(super) error: Option<JsonError>,
}

/// A step; none where the text is wrong.
type Step = Option<()>;

impl<'a> Scan<'a> {
    /// Of a client's text: no key may stand twice, since its readers would choose different ones.
    pub(super) fn strict(text: &'a str) -> Self {
        Self {
            keys: Some(Vec::with_capacity(OPEN_KEYS)),
            deepest: MAX_DEPTH,
            ..Self::lenient(text)
        }
    }

    /// Of an answer's text: what is in it is for the client.
    pub(super) fn lenient(text: &'a str) -> Self {
        let (deepest, keys, error) = (ANSWER_DEPTH, None, None);
        Self { text, at: 0, depth: 0, deepest, keys, halves: false, escaped: false, error }
    }

    /// What was made of the text; the error where it is wrong, or goes on.
    pub(super) fn through<T>(mut self, made: T) -> Result<(T, bool), JsonError> {
        self.end();
        match self.error {
            None => Ok((made, self.halves)),
            Some(error) => Err(error),
        }
    }

    pub(super) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn rest(&self) -> &'a [u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    pub(super) fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    #[cold]
    fn fail<T>(&mut self, error: JsonError) -> Option<T> {
        self.error.get_or_insert(error);
        None
    }

    #[cold]
    fn expected<T>(&mut self, what: &'static str) -> Option<T> {
        self.fail(JsonError::Syntax(what, self.at))
    }

    fn take(&mut self, byte: u8, what: &'static str) -> Step {
        if self.peek() != Some(byte) {
            return self.expected(what);
        }
        self.at += 1;
        Some(())
    }

    pub(super) fn end(&mut self) -> Step {
        self.space();
        if self.error.is_some() {
            return None;
        }
        if self.at == self.text.len() { Some(()) } else { self.expected("the end") }
    }

    /// A value without the space around it.
    pub(super) fn value(&mut self) -> Step {
        self.space();
        match self.peek() {
            Some(b'{') => self.object(&mut |_, _| ()),
            Some(b'[') => self.array(&mut |_| ()),
            Some(b'"') => self.string(),
            Some(b'-' | b'0'..=b'9') => self.numeral(),
            _ => self.word(),
        }
    }

    fn enter(&mut self) -> Step {
        self.depth += 1;
        if self.depth > self.deepest { self.fail(JsonError::Depth) } else { Some(()) }
    }

    pub(super) fn object(&mut self, seen: OnMember<'_, 'a>) -> Step {
        self.take(b'{', "an object")?;
        self.enter()?;
        let outer = self.keys.as_ref().map_or(0, Vec::len);
        self.space();
        if self.peek() != Some(b'}') {
            loop {
                let key = self.key()?;
                self.space();
                let value = self.at;
                seen(self, key);
                self.pass(value)?;
                if !self.more() {
                    break;
                }
            }
        }
        self.take(b'}', "`,` or `}`")?;
        self.depth -= 1;
        self.check_duplicates(outer)
    }

    pub(super) fn array(&mut self, seen: &mut dyn FnMut(&mut Self)) -> Step {
        self.take(b'[', "an array")?;
        self.enter()?;
        self.space();
        if self.peek() != Some(b']') {
            loop {
                self.space();
                let value = self.at;
                seen(self);
                self.pass(value)?;
                if !self.more() {
                    break;
                }
            }
        }
        self.take(b']', "`,` or `]`")?;
        self.depth -= 1;
        Some(())
    }

    /// Passes the value here over, unless its reader has done so.
    fn pass(&mut self, value: usize) -> Step {
        if self.error.is_some() {
            return None;
        }
        if self.at == value { self.value() } else { Some(()) }
    }

    /// Whether a comma follows.
    fn more(&mut self) -> bool {
        self.space();
        let more = self.peek() == Some(b',');
        self.at += usize::from(more);
        more
    }

    fn key(&mut self) -> Option<Range<usize>> {
        self.space();
        let start = self.at;
        if self.peek() != Some(b'"') {
            return self.expected("a key");
        }
        self.string()?;
        let range = start..self.at;
        if self.keys.is_some() {
            self.keep(&range)?;
        }
        self.space();
        self.take(b':', "`:`")?;
        Some(range)
    }

    /// Keeps a key, to be compared with the others.
    fn keep(&mut self, key: &Range<usize>) -> Step {
        let raw = self.text.get(key.clone()).unwrap_or_default();
        let inner = self.text.get(key.start + 1..key.end - 1).unwrap_or_default();
        let plain = || Some(Cow::Borrowed(inner)).filter(|_| !self.escaped);
        let decoded = plain().or_else(|| decode(raw));
        let Some(key) = decoded.or(self.halves.then_some(Cow::Borrowed(raw))) else {
            return self.expected("a key");
        };
        self.keys.as_mut()?.push(key);
        Some(())
    }

    fn check_duplicates(&mut self, outer: usize) -> Step {
        let Some(all) = &mut self.keys else { return Some(()) };
        let keys = all.get_mut(outer..).unwrap_or_default();
        let twice = if keys.len() <= FEW { twice_in_few(keys) } else { twice_in_many(keys) };
        if let Some(key) = twice {
            let key = key.chars().take(64).collect();
            return self.fail(JsonError::Duplicate(key));
        }
        all.truncate(outer);
        Some(())
    }

    pub(super) fn string(&mut self) -> Step {
        self.at += 1;
        self.escaped = false;
        loop {
            let rest = self.rest();
            let length = plain(rest);
            self.at += length;
            match rest.get(length) {
                Some(b'"') => {
                    self.at += 1;
                    return Some(());
                }
                Some(b'\\') => {
                    self.at += 1;
                    self.escape()?;
                }
                Some(_) => return self.expected("an escape in place of a control character"),
                None => return self.expected("`\"`"),
            }
        }
    }

    fn escape(&mut self) -> Step {
        self.escaped = true;
        let length = match self.rest() {
            [b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', ..] => 1,
            [b'u', a, b, c, d, ..] if [a, b, c, d].iter().all(|x| x.is_ascii_hexdigit()) => {
                self.halves |= matches!(a, b'd' | b'D') && *b >= b'8';
                5
            }
            _ => return self.expected("an escape"),
        };
        self.at += length;
        Some(())
    }

    fn numeral(&mut self) -> Step {
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
        Some(())
    }

    fn digits(&mut self) -> Step {
        let count = self.rest().iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        if count == 0 { self.expected("a digit") } else { Some(()) }
    }

    fn word(&mut self) -> Step {
        let Some(word) = ["true", "false", "null"]
            .into_iter()
            .find(|word| self.rest().starts_with(word.as_bytes()))
        else {
            return self.expected("a value");
        };
        self.at += word.len();
        Some(())
    }
}

/// How far a string goes on before a quote, an escape or a control character. Most strings are short:
/// what finds bytes in long texts takes longer to begin than they have to be looked at.
fn plain(bytes: &[u8]) -> usize {
    const SHORT: usize = 8;
    let (words, _) = bytes.as_chunks::<8>();
    for (place, word) in words.iter().take(SHORT).enumerate() {
        let marks = special(u64::from_le_bytes(*word));
        if marks != 0 {
            return place * 8 + marks.trailing_zeros() as usize / 8;
        }
    }
    let looked_at = words.len().min(SHORT) * 8;
    let rest = bytes.get(looked_at..).unwrap_or_default();
    let length = memchr2(b'"', b'\\', rest).unwrap_or(rest.len());
    let run = rest.get(..length).unwrap_or_default();
    let length =
        if has_control(run) { run.iter().take_while(|x| **x >= 0x20).count() } else { length };
    looked_at + length
}

/// Marks, by its highest bit, the first of eight bytes that does not stand for itself in a string.
/// Those behind it may be marked wrongly, since a subtraction borrows from the byte before.
const fn special(bytes: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const fn zeros(bytes: u64) -> u64 {
        bytes.wrapping_sub(ONES) & !bytes
    }
    let quotes = zeros(bytes ^ (ONES * b'"' as u64));
    let escapes = zeros(bytes ^ (ONES * b'\\' as u64));
    let controls = bytes.wrapping_sub(ONES * 0x20) & !bytes;
    (quotes | escapes | controls) & (ONES * 0x80)
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
    use super::*;

    #[test]
    fn a_string_ends_at_its_first_special_byte_wherever_it_stands() {
        let slow = |bytes: &[u8]| {
            let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
            bytes.iter().position(special).unwrap_or(bytes.len())
        };
        for length in [0, 1, 7, 8, 9, 63, 64, 65, 100, 200] {
            for fill in [b' ', b'!', b'#', b'[', b']', b'~', 0x7f, 0x80, 0xa0, 0xa2, 0xdc, 0xff] {
                let bytes = vec![fill; length];
                assert_eq!(plain(&bytes), length);
                for place in 0..length {
                    for found in [b'"', b'\\', 0, 1, 0x1f] {
                        let mut bytes = bytes.clone();
                        bytes[place] = found;
                        bytes[(place * 7 + 3) % length] = b'\\';
                        assert_eq!(plain(&bytes), slow(&bytes), "{bytes:?}");
                    }
                }
            }
        }
    }
}
