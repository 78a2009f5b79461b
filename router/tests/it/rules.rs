//! The rules that providers publish for what they are sent: what breaks one is refused there.
//!
//! Owns the rules alone; each gives what is wrong with a request, in words.

use std::collections::BTreeSet;

use serde_json::Value;

/// What Anthropic would refuse a Messages request for.
pub fn messages(body: &Value) -> Vec<String> {
    const KNOWN: [&str; 16] = [
        "cache_control",
        "max_tokens",
        "mcp_servers",
        "messages",
        "metadata",
        "model",
        "output_config",
        "stop_sequences",
        "stream",
        "system",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
    ];
    let mut wrong = Vec::new();
    let object = body.as_object().unwrap();
    wrong.extend(
        object
            .keys()
            .filter(|key| !KNOWN.contains(&key.as_str()))
            .map(|key| format!("`{key}` is not known")),
    );
    if body["max_tokens"].as_u64().is_none_or(|limit| limit == 0) {
        wrong.push("no max_tokens".to_owned());
    }
    if body.to_string().matches("\"cache_control\"").count() > 4 {
        wrong.push("more than four breakpoints".to_owned());
    }
    for block in body["system"].as_array().into_iter().flatten() {
        if is_blank(&block["text"]) {
            wrong.push("an empty system block".to_owned());
        }
    }
    wrong.extend(schemas(body));
    wrong.extend(thinking(body));
    wrong.extend(user(&body["metadata"]["user_id"]));
    let mut known = BTreeSet::new();
    let turns = body["messages"].as_array().unwrap();
    if turns.first().is_none_or(|first| first["role"] != "user") {
        wrong.push("the first turn is not the user's".to_owned());
    }
    let mut asked = Vec::new();
    for (number, turn) in turns.iter().enumerate() {
        let mut tell = |what: &str| wrong.push(format!("messages[{number}]: {what}"));
        if number > 0 && turns[number - 1]["role"] == turn["role"] {
            tell("turns do not alternate");
        }
        let blocks = blocks_of(turn);
        if blocks.is_empty() {
            tell("an empty turn");
        }
        let is_assistant = turn["role"] == "assistant";
        blocks.iter().filter_map(|block| block_is_wrong(block, is_assistant)).for_each(&mut tell);
        if is_assistant {
            if let Some(what) = order_is_wrong(&blocks) {
                tell(what);
            }
            asked = ids(&blocks, "tool_use", "id");
            if let Some(twice) = asked.iter().find(|id| !known.insert(String::clone(id))) {
                tell(&format!("an id that another call has: {twice}"));
            }
            if number + 1 == turns.len() && !asked.is_empty() {
                tell("calls at the end");
            }
            continue;
        }
        let head: Vec<_> =
            blocks.iter().take_while(|it| it["type"] == "tool_result").cloned().collect();
        let answered = ids(&head, "tool_result", "tool_use_id");
        if answered.len() != ids(&blocks, "tool_result", "tool_use_id").len() {
            tell("results behind something else");
        }
        let [asked, answered] = [std::mem::take(&mut asked), answered]
            .map(|ids| ids.into_iter().collect::<BTreeSet<_>>());
        if asked != answered {
            tell(&format!("calls {asked:?} have results {answered:?}"));
        }
    }
    wrong
}

/// What is wrong with the schemas that Anthropic's models are to hold themselves to.
fn schemas(body: &Value) -> Vec<String> {
    let tools = body["tools"].as_array().into_iter().flatten();
    let strict = tools.filter(|tool| tool["strict"] == true).map(|tool| &tool["input_schema"]);
    let every = body["tools"].as_array().into_iter().flatten();
    let open = every.filter(|tool| tool["input_schema"].is_object());
    let mut wrong: Vec<String> = open
        .filter(|tool| tool["input_schema"]["type"] != "object")
        .map(|tool| format!("a tool's input that is no object: {tool}"))
        .collect();
    strict
        .chain([&body["output_config"]["format"]["schema"]])
        .for_each(|it| schema(it, &mut wrong));
    wrong
}

/// What is wrong with a user's id: it is opaque, and not long.
fn user(id: &Value) -> Option<String> {
    let id = id.as_str()?;
    let is_digits = id.chars().all(|c| c.is_ascii_digit() || " +-.()".contains(c));
    (id.chars().count() > 256 || id.contains('@') || (is_digits && id.len() > 9))
        .then(|| format!("a user's id that is none: {id}"))
}

