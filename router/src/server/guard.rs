//! Requests whose end two readers could see at different places, and what else no client sends.
//!
//! Owns the judgement of a head as it came, before anything of it is lost to parsing: hyper reads
//! such requests one way, a proxy before it may read them another way, and what lies between would
//! be a request that nobody asked for.

use http::Version;
use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::request::Parts;
use memchr::{memchr, memchr_iter};

/// The most that a head may hold.
pub(super) const HEAD_LIMIT: usize = 64 * 1024;

/// The head of the request that is being read, as it comes from the socket.
#[derive(Debug, Default)]
pub(super) struct Head {
    bytes: Vec<u8>,
    /// Whether its end was seen: what comes then is the body.
    whole: bool,
}

impl Head {
    /// Takes what came next.
    pub(super) fn read(&mut self, mut more: &[u8]) {
        if self.whole {
            return;
        }
        if self.bytes.is_empty() {
            // Old clients send an empty line after a body.
            more = more.trim_ascii_start();
            // Most come at once, and a body with them, which is not copied.
            if let Some(end) = end_of_head(more).filter(|end| *end <= HEAD_LIMIT) {
                self.bytes.extend_from_slice(more.get(..end).unwrap_or_default());
                self.whole = true;
                return;
            }
        }
        // The end may lie across two reads.
        let from = self.bytes.len().saturating_sub(3);
        let room = HEAD_LIMIT.saturating_sub(self.bytes.len());
        self.bytes.extend_from_slice(more.get(..room).unwrap_or(more));
        let unseen = self.bytes.get(from..).unwrap_or_default();
        if let Some(end) = end_of_head(unseen) {
            self.bytes.truncate(from + end);
            self.whole = true;
        }
    }

    /// What has come of it.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn is_whole(&self) -> bool {
        self.whole
    }

    /// The next request may come.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.whole = false;
    }

    /// Why the request with this head is refused, if it is.
    pub(super) fn fault(&self, read: &Parts) -> Option<&'static str> {
        if !self.whole || !self.bytes.starts_with(read.method.as_str().as_bytes()) {
            return Some(
                "it came before the answer to the one before it, or its lines end in LF alone",
            );
        }
        fault_of_lines(&self.bytes).or_else(|| fault_of_headers(read))
    }
}

/// Where the last line of a head ends, if the empty line follows.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let ends = |end: &usize| bytes.get(..*end).is_some_and(|head| head.ends_with(b"\r\n\r\n"));
    // A search for all four bytes takes longer to begin than a head is.
    memchr_iter(b'\n', bytes).map(|at| at + 1).find(ends).map(|end| end - 2)
}

fn fault_of_lines(head: &[u8]) -> Option<&'static str> {
    let (mut lengths, mut codings, mut start) = (0, 0, 0);
    for end in memchr_iter(b'\n', head) {
        let line = head.get(start..end).unwrap_or_default();
        start = end + 1;
        let Some(line) = line.strip_suffix(b"\r") else {
            return Some("a line of its head ends in LF alone");
        };
        if memchr(b'\r', line).is_some() {
            return Some("its head holds a bare CR");
        }
        if matches!(line.first(), Some(b' ' | b'\t')) {
            return Some("a header of it is folded");
        }
        let name = line.get(..memchr(b':', line).unwrap_or(line.len())).unwrap_or_default();
        lengths += usize::from(name.eq_ignore_ascii_case(CONTENT_LENGTH.as_str().as_bytes()));
        codings += usize::from(name.eq_ignore_ascii_case(TRANSFER_ENCODING.as_str().as_bytes()));
    }
    match (lengths, codings) {
        (0 | 1, 0) | (0, 1) => None,
        (0, _) => Some("it has Transfer-Encoding twice"),
        (_, 0) => Some("it has Content-Length twice"),
        _ => Some("it has both Content-Length and Transfer-Encoding"),
    }
}

