//! Messages and bytes made up at random: both forms of a message become the same answer, and
//! nothing that comes over the wire can break a reader.

use bytes::Bytes;
use http::HeaderMap;
use model_map::{Model, Parameters};
use proptest::prelude::*;
use serde_json::{Value, json};
use sfai_router::anthropic;
use sfai_router::front::{ClientRequest, Front, Way, whole as whole_of};
use sfai_router::openai::request::{ChatRequest, Target};
use sfai_router::wire::{AnswerOptions, Dialect, StreamReader};

use crate::accumulated::{accumulate, parse_arguments, run, whole};

/// A content block, and the pieces in which its text comes.
#[derive(Debug, Clone)]
struct Block {
    value: Value,
    pieces: Vec<usize>,
}

fn block() -> impl Strategy<Value = Block> {
    let text = || any::<String>();
    let arguments = prop::collection::btree_map("[a-c]", any::<String>(), 0..3);
    let value = prop_oneof![
        4 => text().prop_map(|text| json!({"type": "text", "text": text})),
        2 => (text(), "[a-z]{1,8}").prop_map(|(thinking, signature)| {
            json!({"type": "thinking", "thinking": thinking, "signature": signature})
        }),
        1 => "[a-z]{1,8}".prop_map(|data| json!({"type": "redacted_thinking", "data": data})),
        3 => ("[a-z_]{1,8}", arguments.clone()).prop_map(|(name, input)| {
            json!({"type": "tool_use", "id": format!("t_{name}"), "name": name, "input": input})
        }),
        1 => arguments.prop_map(|input| {
            json!({"type": "server_tool_use", "id": "s", "name": "web_search", "input": input})
        }),
        1 => Just(json!({"type": "web_search_tool_result", "tool_use_id": "s", "content": []})),
        1 => (text(), "[a-z]{1,5}").prop_map(|(text, url)| {
            let citation = json!({"url": url, "title": text, "cited_text": "c"});
            json!({"type": "text", "text": text, "citations": [citation, {"document_index": 0}]})
        }),
    ];
    (value, prop::collection::vec(1usize..7, 1..6))
        .prop_map(|(value, pieces)| Block { value, pieces })
}

fn message() -> impl Strategy<Value = (Vec<Block>, Value, Value)> {
    let stop = prop_oneof![
        Just("end_turn"),
        Just("max_tokens"),
        Just("tool_use"),
        Just("refusal"),
        Just("pause_turn"),
        Just("of tomorrow"),
    ];
    let usage = (0u64..1000, 0u64..1000, 0u64..1000).prop_map(|(input, read, output)| {
        json!({"input_tokens": input, "cache_read_input_tokens": read, "output_tokens": output})
    });
    (prop::collection::vec(block(), 0..7), stop.prop_map(Value::from), usage)
}

fn event(data: &Value) -> String {
    format!("event: {}\ndata: {data}  \n\n", data["type"].as_str().unwrap())
}

fn pieces(text: &str, lengths: &[usize]) -> Vec<String> {
    let mut rest: Vec<char> = text.chars().collect();
    let mut pieces = Vec::new();
    for length in lengths.iter().cycle() {
        let piece: String = rest.drain(..(*length).min(rest.len())).collect();
        pieces.push(piece);
        if rest.is_empty() {
            return pieces;
        }
    }
    pieces
}

/// A block's events, as Anthropic sends them.
fn stream_block(index: usize, block: &Block) -> String {
    let mut start = block.value.clone();
    let mut deltas = Vec::new();
    let mut cut = |name: &str, kind: &str, key: &str, text: &str| {
        let text = pieces(text, &block.pieces);
        deltas.extend(text.into_iter().map(|piece| json!({"type": kind, key: piece})));
        if !name.is_empty() {
            start[name] = json!("");
        }
    };
    match block.value["type"].as_str().unwrap() {
        "text" => {
            let text = block.value["text"].as_str().unwrap();
            cut("text", "text_delta", "text", text);
            let citations = block.value["citations"].as_array().into_iter().flatten();
            deltas.extend(citations.map(|it| json!({"type": "citations_delta", "citation": it})));
            start["citations"] = json!([]);
        }
        "thinking" => {
            let thinking = block.value["thinking"].as_str().unwrap();
            cut("thinking", "thinking_delta", "thinking", thinking);
            let signature = &block.value["signature"];
            deltas.push(json!({"type": "signature_delta", "signature": signature}));
            start["signature"] = json!("");
        }
        "tool_use" | "server_tool_use" => {
            let input = block.value["input"].to_string();
            let input = if input == "{}" { String::new() } else { input };
            cut("", "input_json_delta", "partial_json", &input);
            start["input"] = json!({});
        }
        _ => (),
    }
    let mut out =
        event(&json!({"type": "content_block_start", "index": index, "content_block": start}));
    for delta in deltas {
        out += &event(&json!({"type": "content_block_delta", "index": index, "delta": delta}));
        out += &event(&json!({"type": "ping"}));
    }
    out + &event(&json!({"type": "content_block_stop", "index": index}))
}

