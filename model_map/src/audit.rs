//! The audit record of a request: what was asked of the router, what it tried and what came of it.
//!
//! Owns the record's shape, version 1, one JSON object a line; writing records is the router's,
//! planning them again `sfai-dsl replay`'s.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::facts::RequestFacts;
use crate::failure::FailureClass;

/// The only version that this one reads and writes.
pub const VERSION: u32 = 1;

/// One request. Times are milliseconds since it came in.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Record {
    /// In the order in which they began.
    pub attempts: Vec<AttemptRecord>,
    /// The client's name, where clients have names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// What all attempts cost together in millionths of a US dollar, rounded; where the usage and
    /// the price of each that used something are known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_micro_dollars: Option<u64>,
    /// The same in US dollars, exact: a decimal number such as `0.00128655`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_usd: Option<String>,
    /// The percent that the draw of a weighted link fell on, from 0 to 99.
    pub draw: u8,
    /// Request parameters that the model does not take.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<String>,
    /// The environment of the map.
    pub env: String,
    /// What the plan was made from.
    pub facts: RequestFacts,
    /// Why the answer ended, as the client saw it: `stop`, `length`, `tool_calls`,
    /// `content_filter`, or `other` for a reason that OpenAI has no name for; none where it got no
    /// answer or a broken one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finish: Option<String>,
    /// When the answer began to be sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_ms: Option<u64>,
    /// The id that the client saw in `x-request-id`.
    pub id: String,
    /// The digest of the map.
    pub map: String,
    /// Who answered, `provider/model-id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Models whose breakers opened by what its attempts found.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub opened: Vec<String>,
    /// How it ended.
    pub outcome: RequestOutcome,
    /// What the client sent; only with `audit full`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<serde_json::Value>"))]
    pub request: Option<Box<RawValue>>,
    /// What the client got, streams joined; only with `audit full`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<serde_json::Value>"))]
    pub response: Option<Box<RawValue>>,
    /// The role.
    pub role: String,
    /// The line that decided, `routes/backend.sfr:38`.
    pub rule: String,
    /// Models that were passed over, since their breakers were open.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<String>,
    /// The HTTP status that the client got.
    pub status: u16,
    /// When the request came in, RFC 3339 in UTC.
    pub time: String,
    /// When it was over.
    pub total_ms: u64,
    /// What the provider of the answer says it used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageRecord>,
    /// [`VERSION`].
    pub version: u32,
}

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum RequestOutcome {
    /// With a whole answer.
    Answered,
    /// The client left before the end.
    Left,
    /// The answer broke off after it had begun.
    Broken,
    /// No link answered.
    Failed,
}

/// One attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AttemptRecord {
    /// Why it failed, or broke off after it had begun to answer; none when it answered or was
    /// cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class: Option<FailureClass>,
    /// When it was over.
    pub ended_ms: u64,
    /// Its first content, reasoning or tool delta.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_token_ms: Option<u64>,
    /// `provider/model-id`.
    pub model: String,
    /// When it was called.
    pub started_ms: u64,
    /// The provider's HTTP status, if it refused with one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// What its provider says it used, so far as it told before it failed or was cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<UsageRecord>,
}

/// Tokens, as the provider counts them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct UsageRecord {
    /// The part of `input` that was read from a cache.
    pub cache_read: u64,
    /// The part of `input` that was written to one.
    pub cache_write: u64,
    /// All input.
    pub input: u64,
    /// All output, reasoning included.
    pub output: u64,
    /// The part of `output` that was reasoning, where the provider says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<u64>,
}

/// Why a line is no record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotARecord(pub String);

impl std::fmt::Display for NotARecord {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.write_str(&self.0)
    }
}

impl std::error::Error for NotARecord {}

/// Reads one line of an audit log. Keys that this version does not know are passed over, so that
/// records of later versions of the router can still be planned again.
///
/// # Errors
/// When it is no JSON object of this shape, or of another version.
pub fn read(line: &[u8]) -> Result<Record, NotARecord> {
    let record: Record =
        serde_json::from_slice(line).map_err(|error| NotARecord(error.to_string()))?;
    if record.version == VERSION {
        return Ok(record);
    }
    let (found, known) = (record.version, VERSION);
    Err(NotARecord(format!("its version is {found}, this one reads {known}")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record() -> serde_json::Value {
        json!({
            "attempts": [
                {"class": "overloaded", "ended_ms": 210, "model": "anthropic/a", "started_ms": 1,
                 "status": 529},
                {"ended_ms": 2400, "first_token_ms": 700, "model": "openai/b", "started_ms": 210,
                 "usage": {"cache_read": 0, "cache_write": 0, "input": 800, "output": 90}},
            ],
            "client": "ada", "cost_micro_dollars": 1200, "cost_usd": "0.0012003", "draw": 17, "env": "prod",
            "facts": {"client": "ada", "image": true, "messages": 3, "tokens": 812},
            "finish": "stop", "first_token_ms": 700, "id": "req_1", "map": "sha256:0",
            "model": "openai/b", "outcome": "answered", "role": "coder", "rule": "a.sfr:3",
            "status": 200, "time": "2026-11-25T10:00:00.000Z", "total_ms": 2400,
            "usage": {"cache_read": 0, "cache_write": 0, "input": 800, "output": 90},
            "version": 1,
        })
    }

    #[test]
    fn what_is_written_is_read_back() {
        let read_back = read(record().to_string().as_bytes()).unwrap();
        assert_eq!(serde_json::to_value(&read_back).unwrap(), record());
    }

    #[test]
    fn other_versions_and_other_things_are_refused() {
        let mut later = record();
        later["version"] = 2.into();
        let refusal = |line: &str| read(line.as_bytes()).unwrap_err().0;
        assert_eq!(refusal(&later.to_string()), "its version is 2, this one reads 1");
        assert!(refusal("{}").contains("missing field"));
        assert!(refusal("{\"id\":").contains("EOF"));
    }

    #[test]
    fn keys_of_later_routers_are_passed_over() {
        let mut more = record();
        more["region"] = "ap-northeast-1".into();
        assert!(read(more.to_string().as_bytes()).is_ok());
    }
}
