//! A client's request for a response, for a model that has them: its own bytes, with what the link
//! and the role set put between.
//!
//! Owns the splicing.

use memchr::memmem;
use model_map::{Effort, Sampling, SystemMode};

use super::chat::reasoning;
use super::sealed::MARK;
use crate::anthropic::quoted;
use crate::json::{self, Sought};
use crate::openai::identity;
use crate::openai::messages::{is_system, nothing_left};
use crate::openai::request::{ChatRequest, Field, Prompt, RequestError, Target, UpstreamRequest};
use crate::openai::settings::{Settings, nearest};
use crate::wire::ids;
use crate::wire::segments::Writer;

/// Where an id of a call stands.
static CALL_ID: Sought = Sought::new("\"call_id\"");

/// The request for a link.
#[inline(never)]
pub(crate) fn build(
    own: &ChatRequest,
    target: &Target<'_>,
) -> Result<UpstreamRequest, RequestError> {
    let input = own.get("input").unwrap_or_default();
    let all_replaced = || {
        let list = json::array(input).unwrap_or_default();
        !list.is_empty() && list.into_iter().all(|at| is_system(input.get(at).unwrap_or_default()))
    };
    if target.system.mode == SystemMode::Replace && all_replaced() {
        return Err(nothing_left());
    }
    let mut settings = Settings::choose_named(own, target, (&["max_output_tokens"], "stop"))?;
    let effort = effort(own, target, &mut settings)?;
    if target.model.sampling == Sampling::Refused {
        settings.drop_parameter(own, "top_logprobs");
    }
    let mut to = Writer::new(own.body());
    to.put(r#"{"model":"#);
    to.put_string(&target.model.id);
    let behind = behind(input, target);
    let prompt = match behind {
        Some(_) => Prompt { texts: &[], ..target.system },
        None => target.system,
    };
    write_instructions(&mut to, own.get("instructions"), prompt);
    for field in own.fields().iter().filter(|field| own.value(field) != "null") {
        if !settings.drops(own.name(field)) {
            if own.name(field) == "input" {
                write_input(&mut to, input, (target.system.mode, behind.as_ref()));
            } else {
                write_field(&mut to, own, field, effort);
            }
        }
    }
    if let Some(limit) = settings.output_limit {
        to.put(&format!(r#","max_output_tokens":{limit}"#));
    }
    if effort.is_some() && own.get("reasoning").is_none() {
        write_reasoning(&mut to, "{}", effort);
    }
    for (name, value) in [("temperature", settings.temperature), ("top_p", settings.top_p)] {
        if let Some(value) = value.filter(|_| own.get(name).is_none()) {
            to.put(&format!(r#","{name}":{value}"#));
        }
    }
    to.put("}");
    let Settings { dropped, .. } = settings;
    Ok(UpstreamRequest { body: to.finish(), dropped, answer_tool: false })
}

/// The effort that the model is asked for: the client's own as far as it takes it, else the
/// role's.
fn effort(
    own: &ChatRequest,
    target: &Target<'_>,
    settings: &mut Settings,
) -> Result<Option<Effort>, RequestError> {
    let Some(raw) = reasoning(own)?.effort else { return Ok(settings.effort) };
    let asked = serde_json::from_str::<Option<Effort>>(raw.get()).map_err(|_| {
        let values = "none, minimal, low, medium, high, xhigh or max";
        RequestError::at("reasoning.effort", format!("must be one of {values}"))
    })?;
    let Some(asked) = asked else { return Ok(settings.effort) };
    let model = target.model;
    let effort = nearest(asked, model).or(Some(asked).filter(|_| !model.tells_efforts()));
    if effort.is_none() && asked != Effort::None {
        settings.dropped.push("reasoning.effort".to_owned());
    }
    Ok(effort)
}

fn write_instructions(to: &mut Writer<'_>, own: Option<&str>, prompt: Prompt<'_>) {
    let text = prompt.texts.join("\n\n");
    let (role, own) = match prompt.mode {
        SystemMode::Replace => (text, None),
        _ => (text, own),
    };
    let own_first = prompt.mode == SystemMode::Append;
    match (role.trim().is_empty(), own) {
        (true, None) => (),
        (true, Some(own)) => {
            to.put(r#","instructions":"#);
            to.share(own.as_bytes());
        }
        (false, own) => {
            to.put(r#","instructions":"#);
            let own = own.and_then(json::decode).unwrap_or_default();
            let texts = if own_first { [own.as_ref(), &role] } else { [role.as_str(), &own] };
            let texts: Vec<&str> = texts.into_iter().filter(|text| !text.is_empty()).collect();
            to.put_string(&texts.join("\n\n"));
        }
    }
}

fn write_field(to: &mut Writer<'_>, own: &ChatRequest, field: &Field, effort: Option<Effort>) {
    let value = own.value(field);
    match own.name(field) {
        "model" | "instructions" | "max_output_tokens" => (),
        "reasoning" => write_reasoning(to, value, effort),
        _ => {
            to.put(",");
            to.put(own.key(field));
            to.put(":");
            to.share(identity::fitted(own.name(field), value).as_bytes());
        }
    }
}

/// The role's prompt as an item of the input.
struct Behind {
    /// Where the item ends that it comes behind.
    end: usize,
    item: String,
}

/// A prompt that stands after the last of the client's instructions stands among its items, where
/// the last of them does.
fn behind(input: &str, target: &Target<'_>) -> Option<Behind> {
    let Prompt { mode, texts } = target.system;
    let text = texts.join("\n\n");
    let is_in = |name: &str| memmem::find(input.as_bytes(), name.as_bytes()).is_some();
    let may_be = mode == SystemMode::Append && !text.trim().is_empty();
    if !may_be || !(is_in("\"developer\"") || is_in("\"system\"")) {
        return None;
    }
    let list = json::array(input).unwrap_or_default();
    let last = list.into_iter().rfind(|at| is_system(input.get(at.clone()).unwrap_or_default()))?;
    let (role, text) = (target.model.system_role.name(), quoted(&text));
    let item = format!(r#"{{"type":"message","role":"{role}","content":{text}}}"#);
    Some(Behind { end: last.end, item })
}

/// The client's items: its very bytes, unless some of them are not for this model.
fn write_input(to: &mut Writer<'_>, input: &str, (mode, behind): (SystemMode, Option<&Behind>)) {
    to.put(r#","input":"#);
    let is_sealed = |text: &str| memmem::find(text.as_bytes(), MARK.as_bytes()).is_some();
    let replaces = mode == SystemMode::Replace;
    let long_ids = ids::any_long_in_response(input, &CALL_ID);
    let changes = replaces || behind.is_some() || long_ids || is_sealed(input);
    if !changes || !input.starts_with('[') {
        return to.share(input.as_bytes());
    }
    let mut separator = "[";
    for place in json::array(input).unwrap_or_default() {
        let end = place.end;
        let item = input.get(place).unwrap_or_default();
        let is_ours = is_sealed(item) && is_reasoning(item);
        if !(is_ours || (replaces && is_system(item))) {
            to.put(separator);
            match if long_ids { with_short_id(item) } else { None } {
                Some(short) => to.put(&short),
                None => to.share(item.as_bytes()),
            }
            separator = ",";
        }
        if let Some(behind) = behind.filter(|behind| behind.end == end) {
            to.put(separator);
            to.put(&behind.item);
        }
    }
    to.put(if separator == "[" { "[]" } else { "]" });
}

/// A call or its result with an id that is short; none where it has no other.
fn with_short_id(item: &str) -> Option<String> {
    ids::changed(item, |key, raw| (key == "call_id").then(|| ids::in_response(raw)))
}

/// Whether an item is reasoning of another provider's model.
fn is_reasoning(item: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Sealed {
        #[serde(rename = "type", default)]
        kind: String,
        #[serde(default)]
        encrypted_content: Option<String>,
    }
    serde_json::from_str::<Sealed>(item).is_ok_and(|item| {
        item.kind == "reasoning"
            && item.encrypted_content.is_some_and(|content| content.starts_with(MARK))
    })
}

/// Writes the client's `reasoning` with this effort.
fn write_reasoning(to: &mut Writer<'_>, own: &str, effort: Option<Effort>) {
    let effort = effort.and_then(|effort| serde_json::to_string(&effort).ok());
    let effort = effort.map(|effort| format!("{}:{effort}", quoted("effort")));
    let mut members: Vec<String> = effort.into_iter().collect();
    for member in json::object(own).unwrap_or_default() {
        let [key, value] = [member.key, member.value].map(|it| own.get(it).unwrap_or_default());
        if key != "\"effort\"" {
            members.push(format!("{key}:{value}"));
        }
    }
    to.put(&format!(r#","reasoning":{{{}}}"#, members.join(",")));
}
