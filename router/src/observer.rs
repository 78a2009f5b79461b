//! Who is told of a request that is over: the audit log, the request log, metrics, traces.
//!
//! Owns the way there, off the path of the request; what is told is each teller's. A router
//! without an observer notes nothing.
//!
//! A request hands its notes to a queue and never waits: a client's answer is worth more than the
//! promptness of a record. The queue is bounded in number and in bytes, so that a disk that hangs
//! costs no more memory than that; a record that finds it full is written to the log, whole, by
//! the request's own task. Nothing is thrown away, and an operator sees both where and why.

use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use model_map::Audit;
use model_map::audit::Record;

use crate::audit::folder::Folder;
use crate::audit::record;
use crate::audit::trail::Notes;
use crate::log;

/// Requests that wait to be told of.
const WAITING: usize = 4_096;
/// Their bodies, in bytes, where roles are audited in full.
const WAITING_BYTES: usize = 64 << 20;
/// Lines that are written at once.
const BATCH_BYTES: usize = 1 << 20;
/// How often is looked after what is due by time.
const TICK: Duration = Duration::from_millis(250);

/// What is left to do before an answer's body ends.
pub type Settling = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What is told, and where.
#[derive(Default)]
pub struct Tellers {
    /// The audit log.
    pub folder: Option<Folder>,
    /// The request log.
    pub lines: Option<log::Format>,
}

impl Tellers {
    /// Whether nobody is told of anything.
    pub fn is_empty(&self) -> bool {
        self.folder.is_none() && self.lines.is_none()
    }
}

/// See the module.
pub struct Observer {
    keeps_records: bool,
    queue: SyncSender<Told>,
    /// What the queue's bodies hold.
    bytes: Arc<AtomicUsize>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

/// A request that was turned away before it had a plan.
pub(crate) struct Refused {
    pub(crate) time: SystemTime,
    pub(crate) id: u64,
    pub(crate) status: u16,
    pub(crate) total: Duration,
    /// The environment of the map.
    pub(crate) env: String,
}

enum Told {
    Ended(Box<Notes>),
    Refused(Refused),
    /// Nothing more will come.
    Over,
}

impl Observer {
    /// Starts to tell, on a thread of its own.
    ///
    /// # Errors
    /// When there can be no such thread.
    pub fn start(tellers: Tellers) -> std::io::Result<Self> {
        let keeps_records = tellers.folder.is_some();
        let (queue, told) = sync_channel(WAITING);
        let bytes = Arc::new(AtomicUsize::new(0));
        let worker = Worker { tellers, bytes: Arc::clone(&bytes), lines: Vec::new() };
        let thread = std::thread::Builder::new().name("sfai-observer".into());
        let worker = thread.spawn(move || worker.work(&told))?;
        Ok(Self { keeps_records, queue, bytes, worker: Mutex::new(Some(worker)) })
    }

    /// Whether a role's requests are recorded, and so what goes into a record is to be noted.
    pub(crate) fn keeps(&self, audit: Audit) -> bool {
        self.keeps_records && audit != Audit::Off
    }

    /// A request is over.
    pub(crate) fn ended(&self, notes: Box<Notes>) -> Option<Settling> {
        let size = notes.body_bytes();
        let fits = self.bytes.fetch_add(size, Ordering::Relaxed) + size <= WAITING_BYTES;
        let unqueued = match fits {
            true => self.queue.try_send(Told::Ended(notes)).err(),
            false => Some(TrySendError::Full(Told::Ended(notes))),
        };
        let (told, why) = match unqueued? {
            TrySendError::Full(told) => (told, "more records wait to be stored than fit"),
            TrySendError::Disconnected(told) => (told, "the router is stopping"),
        };
        self.bytes.fetch_sub(size, Ordering::Relaxed);
        if let Told::Ended(notes) = told
            && self.keeps(notes.planned.audit)
        {
            log::not_stored(why, &line(&record::of(&notes)));
        }
        None
    }

    /// A request was turned away before it had a plan.
    pub(crate) fn refused(&self, refused: Refused) {
        // Where the queue is full of requests that were served, one that was not can be passed over.
        let _ = self.queue.try_send(Told::Refused(refused));
    }

    /// Waits until all that was told so far has been passed on; what comes later goes to the log.
    pub fn close(&self) {
        let _ = self.queue.send(Told::Over);
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A worker that panicked has said so itself.
        let _ = worker.map(JoinHandle::join);
    }
}

struct Worker {
    tellers: Tellers,
    bytes: Arc<AtomicUsize>,
    /// Records on their way to the folder, one line each.
    lines: Vec<u8>,
}

impl Worker {
    fn work(mut self, told: &Receiver<Told>) {
        loop {
            let mut next = match told.recv_timeout(TICK) {
                Ok(next) => Some(next),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return self.write(),
            };
            // What has gathered meanwhile is written at once.
            while let Some(one) = next {
                if matches!(one, Told::Over) {
                    return self.write();
                }
                self.tell(one);
                next = if self.lines.len() < BATCH_BYTES { told.try_recv().ok() } else { None };
            }
            self.write();
            if let Some(folder) = &mut self.tellers.folder {
                folder.sync(SystemTime::now());
            }
        }
    }

    fn tell(&mut self, told: Told) {
        match told {
            Told::Ended(notes) => {
                let record = record::of(&notes);
                self.bytes.fetch_sub(notes.body_bytes(), Ordering::Relaxed);
                if let Some(format) = self.tellers.lines {
                    log::request(format, &record);
                }
                if self.tellers.folder.is_some() && notes.planned.audit != Audit::Off {
                    self.lines.extend_from_slice(line(&record).as_bytes());
                }
            }
            Told::Refused(refused) => {
                if let Some(format) = self.tellers.lines {
                    log::refused(format, &refused);
                }
            }
            Told::Over => {}
        }
    }

    fn write(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        let Some(folder) = self.tellers.folder.as_mut().filter(|_| !lines.is_empty()) else {
            return;
        };
        if let Err(why) = folder.append(&lines, SystemTime::now()) {
            let why = why.to_string();
            let lines = String::from_utf8_lossy(&lines);
            lines.lines().for_each(|line| log::not_stored(&why, line));
        }
    }
}

/// A record as a line of the log of records.
fn line(record: &Record) -> String {
    // It holds nothing that cannot be written as JSON.
    let mut line = serde_json::to_string(record).unwrap_or_default();
    line.push('\n');
    line
}
