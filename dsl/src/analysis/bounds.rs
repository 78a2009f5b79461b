//! How long, how often and how dear at most.
//!
//! Owns the arithmetic of worst cases of one plan; which plans there are is in [`super::ways`].

use std::time::Duration;

use model_map::{Plan, Retry, Role};

/// The greatest back-off before the retry that follows `made` retries of a link.
pub fn greatest_pause(retry: &Retry, made: u32) -> Duration {
    retry.min_backoff.saturating_mul(1 << made.min(20)).min(retry.max_backoff)
}

/// The longest before one link is given up: each try up to its first token, and the greatest
/// back-offs between them.
pub fn link_time(first_token: Duration, retry: &Retry) -> Duration {
    let retries = retry.tries() - 1;
    // After twenty doublings every pause is the same.
    let doubling = retries.min(21);
    let mut pauses = Duration::ZERO;
    for made in 0..doubling {
        pauses = pauses.saturating_add(greatest_pause(retry, made));
    }
    let rest = greatest_pause(retry, 21).saturating_mul(retries - doubling);
    first_token.saturating_mul(retry.tries()).saturating_add(pauses).saturating_add(rest)
}

/// The longest before an answer begins, over all links.
pub fn time_before_commit(plan: &Plan<'_>) -> Duration {
    let links = u32::try_from(plan.chain.len()).unwrap_or(u32::MAX);
    link_time(plan.timeouts.first_token, &plan.role.retry).saturating_mul(links)
}

/// Whether the next link is started beside a silent one.
pub fn hedges(plan: &Plan<'_>) -> Option<Duration> {
    let useful = plan.role.hedge_after.filter(|after| *after < plan.timeouts.first_token);
    useful.filter(|_| plan.chain.len() > 1)
}

/// The tokens of an answer at most, where the client sets this limit.
pub fn answer_tokens(role: &Role, plan: &Plan<'_>, link: usize, asked: u64) -> Option<u64> {
    let model = plan.chain.get(link).and_then(|link| link.model.output_tokens);
    let set = match role.deny.contains("max_tokens") {
        true => plan.parameters.max_tokens.map(u64::from),
        false => Some(asked),
    };
    let cap = role.limits.max_tokens.map(u64::from);
    [model, set, cap].into_iter().flatten().min()
}

/// What a request of so many tokens costs at most, in millionths of a US dollar, rounded up, with
/// the place of the link that answers then. Every attempt pays its input, the one that answers its
/// output, too. None where a price or the length of the answer is unknown.
pub fn cost(plan: &Plan<'_>, tokens: u64, max_tokens: u64) -> Option<(u64, usize)> {
    let input = |place: usize| {
        let price = plan.chain.get(place)?.model.price.input?;
        Some(u128::from(price) * u128::from(tokens) * u128::from(plan.role.retry.tries()))
    };
    let mut paid: u128 = 0;
    let mut worst = (0, 0);
    for (place, link) in plan.chain.iter().enumerate() {
        paid = paid.saturating_add(input(place)?);
        let answer = answer_tokens(plan.role, plan, place, max_tokens)?;
        let mut whole = paid + u128::from(link.model.price.output?) * u128::from(answer);
        // The link that was started beside the winner has read its input.
        if hedges(plan).is_some() && place + 1 < plan.chain.len() {
            whole += input(place + 1)?;
        }
        if whole > worst.0 {
            worst = (whole, place);
        }
    }
    let micro_dollars = worst.0.div_ceil(1_000_000);
    Some((u64::try_from(micro_dollars).unwrap_or(u64::MAX), worst.1))
}
