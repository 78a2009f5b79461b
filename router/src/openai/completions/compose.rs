//! What a chat says, as a completion: code alone.
//!
//! Owns the shapes of completions and of the gap's, streamed and whole; both are made by the same
//! steps, so that they cannot differ.

use bytes::{Bytes, BytesMut};

use super::bare::Bare;
use super::stops::Stops;
use crate::anthropic::{put_usage, quoted};
use crate::json;
use crate::openai::said::{Finish, Hearing, Said};
use crate::wire::Usage;

/// The shape of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// `text`, as completions have it.
    Completion,
    /// `delta` and `message`, as answers for a gap have it.
    Gap,
}

/// What the client asked for.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted {
    /// Its stop strings.
    pub(crate) stops: Vec<String>,
    /// Whether the text around the gap has fences.
    pub(crate) may_hold_fences: bool,
    /// Whether that text is code.
    pub(crate) is_code: bool,
    /// Whether the stream ends with the usage.
    pub(crate) usage: bool,
    /// The model's name where the answer has none.
    pub(crate) model: String,
    /// Seconds since 1970.
    pub(crate) created: u64,
}

/// Writes one completion.
#[derive(Debug)]
pub(crate) struct Composer {
    hearing: Hearing,
    script: Script,
}

#[derive(Debug)]
struct Script {
    shape: Shape,
    streamed: bool,
    wanted: Wanted,
    out: BytesMut,
    /// `"id":…,"created":…,"model":…`
    head: String,
    bare: Bare,
    stops: Stops,
    /// What is made of one piece of text, kept for the next.
    steps: Steps,
    /// The whole text, where it is not streamed.
    text: String,
    finish: Option<Finish>,
    usage: Usage,
    ended: bool,
}

/// A piece of text, the code in it, and what of that comes before a stop string.
#[derive(Debug, Default)]
struct Steps {
    piece: String,
    bare: String,
    code: String,
}

impl Composer {
    /// A stream.
    pub(crate) fn streamed(shape: Shape, wanted: Wanted) -> Self {
        Self::new(shape, true, wanted)
    }

    /// A whole completion of a whole answer.
    pub(crate) fn whole(body: &[u8], shape: Shape, wanted: Wanted) -> Bytes {
        let mut composer = Self::new(shape, false, wanted);
        let Self { hearing, script } = &mut composer;
        hearing.whole(body, |said| script.take(said));
        composer.script.out.freeze()
    }

    fn new(shape: Shape, streamed: bool, mut wanted: Wanted) -> Self {
        let stops = Stops::new(std::mem::take(&mut wanted.stops));
        let script = Script {
            shape,
            streamed,
            bare: Bare::new(wanted.may_hold_fences, wanted.is_code),
            wanted,
            out: BytesMut::new(),
            head: String::new(),
            stops,
            steps: Steps::default(),
            text: String::new(),
            finish: None,
            usage: Usage::default(),
            ended: false,
        };
        Self { hearing: Hearing::default(), script }
    }

    /// Takes whole events of a chat completion.
    pub(crate) fn push(&mut self, events: &[u8]) -> Bytes {
        let Self { hearing, script } = self;
        hearing.events(events, |said| script.take(said));
        self.script.out.split().freeze()
    }

    /// Ends a completion whose stream had no end mark.
    pub(crate) fn end(&mut self) -> Bytes {
        self.script.end();
        self.script.out.split().freeze()
    }
}

impl Script {
    fn take(&mut self, said: Said<'_>) {
        match said {
            Said::Begin { id, model } => self.begin(id, model),
            Said::Text(raw) => self.text(raw),
            Said::Finish(finish) => self.finish = Some(finish),
            Said::Usage(usage) => self.usage = usage,
            Said::Done => self.end(),
            // What is thought or refused is not code.
            _ => (),
        }
    }

    fn text(&mut self, raw: &str) {
        let mut steps = std::mem::take(&mut self.steps);
        let Steps { piece, bare, code } = &mut steps;
        [&mut *piece, &mut *bare, &mut *code].into_iter().for_each(String::clear);
        if json::decode_onto(raw, piece) {
            self.bare.push(piece, bare);
            self.stops.push(bare, code);
            self.code(code);
        }
        self.steps = steps;
    }

    fn begin(&mut self, id: Option<&str>, model: Option<&str>) {
        let own_model = quoted(&self.wanted.model);
        let (id, model) = (id.unwrap_or("\"cmpl-unknown\""), model.unwrap_or(&own_model));
        let created = self.wanted.created;
        self.head = format!(r#""id":{id},"created":{created},"model":{model}"#);
    }

    fn put(&mut self, text: &str) {
        self.out.extend_from_slice(text.as_bytes());
    }

    fn code(&mut self, code: &str) {
        if !self.streamed {
            self.text.push_str(code);
        } else if !code.is_empty() {
            self.chunk(Some((code, "null")), None);
        }
    }

    /// One choice; with the finish reason as JSON.
    fn choice(&mut self, (code, raw_finish): (&str, &str)) {
        let (before, after) = match (self.shape, self.streamed) {
            (Shape::Completion, _) => (r#""text":"#, ""),
            (Shape::Gap, true) => (r#""delta":{"role":"assistant","content":"#, "}"),
            (Shape::Gap, false) => (r#""message":{"role":"assistant","content":"#, "}"),
        };
        self.put(r#"{"index":0,"#);
        self.put(before);
        json::put_string(&mut self.out, code);
        self.put(after);
        self.put(r#","logprobs":null,"finish_reason":"#);
        self.put(raw_finish);
        self.put("}");
    }

    fn chunk(&mut self, choice: Option<(&str, &str)>, usage: Option<Usage>) {
        let object = match (self.shape, self.streamed) {
            (Shape::Completion, _) => "text_completion",
            (Shape::Gap, true) => "chat.completion.chunk",
            (Shape::Gap, false) => "chat.completion",
        };
        self.put(if self.streamed { "data: {" } else { "{" });
        self.out.extend_from_slice(self.head.as_bytes());
        self.put(r#","object":""#);
        self.put(object);
        self.put(r#"","choices":["#);
        if let Some(choice) = choice {
            self.choice(choice);
        }
        self.put("]");
        if let Some(usage) = usage {
            self.put(r#","usage":"#);
            put_usage(&mut self.out, usage);
        }
        self.put(if self.streamed { "}\n\n" } else { "}" });
    }

    fn end(&mut self) {
        if self.ended {
            return;
        }
        self.ended = true;
        if self.head.is_empty() {
            self.begin(None, None);
        }
        let (mut bare, mut rest) = (String::new(), String::new());
        self.bare.finish(&mut bare);
        self.stops.push(&bare, &mut rest);
        self.stops.finish(&mut rest);
        self.code(&rest);
        let finish = match self.finish {
            Some(Finish::Length) if !self.stops.stopped() => "\"length\"",
            Some(Finish::ContentFilter) => "\"content_filter\"",
            _ => "\"stop\"",
        };
        let text = std::mem::take(&mut self.text);
        if !self.streamed {
            return self.chunk(Some((&text, finish)), Some(self.usage));
        }
        self.chunk(Some((&text, finish)), None);
        if self.wanted.usage {
            self.chunk(None, Some(self.usage));
        }
        self.put("data: [DONE]\n\n");
    }
}
