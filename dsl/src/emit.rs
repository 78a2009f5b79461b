//! From a program without errors to its map.
//!
//! Owns the translation; the map's bytes and digest are `model-map`'s.

mod role;

use std::collections::{BTreeMap, BTreeSet};

use model_map::map::FORMAT;
use model_map::{ModelEndpoint, ModelMap, Sources as Places, prompt_id};

use crate::catalogue::Facts;
use crate::program::{Client, Model, Program, Provider, Role};
use crate::span::Sources;

/// The map of a program. Of providers, models and prompts only what its roles reach is in it.
pub fn emit(program: &Program, sources: &Sources) -> ModelMap {
    let mut map = without_roles(program);
    for (name, role) in &program.roles {
        add_role(&mut map, name, role);
        add_places(&mut map.sources, name, role, sources);
    }
    map
}

/// The map of a program of which no role has been added.
pub(crate) fn without_roles(program: &Program) -> ModelMap {
    let clients = program.clients.iter();
    ModelMap {
        clients: clients.map(|(name, client)| (name.clone(), emit_client(client))).collect(),
        digest: String::new(),
        env: program.env.clone(),
        format: FORMAT,
        models: BTreeMap::new(),
        prompts: BTreeMap::new(),
        providers: BTreeMap::new(),
        roles: BTreeMap::new(),
        sources: Places::default(),
    }
}

/// Adds a role and what it reaches, without its places.
pub(crate) fn add_role(map: &mut ModelMap, name: &str, role: &Role) {
    add_reached(map, role);
    map.roles.insert(name.to_owned(), role::emit(role));
}

fn add_reached(map: &mut ModelMap, role: &Role) {
    for link in role.each_arm().iter().flat_map(|arm| arm.links()) {
        add_model(map, &link.model);
    }
    let of_guards = role.guards.iter().filter_map(|guard| guard.system.as_ref());
    for prompt in role.system.iter().chain(of_guards).flat_map(|system| &system.prompts) {
        map.prompts.entry(prompt_id(&prompt.text)).or_insert_with(|| prompt.text.to_string());
    }
}

fn add_places(places: &mut Places, name: &str, role: &Role, sources: &Sources) {
    let arms = role.each_arm().iter().map(|arm| sources.place(arm.span)).collect();
    places.arms.insert(name.to_owned(), arms);
    places.roles.insert(name.to_owned(), sources.place(role.name));
    if !role.guards.is_empty() {
        let guards = role.guards.iter().map(|guard| sources.place(guard.span)).collect();
        places.guards.insert(name.to_owned(), guards);
    }
}

fn add_model(map: &mut ModelMap, model: &Model) {
    let provider = &model.provider;
    map.providers.entry(provider.name.clone()).or_insert_with(|| emit_provider(provider));
    map.models.entry(model.key()).or_insert_with(|| emit_model(model));
}

fn emit_client(client: &Client) -> model_map::Client {
    model_map::Client {
        allow: client.allow.as_ref().map(|roles| roles.keys().cloned().collect()),
        budget: client.budget.map(|budget| budget.value),
        key: client.key.clone(),
        limits: client.limits.iter().map(|limit| limit.value).collect(),
    }
}

fn emit_provider(provider: &Provider) -> model_map::Provider {
    model_map::Provider {
        allow_plain_http: provider.allow_plain_http,
        api_key: provider.api_key.clone(),
        base_url: provider.base_url.clone(),
        headers: provider.headers.clone(),
        max_connections: provider.max_connections,
        protocol: provider.protocol,
    }
}

fn emit_model(model: &Model) -> model_map::Model {
    let facts = &model.facts;
    model_map::Model {
        accepts: facts.accepts.clone(),
        call_ids: facts.call_ids.unwrap_or_default(),
        context_tokens: facts.context,
        effort_with_tools: facts.effort_with_tools.unwrap_or_default(),
        efforts: facts.efforts.clone().unwrap_or_default(),
        efforts_unknown: facts.efforts.is_none() && facts.embeds != Some(true),
        endpoints: endpoints(facts),
        id: model.id.clone(),
        input_tokens: facts.input,
        output_limit_key: facts.output_limit_key.unwrap_or_default(),
        output_tokens: facts.output,
        past_reasoning: facts.past_reasoning.unwrap_or_default(),
        prefill: facts.prefill.unwrap_or_default(),
        price: facts.price,
        provider: model.provider.name.clone(),
        price_over: facts.price_over,
        sampling: facts.sampling.unwrap_or_default(),
        stop_sequences: facts.stop_sequences,
        system_role: facts.system_role.unwrap_or_default(),
        system_turns: facts.system_turns.unwrap_or_default(),
        thinking_budget_min: facts.thinking_budget_min,
    }
}

/// A model that makes vectors does nothing else.
fn endpoints(facts: &Facts) -> Option<BTreeSet<ModelEndpoint>> {
    let embeds = || [ModelEndpoint::Embeddings].into();
    facts.endpoints.clone().or_else(|| (facts.embeds == Some(true)).then(embeds))
}
