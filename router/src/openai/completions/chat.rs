//! A completion's request as a chat.
//!
//! Owns the question that a chat model is asked.

use std::borrow::Cow;

use bytes::BytesMut;
use serde::Deserialize;

use super::around;
use super::gap::Gap;
use crate::anthropic::request::{header_name, is_trivial};
use crate::json;
use crate::openai::request::{ChatRequest, Draft, RequestError};

/// What a chat has a place for, or what means nothing to it.
const KNOWN: [&str; 10] = [
    "max_tokens",
    "model",
    "prompt",
    "stop",
    "stream",
    "stream_options",
    "suffix",
    "temperature",
    "top_p",
    "user",
];

/// The output limit where neither the client nor the role sets one: providers' own for completions
/// is 16 tokens.
pub(crate) const OUTPUT_LIMIT: u32 = 512;

const QUESTION: &str = "You complete code inside an editor. The user sends a file with the mark \
<|cursor|> where the cursor stands. Answer with exactly the text to insert at the mark, so that \
what stands before it, your text and what stands after it make one correct file: no explanation, \
no Markdown fences, nothing of what already stands around the mark, and white space exactly as the \
file needs it. Your answer is put into the file as it is and nobody reads it before: not a word to \
the user stands before it or after it. Finish the current line or block and end your answer there. \
If nothing is missing, answer with nothing.";

const CURSOR: &str = "<|cursor|>";

#[derive(Deserialize)]
#[serde(untagged)]
enum Prompt<'a> {
    Text(#[serde(borrow)] Cow<'a, str>),
    Texts(#[serde(borrow)] Vec<Cow<'a, str>>),
}

/// The prompt's text. Errors where there is not one text.
fn prompt(own: &ChatRequest) -> Result<Cow<'_, str>, RequestError> {
    let one = "must be one text for this model: several, or tokens, are taken by completion models";
    match own.read::<Prompt<'_>>("prompt") {
        Ok(Some(Prompt::Text(text))) => Ok(text),
        Ok(Some(Prompt::Texts(texts))) => match <[_; 1]>::try_from(texts) {
            Ok([text]) => Ok(text),
            Err(_) => Err(RequestError::at("prompt", one)),
        },
        Ok(None) => Err(RequestError::at("prompt", "is missing")),
        Err(_) => Err(RequestError::at("prompt", one)),
    }
}

/// The stop strings of a request.
pub(crate) fn stops(own: &ChatRequest) -> Vec<String> {
    match own.read::<Prompt<'_>>("stop") {
        Ok(Some(Prompt::Text(text))) => vec![text.into_owned()],
        Ok(Some(Prompt::Texts(texts))) => texts.into_iter().map(Cow::into_owned).collect(),
        _ => Vec::new(),
    }
}

/// Whether the text around the gap has fences, so that the code may have some.
pub(crate) fn has_fences(own: &ChatRequest) -> bool {
    ["prompt", "suffix"].iter().any(|name| own.get(name).is_some_and(|text| text.contains("```")))
}

/// Whether the text around the gap is code, outside of its own texts and comments.
pub(crate) fn is_code(own: &ChatRequest) -> bool {
    let suffix = own.read::<Cow<'_, str>>("suffix").ok().flatten().unwrap_or_default();
    prompt(own).is_ok_and(|prompt| around::is_code(&Gap::of(&prompt, &suffix)))
}

/// The chat, and what it has no place for.
pub(crate) fn translate(own: &ChatRequest) -> Result<(ChatRequest, Vec<String>), RequestError> {
    let prompt = prompt(own)?;
    let suffix = own.read::<Cow<'_, str>>("suffix")?.unwrap_or_default();
    let gap = Gap::of(&prompt, &suffix);
    let mut draft = Draft::new(own.body().len() + QUESTION.len());
    draft.field("messages", |out| {
        write_messages(out, &gap);
        Ok(())
    })?;
    for (name, chat) in [
        ("max_tokens", "max_completion_tokens"),
        ("temperature", "temperature"),
        ("top_p", "top_p"),
        ("user", "user"),
    ] {
        if let Some(value) = own.get(name) {
            draft.raw(chat, value);
        }
    }
    // Who types does not wait for thoughts.
    draft.raw("reasoning_effort", "\"none\"");
    if own.stream() {
        draft.raw("stream", "true");
        draft.raw("stream_options", r#"{"include_usage":true}"#);
    }
    let unknown = own.fields().iter().filter(|field| !KNOWN.contains(&own.name(field)));
    let unknown = unknown.filter(|field| !is_trivial(own.name(field), own.value(field)));
    let dropped = unknown.map(|field| header_name(own.name(field))).collect();
    Ok((draft.finish(own.model(), own.stream()), dropped))
}

fn write_messages(out: &mut BytesMut, gap: &Gap<'_>) {
    out.extend_from_slice(br#"[{"role":"system","content":"#);
    json::put_string(out, QUESTION);
    out.extend_from_slice(br#"},{"role":"user","content":"#);
    json::put_string(out, &[&gap.before, CURSOR, &gap.after].concat());
    out.extend_from_slice(b"}]");
}
