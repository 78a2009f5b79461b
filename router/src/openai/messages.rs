//! The messages of a request for an upstream that speaks the client's protocol.
//!
//! Owns where the role's prompt stands, whose instructions are and what only another protocol
//! takes; the rest of the
//! request is `splice`'s. What is not changed is shared with the client's own bytes, and the list
//! is taken apart only where something in it changes.

use std::ops::Range;

use model_map::{CallIds, SystemMode, SystemRole};

use super::request::{Prompt, RequestError};
use crate::json::{self, Sought};
use crate::wire::ids;
use crate::wire::segments::Writer;

/// Keys that stand in messages, parts and tools and that the upstream does not know.
#[derive(Debug)]
pub(super) struct Foreign {
    keys: &'static [&'static str],
    /// Where none of these stands, none of the keys does.
    signs: &'static [&'static Sought],
}

static CACHE_SIGN: Sought = Sought::new("cache_control");
static DETAILS_SIGN: Sought = Sought::new("reasoning_details");
static REASONING_SIGN: Sought = Sought::new("\"reasoning");

/// What only Anthropic's protocol has.
pub(super) static CACHE_CONTROL: Foreign =
    Foreign { keys: &["cache_control"], signs: &[&CACHE_SIGN] };

/// Reasoning as translated chats carry it: clients that write it themselves mean it so.
pub(super) static REASONING_DETAILS: Foreign =
    Foreign { keys: &["reasoning_details"], signs: &[&DETAILS_SIGN] };

/// All reasoning, for servers that refuse a message which has some: a client sends back what
/// another model gave it.
pub(super) static REASONING: Foreign = Foreign {
    keys: &["cache_control", "reasoning", "reasoning_content", "reasoning_details"],
    signs: &[&CACHE_SIGN, &REASONING_SIGN],
};

impl Foreign {
    fn is_in(&self, text: &str) -> bool {
        self.signs.iter().any(|sign| sign.is_in(text))
    }
}

/// Errors where a role that replaces the client's system messages leaves nothing to answer.
pub(super) fn check(messages: &str, prompt: Prompt<'_>) -> Result<(), RequestError> {
    let all_replaced = || {
        json::array(messages).is_ok_and(|list| {
            !list.is_empty() && list.into_iter().all(|place| is_system(slice(messages, &place)))
        })
    };
    if prompt.mode == SystemMode::Replace && all_replaced() {
        return Err(nothing_left());
    }
    Ok(())
}

/// The error of a request that is nothing but what its role replaces.
pub(crate) fn nothing_left() -> RequestError {
    RequestError::at("messages", "hold nothing but system messages, which this role replaces")
}

/// What a model takes of messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// What goes.
    pub(super) foreign: &'static Foreign,
    /// Whose the instructions are, whichever a client gave them to.
    pub(super) role: SystemRole,
    /// The ids of calls that it takes, where there may be others.
    pub(super) ids: Option<CallIds>,
}

impl Shape {
    /// Whether nothing in a list of messages, or in one of them, changes.
    fn fits(self, text: &str) -> bool {
        static DEVELOPER: Sought = Sought::new("\"developer\"");
        static SYSTEM: Sought = Sought::new("\"system\"");
        let other = match self.role {
            SystemRole::System => &DEVELOPER,
            SystemRole::Developer => &SYSTEM,
        };
        let has_ids = self.ids.is_some() && text.contains("\"tool_call");
        !self.foreign.is_in(text) && !other.is_in(text) && !has_ids
    }
}

/// Writes the client's messages and the role's prompt.
pub(super) fn write(to: &mut Writer<'_>, messages: &str, prompt: Prompt<'_>, shape: Shape) {
    match prompt.mode {
        SystemMode::Append | SystemMode::Prepend if prompt.texts.is_empty() => {
            write_messages(to, (messages, messages), shape);
        }
        SystemMode::Prepend => {
            to.put("[");
            write_prompt(to, prompt.texts, shape);
            let rest = messages.strip_prefix('[').unwrap_or(messages).trim_ascii_start();
            to.put(if rest.starts_with(']') { "" } else { "," });
            write_messages(to, (messages, rest), shape);
        }
        SystemMode::Append => append(to, messages, prompt.texts, shape),
        SystemMode::Replace => replace(to, messages, prompt.texts, shape),
    }
}

/// The prompt after the last of the client's system messages, wherever that stands; at the front
/// where there is none.
fn append(to: &mut Writer<'_>, messages: &str, texts: &[&str], shape: Shape) {
    let list = json::array(messages).unwrap_or_default();
    let last = list.iter().rposition(|place| is_system(slice(messages, place)));
    let before = last.map_or(0, |last| last + 1);
    let (before, after) = list.split_at_checked(before).unwrap_or((&list, &[]));
    to.put("[");
    for place in before {
        write_message(to, slice(messages, place), shape);
        to.put(",");
    }
    write_prompt(to, texts, shape);
    for place in after {
        to.put(",");
        write_message(to, slice(messages, place), shape);
    }
    to.put("]");
}

