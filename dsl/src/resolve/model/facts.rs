//! The block of a model: the facts that a program states itself.
//!
//! Owns their reading; how they meet the catalogue's is the parent module's.

use std::collections::BTreeSet;

use model_map::{
    CallIds, Effort, EffortWithTools, ModelEndpoint, OutputLimitKey, PastReasoning, PriceOver,
    Sampling, SystemRole,
};

use crate::catalogue::{Ability, Facts, Price, limit_key_name, sampling_name};
use crate::resolve::Resolver;
use crate::resolve::slot::{Slot, put};
use crate::rules::invalid_value;
use crate::span::Span;
use crate::syntax::tree::{self, Entries, ModelStatement, Names, Setting};

const PRICES: [&str; 4] = ["input", "output", "cache_read", "cache_write"];

#[derive(Debug, Default)]
pub(super) struct Block {
    context: Slot<u64>,
    input: Slot<u64>,
    output: Slot<u64>,
    accepts: Slot<BTreeSet<Ability>>,
    price: PriceSlots,
    price_over: Slot<PriceOver>,
    sampling: Slot<Sampling>,
    efforts: Slot<BTreeSet<Effort>>,
    effort_with_tools: Slot<EffortWithTools>,
    thinking_budget_min: Slot<u32>,
    output_limit_key: Slot<OutputLimitKey>,
    stop_sequences: Slot<u32>,
    system_role: Slot<SystemRole>,
    system_turns: Slot<bool>,
    endpoints: Slot<BTreeSet<ModelEndpoint>>,
    past_reasoning: Slot<PastReasoning>,
    call_ids: Slot<CallIds>,
    prefill: Slot<bool>,
}

/// One a key of `price`.
#[derive(Debug, Default)]
struct PriceSlots {
    input: Slot<u64>,
    output: Slot<u64>,
    cache_read: Slot<u64>,
    cache_write: Slot<u64>,
}

fn value<T: Clone>(slot: &Slot<T>) -> Option<T> {
    slot.as_ref().and_then(|written| written.value.clone())
}

impl PriceSlots {
    fn price(&self) -> Price {
        Price {
            input: value(&self.input),
            output: value(&self.output),
            cache_read: value(&self.cache_read),
            cache_write: value(&self.cache_write),
        }
    }

    fn slot(&mut self, key: &str) -> Option<&mut Slot<u64>> {
        match key {
            "input" => Some(&mut self.input),
            "output" => Some(&mut self.output),
            "cache_read" => Some(&mut self.cache_read),
            "cache_write" => Some(&mut self.cache_write),
            _ => None,
        }
    }
}

impl Block {
    pub(super) fn facts(&self) -> Facts {
        Facts {
            context: value(&self.context),
            input: value(&self.input),
            output: value(&self.output),
            accepts: value(&self.accepts),
            price: self.price.price(),
            price_over: value(&self.price_over),
            sampling: value(&self.sampling),
            efforts: value(&self.efforts),
            effort_with_tools: value(&self.effort_with_tools),
            thinking_budget_min: value(&self.thinking_budget_min),
            output_limit_key: value(&self.output_limit_key),
            stop_sequences: value(&self.stop_sequences),
            system_role: value(&self.system_role),
            system_turns: value(&self.system_turns),
            endpoints: value(&self.endpoints),
            past_reasoning: value(&self.past_reasoning),
            call_ids: value(&self.call_ids),
            prefill: value(&self.prefill),
            ..Facts::default()
        }
    }
}

impl<'t> Resolver<'t> {
    pub(super) fn model_block(
        &mut self,
        statements: impl IntoIterator<Item = &'t ModelStatement>,
    ) -> Block {
        let mut block = Block::default();
        for statement in statements {
            self.model_fact(statement, &mut block);
        }
        block
    }

    fn model_fact(&mut self, statement: &'t ModelStatement, block: &mut Block) {
        let span = statement.span();
        match statement {
            ModelStatement::Context(node) => {
                let value = self.tokens(node);
                put(&mut block.context, "context", span, value, &mut self.findings);
            }
            ModelStatement::Input(node) => {
                let value = self.tokens(node);
                put(&mut block.input, "input", span, value, &mut self.findings);
            }
            ModelStatement::Output(node) => {
                let value = self.tokens(node);
                put(&mut block.output, "output", span, value, &mut self.findings);
            }
            ModelStatement::Price(node) => self.price(node, &mut block.price),
            ModelStatement::PriceOver(node) => {
                let value = self.price_over(node);
                put(&mut block.price_over, "price over", span, value, &mut self.findings);
            }
            ModelStatement::Accepts(node) => {
                let value = Some(self.abilities(node));
                put(&mut block.accepts, "accepts", span, value, &mut self.findings);
            }
            ModelStatement::Prefill(_) => {
                put(&mut block.prefill, "prefill", span, Some(true), &mut self.findings);
            }
            of_requests => self.request_fact(of_requests, span, block),
        }
    }

