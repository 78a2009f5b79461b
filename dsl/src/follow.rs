//! Findings that only follow from others: one cause is one finding.
//!
//! Owns which of them are not worth saying; what is found at all is for the reader, the resolver and
//! the rules.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::load::Loaded;
use crate::rules::{duplicate, hides_source, invalid_value, unknown_name, wrong_kind};
use crate::span::{FileId, Span};
use crate::syntax::tree::Declaration;
use crate::syntax::{OPEN_STRING, SYNTAX, is_ident};

/// Drops what follows from a text that could not be read whole, and makes one finding of a name that
/// is unknown in many places.
pub(crate) fn settle(loaded: &Loaded, findings: &mut Vec<Diagnostic>) {
    let unread = Unread::of(loaded);
    findings.retain(|finding| !unread.explains(finding) && !unread.is_turned_inside_out(finding));
    drop_beside_secrets(findings);
    drop_in_repeated(findings);
    gather(findings);
}

/// A secret in the wrong place is rather a secret than a mistake of the grammar.
fn drop_beside_secrets(findings: &mut Vec<Diagnostic>) {
    let secrets: Vec<Span> =
        findings.iter().filter(|one| hides_source(one.code)).map(|one| one.span).collect();
    let holds = |outer: Span, secret: &Span| {
        let is_within = outer.start <= secret.start && secret.end <= outer.end;
        outer.file == secret.file
            && is_within
            && outer.end - outer.start <= secret.end - secret.start + 2
    };
    findings
        .retain(|one| one.code != SYNTAX || !secrets.iter().any(|secret| holds(one.span, secret)));
}

/// A statement that repeats the keyword of another and names what there is not is rather one that
/// was meant to have another keyword: `system cache` for `cache system`.
fn drop_in_repeated(findings: &mut Vec<Diagnostic>) {
    let repeated = findings.iter().filter(|one| one.code == duplicate::RULE.code);
    let repeated: BTreeSet<(FileId, u32, u32)> =
        repeated.map(|one| (one.span.file, one.span.start, one.span.end)).collect();
    let holds = |inner: Span| {
        let before = repeated.range(..=(inner.file, inner.start, u32::MAX)).next_back();
        before.is_some_and(|(file, _, end)| *file == inner.file && inner.end <= *end)
    };
    findings.retain(|one| one.code != unknown_name::RULE.code || !holds(one.span));
}

/// What could not be read.
struct Unread<'l> {
    loaded: &'l Loaded,
    /// The reader's own findings.
    own: BTreeSet<(Span, Code)>,
    /// Where they begin.
    lines: BTreeSet<(FileId, u32)>,
    /// Those of them that lack a quote.
    open: BTreeSet<(FileId, u32)>,
    /// The words of headers that could not be read: one of them is the name that is missing.
    words: BTreeSet<&'l str>,
    /// Keywords of declarations whose name could not be read.
    nameless: BTreeSet<&'static str>,
}

impl<'l> Unread<'l> {
    fn of(loaded: &'l Loaded) -> Self {
        let own = loaded.findings.iter().map(|one| (one.span, one.code)).collect();
        let errors = loaded.findings.iter().filter(|one| one.severity == Severity::Error);
        let lines: BTreeSet<_> = errors.filter_map(|one| line(loaded, one.span)).collect();
        let open = loaded.findings.iter().filter(|one| one.message == OPEN_STRING);
        let open = open.filter_map(|one| line(loaded, one.span)).collect();
        let texts = lines.iter().filter_map(|(file, line)| {
            let file = loaded.sources.get(*file)?;
            file.text.get(file.line_start(*line)..file.line_start(line + 1))
        });
        let words = texts.filter(|text| is_header(text)).flat_map(words).collect();
        let mut nameless = BTreeSet::new();
        if !lines.is_empty() {
            let all = loaded.trees.iter().flat_map(|tree| &tree.declarations);
            all.for_each(|one| add_nameless(one, &mut nameless));
        }
        Self { loaded, own, lines, open, words, nameless }
    }

    /// Whether a finding stands on a line that lacks a quote: all that is within quotes there is
    /// rather between them.
    fn is_turned_inside_out(&self, finding: &Diagnostic) -> bool {
        let is_open = line(self.loaded, finding.span).is_some_and(|at| self.open.contains(&at));
        is_open && finding.message != OPEN_STRING && !hides_source(finding.code)
    }

    /// Whether a finding follows from what could not be read.
    fn explains(&self, finding: &Diagnostic) -> bool {
        let is_own = self.own.contains(&(finding.span, finding.code));
        if self.lines.is_empty() || is_own || hides_source(finding.code) {
            return false;
        }
        // A value that could be read is wrong by itself, whatever stands beside it.
        let is_value = [wrong_kind::RULE.code, invalid_value::RULE.code].contains(&finding.code);
        let mut places =
            std::iter::once(finding.span).chain(finding.related.iter().map(|it| it.span));
        let is_unread = |span| line(self.loaded, span).is_some_and(|at| self.lines.contains(&at));
        let is_name = finding.code == unknown_name::RULE.code || is_value;
        (!is_value && places.any(is_unread)) || (is_name && self.may_declare(finding, is_value))
    }

