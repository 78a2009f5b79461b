//! The canonical bytes of a map, its digest, and the ids of prompts.

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::map::ModelMap;

/// The top-level parts that the digest does not cover.
const UNSEALED: [&str; 2] = ["digest", "sources"];

/// Sets the map's digest and gives its one byte form: sorted keys, two blanks of indentation, a
/// newline at the end.
///
/// # Errors
/// When a number has no JSON form (a NaN temperature).
pub fn seal(map: &mut ModelMap) -> Result<Vec<u8>, serde_json::Error> {
    let mut value = serde_json::to_value(&*map)?;
    map.digest = digest(&value)?;
    if let Some(slot) = value.get_mut("digest") {
        *slot = Value::String(map.digest.clone());
    }
    let mut bytes = serde_json::to_vec_pretty(&value)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// The digest of a map's JSON, whatever digest it names itself.
pub(crate) fn digest(map: &Value) -> Result<String, serde_json::Error> {
    let mut content = map.clone();
    if let Value::Object(parts) = &mut content {
        for part in UNSEALED {
            parts.remove(part);
        }
    }
    Ok(format!("sha256:{}", hex(&Sha256::digest(serde_json::to_vec(&content)?))))
}

/// The id under which a prompt's text is stored: 16 hex digits of its SHA-256.
pub fn prompt_id(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hex(hash.get(..8).unwrap_or(&hash))
}

fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from_digit(u32::from(half), 16).unwrap_or_default();
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]).collect()
}
