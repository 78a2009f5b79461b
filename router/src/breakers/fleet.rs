//! The breakers of all instances, through the table that they share.
//!
//! Owns when the table is read and written: always aside of requests, which never wait for it, and
//! never while it does not answer. What is read and written is [`super::others`]'.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use model_map::BreakerState;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::Instant;

use super::others::{Event, ITEM, Order, Others, Reading, Word, update, words};
use super::{Breakers, Watcher};
use crate::apart::apart;
use crate::aws::Aws;
use crate::aws::dynamo::{NotMade, Table, within};
use crate::aws::outage::{Change, Outage};
use crate::aws::trouble::Trouble;
use crate::clock::Ambient;
use crate::log;

/// What was read is used for so long while requests come.
const INTERVAL: Duration = Duration::from_secs(1);
/// Longer than reading and telling take with their own limits.
const PATIENCE: Duration = Duration::from_secs(3);

/// What an instance knows of the others and tells them. One serves the whole process.
pub struct Fleet {
    table: Table,
    /// How long a call may take.
    patience: Duration,
    outage: Outage,
    ambient: Ambient,
    epoch: Instant,
    /// Milliseconds after the epoch at which the table is to be read again.
    due: AtomicU64,
    state: Mutex<State>,
    /// Calls that are not over.
    open: watch::Sender<usize>,
}

struct State {
    others: Others,
    /// What is to be told, the last of each model.
    queue: Vec<(String, Event)>,
    /// Whether a task is telling it, and of which model now.
    is_telling: bool,
    telling: Option<String>,
    /// When the table was last read.
    read: Option<Duration>,
    /// The environment of the map, under which failures are counted.
    env: String,
}

/// For `/health`.
pub(crate) struct Report {
    /// Since the table was last read.
    pub(crate) read: Option<Duration>,
    /// Why and for how long it cannot be asked.
    pub(crate) trouble: Option<(String, Duration)>,
}

/// What breakers tell of themselves goes here.
struct Ear(Arc<Fleet>);

impl Watcher for Ear {
    fn changed(&self, model: &str, state: BreakerState, time: Duration) {
        self.0.hears(model, state, time);
    }
}

impl Fleet {
    /// One that shares this table, any call of which may take so long.
    pub fn new(aws: Arc<Aws>, table: String, patience: Duration) -> Self {
        let ambient = Ambient::default();
        let me = format!("{:016x}", (ambient.random)());
        let state = State {
            others: Others::new(me),
            queue: Vec::new(),
            is_telling: false,
            telling: None,
            read: None,
            env: String::new(),
        };
        Self {
            table: Table::new(aws, table),
            patience,
            outage: Outage::default(),
            ambient,
            epoch: Instant::now(),
            due: AtomicU64::new(0),
            state: Mutex::new(state),
            open: watch::Sender::new(0),
        }
    }

    /// Breakers that tell the fleet of themselves.
    pub(crate) fn breakers(self: &Arc<Self>) -> Breakers {
        Breakers::default().watched(Arc::new(Ear(Arc::clone(self))))
    }

    /// Has the table read in the background where that is due, and breakers changed by it.
    pub(crate) fn catch_up(self: &Arc<Self>, breakers: &Arc<Breakers>, env: &str) {
        let now = milliseconds(self.now());
        let due = self.due.load(Ordering::Relaxed);
        let next = now + milliseconds(INTERVAL);
        // Of requests that come together one does it.
        if now < due
            || self.due.compare_exchange(due, next, Ordering::Relaxed, Ordering::Relaxed).is_err()
        {
            return;
        }
        self.look_again(breakers, env);
    }

    #[inline(never)]
    fn look_again(self: &Arc<Self>, breakers: &Arc<Breakers>, env: &str) {
        let Ok(runtime) = Handle::try_current() else { return };
        if !self.outage.may_ask() {
            return;
        }
        env.clone_into(&mut self.state().env);
        let (fleet, breakers) = (Arc::clone(self), Arc::clone(breakers));
        let open = self.begins();
        runtime.spawn(apart(|| async move {
            fleet.read(&breakers).await;
            drop(open);
        }));
    }

    /// Waits until everything is told, for a process that may be frozen or end.
    pub(crate) async fn settled(&self) {
        let mut open = self.open.subscribe();
        let _ = tokio::time::timeout(PATIENCE, open.wait_for(|count| *count == 0)).await;
    }

