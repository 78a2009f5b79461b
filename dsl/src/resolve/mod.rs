//! From trees to a program: names, constants, inheritance, environments.
//!
//! Owns the meaning of what is written; how findings are worded is in [`crate::rules`].

mod arms;
mod base_url;
mod block;
mod client;
mod condition;
mod failing;
mod graph;
mod guard;
mod model;
mod promise;
mod prompt;
pub mod prompt_files;
mod provider;
mod role;
mod settings;
mod slot;
mod test_case;
mod values;
mod view;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model_map::{FailureClass, usual_fallback};

use crate::catalogue::Catalogue;
use crate::diagnostic::Diagnostic;
use crate::load::LoadedFile;
use crate::program::{Model, Named, Program, Provider};
use crate::project::Platform;
use crate::rules::unknown_name;
use crate::span::Sources;
use crate::syntax::tree::{File, Name};
use prompt_files::PromptFiles;
use values::Literal;
use view::View;

pub(crate) use model::host;
pub use view::Space;

/// What is resolved, the same for every environment.
#[derive(Debug, Clone, Copy)]
pub struct Input<'t> {
    /// The texts.
    pub sources: &'t Sources,
    /// Where they are.
    pub files: &'t [LoadedFile],
    /// What they hold, in the same order.
    pub trees: &'t [File],
    /// What is known about models.
    pub catalogue: &'t Catalogue,
    /// Where the router runs.
    pub platform: Platform,
    /// The prompt files read so far.
    pub prompt_files: &'t PromptFiles,
}

/// A program in one environment, and what is wrong with it.
#[derive(Debug)]
pub struct Resolution<'t> {
    /// What could be resolved.
    pub program: Program,
    /// Why the rest could not.
    pub findings: Vec<Diagnostic>,
    /// The names that are used.
    pub used: BTreeSet<(Space, &'t str)>,
}

/// Resolves the program with `${env}` as `env`, and with the blocks of the environment `blocks`
/// over it, if one is given.
pub fn resolve<'t>(input: Input<'t>, env: &str, blocks: Option<&str>) -> Resolution<'t> {
    let mut findings = Vec::new();
    let view = View::of(input.trees.iter(), blocks, &mut findings);
    let names = Names {
        input,
        env: env.to_owned(),
        view,
        lets: BTreeMap::new(),
        providers: BTreeMap::new(),
        models: BTreeMap::new(),
        prompts: BTreeMap::new(),
        usual_fallback: Arc::new(usual_fallback()),
    };
    let mut resolver = Resolver { names: Arc::new(names), findings, used: BTreeSet::new() };
    resolver.read_lets();
    resolver.read_providers();
    resolver.read_models();
    resolver.read_prompts();
    let roles = resolver.read_roles();
    let clients = resolver.read_clients();
    let ensures = resolver.read_ensures();
    let tests = resolver.read_tests();
    let Resolver { names, findings, used } = resolver;
    let providers = names.providers.iter();
    let models = names.models.iter();
    let own =
        |(name, one): (&&str, &Option<Arc<Provider>>)| Some(((*name).to_owned(), one.clone()?));
    let program = Program {
        env: names.env.clone(),
        platform: input.platform,
        providers: providers.filter_map(own).collect(),
        models: models.map(|(name, model)| ((*name).to_owned(), Arc::clone(model))).collect(),
        clients,
        roles,
        ensures,
        tests,
    };
    Resolution { program, findings, used }
}

/// What roles are made of, as far as it has been resolved. A name without a value has had its
/// finding.
#[derive(Debug, Clone)]
struct Names<'t> {
    input: Input<'t>,
    env: String,
    view: View<'t>,
    lets: BTreeMap<&'t str, Option<Literal<'t>>>,
    providers: BTreeMap<&'t str, Option<Arc<Provider>>>,
    models: BTreeMap<&'t str, Arc<Model>>,
    prompts: BTreeMap<&'t str, Option<Arc<str>>>,
    /// One for all roles that write none.
    usual_fallback: Arc<BTreeSet<FailureClass>>,
}

/// Reads what is written, with what is found on the way.
struct Resolver<'t> {
    /// Shared by the readers of roles, which only look things up.
    names: Arc<Names<'t>>,
    findings: Vec<Diagnostic>,
    used: BTreeSet<(Space, &'t str)>,
}

impl<'t> Resolver<'t> {
    /// Another one, which has found nothing yet.
    fn fork(&self) -> Self {
        Self { names: Arc::clone(&self.names), findings: Vec::new(), used: BTreeSet::new() }
    }

    /// The names while no other reader has them.
    fn names_mut(&mut self) -> &mut Names<'t> {
        Arc::make_mut(&mut self.names)
    }

    fn use_name(&mut self, space: Space, name: &'t str) {
        self.used.insert((space, name));
    }

    /// A name of a space that is used here; if nothing declares it, that is found.
    fn find_name(&mut self, space: Space, name: &'t Name) -> Option<Named> {
        let is_declared = self.find_declared(space, name);
        is_declared.then(|| Named { name: name.text.clone(), span: name.span })
    }

    /// Whether something declares a name that is used here; if nothing does, that is found.
    fn find_declared(&mut self, space: Space, name: &'t Name) -> bool {
        let is_declared = self.names.view.knows(space, &name.text);
        if is_declared {
            self.use_name(space, &name.text);
        } else {
            let near = self.near(space, &name.text);
            self.findings.push(unknown_name::of(space, &name.text, name.span, near));
        }
        is_declared
    }

    /// The name that an unknown one is meant to be, if that is likely; it then counts as used,
    /// since one mistake is one finding.
    fn near(&mut self, space: Space, name: &str) -> Option<&'t str> {
        let near = self.names.view.nearest(space, name)?;
        self.use_name(space, near);
        Some(near)
    }
}

#[cfg(test)]
mod tests;
