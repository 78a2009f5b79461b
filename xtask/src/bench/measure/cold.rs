//! A cold start on Lambda: from exec to the first event and to the first byte of the first reply.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use bytes::Bytes;
use model_map::{ApiKey, ModelMap};
use serde_json::json;
use tokio::process::{Child, Command};

use crate::bench::aws::{Aws, Done, KEY};
use crate::bench::process::resident_of;
use crate::bench::report::{Aim, Row, median};
use crate::bench::subject::{Bench, SHORT, role_name};
use crate::bench::upstream::Pace;
use crate::bench::wire::Dialect;
use crate::emulator::{self, Emulator, REGION};
use crate::trouble::{Doing, Trouble};

/// To the first event, more than the smallest function needs, in ms.
const NEXT_AIM: f64 = 2.0;
/// To the first byte of the first reply, with the map and two secrets from AWS, in ms. An own
/// bound, since none is given: what a client would notice.
const FIRST_BYTE_AIM: f64 = 100.0;
/// The same with an emulator in Python, which takes its own time for each of the three.
const EMULATED_AIM: f64 = 200.0;
/// Resident after the first reply, in MB.
const MEMORY_AIM: f64 = 20.0;
/// Nothing takes that long.
const PATIENCE: Duration = Duration::from_secs(30);

/// The router and the smallest function take turns.
pub(in crate::bench) async fn cold(bench: &Bench, quick: bool) -> Result<Vec<Row>, Trouble> {
    let map = keyed(model_map::load(&bench.map()?).doing("read the map")?)?;
    let (mut hello, mut next, mut first_byte, mut memory) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for _ in 0..if quick { 5 } else { 40 } {
        let aws = Aws::start(None, map.clone()).await?;
        let started = Instant::now();
        let _child = function(&bench.programs.hello, (&aws, aws.address))?;
        hello.push(since(started, wait(&aws, |done| done.next.is_some()).await?.next));

        let aws = Aws::start(Some(event(Dialect::Openai, SHORT)), map.clone()).await?;
        let started = Instant::now();
        let child = function(&bench.programs.router, (&aws, aws.address))?;
        let done = wait(&aws, |done| done.replied).await?;
        next.push(since(started, done.next));
        first_byte.push(since(started, Some(done.first_byte.doing("get a streamed reply")?)));
        let process = child.id().doing("keep the function running")?;
        // A resident set of terabytes is none.
        memory
            .push(f64::from(u32::try_from(resident_of(process)? / 1024).unwrap_or(u32::MAX)) / 1e3);
    }
    let row = |what: &str, unit, router, (proxy, aim)| Row {
        what: what.into(),
        unit,
        proxy,
        router,
        ratio: None,
        aim,
    };
    let mut rows = vec![
        row("cold: exec to /next", "ms", median(next), (Some(median(hello)), Aim::Added(NEXT_AIM))),
        row(
            "cold: exec to the first byte, map and keys in AWS",
            "ms",
            median(first_byte),
            (None, Aim::Value(FIRST_BYTE_AIM)),
        ),
        row(
            "cold: memory after the first reply",
            "MB",
            median(memory),
            (None, Aim::Value(MEMORY_AIM)),
        ),
    ];
    if let Some(emulated) = emulated(bench, &map, quick).await? {
        let aim = (None, Aim::Value(EMULATED_AIM));
        rows.push(row("cold: exec to the first byte, with ministack", "ms", emulated, aim));
    }
    Ok(rows)
}

/// To the first byte, with the map and the keys in an emulator of S3 and Secrets Manager that others
/// wrote; none where there is no Python for it.
async fn emulated(bench: &Bench, map: &Bytes, quick: bool) -> Result<Option<f64>, Trouble> {
    let program = match emulator::install()? {
        Ok(program) => program,
        Err(why) => {
            eprintln!("ministack: skipped, since {why}");
            return Ok(None);
        }
    };
    let emulator = Emulator::start(&program)?;
    emulator.put("/bench", b"")?;
    emulator.put("/bench/config/model_map.json", map)?;
    emulator.put_secret("/sfai/bench/CLIENT_KEYS", &format!("bench:{KEY}"))?;
    emulator.put_secret("/sfai/bench/PROVIDER_KEY", KEY)?;
    let mut first_byte = Vec::new();
    for _ in 0..if quick { 3 } else { 20 } {
        let aws = Aws::start(Some(event(Dialect::Openai, SHORT)), map.clone()).await?;
        let started = Instant::now();
        let _child = function(&bench.programs.router, (&aws, emulator.address))?;
        let done = wait(&aws, |done| done.replied).await?;
        first_byte.push(since(started, Some(done.first_byte.doing("get a streamed reply")?)));
    }
    Ok(Some(median(first_byte)))
}

/// The map with providers whose key is in Secrets Manager.
pub(super) fn keyed(mut map: ModelMap) -> Result<Bytes, Trouble> {
    for provider in map.providers.values_mut() {
        provider.api_key = Some(ApiKey::Secret("/sfai/bench/PROVIDER_KEY".into()));
    }
    Ok(model_map::seal(&mut map).doing("seal the map")?.into())
}

pub(super) async fn wait(aws: &Aws, holds: impl FnMut(&Done) -> bool) -> Result<Done, Trouble> {
    tokio::time::timeout(PATIENCE, aws.until(holds)).await.doing("wait for the function")
}

fn since(started: Instant, at: Option<Instant>) -> f64 {
    at.map_or(f64::NAN, |at| at.duration_since(started).as_secs_f64() * 1e3)
}

/// With the Runtime API of the first, and S3 and Secrets Manager at the second.
pub(super) fn function(
    program: &Path,
    (aws, services): (&Aws, SocketAddr),
) -> Result<Child, Trouble> {
    Command::new(program)
        .env("AWS_LAMBDA_RUNTIME_API", aws.address.to_string())
        .env("AWS_LAMBDA_FUNCTION_NAME", "bench")
        .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")
        .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
        .env("AWS_ENDPOINT_URL", format!("http://{services}"))
        .env("AWS_REGION", REGION)
        .env("AWS_ACCESS_KEY_ID", "bench")
        .env("AWS_SECRET_ACCESS_KEY", "bench")
        .env("SFAI_CONFIG_BUCKET", "bench")
        .env("SFAI_ENV", "bench")
        .env_remove("SFAI_CLIENT_KEYS")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .doing(format!("start {}", program.display()))
}

/// A streamed chat with the role of this dialect and pace.
pub(super) fn event(dialect: Dialect, pace: Pace) -> Bytes {
    let body = Dialect::Openai.request(&role_name(dialect, pace), true);
    let body = String::from_utf8_lossy(&body);
    let event = json!({
        "version": "2.0",
        "rawPath": "/v1/chat/completions",
        "headers": {"authorization": format!("Bearer {KEY}"), "content-type": "application/json"},
        "requestContext": {
            "domainName": "bench.lambda-url.ap-northeast-1.on.aws",
            "http": {"method": "POST"},
        },
        "body": body,
        "isBase64Encoded": false,
    });
    event.to_string().into()
}
