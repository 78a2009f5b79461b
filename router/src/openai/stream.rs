//! Streams of chat completion chunks, read along while they are forwarded.
//!
//! Owns what the router notes of them: first token, finish, usage, errors. The bytes are
//! `wire::forward`'s.

use super::chunk::{Chunk, Finish};
use crate::json;
use crate::wire::forward::{Forward, ReadAlong, Verdict, is_json};
use crate::wire::{Usage, error};

/// Forwards a stream of chat completion chunks.
pub(crate) type Reader = Forward<Along>;

/// What has been noted.
#[derive(Debug, Default)]
pub(crate) struct Along {
    content: bool,
    token: bool,
    finish: Option<Finish>,
    reason: Option<&'static str>,
    usage: Option<Usage>,
    /// Whether the client did not ask for the usage chunk.
    hides_usage: bool,
}

impl Along {
    /// What may keep the usage chunk for the router.
    pub(crate) fn new(hides_usage: bool) -> Self {
        Self { hides_usage, ..Self::default() }
    }
}

impl ReadAlong for Along {
    fn judge(&mut self, name: &[u8], data: &[u8]) -> Verdict {
        if data == b"[DONE]" {
            return Verdict::End;
        }
        let text = std::str::from_utf8(data);
        if name == b"error" && !self.is_whole() {
            return Verdict::Fail(error::read_event(text.unwrap_or("")));
        }
        match text.ok().map(|text| (text, parse(text))) {
            // After a finish reason the answer is whole, and an error is forwarded like the rest.
            Some((text, Some(chunk))) if chunk.is_error() && !self.is_whole() => {
                Verdict::Fail(error::read_event(text))
            }
            Some((_, Some(chunk))) => {
                self.note(&chunk);
                let hidden = self.hides_usage && !chunk.choices.any && chunk.usage().is_some();
                if hidden { Verdict::Hide } else { Verdict::Forward }
            }
            Some((_, None)) | None => Verdict::LeaveOut,
        }
    }

    fn has_token(&self) -> bool {
        self.token
    }

    fn has_finished(&self) -> bool {
        self.finish.is_some()
    }

    fn is_answer(&self) -> bool {
        self.content || self.finish == Some(Finish::Curtailed)
    }

    fn usage(&self) -> Option<Usage> {
        self.usage
    }

    fn reason(&self) -> Option<&'static str> {
        self.reason
    }
}

impl Along {
    /// Whether there is an answer, and its end.
    fn is_whole(&self) -> bool {
        self.token && self.finish.is_some() && self.is_answer()
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
    let chunk = json::read(text, Chunk::read);
    chunk.or_else(|| is_json(text).then(Chunk::default))
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use model_map::FailureClass;

    use super::*;
    use crate::wire::{End, Ending, Progress};

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
    fn an_end_with_nothing_but_reasoning_before_it_is_kept_back() {
        let thought = HI.replace("content", "reasoning_content");
        let text = format!("{thought}{STOP}: a comment\n\n{DONE}");
        for cut in 0..text.len() {
            let mut reader = Reader::default();
            let (first, second) = text.split_at(cut);
            let outs = [first, second].map(|part| reader.push(Bytes::from(part.to_owned())).out);
            assert_eq!(outs.concat(), thought.as_bytes(), "{cut}");
            let end = reader.finish();
            assert_eq!(end.ending, Ending::Empty, "{cut}");
            assert_eq!(end.out, text.replace(&thought, ""), "{cut}");
        }
        // The limit is a reason, and another choice may still say something.
        let limited = format!("{thought}{}{DONE}", STOP.replace("stop", "length"));
        let other = format!(
            "{thought}{STOP}{}{STOP}{DONE}",
            HI.replace("{\"delta", "{\"index\":1,\"delta")
        );
        for text in [limited, other] {
            for cut in 0..text.len() {
                let mut reader = Reader::default();
                let (first, second) = text.split_at(cut);
                let outs =
                    [first, second].map(|part| reader.push(Bytes::from(part.to_owned())).out);
                assert_eq!(outs.concat(), text.as_bytes(), "{cut}");
                assert_eq!(reader.finish().ending, Ending::Complete);
            }
        }
        // An error in its place is told as what it is.
        let error = "data: {\"error\":{\"message\":\"m\"}}\n\n";
        assert!(matches!(ending(&format!("{thought}{STOP}{error}{DONE}")), Ending::Failed(_)));
    }

    #[test]
    fn an_event_that_is_not_json_is_left_out_and_counted() {
        let (all, end, reader) =
            run(&format!("{HI}data: {{\"choices\":[{{\n\n{STOP}data:\n\n{DONE}"));
        assert_eq!(all[0].out, format!("{HI}{STOP}{DONE}"));
        assert_eq!((reader.skipped(), all[0].events, end.ending), (2, 5, Ending::Complete));
    }

    #[test]
    fn usage_that_the_client_did_not_ask_for_is_read_and_not_forwarded() {
        let usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3}}\n\n";
        let with = STOP.replace("}]}", "}],\"usage\":{\"completion_tokens\":2}}");
        let mut reader = Reader::of(Along::new(true));
        let progress = reader.push(Bytes::from(format!("{HI}{with}{usage}{DONE}")));
        assert_eq!(progress.out, format!("{HI}{with}{DONE}"));
        assert_eq!((reader.usage().map(|usage| usage.input), reader.skipped()), (Some(3), 0));
        assert_eq!(reader.reason(), Some("stop"));
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
