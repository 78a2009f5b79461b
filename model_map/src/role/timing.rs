//! When a role gives up and how often it tries again, in `model_map.json`.
//!
//! Owns these shapes and their built-in values; what comes of them is [`crate::attempt`]'s.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::failure::FailureClass;
use crate::map::milliseconds;

/// Retries on one link.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Tries beyond the first, on each link.
    pub count: u32,
    /// The longest back-off before jitter.
    #[serde(rename = "max_backoff_ms", with = "milliseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub max_backoff: Duration,
    /// The first back-off before jitter; it doubles from there.
    #[serde(rename = "min_backoff_ms", with = "milliseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub min_backoff: Duration,
    /// The failures that are retried: classes for which [`FailureClass::is_retryable`] holds.
    pub on: BTreeSet<FailureClass>,
}

impl Retry {
    /// The tries that one link gets at most.
    pub fn tries(&self) -> u32 {
        if self.on.is_empty() { 1 } else { self.count.saturating_add(1) }
    }
}

impl Default for Retry {
    /// No retry; the back-off that `retry` has when it names none.
    fn default() -> Self {
        Self {
            count: 0,
            max_backoff: Duration::from_secs(5),
            min_backoff: Duration::from_millis(200),
            on: BTreeSet::new(),
        }
    }
}

/// When to give up, all from before the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Timeouts {
    /// Name resolution, TCP and TLS of one attempt; lies inside `first_token`.
    #[serde(rename = "connect_ms", with = "milliseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub connect: Duration,
    /// From an attempt's start to its first content, reasoning or tool delta.
    #[serde(rename = "first_token_ms", with = "milliseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub first_token: Duration,
    /// Between two events of a stream.
    #[serde(rename = "idle_ms", with = "milliseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub idle: Duration,
    /// The whole request, all attempts and back-off included.
    #[serde(rename = "total_ms", with = "milliseconds")]
    #[cfg_attr(feature = "schema", schemars(with = "u64"))]
    pub total: Duration,
}

impl Default for Timeouts {
    /// The language's built-in values.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            first_token: Duration::from_secs(20),
            idle: Duration::from_secs(30),
            total: Duration::from_secs(300),
        }
    }
}

impl Timeouts {
    /// With those that `changes` names in place of its own.
    pub fn with(self, changes: &TimeoutChanges) -> Self {
        Self {
            connect: changes.connect.unwrap_or(self.connect),
            first_token: changes.first_token.unwrap_or(self.first_token),
            idle: changes.idle.unwrap_or(self.idle),
            total: changes.total.unwrap_or(self.total),
        }
    }
}

/// Some of the [`Timeouts`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
#[expect(missing_docs, reason = "as in `Timeouts`")]
pub struct TimeoutChanges {
    #[serde(
        default,
        rename = "connect_ms",
        with = "optional_milliseconds",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub connect: Option<Duration>,
    #[serde(
        default,
        rename = "first_token_ms",
        with = "optional_milliseconds",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub first_token: Option<Duration>,
    #[serde(
        default,
        rename = "idle_ms",
        with = "optional_milliseconds",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub idle: Option<Duration>,
    #[serde(
        default,
        rename = "total_ms",
        with = "optional_milliseconds",
        skip_serializing_if = "Option::is_none"
    )]
    #[cfg_attr(feature = "schema", schemars(with = "Option<u64>"))]
    pub total: Option<Duration>,
}

/// A [`Duration`] that may be absent, as whole milliseconds.
pub(super) mod optional_milliseconds {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde hands over a reference")]
    pub(in crate::role) fn serialize<S: Serializer>(
        value: &Option<Duration>,
        to: S,
    ) -> Result<S::Ok, S::Error> {
        let millis = value.map(|it| u64::try_from(it.as_millis()).unwrap_or(u64::MAX));
        millis.serialize(to)
    }

    pub(in crate::role) fn deserialize<'de, D: Deserializer<'de>>(
        from: D,
    ) -> Result<Option<Duration>, D::Error> {
        Ok(Option::<u64>::deserialize(from)?.map(Duration::from_millis))
    }
}
