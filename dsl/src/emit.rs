//! From a program without errors to its map.
//!
//! Owns the translation; the map's bytes and digest are `model-map`'s.

use std::collections::BTreeMap;

use model_map::map::FORMAT;
use model_map::{Arm, Link, ModelMap, Parameters, Retry, Sources as Places, Timeouts, prompt_id};

use crate::program::{Model, Program, Provider, Role};
use crate::span::Sources;

/// The map of a program. Only what its roles reach is in it.
pub fn emit(program: &Program, sources: &Sources) -> ModelMap {
    let mut map = ModelMap {
        clients: BTreeMap::new(),
        digest: String::new(),
        env: program.env.clone(),
        format: FORMAT,
        models: BTreeMap::new(),
        prompts: BTreeMap::new(),
        providers: BTreeMap::new(),
        roles: BTreeMap::new(),
        sources: Places::default(),
    };
    for (name, role) in &program.roles {
        let Some(route) = &role.route else { continue };
        for link in &route.links {
            add_model(&mut map, &link.model);
        }
        for text in &role.system {
            map.prompts.insert(prompt_id(text), text.to_string());
        }
        map.sources.arms.insert(name.clone(), vec![sources.place(route.span)]);
        map.sources.roles.insert(name.clone(), sources.place(role.name));
        let chain = route.links.iter().map(|link| Link { model: link.model.key() }).collect();
        map.roles.insert(name.clone(), emit_role(role, chain));
    }
    map
}

fn add_model(map: &mut ModelMap, model: &Model) {
    let provider = &model.provider;
    map.providers.entry(provider.name.clone()).or_insert_with(|| emit_provider(provider));
    map.models.entry(model.key()).or_insert_with(|| emit_model(model));
}

fn emit_provider(provider: &Provider) -> model_map::Provider {
    model_map::Provider {
        allow_plain_http: provider.allow_plain_http,
        api_key: provider.api_key.clone(),
        base_url: Some(provider.base_url.clone()),
        headers: provider.headers.clone(),
        max_connections: provider.max_connections,
        protocol: provider.protocol,
    }
}

fn emit_model(model: &Model) -> model_map::Model {
    let facts = &model.facts;
    model_map::Model {
        accepts: None,
        input_tokens: None,
        price: model_map::Price::default(),
        context_tokens: facts.context,
        efforts: facts.efforts.clone().unwrap_or_default(),
        id: model.id.clone(),
        output_limit_key: facts.output_limit_key.unwrap_or_default(),
        output_tokens: facts.output,
        prefill: facts.prefill.unwrap_or_default(),
        provider: model.provider.name.clone(),
        sampling: facts.sampling.unwrap_or_default(),
        thinking_budget_min: facts.thinking_budget_min,
    }
}

fn emit_role(role: &Role, chain: Vec<Link>) -> model_map::Role {
    let (times, set) = (&role.timeouts, &role.parameters);
    let retry = role.retry.as_ref().map(|retry| Retry {
        count: retry.count,
        max_backoff: retry.backoff.1,
        min_backoff: retry.backoff.0,
        on: retry.on.clone(),
    });
    model_map::Role {
        about: role.about.as_deref().map(str::to_owned),

        parameters: Parameters {
            max_tokens: set.max_tokens.map(|it| it.value),
            reasoning_effort: set.reasoning_effort.map(|it| it.value),
            temperature: set.temperature.map(|it| it.value),
            top_p: set.top_p.map(|it| it.value),
        },
        retry: retry.unwrap_or_default(),
        system: model_map::System {
            prompts: role.system.iter().map(|text| prompt_id(text)).collect(),
            ..model_map::System::default()
        },
        timeouts: Timeouts {
            connect: times.connect.value,
            first_token: times.first_token.value,
            idle: times.idle.value,
            total: times.total.value,
        },
        ..model_map::Role::of(vec![Arm::always(chain)])
    }
}
