//! The declarations of one environment: those of the program, replaced and added to by its blocks.
//!
//! Owns names and which declaration stands for each; what is in them is read elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::Diagnostic;
use crate::nearest::nearest;
use crate::rules::{duplicate, unknown_name};
use crate::span::Span;
use crate::syntax::tree::{
    Broken, ClientStatement, Declaration, Ensure, File, Let, Model, ModelStatement, Name, Prompt,
    ProviderStatement, Role, Statement, TestCase, Then, ValueKind,
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
#[derive(Debug)]
pub(super) struct Layers<'t, S> {
    pub(super) env: Vec<&'t S>,
    pub(super) base: Vec<&'t S>,
}

impl<S> Default for Layers<'_, S> {
    fn default() -> Self {
        Self { env: Vec::new(), base: Vec::new() }
    }
}

#[derive(Debug)]
pub(super) struct ProviderDecl<'t> {
    pub(super) name: &'t Name,
    pub(super) statements: Layers<'t, ProviderStatement>,
}

#[derive(Debug)]
pub(super) struct ClientDecl<'t> {
    pub(super) name: &'t Name,
    pub(super) statements: Layers<'t, ClientStatement>,
}

#[derive(Debug)]
pub(super) struct ModelDecl<'t> {
    pub(super) node: &'t Model,
    pub(super) statements: Layers<'t, ModelStatement>,
}

#[derive(Debug)]
pub(super) struct RoleDecl<'t> {
    pub(super) name: &'t Name,
    pub(super) like: Option<&'t Name>,
    /// The `like` of the environment's own block.
    env_like: Option<&'t Name>,
    pub(super) statements: Layers<'t, Statement>,
}