    /// Whether the unknown name, or the bare word that is no value, may be that of a declaration
    /// that could not be read.
    fn may_declare(&self, finding: &Diagnostic, is_value: bool) -> bool {
        let file = self.loaded.sources.get(finding.span.file);
        let name = file.and_then(|file| file.text.get(finding.span.range())).unwrap_or_default();
        let name = name.trim_matches('"');
        if is_value && !is_ident(name) {
            return false;
        }
        let may_be_let = is_value
            || subject(finding).is_some_and(|(space, _)| matches!(space, "let" | "prompt"));
        let is_of = |keyword: &&str| match *keyword {
            "let" => may_be_let,
            "model" => finding.message.starts_with("no provider and no model is named"),
            _ => false,
        };
        let is_space =
            |keyword: &&str| subject(finding).is_some_and(|(space, _)| space == *keyword);
        self.words.contains(name) || self.nameless.iter().any(|it| is_of(it) || is_space(it))
    }
}

fn line(loaded: &Loaded, span: Span) -> Option<(FileId, u32)> {
    Some((span.file, loaded.sources.get(span.file)?.line(span.start)))
}

/// Whether a line that could not be read is rather a declaration's than a statement.
fn is_header(text: &str) -> bool {
    let text = text.trim_end();
    // `let NAME = …`, also where one of the two words is missing; a condition compares, too.
    let before = text.split_once('=').map(|(before, _)| before.split_whitespace());
    let declares =
        before.is_some_and(|mut words| words.next() != Some("when") && words.count() < 2);
    text.ends_with(['{', '(']) || declares || !text.starts_with([' ', '\t'])
}

/// The first words of a header: what it declares is among them.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    text.split(move |c: char| !is_part(c)).filter(|word| !word.is_empty()).take(4)
}

fn add_nameless(declaration: &Declaration, nameless: &mut BTreeSet<&'static str>) {
    let (keyword, name) = match declaration {
        Declaration::Provider(one) => ("provider", &one.name),
        Declaration::Model(one) => ("model", &one.name),
        Declaration::Prompt(one) => ("prompt", &one.name),
        Declaration::Let(one) => ("let", &one.name),
        Declaration::Role(one) => ("role", &one.name),
        Declaration::Client(one) => ("client", &one.name),
        Declaration::Env(env) => {
            return env.declarations.iter().for_each(|one| add_nameless(one, nameless));
        }
        _ => return,
    };
    if name.is_none() {
        nameless.insert(keyword);
    }
}

/// The namespace and the name that a finding says to be unknown.
fn subject(finding: &Diagnostic) -> Option<(&str, &str)> {
    if finding.code != unknown_name::RULE.code {
        return None;
    }
    let message = finding.message.as_str();
    let hole = message.strip_prefix("nothing fills `${").and_then(|rest| rest.strip_suffix("}`"));
    if let Some(name) = hole {
        return Some(("let", name));
    }
    let (before, name) = message.split_once(" is named `")?;
    let name = name.split('`').next()?;
    let (_, space) = before.rsplit_once("no ")?;
    // What may be either is most often the provider.
    let either = message.starts_with("no provider and no model");
    Some((if either { "provider" } else { space.trim_matches('`') }, name))
}

/// Makes one finding of each unknown name, at its first use, with the others beside it. What is
/// unknown without any environment is not found once more under one.
fn gather(findings: &mut Vec<Diagnostic>) {
    let mut firsts: BTreeMap<(String, String, Option<String>), usize> = BTreeMap::new();
    let mut kept: Vec<Diagnostic> = Vec::with_capacity(findings.len());
    for finding in findings.drain(..) {
        let Some((space, name)) = subject(&finding) else {
            kept.push(finding);
            continue;
        };
        let key = (space.to_owned(), name.to_owned(), finding.env.clone());
        let everywhere = (key.0.clone(), key.1.clone(), None);
        let first = firsts.get(&key).or_else(|| firsts.get(&everywhere)).copied();
        let Some(first) = first.and_then(|at| kept.get_mut(at)) else {
            firsts.insert(key, kept.len());
            kept.push(finding);
            continue;
        };
        if first.span == finding.span {
            continue;
        }
        first.related.push(crate::diagnostic::Related {
            span: finding.span,
            message: "and here".to_owned(),
        });
        if let (Some(fix), Some(more)) = (&mut first.fix, finding.fix)
            && fix.title == more.title
        {
            fix.edits.extend(more.edits);
        }
    }
    *findings = kept;
}
