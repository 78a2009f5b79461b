use serde_json::{Value, json};

use super::*;

const CLAUDE: &str = "eu.anthropic.claude-sonnet-4-6-v1:0";

fn converse(model: &str, body: &Value) -> (Value, Vec<String>) {
    let wishes = Wishes { model, beta: Some("a-1, b-2"), user: "user" };
    let converse = translate(&body.to_string(), wishes).expect("a request");
    (serde_json::from_str(&converse.body).expect("JSON"), converse.dropped)
}

fn refused(body: &Value) -> RequestError {
    let wishes = Wishes { model: CLAUDE, beta: None, user: "user" };
    translate(&body.to_string(), wishes).expect_err("a refusal")
}

#[test]
fn every_part_has_its_place() {
    let body = json!({
        "model": CLAUDE, "max_tokens": 100, "stream": true, "temperature": 0.5, "top_p": 0.9,
        "top_k": 5, "stop_sequences": ["x"], "metadata": {"user_id": "u"}, "service_tier": "auto",
        "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
        "thinking": {"type": "enabled", "budget_tokens": 2000},
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"b": 1, "a": 2}}},
        "tools": [{"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": true,
            "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": true},
        "messages": [{"role": "user", "content": "hi"}],
    });
    let (converse, dropped) = converse(CLAUDE, &body);
    let expected = json!({
        "messages": [{"role": "user", "content": [{"text": "hi"}]}],
        "system": [{"text": "s"}, {"cachePoint": {"type": "default"}}],
        "inferenceConfig": {"maxTokens": 100, "temperature": 0.5, "topP": 0.9, "stopSequences": ["x"]},
        "toolConfig": {
            "tools": [
                {"toolSpec": {"name": "f", "description": "d", "strict": true,
                    "inputSchema": {"json": {"type": "object"}}}},
                {"cachePoint": {"type": "default", "ttl": "1h"}}],
            "toolChoice": {"tool": {"name": "f"}}},
        "outputConfig": {"textFormat": {"type": "json_schema", "structure": {
            "jsonSchema": {"name": "answer", "schema": converse["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"]}}}},
        "additionalModelRequestFields": {
            "thinking": {"type": "enabled", "budget_tokens": 2000},
            "output_config": {"effort": "low"}, "top_k": 5, "anthropic_beta": ["a-1", "b-2"]},
    });
    assert_eq!(converse, expected);
    let schema = &converse["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"];
    let schema: Value = serde_json::from_str(schema.as_str().expect("a text")).expect("JSON");
    assert_eq!(schema, json!({"b": 1, "a": 2}));
    assert_eq!(dropped, ["user", "service_tier", "parallel_tool_calls"]);
}

#[test]
fn a_conversation_keeps_its_turns_and_their_reasoning() {
    let body = json!({"max_tokens": 1, "messages": [
        {"role": "user", "content": [
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
            {"type": "document", "title": "My file_1.pdf", "citations": {"enabled": true},
                "source": {"type": "base64", "media_type": "application/pdf", "data": "BBBB"}},
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "t"}},
            {"type": "text", "text": "see"}]},
        {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "sig"},
            {"type": "redacted_thinking", "data": "eA=="},
            {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": 1}},
            {"type": "tool_use", "id": "t2", "name": "g", "input": {}}]},
        {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t1", "content": "one"},
            {"type": "tool_result", "tool_use_id": "t2", "is_error": true,
                "content": [{"type": "text", "text": "two"}]}]},
        {"role": "user", "content": "go on"},
    ]});
    let (converse, _) = converse(CLAUDE, &body);
    let expected = json!([
        {"role": "user", "content": [
            {"image": {"format": "png", "source": {"bytes": "AAAA"}}},
            {"document": {"format": "pdf", "name": "My file 1 pdf", "source": {"bytes": "BBBB"},
                "citations": {"enabled": true}}},
            {"document": {"format": "txt", "name": "document", "source": {"text": "t"}}},
            {"text": "see"}]},
        {"role": "assistant", "content": [
            {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig"}}},
            {"reasoningContent": {"redactedContent": "eA=="}},
            {"toolUse": {"toolUseId": "t1", "name": "f", "input": {"a": 1}}},
            {"toolUse": {"toolUseId": "t2", "name": "g", "input": {}}}]},
        {"role": "user", "content": [
            {"toolResult": {"toolUseId": "t1", "content": [{"text": "one"}]}},
            {"toolResult": {"toolUseId": "t2", "content": [{"text": "two"}], "status": "error"}},
            {"text": "go on"}]},
    ]);
    assert_eq!(converse["messages"], expected);
}

