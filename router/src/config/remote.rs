//! The map's object in S3.
//!
//! Owns the conditional read; what the bytes are worth is decided by who asked.

use std::sync::Arc;
use std::time::Duration;

use crate::aws::Aws;
use crate::aws::trouble::Trouble;

/// Where a deployment keeps its map.
pub const KEY: &str = "config/model_map.json";
/// For reading the body, which the client's own limits leave out.
const BODY: Duration = Duration::from_secs(10);
/// A map of ten thousand roles takes some megabytes.
const LARGEST: i64 = 64 * 1024 * 1024;

/// An object in S3 and the version of it that was read last.
pub struct Remote {
    aws: Arc<Aws>,
    bucket: String,
    etag: Option<String>,
}

/// What a look found.
pub(super) enum Fetched {
    /// What the look before it found.
    Same,
    /// Something else.
    New(Vec<u8>),
}

impl Remote {
    /// The map in a bucket.
    pub fn new(aws: Arc<Aws>, bucket: String) -> Self {
        Self { aws, bucket, etag: None }
    }

    /// Reads the object unless it is the one that was read before.
    ///
    /// # Errors
    /// Why it cannot be read, as one sentence.
    pub(super) async fn fetch(&mut self) -> Result<Fetched, String> {
        let told = |trouble| format!("the map {KEY} in S3 {trouble}");
        let client = self.aws.s3().await;
        let request = client.get_object().bucket(&self.bucket).key(KEY);
        let answer = match request.set_if_none_match(self.etag.clone()).send().await {
            Ok(answer) => answer,
            Err(error) => {
                let status = error.raw_response().map(|response| response.status().as_u16());
                if status == Some(304) {
                    return Ok(Fetched::Same);
                }
                return Err(told(Trouble::of(&error)));
            }
        };
        if answer.content_length().is_some_and(|length| length > LARGEST) {
            return Err(told(Trouble::Failed(format!("it is larger than {LARGEST} bytes"))));
        }
        let etag = answer.e_tag().map(str::to_owned);
        let body = tokio::time::timeout(BODY, answer.body.collect()).await;
        let body = body.map_err(|_| told(Trouble::Slow))?;
        let body = body.map_err(|error| told(Trouble::Failed(error.to_string())))?;
        self.etag = etag;
        Ok(Fetched::New(body.to_vec()))
    }
}
