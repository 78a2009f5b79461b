//! What is special about a link of Bedrock's.
//!
//! Owns when its words are put in place of a Messages request and of an answer; the words themselves
//! are [`crate::bedrock`]'s.

use bytes::Bytes;
use http::{HeaderMap, Uri};
use model_map::{Failure, FailureClass};

use super::Exchange;
use super::alarm::Alarm;
use crate::apart::apart;
use crate::bedrock::{self, Action};
use crate::front::{Ask, Front};
use crate::openai::request::RequestError;
use crate::wire::dialect::Service;
use crate::wire::names::MadeNames;
use crate::wire::{Segments, UpstreamError};

/// A Messages request in Bedrock's words.
#[inline(never)]
pub(super) fn converse(
    exchange: &Exchange<'_>,
    model: &str,
    mut ask: Ask,
) -> Result<Ask, RequestError> {
    let front = exchange.request.front();
    let body = ask.request.body.concat();
    let wishes = bedrock::Wishes {
        model,
        beta: ask.beta.as_ref().and_then(|beta| beta.to_str().ok()),
        user: if front == Front::Messages { "metadata" } else { "user" },
    };
    let text = std::str::from_utf8(&body).unwrap_or_default();
    let converse = match front {
        Front::CountTokens => bedrock::count(text, wishes)?,
        _ => bedrock::translate(text, wishes)?,
    };
    ask.request.body = Segments::from(converse.body);
    ask.names = converse.names;
    ask.request.dropped.extend(converse.dropped);
    Ok(ask)
}

/// Where a request to Bedrock goes, and what proves that it may.
pub(super) async fn sign(
    exchange: &Exchange<'_>,
    alarm: &mut Alarm,
    (model, bedrock): (&str, &bedrock::Bedrock),
    mut ask: Ask,
) -> Result<(Ask, Option<(Uri, HeaderMap)>), UpstreamError> {
    let body = ask.request.body.concat();
    let action = match (ask.service, exchange.request.stream()) {
        (Service::CountTokens, _) => Action::CountTokens,
        (_, true) => Action::ConverseStream,
        (_, false) => Action::Converse,
    };
    let signing = apart(|| bedrock.signed((model, action), &body, (exchange.ambient.now)()));
    let signed = alarm.within(signing).await?.map_err(|trouble| {
        let failure = Failure::of(FailureClass::Auth);
        let failure = Failure { link_specific: true, repeatable: false, ..failure };
        let message = format!("Bedrock {trouble}");
        UpstreamError { failure, message, code: None, param: None }
    })?;
    // What is signed is in the headers.
    ask.beta = None;
    Ok((ask, Some((signed.url, signed.headers))))
}

/// A whole answer of Bedrock's, as a message.
#[cold]
pub(super) fn whole(
    front: Front,
    (headers, body): (&HeaderMap, Bytes),
    (model, names): (&str, &MadeNames),
) -> Bytes {
    match front {
        Front::CountTokens => bedrock::counted(body),
        _ => bedrock::message(body, (&*id(headers), model), names),
    }
}

/// An id for an answer of Bedrock's, which gives none but its request's.
pub(super) fn id(headers: &HeaderMap) -> String {
    let id = headers.get("x-amzn-requestid").and_then(|id| id.to_str().ok());
    format!("msg_{}", id.unwrap_or("bedrock").replace('-', ""))
}
