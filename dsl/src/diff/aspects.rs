//! Declarations as lists of what can be said of them, in the language's own words.
//!
//! Owns the lists; comparing them is the parent module's.

use model_map::{
    ApiKey, Audit, CacheBreakpoint, Client, Commit, Guard, Limited, Model, Period, Provider, Role,
    SystemMode, TimeoutChanges, usual_fallback,
};

use super::Aspects;
use crate::catalogue::Facts;
use crate::{decompile, spell};

/// Splits `max_tokens 100` into what it is of and its value.
fn entry(text: &str) -> (String, String) {
    let (key, value) = text.split_once(' ').unwrap_or((text, ""));
    (key.to_owned(), value.to_owned())
}

pub(super) fn client(client: &Client) -> Aspects {
    let allow = client.allow.as_ref().map(|roles| {
        let names: Vec<_> = roles.iter().map(|role| spell::name(role)).collect();
        names.join(", ")
    });
    let mut all = Aspects::new();
    all.extend(allow.map(|allow| ("allow".to_owned(), allow)));
    all.extend(client.key.as_ref().map(|key| ("key".to_owned(), key_text(key))));
    for limit in &client.limits {
        let of = match limit.of {
            Limited::Requests => "limit",
            Limited::Tokens => "limit tokens",
        };
        let text = format!("{} per {}", spell::number(limit.count), spell::duration(limit.per));
        all.insert(of.to_owned(), text);
    }
    all.extend(client.budget.map(|budget| {
        let (amount, per) = (spell::dollars(budget.micro_dollars), Period::name(budget.per));
        ("budget".to_owned(), format!("{amount} per {per}"))
    }));
    all
}

fn key_text(key: &ApiKey) -> String {
    match key {
        ApiKey::Env(variable) => format!("env {}", spell::string(variable)),
        ApiKey::Secret(path) => format!("secret {}", spell::string(path)),
    }
}

pub(super) fn provider(provider: &Provider) -> Aspects {
    let mut all = Aspects::new();
    let protocol = decompile::protocol(provider.protocol);
    all.insert("protocol".to_owned(), protocol.to_owned());
    all.extend(provider.base_url.clone().map(|url| ("base_url".to_owned(), url)));
    all.extend(provider.api_key.as_ref().map(|key| ("api_key".to_owned(), key_text(key))));
    for (name, value) in &provider.headers {
        all.insert(format!("header {name}"), value.clone());
    }
    let most = provider.max_connections.map(u64::from).map(spell::number);
    all.extend(most.map(|most| ("max_connections".to_owned(), most)));
    if provider.allow_plain_http {
        all.insert("allow plain_http".to_owned(), "yes".to_owned());
    }
    all
}

pub(super) fn model(model: &Model) -> Aspects {
    let facts = decompile::model_facts(model, &Facts::default());
    facts
        .iter()
        .map(|fact| match fact.strip_prefix("price over ") {
            Some(over) => ("price over".to_owned(), over.to_owned()),
            None => entry(fact),
        })
        .collect()
}

/// All of a role but its arms and prompts.
pub(super) fn role(role: &Role) -> Aspects {
    let mut all = Aspects::new();
    let mut add = |what: &str, value: Option<String>| {
        all.extend(value.map(|value| (what.to_owned(), value)));
    };
    let yes = |is: bool| is.then(|| "yes".to_owned());
    let words = |words: Vec<&str>| (!words.is_empty()).then(|| words.join(", "));
    let times = &role.timeouts;
    add("timeout connect", Some(spell::duration(times.connect)));
    add("timeout first_token", Some(spell::duration(times.first_token)));
    add("timeout idle", Some(spell::duration(times.idle)));
    add("timeout total", Some(spell::duration(times.total)));
    add("about", role.about.clone());
    add("accept", words(role.accept.iter().map(|it| it.name()).collect()));
    add("deny", words(role.deny.iter().map(String::as_str).collect()));
    add("retry", (role.retry.count > 0).then(|| decompile::retry_text(&role.retry)));
    let usual = role.fallback_on == usual_fallback();
    add("fallback on", (!usual).then(|| spell::classes(&role.fallback_on)));
    add("hedge after", role.hedge_after.map(spell::duration));
    add("limit max_tokens", role.limits.max_tokens.map(|it| spell::number(it.into())));
    add("resume", yes(role.resume));
    add("strict", yes(role.strict));
    add("commit", Some(commit(role.commit).to_owned()));
    add("audit", Some(audit(role.audit).to_owned()));
    add(
        "cache",
        role.cache.map(|cache| match cache {
            CacheBreakpoint::Conversation => "conversation".to_owned(),
            CacheBreakpoint::System => "system".to_owned(),
        }),
    );
    for text in spell::parameters(&role.parameters) {
        let (key, value) = entry(&text);
        add(&format!("set {key}"), Some(value));
    }
    all
}

fn commit(commit: Commit) -> &'static str {
    match commit {
        Commit::Complete => "complete",
        Commit::FirstToken => "first_token",
        Commit::Headers => "headers",
    }
}

fn audit(audit: Audit) -> &'static str {
    match audit {
        Audit::Full => "full",
        Audit::Metadata => "metadata",
        Audit::Off => "off",
    }
}

/// What a guarded block changes, but for its prompt.
pub(super) fn guard(guard: &Guard) -> String {
    let set = spell::parameters(&guard.parameters);
    let set = (!set.is_empty()).then(|| format!("set {}", set.join(", ")));
    let TimeoutChanges { connect, first_token, idle, total } = guard.timeouts;
    let times =
        [("connect", connect), ("first_token", first_token), ("idle", idle), ("total", total)];
    let times: Vec<_> = times
        .into_iter()
        .filter_map(|(key, value)| Some(format!("{key} {}", spell::duration(value?))))
        .collect();
    let times = (!times.is_empty()).then(|| format!("timeout {}", times.join(", ")));
    let system = guard.system.as_ref().map(|system| format!("system {}", mode(system.mode)));
    set.into_iter().chain(times).chain(system).collect::<Vec<_>>().join("; ")
}

pub(super) fn mode(mode: SystemMode) -> &'static str {
    match mode {
        SystemMode::Append => "append",
        SystemMode::Prepend => "prepend",
        SystemMode::Replace => "replace",
    }
}
