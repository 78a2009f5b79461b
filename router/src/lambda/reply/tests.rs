use std::collections::VecDeque;

use http::StatusCode;
use serde_json::json;

use super::*;

/// Frames, then the end or a panic.
struct Script {
    frames: VecDeque<&'static [u8]>,
    panics: bool,
}

impl Body for Script {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let frame = self.frames.pop_front();
        assert!(frame.is_some() || !self.panics, "the producer breaks");
        Poll::Ready(frame.map(|bytes| Ok(Frame::data(Bytes::from_static(bytes)))))
    }
}

fn response(frames: &[&'static [u8]], panics: bool) -> Response<Script> {
    let script = Script { frames: frames.iter().copied().collect(), panics };
    Response::builder()
        .status(StatusCode::CREATED)
        .header("content-type", "text/event-stream")
        .header("content-length", "12")
        .header("x-amzn-remapped-host", "a")
        .header("vary", "origin")
        .header("vary", "accept")
        .header("set-cookie", "a=1")
        .header("set-cookie", "b=2")
        .body(script)
        .unwrap()
}

async fn body_of(frames: &[&'static [u8]], panics: bool) -> Bytes {
    let body = response(frames, panics).into_body();
    let Ok(body) = Guarded::new(body, 100).collect().await;
    body.to_bytes()
}

fn document(reply: Reply<Script>) -> Value {
    let Reply::Buffered(reply) = reply else { panic!("not buffered") };
    serde_json::from_slice(&reply).unwrap()
}

#[tokio::test]
async fn a_buffered_reply_is_format_2() {
    assert_eq!(
        document(buffered(response(&[b"da", b"ta"], false)).await),
        json!({
            "statusCode": 201,
            "headers": {"content-type": "text/event-stream", "vary": "origin, accept"},
            "cookies": ["a=1", "b=2"],
            "body": "data",
            "isBase64Encoded": false,
        })
    );
}

#[tokio::test]
async fn bytes_that_are_no_text_go_as_base64() {
    let reply = document(buffered(response(&[b"\xff\x00"], false)).await);
    assert_eq!((&reply["body"], &reply["isBase64Encoded"]), (&json!("/wA="), &json!(true)));
}

#[test]
fn a_streamed_reply_has_one_value_a_header() {
    let Reply::Streamed(prelude, _) = streamed(response(&[b"data"], false)) else {
        panic!("not streamed");
    };
    let prelude = prelude.strip_suffix(&DELIMITER).unwrap();
    assert_eq!(
        serde_json::from_slice::<Value>(prelude).unwrap(),
        json!({
            "statusCode": 201,
            "headers": {"content-type": "text/event-stream", "vary": "origin, accept"},
            "cookies": ["a=1", "b=2"],
        })
    );
}

#[tokio::test]
async fn a_body_is_never_empty() {
    assert_eq!(body_of(&[], false).await, "\n");
    assert_eq!(body_of(&[b""], false).await, "\n");
    assert_eq!(body_of(&[b"data"], false).await, "data");
}

#[tokio::test]
async fn a_panic_of_the_producer_is_an_error_in_the_stream() {
    let body = body_of(&[b"data: {}\n\n"], true).await;
    let text = String::from_utf8(body.to_vec()).unwrap();
    assert_eq!(text, format!("data: {{}}\n\n{BROKEN}"));
    let error = BROKEN.strip_prefix("data: ").unwrap();
    let error: Value = serde_json::from_str(error).unwrap();
    assert_eq!(error["error"]["code"], "internal_error");
}

#[tokio::test]
async fn a_stream_past_the_limit_ends_in_an_error_event() {
    let event = b"data: 0123456789012345678901234567890123456789\n\n";
    let whole = String::from_utf8(body_of(&[event, event, event], false).await.to_vec()).unwrap();
    assert_eq!(whole.matches("data: 0").count(), 2);
    assert!(whole.ends_with(&format!("9\n\n{TOO_LONG}")), "{whole}");
    let begun = &event[..45];
    let cut = String::from_utf8(body_of(&[event, begun, event], false).await.to_vec()).unwrap();
    assert!(cut.ends_with(&format!("\n\n{TOO_LONG}")), "an event that was begun ends: {cut}");
    let error = TOO_LONG.strip_prefix("data: ").unwrap();
    let error: Value = serde_json::from_str(error).unwrap();
    assert_eq!(error["error"]["code"], "response_too_large");
}

#[tokio::test]
async fn a_buffered_reply_past_the_limit_is_an_error_that_says_so() {
    static LARGE: [u8; BUFFERED_LIMIT] = [b'a'; BUFFERED_LIMIT];
    let reply = document(buffered(response(&[&LARGE], false)).await);
    assert_eq!(reply["statusCode"], 502);
    let body: Value = serde_json::from_str(reply["body"].as_str().unwrap()).unwrap();
    assert_eq!(body["error"]["code"], "response_too_large");
    assert!(body["error"]["message"].as_str().unwrap().contains("Function URL"));
}

/// A megabyte again and again, and how often it was asked for.
struct Endless(std::sync::Arc<std::sync::atomic::AtomicUsize>);

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        static MEGABYTE: [u8; 1 << 20] = [b'a'; 1 << 20];
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&MEGABYTE)))))
    }
}

#[tokio::test]
async fn a_stream_that_no_document_holds_is_dropped_when_that_is_known() {
    let taken = std::sync::Arc::default();
    let body = Endless(std::sync::Arc::clone(&taken));
    let Reply::Buffered(reply) = buffered(Response::new(body)).await else { panic!() };
    let reply: Value = serde_json::from_slice(&reply).unwrap();
    assert_eq!(reply["statusCode"], 502);
    assert!(reply["body"].as_str().unwrap().contains("response_too_large"), "{reply}");
    assert_eq!(taken.load(std::sync::atomic::Ordering::Relaxed), 7, "6 MB and one too many");
}
