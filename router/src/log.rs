//! Lines for people and for log collectors, on stderr.
//!
//! Owns their two forms. No prompt, no answer and no secret is in any of them, with one exception
//! that is argued in `docs/audit.md`: a record that cannot be stored is logged whole, since the
//! log is then the only place left for it.

mod unstored;

use std::io::Write;
use std::sync::OnceLock;
use std::time::SystemTime;

use model_map::audit::{AttemptRecord, Record, RequestOutcome, UsageRecord};
use serde::Serialize;

use crate::audit::record::{milliseconds, request_id, rfc3339};
use crate::metrics;
use crate::observer::Refused;

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
    /// The same, in CloudWatch's embedded metric format: a line is read as metrics, too.
    Embedded,
}

impl Format {
    /// The format of a name, the value of `SFAI_LOG`.
    ///
    /// # Errors
    /// When it is neither `json` nor `text`.
    pub fn parse(name: &str) -> Result<Self, String> {
        match name {
            "json" => Ok(Self::Json),
            "text" => Ok(Self::Text),
            _ => Err(format!("SFAI_LOG is `{name}`: it is either `json` or `text`")),
        }
    }
}

/// How the process speaks of itself; set once, when it starts.
static VOICE: OnceLock<Format> = OnceLock::new();

/// From now on the process speaks of itself in this form; text until then.
pub fn speak(format: Format) {
    let _ = VOICE.set(format);
}

/// One line about the router itself.
pub fn say(line: &str) {
    match VOICE.get() {
        Some(Format::Json | Format::Embedded) => {
            json(&Said { time: now(), level: "info", message: line })
        }
        _ => put(&format!("sfai-router {line}\n")),
    }
}

#[derive(Serialize)]
struct Said<'a> {
    time: String,
    level: &'static str,
    message: &'a str,
}

/// A record that could not be stored, whole, so that it is not lost. `counted` is the environment,
/// where the failure is to be a metric.
pub(crate) fn not_stored(why: &str, record: &str, counted: Option<&str>) {
    unstored::lines(&now(), why, record.trim_end()).iter().for_each(|line| put(line));
    if let Some(env) = counted {
        json(&metrics::embedded_failure(env, SystemTime::now()));
    }
}

/// The table that instances share could not be asked: a metric, where metrics are read from lines.
#[cfg(feature = "aws")]
pub(crate) fn state_failed(env: &str) {
    if let Some(Format::Embedded) = VOICE.get() {
        json(&metrics::embedded_state_failure(env, SystemTime::now()));
    }
}

/// How much of the configuration is in trouble, where lines are metrics. It is told with every look,
/// so that an alarm lasts as long as the trouble; in words it was said once.
#[cfg(feature = "aws")]
pub(crate) fn troubled(env: &str, troubles: usize) {
    if VOICE.get() == Some(&Format::Embedded) {
        json(&metrics::embedded_trouble(env, troubles, SystemTime::now()));
    }
}

/// A request that is over.
pub(crate) fn request(format: Format, record: &Record) {
    match format {
        Format::Json => json(&Request::of(record)),
        Format::Embedded => json(&Counted {
            line: Request::of(record),
            numbers: metrics::embedded(record, SystemTime::now()),
        }),
        Format::Text => put(&text(record)),
    }
}

/// A line that is read as metrics, too.
#[derive(Serialize)]
struct Counted<L> {
    #[serde(flatten)]
    line: L,
    #[serde(flatten)]
    numbers: metrics::Embedded,
}

/// A request as its record has it, without what it was made from and what was said.
#[derive(Serialize)]
struct Request<'a> {
    time: &'a str,
    level: &'static str,
    message: &'static str,
    id: &'a str,
    env: &'a str,
    map: &'a str,
    client: Option<&'a str>,
    role: &'a str,
    rule: &'a str,
    model: Option<&'a str>,
    status: u16,
    outcome: RequestOutcome,
    finish: Option<&'a str>,
    first_token_ms: Option<u64>,
    total_ms: u64,
    usage: Option<UsageRecord>,
    cost_usd: Option<&'a str>,
    dropped: &'a [String],
    skipped: &'a [String],
    attempts: &'a [AttemptRecord],
}

