//! Where compiled maps are kept: versions that never change, and a copy of one that is live.
//!
//! Owns what a store has to do and the names in it; how it is done is [`folder`]'s and `s3`'s. When
//! a map may be moved, and what is said about it, is for the commands.

pub mod address;
pub mod digest;
pub mod folder;
pub mod note;
#[cfg(feature = "s3")]
pub mod s3;

use std::fmt;

use jiff::Timestamp;

pub use address::Address;
pub use digest::Digest;
pub use note::{Did, Note};

/// The live map: what routers read.
pub const LIVE: &str = "config/model_map.json";

/// The folder of the versions, each `{64 hex digits}.json`.
pub const VERSIONS: &str = "config/versions/";

/// A place for maps. Nothing in it is a secret: a map names keys and never holds them.
pub trait Store {
    /// What is live; none before the first push.
    ///
    /// # Errors
    /// When the place cannot be reached or read; so it is with all that follow.
    fn live(&self) -> Result<Option<Live>, Trouble>;

    /// The bytes of a version.
    ///
    /// # Errors
    /// See [`Store::live`].
    fn version(&self, digest: &Digest) -> Result<Option<Vec<u8>>, Trouble>;

    /// The versions whose hex digits start so, in no order.
    ///
    /// # Errors
    /// See [`Store::live`].
    fn listed(&self, start: &str) -> Result<Vec<Listed>, Trouble>;

    /// What was noted when each of these versions was stored, in their order.
    ///
    /// # Errors
    /// See [`Store::live`].
    fn notes(&self, of: &[Digest]) -> Result<Vec<Option<Note>>, Trouble>;

    /// Stores a version, unless there is one of that digest: that one stays as it is.
    ///
    /// # Errors
    /// See [`Store::live`].
    fn keep(&self, digest: &Digest, bytes: &[u8], note: &Note) -> Result<Kept, Trouble>;

    /// Makes a map live if what is live is still `over`: compared and replaced in one step, so that
    /// of two that move at once one loses.
    ///
    /// # Errors
    /// See [`Store::live`].
    fn move_live(&self, over: Option<&Live>, bytes: &[u8], note: &Note) -> Result<Moved, Trouble>;
}

/// What is live.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Live {
    /// The map's file.
    pub bytes: Vec<u8>,
    /// What the store compares to see whether it is still live.
    pub tag: Tag,
    /// Who made it live; none where it was put there by other means.
    pub note: Option<Note>,
    /// When the file was written, as the store has it.
    pub written: Option<Timestamp>,
}

/// Tells one content of the live map from another: an ETag in S3, in a folder the content itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag(pub(crate) Vec<u8>);

/// A version, as a listing has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its digest.
    pub digest: Digest,
    /// When it was stored, as the store has it.
    pub written: Option<Timestamp>,
}

/// What became of a version that was to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// It is there now.
    Stored,
    /// One of that digest was there; its content is still to be looked at.
    WasThere,
}

/// What became of a map that was to be live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// It is live.
    Moved,
    /// Another one was faster; what it made live stays.
    Lost,
}

/// Why a store cannot be used, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub help: String,
}

impl Trouble {
    pub(crate) fn new(what: impl Into<String>, help: impl Into<String>) -> Self {
        Self { what: what.into(), help: help.into() }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}\n  help: {}", self.what, self.help)
    }
}

impl std::error::Error for Trouble {}
