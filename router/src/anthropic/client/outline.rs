//! The shapes of a client's Messages request, borrowed from its bytes.
//!
//! Owns the lenient reading and the places that errors name; what becomes of it is decided in
//! `chat` and `splice`.

use std::borrow::Cow;

use model_map::Effort;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::anthropic::message;
use crate::openai::request::{ChatRequest, RequestError};

/// A JSON value as it stands in the client's request.
pub(super) type Raw<'a> = Option<&'a RawValue>;

/// A string with its quotes; none for anything else and for the empty one.
pub(super) fn text<'a>(value: Raw<'a>) -> Option<&'a str> {
    message::text(value.map(RawValue::get))
}

/// One message.
#[derive(Debug, Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow)]
    pub(super) role: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) content: Raw<'a>,
}

/// One block of a message, of a tool's result or of the system prompt.
#[derive(Debug, Default, Deserialize)]
pub(super) struct Block<'a> {
    #[serde(rename = "type", borrow, default)]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) text: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) source: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) title: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) context: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) id: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) name: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) input: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) tool_use_id: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) content: Raw<'a>,
    #[serde(default)]
    pub(super) is_error: Option<bool>,
    #[serde(borrow, default)]
    pub(super) thinking: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) signature: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) data: Raw<'a>,
}

/// Where a picture or a document comes from.
#[derive(Debug, Deserialize)]
pub(super) struct Source<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow, default)]
    pub(super) media_type: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) data: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) url: Raw<'a>,
    #[serde(borrow, default)]
    pub(super) content: Raw<'a>,
}

/// `thinking`.
#[derive(Debug, Deserialize)]
pub(super) struct Thinking<'a> {
    #[serde(rename = "type", borrow)]
    pub(super) kind: Cow<'a, str>,
    #[serde(default)]
    pub(super) budget_tokens: Option<u64>,
}

/// `output_config`.
#[derive(Debug, Default, Deserialize)]
pub(super) struct OutputConfig<'a> {
    #[serde(default)]
    pub(super) effort: Option<Effort>,
    #[serde(borrow, default)]
    pub(super) format: Option<Format<'a>>,
}

/// The shape of the answer.
#[derive(Debug, Deserialize)]
pub(super) struct Format<'a> {
    #[serde(borrow, default)]
    pub(super) schema: Raw<'a>,
}

/// Budgets below these are thought of as `low` and `medium`: they lie between the budgets that
/// Claude Code asks for (4,000, 10,000 and 31,999).
const BUDGETS: [(u64, Effort); 2] = [(6_000, Effort::Low), (20_000, Effort::Medium)];

/// Reads `content` or `system`: a string is one text block.
pub(super) fn blocks<'a>(raw: Raw<'a>, at: &str) -> Result<Vec<Block<'a>>, RequestError> {
    match raw {
        None => Ok(Vec::new()),
        Some(said) if said.get().starts_with('"') => {
            Ok(vec![Block { kind: "text".into(), text: raw, ..Block::default() }])
        }
        Some(list) => serde_json::from_str(list.get()).map_err(|error| unreadable(at, &error)),
    }
}

/// The messages, each with its place.
pub(super) fn messages(own: &ChatRequest) -> Result<Vec<(String, Message<'_>)>, RequestError> {
    let raw = own.read::<Vec<&RawValue>>("messages")?.unwrap_or_default();
    raw.into_iter().enumerate().map(|(index, raw)| message(index, raw)).collect()
}

fn message(index: usize, raw: &RawValue) -> Result<(String, Message<'_>), RequestError> {
    let at = format!("messages[{index}]");
    match serde_json::from_str(raw.get()) {
        Ok(message) => Ok((at, message)),
        Err(error) => Err(unreadable(&at, &error)),
    }
}

fn unreadable(at: &str, error: &serde_json::Error) -> RequestError {
    RequestError::at(at, format!("cannot be read: {error}"))
}

/// How hard the client asks to think, in whichever way it says so.
pub(super) fn effort(own: &ChatRequest) -> Result<Option<Effort>, RequestError> {
    let config = own.read::<OutputConfig<'_>>("output_config")?.unwrap_or_default();
    let thinking = own.read::<Thinking<'_>>("thinking")?;
    let Some(thinking) = thinking else { return Ok(config.effort) };
    Ok(match (thinking.kind.as_ref(), thinking.budget_tokens) {
        ("disabled", _) => Some(Effort::None),
        ("enabled", Some(budget)) if config.effort.is_none() => {
            let below = BUDGETS.iter().find(|(below, _)| budget < *below);
            Some(below.map_or(Effort::High, |(_, effort)| *effort))
        }
        _ => config.effort,
    })
}

/// Whether the client asks to see reasoning.
pub(crate) fn shows_thinking(own: &ChatRequest) -> bool {
    let thinking = own.read::<Thinking<'_>>("thinking").ok().flatten();
    thinking.is_some_and(|thinking| thinking.kind != "disabled")
}
