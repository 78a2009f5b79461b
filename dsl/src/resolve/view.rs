//! The declarations of one environment: those of the program, replaced and added to by its blocks.
//!
//! Owns names and which declaration stands for each; what is in them is read elsewhere.

mod env;

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::nearest::nearest;
use crate::rules::duplicate;
use crate::span::Span;
use crate::syntax::tree::{
    Broken, ClientStatement, Declaration, Ensure, File, Let, Model, ModelStatement, Name, Prompt,
    ProviderStatement, Statement, TestCase, Then,
};

/// A namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// `client`
    Client,
    /// `let`
    Let,
    /// `model`
    Model,
    /// `prompt`
    Prompt,
    /// `provider`
    Provider,
    /// `role`
    Role,
    /// `test`
    Test,
}

impl Space {
    const ALL: [Self; 7] = [
        Self::Client,
        Self::Let,
        Self::Model,
        Self::Prompt,
        Self::Provider,
        Self::Role,
        Self::Test,
    ];

    /// The word that declares in it.
    pub const fn keyword(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Let => "let",
            Self::Model => "model",
            Self::Prompt => "prompt",
            Self::Provider => "provider",
            Self::Role => "role",
            Self::Test => "test",
        }
    }

    fn of_keyword(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|space| space.keyword() == word)
    }
}

/// Statements of a block: those of the environment before those of the program.
#[derive(Debug, Clone)]
pub(super) struct Layers<'t, S> {
    pub(super) env: Vec<&'t S>,
    pub(super) base: &'t [S],
}

impl<S> Default for Layers<'_, S> {
    fn default() -> Self {
        Self { env: Vec::new(), base: &[] }
    }
}

#[derive(Debug, Clone)]
pub(super) struct ProviderDecl<'t> {
    pub(super) name: &'t Name,
    pub(super) statements: Layers<'t, ProviderStatement>,
}

#[derive(Debug, Clone)]
pub(super) struct ClientDecl<'t> {
    pub(super) name: &'t Name,
    pub(super) statements: Layers<'t, ClientStatement>,
}

#[derive(Debug, Clone)]
pub(super) struct ModelDecl<'t> {
    pub(super) node: &'t Model,
    pub(super) statements: Layers<'t, ModelStatement>,
}

#[derive(Debug, Clone)]
pub(super) struct RoleDecl<'t> {
    pub(super) name: &'t Name,
    pub(super) like: Option<&'t Name>,
    pub(super) statements: Layers<'t, Statement>,
}

/// Every name of an environment.
#[derive(Debug, Clone, Default)]
pub(super) struct View<'t> {
    pub(super) providers: BTreeMap<&'t str, ProviderDecl<'t>>,
    pub(super) models: BTreeMap<&'t str, ModelDecl<'t>>,
    pub(super) prompts: BTreeMap<&'t str, &'t Prompt>,
    pub(super) lets: BTreeMap<&'t str, &'t Let>,
    pub(super) roles: BTreeMap<&'t str, RoleDecl<'t>>,
    pub(super) clients: BTreeMap<&'t str, ClientDecl<'t>>,
    pub(super) ensures: Vec<&'t Ensure>,
    pub(super) tests: BTreeMap<&'t str, &'t TestCase>,
    pub(super) defaults: Layers<'t, Statement>,
    /// Names of declarations that could not be read: not unknown, and not known either.
    pub(super) broken: BTreeSet<(Space, &'t str)>,
}

impl<'t> View<'t> {
    /// The program's own declarations, and the blocks of `env` over them.
    pub(super) fn of(
        files: impl Iterator<Item = &'t File> + Clone,
        env: Option<&str>,
        findings: &mut Vec<Diagnostic>,
    ) -> Self {
        let mut view = Self::default();
        let all = files.flat_map(|file| &file.declarations);
        view.add_base(all.clone(), findings);
        if let Some(env) = env {
            let blocks = all.filter_map(|declaration| match declaration {
                Declaration::Env(block) => Some(block),
                _ => None,
            });
            let mut of_env = blocks
                .filter(|block| block.name.as_ref().is_some_and(|name| name.text == env))
                .flat_map(|block| &block.declarations);
            view.add_env(&mut of_env, findings);
        }
        view
    }

    /// Whether a name is declared, readable or not.
    pub(super) fn knows(&self, space: Space, name: &str) -> bool {
        let readable = match space {
            Space::Client => self.clients.contains_key(name),
            Space::Let => self.lets.contains_key(name),
            Space::Model => self.models.contains_key(name),
            Space::Prompt => self.prompts.contains_key(name),
            Space::Provider => self.providers.contains_key(name),
            Space::Role => self.roles.contains_key(name),
            Space::Test => self.tests.contains_key(name),
        };
        readable || self.broken.contains(&(space, name))
    }

