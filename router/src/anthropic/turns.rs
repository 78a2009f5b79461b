//! The client's messages as Anthropic's system prompt and turns.
//!
//! Owns who speaks when; what a message's parts become is in `parts`.

use std::borrow::Cow;

use model_map::{Model, SystemMode};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::parts::{Content, Separator};
use super::thoughts::{self, Thought};
use crate::json;
use crate::openai::messages::nothing_left;
use crate::openai::request::{ChatRequest, Prompt, RequestError, Target};
use crate::wire::ids::for_anthropic;
use crate::wire::segments::Writer;

/// The messages of a request, read and sorted.
#[derive(Debug)]
pub(super) struct Conversation<'a> {
    system: Vec<Message<'a>>,
    /// Those that say anything, in order.
    rest: Vec<Message<'a>>,
    /// Whether any says by its `name` who of several speaks.
    names: bool,
}

/// A message and its place in the client's list.
#[derive(Debug)]
pub(super) struct Message<'a> {
    index: usize,
    side: Side,
    content: Content<'a>,
    call_id: Option<Cow<'a, str>>,
    calls: Vec<ToolCall<'a>>,
    thoughts: Vec<Thought<'a>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    System,
    User,
    Tool,
    Assistant,
}

#[derive(Debug, Deserialize)]
struct WireMessage<'a> {
    #[serde(borrow)]
    role: Cow<'a, str>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    refusal: Option<&'a RawValue>,
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    tool_call_id: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    tool_calls: Option<Vec<ToolCall<'a>>>,
    #[serde(borrow, default)]
    reasoning_details: Option<Vec<&'a RawValue>>,
}

#[derive(Debug, Deserialize)]
struct ToolCall<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
}

#[derive(Debug, Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: &'a RawValue,
    #[serde(borrow, default)]
    arguments: Option<Cow<'a, str>>,
}

impl<'a> Conversation<'a> {
    /// Reads `messages`. Errors name the message, and the part, that this model cannot be sent.
    pub(super) fn read(
        request: &'a ChatRequest,
        target: &Target<'_>,
    ) -> Result<Self, RequestError> {
        let (mut system, mut rest, mut names) = (Vec::new(), Vec::new(), false);
        for (index, wire) in wire_messages(request)?.into_iter().enumerate() {
            let wire = wire?;
            let name = wire.name.filter(|name| name.get() != "\"\"");
            let message = Message::read(index, wire)?;
            // A result's is that of the tool, which the call has as well.
            names |= name.is_some() && message.side != Side::Tool;
            match message.side {
                Side::System => system.push(message),
                _ if message.is_empty() => (),
                _ => rest.push(message),
            }
        }
        if target.system.mode == SystemMode::Replace && !system.is_empty() {
            system.clear();
            if rest.is_empty() {
                return Err(nothing_left());
            }
        }
        // A client may put its whole question into a system message; here somebody must ask it.
        if rest.is_empty() {
            let question = system.pop().filter(|message| !message.is_empty());
            rest.extend(question.map(|message| Message { side: Side::User, ..message }));
        }
        let conversation = Self { system, rest, names };
        conversation.check_end(target.model)?;
        Ok(conversation)
    }

    fn check_end(&self, model: &Model) -> Result<(), RequestError> {
        match self.rest.last() {
            None => Err(RequestError::at("messages", "hold nothing but white space")),
            Some(last) if last.is_prefill() && !model.prefill => Err(RequestError::at(
                format!("messages[{}]", last.index),
                "is an assistant message at the end: this model does not continue one",
            )),
            Some(_) => Ok(()),
        }
    }

    /// What of the messages this protocol has no place for.
    pub(super) fn dropped(&self) -> Option<String> {
        self.names.then(|| "messages.name".to_owned())
    }

    /// Whether the tool loop that the conversation is in began without a thinking block, or the
    /// model is to continue its own words.
    pub(super) fn lacks_thinking(&self) -> bool {
        let mut first = None;
        for turn in self.rest.chunk_by(|one, next| next.is_of(one.side == Side::Assistant)) {
            let said = turn.first().filter(|message| message.side == Side::Assistant);
            let has_results = turn.iter().any(|message| message.side == Side::Tool);
            first = if said.is_some() || has_results { first.or(said) } else { None };
        }
        first.is_some_and(|first| first.thoughts.is_empty())
    }
}

/// Takes the list apart: at once, and one by one only where one of them cannot be read.
fn wire_messages<'r>(
    request: &'r ChatRequest,
) -> Result<Vec<Result<WireMessage<'r>, RequestError>>, RequestError> {
    if let Ok(all) = request.read::<Vec<WireMessage<'r>>>("messages") {
        return Ok(all.unwrap_or_default().into_iter().map(Ok).collect());
    }
    let all = request.read::<Vec<&RawValue>>("messages")?.unwrap_or_default();
    let read = |(index, raw): (usize, &'r RawValue)| {
        serde_json::from_str(raw.get()).map_err(|error| {
            RequestError::at(format!("messages[{index}]"), format!("cannot be read: {error}"))
        })
    };
    Ok(all.into_iter().enumerate().map(read).collect())
}

impl<'a> Message<'a> {
    fn read(index: usize, wire: WireMessage<'a>) -> Result<Self, RequestError> {
        let at = |name: &str| format!("messages[{index}]{name}");
        let side = match wire.role.as_ref() {
            "system" | "developer" => Side::System,
            "user" => Side::User,
            "tool" => Side::Tool,
            "assistant" => Side::Assistant,
            _ => return Err(RequestError::at(at(".role"), "is not known to this model")),
        };
        if side == Side::Tool && wire.tool_call_id.is_none() {
            return Err(RequestError::at(at(".tool_call_id"), "is missing"));
        }
        let said = match side {
            Side::Assistant => wire.content.or(wire.refusal),
            _ => wire.content,
        };
        let content = Content::read(said, index)?;
        if matches!(side, Side::System | Side::Assistant) {
            content.check_is_text()?;
        }
        Ok(Self {
            index,
            side,
            content,
            call_id: wire.tool_call_id,
            calls: wire.tool_calls.filter(|_| side == Side::Assistant).unwrap_or_default(),
            thoughts: thoughts::read(wire.reasoning_details.as_deref().unwrap_or_default()),
        })
    }

