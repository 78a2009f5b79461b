//! Who may call: client keys, kept and compared as hashes.
//!
//! Owns the check of a request's credentials; provider keys are in [`crate::secrets`].

use std::net::SocketAddr;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The variable that holds `name:key,name:key`.
pub const CLIENT_KEYS: &str = "SFAI_CLIENT_KEYS";
/// Shorter keys can be guessed; they are refused off loopback.
const SHORTEST_KEY: usize = 16;
/// Values that stand in documentation and end up in deployments.
const PLACEHOLDERS: [&str; 6] =
    ["changeme", "your-api-key", "your_api_key", "replace-me", "placeholder", "example-key"];

/// The clients that may call. Without any, everyone may, which is refused off loopback.
#[derive(Default)]
pub struct ClientKeys {
    keys: Vec<ClientKey>,
}

struct ClientKey {
    name: String,
    hash: [u8; 32],
    /// Whether the key is fit for an address that others reach.
    weak: bool,
}

/// Why no keys can be had.
#[derive(Debug, PartialEq, Eq)]
pub struct BadKeys(pub String);

/// The caller is not known, as it is told to it.
#[derive(Debug, PartialEq, Eq)]
pub struct Unauthorized(pub &'static str);

impl ClientKeys {
    /// Reads `name:key,name:key`; blanks around the parts are dropped.
    ///
    /// # Errors
    /// When a part has no name or no key, or a name or key comes twice. Keys are never repeated in
    /// the message.
    pub fn parse(text: &str) -> Result<Self, BadKeys> {
        let mut keys: Vec<ClientKey> = Vec::new();
        for (at, part) in text.split(',').map(str::trim).enumerate() {
            if part.is_empty() {
                continue;
            }
            let key = ClientKey::parse(part)
                .ok_or_else(|| BadKeys(format!("part {} is not `name:key`", at + 1)))?;
            if keys.iter().any(|other| other.name == key.name || other.hash == key.hash) {
                return Err(BadKeys(format!("client `{}` or its key comes twice", key.name)));
            }
            keys.push(key);
        }
        Ok(Self { keys })
    }

    /// Whether everyone may call.
    pub fn is_open(&self) -> bool {
        self.keys.is_empty()
    }

    /// Holds these keys against the address that is to be served.
    ///
    /// # Errors
    /// Off loopback: when there are none, or one is short or a known placeholder.
    pub fn fit(&self, address: SocketAddr) -> Result<(), BadKeys> {
        if address.ip().is_loopback() {
            return Ok(());
        }
        if self.is_open() {
            return Err(BadKeys(format!(
                "{address} can be reached by others and no client key is configured: set {CLIENT_KEYS}=name:key, or listen on 127.0.0.1"
            )));
        }
        self.fit_for_others()
    }

    /// Holds these keys against an address that everyone reaches.
    ///
    /// # Errors
    /// When there are none, or one is short or a known placeholder.
    pub fn fit_for_others(&self) -> Result<(), BadKeys> {
        if self.is_open() {
            return Err(BadKeys(format!(
                "no client key is configured: set {CLIENT_KEYS}=name:key"
            )));
        }
        match self.keys.iter().find(|key| key.weak) {
            None => Ok(()),
            Some(key) => Err(BadKeys(format!(
                "the key of client `{}` is a placeholder or shorter than {SHORTEST_KEY} characters: make one with `openssl rand -hex 24`",
                key.name
            ))),
        }
    }

    /// The name of the client that a request's headers prove; none when everyone may call.
    ///
    /// # Errors
    /// When there is no credential, an unknown one, or several that differ.
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Option<&str>, Unauthorized> {
        if self.is_open() {
            return Ok(None);
        }
        let hash = Sha256::digest(credential(headers)?);
        // Every key is compared, so that the time says nothing about which one was close.
        let known = self.keys.iter().fold(None, |known, key| {
            if bool::from(key.hash.as_slice().ct_eq(&hash)) { Some(key) } else { known }
        });
        known.map(|key| Some(key.name.as_str())).ok_or(Unauthorized("The API key is not known."))
    }
}

impl ClientKey {
    fn parse(part: &str) -> Option<Self> {
        let (name, key) = part.split_once(':')?;
        let (name, key) = (name.trim(), key.trim());
        if name.is_empty() || key.is_empty() {
            return None;
        }
        let lower = key.to_ascii_lowercase();
        let weak = key.len() < SHORTEST_KEY || PLACEHOLDERS.iter().any(|it| lower.contains(it));
        Some(Self { name: name.into(), hash: Sha256::digest(key).into(), weak })
    }
}

/// The one credential of a request, wherever clients put it.
fn credential(headers: &HeaderMap) -> Result<&[u8], Unauthorized> {
    let bearer = headers.get_all(AUTHORIZATION).iter().map(|value| bearer(value.as_bytes()));
    let plain = ["x-api-key", "api-key"].into_iter().flat_map(|name| headers.get_all(name));
    let plain = plain.map(|value| Some(value.as_bytes()));
    let mut found = None;
    for credential in bearer.chain(plain) {
        let credential = credential
            .ok_or(Unauthorized("The Authorization header is not of the form `Bearer KEY`."))?;
        if found.is_some_and(|other: &[u8]| other != credential) {
            return Err(Unauthorized("The request has several API keys that differ."));
        }
        found = Some(credential);
    }
    found.ok_or(Unauthorized("An API key is needed: send `Authorization: Bearer KEY`."))
}

fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, key) = value.split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then(|| key.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRONG: &str = "ada:0123456789abcdef,bob:fedcba9876543210";

    fn headers(list: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in list {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_known_key_names_its_client_wherever_it_is_sent() {
        let keys = ClientKeys::parse(STRONG).unwrap();
        for (name, value) in [
            ("authorization", "Bearer fedcba9876543210"),
            ("authorization", "bearer  fedcba9876543210 "),
            ("x-api-key", "fedcba9876543210"),
            ("api-key", "fedcba9876543210"),
        ] {
            assert_eq!(keys.authenticate(&headers(&[(name, value)])), Ok(Some("bob")), "{name}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        let keys = ClientKeys::parse(STRONG).unwrap();
        for list in [
            &[][..],
            &[("authorization", "Bearer fedcba987654321")],
            &[("authorization", "fedcba9876543210")],
            &[("authorization", "Basic fedcba9876543210")],
            &[("authorization", "Bearer ")],
            &[("authorization", "Bearer fedcba9876543210"), ("x-api-key", "0123456789abcdef")],
            &[
                ("authorization", "Bearer fedcba9876543210"),
                ("authorization", "Bearer 0123456789abcdef"),
            ],
        ] {
            assert!(keys.authenticate(&headers(list)).is_err(), "{list:?}");
        }
    }

    #[test]
    fn without_keys_only_loopback_is_served() {
        let open = ClientKeys::parse("").unwrap();
        assert_eq!(open.authenticate(&headers(&[])), Ok(None));
        assert!(open.fit("127.0.0.1:1".parse().unwrap()).is_ok());
        assert!(open.fit("[::1]:1".parse().unwrap()).is_ok());
        assert!(open.fit("0.0.0.0:1".parse().unwrap()).unwrap_err().0.contains(CLIENT_KEYS));
    }

    #[test]
    fn weak_keys_are_refused_off_loopback() {
        for weak in ["ada:short", "ada:your-api-key-0123456789"] {
            let keys = ClientKeys::parse(weak).unwrap();
            assert!(keys.fit("127.0.0.1:1".parse().unwrap()).is_ok());
            assert!(keys.fit("10.0.0.1:1".parse().unwrap()).is_err(), "{weak}");
        }
        let strong = ClientKeys::parse(STRONG).unwrap();
        assert!(strong.fit("10.0.0.1:1".parse().unwrap()).is_ok());
    }

    #[test]
    fn what_is_not_a_list_of_keys_is_refused_without_repeating_a_key() {
        for (text, says) in [
            ("0123456789abcdef", "part 1 is not `name:key`"),
            ("ada:", "part 1"),
            ("ada:0123456789abcdef,ada:fedcba9876543210", "`ada`"),
            ("ada:0123456789abcdef,bob:0123456789abcdef", "`bob`"),
        ] {
            let message = ClientKeys::parse(text).err().unwrap().0;
            assert!(message.contains(says), "{message}");
            assert!(!message.contains("0123456789abcdef"), "{message}");
        }
    }
}
