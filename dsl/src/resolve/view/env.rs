//! The blocks of an environment, over the program's own declarations.
//!
//! Owns what they replace, what they add to and what is new; what is in them is read elsewhere.

use std::collections::BTreeMap;

use super::{ClientDecl, Layers, ModelDecl, ProviderDecl, RoleDecl, Space, View, named};
use super::{is_arm, is_guard, is_new, may_route};
use crate::diagnostic::Diagnostic;
use crate::rules::{duplicate, unknown_name};
use crate::syntax::tree::{
    Client, ClientStatement, Declaration, Model, Name, Provider, ProviderStatement, Role,
    Statement, ValueKind,
};

/// The blocks of one environment that add up, by name: a provider, client or role may stand in
/// several of them, in files of any order.
#[derive(Default)]
struct Blocks<'t> {
    providers: BTreeMap<&'t str, Vec<(&'t Name, &'t Provider)>>,
    clients: BTreeMap<&'t str, Vec<(&'t Name, &'t Client)>>,
    roles: BTreeMap<&'t str, Vec<(&'t Name, &'t Role)>>,
}

impl<'t> View<'t> {
    /// Puts the declarations of one environment over the program's.
    pub(super) fn add_env(
        &mut self,
        declarations: &mut dyn Iterator<Item = &'t Declaration>,
        findings: &mut Vec<Diagnostic>,
    ) {
        let mut blocks = Blocks::default();
        let mut seen: BTreeMap<(Space, &str), &Name> = BTreeMap::new();
        for declaration in declarations {
            match declaration {
                Declaration::Broken(node) => self.add_broken(node),
                Declaration::Ensure(node) => self.ensures.push(node),
                Declaration::Defaults(node) => {
                    add_up(&mut self.defaults.env, &node.statements, findings);
                }
                Declaration::Client(node) => {
                    let Some(name) = &node.name else { continue };
                    blocks.clients.entry(&name.text).or_default().push((name, node));
                }
                Declaration::Provider(node) => {
                    let Some(name) = &node.name else { continue };
                    blocks.providers.entry(&name.text).or_default().push((name, node));
                }
                Declaration::Role(node) => {
                    let Some(name) = &node.name else { continue };
                    blocks.roles.entry(&name.text).or_default().push((name, node));
                }
                other => {
                    let Some((space, name)) = named(other) else { continue };
                    let key = (space, name.text.as_str());
                    if is_new(space, name, seen.get(&key).copied(), findings) {
                        seen.insert(key, name);
                        self.replace(other, name);
                    }
                }
            }
        }
        blocks.providers.into_values().for_each(|nodes| self.add_provider(&nodes, findings));
        blocks.clients.into_values().for_each(|nodes| self.add_client(&nodes, findings));
        blocks.roles.into_values().for_each(|nodes| self.add_role(&nodes, findings));
    }

    fn add_provider(&mut self, nodes: &[(&'t Name, &'t Provider)], findings: &mut Vec<Diagnostic>) {
        let Some((name, _)) = nodes.first() else { return };
        let statements: Vec<_> = nodes.iter().flat_map(|(_, node)| &node.statements).collect();
        if let Some(provider) = self.providers.get_mut(name.text.as_str()) {
            provider.statements.env.extend(statements);
            return;
        }
        let has = |wanted: fn(&ProviderStatement) -> bool| statements.iter().any(|one| wanted(one));
        let broken = has(|one| matches!(one, ProviderStatement::Broken(_)));
        let stands_alone = has(|one| matches!(one, ProviderStatement::Protocol(_)))
            && (has(|one| matches!(one, ProviderStatement::BaseUrl(_))) || has(needs_no_url));
        if self.is_new(Space::Provider, name, broken || stands_alone, findings) {
            let statements = Layers { env: statements, base: &[] };
            self.providers.insert(&name.text, ProviderDecl { name, statements });
        }
    }

    fn add_client(&mut self, nodes: &[(&'t Name, &'t Client)], findings: &mut Vec<Diagnostic>) {
        let Some((name, _)) = nodes.first() else { return };
        let statements: Vec<_> = nodes.iter().flat_map(|(_, node)| &node.statements).collect();
        if let Some(client) = self.clients.get_mut(name.text.as_str()) {
            client.statements.env.extend(statements);
            return;
        }
        let may_stand = statements
            .iter()
            .any(|one| matches!(one, ClientStatement::Key(_) | ClientStatement::Broken(_)));
        if self.is_new(Space::Client, name, may_stand, findings) {
            let statements = Layers { env: statements, base: &[] };
            self.clients.insert(&name.text, ClientDecl { name, statements });
        }
    }

    fn add_role(&mut self, nodes: &[(&'t Name, &'t Role)], findings: &mut Vec<Diagnostic>) {
        let Some((name, _)) = nodes.first() else { return };
        let mut statements = Vec::new();
        let mut like: Option<&'t Name> = None;
        for (_, node) in nodes {
            add_up(&mut statements, &node.statements, findings);
            match (&node.like, like) {
                (Some(second), Some(first)) => {
                    findings.push(duplicate::statement("like", first.span, second.span));
                }
                (Some(first), None) => like = Some(first),
                (None, _) => {}
            }
        }
        if let Some(role) = self.roles.get_mut(name.text.as_str()) {
            role.statements.env = statements;
            role.like = like.or(role.like);
            return;
        }
        let defaults = self.defaults.env.iter().copied().chain(self.defaults.base);
        let routes = like.is_some() || statements.iter().copied().chain(defaults).any(may_route);
        if self.is_new(Space::Role, name, routes, findings) {
            let statements = Layers { env: statements, base: &[] };
            self.roles.insert(&name.text, RoleDecl { name, like, statements });
        }
    }

    /// Whether a name that the program lacks is a new one; if not, that is found, unless what
    /// declares it could not be read.
    fn is_new(
        &self,
        space: Space,
        name: &Name,
        stands_alone: bool,
        findings: &mut Vec<Diagnostic>,
    ) -> bool {
        if self.broken.contains(&(space, name.text.as_str())) {
            return false;
        }
        if !stands_alone {
            let near = self.nearest(space, &name.text);
            findings.push(unknown_name::in_env(name, space, near));
        }
        stands_alone
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

fn needs_no_url(statement: &ProviderStatement) -> bool {
    let ProviderStatement::Protocol(node) = statement else { return false };
    let word = node.value.as_ref().and_then(|value| value.ident());
    matches!(word, Some("bedrock" | "demo"))
}
