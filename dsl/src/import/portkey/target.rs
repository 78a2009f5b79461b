//! Whom a Portkey target calls.
//!
//! Owns what a target takes over from those around it; strategies are for its parent.

use std::time::Duration;

use model_map::FailureClass;
use serde_json::Value;

use super::retried;
use crate::import::chain::parameters;
use crate::import::draft::{Draft, Key, Provider};
use crate::import::input::Settings;
use crate::import::vendor;
use crate::import::{ImportError, Report};

/// What is known of a target, its own or from around it.
#[derive(Debug, Default, Clone)]
pub(super) struct Target {
    /// A vendor's name, or `@` and the name of a provider that Portkey keeps.
    provider: Option<String>,
    /// The name under which Portkey keeps a key.
    virtual_key: Option<String>,
    api_key: Option<String>,
    host: Option<String>,
    overrides: Settings,
    /// How often it is tried again, and after what.
    pub(super) retry: Option<(u32, Vec<FailureClass>)>,
    /// How long an attempt may take, and where that stands.
    pub(super) timeout: Option<(Duration, String)>,
}

impl Target {
    /// This one, under what `node` says itself.
    pub(super) fn with(
        &self,
        node: &mut Settings,
        report: &mut Report,
    ) -> Result<Self, ImportError> {
        let mut here = self.clone();
        let provider = node.text("provider")?;
        let virtual_key = node.text("virtual_key")?;
        let api_key = node.text("api_key")?;
        if provider.is_some() || virtual_key.is_some() {
            // Another's key is not its.
            (here.provider, here.virtual_key, here.api_key) = (provider, virtual_key, None);
            here.host = None;
        }
        here.api_key = api_key.or(here.api_key);
        here.host = node.text("custom_host")?.or(here.host);
        let path = node.at("override_params");
        let mut own = node.section("override_params")?;
        let mut merged = serde_json::Map::new();
        for from in [&mut here.overrides, &mut own] {
            for name in from.keys() {
                if let Some(value) = from.value(&name) {
                    merged.insert(name, value);
                }
            }
        }
        here.overrides = Settings::of(&path, Value::Object(merged))?;
        if node.has("retry") {
            let mut section = node.section("retry")?;
            let count = section.whole("attempts")?.unwrap_or(0);
            here.retry = Some((count, retried(&mut section, report)?));
            section.leave(report);
        }
        if let Some(time) = node.time("request_timeout", 1000.0)? {
            here.timeout = Some((time, node.at("request_timeout")));
        }
        Ok(here)
    }

    /// The alias of its model, and what it sets; none, and a report, if it cannot be called.
    pub(super) fn declare(
        &self,
        path: &str,
        draft: &mut Draft<'_>,
    ) -> Result<Option<(String, Vec<String>)>, ImportError> {
        let mut overrides = self.overrides.clone();
        let shown = if path.is_empty() { "the config" } else { path };
        let Some(model) = overrides.text("model")? else {
            let why = "left out: it has no `override_params.model`, and a link names its model";
            draft.report.add(shown, why);
            return Ok(None);
        };
        // `@provider/model` names both.
        let (slug, id) = match model.strip_prefix('@').and_then(|it| it.split_once('/')) {
            Some((slug, id)) => (Some(format!("@{slug}")), id.to_owned()),
            None => (None, model),
        };
        let Some(provider) = self.provider(slug) else {
            draft
                .report
                .add(shown, "left out: its provider is not known here and has no `custom_host`");
            return Ok(None);
        };
        let alias = draft.model(shown, provider, &id, Vec::new())?;
        let set = parameters(&mut overrides, &mut draft.report)?;
        overrides.leave(&mut draft.report);
        Ok(Some((alias, set)))
    }

    fn provider(&self, slug: Option<String>) -> Option<Provider> {
        let word = slug.or(self.provider.clone()).or(self.virtual_key.clone())?;
        let kept = word.strip_prefix('@').or((self.provider.is_none()).then_some(word.as_str()));
        // Portkey's own names start with the vendor's by habit: `openai-prod`.
        let vendor = match kept {
            Some(kept) => {
                let cuts = kept.char_indices().filter(|(_, c)| matches!(c, '-' | '_'));
                let heads = cuts.filter_map(|(at, _)| kept.get(..at)).chain([kept]);
                heads.filter_map(vendor::named).next_back()
            }
            None => vendor::named(&word),
        };
        let (name, protocol, url) = match (vendor, &self.host) {
            (Some(vendor), Some(host)) => (vendor.name, vendor.protocol, Some(host.clone())),
            (Some(vendor), None) if !vendor.url.is_empty() => {
                (vendor.name, vendor.protocol, Some(vendor.url.to_owned()))
            }
            (Some(vendor), None) if vendor.protocol == "bedrock" => {
                (vendor.name, vendor.protocol, None)
            }
            (None, Some(host)) => ("own", "openai", Some(host.clone())),
            (Some(_) | None, None) => return None,
        };
        let key = match (&self.api_key, kept, vendor) {
            _ if protocol == "bedrock" => Key::None,
            (Some(key), ..) => Key::Literal(key.clone()),
            (None, Some(kept), _) => Key::Elsewhere(kept.to_owned()),
            (None, None, _) if self.virtual_key.is_some() => {
                Key::Elsewhere(self.virtual_key.clone().unwrap_or_default())
            }
            // One's own host is not to be sent a vendor's key.
            (None, None, _) if self.host.is_some() => Key::Elsewhere(String::new()),
            (None, None, Some(vendor)) if !vendor.key.is_empty() => Key::Env(vendor.key.to_owned()),
            (None, None, _) => Key::None,
        };
        Some(Provider::new(name, protocol, url, key))
    }
}