fn stream(blocks: &[Block], stop: &Value, usage: &Value) -> String {
    let message = json!({"id": "msg_1", "model": "m", "content": [], "usage": {"input_tokens": 5, "output_tokens": 1}});
    let mut out = event(&json!({"type": "message_start", "message": message}));
    for (index, block) in blocks.iter().enumerate() {
        out += &stream_block(index, block);
    }
    let delta = json!({"stop_reason": stop, "stop_details": {"explanation": "no"}});
    out += &event(&json!({"type": "message_delta", "delta": delta, "usage": usage}));
    out + &event(&json!({"type": "message_stop"}))
}

fn options() -> AnswerOptions {
    AnswerOptions { created: 1, include_usage: true, ..AnswerOptions::default() }
}

/// Chunks of a valid OpenAI stream, with comments and either line end.
fn openai_stream() -> impl Strategy<Value = String> {
    let end = prop_oneof![Just("\n"), Just("\r\n")];
    let chunk = (any::<String>(), end).prop_map(|(text, end)| {
        let data = json!({"choices": [{"index": 0, "delta": {"content": text}}]});
        format!("data: {data}{end}{end}")
    });
    let event =
        prop_oneof![4 => chunk, 1 => Just(": note\n\n".to_owned()), 1 => Just("\n".to_owned())];
    prop::collection::vec(event, 0..8).prop_map(|events| events.concat() + "data: [DONE]\n\n")
}

