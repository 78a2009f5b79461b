//! Content blocks of a Messages request as Converse's.
//!
//! Owns what each becomes, and what Bedrock cannot be sent.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;

use super::model::Family;
use super::{Raw, or, quoted};
use crate::anthropic::request::is_blank;
use crate::openai::request::RequestError;
use crate::wire::ids;
use crate::wire::names::{MadeNames, on_bedrock};

/// The most characters of a document's name.
const LONGEST_NAME: usize = 200;

/// What a number and the dash before it take of one at most: a body has room for fewer documents.
const NUMBER_ROOM: usize = 10;

/// How a call of a tool begins.
pub(super) const CALL: &str = r#"{"toolUse":"#;

/// The tool that a block calls, if it does.
pub(super) fn called(block: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Call {
        name: String,
    }
    let call = block.strip_prefix(CALL)?.strip_suffix('}')?;
    serde_json::from_str::<Call>(call).ok().map(|call| call.name)
}

/// A block as Anthropic's API takes it.
#[derive(Debug, Deserialize)]
pub(super) struct Block<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    text: Raw<'a>,
    #[serde(borrow, default)]
    source: Option<Source<'a>>,
    #[serde(borrow, default)]
    title: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    context: Raw<'a>,
    #[serde(default)]
    citations: Option<Citations>,
    #[serde(borrow, default)]
    id: Raw<'a>,
    #[serde(borrow, default)]
    name: Raw<'a>,
    #[serde(borrow, default)]
    input: Raw<'a>,
    #[serde(borrow, default)]
    tool_use_id: Raw<'a>,
    #[serde(borrow, default)]
    content: Raw<'a>,
    #[serde(default)]
    is_error: Option<bool>,
    #[serde(borrow, default)]
    thinking: Raw<'a>,
    #[serde(borrow, default)]
    signature: Raw<'a>,
    #[serde(borrow, default)]
    data: Raw<'a>,
    #[serde(borrow, default)]
    cache_control: Raw<'a>,
}

#[derive(Debug, Deserialize)]
struct Source<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow, default)]
    media_type: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    data: Raw<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Citations {
    Wanted { enabled: bool },
    Other(serde::de::IgnoredAny),
}

#[derive(Debug, Default, Deserialize)]
struct CacheControl<'a> {
    #[serde(borrow, default)]
    ttl: Option<Cow<'a, str>>,
}

/// Names of a request that are others on Bedrock.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Those of tools.
    pub(super) tools: MadeNames,
    /// What its documents are called so far, in small letters: "Messages can't contain duplicate
    /// document names", in none of their turns.
    documents: BTreeSet<String>,
    /// The last number behind each beginning of names, so that none is tried twice: a request may
    /// have very many.
    numbers: BTreeMap<String, usize>,
}

impl Names {
    /// A name for another document. The same conversation has the same names in each turn, so that
    /// what is cached of it stays so.
    pub(super) fn document(&mut self, title: &str) -> String {
        let own = document_name(title);
        if self.documents.insert(own.to_ascii_lowercase()) {
            return own;
        }
        // Longer ones differ in what a number takes the place of.
        let start: String = own.chars().take(LONGEST_NAME - NUMBER_ROOM).collect();
        let number = self.numbers.entry(start.to_ascii_lowercase()).or_insert(1);
        loop {
            *number += 1;
            let name = format!("{start}-{number}");
            if self.documents.insert(name.to_ascii_lowercase()) {
                return name;
            }
        }
    }
}

