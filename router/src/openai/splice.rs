//! The request for an upstream that speaks the client's protocol.
//!
//! Owns the splicing: the client's own bytes, with what the link and the role set put between.

use model_map::{OutputLimitKey, PastReasoning, Sampling, SystemMode};
use serde_json::{Map, Value};

use super::identity;
use super::messages;
use super::request::{ChatRequest, Field, RequestError, Target, UpstreamRequest};
use super::settings::Settings;
use crate::json::Sought;
use crate::wire::ids;
use crate::wire::segments::Writer;

/// Where an id of a call stands that is another message's. Every call has a result.
static CALL_ID: Sought = Sought::new("\"tool_call_id\"");

/// What models refuse along with `temperature` and `top_p`.
const REFUSED_WITH_SAMPLING: [&str; 5] =
    ["frequency_penalty", "logit_bias", "logprobs", "presence_penalty", "top_logprobs"];

/// The request for an upstream that speaks the client's protocol: the client's bytes with what
/// the link and the role set.
#[inline(never)]
pub fn build(request: &ChatRequest, target: &Target<'_>) -> Result<UpstreamRequest, RequestError> {
    let mut settings = Settings::choose(request, target)?;
    if target.model.sampling == Sampling::Refused {
        REFUSED_WITH_SAMPLING.iter().for_each(|name| settings.drop_parameter(request, name));
    }
    settings.spare_effort(request, target.model);
    if target.system.mode == SystemMode::Replace {
        messages::check(request.get("messages").unwrap_or_default(), target.system)?;
    }
    let mut to = Writer::new(request.body());
    to.put(r#"{"model":"#);
    to.put_string(&target.model.id);
    for field in request.fields() {
        if is_kept(request, field, &settings) {
            write_field(&mut to, request, field, target);
        }
    }
    write_settings(&mut to, request, target, &settings);
    to.put("}");
    let Settings { dropped, .. } = settings;
    Ok(UpstreamRequest { body: to.finish(), dropped, answer_tool: false })
}

/// Whether a member stays: not what is written anew, nor what the model does not take.
fn is_kept(request: &ChatRequest, field: &Field, settings: &Settings) -> bool {
    // What is `null` is not set: the role's default may stand in its place.
    if request.is_null(field) {
        return false;
    }
    match request.name(field) {
        "model" | "max_tokens" | "max_completion_tokens" | "reasoning_effort" => false,
        "stream_options" if request.hides_usage() => false,
        name => !settings.drops(name),
    }
}

fn write_field(to: &mut Writer<'_>, request: &ChatRequest, field: &Field, target: &Target<'_>) {
    to.put(",");
    to.put(request.key(field));
    to.put(":");
    let value = request.value(field);
    let foreign = match target.model.past_reasoning {
        PastReasoning::Refused => &messages::REASONING,
        PastReasoning::Taken if request.is_translated() => &messages::REASONING_DETAILS,
        PastReasoning::Taken => &messages::CACHE_CONTROL,
    };
    match request.name(field) {
        "messages" => {
            let taken = target.model.call_ids;
            let ids = ids::any_other_in_chat(value, &CALL_ID, taken).then_some(taken);
            let shape = messages::Shape { foreign, role: target.model.system_role, ids };
            messages::write(to, value, target.system, shape);
        }
        "tools" => messages::write_list(to, value, foreign),
        name => to.share(identity::fitted(name, value).as_bytes()),
    }
}

/// What is written anew, and the role's defaults.
fn write_settings(
    to: &mut Writer<'_>,
    request: &ChatRequest,
    target: &Target<'_>,
    settings: &Settings,
) {
    if let Some(limit) = settings.output_limit {
        to.put(match target.model.output_limit_key {
            OutputLimitKey::MaxTokens => r#","max_tokens":"#,
            OutputLimitKey::MaxCompletionTokens => r#","max_completion_tokens":"#,
        });
        to.put_number(limit);
    }
    if request.hides_usage() {
        to.put(r#","stream_options":"#);
        match request.get("stream_options") {
            None => to.put(r#"{"include_usage":true}"#),
            Some(options) => to.put(&counting(options)),
        }
    }
    if let Some(effort) = settings.effort {
        let effort = serde_json::to_string(&effort).unwrap_or_default();
        to.put(&format!(r#","reasoning_effort":{effort}"#));
    }
    settings.write_stops(to, "stop");
    for (name, value) in [("temperature", settings.temperature), ("top_p", settings.top_p)] {
        if let Some(value) = value.filter(|_| request.get(name).is_none()) {
            to.put(&format!(r#","{name}":{value}"#));
        }
    }
}

/// The client's options for its stream, with the usage asked for.
fn counting(options: &str) -> String {
    let mut options: Map<String, Value> = serde_json::from_str(options).unwrap_or_default();
    options.insert("include_usage".into(), true.into());
    Value::Object(options).to_string()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use model_map::{Limits, Model, Parameters};
    use serde_json::json;

    use super::super::request::Prompt;
    use super::*;

    /// Built for a model with these facts.
    fn for_model(facts: &str, body: &str, system: &[&str]) -> UpstreamRequest {
        let model = format!(r#"{{"id":"m","provider":"p",{facts}}}"#);
        let model: Model = serde_json::from_str(&model).expect("a model");
        let (parameters, limits) = (Parameters::default(), Limits::default());
        let system = Prompt { texts: system, ..Prompt::default() };
        let target = Target { limits, model: &model, parameters: &parameters, system };
        let request = ChatRequest::parse(Bytes::from(body.to_owned())).expect("a request");
        build(&request, &target).expect("built")
    }

    #[test]
    fn stop_sequences_are_no_chats_and_do_not_take_the_place_of_stop() {
        let body = r#"{"model":"r","messages":[],"stop":"a","stop_sequences":["b","c","d"]}"#;
        let request = for_model(r#""stop_sequences":2"#, body, &[]);
        let written = String::from_utf8(request.body.concat().into()).expect("text");
        assert_eq!(written.matches(r#""stop":"#).count(), 1, "{written}");
        assert!(written.contains(r#""stop":"a""#), "{written}");
    }

    #[test]
    fn stop_sequences_are_as_many_as_the_model_takes() {
        let sent = |facts: &str, stop: &str| {
            let body = format!(r#"{{"model":"r","messages":[],"stop":{stop}}}"#);
            let built = for_model(facts, &body, &[]);
            let sent: Value = serde_json::from_slice(&built.body.concat()).expect("JSON");
            (sent["stop"].clone(), built.dropped)
        };
        let named = vec!["stop".to_owned()];
        let none = Vec::<String>::new();
        let six = r#"["a","b\u00e9","c","d","e","f"]"#;
        let (two, all) = (r#""stop_sequences":2"#, r#""prefill":false"#);
        assert_eq!(sent(two, six), (json!(["a", "b\u{e9}"]), named.clone()));
        assert_eq!(sent(two, r#"["a","b"]"#), (json!(["a", "b"]), none.clone()));
        assert_eq!(sent(two, "\"a\""), (json!("a"), none.clone()));
        assert_eq!(sent(r#""stop_sequences":0"#, "\"a\""), (Value::Null, named));
        assert_eq!(sent(r#""stop_sequences":0"#, "[]"), (json!([]), none.clone()));
        assert_eq!(sent(all, r#"["1","2","3","4","5","6","7"]"#).1, none, "nothing is known");
    }

    #[test]
    fn an_effort_stands_beside_tools_only_where_both_are_taken() {
        let facts = r#""context_tokens":9,"efforts":["none","low","high"]"#;
        let refuses = format!(r#"{facts},"effort_with_tools":"refused""#);
        let without_none = refuses.replace("\"none\",", "");
        let sent = |facts: &str, more: &str| {
            let built = for_model(facts, &format!(r#"{{"model":"r","messages":[]{more}}}"#), &[]);
            let sent: Value = serde_json::from_slice(&built.body.concat()).expect("JSON");
            (sent["reasoning_effort"].clone(), built.dropped)
        };
        let (high, tools) = (r#","reasoning_effort":"high""#, r#","tools":[{}]"#);
        let both = format!("{high}{tools}");
        let (none, named) = (Vec::<String>::new(), vec!["reasoning_effort".to_owned()]);
        assert_eq!(sent(facts, &both), (json!("high"), none.clone()));
        assert_eq!(sent(&refuses, high), (json!("high"), none.clone()));
        assert_eq!(
            sent(&refuses, &format!(r#"{high},"tools":[ ]"#)),
            (json!("high"), none.clone())
        );
        assert_eq!(sent(&refuses, &both), (json!("none"), named.clone()));
        assert_eq!(sent(&refuses, tools), (json!("none"), none.clone()));
        assert_eq!(sent(&without_none, &both), (Value::Null, named));
        let asked_for_none = format!(r#","reasoning_effort":"none"{tools}"#);
        assert_eq!(sent(&refuses, &asked_for_none), (json!("none"), none));
    }

    #[test]
    fn an_effort_that_nobody_judges_is_passed_on() {
        let body = r#"{"model":"r","messages":[],"reasoning_effort":"high"}"#;
        let sent = |facts: &str| {
            let built = for_model(facts, body, &[]);
            let sent: Value = serde_json::from_slice(&built.body.concat()).expect("JSON");
            (sent["reasoning_effort"].clone(), built.dropped)
        };
        let (kept, lost) =
            ((json!("high"), Vec::new()), (Value::Null, vec!["reasoning_effort".to_owned()]));
        assert_eq!(sent(r#""context_tokens":9"#), lost);
        assert_eq!(sent(r#""context_tokens":9,"efforts_unknown":true"#), kept);
        assert_eq!(sent(r#""prefill":false"#), kept);
    }

    #[test]
    fn what_goes_with_sampling_is_refused_with_it() {
        let body =
            r#"{"model":"r","messages":[],"logprobs":true,"top_logprobs":2,"logit_bias":{"5":1}}"#;
        let built = for_model(r#""sampling":"refused""#, body, &[]);
        assert_eq!(built.body.concat(), r#"{"model":"m","messages":[]}"#);
        assert_eq!(built.dropped, ["logit_bias", "logprobs", "top_logprobs"]);
        assert_eq!(for_model(r#""sampling":"one""#, body, &[]).dropped, Vec::<String>::new());
    }

    #[test]
    fn instructions_have_the_role_that_the_model_knows() {
        let messages = r#"[{"role":"system","content":"a \"developer\""},{"role":"user","content":"\"system\""},{"content":[],"role":"developer"}]"#;
        let body = format!(r#"{{"model":"r","messages":{messages}}}"#);
        let sent = |facts: &str| {
            let built = for_model(facts, &body, &["P"]).body.concat();
            let sent: Value = serde_json::from_slice(&built).expect("JSON");
            let roles = sent["messages"].as_array().expect("a list").iter();
            let roles = roles.map(|it| it["role"].as_str().expect("a role").to_owned());
            (roles.collect::<Vec<_>>(), sent["messages"][2].clone())
        };
        let user = json!({"role": "user", "content": "\"system\""});
        let expected = |role: &str| {
            (
                vec![role.to_owned(), role.to_owned(), "user".to_owned(), role.to_owned()],
                user.clone(),
            )
        };
        assert_eq!(sent(r#""prefill":false"#), expected("system"));
        assert_eq!(sent(r#""system_role":"developer""#), expected("developer"));
    }

    fn built(body: &Bytes, system: &[&str]) -> UpstreamRequest {
        let model: Model = serde_json::from_str(r#"{"id":"m","provider":"p"}"#).expect("a model");
        let parameters = Parameters::default();
        let system = Prompt { texts: system, ..Prompt::default() };
        let limits = Limits::default();
        let target = Target { limits, model: &model, parameters: &parameters, system };
        let request = ChatRequest::parse(body.clone()).expect("a request");
        build(&request, &target).expect("built")
    }

    fn text(body: &str, system: &[&str]) -> String {
        let built = built(&Bytes::from(body.to_owned()), system).body.concat();
        String::from_utf8_lossy(&built).into_owned()
    }

    #[test]
    fn what_is_not_set_stays_as_it_was_written() {
        let messages = r#"[ {"role" : "user", "content":"\u00e9 \/ 1.0"} ]"#;
        let body = format!(r#"{{"messages":{messages}, "x\u0079":1.50, "model":"role"}}"#);
        let expected = format!(r#"{{"model":"m","messages":{messages},"x\u0079":1.50}}"#);
        assert_eq!(text(&body, &[]), expected);
    }

    #[test]
    fn usage_is_asked_for_where_the_router_counts_and_the_client_does_not_ask() {
        let options = |body: &str| {
            let body = format!(r#"{{"model":"r","messages":[]{body}}}"#);
            let mut request = ChatRequest::parse(Bytes::from(body)).expect("a request");
            request.count();
            let model: Model = serde_json::from_str(r#"{"id":"m","provider":"p"}"#).unwrap();
            let (parameters, limits) = (Parameters::default(), Limits::default());
            let system = Prompt::default();
            let target = Target { limits, model: &model, parameters: &parameters, system };
            let built = build(&request, &target).expect("built").body.concat();
            let built: Value = serde_json::from_slice(&built).expect("JSON");
            built["stream_options"].clone()
        };
        assert_eq!(options(""), Value::Null);
        assert_eq!(options(r#","stream":true"#), json!({"include_usage": true}));
        let other = options(r#","stream":true,"stream_options":{"x":1,"include_usage":false}"#);
        assert_eq!(other, json!({"include_usage": true, "x": 1}));
    }

    #[test]
    fn prompts_stand_before_the_clients_messages() {
        let prompt = r#"{"role":"system","content":"a\n\nb"}"#;
        let with = |messages: &str| {
            text(&format!(r#"{{"model":"r","messages":{messages}}}"#), &["a", "b"])
        };
        assert_eq!(with("[]"), format!(r#"{{"model":"m","messages":[{prompt}]}}"#));
        assert_eq!(with("[ 1]"), format!(r#"{{"model":"m","messages":[{prompt},1]}}"#));
        let cached = r#"[{"role":"user","cache_control":{},"content":"cache_control"}]"#;
        let kept = r#"{"role":"user","content":"cache_control"}"#;
        assert_eq!(with(cached), format!(r#"{{"model":"m","messages":[{prompt},{kept}]}}"#));
    }

    #[test]
    fn a_schema_may_have_a_property_named_cache_control() {
        let tools = r#"[{"type":"function","function":{"parameters":{"cache_control":1}}}]"#;
        let body = format!(r#"{{"model":"r","messages":[],"tools":{tools}}}"#);
        assert_eq!(text(&body, &[]), body.replace("\"r\"", "\"m\""));
    }

    #[test]
    fn reasoning_is_not_sent_back_to_a_server_that_refuses_it() {
        let message = r#"{"role":"assistant","content":"a \"reasoning\"","reasoning_content":"r","reasoning_details":[{"text":"r"}],"tool_calls":[]}"#;
        let body = format!(r#"{{"model":"r","messages":[{message}]}}"#);
        assert!(text(&body, &[]).contains("reasoning_content"));
        let built = for_model(r#""past_reasoning":"refused""#, &body, &[]).body.concat();
        let expected = r#"{"model":"m","messages":[{"role":"assistant","content":"a \"reasoning\"","tool_calls":[]}]}"#;
        assert_eq!(std::str::from_utf8(&built), Ok(expected));
    }

    #[test]
    fn ids_are_those_that_the_server_takes_and_the_rest_stays_as_it_was_written() {
        let call = |id: &str| {
            format!(r#"{{"id":"{id}","function":{{"name":"f","arguments":"{{\"id\":1.0}}"}}}}"#)
        };
        let body = |[first, second]: [&str; 2]| {
            let asks = format!(
                r#"{{"role":"assistant","tool_calls":[{},{}]}}"#,
                call(first),
                call(second)
            );
            let results = [first, second]
                .map(|id| format!(r#"{{"role":"tool","tool_call_id":"{id}","content":"\"tool_call_id\":\"{id}\""}}"#));
            let user = r#"{ "role" : "user","content":"\u00e9" }"#;
            format!(r#"{{"model":"m","messages":[{user},{asks},{}]}}"#, results.join(","))
        };
        let nine = r#""call_ids":"nine""#;
        let own = body(["D681PevKs", "000000001"]);
        let asked = Bytes::from(own.clone());
        assert_eq!(for_model(nine, &own, &[]).body.concat(), asked);
        let theirs = body(["call_0fypS1hVX", "D681PevKs"]);
        assert_eq!(text(&theirs, &[]), theirs, "others take them");
        let sent = for_model(nine, &theirs, &[]).body.concat();
        let sent = std::str::from_utf8(&sent).expect("text");
        let made = crate::wire::made::letters("call_0fypS1hVX", 9);
        let expected = theirs
            .replace(r#""id":"call_0fypS1hVX""#, &format!(r#""id":"{made}""#))
            .replace(r#""tool_call_id":"call_0fypS1hVX""#, &format!(r#""tool_call_id":"{made}""#));
        assert_eq!(sent, expected);
    }

    #[test]
    fn long_messages_are_not_copied() {
        let content = "x".repeat(1 << 20);
        let body =
            format!(r#"{{"model":"r","messages":[{{"role":"user","content":"{content}"}}]}}"#);
        let body = Bytes::from(body);
        let built = built(&body, &["p"]).body;
        let range = body.as_ptr_range();
        let longest = built.parts().iter().max_by_key(|part| part.len()).expect("parts");
        assert!(range.contains(&longest.as_ptr()) && longest.len() > content.len());
    }
}
