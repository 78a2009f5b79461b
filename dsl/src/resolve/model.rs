//! Models: their targets looked up and their facts gathered.
//!
//! Owns which facts a model has; the facts themselves are the catalogue's.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use model_map::Protocol;

use super::Resolver;
use super::slot::{Slot, put};
use super::values::Literal;
use super::view::{ModelDecl, Space};
use crate::catalogue::{Ability, Facts, Price};
use crate::nearest::nearest;
use crate::program::{Model, Provider};
use crate::rules::{duplicate, invalid_value, unknown_model, unknown_name};
use crate::syntax::tree::{Entries, ModelId, ModelStatement, Name, Names, Setting};

const PRICES: [&str; 2] = ["input", "output"];

#[derive(Debug, Default)]
struct Block {
    context: Slot<u64>,
    output: Slot<u64>,
    accepts: Slot<BTreeSet<Ability>>,
    price_input: Slot<u64>,
    price_output: Slot<u64>,
    is_broken: bool,
}

impl Block {
    fn facts(&self) -> Facts {
        fn value<T: Clone>(slot: &Slot<T>) -> Option<T> {
            slot.as_ref().and_then(|written| written.value.clone())
        }
        let price = Price {
            input: value(&self.price_input),
            output: value(&self.price_output),
            ..Price::default()
        };
        Facts {
            context: value(&self.context),
            output: value(&self.output),
            accepts: value(&self.accepts),
            price,
            ..Facts::default()
        }
    }
}

impl<'t> Resolver<'t> {
    /// Reads every model.
    pub(super) fn read_models(&mut self) {
        let models = std::mem::take(&mut self.view.models);
        let mut by_key = BTreeMap::new();
        for (alias, declared) in &models {
            let model = self.model(alias, declared).map(Rc::new);
            if let (Some(model), Some(name)) = (&model, &declared.node.name) {
                self.find_other_facts(name, model, &mut by_key);
            }
            self.models.extend(model.map(|model| (*alias, model)));
        }
        self.view.models = models;
    }

    /// One target has one set of facts, whatever its aliases.
    fn find_other_facts<'d>(
        &mut self,
        name: &'d Name,
        model: &Rc<Model>,
        by_key: &mut BTreeMap<String, (&'d Name, Rc<Model>)>,
    ) {
        let key = model.key();
        match by_key.get(&key) {
            Some((_, first)) if first.facts == model.facts => {}
            Some((first, _)) => self.findings.push(duplicate::facts(&key, first, name)),
            None => {
                by_key.insert(key, (name, Rc::clone(model)));
            }
        }
    }

    fn model(&mut self, alias: &str, declared: &ModelDecl<'t>) -> Option<Model> {
        let env = self.model_block(&declared.statements.env);
        let base = self.model_block(&declared.statements.base);
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

    fn provider_of(&mut self, target: &'t ModelId) -> Option<Rc<Provider>> {
        let name = &target.provider;
        if self.view.knows(Space::Provider, &name.text) {
            self.use_name(Space::Provider, &name.text);
            return self.providers.get(name.text.as_str()).cloned().flatten();
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
        let section = self.catalogue.section(&provider.name, host, protocol);
        let id = target.id.text.as_str();
        if let Some(known) = section.and_then(|section| section.model(id)) {
            return Some(own.over(known.clone()));
        }
        if has_block {
            return Some(own);
        }
        let ids = section.into_iter().flat_map(|section| section.models.keys());
        let near = nearest(id, ids.map(String::as_str));
        self.findings.push(unknown_model::finding(&provider.name, &target.id, near));
        None
    }

    fn model_block(&mut self, statements: &[&'t ModelStatement]) -> Block {
        let mut block = Block::default();
        for statement in statements {
            match statement {
                ModelStatement::Context(node) => {
                    let value = self.tokens(node);
                    put(&mut block.context, "context", node.span, value, &mut self.findings);
                }
                ModelStatement::Output(node) => {
                    let value = self.tokens(node);
                    put(&mut block.output, "output", node.span, value, &mut self.findings);
                }
                ModelStatement::Price(node) => self.price(node, &mut block),
                ModelStatement::Accepts(node) => {
                    let value = Some(self.abilities(node));
                    put(&mut block.accepts, "accepts", node.span, value, &mut self.findings);
                }
                ModelStatement::Broken(_) => block.is_broken = true,
            }
        }
        block
    }

    fn tokens(&mut self, node: &'t Setting) -> Option<u64> {
        self.whole(node.value.as_ref(), 1, invalid_value::tokens)
    }

    fn price(&mut self, node: &'t Entries, block: &mut Block) {
        for entry in &node.entries {
            let slot = match entry.key.text.as_str() {
                "input" => &mut block.price_input,
                "output" => &mut block.price_output,
                _ => {
                    self.unknown_key("a price", &entry.key, &PRICES);
                    continue;
                }
            };
            let value = self.money(entry.value.as_ref()).map(|money| money.micro_dollars);
            put(slot, &entry.key.text, entry.span, value, &mut self.findings);
        }
    }

    fn abilities(&mut self, node: &'t Names) -> BTreeSet<Ability> {
        let mut abilities = BTreeSet::new();
        for name in &node.names {
            match Ability::from_name(&name.text) {
                Some(ability) => {
                    abilities.insert(ability);
                }
                None => self.unknown_key("an ability", name, &Ability::ALL.map(Ability::name)),
            }
        }
        abilities
    }
}

/// The host of a URL that has been checked.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    authority.split(':').next().unwrap_or_default()
}
