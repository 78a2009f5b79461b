use bytes::Bytes;
use model_map::{Limits, Parameters};
use serde_json::{Value, json};

use super::*;
use crate::openai::request::Prompt;

/// What is sent to a model with these facts, and what is dropped.
fn built(facts: Value, more: Value) -> (Value, Vec<String>) {
    let mut body = json!({"model": "r", "messages": [{"role": "user", "content": "q"}]});
    for (name, value) in more.as_object().expect("members") {
        body[name] = value.clone();
    }
    let mut model = json!({"id": "m", "provider": "p", "context_tokens": 9, "output_tokens": 5000});
    for (name, value) in facts.as_object().expect("facts") {
        model[name] = value.clone();
    }
    let model = serde_json::from_value(model).expect("a model");
    let (parameters, limits) = (Parameters::default(), Limits::default());
    let target =
        Target { limits, model: &model, parameters: &parameters, system: Prompt::default() };
    let request = ChatRequest::parse(Bytes::from(body.to_string())).expect("a request");
    let built = build(&request, &target).expect("built");
    (serde_json::from_slice(&built.body.concat()).expect("JSON"), built.dropped)
}

fn takes_schemas() -> Value {
    json!({"accepts": ["json", "tools"]})
}

#[test]
fn what_cannot_be_read_is_not_blank() {
    for (raw, is_it) in [
        (r#""""#, true),
        (r#"" \n\u00a0""#, true),
        (r#""\n a""#, false),
        (r#""\n LOST \ud83d tail""#, false),
        (r#""\ud83d""#, false),
        ("\"a\"", false),
    ] {
        assert_eq!(is_blank(raw), is_it, "{raw}");
    }
}

#[test]
fn half_a_character_is_lost_alone() {
    let arguments = r#"{"a":"x \ud83d y"}"#;
    let call =
        json!({"id": "c", "type": "function", "function": {"name": "f", "arguments": arguments}});
    let messages = json!([
        {"role": "user", "content": "HALF"},
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "r"},
    ]);
    let body = json!({"model": "r", "messages": messages}).to_string();
    let body = body.replace("HALF", r"\n words \ud83d tail");
    let model = serde_json::from_str(r#"{"id":"m","provider":"p"}"#).expect("a model");
    let (parameters, limits) = (Parameters::default(), Limits::default());
    let target =
        Target { limits, model: &model, parameters: &parameters, system: Prompt::default() };
    let request = ChatRequest::parse(Bytes::from(body)).expect("a request");
    let sent = build(&request, &target).expect("built").body.concat();
    let sent: Value = serde_json::from_slice(&sent).expect("whole characters");
    assert_eq!(sent["messages"][0]["content"][0]["text"], "\n words \u{fffd} tail");
    assert_eq!(sent["messages"][1]["content"][0]["input"], json!({"a": "x \u{fffd} y"}));
}

#[test]
fn a_schema_is_sent_as_the_model_takes_it() {
    let format = |schema: Value| json!({"response_format": {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}});
    let counted = json!({"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}}});
    let (sent, dropped) = built(takes_schemas(), format(counted.clone()));
    let schema = &sent["output_config"]["format"]["schema"];
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(
        schema["properties"]["n"],
        json!({"type": "integer", "description": "{minimum: 1}"})
    );
    assert_eq!(dropped, ["response_format.minimum"]);
    let map = json!({"type": "object", "additionalProperties": {"type": "string"}});
    let (sent, dropped) = built(takes_schemas(), format(map.clone()));
    assert_eq!(sent["output_config"], Value::Null);
    assert_eq!(sent["tools"][0]["input_schema"], map);
    assert_eq!((&sent["tool_choice"]["type"], dropped.len()), (&json!("tool"), 0));
    let (sent, dropped) = built(json!({}), format(counted.clone()));
    assert_eq!((&sent["tools"][0]["input_schema"], dropped.len()), (&counted, 0));
}

#[test]
fn a_tool_is_strict_where_its_schema_can_be_held() {
    let tool = |parameters: &Value, strict: bool| json!({"tools": [{"type": "function", "function": {"name": "f", "parameters": parameters, "strict": strict}}]});
    let counted = json!({"type": "object", "properties": {"n": {"type": "integer", "maximum": 1}}});
    let (sent, dropped) = built(takes_schemas(), tool(&counted, true));
    assert_eq!(sent["tools"][0]["strict"], true);
    assert_eq!(sent["tools"][0]["input_schema"]["additionalProperties"], false);
    assert_eq!(dropped, ["tools.maximum"]);
    let (sent, dropped) = built(takes_schemas(), tool(&counted, false));
    assert_eq!((&sent["tools"][0]["input_schema"], dropped.len()), (&counted, 0));
    let open = json!({"type": "object"});
    let (sent, dropped) = built(takes_schemas(), tool(&open, true));
    assert_eq!(sent["tools"][0], json!({"name": "f", "input_schema": open}));
    assert_eq!(dropped, ["tools.strict"]);
}

#[test]
fn what_is_left_out_is_named() {
    for (more, named) in [
        (json!({"stop": ["\n", "a"]}), "stop"),
        (json!({"stop": " "}), "stop"),
        (json!({"tool_choice": "required"}), "tool_choice"),
        (
            json!({"tool_choice": {"type": "function", "function": {"name": "f"}}, "tools": []}),
            "tool_choice",
        ),
        (json!({"stop": ["a"], "tool_choice": "auto"}), ""),
        (json!({"tool_choice": "none", "tools": []}), ""),
    ] {
        let (_, dropped) = built(json!({}), more.clone());
        assert_eq!(dropped.join(","), named, "{more}");
    }
    let (sent, _) = built(json!({}), json!({"stop": ["\n", "a"]}));
    assert_eq!(sent["stop_sequences"], json!(["a"]));
}

#[test]
fn a_file_of_text_is_a_document_of_text() {
    let file = |data: &str| {
        json!({"messages": [{"role": "user", "content": [
        {"type": "file", "file": {"filename": "a.txt", "file_data": data}}]}]})
    };
    let (sent, _) = built(json!({}), file("data:text/plain;charset=utf-8;base64,R3LDvMOfZSAiIQ=="));
    let source = json!({"type": "text", "media_type": "text/plain", "data": "Gr\u{fc}\u{df}e \"!"});
    let document = json!({"type": "document", "title": "a.txt", "source": source});
    assert_eq!(sent["messages"][0]["content"], json!([document]));
    let (sent, _) = built(json!({}), file("data:application/pdf;base64,AAAA"));
    assert_eq!(sent["messages"][0]["content"][0]["source"]["media_type"], "application/pdf");
}

#[test]
fn a_tool_s_input_is_an_object() {
    let schema = |schema: &str| {
        let parameters: Value = serde_json::from_str(schema).expect("JSON");
        let function = json!({"name": "f", "parameters": parameters});
        let tools = json!({"tools": [{"type": "function", "function": function}]});
        built(json!({}), tools).0["tools"][0]["input_schema"].clone()
    };
    let any = json!({"type": "object", "properties": {}});
    for (given, expected) in [
        ("null", any.clone()),
        ("{}", any),
        (r#"{"type":null}"#, json!({"type": "object"})),
        (r#"{"type":["object","null"]}"#, json!({"type": "object"})),
        (r#"{"x":1,"type":["null","object"]}"#, json!({"type": "object", "x": 1})),
        (r#"{"properties":{"type":{}}}"#, json!({"type": "object", "properties": {"type": {}}})),
        (r#"{"type":"string"}"#, json!({"type": "string"})),
    ] {
        assert_eq!(schema(given), expected, "{given}");
    }
    let tools = json!({"tools": [{"type": "function",
        "function": {"name": "f", "parameters": {"type": null, "x": 1}}}]});
    let request = json!({"model": "r", "messages": [{"role": "user", "content": "q"}],
        "tools": tools["tools"]});
    let model = serde_json::from_str(r#"{"id":"m","provider":"p"}"#).expect("a model");
    let (parameters, limits) = (Parameters::default(), Limits::default());
    let target =
        Target { limits, model: &model, parameters: &parameters, system: Prompt::default() };
    let request = ChatRequest::parse(Bytes::from(request.to_string())).expect("a request");
    let body = build(&request, &target).expect("built").body.concat();
    let body = String::from_utf8_lossy(&body).into_owned();
    assert!(body.contains(r#""input_schema":{"type":"object","x":1}"#), "{body}");
}

/// What a part becomes, or why it is refused.
fn part(part: Value) -> Result<Value, String> {
    let messages = json!([{"role": "user", "content": [part]}]);
    let body = json!({"model": "r", "messages": messages}).to_string();
    let model = serde_json::from_str(r#"{"id":"m","provider":"p"}"#).expect("a model");
    let (parameters, limits) = (Parameters::default(), Limits::default());
    let target =
        Target { limits, model: &model, parameters: &parameters, system: Prompt::default() };
    let request = ChatRequest::parse(Bytes::from(body)).expect("a request");
    let built = build(&request, &target).map_err(|error| error.message)?;
    let sent: Value = serde_json::from_slice(&built.body.concat()).expect("JSON");
    Ok(sent["messages"][0]["content"][0]["source"].clone())
}

#[test]
fn data_urls_are_read_whatever_their_case_and_refused_for_what_is_wrong() {
    let image = |url: &str| part(json!({"type": "image_url", "image_url": {"url": url}}));
    let file = |url: &str| part(json!({"type": "file", "file": {"file_data": url}}));
    let base64 = |kind: &str| json!({"type": "base64", "media_type": kind, "data": "aGk="});
    let text = json!({"type": "text", "media_type": "text/plain", "data": "hi"});
    assert_eq!(image("DATA:image/PNG;BASE64,aGk="), Ok(base64("image/png")));
    let url = "HTTPS://h/a.png";
    assert_eq!(image(url), Ok(json!({"type": "url", "url": url})));
    assert_eq!(file("Data:Application/PDF;base64,aGk="), Ok(base64("application/pdf")));
    for kind in ["text/csv", "application/json", "Text/Plain;charset=utf-8"] {
        assert_eq!(file(&format!("data:{kind};base64,aGk=")), Ok(text.clone()), "{kind}");
    }
    let refused = |of: Result<Value, String>, why: &str| {
        let told = of.expect_err("refused");
        assert!(told.contains(why), "{told}");
    };
    refused(file("data:application/zip;base64,aGk="), "is of type `application/zip`, which");
    refused(image("data:application/pdf;base64,aGk="), "is of type `application/pdf`, which");
    for url in ["http://h/a.png", "data:image/png,hi", "data:image/png;base64,%%", "aGk="] {
        refused(image(url), "is neither a data URL in base64 nor an https URL");
    }
}

#[test]
fn an_error_names_the_member_at_fault() {
    let user = json!({"role": "user", "content": "q"});
    let called = |call: Value| json!({"role": "assistant", "tool_calls": [call]});
    let function = json!({"name": "f", "arguments": {}});
    for (message, told) in [
        (json!(7), "`messages[1]` is not an object"),
        (json!({"content": "a"}), "`messages[1].role` is missing"),
        (json!({"role": "robot"}), "`messages[1].role` is not known to this model"),
        (json!({"role": "tool", "content": "a"}), "`messages[1].tool_call_id` is missing"),
        (json!({"role": "tool", "tool_call_id": 7}), "`messages[1].tool_call_id` is not a string"),
        (
            json!({"role": "assistant", "tool_calls": {}}),
            "`messages[1].tool_calls` is not a list of objects",
        ),
        (
            json!({"role": "assistant", "content": "a", "reasoning_details": 7}),
            "`messages[1].reasoning_details` is not a list",
        ),
        (called(json!({"function": function})), "`messages[1].tool_calls[0].id` is missing"),
        (
            called(json!({"id": "a", "custom": {}})),
            "`messages[1].tool_calls[0]` is not a call of a function",
        ),
        (
            called(json!({"id": "a", "function": {}})),
            "`messages[1].tool_calls[0].function.name` is missing",
        ),
        (
            called(json!({"id": "a", "function": function})),
            "`messages[1].tool_calls[0].function.arguments` is not a string",
        ),
        (json!({"role": "user", "content": [7]}), "`messages[1].content` is neither"),
        (json!({"role": "user", "content": [{}]}), "`messages[1].content[0]` has no `type`"),
    ] {
        let body = json!({"model": "r", "messages": [user, message, user]}).to_string();
        let model = json!({"id": "m", "provider": "p"});
        let model = serde_json::from_value(model).expect("a model");
        let (parameters, limits) = (Parameters::default(), Limits::default());
        let target =
            Target { limits, model: &model, parameters: &parameters, system: Prompt::default() };
        let request = ChatRequest::parse(Bytes::from(body)).expect("a request");
        let error = build(&request, &target).expect_err("refused");
        assert!(error.message.starts_with(told), "{} is not {told}", error.message);
    }
}
