//! The shared table with what happens when it cannot be asked.
//!
//! Owns the debts, what clients spend meanwhile and the table is told later, and what the table lets
//! through when nobody waits for it any more. Counting there is [`super::shared`]'s.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

use super::account::{Charge, Receipt, Refused, Since, Terms};
use super::calendar::around;
use super::shared::{Counted, Shared};
use super::{Admitted, Unsettled, Who, since_1970};
use crate::apart::apart;
use crate::aws::Aws;
use crate::aws::dynamo::Table;
use crate::aws::outage::{Change, Outage};
use crate::aws::trouble::Trouble;
use crate::log;

/// An answer that comes later than this is not waited for even to be taken back.
const LATE: Duration = Duration::from_secs(30);

/// What the table is asked.
struct Asking {
    client: String,
    terms: Terms,
    reserved: Charge,
    now: Duration,
}

type Answered = Result<Result<Unclaimed, Refused>, Trouble>;

/// A request that was let through, until somebody goes on with it.
struct Unclaimed {
    share: Arc<Share>,
    client: String,
    /// None once it was claimed.
    counted: Option<Counted>,
}

impl Unclaimed {
    fn claim(mut self) -> Option<Counted> {
        self.counted.take()
    }
}

impl Drop for Unclaimed {
    fn drop(&mut self) {
        if let Some(counted) = self.counted.take() {
            let client = std::mem::take(&mut self.client);
            Arc::clone(&self.share).take_back(client, counted.receipt);
        }
    }
}

pub(super) struct Share {
    shared: Shared,
    /// How long a request waits for the table.
    patience: Duration,
    unsettled: Unsettled,
    outage: Outage,
    /// What clients have spent, in billionths of a dollar, and in which period.
    owed: Mutex<HashMap<String, (Since, u64)>>,
}

impl Share {
    pub(super) fn new(
        aws: Arc<Aws>,
        table: String,
        (patience, unsettled): (Duration, Unsettled),
    ) -> Self {
        let shared = Shared { table: Table::new(aws, table), patience };
        let (outage, owed) = (Outage::default(), Mutex::default());
        Self { shared, patience, unsettled, outage, owed }
    }

    /// Lets a request through or not; none when the table cannot say.
    ///
    /// The table is asked in a task of its own, which goes on when the request is given up or waits
    /// no longer: what is on its way to the table may be counted there all the same.
    pub(super) async fn admit(
        self: &Arc<Self>,
        who: &Who<'_>,
        reserved: Charge,
        now: Duration,
    ) -> Option<Result<Counted, Refused>> {
        if !self.outage.may_ask() {
            return None;
        }
        let asking = Asking { client: who.client.to_owned(), terms: who.terms, reserved, now };
        let (answers, mut answered) = oneshot::channel();
        tokio::spawn(apart(|| Arc::clone(self).ask(asking, answers)));
        let answer = match tokio::time::timeout(self.patience, &mut answered).await {
            Ok(answer) => answer.unwrap_or_else(|_| Err(Trouble::Failed("nobody asks it".into()))),
            Err(_) => Err(Trouble::Slow),
        };
        match answer {
            Ok(answer) => {
                self.answered();
                answer.map(Unclaimed::claim).transpose()
            }
            Err(trouble) => {
                self.failed(&trouble, who.env);
                None
            }
        }
    }

    /// Asks the table and answers, whether or not somebody listens.
    async fn ask(self: Arc<Self>, asking: Asking, answers: oneshot::Sender<Answered>) {
        let Asking { client, terms, reserved, now } = asking;
        // What was spent in a period that is over is forgotten with it.
        let lasts = |since: &Since| around(since.per, now).0 == since.start;
        let debt = self.take_debt(&client).filter(|(since, _)| lasts(since));
        let owed = debt.map_or(0, |(_, owed)| owed);
        let admitted = self.shared.admit(&client, &terms, (reserved, owed), now);
        let answer = tokio::time::timeout(LATE, admitted).await.unwrap_or(Err(Trouble::Slow));
        if !matches!(answer, Ok(Ok(_)))
            && let Some((since, owed)) = debt
        {
            self.owe(&client, since, owed);
        }
        let unclaimed = |counted| Unclaimed { share: self, client, counted: Some(counted) };
        // Where nobody listens it is dropped, and taken back.
        let _ = answers.send(answer.map(|answer| answer.map(unclaimed)));
    }

    /// Has a request that was let through and never made use nothing.
    fn take_back(self: Arc<Self>, client: String, receipt: Receipt) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        self.unsettled.send_modify(|count| *count += 1);
        runtime.spawn(apart(|| async move {
            let now = since_1970(SystemTime::now());
            // Where that fails it counts on: too much rather than too little.
            let _ = self.shared.settle(&client, &receipt, Charge::default(), now).await;
            self.unsettled.send_modify(|count| *count = count.saturating_sub(1));
        }));
    }

    pub(super) async fn settle(&self, admitted: &Admitted, used: Charge) {
        let receipt = &admitted.receipt;
        if !admitted.in_table {
            if let Some(since) = receipt.period {
                self.owe(&admitted.client, since, used.nano_dollars);
            }
            return;
        }
        let now = since_1970(SystemTime::now());
        let settled = self.shared.settle(&admitted.client, receipt, used, now).await;
        match settled {
            Ok(()) => self.answered(),
            Err(trouble) => {
                self.failed(&trouble, &admitted.env);
                // What was reserved counts on; only what it cost beyond that would be forgotten.
                let more = used.nano_dollars.saturating_sub(receipt.charge.nano_dollars);
                if let Some(since) = receipt.period.filter(|_| more > 0) {
                    self.owe(&admitted.client, since, more);
                }
            }
        }
    }

    fn take_debt(&self, client: &str) -> Option<(Since, u64)> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner).remove(client)
    }

    fn owe(&self, client: &str, since: Since, nano_dollars: u64) {
        if nano_dollars == 0 {
            return;
        }
        let mut owed = self.owed.lock().unwrap_or_else(PoisonError::into_inner);
        let (held, sum) = owed.entry(client.to_owned()).or_insert((since, 0));
        // What was owed for a period that is over is owed no more.
        if *held != since {
            (*held, *sum) = (since, 0);
        }
        *sum = sum.saturating_add(nano_dollars);
    }

    fn answered(&self) {
        if let Some(Change::Over(after)) = self.outage.answered() {
            let seconds = after.as_secs();
            log::say(&format!(
                "counts in {} again, after {seconds} s in this process alone",
                self.shared.table
            ));
        }
    }

    fn failed(&self, trouble: &Trouble, env: &str) {
        let why = format!("{} {trouble}", self.shared.table);
        let line = format!("warns: {why}: limits and budgets are counted in this process alone");
        if self.outage.failed(why) == Change::Began {
            log::say(&line);
        }
        log::state_failed(env);
    }

    pub(super) fn report(&self) -> Option<(String, Duration)> {
        self.outage.report()
    }
}
