//! The parts of a message as content blocks.
//!
//! Owns text, images and documents; calls, results and thinking are written by `turns`.

use std::borrow::Cow;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::message::{Raw, text};
use super::request::is_blank;
use crate::json::{self, Scan};
use crate::openai::request::RequestError;
use crate::wire::segments::Writer;

/// Writes what opens a list before its first element and a comma before every other.
#[derive(Debug)]
pub(super) struct Separator {
    open: &'static str,
    used: bool,
}

impl Separator {
    pub(super) fn new(open: &'static str) -> Self {
        Self { open, used: false }
    }

    pub(super) fn write(&mut self, to: &mut Writer<'_>) {
        to.put(if self.used { "," } else { self.open });
        self.used = true;
    }

    /// Closes the list if it was opened.
    pub(super) fn close(self, to: &mut Writer<'_>, end: &str) {
        to.put(if self.used { end } else { "" });
    }
}

/// What a message says.
#[derive(Debug)]
pub(super) struct Content<'a> {
    /// The place of the message in the client's list.
    message: usize,
    /// All of it, where it is a string.
    whole: Raw<'a>,
    list: Vec<Part<'a>>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Part<'a> {
    kind: Raw<'a>,
    text: Raw<'a>,
    refusal: Raw<'a>,
    image_url: Raw<'a>,
    file: Option<File<'a>>,
    cache_control: Raw<'a>,
}

#[derive(Debug, Default, Clone, Copy)]
struct File<'a> {
    data: Raw<'a>,
    name: Raw<'a>,
}

/// The kind of a string's only part.
const TEXT: &str = r#""text""#;

#[cold]
fn at(message: usize) -> String {
    format!("messages[{message}].content")
}

impl<'a> Content<'a> {
    /// Reads the `content` of the message at this place: nothing, a string or a list of parts.
    pub(super) fn read(raw: Raw<'a>, message: usize) -> Result<Self, RequestError> {
        let whole = raw.filter(|said| said.starts_with('"'));
        let list = match raw.filter(|_| whole.is_none()) {
            None => Vec::new(),
            Some(list) => json::read(list, |list| list.list(Part::read)).ok_or_else(|| {
                RequestError::at(at(message), "is neither a string nor a list of parts")
            })?,
        };
        let content = Self { message, whole, list };
        for (index, part) in content.list.iter().enumerate() {
            part.check(|| content.at(index))?;
        }
        Ok(content)
    }

    fn parts(&self) -> impl Iterator<Item = Part<'a>> {
        let whole =
            self.whole.map(|_| Part { kind: Some(TEXT), text: self.whole, ..Part::default() });
        whole.into_iter().chain(self.list.iter().copied())
    }

    /// Errors where there is anything but text, for those who may say nothing else.
    pub(super) fn check_is_text(&self) -> Result<(), RequestError> {
        match self.list.iter().position(|part| !part.is_text()) {
            None => Ok(()),
            Some(index) => Err(RequestError::at(
                self.at(index),
                "is not text: this model takes it from users alone",
            )),
        }
    }

    /// The place of a part, such as `messages[2].content[0]`.
    #[cold]
    fn at(&self, part: usize) -> String {
        format!("{}[{part}]", at(self.message))
    }

    /// Whether it says nothing but white space.
    pub(super) fn is_blank(&self) -> bool {
        self.parts().all(|part| part.is_blank())
    }

    /// Writes its blocks.
    pub(super) fn write(
        &self,
        to: &mut Writer<'_>,
        separator: &mut Separator,
    ) -> Result<(), RequestError> {
        for (index, part) in self.parts().enumerate().filter(|(_, part)| !part.is_blank()) {
            separator.write(to);
            part.write(to).map_err(|what| RequestError::at(self.at(index), what))?;
        }
        Ok(())
    }

    /// Writes its text alone.
    pub(super) fn write_text(&self, to: &mut Writer<'_>, separator: &mut Separator) {
        for part in self.parts().filter(|part| part.is_text() && !part.is_blank()) {
            separator.write(to);
            part.write_words(to);
        }
    }

    /// Writes its text for the model to go on from: white space at its end would be refused.
    #[inline(never)]
    pub(super) fn write_trimmed(&self, to: &mut Writer<'_>, separator: &mut Separator) {
        let parts: Vec<Part<'_>> = self.parts().filter(|part| !part.is_blank()).collect();
        let Some((last, before)) = parts.split_last() else { return };
        for part in before {
            separator.write(to);
            part.write_words(to);
        }
        separator.write(to);
        to.put(r#"{"type":"text","text":"#);
        to.put_string(json::decode(last.words().unwrap_or("\"\"")).unwrap_or_default().trim_end());
        to.put("}");
    }
}

