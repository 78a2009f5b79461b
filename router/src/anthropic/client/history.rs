//! The messages of a client's Messages request as chat messages.
//!
//! Owns whose turn it is, calls, results and reasoning; what a user's blocks become is in
//! `blocks`.

use bytes::BytesMut;
use serde_json::value::RawValue;

use super::UNSIGNED;
use super::blocks::{add_parts, result, words};
use super::events::inner;
use super::outline::{Block, Message, blocks, messages, text};
use crate::anthropic::quoted;
use crate::openai::request::{ChatRequest, RequestError};
use crate::wire::names::in_chat;

/// Writes `messages`, the system prompt first.
pub(super) fn write(own: &ChatRequest, out: &mut BytesMut) -> Result<(), RequestError> {
    let mut list = List { out, used: false };
    let system = own.read::<&RawValue>("system")?;
    list.system(&blocks(system, "system")?);
    for (at, message) in messages(own)? {
        list.message(&message, &at)?;
    }
    list.out.extend_from_slice(if list.used { b"]" } else { b"[]" });
    Ok(())
}

struct List<'o> {
    out: &'o mut BytesMut,
    used: bool,
}

impl List<'_> {
    fn put(&mut self, parts: &[&str]) {
        self.out.extend_from_slice(if self.used { b"," } else { b"[" });
        self.used = true;
        parts.iter().for_each(|part| self.out.extend_from_slice(part.as_bytes()));
    }

    fn message(&mut self, message: &Message<'_>, at: &str) -> Result<(), RequestError> {
        let content = blocks(message.content, &format!("{at}.content"))?;
        match message.role.as_ref() {
            "user" => self.user(&content, at),
            "assistant" => {
                self.assistant(&content);
                Ok(())
            }
            "system" => {
                self.system(&content);
                Ok(())
            }
            _ => Err(RequestError::at(
                format!("{at}.role"),
                "is not `user`, `assistant` or `system`",
            )),
        }
    }

    fn system(&mut self, content: &[Block<'_>]) {
        let texts: Vec<&str> = content.iter().filter_map(words).map(inner).collect();
        if !texts.is_empty() {
            self.put(&[r#"{"role":"system","content":""#, &texts.join("\\n\\n"), "\"}"]);
        }
    }

    /// Results become messages of their own, ahead of what else the user says.
    fn user(&mut self, content: &[Block<'_>], at: &str) -> Result<(), RequestError> {
        let mut parts = Vec::new();
        let place = |index: usize| format!("{at}.content[{index}]");
        for (index, block) in content.iter().enumerate().filter(|it| it.1.kind == "tool_result") {
            let (said, more) = result(block, &place(index))?;
            let call = text(block.tool_use_id)
                .ok_or_else(|| RequestError::at(place(index), "has no `tool_use_id`"))?;
            self.put(&[r#"{"role":"tool","tool_call_id":"#, call, r#","content":"#, &said, "}"]);
            parts.extend(more);
        }
        for (index, block) in content.iter().enumerate().filter(|it| it.1.kind != "tool_result") {
            add_parts(block, &place(index), &mut parts)?;
        }
        match (parts.as_slice(), content) {
            ([], _) => (),
            // Many compatible servers know a plain string alone.
            ([_], [only]) if words(only).is_some() => {
                self.put(&[r#"{"role":"user","content":"#, words(only).unwrap_or_default(), "}"]);
            }
            _ => self.put(&[r#"{"role":"user","content":["#, &parts.join(","), "]}"]),
        }
        Ok(())
    }

    /// What the provider's own tools did is left out: its text stands beside it.
    fn assistant(&mut self, content: &[Block<'_>]) {
        let said: Vec<&str> = content.iter().filter_map(words).map(inner).collect();
        let calls: Vec<String> =
            content.iter().filter(|block| block.kind == "tool_use").map(call).collect();
        let thoughts: Vec<String> =
            content.iter().enumerate().filter_map(|(index, block)| thought(index, block)).collect();
        if said.is_empty() && calls.is_empty() {
            return;
        }
        let said = match said.is_empty() {
            true => "null".to_owned(),
            false => format!("\"{}\"", said.concat()),
        };
        self.put(&[r#"{"role":"assistant","content":"#, &said]);
        for (name, list) in [("reasoning_details", thoughts), ("tool_calls", calls)] {
            if !list.is_empty() {
                let member = format!(r#","{name}":[{}]"#, list.join(","));
                self.out.extend_from_slice(member.as_bytes());
            }
        }
        self.out.extend_from_slice(b"}");
    }
}

fn call(block: &Block<'_>) -> String {
    let id = text(block.id).unwrap_or("\"\"");
    let name = in_chat(text(block.name).unwrap_or("\"\""));
    let arguments = quoted(block.input.map_or("{}", RawValue::get));
    format!(
        r#"{{"id":{id},"type":"function","function":{{"name":{name},"arguments":{arguments}}}}}"#
    )
}

/// Signed reasoning, for models that ask to have it back.
fn thought(index: usize, block: &Block<'_>) -> Option<String> {
    match block.kind.as_ref() {
        "thinking" => {
            let signature = text(block.signature).filter(|raw| inner(raw) != UNSIGNED)?;
            let said = text(block.thinking).unwrap_or("\"\"");
            Some(format!(
                r#"{{"type":"reasoning.text","text":{said},"signature":{signature},"index":{index}}}"#
            ))
        }
        "redacted_thinking" => {
            let data = text(block.data)?;
            Some(format!(r#"{{"type":"reasoning.encrypted","data":{data},"index":{index}}}"#))
        }
        _ => None,
    }
}
