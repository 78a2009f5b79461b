//! What a chat completion says, as a response's items.
//!
//! Owns which item is open and the events about it; the items themselves are `items`'. The
//! streamed form ends with the whole one, so that they cannot differ.

mod broken;

use std::fmt::{self, Arguments, Display, Formatter};
use std::io::Write as _;

use bytes::{BufMut as _, Bytes, BytesMut};

use super::items::{Item, Kind, custom_input};
use crate::anthropic::quoted;
use crate::json;
use crate::openai::said::{Citation, Finish, Hearing, Said};
use crate::wire::Usage;
use crate::wire::ids::salt;
use crate::wire::names::{self, MadeNames};

/// What the client asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// The names, with quotes, of tools that take a text in place of arguments.
    pub(crate) custom_tools: Vec<String>,
    /// The tools that have other names in a chat.
    pub(crate) names: MadeNames,
    /// The model's name where the answer has none.
    pub(crate) model: String,
    /// Seconds since 1970.
    pub(crate) created: u64,
    /// For the ids of calls that have none.
    pub(crate) chance: u64,
}

/// A response of which another writer wrote the beginning.
pub(crate) struct Begun {
    /// What its id begins with, and the rest.
    pub(crate) prefix: &'static str,
    pub(crate) id: String,
    pub(crate) raw_model: String,
    /// Of the next event.
    pub(crate) number: u64,
    /// Its items as JSON, by their places; none of one that is open.
    pub(crate) done: Vec<Option<String>>,
    pub(crate) open: Option<OpenText>,
}

/// Its text, where it is open.
pub(crate) struct OpenText {
    pub(crate) index: usize,
    pub(crate) id: String,
    /// The inside of a JSON string.
    pub(crate) raw_inner: String,
    pub(crate) annotations: Vec<String>,
}

/// Writes one response.
#[derive(Debug)]
pub(crate) struct Composer {
    hearing: Hearing,
    script: Script,
}

/// The events as they are written.
#[derive(Debug)]
struct Sheet {
    streamed: bool,
    out: BytesMut,
    /// Of the next event.
    number: u64,
}

impl Sheet {
    fn event(&mut self, name: &str, rest: Arguments<'_>) {
        if !self.streamed {
            return;
        }
        let number = self.number;
        self.number += 1;
        let parts = ["event: ", name, "\ndata: {\"type\":\"", name, "\",\"sequence_number\":"];
        parts.iter().for_each(|part| self.out.extend_from_slice(part.as_bytes()));
        // Writing into memory cannot fail.
        let _ = write!((&mut self.out).writer(), "{number}{rest}}}\n\n");
    }
}

#[derive(Debug)]
struct Script {
    sheet: Sheet,
    wanted: Wanted,
    /// What the response's id begins with.
    prefix: &'static str,
    /// The rest of it, without quotes.
    id: String,
    raw_model: String,
    begun: bool,
    ended: bool,
    /// The items that are done, by their places.
    done: Vec<Option<String>>,
    /// The characters of the texts that are done: citations count through all of them.
    characters: u64,
    open: Option<Item>,
    /// Calls that are open, with their numbers.
    calls: Vec<(u64, Item)>,
    finish: Option<Finish>,
    usage: Usage,
}

impl Composer {
    /// A stream.
    pub(crate) fn streamed(wanted: Wanted) -> Self {
        Self::new(true, wanted)
    }

    /// A whole response of a whole answer.
    pub(crate) fn whole(body: &[u8], wanted: Wanted) -> Bytes {
        let mut composer = Self::new(false, wanted);
        let Self { hearing, script } = &mut composer;
        hearing.whole(body, |said| script.take(said));
        composer.script.sheet.out.freeze()
    }

    fn new(streamed: bool, wanted: Wanted) -> Self {
        let script = Script {
            sheet: Sheet { streamed, out: BytesMut::new(), number: 0 },
            wanted,
            prefix: "resp_",
            id: String::new(),
            raw_model: String::new(),
            begun: false,
            ended: false,
            done: Vec::new(),
            characters: 0,
            open: None,
            calls: Vec::new(),
            finish: None,
            usage: Usage::default(),
        };
        Self { hearing: Hearing::default(), script }
    }

