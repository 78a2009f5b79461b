//! The client's Chat Completions request.
//!
//! Owns the parsing of its top level and the errors about it; the request for an upstream is in
//! `splice`, or in another protocol's `request`.

mod draft;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use bytestring::ByteString;
use model_map::{Limits, Model, Parameters, SystemMode};
use serde::Deserialize;
use serde_json::Value;

pub(crate) use self::draft::Draft;
pub use super::splice::build;
use crate::json;
use crate::wire::Segments;

/// A client's request: its body, with only the top level taken apart.
#[derive(Debug, Clone)]
pub struct ChatRequest {
    body: ByteString,
    fields: Vec<Field>,
    /// The names of the fields whose keys have escapes, by where the keys begin. Hardly any has.
    spelled: Vec<(usize, String)>,
    model: ByteString,
    stream: bool,
    include_usage: bool,
    translated: bool,
    counted: bool,
}

/// A member of the body's top level.
pub(crate) type Field = json::Member;

/// Why a request cannot be served: a 400 in the client's protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestError {
    /// For people; names the part at fault.
    pub message: String,
    /// The part at fault, such as `messages[2].content[0]`.
    pub param: Option<String>,
    /// Such as `invalid_json`.
    pub code: Option<&'static str>,
}

impl RequestError {
    /// A part that cannot be read or cannot be said in the upstream's protocol. `what` completes a
    /// sentence that begins with the part's name.
    #[cold]
    pub(crate) fn at(param: impl Into<String>, what: impl std::fmt::Display) -> Self {
        let param = param.into();
        Self { message: format!("`{param}` {what}"), param: Some(param), code: None }
    }

    fn with_code(self, code: &'static str) -> Self {
        Self { code: Some(code), ..self }
    }
}

/// What a link's request is made with besides the client's own.
#[derive(Debug, Clone, Copy)]
pub struct Target<'a> {
    /// The role's upper bounds.
    pub limits: Limits,
    /// The link's model and its facts.
    pub model: &'a Model,
    /// The role's defaults, for parameters that the client does not set.
    pub parameters: &'a Parameters,
    /// The role's prompt.
    pub system: Prompt<'a>,
}

/// A role's prompt and where it goes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Prompt<'a> {
    /// How it meets the client's own system and developer messages.
    pub mode: SystemMode,
    /// In this order.
    pub texts: &'a [&'a str],
}

/// A request made for one link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamRequest {
    /// The JSON body.
    pub body: Segments,
    /// The client's parameters that this link does not take, by name; safe in a header.
    pub dropped: Vec<String>,
    /// Whether the answer is the input of a forced tool; for
    /// [`crate::wire::AnswerOptions::answer_tool`].
    pub answer_tool: bool,
}

impl ChatRequest {
    /// Takes a body apart. Errors: not JSON, deeper than 128, a key twice in one object, no
    /// `model`, `messages` that are no list.
    pub fn parse(body: Bytes) -> Result<Self, RequestError> {
        let request = Self::parse_any(body)?;
        request.check_list("messages")?;
        Ok(request)
    }

    /// Takes the body of a request of any kind apart: errors as above, but for `messages`. Halves
    /// of characters are replaced, since not every provider takes them.
    pub(crate) fn parse_any(body: Bytes) -> Result<Self, RequestError> {
        let body = ByteString::try_from(body).map_err(|_| invalid("it is not UTF-8"))?;
        let (fields, halves) = json::object_and_halves(&body).map_err(|error| refused(&error))?;
        if halves && let Cow::Owned(mended) = json::mended(&body) {
            return Self::parse_any(mended.into());
        }
        let spelled = fields.iter().filter_map(|field| spelled(&body, field)).collect();
        let (model, stream, include_usage) = (ByteString::new(), false, false);
        let (translated, counted) = (false, false);
        let mut request =
            Self { body, fields, spelled, model, stream, include_usage, translated, counted };
        request.check_names()?;
        request.model = request.read_model()?;
        request.stream = request.flag("stream")?.unwrap_or(false);
        let options = request.read::<StreamOptions>("stream_options")?;
        request.include_usage = options.and_then(|options| options.include_usage).unwrap_or(false);
        Ok(request)
    }

