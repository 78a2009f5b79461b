//! What of a role its survival of a loss depends on.
//!
//! Owns this choice; whether the role survives is proved in [`crate::analysis::ensure`].

use std::collections::BTreeSet;
use std::hash::Hasher;
use std::time::Duration;

use model_map::{Condition, FailureClass, estimate_tokens};

use crate::program::{Arm, Guard, Link, Model, Program, Role, TimeoutChanges};

/// All of a role that the loss of a provider could depend on: not what is asked of a model, nor
/// how its prompt reads. Roles of one shape survive the same losses.
#[derive(Debug, PartialEq, Eq, Hash)]
pub(super) struct Shape<'p> {
    arms: Vec<ArmShape<'p>>,
    guards: Vec<(&'p Condition, [Option<Duration>; 4])>,
    timeouts: [Duration; 4],
    retry: Option<(u32, &'p BTreeSet<FailureClass>, (Duration, Duration))>,
    fallback: &'p BTreeSet<FailureClass>,
    hedge: Option<Duration>,
    prompt_tokens: u64,
    callers: Vec<&'p str>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct ArmShape<'p> {
    when: Option<&'p Condition>,
    /// The draw's percents, then the chain; a model is told from another by where it is kept.
    draw: Vec<u32>,
    links: Vec<*const Model>,
}

/// Hashes shapes. Each has some fifty small numbers, over which the standard hasher, made for keys
/// from strangers, takes longer than all else about them.
#[derive(Debug, Default)]
pub(super) struct Mixer(u64);

impl Mixer {
    fn mix(&mut self, word: u64) {
        // The fractional part of the golden ratio, as in Knuth's multiplicative hashing.
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

impl Hasher for Mixer {
    fn write(&mut self, bytes: &[u8]) {
        for chunk in bytes.chunks(8) {
            self.mix(chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)));
        }
    }

    fn write_u32(&mut self, number: u32) {
        self.mix(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        self.mix(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.mix(number as u64);
    }

    fn write_isize(&mut self, number: isize) {
        self.mix(number.cast_unsigned() as u64);
    }

    /// The upper bits hold the most, and tables ask for the lower ones, too.
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}

impl<'p> Shape<'p> {
    pub(super) fn of(program: &'p Program, name: &str, role: &'p Role) -> Self {
        let times = &role.timeouts;
        let prompts = role.system.iter().flat_map(|system| &system.prompts);
        let may_ask = |client: &crate::program::Client| {
            client.allow.as_ref().is_none_or(|allow| allow.contains_key(name))
        };
        let callers = program.clients.iter().filter(|(_, client)| may_ask(client));
        Self {
            arms: role.each_arm().iter().map(ArmShape::of).collect(),
            guards: role.guards.iter().map(guard).collect(),
            timeouts: [times.connect, times.first_token, times.idle, times.total]
                .map(|time| time.value),
            retry: role.retry.as_ref().map(|retry| (retry.count, &retry.on, retry.backoff)),
            fallback: &role.fallback.value,
            hedge: role.hedge.map(|hedge| hedge.value),
            prompt_tokens: prompts.map(|prompt| estimate_tokens(&prompt.text)).sum(),
            callers: callers.map(|(name, _)| name.as_str()).collect(),
        }
    }
}

impl<'p> ArmShape<'p> {
    fn of(arm: &'p Arm) -> Self {
        let model = |link: &Link| std::sync::Arc::as_ptr(&link.model);
        Self {
            when: arm.when.as_ref().map(|when| &when.condition),
            draw: arm.draw.iter().map(|share| share.percent).collect(),
            links: arm.links().map(model).collect(),
        }
    }
}

fn guard(guard: &Guard) -> (&Condition, [Option<Duration>; 4]) {
    let TimeoutChanges { connect, first_token, idle, total } = guard.timeouts;
    let times = [connect, first_token, idle, total].map(|time| time.map(|time| time.value));
    (&guard.when.condition, times)
}
