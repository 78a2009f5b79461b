//! Requests that are passed on with hardly a change: completions and embeddings.
//!
//! Owns what of the role and the link reaches them; a prompt of the role's has no place there.

use bytes::Bytes;
use model_map::{FailureClass, Sampling};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::chunk;
use super::identity;
use super::request::{ChatRequest, RequestError, Target, UpstreamRequest};
use super::settings::Settings;
use crate::json;
use crate::wire::segments::Writer;
use crate::wire::{Answer, UpstreamError, error};

/// A completion's: the client's bytes with the model's name, its bounds and the role's defaults.
#[inline(never)]
pub(crate) fn completion(
    own: &ChatRequest,
    target: &Target<'_>,
) -> Result<UpstreamRequest, RequestError> {
    let mut settings = Settings::choose(own, target)?;
    if target.model.sampling == Sampling::Refused {
        for name in ["frequency_penalty", "presence_penalty"] {
            settings.drop_parameter(own, name);
        }
    }
    let mut to = Writer::new(own.body());
    write_model(&mut to, target);
    for field in own.fields() {
        let is_kept = !matches!(own.name(field), "model" | "max_tokens" | "reasoning_effort")
            && !settings.drops(own.name(field));
        if is_kept {
            write_field(&mut to, own, field);
        }
    }
    if let Some(limit) = settings.output_limit {
        to.put(&format!(r#","max_tokens":{limit}"#));
    }
    settings.write_stops(&mut to, "stop");
    for (name, value) in [("temperature", settings.temperature), ("top_p", settings.top_p)] {
        if let Some(value) = value.filter(|_| own.get(name).is_none()) {
            to.put(&format!(r#","{name}":{value}"#));
        }
    }
    to.put("}");
    let Settings { dropped, .. } = settings;
    Ok(UpstreamRequest { body: to.finish(), dropped, answer_tool: false })
}

/// An embedding's: the client's bytes with the model's name.
#[inline(never)]
pub(crate) fn embedding(own: &ChatRequest, target: &Target<'_>) -> UpstreamRequest {
    let mut to = Writer::new(own.body());
    write_model(&mut to, target);
    for field in own.fields().iter().filter(|field| own.name(field) != "model") {
        write_field(&mut to, own, field);
    }
    to.put("}");
    UpstreamRequest { body: to.finish(), dropped: Vec::new(), answer_tool: false }
}

/// Checks an answer of vectors, which is forwarded as it came. Errors: `server_error` where it is
/// none, the error's class where it is an error object.
pub(crate) fn read_embeddings(body: Bytes) -> Result<Answer, UpstreamError> {
    #[derive(Deserialize)]
    struct Embeddings<'a> {
        #[serde(borrow, default)]
        data: Option<&'a RawValue>,
        #[serde(borrow, default)]
        error: Option<&'a RawValue>,
        #[serde(borrow, default)]
        usage: Option<&'a RawValue>,
    }
    let text = std::str::from_utf8(&body).unwrap_or_default();
    match serde_json::from_str::<Embeddings<'_>>(text) {
        Ok(Embeddings { error: Some(_), .. }) => Err(error::read_event(text)),
        Ok(Embeddings { data: Some(data), usage, .. }) if data.get().starts_with('[') => {
            let usage = usage.and_then(|raw| json::read(raw.get(), chunk::usage));
            Ok(Answer { usage, body, finish: None })
        }
        _ => {
            let message = "the answer is not a list of embeddings";
            Err(UpstreamError::of(FailureClass::ServerError, message))
        }
    }
}

fn write_model(to: &mut Writer<'_>, target: &Target<'_>) {
    to.put(r#"{"model":"#);
    to.put_string(&target.model.id);
}

fn write_field(to: &mut Writer<'_>, own: &ChatRequest, field: &super::request::Field) {
    to.put(",");
    to.put(own.key(field));
    to.put(":");
    to.share(identity::fitted(own.name(field), own.value(field)).as_bytes());
}