    /// Errors unless a member is a list.
    pub(crate) fn check_list(&self, name: &str) -> Result<(), RequestError> {
        match self.get(name) {
            Some(list) if list.starts_with('[') => Ok(()),
            Some(_) => Err(RequestError::at(name, "must be a list")),
            None => Err(RequestError::at(name, "is missing")),
        }
    }

    /// Errors unless a member is there.
    pub(crate) fn check_present(&self, name: &str) -> Result<(), RequestError> {
        let found = self.get(name);
        found.map(|_| ()).ok_or_else(|| RequestError::at(name, "is missing"))
    }

    /// Whether it was written from a request in another protocol.
    pub(crate) const fn is_translated(&self) -> bool {
        self.translated
    }

    /// Content may hold control characters; names and metadata may not, since they end up in
    /// headers and logs.
    fn check_names(&self) -> Result<(), RequestError> {
        if self.fields.iter().any(|field| has_control(self.name(field))) {
            return Err(invalid("a key holds a control character"));
        }
        if let Some(metadata) = self.read::<BTreeMap<String, Value>>("metadata")?
            && metadata.iter().any(|(key, value)| has_control(key) || holds_control(value))
        {
            return Err(RequestError::at("metadata", "holds a control character"));
        }
        if let Some(user) = self.read::<Value>("user")?
            && holds_control(&user)
        {
            return Err(RequestError::at("user", "holds a control character"));
        }
        Ok(())
    }

    fn read_model(&self) -> Result<ByteString, RequestError> {
        let missing = || RequestError::at("model", "is missing");
        let model = json::decode(self.get("model").ok_or_else(missing)?);
        let model = model.ok_or_else(|| mistyped("model"))?;
        if model.is_empty() {
            return Err(missing());
        }
        if has_control(&model) {
            return Err(RequestError::at("model", "holds a control character"));
        }
        Ok(match model {
            Cow::Borrowed(model) => self.body.slice_ref(model),
            Cow::Owned(model) => model.into(),
        })
    }

    /// Takes out the parameters that a role denies, and names those that were set. What a request
    /// cannot be without stays.
    pub(crate) fn deny(&mut self, denied: &BTreeSet<String>) -> Vec<String> {
        const NEEDED: [&str; 3] = ["messages", "model", "stream"];
        let mut out = Vec::new();
        // Two names of one thing each, of which either is denied with the other.
        let pairs = [["max_completion_tokens", "max_tokens"], ["safety_identifier", "user"]];
        let is_denied = |name: &str| {
            let pair = pairs.iter().find(|pair| pair.contains(&name));
            denied.contains(name)
                || pair.is_some_and(|pair| pair.iter().any(|other| denied.contains(*other)))
        };
        let mut fields = std::mem::take(&mut self.fields);
        fields.retain(|field| {
            let name = self.name(field);
            let goes = !NEEDED.contains(&name) && is_denied(name);
            if goes {
                out.push(name.to_owned());
            }
            !goes
        });
        self.fields = fields;
        self.include_usage &= !denied.contains("stream_options");
        out
    }

    /// The same with these messages behind its own.
    pub(crate) fn with_messages(&self, more: &[Value]) -> Result<Self, RequestError> {
        let mut draft = Draft::new(self.body.len());
        for field in &self.fields {
            let value = self.value(field);
            let name = self.name(field);
            if name != "messages" {
                draft.raw(name, value);
                continue;
            }
            let own = value.trim_end().strip_suffix(']');
            let own = own.ok_or_else(|| RequestError::at("messages", "must be a list"))?.trim_end();
            let more = more.iter().map(Value::to_string);
            let first = if own.ends_with('[') { "" } else { "," };
            let more: Vec<String> = more.collect();
            let first = if more.is_empty() { "" } else { first };
            draft.raw("messages", &format!("{own}{first}{}]", more.join(",")));
        }
        let (body, fields, spelled) = draft.into_parts();
        Ok(Self { body, fields, spelled, ..self.clone() })
    }

    /// What the client asks for: a role's name.
    pub fn model(&self) -> &str {
        &self.model
    }

    /// Whether it wants a stream.
    pub const fn stream(&self) -> bool {
        self.stream
    }

    /// Whether it wants the usage chunk at a stream's end.
    pub const fn include_usage(&self) -> bool {
        self.include_usage
    }

    /// Has the provider say what a stream used where the client does not ask for it.
    pub(crate) const fn count(&mut self) {
        self.counted = true;
    }

