//! The client's request beside what each protocol's upstream gets: `tests/golden/*.json`.
//!
//! `SFAI_REFRESH=1` writes the expectations anew, to be read in review.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use model_map::{Model, Parameters};
use serde_json::{Value, json};
use sfai_router::openai::request::{ChatRequest, Prompt, RequestError, Target, UpstreamRequest};
use sfai_router::{anthropic, openai};

type Build = fn(&ChatRequest, &Target<'_>) -> Result<UpstreamRequest, RequestError>;

fn outcome(case: &Value, build: Build) -> Value {
    let client = Bytes::from(case["client"].to_string());
    let model: Model = serde_json::from_value(case["model"].clone()).unwrap();
    let parameters: Parameters = serde_json::from_value(case["parameters"].clone()).unwrap();
    let texts: Vec<&str> =
        case["system"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect();
    let optional = |name: &str| case.get(name).cloned();
    let mode = optional("mode").map(|mode| serde_json::from_value(mode).unwrap());
    let system = Prompt { mode: mode.unwrap_or_default(), texts: &texts };
    let limits = optional("limits").map(|limits| serde_json::from_value(limits).unwrap());
    let limits = limits.unwrap_or_default();
    let target = Target { limits, model: &model, parameters: &parameters, system };
    let request = ChatRequest::parse(client).unwrap();
    match build(&request, &target) {
        Ok(built) => {
            let body = built.body.concat();
            assert_eq!(body.len(), built.body.len());
            let body: Value = serde_json::from_slice(&body).expect("a body is JSON");
            json!({"body": body, "dropped": built.dropped, "answer_tool": built.answer_tool})
        }
        Err(error) => json!({"error": error.message, "param": error.param, "code": error.code}),
    }
}

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut cases: Vec<PathBuf> =
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    cases
}

#[test]
fn requests_are_written_as_recorded_in_the_golden_files() {
    let (mut wrong, cases) = (Vec::new(), cases());
    for path in &cases {
        let mut case: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
        let found = [
            ("openai", outcome(&case, openai::request::build)),
            ("anthropic", outcome(&case, anthropic::request::build)),
        ];
        for (protocol, found) in found {
            if case[protocol] != found {
                wrong.push(format!("{}, {protocol}: {found:#}", path.display()));
                case[protocol] = found;
            }
        }
        if std::env::var_os("SFAI_REFRESH").is_some() {
            std::fs::write(path, format!("{case:#}\n")).unwrap();
        }
    }
    println!("{} cases, {} differ", cases.len(), wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
