//! Bytes as text.
//!
//! Owns what happens to bytes that are not UTF-8; reading files is for whoever loads them.

use std::ops::Range;

/// A file's bytes as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// With U+FFFD for each run of bytes that are not UTF-8.
    pub text: String,
    /// Where those replacements stand in `text`.
    pub replaced: Vec<Range<usize>>,
}

/// Decodes `bytes`, whatever they are.
pub fn decode(bytes: Vec<u8>) -> Decoded {
    match String::from_utf8(bytes) {
        Ok(text) => Decoded { text, replaced: Vec::new() },
        Err(error) => with_replacements(error.as_bytes()),
    }
}

fn with_replacements(bytes: &[u8]) -> Decoded {
    let mut text = String::with_capacity(bytes.len());
    let mut replaced: Vec<Range<usize>> = Vec::new();
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        if chunk.invalid().is_empty() {
            continue;
        }
        match replaced.last_mut() {
            Some(last) if last.end == text.len() => {}
            _ => {
                let start = text.len();
                text.push(char::REPLACEMENT_CHARACTER);
                replaced.push(start..text.len());
            }
        }
    }
    Decoded { text, replaced }
}

#[cfg(test)]
mod tests {
    use super::decode;

    #[test]
    fn keeps_what_is_utf8() {
        let decoded = decode("é→".into());
        assert_eq!(decoded.text, "é→");
        assert!(decoded.replaced.is_empty());
    }

    #[test]
    fn replaces_what_is_not() {
        let decoded = decode(b"a\xff\xfeb\n\xc3".into());
        assert_eq!(decoded.text, "a\u{fffd}b\n\u{fffd}");
        assert_eq!(decoded.replaced, [1..4, 6..9]);
    }
}