    /// The known name nearest to one that is not.
    pub(super) fn nearest(&self, space: Space, name: &str) -> Option<&'t str> {
        match space {
            Space::Client => nearest(name, self.clients.keys().copied()),
            Space::Let => nearest(name, self.lets.keys().copied()),
            Space::Model => nearest(name, self.models.keys().copied()),
            Space::Prompt => nearest(name, self.prompts.keys().copied()),
            Space::Provider => nearest(name, self.providers.keys().copied()),
            Space::Role => nearest(name, self.roles.keys().copied()),
            Space::Test => nearest(name, self.tests.keys().copied()),
        }
    }

    fn add_base(
        &mut self,
        declarations: impl Iterator<Item = &'t Declaration>,
        findings: &mut Vec<Diagnostic>,
    ) {
        let mut defaults = None;
        for declaration in declarations {
            let Some((space, name)) = named(declaration) else {
                self.add_unnamed(declaration, &mut defaults, findings);
                continue;
            };
            if is_new(space, name, self.declared(space, &name.text), findings) {
                self.insert(declaration, name);
            }
        }
    }

    /// Where a name is declared that could be read.
    fn declared(&self, space: Space, name: &str) -> Option<&'t Name> {
        match space {
            Space::Client => self.clients.get(name).map(|it| it.name),
            Space::Let => self.lets.get(name).and_then(|it| it.name.as_ref()),
            Space::Model => self.models.get(name).and_then(|it| it.node.name.as_ref()),
            Space::Prompt => self.prompts.get(name).and_then(|it| it.name.as_ref()),
            Space::Provider => self.providers.get(name).map(|it| it.name),
            Space::Role => self.roles.get(name).map(|it| it.name),
            Space::Test => self.tests.get(name).and_then(|it| it.name.as_ref()),
        }
    }

    fn add_unnamed(
        &mut self,
        declaration: &'t Declaration,
        defaults: &mut Option<Span>,
        findings: &mut Vec<Diagnostic>,
    ) {
        match declaration {
            Declaration::Broken(node) => self.add_broken(node),
            Declaration::Ensure(node) => self.ensures.push(node),
            Declaration::Defaults(node) => {
                if let Some(first) = *defaults {
                    findings.push(duplicate::defaults(first, node.span));
                } else {
                    *defaults = Some(node.span);
                    self.defaults.base = &node.statements;
                }
            }
            _ => {}
        }
    }

    fn add_broken(&mut self, node: &'t Broken) {
        let space = node.meant.and_then(Space::of_keyword);
        if let (Some(space), Some(name)) = (space, &node.name) {
            self.broken.insert((space, &name.text));
        }
    }

    fn insert(&mut self, declaration: &'t Declaration, name: &'t Name) {
        match declaration {
            Declaration::Provider(node) => {
                let statements = Layers { env: Vec::new(), base: &node.statements };
                self.providers.insert(&name.text, ProviderDecl { name, statements });
            }
            Declaration::Model(node) => {
                let statements = Layers { env: Vec::new(), base: &node.statements };
                self.models.insert(&name.text, ModelDecl { node, statements });
            }
            Declaration::Prompt(node) => {
                self.prompts.insert(&name.text, node);
            }
            Declaration::Let(node) => {
                self.lets.insert(&name.text, node);
            }
            Declaration::Role(node) => {
                let statements = Layers { env: Vec::new(), base: &node.statements };
                let like = node.like.as_ref();
                self.roles.insert(&name.text, RoleDecl { name, like, statements });
            }
            Declaration::Client(node) => {
                let statements = Layers { env: Vec::new(), base: &node.statements };
                self.clients.insert(&name.text, ClientDecl { name, statements });
            }
            Declaration::Test(node) => {
                self.tests.insert(&name.text, node);
            }
            Declaration::Defaults(_)
            | Declaration::Env(_)
            | Declaration::Ensure(_)
            | Declaration::Broken(_) => {}
        }
    }
}

fn is_arm(statement: &Statement) -> bool {
    let is_keyword = matches!(statement.keyword(), Some("route" | "when" | "otherwise"));
    is_keyword && !is_guard(statement)
}

fn is_guard(statement: &Statement) -> bool {
    matches!(statement, Statement::When(node) if matches!(node.then, Then::Block(_)))
}

/// Whether a statement gives a role its route, or would if it could be read: what cannot be made
/// out may be anything.
pub(super) fn may_route(statement: &Statement) -> bool {
    matches!(statement, Statement::Broken(Broken { meant: None, .. })) || is_arm(statement)
}

fn named(declaration: &Declaration) -> Option<(Space, &Name)> {
    let (space, name) = match declaration {
        Declaration::Provider(node) => (Space::Provider, &node.name),
        Declaration::Model(node) => (Space::Model, &node.name),
        Declaration::Prompt(node) => (Space::Prompt, &node.name),
        Declaration::Role(node) => (Space::Role, &node.name),
        Declaration::Let(node) => (Space::Let, &node.name),
        Declaration::Client(node) => (Space::Client, &node.name),
        Declaration::Test(node) => (Space::Test, &node.name),
        Declaration::Defaults(_)
        | Declaration::Env(_)
        | Declaration::Ensure(_)
        | Declaration::Broken(_) => return None,
    };
    Some((space, name.as_ref()?))
}

/// Whether a name may be declared here, which is declared `first` there; if not, that is found.
fn is_new(space: Space, name: &Name, first: Option<&Name>, findings: &mut Vec<Diagnostic>) -> bool {
    let finding = match first {
        _ if space == Space::Let && name.text == "env" => duplicate::let_env(name.span),
        Some(first) => duplicate::name(space.keyword(), first, name),
        None => return true,
    };
    findings.push(finding);
    false
}