fn schema(schema: &Value, wrong: &mut Vec<String>) {
    const TAKEN: [&str; 17] = [
        "$defs",
        "$ref",
        "additionalProperties",
        "allOf",
        "anyOf",
        "const",
        "default",
        "definitions",
        "description",
        "enum",
        "format",
        "items",
        "minItems",
        "pattern",
        "properties",
        "required",
        "title",
    ];
    let Some(members) = schema.as_object() else { return };
    let is_object = schema["type"] == "object" || members.contains_key("properties");
    if is_object && schema["additionalProperties"] != false {
        wrong.push("a schema whose object is open".to_owned());
    }
    if schema["minItems"].as_u64().is_some_and(|least| least > 1) {
        wrong.push("a schema with many `minItems`".to_owned());
    }
    for (name, inside) in members {
        match name.as_str() {
            "properties" | "$defs" | "definitions" => {
                inside.as_object().unwrap().values().for_each(|one| self::schema(one, wrong));
            }
            "anyOf" | "allOf" => {
                inside.as_array().unwrap().iter().for_each(|one| self::schema(one, wrong));
            }
            "items" => self::schema(inside, wrong),
            "type" => (),
            name if TAKEN.contains(&name) => (),
            name => wrong.push(format!("a schema with `{name}`")),
        }
    }
}

/// What does not go together with thinking.
fn thinking(body: &Value) -> Vec<String> {
    let thinking = &body["thinking"];
    if !matches!(thinking["type"].as_str(), Some("enabled" | "adaptive")) {
        return Vec::new();
    }
    let budget = thinking["budget_tokens"].as_u64();
    let least = thinking["type"] == "enabled" && budget.is_none_or(|budget| budget < 1024);
    [
        (least, "a budget below the least"),
        (budget >= body["max_tokens"].as_u64(), "a budget that is no part of max_tokens"),
        (
            matches!(body["tool_choice"]["type"].as_str(), Some("any" | "tool")),
            "thinking and a forced call",
        ),
        (
            body["temperature"].as_f64().is_some_and(|it| it != 1.0) || !body["top_k"].is_null(),
            "thinking and sampling",
        ),
    ]
    .into_iter()
    .filter(|(is_wrong, _)| *is_wrong)
    .map(|(_, what)| what.to_owned())
    .collect()
}

/// A turn's blocks; a text is one.
fn blocks_of(turn: &Value) -> Vec<Value> {
    match &turn["content"] {
        Value::String(text) => vec![serde_json::json!({"type": "text", "text": text})],
        content => content.as_array().cloned().unwrap_or_default(),
    }
}

fn is_blank(text: &Value) -> bool {
    text.as_str().is_none_or(|text| text.trim().is_empty())
}

fn block_is_wrong(block: &Value, is_assistant: bool) -> Option<&'static str> {
    let is_id = |id: &Value| {
        let takes = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        id.as_str().is_some_and(|id| !id.is_empty() && id.chars().all(takes))
    };
    match (block["type"].as_str().unwrap(), is_assistant) {
        ("text", _) if is_blank(&block["text"]) => Some("an empty text"),
        ("text", _) | ("image" | "document", false) => None,
        ("tool_use", true) if !is_id(&block["id"]) => Some("an id that is none"),
        ("tool_use", true) if !block["input"].is_object() => Some("an input that is no object"),
        ("tool_result", false) if !is_id(&block["tool_use_id"]) => Some("an id that is none"),
        ("thinking", true) if is_blank(&block["signature"]) => Some("thinking without a signature"),
        ("redacted_thinking", true) if is_blank(&block["data"]) => Some("nothing redacted"),
        ("tool_use" | "thinking" | "redacted_thinking", true) | ("tool_result", false) => None,
        ("server_tool_use" | "mcp_tool_use", true) => None,
        (kind, true) if kind.ends_with("_tool_result") => None,
        _ => Some("a block that has no place here"),
    }
}

/// Thinking comes before the calls that came of it.
fn order_is_wrong(blocks: &[Value]) -> Option<&'static str> {
    let is_thought =
        |block: &Value| matches!(block["type"].as_str(), Some("thinking" | "redacted_thinking"));
    let call = blocks.iter().position(|block| block["type"] == "tool_use")?;
    let thought = blocks.iter().rposition(is_thought)?;
    (thought > call).then_some("thinking behind a call")
}

