//! Instructions that a client puts among the turns of its Messages request.
//!
//! Owns taking them out for a model that takes none there; where they go then is `system`'s.

use std::borrow::Cow;

use memchr::memmem;

use super::outline::Message;
use crate::anthropic::request::is_blank;
use crate::json;
use crate::openai::messages::is_system;

/// A client's messages, told apart.
#[derive(Debug)]
pub(super) struct Told<'a> {
    /// The contents of the instructions, as JSON.
    pub(super) instructions: Vec<&'a str>,
    /// The messages of everybody else.
    pub(super) turns: Vec<&'a str>,
    /// The content of the last instruction where it stands behind an answer: nobody else asks.
    pub(super) question: Option<&'a str>,
}

/// Whether there may be any: a quick look, since inside of strings a quote has a backslash before
/// it.
pub(super) fn may_stand_in(messages: &str) -> bool {
    memmem::find(messages.as_bytes(), b"\"system\"").is_some()
}

/// Tells instructions and turns apart; none where there are no instructions, or nothing else.
#[cold]
#[inline(never)]
pub(super) fn tell(messages: &str) -> Option<Told<'_>> {
    let list = json::array(messages).ok()?;
    let mut told = Told { instructions: Vec::new(), turns: Vec::new(), question: None };
    let (mut may_ask, mut is_any) = (None, false);
    for message in list.into_iter().filter_map(|place| messages.get(place)) {
        if is_system(message) {
            is_any = true;
            told.instructions.extend(content(message));
            may_ask = content(message);
        } else {
            told.turns.push(message);
            may_ask = None;
        }
    }
    if may_ask.is_some() && told.turns.last().is_some_and(|last| !is_users(last)) {
        told.question = may_ask;
        told.instructions.pop();
    }
    (is_any && !told.turns.is_empty()).then_some(told)
}

fn is_users(message: &str) -> bool {
    serde_json::from_str::<Message<'_>>(message).is_ok_and(|message| message.role == "user")
}

fn content(message: &str) -> Option<&str> {
    let read = serde_json::from_str::<Message<'_>>(message).ok()?;
    read.content.map(|content| content.get()).filter(|content| !is_blank(content))
}

/// Turns as one list, those of one side that stand side by side now as one.
pub(super) fn joined(turns: &[Cow<'_, str>]) -> String {
    let mut out = String::new();
    let mut open: Option<Cow<'_, str>> = None;
    for turn in turns {
        let Ok(Message { role, content }) = serde_json::from_str::<Message<'_>>(turn) else {
            // What cannot be read is for the provider to refuse.
            close(&mut out, open.take());
            out.push_str(if out.is_empty() { "[" } else { "," });
            out.push_str(turn);
            continue;
        };
        let is_same = open.as_ref().is_some_and(|open| *open == role);
        if !is_same {
            close(&mut out, open.take());
            out.push_str(if out.is_empty() { "[" } else { "," });
            out.push_str(&format!(r#"{{"role":{},"content":["#, super::quoted(&role)));
        }
        let blocks = content.map_or(Cow::Borrowed(""), |content| blocks(content.get()));
        if !blocks.is_empty() {
            out.push_str(if out.ends_with('[') { "" } else { "," });
            out.push_str(&blocks);
        }
        open = Some(role);
    }
    close(&mut out, open);
    out + "]"
}

fn close(out: &mut String, open: Option<Cow<'_, str>>) {
    if open.is_some() {
        out.push_str("]}");
    }
}

/// The blocks of a content, without brackets.
fn blocks(content: &str) -> Cow<'_, str> {
    if content.starts_with('"') {
        let is_blank = is_blank(content);
        return if is_blank { "".into() } else { text_block(content).into() };
    }
    let inner = content.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.map_or(Cow::Borrowed(""), |inner| Cow::Borrowed(inner.trim_ascii()))
}

/// A text, given as JSON, as a block.
pub(super) fn text_block(text: &str) -> String {
    format!(r#"{{"type":"text","text":{text}}}"#)
}
