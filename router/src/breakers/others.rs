//! What instances of the router tell each other of models: words about each, in one item.
//!
//! Owns which word counts here and for how long, and the updates that write one. It is pure; when
//! the item is read and written is [`super::fleet`]'s.
//!
//! Whoever opens a breaker holds it: all others leave the model alone until it has cooled down and
//! for a turn beyond, in which the holder probes alone. A probe is told of in the same way, as long
//! as its verdict may take. So a fleet probes once, as one instance does; should the holder be gone,
//! the others come one after another.

use std::collections::HashMap;
use std::time::Duration;

use model_map::breaker::{LONGEST_COOL_DOWN, PROBE_LEASE};
use serde_json::{Value, json};

use crate::aws::dynamo::{Item, Update, number, number_of, text, text_of};

/// The item.
pub(super) const ITEM: &str = "breakers";
/// Before a model's name, as an attribute of it.
const PREFIX: &str = "m/";
/// How long a model is the holder's alone once it has cooled down: the holder's probe begins and
/// the others hear of it meanwhile, who read the item every second.
const TURN: Duration = Duration::from_secs(2);
/// Over so long the others are spread after that.
const SPREAD: Duration = Duration::from_secs(2);
/// A model is left alone for no word for longer than this, whatever its clock says.
const LONGEST: Duration =
    Duration::from_secs(if LONGEST_COOL_DOWN.as_secs() > PROBE_LEASE.as_secs() {
        LONGEST_COOL_DOWN.as_secs()
    } else {
        PROBE_LEASE.as_secs()
    });
/// How long the item is kept after the last word.
const KEPT: Duration = Duration::from_secs(24 * 3_600);

/// What an instance says of a model. Times are milliseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    /// Who has the next probe.
    pub(super) holder: String,
    /// When it was said.
    pub(super) made: u64,
    /// Until when the holder leaves the model alone, or its probe may last.
    pub(super) until: u64,
}

/// What is to be told of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    Held(Word),
    /// It answers, at that time.
    Closed(u64),
}

/// What a breaker here is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Order {
    OpenFor(Duration),
    Close,
}

/// When an item was read.
pub(super) struct Reading {
    /// When that began and when it was over, on the clock of this process.
    pub(super) began: Duration,
    pub(super) now: Duration,
    /// The time of day then.
    pub(super) wall: u64,
}

/// What this instance has heard.
pub(super) struct Others {
    pub(super) me: String,
    models: HashMap<String, Heard>,
}

/// Of one model.
#[derive(Debug, Default)]
struct Heard {
    /// The last word, and whose it is.
    word: Option<(Word, Stand)>,
    /// When this instance itself had something to tell: what was read before says nothing of after.
    touched: Option<Duration>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// The model is left alone until then, on the clock of this process.
    Counts(Duration),
    Ours,
    /// It has no meaning any more: it is too old, or the model was found to answer since.
    Over,
}

impl Others {
    pub(super) fn new(me: String) -> Self {
        Self { me, models: HashMap::new() }
    }

    /// Takes in what all say, and gives what follows for breakers here. `is_busy` is true of models
    /// of which something is still to be told; `jitter` gives numbers from 0 to 1.
    pub(super) fn learn(
        &mut self,
        words: HashMap<String, Word>,
        reading: &Reading,
        is_busy: impl Fn(&str) -> bool,
        mut jitter: impl FnMut() -> f64,
    ) -> Vec<(String, Order)> {
        let mut orders = Vec::new();
        let current = |model: &str, heard: &Heard| {
            !is_busy(model) && heard.touched.is_none_or(|at| at < reading.began)
        };
        for (model, heard) in &mut self.models {
            if !words.contains_key(model)
                && current(model, heard)
                && let Some((_, Stand::Counts(_) | Stand::Ours)) = heard.word.take()
            {
                orders.push((model.clone(), Order::Close));
            }
        }
        for (model, word) in words {
            let heard = self.models.entry(model.clone()).or_default();
            if !current(&model, heard) {
                continue;
            }
            let known = heard.word.take().filter(|(known, _)| *known == word);
            let stand = match known {
                Some((_, stand)) => stand,
                None if word.holder == self.me => Stand::Ours,
                None => first_heard(&word, reading, jitter()),
            };
            if let Stand::Counts(until) = stand
                && until > reading.now
            {
                orders.push((model, Order::OpenFor(until - reading.now)));
            }
            heard.word = Some((word, stand));
        }
        orders
    }

