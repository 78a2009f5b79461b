//! `sfai-router keys`: new keys for clients.
//!
//! Owns their making and their form; who may call with which is [`crate::auth`]'s.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

use crate::auth::hashed;

/// So that a key that is found somewhere can be told from others, by people and by scanners.
const PREFIX: &str = "sfai_";
/// 256 bits: nobody guesses them.
const BYTES: usize = 32;

/// A key and what to store of it.
pub struct NewKey {
    /// What the client sends. It is nowhere else.
    pub key: String,
    /// `name:sha256:…`, a part of `SFAI_CLIENT_KEYS`.
    pub stored: String,
}

impl std::fmt::Debug for NewKey {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        to.debug_struct("NewKey").field("stored", &self.stored).finish_non_exhaustive()
    }
}

/// Makes a key for a client.
///
/// # Errors
/// When the name cannot be one, or the system gives no random numbers.
pub fn new(name: &str) -> Result<NewKey, String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || "_-.@".contains(c);
    if name.is_empty() || !name.chars().all(is_word) {
        return Err(format!(
            "{name:?} is no client's name: letters, digits and _ - . @ are what it may have"
        ));
    }
    let mut bytes = [0; BYTES];
    let random = rustls::crypto::ring::default_provider().secure_random;
    random.fill(&mut bytes).map_err(|_| "the system gives no random numbers".to_owned())?;
    let key = format!("{PREFIX}{}", BASE64_URL_SAFE_NO_PAD.encode(bytes));
    let stored = format!("{name}:{}", hashed(&key));
    Ok(NewKey { key, stored })
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;

    use super::*;
    use crate::auth::{ClientKeys, Reach};

    #[test]
    fn a_new_key_opens_by_what_is_stored_of_it() {
        let new_key = new("ada").unwrap();
        assert!(!new_key.stored.contains(&new_key.key));
        assert_eq!(new_key.key.len(), PREFIX.len() + 43);
        let keys = ClientKeys::parse(&new_key.stored).unwrap();
        keys.fit(Reach::Everyone).unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("authorization", format!("Bearer {}", new_key.key).parse().unwrap());
        assert_eq!(keys.authenticate(&headers), Ok(Some("ada")));
        assert_ne!(new("ada").unwrap().key, new_key.key);
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for name in ["", "a:b", "a,b", "a b", "a\n"] {
            assert!(new(name).is_err(), "{name:?}");
        }
    }
}
