//! Who is told of a request that is over: the audit log, the request log, metrics, traces.
//!
//! Owns which of two ways that takes: [`aside`], on a server that lives on, and [`inline`], where
//! the process may be frozen between two requests. What is told is each teller's. A router without
//! an observer notes nothing.

mod aside;
mod inline;

use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use model_map::Audit;
use model_map::audit::Record;

use crate::audit::folder::Folder;
use crate::audit::trail::Notes;
use crate::breakers::Breakers;
use crate::front::Front;
use crate::log;
use crate::telemetry::trace::Trace;
use crate::telemetry::{Sampler, Telemetry};
use aside::Aside;
use inline::Inline;

/// What is left to do before an answer's body ends.
pub type Settling = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is told, and where.
#[derive(Default)]
pub struct Tellers {
    /// The audit log in a folder.
    pub folder: Option<Folder>,
    /// The audit log in S3.
    #[cfg(feature = "aws")]
    pub bucket: Option<Arc<crate::audit::bucket::Bucket>>,
    /// The request log.
    pub lines: Option<log::Format>,
    /// Traces and metrics.
    pub telemetry: Option<Arc<Telemetry>>,
}

impl Tellers {
    /// Whether nobody is told of anything.
    pub fn is_empty(&self) -> bool {
        !self.keeps_records() && self.lines.is_none() && self.telemetry.is_none()
    }

    fn keeps_records(&self) -> bool {
        #[cfg(feature = "aws")]
        if self.bucket.is_some() {
            return true;
        }
        self.folder.is_some()
    }
}

/// See the module.
pub struct Observer {
    keeps_records: bool,
    telemetry: Option<Arc<Telemetry>>,
    way: Way,
}

enum Way {
    Aside(Aside),
    Inline(Inline),
}

/// A request that was turned away before it had a plan.
pub(crate) struct Refused {
    pub(crate) time: SystemTime,
    pub(crate) id: u64,
    pub(crate) front: Front,
    pub(crate) trace: Option<Arc<Trace>>,
    pub(crate) status: u16,
    pub(crate) total: Duration,
    /// The environment of the map.
    pub(crate) env: String,
}

impl Observer {
    /// Tells on a thread of its own.
    ///
    /// # Errors
    /// When there can be no such thread.
    pub fn start(tellers: Tellers) -> std::io::Result<Self> {
        let (keeps_records, telemetry) = (tellers.keeps_records(), tellers.telemetry.clone());
        Ok(Self { keeps_records, telemetry, way: Way::Aside(Aside::start(tellers)?) })
    }

    /// Tells at once, in the runtime that calls this.
    pub fn inline(tellers: Tellers) -> Self {
        let (keeps_records, telemetry) = (tellers.keeps_records(), tellers.telemetry.clone());
        Self { keeps_records, telemetry, way: Way::Inline(Inline::new(tellers)) }
    }

    /// Whether a role's requests are recorded, and so what goes into a record is to be noted.
    pub(crate) fn keeps(&self, audit: Audit) -> bool {
        self.keeps_records && audit != Audit::Off
    }

    /// Which traces are recorded, where any are.
    pub(crate) fn sampler(&self) -> Option<&Sampler> {
        self.telemetry.as_ref().and_then(|it| it.sampler())
    }

    /// Has metrics tell of these breakers.
    pub(crate) fn shows(&self, breakers: &Arc<Breakers>) {
        self.telemetry.iter().for_each(|telemetry| telemetry.shows(breakers));
    }

    /// A request begins, and [`Self::ended`] will be called for it.
    pub(crate) fn begun(&self) {
        if let Way::Inline(inline) = &self.way {
            inline.begun();
        }
    }

    /// A request is over.
    pub(crate) fn ended(&self, notes: Box<Notes>) -> Option<Settling> {
        match &self.way {
            Way::Aside(aside) => {
                aside.ended(notes);
                None
            }
            Way::Inline(inline) => inline.ended(&notes),
        }
    }

    /// A request was turned away before it had a plan.
    pub(crate) fn refused(&self, refused: Refused) {
        match &self.way {
            Way::Aside(aside) => aside.refused(refused),
            Way::Inline(inline) => inline.refused(&refused),
        }
    }

    /// Waits until nothing would be lost if the process were frozen now.
    pub async fn settled(&self) {
        if let Way::Inline(inline) = &self.way {
            inline.settled().await;
        }
    }

    /// Waits until all that was told so far has been passed on; what comes later goes to the log.
    pub fn close(&self) {
        if let Way::Aside(aside) = &self.way {
            aside.close();
        }
    }
}

/// A record as a line of the log of records.
fn line(record: &Record) -> String {
    // It holds nothing that cannot be written as JSON.
    let mut line = serde_json::to_string(record).unwrap_or_default();
    line.push('\n');
    line
}