#[test]
fn no_two_documents_of_a_request_have_one_name() {
    let document = |title: &str| {
        let source = json!({"type": "text", "media_type": "text/plain", "data": "t"});
        json!({"type": "document", "title": title, "source": source})
    };
    let long = "n".repeat(250);
    let result = json!({"type": "tool_result", "tool_use_id": "t1", "content": [document("a.md")]});
    let call = json!({"type": "tool_use", "id": "t1", "name": "f", "input": {}});
    let (converse, _) = converse(
        CLAUDE,
        &json!({"max_tokens": 1, "messages": [
            {"role": "user", "content": [document("a.md"), document("A md"), document("a md-2")]},
            {"role": "assistant", "content": [call]},
            {"role": "user", "content": [result, document("é"), document(""), document(&long), document(&long)]},
        ]}),
    );
    let mut names = Vec::new();
    let mut blocks: Vec<&Value> = vec![&converse["messages"]];
    while let Some(block) = blocks.pop() {
        names.extend(block.pointer("/document/name").and_then(Value::as_str).map(str::to_owned));
        let inside = block.as_array().into_iter().flatten();
        let content = block.get("content").or_else(|| block.pointer("/toolResult/content"));
        blocks.extend(inside.chain(content));
    }
    names.sort();
    let (one, two) = ("n".repeat(200), format!("{}-2", "n".repeat(190)));
    let expected = [
        "A md-2",
        "a md",
        "a md-2-2",
        "a md-3",
        "document",
        "document-2",
        two.as_str(),
        one.as_str(),
    ];
    assert_eq!(names, expected);
}

#[test]
fn very_many_documents_are_named_in_a_moment() {
    let mut names = Names::default();
    let twins: std::collections::BTreeSet<String> = (0..20_000)
        .map(|number| names.document(&format!("{}{}", "n".repeat(198), number % 50)))
        .collect();
    assert_eq!(twins.len(), 20_000);
    assert!(twins.iter().all(|name| name.len() <= 200));
}

