//! What waits to be exported, within bounds.
//!
//! Owns the queue of spans and the sums of metrics; when they are sent, and whether it worked, is
//! [`super::export`]'s.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use opentelemetry_proto::tonic::trace::v1::Span;

use super::meter::{Instrument, Meter};

/// Spans that wait at most, as `OTEL_BSP_MAX_QUEUE_SIZE` is where nobody sets it: some 3 MB.
pub(crate) const WAITING: usize = 2_048;
/// Spans in one request.
pub(crate) const BATCH: usize = 512;

/// See the module.
pub(crate) struct Outbox(Mutex<Contents>);

pub(crate) struct Contents {
    spans: VecDeque<Span>,
    pub(crate) meter: Meter,
    /// Spans that were not delivered, since the process began.
    lost: u64,
}

impl Outbox {
    pub(crate) fn new(now: SystemTime) -> Self {
        let (spans, meter) = (VecDeque::new(), Meter::new(now));
        Self(Mutex::new(Contents { spans, meter, lost: 0 }))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contents {
    /// Queues the spans of a request: all, or none where they do not fit. Whether they did.
    pub(crate) fn put(&mut self, spans: Vec<Span>) -> bool {
        if self.spans.len() + spans.len() > WAITING {
            self.lose(spans.len());
            return false;
        }
        self.spans.extend(spans);
        true
    }

    /// The oldest spans, as many as one request takes.
    pub(crate) fn take(&mut self) -> Vec<Span> {
        let count = self.spans.len().min(BATCH);
        self.spans.drain(..count).collect()
    }

    /// Puts back what was not delivered, before what came meanwhile. The newest of it are lost
    /// where all do not fit.
    pub(crate) fn put_back(&mut self, mut spans: Vec<Span>) {
        let room = WAITING.saturating_sub(self.spans.len());
        self.lose(spans.len().saturating_sub(room));
        spans.truncate(room);
        spans.into_iter().rev().for_each(|span| self.spans.push_front(span));
    }

    /// Counts spans that will not be delivered.
    pub(crate) fn lose(&mut self, count: usize) {
        if count > 0 {
            self.lost += count as u64;
            self.meter.count(Instrument::DroppedSpans, Vec::new(), count as u64);
        }
    }

    pub(crate) fn waiting(&self) -> usize {
        self.spans.len()
    }

    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(names: std::ops::Range<usize>) -> Vec<Span> {
        names.map(|name| Span { name: name.to_string(), ..Span::default() }).collect()
    }

    #[test]
    fn what_does_not_fit_is_lost_and_counted() {
        let outbox = Outbox::new(SystemTime::UNIX_EPOCH);
        let mut contents = outbox.lock();
        assert!(contents.put(spans(0..WAITING - 1)));
        assert!(!contents.put(spans(0..2)));
        assert!(contents.put(spans(0..1)));
        assert_eq!((contents.waiting(), contents.lost()), (WAITING, 2));
    }

    #[test]
    fn what_was_not_delivered_goes_first_again() {
        let outbox = Outbox::new(SystemTime::UNIX_EPOCH);
        let mut contents = outbox.lock();
        contents.put(spans(0..WAITING));
        let batch = contents.take();
        assert_eq!(batch.len(), BATCH);
        contents.put(spans(0..2));
        contents.put_back(batch);
        assert_eq!((contents.waiting(), contents.lost()), (WAITING, 2));
        assert_eq!(contents.take().first().unwrap().name, "0");
    }
}
