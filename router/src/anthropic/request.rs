//! The client's request, turned into a Messages request.
//!
//! Owns the top level and the parameters; messages are in `turns`, tools in `tools`.

use super::identity::user_id;
use super::thinking::Thinking;
use super::tools::{Format, Tools};
use super::turns::{Conversation, write_system, write_turns};
use crate::json;
use crate::openai::request::{ChatRequest, RequestError, Target, UpstreamRequest};
use crate::openai::settings::{Settings, stops};
use crate::wire::segments::Writer;

/// The output limit where neither client, role nor catalogue knows one: every model takes it.
pub(super) const OUTPUT_LIMIT: u64 = 4096;

/// What this protocol has a place for, or what means nothing to it.
const KNOWN: [&str; 15] = [
    "max_completion_tokens",
    "max_tokens",
    "messages",
    "model",
    "parallel_tool_calls",
    "reasoning_effort",
    "response_format",
    "stop",
    "stream",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_p",
    "user",
];

/// The Messages request for a link. Errors name the message and the part that cannot be said in
/// this protocol.
pub fn build(request: &ChatRequest, target: &Target<'_>) -> Result<UpstreamRequest, RequestError> {
    for old in ["functions", "function_call"] {
        if request.get(old).is_some() {
            return Err(RequestError::at(old, "is not taken by this model: use `tools`"));
        }
    }
    let mut settings = Settings::choose(request, target)?;
    let conversation = Conversation::read(request, target)?;
    let format = Format::read(request, target.model)?;
    let tools = Tools::read(request, target.model, &format)?;
    let limit = settings.output_limit.or(target.model.output_tokens).unwrap_or(OUTPUT_LIMIT);
    let thinking = Thinking::choose(target.model, settings.effort, limit);
    let thinking = if settings.still { thinking.map(Thinking::still) } else { thinking };
    let thinking = thinking
        .and_then(|thinking| thinking.fit(tools.forces_a_call(), || conversation.lacks_thinking()));
    restrain(request, &mut settings, thinking.as_ref());
    let stops = match request.get("stop") {
        None => Vec::new(),
        Some(_) => stop_sequences(request, &mut settings)?,
    };
    if request.get("user").is_some_and(|user| !is_text(user) && user != "\"\"") {
        settings.drop_parameter(request, "user");
    }
    settings.dropped.extend(format.dropped());
    settings.dropped.extend(tools.dropped());
    settings.dropped.extend(conversation.dropped());
    settings.dropped.extend(unknown(request));

    let mut to = Writer::new(request.body());
    to.put(r#"{"model":"#);
    to.put_string(&target.model.id);
    to.put(r#","max_tokens":"#);
    to.put_number(limit);
    if request.stream() {
        to.put(r#","stream":true"#);
    }
    write_system(&mut to, target.system, &conversation);
    write_turns(&mut to, &conversation)?;
    tools.write(&mut to);
    write_parameters(&mut to, request, &settings, &stops)?;
    write_output(&mut to, thinking.as_ref(), &format);
    to.put("}");
    let answer_tool = format.needs_tool();
    Ok(UpstreamRequest { body: to.finish(), dropped: settings.dropped, answer_tool })
}

/// Leaves out what does not go together with thinking, and the effort that had to be given up.
fn restrain(request: &ChatRequest, settings: &mut Settings, thinking: Option<&Thinking>) {
    let Some(thinking) = thinking else {
        if settings.effort.is_some_and(|effort| effort != model_map::Effort::None) {
            settings.drop_parameter(request, "reasoning_effort");
        }
        return;
    };
    if !thinking.is_on() {
        return;
    }
    settings.restrain(request);
}

/// What the client set and this protocol has no place for. A value that changes nothing is no
/// loss.
fn unknown(request: &ChatRequest) -> impl Iterator<Item = String> + '_ {
    request
        .fields()
        .iter()
        .filter(|field| !KNOWN.contains(&request.name(field)))
        .filter(|field| !is_trivial(request.name(field), request.value(field)))
        .map(|field| header_name(request.name(field)))
}

/// Whether a parameter asks for nothing. A seed of 0 is one, a completion's `logprobs` of 0 are
/// those of its own tokens, and a search with no options is one.
pub(crate) fn is_trivial(name: &str, value: &str) -> bool {
    match value.trim_ascii() {
        "null" | "false" | "[]" | "\"\"" => true,
        "0" | "0.0" => !matches!(name, "seed" | "random_seed" | "logprobs"),
        "{}" => name != "web_search_options",
        "1" => matches!(name, "n" | "best_of"),
        _ => false,
    }
}

/// A parameter's name as a header can hold it.
pub(crate) fn header_name(name: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-' || c == '.';
    name.chars().map(|c| if is_plain(c) { c } else { '_' }).take(64).collect()
}

fn write_parameters(
    to: &mut Writer<'_>,
    request: &ChatRequest,
    settings: &Settings,
    stops: &[String],
) -> Result<(), RequestError> {
    if let Some(temperature) = settings.temperature {
        to.put(r#","temperature":"#);
        let own = request.get("temperature").filter(|_| temperature <= 1.0);
        put_fraction(to, own, temperature.min(1.0));
    }
    if let Some(top_p) = settings.top_p {
        to.put(r#","top_p":"#);
        put_fraction(to, request.get("top_p"), top_p);
    }
    if !stops.is_empty() {
        to.put(&format!(r#","stop_sequences":[{}]"#, stops.join(",")));
    }
    if let Some(user) = request.get("user").filter(|user| is_text(user)) {
        to.put(r#","metadata":{"user_id":"#);
        to.put(&user_id(user));
        to.put("}");
    }
    Ok(())
}

/// Writes a number, as the client wrote it where it is the client's: making the digits of a fraction
/// takes longer than all else here.
fn put_fraction(to: &mut Writer<'_>, own: Option<&str>, value: f64) {
    match own {
        Some(own) => to.put(own),
        None => to.put(&value.to_string()),
    }
}

/// Whether a value is a string that says something.
fn is_text(value: &str) -> bool {
    value.starts_with('"') && value.len() > 2
}

/// As JSON strings, less those of white space alone, which are refused.
#[inline(never)]
fn stop_sequences(
    request: &ChatRequest,
    settings: &mut Settings,
) -> Result<Vec<String>, RequestError> {
    let all = || stops(request, "stop");
    let is_refused = settings.stops.is_none() && settings.drops("stop");
    let stops = match &settings.stops {
        _ if is_refused => Vec::new(),
        Some(kept) => kept.clone(),
        None => all()?,
    };
    let told = stops.iter().filter(|stop| !stop.trim().is_empty());
    let told: Vec<String> = told.map(|stop| super::chunks::quoted(stop)).collect();
    if told.len() < stops.len() {
        settings.drop_parameter(request, "stop");
    }
    Ok(told)
}

/// How hard to think and what shape the answer has.
fn write_output(to: &mut Writer<'_>, thinking: Option<&Thinking>, format: &Format) {
    let effort = thinking.and_then(Thinking::effort);
    let mut parts = Vec::new();
    if let Some(effort) = effort {
        parts.push(format!(r#""effort":{}"#, serde_json::to_string(&effort).unwrap_or_default()));
    }
    if let Some(schema) = format.schema() {
        parts.push(format!(r#""format":{{"type":"json_schema","schema":{schema}}}"#));
    }
    if !parts.is_empty() {
        to.put(&format!(r#","output_config":{{{}}}"#, parts.join(",")));
    }
    if let Some(setting) = thinking.and_then(Thinking::setting) {
        to.put(&format!(r#","thinking":{setting}"#));
    }
}

/// Whether a JSON string, given with its quotes, holds nothing but white space. What cannot be
/// read is not blank.
pub(crate) fn is_blank(raw: &str) -> bool {
    let inner = raw.trim_matches('"');
    let begins_blank = |first: char| first == '\\' || first.is_whitespace();
    inner.is_empty()
        || inner.starts_with(begins_blank)
            && json::decode(raw).is_some_and(|text| text.trim().is_empty())
}

#[cfg(test)]
mod tests;
