//! Events of a stream that differ in one string alone, as those do which bring an answer's text.
//!
//! Owns the comparison with one that was read; what such an event says is for its reader. Nearly
//! all of a stream's events are alike, and to compare one is ten times as fast as to parse it.

use crate::json;

/// Members that providers fill at random, so that the length of an event tells nothing; the last of
/// an event.
const PADDINGS: [&str; 2] = [r#","obfuscation":""#, r#","p":""#];

/// What stands around the string.
#[derive(Debug, Default)]
pub(crate) struct Mold {
    before: String,
    after: String,
    /// Whether padding follows.
    padded: bool,
}

impl Mold {
    /// Takes the shape of `data`, of which `raw` is the string, a part of it with its quotes.
    pub(crate) fn learn(&mut self, data: &str, raw: &str) {
        self.before.clear();
        let start = raw.as_ptr().addr().wrapping_sub(data.as_ptr().addr());
        let end = start.wrapping_add(raw.len());
        let own = data.get(start..end).filter(|own| std::ptr::eq(*own, raw));
        let (Some(_), Some(before), Some(after)) = (own, data.get(..start), data.get(end..)) else {
            return;
        };
        let ends_in_text = after.ends_with("\"}");
        let padded = PADDINGS.iter().filter(|_| ends_in_text).find_map(|padding| {
            let place = after.rfind(padding)? + padding.len();
            is_padding(after.get(place..)?).then(|| after.get(..place))?
        });
        self.before.push_str(before);
        self.after.clear();
        self.after.push_str(padded.unwrap_or(after));
        self.padded = padded.is_some();
    }

    /// The string of an event of this shape, with its quotes; none for the empty one.
    pub(crate) fn string<'d>(&self, data: &'d str) -> Option<&'d str> {
        if self.before.is_empty() {
            return None;
        }
        let rest = data.strip_prefix(self.before.as_str())?;
        let (raw, rest) = json::leading_string(rest)?;
        let rest = rest.strip_prefix(self.after.as_str())?;
        let ends = if self.padded { is_padding(rest) } else { rest.is_empty() };
        (ends && raw.len() > 2).then_some(raw)
    }
}

/// Whether it is the inside of a string without escapes and the end of an event.
fn is_padding(rest: &str) -> bool {
    let letters = rest.strip_suffix("\"}");
    letters.is_some_and(|letters| letters.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mold(data: &str, raw: &str) -> Mold {
        let mut mold = Mold::default();
        let start = data.find(raw).expect("a part");
        mold.learn(data, data.get(start..start + raw.len()).expect("a part"));
        mold
    }

    #[test]
    fn another_string_in_the_same_place_is_found() {
        let mold = mold(r#"{"a":1,"t":"x","b":null}"#, r#""x""#);
        for raw in [r#""y""#, r#""a \"b\" \\""#, r#""\u00e9é""#, r#"" ""#] {
            let data = format!(r#"{{"a":1,"t":{raw},"b":null}}"#);
            assert_eq!(mold.string(&data), Some(raw));
        }
        for other in [
            r#"{"a":1,"t":"","b":null}"#,
            r#"{"a":1,"t":"y","b":0}"#,
            r#"{"a":1,"t":"y","b":null} "#,
            r#"{"a":1,"t":"y","c":"z","b":null}"#,
            r#"{"a":2,"t":"y","b":null}"#,
            r#"{"a":1,"t":null,"b":null}"#,
            r#"{"a":1,"t":"\x","b":null}"#,
            "{\"a\":1,\"t\":\"\n\",\"b\":null}",
            r#"{"a":1,"t":"y"#,
            "",
        ] {
            assert_eq!(mold.string(other), None, "{other}");
        }
    }

    #[test]
    fn padding_may_be_any() {
        for (name, raw) in [("obfuscation", r#""x""#), ("p", r#""x""#)] {
            let data = |text: &str, pad: &str| format!(r#"{{"t":{text},"n":1,"{name}":"{pad}"}}"#);
            let mold = mold(&data(raw, "abc"), raw);
            assert_eq!(mold.string(&data(r#""y""#, "")), Some(r#""y""#));
            assert_eq!(mold.string(&data(r#""y""#, "abcdefG1")), Some(r#""y""#));
            for other in [r#"a","c":"d"#, "a\\", "é"] {
                assert_eq!(mold.string(&data(r#""y""#, other)), None);
            }
        }
        // A member that is not padding tells something.
        let data = |word: &str| format!(r#"{{"t":"x","finish":"{word}"}}"#);
        assert_eq!(mold(&data("a"), r#""x""#).string(&data("b")), None);
    }

    #[test]
    fn what_is_not_a_part_teaches_nothing() {
        let (mut mold, apart) = (Mold::default(), format!("\"{}\"", 'x'));
        mold.learn(r#"{"t":"x"}"#, &apart);
        assert_eq!(mold.string(r#"{"t":"x"}"#), None);
        assert_eq!(Mold::default().string(r#""x""#), None);
    }
}
