//! Starting the router: what must be in place before the first request, and nothing else.

use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use model_map::Protocol;

use crate::audit::folder::Folder;
use crate::auth::{CLIENT_KEYS, ClientKeys, Reach};
use crate::cli::Cli;
use crate::clock::Ambient;
#[cfg(feature = "watch")]
use crate::config::Reload;
use crate::config::not_yet::not_yet;
use crate::config::{Config, Surroundings, Upstreams};
use crate::log::{self, Format, say};
use crate::observer::{Observer, Tellers};
use crate::router::Router;
use crate::server;

/// Shorter than the router's shortest common timer.
const BEAT: Duration = Duration::from_millis(100);

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
    let config = Arc::new(Config::open(&map, around, SystemTime::now())?);
    let router = Arc::new(Router::new(config, Ambient::default()));
    crate::lambda::run(router).await.map_err(|error| error.to_string())
}

async fn local(cli: &Cli) -> Result<(), String> {
    let keys = client_keys()?;
    let observer = observer(cli)?;
    let demo = Demo::start(cli)?;
    let map = cli.map(variable);
    let around = Surroundings::new(demo.upstreams(), keys, Reach::Address(cli.listen));
    let config = Arc::new(Config::open(&map, around, SystemTime::now())?);
    let listener = server::bind(cli.listen).await.map_err(|error| error.to_string())?;
    let address = listener.local_addr().map_err(|error| error.to_string())?;
    describe(&config, &map);
    demo.describe();
    if config.current().clients.is_open() {
        say(&format!(
            "asks for no key, since {CLIENT_KEYS} is not set: allowed on a loopback address only"
        ));
    }
    let _watch = follow(&map, &config);
    say(&format!("listening on http://{address}"));
    let router = Router::new(config, Ambient::default()).observed(observer.clone());
    tokio::spawn(beat());
    server::serve(Arc::new(router), listener, stopped()).await;
    if let Some(observer) = observer {
        observer.close();
    }
    Ok(())
}

/// Who is told of requests, as the command line and the environment say.
fn observer(cli: &Cli) -> Result<Option<Arc<Observer>>, String> {
    let folder = cli.audit_folder(variable);
    let folder = folder.map(|path| Folder::open(&path, cli.audit_fsync, SystemTime::now()));
    let tellers = Tellers { folder: folder.transpose()?, lines: lines()? };
    if tellers.is_empty() {
        return Ok(None);
    }
    let observer = Observer::start(tellers).map_err(|error| error.to_string())?;
    Ok(Some(Arc::new(observer)))
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
/// others, as that of nearly every request would be: that costs more than ten beats a second.
async fn beat() {
    let mut beat = tokio::time::interval(BEAT);
    loop {
        beat.tick().await;
    }
}

fn describe(config: &Config, map: &Path) {
    let current = config.current();
    let (roles, digest) = (current.map.roles.len(), short(&current.map.digest));
    say(&format!("serves {roles} roles of {} ({digest})", map.display()));
    warn(config);
}

/// What of the map in force cannot be relied on.
fn warn(config: &Config) {
    let current = config.current();
    for line in current.missing().chain(not_yet(&current.map)) {
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
fn short(digest: &str) -> &str {
    digest.get(..19).unwrap_or(digest)
}

fn client_keys() -> Result<ClientKeys, String> {
    let text = variable(CLIENT_KEYS).unwrap_or_default();
    ClientKeys::parse(&text).map_err(|why| format!("cannot use {CLIENT_KEYS}: {}", why.0))
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Ctrl-C, or the order to terminate.
async fn stopped() {
    use tokio::signal::unix::{SignalKind, signal};
    let Ok(mut terminate) = signal(SignalKind::terminate()) else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminate.recv() => {}
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
