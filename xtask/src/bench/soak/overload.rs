//! Twice the load that the router has places for: it sheds, keeps its time for what it takes, and
//! is itself again at once.
//!
//! Owns the schedule of requests and the verdict. Requests are sent by the clock, not when others
//! have ended, so that a slow router cannot slow its load.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpStream;

use super::super::serve::runtime;
use super::subject::Subject;
use super::upstream::{Manner, Upstream};
use crate::trouble::{Doing, Trouble};

/// What may be changed.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// How long the load is twice what can be served
    #[arg(long, default_value_t = 60)]
    seconds: u64,
}

/// The router's places, and what each request takes: together, what it can serve.
const PLACES: u32 = 64;
const TIME: Duration = Duration::from_millis(100);
const CAPACITY: u32 = PLACES * 10;
/// Before and after.
const CALM: Duration = Duration::from_secs(5);
/// Connections: as many as requests are open at twice the load, and some more; fewer than the router
/// takes with that many places, so that all that is shed is requests.
const CLIENTS: u32 = 240;
/// How much longer a request may take than before.
const LEEWAY: Duration = Duration::from_millis(50);

/// Runs the three phases.
///
/// # Errors
/// When the router cannot be started, or does not keep what is asked of it.
pub(crate) fn run(options: &Options) -> Result<(), Trouble> {
    runtime()?.block_on(overload(Duration::from_secs(options.seconds)))
}

async fn overload(length: Duration) -> Result<(), Trouble> {
    let upstream = Upstream::start(Manner::Steady(TIME)).await?;
    let subject = Subject::start(upstream.address, PLACES as usize)?;
    let address = subject.address();
    let before = phase(address, CAPACITY / 2, CALM).await?;
    before.print("half the load");
    let during = phase(address, CAPACITY * 2, length).await?;
    during.print("twice the load");
    let after = phase(address, CAPACITY / 2, CALM).await?;
    after.print("half the load");
    let wrong = |what: &str| Err(Trouble::new("hold the router against twice its load", what));
    let whole = u64::from(CAPACITY) * length.as_secs();
    match () {
        () if before.shed + after.shed > 0 => wrong("it sheds what it could serve"),
        () if during.shed == 0 => wrong("it sheds nothing"),
        () if during.other + before.other + after.other > 0 => wrong("requests were lost"),
        () if during.served() * 10 < whole * 8 => wrong("it serves less than it could"),
        () if during.p99() > before.p99() + LEEWAY => wrong("what it takes has to wait"),
        () if after.p99() > before.p99() + LEEWAY => wrong("it is not itself again"),
        () => Ok(()),
    }
}

/// What came of a phase.
#[derive(Default)]
struct Phase {
    /// How long those took that were served, in rising order at the end.
    times: Vec<Duration>,
    /// How long those took that were not.
    shed_times: Vec<Duration>,
    shed: u64,
    other: u64,
}

impl Phase {
    fn served(&self) -> u64 {
        self.times.len() as u64
    }

    fn p99(&self) -> Duration {
        quantile(&self.times, 99)
    }

    fn print(&self, load: &str) {
        println!(
            "{load}: {} served (p50 {:.1} ms, p99 {:.1} ms), {} shed (p99 {:.1} ms), {} other",
            self.served(),
            milliseconds(quantile(&self.times, 50)),
            milliseconds(self.p99()),
            self.shed,
            milliseconds(quantile(&self.shed_times, 99)),
            self.other,
        );
    }
}

fn quantile(rising: &[Duration], percent: usize) -> Duration {
    rising.get(rising.len() * percent / 100).or(rising.last()).copied().unwrap_or_default()
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1_000.0
}

async fn phase(address: SocketAddr, rate: u32, length: Duration) -> Result<Phase, Trouble> {
    let start = Instant::now() + Duration::from_millis(50);
    let mut clients = Vec::new();
    for place in 0..CLIENTS {
        let first = start + Duration::from_secs(1) * place / rate;
        let every = Duration::from_secs(1) * CLIENTS / rate;
        clients.push(tokio::spawn(client(address, (first, every), start + length)));
    }
    let mut all = Phase::default();
    for client in clients {
        let one = client.await.doing("run a client")??;
        all.times.extend(one.times);
        all.shed_times.extend(one.shed_times);
        all.shed += one.shed;
        all.other += one.other;
    }
    all.times.sort_unstable();
    all.shed_times.sort_unstable();
    Ok(all)
}

async fn client(
    address: SocketAddr,
    (first, every): (Instant, Duration),
    until: Instant,
) -> Result<Phase, Trouble> {
    let stream = TcpStream::connect(address).await.doing("connect to the router")?;
    stream.set_nodelay(true).doing("connect to the router")?;
    let io = TokioIo::new(stream);
    let (mut sender, connection) = http1::handshake(io).await.doing("connect to the router")?;
    tokio::spawn(connection);
    let body = json!({"model": "r", "messages": [{"role": "user", "content": "q"}]}).to_string();
    let body = Bytes::from(body);
    let (mut phase, mut next) = (Phase::default(), first);
    while next < until {
        tokio::time::sleep_until(next.into()).await;
        next += every;
        let request = Request::post("/")
            .header(header::HOST, "localhost")
            .body(Full::new(body.clone()))
            .doing("make a request")?;
        sender.ready().await.doing("use a connection")?;
        let sent = Instant::now();
        let response = sender.send_request(request).await.doing("ask the router")?;
        let status = response.status().as_u16();
        let told = response.headers().contains_key(header::RETRY_AFTER);
        response.into_body().collect().await.doing("read an answer")?;
        let took = sent.elapsed();
        match status {
            200 => phase.times.push(took),
            503 if told => {
                phase.shed += 1;
                phase.shed_times.push(took);
            }
            _ => phase.other += 1,
        }
    }
    Ok(phase)
}