/// The prompt in place of the client's system messages.
fn replace(to: &mut Writer<'_>, messages: &str, texts: &[&str], shape: Shape) {
    let mut separator = "[";
    if !texts.is_empty() {
        to.put(separator);
        write_prompt(to, texts, shape);
        separator = ",";
    }
    for place in json::array(messages).unwrap_or_default() {
        let message = slice(messages, &place);
        if !is_system(message) {
            to.put(separator);
            write_message(to, message, shape);
            separator = ",";
        }
    }
    to.put(if separator == "[" { "[]" } else { "]" });
}

fn write_prompt(to: &mut Writer<'_>, texts: &[&str], shape: Shape) {
    to.put(r#"{"role":""#);
    to.put(shape.role.name());
    to.put(r#"","content":"#);
    to.put_string(&texts.join("\n\n"));
    to.put("}");
}

/// `rest` is the list or what follows its bracket.
fn write_messages(to: &mut Writer<'_>, (list, rest): (&str, &str), shape: Shape) {
    if shape.fits(list) {
        return to.share(rest.as_bytes());
    }
    to.put(if rest.len() == list.len() { "[" } else { "" });
    for (index, place) in json::array(list).unwrap_or_default().into_iter().enumerate() {
        to.put(if index == 0 { "" } else { "," });
        write_message(to, slice(list, &place), shape);
    }
    to.put("]");
}

fn write_message(to: &mut Writer<'_>, message: &str, shape: Shape) {
    if shape.fits(message) {
        return to.share(message.as_bytes());
    }
    let fitted = shape.ids.and_then(|taken| with_ids(message, taken));
    let message = fitted.as_deref().unwrap_or(message);
    match json::object(message) {
        Ok(members) if is_system(message) => {
            strip(to, (message, members), shape.foreign, Some(shape.role));
        }
        _ => write_element(to, message, shape.foreign),
    }
}

/// A message with the ids of its calls, or of the one that it is the result of, as the server takes
/// them; none where it has no others.
fn with_ids(message: &str, taken: CallIds) -> Option<String> {
    let call =
        |call: &str| ids::changed(call, |key, raw| (key == "id").then(|| ids::in_chat(raw, taken)));
    ids::changed(message, |key, value| match key {
        "tool_call_id" => Some(ids::in_chat(value, taken)),
        "tool_calls" => ids::changed_list(value, call).map(Into::into),
        _ => None,
    })
}

/// Whether a message is a system or a developer message.
pub(crate) fn is_system(message: &str) -> bool {
    let members = json::object(message).unwrap_or_default();
    let is_role = |member: &json::Member| {
        json::decode(slice(message, &member.key)).is_some_and(|key| key == "role")
    };
    let role = members.iter().find(|member| is_role(member));
    let role = role.and_then(|member| json::decode(slice(message, &member.value)));
    role.is_some_and(|role| matches!(role.as_ref(), "system" | "developer"))
}

/// Writes a list of parts or tools without what only another protocol takes.
pub(super) fn write_list(to: &mut Writer<'_>, list: &str, foreign: &Foreign) {
    if !foreign.is_in(list) {
        return to.share(list.as_bytes());
    }
    to.put("[");
    for (index, place) in json::array(list).unwrap_or_default().into_iter().enumerate() {
        to.put(if index == 0 { "" } else { "," });
        write_element(to, slice(list, &place), foreign);
    }
    to.put("]");
}

/// Writes a message, a part or a tool, without what is foreign.
fn write_element(to: &mut Writer<'_>, element: &str, foreign: &Foreign) {
    match json::object(element) {
        Ok(members) if foreign.is_in(element) => strip(to, (element, members), foreign, None),
        _ => to.share(element.as_bytes()),
    }
}

/// Writes an object without what is foreign, and with this role where one is given.
fn strip(
    to: &mut Writer<'_>,
    (object, members): (&str, Vec<json::Member>),
    foreign: &Foreign,
    role: Option<SystemRole>,
) {
    let mut separator = "{";
    for member in members {
        let key = slice(object, &member.key);
        let name = json::decode(key).unwrap_or_default();
        if foreign.keys.contains(&name.as_ref()) {
            continue;
        }
        to.put(separator);
        to.put(key);
        to.put(":");
        match (slice(object, &member.value), role) {
            (parts, _) if name == "content" && parts.starts_with('[') => {
                write_list(to, parts, foreign);
            }
            (_, Some(role)) if name == "role" => to.put_string(role.name()),
            (value, _) => to.share(value.as_bytes()),
        }
        separator = ",";
    }
    to.put(if separator == "{" { "{}" } else { "}" });
}

fn slice<'t>(text: &'t str, place: &Range<usize>) -> &'t str {
    text.get(place.clone()).unwrap_or_default()
}
