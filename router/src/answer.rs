//! The body of a response, whole or streamed.
//!
//! Owns what the fronts poll; a stream's own bytes are [`AnswerStream`]'s.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use tokio::time::Instant;

use crate::attempt::{AnswerStream, Resumption};
use crate::audit::{Closing, Trail};
use crate::wire::Told;

/// What the fronts send. It never fails: a front would write the failure's text into the stream.
pub enum Answer {
    /// All of it; none once it was sent.
    Whole(Option<Bytes>),
    /// All of it, of a request whose doings are noted.
    Noted(Box<Noted>),
    /// As the upstream produces it.
    Stream(Box<AnswerStream>),
}

/// A whole body and the notes that end with it.
pub struct Noted {
    bytes: Option<Bytes>,
    /// What they say, where they are packed.
    says: Option<Bytes>,
    told: Told,
    closing: Closing,
}

impl Answer {
    /// A whole body.
    pub fn whole(bytes: impl Into<Bytes>) -> Self {
        Self::Whole(Some(bytes.into()))
    }

    /// The same body, which `trail` follows to its end. `told` is what the provider says of a whole
    /// one.
    pub(crate) fn noted(self, trail: Trail, told: Told) -> Self {
        let closing = Closing::of(trail);
        match self {
            Self::Whole(bytes) => Self::Noted(Box::new(Noted { bytes, says: None, told, closing })),
            Self::Noted(noted) => Self::Noted(Box::new(Noted { closing, ..*noted })),
            Self::Stream(mut stream) => {
                stream.follow(closing);
                Self::Stream(stream)
            }
        }
    }

    /// Has a stream continued, should it break off.
    pub(crate) fn resumes(&mut self, resumption: Resumption) {
        if let Self::Stream(stream) = self {
            stream.resumes(resumption);
        }
    }

    /// A whole body that was not sent yet.
    pub(crate) fn bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Whole(bytes) => bytes.as_ref(),
            Self::Noted(noted) => noted.bytes.as_ref(),
            Self::Stream(_) => None,
        }
    }

    /// Sends other bytes in place of a whole body's.
    pub(crate) fn replace(&mut self, other: Bytes) {
        match self {
            Self::Whole(bytes) => *bytes = Some(other),
            Self::Noted(noted) => noted.bytes = Some(other),
            Self::Stream(_) => {}
        }
    }

    /// Sends a whole body packed; what is noted of it is what it says.
    pub(crate) fn pack(&mut self, packed: Bytes) {
        match self {
            Self::Noted(noted) => noted.says = noted.bytes.replace(packed),
            other => other.replace(packed),
        }
    }

    /// When a stream is over, however slowly its client reads.
    pub(crate) fn ends_at(&self) -> Option<Instant> {
        match self {
            Self::Stream(stream) => Some(stream.ends_at()),
            Self::Whole(_) | Self::Noted(_) => None,
        }
    }

    /// Whether its length is not known beforehand.
    pub fn is_stream(&self) -> bool {
        matches!(self, Self::Stream(_))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(bytes) => {
                let bytes = bytes.take().filter(|bytes| !bytes.is_empty());
                Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
            Self::Noted(noted) => noted.poll(cx).map(|next| next.map(|it| Ok(Frame::data(it)))),
            Self::Stream(stream) => stream.poll(cx).map(|next| next.map(|it| Ok(Frame::data(it)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_none(),
            Self::Noted(noted) => noted.bytes.is_none() && noted.closing.is_over(),
            Self::Stream(_) => false,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Noted(noted) => {
                SizeHint::with_exact(noted.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

impl Noted {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(bytes) = self.bytes.take().filter(|bytes| !bytes.is_empty()) {
            self.closing.sends(self.says.as_ref().unwrap_or(&bytes));
            // A front that knows the length does not ask again: it is over with its last byte.
            self.closing.begin(self.told, None);
            return Poll::Ready(Some(bytes));
        }
        self.closing.poll(cx, || (self.told, None)).map(|()| None)
    }
}
