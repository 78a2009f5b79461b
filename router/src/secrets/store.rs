//! Secrets Manager's secrets, kept while the process lives.
//!
//! Owns what was last read and when it is read again; what a key is for is in [`super`] and
//! [`crate::auth`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures_util::future::join_all;
use model_map::ApiKey;
use tokio::time::Instant;

use super::{MissingKey, usable, value, variable};
use crate::aws::Aws;
use crate::aws::trouble::Trouble;
use crate::config::surroundings::CLIENT_KEYS_SECRET;

/// A key that was refused and is still the same has it read again no more often than this, lest a
/// key that is simply wrong costs a read with every request.
const REFUSED: Duration = Duration::from_secs(10);

/// The secrets below one prefix. A value that was read once is kept when it can no longer be read.
pub struct Store {
    aws: Arc<Aws>,
    prefix: String,
    interval: Duration,
    held: RwLock<BTreeMap<String, Held>>,
}

struct Held {
    value: Option<Arc<str>>,
    trouble: Option<Trouble>,
    asked: Instant,
    /// When the value was last read.
    confirmed: Option<Instant>,
    refused: Arc<tokio::sync::Mutex<Refused>>,
}

/// The reads of a value that was refused. Locked while it is read: others wait for what comes of it.
#[derive(Default)]
struct Refused {
    /// When the last one ended.
    read: Option<Instant>,
    /// When one ended that found no other value, and none since did.
    in_vain: Option<Instant>,
}

/// What `/health` says of the secrets: no value, and nothing that a value can be told from.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// How many are held.
    pub held: usize,
    /// Since the oldest was asked for.
    pub age: Option<Duration>,
    /// One sentence for each that could not be read.
    pub troubles: Vec<String>,
}

impl Store {
    /// Secrets are read again when they are older than `interval`. `prefix` goes before names that
    /// do not begin with `/`.
    pub fn new(aws: Arc<Aws>, prefix: &str, interval: Duration) -> Self {
        let prefix = format!("{}/", prefix.trim_end_matches('/'));
        Self { aws, prefix, interval, held: RwLock::default() }
    }

    /// The whole name of a secret.
    pub fn id(&self, name: &str) -> String {
        if name.starts_with('/') { name.to_owned() } else { format!("{}{name}", self.prefix) }
    }

