//! Keeps a configuration up to date from AWS: the map from S3, keys from Secrets Manager.
//!
//! Owns when each is read and what `/health` says of it; a map's own checks are
//! [`super::prepared`]'s, the object in S3 is [`super::remote`]'s.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use model_map::{ApiKey, ModelMap};
use tokio::sync::OwnedMutexGuard;
use tokio::time::Instant;

use super::remote::{Fetched, Remote};
use super::stood_still::stood_still;
use super::surroundings::CLIENT_KEYS_SECRET;
use super::{Config, Reload};
use crate::apart::apart;
use crate::log::{self, say};
use crate::secrets::store::Store;

/// What could not be read is asked for again after this, if a request comes.
const RETRY: Duration = Duration::from_secs(10);
/// The same while there is nothing to serve from.
const UNREADY_RETRY: Duration = Duration::from_secs(1);
/// How long a process that may be frozen waits for a look first: longer than a call with its second
/// try. What goes on for longer is frozen with the process, and made anew.
const SETTLED: Duration = Duration::from_secs(6);
/// How long a request waits to learn whether its key was taken back, before it is served by what is
/// known: as long as one try to read a secret, which takes some hundredths of it.
const KEYS: Duration = Duration::from_secs(3);

/// Where the map is.
pub enum Origin {
    /// In S3.
    S3(Remote),
    /// In a file; the local server follows it by other means.
    File(PathBuf),
}

/// See the module.
pub struct Cloud {
    interval: Duration,
    /// How long what was read may be used without being confirmed, where that is bounded.
    max_age: Option<Duration>,
    /// The environment, where no map says it.
    env: String,
    /// Whether it is looked while no request comes.
    followed: AtomicBool,
    /// Held by whoever reads: others go on with what is in force.
    progress: Arc<tokio::sync::Mutex<Progress>>,
    told: Mutex<Told>,
}

struct Progress {
    origin: Origin,
    /// The newest good map, where it is not in force yet for want of a key.
    waiting: Option<ModelMap>,
    map_due: Instant,
    /// Whether the last read looked at the map.
    looked: bool,
}

/// What others see of it.
struct Told {
    due: Instant,
    checked: Option<Instant>,
    /// Why the map could not be read when it was last tried.
    trouble: Option<String>,
    /// What was logged last, so that it is not repeated.
    said: Vec<String>,
}

/// What `/health` says of the origin of a configuration.
#[derive(Debug, Default)]
pub struct Report {
    /// Since the origin last gave the map, or said that it has not changed.
    pub checked: Option<Duration>,
    /// Why it could not be read when it was last tried.
    pub trouble: Option<String>,
}

impl Cloud {
    /// Looks for a new map when a request finds the last look older than `interval`; before every
    /// request when that is zero. `env` is the environment until a map says it.
    pub fn new(origin: Origin, interval: Duration, env: String) -> Self {
        let now = Instant::now();
        let progress = Progress { origin, waiting: None, map_due: now, looked: false };
        let told = Told { due: now, checked: None, trouble: None, said: Vec::new() };
        Self {
            interval,
            max_age: None,
            env,
            followed: AtomicBool::new(false),
            progress: Arc::new(tokio::sync::Mutex::new(progress)),
            told: Mutex::new(told),
        }
    }

    /// The same, where nothing is served by a map or by client keys that were last confirmed longer
    /// ago than this. A map in a file is as old as the file.
    #[must_use]
    pub fn for_at_most(self, max_age: Option<Duration>) -> Self {
        let is_file = self.progress.try_lock().is_ok_and(|it| matches!(it.origin, Origin::File(_)));
        Self { max_age: max_age.filter(|_| !is_file), ..self }
    }

    /// Why what is in force is too old to be used, if it is.
    pub(super) fn outdated(&self, config: &Config) -> Option<String> {
        let max_age = self.max_age?;
        let keys = config.surroundings.store().and_then(Store::client_keys_confirmed);
        outdated(max_age, Instant::now(), (self.told().checked, keys))
    }

    /// Whether a request is to call [`Self::catch_up`].
    pub(super) fn is_due(&self) -> bool {
        Instant::now() >= self.told().due
    }

    /// For a request that finds it due. It waits only when there is nothing to go on with, and for
    /// a while where the client keys are not to be trusted.
    pub(super) async fn catch_up(&self, config: &Arc<Config>) {
        let serves = config.current().is_some() && self.outdated(config).is_none();
        if serves && !self.interval.is_zero() {
            if let Ok(progress) = Arc::clone(&self.progress).try_lock_owned() {
                tokio::spawn(apart(|| Self::refresh(Arc::clone(config), progress)));
            }
            if self.has_slept(config) {
                // What cannot be had in that time is no reason to answer nobody.
                let _ = tokio::time::timeout(KEYS, self.progress.lock()).await;
            }
            return;
        }
        let progress = Arc::clone(&self.progress).lock_owned().await;
        // Whoever held it may have brought what this one waited for.
        if self.is_due() {
            Self::refresh(Arc::clone(config), progress).await;
        }
    }

