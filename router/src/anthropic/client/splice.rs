//! A client's Messages request for a model of Anthropic's: its own bytes, with what the link and
//! the role set put between.
//!
//! Owns the splicing; the prompt is `system`'s, thinking `reflection`'s.

use std::borrow::Cow;

use memchr::memmem;
use model_map::{Sampling, SystemMode};

use super::call_ids;
use super::instructions::{self, Told};
use super::reflection::Reflection;
use super::{UNSIGNED, outline, system};
use crate::anthropic::request::OUTPUT_LIMIT;
use crate::anthropic::thinking::Thinking;
use crate::json;
use crate::openai::messages::{is_system, nothing_left};
use crate::openai::request::{ChatRequest, Field, RequestError, Target, UpstreamRequest};
use crate::openai::settings::{OUTPUT_LIMITS, Settings};
use crate::wire::segments::Writer;

/// All that counting tokens takes.
const COUNTED: [&str; 8] = [
    "cache_control",
    "context_management",
    "mcp_servers",
    "messages",
    "output_config",
    "thinking",
    "tool_choice",
    "tools",
];

/// What an upstream is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// For a message.
    Message,
    /// How many tokens the input has.
    Count,
}

/// The request for a link.
#[inline(never)]
pub(crate) fn build(
    own: &ChatRequest,
    target: &Target<'_>,
    question: Question,
) -> Result<UpstreamRequest, RequestError> {
    check(own, target)?;
    let mut settings = Settings::choose_named(own, target, (&OUTPUT_LIMITS, "stop_sequences"))?;
    if target.model.sampling == Sampling::Refused {
        settings.drop_parameter(own, "top_k");
    }
    let limit = settings.output_limit.or(target.model.output_tokens).unwrap_or(OUTPUT_LIMIT);
    let reflection = Reflection::choose(own, target.model, limit, &mut settings)?;
    if reflection.is_on() {
        settings.restrain(own);
    }
    let mut to = Writer::new(own.body());
    to.put(r#"{"model":"#);
    to.put_string(&target.model.id);
    if question == Question::Message {
        to.put(&format!(r#","max_tokens":{limit}"#));
    }
    let messages = own.get("messages").unwrap_or_default();
    let takes_all = target.model.system_turns && target.system.mode != SystemMode::Replace;
    let is_told = !takes_all && instructions::may_stand_in(messages);
    let told = if is_told { instructions::tell(messages) } else { None };
    system::write(&mut to, own.get("system"), told.as_ref(), target.system);
    for field in own.fields().iter().filter(|field| own.value(field) != "null") {
        let is_asked = question == Question::Message || COUNTED.contains(&own.name(field));
        if is_asked && !settings.drops(own.name(field)) {
            write_field(&mut to, own, field, (told.as_ref(), &reflection));
        }
    }
    if question == Question::Message {
        settings.write_stops(&mut to, "stop_sequences");
        for (name, value) in [("temperature", settings.temperature), ("top_p", settings.top_p)] {
            if let Some(value) = value.filter(|_| own.get(name).is_none()) {
                to.put(&format!(r#","{name}":{}"#, value.min(1.0)));
            }
        }
    }
    if let Reflection::Anew(Some(thinking)) = &reflection {
        write_thinking(&mut to, own, thinking);
    }
    to.put("}");
    let Settings { dropped, .. } = settings;
    Ok(UpstreamRequest { body: to.finish(), dropped, answer_tool: false })
}

/// Errors where the role leaves nothing to answer, or the end is not one for this model.
fn check(own: &ChatRequest, target: &Target<'_>) -> Result<(), RequestError> {
    let messages = own.get("messages").unwrap_or_default();
    let list = || json::array(messages).unwrap_or_default();
    let at = |place: &std::ops::Range<usize>| messages.get(place.clone()).unwrap_or_default();
    if target.system.mode == SystemMode::Replace
        && instructions::may_stand_in(messages)
        && list().iter().all(|place| is_system(at(place)))
    {
        return Err(nothing_left());
    }
    check_end(own, target)
}

/// Errors where the model would have to go on from its own words and cannot.
pub(crate) fn check_end(own: &ChatRequest, target: &Target<'_>) -> Result<(), RequestError> {
    let messages = own.get("messages").unwrap_or_default();
    if target.model.prefill || !may_end_in_assistant(messages) {
        return Ok(());
    }
    let list = json::array(messages).unwrap_or_default();
    let at = |place: &std::ops::Range<usize>| messages.get(place.clone()).unwrap_or_default();
    let last = list.last().map(at).unwrap_or_default();
    let is_prefill = serde_json::from_str::<outline::Message<'_>>(last)
        .is_ok_and(|last| last.role == "assistant");
    if is_prefill {
        let what = "is an assistant message at the end: this model does not continue one";
        return Err(RequestError::at(format!("messages[{}]", list.len() - 1), what));
    }
    Ok(())
}

/// Whether the last thing that is called a role is the assistant's: a quick look, since inside of
/// strings a quote has a backslash before it.
fn may_end_in_assistant(messages: &str) -> bool {
    let last = memmem::rfind(messages.as_bytes(), b"\"role\"");
    let rest = last.and_then(|last| messages.get(last + "\"role\"".len()..)).unwrap_or_default();
    let rest = rest.trim_ascii_start().strip_prefix(':').unwrap_or_default();
    !rest.trim_ascii_start().starts_with("\"user\"")
}

fn write_field(
    to: &mut Writer<'_>,
    own: &ChatRequest,
    field: &Field,
    (told, reflection): (Option<&Told<'_>>, &Reflection),
) {
    let value = own.value(field);
    let is_anew = matches!(reflection, Reflection::Anew(_));
    match own.name(field) {
        "model" | "max_tokens" | "system" => (),
        "thinking" | "output_config" if is_anew => {
            // Without a setting of its own the model still has to know the answer's shape.
            if own.name(field) == "output_config" && *reflection == Reflection::Anew(None) {
                write_config(to, value, None);
            }
        }
        "messages" => {
            to.put(r#","messages":"#);
            match told {
                Some(told) => write_turns(to, told),
                None => write_messages(to, value),
            }
        }
        _ => {
            to.put(",");
            to.put(own.key(field));
            to.put(":");
            to.share(value.as_bytes());
        }
    }
}

/// What is left of the client's messages without instructions among them.
fn write_turns(to: &mut Writer<'_>, told: &Told<'_>) {
    let may_be_odd = told.turns.iter().any(|turn| call_ids::may_be_odd(turn));
    let turns = told.turns.iter().map(|turn| {
        let signed = Some(*turn).filter(|turn| turn.contains(UNSIGNED)).and_then(without_unsigned);
        let signed = signed.map_or(Cow::Borrowed(*turn), Cow::Owned);
        let fitted = if may_be_odd { call_ids::fitted(&signed) } else { None };
        fitted.map_or(signed, Cow::Owned)
    });
    let asked = told.question.map(|asked| format!(r#"{{"role":"user","content":{asked}}}"#).into());
    let turns = turns.chain(asked);
    let turns: Vec<Cow<'_, str>> = turns.filter(|turn| !turn.is_empty()).collect();
    to.put(&instructions::joined(&turns));
}

/// The client's messages: its very bytes, unless they hold what this model cannot read.
fn write_messages(to: &mut Writer<'_>, messages: &str) {
    let is_signed = memmem::find(messages.as_bytes(), UNSIGNED.as_bytes()).is_none();
    let may_be_odd = call_ids::may_be_odd(messages);
    if is_signed && !may_be_odd {
        return to.share(messages.as_bytes());
    }
    let mut separator = "[";
    for place in json::array(messages).unwrap_or_default() {
        let message = messages.get(place).unwrap_or_default();
        let signed = if message.contains(UNSIGNED) { without_unsigned(message) } else { None };
        if signed.as_deref() == Some("") {
            continue;
        }
        to.put(separator);
        separator = ",";
        let fits = |text: &str| if may_be_odd { call_ids::fitted(text) } else { None };
        match fits(signed.as_deref().unwrap_or(message)).or(signed) {
            Some(changed) => to.put(&changed),
            None => to.share(message.as_bytes()),
        }
    }
    to.put(if separator == "[" { "[]" } else { "]" });
}

/// A message without reasoning that Anthropic did not sign; empty where nothing is left of it, and
/// none where it has no such block.
fn without_unsigned(message: &str) -> Option<String> {
    let read = serde_json::from_str::<outline::Message<'_>>(message).ok()?;
    let content = read.content?.get();
    let blocks = json::array(content).ok()?;
    let is_unsigned = |block: &&str| {
        block.contains(UNSIGNED)
            && serde_json::from_str::<outline::Block<'_>>(block)
                .is_ok_and(|block| block.kind == "thinking")
    };
    let blocks = blocks.into_iter().filter_map(|place| content.get(place));
    let kept = blocks.filter(|block| !is_unsigned(block)).map(without_citations);
    let kept: Vec<Cow<'_, str>> = kept.collect();
    if kept.is_empty() {
        return Some(String::new());
    }
    let role = super::quoted(&read.role);
    Some(format!(r#"{{"role":{role},"content":[{}]}}"#, kept.join(",")))
}

/// A text block without citations that are ours.
fn without_citations(block: &str) -> Cow<'_, str> {
    if !block.contains(UNSIGNED) {
        return block.into();
    }
    let Ok(members) = json::object(block) else { return block.into() };
    let written = members.into_iter().filter_map(|member| {
        let [key, value] = [member.key, member.value].map(|it| block.get(it).unwrap_or_default());
        let is_ours = key == "\"citations\"" && value.contains(UNSIGNED);
        (!is_ours).then(|| format!("{key}:{value}"))
    });
    format!("{{{}}}", written.collect::<Vec<_>>().join(",")).into()
}

fn write_thinking(to: &mut Writer<'_>, own: &ChatRequest, thinking: &Thinking) {
    if let Some(setting) = thinking.setting() {
        to.put(&format!(r#","thinking":{setting}"#));
    }
    let effort = thinking.effort().and_then(|effort| serde_json::to_string(&effort).ok());
    write_config(to, own.get("output_config").unwrap_or("{}"), effort.as_deref());
}

/// Writes the client's `output_config` with this effort in place of its own.
fn write_config(to: &mut Writer<'_>, own: &str, effort: Option<&str>) {
    let mut members: Vec<String> =
        effort.map(|effort| format!(r#""effort":{effort}"#)).into_iter().collect();
    for member in json::object(own).unwrap_or_default() {
        let [key, value] = [member.key, member.value].map(|it| own.get(it).unwrap_or_default());
        if key != "\"effort\"" {
            members.push(format!("{key}:{value}"));
        }
    }
    if !members.is_empty() {
        to.put(&format!(r#","output_config":{{{}}}"#, members.join(",")));
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use model_map::{Limits, Model, Parameters};
    use serde_json::{Value, json};

    use super::*;
    use crate::openai::request::Prompt;

    fn built(body: &Value, model: Value, system: Prompt<'_>) -> Result<Value, RequestError> {
        let mut facts = json!({"id": "m", "provider": "p"});
        for (name, value) in model.as_object().expect("facts") {
            facts[name] = value.clone();
        }
        let model: Model = serde_json::from_value(facts).expect("a model");
        let parameters = Parameters::default();
        let limits = Limits::default();
        let target = Target { limits, model: &model, parameters: &parameters, system };
        let own = ChatRequest::parse(Bytes::from(body.to_string())).expect("a request");
        let built = build(&own, &target, Question::Message)?;
        let mut sent: Value = serde_json::from_slice(&built.body.concat()).expect("JSON");
        if !built.dropped.is_empty() {
            sent["dropped"] = json!(built.dropped);
        }
        Ok(sent)
    }

    fn asking(more: Value) -> Value {
        let mut body = json!({"model": "r", "max_tokens": 100,
            "messages": [{"role": "user", "content": "q"}]});
        for (name, value) in more.as_object().expect("members") {
            body[name] = value.clone();
        }
        body
    }

    #[test]
    fn long_messages_are_not_copied() {
        let body = asking(json!({"messages": [{"role": "user", "content": "x".repeat(1 << 20)}]}));
        let body = Bytes::from(body.to_string());
        let model: Model = serde_json::from_value(json!({"id": "m", "provider": "p"})).expect("it");
        let parameters = Parameters::default();
        let system = Prompt { texts: &["p"], ..Prompt::default() };
        let target =
            Target { limits: Limits::default(), model: &model, parameters: &parameters, system };
        let own = ChatRequest::parse(body.clone()).expect("a request");
        let built = build(&own, &target, Question::Message).expect("built").body;
        let longest = built.parts().iter().max_by_key(|part| part.len()).expect("parts");
        assert!(body.as_ptr_range().contains(&longest.as_ptr()) && longest.len() > 1 << 20);
    }

    #[test]
    fn the_prompt_stands_by_its_mode() {
        let texts: &[&str] = &["P"];
        let with = |mode, own: Value| {
            let system = Prompt { mode, texts };
            built(&asking(json!({"system": own})), json!({}), system).expect("built")["system"]
                .clone()
        };
        let block = |text: &str| json!({"type": "text", "text": text});
        let own = json!([{"type": "text", "text": "c", "cache_control": {"type": "ephemeral"}}]);
        assert_eq!(with(SystemMode::Prepend, json!("c")), json!([block("P"), block("c")]));
        assert_eq!(with(SystemMode::Append, own.clone()), json!([own[0], block("P")]));
        assert_eq!(with(SystemMode::Replace, own), json!([block("P")]));
        let plain = built(&asking(json!({"system": "c"})), json!({}), Prompt::default());
        assert_eq!(plain.expect("built")["system"], "c");
    }

    #[test]
    fn thinking_is_asked_for_as_the_model_takes_it() {
        let adaptive = json!({"efforts": ["low", "medium", "high"], "context_tokens": 9});
        let budget = json!({"thinking_budget_min": 1024, "context_tokens": 9});
        let neither = json!({"context_tokens": 9});
        let enabled = json!({"type": "enabled", "budget_tokens": 10_000});
        let ask = |thinking: &Value, model: &Value| {
            let body = asking(json!({"thinking": thinking, "max_tokens": 20_000}));
            built(&body, model.clone(), Prompt::default()).expect("built")
        };
        assert_eq!(ask(&enabled, &budget)["thinking"], enabled);
        let sent = ask(&enabled, &adaptive);
        assert_eq!(sent["thinking"]["type"], "adaptive");
        assert_eq!(sent["output_config"]["effort"], "medium");
        let sent = ask(&json!({"type": "adaptive"}), &budget);
        assert_eq!(sent["thinking"], json!({"type": "enabled", "budget_tokens": 16_000}));
        assert_eq!(ask(&enabled, &neither)["dropped"], json!(["thinking"]));
        assert_eq!(ask(&enabled, &json!({}))["thinking"], enabled, "nothing is known of it");
        let lower = ask(&enabled, &json!({"output_tokens": 4000}));
        assert_eq!(lower["thinking"], json!({"type": "enabled", "budget_tokens": 2000}));
        let none = ask(&enabled, &json!({"output_tokens": 1000}));
        assert_eq!((&none["thinking"], &none["dropped"]), (&Value::Null, &json!(["thinking"])));
    }

    #[test]
    fn a_shape_of_the_answer_outlives_an_effort_that_is_not_taken() {
        let format = json!({"type": "json_schema", "schema": {"type": "object"}});
        let body = asking(json!({"output_config": {"effort": "max", "format": format}}));
        let model = json!({"efforts": ["low", "high"], "context_tokens": 9});
        let sent = built(&body, model, Prompt::default()).expect("built");
        assert_eq!(sent["output_config"], json!({"effort": "high", "format": format}));
    }

    #[test]
    fn reasoning_that_anthropic_did_not_sign_is_left_out() {
        let thought =
            |signature: &str| json!({"type": "thinking", "thinking": "t", "signature": signature});
        let said = json!({"type": "text", "text": "a"});
        let messages = json!([
            {"role": "user", "content": format!("{UNSIGNED} in my words")},
            {"role": "assistant", "content": [thought(UNSIGNED), said]},
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": [thought(UNSIGNED)]},
            {"role": "user", "content": "r"},
            {"role": "assistant", "content": [{"type": "text", "text": "b", "citations": [
                {"type": "web_search_result_location", "encrypted_index": UNSIGNED}]}]},
            {"role": "user", "content": "s"},
        ]);
        let body = asking(json!({ "messages": messages }));
        let sent = built(&body, json!({}), Prompt::default()).expect("built");
        let uncited = json!([{"type": "text", "text": "b"}]);
        let expected = json!([messages[0], {"role": "assistant", "content": [said]}, messages[2], messages[4],
            {"role": "assistant", "content": uncited}, messages[6]]);
        assert_eq!(sent["messages"], expected);
    }

    #[test]
    fn instructions_among_the_turns_are_for_models_that_take_them() {
        let text = |text: &str| json!({"type": "text", "text": text});
        let result = json!({"type": "tool_result", "tool_use_id": "c", "content": "r"});
        let messages = json!([
            {"role": "user", "content": "q \"system\""},
            {"role": "system", "content": "<reminder>"},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "c", "name": "f", "input": {}}]},
            {"role": "user", "content": [result]},
            {"role": "system", "content": [text("two")]},
            {"role": "user", "content": "go on"},
            {"role": "system", "content": " "},
        ]);
        let body = asking(json!({"messages": messages, "system": "own"}));
        let sent = |facts: Value, mode: SystemMode| {
            built(&body, facts, Prompt { mode, texts: &["P"] }).expect("built")
        };
        let kept = sent(json!({"system_turns": true}), SystemMode::Prepend);
        assert_eq!(kept["messages"], messages);
        let hoisted = sent(json!({}), SystemMode::Prepend);
        let expected = json!([text("P"), text("own"), text("<reminder>"), text("two")]);
        assert_eq!(hoisted["system"], expected);
        let turns = json!([
            {"role": "user", "content": [text("q \"system\"")]},
            {"role": "assistant", "content": messages[2]["content"]},
            {"role": "user", "content": [result, text("go on")]},
        ]);
        assert_eq!(hoisted["messages"], turns);
        for facts in [json!({}), json!({"system_turns": true})] {
            let replaced = sent(facts, SystemMode::Replace);
            assert_eq!(replaced["system"], json!([text("P")]));
            assert_eq!(replaced["messages"], turns);
        }
        let bare = built(&body, json!({}), Prompt::default()).expect("built");
        assert_eq!(bare["system"], json!([text("own"), text("<reminder>"), text("two")]));
    }

    #[test]
    fn instructions_behind_the_last_answer_are_what_is_asked() {
        let messages = json!([
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": "a"},
            {"role": "system", "content": "now sum it up"},
        ]);
        let sent = built(&asking(json!({ "messages": messages })), json!({}), Prompt::default());
        let last = json!({"role": "user", "content": [{"type": "text", "text": "now sum it up"}]});
        assert_eq!(sent.expect("built")["messages"][2], last);
    }

    #[test]
    fn a_prefill_is_for_models_that_take_one() {
        let messages =
            json!([{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]);
        let body = asking(json!({ "messages": messages }));
        let error = built(&body, json!({}), Prompt::default()).expect_err("refused");
        assert_eq!(error.param.as_deref(), Some("messages[1]"));
        assert!(built(&body, json!({"prefill": true}), Prompt::default()).is_ok());
    }
}