    /// The text of a secret as it was last read.
    ///
    /// # Errors
    /// When it never could be.
    pub fn text(&self, name: &str) -> Result<Arc<str>, Trouble> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let held = held.get(&self.id(name));
        let value = held.and_then(|held| held.value.clone());
        let trouble = held.and_then(|held| held.trouble.clone());
        value.ok_or_else(|| trouble.unwrap_or(Trouble::Missing))
    }

    /// When the client keys were last read, if they are a secret. A provider holds against its own
    /// list what we take for its key; nobody but us does so with a client's.
    pub(crate) fn client_keys_confirmed(&self) -> Option<Instant> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.get(&self.id(CLIENT_KEYS_SECRET))?.confirmed
    }

    /// The key of a secret, else that of the variable named after it.
    ///
    /// # Errors
    /// When neither is to be had; the secret is named.
    pub(crate) fn key(
        &self,
        name: &str,
        read: impl Fn(&str) -> Option<String>,
    ) -> Result<String, MissingKey> {
        let id = self.id(name);
        match self.text(name) {
            Ok(text) => usable(&text).map_err(|why| MissingKey(format!("the secret {id} {why}"))),
            Err(trouble) => value(&ApiKey::Secret(id.clone()), read)
                .map_err(|also| MissingKey(format!("the secret {id} {trouble}, and {also}"))),
        }
    }

    /// When something is to be read again; what could not be read is after `retry`.
    pub(crate) fn due(&self, retry: Duration) -> Option<Instant> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        held.values().map(|held| self.due_at(held, retry)).min()
    }

    fn due_at(&self, held: &Held, retry: Duration) -> Instant {
        let wait = if held.trouble.is_some() { retry.min(self.interval) } else { self.interval };
        held.asked + wait
    }

    /// Reads what is due, and what of `names` was never read, all at once. True when a value
    /// has changed.
    pub(crate) async fn refresh<'n>(
        &self,
        names: impl IntoIterator<Item = &'n str>,
        retry: Duration,
    ) -> bool {
        let now = Instant::now();
        let mut ids: BTreeSet<String> = names.into_iter().map(|name| self.id(name)).collect();
        {
            let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
            ids.retain(|id| !held.contains_key(id));
            let due = held.iter().filter(|(_, held)| self.due_at(held, retry) <= now);
            ids.extend(due.map(|(id, _)| id.clone()));
        }
        let changes = join_all(ids.into_iter().map(|id| self.read(id))).await;
        changes.contains(&true)
    }

    /// Reads a secret again whose value an upstream has refused, or waits for who does so.
    pub(crate) async fn refused(&self, name: &str) {
        let (id, now) = (self.id(name), Instant::now());
        let refused = {
            let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
            let Some(held) = held.get(&id) else { return };
            Arc::clone(&held.refused)
        };
        let mut refused = refused.lock().await;
        let is_fresh = refused.read.is_some_and(|read| now <= read);
        if is_fresh || refused.in_vain.is_some_and(|last| now < last + REFUSED) {
            return;
        }
        let has_changed = self.read(id).await;
        let read = Instant::now();
        *refused = Refused { read: Some(read), in_vain: (!has_changed).then_some(read) };
    }

    /// Drops what no longer belongs to the map.
    pub(crate) fn keep(&self, names: &[&str]) {
        let ids: BTreeSet<String> = names.iter().map(|name| self.id(name)).collect();
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        held.retain(|id, _| ids.contains(id));
    }

    /// Reads a secret. True when its value has changed.
    async fn read(&self, id: String) -> bool {
        let asked = Instant::now();
        let client = self.aws.secrets().await;
        let answer = client.get_secret_value().secret_id(&id).send().await;
        let read = match &answer {
            Ok(answer) => {
                answer.secret_string().ok_or_else(|| Trouble::Failed("it is no text".into()))
            }
            Err(error) => Err(Trouble::of(error)),
        };
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let (confirmed, refused) = (None, Arc::default());
        let fresh = || Held { value: None, trouble: None, asked, confirmed, refused };
        let held = held.entry(id).or_insert_with(fresh);
        held.asked = asked;
        match read {
            Ok(text) => {
                held.trouble = None;
                held.confirmed = Some(asked);
                let changed = held.value.as_deref() != Some(text);
                if changed {
                    held.value = Some(text.into());
                }
                changed
            }
            Err(trouble) => {
                held.trouble = Some(trouble);
                false
            }
        }
    }

    /// Whether nothing is wrong when a secret was never there: clients may be the map's alone, and
    /// a variable may hold the key.
    fn is_spare(&self, id: &str) -> bool {
        let variable = variable(&ApiKey::Secret(id.to_owned())).to_owned();
        *id == self.id(CLIENT_KEYS_SECRET) || std::env::var_os(variable).is_some()
    }

    /// For `/health` and logs.
    pub fn report(&self) -> Report {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let trouble = |(id, held): (&String, &Held)| {
            let trouble = held.trouble.as_ref()?;
            if held.value.is_none() && *trouble == Trouble::Missing && self.is_spare(id) {
                return None;
            }
            let kept = if held.value.is_some() { "; its last value is used" } else { "" };
            Some(format!("the secret {id} {trouble}{kept}"))
        };
        Report {
            held: held.values().filter(|held| held.value.is_some()).count(),
            age: held.values().map(|held| held.asked).min().map(|asked| asked.elapsed()),
            troubles: held.iter().filter_map(trouble).collect(),
        }
    }
}
