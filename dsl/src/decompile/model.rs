//! Models: what the catalogue does not say of them.

use std::fmt::Write;

use model_map::{Model, ModelMap, Price, Protocol};

use crate::catalogue::{Catalogue, Facts, limit_key_name, sampling_name};
use crate::resolve::host;
use crate::spell;

/// What a program gets of the model without a word of its own.
pub(super) fn known(map: &ModelMap, model: &Model, catalogue: &Catalogue) -> Known {
    let Some(provider) = map.providers.get(&model.provider) else {
        return Known { facts: Facts::default(), needs_block: true };
    };
    if provider.protocol == Protocol::Demo {
        return Known { facts: Facts::default(), needs_block: false };
    }
    let at = provider.base_url.as_deref().map_or("", host);
    let section = catalogue.section(&model.provider, at, super::protocol(provider.protocol));
    let own = section.and_then(|section| section.model(&model.id));
    let facts = own.cloned().unwrap_or_default();
    let of_server = catalogue.server(&model.provider, at);
    Known { facts: facts.over(of_server), needs_block: own.is_none() }
}

/// What is known of a model without a word of the program.
#[derive(Debug)]
pub(super) struct Known {
    facts: Facts,
    /// Whether the catalogue does not have it, so that it has to be stated.
    needs_block: bool,
}

pub(super) fn push_model(text: &mut String, alias: &str, model: &Model, known: &Known) {
    // Writing to a String cannot fail.
    let _ = write!(text, "model {alias} = {}/{}", model.provider, model.id);
    let mut facts = facts(model, &known.facts);
    if known.needs_block && facts.is_empty() {
        // A block that says nothing new, so that the catalogue need not know the model.
        facts.push(format!("sampling {}", sampling_name(model.sampling)));
    }
    match facts.as_slice() {
        [] => text.push('\n'),
        facts => {
            let _ = write!(text, " {{\n  {}\n}}\n", facts.join("\n  "));
        }
    }
}

/// What is to be written over what is known.
pub(crate) fn facts(model: &Model, known: &Facts) -> Vec<String> {
    let tokens = |what, tokens: Option<u64>, known: Option<u64>| {
        let tokens = tokens.filter(|_| tokens != known);
        tokens.map(|it| format!("{what} {}", spell::number(it)))
    };
    let least = |min: Option<u32>| min.map(u64::from);
    let sampling = (model.sampling != known.sampling.unwrap_or_default()).then_some(model.sampling);
    let limit_key = (model.output_limit_key != known.output_limit_key.unwrap_or_default())
        .then_some(model.output_limit_key);
    let system_role =
        (model.system_role != known.system_role.unwrap_or_default()).then_some(model.system_role);
    let past_reasoning = (model.past_reasoning != known.past_reasoning.unwrap_or_default())
        .then_some(model.past_reasoning);
    let call_ids = (model.call_ids != known.call_ids.unwrap_or_default()).then_some(model.call_ids);
    let with_tools = (model.effort_with_tools != known.effort_with_tools.unwrap_or_default())
        .then_some(model.effort_with_tools);
    let all = [
        tokens("context", model.context_tokens, known.context),
        tokens("input", model.input_tokens, known.input),
        tokens("output", model.output_tokens, known.output),
    ];
    let words = [
        accepts(model, known),
        sampling.map(|it| format!("sampling {}", sampling_name(it))),
        efforts(model, known),
        with_tools.map(|it| format!("effort_with_tools {}", it.name())),
        tokens(
            "thinking_budget_min",
            least(model.thinking_budget_min),
            least(known.thinking_budget_min),
        ),
        limit_key.map(|it| format!("output_limit_key {}", limit_key_name(it))),
        stop_sequences(model, known),
        system_role.map(|it| format!("system_role {}", it.name())),
        (model.system_turns && known.system_turns != Some(true)).then(|| "system_turns".to_owned()),
        endpoints(model, known),
        past_reasoning.map(|it| format!("past_reasoning {}", it.name())),
        call_ids.map(|it| format!("call_ids {}", it.name())),
        (model.prefill && known.prefill != Some(true)).then(|| "prefill".to_owned()),
    ];
    all.into_iter()
        .flatten()
        .chain(prices(model, known))
        .chain(words.into_iter().flatten())
        .collect()
}

/// Whoever writes a price writes the tier for long input again: a new price takes the old one's
/// tier away.
fn prices(model: &Model, known: &Facts) -> Vec<String> {
    if (model.price, model.price_over) == (known.price, known.price_over) {
        return Vec::new();
    }
    let base = amounts(&model.price);
    let over = model.price_over.map(|over| {
        let of = amounts(&over.price);
        let amounts = of.map(|of| format!(" {of}")).unwrap_or_default();
        format!("price over {}{amounts}", spell::number(over.tokens))
    });
    base.map(|amounts| format!("price {amounts}")).into_iter().chain(over).collect()
}

fn amounts(price: &Price) -> Option<String> {
    let all = [
        ("input", price.input),
        ("output", price.output),
        ("cache_read", price.cache_read),
        ("cache_write", price.cache_write),
    ];
    let written = all.into_iter().filter_map(|(key, amount)| Some((key, amount?)));
    let written: Vec<_> =
        written.map(|(key, amount)| format!("{key} {}", spell::dollars(amount))).collect();
    (!written.is_empty()).then(|| written.join(", "))
}

fn accepts(model: &Model, known: &Facts) -> Option<String> {
    let those = model.accepts.as_ref().filter(|it| known.accepts.as_ref() != Some(it))?;
    let words: Vec<_> = those.iter().map(|ability| ability.name()).collect();
    (!words.is_empty()).then(|| format!("accepts {}", words.join(", ")))
}

fn stop_sequences(model: &Model, known: &Facts) -> Option<String> {
    let most = model.stop_sequences.filter(|most| known.stop_sequences != Some(*most))?;
    Some(format!("stop_sequences {}", spell::number(most.into())))
}

fn endpoints(model: &Model, known: &Facts) -> Option<String> {
    let those = model.endpoints.as_ref().filter(|it| known.endpoints.as_ref() != Some(it))?;
    let words: Vec<_> = those.iter().map(|endpoint| endpoint.name()).collect();
    (!words.is_empty()).then(|| format!("endpoints {}", words.join(", ")))
}

fn efforts(model: &Model, known: &Facts) -> Option<String> {
    let is_known =
        known.efforts.as_ref().map_or(model.efforts.is_empty(), |it| *it == model.efforts);
    let words: Vec<_> = model.efforts.iter().map(|it| spell::effort(*it)).collect();
    (!is_known && !words.is_empty()).then(|| format!("efforts {}", words.join(", ")))
}