    /// The rest of a stream.
    pub(crate) fn behind(begun: Begun, wanted: Wanted) -> Self {
        let mut composer = Self::new(true, wanted);
        let Begun { prefix, id, raw_model, number, done, open } = begun;
        let open = open.map(|OpenText { index, id, raw_inner, annotations }| Item {
            index,
            id,
            kind: Kind::Text(raw_inner),
            annotations,
        });
        let sheet = Sheet { number, ..composer.script.sheet };
        let script =
            Script { sheet, prefix, id, raw_model, done, open, begun: true, ..composer.script };
        composer.script = script;
        composer
    }

    /// Takes whole events of a chat completion.
    pub(crate) fn push(&mut self, events: &[u8]) -> Bytes {
        let Self { hearing, script } = self;
        hearing.events(events, |said| script.take(said));
        self.script.sheet.out.split().freeze()
    }

    /// Ends a response whose stream had no end mark.
    pub(crate) fn end(&mut self) -> Bytes {
        self.script.end();
        self.script.sheet.out.split().freeze()
    }
}

impl Script {
    fn take(&mut self, said: Said<'_>) {
        if self.ended {
            return;
        }
        match said {
            Said::Begin { id, model } => self.begin(id, model),
            Said::Text(raw) => self.text(raw, false),
            Said::Citation(citation) => self.citation(citation),
            Said::Refusal(raw) => self.text(raw, true),
            Said::Thinking { block, text } => self.thinking(block, text),
            Said::Signature { block, signature } => self.signature(block, signature),
            Said::Redacted { data } => {
                self.close();
                let item = self.start(Kind::Redacted(data.to_owned()));
                self.finish_item(&item);
            }
            Said::Call { call, id, name } => self.call(call, id, name),
            Said::Arguments { call, text } => self.arguments(call, text),
            Said::Finish(finish) => self.finish = Some(finish),
            Said::Usage(usage) => self.usage = usage,
            Said::Done => self.end(),
        }
    }

