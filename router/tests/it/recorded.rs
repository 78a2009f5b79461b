//! Every recorded exchange through the pure translation: whole, cut at random places and one byte
//! at a time, against the recording's own accounting.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use model_map::FailureClass;
use serde_json::{Value, json};
use sfai_router::wire::{AnswerOptions, Dialect, Ending, StreamReader, Usage, error};
use sfai_router::{anthropic, openai};

use crate::accumulated::{Run, accumulate, run, whole};

/// Random cuttings of each stream.
const CUTTINGS: usize = 8;

struct Case {
    name: String,
    entry: Value,
    body: Vec<u8>,
}

impl Case {
    fn facts(&self) -> &Value {
        &self.entry["facts"]
    }

    fn number(&self, fact: &str) -> usize {
        usize::try_from(self.facts()[fact].as_u64().unwrap()).unwrap()
    }
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/recorded")
}

/// The recorded cases of an API that `takes` holds for; none when the folder is absent.
fn cases(api: &str, takes: fn(&Value) -> bool) -> Vec<Case> {
    let Ok(index) = std::fs::read(folder().join("index.json")) else {
        println!("SKIPPED: there are no recorded exchanges beside this checkout");
        return Vec::new();
    };
    let index: Vec<Value> = serde_json::from_slice(&index).unwrap();
    let taken = index.into_iter().filter(|entry| entry["api"] == api && takes(entry));
    taken
        .map(|entry| Case {
            name: format!(
                "{}/{}",
                entry["group"].as_str().unwrap(),
                entry["case"].as_str().unwrap()
            ),
            body: std::fs::read(folder().join(entry["files"]["response"].as_str().unwrap()))
                .unwrap(),
            entry,
        })
        .collect()
}

fn is_stream(entry: &Value) -> bool {
    entry["streaming"] == true && entry["kind"] == "response"
}

fn is_whole(entry: &Value) -> bool {
    entry["streaming"] == false && entry["kind"] == "response"
}

fn was_answered(entry: &Value) -> bool {
    entry["files"]["request"].is_string() && !is_error(entry)
}

fn is_error(entry: &Value) -> bool {
    entry["kind"] == "error"
}

fn reader(dialect: Dialect) -> StreamReader {
    let options = AnswerOptions { created: 1, include_usage: true, ..AnswerOptions::default() };
    StreamReader::new(dialect, options)
}

/// Runs a stream in every cutting; all must give the same.
fn run_all(dialect: Dialect, case: &Case) -> Run {
    let first = run(reader(dialect), &case.body, &[]);
    let mut random = fastrand::Rng::with_seed(7);
    let mut cuttings: Vec<Vec<usize>> = (0..CUTTINGS)
        .map(|_| {
            let count = random.usize(1..60);
            (0..count).map(|_| random.usize(0..case.body.len())).collect()
        })
        .collect();
    cuttings.push((0..case.body.len()).collect());
    for cuts in cuttings {
        let other = run(reader(dialect), &case.body, &cuts);
        assert!(other.out == first.out, "{}: depends on the cuts {cuts:?}", case.name);
        assert_eq!(other.end.ending, first.end.ending, "{}", case.name);
        assert_eq!((other.events, other.token), (first.events, first.token), "{}", case.name);
        assert_eq!(other.reader.usage(), first.reader.usage(), "{}", case.name);
    }
    first
}

fn report(what: &str, cases: &[Case]) {
    println!("{what}: {} cases, {} agree", cases.len(), cases.len());
}

/// What an Anthropic stop reason becomes when so many client tools are called.
fn finish_reason(stop_reason: &str, calls: usize) -> &'static str {
    match stop_reason {
        "max_tokens" | "model_context_window_exceeded" => "length",
        "refusal" => "content_filter",
        "tool_use" if calls > 0 => "tool_calls",
        _ => "stop",
    }
}

fn length(text: &Value) -> usize {
    text.as_str().unwrap_or_default().chars().count()
}