fn ids(blocks: &[Value], kind: &str, key: &str) -> Vec<String> {
    let of = blocks.iter().filter(|block| block["type"] == kind);
    of.map(|block| block[key].as_str().unwrap_or_default().to_owned()).collect()
}

/// What OpenAI would refuse the messages of a chat for.
pub fn chat(body: &Value) -> Vec<String> {
    const KNOWN: [&str; 7] =
        ["annotations", "content", "name", "refusal", "role", "tool_call_id", "tool_calls"];
    let is_mistral = body["model"].as_str().is_some_and(|model| model.starts_with("mistral"));
    let mut wrong = Vec::new();
    let mut open: BTreeSet<String> = BTreeSet::new();
    for (number, message) in body["messages"].as_array().unwrap().iter().enumerate() {
        let mut tell = |what: String| wrong.push(format!("messages[{number}]: {what}"));
        for key in message.as_object().unwrap().keys().filter(|key| !KNOWN.contains(&key.as_str()))
        {
            tell(format!("`{key}` is not known"));
        }
        let id = message["tool_call_id"].as_str().unwrap_or_default();
        if !id.is_empty() {
            chat_id_is_wrong(id, is_mistral).into_iter().for_each(&mut tell);
        }
        if message["role"] == "tool" {
            if !open.remove(id) {
                tell(format!("a result of nothing: {id}"));
            }
            continue;
        }
        if !open.is_empty() {
            tell(format!("calls without results: {open:?}"));
        }
        let calls = message["tool_calls"].as_array().into_iter().flatten();
        open = calls.map(|call| call["id"].as_str().unwrap().to_owned()).collect();
        open.iter().filter_map(|id| chat_id_is_wrong(id, is_mistral)).for_each(&mut tell);
        if message["content"].is_null() && !message["refusal"].is_string() && open.is_empty() {
            tell("says nothing".to_owned());
        }
    }
    wrong
}

/// What is wrong with an id of a call; Mistral's API, too, has chats.
fn chat_id_is_wrong(id: &str, is_mistral: bool) -> Option<String> {
    const LONGEST: usize = 40;
    let is_nine = id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    match is_mistral {
        true => (!is_nine).then(|| format!("an id that is not nine letters or digits: {id}")),
        false => {
            (id.len() > LONGEST).then(|| format!("an id longer than {LONGEST} characters: {id}"))
        }
    }
}

