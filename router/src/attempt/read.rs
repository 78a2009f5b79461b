//! Reads an upstream's body under the attempt's timers: a stream to its commit, the rest whole.

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt;
use model_map::{Commit, FailureClass};
use tokio::sync::OwnedSemaphorePermit;

use super::Exchange;
use super::alarm::Alarm;
use super::call::{plain, unsent};
use super::stream::Broken;
use crate::pieces::Pieces;
use crate::upstream::{Body, broken};
use crate::wire::{Ending, StreamReader, UpstreamError};

/// The most of an error body that is read: enough for its message.
const REFUSAL_LIMIT: usize = 64 * 1024;
/// The most that a whole answer may hold.
const ANSWER_LIMIT: usize = 64 * 1024 * 1024;
/// The most that a stream may send before its first content.
const HELD_LIMIT: usize = 4 * 1024 * 1024;

/// A stream that has committed.
pub(super) struct Started {
    /// What is to be sent first.
    pub(super) held: Bytes,
    /// What follows; none when the upstream is through.
    pub(super) body: Option<Body>,
    pub(super) reader: StreamReader,
    pub(super) alarm: Alarm,
    /// Its place among the provider's open requests.
    pub(super) place: Option<OwnedSemaphorePermit>,
    /// Why it broke off, where it already has.
    pub(super) broke: Option<Box<Broken>>,
}

/// A stream that has begun to come.
pub(super) struct Opened {
    /// Its attempt's place in the log.
    pub(super) attempt: usize,
    pub(super) body: Body,
    pub(super) reader: StreamReader,
    pub(super) place: Option<OwnedSemaphorePermit>,
}

/// Reads a stream up to its commit: its first content, reasoning or tool delta, or its end where
/// the role commits complete answers alone.
pub(super) async fn stream(
    exchange: &Exchange<'_>,
    alarm: &mut Alarm,
    opened: Opened,
) -> Result<Box<Started>, UpstreamError> {
    let Opened { attempt, mut body, mut reader, place } = opened;
    let whole = exchange.plan.role.commit == Commit::Complete;
    let limit = if whole { ANSWER_LIMIT } else { HELD_LIMIT };
    let mut held = Pieces::default();
    while let Some(data) = next(alarm, &mut body).await? {
        let progress = reader.push(data);
        let now = alarm.now();
        if progress.events > 0 {
            alarm.timer.progressed(now);
        }
        held.push(progress.out);
        if progress.token {
            alarm.timer.committed(now);
        }
        if let Some(trail) = exchange.trail {
            trail.hears(attempt, reader.usage());
            if progress.token {
                trail.token(attempt, now);
            }
        }
        if alarm.is_over(now) {
            return Err(alarm.late());
        }
        if progress.token && !whole {
            // What failed after its first token is told inside the stream.
            let broke = progress.failure.map(|failure| Box::new(Broken::by(failure)));
            let body = Some(body).filter(|_| broke.is_none());
            let (held, alarm) = (held.join(), alarm.hand_over());
            return Ok(Box::new(Started { held, body, reader, alarm, place, broke }));
        }
        if let Some(failure) = progress.failure {
            return Err(failure.error);
        }
        if held.len() > limit {
            return Err(plain(FailureClass::ServerError, "too much before the commit"));
        }
    }
    let end = reader.finish();
    held.push(end.out);
    match end.ending {
        Ending::Complete => {
            alarm.timer.committed(alarm.now());
            let (held, alarm) = (held.join(), alarm.hand_over());
            Ok(Box::new(Started { held, body: None, reader, alarm, place, broke: None }))
        }
        Ending::Empty => Err(plain(FailureClass::Empty, "neither content nor a tool call")),
        Ending::Cut => Err(plain(FailureClass::Network, "the stream was cut")),
        Ending::Failed(failure) => Err(failure.error),
    }
}

/// Reads a whole answer.
pub(super) async fn whole(alarm: &mut Alarm, mut body: Body) -> Result<Bytes, UpstreamError> {
    let Some(first) = next(alarm, &mut body).await? else {
        return Ok(Bytes::new());
    };
    // An answer of known length is whole with its last byte: asking for more takes the connection's
    // task another turn.
    if body.is_end_stream() {
        return Ok(first);
    }
    alarm.timer.progressed(alarm.now());
    let mut pieces = Pieces::default();
    pieces.push(first);
    while let Some(more) = next(alarm, &mut body).await? {
        let now = alarm.now();
        alarm.timer.progressed(now);
        if alarm.is_over(now) {
            return Err(alarm.late());
        }
        if pieces.len() + more.len() > ANSWER_LIMIT {
            return Err(plain(FailureClass::ServerError, "the answer is too large"));
        }
        pieces.push(more);
    }
    Ok(pieces.join())
}

/// Reads the start of an error's body. A body that breaks still has a status to go by.
pub(super) async fn refusal(alarm: &mut Alarm, mut body: Body) -> Bytes {
    let mut text = BytesMut::new();
    while text.len() < REFUSAL_LIMIT {
        match next(alarm, &mut body).await {
            Ok(Some(more)) => text.extend_from_slice(&more),
            Ok(None) | Err(_) => break,
        }
    }
    text.freeze()
}

/// The next bytes of a body; none at its end.
async fn next(alarm: &mut Alarm, body: &mut Body) -> Result<Option<Bytes>, UpstreamError> {
    loop {
        let Some(frame) = alarm.within(body.frame()).await? else { return Ok(None) };
        let frame = frame.map_err(|error| unsent(broken(&error)))?;
        if let Ok(data) = frame.into_data() {
            return Ok(Some(data));
        }
    }
}