    /// This instance has found something out itself.
    pub(super) fn found(&mut self, model: &str, event: &Event, now: Duration) {
        let heard = self.models.entry(model.to_owned()).or_default();
        heard.touched = Some(now);
        if let (Event::Closed(_), Some((_, stand))) = (event, &mut heard.word) {
            *stand = Stand::Over;
        }
    }

    /// What it told is in the item.
    pub(super) fn told(&mut self, model: &str, event: Event, now: Duration) {
        let heard = self.models.entry(model.to_owned()).or_default();
        heard.touched = Some(now);
        heard.word = match event {
            Event::Held(word) => Some((word, Stand::Ours)),
            Event::Closed(_) => None,
        };
    }
}

/// How long a word counts that was not known before.
fn first_heard(word: &Word, reading: &Reading, jitter: f64) -> Stand {
    let beyond = TURN + SPREAD.mul_f64(jitter);
    // What a clock that is wrong makes of it is bounded on both sides.
    let ahead = Duration::from_millis(word.until.saturating_sub(reading.wall)).min(LONGEST);
    let behind = Duration::from_millis(reading.wall.saturating_sub(word.until));
    match (ahead + beyond).checked_sub(behind) {
        Some(left) if !left.is_zero() => Stand::Counts(reading.now + left),
        _ => Stand::Over,
    }
}

/// The words that the item holds; what is none is left out.
pub(super) fn words(item: &Item) -> HashMap<String, Word> {
    let word = |value: &Value| {
        let fields = value.get("M")?.as_object()?;
        Some(Word {
            holder: text_of(fields, "holder")?.to_owned(),
            made: number_of(fields, "made_ms")?,
            until: number_of(fields, "until_ms")?,
        })
    };
    let named = item.iter().filter_map(|(name, value)| Some((name.strip_prefix(PREFIX)?, value)));
    named.filter_map(|(model, value)| Some((model.to_owned(), word(value)?))).collect()
}

/// The update that tells of a model. It is made only where nobody else has said more.
pub(super) fn update(model: &str, event: &Event, wall: u64) -> Update {
    let kept = number(wall / 1_000 + KEPT.as_secs());
    let (change, condition, names, values) = match event {
        Event::Held(Word { holder, made, until }) => (
            "SET #model = :word, expires_at = :kept",
            "attribute_not_exists(#model) OR #model.#holder = :me OR #model.#until < :until",
            json!({"#holder": "holder", "#until": "until_ms"}),
            json!({":me": text(holder), ":until": number(until), ":word": {"M": {
                "holder": text(holder), "made_ms": number(made), "until_ms": number(until)}}}),
        ),
        // What was said later, somebody knows better.
        Event::Closed(at) => (
            "SET expires_at = :kept REMOVE #model",
            "#model.#made <= :at",
            json!({"#made": "made_ms"}),
            json!({":at": number(at)}),
        ),
    };
    let entries = |value: Value| match value {
        Value::Object(entries) => entries,
        _ => Item::new(),
    };
    let (mut names, mut values) = (entries(names), entries(values));
    names.insert("#model".into(), format!("{PREFIX}{model}").into());
    values.insert(":kept".into(), kept);
    let (change, condition) = (change.into(), condition.into());
    Update { id: ITEM.into(), change, condition, names, values }
}

#[cfg(test)]
mod tests;
