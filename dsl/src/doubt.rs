//! Which roles may mean something else than they seem to, where a text does not follow the grammar.
//!
//! Owns what an unread line can reach; what is then not said of a role is for the rules.
//!
//! It errs on the side of doubt: a declaration is taken to depend on every declaration whose name
//! is a word of its text.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Severity;
use crate::load::Loaded;
use crate::program::Program;
use crate::span::Span;
use crate::syntax::is_ident;
use crate::syntax::tree::Declaration;

/// What is in doubt.
#[derive(Debug, Default)]
pub(crate) struct Doubt<'l> {
    /// Every role, whatever the environment.
    all: bool,
    /// Every role under any environment: the block of one that has no name.
    all_envs: bool,
    /// Every role under these.
    envs: BTreeSet<&'l str>,
    /// Whatever has one of these names, of any kind.
    names: BTreeSet<&'l str>,
}

/// A declaration that may depend on others.
struct Unit<'l> {
    name: &'l str,
    span: Span,
}

impl<'l> Doubt<'l> {
    /// Of a program whose reading is over.
    pub(crate) fn of(loaded: &'l Loaded) -> Self {
        let mut doubt = Self::default();
        let errors = loaded.findings.iter().filter(|one| one.severity == Severity::Error);
        let errors: Vec<Span> = errors.map(|one| one.span).collect();
        if errors.is_empty() {
            return doubt;
        }
        let mut units = Vec::new();
        let mut declarations: BTreeMap<_, &Declaration> = BTreeMap::new();
        for one in loaded.trees.iter().flat_map(|tree| &tree.declarations) {
            let span = one.span();
            declarations.insert((span.file, span.start), one);
            units.extend(units_of(one));
        }
        for error in errors {
            let before = declarations.range(..=(error.file, error.start)).next_back();
            let holds = |one: &Declaration| {
                one.span().file == error.file && error.start < one.span().end.max(1)
            };
            match before.map(|(_, one)| *one).filter(|one| holds(one)) {
                Some(declaration) => doubt.add(declaration),
                // What stands outside of all declarations could be a part of any.
                None => doubt.all = true,
            }
        }
        doubt.spread(loaded, &units);
        doubt
    }

    /// Adds a declaration that was not read whole.
    fn add(&mut self, declaration: &'l Declaration) {
        let name = match declaration {
            Declaration::Provider(node) => &node.name,
            Declaration::Model(node) => &node.name,
            Declaration::Prompt(node) => &node.name,
            Declaration::Role(node) => &node.name,
            Declaration::Let(node) => &node.name,
            Declaration::Env(node) => {
                match &node.name {
                    Some(name) => drop(self.envs.insert(&name.text)),
                    None => self.all_envs = true,
                }
                return;
            }
            // Nothing depends on them.
            Declaration::Ensure(_) | Declaration::Test(_) => return,
            // Every role is over `defaults`, every request is some client's, and what was meant by
            // the rest is not known.
            Declaration::Defaults(_) | Declaration::Client(_) | Declaration::Broken(_) => {
                self.all = true;
                return;
            }
        };
        // Where one without a name is used it is unknown, which is found there.
        if let Some(name) = name {
            self.names.insert(&name.text);
        }
    }

    /// Adds whatever depends on what is in doubt.
    fn spread(&mut self, loaded: &'l Loaded, units: &[Unit<'l>]) {
        if self.all || self.names.is_empty() {
            return;
        }
        let declared: BTreeSet<&str> = units.iter().map(|unit| unit.name).collect();
        let mut users: BTreeMap<&str, Vec<&'l str>> = BTreeMap::new();
        for unit in units {
            let mentioned = words(text(loaded, unit.span)).filter(|word| declared.contains(word));
            for word in mentioned {
                users.entry(word).or_default().push(unit.name);
            }
        }
        let mut open: Vec<&str> = self.names.iter().copied().collect();
        while let Some(name) = open.pop() {
            let of = users.get(name).into_iter().flatten();
            let new: Vec<&'l str> = of.copied().filter(|user| self.names.insert(user)).collect();
            open.extend(new);
        }
        // Such a name is not found by the words of it.
        self.all = self.names.iter().any(|name| !is_ident(name));
    }

    /// Marks the roles of a program that are in doubt as not whole, and takes away the promises
    /// that name what is.
    pub(crate) fn mark(&self, program: &mut Program, loaded: &Loaded, env: Option<&str>) {
        let under = env.is_some_and(|env| self.all_envs || self.envs.contains(env));
        let all = self.all || under;
        for (name, role) in &mut program.roles {
            role.is_whole &= !all && !self.names.contains(name.as_str());
        }
        if all || !self.names.is_empty() {
            let names = |span| words(text(loaded, span)).any(|word| self.names.contains(word));
            program.ensures.retain(|ensure| !all && !names(ensure.span));
        }
    }
}

fn units_of(declaration: &Declaration) -> Vec<Unit<'_>> {
    let name = match declaration {
        Declaration::Provider(node) => &node.name,
        Declaration::Model(node) => &node.name,
        Declaration::Prompt(node) => &node.name,
        Declaration::Role(node) => &node.name,
        Declaration::Let(node) => &node.name,
        Declaration::Env(node) => return node.declarations.iter().flat_map(units_of).collect(),
        _ => return Vec::new(),
    };
    let span = declaration.span();
    name.iter().map(|name| Unit { name: &name.text, span }).collect()
}

fn text(loaded: &Loaded, span: Span) -> &str {
    let file = loaded.sources.get(span.file);
    file.and_then(|file| file.text.get(span.range())).unwrap_or_default()
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '-'))
        .filter(|word| !word.is_empty())
}