    /// What a model takes of a request's parameters.
    fn request_fact(&mut self, statement: &'t ModelStatement, span: Span, block: &mut Block) {
        match statement {
            ModelStatement::Sampling(node) => {
                let all = [Sampling::Any, Sampling::One, Sampling::Refused];
                let words = all.map(|it| (sampling_name(it), it));
                let value = self.word_of(node, ("a way to sample", "`refused`"), &words);
                put(&mut block.sampling, "sampling", span, value, &mut self.findings);
            }
            ModelStatement::Efforts(node) => {
                let value = Some(self.efforts(node));
                put(&mut block.efforts, "efforts", span, value, &mut self.findings);
            }
            ModelStatement::ThinkingBudgetMin(node) => {
                let value = self.thinking_budget(node);
                let what = "thinking_budget_min";
                put(&mut block.thinking_budget_min, what, span, value, &mut self.findings);
            }
            ModelStatement::OutputLimitKey(node) => {
                let all = [OutputLimitKey::MaxTokens, OutputLimitKey::MaxCompletionTokens];
                let words = all.map(|it| (limit_key_name(it), it));
                let example = ("a name of the output limit", "`max_tokens`");
                let value = self.word_of(node, example, &words);
                let what = "output_limit_key";
                put(&mut block.output_limit_key, what, span, value, &mut self.findings);
            }
            of_the_server => self.server_fact(of_the_server, span, block),
        }
    }

    /// What the server that a model is asked through takes.
    fn server_fact(&mut self, statement: &'t ModelStatement, span: Span, block: &mut Block) {
        match statement {
            ModelStatement::StopSequences(node) => {
                let value = self.most_stops(node);
                let what = "stop_sequences";
                put(&mut block.stop_sequences, what, span, value, &mut self.findings);
            }
            ModelStatement::SystemRole(node) => {
                let all = [SystemRole::System, SystemRole::Developer];
                let words = all.map(|it| (it.name(), it));
                let value = self.word_of(node, ("a role of instructions", "`system`"), &words);
                put(&mut block.system_role, "system_role", span, value, &mut self.findings);
            }
            ModelStatement::SystemTurns(_) => {
                put(&mut block.system_turns, "system_turns", span, Some(true), &mut self.findings);
            }
            ModelStatement::EffortWithTools(node) => {
                let all = [EffortWithTools::Taken, EffortWithTools::Refused];
                let words = all.map(|it| (it.name(), it));
                let example = ("what becomes of an effort beside tools", "`refused`");
                let value = self.word_of(node, example, &words);
                let what = "effort_with_tools";
                put(&mut block.effort_with_tools, what, span, value, &mut self.findings);
            }
            ModelStatement::Endpoints(node) => {
                let value = Some(self.endpoints(node));
                put(&mut block.endpoints, "endpoints", span, value, &mut self.findings);
            }
            ModelStatement::PastReasoning(node) => {
                let all = [PastReasoning::Taken, PastReasoning::Refused];
                let words = all.map(|it| (it.name(), it));
                let example = ("what becomes of past reasoning", "`refused`");
                let value = self.word_of(node, example, &words);
                let what = "past_reasoning";
                put(&mut block.past_reasoning, what, span, value, &mut self.findings);
            }
            ModelStatement::CallIds(node) => {
                let words = CallIds::ALL.map(|it| (it.name(), it));
                let value = self.word_of(node, ("a kind of ids", "`nine`"), &words);
                put(&mut block.call_ids, "call_ids", span, value, &mut self.findings);
            }
            _ => {}
        }
    }

    fn most_stops(&mut self, node: &'t Setting) -> Option<u32> {
        let most = self.whole(node.value.as_ref(), 0, invalid_value::stop_sequences)?;
        // More than anyone sends is as good as that.
        Some(u32::try_from(most).unwrap_or(u32::MAX))
    }

    fn tokens(&mut self, node: &'t Setting) -> Option<u64> {
        self.whole(node.value.as_ref(), 1, invalid_value::tokens)
    }

    fn thinking_budget(&mut self, node: &'t Setting) -> Option<u32> {
        let tokens = self.tokens(node)?;
        let budget = u32::try_from(tokens).ok();
        if budget.is_none() {
            let span = node.value.as_ref().map_or(node.span, |value| value.span);
            self.findings.push(invalid_value::tokens(span));
        }
        budget
    }

    fn price(&mut self, node: &'t Entries, slots: &mut PriceSlots) {
        for entry in &node.entries {
            let Some(slot) = slots.slot(&entry.key.text) else {
                self.unknown_key("a price", &entry.key, &PRICES);
                continue;
            };
            let value = self.money(entry.value.as_ref()).map(|money| money.micro_dollars);
            put(slot, &entry.key.text, entry.span, value, &mut self.findings);
        }
    }

    fn price_over(&mut self, node: &'t tree::PriceOver) -> Option<PriceOver> {
        let mut slots = PriceSlots::default();
        self.price(&node.price, &mut slots);
        let tokens = self.whole(node.tokens.as_ref(), 1, invalid_value::tokens)?;
        Some(PriceOver { price: slots.price(), tokens })
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

    fn endpoints(&mut self, node: &'t Names) -> BTreeSet<ModelEndpoint> {
        let mut endpoints = BTreeSet::new();
        for name in &node.names {
            match ModelEndpoint::from_name(&name.text) {
                Some(endpoint) => {
                    endpoints.insert(endpoint);
                }
                None => {
                    let all = ModelEndpoint::ALL.map(ModelEndpoint::name);
                    self.unknown_key("an endpoint", name, &all);
                }
            }
        }
        endpoints
    }

    fn efforts(&mut self, node: &'t Names) -> BTreeSet<Effort> {
        let known = node.names.iter().filter_map(|name| self.effort_named(&name.text, name.span));
        known.collect()
    }
}
