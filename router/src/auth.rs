//! Who may call: client keys, kept and compared as hashes.
//!
//! Owns the check of a request's credentials; provider keys are in [`crate::secrets`].

use std::collections::BTreeMap;
use std::net::SocketAddr;

use http::HeaderMap;
use http::header::AUTHORIZATION;
use model_map::{ApiKey, Client};
use sha2::{Digest, Sha256};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use crate::secrets::MissingKey;

/// The variable that holds `name:key,name:key`.
pub const CLIENT_KEYS: &str = "SFAI_CLIENT_KEYS";
/// Begins as OpenAI's own text does: litellm, and so aider, knows a wrong key from a wrong request
/// by these words alone.
const WRONG_KEY: &str = "Incorrect API key provided: no client has it.";
/// Shorter keys can be guessed; they are refused off loopback.
const SHORTEST_KEY: usize = 16;
/// Before a hash that stands in place of a key.
const HASHED: &str = "sha256:";
/// Values that stand in documentation and end up in deployments.
const PLACEHOLDERS: [&str; 6] =
    ["changeme", "your-api-key", "your_api_key", "replace-me", "placeholder", "example-key"];

/// The clients that may call. Without any, everyone may, which is refused off loopback.
#[derive(Default, Clone)]
pub struct ClientKeys {
    keys: Vec<ClientKey>,
    /// Clients of the map whose key is not to be had, and why: they keep the router closed.
    missing: Vec<String>,
}

/// Who can reach the router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Whoever reaches this address.
    Address(SocketAddr),
    /// Anyone.
    Everyone,
}

#[derive(Clone)]
struct ClientKey {
    name: String,
    hash: [u8; 32],
    /// Whether the key is fit for an address that others reach.
    weak: bool,
}

/// A client that has proved who it is, to the keys that it proved it to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known(usize);

/// Why no keys can be had.
#[derive(Debug, PartialEq, Eq)]
pub struct BadKeys(pub String);

