//! A store in a bucket of S3.
//!
//! Owns the calls and their conditions; where they go is [`connect`]'s, how a note travels is
//! [`metadata`]'s, and what an error means is [`trouble`]'s.

mod connect;
mod metadata;
mod trouble;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::ProvideErrorMetadata;
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use jiff::Timestamp;
use tokio::runtime::Runtime;

use super::{Digest, Kept, LIVE, Listed, Live, Moved, Note, Store, Tag, Trouble, VERSIONS};
use trouble::Place;

/// What a map is served as.
const JSON: &str = "application/json";

/// A bucket of maps.
#[derive(Debug)]
pub struct S3 {
    client: Client,
    place: Place,
    prefix: String,
    /// One thread: at most a screenful of small requests is under way.
    runtime: Runtime,
}

/// What a conditional write came to.
enum Put {
    Done,
    /// The object is not, or no longer, what it was said to be.
    Refused,
}

/// What an object must be for a write to replace it.
#[derive(Clone, Copy)]
enum Only<'t> {
    IfAbsent,
    IfStill(&'t Tag),
}

impl S3 {
    /// A store in a bucket, with the credentials and settings that the AWS tools would use.
    ///
    /// # Errors
    /// When there are none.
    pub fn open(bucket: &str, prefix: &str) -> Result<Self, Trouble> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| {
            Trouble::new(
                format!("no runtime for network calls: {error}"),
                "see what limits this process",
            )
        })?;
        let connected = runtime.block_on(connect::connect(bucket))?;
        let (client, place) = (connected.client, connected.place);
        Ok(Self { client, place, prefix: prefix.to_owned(), runtime })
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }

    async fn get(&self, key: &str) -> Result<Option<Live>, Trouble> {
        let sent =
            self.client.get_object().bucket(&self.place.bucket).key(self.key(key)).send().await;
        let found = match sent {
            Ok(found) => found,
            Err(error) if error.code() == Some("NoSuchKey") => return Ok(None),
            Err(error) => return Err(self.place.told(&error)),
        };
        let tag = found.e_tag.unwrap_or_default();
        let note = metadata::read(found.metadata.unwrap_or_default());
        let written = timestamp(found.last_modified.as_ref());
        let body = found.body.collect().await;
        let bytes = body.map_err(|error| self.place.broken_off(&error))?.to_vec();
        Ok(Some(Live { bytes, tag: Tag(tag.into_bytes()), note, written }))
    }

    async fn put(
        &self,
        key: &str,
        only: Only<'_>,
        bytes: &[u8],
        note: &Note,
    ) -> Result<Put, Trouble> {
        let put = self
            .client
            .put_object()
            .bucket(&self.place.bucket)
            .key(self.key(key))
            .content_type(JSON)
            .set_metadata(Some(metadata::written(note)))
            .body(ByteStream::from(bytes.to_vec()));
        let put = match only {
            Only::IfAbsent => put.if_none_match("*"),
            Only::IfStill(tag) => put.if_match(String::from_utf8_lossy(&tag.0)),
        };
        let Err(error) = put.send().await else { return Ok(Put::Done) };
        match error.code() {
            // The second is for two that came at the very same time, the third for an object that
            // was to be replaced and is gone.
            Some("PreconditionFailed" | "ConditionalRequestConflict" | "NoSuchKey") => {
                Ok(Put::Refused)
            }
            _ => Err(self.place.told(&error)),
        }
    }

    async fn list(&self, start: &str) -> Result<Vec<Listed>, Trouble> {
        let mut pages = self
            .client
            .list_objects_v2()
            .bucket(&self.place.bucket)
            .prefix(self.key(&format!("{VERSIONS}{start}")))
            .into_paginator()
            .send();
        let mut listed = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.place.told(&error))?;
            listed.extend(page.contents().iter().filter_map(|object| {
                let digest = Digest::of_key(object.key()?)?;
                Some(Listed { digest, written: timestamp(object.last_modified()) })
            }));
        }
        Ok(listed)
    }

    /// All at once: a listing does not tell what is noted with its objects.
    async fn heads(&self, of: &[Digest]) -> Result<Vec<Option<Note>>, Trouble> {
        let heads: Vec<_> = of
            .iter()
            .map(|digest| {
                let head = self.client.head_object().bucket(&self.place.bucket);
                tokio::spawn(head.key(self.key(&digest.key())).send())
            })
            .collect();
        let mut notes = Vec::new();
        for head in heads {
            let ended = head.await.map_err(|error| self.place.broken_off(&error))?;
            notes.push(match ended {
                Ok(found) => metadata::read(found.metadata.unwrap_or_default()),
                Err(error) if error.as_service_error().is_some_and(|it| it.is_not_found()) => None,
                Err(error) => return Err(self.place.told(&error)),
            });
        }
        Ok(notes)
    }
}

impl Store for S3 {
    fn live(&self) -> Result<Option<Live>, Trouble> {
        let live = self.runtime.block_on(self.get(LIVE))?;
        match live {
            // Without it two moves could not be told apart.
            Some(live) if live.tag.0.is_empty() => Err(self.place.without_tag()),
            live => Ok(live),
        }
    }

    fn version(&self, digest: &Digest) -> Result<Option<Vec<u8>>, Trouble> {
        Ok(self.runtime.block_on(self.get(&digest.key()))?.map(|it| it.bytes))
    }

    fn listed(&self, start: &str) -> Result<Vec<Listed>, Trouble> {
        self.runtime.block_on(self.list(start))
    }

    fn notes(&self, of: &[Digest]) -> Result<Vec<Option<Note>>, Trouble> {
        self.runtime.block_on(self.heads(of))
    }

    fn keep(&self, digest: &Digest, bytes: &[u8], note: &Note) -> Result<Kept, Trouble> {
        let key = digest.key();
        let put = self.put(&key, Only::IfAbsent, bytes, note);
        Ok(match self.runtime.block_on(put)? {
            Put::Done => Kept::Stored,
            Put::Refused => Kept::WasThere,
        })
    }

    fn move_live(&self, over: Option<&Live>, bytes: &[u8], note: &Note) -> Result<Moved, Trouble> {
        let only = over.map_or(Only::IfAbsent, |live| Only::IfStill(&live.tag));
        Ok(match self.runtime.block_on(self.put(LIVE, only, bytes, note))? {
            Put::Done => Moved::Moved,
            Put::Refused => Moved::Lost,
        })
    }
}

fn timestamp(time: Option<&DateTime>) -> Option<Timestamp> {
    Timestamp::from_second(time?.secs()).ok()
}
