//! From a map back to a program that compiles to it.
//!
//! Owns names and order; the spelling of single values is [`crate::spell`]'s, the layout
//! [`crate::format`]'s. What a map no longer has (aliases, comments, `like`, environments) is made
//! up or left out.

mod model;
mod names;
mod role;

use std::fmt::Write;

use model_map::{ApiKey, Client, Limited, ModelMap, Period, Protocol, Provider};

use crate::catalogue::Catalogue;
use crate::spell;
pub(crate) use model::facts as model_facts;
use model::{known, push_model};
use names::Names;
pub(crate) use names::{free, identifier};
pub(crate) use role::retry_text;

/// The program of a map, one statement a line and not laid out. Of a model it states what
/// `catalogue` says otherwise.
pub fn decompile(map: &ModelMap, catalogue: &Catalogue) -> String {
    let names = Names::of(map);
    let mut text = format!("# Decompiled from {}, compiled for `{}`.\n", map.digest, map.env);
    for (name, provider) in &map.providers {
        push_provider(&mut text, name, provider);
    }
    text.push('\n');
    for (key, model) in &map.models {
        let known = known(map, model, catalogue);
        push_model(&mut text, names.model(key), model, &known);
    }
    for (id, prompt) in &map.prompts {
        // Writing to a String cannot fail.
        let _ = write!(text, "\nprompt {} = {}\n", names.prompt(id), prompt_text(prompt));
    }
    let defaults = role::Defaults::of(map);
    defaults.push(&mut text);
    for (name, role) in &map.roles {
        role::push(&mut text, &names, (name, role), &defaults);
    }
    for (name, client) in &map.clients {
        push_client(&mut text, name, client);
    }
    text
}

/// The word of a protocol.
pub(crate) fn protocol(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Anthropic => "anthropic",
        Protocol::Bedrock => "bedrock",
        Protocol::Demo => "demo",
        Protocol::Openai => "openai",
    }
}

fn push_provider(text: &mut String, name: &str, provider: &Provider) {
    let protocol = protocol(provider.protocol);
    let _ = write!(text, "\nprovider {name} {{\n  protocol {protocol}\n");
    if let Some(url) = &provider.base_url {
        let _ = writeln!(text, "  base_url {}", spell::string(url));
    }
    if let Some(key) = &provider.api_key {
        let _ = writeln!(text, "  api_key {}", key_text(key));
    }
    for (name, value) in &provider.headers {
        let _ = writeln!(text, "  header {} {}", spell::string(name), spell::string(value));
    }
    if let Some(limit) = provider.max_connections {
        let _ = writeln!(text, "  max_connections {limit}");
    }
    if provider.allow_plain_http {
        text.push_str("  allow plain_http\n");
    }
    text.push_str("}\n");
}

fn key_text(key: &ApiKey) -> String {
    match key {
        ApiKey::Env(variable) => format!("env {}", spell::string(variable)),
        ApiKey::Secret(path) => format!("secret {}", spell::string(path)),
    }
}

/// A prompt as a text over several lines, or as a string where a text could not hold it.
pub(crate) fn prompt_text(prompt: &str) -> String {
    let fits = !prompt.is_empty()
        && !prompt.starts_with('\n')
        && !prompt.ends_with('\n')
        && !prompt.contains("\"\"\"")
        && !prompt.ends_with('"')
        && prompt.chars().all(|c| !c.is_control() || c == '\n' || c == '\t')
        && prompt.lines().all(|line| line.is_empty() || !line.trim().is_empty());
    if !fits {
        return spell::string(prompt);
    }
    let mut text = String::from("\"\"\"\n");
    for line in prompt.split('\n') {
        if !line.is_empty() {
            text.push_str("  ");
            text.push_str(&line.replace("${", "$${"));
        }
        text.push('\n');
    }
    text.push_str("  \"\"\"");
    text
}

fn push_client(text: &mut String, name: &str, client: &Client) {
    let _ = write!(text, "\nclient {name} {{\n");
    if let Some(key) = &client.key {
        let _ = writeln!(text, "  key {}", key_text(key));
    }
    if let Some(allow) = client.allow.as_ref().filter(|allow| !allow.is_empty()) {
        let roles: Vec<_> = allow.iter().map(|role| spell::name(role)).collect();
        let _ = writeln!(text, "  allow {}", roles.join(", "));
    }
    for limit in &client.limits {
        let of = match limit.of {
            Limited::Requests => "",
            Limited::Tokens => " tokens",
        };
        let (count, per) = (spell::number(limit.count), spell::duration(limit.per));
        let _ = writeln!(text, "  limit {count}{of} per {per}");
    }
    if let Some(budget) = &client.budget {
        let (amount, per) = (spell::dollars(budget.micro_dollars), Period::name(budget.per));
        let _ = writeln!(text, "  budget {amount} per {per}");
    }
    text.push_str("}\n");
}