/// Every name of an environment.
#[derive(Debug, Default)]
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
        let mut seen = Seen::default();
        for declaration in declarations {
            let Some(name) = named(declaration) else {
                self.add_unnamed(declaration, &mut seen, findings);
                continue;
            };
            let (space, name) = name;
            if seen.is_new(space, name, findings) {
                self.insert(declaration, name);
            }
        }
    }

    fn add_unnamed(
        &mut self,
        declaration: &'t Declaration,
        seen: &mut Seen<'t>,
        findings: &mut Vec<Diagnostic>,
    ) {
        match declaration {
            Declaration::Broken(node) => self.add_broken(node),
            Declaration::Ensure(node) => self.ensures.push(node),
            Declaration::Defaults(node) => {
                if let Some(first) = seen.defaults.replace(node.span) {
                    seen.defaults = Some(first);
                    findings.push(duplicate::defaults(first, node.span));
                } else {
                    self.defaults.base.extend(&node.statements);
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
                let base = node.statements.iter().collect();
                let statements = Layers { env: Vec::new(), base };
                self.providers.insert(&name.text, ProviderDecl { name, statements });
            }
            Declaration::Model(node) => {
                let base = node.statements.iter().collect();
                let statements = Layers { env: Vec::new(), base };
                self.models.insert(&name.text, ModelDecl { node, statements });
            }
            Declaration::Prompt(node) => {
                self.prompts.insert(&name.text, node);
            }
            Declaration::Let(node) => {
                self.lets.insert(&name.text, node);
            }
            Declaration::Role(node) => {
                let base = node.statements.iter().collect();
                let statements = Layers { env: Vec::new(), base };
                let like = node.like.as_ref();
                let env_like = None;
                self.roles.insert(&name.text, RoleDecl { name, like, env_like, statements });
            }
            Declaration::Client(node) => {
                let base = node.statements.iter().collect();
                let statements = Layers { env: Vec::new(), base };
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

    /// Blocks of one environment add up, so that a provider or role may stand in several.
    fn add_env(
        &mut self,
        declarations: &mut dyn Iterator<Item = &'t Declaration>,
        findings: &mut Vec<Diagnostic>,
    ) {
        let declarations: Vec<_> = declarations.collect();
        for declaration in &declarations {
            if let Declaration::Defaults(node) = declaration {
                add_up(&mut self.defaults.env, &node.statements, findings);
            }
        }
        let mut seen = Seen::default();
        for declaration in declarations {
            match declaration {
                Declaration::Broken(node) => self.add_broken(node),
                Declaration::Ensure(node) => self.ensures.push(node),
                Declaration::Client(node) => {
                    let Some(name) = &node.name else { continue };
                    self.add_env_client(name, &node.statements, findings);
                }
                Declaration::Provider(node) => {
                    let Some(name) = &node.name else { continue };
                    self.add_env_provider(name, &node.statements, findings);
                }
                Declaration::Role(node) => {
                    let Some(name) = &node.name else { continue };
                    self.add_env_role(name, node, findings);
                }
                other => {
                    if let Some((space, name)) = named(other)
                        && seen.is_new(space, name, findings)
                    {
                        self.replace(other, name);
                    }
                }
            }
        }
    }

    fn add_env_provider(
        &mut self,
        name: &'t Name,
        statements: &'t [ProviderStatement],
        findings: &mut Vec<Diagnostic>,
    ) {
        if let Some(provider) = self.providers.get_mut(name.text.as_str()) {
            provider.statements.env.extend(statements);
            return;
        }
        let has = |wanted: fn(&ProviderStatement) -> bool| statements.iter().any(wanted);
        let broken = has(|one| matches!(one, ProviderStatement::Broken(_)));
        let stands_alone = has(|one| matches!(one, ProviderStatement::Protocol(_)))
            && (has(|one| matches!(one, ProviderStatement::BaseUrl(_))) || has(needs_no_url));
        if self.broken.contains(&(Space::Provider, &name.text)) {
            return;
        }
        if !stands_alone && !broken {
            let near = self.nearest(Space::Provider, &name.text);
            findings.push(unknown_name::in_env(name, Space::Provider, near));
            return;
        }
        let env = statements.iter().collect();
        let statements = Layers { env, base: Vec::new() };
        self.providers.insert(&name.text, ProviderDecl { name, statements });
    }

    fn add_env_client(
        &mut self,
        name: &'t Name,
        statements: &'t [ClientStatement],
        findings: &mut Vec<Diagnostic>,
    ) {
        if let Some(client) = self.clients.get_mut(name.text.as_str()) {
            client.statements.env.extend(statements);
            return;
        }
        if self.broken.contains(&(Space::Client, &name.text)) {
            return;
        }
        let may_stand = |one: &ClientStatement| {
            matches!(one, ClientStatement::Key(_) | ClientStatement::Broken(_))
        };
        if !statements.iter().any(may_stand) {
            let near = self.nearest(Space::Client, &name.text);
            findings.push(unknown_name::in_env(name, Space::Client, near));
            return;
        }
        let statements = Layers { env: statements.iter().collect(), base: Vec::new() };
        self.clients.insert(&name.text, ClientDecl { name, statements });
    }

    fn add_env_role(&mut self, name: &'t Name, node: &'t Role, findings: &mut Vec<Diagnostic>) {
        if let Some(role) = self.roles.get_mut(name.text.as_str()) {
            add_up(&mut role.statements.env, &node.statements, findings);
            match (&node.like, role.env_like) {
                (Some(second), Some(first)) => {
                    findings.push(duplicate::statement("like", first.span, second.span));
                }
                (Some(like), None) => (role.like, role.env_like) = (Some(like), Some(like)),
                (None, _) => {}
            }
            return;
        }
        let defaults = self.defaults.env.iter().chain(&self.defaults.base).copied();
        let may_route =
            node.like.is_some() || node.statements.iter().chain(defaults).any(may_route);
        if self.broken.contains(&(Space::Role, &name.text)) {
            return;
        }
        if !may_route {
            let near = self.nearest(Space::Role, &name.text);
            findings.push(unknown_name::in_env(name, Space::Role, near));
            return;
        }
        let statements = Layers { env: node.statements.iter().collect(), base: Vec::new() };
        let like = node.like.as_ref();
        self.roles.insert(&name.text, RoleDecl { name, like, env_like: like, statements });
    }

    /// A model, prompt, let or test of an environment stands in for the program's. A model that keeps its
    /// target keeps its facts too; those of another target would be wrong.
    fn replace(&mut self, declaration: &'t Declaration, name: &'t Name) {
        let Declaration::Model(node) = declaration else {
            return self.insert(declaration, name);
        };
        let before = self.models.remove(name.text.as_str());
        let kept = before.filter(|before| target(before.node) == target(node));
        let base = kept.map(|before| before.statements.base).unwrap_or_default();
        let statements = Layers { env: node.statements.iter().collect(), base };
        self.models.insert(&name.text, ModelDecl { node, statements });
    }
}

/// The target as written, for comparison.
fn target(model: &Model) -> Option<(&str, &str)> {
    match &model.target.as_ref()?.kind {
        ValueKind::ModelId(target) => Some((&target.provider.text, &target.id.text)),
        ValueKind::Ident(name) => Some((name, "")),
        _ => None,
    }
}

/// Adds the statements of a further block of an environment. The order of files means nothing, so
/// that statements whose order means something come from one block.
fn add_up<'t>(
    statements: &mut Vec<&'t Statement>,
    more: &'t [Statement],
    findings: &mut Vec<Diagnostic>,
) {
    let first_of = |all: &[&'t Statement], is: fn(&Statement) -> bool| {
        all.iter().find(|statement| is(statement)).map(|statement| statement.span())
    };
    let mut more: Vec<_> = more.iter().collect();
    for (is, what) in [(is_arm as fn(&Statement) -> bool, "the arms"), (is_guard, "guarded blocks")]
    {
        if let (Some(first), Some(second)) = (first_of(statements, is), first_of(&more, is)) {
            findings.push(duplicate::in_blocks(what, first, second));
            more.retain(|statement| !is(statement));
        }
    }
    statements.extend(more);
}

fn is_arm(statement: &Statement) -> bool {
    may_route(statement) && !is_guard(statement)
}

fn is_guard(statement: &Statement) -> bool {
    matches!(statement, Statement::When(node) if matches!(node.then, Then::Block(_)))
}

fn needs_no_url(statement: &ProviderStatement) -> bool {
    let ProviderStatement::Protocol(node) = statement else { return false };
    let word = node.value.as_ref().and_then(|value| value.ident());
    matches!(word, Some("bedrock" | "demo"))
}

/// Whether a statement gives a role its route, or would if it could be read.
pub(super) fn may_route(statement: &Statement) -> bool {
    let is_keyword = matches!(statement.keyword(), Some("route" | "when" | "otherwise"));
    is_keyword && !is_guard(statement)
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

/// What has been declared so far.
#[derive(Default)]
struct Seen<'t> {
    names: BTreeMap<(Space, &'t str), &'t Name>,
    defaults: Option<Span>,
}

impl<'t> Seen<'t> {
    fn is_new(&mut self, space: Space, name: &'t Name, findings: &mut Vec<Diagnostic>) -> bool {
        if space == Space::Let && name.text == "env" {
            findings.push(duplicate::let_env(name.span));
            return false;
        }
        match self.names.get(&(space, name.text.as_str())) {
            Some(first) => {
                findings.push(duplicate::name(space.keyword(), first, name));
                false
            }
            None => {
                self.names.insert((space, &name.text), name);
                true
            }
        }
    }
}
