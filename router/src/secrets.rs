//! Keys of providers and clients, found by name and never shown.
//!
//! Owns the lookup; what a client's key lets in is in [`crate::auth`].

#[cfg(feature = "aws")]
pub mod store;

use std::fmt;

use http::HeaderValue;
use model_map::ApiKey;

/// A key that cannot be used: the name of what should hold it, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingKey(String);

impl fmt::Display for MissingKey {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
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

/// The key itself, from the environment. `read` looks a variable up.
///
/// # Errors
/// When the variable is not set, or holds what no header can.
pub fn value(key: &ApiKey, read: impl Fn(&str) -> Option<String>) -> Result<String, MissingKey> {
    let variable = variable(key);
    let missing = |why| MissingKey(format!("the environment variable {variable} {why}"));
    let value = read(variable).ok_or_else(|| missing("is not set"))?;
    usable(&value).map_err(missing)
}

/// A key without the blanks around it.
fn usable(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    if text.is_empty() {
        return Err("is empty");
    }
    if text.starts_with('{') {
        return Err("holds JSON: store the key alone, as plain text");
    }
    if HeaderValue::from_str(text).is_err() {
        return Err("holds characters that no key has");
    }
    Ok(text.to_owned())
}

/// The value of a header that proves who we are: `prefix` and the key.
///
/// # Errors
/// When no header can hold it; [`value`] gives no such key.
pub fn header(key: &str, prefix: &str) -> Result<HeaderValue, String> {
    let mut header =
        HeaderValue::from_str(&format!("{prefix}{key}")).map_err(|error| error.to_string())?;
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
        let value = header(&value(&secret, read).unwrap(), "Bearer ").unwrap();
        assert_eq!(value, "Bearer k-1");
        assert!(!format!("{value:?}").contains("k-1"));
    }

    #[test]
    fn what_is_missing_is_named_and_never_shown() {
        let key = ApiKey::Env("KEY_X".into());
        let message = |value: Option<&str>| {
            super::value(&key, |_| value.map(str::to_owned)).unwrap_err().to_string()
        };
        assert_eq!(message(None), "the environment variable KEY_X is not set");
        assert_eq!(message(Some(" ")), "the environment variable KEY_X is empty");
        assert!(!message(Some("k\u{1}2")).contains("k\u{1}2"));
        let json = message(Some(r#"{"KEY_X":"k-1"}"#));
        assert!(json.contains("plain text") && !json.contains("k-1"), "{json}");
    }
}
