//! Fixes put to use: which of a program's can be applied together, and what is left after them.
//!
//! Owns the choice and the new texts; what a fix does is its rule's, and writing is for the command.

use std::collections::{BTreeMap, HashMap};

use crate::check::{Checked, check};
use crate::diagnostic::{Code, Diagnostic, Edit, Severity};
use crate::load::Loaded;
use crate::project::Project;
use crate::span::FileId;

/// A mended program may show what a mistake had hidden, so fixing goes on; a program that still
/// changes after this many rounds is not getting better.
const MOST_ROUNDS: usize = 16;

/// A program after its fixes.
#[derive(Debug)]
pub struct Mended {
    /// The files with their new texts.
    pub loaded: Loaded,
    /// What is left.
    pub checked: Checked,
    /// What was done, in the order in which it was.
    pub applied: Vec<Applied>,
}

/// A fix that was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// `routes/backend.sfr:38`, in the text as it was just before.
    pub place: String,
    /// The rule.
    pub code: Code,
    /// What was done.
    pub title: String,
}

/// Applies every fix that makes no new error, again and again until none is left. Files that are
/// not UTF-8 keep their texts: what was read of them is not what they hold.
pub fn mend(project: &Project, loaded: Loaded, env: &str) -> Mended {
    let checked = check(project, &loaded, env);
    let mut now = Mended { loaded, checked, applied: Vec::new() };
    for _ in 0..MOST_ROUNDS {
        let done = {
            let candidates = candidates(&now);
            let mut round = Round { project, env, base: &now, taken: Vec::new(), best: None };
            round.sift(&candidates);
            let Round { taken, best, .. } = round;
            best.map(|best| (best, taken.iter().map(|one| applied(&now, one)).collect::<Vec<_>>()))
        };
        let Some((best, applied)) = done else { break };
        now.loaded = best.loaded;
        now.checked = best.checked;
        now.applied.extend(applied);
    }
    now
}

fn applied(before: &Mended, finding: &Diagnostic) -> Applied {
    let title = finding.fix.as_ref().map(|fix| fix.title.clone()).unwrap_or_default();
    Applied { place: before.loaded.sources.place(finding.span), code: finding.code, title }
}

/// The findings whose fixes can be applied side by side, the first of those that meet.
fn candidates(now: &Mended) -> Vec<&Diagnostic> {
    let mut taken: BTreeMap<FileId, BTreeMap<u32, u32>> = BTreeMap::new();
    let is_utf8: HashMap<FileId, bool> =
        now.loaded.files.iter().map(|file| (file.id, file.is_utf8)).collect();
    let mut chosen = Vec::new();
    for finding in &now.checked.findings {
        let Some(fix) = &finding.fix else { continue };
        let can_be = |edit: &Edit| {
            let meets = taken.get(&edit.span.file).is_some_and(|taken| meets(taken, edit));
            is_utf8.get(&edit.span.file) == Some(&true) && !meets
        };
        if fix.edits.iter().all(can_be) {
            for edit in &fix.edits {
                taken.entry(edit.span.file).or_default().insert(edit.span.start, edit.span.end);
            }
            chosen.push(finding);
        }
    }
    chosen
}

/// Whether `edit` shares a byte or an edge with one that is taken: two that touch may both mean the
/// blank or the line end between them.
fn meets(taken: &BTreeMap<u32, u32>, edit: &Edit) -> bool {
    let before = taken.range(..=edit.span.end).next_back();
    before.is_some_and(|(_, end)| *end >= edit.span.start)
}

/// One pass over the fixes of a program.
struct Round<'a> {
    project: &'a Project,
    env: &'a str,
    base: &'a Mended,
    taken: Vec<&'a Diagnostic>,
    /// The program with all that is taken; none as long as nothing is.
    best: Option<Trial>,
}

struct Trial {
    loaded: Loaded,
    checked: Checked,
}

