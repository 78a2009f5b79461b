//! Starting the router: what must be in place before the first request, and nothing else.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use model_map::Protocol;
use tokio::signal::unix::{Signal, SignalKind, signal};

#[cfg(feature = "aws")]
use crate::audit::bucket::Bucket;
use crate::audit::folder::Folder;
use crate::auth::{CLIENT_KEYS, ClientKeys, Reach};
#[cfg(feature = "aws")]
use crate::breakers::fleet::Fleet;
use crate::cli::Cli;
use crate::clock::Ambient;
#[cfg(feature = "watch")]
use crate::config::Reload;
use crate::config::{Config, Surroundings, Upstreams};
use crate::cors::{CORS_ORIGINS, Cors};
use crate::hosts::{ALLOWED_HOSTS, Hosts};
#[cfg(feature = "aws")]
use crate::limits::Limits;
use crate::limits::{STATE_PATIENCE, STATE_TABLE, STATE_TIMEOUT};
use crate::load::Load;
use crate::log::{self, Format, say};
use crate::observer::{Observer, Tellers};
use crate::router::Router;
use crate::server;
use crate::telemetry::Telemetry;

/// The bucket of the audit log.
const AUDIT_BUCKET: &str = "SFAI_AUDIT_BUCKET";

/// Shorter than the router's shortest common timer.
const BEAT: Duration = Duration::from_millis(100);
/// So often connections are looked at that nobody uses.
const BEATS_TO_TIDY: u32 = 50;

/// Runs the front that the surroundings ask for until it is told to stop.
///
/// # Errors
/// When it cannot start; the text says why and what to do.
pub fn run(cli: &Cli) -> Result<(), String> {
    let on_lambda = std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_some();
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    runtime.block_on(async { if on_lambda { lambda(cli).await } else { local(cli).await } })
}

async fn lambda(cli: &Cli) -> Result<(), String> {
    let around = Surroundings::new(Upstreams::Real, client_keys()?, Reach::Everyone);
    let map = cli.map(variable);
    let config = match in_aws(cli, &map)? {
        None => Arc::new(Config::open(&map, around, SystemTime::now())?),
        // Nothing is waited for: the first request does.
        Some((_, config)) => config(around),
    };
    // CloudWatch reads the lines as metrics, on which alarms are built.
    log::speak(Format::Embedded);
    let lines = Some(Format::Embedded);
    let tellers = Tellers { lines, telemetry: telemetry()?, ..audit_bucket()? };
    let router = router(config, Some(Arc::new(Observer::inline(tellers))))?;
    crate::lambda::run(router).await.map_err(|error| error.to_string())
}

async fn local(cli: &Cli) -> Result<(), String> {
    let keys = client_keys()?;
    let telemetry = telemetry()?;
    let observer = observer(cli, telemetry.clone())?;
    let demo = Demo::start(cli)?;
    let map = cli.map(variable);
    let around = Surroundings::new(demo.upstreams(), keys, Reach::Address(cli.listen));
    let (from, config) = match in_aws(cli, &map)? {
        None => {
            let config = Config::open(&map, around, SystemTime::now())?;
            (map.display().to_string(), Arc::new(config))
        }
        Some((from, config)) => (from, config(around)),
    };
    config.ready().await.map_err(|why| format!("cannot serve the map {from}: {why}"))?;
    let listener = server::bind(cli.listen).await.map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    describe(&config, &from);
    keep_up(&config);
    demo.describe();
    if config.current().is_some_and(|current| current.clients.is_open()) {
        say(&format!(
            "asks for no key, since {CLIENT_KEYS} is not set: allowed on a loopback address only"
        ));
    }
    // A map in S3 is not a file.
    let _watch = (from == map.display().to_string()).then(|| follow(&map, &config));
    say(&format!("listening on http://{address}"));
    let router = router(config, observer.clone())?;
    tokio::spawn(beat(Arc::clone(&router)));
    let exports = telemetry.clone().map(|it| tokio::spawn(async move { it.follow().await }));
    server::serve(Arc::clone(&router), listener, ordered_to_stop()).await;
    router.settled().await;
    if let Some(observer) = observer {
        // It waits for the disk or for S3, which this runtime reaches.
        let _ = tokio::task::spawn_blocking(move || observer.close()).await;
    }
    if let Some(telemetry) = telemetry {
        exports.inspect(|it| it.abort());
        telemetry.shut_down().await;
    }
    Ok(())
}

