//! An account as an item of the shared table, and the updates of it.
//!
//! Owns the attributes' names and which updates need no knowledge of each other: counting adds to
//! numbers under a condition, so that instances never wait for each other; only where a window has
//! to be moved on is the item written whole, under the condition that nobody else has done so.

use std::time::Duration;

use model_map::Period;

use super::account::{Account, Charge, Receipt, Since, Spent, Terms, nano_dollars};
use super::window::{SLOTS, Window, place};
use crate::aws::dynamo::{Item, Update, number, number_of, text, text_of};

/// How long an item is kept after its last use: longer than the longest budget.
const KEPT: Duration = Duration::from_secs(40 * 24 * 3_600);

const REQUESTS: &str = "r";
const TOKENS: &str = "t";
/// Grows with every update.
const WRITES: &str = "write_count";

/// An item as it was read.
pub(super) struct Stored {
    pub(super) account: Account,
    /// Which write it is of; none where there is no item yet.
    writes: Option<u64>,
}

impl Stored {
    /// What is not there yet.
    pub(super) fn nothing() -> Self {
        Self { account: Account::default(), writes: None }
    }

    pub(super) fn of(item: &Item) -> Self {
        let period = text_of(item, "b_per").and_then(period);
        let spent = period.and_then(|per| {
            let start = number_of(item, "b_from")?;
            Some(Spent { period: Since { per, start }, nano_dollars: number_of(item, "b_spent")? })
        });
        let account =
            Account { requests: window(item, REQUESTS), tokens: window(item, TOKENS), spent };
        Self { account, writes: number_of(item, WRITES) }
    }
}

fn period(name: &str) -> Option<Period> {
    Period::ALL.into_iter().find(|period| period.name() == name)
}

fn window(item: &Item, of: &str) -> Option<Window> {
    let named = |name: &str| number_of(item, &format!("{of}_{name}"));
    let (per, head, total) = (named("per")?, named("head")?, named("sum")?);
    let mut slots = [0; SLOTS];
    for (at, slot) in slots.iter_mut().enumerate() {
        *slot = number_of(item, &format!("{of}{at}"))?;
    }
    (per > 0).then_some(Window { per, head, total, slots })
}

/// An update in the making.
struct Draft {
    changes: Vec<String>,
    conditions: Vec<String>,
    values: Item,
}

impl Draft {
    fn new(now: Duration) -> Self {
        let mut draft = Self { changes: Vec::new(), conditions: Vec::new(), values: Item::new() };
        draft.set("expires_at", number((now + KEPT).as_secs()));
        draft
    }

    /// A value under a name of its own.
    fn value(&mut self, value: serde_json::Value) -> String {
        let name = format!(":v{}", self.values.len());
        self.values.insert(name.clone(), value);
        name
    }

    fn set(&mut self, name: &str, value: serde_json::Value) {
        let value = self.value(value);
        self.changes.push(format!("{name} = {value}"));
    }

    /// The difference may be below zero.
    fn add(&mut self, name: &str, more: i128) {
        let value = self.value(number(more));
        self.changes.push(format!("{name} = {name} + {value}"));
    }

    fn holds(&mut self, name: &str, relation: &str, value: serde_json::Value) {
        let value = self.value(value);
        self.conditions.push(format!("{name} {relation} {value}"));
    }

    fn of_period(&mut self, Since { per, start }: Since) {
        self.holds("b_per", "=", text(per.name()));
        self.holds("b_from", "=", number(start));
    }

    fn update(self, client: &str) -> Update {
        Update {
            id: client.to_owned(),
            change: format!("SET {}", self.changes.join(", ")),
            condition: self.conditions.join(" AND "),
            names: Item::new(),
            values: self.values,
        }
    }
}

/// Counts a request where all windows and the period are those of `known`; their sums may be others
/// by now.
pub(super) fn count(
    client: &str,
    terms: &Terms,
    known: &Account,
    reserved: Charge,
    now: Duration,
) -> Update {
    let mut draft = Draft::new(now);
    draft.add(WRITES, 1);
    let counts = [
        (REQUESTS, known.requests, terms.requests, 1),
        (TOKENS, known.tokens, terms.tokens, reserved.tokens),
    ];
    for (of, window, limit, count) in counts {
        let (Some(window), Some(limit)) = (window, limit) else { continue };
        draft.holds(&format!("{of}_per"), "=", number(window.per));
        draft.holds(&format!("{of}_head"), "=", number(window.head));
        draft.holds(
            &format!("{of}_sum"),
            "<=",
            number(i128::from(limit.count) - i128::from(count)),
        );
        draft.add(&format!("{of}_sum"), count.into());
        draft.add(&format!("{of}{}", place(window.head)), count.into());
    }
    if let (Some(spent), Some(budget)) = (known.spent, terms.budget) {
        let whole = i128::from(nano_dollars(budget));
        draft.of_period(spent.period);
        draft.holds("b_spent", "<=", number(whole - i128::from(reserved.nano_dollars)));
        draft.holds("b_spent", "<", number(whole));
        draft.add("b_spent", reserved.nano_dollars.into());
    }
    draft.update(client)
}

/// Writes an account whole, if nobody has written since it was read.
pub(super) fn replace(client: &str, before: &Stored, after: &Account, now: Duration) -> Update {
    let mut draft = Draft::new(now);
    match before.writes {
        None => draft.conditions.push("attribute_not_exists(id)".into()),
        Some(writes) => draft.holds(WRITES, "=", number(writes)),
    }
    draft.set(WRITES, number(before.writes.unwrap_or_default() + 1));
    for (of, window) in [(REQUESTS, after.requests), (TOKENS, after.tokens)] {
        let Some(window) = window else { continue };
        for (name, value) in [("per", window.per), ("head", window.head), ("sum", window.total)] {
            draft.set(&format!("{of}_{name}"), number(value));
        }
        for (at, slot) in window.slots.iter().enumerate() {
            draft.set(&format!("{of}{at}"), number(slot));
        }
    }
    if let Some(Spent { period: Since { per, start }, nano_dollars }) = after.spent {
        draft.set("b_per", text(per.name()));
        draft.set("b_from", number(start));
        draft.set("b_spent", number(nano_dollars));
    }
    draft.update(client)
}