/// The point that stands for a block's `cache_control`, where the model takes one.
pub(super) fn cache_point(control: Raw<'_>, family: Family) -> Option<String> {
    let control = control.filter(|control| control.get() != "null" && family.caches())?;
    let control: CacheControl<'_> = serde_json::from_str(control.get()).unwrap_or_default();
    let ttl = control.ttl.filter(|ttl| ttl == "1h");
    let ttl = ttl.map_or("", |_| r#","ttl":"1h""#);
    Some(format!(r#"{{"cachePoint":{{"type":"default"{ttl}}}}}"#))
}

/// The texts of a system prompt: a string or text blocks.
pub(super) fn texts(value: &str, family: Family) -> Result<Vec<String>, RequestError> {
    if value.starts_with('"') {
        let text = (!is_blank(value)).then(|| format!(r#"{{"text":{value}}}"#));
        return Ok(text.into_iter().collect());
    }
    let mut texts = Vec::new();
    for block in list(value, "system")? {
        let text = or(block.text, "\"\"");
        if !is_blank(text) {
            texts.push(format!(r#"{{"text":{text}}}"#));
            texts.extend(cache_point(block.cache_control, family));
        }
    }
    Ok(texts)
}

/// The blocks of a message: a string or blocks; names of tools that are others here are noted.
pub(super) fn contents(
    content: Raw<'_>,
    at: &str,
    (family, names): (Family, &mut Names),
) -> Result<Vec<String>, RequestError> {
    let Some(content) = content.map(RawValue::get) else { return Ok(Vec::new()) };
    if content.starts_with('"') {
        return texts(content, family);
    }
    let mut written = Vec::new();
    for (index, block) in list(content, at)?.iter().enumerate() {
        let block_at = format!("{at}[{index}]");
        if let Some(block) = write(block, &block_at, (family, names))? {
            written.push(block);
        } else {
            continue;
        }
        written.extend(cache_point(block.cache_control, family));
    }
    Ok(written)
}

fn list<'a>(value: &'a str, at: &str) -> Result<Vec<Block<'a>>, RequestError> {
    serde_json::from_str(value)
        .map_err(|error| RequestError::at(at, format!("cannot be read: {error}")))
}

/// One block; none for what says nothing here.
fn write(
    block: &Block<'_>,
    at: &str,
    (family, names): (Family, &mut Names),
) -> Result<Option<String>, RequestError> {
    Ok(match block.kind.as_ref() {
        "text" => {
            let text = or(block.text, "\"\"");
            (!is_blank(text)).then(|| format!(r#"{{"text":{text}}}"#))
        }
        "image" => Some(image(block, at)?),
        "document" => Some(document(block, at, names)?),
        "tool_use" => Some(format!(
            r#"{CALL}{{"toolUseId":{},"name":{},"input":{}}}}}"#,
            ids::on_bedrock(or(block.id, "\"\"")),
            on_bedrock(or(block.name, "\"\""), &mut names.tools),
            or(block.input, "{}")
        )),
        "tool_result" => Some(result(block, at, (family, names))?),
        "thinking" | "redacted_thinking" if !family.takes_reasoning() => None,
        "thinking" => Some(format!(
            r#"{{"reasoningContent":{{"reasoningText":{{"text":{},"signature":{}}}}}}}"#,
            or(block.thinking, "\"\""),
            or(block.signature, "\"\"")
        )),
        "redacted_thinking" => {
            let data = or(block.data, "\"\"");
            Some(format!(r#"{{"reasoningContent":{{"redactedContent":{data}}}}}"#))
        }
        kind => return Err(unknown(kind, at)),
    })
}

fn unknown(kind: &str, at: &str) -> RequestError {
    let kind: String = kind.chars().filter(|c| !c.is_control()).take(40).collect();
    let what = format!("is of type `{kind}`, which Bedrock does not take");
    RequestError { code: Some("unsupported_content"), ..RequestError::at(at, what) }
}

/// The format and the base64 of a source.
fn bytes<'a>(block: &'a Block<'a>, at: &str) -> Result<(&'a str, &'a str), RequestError> {
    let source = block.source.as_ref().filter(|source| source.kind == "base64");
    let data = source.and_then(|source| Some((source.media_type.as_deref()?, source.data?.get())));
    data.ok_or_else(|| RequestError {
        code: Some("unsupported_content"),
        ..RequestError::at(at, "holds no data: Bedrock fetches nothing from a URL, send it inline")
    })
}

fn image(block: &Block<'_>, at: &str) -> Result<String, RequestError> {
    let (kind, data) = bytes(block, at)?;
    let format = kind.strip_prefix("image/").unwrap_or(kind);
    Ok(format!(r#"{{"image":{{"format":{},"source":{{"bytes":{data}}}}}}}"#, quoted(format)))
}

fn document(block: &Block<'_>, at: &str, names: &mut Names) -> Result<String, RequestError> {
    let text = block.source.as_ref().filter(|source| source.kind == "text");
    let (format, source) = match text.and_then(|source| source.data) {
        Some(text) => ("txt", format!(r#"{{"text":{}}}"#, text.get())),
        None => {
            let (kind, data) = bytes(block, at)?;
            let format = if kind == "application/pdf" { "pdf" } else { "txt" };
            (format, format!(r#"{{"bytes":{data}}}"#))
        }
    };
    let name = names.document(block.title.as_deref().unwrap_or("document"));
    let mut members = format!(r#""format":"{format}","name":{},"source":{source}"#, quoted(&name));
    if let Some(context) = block.context.filter(|it| it.get() != "null") {
        members += &format!(r#","context":{}"#, context.get());
    }
    if matches!(block.citations, Some(Citations::Wanted { enabled: true })) {
        members += r#","citations":{"enabled":true}"#;
    }
    Ok(format!(r#"{{"document":{{{members}}}}}"#))
}

/// A name in the characters that Bedrock takes; no two blanks in a row.
fn document_name(title: &str) -> String {
    let is_taken = |c: char| c.is_ascii_alphanumeric() || "-()[]".contains(c);
    let name: String = title.chars().map(|c| if is_taken(c) { c } else { ' ' }).collect();
    let name = name.split_whitespace().collect::<Vec<_>>().join(" ");
    if name.is_empty() { "document".to_owned() } else { name.chars().take(LONGEST_NAME).collect() }
}

fn result(
    block: &Block<'_>,
    at: &str,
    (family, names): (Family, &mut Names),
) -> Result<String, RequestError> {
    let content = contents(block.content, at, (family, names))?;
    let is_error = block.is_error == Some(true) && family.caches();
    let status = if is_error { r#","status":"error""# } else { "" };
    Ok(format!(
        r#"{{"toolResult":{{"toolUseId":{},"content":[{}]{status}}}}}"#,
        ids::on_bedrock(or(block.tool_use_id, "\"\"")),
        content.join(",")
    ))
}