fn fault_of_headers(read: &Parts) -> Option<&'static str> {
    let coding = read.headers.get(TRANSFER_ENCODING);
    if coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Some("its Transfer-Encoding is not `chunked`");
    }
    let mut hosts = read.headers.get_all(HOST).iter();
    if hosts.next().is_none() && read.version == Version::HTTP_11 {
        return Some("it has no Host");
    }
    if hosts.next().is_some() {
        return Some("it has Host twice");
    }
    // Where a path is decoded, these would end a line of a log or a string.
    let path = read.uri.path().as_bytes();
    let escaped = path.windows(3).filter(|it| it.first() == Some(&b'%'));
    let control = |it: &[u8]| match it {
        [_, b'0' | b'1', _] => true,
        [_, b'7', last] => last.eq_ignore_ascii_case(&b'f'),
        _ => false,
    };
    escaped.into_iter().any(control).then_some("its path holds a control character")
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn fault(head: &str) -> Option<&'static str> {
        let mut read = Head::default();
        // However it comes.
        for byte in head.as_bytes() {
            read.read(&[*byte]);
        }
        let mut at_once = Head::default();
        at_once.read(head.as_bytes());
        assert_eq!(read.bytes, at_once.bytes);
        let (parts, ()) = Request::post("/").header(HOST, "h").body(()).unwrap().into_parts();
        read.fault(&parts)
    }

    #[test]
    fn what_clients_send_is_taken() {
        for head in [
            "POST / HTTP/1.1\r\nHost: h\r\n\r\n",
            "\r\nPOST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ] {
            assert_eq!(fault(head), None, "{head:?}");
        }
    }

    #[test]
    fn what_two_readers_could_read_differently_is_not() {
        for (head, why) in [
            ("Content-Length: 3\r\ntransfer-encoding: chunked\r\n\r\n", "both"),
            ("Transfer-Encoding: chunked\r\nCONTENT-LENGTH: 3\r\n\r\n", "both"),
            ("Content-Length: 3\r\nContent-Length: 3\r\n\r\n", "Content-Length twice"),
            ("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", "twice"),
            ("X: a\r\n b\r\n\r\n", "folded"),
            ("X: a\rY: b\r\n\r\n", "bare CR"),
            ("X: a\nY: b\r\n\r\n", "LF alone"),
            ("X: a\n\n", "LF alone"),
        ] {
            let found = fault(&format!("POST / HTTP/1.1\r\n{head}"));
            assert!(found.is_some_and(|it| it.contains(why)), "{head:?}: {found:?}");
        }
    }

    #[test]
    fn a_request_that_was_not_seen_from_its_start_is_not_taken() {
        let (parts, ()) = Request::post("/").header(HOST, "h").body(()).unwrap().into_parts();
        let mut head = Head::default();
        head.read(b"POST / HTTP/1.1\r\n\r\n");
        assert_eq!(head.fault(&parts), None);
        head.clear();
        assert!(head.fault(&parts).is_some());
        head.read(b"st: h\r\n\r\n");
        assert!(head.fault(&parts).is_some());
    }

    #[test]
    fn headers_are_judged_as_they_were_read() {
        let refused = |request: http::request::Builder| {
            let (parts, ()) = request.body(()).unwrap().into_parts();
            fault_of_headers(&parts)
        };
        let get = |path: &str| Request::get(path).header("host", "a");
        assert!(refused(get("/v1/models/a%20b")).is_none());
        for path in ["/v1/%00", "/%0d%0aX", "/%7F"] {
            assert!(refused(get(path)).is_some(), "{path}");
        }
        assert!(refused(get("/").header("host", "a")).is_some());
        assert!(refused(Request::get("/")).is_some());
        assert!(refused(Request::get("/").version(Version::HTTP_10)).is_none());
        let coded = get("/").header("transfer-encoding", "gzip, chunked");
        assert!(refused(coded).is_some());
    }
}
