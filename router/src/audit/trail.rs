//! What one request did, noted while it does it.
//!
//! Owns the notes from the plan to the end, however that comes: a request whose future or whose
//! answer is dropped ends there, with the client gone. What becomes of the notes is the
//! observer's, and what the client's limits'. Nothing here is called where nobody observes and the
//! client has no limits.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use bytes::{Bytes, BytesMut};
use model_map::audit::{RequestOutcome, UsageRecord};
use model_map::{Audit, Failure, FailureClass, RequestFacts};

use crate::attempt::Resumption;
use crate::clock::Stopwatch;
use crate::config::Prepared;
use crate::front::Front;
use crate::limits::{Admitted, charge};
use crate::observer::{Observer, Settling};
use crate::telemetry::answering;
use crate::telemetry::trace::Trace;
use crate::wire::{Told, Usage};

/// The most of an answer that is kept for `audit full`.
const RESPONSE_LIMIT: usize = 16 << 20;

/// The notes of a request that goes on.
pub struct Trail {
    /// None once it is over.
    notes: Option<Box<Notes>>,
    observer: Option<Arc<Observer>>,
    /// What was reserved for it, where its client is limited.
    admitted: Option<Admitted>,
}

/// What is known of a request when it is planned.
pub(crate) struct Planned {
    pub(crate) id: u64,
    pub(crate) front: Front,
    pub(crate) trace: Option<Arc<Trace>>,
    pub(crate) time: SystemTime,
    pub(crate) stopwatch: Stopwatch,
    pub(crate) prepared: Arc<Prepared>,
    pub(crate) role: String,
    pub(crate) rule: String,
    pub(crate) audit: Audit,
    pub(crate) draw: u8,
    /// Whether the answer's body is to end only when the record is stored, where the process may
    /// be frozen.
    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "only S3 is waited for"))]
    pub(crate) holds: bool,
    pub(crate) facts: RequestFacts,
    /// Only where the role is audited in full.
    pub(crate) request: Option<Bytes>,
}

/// A request that is over.
pub(crate) struct Notes {
    pub(crate) planned: Planned,
    log: Mutex<Log>,
    pub(crate) answer: AnswerNotes,
    pub(crate) total: Duration,
}

/// The attempts in the order in which they began.
#[derive(Debug, Default)]
pub(crate) struct Log {
    pub(crate) attempts: Vec<AttemptNotes>,
    /// The models that were passed over, since their breakers were open.
    pub(crate) skipped: Vec<String>,
    /// The place of the one that answered.
    pub(crate) winner: Option<usize>,
}

/// One call of a link.
#[derive(Debug, Clone, Default)]
pub(crate) struct AttemptNotes {
    pub(crate) model: String,
    pub(crate) started: Duration,
    pub(crate) first_token: Option<Duration>,
    pub(crate) ended: Option<Duration>,
    pub(crate) class: Option<FailureClass>,
    pub(crate) status: Option<u16>,
    pub(crate) usage: Option<UsageRecord>,
    /// Whether its provider has taken the request and begun to answer it.
    pub(crate) opened: bool,
    /// What its answer calls the model, where a trace is recorded.
    pub(crate) answers_as: Option<String>,
}

/// What the client got.
pub(crate) struct AnswerNotes {
    pub(crate) status: u16,
    pub(crate) outcome: RequestOutcome,
    pub(crate) first_token: Option<Duration>,
    pub(crate) finish: Option<&'static str>,
    pub(crate) dropped: Vec<String>,
    pub(crate) streamed: bool,
    /// Events of a stream that were passed on.
    pub(crate) events: u64,
    /// Only where the role is audited in full.
    pub(crate) body: Option<BytesMut>,
    /// Pieces in which its model's name is still to be looked for.
    unnamed: u8,
}

