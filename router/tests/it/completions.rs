//! Completions, gaps, embeddings and the list of models, through sockets.

use serde_json::{Value, json};

use crate::faults::{Fault, Upstream};
use crate::replay::{cases, recordings, wirings};
use crate::running::{self, MapBuilder, Running, client};

async fn setup() -> (Upstream, Running) {
    let upstream = Upstream::start().await;
    let about = json!({"about": "Completes", "accept": ["tools"]});
    let map = MapBuilder::new(upstream.address)
        .role("r", &["openai/m"], about)
        .role("claude", &["anthropic/m"], json!({}))
        .role("a/b", &["openai/m"], json!({}));
    let router = running::start(&map.bytes()).await;
    (upstream, router)
}

async fn post(router: &Running, path: &str, body: &Value) -> reqwest::Response {
    client().post(router.url(path)).body(body.to_string()).send().await.unwrap()
}

async fn json_of(response: reqwest::Response) -> Value {
    assert_eq!(response.status(), 200);
    serde_json::from_str(&response.text().await.unwrap()).unwrap()
}

fn whole(body: &[u8]) -> Fault {
    Fault::status(200).with_body(&String::from_utf8_lossy(body))
}

#[tokio::test]
async fn recorded_completions_come_out_byte_for_byte() {
    let mut random = fastrand::Rng::with_seed(5);
    let (upstream, router) = setup().await;
    let mut count = 0;
    for case in cases("completions") {
        for wiring in wirings(&case.stream, &mut random) {
            upstream.push("", [wiring]);
            let body = json!({"model": "r", "prompt": "p", "stream": true});
            let response = post(&router, "/v1/completions", &body).await;
            assert_eq!(response.status(), 200, "{}", case.name);
            assert_eq!(response.bytes().await.unwrap(), case.stream, "{}", case.name);
        }
        count += 1;
    }
    for case in recordings("completions", false) {
        upstream.push("", [whole(&case.stream)]);
        let body = json!({"model": "r", "prompt": "p"});
        let response = post(&router, "/v1/completions", &body).await;
        assert_eq!(response.bytes().await.unwrap(), case.stream, "{}", case.name);
        count += 1;
    }
    println!("{count} cases, {count} agree");
}