    pub(crate) fn report(&self) -> Report {
        let read = self.state().read.map(|at| self.now().saturating_sub(at));
        Report { read, trouble: self.outage.report() }
    }

    async fn read(&self, breakers: &Breakers) {
        let began = self.now();
        let item = match within(self.patience, self.table.read(ITEM)).await {
            Ok(item) => item,
            Err(why) => return self.failed(why),
        };
        self.answered();
        let reading = Reading { began, now: self.now(), wall: self.wall() };
        let mut state = self.state();
        state.read = Some(reading.now);
        let State { others, queue, telling, .. } = &mut *state;
        let is_busy = |model: &str| {
            telling.as_deref() == Some(model) || queue.iter().any(|(queued, _)| queued == model)
        };
        let orders = others.learn(words(&item), &reading, is_busy, || self.ambient.jitter());
        drop(state);
        for (model, order) in orders {
            match order {
                Order::OpenFor(time) => breakers.open_for(&model, time),
                Order::Close => breakers.close(&model),
            }
        }
    }

    /// Notes what a breaker here has come to, and has it told.
    fn hears(self: &Arc<Self>, model: &str, state: BreakerState, time: Duration) {
        let (now, wall) = (self.now(), self.wall());
        let mut held = self.state();
        let event = match state {
            BreakerState::Closed => Event::Closed(wall),
            BreakerState::Open | BreakerState::HalfOpen => Event::Held(Word {
                holder: held.others.me.clone(),
                made: wall,
                until: wall + milliseconds(time),
            }),
        };
        held.others.found(model, &event, now);
        held.queue.retain(|(queued, _)| queued != model);
        held.queue.push((model.to_owned(), event));
        // One task tells all, in their order: what is over must not be told last.
        if held.is_telling {
            return;
        }
        let Ok(runtime) = Handle::try_current() else { return };
        held.is_telling = true;
        drop(held);
        let (fleet, open) = (Arc::clone(self), self.begins());
        runtime.spawn(apart(|| async move {
            while let Some((model, event)) = fleet.next() {
                fleet.tell(model, event).await;
            }
            drop(open);
        }));
    }

    fn next(&self) -> Option<(String, Event)> {
        let mut state = self.state();
        state.telling = None;
        if state.queue.is_empty() {
            state.is_telling = false;
            return None;
        }
        let (model, event) = state.queue.remove(0);
        state.telling = Some(model.clone());
        Some((model, event))
    }

    async fn tell(&self, model: String, event: Event) {
        // What is not told now is told with the next change.
        if !self.outage.may_ask() {
            return;
        }
        let update = update(&model, &event, self.wall());
        match within(self.patience, self.table.update(update)).await {
            Ok(_) => {
                self.answered();
                self.state().others.told(&model, event, self.now());
            }
            Err(NotMade::Condition(_)) => {
                self.answered();
                // Somebody has said more: the next request has it read.
                self.due.store(0, Ordering::Relaxed);
            }
            Err(why) => self.failed(why),
        }
    }

    fn answered(&self) {
        if let Some(Change::Over(after)) = self.outage.answered() {
            let seconds = after.as_secs();
            log::say(&format!(
                "shares breakers in {} again, after {seconds} s in this process alone",
                self.table
            ));
        }
    }

    fn failed(&self, why: NotMade) {
        let trouble = match why {
            NotMade::Trouble(trouble) => trouble,
            NotMade::Condition(_) => Trouble::Failed("a condition does not hold".into()),
        };
        let why = format!("{} {trouble}", self.table);
        let line = format!("warns: {why}: breakers are kept in this process alone");
        if self.outage.failed(why) == Change::Began {
            log::say(&line);
        }
        log::state_failed(&self.state().env);
    }

    fn begins(&self) -> Open {
        self.open.send_modify(|count| *count += 1);
        Open(self.open.clone())
    }

    fn now(&self) -> Duration {
        self.epoch.elapsed()
    }

    /// The time of day.
    fn wall(&self) -> u64 {
        let now = (self.ambient.now)().duration_since(SystemTime::UNIX_EPOCH);
        milliseconds(now.unwrap_or_default())
    }

    // A poisoned lock holds a whole state: nothing panics between its changes.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call that goes on, until this is dropped.
struct Open(watch::Sender<usize>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
