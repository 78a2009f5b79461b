//! The breakpoints that a role asks for with `cache`, in a Messages request.
//!
//! Owns where they stand: at the end of what stays the same from one request to the next, which
//! Anthropic reads as tools, then system, then messages. What a client marks itself is left alone.

use std::ops::Range;

use model_map::CacheBreakpoint;

use crate::json;
use crate::wire::Segments;

/// As many as Anthropic takes in one request.
const MOST: usize = 4;

const MARK: &str = r#""cache_control":{"type":"ephemeral"}"#;
const KEY: &str = "\"cache_control\"";

/// The same of a request in parts.
#[inline(never)]
pub(crate) fn marked(body: &Segments, upto: CacheBreakpoint) -> Segments {
    let body = body.concat();
    mark(std::str::from_utf8(&body).unwrap_or_default(), upto).into()
}

/// The request with the role's breakpoints; as it was where it cannot be read.
pub(crate) fn mark(body: &str, upto: CacheBreakpoint) -> String {
    let mut places = Vec::new();
    if let Ok(members) = json::object(body) {
        let member = |name: &str| {
            let named = |range: &Range<usize>| body.get(range.clone()) == Some(name);
            members.iter().find(|it| named(&it.key)).map(|it| it.value.clone())
        };
        let prompt = member("\"system\"").and_then(|place| last_block(body, place));
        places.extend(prompt.or_else(|| last_tool(body, member("\"tools\"")?)));
        if let (CacheBreakpoint::Conversation, Some(messages)) = (upto, member("\"messages\"")) {
            places.extend(turns(body, messages));
        }
    }
    // What the client marks counts, too.
    let own = memchr::memmem::find_iter(body.as_bytes(), KEY).count();
    places.truncate(MOST.saturating_sub(own));
    write(body, places)
}

/// What is put where.
struct Put {
    place: Range<usize>,
    text: String,
}

/// The ends of the last turn and of the user's one before: the first is written, and by the second
/// what the turn before wrote is found however much was said since.
fn turns(body: &str, messages: Range<usize>) -> Vec<Put> {
    let all = elements(body, messages);
    let mut ends: Vec<Put> = all
        .iter()
        .rev()
        .step_by(2)
        .take(2)
        .filter_map(|message| {
            let text = body.get(message.clone())?;
            let members = json::object(text).ok()?;
            let content =
                members.iter().find(|it| text.get(it.key.clone()) == Some("\"content\""))?;
            let place = content.value.start + message.start..content.value.end + message.start;
            last_block(body, place)
        })
        .collect();
    ends.reverse();
    ends
}

