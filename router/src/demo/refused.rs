//! What today's models refuse of a request's parameters, in their providers' words.
//!
//! Owns the parameters alone; the shape of messages is each protocol's.

use serde_json::Value;

use super::answer::{Refusal, kind, text};

/// The most stop sequences of a request to OpenAI.
const MOST_STOPS: usize = 4;

/// The longest name of a tool at OpenAI.
const LONGEST_NAME: usize = 64;

/// The longest id of a call in a chat with OpenAI.
const LONGEST_ID: usize = 40;

/// The characters of an id of a call at Mistral.
const MISTRAL_ID: usize = 9;

/// The longest `user_id` at Anthropic.
const LONGEST_USER: usize = 256;

/// The keywords of a schema that Anthropic does not hold an answer to.
const KEYWORDS: [&str; 12] = [
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "patternProperties",
    "uniqueItems",
];

/// Checks what OpenAI's models take.
pub(super) fn openai(request: &Value, model: &str) -> Result<(), Refusal> {
    let stops = request.get("stop").and_then(Value::as_array).map_or(0, Vec::len);
    if stops > MOST_STOPS {
        let message = format!(
            "Invalid 'stop': array too long. Expected an array with maximum length {MOST_STOPS}, but got an array with length {stops} instead."
        );
        return Err(Refusal {
            code: Some("array_above_max_length"),
            ..Refusal::field("stop", message)
        });
    }
    check_names(request)?;
    check_lengths(request)?;
    check_ids(request, model)?;
    if !is_reasoning(model) {
        return Ok(());
    }
    check_effort(request, model)?;
    let refused = [
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "max_tokens",
        "presence_penalty",
        "stop",
        "temperature",
        "top_logprobs",
        "top_p",
    ];
    let Some(name) = refused.into_iter().find(|name| is_set(request, name)) else { return Ok(()) };
    let hint = if name == "max_tokens" { " Use 'max_completion_tokens' instead." } else { "" };
    let message =
        format!("Unsupported parameter: '{name}' is not supported with this model.{hint}");
    Err(Refusal { code: Some("unsupported_parameter"), ..Refusal::field(name, message) })
}

fn is_set(request: &Value, name: &str) -> bool {
    request.get(name).is_some_and(|value| !value.is_null())
}

fn tools(request: &Value) -> &[Value] {
    request.get("tools").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

fn check_names(request: &Value) -> Result<(), Refusal> {
    for (index, tool) in tools(request).iter().enumerate() {
        let name = tool.pointer("/function/name").and_then(Value::as_str).unwrap_or_default();
        if name.len() > LONGEST_NAME {
            return Err(too_long(&format!("tools[{index}].function.name"), name, LONGEST_NAME));
        }
    }
    Ok(())
}

/// Who asks.
fn check_lengths(request: &Value) -> Result<(), Refusal> {
    for name in ["user", "safety_identifier", "prompt_cache_key"] {
        check_length(name, text(request, name), LONGEST_NAME)?;
    }
    Ok(())
}

/// The ids of calls and results.
fn check_ids(request: &Value, model: &str) -> Result<(), Refusal> {
    let check = |param: &str, id: Option<&Value>| match id.and_then(Value::as_str) {
        Some(id) if is_mistral(model) => check_nine(id),
        Some(id) => check_length(param, id, LONGEST_ID),
        None => Ok(()),
    };
    let messages = request.get("messages").and_then(Value::as_array);
    for (index, message) in messages.into_iter().flatten().enumerate() {
        let at = format!("messages[{index}]");
        check(&format!("{at}.tool_call_id"), message.get("tool_call_id"))?;
        let calls = message.get("tool_calls").and_then(Value::as_array);
        for (call, inside) in calls.into_iter().flatten().enumerate() {
            check(&format!("{at}.tool_calls[{call}].id"), inside.get("id"))?;
        }
    }
    Ok(())
}

/// Mistral's models, whose servers take no ids but those that they make themselves.
fn is_mistral(model: &str) -> bool {
    const THOSE: [&str; 6] =
        ["mistral", "devstral", "codestral", "magistral", "ministral", "pixtral"];
    THOSE.iter().any(|family| model.starts_with(family))
}

fn check_nine(id: &str) -> Result<(), Refusal> {
    if id.len() == MISTRAL_ID && id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(());
    }
    let message =
        format!("Tool call id was {id} but must be a-z, A-Z, 0-9, with a length of {MISTRAL_ID}.");
    Err(Refusal { code: Some("3280"), ..Refusal::bad(message) })
}

