//! The real binary with its map in S3 and its keys in Secrets Manager, and both failing.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::aws::{Aws, BUCKET, Mode};
use crate::faults::{Fault, Upstream};
use crate::lambda::{KEY, url_event};
use crate::process::RouterProcess;
use crate::running::{MapBuilder, client, question};
use crate::runtime_api::Function;

const MAP: &str = "GET config/model_map.json";
const CLIENTS: &str = "/sfai/test/CLIENT_KEYS";
const OPENAI: &str = "/sfai/test/OPENAI_API_KEY";
const CHAT: &str = "/v1/chat/completions";
/// Nothing here takes that long; it turns a hang into a message.
const PATIENCE: Duration = Duration::from_secs(60);

/// A function whose map and keys are in AWS, and its upstream.
struct Deployed {
    aws: Aws,
    function: Function,
    upstream: Upstream,
}

fn map(upstream: &Upstream) -> MapBuilder {
    let keyed = json!({"providers": {"openai": {"api_key": {"secret": OPENAI}}}});
    MapBuilder::new(upstream.address).role("gpt", &["openai/m"], json!({})).with(keyed)
}

/// Looks for changes before every request.
const ALWAYS: [(&str, &str); 2] =
    [("SFAI_CONFIG_REFRESH_SECONDS", "0"), ("SFAI_SECRETS_REFRESH_SECONDS", "0")];

async fn stocked() -> (Aws, Upstream) {
    let (aws, upstream) = (Aws::start().await, Upstream::start().await);
    aws.put_map(map(&upstream).bytes());
    aws.put_secret(CLIENTS, &format!("ada:{KEY}"));
    aws.put_secret(OPENAI, "sk-first");
    (aws, upstream)
}

async fn deploy(env: &[(&str, &str)]) -> Deployed {
    let (aws, upstream) = stocked().await;
    let function = start(&aws, env).await;
    Deployed { aws, function, upstream }
}

async fn start(aws: &Aws, env: &[(&str, &str)]) -> Function {
    let own = aws.env();
    let own = own.iter().map(|(name, value)| (*name, value.as_str()));
    let env: Vec<_> = own.chain(env.iter().copied()).collect();
    // The bucket goes before it.
    Function::start("no/such/map.json".as_ref(), &env).await
}

impl Deployed {
    async fn ask(&self, role: &str) -> (Value, Value) {
        self.send("POST", CHAT, &question(role, false).to_string()).await
    }

    /// Sends a request; the reply's head and its body.
    async fn send(&self, method: &str, path: &str, body: &str) -> (Value, Value) {
        let posted = self.function.invoke(url_event(method, path, body)).await;
        let mut posted = posted;
        let (head, stream) = posted.prelude().await;
        let text = stream.rest().await;
        (head, serde_json::from_str(&text).unwrap())
    }

    async fn health(&self) -> Value {
        self.send("GET", "/health", "").await.1
    }

    /// Has the log and the metric of alarms tell of trouble since the line `after`.
    async fn tells_of_trouble(&self, after: usize, says: &str) {
        let said = self.function.says(after, says).await;
        assert!(said.contains("warns: "), "{said}");
        let counted: Value =
            serde_json::from_str(&self.function.says(after, "ConfigFailures").await).unwrap();
        assert_eq!(counted["Env"], "test");
        assert!(counted["ConfigFailures"].as_f64().unwrap() > 0.0, "{counted}");
        assert_eq!(counted["_aws"]["CloudWatchMetrics"][0]["Namespace"], "sfai");
    }

    /// Has the log say since the line `after` that all is well again, and no metric say otherwise.
    async fn tells_of_recovery(&self, after: usize) {
        self.function.says(after, "no longer: ").await;
        let well = self.function.log().len();
        assert_eq!(self.status().await, 200);
        let since = self.function.log().split_off(well);
        assert!(!since.iter().any(|line| line.contains("ConfigFailures")), "{since:?}");
    }

    async fn status(&self) -> Value {
        self.ask("gpt").await.0["statusCode"].take()
    }

    fn keys_sent(&self) -> Vec<String> {
        let arrivals = self.upstream.arrivals();
        arrivals.iter().map(|it| it.header("authorization").unwrap_or_default().into()).collect()
    }
}

