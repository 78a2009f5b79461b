//! Counting in this process.
//!
//! Owns the accounts of all clients here; their rules are [`super::account`]'s.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::account::{Account, Charge, Receipt, Refused, Standing, Terms};

/// By client.
#[derive(Default)]
pub(super) struct Local(Mutex<HashMap<String, Account>>);

impl Local {
    pub(super) fn admit(
        &self,
        client: &str,
        terms: &Terms,
        reserved: Charge,
        now: Duration,
    ) -> Result<(Receipt, Standing), Refused> {
        let mut accounts = self.accounts();
        let account = account(&mut accounts, client);
        let receipt = account.admit(terms, reserved, now)?;
        Ok((receipt, account.standing(terms, now)))
    }

    /// Takes over how a client stands in the table: with this it goes on when the table is gone.
    #[cfg(feature = "aws")]
    pub(super) fn learn(&self, client: &str, known: Account) {
        *account(&mut self.accounts(), client) = known;
    }

    pub(super) fn settle(&self, client: &str, receipt: &Receipt, used: Charge) {
        account(&mut self.accounts(), client).settle(receipt, used);
    }

    // A poisoned lock holds whole accounts: each is changed by sums that cannot panic.
    fn accounts(&self) -> MutexGuard<'_, HashMap<String, Account>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn account<'a>(accounts: &'a mut HashMap<String, Account>, client: &str) -> &'a mut Account {
    if !accounts.contains_key(client) {
        accounts.insert(client.to_owned(), Account::default());
    }
    accounts.entry(client.to_owned()).or_default()
}
