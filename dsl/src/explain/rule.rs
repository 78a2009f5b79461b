//! A rule's page: why it is there, what it says of an example, and the example mended.
//!
//! Owns the rule's lookup and the check of its example, in memory; its words are the rule's own.

use std::path::PathBuf;

use crate::check::check;
use crate::load::Loaded;
use crate::project::{FILE_NAME, Project};
use crate::render::human::{Look, render};
use crate::rules::{Example, PRELUDE, RULES, Rule};

/// Where an example's own text stands.
const PATH: &str = "routes/example.sfr";
const PRELUDE_PATH: &str = "routes/prelude.sfr";

/// The rule of a code or a name; letter case makes no difference.
pub fn find(word: &str) -> Option<&'static Rule> {
    RULES
        .into_iter()
        .find(|rule| word.eq_ignore_ascii_case(rule.code.0) || word.eq_ignore_ascii_case(rule.name))
}

/// What an example's files hold, by their paths.
pub fn files(example: &Example) -> Vec<(&'static str, String)> {
    let own = (!example.text.is_empty()).then(|| (PATH, example.text.to_owned()));
    let text = |(path, bytes): &(&'static str, &'static [u8])| {
        (*path, String::from_utf8_lossy(bytes).into_owned())
    };
    own.into_iter().chain(example.beside.iter().map(text)).collect()
}

/// What `check` says of an example. Its prompt files are not on the disk.
pub fn findings(example: &Example, look: Look) -> String {
    let settings = example.beside.iter().find(|(path, _)| *path == FILE_NAME);
    let project = match settings {
        Some((_, text)) => {
            Project::of_settings(PathBuf::new(), String::from_utf8_lossy(text).into_owned())
        }
        None => Project::bare(PathBuf::new()),
    };
    if !project.findings.is_empty() {
        return render(&project.sources, &project.findings, look);
    }
    let own = [(PRELUDE_PATH, PRELUDE.as_bytes()), (PATH, example.text.as_bytes())];
    let routes = example.beside.iter().copied().filter(|(path, _)| path.ends_with(".sfr"));
    let files: Vec<_> = own.into_iter().chain(routes).collect();
    let loaded = Loaded::of(&files);
    let mut findings = check(&project, &loaded, "default").findings;
    let path = |file| loaded.sources.get(file).map_or("", |source| source.path.as_str());
    // An example need not use all of the prelude.
    findings.retain(|finding| path(finding.span.file) != PRELUDE_PATH);
    render(&loaded.sources, &findings, look)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bad_example_has_the_finding_of_its_rule() {
        for rule in RULES {
            let said = findings(&rule.bad, Look::PLAIN);
            assert!(said.starts_with(rule.code.0), "{}: {said}", rule.name);
        }
    }

    #[test]
    fn a_rule_is_found_by_code_and_name() {
        for word in ["SFR043", "sfr043", "timeouts", "Timeouts"] {
            assert_eq!(find(word).map(|rule| rule.name), Some("timeouts"), "{word}");
        }
        assert!(find("SFR025").is_none() && find("").is_none());
    }
}
