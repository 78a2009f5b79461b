//! What another link is asked for that is to go on with an answer.
//!
//! Owns the words and the messages that are added to the client's own; how a request is written
//! for a link is the same as for any other.

use model_map::{Effort, Plan};
use serde_json::{Value, json};

use super::heard::Heard;
use super::seam::anchor;
use crate::front::{ClientRequest, Front};
use crate::openai::request::RequestError;

/// How a link is brought to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Continuation {
    /// There is no text yet: it is asked what the first one was.
    Anew,
    /// The conversation ends in the answer so far, and it takes that up.
    Prefilled,
    /// It is told to go on, and to begin with the last words.
    Instructed,
}

/// Whether an answer to a request can be continued at all: a stream of text, and not of one JSON
/// document or of several answers.
pub(crate) fn can_continue(request: &ClientRequest) -> bool {
    let own = request.own();
    let is_text = |name: &str| match own.get(name).map(serde_json::from_str::<Value>) {
        None => true,
        Some(format) => format.is_ok_and(|format| super::text(&format, "/type") == "text"),
    };
    let has_format = own.get("output_config").is_some_and(|it| it.contains("\"format\""));
    // A response's own place for it.
    let is_plain = own.get("text").map(serde_json::from_str::<Value>).is_none_or(|text| {
        text.is_ok_and(|text| matches!(super::text(&text, "/format/type"), "" | "text"))
    });
    // A response is gone on with by a chat, which has no place for what a provider keeps.
    let has_chat = request.front() != Front::Responses || request.as_chat().is_ok();
    request.stream()
        && matches!(request.front(), Front::Chat | Front::Messages | Front::Responses)
        && (request.front() != Front::Responses || is_plain)
        && has_chat
        && is_text("response_format")
        && own.get("output_format").is_none()
        && !has_format
        && own.get("n").is_none_or(|n| n == "1")
}

impl Continuation {
    /// How this link of the plan is asked to go on from what was heard.
    pub(crate) fn of(plan: &Plan<'_>, link: usize, request: &ClientRequest, heard: &Heard) -> Self {
        if heard.text().trim().is_empty() {
            return Self::Anew;
        }
        let takes = plan.chain.get(link).is_some_and(|link| link.model.prefill);
        // A model that thinks first cannot begin in the middle of what it says.
        let own = request.own();
        let effort = plan.parameters.reasoning_effort.filter(|effort| *effort != Effort::None);
        let thinks = effort.is_some()
            || ["thinking", "reasoning", "reasoning_effort", "output_config"]
                .iter()
                .any(|it| own.get(it).is_some());
        if takes && !thinks { Self::Prefilled } else { Self::Instructed }
    }

    /// The client's request with what makes a link go on.
    pub(crate) fn request(
        self,
        request: &ClientRequest,
        heard: &Heard,
    ) -> Result<ClientRequest, RequestError> {
        let chat = match request.front() {
            Front::Responses => Some(request.as_chat()?),
            _ => None,
        };
        let request = chat.as_ref().unwrap_or(request);
        // Providers refuse a prefill with white space at its end.
        let said = json!({"role": "assistant", "content": heard.text().trim_end()});
        match self {
            Self::Anew => request.with_messages(&[]),
            Self::Prefilled => request.with_messages(&[said]),
            Self::Instructed => {
                let told = json!({"role": "user", "content": instruction(heard.text())});
                request.with_messages(&[said, told])
            }
        }
    }
}

fn instruction(text: &str) -> String {
    let anchor = anchor(text);
    format!(
        "Your last message was cut off by a technical fault, and its reader has all of it up to \
         there. Write the rest of it, as if there had been no interruption. Begin with its last \
         words, exactly as they stand between the two lines of ===, and go on from there: no \
         greeting, no apology, no remark about the interruption, and nothing again of what comes \
         before these words.\n===\n{anchor}\n==="
    )
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use http::HeaderMap;

    use super::*;

    fn request(front: Front, more: &Value) -> ClientRequest {
        let mut body = json!({"model": "r", "stream": true,
            "messages": [{"role": "user", "content": "Tell me."}]});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        ClientRequest::parse(front, &HeaderMap::new(), Bytes::from(body.to_string())).unwrap()
    }

    #[test]
    fn streams_of_text_can_be_continued() {
        for (more, can) in [
            (json!({}), true),
            (json!({"n": 1, "response_format": {"type": "text"}}), true),
            (json!({"tools": []}), true),
            (json!({"n": 2}), false),
            (json!({"response_format": {"type": "json_object"}}), false),
            (json!({"output_config": {"format": {"type": "json_schema"}}}), false),
            (json!({"output_config": {"effort": "high"}}), true),
            (json!({"stream": false}), false),
        ] {
            for front in [Front::Chat, Front::Messages] {
                assert_eq!(can_continue(&request(front, &more)), can, "{more}");
            }
        }
        for (more, can) in [
            (json!({}), true),
            (json!({"text": {"format": {"type": "text"}, "verbosity": "low"}}), true),
            (json!({"text": {"format": {"type": "json_schema"}}}), false),
            (json!({"previous_response_id": "resp_1"}), false),
            (json!({"stream": false}), false),
        ] {
            let mut more = more;
            more["input"] = json!("Tell me.");
            assert_eq!(can_continue(&request(Front::Responses, &more)), can, "{more}");
        }
    }

    #[test]
    fn a_response_is_gone_on_with_by_a_chat() {
        let own =
            request(Front::Responses, &json!({"input": "Tell me.", "instructions": "Be brief."}));
        let mut heard = Heard::new(Front::Responses);
        for event in [
            json!({"type": "response.output_item.added", "output_index": 0, "item": {"type": "message"}}),
            json!({"type": "response.output_text.delta", "delta": "Once upon"}),
        ] {
            heard.note(format!("data: {event}\n\n").as_bytes());
        }
        let chat = Continuation::Prefilled.request(&own, &heard).unwrap();
        assert_eq!(chat.front(), Front::Chat);
        let messages: Value = serde_json::from_str(chat.own().get("messages").unwrap()).unwrap();
        let roles: Vec<&str> =
            messages.as_array().unwrap().iter().map(|it| it["role"].as_str().unwrap()).collect();
        assert_eq!(roles, ["system", "user", "assistant"]);
        assert_eq!(messages[2]["content"], "Once upon");
    }

    #[test]
    fn the_answer_so_far_stands_behind_the_clients_messages() {
        let mut heard = Heard::new(Front::Chat);
        let chunk = json!({"id": "c", "choices": [{"index": 0, "delta": {"content": "Once upon a time "}}]});
        heard.note(format!("data: {chunk}\n\n").as_bytes());
        let own = request(Front::Chat, &json!({"seed": 12345678901234567890_u64}));
        let messages = |way: Continuation| {
            let request = way.request(&own, &heard).unwrap();
            assert_eq!(request.own().get("seed"), Some("12345678901234567890"));
            serde_json::from_str::<Value>(request.own().get("messages").unwrap()).unwrap()
        };
        assert_eq!(messages(Continuation::Anew).as_array().unwrap().len(), 1);
        let prefilled = messages(Continuation::Prefilled);
        assert_eq!(prefilled[1], json!({"role": "assistant", "content": "Once upon a time"}));
        let told = messages(Continuation::Instructed);
        assert_eq!(told[1], prefilled[1]);
        assert!(told[2]["content"].as_str().unwrap().ends_with("===\nOnce upon a time\n==="));
    }
}
