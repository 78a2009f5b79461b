//! What a map must be to be served.

use serde_json::{Value, json};

use super::*;
use crate::facts::RequestFacts;
use crate::plan::Draw;
use crate::seal::seal;

/// A map that uses every part of the format.
fn sealed() -> Vec<u8> {
    let mut map: ModelMap = serde_json::from_value(json!({
        "digest": "", "env": "dev", "format": 1,
        "clients": {"ci": {"allow": ["coder"], "budget": {"micro_dollars": 5, "per": "day"},
            "key": {"secret": "/sfai/dev/ci"},
            "limits": [{"count": 60, "of": "requests", "per_ms": 60_000}]}},
        "models": {
            "anthropic/claude": {"provider": "anthropic", "id": "claude", "context_tokens": 200_000},
            "openai/gpt": {"provider": "openai", "id": "gpt", "sampling": "refused",
                "output_limit_key": "max_completion_tokens", "efforts": ["low", "high"]},
        },
        "prompts": {prompt_id("Be brief."): "Be brief."},
        "providers": {
            "anthropic": {"protocol": "anthropic", "base_url": "https://api.anthropic.com",
                "api_key": {"secret": "/sfai/dev/ANTHROPIC_API_KEY"}, "headers": {"x-team": "core"}},
            "openai": {"protocol": "openai", "base_url": "http://127.0.0.1:9100/v1",
                "max_connections": 8},
        },
        "roles": {"coder": {
            "about": "Writes code",
            "arms": [
                {"chain": [{"model": "anthropic/claude"}, {"model": "openai/gpt"}]},
                {"when": {"all": [{"number": {"fact": "messages", "at_most": 4}},
                    {"text": {"fact": {"metadata": "k"}, "is": {"matches": "a*"}}}]},
                 "draw": [{"model": "openai/gpt", "percent": 60},
                    {"model": "anthropic/claude", "percent": 40}], "chain": []},
            ],
            "parameters": {"temperature": 0.2, "max_tokens": 100},
            "retry": {"count": 1, "min_backoff_ms": 200, "max_backoff_ms": 5000,
                "on": ["network", "rate_limit"]},
            "system": {"prompts": [prompt_id("Be brief.")]},
            "accept": ["image"], "audit": "full", "cache": "system", "commit": "complete",
            "deny": ["seed"], "fallback_on": ["overloaded"], "hedge_after_ms": 700,
            "guards": [{"when": {"not": {"flag": "tools"}}, "parameters": {"top_p": 0.5},
                "timeouts": {"idle_ms": 10}}],
            "limits": {"max_tokens": 9}, "resume": true, "strict": true,
            "timeouts": {"connect_ms": 2000, "first_token_ms": 20000, "idle_ms": 30000,
                "total_ms": 300_000},
        }},
        "sources": {"arms": {"coder": ["routes/a.sfr:3"]}, "roles": {"coder": "routes/a.sfr:1"}},
    }))
    .unwrap();
    seal(&mut map).unwrap()
}

/// The map with one change, sealed again unless the digest is what is to be wrong.
fn changed(change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(&sealed()).unwrap();
    change(&mut value);
    value["digest"] = digest(&value).unwrap().into();
    serde_json::to_vec(&value).unwrap()
}

fn refusal(bytes: &[u8]) -> String {
    load(bytes).unwrap_err().to_string()
}

#[test]
fn what_was_sealed_loads_and_seals_to_the_same_bytes() {
    let bytes = sealed();
    let mut map = load(&bytes).unwrap();
    assert_eq!(seal(&mut map).unwrap(), bytes);
}

#[test]
fn the_digest_covers_all_but_itself_and_the_sources() {
    let digest = |bytes: &[u8]| load(bytes).unwrap().digest;
    let moved = changed(|map| map["sources"]["arms"]["coder"][0] = "routes/b.sfr:9".into());
    assert_eq!(digest(&moved), digest(&sealed()));
    let renamed = changed(|map| map["env"] = "prod".into());
    assert_ne!(digest(&renamed), digest(&sealed()));
}

#[test]
fn a_map_without_sources_is_served() {
    let bare = changed(|map| {
        map.as_object_mut().unwrap().remove("sources");
    });
    assert!(load(&bare).is_ok());
}

