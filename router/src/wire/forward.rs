//! Streams of upstreams that speak the client's protocol, forwarded event by event.
//!
//! Owns the bytes: it changes none, and only leaves out events that no client could read. An end
//! with no answer before it is kept back, so that who asked for the stream can tell what to make of
//! it. What an event means is for each protocol's [`ReadAlong`].

use std::fmt::Debug;

use bytes::{Bytes, BytesMut};
use model_map::FailureClass;
use serde::de::IgnoredAny;

use super::{End, Ending, Progress, StreamFailure, UpstreamError, Usage};
use crate::sse::{Blocks, Event, Events, TooLong};

/// What a protocol's events say, noted while they pass.
pub(crate) trait ReadAlong: Debug + Default {
    /// Looks at an event with data and says what becomes of it.
    fn judge(&mut self, name: &[u8], data: &[u8]) -> Verdict;
    /// Whether there was anything for the client.
    fn has_token(&self) -> bool;
    /// Whether the answer has told why it ends.
    fn has_finished(&self) -> bool;
    /// Whether there is content, or a reason why there is none.
    fn is_answer(&self) -> bool;
    /// What the provider says it used, so far.
    fn usage(&self) -> Option<Usage>;
    /// Why the answer ended, in the words of `wire::Told`.
    fn reason(&self) -> Option<&'static str>;
}

/// What becomes of an event.
pub(crate) enum Verdict {
    /// It is passed on.
    Forward,
    /// No client could read it.
    LeaveOut,
    /// It is for the router alone.
    Hide,
    /// It is passed on, and is the end mark.
    End,
    /// It tells of an error.
    Fail(UpstreamError),
}

/// Forwards a stream.
#[derive(Debug, Default)]
pub(crate) struct Forward<R> {
    blocks: Blocks,
    along: R,
    ended: bool,
    /// The end, and what follows it, of an answer with nothing in it.
    kept_back: BytesMut,
    failure: Option<StreamFailure>,
    skipped: u32,
}

impl<R: ReadAlong> Forward<R> {
    /// One that notes what it sees in `along`.
    pub(crate) fn of(along: R) -> Self {
        Self { along, ..Self::default() }
    }

    pub(crate) fn push(&mut self, chunk: Bytes) -> Progress {
        if self.is_over() {
            return self.progress(Bytes::new(), 0);
        }
        match self.blocks.push(chunk) {
            Ok(whole) => self.read(&whole),
            Err(TooLong) => {
                self.failure = Some(too_long());
                self.progress(Bytes::new(), 0)
            }
        }
    }

    pub(crate) fn finish(&mut self) -> End {
        let rest = self.blocks.take_rest();
        let mut out = Bytes::new();
        if !self.is_over() && !rest.is_empty() {
            // An event that lacks only its blank line. Of a whole stream it is forwarded as it
            // came; of one that is cut it is closed, since an error will follow it.
            let missing: &[u8] = if rest.ends_with(b"\n") { b"\n" } else { b"\n\n" };
            out = self.read(&[&rest, missing].concat().into()).out;
            if self.ended || self.along.has_finished() {
                out.truncate(rest.len());
            }
        }
        let ending = self.ending();
        if ending == Ending::Empty {
            out = [self.kept_back.split().freeze(), out].concat().into();
        }
        End { out, ending }
    }

    /// What has been noted.
    pub(crate) const fn along(&self) -> &R {
        &self.along
    }

    pub(crate) fn usage(&self) -> Option<Usage> {
        self.along.usage()
    }