    /// Whether client keys may have been taken back while nobody looked: in a process that sleeps
    /// between its requests they are as old as the last one.
    fn has_slept(&self, config: &Config) -> bool {
        let store = config.surroundings.store().filter(|_| !self.followed.load(Ordering::Relaxed));
        let (Some(store), Some(current)) = (store, config.current()) else { return false };
        let clients = current.map.clients.values().filter_map(|client| client.key.as_ref());
        let named = clients.filter_map(secret_of).chain([CLIENT_KEYS_SECRET]);
        store.has_old(named)
    }

    /// Waits for a look that goes on, for a process that may be frozen now.
    pub(crate) async fn settled(&self) {
        // Nobody looks while it is held here, and it is given back at once.
        let _ = tokio::time::timeout(SETTLED, self.progress.lock()).await;
    }

    /// Looks whenever it is due, for a server that lives between its requests.
    pub(crate) async fn follow(&self, config: &Arc<Config>) {
        self.followed.store(true, Ordering::Relaxed);
        loop {
            let due = self.told().due.max(Instant::now() + UNREADY_RETRY);
            tokio::time::sleep_until(due).await;
            self.catch_up(config).await;
        }
    }

    /// Looks for a map now.
    #[cfg(feature = "watch")]
    pub(super) async fn look(&self, config: &Arc<Config>) {
        let mut progress = Arc::clone(&self.progress).lock_owned().await;
        progress.map_due = Instant::now();
        Self::refresh(Arc::clone(config), progress).await;
    }

    /// For `/health`.
    pub(crate) fn report(&self) -> Report {
        let told = self.told();
        Report { checked: told.checked.map(|at| at.elapsed()), trouble: told.trouble.clone() }
    }

    async fn refresh(config: Arc<Config>, mut progress: OwnedMutexGuard<Progress>) {
        let Some(cloud) = &config.cloud else { return };
        let mut patience = retry(&config);
        loop {
            let (fetched, stood) = stood_still(progress.read(&config, patience)).await;
            // A limit of time that ran out while the process was frozen says nothing of AWS.
            if !stood || (fetched.is_ok() && !has_trouble(&config)) {
                cloud.note(&config, &mut progress, fetched.err());
                return;
            }
            patience = Duration::ZERO;
        }
    }