/// What OpenAI would refuse the parameters of a chat for; `reasons` if its model does.
pub fn chat_parameters(body: &Value, reasons: bool) -> Vec<String> {
    const REFUSED: [&str; 9] = [
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
    const NAME: usize = 64;
    let is_set = |name: &str| body.get(name).is_some_and(|value| !value.is_null());
    let mut wrong: Vec<String> = REFUSED
        .into_iter()
        .filter(|name| reasons && is_set(name))
        .map(|name| format!("`{name}` is refused"))
        .collect();
    if body["stop"].as_array().is_some_and(|stops| stops.len() > 4) {
        wrong.push("more than four stop sequences".to_owned());
    }
    let tools = body["tools"].as_array().into_iter().flatten();
    let names = tools.filter_map(|tool| tool["function"]["name"].as_str());
    let long = names.filter(|name| name.len() > NAME);
    wrong.extend(long.map(|name| format!("a tool's name longer than {NAME}: {name}")));
    wrong.extend(identity(body));
    let has_tools = body["tools"].as_array().is_some_and(|tools| !tools.is_empty());
    let model = body["model"].as_str().unwrap_or_default();
    let refuses = ["gpt-5.4", "gpt-5.5"].iter().any(|one| model.starts_with(one));
    let unsaid = is_set("reasoning_effort") || model.starts_with("gpt-5.5");
    if refuses && has_tools && unsaid && body["reasoning_effort"] != "none" {
        wrong.push("an effort beside tools".to_owned());
    }
    if !has_tools {
        let orphans = ["tool_choice", "parallel_tool_calls"].into_iter().filter(|it| is_set(it));
        wrong.extend(orphans.map(|name| format!("`{name}` without tools")));
    }
    if is_set("stream_options") && body["stream"] != true {
        wrong.push("`stream_options` without a stream".to_owned());
    }
    let roles = body["messages"].as_array().into_iter().flatten();
    let roles: BTreeSet<&str> = roles.filter_map(|message| message["role"].as_str()).collect();
    if roles.contains("system") && roles.contains("developer") {
        wrong.push("system and developer messages in one request".to_owned());
    }
    if !reasons && roles.contains("developer") {
        wrong.push("a developer message for a model that knows system ones".to_owned());
    }
    wrong
}

/// Who asks, in more characters than OpenAI takes.
fn identity(body: &Value) -> Vec<String> {
    const LONGEST: usize = 64;
    let all = ["prompt_cache_key", "safety_identifier", "user"];
    let is_long = |name: &&str| body[*name].as_str().is_some_and(|it| it.len() > LONGEST);
    all.into_iter().filter(is_long).map(|name| format!("`{name}` over {LONGEST}")).collect()
}

/// What OpenAI would refuse a request for a response for: ids alone.
pub fn responses(body: &Value) -> Vec<String> {
    let items = body["input"].as_array().into_iter().flatten();
    let ids = items.filter_map(|item| item["call_id"].as_str());
    let long = ids.filter(|id| id.len() > 64).map(|id| format!("an id longer than 64: {id}"));
    long.chain(identity(body)).collect()
}

/// What Bedrock would refuse a Converse request for.
pub fn converse(body: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let turns = body["messages"].as_array().unwrap();
    if turns.first().is_none_or(|first| first["role"] != "user") {
        wrong.push("the first turn is not the user's".to_owned());
    }
    let mut asked: BTreeSet<String> = BTreeSet::new();
    let mut calls = false;
    for (number, turn) in turns.iter().enumerate() {
        let mut tell = |what: String| wrong.push(format!("messages[{number}]: {what}"));
        if number > 0 && turns[number - 1]["role"] == turn["role"] {
            tell("turns do not alternate".to_owned());
        }
        let blocks = turn["content"].as_array().unwrap();
        if blocks.is_empty() {
            tell("an empty turn".to_owned());
        }
        for block in blocks {
            let members = block.as_object().unwrap();
            if members.len() != 1 {
                tell(format!("a block is one of its members: {:?}", members.keys()));
            }
            if members.contains_key("text") && is_blank(&block["text"]) {
                tell("an empty text".to_owned());
            }
            let ids = [&block["toolUse"]["toolUseId"], &block["toolResult"]["toolUseId"]];
            if let Some(id) = ids.into_iter().find(|it| !it.is_null() && !is_converse_name(it)) {
                tell(format!("an id that is none: {id}"));
            }
            if members.contains_key("toolUse") && !is_converse_name(&block["toolUse"]["name"]) {
                tell(format!("the name of a tool that is none: {}", block["toolUse"]["name"]));
            }
            let thought = &block["reasoningContent"]["reasoningText"];
            if thought.is_object() && is_blank(&thought["signature"]) {
                tell("thinking without a signature".to_owned());
            }
        }
        let ids = |member: &str| -> BTreeSet<String> {
            let of = blocks.iter().filter_map(|block| block[member]["toolUseId"].as_str());
            of.map(str::to_owned).collect()
        };
        let answered = ids("toolResult");
        if asked != answered {
            tell(format!("calls {asked:?} have results {answered:?}"));
        }
        asked = ids("toolUse");
        calls |= !asked.is_empty();
    }
    if !asked.is_empty() {
        wrong.push("calls at the end".to_owned());
    }
    if calls && body.get("toolConfig").is_none() {
        wrong.push("calls without a toolConfig".to_owned());
    }
    let tools = body["toolConfig"]["tools"].as_array().into_iter().flatten();
    let offered = tools.filter_map(|tool| tool.get("toolSpec")).map(|tool| &tool["name"]);
    let names = offered.chain(body["toolConfig"]["toolChoice"]["tool"].get("name"));
    let odd = names.filter(|name| !is_converse_name(name));
    wrong.extend(odd.map(|name| format!("the name of a tool that is none: {name}")));
    wrong
}

/// `[a-zA-Z0-9_-]{1,64}` (API reference, "ToolSpecification" and "ToolUseBlock").
fn is_converse_name(name: &Value) -> bool {
    let takes = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    name.as_str().is_some_and(|name| (1..=64).contains(&name.len()) && name.chars().all(takes))
}
