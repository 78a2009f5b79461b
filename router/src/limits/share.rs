//! The shared table with what happens when it cannot be asked.
//!
//! Owns the debts: what clients spend meanwhile and the table is told later. Counting there is
//! [`super::shared`]'s.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use super::account::{Charge, Refused, Since};
use super::calendar::around;
use super::shared::{Counted, Shared};
use super::{Admitted, Who, since_1970};
use crate::aws::Aws;
use crate::aws::dynamo::Table;
use crate::aws::outage::{Change, Outage};
use crate::aws::trouble::Trouble;
use crate::log;

pub(super) struct Share {
    shared: Shared,
    outage: Outage,
    /// What clients have spent, in billionths of a dollar, and in which period.
    owed: Mutex<HashMap<String, (Since, u64)>>,
}

impl Share {
    pub(super) fn new(aws: Arc<Aws>, table: String, patience: Duration) -> Self {
        let shared = Shared { table: Table::new(aws, table), patience };
        Self { shared, outage: Outage::default(), owed: Mutex::default() }
    }

    /// Lets a request through or not; none when the table cannot say.
    pub(super) async fn admit(
        &self,
        who: &Who<'_>,
        reserved: Charge,
        now: Duration,
    ) -> Option<Result<Counted, Refused>> {
        if !self.outage.may_ask() {
            return None;
        }
        // What was spent in a period that is over is forgotten with it.
        let lasts = |since: &Since| around(since.per, now).0 == since.start;
        let debt = self.take_debt(who.client).filter(|(since, _)| lasts(since));
        let owed = debt.map_or(0, |(_, owed)| owed);
        let answer = self.shared.admit(who.client, &who.terms, (reserved, owed), now).await;
        if !matches!(answer, Ok(Ok(_)))
            && let Some((since, owed)) = debt
        {
            self.owe(who.client, since, owed);
        }
        match answer {
            Ok(answer) => {
                self.answered();
                Some(answer)
            }
            Err(trouble) => {
                self.failed(&trouble, who.env);
                None
            }
        }
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
