//! What a client has used of its limits and its budget.
//!
//! Owns the decision whether a request is let through, and the settlement when its use is known.
//! It is pure: the same rules count in this process and in the table that instances share.

use std::time::Duration;

use model_map::{Budget, Client, Limited, Period, RateLimit};

use super::calendar::around;
use super::window::Window;

/// What a client may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Terms {
    pub(super) requests: Option<RateLimit>,
    pub(super) tokens: Option<RateLimit>,
    pub(super) budget: Option<Budget>,
}

/// What a request uses, estimated or known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Charge {
    /// Input and output.
    pub(crate) tokens: u64,
    /// Millionths of a thousandth of a US dollar, rounded up.
    pub(crate) nano_dollars: u64,
}

impl Charge {
    pub(super) fn plus(self, other: &Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(other.tokens),
            nano_dollars: self.nano_dollars.saturating_add(other.nano_dollars),
        }
    }

    pub(super) fn at_least(self, other: &Self) -> Self {
        Self {
            tokens: self.tokens.max(other.tokens),
            nano_dollars: self.nano_dollars.max(other.nano_dollars),
        }
    }
}

/// What a client has used.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) requests: Option<Window>,
    pub(super) tokens: Option<Window>,
    pub(super) spent: Option<Spent>,
}

/// What was spent in a calendar period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) period: Since,
    pub(super) nano_dollars: u64,
}

/// A calendar period: its kind and its first second since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Since {
    pub(super) per: Period,
    pub(super) start: u64,
}

/// What was reserved for a request, and where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Receipt {
    pub(super) charge: Charge,
    /// The length of the window of tokens and the part that they count in.
    pub(super) part: Option<(u64, u64)>,
    pub(super) period: Option<Since>,
}

/// How a client stands after a request was let through or refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    pub(crate) requests: Option<Left>,
    pub(crate) tokens: Option<Left>,
}

/// What is left of a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Left {
    pub(crate) limit: u64,
    pub(crate) remaining: u64,
    /// Until all of it is there again.
    pub(crate) reset: Duration,
}

/// Why a request is not let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused {
    pub(crate) by: Bound,
    /// Until it would be.
    pub(crate) wait: Duration,
    pub(crate) standing: Standing,
}

/// What is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    Requests(RateLimit),
    Tokens(RateLimit),
    Budget(Budget),
}

impl Terms {
    /// None when a client has neither limits nor a budget.
    pub(crate) fn of(client: &Client) -> Option<Self> {
        let limit = |of| client.limits.iter().find(|limit| limit.of == of).copied();
        let (requests, tokens) = (limit(Limited::Requests), limit(Limited::Tokens));
        let terms = Self { requests, tokens, budget: client.budget };
        (terms != Self::default()).then_some(terms)
    }

    /// What is reserved of an estimate: no more than there is, so that a large request is let
    /// through when nothing else is.
    pub(super) fn reserved(&self, estimate: Charge) -> Charge {
        Charge {
            tokens: self.tokens.map_or(0, |limit| estimate.tokens.min(limit.count)),
            nano_dollars: self.budget.map_or(0, |it| estimate.nano_dollars.min(nano_dollars(it))),
        }
    }
}

pub(super) fn nano_dollars(budget: Budget) -> u64 {
    budget.micro_dollars.saturating_mul(1_000)
}

impl Account {
    /// Brings it to `now` and to the terms: what is of another length or period counts no more.
    pub(super) fn advance(&mut self, terms: &Terms, now: Duration) {
        let window = |held: Option<Window>, limit: Option<RateLimit>| {
            let fresh = Window::new(limit?.per, now);
            let mut window = held.filter(|held| held.per == fresh.per).unwrap_or(fresh);
            window.advance(now);
            Some(window)
        };
        self.requests = window(self.requests, terms.requests);
        self.tokens = window(self.tokens, terms.tokens);
        self.spent = terms.budget.map(|budget| {
            let period = Since { per: budget.per, start: around(budget.per, now).0 };
            // A later one is that of a clock before ours: it is not given anew.
            let same =
                |held: &Spent| held.period.per == period.per && held.period.start >= period.start;
            self.spent.filter(same).unwrap_or(Spent { period, nano_dollars: 0 })
        });
    }