/// The caller is not known, as it is told to it.
#[derive(Debug, PartialEq, Eq)]
pub struct Unauthorized(pub &'static str);

impl ClientKeys {
    /// Reads `name:key,name:key`; blanks around the parts are dropped. In place of a key may stand
    /// its hash, `sha256:` and 64 hexadecimal digits.
    ///
    /// # Errors
    /// When a part has no name or no key, or a name or key comes twice. Keys are never repeated in
    /// the message.
    pub fn parse(text: &str) -> Result<Self, BadKeys> {
        let mut keys = Self::default();
        for (at, part) in text.split(',').map(str::trim).enumerate() {
            if part.is_empty() {
                continue;
            }
            let key = ClientKey::parse(part)
                .ok_or_else(|| BadKeys(format!("part {} is not `name:key`", at + 1)))?;
            keys.add(key)?;
        }
        Ok(keys)
    }

    fn add(&mut self, key: ClientKey) -> Result<(), BadKeys> {
        if self.keys.iter().any(|other| other.name == key.name || other.hash == key.hash) {
            return Err(BadKeys(format!("client `{}` or its key comes twice", key.name)));
        }
        self.keys.push(key);
        Ok(())
    }

    /// With the keys of a map's clients, which `read` looks up. A client without a key there has the
    /// one that its name has here.
    ///
    /// # Errors
    /// When a client has a key in both places, or two clients have the same key.
    pub fn with(
        &self,
        clients: &BTreeMap<String, Client>,
        read: impl Fn(&ApiKey) -> Result<String, MissingKey>,
    ) -> Result<Self, BadKeys> {
        let mut all = self.clone();
        for (name, client) in clients {
            let Some(key) = &client.key else { continue };
            if self.keys.iter().any(|other| other.name == *name) {
                return Err(BadKeys(format!(
                    "client `{name}` has a key in the map and one in {CLIENT_KEYS}: take it out of one of them"
                )));
            }
            match read(key) {
                Ok(key) => {
                    let key = ClientKey::new(name, &key);
                    let mistaken = || BadKeys(format!("the hash of client `{name}` is no SHA-256"));
                    all.add(key.ok_or_else(mistaken)?)?;
                }
                Err(missing) => {
                    all.missing.push(format!("client `{name}` has no key: {missing}"));
                }
            }
        }
        Ok(all)
    }

    /// Whether everyone may call.
    pub fn is_open(&self) -> bool {
        self.keys.is_empty() && self.missing.is_empty()
    }

    /// What clients of the map lack to call, one sentence each.
    pub fn missing(&self) -> impl Iterator<Item = &str> {
        self.missing.iter().map(String::as_str)
    }

    /// Holds these keys against who can send one.
    ///
    /// # Errors
    /// Off loopback: when there are none, or one is short or a known placeholder.
    pub fn fit(&self, reach: Reach) -> Result<(), BadKeys> {
        let remedy = match reach {
            Reach::Address(address) if address.ip().is_loopback() => return Ok(()),
            Reach::Address(address) => format!(
                "{address} can be reached by others and no client key is configured: set {CLIENT_KEYS}=name:key, declare clients with a key, or listen on 127.0.0.1"
            ),
            Reach::Everyone => format!(
                "no client key is configured: set {CLIENT_KEYS}=name:key, or declare clients with a key"
            ),
        };
        if self.is_open() {
            return Err(BadKeys(remedy));
        }
        match self.keys.iter().find(|key| key.weak) {
            None => Ok(()),
            Some(key) => Err(BadKeys(format!(
                "the key of client `{}` is a placeholder or shorter than {SHORTEST_KEY} characters: make one with `openssl rand -hex 24`",
                key.name
            ))),
        }
    }

    /// The client that a request's headers prove; none when everyone may call.
    ///
    /// # Errors
    /// When there is no credential, an unknown one, or several that differ.
    pub fn known(&self, headers: &HeaderMap) -> Result<Option<Known>, Unauthorized> {
        if self.is_open() {
            return Ok(None);
        }
        let hash = Sha256::digest(credential(headers)?);
        let place = self.place_of(&hash.into(), compared);
        let is_known = place < self.keys.len();
        is_known.then_some(Some(Known(place))).ok_or(Unauthorized(WRONG_KEY))
    }

    /// The name of a client of these.
    pub fn name(&self, known: Known) -> Option<&str> {
        self.keys.get(known.0).map(|key| key.name.as_str())
    }

    /// The name of the client that a request's headers prove; none when everyone may call.
    ///
    /// # Errors
    /// As [`Self::known`].
    pub fn authenticate(&self, headers: &HeaderMap) -> Result<Option<&str>, Unauthorized> {
        Ok(self.known(headers)?.and_then(|known| self.name(known)))
    }

    /// The place of the key with this hash, else their number. Every key is compared, and what a
    /// comparison gives chooses between numbers and never what is done next: so the time says
    /// neither which key was close nor which one it is.
    fn place_of(
        &self,
        hash: &[u8; 32],
        mut compare: impl FnMut(&[u8; 32], &[u8; 32]) -> Choice,
    ) -> usize {
        let mut place = self.keys.len() as u64;
        for (at, key) in (0_u64..).zip(&self.keys) {
            place.conditional_assign(&at, compare(&key.hash, hash));
        }
        usize::try_from(place).unwrap_or(usize::MAX)
    }
}

/// Looks at all bytes, however they differ.
fn compared(one: &[u8; 32], other: &[u8; 32]) -> Choice {
    one.as_slice().ct_eq(other)
}

impl ClientKey {
    fn parse(part: &str) -> Option<Self> {
        let (name, key) = part.split_once(':')?;
        let (name, key) = (name.trim(), key.trim());
        if name.is_empty() || key.is_empty() {
            return None;
        }
        Self::new(name, key)
    }

    /// None where what looks like a hash is none.
    fn new(name: &str, key: &str) -> Option<Self> {
        if let Some(hash) = key.strip_prefix(HASHED) {
            // What it is the hash of cannot be told; `keys new` makes keys that cannot be guessed.
            return Some(Self { name: name.into(), hash: unhex(hash)?, weak: false });
        }
        let lower = key.to_ascii_lowercase();
        let weak = key.len() < SHORTEST_KEY || PLACEHOLDERS.iter().any(|it| lower.contains(it));
        Some(Self { name: name.into(), hash: Sha256::digest(key).into(), weak })
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    if text.len() != 64 || !text.is_ascii() {
        return None;
    }
    for (byte, digits) in hash.iter_mut().zip(text.as_bytes().chunks(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?;
    }
    Some(hash)
}

/// The hash of a key, as it may stand in place of it.
pub fn hashed(key: &str) -> String {
    let digits = Sha256::digest(key).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    format!("{HASHED}{digits}")
}

/// The one credential of a request, wherever clients put it.
fn credential(headers: &HeaderMap) -> Result<&[u8], Unauthorized> {
    let names = [AUTHORIZATION.as_str(), "x-api-key", "api-key"];
    if names.into_iter().any(|name| headers.get_all(name).iter().nth(1).is_some()) {
        return Err(Unauthorized("The request has several API keys in headers of one name."));
    }
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
    use serde_json::{Value, json};

    use super::*;
    use crate::secrets;

    fn at(address: &str) -> Reach {
        Reach::Address(address.parse().unwrap())
    }

    const STRONG_KEY: &str = "0123456789abcdef";
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
            &[("x-api-key", "fedcba9876543210"), ("x-api-key", "fedcba9876543210")],
            &[("authorization", "Bearer fedcba9876543210"), ("api-key", "0123456789abcdef")],
        ] {
            assert!(keys.authenticate(&headers(list)).is_err(), "{list:?}");
        }
    }

    #[test]
    fn a_hash_stands_for_its_key_and_is_none_itself() {
        let hash = hashed("fedcba9876543210");
        assert_eq!(hash.len(), 71);
        let keys = ClientKeys::parse(&format!("ada:{STRONG_KEY}, bob:{hash}")).unwrap();
        assert!(keys.fit(at("10.0.0.1:1")).is_ok());
        let name = |key: &str| keys.authenticate(&headers(&[("x-api-key", key)])).ok().flatten();
        assert_eq!(name("fedcba9876543210"), Some("bob"));
        assert_eq!(name(STRONG_KEY), Some("ada"));
        assert_eq!(name(&hash), None);
        for no_hash in ["sha256:", "sha256:00", &format!("{}g", hash.get(..70).unwrap())] {
            assert!(ClientKeys::parse(&format!("bob:{no_hash}")).is_err(), "{no_hash}");
        }
        let twice = format!("ada:fedcba9876543210,bob:{hash}");
        assert!(ClientKeys::parse(&twice).err().unwrap().0.contains("`bob`"));
    }

    #[test]
    fn every_key_is_compared_whichever_is_sent() {
        let text: Vec<String> = (0..50).map(|n| format!("c{n}:0123456789abcdef{n:04}")).collect();
        let keys = ClientKeys::parse(&text.join(",")).unwrap();
        let sent = |key: &str| {
            let hash: [u8; 32] = Sha256::digest(key).into();
            let mut seen = Vec::new();
            let place = keys.place_of(&hash, |held, other| {
                assert_eq!(other, &hash);
                seen.push(*held);
                compared(held, other)
            });
            (place, seen)
        };
        // The first, one in the middle, the last, and one that is none: the same comparisons in the
        // same order.
        let (place, seen) = sent("no key at all");
        assert_eq!((place, seen.len()), (50, 50));
        for at in [0, 25, 49] {
            assert_eq!(sent(&format!("0123456789abcdef{at:04}")), (at, seen.clone()));
        }
        assert_eq!(seen, keys.keys.iter().map(|key| key.hash).collect::<Vec<_>>());
    }

    #[test]
    fn without_keys_only_loopback_is_served() {
        let open = ClientKeys::parse("").unwrap();
        assert_eq!(open.authenticate(&headers(&[])), Ok(None));
        assert!(open.fit(at("127.0.0.1:1")).is_ok());
        assert!(open.fit(at("[::1]:1")).is_ok());
        assert!(open.fit(at("0.0.0.0:1")).unwrap_err().0.contains(CLIENT_KEYS));
        assert!(open.fit(Reach::Everyone).unwrap_err().0.contains(CLIENT_KEYS));
    }

    #[test]
    fn weak_keys_are_refused_off_loopback() {
        for weak in ["ada:short", "ada:your-api-key-0123456789"] {
            let keys = ClientKeys::parse(weak).unwrap();
            assert!(keys.fit(at("127.0.0.1:1")).is_ok());
            assert!(keys.fit(at("10.0.0.1:1")).is_err(), "{weak}");
        }
        let strong = ClientKeys::parse(STRONG).unwrap();
        assert!(strong.fit(at("10.0.0.1:1")).is_ok());
    }

    fn clients(list: Value) -> BTreeMap<String, Client> {
        serde_json::from_value(list).unwrap()
    }

    #[test]
    fn the_maps_clients_join_those_of_the_environment() {
        let held = |name: &str| (name == "BOB_KEY").then(|| "fedcba9876543210".to_owned());
        let read = |key: &ApiKey| secrets::value(key, held);
        let keys = ClientKeys::parse("ada:0123456789abcdef").unwrap();
        let list = json!({"ada": {}, "bob": {"key": {"secret": "/sfai/dev/BOB_KEY"}}});
        let all = keys.with(&clients(list), read).unwrap();
        let name = |key: &str| {
            let headers = headers(&[("x-api-key", key)]);
            all.authenticate(&headers).map(|name| name.map(str::to_owned))
        };
        assert_eq!(name("fedcba9876543210"), Ok(Some("bob".to_owned())));
        assert_eq!(name("0123456789abcdef"), Ok(Some("ada".to_owned())));

        let twice = json!({"ada": {"key": {"env": "BOB_KEY"}}});
        let why = keys.with(&clients(twice), read).err().unwrap().0;
        assert!(why.contains("`ada`") && why.contains(CLIENT_KEYS), "{why}");
        let same = json!({"a": {"key": {"env": "BOB_KEY"}}, "b": {"key": {"env": "BOB_KEY"}}});
        let why = keys.with(&clients(same), read).err().unwrap().0;
        assert!(why.contains("`b`") && !why.contains("fedcba"), "{why}");
    }

    #[test]
    fn a_client_whose_key_is_missing_keeps_the_router_closed() {
        let list = json!({"bob": {"key": {"env": "NO_KEY"}}});
        let keys = ClientKeys::default();
        let keys = keys.with(&clients(list), |key| secrets::value(key, |_| None)).unwrap();
        assert!(!keys.is_open());
        assert!(keys.authenticate(&headers(&[("x-api-key", "x")])).is_err());
        let missing: Vec<&str> = keys.missing().collect();
        assert!(missing[0].contains("`bob`") && missing[0].contains("NO_KEY"), "{missing:?}");
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