    pub(crate) fn reason(&self) -> Option<&'static str> {
        self.along.reason()
    }

    pub(crate) fn skipped(&self) -> u32 {
        self.skipped
    }

    fn is_over(&self) -> bool {
        self.ended || self.failure.is_some()
    }

    /// Whether it has told its end, and nothing before it.
    fn is_void(&self) -> bool {
        (self.ended || self.along.has_finished()) && !self.along.is_answer()
    }

    fn ending(&self) -> Ending {
        match &self.failure {
            Some(failure) => Ending::Failed(Box::new(failure.clone())),
            None if !self.ended && !self.along.has_finished() => Ending::Cut,
            None if self.along.is_answer() => Ending::Complete,
            None => Ending::Empty,
        }
    }

    fn progress(&self, out: Bytes, events: u32) -> Progress {
        let (ended, failure) = (self.ended, self.failure.clone());
        Progress { out, events, token: self.along.has_token(), ended, failure }
    }

    fn read(&mut self, whole: &Bytes) -> Progress {
        let mut kept = Kept::new(whole);
        // Where what is kept back begins. Some choices end before others begin.
        let mut void = (!self.kept_back.is_empty()).then_some(0);
        let mut events = 0;
        for event in Events::new(whole) {
            let Ok(event) = event else {
                self.failure = Some(too_long());
                break;
            };
            events += u32::from(!event.blank);
            let before = kept.len();
            match self.judge(&event) {
                Verdict::Forward => {
                    kept.end = event.range.end;
                    void = self.is_void().then(|| void.unwrap_or(before));
                }
                Verdict::LeaveOut => {
                    self.skipped = self.skipped.saturating_add(1);
                    kept.leave_out(&event);
                }
                Verdict::Hide => kept.leave_out(&event),
                Verdict::End => {
                    kept.end = event.range.end;
                    self.ended = true;
                    void = self.is_void().then(|| void.unwrap_or(before));
                    break;
                }
                Verdict::Fail(error) => {
                    self.failure = Some(StreamFailure { error, event: whole.slice(event.range) });
                    break;
                }
            }
        }
        let out = kept.finish();
        let out = if void.is_none() && self.kept_back.is_empty() {
            out
        } else {
            apart_of_end(&mut self.kept_back, void, out)
        };
        self.progress(out, events)
    }

    fn judge(&mut self, event: &Event<'_>) -> Verdict {
        match &event.data {
            Some(data) => self.along.judge(event.name, data.trim_ascii()),
            None => Verdict::Forward,
        }
    }
}

/// What of these bytes goes out, where an end is kept back from `void` on, or no longer is.
fn apart_of_end(kept_back: &mut BytesMut, void: Option<usize>, mut out: Bytes) -> Bytes {
    match void {
        Some(start) => {
            kept_back.extend_from_slice(&out.split_off(start.min(out.len())));
            out
        }
        None => [kept_back.split().freeze(), out].concat().into(),
    }
}

/// Whether a text is JSON of any shape.
pub(crate) fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// The failure of a stream with a line without end.
pub(crate) fn too_long() -> StreamFailure {
    let error = UpstreamError::of(FailureClass::ServerError, "a line of the stream is over 4 MiB");
    StreamFailure { error, event: Bytes::new() }
}

/// The events of a chunk that are forwarded: one slice of it unless something is left out.
struct Kept<'a> {
    whole: &'a Bytes,
    copied: BytesMut,
    start: usize,
    end: usize,
}

impl<'a> Kept<'a> {
    fn new(whole: &'a Bytes) -> Self {
        Self { whole, copied: BytesMut::new(), start: 0, end: 0 }
    }

    /// As many bytes as go on so far.
    fn len(&self) -> usize {
        self.copied.len() + self.end.saturating_sub(self.start)
    }

    fn run(&self) -> Bytes {
        self.whole.slice(self.start.min(self.end)..self.end)
    }

    fn leave_out(&mut self, event: &Event<'_>) {
        let run = self.run();
        self.copied.extend_from_slice(&run);
        self.start = event.range.end;
        self.end = event.range.end;
    }

    fn finish(mut self) -> Bytes {
        let run = self.run();
        if self.copied.is_empty() {
            return run;
        }
        self.copied.extend_from_slice(&run);
        self.copied.freeze()
    }
}