fn calls(answer: &Value) -> Vec<&Value> {
    answer["message"]["tool_calls"].as_array().into_iter().flatten().collect()
}

/// The recorded usage, as OpenAI counts.
fn check_usage(case: &Case, answer: &Value) {
    let count = |name: &str| case.facts()["usage"][name].as_u64().unwrap_or(0);
    let (read, write) = (count("cache_read_input_tokens"), count("cache_creation_input_tokens"));
    let (input, output) = (count("input_tokens") + read + write, count("output_tokens"));
    let usage = &answer["usage"];
    assert_eq!(usage["prompt_tokens"], input, "{}", case.name);
    assert_eq!(usage["completion_tokens"], output, "{}", case.name);
    assert_eq!(usage["total_tokens"], input + output, "{}", case.name);
    assert_eq!(usage["prompt_tokens_details"]["cached_tokens"], read, "{}", case.name);
    let thinking = &case.facts()["usage"]["output_tokens_details"]["thinking_tokens"];
    assert_eq!(&usage["completion_tokens_details"]["reasoning_tokens"], thinking, "{}", case.name);
}

fn check_message(case: &Case, answer: &Value) {
    let name = &case.name;
    assert_eq!(length(&answer["message"]["content"]), case.number("text_chars"), "{name}");
    let stop = case.facts()["stop_reason"].as_str().unwrap();
    assert_eq!(answer["finish_reason"], finish_reason(stop, calls(answer).len()), "{name}");
    check_usage(case, answer);
}

