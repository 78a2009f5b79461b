//! What is live beside what the program compiles to: for people, and one JSON object for programs.
//!
//! Owns both shapes; how the two are compared is [`crate::diff`]'s.

use std::fmt::Write;

use schemars::{JsonSchema, Schema, schema_for};
use serde::Serialize;

use super::diff::painted;
use super::human::Look;
use super::{counted, plain};
use crate::diff::{Item, Report, Risk};

/// The version of [`Status`]'s shape; it rises when a field changes its meaning or goes away.
pub const VERSION: u32 = 1;

/// The live map and the local one.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Status {
    /// 1.
    pub version: u32,
    /// The store.
    pub target: String,
    /// Whether both have the same digest.
    pub same: bool,
    /// What is live; absent before the first push.
    pub live: Option<LiveMap>,
    /// What the program compiles to.
    pub local: LocalMap,
    /// What differs, where both could be read.
    pub differences: Vec<Difference>,
    /// What a running router serves, where one was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub router: Option<RouterMap>,
}

impl Status {
    /// Whether the router that was asked serves what is live.
    pub fn is_followed(&self) -> bool {
        let live = self.live.as_ref().and_then(|live| live.digest.as_ref());
        live.is_some() && live == self.router.as_ref().and_then(|it| it.digest.as_ref())
    }
}

/// What a router says that it serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct RouterMap {
    /// Where it was asked.
    pub url: String,
    /// `sha256:` and 64 hex digits; absent where it did not tell.
    pub digest: Option<String>,
    /// `ok` or `degraded`; absent where it did not tell.
    pub status: Option<String>,
    /// Why it did not tell, or serves no newer map.
    pub trouble: Option<String>,
}

/// The live map. What is absent was not noted, since it was put there by other means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LiveMap {
    /// `sha256:` and 64 hex digits; absent where it cannot be read.
    pub digest: Option<String>,
    /// Why the router would refuse it; absent where it would not.
    pub refused: Option<String>,
    /// `push` or `rollback`.
    pub did: Option<String>,
    /// When it was made live, as far as is known: RFC 3339 in UTC.
    pub at: Option<String>,
    /// Who did it, as they call themselves.
    pub by: Option<String>,
    /// The git commit of its program, `-dirty` where the working tree had changes.
    pub commit: Option<String>,
    /// The environment that it was compiled for.
    pub env: Option<String>,
    /// How many roles it has.
    pub roles: Option<usize>,
}

/// The local map.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct LocalMap {
    /// `sha256:` and 64 hex digits.
    pub digest: String,
    /// The environment that it was compiled for.
    pub env: String,
    /// How many roles it has.
    pub roles: usize,
}

/// Something that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Difference {
    /// `role`, `client`, `provider` or `model`.
    pub what: String,
    /// Its name.
    pub name: String,
    /// `added`, `removed` or `changed`, from the live map to the local one.
    pub status: String,
    /// How much to care.
    pub risk: Risk,
}

/// The JSON Schema of [`Status`].
pub fn schema() -> Schema {
    schema_for!(Status)
}

/// What a report names, without the details.
pub fn differences(report: &Report) -> Vec<Difference> {
    let of = |what: &'static str, items: &[Item]| -> Vec<Difference> {
        let difference = |item: &Item| Difference {
            what: what.to_owned(),
            name: item.name.clone(),
            status: item.status.name().to_owned(),
            risk: item.risk,
        };
        items.iter().map(difference).collect()
    };
    [
        of("role", &report.roles),
        of("client", &report.clients),
        of("provider", &report.providers),
        of("model", &report.models),
    ]
    .concat()
}

/// Both maps, a line each, and what differs.
pub fn human(status: &Status, look: Look) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = writeln!(text, "target  {}", plain(&status.target));
    let _ = match &status.live {
        None => writeln!(text, "live    nothing yet"),
        Some(live) => writeln!(text, "live    {}", of_live(live)),
    };
    let LocalMap { digest, env, roles } = &status.local;
    let _ = writeln!(text, "local   {digest}  {}, env {}", counted(*roles, "role"), plain(env));
    if let Some(router) = &status.router {
        let _ = writeln!(text, "router  {}", of_router(router, status.is_followed()));
    }
    for one in &status.differences {
        let risk = painted(one.risk, look);
        let _ = writeln!(text, "{} {} {}, risk {risk}", one.what, plain(&one.name), one.status);
    }
    let _ = writeln!(text, "{}", summed_up(status));
    text
}

fn of_live(live: &LiveMap) -> String {
    let digest = live.digest.clone().unwrap_or_else(|| "cannot be read".to_owned());
    let roles = live.roles.map(|it| counted(it, "role"));
    let env = live.env.as_deref().map(|it| format!("env {}", plain(it)));
    let commit = live.commit.as_deref().map(|it| format!("commit {}", plain(it)));
    let did = match (&live.did, &live.by) {
        (Some(did), Some(by)) => format!("{did} by {}", plain(by)),
        _ => "not put there by sfai-dsl".to_owned(),
    };
    let at = live.at.clone();
    let parts: Vec<_> = roles.into_iter().chain(env).chain([did]).chain(at).chain(commit).collect();
    let refused = live.refused.as_deref().map(|why| format!("\n        {}", plain(why)));
    format!("{digest}  {}{}", parts.join(", "), refused.unwrap_or_default())
}