#[tokio::test]
async fn a_cold_function_serves_its_first_request_from_aws() {
    let deployed = deploy(&[]).await;
    let (head, _) = deployed.ask("gpt").await;
    assert_eq!(head["statusCode"], 200);
    assert_eq!(deployed.keys_sent(), ["Bearer sk-first"]);
    let (head, _) = deployed.ask("nobody").await;
    assert_eq!(head["statusCode"], 404);
    let health = deployed.health().await;
    assert_eq!((&health["status"], &health["secrets"]["held"]), (&json!("ok"), &json!(2)));
    assert!(health["map"]["checked_seconds_ago"].is_u64(), "{health}");
    assert!(health["secrets"]["age_seconds"].is_u64(), "{health}");
    // Each was read once: nothing was due for the requests after the first.
    for what in [MAP, CLIENTS, OPENAI] {
        assert_eq!(deployed.aws.times(what), 1, "{what}");
    }
}

#[tokio::test]
async fn an_unchanged_map_is_not_sent_again_and_a_changed_one_is_served() {
    let deployed = deploy(&ALWAYS).await;
    assert_eq!(deployed.status().await, 200);
    assert_eq!(deployed.status().await, 200);
    let asked = deployed.aws.asked();
    let looks: Vec<_> = asked.iter().filter(|asked| asked.what == MAP).collect();
    assert_eq!((looks[0].status, &looks[0].unless), (200, &None));
    let last = looks.last().unwrap();
    assert_eq!((last.status, last.unless.is_some()), (304, true), "{looks:?}");

    deployed.aws.put_map(map(&deployed.upstream).role("new", &["openai/m"], json!({})).bytes());
    assert_eq!(deployed.ask("new").await.0["statusCode"], 200);
}

#[tokio::test]
async fn a_new_map_comes_in_the_background() {
    let deployed = deploy(&[("SFAI_CONFIG_REFRESH_SECONDS", "1")]).await;
    assert_eq!(deployed.status().await, 200);
    deployed.aws.put_map(map(&deployed.upstream).role("new", &["openai/m"], json!({})).bytes());
    let start = Instant::now();
    while deployed.ask("new").await.0["statusCode"] != 200 {
        assert!(start.elapsed() < PATIENCE, "the new map does not come");
    }
}

#[tokio::test]
async fn a_rotated_key_is_read_again_when_the_provider_refuses_the_old_one() {
    let deployed = deploy(&[]).await;
    assert_eq!(deployed.status().await, 200);
    deployed.aws.put_secret(OPENAI, "sk-second");
    deployed.upstream.push("", [Fault::status(401)]);
    let (head, _) = deployed.ask("gpt").await;
    assert_eq!(head["statusCode"], 200);
    assert_eq!(head["headers"]["x-sfai-attempts"], "openai/m=ok");
    assert_eq!(deployed.status().await, 200);
    let first = "Bearer sk-first";
    assert_eq!(deployed.keys_sent(), [first, first, "Bearer sk-second", "Bearer sk-second"]);
}

#[tokio::test]
async fn requests_that_are_refused_with_an_old_key_at_once_all_find_the_new_one() {
    const MANY: usize = 5;
    let (aws, upstream) = stocked().await;
    let env = aws.env();
    let env: Vec<_> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let router = RouterProcess::start(&[], &env).await;
    let ask = async || {
        let request = client().post(format!("http://{}{CHAT}", router.address)).bearer_auth(KEY);
        request.body(question("gpt", false).to_string()).send().await.unwrap().status()
    };
    assert_eq!(ask().await, 200);
    aws.put_secret(OPENAI, "sk-second");
    let opens = aws.hold_secrets();
    upstream.push("", [(); MANY].map(|()| Fault::status(401)));
    let rotates = async {
        for number in 1..=MANY {
            upstream.ended(number).await;
        }
        while aws.times(OPENAI) < 2 {
            tokio::task::yield_now().await;
        }
        opens.send_replace(true);
    };
    let asked = futures_util::future::join_all((0..MANY).map(|_| ask()));
    let (statuses, ()) = tokio::join!(asked, rotates);
    assert!(statuses.iter().all(|status| *status == 200), "{statuses:?}");
    assert_eq!(aws.times(OPENAI), 2, "one read for all");
}

