//! Every recorded case through sockets, as an answer to each client's request where that makes
//! sense. What is left out is printed with its reason; nothing is left out without one.
//!
//! Owns that nothing is forgotten, that what clients of different protocols hear is the same, and
//! that it is the same as from the answer that is not streamed. What a case has to say is held
//! against its accounting by the tests of each client's protocol.

pub mod said;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use model_map::FailureClass;
use serde_json::{Value, json};

use self::said::Said;
use crate::faults::{Fault, Raw, Upstream};
use crate::recorded::class;
use crate::replay::patient;
use crate::running::{self, MapBuilder, Running, client};

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Asker {
    Chat,
    Messages,
    Responses,
    Completions,
}

impl Asker {
    const ALL: [Self; 4] = [Self::Chat, Self::Messages, Self::Responses, Self::Completions];

    fn path(self) -> &'static str {
        match self {
            Self::Chat => "/v1/chat/completions",
            Self::Messages => "/v1/messages",
            Self::Responses => "/v1/responses",
            Self::Completions => "/v1/completions",
        }
    }

    fn question(self, role: &str, stream: bool) -> Value {
        let mut body = json!({"model": role, "stream": stream});
        match self {
            Self::Responses => body["input"] = "Say hello.".into(),
            Self::Completions => body["prompt"] = "Say hello.".into(),
            Self::Chat | Self::Messages => {
                body["max_tokens"] = 1000.into();
                body["messages"] = json!([{"role": "user", "content": "Say hello."}]);
            }
        }
        if self == Self::Messages {
            body["thinking"] = json!({"type": "adaptive"});
        }
        body
    }
}

/// A recorded case.
pub struct Case {
    pub name: String,
    pub entry: Value,
    pub body: Vec<u8>,
    headers: Vec<(String, String)>,
}

impl Case {
    fn is_error(&self) -> bool {
        self.entry["kind"] == "error"
    }

    fn is_stream(&self) -> bool {
        self.entry["streaming"] == true
    }

    fn api(&self) -> &str {
        self.entry["api"].as_str().unwrap()
    }

    /// The recording as the provider's answer.
    fn fault(&self, body: &[u8], cuts: Vec<usize>) -> Fault {
        let kind = match (self.api(), self.is_stream()) {
            ("converse", true) => "application/vnd.amazon.eventstream",
            (_, true) => "text/event-stream",
            (_, false) => "application/json",
        };
        let mut headers = self.headers.clone();
        headers.push(("content-type".to_owned(), kind.to_owned()));
        let status = self.entry["status"].as_u64().unwrap();
        Fault::Raw(Raw {
            body: body.to_vec(),
            cuts,
            headers,
            status: u16::try_from(status).unwrap(),
        })
    }
}

/// Headers that a failure is read from, or that name the answer.
const KEPT: [&str; 4] = ["retry-after", "x-amzn-errortype", "x-amzn-requestid", "x-should-retry"];

fn cases() -> Vec<Case> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/recorded");
    let Ok(index) = std::fs::read(folder.join("index.json")) else {
        println!("SKIPPED: there are no recorded exchanges beside this checkout");
        return Vec::new();
    };
    let index: Vec<Value> = serde_json::from_slice(&index).unwrap();
    index.into_iter().map(|entry| case(&folder, entry)).collect()
}

fn case(folder: &Path, entry: Value) -> Case {
    let read = |file: &Value| std::fs::read(folder.join(file.as_str().unwrap())).unwrap();
    let name = ["group", "case"].map(|key| entry[key].as_str().unwrap()).join("/");
    let headers = match &entry["files"]["headers"] {
        Value::Null => Value::Null,
        file => serde_json::from_slice(&read(file)).unwrap(),
    };
    let headers = headers.as_object().into_iter().flatten();
    let headers = headers.filter(|(name, _)| KEPT.contains(&name.to_ascii_lowercase().as_str()));
    let headers = headers.map(|(name, it)| (name.clone(), it.as_str().unwrap().to_owned()));
    Case { name, headers: headers.collect(), body: read(&entry["files"]["response"]), entry }
}

