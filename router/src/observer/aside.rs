//! Telling on a thread of its own, off the path of the request.
//!
//! A request hands its notes to a queue and never waits: a client's answer is worth more than the
//! promptness of a record. The queue is bounded in number and in bytes, so that a disk that hangs
//! costs no more memory than that; a record that finds it full is written to the log, whole, by
//! the request's own task. Nothing is thrown away, and an operator sees both where and why.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use model_map::Audit;

use super::{Refused, Tellers, line};
use crate::audit::record;
use crate::audit::trail::Notes;
use crate::log;
use crate::telemetry::Telemetry;

/// Requests that wait to be told of.
const WAITING: usize = 4_096;
/// Their bodies, in bytes, where roles are audited in full.
const WAITING_BYTES: usize = 64 << 20;
/// Lines that are written to a folder at once.
const BATCH_BYTES: usize = 1 << 20;
/// Lines that are stored in S3 as one object, before they are compressed: requests are paid for,
/// and Athena reads few large objects faster than many small ones.
#[cfg(feature = "aws")]
const OBJECT_BYTES: usize = 4 << 20;
/// How long a line may wait for others before it is stored in S3.
#[cfg(feature = "aws")]
const OBJECT_AGE: Duration = Duration::from_secs(5);
/// How often is looked after what is due by time.
const TICK: Duration = Duration::from_millis(250);

/// The queue and its worker.
pub(super) struct Aside {
    queue: SyncSender<Told>,
    /// What the queue's bodies hold.
    bytes: Arc<AtomicUsize>,
    keeps_records: bool,
    telemetry: Option<Arc<Telemetry>>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

enum Told {
    Ended(Box<Notes>),
    Refused(Refused),
    /// Nothing more will come.
    Over,
}

impl Aside {
    pub(super) fn start(tellers: Tellers) -> std::io::Result<Self> {
        let (keeps_records, telemetry) = (tellers.keeps_records(), tellers.telemetry.clone());
        let (queue, told) = sync_channel(WAITING);
        let bytes = Arc::new(AtomicUsize::new(0));
        let worker = Worker {
            tellers,
            bytes: Arc::clone(&bytes),
            lines: Vec::new(),
            #[cfg(feature = "aws")]
            objects: Waiting::default(),
        };
        let thread = std::thread::Builder::new().name("sfai-observer".into());
        let worker = thread.spawn(move || worker.work(&told))?;
        Ok(Self { queue, bytes, keeps_records, telemetry, worker: Mutex::new(Some(worker)) })
    }

    pub(super) fn ended(&self, notes: Box<Notes>) {
        let size = notes.body_bytes();
        let fits = self.bytes.fetch_add(size, Ordering::Relaxed) + size <= WAITING_BYTES;
        let queued = match fits {
            true => self.queue.try_send(Told::Ended(notes)),
            false => Err(TrySendError::Full(Told::Ended(notes))),
        };
        let (told, why) = match queued {
            Ok(()) => return,
            Err(TrySendError::Full(told)) => (told, "more records wait to be stored than fit"),
            Err(TrySendError::Disconnected(told)) => (told, "the router is stopping"),
        };
        self.bytes.fetch_sub(size, Ordering::Relaxed);
        let Told::Ended(notes) = told else { return };
        if let Some(telemetry) = &self.telemetry {
            telemetry.ended(&notes);
        }
        if self.keeps_records && notes.planned.audit != Audit::Off {
            log::not_stored(why, &line(&record::of(&notes)), None);
        }
    }

    pub(super) fn refused(&self, refused: Refused) {
        // Where the queue is full of requests that were served, one that was not is passed over.
        let _ = self.queue.try_send(Told::Refused(refused));
    }

    pub(super) fn close(&self) {
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
    /// Those on their way to S3.
    #[cfg(feature = "aws")]
    objects: Waiting,
}

/// Lines that wait for others.
#[cfg(feature = "aws")]
#[derive(Default)]
struct Waiting {
    lines: Vec<u8>,
    since: Option<SystemTime>,
}

impl Worker {
    fn work(mut self, told: &Receiver<Told>) {
        loop {
            let mut next = match told.recv_timeout(TICK) {
                Ok(next) => Some(next),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return self.end(),
            };
            // What has gathered meanwhile is written at once.
            while let Some(one) = next {
                if matches!(one, Told::Over) {
                    return self.end();
                }
                self.tell(one);
                next = if self.lines.len() < BATCH_BYTES { told.try_recv().ok() } else { None };
            }
            self.write();
            #[cfg(feature = "aws")]
            self.store(false);
            if let Some(folder) = &mut self.tellers.folder {
                folder.sync(SystemTime::now());
            }
        }
    }

    fn end(&mut self) {
        self.write();
        #[cfg(feature = "aws")]
        self.store(true);
    }

    fn tell(&mut self, told: Told) {
        match told {
            Told::Ended(notes) => {
                if let Some(telemetry) = &self.tellers.telemetry {
                    telemetry.ended(&notes);
                }
                let record = record::of(&notes);
                self.bytes.fetch_sub(notes.body_bytes(), Ordering::Relaxed);
                if let Some(format) = self.tellers.lines {
                    log::request(format, &record);
                }
                if self.tellers.keeps_records() && notes.planned.audit != Audit::Off {
                    self.keep(line(&record).as_bytes());
                }
            }
            Told::Refused(refused) => {
                if let Some(telemetry) = &self.tellers.telemetry {
                    telemetry.refused(&refused);
                }
                if let Some(format) = self.tellers.lines {
                    log::refused(format, &refused);
                }
            }
            Told::Over => {}
        }
    }

    fn keep(&mut self, line: &[u8]) {
        if self.tellers.folder.is_some() {
            self.lines.extend_from_slice(line);
        }
        #[cfg(feature = "aws")]
        if self.tellers.bucket.is_some() {
            self.objects.lines.extend_from_slice(line);
            self.objects.since.get_or_insert_with(SystemTime::now);
            if self.objects.lines.len() >= OBJECT_BYTES {
                self.store(false);
            }
        }
    }

    fn write(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        let Some(folder) = self.tellers.folder.as_mut().filter(|_| !lines.is_empty()) else {
            return;
        };
        if let Err(why) = folder.append(&lines, SystemTime::now()) {
            log_all(&why.to_string(), &lines);
        }
    }

    /// Stores what waits for S3, if it is much or old, or if it must be.
    #[cfg(feature = "aws")]
    fn store(&mut self, must: bool) {
        let now = SystemTime::now();
        let old = |since: SystemTime| now.duration_since(since).is_ok_and(|it| it >= OBJECT_AGE);
        let due =
            must || self.objects.lines.len() >= OBJECT_BYTES || self.objects.since.is_some_and(old);
        let Some(bucket) = self.tellers.bucket.as_ref().filter(|_| due) else { return };
        let Waiting { lines, .. } = std::mem::take(&mut self.objects);
        if lines.is_empty() {
            return;
        }
        if let Err(why) = bucket.put_blocking(&lines, now) {
            log_all(&why, &lines);
        }
    }
}

fn log_all(why: &str, lines: &[u8]) {
    String::from_utf8_lossy(lines).lines().for_each(|line| log::not_stored(why, line, None));
}
