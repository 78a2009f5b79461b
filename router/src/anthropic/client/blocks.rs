//! The blocks of a user's message as the parts of a chat message.
//!
//! Owns text, pictures and documents; calls, results and whose turn it is are `history`'s.

use super::events::inner;
use super::outline::{Block, Source, blocks, text};
use crate::anthropic::parts::decoded_text;
use crate::anthropic::quoted;
use crate::anthropic::request::is_blank;
use crate::openai::request::RequestError;

/// Adds the parts that a block becomes, each as JSON. `at` is its place.
pub(super) fn add_parts(
    block: &Block<'_>,
    at: &str,
    parts: &mut Vec<String>,
) -> Result<(), RequestError> {
    match block.kind.as_ref() {
        "text" => parts.extend(words(block).map(text_part)),
        "image" => parts.push(image(block, at)?),
        "document" => document(block, at, parts)?,
        "search_result" => parts.push(text_part(&search_result(block, at)?)),
        kind => {
            let kind: String = kind.chars().filter(|c| !c.is_control()).take(40).collect();
            return Err(unsupported(at, &format!("is of type `{kind}`")));
        }
    }
    Ok(())
}

/// A block's text with its quotes, unless it is blank, which no provider takes.
pub(super) fn words<'a>(block: &Block<'a>) -> Option<&'a str> {
    text(block.text).filter(|raw| !is_blank(raw))
}

pub(super) fn text_part(raw: &str) -> String {
    format!(r#"{{"type":"text","text":{raw}}}"#)
}

fn unsupported(at: &str, what: &str) -> RequestError {
    let what = format!("{what}, which this model does not take");
    RequestError { code: Some("unsupported_content"), ..RequestError::at(at, what) }
}

fn source<'a>(block: &Block<'a>, at: &str) -> Result<Source<'a>, RequestError> {
    let raw = block.source.ok_or_else(|| RequestError::at(at, "has no `source`"))?;
    let read = serde_json::from_str(raw.get());
    read.map_err(|error| {
        RequestError::at(format!("{at}.source"), format!("cannot be read: {error}"))
    })
}

/// A data URL without quotes.
fn data_url(source: &Source<'_>, at: &str) -> Result<String, RequestError> {
    match (text(source.media_type), text(source.data)) {
        (Some(kind), Some(data)) => Ok(format!("data:{};base64,{}", inner(kind), inner(data))),
        _ => Err(RequestError::at(format!("{at}.source"), "has no `media_type` or no `data`")),
    }
}

fn image(block: &Block<'_>, at: &str) -> Result<String, RequestError> {
    let source = source(block, at)?;
    let url = match (source.kind.as_ref(), text(source.url)) {
        ("base64", _) => format!("\"{}\"", data_url(&source, at)?),
        ("url", Some(url)) => url.to_owned(),
        _ => return Err(unsupported(at, "is a picture by the id of a file")),
    };
    Ok(format!(r#"{{"type":"image_url","image_url":{{"url":{url}}}}}"#))
}

fn document(block: &Block<'_>, at: &str, parts: &mut Vec<String>) -> Result<(), RequestError> {
    let source = source(block, at)?;
    // What the model is told of a document is a text like others in a chat.
    parts.extend(text(block.context).filter(|raw| !is_blank(raw)).map(text_part));
    match (source.kind.as_ref(), text(source.data)) {
        ("text", Some(data)) => parts.push(text_part(data)),
        // Files of text are known to none but Anthropic.
        ("base64", Some(data)) if text(source.media_type).is_some_and(is_text) => {
            let decoded = decoded_text(inner(data));
            let decoded = decoded.ok_or_else(|| unsupported(at, "is no text in base64"))?;
            parts
                .extend(Some(quoted(&decoded)).filter(|it| !is_blank(it)).map(|it| text_part(&it)));
        }
        ("base64", _) => {
            let name = text(block.title).unwrap_or("\"document.pdf\"");
            let data = data_url(&source, at)?;
            parts.push(format!(
                r#"{{"type":"file","file":{{"filename":{name},"file_data":"{data}"}}}}"#
            ));
        }
        ("content", _) => {
            for (index, inside) in blocks(source.content, at)?.iter().enumerate() {
                add_parts(inside, &format!("{at}.source.content[{index}]"), parts)?;
            }
        }
        _ => return Err(unsupported(at, "is a document by its address or by the id of a file")),
    }
    Ok(())
}

fn is_text(media_type: &str) -> bool {
    media_type.starts_with("\"text/")
}

/// A found text with where it was found, as one JSON string.
fn search_result(block: &Block<'_>, at: &str) -> Result<String, RequestError> {
    let where_found = text(block.source).map(inner).into_iter();
    let mut lines: Vec<&str> =
        text(block.title).map(inner).into_iter().chain(where_found).collect();
    let found = blocks(block.content, at)?;
    lines.extend(found.iter().filter_map(words).map(inner));
    Ok(format!("\"{}\"", lines.join("\\n")))
}

/// What a tool gave: its text as one JSON string, and the parts that a tool's message cannot hold.
pub(super) fn result(block: &Block<'_>, at: &str) -> Result<(String, Vec<String>), RequestError> {
    let (mut lines, mut parts) = (Vec::new(), Vec::new());
    let found = blocks(block.content, at)?;
    for (index, inside) in found.iter().enumerate() {
        let at = format!("{at}.content[{index}]");
        match inside.kind.as_ref() {
            "text" => lines.extend(words(inside).map(|raw| inner(raw).to_owned())),
            "search_result" => lines.push(inner(&search_result(inside, &at)?).to_owned()),
            // It names a tool that the client offers anyway.
            "tool_reference" => (),
            _ => add_parts(inside, &at, &mut parts)?,
        }
    }
    if !parts.is_empty() {
        let call = crate::json::decode(text(block.tool_use_id).unwrap_or_default());
        let label = format!("From the result of {}:", call.unwrap_or_default());
        parts.insert(0, text_part(&quoted(&label)));
    }
    let failed = block.is_error == Some(true);
    // Chats have no mark for it, and a model should know.
    let mark = if failed { "Error: " } else { "" };
    Ok((format!("\"{mark}{}\"", lines.join("\\n")), parts))
}