/// A mark on the last block of a list that takes one; a text by itself becomes such a list.
fn last_block(body: &str, place: Range<usize>) -> Option<Put> {
    let text = body.get(place.clone())?;
    if text.starts_with('"') {
        let is_blank = super::request::is_blank(text);
        let block = format!(r#"[{{"type":"text","text":{text},{MARK}}}]"#);
        return (!is_blank).then_some(Put { place, text: block });
    }
    elements(body, place).into_iter().rev().find_map(|block| at_end(body, block))
}

fn last_tool(body: &str, tools: Range<usize>) -> Option<Put> {
    at_end(body, elements(body, tools).pop()?)
}

/// A mark at the end of a block, unless it has one or can have none.
fn at_end(body: &str, block: Range<usize>) -> Option<Put> {
    let text = body.get(block.clone())?;
    let members = json::object(text).ok()?;
    let member = |name: &str| {
        let found = members.iter().find(|it| text.get(it.key.clone()) == Some(name))?;
        text.get(found.value.clone())
    };
    let takes = !matches!(member("\"type\""), Some("\"thinking\"" | "\"redacted_thinking\""))
        && member("\"text\"").is_none_or(|text| !super::request::is_blank(text))
        && member(KEY).is_none();
    let place = block.end.checked_sub(1)?;
    takes.then(|| Put { place: place..place, text: format!(",{MARK}") })
}

fn elements(body: &str, list: Range<usize>) -> Vec<Range<usize>> {
    let text = body.get(list.clone()).unwrap_or_default();
    let found = json::array(text).unwrap_or_default();
    found.into_iter().map(|it| it.start + list.start..it.end + list.start).collect()
}

fn write(body: &str, mut places: Vec<Put>) -> String {
    places.sort_by_key(|put| put.place.start);
    let mut text = String::with_capacity(body.len() + 64 * places.len());
    let mut from = 0;
    for put in places {
        text.push_str(body.get(from..put.place.start).unwrap_or_default());
        text.push_str(&put.text);
        from = put.place.end;
    }
    text.push_str(body.get(from..).unwrap_or_default());
    text
}

#[cfg(test)]
mod tests {
    use model_map::CacheBreakpoint::{Conversation, System};
    use serde_json::{Value, json};

    use super::*;

    fn marked(body: &Value, upto: CacheBreakpoint) -> Value {
        serde_json::from_str(&mark(&body.to_string(), upto)).expect("JSON")
    }

    fn text(text: &str, marked: bool) -> Value {
        let mut block = json!({"type": "text", "text": text});
        if marked {
            block["cache_control"] = json!({"type": "ephemeral"});
        }
        block
    }

    #[test]
    fn the_prompt_is_marked_at_its_end_and_else_the_tools() {
        let tools = json!([{"name": "a", "input_schema": {}}, {"name": "b", "input_schema": {}}]);
        let messages = json!([{"role": "user", "content": "q"}]);
        let body = json!({"system": [text("a", false), text("b", false)], "tools": tools,
            "messages": messages});
        let with = marked(&body, System);
        assert_eq!(with["system"], json!([text("a", false), text("b", true)]));
        assert_eq!((&with["tools"], &with["messages"]), (&tools, &messages));
        let with = marked(&json!({"system": "s", "messages": messages}), System);
        assert_eq!(with["system"], json!([text("s", true)]));
        let with = marked(&json!({"tools": tools, "messages": messages}), System);
        assert_eq!(with["tools"][0], tools[0]);
        assert_eq!(with["tools"][1]["cache_control"], json!({"type": "ephemeral"}));
        let bare = json!({"messages": messages});
        assert_eq!(marked(&bare, System), bare);
    }

    #[test]
    fn a_conversation_is_marked_at_its_end_and_at_the_turn_before() {
        let call = json!({"type": "tool_use", "id": "t", "name": "f", "input": {}});
        let result = json!({"type": "tool_result", "tool_use_id": "t", "content": "r"});
        let body = json!({"system": "s", "messages": [
            {"role": "user", "content": "one"},
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result, text("  ", false)]},
        ]});
        let with = marked(&body, Conversation);
        assert_eq!(with["messages"][0]["content"], json!([text("one", true)]));
        assert_eq!(with["messages"][1], body["messages"][1]);
        let last = &with["messages"][2]["content"];
        assert_eq!(last[0]["cache_control"], json!({"type": "ephemeral"}));
        assert_eq!(last[1], text("  ", false));
        assert_eq!(mark(&body.to_string(), Conversation).matches(KEY).count(), 3);
    }

    #[test]
    fn what_the_client_marks_is_kept_and_counts() {
        let block = text("s", true);
        let body = json!({"system": [block], "messages": [{"role": "user", "content": "q"}]});
        assert_eq!(marked(&body, System), body);
        let four = vec![text("x", true); 4];
        let full = json!({"system": "s", "messages": [{"role": "user", "content": four}]});
        assert_eq!(marked(&full, Conversation), full);
    }

    #[test]
    fn reasoning_takes_no_mark() {
        let thought = json!({"type": "thinking", "thinking": "t", "signature": "s"});
        let turn = json!([text("a", false), thought]);
        let with =
            marked(&json!({"messages": [{"role": "assistant", "content": turn}]}), Conversation);
        assert_eq!(with["messages"][0]["content"], json!([text("a", true), thought]));
    }
}
