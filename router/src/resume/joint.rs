//! A continuation's events, made part of the stream that they continue.
//!
//! Owns the choice of the protocol and the chunks of Chat Completions: one id and one model name
//! through the stream, and the role said once. Events of a response are written of such chunks.

use bytes::{Bytes, BytesMut};
use serde_json::Value;

use super::ask::Continuation;
use super::heard::Heard;
use super::messages::Blocks;
use super::response::written;
use super::seam::{NotJoined, Seam};
use crate::front::Front;
use crate::openai::error::ClientError;
use crate::openai::responses::compose::Composer;
use crate::sse::Events;
use crate::wire::Wishes;

/// What a first stream's answer has already told, or another one's cannot.
const NOT_AGAIN: [&str; 4] = ["role", "reasoning", "reasoning_content", "reasoning_details"];

/// Joins one continuation to what was sent before it.
#[derive(Debug)]
pub(crate) struct Joint {
    seam: Seam,
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// With the members that every chunk has alike.
    Chat(Vec<(&'static str, Value)>),
    Messages(Blocks),
    Response(Box<Composer>),
}

impl Joint {
    /// Behind what was heard, for a continuation that was asked for in this way, with what the
    /// client's request says of the answer.
    pub(crate) fn new(heard: &Heard, continuation: Continuation, wishes: Wishes) -> Self {
        let seam = Seam::new(heard.text(), continuation == Continuation::Instructed);
        let way = match heard.front {
            Front::Messages => Way::Messages(Blocks::behind(heard)),
            Front::Responses => Way::Response(heard.response.writer(wishes)),
            _ => Way::Chat(heard.head.clone()),
        };
        Self { seam, way }
    }

    /// Takes whole events of the continuation and gives those that the client gets.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<Bytes, NotJoined> {
        let mut out = BytesMut::new();
        for event in Events::new(bytes) {
            let Some(data) = event.ok().and_then(|event| event.data) else { continue };
            match (serde_json::from_slice::<Value>(&data), &mut self.way) {
                (Err(_), Way::Response(composer)) => {
                    out.extend_from_slice(&written(composer, &String::from_utf8_lossy(&data)));
                }
                (Err(_), _) => put(&mut out, None, &String::from_utf8_lossy(&data)),
                (Ok(chunk), Way::Response(composer)) => {
                    if let Some(chunk) = joined(chunk, &[], &mut self.seam)? {
                        out.extend_from_slice(&written(composer, &chunk.to_string()));
                    }
                }
                (Ok(chunk), Way::Chat(head)) => {
                    if let Some(chunk) = joined(chunk, head, &mut self.seam)? {
                        put(&mut out, None, &chunk.to_string());
                    }
                }
                (Ok(event), Way::Messages(blocks)) => {
                    for event in blocks.joined(event, &mut self.seam)? {
                        let name = event.get("type").and_then(Value::as_str);
                        put(&mut out, name, &event.to_string());
                    }
                }
            }
        }
        Ok(out.freeze())
    }

    /// Ends the stream with an error; none where such an event is the same wherever it comes.
    pub(crate) fn fail(&mut self, error: &ClientError) -> Option<Bytes> {
        match &mut self.way {
            Way::Response(composer) => Some(composer.fail(error)),
            Way::Chat(_) | Way::Messages(_) => None,
        }
    }

    /// What the client still has to get when the continuation is over: an end that no mark of it has
    /// brought.
    pub(crate) fn end(&mut self) -> Bytes {
        match &mut self.way {
            Way::Response(composer) => composer.end(),
            Way::Chat(_) | Way::Messages(_) => Bytes::new(),
        }
    }
}

fn put(out: &mut BytesMut, name: Option<&str>, data: &str) {
    if let Some(name) = name {
        for part in ["event: ", name, "\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
    for part in ["data: ", data, "\n\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// A chunk as the client gets it; none when nothing is left of it.
fn joined(
    mut chunk: Value,
    head: &[(&'static str, Value)],
    seam: &mut Seam,
) -> Result<Option<Value>, NotJoined> {
    if let Some(members) = chunk.as_object_mut() {
        for (name, value) in head {
            members.insert((*name).to_owned(), value.clone());
        }
    }
    let Some(choice) = chunk.pointer_mut("/choices/0") else { return Ok(Some(chunk)) };
    let ends = super::is_set(choice, "/finish_reason");
    let Some(delta) = choice.get_mut("delta").and_then(Value::as_object_mut) else {
        return Ok(Some(chunk));
    };
    let said: Vec<String> = NOT_AGAIN.iter().map(|name| (*name).to_owned()).collect();
    delta.retain(|name, value| !said.contains(name) && !value.is_null());
    if let Some(text) = delta.get("content") {
        let text = seam.push(text.as_str().ok_or(NotJoined)?)?;
        if text.is_empty() {
            delta.remove("content");
        } else {
            delta.insert("content".to_owned(), text.into());
        }
    }
    if seam.is_open() && (ends || !delta.is_empty()) {
        return Err(NotJoined);
    }
    let says = ends || !delta.is_empty() || chunk.get("usage").is_some_and(|it| !it.is_null());
    Ok(says.then_some(chunk))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn chunk(id: &str, delta: Value, finish: Value) -> String {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        let chunk = json!({"id": id, "object": "chat.completion.chunk", "model": id, "created": 1,
            "choices": [choice]});
        format!("data: {chunk}\n\n")
    }

    fn first() -> Heard {
        let mut heard = Heard::new(Front::Chat);
        let delta = json!({"role": "assistant", "content": "The quick "});
        heard.note(chunk("one", delta, Value::Null).as_bytes());
        heard
    }

    #[test]
    fn a_chat_has_one_id_one_model_and_one_role() {
        let mut joint = Joint::new(&first(), Continuation::Instructed, Wishes::default());
        let mut out = String::new();
        for (delta, finish) in [
            (json!({"role": "assistant", "content": ""}), Value::Null),
            (json!({"reasoning_content": "I go on."}), Value::Null),
            (json!({"content": "The qui"}), Value::Null),
            (json!({"content": "ck brown"}), Value::Null),
            (json!({"content": " fox"}), Value::Null),
            (json!({}), json!("stop")),
        ] {
            let bytes = joint.push(chunk("two", delta, finish).as_bytes()).unwrap();
            out += std::str::from_utf8(&bytes).unwrap();
        }
        out += std::str::from_utf8(&joint.push(b"data: [DONE]\n\n").unwrap()).unwrap();
        let expected = [
            chunk("one", json!({"content": "brown"}), Value::Null),
            chunk("one", json!({"content": " fox"}), Value::Null),
            chunk("one", json!({}), json!("stop")),
            "data: [DONE]\n\n".to_owned(),
        ];
        assert_eq!(out, expected.concat());
    }

    #[test]
    fn an_end_or_a_tool_call_before_the_last_words_is_not_joined() {
        for (delta, finish) in
            [(json!({}), json!("stop")), (json!({"tool_calls": [{"index": 0}]}), Value::Null)]
        {
            let mut joint = Joint::new(&first(), Continuation::Instructed, Wishes::default());
            let pushed = joint.push(chunk("two", delta.clone(), finish.clone()).as_bytes());
            assert_eq!(pushed, Err(NotJoined));
            let mut joint = Joint::new(&first(), Continuation::Prefilled, Wishes::default());
            assert!(joint.push(chunk("two", delta, finish).as_bytes()).is_ok());
        }
    }
}
