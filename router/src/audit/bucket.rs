//! The audit log in S3: gzipped JSON lines under the same keys as in a folder,
//! `dt=YYYY-MM-DD/hour=HH/*.jsonl.gz`.
//!
//! Owns one object's making; when records are stored and what becomes of those that cannot be is
//! for the caller.

use std::io::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use aws_sdk_s3::primitives::ByteStream;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::runtime::Handle;

use super::folder::{compact, partition};
use crate::aws::Aws;
use crate::aws::trouble::Trouble;

/// The audit log of one process in a bucket.
pub struct Bucket {
    aws: Arc<Aws>,
    name: String,
    /// What the names of this process's objects begin with.
    process: String,
    objects: AtomicU64,
    runtime: Handle,
}

impl Bucket {
    /// In the runtime that calls this; nothing is done before the first record.
    pub fn new(aws: Arc<Aws>, name: String, now: SystemTime) -> Self {
        let process = format!("{}-{:08x}", compact(now), fastrand::u32(..));
        Self { aws, name, process, objects: AtomicU64::new(0), runtime: Handle::current() }
    }

    /// The same as [`Self::put`], for a thread of no runtime.
    pub(crate) fn put_blocking(&self, lines: &[u8], now: SystemTime) -> Result<(), String> {
        self.runtime.block_on(self.put(lines, now))
    }

    /// Stores whole lines as an object of their own.
    ///
    /// # Errors
    /// When they are not stored, or it is not known that they are; the text says why.
    pub(crate) async fn put(&self, lines: &[u8], now: SystemTime) -> Result<(), String> {
        let number = self.objects.fetch_add(1, Ordering::Relaxed);
        let key = format!("{}/{}-{number:06}.jsonl.gz", partition(now), self.process);
        let body = gzip(lines).map_err(|error| error.to_string())?;
        let put = self.aws.s3().await.put_object().bucket(&self.name).key(&key);
        let put = put.content_type("application/gzip").body(ByteStream::from(body));
        let failed = |error| format!("s3://{}/{key} {}", self.name, wording(&error));
        put.send().await.map(drop).map_err(|error| failed(Trouble::of(&error)))
    }
}

/// [`Trouble`] speaks of reading.
fn wording(trouble: &Trouble) -> String {
    match trouble {
        Trouble::Missing => "cannot be written: there is no such bucket".to_owned(),
        Trouble::Denied(code) => format!("may not be written ({code})"),
        Trouble::Failed(what) => format!("cannot be written ({what})"),
        Trouble::Slow | Trouble::Unreachable(_) => trouble.to_string(),
    }
}

/// Fast: a record is some kilobytes, and a better ratio would cost more time than it saves.
fn gzip(lines: &[u8]) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(lines)?;
    encoder.finish()
}
