//! Chat completions made up at random, as clients of messages get them: both forms become the same
//! message, wherever the bytes are cut.

use bytes::Bytes;
use proptest::prelude::*;
use serde_json::{Value, json};
use sfai_router::front::{Front, Way, whole};
use sfai_router::wire::{AnswerOptions, Dialect, Ending, StreamReader, Wishes};

use crate::accumulated::run;
use crate::message_events::hear;

fn options() -> AnswerOptions {
    let model = "m".to_owned();
    let wishes = Wishes { shows_thinking: true, ..Wishes::default() };
    AnswerOptions { include_usage: true, wishes, model, ..AnswerOptions::default() }
}

/// A whole answer's message and how it ends.
pub fn answer() -> impl Strategy<Value = (Value, &'static str, Value)> {
    let arguments = prop::collection::btree_map("[a-c]", any::<String>(), 0..3);
    let call = ("[a-z_]{1,8}", arguments).prop_map(|(name, arguments)| {
        json!({"type": "function", "function":
            {"name": name, "arguments": json!(arguments).to_string()}})
    });
    let text = prop_oneof![Just(Value::Null), any::<String>().prop_map(Value::from)];
    let thought = prop::option::of((any::<String>(), prop::option::of("[a-z]{1,8}")));
    let calls = prop::collection::vec(call, 0..4);
    let message = (text, thought, calls, prop::option::weighted(0.1, "[a-z]{1,9}"));
    let message = message.prop_map(|(text, thought, mut calls, refusal)| {
        for (place, call) in calls.iter_mut().enumerate() {
            call["id"] = json!(format!("call_{place}"));
        }
        let mut message = json!({"role": "assistant", "content": text, "refusal": refusal});
        if let Some((thought, signature)) = thought {
            message["reasoning_content"] = json!(thought);
            if let Some(signature) = signature {
                message["reasoning_details"] = json!([{"type": "reasoning.text", "text": thought,
                    "signature": signature, "index": 0}]);
            }
        }
        if !calls.is_empty() {
            message["tool_calls"] = json!(calls);
        }
        message
    });
    let finish =
        prop_oneof![Just("stop"), Just("length"), Just("tool_calls"), Just("content_filter")];
    let usage = (0u64..1000, 0u64..100, 0u64..1000).prop_map(|(fresh, cached, output)| {
        json!({"prompt_tokens": fresh + cached, "completion_tokens": output,
            "prompt_tokens_details": {"cached_tokens": cached}})
    });
    (message, finish, usage)
}

fn pieces(text: &str, length: usize) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(length).map(|piece| piece.iter().collect()).collect()
}

/// The same answer as a stream, its texts in pieces.
pub fn stream(message: &Value, finish: &str, usage: &Value, length: usize) -> String {
    let mut deltas = vec![json!({"role": "assistant", "content": ""})];
    let signed = &message["reasoning_details"][0];
    for piece in pieces(message["reasoning_content"].as_str().unwrap_or_default(), length) {
        let mut delta = json!({ "reasoning_content": piece });
        if !signed.is_null() {
            delta["reasoning_details"] =
                json!([{"type": "reasoning.text", "text": piece, "index": 0}]);
        }
        deltas.push(delta);
    }
    if !signed.is_null() {
        let signature = &signed["signature"];
        deltas.push(json!({"reasoning_details":
            [{"type": "reasoning.text", "signature": signature, "index": 0}]}));
    }
    for name in ["content", "refusal"] {
        let text = message[name].as_str().unwrap_or_default();
        deltas.extend(pieces(text, length).into_iter().map(|piece| json!({ name: piece })));
    }
    for (index, call) in message["tool_calls"].as_array().into_iter().flatten().enumerate() {
        let (id, name) = (&call["id"], &call["function"]["name"]);
        deltas.push(json!({"tool_calls": [{"index": index, "id": id, "type": "function",
            "function": {"name": name, "arguments": ""}}]}));
        let arguments = call["function"]["arguments"].as_str().unwrap();
        deltas.extend(pieces(arguments, length).into_iter().map(
            |piece| json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}),
        ));
    }
    let chunk = |choices: Value| json!({"id": "c", "model": "m", "choices": choices});
    let mut chunks: Vec<Value> =
        deltas.into_iter().map(|delta| chunk(json!([{"index": 0, "delta": delta}]))).collect();
    chunks.push(chunk(json!([{"index": 0, "delta": {}, "finish_reason": finish}])));
    let mut last = chunk(json!([]));
    last["usage"] = usage.clone();
    chunks.push(last);
    let events: Vec<String> = chunks.iter().map(|chunk| format!("data: {chunk}\n\n")).collect();
    events.concat() + "data: [DONE]\n\n"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn both_forms_of_an_answer_become_the_same_message(
        (message, finish, usage) in answer(),
        length in 1usize..9,
        places in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let way = Way::of(Front::Messages, Dialect::Openai);
        let text = stream(&message, finish, &usage, length);
        let cuts: Vec<usize> = places.iter().map(|place| place.index(text.len() + 1)).collect();
        let run = run(StreamReader::of(way, options()), text.as_bytes(), &cuts);
        let body = json!({"id": "c", "model": "m", "usage": usage,
            "choices": [{"index": 0, "message": message, "finish_reason": finish}]});
        match whole(way, Bytes::from(body.to_string()), &options()) {
            Ok(answer) => {
                let heard = hear(std::str::from_utf8(&run.out).unwrap(), "random");
                let message: Value = serde_json::from_slice(&answer.body).unwrap();
                prop_assert_eq!(heard.message, message);
                prop_assert_eq!(run.end.ending, Ending::Complete);
                prop_assert_eq!(run.reader.usage(), answer.usage);
            }
            Err(_) => prop_assert_eq!(run.end.ending, Ending::Empty),
        }
    }
}