#[tokio::test]
async fn a_key_that_is_wrong_is_not_tried_twice_nor_read_with_every_request() {
    let deployed = deploy(&[]).await;
    assert_eq!(deployed.status().await, 200);
    deployed.upstream.always("", Fault::status(401));
    for _ in 0..3 {
        let (head, body) = deployed.ask("gpt").await;
        assert_eq!(head["statusCode"], 502, "{body}");
        assert_eq!(head["headers"]["x-sfai-attempts"], "openai/m=auth");
    }
    assert_eq!(deployed.upstream.arrivals().len(), 4);
    assert_eq!(deployed.aws.times(OPENAI), 2);
}

#[tokio::test]
async fn client_keys_change_without_a_deployment() {
    let deployed = deploy(&ALWAYS).await;
    assert_eq!(deployed.status().await, 200);
    deployed.aws.put_secret(CLIENTS, "bob:another-key-of-24-characters");
    assert_eq!(deployed.status().await, 401);
    // What is none keeps the last good ones.
    deployed.aws.put_secret(CLIENTS, &format!("ada:{KEY}"));
    assert_eq!(deployed.status().await, 200);
    deployed.aws.put_secret(CLIENTS, "gibberish");
    assert_eq!(deployed.status().await, 200);
    let health = deployed.health().await;
    let refused = health["map"]["refused"].as_str().unwrap();
    assert!(refused.contains(CLIENTS) && !refused.contains("gibberish"), "{refused}");
    assert_eq!(health["status"], "degraded");
}

#[tokio::test]
async fn trouble_with_s3_keeps_the_map_and_is_told_until_it_is_over() {
    let deployed = deploy(&ALWAYS).await;
    assert_eq!(deployed.status().await, 200);
    for (mode, says) in [
        (Mode::Failing, "500 InternalError"),
        (Mode::Denied, "may not be read (403 AccessDenied)"),
        (Mode::Missing, "is not there"),
        (Mode::Silent, "did not come in time"),
    ] {
        let lines = deployed.function.log().len();
        deployed.aws.s3(mode);
        assert_eq!(deployed.status().await, 200, "{mode:?}");
        deployed.tells_of_trouble(lines, says).await;
        let health = deployed.health().await;
        let error = health["map"]["error"].as_str().unwrap_or_default();
        assert!(error.contains(says), "{mode:?}: {health}");
        assert_eq!(health["status"], "degraded");
        deployed.aws.s3(Mode::Well);
        assert_eq!(deployed.health().await["status"], "ok", "after {mode:?}");
        deployed.tells_of_recovery(lines).await;
    }
    // A map that is spoilt on its way, and then comes whole.
    for (mode, at, role) in [(Mode::Cut, "error", "a"), (Mode::Altered, "refused", "b")] {
        let lines = deployed.function.log().len();
        deployed.aws.s3(mode);
        let next = map(&deployed.upstream).role(role, &["openai/m"], json!({}));
        deployed.aws.put_map(next.bytes());
        assert_eq!(deployed.status().await, 200, "{mode:?}");
        let health = deployed.health().await;
        let why = health["map"][at].as_str().unwrap_or_else(|| panic!("{mode:?}: {health}"));
        deployed.tells_of_trouble(lines, why.get(..20).unwrap()).await;
        deployed.aws.s3(Mode::Well);
        deployed.aws.put_map(next_of(&deployed.upstream, role));
        assert_eq!(deployed.ask(role).await.0["statusCode"], 200, "after {mode:?}");
        assert_eq!(deployed.health().await["status"], "ok", "after {mode:?}");
        deployed.tells_of_recovery(lines).await;
    }
}

fn next_of(upstream: &Upstream, role: &str) -> Vec<u8> {
    map(upstream).role(role, &["openai/m"], json!({})).role("z", &["openai/m"], json!({})).bytes()
}

