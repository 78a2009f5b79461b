//! Streams of upstreams that speak the client's protocol, forwarded event by event.
//!
//! Owns the reading along: first token, finish, usage, errors. It changes no byte; it only leaves
//! out events that no client could read.

use bytes::{Bytes, BytesMut};
use model_map::FailureClass;
use serde::de::IgnoredAny;

use super::chunk::{Chunk, Finish};
use crate::sse::{Blocks, Event, Events, TooLong};
use crate::wire::{End, Ending, Progress, StreamFailure, UpstreamError, Usage, error};

/// Reads along a stream of chat completion chunks.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    blocks: Blocks,
    content: bool,
    token: bool,
    finish: Option<Finish>,
    reason: Option<&'static str>,
    ended: bool,
    failure: Option<StreamFailure>,
    usage: Option<Usage>,
    skipped: u32,
}

/// What becomes of an event.
enum Verdict {
    Forward,
    LeaveOut,
    End,
    Fail(UpstreamError),
}

impl Reader {
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
            if self.ended || self.finish.is_some() {
                out.truncate(rest.len());
            }
        }
        End { out, ending: self.ending() }
    }

    pub(crate) fn usage(&self) -> Option<Usage> {
        self.usage
    }

    pub(crate) fn reason(&self) -> Option<&'static str> {
        self.reason
    }

    pub(crate) fn skipped(&self) -> u32 {
        self.skipped
    }

    fn is_over(&self) -> bool {
        self.ended || self.failure.is_some()
    }

    /// Whether there is an answer, and its end.
    fn is_whole(&self) -> bool {
        self.token && self.finish.is_some()
    }

    fn ending(&self) -> Ending {
        match (&self.failure, self.finish) {
            (Some(failure), _) => Ending::Failed(Box::new(failure.clone())),
            (None, None) if !self.ended => Ending::Cut,
            (None, Some(Finish::Curtailed)) => Ending::Complete,
            (None, _) if self.content => Ending::Complete,
            (None, _) => Ending::Empty,
        }
    }

    fn progress(&self, out: Bytes, events: u32) -> Progress {
        Progress {
            out,
            events,
            token: self.token,
            ended: self.ended,
            failure: self.failure.clone(),
        }
    }

    fn read(&mut self, whole: &Bytes) -> Progress {
        let mut kept = Kept::new(whole);
        let mut events = 0;
        for event in Events::new(whole) {
            let Ok(event) = event else {
                self.failure = Some(too_long());
                break;
            };
            events += u32::from(!event.blank);
            match self.judge(&event) {
                Verdict::Forward => kept.end = event.range.end,
                Verdict::LeaveOut => {
                    self.skipped = self.skipped.saturating_add(1);
                    kept.leave_out(&event);
                }
                Verdict::End => {
                    kept.end = event.range.end;
                    self.ended = true;
                    break;
                }
                Verdict::Fail(error) => {
                    self.failure = Some(StreamFailure { error, event: whole.slice(event.range) });
                    break;
                }
            }
        }
        self.progress(kept.finish(), events)
    }

    fn judge(&mut self, event: &Event<'_>) -> Verdict {
        let Some(data) = &event.data else {
            return Verdict::Forward;
        };
        let data = data.trim_ascii();
        if data == b"[DONE]" {
            return Verdict::End;
        }
        let text = std::str::from_utf8(data);
        if event.name == b"error" && !self.is_whole() {
            return Verdict::Fail(error::read_event(text.unwrap_or("")));
        }
        match text.ok().map(|text| (text, parse(text))) {
            // After a finish reason the answer is whole, and an error is forwarded like the rest.
            Some((text, Some(chunk))) if chunk.is_error() && !self.is_whole() => {
                Verdict::Fail(error::read_event(text))
            }
            Some((_, Some(chunk))) => {
                self.note(&chunk);
                Verdict::Forward
            }
            Some((_, None)) | None => Verdict::LeaveOut,
        }
    }

    fn note(&mut self, chunk: &Chunk<'_>) {
        self.content |= chunk.choices.content;
        self.token |= chunk.choices.content || chunk.choices.reasoning;
        self.finish = chunk.choices.finish.or(self.finish);
        self.reason = chunk.choices.reason.or(self.reason);
        self.usage = chunk.usage().or(self.usage);
    }
}

/// Reads a chunk; one of a shape that is not known says nothing, but is JSON. None when it is not.
fn parse(text: &str) -> Option<Chunk<'_>> {
    if text.starts_with('{')
        && let Ok(chunk) = serde_json::from_str(text)
    {
        return Some(chunk);
    }
    serde_json::from_str::<IgnoredAny>(text).ok().map(|_| Chunk::default())
}

