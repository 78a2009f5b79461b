//! How often clients may call and what they may spend.
//!
//! Owns where that is counted: in the table that all instances share, where there is one and it can
//! be reached, else in this process. The rules are in [`account`], what a request is taken to use in
//! [`charge`], and what clients are told in [`tell`].

mod account;
mod calendar;
pub(crate) mod charge;
#[cfg(feature = "aws")]
mod item;
mod local;
#[cfg(feature = "aws")]
mod share;
#[cfg(feature = "aws")]
mod shared;
pub(crate) mod tell;
mod window;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

pub(crate) use account::{Charge, Refused, Standing, Terms};

#[cfg(feature = "aws")]
use crate::apart::apart;

use account::Receipt;
use charge::Reserved;
use local::Local;
#[cfg(feature = "aws")]
use share::Share;

/// The variable that names the table.
pub const STATE_TABLE: &str = "SFAI_STATE_TABLE";

/// The variable with the milliseconds that a request waits for it.
pub const STATE_TIMEOUT: &str = "SFAI_STATE_TIMEOUT_MS";
/// Inside a region an update takes some milliseconds, the first one with its connection more.
pub const STATE_PATIENCE: Duration = Duration::from_millis(800);

/// Longer than a settlement takes.
const PATIENCE: Duration = Duration::from_secs(3);

/// What all clients have used. One serves the whole process.
#[derive(Default)]
pub struct Limits {
    local: Local,
    #[cfg(feature = "aws")]
    share: Option<Arc<Share>>,
    /// Settlements on their way to the table.
    unsettled: Unsettled,
}

/// How many settlements are on their way.
type Unsettled = Arc<watch::Sender<usize>>;

/// Who asks, and what it may use.
pub(crate) struct Who<'a> {
    pub(crate) client: &'a str,
    pub(crate) terms: Terms,
    /// The environment of the map, under which failures are counted.
    #[cfg_attr(not(feature = "aws"), expect(dead_code, reason = "only the table can fail"))]
    pub(crate) env: &'a str,
}

/// A request that was let through, until it is settled.
pub(crate) struct Admitted {
    limits: Arc<Limits>,
    client: String,
    receipt: Receipt,
    standing: Standing,
    estimate: Reserved,
    #[cfg(feature = "aws")]
    env: String,
    /// Whether the table knows of it.
    #[cfg(feature = "aws")]
    in_table: bool,
}

impl Limits {
    /// Counted in the table of this name, for which a request waits so long at most.
    #[cfg(feature = "aws")]
    pub fn shared(aws: Arc<crate::aws::Aws>, table: String, patience: Duration) -> Self {
        let unsettled = Unsettled::default();
        let share = Share::new(aws, table, (patience, Arc::clone(&unsettled)));
        Self { share: Some(Arc::new(share)), unsettled, ..Self::default() }
    }

    /// Lets a request through that is estimated to use this much, or says why not.
    pub(crate) async fn admit(
        self: &Arc<Self>,
        who: Who<'_>,
        estimate: Reserved,
        now: SystemTime,
    ) -> Result<Admitted, Refused> {
        let now = since_1970(now);
        let reserved = who.terms.reserved(estimate.charge);
        #[cfg(feature = "aws")]
        if let Some(share) = &self.share
            && let Some(answer) = share.admit(&who, reserved, now).await
        {
            let counted = answer?;
            // If the table is gone the next time, counting goes on from here.
            self.local.learn(who.client, counted.account);
            let standing = counted.account.standing(&who.terms, now);
            let admitted = self.admitted(&who, (counted.receipt, standing), estimate);
            return Ok(Admitted { in_table: true, ..admitted });
        }
        let (receipt, standing) = self.local.admit(who.client, &who.terms, reserved, now)?;
        Ok(self.admitted(&who, (receipt, standing), estimate))
    }

    fn admitted(
        self: &Arc<Self>,
        who: &Who<'_>,
        (receipt, standing): (Receipt, Standing),
        estimate: Reserved,
    ) -> Admitted {
        Admitted {
            limits: Arc::clone(self),
            client: who.client.to_owned(),
            receipt,
            standing,
            estimate,
            #[cfg(feature = "aws")]
            env: who.env.to_owned(),
            #[cfg(feature = "aws")]
            in_table: false,
        }
    }

    /// Waits until what was used is known everywhere, for a process that may be frozen or end.
    pub(crate) async fn settled(&self) {
        let mut unsettled = self.unsettled.subscribe();
        let _ = tokio::time::timeout(PATIENCE, unsettled.wait_for(|count| *count == 0)).await;
    }

    /// Where is counted, and since when the table cannot be reached and why.
    pub(crate) fn report(&self) -> Report {
        #[cfg(feature = "aws")]
        if let Some(share) = &self.share {
            return Report { counted: "shared", trouble: share.report() };
        }
        Report { counted: "in_process", trouble: None }
    }
}

/// For `/health`.
pub(crate) struct Report {
    pub(crate) counted: &'static str,
    pub(crate) trouble: Option<(String, Duration)>,
}

impl Admitted {
    /// What it was estimated to use.
    pub(crate) fn estimate(&self) -> Reserved {
        self.estimate
    }

    /// How its client stands with it.
    pub(crate) fn standing(&self) -> Standing {
        self.standing
    }

    /// Has what it used count in place of what was reserved.
    pub(crate) fn settle(self, used: Charge) {
        self.limits.local.settle(&self.client, &self.receipt, used);
        #[cfg(feature = "aws")]
        if self.limits.share.is_some() {
            self.settle_in_table(used);
        }
    }

    /// In a task of its own: it goes on when the answer that waits for it is dropped.
    #[cfg(feature = "aws")]
    fn settle_in_table(self, used: Charge) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let limits = Arc::clone(&self.limits);
        limits.unsettled.send_modify(|count| *count += 1);
        runtime.spawn(apart(|| async move {
            if let Some(share) = &self.limits.share {
                share.settle(&self, used).await;
            }
            limits.unsettled.send_modify(|count| *count = count.saturating_sub(1));
        }));
    }
}

fn since_1970(now: SystemTime) -> Duration {
    now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}