    fn begin(&mut self, id: Option<&str>, model: Option<&str>) {
        if self.begun {
            return;
        }
        self.begun = true;
        self.id = inner(id.unwrap_or("\"unknown\"")).to_owned();
        self.raw_model = model.map_or_else(|| quoted(&self.wanted.model), str::to_owned);
        let response = self.response("in_progress", "null");
        for name in ["response.created", "response.in_progress"] {
            self.sheet.event(name, format_args!(r#","response":{response}"#));
        }
    }

    /// The whole response as far as it is known.
    fn response(&self, status: &str, raw_details: &str) -> String {
        let (id, model, created) = (&self.id, &self.raw_model, self.wanted.created);
        let prefix = self.prefix;
        let output: Vec<&str> = self.done.iter().flatten().map(String::as_str).collect();
        let output = output.join(",");
        let usage = match status {
            "in_progress" => "null".to_owned(),
            _ => usage_json(self.usage),
        };
        format!(
            r#"{{"id":"{prefix}{id}","object":"response","created_at":{created},"status":"{status}","error":null,"incomplete_details":{raw_details},"instructions":null,"max_output_tokens":null,"model":{model},"output":[{output}],"parallel_tool_calls":true,"previous_response_id":null,"reasoning":{{"effort":null,"summary":null}},"store":false,"temperature":null,"text":{{"format":{{"type":"text"}}}},"tool_choice":"auto","tools":[],"top_p":null,"truncation":"disabled","usage":{usage},"metadata":{{}}}}"#
        )
    }

    /// An item at the next place.
    fn start(&mut self, kind: Kind) -> Item {
        let index = self.done.len();
        self.done.push(None);
        let id = format!("{}_{}_{index}", Item::prefix(&kind), self.id);
        let item = Item { index, id, kind, annotations: Vec::new() };
        let json = item.json(false);
        self.sheet.event(
            "response.output_item.added",
            format_args!(r#","output_index":{index},"item":{json}"#),
        );
        item
    }

    fn finish_item(&mut self, item: &Item) {
        let (index, json) = (item.index, item.json(true));
        self.sheet.event(
            "response.output_item.done",
            format_args!(r#","output_index":{index},"item":{json}"#),
        );
        if let Some(place) = self.done.get_mut(index) {
            *place = Some(json);
        }
    }

    fn text(&mut self, raw: &str, is_refusal: bool) {
        let fits = match self.open.as_ref().map(|item| &item.kind) {
            Some(Kind::Text(_)) => !is_refusal,
            Some(Kind::Refusal(_)) => is_refusal,
            _ => false,
        };
        if !fits {
            self.close();
            let empty = String::new();
            let item =
                self.start(if is_refusal { Kind::Refusal(empty) } else { Kind::Text(empty) });
            let part = item.part();
            let place = Part(&item, "content_index");
            self.sheet
                .event("response.content_part.added", format_args!(r#"{place},"part":{part}"#));
            self.open = Some(item);
        }
        let name = match is_refusal {
            true => "response.refusal.delta",
            false => "response.output_text.delta",
        };
        self.delta(name, "content_index", raw);
    }

    /// Says what a part of the open text is taken from.
    fn citation(&mut self, Citation { url, title, start, end }: Citation<'_>) {
        let before = self.characters;
        let Some(Item { kind: Kind::Text(_), annotations, .. }) = &mut self.open else { return };
        let [start, end] = [start, end].map(|place| place.saturating_sub(before));
        let annotation = format!(
            r#"{{"type":"url_citation","start_index":{start},"end_index":{end},"title":{title},"url":{url}}}"#
        );
        let number = annotations.len();
        annotations.push(annotation.clone());
        if let Some(item) = &self.open {
            let place = Part(item, "content_index");
            let rest =
                format_args!(r#"{place},"annotation_index":{number},"annotation":{annotation}"#);
            self.sheet.event("response.output_text.annotation.added", rest);
        }
    }

    /// Adds to the open item.
    fn delta(&mut self, name: &str, key: &str, raw: &str) {
        let Some(item) = &mut self.open else { return };
        if let Kind::Text(text) | Kind::Refusal(text) | Kind::Thinking { text, .. } = &mut item.kind
        {
            text.push_str(inner(raw));
        }
        let place = Part(item, key);
        let logprobs = if name == "response.output_text.delta" { r#","logprobs":[]"# } else { "" };
        self.sheet.event(name, format_args!(r#"{place},"delta":{raw}{logprobs}"#));
    }

    /// The reasoning of a block, opened if it is not.
    fn thought(&mut self, number: u64) {
        let fits = matches!(self.open.as_ref().map(|item| &item.kind),
            Some(Kind::Thinking { block, signature: None, .. }) if *block == number);
        if !fits {
            self.close();
            let kind = Kind::Thinking { block: number, text: String::new(), signature: None };
            self.open = Some(self.start(kind));
        }
    }

    fn thinking(&mut self, block: u64, raw: &str) {
        self.thought(block);
        let begins = matches!(self.open.as_ref().map(|item| &item.kind),
            Some(Kind::Thinking { text, .. }) if text.is_empty());
        if let Some(item) = self.open.as_ref().filter(|_| begins) {
            let place = Part(item, "summary_index");
            let part = item.part();
            let rest = format_args!(r#"{place},"part":{part}"#);
            self.sheet.event("response.reasoning_summary_part.added", rest);
        }
        self.delta("response.reasoning_summary_text.delta", "summary_index", raw);
    }

    fn signature(&mut self, block: u64, raw: &str) {
        self.thought(block);
        if let Some(Item { kind: Kind::Thinking { signature, .. }, .. }) = &mut self.open {
            *signature = Some(raw.to_owned());
        }
    }

    fn close(&mut self) {
        self.close_open();
        for (_, item) in std::mem::take(&mut self.calls) {
            self.close_call(&item);
        }
    }

    fn close_open(&mut self) {
        let Some(item) = self.open.take() else { return };
        if let Kind::Text(text) = &item.kind {
            self.characters += crate::anthropic::characters(&format!("\"{text}\""));
        }
        let part = item.part();
        let (names, key, text_key, text) = match &item.kind {
            Kind::Text(text) => {
                (["output_text.done", "content_part.done"], "content_index", "text", text)
            }
            Kind::Refusal(text) => {
                (["refusal.done", "content_part.done"], "content_index", "refusal", text)
            }
            Kind::Thinking { text, .. } if !text.is_empty() => {
                let names = ["reasoning_summary_text.done", "reasoning_summary_part.done"];
                (names, "summary_index", "text", text)
            }
            _ => return self.finish_item(&item),
        };
        let place = Part(&item, key);
        let [text_name, part_name] = names.map(|name| format!("response.{name}"));
        self.sheet.event(&text_name, format_args!(r#"{place},"{text_key}":"{text}""#));
        self.sheet.event(&part_name, format_args!(r#"{place},"part":{part}"#));
        self.finish_item(&item);
    }

    fn call(&mut self, number: u64, id: Option<&str>, name: &str) {
        self.close_open();
        // A call whose arguments are still on their way stays open beside the new one.
        let open = std::mem::take(&mut self.calls);
        let (complete, open): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|(_, item)| is_complete(item));
        self.calls = open;
        complete.iter().for_each(|(_, item)| self.close_call(item));
        let name = names::own(&self.wanted.names, name);
        let is_custom = self.wanted.custom_tools.iter().any(|custom| custom == name);
        let salt = salt(&self.id, self.wanted.chance);
        let own_id = format!("\"call_{salt:016x}_{}\"", self.done.len());
        let id = id.map_or(own_id, str::to_owned);
        let kind = Kind::Call { id, name: name.to_owned(), arguments: String::new(), is_custom };
        let item = self.start(kind);
        self.calls.push((number, item));
    }

    fn arguments(&mut self, number: u64, text: &str) {
        let own = (!text.starts_with('"')).then(|| quoted(text));
        let raw = own.as_deref().unwrap_or(text);
        let Some((_, item)) = self.calls.iter_mut().find(|(it, _)| *it == number) else { return };
        let Kind::Call { arguments, is_custom, .. } = &mut item.kind else { return };
        arguments.push_str(inner(raw));
        // The text for a tool without a schema is known when all of it has come.
        if !*is_custom {
            let rest = format_args!(r#"{},"delta":{raw}"#, Place(item));
            self.sheet.event("response.function_call_arguments.delta", rest);
        }
    }

    fn close_call(&mut self, item: &Item) {
        let Kind::Call { arguments, is_custom, .. } = &item.kind else { return };
        let place = Place(item);
        if *is_custom {
            let input = quoted(&custom_input(arguments));
            let name = "response.custom_tool_call_input";
            let [delta, done] = ["delta", "done"].map(|end| format!("{name}.{end}"));
            self.sheet.event(&delta, format_args!(r#"{place},"delta":{input}"#));
            self.sheet.event(&done, format_args!(r#"{place},"input":{input}"#));
        } else {
            let arguments = if arguments.is_empty() { "{}" } else { arguments };
            let rest = format_args!(r#"{place},"arguments":"{arguments}""#);
            self.sheet.event("response.function_call_arguments.done", rest);
        }
        self.finish_item(item);
    }

    fn end(&mut self) {
        if self.ended {
            return;
        }
        self.begin(None, None);
        self.close();
        self.ended = true;
        let (status, details) = match self.finish {
            Some(Finish::Length) => ("incomplete", r#"{"reason":"max_output_tokens"}"#),
            Some(Finish::ContentFilter) => ("incomplete", r#"{"reason":"content_filter"}"#),
            _ => ("completed", "null"),
        };
        let response = self.response(status, details);
        match self.sheet.streamed {
            true => {
                let name = format!("response.{status}");
                self.sheet.event(&name, format_args!(r#","response":{response}"#));
            }
            false => self.sheet.out.extend_from_slice(response.as_bytes()),
        }
    }
}

fn is_complete(item: &Item) -> bool {
    let Kind::Call { arguments, .. } = &item.kind else { return true };
    let quoted = format!("\"{arguments}\"");
    json::decode(&quoted).is_some_and(|text| json::object(&text).is_ok())
}

/// Where an item stands, as members of an event.
struct Place<'a>(&'a Item);

impl Display for Place<'_> {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        let Item { id, index, .. } = self.0;
        write!(to, r#","item_id":"{id}","output_index":{index}"#)
    }
}

/// The same of its part.
struct Part<'a>(&'a Item, &'a str);

impl Display for Part<'_> {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        write!(to, r#"{},"{}":0"#, Place(self.0), self.1)
    }
}

fn inner(raw: &str) -> &str {
    raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"')).unwrap_or_default()
}

fn usage_json(usage: Usage) -> String {
    let Usage { input, cache_read, cache_write, output, reasoning } = usage;
    let (reasoning, total) = (reasoning.unwrap_or(0), input.saturating_add(output));
    format!(
        r#"{{"input_tokens":{input},"input_tokens_details":{{"cached_tokens":{cache_read},"cache_write_tokens":{cache_write}}},"output_tokens":{output},"output_tokens_details":{{"reasoning_tokens":{reasoning}}},"total_tokens":{total}}}"#
    )
}