#[tokio::test]
async fn trouble_with_secrets_manager_keeps_the_keys_and_is_told_until_it_is_over() {
    let deployed = deploy(&ALWAYS).await;
    assert_eq!(deployed.status().await, 200);
    for (mode, says) in [
        (Mode::Failing, "500 InternalError"),
        (Mode::Denied, "may not be read (400 AccessDeniedException)"),
        (Mode::Missing, "is not there"),
        (Mode::Cut, "cannot be"),
        (Mode::Silent, "did not come in time"),
    ] {
        let lines = deployed.function.log().len();
        deployed.aws.secrets_manager(mode);
        assert_eq!(deployed.status().await, 200, "{mode:?}");
        deployed.tells_of_trouble(lines, says).await;
        let health = deployed.health().await;
        let errors = health["secrets"]["errors"].to_string();
        assert!(errors.contains(says) && errors.contains(OPENAI), "{mode:?}: {health}");
        assert!(!errors.contains("sk-first"), "{errors}");
        assert_eq!(health["status"], "degraded");
        deployed.aws.secrets_manager(Mode::Well);
        assert_eq!(deployed.health().await["status"], "ok", "after {mode:?}");
        deployed.tells_of_recovery(lines).await;
    }
    assert!(deployed.keys_sent().iter().all(|key| key == "Bearer sk-first"));
}

#[tokio::test]
async fn a_map_and_client_keys_that_cannot_be_confirmed_are_used_for_a_bounded_time() {
    let mut env = ALWAYS.to_vec();
    // Longer than a look takes, however slow the machine.
    env.push(("SFAI_CONFIG_MAX_AGE_SECONDS", "5"));
    let deployed = deploy(&env).await;
    let aws = &deployed.aws;
    let s3 = |mode| aws.s3(mode);
    let secrets_manager = |mode| aws.secrets_manager(mode);
    let troubles: [(&dyn Fn(Mode), &str); 2] =
        [(&s3, "the map could"), (&secrets_manager, "the secret of the client keys could")];
    for (have, says) in troubles {
        assert_eq!(deployed.status().await, 200, "each request confirms what it needs");
        let lines = deployed.function.log().len();
        have(Mode::Failing);
        let ends = async {
            loop {
                let (head, body) = deployed.ask("gpt").await;
                if head["statusCode"] != 200 {
                    return (head, body);
                }
            }
        };
        let (head, body) = tokio::time::timeout(PATIENCE, ends).await.expect("it is used on");
        assert_eq!(
            (&head["statusCode"], &body["error"]["code"]),
            (&json!(503), &json!("not_ready"))
        );
        assert!(body["error"]["message"].as_str().unwrap().contains(says), "{body}");
        assert_eq!(deployed.send("GET", "/health", "").await.0["statusCode"], 503);
        deployed.tells_of_trouble(lines, says).await;
        have(Mode::Well);
        assert_eq!(deployed.status().await, 200, "once it can be read all is well");
        assert_eq!(deployed.health().await["status"], "ok");
    }
}

#[tokio::test]
async fn a_clock_that_is_an_hour_late_does_not_keep_it_from_aws() {
    let (aws, upstream) = stocked().await;
    aws.s3(Mode::Ahead);
    aws.secrets_manager(Mode::Ahead);
    let function = start(&aws, &ALWAYS).await;
    let deployed = Deployed { aws, function, upstream };
    assert_eq!(deployed.status().await, 200, "{:?}", deployed.aws.asked());
    let health = deployed.health().await;
    assert_eq!(health["status"], "ok", "{health}");
}

#[tokio::test]
async fn a_cold_function_without_a_map_or_client_keys_says_what_it_lacks() {
    let (aws, upstream) = (Aws::start().await, Upstream::start().await);
    let function = start(&aws, &ALWAYS).await;
    let deployed = Deployed { aws, function, upstream };
    let (head, body) = deployed.ask("gpt").await;
    assert_eq!(head["statusCode"], 503);
    assert_eq!(body["error"]["code"], "not_ready");
    // Nobody has said yet which environment it is but the variable.
    deployed.tells_of_trouble(0, "config/model_map.json").await;
    let message = body["error"]["message"].as_str().unwrap();
    assert!(message.contains("config/model_map.json") && !message.contains(BUCKET), "{message}");

    deployed.aws.put_map(map(&deployed.upstream).bytes());
    let (head, body) = deployed.ask("gpt").await;
    let message = body["error"]["message"].as_str().unwrap();
    assert_eq!(head["statusCode"], 503);
    assert!(message.contains(CLIENTS), "{message}");

    deployed.aws.put_secret(CLIENTS, &format!("ada:{KEY}"));
    let (head, _) = deployed.ask("gpt").await;
    assert_eq!(head["headers"]["x-sfai-attempts"], "openai/m=auth", "its key is missing: {head}");
    deployed.aws.put_secret(OPENAI, "sk-first");
    assert_eq!(deployed.status().await, 200);
}