    /// Lets a request through, if all it is estimated to use is there; it counts from then on.
    pub(super) fn admit(
        &mut self,
        terms: &Terms,
        reserved: Charge,
        now: Duration,
    ) -> Result<Receipt, Refused> {
        self.advance(terms, now);
        if let Some((by, wait)) = self.lacks(terms, reserved, now) {
            return Err(Refused { by, wait, standing: self.standing(terms, now) });
        }
        if let Some(requests) = &mut self.requests {
            requests.add(1);
        }
        if let Some(tokens) = &mut self.tokens {
            tokens.add(reserved.tokens);
        }
        if let Some(spent) = &mut self.spent {
            spent.nano_dollars = spent.nano_dollars.saturating_add(reserved.nano_dollars);
        }
        Ok(self.receipt(reserved))
    }

    /// Where something reserved now counts.
    pub(super) fn receipt(&self, charge: Charge) -> Receipt {
        Receipt {
            charge,
            part: self.tokens.map(|tokens| (tokens.per, tokens.head)),
            period: self.spent.map(|spent| spent.period),
        }
    }

    /// What is used up for longest, if anything is.
    fn lacks(&self, terms: &Terms, reserved: Charge, now: Duration) -> Option<(Bound, Duration)> {
        let window = |window: Option<Window>, limit: Option<RateLimit>, count| {
            let (window, limit) = (window?, limit?);
            let wait = window.wait(limit.count, count, now);
            (!wait.is_zero()).then_some((limit, wait))
        };
        let requests = window(self.requests, terms.requests, 1);
        let tokens = window(self.tokens, terms.tokens, reserved.tokens);
        let budget = terms.budget.zip(self.spent).and_then(|(budget, spent)| {
            let over = spent.nano_dollars.saturating_add(reserved.nano_dollars);
            // Where all is spent, nothing more is, not even what is free.
            let used_up = over > nano_dollars(budget) || spent.nano_dollars >= nano_dollars(budget);
            let Since { per, start } = spent.period;
            let (_, end) = around(per, Duration::from_secs(start));
            let wait = Duration::from_secs(end).saturating_sub(now);
            used_up.then_some((Bound::Budget(budget), wait))
        });
        let requests = requests.map(|(limit, wait)| (Bound::Requests(limit), wait));
        let tokens = tokens.map(|(limit, wait)| (Bound::Tokens(limit), wait));
        [requests, tokens, budget].into_iter().flatten().max_by_key(|(_, wait)| *wait)
    }

    /// Has what was used count in place of what was reserved, in the part and the period of the
    /// request: what is over by now is left as it is.
    pub(super) fn settle(&mut self, receipt: &Receipt, used: Charge) {
        if let (Some(tokens), Some((per, part))) = (&mut self.tokens, receipt.part)
            && tokens.per == per
        {
            tokens.adjust(part, used.tokens, receipt.charge.tokens);
        }
        if let (Some(spent), Some(period)) = (&mut self.spent, receipt.period)
            && spent.period == period
        {
            let more = spent.nano_dollars.saturating_add(used.nano_dollars);
            spent.nano_dollars = more.saturating_sub(receipt.charge.nano_dollars);
        }
    }

