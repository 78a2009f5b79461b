//! One pass over a request's messages: how many, how long, and whether there is a picture.
//!
//! Owns the pass; what each part counts is [`model_map::facts`]'s. The list is known to be JSON; what
//! is not shaped like a message counts as one without words, since a fact is never an error.

use model_map::{IMAGE_TOKENS, document_tokens, estimate_tokens};

use crate::json::{self, Scan};

/// What the messages hold.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Survey {
    pub(super) messages: u64,
    pub(super) image: bool,
    /// The estimate of all that the messages say.
    pub(super) tokens: u64,
}

impl Survey {
    /// Looks at a list of messages.
    pub(super) fn of(messages: &str, system: Option<&str>) -> Self {
        let mut survey = Self::default();
        if let Some(system) = system {
            survey.messages += 1;
            read(system, |system| survey.content(system));
        }
        if messages.starts_with('"') {
            survey.messages += 1;
            survey.tokens += string_tokens(messages);
        }
        read(messages, |list| {
            list.elements(&mut |message| {
                survey.messages += 1;
                survey.message(message);
            });
        });
        survey
    }

    /// Looks at texts that are no messages; a list of them counts as its texts.
    pub(super) fn of_texts(texts: &[&str]) -> Self {
        let mut survey = Self { messages: 1, ..Self::default() };
        for text in texts {
            if text.starts_with('"') {
                survey.tokens += string_tokens(text);
            }
            read(text, |list| {
                list.elements(&mut |element| {
                    // What is not a text is a token.
                    let text = element.raw().filter(|raw| raw.starts_with('"'));
                    survey.tokens += text.map_or(1, string_tokens);
                });
            });
        }
        survey
    }

    fn message(&mut self, message: &mut Scan<'_>) {
        message.members(&mut |key, value| match key {
            "content" | "output" => self.content(value),
            "arguments" | "input" | "tool_calls" | "function_call" => self.tokens += tokens(value),
            _ => {}
        });
    }

    fn content(&mut self, content: &mut Scan<'_>) {
        let is_list = content.elements(&mut |part| self.part(part));
        if !is_list {
            self.tokens += content.raw().map_or(0, string_tokens);
        }
    }

    fn part(&mut self, part: &mut Scan<'_>) {
        let (mut kind, mut source) = (None, None);
        part.members(&mut |key, value| match key {
            "type" => kind = value.raw(),
            "text" | "refusal" | "thinking" => {
                self.tokens += value.raw().map_or(0, string_tokens);
            }
            "image_url" | "image" => self.image(),
            "file" | "file_data" | "input_audio" => {
                let length = value.raw().unwrap_or_default().len();
                self.tokens += document_tokens(length as u64);
            }
            "source" => source = value.raw(),
            // A call in Anthropic's words, and its result.
            "input" => self.tokens += tokens(value),
            "content" => self.content(value),
            _ => {}
        });
        match source {
            Some(_) if kind == Some("\"image\"") => self.image(),
            Some(source) => self.tokens += source_tokens(source),
            None => {}
        }
    }

    fn image(&mut self) {
        self.image = true;
        self.tokens += IMAGE_TOKENS;
    }
}

/// Where one of Anthropic's parts has its document or its text from.
fn source_tokens(source: &str) -> u64 {
    let (mut kind, mut data) = (None, None);
    read(source, |source| {
        source.members(&mut |key, value| match key {
            "type" => kind = value.raw(),
            "data" => data = value.raw(),
            _ => {}
        });
    });
    match (kind, data) {
        (Some("\"text\""), Some(data)) => string_tokens(data),
        _ => document_tokens(source.len() as u64),
    }
}

/// The first text of the first user message, as JSON.
pub(super) fn first_user_text(messages: &str) -> Option<&str> {
    if messages.starts_with('"') {
        return Some(messages);
    }
    let mut first = None;
    read(messages, |list| {
        list.elements(&mut |message| {
            if first.is_some() {
                return;
            }
            let (mut role, mut content) = (None, None);
            message.members(&mut |key, value| match key {
                "role" => role = value.raw(),
                "content" => content = value.raw(),
                _ => {}
            });
            if role == Some("\"user\"") {
                first = Some(content);
            }
        });
    });
    let content = first??;
    if content.starts_with('"') {
        return Some(content);
    }
    let mut text = None;
    read(content, |parts| {
        parts.elements(&mut |part| {
            part.members(&mut |key, value| {
                if key == "text" && text.is_none() {
                    text = value.raw();
                }
            });
        });
    });
    text
}

/// Reads what is known to be JSON.
fn read<'t>(text: &'t str, read: impl FnOnce(&mut Scan<'t>)) {
    json::read(text, |scan| {
        read(scan);
        Some(())
    });
}

/// The estimate of a value as it stands; `null` is none.
fn tokens(value: &mut Scan<'_>) -> u64 {
    value.raw().map_or(0, estimate_tokens)
}

