//! A committed stream on its way to the client.
//!
//! It is polled by the front and polls the upstream: no task and no channel lie between, so that a
//! client that leaves drops the upstream request, and one that reads slowly slows the upstream.

use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame};
use model_map::{Failure, FailureClass};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::alarm::Alarm;
use super::read::Started;
use super::resume::{Calls, Found, Resumed, Resuming, Resumption};
use crate::apart::apart;
use crate::audit::Closing;
use crate::breakers::Ticket;
use crate::front::Front;
use crate::openai::error::ClientError;
use crate::respond::{error_code, error_kind};
use crate::resume::{Heard, Joint};
use crate::upstream::Body;
use crate::wire::{Ending, Progress, StreamFailure, StreamReader};

const BROKEN: &str = "the connection to the provider broke";
const CUT: &str = "the provider cut the stream";
const EMPTY: &str = "the provider sent neither content nor a tool call";
const STOPPED: &str = "the router was stopped";
const SILENT: &str = "the provider fell silent, or the answer took longer than `total`";

/// The rest of a committed stream.
pub struct AnswerStream {
    /// What is to be sent first.
    held: Bytes,
    /// What came before the first token, where the headers committed: an answer that turns out to be
    /// empty must not have sent its end.
    early: BytesMut,
    /// None once the answer is over.
    body: Option<Body>,
    reader: StreamReader,
    alarm: Alarm,
    place: Option<OwnedSemaphorePermit>,
    /// Given back when the answer is over.
    ticket: Option<Ticket>,
    /// The models whose breakers opened by it.
    opened: Vec<String>,
    /// Whether what came last broke off.
    is_broken: bool,
    /// Why the answer broke off first, and how the client is told; a continuation's own trouble
    /// never takes its place.
    first: Option<Box<Broken>>,
    /// Why it broke off, once the client was told.
    told: Option<FailureClass>,
    /// Where the role resumes: few streams need the room.
    resume: Option<Box<Resume>>,
    closing: Closing,
}

/// An answer that broke off.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) failure: Failure,
    /// As the client is told.
    told: ClientError,
    /// The provider's own words for that, where it speaks the client's protocol.
    event: Bytes,
}

/// What it takes to go on after a break.
struct Resume {
    heard: Heard,
    state: State,
    /// How what comes now is joined to what came before the last break.
    joint: Option<Joint>,
    /// Why it broke off last.
    latest: Option<Failure>,
}

enum State {
    Ready(Box<Resumption>),
    Asking(Resuming, Calls),
    /// Between the two.
    Moving,
    /// Nobody goes on.
    Over,
}

impl AnswerStream {
    pub(super) fn new(started: Started, ticket: Ticket) -> Box<Self> {
        // Made where it stays.
        let mut stream = Box::write(
            Box::new_uninit(),
            Self {
                held: Bytes::new(),
                early: BytesMut::new(),
                body: None,
                reader: started.reader,
                alarm: started.alarm,
                place: None,
                ticket: None,
                opened: Vec::new(),
                is_broken: false,
                first: None,
                told: None,
                resume: None,
                closing: Closing::default(),
            },
        );
        let rest = (started.held, started.body, started.broke);
        stream.begin(rest, started.place, ticket);
        stream
    }

    /// Begins to send what has started.
    fn begin(
        &mut self,
        (held, body, broke): (Bytes, Option<Body>, Option<Box<Broken>>),
        place: Option<OwnedSemaphorePermit>,
        ticket: Ticket,
    ) {
        // Where the headers committed, it has not answered yet.
        if self.alarm.timer.has_committed() {
            ticket.answered();
        }
        self.held = held;
        self.body = body;
        (self.place, self.ticket) = (place, Some(ticket));
        match broke {
            Some(broken) => self.breaks(broken),
            None if self.body.is_none() => self.completes(),
            None => {}
        }
    }

    /// When it is over, however slowly its client reads.
    pub(crate) fn ends_at(&self) -> Instant {
        self.alarm.ends_at()
    }

    /// Notes the rest of the answer.
    pub(crate) fn follow(&mut self, closing: Closing) {
        self.closing = closing;
    }

    /// Goes on with other links, should it break off.
    pub(crate) fn resumes(&mut self, resumption: Resumption) {
        let heard = Heard::new(self.reader.front());
        let state = State::Ready(Box::new(resumption));
        self.resume = Some(Box::new(Resume { heard, state, joint: None, latest: None }));
    }

    /// Ends what is not at its end, and tells the client so: the process ends.
    pub(crate) fn stop(&mut self) {
        // Nobody would be there to go on with it.
        self.resume.iter_mut().for_each(|resume| resume.state = State::Over);
        if self.body.take().is_none() {
            return;
        }
        let mut end = self.reader.finish();
        if end.ending == Ending::Empty {
            end.out.clear();
        }
        let out = self.after_early(end.out);
        self.held = [std::mem::take(&mut self.held), out].concat().into();
        if end.ending == Ending::Complete {
            return self.completes();
        }
        let class = FailureClass::ServerError;
        // The provider is not to blame.
        self.breaks(Broken::cut(Failure { ours: true, ..Failure::of(class) }, STOPPED).into());
    }

