//! Counting in the table that all instances share.
//!
//! Owns the order of updates that let a request through or settle it, each a single step of the
//! table's; the rules are [`super::account`]'s and the attributes [`super::item`]'s.

use std::time::Duration;

use super::account::{Account, Charge, Receipt, Refused, Terms};
use super::item::{self, Stored, aligned, presumed};
use crate::aws::dynamo::{Item, NotMade, Table, within};
use crate::aws::trouble::Trouble;

/// Each try but the last has lost to another instance's, which is through then: more than some in a
/// row means that something else is wrong.
const TRIES: usize = 12;

pub(super) struct Shared {
    pub(super) table: Table,
    /// How long a settlement may take.
    pub(super) patience: Duration,
}

/// A request that was let through, and what its client has used by then.
pub(super) struct Counted {
    pub(super) receipt: Receipt,
    pub(super) account: Account,
}

impl Shared {
    /// Lets a request through, or says why not. `owed` is what its client has spent and the table
    /// does not know of. How long that may take is the caller's to say.
    pub(super) async fn admit(
        &self,
        client: &str,
        terms: &Terms,
        (reserved, owed): (Charge, u64),
        now: Duration,
    ) -> Result<Result<Counted, Refused>, Trouble> {
        let nano_dollars = reserved.nano_dollars.saturating_add(owed);
        let counted = Charge { nano_dollars, ..reserved };
        let admitted = self.counted(client, terms, counted, now);
        let admitted = admitted.await.map_err(trouble)?;
        Ok(admitted.map(|mut counted| {
            counted.receipt.charge = reserved;
            counted
        }))
    }

    async fn counted(
        &self,
        client: &str,
        terms: &Terms,
        charge: Charge,
        now: Duration,
    ) -> Result<Result<Counted, Refused>, NotMade> {
        let id = id(client);
        // Most often the item is where the clock says.
        let mut known = Account::default();
        known.advance(terms, now);
        let mut update = item::count(&id, terms, &known, charge, now);
        let mut receipt = known.receipt(charge);
        for _ in 0..TRIES {
            let stored = match self.table.update(update).await {
                Ok(item) => {
                    let account = Stored::of(&item).account;
                    return Ok(Ok(Counted { receipt, account }));
                }
                Err(NotMade::Condition(item)) => stored(item),
                Err(trouble) => return Err(trouble),
            };
            let mut account = stored.account;
            receipt = match account.admit(terms, charge, now) {
                Ok(receipt) => receipt,
                Err(refused) => return Ok(Err(refused)),
            };
            update = if aligned(&account, &stored.account) {
                item::count(&id, terms, &account, charge, now)
            } else {
                item::replace(&id, &stored, &account, now)
            };
        }
        Err(NotMade::Trouble(Trouble::Failed("every try was overtaken".into())))
    }

    /// Has what was used count in place of what was reserved.
    pub(super) async fn settle(
        &self,
        client: &str,
        receipt: &Receipt,
        used: Charge,
        now: Duration,
    ) -> Result<(), Trouble> {
        within(self.patience, self.settled(&id(client), receipt, used, now)).await.map_err(trouble)
    }

    async fn settled(
        &self,
        id: &str,
        receipt: &Receipt,
        used: Charge,
        now: Duration,
    ) -> Result<(), NotMade> {
        let mut known = presumed(receipt);
        for _ in 0..TRIES {
            let Some(update) = item::settle(id, &known, receipt, used, now) else { return Ok(()) };
            match self.table.update(update).await {
                Ok(_) => return Ok(()),
                Err(NotMade::Condition(item)) => known = stored(item).account,
                Err(trouble) => return Err(trouble),
            }
        }
        Err(NotMade::Trouble(Trouble::Failed("every try was overtaken".into())))
    }
}

/// The item that an update's condition did not hold for.
fn stored(item: Option<Item>) -> Stored {
    item.as_ref().map_or_else(Stored::nothing, Stored::of)
}

fn id(client: &str) -> String {
    format!("client#{client}")
}

fn trouble(why: NotMade) -> Trouble {
    match why {
        NotMade::Trouble(trouble) => trouble,
        // It is read where it comes; nothing else gives it.
        NotMade::Condition(_) => Trouble::Failed("a condition does not hold".into()),
    }
}
