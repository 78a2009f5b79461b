//! The three processes of a measurement: the upstream, the proxy and the router before it.
//!
//! Owns how they are started and what they are asked; what is made of it is the measurements'.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use model_map::{Arm, Link, Model, ModelMap, Protocol, Provider, Role, Timeouts, seal};
use tempfile::TempDir;

use super::load::Target;
use super::process::{Process, healthy, listens};
use super::upstream::Pace;
use super::wire::Dialect;
use crate::trouble::{Doing, Trouble};

/// Short streams, for the time to the first token.
pub(super) const SHORT: Pace = Pace { events: 8, interval: Duration::from_millis(1) };
/// Streams of 10 s at 25 events a second.
pub(super) const PACED: Pace = Pace { events: 250, interval: Duration::from_millis(40) };
/// Streams of 2 s at the same pace, for `--quick`.
pub(super) const PACED_QUICK: Pace = Pace { events: 50, interval: Duration::from_millis(40) };
/// Streams whose events are far enough apart for each to be alone.
pub(super) const SPARSE: Pace = Pace { events: 200, interval: Duration::from_millis(10) };
/// Streams that stay open.
pub(super) const OPEN: Pace = Pace { events: 1000, interval: Duration::from_secs(1) };

const PACES: [Pace; 5] = [SHORT, PACED, PACED_QUICK, SPARSE, OPEN];
const MODEL: &str = "bench-model";

/// Where the programs under measurement are.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    pub(super) xtask: PathBuf,
    pub(super) router: PathBuf,
    pub(super) dsl: PathBuf,
    pub(super) hello: PathBuf,
    /// Only where streams are translated.
    pub(super) translation: PathBuf,
}

/// The upstream and a scratch folder; the proxy and the router are started before it.
pub(super) struct Bench {
    pub(super) programs: Programs,
    scratch: TempDir,
    upstream: Process,
}

impl Bench {
    /// Starts the upstream and writes the router's map.
    ///
    /// # Errors
    /// When a program is missing or does not start.
    pub(super) fn start(programs: Programs) -> Result<Self, Trouble> {
        let scratch = tempfile::tempdir().doing("make a scratch folder")?;
        let log = scratch.path().join("upstream.log");
        let arguments = |address| vec!["bench-upstream".into(), format!("{address}")];
        let mut upstream = Process::start(&programs.xtask, arguments, &log)?;
        upstream.wait(listens)?;
        let bench = Self { programs, scratch, upstream };
        bench.write_map()?;
        Ok(bench)
    }

    /// The scratch folder, removed at the end.
    pub(super) fn scratch(&self) -> &Path {
        self.scratch.path()
    }

    /// Starts a proxy.
    ///
    /// # Errors
    /// When it does not start.
    pub(super) fn proxy(&self) -> Result<Process, Trouble> {
        let upstream = self.upstream.address;
        let arguments =
            |address| vec!["bench-proxy".into(), format!("{address}"), upstream.to_string()];
        let log = self.scratch().join("proxy.log");
        let mut proxy = Process::start(&self.programs.xtask, arguments, &log)?;
        proxy.wait(listens)?;
        Ok(proxy)
    }

    /// Starts a router, without waiting for it.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn router_starting(&self) -> Result<Process, Trouble> {
        let arguments = |address| self.router_arguments(address);
        Process::start(&self.programs.router, arguments, &self.router_log())
    }

    /// Starts a router under another program, which takes what `before` makes of the router's path.
    ///
    /// # Errors
    /// When it cannot be started.
    pub(super) fn router_under(
        &self,
        program: &str,
        before: impl FnOnce(String) -> Vec<String>,
    ) -> Result<Process, Trouble> {
        let mut arguments = before(self.programs.router.display().to_string());
        let all = |address| {
            arguments.extend(self.router_arguments(address));
            arguments
        };
        Process::start(Path::new(program), all, &self.router_log())
    }

    fn router_arguments(&self, address: SocketAddr) -> Vec<String> {
        let map = self.map_path().display().to_string();
        vec!["--map".into(), map, "--listen".into(), format!("{address}")]
    }

    /// Starts a router.
    ///
    /// # Errors
    /// When it does not start; its last words are in the message.
    pub(super) fn router(&self) -> Result<Process, Trouble> {
        let mut router = self.router_starting()?;
        router.wait(healthy).map_err(|trouble| {
            let log = fs::read_to_string(self.router_log()).unwrap_or_default();
            Trouble::new("measure the router", format!("{trouble}\n{log}"))
        })?;
        Ok(router)
    }

    /// What the upstream is asked, without anything before it.
    pub(super) fn direct_target(&self, dialect: Dialect, pace: Pace, streamed: bool) -> Target {
        Target {
            address: self.upstream.address,
            path: format!("{}{}", pace.prefix(), dialect.path()),
            body: dialect.request(MODEL, streamed),
            end_mark: dialect.end_mark(),
        }
    }

    /// The same, asked of the proxy.
    pub(super) fn proxy_target(
        &self,
        proxy: &Process,
        (dialect, pace, streamed): (Dialect, Pace, bool),
    ) -> Target {
        let direct = self.direct_target(dialect, pace, streamed);
        Target { address: proxy.address, ..direct }
    }

    /// The router's map.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn map(&self) -> Result<Vec<u8>, Trouble> {
        fs::read(self.map_path()).doing("read the map")
    }

    /// In a folder of its own: the router watches it, and is woken by all that is written there, its
    /// own log as well.
    fn map_path(&self) -> PathBuf {
        self.scratch().join("map/model_map.json")
    }

    fn router_log(&self) -> PathBuf {
        self.scratch().join("router.log")
    }

    fn write_map(&self) -> Result<(), Trouble> {
        let mut map = map(&format!("http://{}", self.upstream.address));
        let bytes = seal(&mut map).doing("seal the map")?;
        let path = self.map_path();
        let folder = path.parent().unwrap_or(&path);
        fs::create_dir(folder).doing("make the map's folder")?;
        fs::write(&path, bytes).doing("write the map")
    }
}