impl Trail {
    pub(crate) fn begin(
        observer: Option<&Arc<Observer>>,
        admitted: Option<Admitted>,
        planned: Planned,
    ) -> Self {
        observer.inspect(|observer| observer.begun());
        let recorded = planned.trace.as_deref().and_then(Trace::recorded).is_some();
        let answer = AnswerNotes {
            // As nginx logs a client that left before it was answered.
            status: 499,
            outcome: RequestOutcome::Left,
            first_token: None,
            finish: None,
            dropped: Vec::new(),
            streamed: planned.facts.stream,
            events: 0,
            body: planned.request.is_some().then(BytesMut::new),
            unnamed: if recorded { answering::PIECES } else { 0 },
        };
        let notes = Notes { planned, log: Mutex::default(), answer, total: Duration::ZERO };
        Self { notes: Some(Box::new(notes)), observer: observer.cloned(), admitted }
    }

    fn attempt(&self, attempt: usize, note: impl FnOnce(&mut AttemptNotes)) {
        let Some(notes) = &self.notes else { return };
        if let Some(attempt) = notes.log().attempts.get_mut(attempt) {
            note(attempt);
        }
    }

    /// A link is called; the attempts are counted in this order.
    pub(crate) fn calls(&self, model: &str, now: Duration) {
        let Some(notes) = &self.notes else { return };
        let model = model.to_owned();
        notes.log().attempts.push(AttemptNotes { model, started: now, ..AttemptNotes::default() });
    }

    /// A link is passed over.
    pub(crate) fn skips(&self, model: &str) {
        if let Some(notes) = &self.notes {
            notes.log().skipped.push(model.to_owned());
        }
    }

    /// An attempt's answer begins to come.
    pub(crate) fn opens(&self, attempt: usize) {
        self.attempt(attempt, |notes| notes.opened = true);
    }

    /// The client left while other links were asked to go on with its answer.
    pub(crate) fn asks(&self, attempts: Vec<AttemptNotes>) {
        if let Some(notes) = &self.notes {
            notes.log().attempts.extend(attempts);
        }
    }

    /// An attempt's first content, reasoning or tool delta is there.
    pub(crate) fn token(&self, attempt: usize, now: Duration) {
        self.attempt(attempt, |notes| notes.first_token = notes.first_token.or(Some(now)));
    }

    /// An attempt's provider says that it has used this much so far.
    pub(crate) fn hears(&self, attempt: usize, usage: Option<Usage>) {
        if let Some(usage) = usage {
            self.attempt(attempt, |notes| notes.usage = Some(usage.into()));
        }
    }

    /// An attempt failed.
    pub(crate) fn fails(&self, attempt: usize, now: Duration, failure: &Failure) {
        self.attempt(attempt, |notes| {
            notes.ended = Some(now);
            notes.class = Some(failure.class);
            notes.status = failure.status;
        });
    }

    /// An attempt committed; what else runs is cancelled.
    pub(crate) fn wins(&self, attempt: usize, now: Duration) {
        let Some(notes) = &self.notes else { return };
        let mut log = notes.log();
        log.winner = Some(attempt);
        for (place, other) in log.attempts.iter_mut().enumerate() {
            if place != attempt {
                other.ended = other.ended.or(Some(now));
            }
        }
    }

    /// Other links were asked to go on with an answer that broke off: takes over what the attempts
    /// have become. `told` is what the provider of the part before said.
    pub(crate) fn resumes(&self, resumption: &Resumption, told: Told) {
        if let Some(winner) = self.winner() {
            self.hears(winner, told.usage);
        }
        let Some(notes) = &self.notes else { return };
        let mut log = notes.log();
        for (place, attempt) in resumption.attempts.log().iter().enumerate() {
            if log.attempts.len() <= place {
                let model = resumption.model(attempt.link).to_owned();
                let started = attempt.started;
                log.attempts.push(AttemptNotes { model, started, ..AttemptNotes::default() });
            }
            let (Some(notes), Some(failure)) = (log.attempts.get_mut(place), &attempt.failure)
            else {
                continue;
            };
            notes.ended = attempt.ended;
            (notes.class, notes.status) = (Some(failure.class), failure.status);
        }
        log.winner = resumption.attempts.winner_place().or(log.winner);
    }

