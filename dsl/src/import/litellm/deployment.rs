//! One entry of LiteLLM's `model_list`.
//!
//! Owns whom it calls and with which settings; how entries make a role is for its parent.

use serde_json::Value;

use super::facts;
use crate::import::ImportError;
use crate::import::chain::{Times, parameters};
use crate::import::draft::{Draft, Key, Provider};
use crate::import::input::{Settings, no_secret, wrong};
use crate::import::vendor::{self, Vendor};

/// An entry that can be called.
pub(super) struct Deployment {
    pub(super) path: String,
    pub(super) alias: String,
    pub(super) order: Option<u32>,
    weights: [Option<f64>; 3],
    /// Where `timeout` stands.
    pub(super) times_path: String,
    pub(super) retries: Option<u32>,
    pub(super) times: Times,
    pub(super) set: Vec<String>,
}

/// What the shares of a draw go by.
#[derive(Clone, Copy)]
pub(super) enum Weighting {
    Written(usize),
    Even,
}

/// In the order in which LiteLLM looks for them.
const WEIGHTS: [&str; 3] = ["weight", "rpm", "tpm"];

impl Weighting {
    pub(super) fn of(deployments: &[&Deployment]) -> Self {
        let has = |at: usize| {
            let mut weights = deployments.iter().filter_map(|one| one.weights.get(at).copied()?);
            weights.any(|weight| weight > 0.0)
        };
        (0..WEIGHTS.len()).find(|at| has(*at)).map_or(Self::Even, Self::Written)
    }
}

impl Deployment {
    pub(super) fn weight(&self, by: Weighting) -> f64 {
        match by {
            Weighting::Written(at) => self.weights.get(at).copied().flatten().unwrap_or(0.0),
            Weighting::Even => 1.0,
        }
    }
}

/// The role that an entry belongs to, and the entry; none, and a report, if it cannot be called.
pub(super) fn read(
    mut entry: Settings,
    draft: &mut Draft<'_>,
) -> Result<Option<(String, Deployment)>, ImportError> {
    let name = entry.needed("model_name")?;
    no_secret(&entry.at("model_name"), &name)?;
    let mut info = entry.section("model_info")?;
    let mode = info.text("mode")?.unwrap_or_else(|| "chat".to_owned());
    let mut parameters = entry.section("litellm_params")?;
    let model = parameters.needed("model")?;
    if !matches!(mode.as_str(), "chat" | "completion" | "responses") {
        draft.report.add(
            entry.path(),
            format!("`{name}` is left out: a model of the kind `{mode}` does not chat"),
        );
        return Ok(None);
    }
    if name.contains('*') || model.contains('*') {
        draft.report.add(entry.path(), format!("`{name}` is left out: a role has one name"));
        return Ok(None);
    }
    let Some((mut provider, id)) = provider(&model, &mut parameters, draft)? else {
        return Ok(None);
    };
    calls(&mut provider, &mut parameters, draft)?;
    let facts = facts::of(&mut info, &mut parameters)?;
    let alias = draft.model(parameters.path(), provider, &id, facts)?;
    let deployment = settings(&mut entry, &mut parameters, alias, draft)?;
    parameters.leave(&mut draft.report);
    info.leave(&mut draft.report);
    entry.leave(&mut draft.report);
    Ok(Some((name, deployment)))
}

/// What is sent with each of its calls, and how many there may be at once.
fn calls(
    provider: &mut Provider,
    parameters: &mut Settings,
    draft: &mut Draft<'_>,
) -> Result<(), ImportError> {
    let mut headers = parameters.section("extra_headers")?;
    for name in headers.keys() {
        let path = headers.at(&name);
        match headers.value(&name) {
            Some(Value::String(value)) => {
                provider.header(&path, &name, &value, &mut draft.report);
            }
            Some(other @ (Value::Number(_) | Value::Bool(_))) => {
                provider.header(&path, &name, &other.to_string(), &mut draft.report);
            }
            Some(_) => return Err(wrong(&path, "must be a text")),
            None => {}
        }
    }
    if let Some(organization) = parameters.text("organization")? {
        let path = parameters.at("organization");
        provider.header(&path, "openai-organization", &organization, &mut draft.report);
    }
    let most = parameters.whole("max_parallel_requests")?;
    provider.max_connections = most.filter(|most| *most > 0);
    Ok(())
}