impl<'a> Round<'a> {
    /// Takes all of `candidates`, or, where that makes things worse, those of its halves that do
    /// not: one bad fix among many costs a few more checks, not one check a fix.
    fn sift(&mut self, candidates: &[&'a Diagnostic]) {
        if candidates.is_empty() {
            return;
        }
        let all: Vec<_> = self.taken.iter().chain(candidates).copied().collect();
        let trial = self.with(&all);
        let before = self.best.as_ref().map_or(&self.base.checked, |best| &best.checked);
        if is_better(&before.findings, &trial.checked.findings, candidates) {
            self.taken = all;
            self.best = Some(trial);
        } else if candidates.len() > 1 {
            let (left, right) =
                candidates.split_at_checked(candidates.len() / 2).unwrap_or((candidates, &[]));
            self.sift(left);
            self.sift(right);
        }
    }

    fn with(&self, fixes: &[&Diagnostic]) -> Trial {
        let mut by_file: BTreeMap<FileId, Vec<&Edit>> = BTreeMap::new();
        for edit in fixes.iter().filter_map(|one| one.fix.as_ref()).flat_map(|fix| &fix.edits) {
            by_file.entry(edit.span.file).or_default().push(edit);
        }
        let mut loaded = self.base.loaded.clone();
        for (file, edits) in by_file {
            let before = self.base.loaded.sources.get(file).map_or("", |file| &file.text);
            let after = edited(before, edits);
            loaded.set_text(file, after);
        }
        let checked = check(self.project, &loaded, self.env);
        Trial { loaded, checked }
    }
}

/// Whether there are no more errors than before, and fewer findings like each of those fixed.
fn is_better(before: &[Diagnostic], after: &[Diagnostic], fixed: &[&Diagnostic]) -> bool {
    let errors =
        |all: &[Diagnostic]| all.iter().filter(|it| it.severity == Severity::Error).count();
    let (were, are) = (by_words(before), by_words(after));
    let is_gone = |finding: &&Diagnostic| {
        let words = (finding.code, finding.message.as_str());
        are.get(&words).unwrap_or(&0) < were.get(&words).unwrap_or(&0)
    };
    errors(after) <= errors(before) && fixed.iter().all(is_gone)
}

/// How many findings say the same.
fn by_words(findings: &[Diagnostic]) -> HashMap<(Code, &str), usize> {
    let mut counts = HashMap::new();
    for finding in findings {
        *counts.entry((finding.code, finding.message.as_str())).or_default() += 1;
    }
    counts
}

/// `text` after edits that do not overlap.
fn edited(text: &str, mut edits: Vec<&Edit>) -> String {
    edits.sort_by_key(|edit| edit.span);
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        let range = edit.span.range();
        out.push_str(text.get(at..range.start).unwrap_or_default());
        out.push_str(&edit.text);
        at = range.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Fix;
    use crate::load::Buffer;
    use crate::rules::PRELUDE;
    use crate::span::Span;

    fn of(text: &str) -> (Project, Mended) {
        let text = format!("{text}{PRELUDE}");
        let loaded = Loaded::only(&Buffer { path: "a.sfr".into(), bytes: text.into() });
        let project = Project::bare("/p".into());
        let checked = check(&project, &loaded, "default");
        (project, Mended { loaded, checked, applied: Vec::new() })
    }

    fn edit(range: std::ops::Range<usize>, text: &str) -> Edit {
        Edit { span: Span::new(FileId(0), range), text: text.into() }
    }

    #[test]
    fn a_fix_that_makes_errors_is_left_out_and_the_others_are_applied() {
        let text = "role a {\n  route sonet -> gtp\n}\n";
        let (project, mut base) = of(text);
        let about = base.checked.findings.iter().position(|it| it.message.contains("gtp")).unwrap();
        let worse = Fix { title: "spoil it".into(), edits: vec![edit(25..28, "} {")] };
        base.checked.findings[about].fix = Some(worse);
        let candidates = candidates(&base);
        assert_eq!(candidates.len(), 2);
        let mut round =
            Round { project: &project, env: "default", base: &base, taken: Vec::new(), best: None };
        round.sift(&candidates);
        let titles: Vec<_> = round.taken.iter().map(|it| &it.fix.as_ref().unwrap().title).collect();
        assert_eq!(titles, ["write `sonnet`"]);
        let best = round.best.unwrap();
        let after = &best.loaded.sources.get(FileId(0)).unwrap().text;
        assert!(after.starts_with("role a {\n  route sonnet -> gtp\n}\n"), "{after}");
    }

    #[test]
    fn a_fix_that_does_not_mend_is_not_applied_again_and_again() {
        let (project, mut base) = of("role a {\n  route sonnet -> gtp\n}\n");
        let at = base.checked.findings.iter().position(|it| it.message.contains("gtp")).unwrap();
        base.checked.findings[at].fix =
            Some(Fix { title: "add a comment".into(), edits: vec![edit(0..0, "# mended\n")] });
        let candidates = candidates(&base);
        let mut round =
            Round { project: &project, env: "default", base: &base, taken: Vec::new(), best: None };
        round.sift(&candidates);
        assert!(round.taken.is_empty() && round.best.is_none());
    }

    #[test]
    fn fixes_that_touch_wait_for_the_next_round() {
        let taken = BTreeMap::from([(10, 14), (20, 20)]);
        for (range, touches) in
            [(0..9, false), (5..10, true), (12..12, true), (14..15, true), (15..19, false)]
        {
            assert_eq!(meets(&taken, &edit(range.clone(), "")), touches, "{range:?}");
        }
        assert!(meets(&taken, &edit(20..20, "x")) && meets(&taken, &edit(0..40, "")));
    }

    #[test]
    fn edits_are_applied_whatever_their_order() {
        let edits = [edit(6..7, ""), edit(0..0, ">"), edit(2..4, "CD")];
        assert_eq!(edited("abcdefg", edits.iter().collect()), ">abCDef");
    }
}
