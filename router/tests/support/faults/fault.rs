//! The vocabulary of what can go wrong. How each is put on the wire is in `script.rs`.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;

/// What happens to one request.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The good answer of the demo.
    Answer,
    /// The good answer, after which the kept-alive connection is closed without a word.
    AnswerThenClose,
    /// The good answer, every byte of the body in an HTTP chunk of its own.
    Bytewise,
    /// The connection is closed (FIN) at this point; the HTTP body is not complete.
    Cut(At),
    /// A 200 that is whole but has neither text nor tool call.
    Empty,
    /// An error event at this point of the stream, in the protocol's own shape, after which the
    /// body ends as if all were well. Where a whole answer is asked for: a 200 with an error body.
    ErrorEvent(At),
    /// Silence from this point on, until the client leaves.
    Hang(At),
    /// Silence from this point on until the gate is opened, then the rest.
    Hold(At, Gate),
    /// An event whose data is not JSON at this point, then the rest. Where a whole answer is asked
    /// for: its first half, as if it were all.
    Malformed(At),
    /// The stream without an end mark, or a finish reason, or either; the HTTP body is complete.
    /// A whole answer is not touched.
    Missing(Missing),
    /// Bytes that are no HTTP, and a close.
    NotHttp,
    /// The start of a stream, piece by piece, and then one of these.
    Part(Vec<Vec<u8>>, Then),
    /// The rest comes this much later.
    Pause(At, Duration),
    /// An answer given byte for byte, such as a recorded one.
    Raw(Raw),
    /// The connection is reset (RST) at this point.
    Reset(At),
    /// A whole answer with this status.
    Status(Status),
}

/// What becomes of a stream that has begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Then {
    /// The body is over, as if all were well.
    End,
    /// Silence, until the client leaves.
    Hang,
    /// The connection is reset (RST).
    Reset,
}

/// A point in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// The request has been read, nothing has been sent.
    BeforeHeaders,
    /// The status line and the headers have been sent.
    AfterHeaders,
    /// The events before the first token have been sent too: OpenAI's role chunk, Anthropic's
    /// `message_start`, `content_block_start` and `ping`. In a whole answer the same as
    /// [`At::AfterHeaders`].
    BeforeFirstToken,
    /// The first token has been sent too. In a whole answer: the first half of the body.
    AfterFirstToken,
    /// All tokens have been sent, and nothing of what ends the answer. In a whole answer: all of
    /// the body but its last byte.
    AfterLastToken,
}

/// What a stream ends without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// `[DONE]` or `message_stop`.
    Mark,
    /// OpenAI's chunk with the `finish_reason`, Anthropic's `message_delta`.
    Finish,
    /// Both.
    Both,
}

/// An answer with an HTTP status.
#[derive(Debug, Clone)]
pub struct Status {
    /// JSON; the protocol's own error for the status when absent.
    pub body: Option<String>,
    /// Besides `content-type` and `content-length`.
    pub headers: Vec<(String, String)>,
    /// 100 to 999.
    pub status: u16,
}

/// An answer given byte for byte.
#[derive(Debug, Clone)]
pub struct Raw {
    /// The body.
    pub body: Vec<u8>,
    /// Offsets at which the body is cut into HTTP chunks, in any order.
    pub cuts: Vec<usize>,
    /// All headers but `transfer-encoding`.
    pub headers: Vec<(String, String)>,
    /// The status.
    pub status: u16,
}

impl Fault {
    /// An answer with this status and the protocol's own error body.
    pub fn status(status: u16) -> Self {
        Self::Status(Status { body: None, headers: Vec::new(), status })
    }

    /// A 429 that asks for a wait of so many seconds.
    pub fn retry_after(seconds: &str) -> Self {
        Self::status(429).with_header("retry-after", seconds)
    }

    /// A recorded stream, cut into chunks at these offsets.
    pub fn recorded(body: &[u8], cuts: &[usize]) -> Self {
        let headers = vec![("content-type".to_owned(), "text/event-stream".to_owned())];
        Self::Raw(Raw { body: body.to_vec(), cuts: cuts.to_vec(), headers, status: 200 })
    }

    /// A recorded stream, one byte at a time.
    pub fn recorded_bytewise(body: &[u8]) -> Self {
        Self::recorded(body, &(1..body.len()).collect::<Vec<_>>())
    }

    /// Adds a header to a status or a raw answer; of no effect on the others.
    pub fn with_header(mut self, name: &str, value: &str) -> Self {
        if let Self::Status(Status { headers, .. }) | Self::Raw(Raw { headers, .. }) = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }

    /// Sets the body of a status answer; of no effect on the others.
    pub fn with_body(mut self, json: &str) -> Self {
        if let Self::Status(status) = &mut self {
            status.body = Some(json.to_owned());
        }
        self
    }
}

/// Holds an answer back until a test opens it. Clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Semaphore>);

impl Default for Gate {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }
}

impl Gate {
    /// Lets everything through that waits, and whatever comes later.
    pub fn open(&self) {
        self.0.close();
    }

    /// Waits until it is open.
    pub(super) async fn opened(&self) {
        // No permit is ever given: it ends when the semaphore is closed.
        let _ = self.0.acquire().await;
    }
}