/// Bytes that look like a stream often enough to get far into a reader.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..20),
        "(data: |event: error|\n|\r\n|\n\n|\\{|\\}|\"|\\[DONE\\]|:)".prop_map(String::into_bytes),
        prop_oneof![
            Just(r#"{"type":"content_block_start","index":0,"content_block":{"type":"tool_use"}}"#),
            Just(r#"{"type":"content_block_delta","index":0,"delta":{"type":"input_json_delta","partial_json":3}}"#),
            Just(r#"{"type":"message_start","message":null}"#),
            Just(r#"{"type":"message_delta","delta":{"stop_reason":7},"usage":[]}"#),
            Just(r#"{"choices":[{"delta":{"content":{}}}],"usage":"x"}"#),
            Just(r#"{"error":"x"}"#),
        ]
        .prop_map(|text| format!("data: {text}\n\n").into_bytes()),
    ];
    prop::collection::vec(part, 0..30).prop_map(|parts| parts.concat())
}

const FRONTS: [Front; 7] = [
    Front::Chat,
    Front::Messages,
    Front::CountTokens,
    Front::Responses,
    Front::Completions,
    Front::Fim,
    Front::Embeddings,
];

/// Every way from a client to an upstream.
fn ways() -> Vec<Way> {
    let dialects = [Dialect::Openai, Dialect::Anthropic];
    let each =
        |front| dialects.map(|dialect| [Way::of(front, dialect), Way::by_chat(front, dialect)]);
    FRONTS
        .into_iter()
        .flat_map(each)
        .flatten()
        .filter(|way| way.front != Front::Chat || way.is_own || way.dialect == Dialect::Anthropic)
        .collect()
}

fn member() -> impl Strategy<Value = String> {
    "(system|instructions|tools|tool_choice|thinking|output_config|reasoning|text|stop|stop_sequences|suffix|metadata|max_tokens|stream|top_k|temperature)"
}

/// Values of the shapes that requests hold, and of others.
fn odd() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!(null)),
        Just(json!("")),
        Just(json!("a\n\"")),
        Just(json!(3)),
        Just(json!(true)),
        Just(json!("user")),
        Just(json!("assistant")),
        Just(json!("text")),
        Just(json!("input_text")),
        Just(json!("tool_use")),
        Just(json!("tool_result")),
        Just(json!("function_call")),
        Just(json!("function_call_output")),
        Just(json!("reasoning")),
        Just(json!("image")),
        Just(json!("sfai-unsigned")),
        Just(json!("sfai:e30=")),
        Just(json!("enabled")),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| prop_oneof![
        prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
        prop::collection::btree_map(
            "(type|role|content|text|source|input|id|call_id|tool_use_id|name|output|summary|encrypted_content|arguments|data|url|media_type|format|schema|effort)",
            inner, 0..5).prop_map(|members| Value::Object(members.into_iter().collect())),
    ])
}

fn cuts(places: &[prop::sample::Index], length: usize) -> Vec<usize> {
    places.iter().map(|place| place.index(length + 1)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn both_forms_of_a_message_become_the_same_answer(
        (blocks, stop, usage) in message(),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let text = stream(&blocks, &stop, &usage);
        let reader = StreamReader::new(Dialect::Anthropic, options());
        let run = run(reader, text.as_bytes(), &cuts(&places, text.len()));
        let content: Vec<&Value> = blocks.iter().map(|block| &block.value).collect();
        let body = json!({"id": "msg_1", "model": "m", "content": content, "stop_reason": stop,
            "stop_details": {"explanation": "no"}, "usage": usage});
        let body = Bytes::from(body.to_string());
        match anthropic::answer::translate(&body, &options()) {
            Ok(answer) => {
                let streamed = parse_arguments(accumulate(&run.out));
                prop_assert_eq!(streamed, parse_arguments(whole(&answer.body)));
                prop_assert_eq!(run.end.ending, sfai_router::wire::Ending::Complete);
                prop_assert_eq!(run.reader.usage(), answer.usage);
            }
            Err(_) => prop_assert_eq!(run.end.ending, sfai_router::wire::Ending::Empty),
        }
    }

    #[test]
    fn pass_through_gives_the_bytes_it_takes(
        text in openai_stream(),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let reader = StreamReader::new(Dialect::Openai, options());
        let run = run(reader, text.as_bytes(), &cuts(&places, text.len()));
        prop_assert_eq!(run.out, text.into_bytes());
    }

    #[test]
    fn no_bytes_break_a_reader_and_no_cut_changes_what_it_says(
        bytes in hostile(),
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        for way in ways() {
            let reader = || StreamReader::of(way, options());
            let (one, other) = (
                run(reader(), &bytes, &[]),
                run(reader(), &bytes, &cuts(&places, bytes.len())),
            );
            prop_assert_eq!(&one.out, &other.out);
            prop_assert_eq!(one.end.ending, other.end.ending);
            prop_assert_eq!(one.reader.skipped(), other.reader.skipped());
        }
        let bytes = Bytes::from(bytes);
        for way in ways() {
            let _ = whole_of(way, bytes.clone(), &options());
        }
        let _ = ChatRequest::parse(bytes);
    }

    #[test]
    fn no_request_breaks_a_front(
        members in prop::collection::btree_map(member(), odd(), 0..6),
        list in prop::collection::vec(odd(), 0..4),
    ) {
        for front in FRONTS {
            let mut body = json!({"model": "m", "messages": list, "input": list, "prompt": "p"});
            body.as_object_mut().unwrap().extend(members.clone());
            body["model"] = json!("m");
            let body = Bytes::from(body.to_string());
            let Ok(request) = ClientRequest::parse(front, &HeaderMap::new(), body) else { continue };
            let model: Model = serde_json::from_value(json!({"id": "m", "provider": "p",
                "prefill": true, "efforts": ["low"], "output_tokens": 9})).unwrap();
            let parameters = Parameters::default();
            let (limits, system) = Default::default();
            let target = Target { limits, model: &model, parameters: &parameters, system };
            for way in ways().into_iter().filter(|way| way.front == front) {
                if let Ok(ask) = request.build(way, &target) {
                    let body = ask.request.body.concat();
                    let sent = serde_json::from_slice::<Value>(&body);
                    prop_assert!(sent.is_ok(), "{}", String::from_utf8_lossy(&body));
                }
            }
        }
    }

    #[test]
    fn no_message_breaks_the_translation_of_a_request(
        roles in prop::collection::vec("(system|user|assistant|tool|x)", 0..6),
        content in prop::collection::vec(prop_oneof![
            Just(json!(null)), Just(json!("")), Just(json!("a")), Just(json!([])), Just(json!(3)),
            Just(json!([{"type": "text", "text": " "}])),
            Just(json!([{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}])),
            Just(json!([{"type": "file"}])),
        ], 6),
    ) {
        let messages: Vec<Value> = roles.iter().zip(&content).map(|(role, content)| {
            json!({"role": role, "content": content, "tool_call_id": "c", "reasoning_details": [3]})
        }).collect();
        let body = json!({"model": "m", "messages": messages});
        let request = ChatRequest::parse(Bytes::from(body.to_string())).unwrap();
        let model: Model = serde_json::from_value(json!({"id": "m", "provider": "p"})).unwrap();
        let parameters = Parameters::default();
        let (limits, system) = Default::default();
        let target = Target { limits, model: &model, parameters: &parameters, system };
        if let Ok(built) = anthropic::request::build(&request, &target) {
            let body: Value = serde_json::from_slice(&built.body.concat()).unwrap();
            let turns = body["messages"].as_array().unwrap();
            prop_assert!(turns.windows(2).all(|pair| pair[0]["role"] != pair[1]["role"]));
            prop_assert!(turns.iter().all(|turn| !turn["content"].as_array().unwrap().is_empty()));
        }
    }
}
