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
    let Ok(body) = Guarded::new(body).collect().await;
    body.to_bytes()
}

#[tokio::test]
async fn a_buffered_reply_is_format_2() {
    let FunctionResponse::BufferedResponse(reply) =
        buffered(response(&[b"da", b"ta"], false)).await
    else {
        panic!("not buffered");
    };
    assert_eq!(
        serde_json::to_value(reply).unwrap(),
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
    let FunctionResponse::BufferedResponse(reply) = buffered(response(&[b"\xff\x00"], false)).await
    else {
        panic!("not buffered");
    };
    assert_eq!((reply.body.as_str(), reply.is_base64_encoded), ("/wA=", true));
}

#[test]
fn a_streamed_reply_has_one_value_a_header() {
    let FunctionResponse::StreamingResponse(reply) = streamed(response(&[b"data"], false)) else {
        panic!("not streamed");
    };
    assert_eq!(
        serde_json::to_value(reply.metadata_prelude).unwrap(),
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