    /// What is left.
    pub(super) fn standing(&self, terms: &Terms, now: Duration) -> Standing {
        let left = |window: Option<Window>, limit: Option<RateLimit>| {
            let (window, limit) = (window?, limit?);
            Some(Left {
                limit: limit.count,
                remaining: limit.count.saturating_sub(window.total),
                reset: window.wait(limit.count, limit.count, now),
            })
        };
        Standing {
            requests: left(self.requests, terms.requests),
            tokens: left(self.tokens, terms.tokens),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn terms(client: serde_json::Value) -> Terms {
        Terms::of(&serde_json::from_value(client).unwrap()).unwrap()
    }

    /// Wednesday 2026-11-25, 00:00.
    fn at(seconds: u64) -> Duration {
        Duration::from_secs(1_795_564_800 + seconds)
    }

    fn charge(tokens: u64, nano_dollars: u64) -> Charge {
        Charge { tokens, nano_dollars }
    }

    #[test]
    fn a_client_without_limits_is_not_counted() {
        assert_eq!(Terms::of(&serde_json::from_value(json!({})).unwrap()), None);
    }

    #[test]
    fn each_limit_refuses_by_itself_and_the_longest_wait_is_told() {
        let terms = terms(json!({"limits": [
            {"count": 2, "of": "requests", "per_ms": 60_000},
            {"count": 100, "of": "tokens", "per_ms": 3_600_000},
        ]}));
        let mut account = Account::default();
        account.admit(&terms, charge(40, 0), at(0)).unwrap();
        let refused = account.admit(&terms, charge(61, 0), at(1)).unwrap_err();
        assert!(matches!(refused.by, Bound::Tokens(_)), "{refused:?}");
        assert_eq!(refused.wait, Duration::from_secs(3_899));
        account.admit(&terms, charge(60, 0), at(1)).unwrap();
        let refused = account.admit(&terms, charge(0, 0), at(2)).unwrap_err();
        assert!(matches!(refused.by, Bound::Requests(_)), "{refused:?}");
        let requests = refused.standing.requests.unwrap();
        assert_eq!((requests.limit, requests.remaining), (2, 0));
        assert_eq!(refused.standing.tokens.unwrap().remaining, 0);
    }

    #[test]
    fn what_was_reserved_and_not_used_is_there_again() {
        let terms = terms(json!({
            "limits": [{"count": 100, "of": "tokens", "per_ms": 60_000}],
            "budget": {"micro_dollars": 10, "per": "day"},
        }));
        let mut account = Account::default();
        let receipt = account.admit(&terms, charge(90, 9_000), at(0)).unwrap();
        assert!(account.admit(&terms, charge(20, 2_000), at(1)).is_err());
        account.settle(&receipt, charge(15, 1_000));
        assert_eq!(account.standing(&terms, at(1)).tokens.unwrap().remaining, 85);
        account.admit(&terms, charge(85, 9_000), at(1)).unwrap();
        let refused = account.admit(&terms, charge(0, 0), at(2)).unwrap_err();
        assert!(matches!(refused.by, Bound::Budget(_)), "{refused:?}");
        assert_eq!(refused.wait, Duration::from_secs(86_398));
        // The next day.
        account.admit(&terms, charge(1, 10_000), at(86_400)).unwrap();
        account.settle(&receipt, charge(0, 0));
        assert_eq!(account.spent.unwrap().nano_dollars, 10_000);
    }

    #[test]
    fn more_than_there_is_waits_until_all_is_free() {
        let terms = terms(json!({"limits": [{"count": 100, "of": "tokens", "per_ms": 60_000}]}));
        let reserved = terms.reserved(charge(5_000, 7));
        assert_eq!(reserved, charge(100, 0));
        let mut account = Account::default();
        let receipt = account.admit(&terms, reserved, at(0)).unwrap();
        // It used more than the limit: that is to be waited for, too.
        account.settle(&receipt, charge(5_000, 0));
        assert_eq!(account.standing(&terms, at(1)).tokens.unwrap().remaining, 0);
        assert!(account.admit(&terms, charge(1, 0), at(60)).is_err());
        account.admit(&terms, charge(1, 0), at(65)).unwrap();
    }

    #[test]
    fn other_terms_begin_anew_where_they_differ() {
        let limit = |per: u64, count: u64| {
            terms(json!({"limits": [{"count": count, "of": "requests", "per_ms": per}]}))
        };
        let mut account = Account::default();
        account.admit(&limit(60_000, 1), Charge::default(), at(0)).unwrap();
        assert!(account.admit(&limit(60_000, 1), Charge::default(), at(0)).is_err());
        account.admit(&limit(60_000, 2), Charge::default(), at(0)).unwrap();
        account.admit(&limit(30_000, 1), Charge::default(), at(0)).unwrap();
    }

    #[test]
    fn a_clock_behind_others_gives_no_budget_anew() {
        let terms = terms(json!({"budget": {"micro_dollars": 10, "per": "day"}}));
        let mut account = Account::default();
        account.admit(&terms, charge(0, 10_000), at(86_400)).unwrap();
        assert!(account.admit(&terms, charge(0, 1), at(86_399)).is_err());
    }
}
