//! A small S3 on loopback: what `push` needs of it, path-style and with conditions.
//!
//! Owns the protocol; what goes wrong is each test's, through a hook that sees every request first.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

pub const BUCKET: &str = "sfai-test";
pub const KEY_ID: &str = "AKIDTEST";
pub const REGION: &str = "ap-northeast-1";

/// Fewer than a test stores, so that a listing has several pages.
const KEYS_A_PAGE: usize = 2;

/// What came in.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// Without the bucket; empty for the bucket itself.
    pub key: String,
    bucket: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Request {
    /// The live map's move, which comes after everything else.
    pub fn is_move(&self) -> bool {
        self.method == "PUT" && self.key.ends_with("config/model_map.json")
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }
}

/// What goes out.
#[derive(Debug, Clone)]
pub struct Answer {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Answer {
    pub fn error(status: u16, code: &str) -> Self {
        let body =
            format!("<Error><Code>{code}</Code><Message>As the test has it.</Message></Error>");
        Self { status, headers: Vec::new(), body: body.into_bytes() }
    }

    pub fn text(status: u16, body: &str) -> Self {
        Self { status, headers: Vec::new(), body: body.as_bytes().to_vec() }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// What becomes of a request.
pub enum Then {
    /// It is served.
    Serve,
    /// It is answered so, and changes nothing.
    Say(Answer),
    /// It is served, and the connection ends before the answer.
    ServeAndHangUp,
    /// The connection ends.
    HangUp,
}

pub type Hook = Box<dyn Fn(&Request) -> Then + Send + Sync>;

#[derive(Debug, Clone)]
pub struct Object {
    pub bytes: Vec<u8>,
    pub metadata: BTreeMap<String, String>,
    tag: String,
    second: usize,
}

/// A running server; it ends when this is dropped.
pub struct Fake {
    address: SocketAddr,
    inside: Arc<Inside>,
}

struct Inside {
    objects: Mutex<BTreeMap<String, Object>>,
    /// A condition and the write that it allows are one step, as S3 has it.
    writing: Mutex<()>,
    seen: Mutex<Vec<String>>,
    hook: Hook,
    is_over: AtomicBool,
}

impl Fake {
    pub fn start(hook: Hook) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inside = Arc::new(Inside {
            objects: Mutex::default(),
            writing: Mutex::default(),
            seen: Mutex::default(),
            hook,
            is_over: AtomicBool::new(false),
        });
        let shared = Arc::clone(&inside);
        thread::spawn(move || {
            for stream in listener.incoming() {
                if shared.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&shared);
                // A client that is killed ends its connection as it likes.
                thread::spawn(move || stream.map(|stream| shared.serve(&stream)));
            }
        });
        Self { address, inside }
    }