    /// Notes what came of a look and when the next one is due.
    fn note(&self, config: &Config, progress: &mut Progress, trouble: Option<String>) {
        let now = Instant::now();
        let retry = retry(config);
        // What was not looked at is as it was.
        let looked = progress.looked;
        let trouble = if looked { trouble } else { self.told().trouble.clone() };
        let wait = if trouble.is_some() { self.interval.min(retry) } else { self.interval };
        if looked {
            progress.map_due = match progress.origin {
                Origin::File(_) if trouble.is_none() => now + Duration::from_secs(365 * 24 * 3600),
                _ => now + wait,
            };
        }
        let secrets = config.surroundings.store();
        let secrets_due = secrets.and_then(|store| store.due(retry));
        let mut now_said: Vec<String> = trouble.iter().cloned().collect();
        now_said.extend(secrets.into_iter().flat_map(|store| store.report().troubles));
        now_said.extend(config.refused().map(|why| format!("the map is refused: {why}")));
        let mut told = self.told();
        told.due = secrets_due.map_or(progress.map_due, |due| due.min(progress.map_due));
        if looked {
            if trouble.is_none() {
                told.checked = Some(now);
            }
            told.trouble = trouble;
        }
        let keys = secrets.and_then(Store::client_keys_confirmed);
        let old = self.max_age.and_then(|age| outdated(age, now, (told.checked, keys)));
        now_said.extend(old);
        for line in now_said.iter().filter(|line| !told.said.contains(line)) {
            say(&format!("warns: {line}"));
        }
        for line in told.said.iter().filter(|line| !now_said.contains(line)) {
            say(&format!("no longer: {line}"));
        }
        told.said = now_said;
        if !told.said.is_empty() {
            let current = config.current();
            let env = current.as_ref().map_or(&*self.env, |current| &*current.map.env);
            log::troubled(env, told.said.len());
        }
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Progress {
    /// Reads what is due and puts it in force. The error says why there is no newer map.
    /// What of the secrets could not be read is tried again after `patience`.
    async fn read(&mut self, config: &Config, patience: Duration) -> Result<(), String> {
        let looks = self.map_due <= Instant::now();
        self.looked = looks;
        let current = config.current();
        let names = current.as_ref().map(|current| secrets_of(&current.map)).unwrap_or_default();
        let store = config.surroundings.store();
        let secrets = async {
            match store {
                Some(store) => store.refresh(names.iter().map(String::as_str), patience).await,
                None => false,
            }
        };
        let map = async { if looks { self.origin.fetch().await } else { Ok(Fetched::Same) } };
        let (fetched, keys_changed) = tokio::join!(map, secrets);
        let (found, trouble) = match fetched {
            Ok(Fetched::Same) => (None, None),
            Ok(Fetched::New(bytes)) => (Some(bytes), None),
            Err(why) => (None, Some(why)),
        };
        match found.map(|bytes| model_map::load(&bytes)) {
            Some(Ok(map)) => self.waiting = Some(map),
            Some(Err(why)) => {
                self.waiting = None;
                config.refuse(why.to_string());
            }
            None => {}
        }
        if let Some(map) = self.waiting.take() {
            self.put(config, map).await;
        }
        if keys_changed {
            config.renew_keys();
        }
        trouble.map_or(Ok(()), Err)
    }

    /// Reads the keys that a map names and puts it in force.
    async fn put(&mut self, config: &Config, map: ModelMap) {
        let names = secrets_of(&map);
        if let Some(store) = config.surroundings.store() {
            store.refresh(names.iter().map(String::as_str), retry(config)).await;
        }
        let reload = config.put(map.clone(), SystemTime::now());
        if let Reload::Refused(_) = reload {
            self.waiting = Some(map);
        } else if let Some(store) = config.surroundings.store() {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            store.keep(&names);
        }
        tell(reload);
    }
}

impl Origin {
    async fn fetch(&mut self) -> Result<Fetched, String> {
        match self {
            Self::S3(remote) => remote.fetch().await,
            Self::File(path) => std::fs::read(&*path)
                .map(Fetched::New)
                .map_err(|error| format!("the map {} cannot be read ({error})", path.display())),
        }
    }
}

/// What of the map and the client keys was last confirmed too long before `now`.
fn outdated(
    max_age: Duration,
    now: Instant,
    (map, keys): (Option<Instant>, Option<Instant>),
) -> Option<String> {
    let is_old = |at: Option<Instant>| at.is_some_and(|at| now > at + max_age);
    let what = match (is_old(map), is_old(keys)) {
        (true, _) => "the map",
        (_, true) => "the secret of the client keys",
        _ => return None,
    };
    let seconds = max_age.as_secs();
    Some(format!(
        "{what} could not be read for more than {seconds} s, and nothing is served by an older one"
    ))
}

fn retry(config: &Config) -> Duration {
    if config.is_ready() { RETRY } else { UNREADY_RETRY }
}

fn has_trouble(config: &Config) -> bool {
    config.surroundings.store().is_some_and(|store| !store.report().troubles.is_empty())
}

fn tell(reload: Reload) {
    if let Reload::Swapped(digest) = reload {
        say(&format!("serves a new map ({})", crate::start::short(&digest)));
    }
}

/// The secrets that a map names, and the one of the client keys.
fn secrets_of(map: &ModelMap) -> Vec<String> {
    let providers = map.providers.values().map(|provider| provider.api_key.as_ref());
    let clients = map.clients.values().map(|client| client.key.as_ref());
    let named = providers.chain(clients).flatten().filter_map(secret_of);
    named.chain([CLIENT_KEYS_SECRET]).map(str::to_owned).collect()
}

fn secret_of(key: &ApiKey) -> Option<&str> {
    match key {
        ApiKey::Secret(name) => Some(name),
        ApiKey::Env(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn what_is_confirmed_in_time_is_used_and_no_longer() {
        let (day, read) = (Duration::from_secs(86_400), Instant::now());
        tokio::time::advance(day).await;
        let now = Instant::now();
        assert_eq!(outdated(day, now, (Some(read), Some(read))), None);
        assert_eq!(outdated(day, now, (None, None)), None, "there is nothing to be old yet");
        tokio::time::advance(Duration::from_millis(1)).await;
        let now = Instant::now();
        let why = outdated(day, now, (Some(read), Some(now))).unwrap();
        assert!(why.starts_with("the map could not be read for more than 86400 s"), "{why}");
        let why = outdated(day, now, (Some(now), Some(read))).unwrap();
        assert!(why.starts_with("the secret of the client keys"), "{why}");
        assert_eq!(outdated(day, now, (Some(now), Some(now))), None);
    }
}