/// The handler of every front.
fn router(config: Arc<Config>, observer: Option<Arc<Observer>>) -> Result<Arc<Router>, String> {
    let cors = Cors::parse(&variable(CORS_ORIGINS).unwrap_or_default())?;
    let hosts = Hosts::parse(&variable(ALLOWED_HOSTS).unwrap_or_default())?;
    let router = Router::new(config, Ambient::default()).with_cors(cors).with_hosts(hosts);
    let router = sharing(router.observed(observer))?.showing_breakers();
    let router = router.with_load(Load::of(variable)?);
    Ok(Arc::new(router))
}

/// Has limits counted and breakers kept in the table that the environment names, if it names one.
fn sharing(router: Router) -> Result<Router, String> {
    let Some((table, patience)) = state_table()? else { return Ok(router) };
    #[cfg(not(feature = "aws"))]
    let _ = patience;
    #[cfg(feature = "aws")]
    {
        let aws = crate::aws::shared();
        let limits = Limits::shared(Arc::clone(&aws), table.clone(), patience);
        let fleet = Fleet::new(aws, table, patience);
        Ok(router.limited(Arc::new(limits)).in_fleet(Arc::new(fleet)))
    }
    #[cfg(not(feature = "aws"))]
    Err(format!(
        "{STATE_TABLE} names {table}, and this sfai-router is built without AWS (the feature `aws`): use another build, or unset it"
    ))
}

/// The table for what instances share, and how long it is waited for.
fn state_table() -> Result<Option<(String, Duration)>, String> {
    let Some(table) = variable(STATE_TABLE).filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let patience = variable(STATE_TIMEOUT).filter(|text| !text.trim().is_empty());
    let patience = match patience.as_deref().map(|text| text.trim().parse()) {
        None => STATE_PATIENCE,
        Some(Ok(milliseconds)) => Duration::from_millis(milliseconds),
        Some(Err(_)) => {
            return Err(format!("{STATE_TIMEOUT} is to be a whole number of milliseconds"));
        }
    };
    Ok(Some((table, patience)))
}

/// Who is told of requests, as the command line and the environment say.
fn observer(cli: &Cli, telemetry: Option<Arc<Telemetry>>) -> Result<Option<Arc<Observer>>, String> {
    let folder = cli.audit_folder(variable);
    let folder = folder.map(|path| Folder::open(&path, cli.audit_fsync, SystemTime::now()));
    let mut tellers = audit_bucket()?;
    tellers.folder = folder.transpose()?;
    tellers.lines = lines()?;
    tellers.telemetry = telemetry;
    if tellers.is_empty() {
        return Ok(None);
    }
    let observer = Observer::start(tellers).map_err(|error| error.to_string())?;
    Ok(Some(Arc::new(observer)))
}

/// Traces and metrics, if the environment names a collector for them.
fn telemetry() -> Result<Option<Arc<Telemetry>>, String> {
    Telemetry::open(variable, Ambient::default())
}

/// The audit log in S3, if the environment names a bucket for it.
fn audit_bucket() -> Result<Tellers, String> {
    let name = variable(AUDIT_BUCKET).filter(|name| !name.is_empty());
    #[cfg(feature = "aws")]
    {
        let bucket = |name| Arc::new(Bucket::new(crate::aws::shared(), name, SystemTime::now()));
        Ok(Tellers { bucket: name.map(bucket), ..Tellers::default() })
    }
    #[cfg(not(feature = "aws"))]
    match name {
        None => Ok(Tellers::default()),
        Some(_) => Err(format!(
            "{AUDIT_BUCKET} is set, and this sfai-router is built without AWS (the feature `aws`): use another build, or unset it"
        )),
    }
}

/// The form of the request log: what SFAI_LOG asks for, else text for a person who looks on. Where
/// nobody has asked there is none: a line costs more than all else that is noted of a request.
fn lines() -> Result<Option<Format>, String> {
    let asked = variable("SFAI_LOG").filter(|name| !name.is_empty());
    let Some(name) = asked else {
        return Ok(std::io::stderr().is_terminal().then_some(Format::Text));
    };
    let format = Format::parse(&name)?;
    log::speak(format);
    Ok(Some(format))
}

/// Keeps a timer due soon. tokio wakes a sleeping worker for each timer that is set before all
/// others, as that of nearly every request would be: that costs more than ten beats a second. Beside
/// it puts the house in order now and then.
async fn beat(router: Arc<Router>) {
    let mut beat = tokio::time::interval(BEAT);
    loop {
        for _ in 0..BEATS_TO_TIDY {
            beat.tick().await;
        }
        router.tidy();
    }
}

fn describe(config: &Config, from: &str) {
    let Some(current) = config.current() else { return };
    let (roles, digest) = (current.map.roles.len(), short(&current.map.digest));
    say(&format!("serves {roles} roles of {from} ({digest})"));
    warn(config);
}

/// Makes a configuration for its surroundings.
type Make = Box<dyn FnOnce(Surroundings) -> Arc<Config>>;