/// Has what was used count in place of what was reserved, so far as `known` still holds it; none
/// when there is nothing to change.
pub(super) fn settle(
    client: &str,
    known: &Account,
    receipt: &Receipt,
    used: Charge,
    now: Duration,
) -> Option<Update> {
    let mut draft = Draft::new(now);
    let more = i128::from(used.tokens) - i128::from(receipt.charge.tokens);
    if let (Some(tokens), Some((per, part))) = (known.tokens, receipt.part)
        && tokens.per == per
        && tokens.holds(part)
        && more != 0
    {
        draft.holds("t_per", "=", number(per));
        // Both ends, since a part's place is another's later.
        draft.holds("t_head", ">=", number(part));
        draft.holds("t_head", "<", number(part + SLOTS as u64));
        draft.add("t_sum", more);
        draft.add(&format!("{TOKENS}{}", place(part)), more);
    }
    let more = i128::from(used.nano_dollars) - i128::from(receipt.charge.nano_dollars);
    if let (Some(spent), Some(period)) = (known.spent, receipt.period)
        && spent.period == period
        && more != 0
    {
        draft.of_period(period);
        draft.add("b_spent", more);
    }
    if draft.conditions.is_empty() {
        return None;
    }
    draft.add(WRITES, 1);
    Some(draft.update(client))
}

/// The account that a receipt was given from, as far as it says: what a settlement tries first.
pub(super) fn presumed(receipt: &Receipt) -> Account {
    let tokens = receipt.part.map(|(per, head)| Window { per, head, total: 0, slots: [0; SLOTS] });
    let spent = receipt.period.map(|period| Spent { period, nano_dollars: 0 });
    Account { requests: None, tokens, spent }
}

/// Whether the windows of one account and its period are those of another, which may hold more.
pub(super) fn aligned(one: &Account, other: &Account) -> bool {
    let same = |one: Option<Window>, other: Option<Window>| {
        let head = |window: Window| (window.per, window.head);
        one.is_none() || one.map(head) == other.map(head)
    };
    let period = |account: &Account| account.spent.map(|spent| spent.period);
    same(one.requests, other.requests)
        && same(one.tokens, other.tokens)
        && (one.spent.is_none() || period(one) == period(other))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: Duration = Duration::from_secs(1_795_564_800);

    fn terms() -> Terms {
        Terms::of(
            &serde_json::from_value(json!({
                "limits": [{"count": 9, "of": "requests", "per_ms": 60_000},
                    {"count": 100, "of": "tokens", "per_ms": 60_000}],
                "budget": {"micro_dollars": 10, "per": "day"},
            }))
            .unwrap(),
        )
        .unwrap()
    }

    /// What an update leaves behind where there was nothing.
    fn written(update: &Update) -> Item {
        let changes = update.change.strip_prefix("SET ").unwrap().split(", ");
        let pairs = changes.map(|change| change.split_once(" = ").unwrap());
        pairs.map(|(name, value)| (name.to_owned(), update.values[value].clone())).collect()
    }

    #[test]
    fn what_is_written_is_read_back() {
        let mut account = Account::default();
        let charge = Charge { tokens: 40, nano_dollars: 700 };
        account.admit(&terms(), charge, NOW).unwrap();
        let update = replace("client#ada", &Stored::nothing(), &account, NOW);
        assert_eq!(update.condition, "attribute_not_exists(id)");
        let stored = Stored::of(&written(&update));
        assert_eq!((stored.account, stored.writes), (account, Some(1)));
        let next = replace("client#ada", &stored, &account, NOW);
        assert!(next.condition.starts_with("write_count = "), "{}", next.condition);
    }

    #[test]
    fn counting_adds_to_numbers_and_asks_for_every_bound() {
        let mut account = Account::default();
        account.advance(&terms(), NOW);
        let charge = Charge { tokens: 40, nano_dollars: 700 };
        let update = count("client#ada", &terms(), &account, charge, NOW);
        for bound in
            ["r_sum <= ", "t_sum <= ", "b_spent <= ", "b_spent < ", "b_from = ", "t_head = "]
        {
            assert!(update.condition.contains(bound), "{bound}: {}", update.condition);
        }
        assert!(update.change.contains("t_sum = t_sum + "), "{}", update.change);
    }

    #[test]
    fn a_settlement_leaves_alone_what_is_over() {
        let mut account = Account::default();
        let charge = Charge { tokens: 40, nano_dollars: 700 };
        let receipt = account.admit(&terms(), charge, NOW).unwrap();
        let used = Charge { tokens: 10, nano_dollars: 700 };
        let update = settle("c", &presumed(&receipt), &receipt, used, NOW).unwrap();
        assert!(update.values.values().any(|value| value["N"] == "-30"), "{:?}", update.values);
        assert!(!update.change.contains("b_spent"), "{}", update.change);
        account.advance(&terms(), NOW + Duration::from_secs(90));
        assert!(settle("c", &account, &receipt, used, NOW).is_none());
        assert!(settle("c", &presumed(&receipt), &receipt, charge, NOW).is_none());
    }

    #[test]
    fn an_item_outlives_its_budget() {
        let (start, end) = super::super::calendar::around(Period::Month, Duration::ZERO);
        assert!(KEPT > Duration::from_secs(end - start));
    }
}
