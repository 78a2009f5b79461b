//! Telling at once, for a process that may be frozen between two requests.
//!
//! The log lines are written before the answer's body ends, and so is the record where the answer
//! streams: the client then has its last token already. Where the answer is one document, which
//! the client has only when it ends, and where the client has left, the record is stored after the
//! answer and before the next invocation is asked for ([`Inline::settled`]): until then AWS
//! freezes nothing. That makes an extension superfluous, whose registration every cold start would
//! pay.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
#[cfg(feature = "aws")]
use tokio::time::Instant;

use super::{Refused, Settling, Tellers};
use crate::apart::apart;
use crate::audit::record;
use crate::audit::trail::Notes;
use crate::log;
use crate::telemetry::Telemetry;

/// Longer than any call to S3 takes with its second try. Nothing is known that would take so long;
/// an invocation that hung here would be paid for to its end.
const PATIENCE: Duration = Duration::from_secs(10);
/// Kept of an invocation for writing to the log what S3 does not take in time.
#[cfg(feature = "aws")]
const LOGGED: Duration = Duration::from_millis(250);
/// An invocation is paid for while a collector is waited for, and one that hangs would be paid for
/// again and again.
const EXPORT: Duration = Duration::from_secs(1);

pub(super) struct Inline {
    tellers: Tellers,
    runtime: tokio::runtime::Handle,
    /// Requests that go on, and records on their way to S3.
    unsettled: watch::Sender<usize>,
}

impl Inline {
    pub(super) fn new(tellers: Tellers) -> Self {
        Self {
            tellers,
            runtime: tokio::runtime::Handle::current(),
            unsettled: watch::Sender::new(0),
        }
    }

    pub(super) fn begun(&self) {
        self.unsettled.send_modify(|requests| *requests += 1);
    }

    pub(super) fn ended(&self, notes: &Notes) -> Option<Settling> {
        if let Some(telemetry) = &self.tellers.telemetry {
            telemetry.ended(notes);
            self.export(telemetry);
        }
        let record = record::of(notes);
        if let Some(format) = self.tellers.lines {
            log::request(format, &record);
        }
        #[cfg(feature = "aws")]
        if let Some(bucket) = &self.tellers.bucket
            && notes.planned.audit != model_map::Audit::Off
        {
            let line = super::line(&record);
            let stored = self.store(bucket, (line, record.env), notes.planned.ends);
            return notes.planned.holds.then_some(stored);
        }
        settle(&self.unsettled);
        None
    }

    pub(super) fn refused(&self, refused: &Refused) {
        if let Some(telemetry) = &self.tellers.telemetry {
            telemetry.refused(refused);
            self.export(telemetry);
        }
        if let Some(format) = self.tellers.lines {
            log::refused(format, refused);
        }
    }

    /// In a task of its own, beside the record: the client's last byte does not wait for it, and the
    /// next event is asked for when it is over.
    fn export(&self, telemetry: &Arc<Telemetry>) {
        let (telemetry, unsettled) = (Arc::clone(telemetry), self.unsettled.clone());
        self.begun();
        self.runtime.spawn(apart(|| async move {
            telemetry.flush(EXPORT).await;
            settle(&unsettled);
        }));
    }

    pub(super) async fn settled(&self) {
        let mut unsettled = self.unsettled.subscribe();
        let settled = unsettled.wait_for(|count| *count == 0);
        if tokio::time::timeout(PATIENCE, settled).await.is_err() {
            log::say("warns: a request or its record is not over; the next one is taken");
        }
    }

    /// In a task of its own: it goes on when the answer that waits for it is dropped.
    #[cfg(feature = "aws")]
    fn store(
        &self,
        bucket: &std::sync::Arc<crate::audit::bucket::Bucket>,
        (line, env): (String, String),
        ends: Option<Instant>,
    ) -> Settling {
        let (bucket, unsettled) = (std::sync::Arc::clone(bucket), self.unsettled.clone());
        let stored = self.runtime.spawn(apart(|| async move {
            let put = bucket.put(line.as_bytes(), std::time::SystemTime::now());
            let put = match ends {
                Some(ends) => tokio::time::timeout_at(ends - LOGGED, put).await,
                None => Ok(put.await),
            };
            let too_late = |_| Err("S3 did not answer before the invocation's end".to_owned());
            if let Err(why) = put.unwrap_or_else(too_late) {
                log::not_stored(&why, &line, Some(&env));
            }
            settle(&unsettled);
        }));
        Box::pin(async move { drop(stored.await) })
    }
}

fn settle(unsettled: &watch::Sender<usize>) {
    unsettled.send_modify(|count| *count = count.saturating_sub(1));
}
