//! The client's messages as Anthropic's system prompt and turns.
//!
//! Owns who speaks when; what a message's parts become is in `parts`.

use std::borrow::Cow;

use model_map::{Model, SystemMode};

use super::message::Raw;
use super::parts::{Content, Separator};
use super::thoughts::{self, Detail, Thought};
use crate::json::{self, Scan};
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

/// Messages as they are read and sorted.
#[derive(Debug, Default)]
struct Sorted<'a> {
    taken: usize,
    system: Vec<Message<'a>>,
    rest: Vec<Message<'a>>,
    names: bool,
    /// What is wrong with the first that cannot be read.
    fault: Option<Box<RequestError>>,
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

/// A message as the client wrote it.
#[derive(Debug, Default)]
struct WireMessage<'a> {
    role: Raw<'a>,
    content: Raw<'a>,
    refusal: Raw<'a>,
    name: Raw<'a>,
    tool_call_id: Raw<'a>,
    tool_calls: Vec<WireCall<'a>>,
    reasoning_details: Vec<Detail<'a>>,
    /// The part, none for the whole, that is of another shape, and of which it should be.
    fault: Option<(&'static str, &'static str)>,
}

#[derive(Debug, Default)]
struct WireCall<'a> {
    id: Raw<'a>,
    is_of_function: bool,
    name: Raw<'a>,
    arguments: Raw<'a>,
}

/// A call that the model made.
#[derive(Debug)]
struct ToolCall<'a> {
    id: Cow<'a, str>,
    /// With its quotes.
    name: &'a str,
    arguments: Cow<'a, str>,
}