impl<'a> Part<'a> {
    fn read(value: &mut Scan<'a>) -> Option<Self> {
        let mut part = Self::default();
        let is_object = value.members(&mut |key, value| match key {
            "type" => part.kind = value.raw(),
            "text" => part.text = value.raw(),
            "refusal" => part.refusal = value.raw(),
            "image_url" => part.image_url = value.raw(),
            "file" => part.file = File::read(value),
            "cache_control" => part.cache_control = value.raw(),
            _ => (),
        });
        is_object.then_some(part)
    }

    fn check(&self, at: impl Fn() -> String) -> Result<(), RequestError> {
        match self.kind.unwrap_or_default() {
            r#""text""# | r#""refusal""# | r#""image_url""# => Ok(()),
            r#""file""# if self.file.as_ref().is_some_and(|file| file.data.is_some()) => Ok(()),
            r#""file""# => {
                Err(RequestError::at(at(), "has no `file_data`: this model knows no file ids"))
            }
            kind => Err(unknown(at(), kind)),
        }
    }

    fn is_text(&self) -> bool {
        matches!(self.kind, Some(r#""text""# | r#""refusal""#))
    }

    /// The text with its quotes.
    fn words(&self) -> Option<&'a str> {
        text(if self.kind == Some(r#""refusal""#) { self.refusal } else { self.text })
    }

    fn is_blank(&self) -> bool {
        self.is_text() && self.words().is_none_or(is_blank)
    }

    /// Writes one block.
    fn write(&self, to: &mut Writer<'_>) -> Result<(), Unsent> {
        match self.kind.unwrap_or_default() {
            r#""image_url""# => self.write_image(to)?,
            r#""file""# => self.write_document(to)?,
            _ => {
                self.write_words(to);
                return Ok(());
            }
        }
        self.write_end(to);
        Ok(())
    }

    fn write_words(&self, to: &mut Writer<'_>) {
        to.put(r#"{"type":"text","text":"#);
        to.share(self.words().unwrap_or("\"\"").as_bytes());
        self.write_end(to);
    }

    fn write_end(&self, to: &mut Writer<'_>) {
        if let Some(cache_control) = self.cache_control {
            to.put(r#","cache_control":"#);
            to.put(cache_control);
        }
        to.put("}");
    }

    #[inline(never)]
    fn write_image(&self, to: &mut Writer<'_>) -> Result<(), Unsent> {
        let raw = self.image_url.ok_or(NO_SOURCE)?;
        let raw = json::read(raw, |image| image.member("url")).unwrap_or(raw);
        to.put(r#"{"type":"image","source":"#);
        write_source(to, raw, |kind| kind.starts_with("image/"))
    }

    #[inline(never)]
    fn write_document(&self, to: &mut Writer<'_>) -> Result<(), Unsent> {
        let file = self.file.as_ref().ok_or(NO_SOURCE)?;
        to.put(r#"{"type":"document","#);
        if let Some(name) = text(file.name) {
            to.put(r#""title":"#);
            to.put(name);
            to.put(",");
        }
        to.put(r#""source":"#);
        let data = file.data.ok_or(NO_SOURCE)?;
        match plain_text(data) {
            Some(text) => {
                to.put(r#"{"type":"text","media_type":"text/plain","data":"#);
                to.put_string(&text);
                to.put("}");
                Ok(())
            }
            None => write_source(to, data, |kind| kind == "application/pdf"),
        }
    }
}

impl<'a> File<'a> {
    fn read(value: &mut Scan<'a>) -> Option<Self> {
        let mut file = Self::default();
        let is_object = value.members(&mut |key, value| match key {
            "file_data" => file.data = value.raw(),
            "filename" => file.name = value.raw(),
            _ => (),
        });
        is_object.then_some(file)
    }
}

/// Of a kind, as JSON, that there is no block for.
#[cold]
fn unknown(at: String, kind: &str) -> RequestError {
    let Some(kind) = json::decode(kind) else { return RequestError::at(at, "has no `type`") };
    let what = format!("is of type `{}`, which this model does not take", told(&kind));
    RequestError { code: Some("unsupported_content"), ..RequestError::at(at, what) }
}

/// Why a source cannot be sent: completes a sentence that begins with the part's name.
type Unsent = Cow<'static, str>;

const NO_SOURCE: Unsent = Cow::Borrowed("is neither a data URL in base64 nor an https URL");

/// What follows a URL's scheme, which has no case.
fn after_scheme<'u>(url: &'u str, scheme: &str) -> Option<&'u str> {
    let (head, rest) = url.split_at_checked(scheme.len())?;
    head.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// Writes the source that a URL stands for: the data in it, or where to fetch it.
fn write_source(to: &mut Writer<'_>, raw: &str, takes: fn(&str) -> bool) -> Result<(), Unsent> {
    let url = json::decode(raw).ok_or(NO_SOURCE)?;
    if after_scheme(&url, "https://").is_some() {
        to.put(r#"{"type":"url","url":"#);
        to.share(raw.as_bytes());
        to.put("}");
        return Ok(());
    }
    let parts = after_scheme(&url, "data:").and_then(|rest| rest.split_once(','));
    let (head, data) = parts.ok_or(NO_SOURCE)?;
    let head = head.to_ascii_lowercase();
    let kind = head.strip_suffix(";base64").and_then(|head| head.split(';').next());
    let kind = kind.filter(|_| data.bytes().all(is_base64)).ok_or(NO_SOURCE)?;
    let kind = if kind == "image/jpg" { "image/jpeg" } else { kind };
    if !takes(kind) {
        return Err(format!("is of type `{}`, which this model does not take", told(kind)).into());
    }
    to.put(r#"{"type":"base64","media_type":"#);
    to.put_string(kind);
    to.put(r#","data":""#);
    to.share(data.as_bytes());
    to.put("\"}");
    Ok(())
}

/// A client's word as an error repeats it.
fn told(word: &str) -> String {
    word.chars().filter(|c| !c.is_control()).take(40).collect()
}

/// The text of a data URL that is of a plain one.
fn plain_text(raw: &str) -> Option<String> {
    const KINDS: [&str; 3] = ["text/", "application/json", "application/xml"];
    // A PDF's is long, and not decoded for this.
    let head = raw.get(..raw.find(',')?)?;
    let kind = after_scheme(head.trim_start_matches('"'), "data:")?.to_ascii_lowercase();
    if !KINDS.iter().any(|it| kind.starts_with(it)) {
        return None;
    }
    let url = json::decode(raw)?;
    let (head, data) = url.split_once(',')?;
    head.to_ascii_lowercase().strip_suffix(";base64")?;
    decoded_text(data)
}

/// A text in base64.
pub(super) fn decoded_text(data: &str) -> Option<String> {
    String::from_utf8(BASE64_STANDARD.decode(data).ok()?).ok()
}

fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'_')
}