    /// Whether the usage of its stream is for the router alone.
    pub(crate) const fn hides_usage(&self) -> bool {
        self.counted && self.stream && !self.include_usage
    }

    /// The body as it came.
    pub fn body(&self) -> &Bytes {
        self.body.as_bytes()
    }

    /// The members of the top level, as they stand.
    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// A member's name.
    pub(crate) fn name(&self, field: &Field) -> &str {
        // In the order of their places, as they were found.
        let spelled = self.spelled.binary_search_by_key(&field.key.start, |(key, _)| *key);
        match spelled.ok().and_then(|at| self.spelled.get(at)) {
            Some((_, name)) => name,
            None => self.body.get(field.key.start + 1..field.key.end - 1).unwrap_or_default(),
        }
    }

    /// A member's key with its quotes.
    pub(crate) fn key(&self, field: &Field) -> &str {
        self.body.get(field.key.clone()).unwrap_or_default()
    }

    /// A member's value.
    pub(crate) fn value(&self, field: &Field) -> &str {
        self.body.get(field.value.clone()).unwrap_or_default()
    }

    /// The value of a member that is set and not `null`. One copy of it for its many callers: a
    /// request's code is seldom at hand, and the less of it there is the sooner it is.
    #[inline(never)]
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        // Most are told apart by their lengths, without a look at them.
        let quoted = name.len() + "\"\"".len();
        let may_be = |field: &Field| field.key.len() == quoted || !self.spelled.is_empty();
        let field = self.fields.iter().find(|it| may_be(it) && self.name(it) == name)?;
        Some(self.value(field)).filter(|value| *value != "null")
    }

    /// Whether a member is `null`.
    pub(crate) fn is_null(&self, field: &Field) -> bool {
        self.value(field) == "null"
    }

    /// A member read as a type. Errors where it is of another one.
    pub(crate) fn read<'a, T: Deserialize<'a>>(
        &'a self,
        name: &str,
    ) -> Result<Option<T>, RequestError> {
        self.get(name).map(|value| read(name, value)).transpose()
    }

    /// A member that is true or false. Errors where it is something else.
    pub(crate) fn flag(&self, name: &str) -> Result<Option<bool>, RequestError> {
        self.get(name).map(str::parse).transpose().map_err(|_| mistyped(name))
    }

    /// A member that is a whole number. Errors where it is something else.
    pub(crate) fn number(&self, name: &str) -> Result<Option<u64>, RequestError> {
        self.get(name).map(str::parse).transpose().map_err(|_| mistyped(name))
    }

    /// A member that is a number. Errors where it is something else, or out of range.
    pub(crate) fn fraction(&self, name: &str) -> Result<Option<f64>, RequestError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        let number = value.parse().ok().filter(|number: &f64| number.is_finite());
        number.map(Some).ok_or_else(|| mistyped(name))
    }
}

/// Apart, as most members are not there.
#[inline(never)]
fn read<'a, T: Deserialize<'a>>(name: &str, value: &'a str) -> Result<T, RequestError> {
    serde_json::from_str(value).map_err(|_| mistyped(name))
}

#[cold]
fn mistyped(name: &str) -> RequestError {
    RequestError::at(name, "is of the wrong type")
}

#[derive(Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

/// The name of a field whose key has escapes, and where that begins.
fn spelled(body: &str, field: &Field) -> Option<(usize, String)> {
    let name = body.get(field.key.clone()).and_then(json::decode)?;
    matches!(name, Cow::Owned(_)).then(|| (field.key.start, name.into_owned()))
}

/// Whether any name or text in a value has a control character.
fn holds_control(value: &Value) -> bool {
    match value {
        Value::String(text) => has_control(text),
        Value::Array(list) => list.iter().any(holds_control),
        Value::Object(map) => {
            map.iter().any(|(key, value)| has_control(key) || holds_control(value))
        }
        _ => false,
    }
}

fn has_control(text: &str) -> bool {
    text.chars().any(char::is_control)
}

#[cold]
fn invalid(why: &str) -> RequestError {
    let message = format!("the body is not valid: {why}");
    RequestError { message, param: None, code: Some("invalid_json") }
}

