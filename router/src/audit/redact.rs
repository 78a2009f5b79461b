//! What a body may not take into the audit log: keys, and what is long and not text.
//!
//! Owns the passage from a body to one line of JSON; what looks like a key is
//! [`model_map::secret`]'s.

use std::borrow::Cow;

use memchr::memmem;
use serde_json::value::RawValue;

/// Written in place of a secret.
const MASKED: &str = "\"***\"";
/// Members whose text is a secret whatever it looks like: some clients send keys along in the body.
const SECRET_NAMES: [&str; 10] = [
    "access_token",
    "api-key",
    "api_key",
    "apikey",
    "authorization",
    "aws_secret_access_key",
    "client_secret",
    "password",
    "secret",
    "x-api-key",
];
/// What stands before the bytes of a data URL.
const DATA: &str = ";base64,";
/// Bytes in base 64 that are still shown.
const DATA_SHOWN: usize = 64;
/// Base 64 without a data URL around it is told from a long word by its length.
const BARE_DATA: usize = 512;

/// A body as it may be recorded, on one line: JSON as it was written but for white space, secrets
/// and data; anything else as a text.
pub(crate) fn body(text: &str) -> Option<Box<RawValue>> {
    let as_text = || serde_json::to_string(&*shortened(&masked(text))).ok();
    RawValue::from_string(json(text)).ok().or_else(|| RawValue::from_string(as_text()?).ok())
}

/// The values of a JSON text that need a look, one after the other.
fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(1 << 16));
    let mut rest = text;
    let mut is_secret = false;
    while let Some((before, literal, after)) = next_string(rest) {
        let is_value = before.trim_end().ends_with(':');
        push_compact(&mut out, before);
        let names = after.trim_start().starts_with(':');
        match (names, is_secret && is_value) {
            (true, _) => out.push_str(literal),
            (false, true) => out.push_str(MASKED),
            (false, false) => out.push_str(&shortened(&masked(literal))),
        }
        is_secret = names && is_secret_name(literal);
        rest = after;
    }
    push_compact(&mut out, rest);
    out
}

/// The first string literal with its quotes, and what is around it.
fn next_string(text: &str) -> Option<(&str, &str, &str)> {
    let start = memchr::memchr(b'"', text.as_bytes())?;
    let (before, from) = text.split_at_checked(start)?;
    let bytes = from.as_bytes();
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes.get(at) == Some(&b'"') {
            break;
        }
        at += 2;
    }
    let (literal, after) = from.split_at_checked(at + 1)?;
    Some((before, literal, after))
}

fn push_compact(out: &mut String, structure: &str) {
    out.extend(structure.chars().filter(|c| !c.is_ascii_whitespace()));
}

fn is_secret_name(literal: &str) -> bool {
    let name = literal.trim_matches('"');
    SECRET_NAMES.iter().any(|secret| secret.eq_ignore_ascii_case(name))
}

fn masked(text: &str) -> Cow<'_, str> {
    let found = model_map::secret::find(text);
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for secret in found.iter().filter(|secret| secret.end > secret.start) {
        // They may lie one within another.
        if secret.start < at {
            continue;
        }
        out.push_str(text.get(at..secret.start).unwrap_or_default());
        out.push_str("***");
        at = secret.end;
    }
    // A private key without an end would take the closing quote along.
    let rest = text.get(at..).unwrap_or_default();
    out.push_str(if rest.is_empty() && text.ends_with('"') { "\"" } else { rest });
    Cow::Owned(out)
}