fn check_length(param: &str, value: &str, longest: usize) -> Result<(), Refusal> {
    if value.chars().count() > longest { Err(too_long(param, value, longest)) } else { Ok(()) }
}

fn too_long(param: &str, value: &str, longest: usize) -> Refusal {
    let message = format!(
        "Invalid '{param}': string too long. Expected a string with maximum length {longest}, but got a string with length {} instead.",
        value.chars().count()
    );
    Refusal { code: Some("string_above_max_length"), ..Refusal::field(param, message) }
}

/// From GPT-5.4 on there is no effort beside tools in a chat, and from GPT-5.5 on it has to be said
/// that there is none.
fn check_effort(request: &Value, model: &str) -> Result<(), Refusal> {
    let starts = |all: &[&str]| all.iter().any(|one| model.starts_with(one));
    let thinks = starts(&["gpt-5.5", "gpt-5.6"]);
    let effort = text(request, "reasoning_effort");
    let refused = (thinks || starts(&["gpt-5.4"])) && !tools(request).is_empty();
    if !refused || effort == "none" || (effort.is_empty() && !thinks) {
        return Ok(());
    }
    let message = format!(
        "Function tools with reasoning_effort are not supported for {model} in /v1/chat/completions. To use function tools, use /v1/responses or set reasoning_effort to 'none'."
    );
    Err(Refusal::field("reasoning_effort", message))
}

/// The GPT-5 family and the o-series.
fn is_reasoning(model: &str) -> bool {
    let mut letters = model.chars();
    model.starts_with("gpt-5")
        || (letters.next() == Some('o') && letters.next().is_some_and(|c| c.is_ascii_digit()))
}

/// Checks what Anthropic's models take.
pub(super) fn anthropic(request: &Value, model: &str) -> Result<(), Refusal> {
    check_temperature(request)?;
    check_thinking(request, model)?;
    check_sampling(request, model)?;
    check_prefill(request, model)?;
    check_user(request)?;
    if let Some(schema) = request.pointer("/output_config/format/schema") {
        check_schema("output_config.format.schema", schema)?;
    }
    for (index, tool) in tools(request).iter().enumerate() {
        if tool.get("strict") == Some(&Value::Bool(true)) {
            let schema = tool.get("input_schema").unwrap_or(&Value::Null);
            check_schema(&format!("tools.{index}.custom.input_schema"), schema)?;
        }
    }
    Ok(())
}

/// Whether a model takes instructions among the turns.
pub(super) fn takes_system_turns(model: &str) -> bool {
    is_one_of(model, &["claude-opus-4-8", "claude-fable-5"])
}

fn is_one_of(model: &str, families: &[&str]) -> bool {
    families.iter().any(|family| model.contains(family))
}

/// The models whose depth of thought is an effort, and not a budget or a temperature.
fn is_adaptive(model: &str) -> bool {
    const THOSE: [&str; 4] =
        ["claude-opus-4-7", "claude-opus-4-8", "claude-sonnet-5", "claude-fable-5"];
    is_one_of(model, &THOSE)
}

