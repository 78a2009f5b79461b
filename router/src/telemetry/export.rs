//! Sending to one receiver: one request at a time, and with pauses where it does not take any.
//!
//! Owns what an answer means and when the next request may be sent; what is sent is the caller's.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::Instant;

use super::partial::{self, Partial};
use super::settings::Target;
use crate::upstream::Clients;
use crate::wire::retry_after;

/// The first pause after a failure; each further one doubles it.
const PAUSE: Duration = Duration::from_secs(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Of an answer no more is read: the connection is closed then.
const ANSWER_LIMIT: usize = 64 * 1024;

/// A receiver and how it fares.
pub(crate) struct Lane {
    pub(crate) target: Target,
    clients: Clients,
    turn: Mutex<Turn>,
}

/// Who holds it sends.
#[derive(Default)]
pub(crate) struct Turn {
    /// Nothing is sent before.
    rests: Option<Instant>,
    failures: u32,
    /// Whether it has been said that there is trouble.
    pub(crate) said: bool,
    /// Whether a warning of the receiver has been passed on.
    pub(crate) warned: bool,
}

/// What came of a request.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    Delivered,
    /// It was taken, but for what is counted there, which must not be sent again.
    Partly(Partial),
    /// It was not taken, and may be sent again.
    Later(String),
    /// It must not be sent again: it may have arrived, or will never be taken.
    Lost(String),
}

impl Lane {
    pub(crate) fn new(target: Target) -> Self {
        Self { target, clients: Clients::default(), turn: Mutex::default() }
    }

    /// Waits until nobody else sends.
    pub(crate) async fn turn(&self) -> MutexGuard<'_, Turn> {
        self.turn.lock().await
    }

    /// Sends a request; `limit` is what it may take at the longest.
    pub(crate) async fn send(&self, turn: &mut Turn, body: Bytes, limit: Duration) -> Sent {
        let limit = limit.min(self.target.timeout);
        let sending = self.exchange(body, limit);
        let (sent, pause) = match tokio::time::timeout(limit, sending).await {
            Ok(sent) => sent,
            Err(_) => (Sent::Lost(format!("no answer within {} ms", limit.as_millis())), None),
        };
        if matches!(sent, Sent::Delivered | Sent::Partly(_)) {
            (turn.failures, turn.rests) = (0, None);
        } else {
            turn.fails(pause);
        }
        sent
    }

    async fn exchange(&self, body: Bytes, limit: Duration) -> (Sent, Option<Duration>) {
        let Target { url, headers, .. } = &self.target;
        let response = match self.clients.post(url, headers, (body, limit)).await {
            Ok(response) => response,
            Err(error) => return (Sent::Later(error.message), None),
        };
        let (head, body) = response.into_parts();
        // Read to its end in any case, so that the connection can be used again.
        let body = Limited::new(body, ANSWER_LIMIT).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let status = head.status;
        match status {
            _ if status.is_success() => {
                let partial = partial::read(&head.headers, &body);
                (partial.map_or(Sent::Delivered, Sent::Partly), None)
            }
            StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT => {
                let pause = retry_after::read(&head.headers, SystemTime::now());
                (Sent::Later(format!("it answers {status}")), pause)
            }
            _ => (Sent::Lost(format!("it answers {status}")), None),
        }
    }
}

impl Turn {
    /// Whether a request may be sent now.
    pub(crate) fn may_send(&self) -> bool {
        self.rests.is_none_or(|until| until <= Instant::now())
    }

    fn fails(&mut self, asked: Option<Duration>) {
        let doubled = PAUSE.saturating_mul(1 << self.failures.min(10));
        self.failures = self.failures.saturating_add(1);
        let pause = asked.unwrap_or(doubled).min(LONGEST_PAUSE);
        self.rests = Some(Instant::now() + pause);
    }
}