/// What [`estimate_tokens`] says of a JSON string's text, without decoding it.
fn string_tokens(raw: &str) -> u64 {
    let Some(inner) = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')) else {
        return 0;
    };
    if memchr::memchr(b'\\', inner.as_bytes()).is_none() {
        return estimate_tokens(inner);
    }
    let (mut ascii, mut other) = (0_u64, 0_u64);
    let mut rest = inner.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        match first {
            b'\\' => match after {
                [b'u', hex @ ..] => {
                    let (digits, after) = hex.split_at_checked(4).unwrap_or((hex, &[]));
                    rest = after;
                    match code_unit(digits) {
                        0..0x80 => ascii += 1,
                        // The second half of a pair.
                        0xDC00..0xE000 => {}
                        _ => other += 1,
                    }
                }
                _ => {
                    rest = after.get(1..).unwrap_or_default();
                    ascii += 1;
                }
            },
            0..0x80 => ascii += 1,
            0xC0.. => other += 1,
            _ => {}
        }
    }
    ascii.div_ceil(4) + other
}

fn code_unit(digits: &[u8]) -> u32 {
    let digits = std::str::from_utf8(digits).unwrap_or_default();
    u32::from_str_radix(digits, 16).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn counts_what_messages_say_and_not_how_they_are_wrapped() {
        let messages = r#"[
            {"role":"system","content":"abcd"},
            {"role":"user","content":[{"type":"text","text":"日本"},
                {"type":"image_url","image_url":{"url":"data:image/png;base64,AAAAAAAA"}}]},
            {"role":"assistant","content":null,"tool_calls":[]},
            {"role":"tool","content":[]}, 7, "x", {"role":"user","content":{"odd":1}}
        ]"#;
        let found = Survey::of(messages, None);
        let spelled = messages
            .replace("content\"", "c\\u006fntent\"")
            .replace("image_url\"", "im\\u0061ge_url\"");
        assert_eq!(Survey::of(&spelled, None), found, "{spelled}");
        let tool_calls = 1;
        let tokens = 1 + 2 + IMAGE_TOKENS + tool_calls;
        assert_eq!(found, Survey { messages: 7, image: true, tokens });
    }

    #[test]
    fn a_document_counts_by_its_length() {
        let content =
            format!(r#"[{{"type":"file","file":{{"file_data":"{}"}}}}]"#, "A".repeat(80_000));
        let found = Survey::of(&format!(r#"[{{"role":"user","content":{content}}}]"#), None);
        assert!((2_000..2_010).contains(&found.tokens) && !found.image, "{found:?}");
    }

    #[test]
    fn counts_messages_in_anthropics_words() {
        let messages = r#"[
            {"role":"user","content":[{"type":"image","source":{"type":"base64","data":"AAAA"}},
                {"type":"document","source":{"type":"text","data":"abcdefgh"}}]},
            {"role":"assistant","content":[{"type":"thinking","thinking":"abcd","signature":"x"},
                {"type":"tool_use","id":"t","name":"f","input":{}}]},
            {"role":"user","content":[{"type":"tool_result","tool_use_id":"t",
                "content":[{"type":"text","text":"abcd"}]}]}
        ]"#;
        let found = Survey::of(messages, Some(r#""abcd""#));
        let tokens = 1 + IMAGE_TOKENS + 2 + 1 + 1 + 1;
        assert_eq!(found, Survey { messages: 4, image: true, tokens });
    }

    #[test]
    fn the_first_users_first_text_stands_for_the_conversation() {
        let text = |messages: &str| first_user_text(messages).map(str::to_owned);
        let plain = text(r#"[{"role":"system","content":"s"},{"content":"q","role":"user"}]"#);
        assert_eq!(plain.as_deref(), Some(r#""q""#));
        let parts = text(
            r#"[{"role":"user","content":[{"type":"image_url"},{"type":"text","text":"q","cache_control":{}}]}]"#,
        );
        assert_eq!(parts, plain, "written as parts, and with a cache mark, it is the same");
        assert_eq!(text(r#"[{"role":"system","content":"s"}]"#), None);
    }

    proptest! {
        #[test]
        fn the_estimate_is_that_of_the_decoded_text(text in r#"([a-z "\\/]|\n|\t|é|日|😀|\u{7}){0,40}"#, ascii: bool) {
            let mut raw = serde_json::to_string(&text).unwrap();
            if ascii {
                let escaped = raw.encode_utf16().map(|unit| match u8::try_from(unit) {
                    Ok(byte) if byte.is_ascii() => char::from(byte).to_string(),
                    _ => format!("\\u{unit:04x}"),
                });
                raw = escaped.collect();
            }
            prop_assert_eq!(string_tokens(&raw), estimate_tokens(&text));
        }
    }
}