    /// Whether Anthropic would refuse it for saying nothing.
    fn is_empty(&self) -> bool {
        self.side != Side::Tool
            && self.calls.is_empty()
            && self.thoughts.is_empty()
            && self.content.is_blank()
    }

    fn is_prefill(&self) -> bool {
        self.side == Side::Assistant && self.calls.is_empty()
    }

    fn is_of(&self, assistant: bool) -> bool {
        (self.side == Side::Assistant) == assistant
    }
}

/// Writes `system`: the role's prompt and the client's messages, in the order of its mode.
pub(super) fn write_system(
    to: &mut Writer<'_>,
    prompt: Prompt<'_>,
    conversation: &Conversation<'_>,
) {
    let mut separator = Separator::new(r#","system":["#);
    if prompt.mode != SystemMode::Append {
        write_prompt(to, prompt.texts, &mut separator);
    }
    for message in &conversation.system {
        message.content.write_text(to, &mut separator);
    }
    if prompt.mode == SystemMode::Append {
        write_prompt(to, prompt.texts, &mut separator);
    }
    separator.close(to, "]");
}

pub(super) fn write_prompt(to: &mut Writer<'_>, texts: &[&str], separator: &mut Separator) {
    for text in texts.iter().filter(|text| !text.trim().is_empty()) {
        separator.write(to);
        to.put(r#"{"type":"text","text":"#);
        to.put_string(text);
        to.put("}");
    }
}

/// Writes `messages`.
pub(super) fn write_turns(
    to: &mut Writer<'_>,
    conversation: &Conversation<'_>,
) -> Result<(), RequestError> {
    let mut rest = conversation.rest.as_slice();
    let mut start = r#","messages":["#;
    while let Some(first) = rest.first() {
        let assistant = first.side == Side::Assistant;
        let length = rest.iter().take_while(|message| message.is_of(assistant)).count();
        let (turn, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        rest = after;
        to.put(start);
        start = ",";
        let role = if assistant { "assistant" } else { "user" };
        let mut separator = Separator::new("[");
        [r#"{"role":""#, role, r#"","content":"#].into_iter().for_each(|text| to.put(text));
        if assistant {
            write_assistant(to, turn, rest.is_empty(), &mut separator)?;
        } else {
            write_user(to, turn, &mut separator)?;
        }
        separator.close(to, "]");
        to.put("}");
    }
    to.put("]");
    Ok(())
}

/// The results of calls stand before everything else that the client says.
fn write_user(
    to: &mut Writer<'_>,
    turn: &[Message<'_>],
    separator: &mut Separator,
) -> Result<(), RequestError> {
    for message in turn.iter().filter(|message| message.side == Side::Tool) {
        separator.write(to);
        to.put(r#"{"type":"tool_result","tool_use_id":"#);
        to.put_string(&for_anthropic(message.call_id.as_deref().unwrap_or_default()));
        if !message.content.is_blank() {
            let mut parts = Separator::new(r#","content":["#);
            message.content.write(to, &mut parts)?;
            parts.close(to, "]");
        }
        to.put("}");
    }
    for message in turn.iter().filter(|message| message.side == Side::User) {
        message.content.write(to, separator)?;
    }
    Ok(())
}

fn write_assistant(
    to: &mut Writer<'_>,
    turn: &[Message<'_>],
    is_last: bool,
    separator: &mut Separator,
) -> Result<(), RequestError> {
    for (place, message) in turn.iter().enumerate() {
        thoughts::write(to, &message.thoughts, separator);
        if is_last && place + 1 == turn.len() && message.is_prefill() {
            message.content.write_trimmed(to, separator);
        } else {
            message.content.write_text(to, separator);
        }
        for (place, call) in message.calls.iter().enumerate() {
            separator.write(to);
            write_call(to, call, || format!("messages[{}].tool_calls[{place}]", message.index))?;
        }
    }
    Ok(())
}

fn write_call(
    to: &mut Writer<'_>,
    call: &ToolCall<'_>,
    at: impl Fn() -> String,
) -> Result<(), RequestError> {
    let Some(function) = &call.function else {
        return Err(RequestError::at(at(), "is not a call of a function"));
    };
    to.put(r#"{"type":"tool_use","id":"#);
    to.put_string(&for_anthropic(&call.id));
    to.put(r#","name":"#);
    to.put(function.name.get());
    to.put(r#","input":"#);
    write_input(to, function.arguments.as_deref().unwrap_or_default());
    to.put("}");
    Ok(())
}

/// Arguments as an object. What a model once wrote wrongly must not end the conversation: it is
/// kept as text.
fn write_input(to: &mut Writer<'_>, arguments: &str) {
    let arguments = arguments.trim();
    if arguments.is_empty() {
        to.put("{}");
    } else if let Ok((_, halves)) = json::object_and_halves(arguments) {
        // Arguments are JSON within a text, where the half of a character is not seen.
        let mended = if halves { json::mended(arguments) } else { Cow::Borrowed(arguments) };
        to.share(mended.as_bytes());
    } else {
        to.put(r#"{"invalid_json":"#);
        to.put_string(arguments);
        to.put("}");
    }
}
