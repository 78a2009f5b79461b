//! Settings read one by one.
//!
//! Owns that none is lost: what nobody has taken is reported. What a setting means is for the
//! reader of its format.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{ImportError, Report};
use crate::rules::secret;

/// What is wrong with the value at `path`.
pub(super) fn wrong(path: &str, what: impl Into<String>) -> ImportError {
    ImportError { path: super::one_line(path), what: what.into() }
}

/// Holds that what becomes a name is no key that came to stand in the wrong place.
pub(super) fn no_secret(path: &str, name: &str) -> Result<(), ImportError> {
    if secret::find(name).is_empty() {
        return Ok(());
    }
    Err(wrong(path, "looks like a key, where a name belongs"))
}

/// An object and where it stands.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    path: String,
    fields: Map<String, Value>,
}

impl Settings {
    pub(super) fn of(path: &str, value: Value) -> Result<Self, ImportError> {
        match value {
            Value::Object(fields) => Ok(Self { path: path.to_owned(), fields }),
            Value::Null => Ok(Self { path: path.to_owned(), fields: Map::new() }),
            _ => Err(wrong(path, must_be("an object"))),
        }
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The path of one of its fields.
    pub(super) fn at(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.fields.get(key).is_some_and(|value| !value.is_null())
    }

    pub(super) fn keys(&self) -> Vec<String> {
        self.fields.keys().cloned().collect()
    }

    pub(super) fn value(&mut self, key: &str) -> Option<Value> {
        self.fields.remove(key).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, key: &str) -> Result<Option<String>, ImportError> {
        match self.value(key) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(wrong(&self.at(key), must_be("a text"))),
        }
    }

    /// A text that must be there.
    pub(super) fn needed(&mut self, key: &str) -> Result<String, ImportError> {
        let text = self.text(key)?.filter(|text| !text.trim().is_empty());
        text.ok_or_else(|| wrong(&self.at(key), "is missing"))
    }

    pub(super) fn number(&mut self, key: &str) -> Result<Option<f64>, ImportError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let number = match &value {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_f64(),
        };
        let number = number.filter(|number: &f64| number.is_finite() && *number >= 0.0);
        number.map(Some).ok_or_else(|| wrong(&self.at(key), must_be("a number from 0")))
    }

    pub(super) fn whole(&mut self, key: &str) -> Result<Option<u32>, ImportError> {
        let Some(value) = self.value(key) else { return Ok(None) };
        let number = match &value {
            Value::String(text) => text.trim().parse().ok(),
            other => other.as_u64(),
        };
        let number = number.and_then(|number| u32::try_from(number).ok());
        number.map(Some).ok_or_else(|| wrong(&self.at(key), must_be("a whole number from 0")))
    }

    /// A time in seconds, or in the unit of which `per_second` make one. Zero is none.
    pub(super) fn time(
        &mut self,
        key: &str,
        per_second: f64,
    ) -> Result<Option<Duration>, ImportError> {
        let Some(number) = self.number(key)? else { return Ok(None) };
        let milliseconds = (number / per_second * 1000.0).round() / 1000.0;
        let time = Duration::try_from_secs_f64(milliseconds);
        let time = time.map_err(|_| wrong(&self.at(key), "is longer than any time"))?;
        Ok(Some(time).filter(|time| !time.is_zero()))
    }

    /// The values of a list, each with its path.
    pub(super) fn list(&mut self, key: &str) -> Result<Vec<(String, Value)>, ImportError> {
        let path = self.at(key);
        match self.value(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(all)) => {
                let all = all.into_iter().enumerate();
                Ok(all.map(|(at, value)| (format!("{path}[{at}]"), value)).collect())
            }
            Some(_) => Err(wrong(&path, must_be("a list"))),
        }
    }

    pub(super) fn texts(&mut self, key: &str) -> Result<Vec<(String, String)>, ImportError> {
        let all = self.list(key)?.into_iter().map(|(path, value)| match value {
            Value::String(text) => Ok((path, text)),
            _ => Err(wrong(&path, must_be("a text"))),
        });
        all.collect()
    }

    /// An object in it; an empty one if there is none.
    pub(super) fn section(&mut self, key: &str) -> Result<Self, ImportError> {
        let path = self.at(key);
        Self::of(&path, self.value(key).unwrap_or_default())
    }

    /// Reports all that nobody has taken.
    pub(super) fn leave(self, report: &mut Report) {
        for (key, value) in &self.fields {
            if !value.is_null() {
                report.add(self.at(key), why(key));
            }
        }
    }
}

fn must_be(what: &str) -> String {
    format!("must be {what}")
}

/// Where to look for what is not said in a route file.
fn why(key: &str) -> &'static str {
    match key {
        "master_key" => "not carried over; declare each caller: `client NAME { key secret \"…\" }`",
        "cache" => "not carried over; there is no cache of answers",
        "rpm" | "tpm" | "max_budget" | "budget_duration" => {
            "not carried over; calls are limited by client, not by deployment"
        }
        "cooldown_time" | "allowed_fails" => "not carried over; the router's breakers decide",
        "routing_strategy" => "not carried over; a draw goes by fixed shares",
        "database_url" | "store_model_in_db" | "redis_host" | "redis_port" | "redis_password" => {
            "not carried over; the router keeps nothing but its map"
        }
        "callbacks" | "success_callback" | "failure_callback" => {
            "not carried over; the audit log is written with `audit metadata` or `audit full`"
        }
        _ if key.starts_with("supports_") => "not carried over; a `model` block states `accepts`",
        "drop_params" => {
            "not carried over; what a link cannot take is dropped unless a role is `strict`"
        }
        "allowed_fails_policy" => "not carried over; the router's breakers decide",
        "retry_after" => "not carried over; a `retry` has its own `backoff`",
        "input_guardrails"
        | "output_guardrails"
        | "before_request_hooks"
        | "after_request_hooks" => "not carried over; there are no guardrails",
        "api_version" => "not carried over; the address that is called needs none",
        _ => "not carried over",
    }
}