fn of_router(router: &RouterMap, follows: bool) -> String {
    let trouble = router.trouble.as_deref().map(|why| format!("\n        {}", plain(why)));
    let trouble = trouble.unwrap_or_default();
    let Some(digest) = &router.digest else { return format!("does not tell{trouble}") };
    let does = if follows { "serves what is live" } else { "does not serve what is live" };
    let status = router.status.as_deref().map(|it| format!(", {}", plain(it)));
    format!(
        "{}  {does}{}, {}{trouble}",
        plain(digest),
        status.unwrap_or_default(),
        plain(&router.url)
    )
}

fn summed_up(status: &Status) -> String {
    match (&status.live, status.differences.len()) {
        _ if status.same => "the program is live as it stands here".to_owned(),
        (None, _) => "sfai-dsl push makes the local one live".to_owned(),
        (Some(LiveMap { refused: Some(_), .. }), _) => {
            "the live map cannot be compared; sfai-dsl push replaces it".to_owned()
        }
        (Some(_), 0) => "they mean the same, for different environments".to_owned(),
        (Some(_), count) => {
            format!("{}; sfai-dsl push --dry-run tells more", counted(count, "difference"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Status {
        Status {
            version: VERSION,
            target: "s3://sfai-prod".into(),
            same: false,
            live: Some(LiveMap {
                digest: Some("sha256:aa".into()),
                refused: None,
                did: Some("push".into()),
                at: Some("2026-11-25T10:00:00Z".into()),
                by: Some("ann@example.com".into()),
                commit: Some("0123456789ab".into()),
                env: Some("prod".into()),
                roles: Some(1),
            }),
            local: LocalMap { digest: "sha256:bb".into(), env: "prod".into(), roles: 2 },
            differences: vec![
                Difference {
                    what: "role".into(),
                    name: "coder".into(),
                    status: "changed".into(),
                    risk: Risk::High,
                },
                Difference {
                    what: "role".into(),
                    name: "writer".into(),
                    status: "added".into(),
                    risk: Risk::Low,
                },
            ],
            router: None,
        }
    }

    #[test]
    fn both_maps_and_what_differs_are_shown() {
        let expected = "\
target  s3://sfai-prod
live    sha256:aa  1 role, env prod, push by ann@example.com, 2026-11-25T10:00:00Z, commit 0123456789ab
local   sha256:bb  2 roles, env prod
role coder changed, risk high
role writer added, risk low
2 differences; sfai-dsl push --dry-run tells more
";
        assert_eq!(human(&status(), Look::PLAIN), expected);
    }

    #[test]
    fn what_was_put_there_by_other_means_is_told_as_that() {
        let mut status = status();
        status.live = Some(LiveMap {
            digest: None,
            refused: Some("it is not whole JSON: x".into()),
            did: None,
            at: None,
            by: None,
            commit: None,
            env: None,
            roles: None,
        });
        status.differences.clear();
        let text = human(&status, Look::PLAIN);
        let live =
            "live    cannot be read  not put there by sfai-dsl\n        it is not whole JSON: x\n";
        assert!(text.contains(live) && text.contains("cannot be compared"), "{text}");
    }

    #[test]
    fn what_a_router_serves_is_held_against_what_is_live() {
        let served = |digest: Option<&str>, trouble: Option<&str>| {
            let url = "https://h.example/health".to_owned();
            let (digest, trouble) = (digest.map(str::to_owned), trouble.map(str::to_owned));
            let status = digest.as_ref().map(|_| "ok".to_owned());
            let status = RouterMap { url, digest, status, trouble };
            human(&Status { router: Some(status), ..self::status() }, Look::PLAIN)
        };
        let line =
            |text: &str| text.lines().find(|it| it.starts_with("router")).unwrap().to_owned();
        let text = served(Some("sha256:aa"), None);
        let expected = "router  sha256:aa  serves what is live, ok, https://h.example/health";
        assert_eq!(line(&text), expected);
        let text = served(Some("sha256:bb"), Some("it is too new"));
        let expected =
            "router  sha256:bb  does not serve what is live, ok, https://h.example/health";
        assert_eq!(line(&text), expected);
        assert!(text.contains("\n        it is too new\n"), "{text}");
        assert_eq!(line(&served(None, Some("no answer"))), "router  does not tell");
    }

    #[test]
    fn nothing_and_the_same_are_told() {
        let none = Status { live: None, differences: Vec::new(), ..status() };
        assert!(human(&none, Look::PLAIN).contains("live    nothing yet\n"));
        let same = Status { same: true, differences: Vec::new(), ..status() };
        assert!(human(&same, Look::PLAIN).ends_with("the program is live as it stands here\n"));
        let env = Status { differences: Vec::new(), ..status() };
        assert!(human(&env, Look::PLAIN).ends_with("for different environments\n"));
    }
}