fn settings(
    entry: &mut Settings,
    parameters: &mut Settings,
    alias: String,
    draft: &mut Draft<'_>,
) -> Result<Deployment, ImportError> {
    let mut weights = [None; 3];
    for (key, slot) in WEIGHTS.iter().zip(&mut weights) {
        let outer = entry.number(key)?;
        *slot = parameters.number(key)?.or(outer);
        if slot.is_some() && *key != "weight" {
            let why = "is no limit here, where calls are limited by client; a draw without `weight` \
                       takes its shares from it";
            draft.report.add(parameters.at(key), why);
        }
    }
    Ok(Deployment {
        path: entry.path().to_owned(),
        alias,
        order: parameters.whole("order")?,
        weights,
        times_path: parameters.at("timeout"),
        retries: parameters.whole("num_retries")?.or(parameters.whole("max_retries")?),
        times: Times {
            first: parameters.time("stream_timeout", 1.0)?,
            attempt: parameters.time("timeout", 1.0)?,
        },
        set: self::parameters(parameters, &mut draft.report)?,
    })
}

/// Whom `litellm_params` calls, and the model's id there.
fn provider(
    model: &str,
    parameters: &mut Settings,
    draft: &mut Draft<'_>,
) -> Result<Option<(Provider, String)>, ImportError> {
    let base = parameters.text("api_base")?.or(parameters.text("base_url")?);
    let word = parameters.text("custom_llm_provider")?;
    let (vendor, id) = split(model, word.as_deref());
    let Some(vendor) = vendor.or(base.as_ref().map(|_| OWN)) else {
        let why =
            format!("`{model}` is left out: its provider is not known here and has no `api_base`");
        draft.report.add(parameters.at("model"), why);
        return Ok(None);
    };
    let Some(url) = address(vendor, base, parameters, draft)? else {
        return Ok(None);
    };
    let key = key(vendor, parameters)?;
    let provider = Provider::new(vendor.name, vendor.protocol, url, key);
    Ok(Some((provider, id.to_owned())))
}

/// A server of one's own, or one that is not known, but for its address.
const OWN: Vendor = Vendor { name: "own", protocol: "openai", url: "", key: "" };

fn split<'m>(model: &'m str, word: Option<&str>) -> (Option<Vendor>, &'m str) {
    if let Some((head, id)) = model.split_once('/')
        && let Some(vendor) = vendor::named(head)
    {
        let id = match vendor.name {
            "bedrock" => id.strip_prefix("converse/").or(id.strip_prefix("invoke/")).unwrap_or(id),
            _ => id,
        };
        return (Some(vendor), id);
    }
    let vendor = word.and_then(vendor::named).or_else(|| vendor::of_model(model));
    (vendor, model)
}

/// The address, if it needs one; the outer `None` if there is none to be had.
fn address(
    vendor: Vendor,
    base: Option<String>,
    parameters: &mut Settings,
    draft: &mut Draft<'_>,
) -> Result<Option<Option<String>>, ImportError> {
    let base = base.map(|base| base.trim_end_matches('/').to_owned());
    if base.as_ref().is_some_and(|base| base.starts_with("os.environ/")) {
        let why = "left out: an address is written out, and cannot come from a variable";
        draft.report.add(parameters.at("api_base"), why);
        return Ok(None);
    }
    let url = match (vendor.name, base) {
        ("bedrock", None) => return Ok(Some(region(parameters, draft)?)),
        ("azure", Some(base)) if !base.contains("/openai/v1") => format!("{base}/openai/v1"),
        ("ollama", Some(base)) if !base.ends_with("/v1") => format!("{base}/v1"),
        ("anthropic", Some(base)) => base.trim_end_matches("/v1").to_owned(),
        (_, Some(base)) => base,
        (_, None) if vendor.url.is_empty() => {
            draft.report.add(parameters.at("api_base"), "missing: the entry is left out");
            return Ok(None);
        }
        (_, None) => vendor.url.to_owned(),
    };
    Ok(Some(Some(url)))
}

/// Where Bedrock is in a region; the router's own region if there is none.
fn region(parameters: &mut Settings, draft: &mut Draft<'_>) -> Result<Option<String>, ImportError> {
    let Some(region) = parameters.text("aws_region_name")? else { return Ok(None) };
    if !region.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        let why = "not carried over: a region is written out, and cannot come from a variable";
        draft.report.add(parameters.at("aws_region_name"), why);
        return Ok(None);
    }
    Ok(Some(format!("https://bedrock-runtime.{region}.amazonaws.com")))
}

fn key(vendor: Vendor, parameters: &mut Settings) -> Result<Key, ImportError> {
    let Some(key) = parameters.text("api_key")?.filter(|key| !key.is_empty()) else {
        // LiteLLM looks there itself.
        return Ok(match vendor.key {
            "" => Key::None,
            variable => Key::Env(variable.to_owned()),
        });
    };
    let Some(variable) = key.strip_prefix("os.environ/") else {
        return Ok(Key::Literal(key));
    };
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if variable.is_empty()
        || variable.starts_with(|c: char| c.is_ascii_digit())
        || !variable.chars().all(is_name)
    {
        return Err(wrong(&parameters.at("api_key"), "names no environment variable"));
    }
    Ok(Key::Env(variable.to_owned()))
}
