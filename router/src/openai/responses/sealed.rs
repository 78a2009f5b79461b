//! Reasoning that another protocol's model signed, in the `encrypted_content` of a reasoning item.
//!
//! Owns the wrapping: clients send such items back as they came, so that nothing is lost.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// How content begins that is ours: no provider could read it.
pub(super) const MARK: &str = "sfai:";

/// Wraps a `reasoning_details` entry.
pub(super) fn seal(detail: &str) -> String {
    format!("{MARK}{}", BASE64_STANDARD.encode(detail))
}

/// The entry in a content; none where it is not ours.
pub(super) fn open(content: &str) -> Option<String> {
    let bytes = BASE64_STANDARD.decode(content.strip_prefix(MARK)?).ok()?;
    // A client may have made it up: it must at least be an object.
    String::from_utf8(bytes).ok().filter(|detail| crate::json::object(detail).is_ok())
}
