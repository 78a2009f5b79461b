//! Telling at once, for a process that may be frozen between two requests.
//!
//! The log lines are written before the answer's body ends, and so is the record where the answer
//! streams: its last token has then long left. Where the answer is one document, which the client
//! has only when it ends, and where the client has left, the record is stored after the answer and
//! before the next invocation is asked for ([`Inline::settled`]): until then AWS freezes nothing.
//! That makes an extension of our own superfluous, whose registration every cold start would pay.

use tokio::sync::watch;

use super::{Refused, Settling, Tellers};
use crate::audit::record;
use crate::audit::trail::Notes;
use crate::log;

pub(super) struct Inline {
    tellers: Tellers,
    /// Records on their way to S3.
    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "only S3 is waited for"))]
    runtime: tokio::runtime::Handle,
    unsettled: watch::Sender<usize>,
}

impl Inline {
    pub(super) fn new(tellers: Tellers) -> Self {
        let runtime = tokio::runtime::Handle::current();
        Self { tellers, runtime, unsettled: watch::Sender::new(0) }
    }

    pub(super) fn ended(&self, notes: &Notes) -> Option<Settling> {
        let record = record::of(notes);
        if let Some(format) = self.tellers.lines {
            log::request(format, &record);
        }
        #[cfg(feature = "aws")]
        if let Some(bucket) = &self.tellers.bucket
            && notes.planned.audit != model_map::Audit::Off
        {
            self.store(bucket, super::line(&record), record.env);
            if notes.planned.holds {
                return Some(Box::pin(self.settled()));
            }
        }
        None
    }

    pub(super) fn refused(&self, refused: &Refused) {
        if let Some(format) = self.tellers.lines {
            log::refused(format, refused);
        }
    }

    pub(super) fn settled(&self) -> impl Future<Output = ()> + Send + use<> {
        let mut unsettled = self.unsettled.subscribe();
        // It fails when the observer is gone, and then nothing is to be waited for.
        async move { drop(unsettled.wait_for(|records| *records == 0).await) }
    }

    /// In a task of its own: it goes on when the answer that waits for it is dropped.
    #[cfg(feature = "aws")]
    fn store(
        &self,
        bucket: &std::sync::Arc<crate::audit::bucket::Bucket>,
        line: String,
        env: String,
    ) {
        let (bucket, unsettled) = (std::sync::Arc::clone(bucket), self.unsettled.clone());
        unsettled.send_modify(|records| *records += 1);
        self.runtime.spawn(async move {
            if let Err(why) = bucket.put(line.as_bytes(), std::time::SystemTime::now()).await {
                log::not_stored(&why, &line, Some(&env));
            }
            unsettled.send_modify(|records| *records = records.saturating_sub(1));
        });
    }
}
