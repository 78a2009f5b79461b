//! Converse's citations as Anthropic's.
//!
//! Owns the places that a citation can name.

use serde::Deserialize;

use super::{Raw, or};
use crate::anthropic::client::UNSIGNED;

/// What a text is taken from.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Citation<'a> {
    #[serde(borrow, default)]
    title: Raw<'a>,
    #[serde(borrow, default)]
    source_content: Vec<Cited<'a>>,
    #[serde(borrow, default)]
    location: Option<Location<'a>>,
}

#[derive(Debug, Deserialize)]
struct Cited<'a> {
    #[serde(borrow, default)]
    text: Raw<'a>,
}

/// One of these.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Location<'a> {
    #[serde(borrow, default)]
    web: Option<Web<'a>>,
    #[serde(default)]
    document_char: Option<Span>,
    #[serde(default)]
    document_page: Option<Span>,
    #[serde(default)]
    document_chunk: Option<Span>,
}

#[derive(Debug, Deserialize)]
struct Web<'a> {
    #[serde(borrow, default)]
    url: Raw<'a>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Span {
    #[serde(default)]
    document_index: u64,
    #[serde(default)]
    start: u64,
    #[serde(default)]
    end: u64,
}

impl Citation<'_> {
    /// As Anthropic says it; none where there is no such place.
    pub(super) fn write(&self) -> Option<String> {
        let title = or(self.title, "null");
        let cited = or(self.source_content.first().and_then(|cited| cited.text), "\"\"");
        let location = self.location.as_ref()?;
        if let Some(web) = &location.web {
            let url = or(web.url, "\"\"");
            return Some(format!(
                r#"{{"type":"web_search_result_location","cited_text":{cited},"url":{url},"title":{title},"encrypted_index":"{UNSIGNED}"}}"#
            ));
        }
        let places = [
            ("char_location", "char_index", &location.document_char),
            ("page_location", "page_number", &location.document_page),
            ("content_block_location", "block_index", &location.document_chunk),
        ];
        let (kind, unit, span) =
            places.into_iter().find_map(|(kind, unit, span)| Some((kind, unit, span.as_ref()?)))?;
        let Span { document_index, start, end } = span;
        Some(format!(
            r#"{{"type":"{kind}","cited_text":{cited},"document_index":{document_index},"document_title":{title},"start_{unit}":{start},"end_{unit}":{end}}}"#
        ))
    }
}
