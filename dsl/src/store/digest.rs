//! The digest that a version goes by.
//!
//! Owns its spellings; what it is made over is `model-map`'s.

use std::fmt;

use model_map::ModelMap;

use super::VERSIONS;

/// How a digest starts in a map.
const PREFIX: &str = "sha256:";

/// The hex digits of a SHA-256.
const LENGTH: usize = 64;

/// How many digits people are shown: enough to tell versions apart, short enough for a table.
const SHORT: usize = 12;

/// A map's digest, well-formed. The file of a version is named by the digits alone: a colon can
/// stand neither in a Windows file name nor, without care, in an S3 key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest(String);

impl Digest {
    /// Reads `sha256:` and 64 hex digits, with or without the former.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = digits(text)?;
        (digits.len() == LENGTH).then_some(Self(digits))
    }

    /// That of a map.
    pub fn of(map: &ModelMap) -> Option<Self> {
        Self::parse(&map.digest)
    }

    /// The digest of a version's key or path, whatever stands before its folder.
    pub fn of_key(key: &str) -> Option<Self> {
        let (_, name) = key.rsplit_once('/').unwrap_or(("", key));
        Self::parse(name.strip_suffix(".json")?)
    }

    /// The key of the version.
    pub fn key(&self) -> String {
        format!("{VERSIONS}{}.json", self.0)
    }

    /// The hex digits.
    pub fn digits(&self) -> &str {
        &self.0
    }

    /// The first digits, for people.
    pub fn short(&self) -> &str {
        self.0.get(..SHORT).unwrap_or(&self.0)
    }
}

/// The lower-case digits of a digest or of its start; none where there is anything else.
pub fn digits(text: &str) -> Option<String> {
    let text = text.strip_prefix(PREFIX).unwrap_or(text).to_ascii_lowercase();
    (text.len() <= LENGTH && text.bytes().all(|it| it.is_ascii_hexdigit())).then_some(text)
}

impl fmt::Display for Digest {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{PREFIX}{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_and_its_key_are_read_back() {
        let digest = Digest::parse(&format!("sha256:{}", "0Af3".repeat(16))).unwrap();
        assert_eq!(digest.to_string(), format!("sha256:{}", "0af3".repeat(16)));
        assert_eq!(digest.key(), format!("config/versions/{}.json", digest.digits()));
        assert_eq!(Digest::of_key(&digest.key()), Some(digest.clone()));
        assert_eq!(Digest::of_key(&format!("a/b/{}.json", digest.digits())), Some(digest.clone()));
        assert_eq!(digest.short(), "0af30af30af3");
    }

    #[test]
    fn what_is_none_is_not_read() {
        for text in ["", "sha256:", "0af3", &"g".repeat(64), &"0".repeat(65)] {
            assert_eq!(Digest::parse(text), None, "{text}");
        }
        assert_eq!(Digest::of_key(&format!("{}.tmp", "0".repeat(64))), None);
        assert_eq!((digits("sha256:0A").as_deref(), digits("latest")), (Some("0a"), None));
    }
}
