//! Keys of providers and clients, found by name and never shown.
//!
//! Owns the lookup; what a client's key lets in is in [`crate::auth`].

use std::fmt;

use http::HeaderValue;
use model_map::ApiKey;

/// A key that cannot be used, by the name of what should hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingKey {
    variable: String,
    why: &'static str,
}

impl fmt::Display for MissingKey {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "the environment variable {} {}", self.variable, self.why)
    }
}

/// The environment variable that holds a key: the one that the map names, or for a secret's path
/// its last part.
pub fn variable(key: &ApiKey) -> &str {
    match key {
        ApiKey::Env(variable) => variable,
        ApiKey::Secret(path) => path.rsplit('/').next().unwrap_or(path),
    }
}

/// The key itself. `read` looks a variable up.
///
/// # Errors
/// When the variable is not set, or holds what no header can.
pub fn value(key: &ApiKey, read: impl Fn(&str) -> Option<String>) -> Result<String, MissingKey> {
    let variable = variable(key);
    let missing = |why| MissingKey { variable: variable.into(), why };
    let value = read(variable).ok_or_else(|| missing("is not set"))?;
    let value = value.trim();
    if value.is_empty() {
        return Err(missing("is empty"));
    }
    if HeaderValue::from_str(value).is_err() {
        return Err(missing("holds characters that no key has"));
    }
    Ok(value.to_owned())
}

/// The value of a header that proves who we are: `prefix` and the key.
///
/// # Errors
/// As [`value`].
pub fn header(
    key: &ApiKey,
    prefix: &str,
    read: impl Fn(&str) -> Option<String>,
) -> Result<HeaderValue, MissingKey> {
    let value = value(key, read)?;
    let why = "holds characters that no key has";
    let mut header = HeaderValue::from_str(&format!("{prefix}{value}"))
        .map_err(|_| MissingKey { variable: variable(key).into(), why })?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_from_the_variable_named_after_its_last_part() {
        let secret = ApiKey::Secret("/sfai/dev/OPENAI_API_KEY".into());
        let read = |name: &str| (name == "OPENAI_API_KEY").then(|| " k-1\n".to_owned());
        let value = header(&secret, "Bearer ", read).unwrap();
        assert_eq!(value, "Bearer k-1");
        assert!(!format!("{value:?}").contains("k-1"));
    }

    #[test]
    fn what_is_missing_is_named_and_never_shown() {
        let key = ApiKey::Env("KEY_X".into());
        let message = |value: Option<&str>| {
            header(&key, "", |_| value.map(str::to_owned)).unwrap_err().to_string()
        };
        assert_eq!(message(None), "the environment variable KEY_X is not set");
        assert_eq!(message(Some(" ")), "the environment variable KEY_X is empty");
        assert!(!message(Some("k\u{1}2")).contains("k\u{1}2"));
    }
}
