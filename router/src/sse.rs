//! Server-sent events: bytes cut anywhere into whole events.
//!
//! Owns lines, blocks and fields; what an event's data means is its protocol's.

use std::borrow::Cow;
use std::ops::Range;

use bytes::{Bytes, BytesMut};
use memchr::{memchr, memrchr};

/// The longest line that is read, in bytes.
pub(crate) const MAX_LINE: usize = 4 << 20;

/// The longest unfinished event that is kept: one line of the longest kind, and its small ones.
const MAX_PENDING: usize = MAX_LINE + (64 << 10);

/// A line or an event over its limit.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Holds back the bytes of an event until its blank line has come.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    pending: BytesMut,
}

impl Blocks {
    /// Takes the next bytes and gives all whole events so far, each with its blank line. Where
    /// nothing was held back and nothing is, they are the very bytes of `chunk`.
    pub(crate) fn push(&mut self, mut chunk: Bytes) -> Result<Bytes, TooLong> {
        if self.pending.is_empty() {
            let whole = chunk.split_to(whole_blocks(&chunk, 0));
            self.hold(&chunk)?;
            return Ok(whole);
        }
        let scanned = self.pending.len();
        self.pending.extend_from_slice(&chunk);
        let whole = self.pending.split_to(whole_blocks(&self.pending, scanned)).freeze();
        self.hold(&[])?;
        Ok(whole)
    }

    /// What is left without its blank line when the bytes are over.
    pub(crate) fn take_rest(&mut self) -> Bytes {
        self.pending.split().freeze()
    }

    fn hold(&mut self, rest: &[u8]) -> Result<(), TooLong> {
        if self.pending.len() + rest.len() > MAX_PENDING {
            self.pending = BytesMut::new();
            return Err(TooLong);
        }
        self.pending.extend_from_slice(rest);
        Ok(())
    }
}

/// Where the last blank line in `bytes` ends; 0 when there is none. The bytes before `scanned`
/// are known to hold none.
fn whole_blocks(bytes: &[u8], scanned: usize) -> usize {
    let mut end = bytes.len();
    while let Some(newline) = bytes.get(scanned..end).and_then(|part| memrchr(b'\n', part)) {
        let newline = scanned + newline;
        if ends_blank_line(bytes.get(..newline).unwrap_or_default()) {
            return newline + 1;
        }
        end = newline;
    }
    0
}

/// Whether a line feed after `before` ends an empty line.
fn ends_blank_line(before: &[u8]) -> bool {
    let before = before.strip_suffix(b"\r").unwrap_or(before);
    before.last().is_none_or(|byte| *byte == b'\n')
}

/// One event, or a comment, or a blank line on its own.
#[derive(Debug)]
pub(crate) struct Event<'a> {
    /// Where it stands among the bytes, with its blank line.
    pub(crate) range: Range<usize>,
    /// The `event` field, empty when there is none.
    pub(crate) name: &'a [u8],
    /// The `data` lines, joined; none when there is no such line.
    pub(crate) data: Option<Cow<'a, [u8]>>,
    /// Whether there is nothing in it but the blank line.
    pub(crate) blank: bool,
}

/// The events of whole blocks.
#[derive(Debug)]
pub(crate) struct Events<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Events<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// The next line without its end; none when the bytes are over.
    fn line(&mut self) -> Option<&'a [u8]> {
        let rest = self.bytes.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = memchr(b'\n', rest).unwrap_or(rest.len());
        self.at += length + 1;
        let line = rest.get(..length)?;
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

impl<'a> Iterator for Events<'a> {
    type Item = Result<Event<'a>, TooLong>;

    fn next(&mut self) -> Option<Self::Item> {
        let start = self.at;
        let mut event = Event { range: start..start, name: b"", data: None, blank: true };
        loop {
            match self.line() {
                None if event.blank => return None,
                Some(line) if line.len() > MAX_LINE => return Some(Err(TooLong)),
                None | Some([]) => break,
                Some(line) => event.take(line),
            }
        }
        event.range.end = self.at.min(self.bytes.len());
        Some(Ok(event))
    }
}

impl<'a> Event<'a> {
    fn take(&mut self, line: &'a [u8]) {
        self.blank = false;
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        if let Some(value) = field(line, b"data") {
            self.data = Some(match self.data.take() {
                None => Cow::Borrowed(value),
                Some(before) => Cow::Owned([before.as_ref(), b"\n", value].concat()),
            });
        } else if let Some(value) = field(line, b"event") {
            self.name = value;
        }
    }
}

fn field<'a>(line: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value = match line.strip_prefix(name)? {
        [] => &[],
        rest => rest.strip_prefix(b":")?,
    };
    Some(value.strip_prefix(b" ").unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn data(bytes: &[u8]) -> Vec<String> {
        Events::new(bytes)
            .filter_map(|event| event.expect("no long line").data)
            .map(|data| String::from_utf8_lossy(&data).into_owned())
            .collect()
    }

    #[test]
    fn reads_fields_in_every_spelling() {
        let text =
            b"\xef\xbb\xbfdata: a\r\n\r\n: note\n\nevent: x\ndata:b\ndata: c\nid: 1\n\ndata\n\n";
        assert_eq!(data(text), ["a", "b\nc", ""]);
    }

    #[test]
    fn forwards_a_whole_chunk_without_a_copy() {
        let chunk = Bytes::from_static(b"data: a\n\ndata: b\r\n\r\n");
        let whole = Blocks::default().push(chunk.clone()).expect("short");
        assert_eq!((whole.as_ptr(), whole.len()), (chunk.as_ptr(), chunk.len()));
    }

    #[test]
    fn holds_an_event_back_until_its_blank_line() {
        let mut blocks = Blocks::default();
        assert_eq!(blocks.push(Bytes::from_static(b"data: a\n\nda")), Ok("data: a\n\n".into()));
        assert_eq!(blocks.push(Bytes::from_static(b"ta: b\r\n\r")), Ok(Bytes::new()));
        assert_eq!(blocks.push(Bytes::from_static(b"\n")), Ok("data: b\r\n\r\n".into()));
        assert_eq!(blocks.take_rest(), Bytes::new());
    }

    #[test]
    fn refuses_a_line_without_end_and_forgets_it() {
        let mut blocks = Blocks::default();
        let chunk = Bytes::from(vec![b'x'; 1 << 20]);
        let taken = (0..8).take_while(|_| blocks.push(chunk.clone()).is_ok()).count();
        assert_eq!(taken, 4);
        assert_eq!(blocks.pending.capacity(), 0);
    }

    #[test]
    fn refuses_a_long_line_that_came_whole() {
        let line = [b"data: ".as_slice(), &vec![b'x'; MAX_LINE], b"\n\n"].concat();
        assert!(Events::new(&line).any(|event| event.is_err()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_cut_gives_the_same_events(
            lines in prop::collection::vec("(data: ?[a-z]{0,4}|: c|event: e|)(\n|\r\n)", 0..20),
            cuts in prop::collection::vec(1usize..9, 1..40),
        ) {
            let text = Bytes::from(lines.concat());
            let mut blocks = Blocks::default();
            let mut whole = Vec::new();
            let mut rest = text.clone();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break }
                let part = rest.split_to((*cut).min(rest.len()));
                whole.extend_from_slice(&blocks.push(part).expect("short"));
            }
            let tail = blocks.take_rest();
            prop_assert_eq!(data(&whole).len() + data(&tail).len(), data(&text).len());
            whole.extend_from_slice(&tail);
            prop_assert_eq!(&whole, &text);
        }
    }
}
