//! Models: their targets looked up and their facts gathered.
//!
//! Owns which facts a model has; the facts themselves are the catalogue's.

mod facts;

use std::collections::BTreeMap;
use std::sync::Arc;

use model_map::Protocol;

use super::Resolver;
use super::values::Literal;
use super::view::{ModelDecl, Space};
use crate::catalogue::Facts;
use crate::nearest::nearest;
use crate::program::{Model, Provider};
use crate::rules::{duplicate, unknown_model, unknown_name};
use crate::syntax::tree::{ModelId, Name};

impl<'t> Resolver<'t> {
    /// Reads every model.
    pub(super) fn read_models(&mut self) {
        let models = std::mem::take(&mut self.names_mut().view.models);
        let mut by_key = BTreeMap::new();
        for (alias, declared) in &models {
            let model = self.model(alias, declared).map(Arc::new);
            if let (Some(model), Some(name)) = (&model, &declared.node.name) {
                self.find_other_facts(name, model, &mut by_key);
            }
            self.names_mut().models.extend(model.map(|model| (*alias, model)));
        }
        self.names_mut().view.models = models;
    }

    /// One target has one set of facts, whatever its aliases.
    fn find_other_facts<'d>(
        &mut self,
        name: &'d Name,
        model: &Arc<Model>,
        by_key: &mut BTreeMap<String, (&'d Name, Arc<Model>)>,
    ) {
        let key = model.key();
        match by_key.get(&key) {
            Some((_, first)) if first.facts == model.facts => {}
            Some((first, _)) => self.findings.push(duplicate::facts(&key, first, name)),
            None => {
                by_key.insert(key, (name, Arc::clone(model)));
            }
        }
    }

    fn model(&mut self, alias: &str, declared: &ModelDecl<'t>) -> Option<Model> {
        let env = self.model_block(declared.statements.env.iter().copied());
        let base = self.model_block(declared.statements.base);
        let has_block = !declared.statements.env.is_empty() || !declared.statements.base.is_empty();
        let own = env.facts().over(base.facts());
        let value = declared.node.target.as_ref()?;
        let target =
            self.read(Some(value), "a model such as `openai/gpt-5.4`", |literal| match literal {
                Literal::Target(target) => Some(*target),
                _ => None,
            })?;
        let provider = self.provider_of(target)?;
        let facts = self.facts(&provider, target, own, has_block)?;
        let id = target.id.text.clone();
        Some(Model { alias: alias.to_owned(), provider, id, target: value.span, facts })
    }

    fn provider_of(&mut self, target: &'t ModelId) -> Option<Arc<Provider>> {
        let name = &target.provider;
        if self.names.view.knows(Space::Provider, &name.text) {
            self.use_name(Space::Provider, &name.text);
            return self.names.providers.get(name.text.as_str()).cloned().flatten();
        }
        let near = self.near(Space::Provider, &name.text);
        self.findings.push(unknown_name::of(Space::Provider, &name.text, name.span, near));
        None
    }

    fn facts(
        &mut self,
        provider: &Provider,
        target: &ModelId,
        own: Facts,
        has_block: bool,
    ) -> Option<Facts> {
        let protocol = match provider.protocol {
            Protocol::Anthropic => "anthropic",
            Protocol::Bedrock => "bedrock",
            // It answers under any name.
            Protocol::Demo => return Some(own),
            Protocol::Openai => "openai",
        };
        let host = provider.base_url.as_deref().map_or("", host);
        let id = target.id.text.as_str();
        let catalogue = self.names.input.catalogue;
        let server = catalogue.server(&provider.name, host);
        if let Some(known) = catalogue.model(&provider.name, host, protocol, id) {
            return Some(own.over(known.over(server)));
        }
        if has_block {
            return Some(own.over(server));
        }
        let section = catalogue.section(&provider.name, host, protocol);
        let ids = section.into_iter().flat_map(|section| section.models.keys());
        let near = nearest(id, ids.map(String::as_str));
        self.findings.push(unknown_model::finding(&provider.name, &target.id, near));
        None
    }
}

/// The host of a URL that has been checked.
pub(crate) fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    authority.split(':').next().unwrap_or_default()
}