#[cold]
fn refused(error: &json::JsonError) -> RequestError {
    let refused = invalid(&error.to_string());
    match error {
        json::JsonError::Syntax(..) => refused,
        json::JsonError::Depth => refused.with_code("json_too_deep"),
        json::JsonError::Duplicate(_) => refused.with_code("duplicate_key"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<ChatRequest, RequestError> {
        ChatRequest::parse(Bytes::from(text.to_owned()))
    }

    #[test]
    fn reads_what_the_router_needs() {
        let request = parse(
            r#" {"mod\u0065l":"a","messages":[],"stream":true,"stream_options":{"include_usage":true}} "#,
        )
        .expect("a request");
        assert_eq!((request.model(), request.stream(), request.include_usage()), ("a", true, true));
        let names = |request: &ChatRequest| -> Vec<String> {
            request.fields().iter().map(|field| request.name(field).to_owned()).collect()
        };
        assert_eq!(names(&request), ["model", "messages", "stream", "stream_options"]);
        let mut request =
            parse(r#"{"\u0061":1,"b":2,"\u0063\"":3,"model":"a","messages":[],"\u0064":4}"#)
                .expect("a request");
        assert_eq!(names(&request), ["a", "b", "c\"", "model", "messages", "d"]);
        assert_eq!(
            ["a", "b", "c\"", "d", "e"].map(|name| request.number(name)).map(|it| it.ok()),
            [Some(Some(1)), Some(Some(2)), Some(Some(3)), Some(Some(4)), Some(None)]
        );
        assert_eq!(request.deny(&["b", "c\""].map(str::to_owned).into()), ["b", "c\""]);
        assert_eq!((names(&request).len(), request.get("d")), (4, Some("4")));
        let request = parse(r#"{"model":"a","messages":[],"stream":null}"#).expect("a request");
        assert_eq!((request.stream(), request.include_usage()), (false, false));
    }

    #[test]
    fn refuses_with_the_part_at_fault() {
        let part = |text: &str| {
            let error = parse(text).expect_err("refused");
            (error.param.unwrap_or_default(), error.code.unwrap_or_default())
        };
        let named = |name: &str| (name.to_owned(), "");
        let coded = |code: &'static str| (String::new(), code);
        assert_eq!(part(r#"{"messages":[]}"#), named("model"));
        assert_eq!(part(r#"{"model":"","messages":[]}"#), named("model"));
        assert_eq!(part(r#"{"model":"a\n","messages":[]}"#), named("model"));
        assert_eq!(part(r#"{"model":"a"}"#), named("messages"));
        assert_eq!(part(r#"{"model":"a","messages":{}}"#), named("messages"));
        assert_eq!(part(r#"{"model":"a","messages":[],"stream":"yes"}"#), named("stream"));
        assert_eq!(part(r#"{"model":"a","messages":[],"x\n":1}"#), coded("invalid_json"));
        let metadata = r#"{"model":"a","messages":[],"metadata":{"k":"\u0007"}}"#;
        assert_eq!(part(metadata), named("metadata"));
        assert_eq!(part(r#"{"model":"a","messages":[],"user":"\u0000"}"#), named("user"));
        assert_eq!(part("nonsense"), coded("invalid_json"));
        assert_eq!(part(r#"{"model":"a","messages":[{"a":1,"a":2}]}"#), coded("duplicate_key"));
        let deep = format!(r#"{{"model":"a","messages":{}{}}}"#, "[".repeat(200), "]".repeat(200));
        assert_eq!(part(&deep), coded("json_too_deep"));
    }

    #[test]
    fn half_a_character_is_replaced_and_nothing_else_is_touched() {
        let kept = r#"{"model":"a","messages":[{"content":"\\ud83d \ud83d\ude00 \u00e9"}]}"#;
        assert_eq!(parse(kept).expect("a request").body(), kept.as_bytes());
        let cut =
            r#"{"model":"a","messages":[{"content":"\n \ud83d x \uDE00\ud83d\ude00","\uD83D":1}]}"#;
        let mended =
            r#"{"model":"a","messages":[{"content":"\n \ufffd x \ufffd\ud83d\ude00","\ufffd":1}]}"#;
        assert_eq!(parse(cut).expect("a request").body(), mended.as_bytes());
        let twice = r#"{"model":"a","messages":[{"\ud83d":1,"\ud83e":1}]}"#;
        assert_eq!(parse(twice).expect_err("refused").code, Some("duplicate_key"));
    }

    #[test]
    fn refuses_what_is_not_utf8() {
        assert!(ChatRequest::parse(Bytes::from_static(b"{\"model\":\"\xff\"}")).is_err());
    }
}