    /// One where nothing goes wrong.
    pub fn well() -> Self {
        Self::start(Box::new(|_| Then::Serve))
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub fn object(&self, key: &str) -> Option<Object> {
        self.inside.objects.lock().unwrap().get(key).cloned()
    }

    pub fn put(&self, key: &str, bytes: &[u8]) {
        self.inside.store(key, bytes.to_vec(), BTreeMap::new());
    }

    /// `METHOD key` of all that came in.
    pub fn seen(&self) -> Vec<String> {
        self.inside.seen.lock().unwrap().clone()
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.inside.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

impl Inside {
    fn serve(&self, stream: &TcpStream) -> Option<()> {
        let mut from = BufReader::new(stream);
        loop {
            let request = read(&mut from, stream)?;
            self.seen.lock().unwrap().push(format!("{} {}", request.method, request.key));
            let answer = match (self.hook)(&request) {
                Then::Serve => self.answer(&request),
                Then::Say(answer) => answer,
                Then::ServeAndHangUp => {
                    self.answer(&request);
                    return None;
                }
                Then::HangUp => return None,
            };
            send(stream, &answer, request.method == "HEAD")?;
        }
    }

    fn answer(&self, request: &Request) -> Answer {
        let signed = request.header("authorization").unwrap_or_default();
        if !signed.starts_with(&format!("AWS4-HMAC-SHA256 Credential={KEY_ID}/"))
            || !signed.contains(&format!("/{REGION}/s3/aws4_request"))
        {
            return Answer::error(403, "AccessDenied");
        }
        if request.bucket != BUCKET {
            return Answer::error(404, "NoSuchBucket");
        }
        match request.method.as_str() {
            "GET" if request.key.is_empty() => self.list(request),
            "GET" | "HEAD" => self.get(&request.key),
            "PUT" => self.put(request),
            other => panic!("{other} is not served"),
        }
    }

    fn get(&self, key: &str) -> Answer {
        let objects = self.objects.lock().unwrap();
        let Some(object) = objects.get(key) else { return Answer::error(404, "NoSuchKey") };
        let mut headers = vec![
            ("etag".to_owned(), object.tag.clone()),
            (
                "last-modified".to_owned(),
                format!("Wed, 25 Nov 2026 10:00:{:02} GMT", object.second),
            ),
            ("content-type".to_owned(), "application/json".to_owned()),
        ];
        headers.extend(object.metadata.clone());
        Answer { status: 200, headers, body: object.bytes.clone() }
    }

    fn put(&self, request: &Request) -> Answer {
        let _alone = self.writing.lock().unwrap();
        let there = self.object_tag(&request.key);
        let is_refused = match (request.header("if-none-match"), request.header("if-match")) {
            (Some(_), _) => there.is_some(),
            (_, Some(_)) if there.is_none() => return Answer::error(404, "NoSuchKey"),
            (_, Some(tag)) => there.as_deref() != Some(tag),
            _ => panic!("a write without a condition"),
        };
        if is_refused {
            return Answer::error(412, "PreconditionFailed");
        }
        let metadata = request.headers.iter().filter(|(name, _)| name.starts_with("x-amz-meta-"));
        let metadata = metadata.map(|(name, value)| (name.clone(), value.clone())).collect();
        let tag = self.store(&request.key, request.body.clone(), metadata);
        Answer { status: 200, headers: vec![("etag".into(), tag)], body: Vec::new() }
    }

    fn object_tag(&self, key: &str) -> Option<String> {
        self.objects.lock().unwrap().get(key).map(|it| it.tag.clone())
    }

    fn store(&self, key: &str, bytes: Vec<u8>, metadata: BTreeMap<String, String>) -> String {
        let mut objects = self.objects.lock().unwrap();
        let tag = format!("\"{}\"", model_map::prompt_id(&String::from_utf8_lossy(&bytes)));
        let second = objects.len();
        objects.insert(key.to_owned(), Object { bytes, metadata, tag: tag.clone(), second });
        tag
    }

    fn list(&self, request: &Request) -> Answer {
        let query = |name: &str| request.query.get(name).map(String::as_str).unwrap_or_default();
        let (prefix, after) = (query("prefix"), query("continuation-token"));
        let objects = self.objects.lock().unwrap();
        let all: Vec<_> = objects
            .iter()
            .filter(|(key, _)| key.starts_with(prefix) && key.as_str() > after)
            .collect();
        let mut xml = String::from("<ListBucketResult>");
        for (key, object) in all.iter().take(KEYS_A_PAGE) {
            let at = format!("2026-11-25T10:00:{:02}.000Z", object.second);
            let (tag, size) = (object.tag.replace('"', "&quot;"), object.bytes.len());
            write!(xml, "<Contents><Key>{key}</Key><LastModified>{at}</LastModified>").unwrap();
            write!(xml, "<ETag>{tag}</ETag><Size>{size}</Size></Contents>").unwrap();
        }
        let is_cut = all.len() > KEYS_A_PAGE;
        write!(xml, "<IsTruncated>{is_cut}</IsTruncated>").unwrap();
        if is_cut {
            let last = all[KEYS_A_PAGE - 1].0;
            write!(xml, "<NextContinuationToken>{last}</NextContinuationToken>").unwrap();
        }
        Answer::text(200, &(xml + "</ListBucketResult>"))
    }
}

fn read(from: &mut impl BufRead, mut to: &TcpStream) -> Option<Request> {
    let mut line = String::new();
    from.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        from.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    if headers.contains_key("expect") {
        to.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").ok()?;
    }
    let length = headers.get("content-length").map_or(0, |it| it.parse().unwrap());
    let mut body = vec![0; length];
    from.read_exact(&mut body).ok()?;
    assert!(!headers.contains_key("transfer-encoding"), "a body of unknown length");
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let path = path.trim_start_matches('/');
    let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
    let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let query = pairs.map(|(name, value)| (decoded(name), decoded(value))).collect();
    let (bucket, key) = (decoded(bucket), decoded(key));
    Some(Request { method, key, bucket, query, headers, body })
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            other => other,
        });
    }
    String::from_utf8(bytes).unwrap()
}

fn send(mut to: &TcpStream, answer: &Answer, is_head: bool) -> Option<()> {
    let mut head = format!("HTTP/1.1 {} As-it-is\r\n", answer.status);
    for (name, value) in &answer.headers {
        write!(head, "{name}: {value}\r\n").unwrap();
    }
    write!(head, "content-length: {}\r\n\r\n", answer.body.len()).unwrap();
    let body = if is_head { &[][..] } else { &answer.body };
    to.write_all(&[head.as_bytes(), body].concat()).ok()
}