/// What the router is asked, so that it asks the upstream in `dialect`.
pub(super) fn router_target(
    router: &Process,
    (dialect, pace, streamed): (Dialect, Pace, bool),
) -> Target {
    Target {
        address: router.address,
        path: Dialect::Openai.path().to_owned(),
        body: Dialect::Openai.request(&role_name(dialect, pace), streamed),
        end_mark: Dialect::Openai.end_mark(),
    }
}

pub(super) fn role_name(dialect: Dialect, pace: Pace) -> String {
    format!("{}{}", dialect.name(), pace.prefix().replace('/', "_"))
}

/// A map with one provider, one model and one role for each dialect and pace.
pub(super) fn map(upstream: &str) -> ModelMap {
    let mut map = ModelMap {
        clients: [].into(),
        digest: String::new(),
        env: "bench".into(),
        format: 1,
        models: [].into(),
        prompts: [].into(),
        providers: [].into(),
        roles: [].into(),
        sources: model_map::Sources::default(),
    };
    let ways = Dialect::ALL.into_iter().flat_map(|dialect| PACES.map(|pace| (dialect, pace)));
    for (dialect, pace) in ways {
        let name = role_name(dialect, pace);
        let key = format!("{name}/{MODEL}");
        let base_url = format!("{upstream}{}", pace.prefix());
        map.providers.insert(name.clone(), provider(dialect, base_url));
        map.models.insert(key.clone(), model(&name));
        map.roles.insert(name, role(key));
    }
    map
}

fn provider(dialect: Dialect, host: String) -> Provider {
    let (protocol, base_url) = match dialect {
        Dialect::Openai => (Protocol::Openai, format!("{host}/v1")),
        Dialect::Anthropic => (Protocol::Anthropic, host),
    };
    Provider {
        allow_plain_http: false,
        api_key: None,
        base_url: Some(base_url),
        headers: [].into(),
        max_connections: None,
        protocol,
    }
}

fn model(provider: &str) -> Model {
    Model {
        accepts: None,
        call_ids: model_map::CallIds::default(),
        context_tokens: Some(200_000),
        effort_with_tools: model_map::EffortWithTools::default(),
        efforts: [].into(),
        efforts_unknown: false,
        endpoints: None,
        id: MODEL.into(),
        input_tokens: None,
        output_limit_key: model_map::OutputLimitKey::default(),
        output_tokens: Some(8_192),
        past_reasoning: model_map::PastReasoning::default(),
        prefill: false,
        price: model_map::Price::default(),
        price_over: None,
        provider: provider.into(),
        sampling: model_map::Sampling::default(),
        stop_sequences: None,
        system_role: model_map::SystemRole::default(),
        system_turns: false,
        thinking_budget_min: None,
    }
}

fn role(model: String) -> Role {
    Role {
        timeouts: Timeouts { total: Duration::from_secs(900), ..Timeouts::default() },
        ..Role::of(vec![Arm::always(vec![Link { model }])])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_of_the_bench_can_be_served() {
        let mut map = map("http://127.0.0.1:9100");
        let bytes = seal(&mut map).unwrap();
        assert_eq!(model_map::load(&bytes), Ok(map));
    }
}