/// A user's id is none that tells who it is.
fn check_user(request: &Value) -> Result<(), Refusal> {
    let user = request.get("metadata").map(|it| text(it, "user_id")).unwrap_or_default();
    let is_digits = |c: char| c.is_ascii_digit() || "+-. ()".contains(c);
    let digits = user.chars().filter(char::is_ascii_digit).count();
    let what = match user {
        long if long.chars().count() > LONGEST_USER => "String should have at most 256 characters",
        _ if user.contains('@') => "user_id appears to contain an email address",
        _ if digits >= 7 && user.chars().all(is_digits) => {
            "user_id appears to contain a phone number"
        }
        _ => return Ok(()),
    };
    Err(Refusal::bad(format!("metadata.user_id: {what}")))
}

fn check_temperature(request: &Value) -> Result<(), Refusal> {
    match request.get("temperature").map(Value::as_f64) {
        None => Ok(()),
        Some(Some(value)) if (0.0..=1.0).contains(&value) => Ok(()),
        Some(_) => Err(Refusal::bad("temperature: range: 0..1")),
    }
}

fn check_thinking(request: &Value, model: &str) -> Result<(), Refusal> {
    let thinking = request.get("thinking").unwrap_or(&Value::Null);
    let number = |of: &Value, name: &str| of.get(name).and_then(Value::as_u64);
    match kind(thinking) {
        "enabled" if is_adaptive(model) => {
            return Err(Refusal::bad(
                "\"thinking.type.enabled\" is not supported for this model. Use \"thinking.type.adaptive\" and \"output_config.effort\" to control thinking behavior.",
            ));
        }
        "enabled" => match number(thinking, "budget_tokens") {
            Some(budget) if budget < 1024 => {
                let message =
                    "thinking.enabled.budget_tokens: Input should be greater than or equal to 1024";
                return Err(Refusal::bad(message));
            }
            Some(budget) if Some(budget) < number(request, "max_tokens") => {}
            Some(_) => {
                return Err(Refusal::bad(
                    "`max_tokens` must be greater than `thinking.budget_tokens`.",
                ));
            }
            None => return Err(Refusal::bad("thinking.enabled.budget_tokens: Field required")),
        },
        "adaptive" => {}
        _ => return Ok(()),
    }
    let choice = request.get("tool_choice").map(kind).unwrap_or_default();
    if matches!(choice, "any" | "tool") {
        return Err(Refusal::bad("Thinking may not be enabled when tool_choice forces tool use."));
    }
    let temperature = request.get("temperature").and_then(Value::as_f64).unwrap_or(1.0);
    if (temperature - 1.0).abs() > f64::EPSILON || is_set(request, "top_k") {
        let message = "`temperature` may only be set to 1 when thinking is enabled.";
        return Err(Refusal::bad(message));
    }
    Ok(())
}

fn check_sampling(request: &Value, model: &str) -> Result<(), Refusal> {
    let set = ["temperature", "top_k", "top_p"].into_iter().filter(|name| is_set(request, name));
    let set: Vec<&str> = set.collect();
    if let Some(name) = set.first().filter(|_| is_adaptive(model)) {
        return Err(Refusal::bad(format!("`{name}` is deprecated for this model.")));
    }
    let one = is_one_of(model, &["-4-5", "-4-6"]) && model.contains("claude");
    if one && set.contains(&"temperature") && set.contains(&"top_p") {
        return Err(Refusal::bad(
            "`temperature` and `top_p` cannot both be specified for this model. Please use only one.",
        ));
    }
    Ok(())
}

fn check_prefill(request: &Value, model: &str) -> Result<(), Refusal> {
    let messages = request.get("messages").and_then(Value::as_array);
    let last = messages.and_then(|messages| messages.last());
    let refuses = is_adaptive(model) || is_one_of(model, &["claude-opus-4-6", "claude-sonnet-4-6"]);
    if refuses && last.is_some_and(|last| text(last, "role") == "assistant") {
        return Err(Refusal::bad(
            "This model does not support assistant message prefill. The conversation must end with a user message.",
        ));
    }
    Ok(())
}