/// A chat's answer, as the demo would not give it.
fn chat_answer(text: &str, stream: bool) -> Fault {
    let usage = json!({"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7});
    if !stream {
        let body = json!({"id": "c", "model": "m", "usage": usage, "choices": [
            {"index": 0, "message": {"content": text}, "finish_reason": "stop"}]});
        return whole(body.to_string().as_bytes());
    }
    let letters: Vec<char> = text.chars().collect();
    let chunk = |more: Value| format!("data: {more}\n\n");
    let mut out: String = letters
        .chunks(2)
        .map(|piece| {
            let text: String = piece.iter().collect();
            chunk(json!({"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": text}}]}))
        })
        .collect();
    out +=
        &chunk(json!({"id": "c", "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}));
    out += &chunk(json!({"id": "c", "choices": [], "usage": usage}));
    Fault::recorded((out + "data: [DONE]\n\n").as_bytes(), &[])
}

/// What a stream of completions amounts to: the text and the usage.
fn heard(stream: &str) -> (String, Value) {
    let (mut text, mut usage, mut finishes) = (String::new(), Value::Null, 0);
    let mut data: Vec<&str> = stream.split_terminator("\n\n").collect();
    assert_eq!(data.pop(), Some("data: [DONE]"));
    for event in data {
        let chunk: Value = serde_json::from_str(event.strip_prefix("data: ").unwrap()).unwrap();
        let Some(choice) = chunk["choices"].as_array().unwrap().first() else {
            usage = chunk["usage"].clone();
            continue;
        };
        let said = choice.get("text").unwrap_or(&choice["delta"]["content"]);
        text += said.as_str().expect("text is never null");
        finishes += u32::from(choice["finish_reason"].is_string());
    }
    assert_eq!(finishes, 1);
    (text, usage)
}

#[tokio::test]
async fn a_model_without_completions_answers_with_code_alone() {
    let (upstream, router) = setup().await;
    let fenced = "Here you go:\n\n```rust\na + b\n```\nThis adds them.";
    let mut body = json!({"model": "r", "prompt": "fn add(a: u8, b: u8) -> u8 {\n    ",
        "suffix": "\n}", "max_tokens": 50, "stop": ["\n\n", "```", "x", "y", "z"]});
    upstream.push("", [Fault::status(404), chat_answer(fenced, false)]);
    let answer = json_of(post(&router, "/v1/completions", &body).await).await;
    assert_eq!(answer["object"], "text_completion");
    assert_eq!(answer["choices"][0]["text"], "a + b");
    assert_eq!(answer["choices"][0]["finish_reason"], "stop");
    assert_eq!(answer["usage"]["total_tokens"], 7);
    let arrivals = upstream.arrivals();
    assert_eq!(arrivals[0].path, "/openai/completions");
    assert_eq!(arrivals[1].path, "/openai/chat/completions");
    let sent = arrivals[1].json();
    let user = sent["messages"][1]["content"].as_str().unwrap();
    assert_eq!(user, "fn add(a: u8, b: u8) -> u8 {\n    <|cursor|>\n}");
    assert_eq!((&sent["stop"], &sent["max_tokens"]), (&Value::Null, &json!(50)));

    body["stream"] = json!(true);
    body["stream_options"] = json!({"include_usage": true});
    for (role, path) in
        [("r", "/v1/completions"), ("r", "/fim/completions"), ("r", "/v1/fim/completions")]
    {
        body["model"] = json!(role);
        upstream.push("/chat/", [chat_answer(fenced, true)]);
        if path == "/fim/completions" {
            upstream.push("/openai/fim/", [Fault::status(404)]);
        }
        let response = post(&router, path, &body).await;
        assert_eq!(response.headers()["x-sfai-attempts"], "openai/m=ok");
        let (text, usage) = heard(&response.text().await.unwrap());
        assert_eq!((text.as_str(), &usage["total_tokens"]), ("a + b", &json!(7)), "{path}");
    }
    let asked = upstream.arrivals().iter().filter(|it| it.path == "/openai/completions").count();
    assert_eq!(asked, 1, "what a model lacks is asked for once");
    let asked =
        upstream.arrivals().iter().filter(|it| it.path == "/openai/fim/completions").count();
    assert_eq!(asked, 1);
}

#[tokio::test]
async fn what_a_chat_says_behind_code_without_fences_is_left_out_of_code_alone() {
    let (upstream, router) = setup().await;
    let said = "a + b\n\nThis code adds the two numbers.\n\nLet me know if it should not.";
    let code = "fn add(a: u8, b: u8) -> u8 {\n    ";
    for (prompt, suffix, text) in [
        (code, "\n}", "a + b\n"),
        ("Dear all,\n\nthank you for coming: it was good.\n\n", "", said),
        ("```rust\nfn add(a: u8, b: u8) -> u8 {\n", "```\n", said),
        ("f(a);\ng(b);\n/* In short:\n", "", said),
    ] {
        for (stream, path) in
            [(false, "/v1/completions"), (true, "/v1/completions"), (true, "/fim/completions")]
        {
            upstream.always("/openai/fim/", Fault::status(404));
            upstream.always("/openai/completions", Fault::status(404));
            upstream.push("/chat/", [chat_answer(said, stream)]);
            let body = json!({"model": "r", "prompt": prompt, "suffix": suffix, "stream": stream});
            let response = post(&router, path, &body).await;
            assert_eq!(response.status(), 200);
            let got = match stream {
                true => heard(&response.text().await.unwrap()).0,
                false => json_of(response).await["choices"][0]["text"].as_str().unwrap().to_owned(),
            };
            assert_eq!(got, text, "{path} {prompt}");
        }
    }
}

#[tokio::test]
async fn anthropics_models_complete_too() {
    let (upstream, router) = setup().await;
    let body = json!({"model": "claude", "prompt": "<fim_prefix>a<fim_suffix>b<fim_middle>",
        "stream": true, "temperature": 0.01, "logprobs": 3});
    let response = post(&router, "/v1/completions", &body).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-sfai-dropped"], "logprobs");
    let (text, usage) = heard(&response.text().await.unwrap());
    assert!(!text.is_empty() && usage.is_null());
    let sent = upstream.arrivals().pop().unwrap();
    assert_eq!(sent.path, "/anthropic/v1/messages");
    assert_eq!(sent.json()["messages"][0]["content"][0]["text"], "a<|cursor|>b");
    let several = json!({"model": "claude", "prompt": ["a", "b"]});
    let response = post(&router, "/v1/completions", &several).await;
    assert_eq!(response.status(), 400);
}

#[tokio::test]
async fn a_stop_string_ends_a_completion() {
    let (upstream, router) = setup().await;
    upstream.push("/openai/completions", [Fault::status(404)]);
    for stream in [false, true] {
        upstream.push("/chat/", [chat_answer("one\n\ntwo", stream)]);
        let body = json!({"model": "r", "prompt": "p", "stop": "\n\n", "stream": stream});
        let response = post(&router, "/v1/completions", &body).await.text().await.unwrap();
        let text = match stream {
            true => heard(&response).0,
            false => serde_json::from_str::<Value>(&response).unwrap()["choices"][0]["text"]
                .as_str()
                .unwrap()
                .to_owned(),
        };
        assert_eq!(text, "one");
    }
}

#[tokio::test]
async fn nothing_may_be_what_is_missing() {
    let (upstream, router) = setup().await;
    upstream.push("/openai/completions", [Fault::status(404)]);
    for stream in [false, true] {
        upstream.push("/chat/", [chat_answer("", stream)]);
        let body = json!({"model": "r", "prompt": "p", "stream": stream});
        let response = post(&router, "/v1/completions", &body).await;
        assert_eq!(response.status(), 200);
        assert!(response.text().await.unwrap().contains(r#""text":"""#));
    }
    let body = r#"{"choices":[{"index":0,"text":"","finish_reason":"stop"}]}"#;
    upstream.push("/fim/", [Fault::status(200).with_body(body)]);
    let response = post(&router, "/fim/completions", &json!({"model": "r", "prompt": "p"})).await;
    assert_eq!(response.text().await.unwrap(), body);
}

#[tokio::test]
async fn embeddings_are_passed_on() {
    let (upstream, router) = setup().await;
    let answers = [
        r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":[0.1,-2e-3]}],"model":"m","usage":{"prompt_tokens":3,"total_tokens":3}}"#,
        r#"{"object":"list","data":[{"object":"embedding","index":0,"embedding":"zczMPQ=="}],"model":"m"}"#,
    ];
    for (answer, format) in answers.into_iter().zip(["float", "base64"]) {
        upstream.push("", [Fault::status(200).with_body(answer)]);
        let body = json!({"model": "r", "input": ["a", "b"], "encoding_format": format});
        let response = post(&router, "/v1/embeddings", &body).await;
        assert_eq!(response.headers()["x-sfai-model"], "openai/m");
        assert_eq!(response.text().await.unwrap(), answer);
        let sent = upstream.arrivals().pop().unwrap();
        assert_eq!(sent.path, "/openai/embeddings");
        assert_eq!(
            sent.json(),
            json!({"model": "m", "input": ["a", "b"], "encoding_format": format})
        );
    }
    let body = json!({"model": "claude", "input": "a"});
    let response = post(&router, "/v1/embeddings", &body).await;
    assert_eq!(response.status(), 400);
    assert!(response.text().await.unwrap().contains("embeddings"));
    upstream.push("", [Fault::status(429)]);
    let body = json!({"model": "r", "input": "a"});
    assert_eq!(post(&router, "/v1/embeddings", &body).await.status(), 429);
}

#[tokio::test]
async fn a_role_is_a_model_of_its_own() {
    let (_upstream, router) = setup().await;
    let get = async |path: &str| client().get(router.url(path)).send().await.unwrap();
    let model = json_of(get("/v1/models/r").await).await;
    assert_eq!(
        (&model["id"], &model["object"], &model["type"]),
        (&json!("r"), &json!("model"), &json!("model"))
    );
    assert_eq!((&model["about"], &model["capabilities"]), (&json!("Completes"), &json!(["tools"])));
    assert!(model["created_at"].as_str().unwrap().ends_with('Z'));
    assert_eq!(json_of(get("/v1/models/a/b").await).await["id"], "a/b");
    assert_eq!(json_of(get("/models/a%2Fb").await).await["id"], "a/b");
    assert_eq!(get("/v1/models/nobody").await.status(), 404);
    let list = json_of(get("/v1/models").await).await;
    assert_eq!((&list["first_id"], &list["has_more"]), (&json!("a/b"), &json!(false)));
}