impl<'a> Conversation<'a> {
    /// Reads `messages`. Errors name the message, and the part, that this model cannot be sent.
    pub(super) fn read(
        request: &'a ChatRequest,
        target: &Target<'_>,
    ) -> Result<Self, RequestError> {
        let mut sorted = Sorted::default();
        let list = request.get("messages").unwrap_or("[]");
        let is_list = json::read(list, |list| {
            list.elements(&mut |it| sorted.take(WireMessage::read(it))).then_some(())
        });
        is_list.ok_or_else(|| RequestError::at("messages", "must be a list"))?;
        let Sorted { mut system, mut rest, names, fault, .. } = sorted;
        if let Some(fault) = fault {
            return Err(*fault);
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

impl<'a> Sorted<'a> {
    fn take(&mut self, wire: WireMessage<'a>) {
        if self.fault.is_some() {
            return;
        }
        let index = self.taken;
        self.taken += 1;
        let name = wire.name.filter(|name| *name != "\"\"");
        let message = match Message::read(index, wire) {
            Ok(message) => message,
            Err(fault) => {
                self.fault = Some(Box::new(fault));
                return;
            }
        };
        // A result's is that of the tool, which the call has as well.
        self.names |= name.is_some() && message.side != Side::Tool;
        match message.side {
            Side::System => self.system.push(message),
            _ if message.is_empty() => (),
            _ => self.rest.push(message),
        }
    }
}

impl<'a> WireMessage<'a> {
    fn read(value: &mut Scan<'a>) -> Self {
        let mut wire = Self::default();
        let is_object = value.members(&mut |key, value| match key {
            "role" => wire.role = value.raw(),
            "content" => wire.content = value.raw(),
            "refusal" => wire.refusal = value.raw(),
            "name" => wire.name = value.raw(),
            "tool_call_id" => wire.tool_call_id = value.raw(),
            "tool_calls" if !value.is_null() => match value.list(WireCall::read) {
                Some(calls) => wire.tool_calls = calls,
                None => wire.fault = Some((".tool_calls", "is not a list of objects")),
            },
            "reasoning_details" if !value.is_null() => match value.list(Detail::read) {
                Some(details) => wire.reasoning_details = details,
                None => wire.fault = Some((".reasoning_details", "is not a list")),
            },
            _ => (),
        });
        if !is_object {
            wire.fault = Some(("", "is not an object"));
        }
        wire
    }
}

impl<'a> WireCall<'a> {
    fn read(value: &mut Scan<'a>) -> Option<Self> {
        let mut call = Self::default();
        let is_object = value.members(&mut |key, value| match key {
            "id" => call.id = value.raw(),
            "function" => {
                call.is_of_function = value.members(&mut |key, value| match key {
                    "name" => call.name = value.raw(),
                    "arguments" => call.arguments = value.raw(),
                    _ => (),
                });
            }
            _ => (),
        });
        is_object.then_some(call)
    }
}

impl<'a> ToolCall<'a> {
    /// Checks a call. `at` gives its place and that of a part of it.
    fn check(wire: &WireCall<'a>, at: impl Fn(&str) -> String) -> Result<Self, RequestError> {
        let id = string(wire.id, || at(".id"))?;
        if !wire.is_of_function {
            return Err(RequestError::at(at(""), "is not a call of a function"));
        }
        let missing = || RequestError::at(at(".function.name"), "is missing");
        let name = wire.name.ok_or_else(missing)?;
        let arguments = wire.arguments.or(Some("\"\""));
        let arguments = string(arguments, || at(".function.arguments"))?;
        Ok(Self { id, name, arguments })
    }
}

/// The text of a string that has to be there.
fn string<'a>(raw: Raw<'a>, at: impl Fn() -> String) -> Result<Cow<'a, str>, RequestError> {
    let missing = || RequestError::at(at(), "is missing");
    json::decode(raw.ok_or_else(missing)?).ok_or_else(|| RequestError::at(at(), "is not a string"))
}

impl<'a> Message<'a> {
    fn read(index: usize, wire: WireMessage<'a>) -> Result<Self, RequestError> {
        let at = |name: &str| format!("messages[{index}]{name}");
        if let Some((part, what)) = wire.fault {
            return Err(RequestError::at(at(part), what));
        }
        let side = match wire.role {
            Some(r#""system""# | r#""developer""#) => Side::System,
            Some(r#""user""#) => Side::User,
            Some(r#""tool""#) => Side::Tool,
            Some(r#""assistant""#) => Side::Assistant,
            Some(_) => return Err(RequestError::at(at(".role"), "is not known to this model")),
            None => return Err(RequestError::at(at(".role"), "is missing")),
        };
        let call_id = match wire.tool_call_id {
            None if side != Side::Tool => None,
            id => Some(string(id, || at(".tool_call_id"))?),
        };
        let said = match side {
            Side::Assistant => wire.content.or(wire.refusal),
            _ => wire.content,
        };
        let content = Content::read(said, index)?;
        if matches!(side, Side::System | Side::Assistant) {
            content.check_is_text()?;
        }
        let calls = wire.tool_calls.iter().filter(|_| side == Side::Assistant).enumerate();
        let calls = calls.map(|(place, call)| {
            ToolCall::check(call, |part| at(&format!(".tool_calls[{place}]{part}")))
        });
        Ok(Self {
            index,
            side,
            content,
            call_id,
            calls: calls.collect::<Result<_, _>>()?,
            thoughts: thoughts::join(&wire.reasoning_details),
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
            write_assistant(to, turn, rest.is_empty(), &mut separator);
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

#[inline(never)]
fn write_assistant(
    to: &mut Writer<'_>,
    turn: &[Message<'_>],
    is_last: bool,
    separator: &mut Separator,
) {
    for (place, message) in turn.iter().enumerate() {
        thoughts::write(to, &message.thoughts, separator);
        if is_last && place + 1 == turn.len() && message.is_prefill() {
            message.content.write_trimmed(to, separator);
        } else {
            message.content.write_text(to, separator);
        }
        for call in &message.calls {
            separator.write(to);
            write_call(to, call);
        }
    }
}

#[inline(never)]
fn write_call(to: &mut Writer<'_>, call: &ToolCall<'_>) {
    to.put(r#"{"type":"tool_use","id":"#);
    to.put_string(&for_anthropic(&call.id));
    to.put(r#","name":"#);
    to.put(call.name);
    to.put(r#","input":"#);
    write_input(to, &call.arguments);
    to.put("}");
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