#[test]
fn a_map_cut_anywhere_is_refused() {
    let bytes = sealed();
    // Without its last newline it is whole.
    for end in 0..bytes.len() - 1 {
        assert!(load(&bytes[..end]).is_err(), "cut at {end}");
    }
}

#[test]
fn an_altered_map_is_refused() {
    let text = String::from_utf8(sealed()).unwrap();
    let altered = text.replace("https://api.anthropic.com", "https://api.anthropic.evil");
    assert!(refusal(altered.as_bytes()).contains("changed after it was compiled"));
}

#[test]
fn another_format_is_refused_before_its_content_is_looked_at() {
    let future = changed(|map| {
        map["format"] = 2.into();
        map["news"] = true.into();
    });
    assert!(refusal(&future).contains("its format is 2, this version reads 1"));
    assert!(refusal(b"{}").contains("no `format`"));
    assert!(refusal(b"[]").contains("no `format`"));
}

#[test]
fn unknown_names_and_values_that_cannot_be_served_are_named() {
    type Change = fn(&mut Value);
    let cases: [(Change, &str); 13] = [
        (|map| map["news"] = true.into(), "unknown field `news`"),
        (
            |map| map["roles"]["coder"]["arms"][0]["chain"][1]["model"] = "openai/x".into(),
            "role `coder` names the unknown model `openai/x`",
        ),
        (|map| map["models"]["openai/gpt"]["provider"] = "x".into(), "the unknown provider `x`"),
        (|map| map["roles"]["coder"]["system"]["prompts"] = json!(["0"]), "the unknown prompt `0`"),
        (|map| map["prompts"] = json!({"0123456789abcdef": "Be long."}), "is not the text"),
        (|map| map["roles"]["coder"]["arms"] = json!([]), "has no arm"),
        (|map| map["roles"]["coder"]["arms"][0]["chain"] = json!([]), "an empty chain"),
        (|map| map["roles"]["coder"]["timeouts"]["idle_ms"] = 0.into(), "a timeout of zero"),
        (|map| map["roles"]["coder"]["guards"][0]["timeouts"]["idle_ms"] = 0.into(), "of zero"),
        (|map| map["roles"]["coder"]["arms"][1]["draw"][0]["percent"] = 61.into(), "of 101 %"),
        (|map| map["clients"]["ci"]["allow"] = json!(["x"]), "the unknown role `x`"),
        (|map| map["providers"]["openai"]["base_url"] = Value::Null, "has no base_url"),
        (|map| map["roles"]["coder"]["retry"]["on"] = json!(["auth"]), "retries `auth`"),
    ];
    for (change, says) in cases {
        let refusal = refusal(&changed(change));
        assert!(refusal.contains(says), "{refusal}");
    }
}

#[test]
fn plain_http_is_for_loopback_or_where_it_is_meant() {
    for url in ["http://10.0.0.1/v1", "http://127.0.0.1@evil.example", "ftp://x", "http://127.1"] {
        let map = changed(|map| map["providers"]["openai"]["base_url"] = url.into());
        assert!(refusal(&map).contains("neither https nor loopback"), "{url}");
    }
    for url in ["http://localhost:1", "http://127.8.8.8", "http://[::1]:80/v1", "https://x.example"]
    {
        let map = changed(|map| map["providers"]["openai"]["base_url"] = url.into());
        assert!(load(&map).is_ok(), "{url}");
    }
    let meant = changed(|map| {
        map["providers"]["openai"]["base_url"] = "http://10.0.0.1/v1".into();
        map["providers"]["openai"]["allow_plain_http"] = true.into();
    });
    assert!(load(&meant).is_ok());
}

#[test]
fn a_plan_names_the_rule_that_decided() {
    let map = load(&sealed()).unwrap();
    let plan = crate::plan(&map, "coder", &RequestFacts::default(), Draw::percent(0)).unwrap();
    let chain: Vec<_> = plan.chain.iter().map(|link| link.key).collect();
    assert_eq!(chain, ["anthropic/claude", "openai/gpt"]);
    assert_eq!((plan.role_name, plan.rule), ("coder", "routes/a.sfr:3"));
    assert!(crate::plan(&map, "Coder", &RequestFacts::default(), Draw::percent(0)).is_err());
}