/// Who may ask: for a text's completion its own client, too. In place of one a chat is cut down to
/// code, which no chat here is.
fn askers(case: &Case) -> &'static [Asker] {
    let all = &Asker::ALL;
    if case.api() == "completions" { all } else { all.get(..3).unwrap_or(all) }
}

/// The role whose provider can give this answer to this client, or why none can.
fn role(case: &Case, asker: Asker) -> Result<&'static str, &'static str> {
    match (case.api(), asker) {
        ("generateContent", _) => {
            Err("Gemini's own protocol is none of the router's: its models are asked at their \
             OpenAI-compatible endpoint")
        }
        ("completions", Asker::Completions) => Ok("text"),
        ("completions", _) => Err("a completion of a text answers no other request"),
        ("messages", _) => Ok("anthropic"),
        ("converse", _) => Ok("bedrock"),
        ("chat.completions", _) => Ok("chat"),
        ("responses", Asker::Responses) => Ok("openai"),
        ("responses", _) if case.is_error() => Ok("openai"),
        ("responses", _) => {
            Err("a response answers no other request: its models are asked as chats")
        }
        (api, _) => panic!("{}: {api} is new", case.name),
    }
}

async fn serve(upstream: &Upstream) -> Running {
    let bedrock = json!({"protocol": "bedrock", "base_url": format!("{}/aws", upstream.url()),
        "headers": {"authorization": "Bearer a-key"}});
    let model = |provider: &str, endpoint: &str| {
        json!({"provider": provider, "id": endpoint,
        "output_tokens": 1000, "endpoints": [endpoint]})
    };
    let map = MapBuilder::new(upstream.address)
        .with(json!({
            "providers": {"bedrock": bedrock},
            "models": {"openai/chat": model("openai", "chat"),
                "openai/completions": model("openai", "completions"),
                "bedrock/anthropic.claude-x": {"provider": "bedrock", "id": "anthropic.claude-x"}},
        }))
        .role("anthropic", &["anthropic/m"], patient())
        .role("bedrock", &["bedrock/anthropic.claude-x"], patient())
        .role("chat", &["openai/chat"], patient())
        .role("text", &["openai/completions"], patient())
        .role("openai", &["openai/m"], patient());
    running::start(&map.bytes()).await
}

/// What came of a request.
struct Seen {
    status: u16,
    tried: String,
    text: String,
}

async fn ask(router: &Running, asker: Asker, role: &str, stream: bool) -> Seen {
    let body = asker.question(role, stream).to_string();
    let request = client().post(router.url(asker.path())).header("anthropic-version", "2023-06-01");
    let response = request.body(body).send().await.unwrap();
    let tried = response.headers()["x-sfai-attempts"].to_str().unwrap().to_owned();
    Seen { status: response.status().as_u16(), tried, text: response.text().await.unwrap() }
}

/// Each recording as it came and cut somewhere; bytes of their own are for the tests of each
/// protocol.
fn cuts(case: &Case, random: &mut fastrand::Rng) -> [Vec<usize>; 2] {
    let count = random.usize(1..20);
    let cuts = (0..count).map(|_| random.usize(1..case.body.len())).collect();
    [Vec::new(), cuts]
}