    /// The response's head is about to be sent.
    pub(crate) fn responds(&mut self, status: u16) {
        if let Some(notes) = &mut self.notes {
            notes.answer.status = status;
        }
    }

    /// Parameters of the client were left out.
    pub(crate) fn drops(&mut self, dropped: &[String]) {
        if let Some(notes) = &mut self.notes {
            notes.answer.dropped = dropped.to_vec();
        }
    }

    /// Bytes are handed to the front.
    pub(crate) fn sends(&mut self, bytes: &Bytes) {
        let Some(notes) = &mut self.notes else { return };
        if notes.answer.first_token.is_none() {
            notes.answer.first_token = Some(notes.planned.stopwatch.elapsed());
        }
        if let Some(body) = &mut notes.answer.body {
            let room = RESPONSE_LIMIT.saturating_sub(body.len());
            body.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        }
        if notes.answer.unnamed > 0 {
            notes.name(bytes);
        }
    }

    /// Events of the answer are passed on.
    pub(crate) fn counts(&mut self, events: u64) {
        if let Some(notes) = &mut self.notes {
            notes.answer.events += events;
        }
    }

    /// The first token of an answer whose headers committed.
    pub(crate) fn first_token(&self, now: Duration) {
        if let Some(winner) = self.winner() {
            self.token(winner, now);
        }
    }

    /// The answer is over; a class says that it broke off. To be awaited before the answer's body
    /// ends, where there is something to wait for.
    pub(crate) fn ends(mut self, told: Told, broke: Option<FailureClass>) -> Option<Settling> {
        let winner = self.winner();
        let notes = self.notes.as_mut()?;
        notes.answer.outcome = match (winner, broke) {
            (None, _) => RequestOutcome::Failed,
            (_, Some(_)) => RequestOutcome::Broken,
            _ => RequestOutcome::Answered,
        };
        notes.answer.finish = told.finish.filter(|_| broke.is_none());
        self.closes(told, broke)
    }

    /// The client left in the middle of the answer.
    pub(crate) fn leaves(mut self, told: Told) {
        drop(self.closes(told, None));
    }

    fn winner(&self) -> Option<usize> {
        self.notes.as_ref().and_then(|notes| notes.log().winner)
    }

    fn closes(&mut self, told: Told, broke: Option<FailureClass>) -> Option<Settling> {
        if let Some(winner) = self.winner() {
            self.hears(winner, told.usage);
            self.attempt(winner, |notes| notes.class = broke);
        }
        let mut notes = self.notes.take()?;
        notes.total = notes.planned.stopwatch.elapsed();
        if let Some(admitted) = self.admitted.take() {
            let used = charge::used(&notes, admitted.estimate());
            admitted.settle(used);
        }
        self.observer.as_ref()?.ended(notes)
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        drop(self.closes(Told::default(), None));
    }
}

impl Notes {
    /// Looks for the name of the model in a piece of the answer.
    fn name(&mut self, piece: &[u8]) {
        self.answer.unnamed -= 1;
        let Some(name) = answering::model(piece) else { return };
        self.answer.unnamed = 0;
        let mut log = self.log();
        if let Some(winner) = log.winner.and_then(|place| log.attempts.get_mut(place)) {
            winner.answers_as = Some(name);
        }
    }

    /// What it holds of bodies.
    pub(crate) fn body_bytes(&self) -> usize {
        let response = self.answer.body.as_ref().map_or(0, BytesMut::len);
        self.planned.request.as_ref().map_or(0, Bytes::len) + response
    }

    /// The attempts so far. Hedged ones note side by side, never across a wait.
    pub(crate) fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl From<Usage> for UsageRecord {
    fn from(usage: Usage) -> Self {
        let Usage { input, cache_read, cache_write, output, reasoning } = usage;
        Self { input, cache_read, cache_write, output, reasoning }
    }
}