    #[cold]
    fn breaks(&mut self, broken: Box<Broken>) {
        self.body = None;
        self.place = None;
        if let Some(ticket) = self.ticket.take() {
            self.opened.extend(ticket.failed(&broken.failure));
        }
        if let Some(resume) = &mut self.resume {
            resume.latest = Some(broken.failure.clone());
        }
        self.is_broken = true;
        self.first.get_or_insert(broken);
    }

    fn completes(&mut self) {
        self.is_broken = false;
        if let Some(ticket) = self.ticket.take() {
            ticket.completed();
        }
    }

    /// The next bytes for the client; none at the end. Never fails: what goes wrong is told in the
    /// stream.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        match std::task::ready!(self.next(cx)) {
            Some(bytes) => {
                self.closing.sends(&bytes);
                Poll::Ready(Some(bytes))
            }
            None => {
                self.closing.finds_down(std::mem::take(&mut self.opened));
                self.closing.poll(cx, || (self.reader.told(), self.told)).map(|()| None)
            }
        }
    }

    fn next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            if !self.held.is_empty() {
                let held = std::mem::take(&mut self.held);
                let bytes = self.joined(held);
                if bytes.is_empty() {
                    continue;
                }
                return Poll::Ready(Some(bytes));
            }
            if std::task::ready!(self.goes_on(cx)) {
                continue;
            }
            let Some(body) = &mut self.body else {
                let Some(broken) = self.first.take_if(|_| self.is_broken) else {
                    let rest = self.rest();
                    return Poll::Ready(Some(rest).filter(|rest| !rest.is_empty()));
                };
                self.told = Some(broken.failure.class);
                return Poll::Ready(Some(self.event_of(*broken)));
            };
            let out = match Pin::new(body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => self.received(frame),
                Poll::Ready(Some(Err(_))) => self.over(FailureClass::Network, BROKEN),
                Poll::Ready(None) => self.over(FailureClass::Network, CUT),
                Poll::Pending => {
                    // Nothing waits in the upstream's socket either: a client that read slowly is not
                    // taken for an upstream that is silent.
                    std::task::ready!(self.alarm.poll(cx));
                    self.over(FailureClass::Timeout, SILENT)
                }
            };
            let out = self.joined(out);
            if !out.is_empty() {
                return Poll::Ready(Some(out));
            }
        }
    }

    fn received(&mut self, frame: Frame<Bytes>) -> Bytes {
        let Ok(data) = frame.into_data() else { return Bytes::new() };
        let Progress { out, events, token, failure, .. } = self.reader.push(data);
        let now = self.alarm.now();
        if events > 0 {
            self.closing.counts(events.into());
            // Where the headers committed, the first token is still to come.
            if token && !self.alarm.timer.has_committed() {
                self.closing.first_token(now);
                self.ticket.iter().for_each(Ticket::answered);
            }
            let timer = &mut self.alarm.timer;
            if token { timer.committed(now) } else { timer.progressed(now) }
        }
        if let Some(failure) = failure {
            self.breaks(Broken::by(failure).into());
        } else if self.alarm.is_over(now) {
            self.early.extend_from_slice(&out);
            return self.over(FailureClass::Timeout, SILENT);
        } else if !self.alarm.timer.has_committed() {
            self.early.extend_from_slice(&out);
            return Bytes::new();
        }
        self.after_early(out)
    }

    /// These bytes behind what was kept back.
    fn after_early(&mut self, out: Bytes) -> Bytes {
        if self.early.is_empty() {
            return out;
        }
        self.early.extend_from_slice(&out);
        self.early.split().freeze()
    }

    /// The upstream's bytes are over, for `why` if too early.
    fn over(&mut self, class: FailureClass, why: &str) -> Bytes {
        let mut end = self.reader.finish();
        let broken = match end.ending {
            // Reasoning alone is no answer, though its first token has committed.
            Ending::Empty => {
                if !self.alarm.timer.has_committed() {
                    self.early.clear();
                }
                end.out.clear();
                Broken::cut(Failure::of(FailureClass::Empty), EMPTY)
            }
            Ending::Complete => {
                self.body = None;
                self.completes();
                return self.after_early(end.out);
            }
            Ending::Cut => {
                let ours = class == FailureClass::Timeout && self.alarm.timer.is_cut_short();
                Broken::cut(Failure { ours, ..Failure::of(class) }, why)
            }
            Ending::Failed(failure) => Broken::by(*failure),
        };
        self.breaks(broken.into());
        self.after_early(end.out)
    }

    /// What the client gets of the next bytes: all of them, but of a continuation.
    fn joined(&mut self, bytes: Bytes) -> Bytes {
        if self.resume.is_none() || bytes.is_empty() { bytes } else { self.continued(bytes) }
    }

    /// The same where the role resumes.
    #[inline(never)]
    fn continued(&mut self, bytes: Bytes) -> Bytes {
        let Some(resume) = &mut self.resume else { return bytes };
        let joined = match &mut resume.joint {
            None => Ok(bytes),
            Some(joint) => joint.push(&bytes),
        };
        match joined {
            Ok(bytes) => {
                resume.heard.note(&bytes);
                bytes
            }
            Err(_) => {
                self.held.clear();
                // It answers, though not this.
                let failure =
                    Failure { link_specific: true, ..Failure::of(FailureClass::ServerError) };
                self.breaks(Broken::cut(failure, CUT).into());
                Bytes::new()
            }
        }
    }

    /// How the client is told that its answer broke off, behind what it has.
    #[cold]
    fn event_of(&mut self, broken: Broken) -> Bytes {
        let joint = self.resume.as_mut().and_then(|resume| resume.joint.as_mut());
        let joined = joint.and_then(|joint| joint.fail(&broken.told));
        match joined {
            Some(event) => event,
            None if broken.event.is_empty() => self.reader.fail(&broken.told),
            None => broken.event,
        }
    }

    /// What the end of a continuation leaves to be said, once.
    fn rest(&mut self) -> Bytes {
        let joint = self.resume.as_mut().and_then(|resume| resume.joint.as_mut());
        joint.filter(|_| self.told.is_none()).map_or_else(Bytes::new, Joint::end)
    }

    /// After a break, looks for a link that goes on: whether there may be more to send.
    #[inline(never)]
    fn goes_on(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        let (Some(resume), None, true) = (&mut self.resume, &self.body, self.is_broken) else {
            return Poll::Ready(false);
        };
        let failed = || Failure::of(FailureClass::Network);
        // One that broke before this was set up: with its first token.
        let first = || self.first.as_ref().map(|broken| broken.failure.clone());
        let failure = resume.latest.clone().or_else(first).unwrap_or_else(failed);
        let Resumed { resumption, heard, found } = match &mut resume.state {
            State::Asking(asking, calls) => {
                let resumed = std::task::ready!(asking.as_mut().poll(cx));
                self.opened.extend(calls.take_opened());
                resumed
            }
            State::Ready(resumption) if resumption.may_go_on(&resume.heard, &failure) => {
                resume.ask(failure);
                return Poll::Ready(true);
            }
            State::Ready(_) | State::Moving | State::Over => {
                resume.state = State::Over;
                return Poll::Ready(false);
            }
        };
        self.closing.resumes(&resumption, self.reader.told());
        (resume.heard, resume.state) = (heard, State::Ready(resumption));
        match found {
            None => resume.state = State::Over,
            Some(Found { started, joint, ticket }) => {
                resume.joint = Some(joint);
                (self.reader, self.alarm) = (started.reader, started.alarm);
                let rest = (started.held, started.body, started.broke);
                self.begin(rest, started.place, ticket);
            }
        }
        Poll::Ready(true)
    }
}

