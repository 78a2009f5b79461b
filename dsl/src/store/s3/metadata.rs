//! A note as the user metadata of an object.
//!
//! Owns the keys and how text is carried in a header; what is noted is [`Note`]'s.
//!
//! It travels with the object, so that a map and who moved it change in one step and cannot
//! disagree, and so that the S3 console shows it.

use std::collections::HashMap;

use super::Note;
use crate::store::Did;
use crate::store::address::percent_decoded;

/// Longer names are cut: all of it has to fit into 2 KB.
const LONGEST: usize = 200;

/// The metadata of a note.
pub(super) fn written(note: &Note) -> HashMap<String, String> {
    let mut pairs = HashMap::from([
        ("sfai-did", note.did.name().to_owned()),
        ("sfai-digest", note.digest.clone()),
        ("sfai-at", note.at.clone()),
        ("sfai-by", ascii(&note.by)),
        ("sfai-env", ascii(&note.env)),
        ("sfai-roles", note.roles.to_string()),
    ]);
    if let Some(commit) = &note.commit {
        pairs.insert("sfai-commit", ascii(commit));
    }
    if !note.before.is_empty() {
        pairs.insert("sfai-before", note.before.join(","));
    }
    pairs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

/// The note that was written so; none where an object was put there by other means.
pub(super) fn read(pairs: HashMap<String, String>) -> Option<Note> {
    // S3 has them in lower case; not every server of its protocol does.
    let pairs: HashMap<_, _> =
        pairs.into_iter().map(|(key, value)| (key.to_ascii_lowercase(), value)).collect();
    let text = |key: &str| pairs.get(key).map(|it| percent_decoded(it).unwrap_or(it.clone()));
    let before = pairs.get("sfai-before").map(String::as_str).unwrap_or_default();
    Some(Note {
        did: Did::from_name(&text("sfai-did")?)?,
        digest: text("sfai-digest")?,
        at: text("sfai-at")?,
        by: text("sfai-by")?,
        commit: text("sfai-commit"),
        env: text("sfai-env")?,
        roles: text("sfai-roles")?.parse().ok()?,
        before: before.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect(),
    })
}

/// A header carries visible ASCII and blanks; all else is written as `%E5`.
fn ascii(text: &str) -> String {
    let mut ascii = String::new();
    for byte in text.bytes() {
        if ascii.len() >= LONGEST {
            break;
        }
        match byte {
            b'%' => ascii.push_str("%25"),
            b' '..=b'~' => ascii.push(char::from(byte)),
            other => ascii.push_str(&format!("%{other:02X}")),
        }
    }
    ascii
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note() -> Note {
        Note {
            did: Did::Push,
            digest: format!("sha256:{}", "a".repeat(64)),
            at: "2026-11-25T10:00:00Z".into(),
            by: "山田 <taro@example.com> 100%".into(),
            commit: Some("0123456789ab-dirty".into()),
            env: "prod".into(),
            roles: 12,
            before: vec![
                format!("sha256:{}", "b".repeat(64)),
                format!("sha256:{}", "c".repeat(64)),
            ],
        }
    }

    #[test]
    fn a_note_is_read_back_from_ascii() {
        let pairs = written(&note());
        assert!(pairs.values().all(|value| value.bytes().all(|it| (b' '..=b'~').contains(&it))));
        assert_eq!(read(pairs), Some(note()));
        let bare = Note { commit: None, before: Vec::new(), ..note() };
        assert_eq!(read(written(&bare)), Some(bare));
    }

    #[test]
    fn other_objects_have_none() {
        assert_eq!(read(HashMap::new()), None);
        let mut pairs = written(&note());
        pairs.insert("sfai-did".into(), "dance".into());
        assert_eq!(read(pairs), None);
    }

    #[test]
    fn the_fullest_note_fits_into_what_s3_takes() {
        let by = "山".repeat(400);
        let before = (0..40).fold(Vec::new(), |before, _| {
            crate::store::note::pushed_over(&format!("sha256:{}", "b".repeat(64)), &before)
        });
        let pairs = written(&Note { by: by.clone(), env: by, before, ..note() });
        let size: usize = pairs.iter().map(|(key, value)| key.len() + value.len()).sum();
        assert!(size <= 2048, "{size}");
    }
}