fn too_long() -> StreamFailure {
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

#[cfg(test)]
mod tests {
    use super::*;

    const HI: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"hi\"}}]}\n\n";
    const STOP: &str = "data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
    const DONE: &str = "data: [DONE]\n\n";

    fn run(text: &str) -> (Vec<Progress>, End, Reader) {
        let mut reader = Reader::default();
        let all = vec![reader.push(Bytes::from(text.to_owned()))];
        let end = reader.finish();
        (all, end, reader)
    }

    fn ending(text: &str) -> Ending {
        run(text).1.ending
    }

    #[test]
    fn forwards_the_very_bytes() {
        let chunk = Bytes::from_static(
            b": note\n\ndata: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n",
        );
        let progress = Reader::default().push(chunk.clone());
        assert_eq!(progress.out.as_ptr(), chunk.as_ptr());
        assert_eq!((progress.out.len(), progress.events, progress.token), (chunk.len(), 2, true));
    }

    #[test]
    fn what_ends_a_stream() {
        assert_eq!(ending(&format!("{HI}{STOP}{DONE}")), Ending::Complete);
        assert_eq!(ending(&format!("{HI}{STOP}")), Ending::Complete);
        assert_eq!(ending(&format!("{HI}{DONE}")), Ending::Complete);
        assert_eq!(ending(HI), Ending::Cut);
        assert_eq!(ending(""), Ending::Cut);
        assert_eq!(ending(&format!("{STOP}{DONE}")), Ending::Empty);
        assert_eq!(ending(&STOP.replace("stop", "length")), Ending::Complete);
    }

    #[test]
    fn an_event_that_is_not_json_is_left_out_and_counted() {
        let (all, end, reader) =
            run(&format!("{HI}data: {{\"choices\":[{{\n\n{STOP}data:\n\n{DONE}"));
        assert_eq!(all[0].out, format!("{HI}{STOP}{DONE}"));
        assert_eq!((reader.skipped(), all[0].events, end.ending), (2, 5, Ending::Complete));
    }

    #[test]
    fn an_error_ends_it_and_is_handed_over_apart() {
        let error = "event: error\ndata: {\"error\":{\"message\":\"m\",\"code\":\"rate_limit_exceeded\"}}\n\n";
        let (all, end, mut reader) = run(&format!("{HI}{error}{DONE}"));
        let failure = all[0].failure.clone().expect("a failure");
        assert_eq!(
            (all[0].out.as_ref(), failure.event.as_ref()),
            (HI.as_bytes(), error.as_bytes())
        );
        assert_eq!(failure.error.failure.class, FailureClass::RateLimit);
        assert!(matches!(end.ending, Ending::Failed(_)));
        assert_eq!(reader.push(Bytes::from_static(b"data: {}\n\n")).out, Bytes::new());
    }

    #[test]
    fn an_error_after_the_finish_reason_is_forwarded() {
        let error = "data: {\"error\":{\"message\":\"m\"}}\n\n";
        let text = format!("{HI}{STOP}{error}{DONE}");
        let (all, end, _) = run(&text);
        assert_eq!((all[0].out.as_ref(), end.ending), (text.as_bytes(), Ending::Complete));
        assert!(matches!(ending(&format!("{STOP}{error}{DONE}")), Ending::Failed(_)));
    }

    #[test]
    fn an_event_without_its_blank_line_counts_when_it_is_whole() {
        let stop = STOP.trim_end();
        let (_, end, _) = run(&format!("{HI}{stop}"));
        assert_eq!((end.out.as_ref(), end.ending), (stop.as_bytes(), Ending::Complete));
        let (_, end, _) = run(HI.trim_end());
        assert_eq!((end.out.as_ref(), end.ending), (HI.as_bytes(), Ending::Cut));
        let (_, end, _) = run(&format!("{HI}{}", STOP.get(..40).expect("longer")));
        assert_eq!((end.out.as_ref(), end.ending), (&b""[..], Ending::Cut));
    }

    #[test]
    fn survives_shapes_that_are_not_known() {
        for data in ["[1,2]", "3", r#"{"choices":3}"#, r#"{"choices":[{"delta":"x"}]}"#, "null"] {
            let text = format!("data: {data}\n\n");
            let (all, _, reader) = run(&text);
            assert_eq!((all[0].out.as_ref(), reader.skipped()), (text.as_bytes(), 0), "{data}");
        }
    }
}