/// The map's place and how to have it or its keys from AWS, where the environment says so.
#[cfg(feature = "aws")]
fn in_aws(cli: &Cli, map: &Path) -> Result<Option<(String, Make)>, String> {
    let place = crate::place::Place::of(cli, map, variable)?;
    Ok(place.map(|place| {
        let shown = place.to_string();
        let config: Make = Box::new(|around| place.config(around));
        (shown, config)
    }))
}

#[cfg(not(feature = "aws"))]
fn in_aws(_: &Cli, _: &Path) -> Result<Option<(String, Make)>, String> {
    let named = ["SFAI_CONFIG_BUCKET", "SFAI_SECRETS_PREFIX"];
    match named.into_iter().find(|name| variable(name).is_some()) {
        Some(name) => Err(format!(
            "{name} is set, and this sfai-router is built without AWS (the feature `aws`): use another build, or unset it"
        )),
        None => Ok(None),
    }
}

/// Looks for newer maps and keys in AWS while the server lives.
fn keep_up(config: &Arc<Config>) {
    #[cfg(feature = "aws")]
    {
        let config = Arc::clone(config);
        tokio::spawn(async move {
            if let Some(cloud) = config.cloud() {
                cloud.follow(&config).await;
            }
        });
    }
    #[cfg(not(feature = "aws"))]
    let _ = config;
}

/// What of the map in force cannot be relied on.
fn warn(config: &Config) {
    let Some(current) = config.current() else { return };
    for line in current.missing() {
        say(&format!("warns: {line}"));
    }
    let demos = current.map.providers.iter().filter(|(_, it)| it.protocol == Protocol::Demo);
    for (name, _) in demos {
        say(&format!("DEMO: provider `{name}` is a built-in stand-in, as the map says"));
    }
}

#[cfg(feature = "watch")]
fn follow(map: &Path, config: &Arc<Config>) -> Option<impl Drop + use<>> {
    let current = Arc::clone(config);
    let said = move |reload| match reload {
        Reload::Unchanged => {}
        Reload::Swapped(digest) => {
            say(&format!("serves a new map ({})", short(&digest)));
            warn(&current);
        }
        Reload::Refused(why) => {
            say(&format!("keeps the last good map, the new one is refused: {why}"))
        }
    };
    crate::config::watch::follow(map, Arc::clone(config), said)
        .inspect_err(|error| say(&format!("cannot follow changes of {}: {error}", map.display())))
        .ok()
}

#[cfg(not(feature = "watch"))]
fn follow(_: &Path, _: &Arc<Config>) -> Option<std::convert::Infallible> {
    None
}

/// The start of a digest: enough to tell two maps apart by eye.
pub(crate) fn short(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}

fn client_keys() -> Result<ClientKeys, String> {
    let text = variable(CLIENT_KEYS).unwrap_or_default();
    ClientKeys::parse(&text).map_err(|why| format!("cannot use {CLIENT_KEYS}: {}", why.0))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// The order to stop. A second one is not asked twice: what is open is cut.
async fn ordered_to_stop() {
    let Ok(mut orders) = Orders::listen() else { return std::future::pending().await };
    orders.next().await;
    say("stops: open answers may end within their grace period; a second signal ends it at once");
    tokio::spawn(async move {
        orders.next().await;
        say("ends at once");
        std::process::exit(1);
    });
}

/// Ctrl-C, and the order to terminate. It listens as long as it lives: one that came between two
/// listeners would be heard by neither.
struct Orders {
    interrupt: Signal,
    terminate: Signal,
}

impl Orders {
    fn listen() -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        Ok(Self { interrupt, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// The demo upstream, if it was asked for.
struct Demo {
    #[cfg(feature = "demo")]
    running: Option<crate::demo::Demo>,
}

#[cfg(feature = "demo")]
impl Demo {
    fn start(cli: &Cli) -> Result<Self, String> {
        if !cli.demo {
            return Ok(Self { running: None });
        }
        let demo = crate::demo::start(crate::demo::PACE);
        let running = demo.map_err(|error| format!("cannot start the demo upstream: {error}"))?;
        Ok(Self { running: Some(running) })
    }

    fn upstreams(&self) -> Upstreams {
        self.running.as_ref().map_or(Upstreams::Real, |demo| Upstreams::Demo(demo.address))
    }

    fn describe(&self) {
        if self.running.is_some() {
            say("DEMO: no provider is called; every answer comes from a built-in stand-in");
        }
    }
}

#[cfg(not(feature = "demo"))]
impl Demo {
    fn start(_: &Cli) -> Result<Self, String> {
        Ok(Self {})
    }

    fn upstreams(&self) -> Upstreams {
        Upstreams::Real
    }

    fn describe(&self) {}
}