#[tokio::test]
async fn a_variable_stands_in_for_a_secret_that_is_not_there() {
    let (aws, upstream) = (Aws::start().await, Upstream::start().await);
    aws.put_map(map(&upstream).bytes());
    let keys = format!("ada:{KEY}");
    let env = [("SFAI_CLIENT_KEYS", keys.as_str()), ("OPENAI_API_KEY", "sk-variable")];
    let function = start(&aws, &env).await;
    let deployed = Deployed { aws, function, upstream };
    assert_eq!(deployed.status().await, 200);
    assert_eq!(deployed.keys_sent(), ["Bearer sk-variable"]);
    let health = deployed.health().await;
    assert_eq!((&health["status"], &health["secrets"]["held"]), (&json!("ok"), &json!(0)));
}

/// What the fake of these tests cannot show: that an emulator of more than the router's own calls
/// answers it in the same way.
#[tokio::test]
#[ignore = "needs an emulator: cargo xtask test --only state"]
async fn an_emulator_serves_the_map_and_the_keys() {
    let url = std::env::var("SFAI_TEST_AWS").expect("SFAI_TEST_AWS is an emulator without data");
    let (aws, upstream) = (Aws::start().await, Upstream::start().await);
    let put = async |path: &str, body: Vec<u8>| {
        let request = client().put(format!("{url}/{path}")).header("authorization", SIGNED);
        assert!(request.body(body).send().await.unwrap().status().is_success(), "{path}");
    };
    let region = "<CreateBucketConfiguration><LocationConstraint>ap-northeast-1</LocationConstraint></CreateBucketConfiguration>";
    put(BUCKET, region.into()).await;
    let object = format!("{BUCKET}/config/model_map.json");
    put(&object, map(&upstream).bytes()).await;
    for (name, value) in [(CLIENTS, format!("ada:{KEY}")), (OPENAI, "sk-first".into())] {
        let request = client().post(&url).header("authorization", SIGNED);
        let request = request.header("x-amz-target", "secretsmanager.CreateSecret");
        let body = json!({"Name": name, "SecretString": value}).to_string();
        assert!(request.body(body).send().await.unwrap().status().is_success(), "{name}");
    }
    let mut env = ALWAYS.to_vec();
    env.push(("AWS_ENDPOINT_URL", &url));
    let function = start(&aws, &env).await;
    let deployed = Deployed { aws, function, upstream };
    assert_eq!(deployed.status().await, 200);
    assert_eq!(deployed.keys_sent(), ["Bearer sk-first"]);
    assert_eq!(deployed.health().await["status"], "ok");
    put(&object, map(&deployed.upstream).role("new", &["openai/m"], json!({})).bytes()).await;
    assert_eq!(deployed.ask("new").await.0["statusCode"], 200);
    put(&object, b"{}".into()).await;
    assert_eq!(deployed.ask("new").await.0["statusCode"], 200);
    assert_eq!(deployed.health().await["status"], "degraded");
}

/// Which region a request is for; nobody checks the rest.
const SIGNED: &str = "AWS4-HMAC-SHA256 Credential=test/20261125/ap-northeast-1/s3/aws4_request, SignedHeaders=host, Signature=x";

#[tokio::test]
async fn the_local_server_reads_from_aws_as_well() {
    let (aws, upstream) = stocked().await;
    let env = aws.env();
    let mut env: Vec<_> = env.iter().map(|(name, value)| (*name, value.as_str())).collect();
    env.push(("SFAI_CONFIG_REFRESH_SECONDS", "1"));
    let mut router = RouterProcess::start(&[], &env).await;
    let ask = async |address, role| {
        let request = client().post(format!("http://{address}{CHAT}")).bearer_auth(KEY);
        request.body(question(role, false).to_string()).send().await.unwrap().status()
    };
    assert_eq!(ask(router.address, "gpt").await, 200);
    aws.s3(Mode::Denied);
    router.says("may not be read (403 AccessDenied)").await;
    assert_eq!(ask(router.address, "gpt").await, 200);
    aws.s3(Mode::Well);
    router.says("no longer: the map config/model_map.json in S3 may not be read").await;
    aws.put_map(map(&upstream).role("new", &["openai/m"], json!({})).bytes());
    router.says("serves a new map").await;
    assert_eq!(ask(router.address, "new").await, 200);
}
