//! The end of an answer whose doings are noted.
//!
//! Owns what happens between an answer's last byte and the end of its body: the notes are handed
//! over, and where the process may be frozen at that end, it waits until they are stored.

use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use model_map::FailureClass;

use super::Trail;
use super::trail::AttemptNotes;
use crate::attempt::Resumption;
use crate::observer::Settling;
use crate::wire::Told;

/// How far an answer's end has come; nothing at all where nobody observes.
#[derive(Default)]
pub struct Closing {
    trail: Option<Trail>,
    settling: Option<Settling>,
}

impl Closing {
    pub(crate) fn of(trail: Trail) -> Self {
        Self { trail: Some(trail), settling: None }
    }

    /// Bytes are handed to the front.
    pub(crate) fn sends(&mut self, bytes: &Bytes) {
        if let Some(trail) = &mut self.trail {
            trail.sends(bytes);
        }
    }

    /// Events of the answer are passed on.
    pub(crate) fn counts(&mut self, events: u64) {
        if let Some(trail) = &mut self.trail {
            trail.counts(events);
        }
    }

    /// The first token of an answer whose headers committed.
    pub(crate) fn first_token(&self, now: Duration) {
        if let Some(trail) = &self.trail {
            trail.first_token(now);
        }
    }

    /// Other links were asked to go on with the answer; `told` is what the provider of the part
    /// before said.
    pub(crate) fn resumes(&self, resumption: &Resumption, told: Told) {
        if let Some(trail) = &self.trail {
            trail.resumes(resumption, told);
        }
    }

    /// The client leaves while other links are asked to go on with the answer.
    pub(crate) fn asks(&self, attempts: impl FnOnce() -> Vec<AttemptNotes>) {
        if let Some(trail) = &self.trail {
            trail.asks(attempts());
        }
    }

    /// The answer is over, by what its provider told of it and why it broke off, if it did.
    pub(crate) fn begin(&mut self, told: Told, broke: Option<FailureClass>) {
        if let Some(trail) = self.trail.take() {
            self.settling = trail.ends(told, broke);
        }
    }

    /// Begins if that has not been done, and is ready when nothing more is to be waited for.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        end: impl FnOnce() -> (Told, Option<FailureClass>),
    ) -> Poll<()> {
        if self.trail.is_some() {
            let (told, broke) = end();
            self.begin(told, broke);
        }
        if let Some(settling) = &mut self.settling {
            std::task::ready!(settling.as_mut().poll(cx));
            self.settling = None;
        }
        Poll::Ready(())
    }

    /// The answer is dropped: before its end the client left it.
    pub(crate) fn leaves(&mut self, told: impl FnOnce() -> Told) {
        if let Some(trail) = self.trail.take() {
            trail.leaves(told());
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.trail.is_none() && self.settling.is_none()
    }
}