fn shortened(text: &str) -> Cow<'_, str> {
    let bare = text.trim_matches('"');
    if bare.len() > BARE_DATA && data_length(bare) == bare.len() {
        return Cow::Owned(format!("\"…({} characters of data)\"", bare.len()));
    }
    if memmem::find(text.as_bytes(), DATA.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once(DATA) {
        out.push_str(before);
        out.push_str(DATA);
        let length = data_length(from);
        let (data, after) = from.split_at_checked(length).unwrap_or((from, ""));
        if length > DATA_SHOWN {
            out.push_str(&format!("…({length} characters of data)"));
        } else {
            out.push_str(data);
        }
        rest = after;
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// How much of a text's start is base 64, in which a slash may be written as `\/`.
fn data_length(text: &str) -> usize {
    let is_data = |(at, byte): (usize, &u8)| match byte {
        b'\\' => text.as_bytes().get(at + 1) == Some(&b'/'),
        byte => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_'),
    };
    text.as_bytes().iter().enumerate().take_while(|it| is_data(*it)).count()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn shown(text: &str) -> String {
        body(text).unwrap().get().to_owned()
    }

    #[test]
    fn json_stays_as_it_was_written_but_on_one_line() {
        let text =
            "{ \"a\" :\r\n [1.50, \"x\\\"\\u00e9 \\/ y\"],\n\t\"big\": 12345678901234567890 }\n";
        assert_eq!(shown(text), r#"{"a":[1.50,"x\"\u00e9 \/ y"],"big":12345678901234567890}"#);
        assert_eq!(shown("no \"JSON\n"), r#""no \"JSON\n""#);
    }

    #[test]
    fn secrets_are_masked_by_their_look_and_by_their_name() {
        // Written in two halves, so that no scanner takes this file for a leak.
        let key = ["sk-", "ant-api03-abcdefgh0123456789"].concat();
        let text = json!({
            "messages": [{"content": format!("use {key}, please")}],
            "metadata": {"API_Key": "short", "password": {"type": "string"}, "secret": 7},
            "note": format!("Bearer {}", "0123456789abcdef0123"),
        });
        let shown = shown(&text.to_string());
        assert!(!shown.contains(&key) && !shown.contains("0123456789abcdef"), "{shown}");
        let shown: Value = serde_json::from_str(&shown).unwrap();
        assert_eq!(shown["messages"][0]["content"], "use ***, please");
        let metadata = json!({"API_Key": "***", "password": {"type": "string"}, "secret": 7});
        assert_eq!(shown["metadata"], metadata);
        assert_eq!(shown["note"], "Bearer ***");
    }

    #[test]
    fn a_private_key_without_an_end_takes_no_quote_along() {
        let begin = ["-----BEGIN ", "PRIVATE KEY-----"].concat();
        let text = format!(r#"{{"a":"{begin}\nMIIE","b":"c"}}"#);
        assert_eq!(shown(&text), r#"{"a":"***","b":"c"}"#);
    }

    #[test]
    fn data_is_shortened_wherever_it_stands() {
        let data = "iVBOR/w0+".repeat(200);
        let escaped = data.replace('/', r"\/");
        let text = format!(
            r#"{{"u":"data:image/png;base64,{data}","in":"![](data:image/png;base64,{escaped}) and","raw":"{data}","short":"data:a;base64,QUJD"}}"#
        );
        let shown: Value = serde_json::from_str(&shown(&text)).unwrap();
        assert_eq!(shown["u"], "data:image/png;base64,…(1800 characters of data)");
        assert_eq!(shown["in"], "![](data:image/png;base64,…(2000 characters of data)) and");
        assert_eq!(shown["raw"], "…(1800 characters of data)");
        assert_eq!(shown["short"], "data:a;base64,QUJD");
    }

    proptest! {
        #[test]
        fn what_holds_no_secret_and_no_data_means_the_same(text in r#"[a-z "\\\n{}\[\]:,é日]{0,60}"#, pretty: bool) {
            let value = json!({"k": text, "list": [text, 1, null, {"n": text}]});
            let written = if pretty { serde_json::to_string_pretty(&value) } else { serde_json::to_string(&value) };
            let shown = body(&written.unwrap()).unwrap();
            prop_assert!(!shown.get().contains('\n'));
            prop_assert_eq!(serde_json::from_str::<Value>(shown.get()).unwrap(), value);
        }
    }
}
