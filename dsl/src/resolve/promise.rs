//! Promises: their names looked up and their values typed.
//!
//! Owns their reading; whether they hold is proved elsewhere.

use std::time::Duration;

use super::Resolver;
use super::slot::{Slot, put};
use super::view::Space;
use crate::program::{Claim, Ensure, ModelRef, Named, Placed, Subject};
use crate::rules::{incomplete, invalid_value};
use crate::syntax::tree::{self, Entry, Name, Value};

const REQUEST: [&str; 2] = ["max_tokens", "tokens"];

impl<'t> Resolver<'t> {
    /// Reads every `ensure` that can be read.
    pub(super) fn read_ensures(&mut self) -> Vec<Ensure> {
        let nodes = std::mem::take(&mut self.names_mut().view.ensures);
        nodes.into_iter().filter_map(|node| self.ensure(node)).collect()
    }

    fn ensure(&mut self, node: &'t tree::Ensure) -> Option<Ensure> {
        let subject = node.subject.as_ref().and_then(|subject| self.subject(subject));
        let claim = node.claim.as_ref().and_then(|claim| self.claim(node, claim));
        Some(Ensure { span: node.span, subject: subject?, claim: claim? })
    }

    fn subject(&mut self, node: &'t tree::Subject) -> Option<Subject> {
        Some(match node {
            tree::Subject::EveryRole(span) => Subject::EveryRole(*span),
            tree::Subject::Role(name) => Subject::Role(self.find_name(Space::Role, name)?),
        })
    }

    fn claim(&mut self, node: &'t tree::Ensure, claim: &'t tree::Claim) -> Option<Claim> {
        match claim {
            tree::Claim::Survives(None) => Some(Claim::Survives(None)),
            tree::Claim::Survives(Some(name)) => {
                Some(Claim::Survives(Some(self.find_name(Space::Provider, name)?)))
            }
            tree::Claim::EndsWithin(value) => {
                let time = self.promised_time(value)?;
                Some(Claim::EndsWithin(Placed { value: time, span: Some(value.span) }))
            }
            tree::Claim::CostsAtMost { amount, for_request } => {
                self.cost(node, amount, for_request)
            }
            tree::Claim::UsesOnly(names) => self.uses_only(names),
            tree::Claim::NeverReaches { model, client } => {
                let model = self.model_ref(model, true);
                let client = client.as_ref().map(|name| self.find_name(Space::Client, name));
                let client = match client {
                    Some(found) => Some(found?),
                    None => None,
                };
                Some(Claim::NeverReaches { model: model?, client })
            }
            tree::Claim::MakesAtMost(value) => {
                let count = self.whole(Some(value), 1, invalid_value::attempts)?;
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                Some(Claim::MakesAtMost(Placed { value: count, span: Some(value.span) }))
            }
        }
    }

    /// How long something may take: more than nothing.
    pub(super) fn promised_time(&mut self, value: &'t Value) -> Option<Duration> {
        self.time(Some(value), invalid_value::zero_promise)
    }

    fn uses_only(&mut self, names: &'t [Name]) -> Option<Claim> {
        let mut providers: Vec<Named> = Vec::new();
        let mut is_whole = !names.is_empty();
        for name in names {
            match self.find_name(Space::Provider, name) {
                None => is_whole = false,
                Some(named) if providers.iter().any(|known| known.name == named.name) => {
                    self.find_repeated(name, names);
                }
                Some(named) => providers.push(named),
            }
        }
        is_whole.then_some(Claim::UsesOnly(providers))
    }

    fn cost(
        &mut self,
        node: &tree::Ensure,
        amount: &'t Value,
        request: &'t [Entry],
    ) -> Option<Claim> {
        let money = self.money(Some(amount));
        let (mut tokens, mut max_tokens): (Slot<u64>, Slot<u64>) = (None, None);
        let mut is_whole = true;
        for entry in request {
            let slot = match entry.key.text.as_str() {
                "tokens" => &mut tokens,
                "max_tokens" => &mut max_tokens,
                _ => {
                    self.unknown_key("a size of a request", &entry.key, &REQUEST);
                    is_whole = false;
                    continue;
                }
            };
            let value = self.whole(entry.value.as_ref(), 0, invalid_value::request_tokens);
            put(slot, &entry.key.text, entry.span, value, &mut self.findings);
        }
        if is_whole && (tokens.is_none() || max_tokens.is_none()) {
            self.findings.push(incomplete::cost(node.span));
        }
        Some(Claim::CostsAtMost {
            micro_dollars: Placed { value: money?.micro_dollars, span: Some(amount.span) },
            tokens: tokens?.value?,
            max_tokens: max_tokens?.value?,
        })
    }

    /// A declared model; one that only tests name is not used.
    pub(super) fn model_ref(&mut self, name: &'t Name, uses: bool) -> Option<ModelRef> {
        let known = self.names.view.knows(Space::Model, &name.text);
        if uses || !known {
            self.find_name(Space::Model, name)?;
        }
        let key = self.names.models.get(name.text.as_str())?.key();
        Some(ModelRef { name: name.text.clone(), key, span: name.span })
    }
}