#[tokio::test]
async fn every_recorded_case_is_heard_alike_by_every_client_or_left_out_for_a_reason() {
    let upstream = Upstream::start().await;
    let router = serve(&upstream).await;
    let mut random = fastrand::Rng::with_seed(11);
    let (mut runs, mut spoken, mut wholes, mut wrong) = (0, 0, 0, Vec::new());
    let mut left_out: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let cases = cases();
    for case in &cases {
        let mut first: Option<(Asker, Said)> = None;
        for &asker in askers(case) {
            let role = match role(case, asker) {
                Ok(role) => role,
                Err(why) => {
                    left_out.entry(why).or_default().push(format!("{} to {asker:?}", case.name));
                    continue;
                }
            };
            for cuts in cuts(case, &mut random) {
                upstream.push("", [case.fault(&case.body, cuts)]);
                let seen = ask(&router, asker, role, case.is_stream()).await;
                runs += 1;
                if case.is_error() {
                    wrong.extend(error_is_wrong(case, asker, &seen));
                    continue;
                }
                let said = Said::of(asker, case.is_stream(), seen.status, &seen.text);
                spoken += usize::from(!said.text.is_empty() || !said.calls.is_empty());
                match &first {
                    None => first = Some((asker, said)),
                    Some((by, first)) if !first.is_like(&said) => wrong.push(format!(
                        "{}: {by:?} hears {first:?}, {asker:?} hears {said:?}",
                        case.name
                    )),
                    Some(_) => (),
                }
            }
        }
        let whole = first.as_ref().filter(|(_, said)| !said.failed).and_then(|_| said::whole(case));
        if let (Some(whole), Some((_, streamed))) = (whole, &first) {
            wholes += 1;
            wrong.extend(whole_differs(case, &whole, streamed, (&upstream, &router)).await);
        }
    }
    println!(
        "{} cases, {runs} runs, {runs} agree; {wholes} also as they are not streamed",
        cases.len()
    );
    for (why, those) in &left_out {
        println!("left out, {}: {why}", those.len());
        those.iter().for_each(|name| println!("    {name}"));
    }
    let forgotten =
        cases.iter().filter(|case| Asker::ALL.iter().all(|it| role(case, *it).is_err()));
    assert!(forgotten.into_iter().all(|case| case.api() == "generateContent"));
    assert!(cases.is_empty() || (spoken > 600 && wholes > 60), "{spoken} of {runs}, {wholes}");
}

/// The answer that is not streamed says the same to every client.
async fn whole_differs(
    case: &Case,
    whole: &Value,
    streamed: &Said,
    (upstream, router): (&Upstream, &Running),
) -> Vec<String> {
    let mut wrong = Vec::new();
    for asker in [Asker::Chat, Asker::Messages, Asker::Responses] {
        let Ok(role) = role(case, asker) else { continue };
        upstream.push("", [Fault::status(200).with_body(&whole.to_string())]);
        let seen = ask(router, asker, role, false).await;
        let said = Said::of(asker, false, seen.status, &seen.text);
        if !streamed.is_like(&said) {
            let name = &case.name;
            wrong.push(format!("{name}: {streamed:?}, whole to {asker:?} {said:?}"));
        }
    }
    wrong
}

/// An error has its class, and the provider's words in the client's shape.
fn error_is_wrong(case: &Case, asker: Asker, seen: &Seen) -> Option<String> {
    let told: Value = serde_json::from_str(&seen.text).unwrap();
    let body: Value = serde_json::from_slice(&case.body).unwrap();
    let words = body["error"]["message"].as_str().or(body["error"].as_str());
    let words = words.or(body["message"].as_str()).or(body["Message"].as_str()).unwrap();
    let expected = match case.api() {
        // "The provided model identifier is invalid.": another link's may be right.
        "converse" => FailureClass::NotFound,
        _ => class(&case.entry).0,
    };
    // Of what is the router's or a provider's own affair the client learns the class alone.
    let learns = matches!(expected, FailureClass::InvalidRequest | FailureClass::ContextLength);
    let message = told["error"]["message"].as_str().unwrap_or_default();
    let is_right = seen.status >= 400
        && (message.contains(words) || (!learns && !message.is_empty()))
        && (told["type"] == "error") == (asker == Asker::Messages)
        && seen.tried.ends_with(&format!("={expected}"));
    (!is_right).then(|| format!("{} to {asker:?}: {expected}, {}", case.name, seen.text))
}