/// Every object is closed, and no keyword is one that answers are not held to.
fn check_schema(at: &str, schema: &Value) -> Result<(), Refusal> {
    let Value::Object(members) = schema else { return Ok(()) };
    let of = text(schema, "type");
    let is_object = of == "object" || members.contains_key("properties");
    if is_object && members.get("additionalProperties") != Some(&Value::Bool(false)) {
        return Err(Refusal::bad(format!(
            "{at}: For 'object' type, 'additionalProperties' must be explicitly set to false"
        )));
    }
    let least = members.get("minItems").and_then(Value::as_u64).unwrap_or(0);
    let many = Some("minItems").filter(|_| least > 1);
    if let Some(name) = KEYWORDS.into_iter().find(|it| members.contains_key(*it)).or(many) {
        let message = format!("{at}: For '{of}' type, property '{name}' is not supported");
        return Err(Refusal::bad(message));
    }
    for (name, inside) in members {
        match (name.as_str(), inside) {
            ("properties" | "$defs" | "definitions", Value::Object(all)) => {
                all.values().try_for_each(|one| check_schema(at, one))?;
            }
            ("anyOf" | "allOf", Value::Array(all)) => {
                all.iter().try_for_each(|one| check_schema(at, one))?;
            }
            ("items", one) => check_schema(at, one)?,
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn told(checked: Result<(), Refusal>) -> String {
        checked.err().map(|refusal| refusal.message).unwrap_or_default()
    }

    #[test]
    fn efforts_beside_tools_are_refused_as_openai_does() {
        let (tool, effort) = (json!([{"function": {"name": "f"}}]), "reasoning_effort");
        let both = json!({effort: "low", "tools": tool});
        let unsaid = json!({"tools": tool});
        let none = json!({effort: "none", "tools": tool});
        for (model, refused) in [
            ("gpt-5.1", [false, false, false]),
            ("gpt-5.4-mini", [true, false, false]),
            ("gpt-5.5", [true, true, false]),
        ] {
            let seen = [&both, &unsaid, &none].map(|it| told(openai(it, model)).contains(effort));
            assert_eq!(seen, refused, "{model}");
        }
        assert_eq!(openai(&json!({effort: "low", "tools": []}), "gpt-5.4"), Ok(()));
    }

    #[test]
    fn openai_refuses_long_names_and_what_reasoning_models_lack() {
        let named = |length: usize| json!({"tools": [{"function": {"name": "n".repeat(length)}}]});
        assert_eq!(openai(&named(64), "gpt-4.1"), Ok(()));
        assert!(told(openai(&named(65), "gpt-4.1")).contains("string too long"));
        for name in ["logprobs", "top_logprobs", "logit_bias", "presence_penalty"] {
            assert!(told(openai(&json!({name: 1}), "gpt-5.4")).contains(name));
            assert_eq!(openai(&json!({name: 1}), "gpt-4.1"), Ok(()));
        }
    }

    #[test]
    fn who_asks_is_told_in_few_characters_and_not_by_name() {
        let (long, id) = ("u".repeat(65), "c".repeat(41));
        for (body, what) in [
            (json!({"user": long}), "'user'"),
            (json!({"safety_identifier": long}), "'safety_identifier'"),
            (json!({"prompt_cache_key": long}), "'prompt_cache_key'"),
            (json!({"messages": [{"tool_calls": [{"id": id}]}]}), "'messages[0].tool_calls[0].id'"),
            (json!({"messages": [{}, {"tool_call_id": id}]}), "'messages[1].tool_call_id'"),
        ] {
            assert!(told(openai(&body, "gpt-4.1")).contains(what), "{body}");
        }
        let fine = json!({"user": "u".repeat(64), "messages": [{"tool_call_id": "c".repeat(40)}]});
        assert_eq!(openai(&fine, "gpt-4.1"), Ok(()));
        let user = |user: &str| told(anthropic(&json!({"metadata": {"user_id": user}}), "m"));
        assert!(user("jo@example.com").contains("email"));
        assert!(user("+1 555 010 9999").contains("phone"));
        assert!(user(&"u".repeat(257)).contains("256"));
        assert_eq!(user(&long), "");
    }

    #[test]
    fn mistral_s_models_refuse_every_id_but_their_own() {
        let calls = |id: &str| json!({"messages": [{"tool_calls": [{"id": id}]}]});
        let result = |id: &str| json!({"messages": [{}, {"tool_call_id": id}]});
        let message =
            "Tool call id was call_0fypS1hVX but must be a-z, A-Z, 0-9, with a length of 9.";
        for model in ["mistral-large-latest", "devstral-2512", "codestral-latest", "pixtral-12b"] {
            for body in [calls("call_0fypS1hVX"), result("call_0fypS1hVX")] {
                assert_eq!(told(openai(&body, model)), message);
                assert_eq!(openai(&body, "gpt-4.1"), Ok(()));
            }
            for id in ["", "12345678", "1234567890", "1234_6789", "éééé1"] {
                assert!(openai(&result(id), model).is_err(), "{id}");
            }
            for fine in [calls("D681PevKs"), result("000000001"), json!({"messages": [{}]})] {
                assert_eq!(openai(&fine, model), Ok(()));
            }
        }
    }

    #[test]
    fn schemas_are_closed_and_simple_for_anthropic() {
        let wrong = |inside: Value| {
            let schema = json!({"type": "object", "additionalProperties": false, "properties": {"a": inside}});
            let format = json!({"output_config": {"format": {"schema": schema}}});
            let tool = json!({"tools": [{"strict": true, "input_schema": schema}]});
            let loose = json!({"tools": [{"input_schema": schema}]});
            assert_eq!(anthropic(&loose, "m"), Ok(()));
            assert_eq!(anthropic(&format, "m").is_ok(), anthropic(&tool, "m").is_ok());
            told(anthropic(&format, "m"))
        };
        assert!(wrong(json!({"type": "integer", "minimum": 1})).contains("'minimum'"));
        assert!(wrong(json!({"type": "array", "minItems": 2})).contains("'minItems'"));
        assert!(wrong(json!({"items": {"type": "object"}})).contains("'additionalProperties'"));
        assert_eq!(wrong(json!({"type": "array", "minItems": 1, "items": {"anyOf": []}})), "");
    }

    #[test]
    fn thinking_sampling_and_prefill_are_as_anthropics_models_take_them() {
        let enabled = |budget: u64| json!({"type": "enabled", "budget_tokens": budget});
        let ended = json!([{"role": "assistant", "content": "a"}]);
        for (model, body, what) in [
            ("claude-haiku-4-5", json!({"max_tokens": 2000, "thinking": enabled(2000)}), "greater"),
            ("claude-haiku-4-5", json!({"max_tokens": 2000, "thinking": enabled(100)}), "1024"),
            ("claude-haiku-4-5", json!({"max_tokens": 2000, "thinking": enabled(1024)}), ""),
            ("claude-opus-4-8", json!({"max_tokens": 2000, "thinking": enabled(1024)}), "adaptive"),
            (
                "claude-opus-4-8",
                json!({"thinking": {"type": "adaptive"}, "tool_choice": {"type": "any"}}),
                "forces",
            ),
            (
                "claude-sonnet-4-6",
                json!({"thinking": {"type": "adaptive"}, "temperature": 0.5}),
                "temperature",
            ),
            ("claude-opus-4-8", json!({"top_p": 0.5}), "deprecated"),
            ("claude-sonnet-4-6", json!({"top_p": 0.5, "temperature": 1}), "both"),
            ("claude-sonnet-4-6", json!({"top_p": 0.5}), ""),
            ("claude-sonnet-4-6", json!({"messages": ended}), "prefill"),
            ("claude-haiku-4-5", json!({"messages": ended}), ""),
        ] {
            let told = told(anthropic(&body, model));
            assert!(told.contains(what) && told.is_empty() == what.is_empty(), "{model}: {told}");
        }
    }
}
