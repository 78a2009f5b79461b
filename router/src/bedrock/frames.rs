//! The frames of AWS's event streams, read where they stand.
//!
//! Owns lengths, checksums and headers (Amazon Transcribe Developer Guide, "Event stream encoding");
//! what an event means is `stream`'s. The SDK's own reader copies every header and the payload.

/// The lengths of the frame and of its headers, and the checksum of the two.
const PRELUDE: usize = 12;

/// A checksum.
const CHECKSUM: usize = 4;

/// A whole frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame<'a> {
    /// With the prelude and the checksums.
    pub(super) length: usize,
    headers: &'a [u8],
    pub(super) payload: &'a [u8],
}

/// A frame whose lengths, checksums or headers are wrong.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Damaged;

impl<'a> Frame<'a> {
    /// The frame that `bytes` begin with; none where they hold only a part of one.
    pub(super) fn read(bytes: &'a [u8]) -> Result<Option<Self>, Damaged> {
        let Some(prelude) = bytes.get(..PRELUDE) else { return Ok(None) };
        let (lengths, checksum) = prelude.split_at_checked(PRELUDE - CHECKSUM).ok_or(Damaged)?;
        let (length, headers) = (number(lengths, 0)?, number(lengths, CHECKSUM)?);
        if crc32fast::hash(lengths) != word(checksum, 0)? {
            return Err(Damaged);
        }
        let Some(frame) = bytes.get(..length) else { return Ok(None) };
        let end = length.checked_sub(CHECKSUM).ok_or(Damaged)?;
        let (checked, checksum) = frame.split_at_checked(end).ok_or(Damaged)?;
        if crc32fast::hash(checked) != word(checksum, 0)? {
            return Err(Damaged);
        }
        let inside = checked.get(PRELUDE..).ok_or(Damaged)?;
        let (headers, payload) = inside.split_at_checked(headers).ok_or(Damaged)?;
        Ok(Some(Self { length, headers, payload }))
    }

    /// The texts of its headers of these names.
    pub(super) fn texts<const N: usize>(
        &self,
        names: [&str; N],
    ) -> Result<[Option<&'a str>; N], Damaged> {
        let (mut texts, mut rest) = ([None; N], self.headers);
        while !rest.is_empty() {
            let header = Header::read(&mut rest).ok_or(Damaged)?;
            let place = names.iter().position(|name| name.as_bytes() == header.name);
            if let Some(text) = place.and_then(|place| texts.get_mut(place)) {
                *text = header.text.and_then(|text| std::str::from_utf8(text).ok());
            }
        }
        Ok(texts)
    }
}

struct Header<'a> {
    name: &'a [u8],
    /// Where its value is a text.
    text: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    fn read(rest: &mut &'a [u8]) -> Option<Self> {
        let length = take(rest, 1)?.first().copied()?;
        let name = take(rest, usize::from(length))?;
        let kind = take(rest, 1)?.first().copied()?;
        let length = match kind {
            // True and false.
            0 | 1 => 0,
            2 => 1,
            3 => 2,
            4 => 4,
            // A number and a time.
            5 | 8 => 8,
            // Bytes and a text.
            6 | 7 => match take(rest, 2)? {
                [high, low] => usize::from(u16::from_be_bytes([*high, *low])),
                _ => return None,
            },
            9 => 16,
            _ => return None,
        };
        let value = take(rest, length)?;
        Some(Self { name, text: (kind == 7).then_some(value) })
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

fn word(bytes: &[u8], at: usize) -> Result<u32, Damaged> {
    let word = bytes.get(at..).and_then(|bytes| bytes.first_chunk::<CHECKSUM>());
    word.map(|word| u32::from_be_bytes(*word)).ok_or(Damaged)
}

fn number(bytes: &[u8], at: usize) -> Result<usize, Damaged> {
    usize::try_from(word(bytes, at)?).map_err(|_| Damaged)
}

#[cfg(test)]
mod tests {
    use aws_smithy_eventstream::frame::{read_message_from, write_message_to};
    use aws_smithy_types::DateTime;
    use aws_smithy_types::event_stream::{Header, HeaderValue, Message};
    use proptest::prelude::*;

    use super::*;

    fn frame(payload: &[u8]) -> Vec<u8> {
        let header = |name: &'static str, value: HeaderValue| Header::new(name, value);
        let message = Message::new(payload.to_vec())
            .add_header(header("a", HeaderValue::Bool(true)))
            .add_header(header("b", HeaderValue::Bool(false)))
            .add_header(header("c", HeaderValue::Byte(1)))
            .add_header(header("d", HeaderValue::Int16(2)))
            .add_header(header("e", HeaderValue::Int32(3)))
            .add_header(header("f", HeaderValue::Int64(4)))
            .add_header(header("g", HeaderValue::ByteArray(vec![1, 2, 3].into())))
            .add_header(header(":event-type", HeaderValue::String("é".into())))
            .add_header(header("h", HeaderValue::Timestamp(DateTime::from_secs(5))))
            .add_header(header("i", HeaderValue::Uuid(6)))
            .add_header(header("empty", HeaderValue::String("".into())));
        let mut bytes = Vec::new();
        write_message_to(&message, &mut bytes).expect("a frame");
        bytes
    }

    #[test]
    fn every_kind_of_header_is_passed() {
        let mut bytes = frame(b"{}");
        let length = bytes.len();
        bytes.extend_from_slice(b"more");
        let read = Frame::read(&bytes).expect("sound").expect("whole");
        assert_eq!((read.length, read.payload), (length, &b"{}"[..]));
        let texts = read.texts(["empty", ":event-type", "a", "none"]);
        assert_eq!(texts, Ok([Some(""), Some("é"), None, None]));
        for cut in 0..length {
            assert_eq!(Frame::read(&bytes[..cut]), Ok(None), "{cut}");
        }
    }

    #[test]
    fn lengths_that_cannot_be_are_damage() {
        let with = |length: u32, headers: u32| {
            let lengths = [length.to_be_bytes(), headers.to_be_bytes()].concat();
            let mut bytes = [&lengths[..], &crc32fast::hash(&lengths).to_be_bytes()].concat();
            bytes.extend(crc32fast::hash(&bytes).to_be_bytes());
            bytes
        };
        assert_eq!(Frame::read(&with(16, 0)).map(|it| it.map(|it| it.length)), Ok(Some(16)));
        for (length, headers) in [(0, 0), (3, 0), (12, 0), (15, 0), (16, 1), (16, u32::MAX)] {
            assert_eq!(Frame::read(&with(length, headers)), Err(Damaged), "{length} {headers}");
        }
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_sdks_reader(
            payload in prop::collection::vec(any::<u8>(), 0..40),
            damage in prop::option::of((any::<prop::sample::Index>(), 1u8..)),
        ) {
            let mut bytes = frame(&payload);
            if let Some((place, with)) = damage {
                let place = place.index(bytes.len());
                bytes[place] ^= with;
                // Either may wait for the rest of a frame that is longer than it was.
                prop_assert!(!matches!(Frame::read(&bytes), Ok(Some(_))));
                prop_assert!(read_message_from(&mut &bytes[..]).is_err());
            } else {
                let message = read_message_from(&mut &bytes[..]).expect("sound");
                let read = Frame::read(&bytes).expect("sound").expect("whole");
                prop_assert_eq!(read.payload, &message.payload()[..]);
            }
        }
    }
}