impl<'a> Request<'a> {
    fn of(record: &'a Record) -> Self {
        Self {
            time: &record.time,
            level: if went_well(record) { "info" } else { "warn" },
            message: "request",
            id: &record.id,
            env: &record.env,
            map: &record.map,
            client: record.client.as_deref(),
            role: &record.role,
            rule: &record.rule,
            model: record.model.as_deref(),
            status: record.status,
            outcome: record.outcome,
            finish: record.finish.as_deref(),
            first_token_ms: record.first_token_ms,
            total_ms: record.total_ms,
            usage: record.usage,
            cost_usd: record.cost_usd.as_deref(),
            dropped: &record.dropped,
            skipped: &record.skipped,
            attempts: &record.attempts,
        }
    }
}

/// Whether the router and its providers did what they are for; what is the client's own mistake is
/// no failure of theirs.
pub(crate) fn went_well(record: &Record) -> bool {
    match record.outcome {
        RequestOutcome::Answered | RequestOutcome::Left => true,
        RequestOutcome::Broken => false,
        RequestOutcome::Failed => record.status < 500 && record.status != 429,
    }
}

fn text(record: &Record) -> String {
    let mut line = format!("{} {} {}", record.time, record.status, record.role);
    let mut add = |words: String| {
        line.push(' ');
        line.push_str(&words);
    };
    add(outcome(record.outcome).to_owned());
    let tried = record.attempts.iter().map(|attempt| {
        let class = attempt.class.map_or("ok", |class| class.name());
        let cancelled = attempt.class.is_none() && record.model.as_ref() != Some(&attempt.model);
        format!("{}={}", attempt.model, if cancelled { "cancelled" } else { class })
    });
    add(tried.collect::<Vec<_>>().join(","));
    if let Some(first) = record.first_token_ms {
        add(format!("first={first}ms"));
    }
    add(format!("total={}ms", record.total_ms));
    if let Some(usage) = record.usage {
        add(format!("in={} cached={} out={}", usage.input, usage.cache_read, usage.output));
    }
    if let Some(cost) = &record.cost_usd {
        add(format!("cost=${cost}"));
    }
    if let Some(client) = &record.client {
        add(format!("client={client}"));
    }
    add(record.id.clone());
    line.push('\n');
    // Names come from the map, whose strings may hold anything.
    line.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

/// How a request ended, in a word.
pub(crate) fn outcome(outcome: RequestOutcome) -> &'static str {
    match outcome {
        RequestOutcome::Answered => "answered",
        RequestOutcome::Left => "left",
        RequestOutcome::Broken => "broken",
        RequestOutcome::Failed => "failed",
    }
}

/// A request that was turned away before it had a plan.
pub(crate) fn refused(format: Format, refused: &Refused) {
    let (time, id) = (rfc3339(refused.time), request_id(refused.id));
    let (env, status, total_ms) = (&refused.env, refused.status, milliseconds(refused.total));
    let (level, message) = ("info", "refused");
    let line = |time, id| RefusedLine { time, level, message, id, env, status, total_ms };
    match format {
        Format::Json => json(&line(time, id)),
        Format::Embedded => json(&Counted {
            line: line(time, id),
            numbers: metrics::embedded_refusal(env, SystemTime::now()),
        }),
        Format::Text => put(&format!("{time} {status} refused total={total_ms}ms {id}\n")),
    }
}

#[derive(Serialize)]
struct RefusedLine<'a> {
    time: String,
    level: &'static str,
    message: &'static str,
    id: String,
    env: &'a str,
    status: u16,
    total_ms: u64,
}

fn json(line: &impl Serialize) {
    if let Ok(line) = serde_json::to_string(line) {
        put(&format!("{line}\n"));
    }
}

fn now() -> String {
    rfc3339(SystemTime::now())
}

/// With one write, so that lines of several threads do not mix.
fn put(line: &str) {
    // Where stderr is gone there is nobody left to tell.
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}
