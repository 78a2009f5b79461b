//! The versions that a store keeps: a table for people, one JSON object for programs.
//!
//! Owns both shapes; which versions are shown is for who asks.

use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;

use super::table::{Column, Table};
use super::{counted, plain};

/// The version of [`Versions`]' shape; it rises when a field changes its meaning or goes away.
pub const VERSION: u32 = 1;

/// What a table says of what was not noted.
const UNKNOWN: &str = "?";

/// The hex digits that a table shows of a digest, with what stands before them.
const SHORT: usize = "sha256:".len() + 12;

/// Versions, the newest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Versions {
    /// 1.
    pub version: u32,
    /// The store.
    pub target: String,
    /// The digest of the live map; absent where none is live or where it cannot be read.
    pub live: Option<String>,
    /// The newest first.
    pub versions: Vec<Version>,
    /// How many older ones there are.
    pub older: usize,
}

/// A version. What is absent was not noted, since it was stored by other means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Version {
    /// `sha256:` and 64 hex digits.
    pub digest: String,
    /// Whether it is live.
    pub live: bool,
    /// When it was stored: RFC 3339 in UTC.
    pub at: Option<String>,
    /// Who stored it, as they call themselves.
    pub by: Option<String>,
    /// The git commit of its program, `-dirty` where the working tree had changes.
    pub commit: Option<String>,
    /// The environment that it was compiled for.
    pub env: Option<String>,
    /// How many roles it has.
    pub roles: Option<usize>,
}

/// The JSON Schema of [`Versions`].
pub fn schema() -> Schema {
    schema_for!(Versions)
}

/// A table, one line a version, and a line that sums up.
pub fn human(shown: &Versions, width: Option<usize>) -> String {
    let (mut text, _) = Table { columns: columns(&shown.versions) }.draw(width);
    if shown.versions.is_empty() {
        text.clear();
    }
    let (count, target) = (counted(shown.versions.len(), "version"), &shown.target);
    let older = match shown.older {
        0 => String::new(),
        older => format!("; {older} older: see --limit"),
    };
    text.push_str(&format!("{count} at {target}{older}\n"));
    match &shown.live {
        None => text.push_str("no map is live\n"),
        Some(live) if shown.older == 0 && !shown.versions.iter().any(|it| it.live) => {
            text.push_str(&format!("live is {live}, which is no version: it was not pushed\n"));
        }
        Some(_) => {}
    }
    text
}

fn columns(versions: &[Version]) -> Vec<Column> {
    let cells = |read: fn(&Version) -> String| versions.iter().map(read).collect::<Vec<_>>();
    let known = |text: &Option<String>| text.as_deref().map_or(UNKNOWN.into(), plain);
    let texts = |read: fn(&Version) -> &Option<String>| {
        versions.iter().map(|it| known(read(it))).collect::<Vec<_>>()
    };
    // What is left out first has the lowest weight.
    vec![
        Column::new("", cells(|it| if it.live { "live".into() } else { String::new() })),
        Column::new("digest", cells(|it| it.digest.get(..SHORT).unwrap_or(&it.digest).to_owned())),
        Column::new("at", texts(|it| &it.at)),
        Column::new("by", texts(|it| &it.by)).weight(3),
        Column::new(
            "roles",
            cells(|it| it.roles.map_or(UNKNOWN.into(), |roles| roles.to_string())),
        )
        .right()
        .weight(2),
        Column::new("env", texts(|it| &it.env)).weight(2),
        Column::new("commit", cells(|it| it.commit.as_deref().map(plain).unwrap_or_default()))
            .weight(1),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(digit: &str, live: bool) -> Version {
        Version {
            digest: format!("sha256:{}", digit.repeat(64)),
            live,
            at: Some("2026-11-25T10:00:00Z".into()),
            by: Some("ann@example.com".into()),
            commit: live.then(|| "0123456789ab-dirty".into()),
            env: Some("prod".into()),
            roles: Some(12),
        }
    }

    fn shown() -> Versions {
        let unknown = Version {
            digest: format!("sha256:{}", "c".repeat(64)),
            live: false,
            at: None,
            by: None,
            commit: None,
            env: None,
            roles: None,
        };
        let live = version("b", true);
        Versions {
            version: VERSION,
            target: "s3://sfai-prod".into(),
            live: Some(live.digest.clone()),
            versions: vec![version("a", false), live, unknown],
            older: 0,
        }
    }

    #[test]
    fn a_table_marks_what_is_live() {
        let expected =
            "      digest               at                    by               roles  env   commit
      sha256:aaaaaaaaaaaa  2026-11-25T10:00:00Z  ann@example.com     12  prod
live  sha256:bbbbbbbbbbbb  2026-11-25T10:00:00Z  ann@example.com     12  prod  0123456789ab-dirty
      sha256:cccccccccccc  ?                     ?                    ?  ?
3 versions at s3://sfai-prod
";
        assert_eq!(human(&shown(), None), expected);
        let narrow = human(&Versions { older: 7, ..shown() }, Some(60));
        assert!(narrow.starts_with("      digest               at\n"), "{narrow}");
        assert!(narrow.ends_with("3 versions at s3://sfai-prod; 7 older: see --limit\n"));
    }

    #[test]
    fn what_is_not_there_is_said() {
        let none = Versions { live: None, versions: Vec::new(), ..shown() };
        assert_eq!(human(&none, None), "0 versions at s3://sfai-prod\nno map is live\n");
        let other = Versions { versions: vec![version("a", false)], ..shown() };
        let text = human(&other, None);
        assert!(text.contains("which is no version: it was not pushed"), "{text}");
    }

    #[test]
    fn names_of_others_cannot_draw() {
        let mut shown = shown();
        shown.versions[0].by = Some("\u{1b}[31mred\nline".into());
        assert!(human(&shown, None).contains(" [31mred line "));
    }
}