impl Resume {
    fn ask(&mut self, failure: Failure) {
        let heard = std::mem::replace(&mut self.heard, Heard::new(Front::Embeddings));
        if let State::Ready(resumption) = std::mem::replace(&mut self.state, State::Moving) {
            let calls = Calls::default();
            let noted = calls.clone();
            let asking = apart(|| resumption.go_on(heard, failure, noted));
            self.state = State::Asking(asking, calls);
        }
    }
}

impl Drop for AnswerStream {
    fn drop(&mut self) {
        let state = self.resume.as_ref().map(|resume| &resume.state);
        if let Some(State::Asking(_, calls)) = state {
            self.closing.asks(|| calls.take());
            self.opened.extend(calls.take_opened());
        }
        self.closing.finds_down(std::mem::take(&mut self.opened));
        self.closing.leaves(|| self.reader.told());
    }
}

impl Broken {
    /// By an error event of the upstream.
    #[cold]
    pub(super) fn by(failure: StreamFailure) -> Self {
        let StreamFailure { error, event } = failure;
        let class = error.failure.class;
        let told = ClientError {
            message: error.message,
            kind: error_kind(class),
            code: Some(error_code(class, error.code.as_deref())),
            param: None,
        };
        Self { failure: error.failure, told, event }
    }

    /// For a reason of our own finding.
    #[cold]
    fn cut(failure: Failure, why: &str) -> Self {
        let told = ClientError {
            message: format!("The answer is incomplete: {why}."),
            kind: error_kind(failure.class),
            code: Some(error_code(failure.class, None)),
            param: None,
        };
        Self { failure, told, event: Bytes::new() }
    }
}