#[test]
fn other_vendors_get_what_they_take() {
    let body = json!({"max_tokens": 1, "top_k": 5, "thinking": {"type": "adaptive"},
        "output_config": {"effort": "high"},
        "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": "q"}, {"role": "assistant", "content": [
            {"type": "thinking", "thinking": "hm", "signature": "sig"}, {"type": "text", "text": "a"}]},
            {"role": "user", "content": "r"}]});
    let (nova, dropped) = converse("us.amazon.nova-2-lite-v1:0", &body);
    let more = json!({"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "high"}});
    assert_eq!(nova["additionalModelRequestFields"], more);
    assert_eq!(nova["messages"][1]["content"], json!([{"text": "a"}]));
    assert_eq!(dropped, ["top_k"]);
    let (llama, dropped) = converse("meta.llama3-3-70b-instruct-v1:0", &body);
    assert_eq!(llama["system"], json!([{"text": "s"}]));
    assert_eq!(llama.get("additionalModelRequestFields"), None);
    let mut dropped = dropped;
    dropped.sort();
    assert_eq!(dropped, ["reasoning_effort", "top_k"]);
}

#[test]
fn tools_that_may_not_be_called_are_left_out_unless_they_were() {
    let call = json!([{"type": "tool_use", "id": "t", "name": "f", "input": {}}]);
    let mut body = json!({"max_tokens": 1, "tools": [{"name": "f", "input_schema": {}}],
        "tool_choice": {"type": "none"}, "messages": [{"role": "user", "content": "q"}]});
    assert_eq!(converse(CLAUDE, &body).0.get("toolConfig"), None);
    body["messages"] = json!([{"role": "user", "content": "q"},
        {"role": "assistant", "content": call}, {"role": "user", "content": [
            {"type": "tool_result", "tool_use_id": "t", "content": ""}]}]);
    let (kept, dropped) = converse(CLAUDE, &body);
    assert_eq!(kept["toolConfig"]["tools"][0]["toolSpec"]["name"], "f");
    assert_eq!(kept["toolConfig"].get("toolChoice"), None);
    assert_eq!(dropped, ["tool_choice"]);
}

#[test]
fn what_bedrock_cannot_be_sent_is_named() {
    let ask = |block: Value| json!({"messages": [{"role": "user", "content": [block]}]});
    let url = json!({"type": "image", "source": {"type": "url", "url": "https://h/x.png"}});
    let why = refused(&ask(url));
    assert_eq!(why.param.as_deref(), Some("messages[0].content[0]"));
    assert!(why.message.contains("inline"), "{}", why.message);
    let why = refused(&ask(json!({"type": "server_tool_use", "id": "s"})));
    assert_eq!(why.code, Some("unsupported_content"));
    let tool = json!({"type": "web_search_20250305", "name": "web_search"});
    let why = refused(&json!({"tools": [tool], "messages": []}));
    assert_eq!(why.param.as_deref(), Some("tools[0]"));
}

#[test]
fn a_conversation_with_calls_has_the_tools_that_were_called() {
    let call = |id: &str, name: &str| json!({"type": "tool_use", "id": id, "name": name, "input": {"name": "x"}});
    let result = |id: &str| json!({"type": "tool_result", "tool_use_id": id, "content": "r"});
    let body = json!({"max_tokens": 1, "messages": [
        {"role": "user", "content": "q"},
        {"role": "assistant", "content": [call("a", "g"), call("b", "f-1"), call("c", "g")]},
        {"role": "user", "content": [result("a"), result("b"), result("c")]},
    ]});
    let spec = |name: &str| json!({"toolSpec": {"name": name, "inputSchema": {"json": {"type": "object"}}}});
    let (converse, dropped) = converse(CLAUDE, &body);
    assert_eq!(converse["toolConfig"], json!({"tools": [spec("f-1"), spec("g")]}));
    assert!(dropped.is_empty(), "{dropped:?}");
}

#[test]
fn names_that_bedrock_refuses_are_others_there() {
    let (long, odd) = ("n".repeat(65), "server.tool/é");
    let body = json!({
        "max_tokens": 1,
        "tools": [{"name": long}, {"name": odd}, {"name": "fine-1_2"}],
        "tool_choice": {"type": "tool", "name": long},
        "messages": [
            {"role": "user", "content": "q"},
            {"role": "assistant", "content": [
                {"type": "tool_use", "id": "t", "name": long, "input": {}},
                {"type": "tool_use", "id": "u", "name": odd, "input": {}},
                {"type": "tool_use", "id": "v", "name": "not.offered", "input": {}}]},
            {"role": "user", "content": [
                {"type": "tool_result", "tool_use_id": "t"},
                {"type": "tool_result", "tool_use_id": "u"},
                {"type": "tool_result", "tool_use_id": "v"}]}],
    });
    let wishes = Wishes { model: CLAUDE, beta: None, user: "user" };
    let asked = translate(&body.to_string(), wishes).expect("a request");
    let sent: Value = serde_json::from_str(&asked.body).expect("JSON");
    let tools = &sent["toolConfig"]["tools"];
    let name = |tool: usize| tools[tool]["toolSpec"]["name"].as_str().expect("a name");
    assert_eq!((name(0).len(), name(2)), (64, "fine-1_2"));
    assert_eq!(sent["toolConfig"]["toolChoice"]["tool"]["name"], name(0));
    let called = |call: usize| sent["messages"][1]["content"][call]["toolUse"]["name"].clone();
    assert_eq!([called(0), called(1)], [name(0), name(1)]);
    let own: Vec<&str> = asked.names.values().map(String::as_str).collect();
    assert_eq!(own.len(), 3);
    for name in [long.as_str(), odd, "not.offered"] {
        assert!(own.contains(&quoted(name).as_str()), "{own:?}");
    }
    let counted = count(&body.to_string(), wishes).expect("a request");
    assert!(counted.body.contains(name(1)) && !counted.body.contains(odd));
}

#[test]
fn the_tool_whose_input_is_the_answer_asks_for_nothing_in_the_client_s_name() {
    let choice = |name: &str| {
        let body = json!({"max_tokens": 1, "tools": [{"name": name, "input_schema": {}}],
            "tool_choice": {"type": "tool", "name": name, "disable_parallel_tool_use": true},
            "messages": [{"role": "user", "content": "q"}]});
        converse(CLAUDE, &body).1
    };
    assert_eq!(choice(ANSWER_TOOL), Vec::<String>::new());
    assert_eq!(choice("f"), ["parallel_tool_calls"]);
}
