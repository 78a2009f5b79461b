//! A whole check: the program without environment blocks, and under each of them.
//!
//! Owns what is looked at and which findings are kept; the findings are the rules'.

use std::collections::{BTreeSet, HashSet};

use crate::diagnostic::{Diagnostic, Severity};
use crate::doubt::Doubt;
use crate::follow;
use crate::load::Loaded;
use crate::program::Program;
use crate::project::Project;
use crate::render::Tally;
use crate::resolve::prompt_files::PromptFiles;
use crate::resolve::{Input, Space, resolve};
use crate::rules;
use crate::rules::{secret, unused};
use crate::span::Span;
use crate::syntax::tree::{Declaration, Name};

/// A checked program.
#[derive(Debug)]
pub struct Checked {
    /// What it means in the environment that was asked for.
    pub program: Program,
    /// In the order of the files and their text, each once.
    pub findings: Vec<Diagnostic>,
}

/// Checks a program in every environment; `env` is the one to compile for.
pub fn check(project: &Project, loaded: &Loaded, env: &str) -> Checked {
    let prompt_files = PromptFiles::default();
    let input = Input {
        sources: &loaded.sources,
        files: &loaded.files,
        trees: &loaded.trees,
        catalogue: &project.catalogue,
        platform: project.platform,
        prompt_files: &prompt_files,
    };
    let envs = env_names(loaded);
    let doubt = Doubt::of(loaded);
    let mut base = resolve(input, env, None);
    let mut used = base.used;
    let mut findings = loaded.findings.clone();
    findings.extend(base.findings);
    doubt.mark(&mut base.program, loaded, None);
    rules::check(&base.program, &mut findings);
    let mut program = base.program;
    for name in envs {
        let mut under = resolve(input, name, Some(name));
        used.extend(under.used);
        doubt.mark(&mut under.program, loaded, Some(name));
        let mut own = under.findings;
        rules::check(&under.program, &mut own);
        add_own(&mut findings, own, name);
        if name == env {
            program = under.program;
        }
    }
    add_secrets(loaded, &mut findings);
    let errors: Vec<_> =
        findings.iter().filter(|one| one.severity == Severity::Error).cloned().collect();
    if Tally::of(&loaded.findings).errors == 0 {
        let unused = unused(loaded, &used);
        findings.extend(unused.into_iter().filter(|one| !is_part_of_an_error(one, &errors)));
    }
    let broken: BTreeSet<Span> = loaded.findings.iter().map(|one| one.span).collect();
    findings.retain(|one| one.severity == Severity::Error || !holds_any(one.span, &broken));
    sort(&mut findings);
    follow::settle(loaded, &mut findings);
    Checked { program, findings }
}

/// One cause is one finding: of a statement that could not be read whole, the rest says little.
fn holds_any(span: Span, broken: &BTreeSet<Span>) -> bool {
    let from = Span { end: span.start, ..span };
    broken.range(from..).next().is_some_and(|one| one.file == span.file && one.end <= span.end)
}

/// Adds the findings that exist only under the blocks of `env`.
fn add_own(findings: &mut Vec<Diagnostic>, own: Vec<Diagnostic>, env: &str) {
    let known: HashSet<_> = findings.iter().map(|known| (known.code, known.span)).collect();
    let is_new = |finding: &Diagnostic| !known.contains(&(finding.code, finding.span));
    let new: Vec<_> = own.into_iter().filter(is_new).collect();
    let named = new.into_iter().map(|finding| Diagnostic { env: Some(env.into()), ..finding });
    findings.extend(named);
}

/// Adds the secrets that are written anywhere in a file, comments included, but for those that have
/// been found as what they were meant to be.
fn add_secrets(loaded: &Loaded, findings: &mut Vec<Diagnostic>) {
    let known: Vec<_> =
        findings.iter().filter(|one| rules::hides_source(one.code)).map(|one| one.span).collect();
    let is_known = |one: &Diagnostic| {
        known.iter().any(|span| {
            span.file == one.span.file && span.start <= one.span.start && one.span.end <= span.end
        })
    };
    let written = loaded.sources.iter().flat_map(|(id, file)| secret::in_file(id, &file.text));
    findings.extend(written.filter(|one| !is_known(one)).collect::<Vec<_>>());
}

/// One cause is one finding: a name in a cycle is not left over, too.
fn is_part_of_an_error(unused: &Diagnostic, errors: &[Diagnostic]) -> bool {
    let related = |error: &Diagnostic| error.related.iter().any(|it| it.span == unused.span);
    errors.iter().any(|error| error.span == unused.span || related(error))
}

fn sort(findings: &mut Vec<Diagnostic>) {
    fn key(one: &Diagnostic) -> impl Ord + '_ {
        (one.span, one.code, &one.message, &one.env)
    }
    findings.sort_by(|a, b| key(a).cmp(&key(b)));
    findings.dedup_by(|a, b| a.code == b.code && a.span == b.span && a.message == b.message);
}

/// The environments that a program declares.
pub(crate) fn env_names(loaded: &Loaded) -> BTreeSet<&str> {
    let declarations = loaded.trees.iter().flat_map(|tree| &tree.declarations);
    let names = declarations.filter_map(|declaration| match declaration {
        Declaration::Env(env) => env.name.as_ref(),
        _ => None,
    });
    names.map(|name| name.text.as_str()).collect()
}

/// What is declared and used in no environment. Roles are what clients ask for.
fn unused(loaded: &Loaded, used: &BTreeSet<(Space, &str)>) -> Vec<Diagnostic> {
    let declarations = loaded.trees.iter().flat_map(|tree| &tree.declarations);
    let named = declarations.filter_map(declared);
    let unused = named.filter(|(space, name)| !used.contains(&(*space, name.text.as_str())));
    unused.map(|(space, name)| unused::finding(space, name)).collect()
}

fn declared(declaration: &Declaration) -> Option<(Space, &Name)> {
    let (space, name) = match declaration {
        Declaration::Provider(one) => (Space::Provider, &one.name),
        Declaration::Model(one) => (Space::Model, &one.name),
        Declaration::Prompt(one) => (Space::Prompt, &one.name),
        Declaration::Let(one) => (Space::Let, &one.name),
        _ => return None,
    };
    name.as_ref().map(|name| (space, name))
}