#[test]
fn anthropic_streams_agree_with_their_facts() {
    let cases = cases("messages", is_stream);
    for case in &cases {
        let run = run_all(Dialect::Anthropic, case);
        assert_eq!(run.reader.skipped(), 0, "{}", case.name);
        if case.facts()["stream_errors"].is_array() || case.facts()["stream_errors"].is_number() {
            assert!(matches!(run.end.ending, Ending::Failed(_)) && run.failed, "{}", case.name);
        } else if case.facts()["message_stop"] == false {
            assert_eq!(run.end.ending, Ending::Cut, "{}", case.name);
        } else {
            assert_eq!(run.end.ending, Ending::Complete, "{}", case.name);
            check_stream(case, &accumulate(&run.out));
            continue;
        }
        let out = String::from_utf8(run.out).unwrap();
        assert!(!out.contains("[DONE]") && !out.contains(r#""finish_reason":""#), "{out}");
    }
    report("Anthropic streams", &cases);
}

fn check_stream(case: &Case, answer: &Value) {
    let name = &case.name;
    check_message(case, answer);
    let reasoning = length(&answer["message"]["reasoning_content"]);
    assert_eq!(reasoning, case.number("thinking_chars"), "{name}");
    let inputs = case.facts()["tool_inputs"].as_array().unwrap();
    let inputs: Vec<&Value> = inputs.iter().filter(|it| it["type"] == "tool_use").collect();
    assert_eq!(calls(answer).len(), inputs.len(), "{name}");
    for (call, input) in calls(answer).into_iter().zip(inputs) {
        let (function, arguments) = (&call["function"], &call["function"]["arguments"]);
        assert_eq!(function["name"], input["name"], "{name}");
        let expected = match input["argument_chars"].as_u64().unwrap() {
            0 => 2,
            count => usize::try_from(count).unwrap(),
        };
        assert_eq!(length(arguments), expected, "{name}");
        let parsed = serde_json::from_str::<Value>(arguments.as_str().unwrap());
        assert!(parsed.is_ok_and(|parsed| parsed.is_object()), "{name}");
    }
    let hidden = case.facts()["blocks"].as_array().unwrap().iter();
    let count = |kind: &str| hidden.clone().filter(|block| *block == kind).count();
    let details = answer["message"]["reasoning_details"].as_array();
    let details = details.into_iter().flatten().filter(|it| it["type"] == "reasoning.encrypted");
    assert_eq!(details.count(), count("redacted_thinking"), "{name}");
}

#[test]
fn anthropic_messages_agree_with_their_facts() {
    let cases = cases("messages", is_whole);
    let options = AnswerOptions { created: 1, ..AnswerOptions::default() };
    for case in &cases {
        let name = &case.name;
        let body = Bytes::from(case.body.clone());
        let answer = anthropic::answer::translate(&body, &options)
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
        let answer = whole(&answer.body);
        check_message(case, &answer);
        let called: Vec<&Value> =
            calls(&answer).into_iter().map(|call| &call["function"]["name"]).collect();
        let known: Vec<&Value> = case.facts()["tool_calls"].as_array().unwrap().iter().collect();
        assert_eq!(called, known, "{name}");
    }
    report("Anthropic messages", &cases);
}

/// The recorded usage of an OpenAI dialect. The accounting looks in `usage` alone, Groq's stands
/// elsewhere.
fn check_openai_usage(case: &Case, usage: Option<Usage>) {
    let facts = &case.facts()["usage"];
    let usage = usage.map(|usage| (usage.input, usage.output));
    let features = case.entry["features"].as_array().unwrap();
    if features.iter().any(|feature| *feature == "x_groq-usage") {
        return assert!(usage.is_some_and(|(input, output)| input > 0 && output > 0));
    }
    let known = facts["prompt_tokens"].as_u64().zip(facts["completion_tokens"].as_u64());
    assert_eq!(usage, known, "{}", case.name);
}

#[test]
fn openai_streams_come_out_byte_for_byte() {
    let cases = cases("chat.completions", is_stream);
    let mut errors = 0;
    for case in &cases {
        let name = &case.name;
        let run = run_all(Dialect::Openai, case);
        assert_eq!(run.reader.skipped(), 0, "{name}");
        check_openai_usage(case, run.reader.usage());
        assert_eq!(run.token, run.end.ending != Ending::Empty && has_token(case), "{name}");
        match run.end.ending {
            Ending::Failed(failure) => {
                errors += 1;
                assert!(case.facts()["error_chunks"].is_number(), "{name}");
                assert!([run.out.as_slice(), &failure.event].concat() == case.body, "{name}");
            }
            ending => {
                assert_eq!(ending, Ending::Complete, "{name}");
                assert!(run.out == case.body, "{name}: not the same bytes");
            }
        }
    }
    println!("of them {errors} with an error event, handed over apart");
    report("OpenAI streams", &cases);
}

fn has_token(case: &Case) -> bool {
    let has_calls = !case.facts()["tool_calls"].as_array().unwrap().is_empty();
    case.number("text_chars") + case.number("reasoning_chars") > 0 || has_calls
}

#[test]
fn openai_answers_come_out_byte_for_byte() {
    let cases = cases("chat.completions", is_whole);
    for case in &cases {
        let body = Bytes::from(case.body.clone());
        let answer = openai::answer::read(body.clone())
            .unwrap_or_else(|error| panic!("{}: {error:?}", case.name));
        assert_eq!(answer.body, body, "{}", case.name);
        check_openai_usage(case, answer.usage);
    }
    report("OpenAI answers", &cases);
}

fn headers(case: &Case) -> HeaderMap {
    let Some(path) = case.entry["files"]["headers"].as_str() else { return HeaderMap::new() };
    let text = std::fs::read(folder().join(path)).unwrap();
    let pairs: serde_json::Map<String, Value> = serde_json::from_slice(&text).unwrap();
    pairs
        .iter()
        .map(|(name, value)| {
            let value = HeaderValue::from_str(value.as_str().unwrap()).unwrap();
            (HeaderName::from_bytes(name.as_bytes()).unwrap(), value)
        })
        .collect()
}

/// What each recorded error is: the class, and whether asking again could ever cure it.
pub fn class(entry: &Value) -> (FailureClass, bool) {
    let has = |feature: &str| entry["features"].as_array().unwrap().iter().any(|it| *it == feature);
    match entry["status"].as_u64().unwrap() {
        400 if has("context-length")
            || has("error:context-length")
            || has("error:context_length_exceeded") =>
        {
            (FailureClass::ContextLength, true)
        }
        400 => (FailureClass::InvalidRequest, true),
        401 => (FailureClass::Auth, true),
        404 => (FailureClass::NotFound, true),
        429 => (FailureClass::RateLimit, !has("not-retryable")),
        500 => (FailureClass::ServerError, true),
        529 => (FailureClass::Overloaded, true),
        status => panic!("{}: {status}", entry["case"]),
    }
}

#[test]
fn errors_have_their_class_and_their_words() {
    let mut count = 0;
    for api in ["messages", "chat.completions", "responses"] {
        for case in cases(api, is_error) {
            let name = &case.name;
            let status = u16::try_from(case.entry["status"].as_u64().unwrap()).unwrap();
            let headers = headers(&case);
            // A second before the reset of the case that has no `retry-after`.
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_711_483_199);
            let error = error::read(status, &headers, &case.body, now);
            let failure = &error.failure;
            let (class, curable) = class(&case.entry);
            let told = headers.get("x-should-retry").is_none_or(|value| value != "false");
            assert_eq!((failure.class, failure.repeatable), (class, curable && told), "{name}");
            let body: Value = serde_json::from_slice(&case.body).unwrap();
            let words = body["error"]["message"].as_str().or(body["error"].as_str()).unwrap();
            assert_eq!(error.message, words, "{name}");
            let waits = failure.retry_after.map(|wait| wait.as_secs());
            let told = headers.get("retry-after").map(|it| it.to_str().unwrap().parse().unwrap());
            let known = told.or_else(|| name.ends_with("requests-no-retry-after").then_some(1));
            assert_eq!(waits, known, "{name}");
            count += 1;
        }
    }
    println!("errors: {count} cases, {count} agree");
}

/// Requests that were really sent, read back: each is taken apart and written for both protocols.
#[test]
fn recorded_requests_are_taken() {
    let mut count = 0;
    let model: model_map::Model = serde_json::from_value(
        json!({"id": "m", "provider": "p", "prefill": true, "output_tokens": 64000}),
    )
    .unwrap();
    let parameters = model_map::Parameters::default();
    let system = openai::request::Prompt { texts: &["P"], ..Default::default() };
    let limits = model_map::Limits::default();
    let target = openai::request::Target { limits, model: &model, parameters: &parameters, system };
    for case in cases("chat.completions", was_answered) {
        let path = folder().join(case.entry["files"]["request"].as_str().unwrap());
        let body = Bytes::from(std::fs::read(path).unwrap());
        let sent: Value = serde_json::from_slice(&body).unwrap();
        let request = openai::request::ChatRequest::parse(body).unwrap();
        let built = openai::request::build(&request, &target).unwrap();
        let got: Value = serde_json::from_slice(&built.body.concat()).unwrap();
        let messages = got["messages"].as_array().unwrap();
        assert_eq!(messages[0], json!({"role": "system", "content": "P"}), "{}", case.name);
        if !sent.to_string().contains("cache_control") {
            let mut expected = sent["messages"].as_array().unwrap().clone();
            // Of a model that is not known to take developer messages.
            for message in expected.iter_mut().filter(|it| it["role"] == "developer") {
                message["role"] = json!("system");
            }
            assert_eq!(messages[1..], expected[..], "{}", case.name);
        }
        match anthropic::request::build(&request, &target) {
            Ok(built) => {
                let got: Value = serde_json::from_slice(&built.body.concat()).unwrap();
                assert_eq!(got["messages"][0]["role"], "user", "{}", case.name);
            }
            Err(error) => println!("{}: {}", case.name, error.message),
        }
        count += 1;
    }
    println!("requests: {count} cases");
}
