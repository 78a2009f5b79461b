//! Providers: their statements typed and merged.
//!
//! Owns what a provider needs; what a base URL may be is in the rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use model_map::{ApiKey, Protocol};

use super::Resolver;
use super::base_url;
use super::slot::{Slot, is_hole, placed, put};
use super::view::{Layers, ProviderDecl};
use crate::program::Provider;
use crate::rules::{incomplete, invalid_value, plain_http, secret, unknown_name};
use crate::syntax::tree::{self, KeyStore, Name, ProviderStatement, Setting, Value};

const PROTOCOLS: [&str; 4] = ["anthropic", "bedrock", "demo", "openai"];

#[derive(Debug, Default)]
struct Block {
    protocol: Slot<Protocol>,
    base_url: Slot<Arc<str>>,
    api_key: Slot<ApiKey>,
    headers: BTreeMap<String, Slot<Arc<str>>>,
    max_connections: Slot<u32>,
    allow_plain_http: Slot<bool>,
    is_broken: bool,
}

impl Block {
    fn over(mut self, base: Self) -> Self {
        for (name, value) in base.headers {
            self.headers.entry(name).or_insert(value);
        }
        Self {
            protocol: self.protocol.or(base.protocol),
            base_url: self.base_url.or(base.base_url),
            api_key: self.api_key.or(base.api_key),
            headers: self.headers,
            max_connections: self.max_connections.or(base.max_connections),
            allow_plain_http: self.allow_plain_http.or(base.allow_plain_http),
            is_broken: self.is_broken || base.is_broken,
        }
    }
}

impl<'t> Resolver<'t> {
    /// Reads every provider.
    pub(super) fn read_providers(&mut self) {
        let providers = std::mem::take(&mut self.names_mut().view.providers);
        for (name, declared) in &providers {
            let provider = self.provider(declared).map(Arc::new);
            self.names_mut().providers.insert(name, provider);
        }
        self.names_mut().view.providers = providers;
    }

    fn provider(&mut self, declared: &ProviderDecl<'t>) -> Option<Provider> {
        let Layers { env, base } = &declared.statements;
        let env = self.provider_block(env.iter().copied());
        let base = self.provider_block(*base);
        let block = env.over(base);
        self.find_missing(declared.name, &block);
        let allow_plain_http = block.allow_plain_http.is_some();
        let may_be_allowed = allow_plain_http || block.is_broken;
        let url = placed(&block.base_url);
        if let Some(url) = url.as_ref().filter(|url| base_url::is_plain(&url.value))
            && !may_be_allowed
            && let Some(span) = url.span
        {
            self.findings.push(plain_http::finding(span));
        }
        let protocol = block.protocol?.value?;
        // Without its key a provider is still known to the catalogue; without its URL it may be another.
        if is_hole(&block.base_url) {
            return None;
        }
        if url.is_none() && needs_url(protocol) {
            return None;
        }
        let headers = block.headers.into_iter();
        Some(Provider {
            name: declared.name.text.clone(),
            name_span: declared.name.span,
            protocol,
            base_url_span: url.as_ref().and_then(|url| url.span),
            base_url: url.map(|url| url.value.trim_end_matches('/').to_owned()),
            api_key: block.api_key.and_then(|key| key.value),
            headers: headers
                .filter_map(|(name, value)| Some((name, value?.value?.to_string())))
                .collect(),
            max_connections: block.max_connections.and_then(|count| count.value),
            allow_plain_http,
        })
    }

    fn find_missing(&mut self, name: &Name, block: &Block) {
        if block.is_broken {
            return;
        }
        let protocol = block.protocol.as_ref().map(|written| written.value);
        // What the protocol needs is known only when it could be read, or is not there at all.
        let needs_url = match protocol {
            None => true,
            Some(None) => false,
            Some(Some(protocol)) => needs_url(protocol),
        };
        let no_url = block.base_url.is_none() && needs_url;
        let missing: Vec<_> = [(protocol.is_none(), "protocol"), (no_url, "base_url")]
            .into_iter()
            .filter_map(|(is_missing, what)| is_missing.then_some(what))
            .collect();
        if !missing.is_empty() {
            self.findings.push(incomplete::provider(name, &missing));
        }
    }

    fn provider_block(
        &mut self,
        statements: impl IntoIterator<Item = &'t ProviderStatement>,
    ) -> Block {
        let mut block = Block::default();
        for statement in statements {
            match statement {
                ProviderStatement::Protocol(node) => {
                    let value = self.protocol(node);
                    put(&mut block.protocol, "protocol", node.span, value, &mut self.findings);
                }
                ProviderStatement::BaseUrl(node) => {
                    let value = self.base_url(node);
                    let span = node.value.as_ref().map_or(node.span, |value| value.span);
                    put(&mut block.base_url, "base_url", span, value, &mut self.findings);
                }
                ProviderStatement::ApiKey(node) => {
                    let value = self.api_key(node);
                    put(&mut block.api_key, "api_key", node.span, value, &mut self.findings);
                }
                ProviderStatement::Header(node) => self.header(node, &mut block),
                ProviderStatement::MaxConnections(node) => {
                    let value = self.max_connections(node);
                    let slot = &mut block.max_connections;
                    put(slot, "max_connections", node.span, value, &mut self.findings);
                }
                ProviderStatement::Allow(node) => {
                    let value = self.allow(node);
                    put(&mut block.allow_plain_http, "allow", node.span, value, &mut self.findings);
                }
                ProviderStatement::Broken(_) => block.is_broken = true,
            }
        }
        block
    }

    fn protocol(&mut self, node: &'t Setting) -> Option<Protocol> {
        let word = self.word(node.value.as_ref(), "a protocol such as `openai`")?;
        let span = node.value.as_ref()?.span;
        match word {
            "openai" => return Some(Protocol::Openai),
            "anthropic" => return Some(Protocol::Anthropic),
            "bedrock" => return Some(Protocol::Bedrock),
            "demo" => return Some(Protocol::Demo),
            _ => {
                let name = Name { text: word.to_owned(), span };
                self.findings.push(unknown_name::key("a protocol", &name, &PROTOCOLS));
            }
        }
        None
    }

    fn base_url(&mut self, node: &'t Setting) -> Option<Arc<str>> {
        let url = self.text(node.value.as_ref())?;
        match base_url::check(&url, node.value.as_ref()?, self.names.input.sources) {
            Ok(()) => Some(url),
            Err(finding) => {
                self.findings.push(*finding);
                None
            }
        }
    }

    pub(super) fn api_key(&mut self, node: &'t tree::ApiKey) -> Option<ApiKey> {
        let name = self.text(node.value.as_ref())?;
        let span = node.value.as_ref()?.span;
        if let Some(finding) = secret::in_key_name(node.store, &name, span) {
            self.findings.push(finding);
            return None;
        }
        match node.store? {
            KeyStore::Env if !is_variable(&name) => {
                self.findings.push(invalid_value::variable(span));
                None
            }
            KeyStore::Env => Some(ApiKey::Env(name.to_string())),
            KeyStore::Secret => Some(ApiKey::Secret(name.to_string())),
        }
    }

    fn header(&mut self, node: &'t tree::Header, block: &mut Block) {
        let (Some(name), value) = (self.text(node.name.as_ref()), self.text(node.value.as_ref()))
        else {
            return;
        };
        let name = name.to_ascii_lowercase();
        let finding = node.name.as_ref().and_then(|at| invalid_value::header(&name, at.span));
        let finding = finding
            .or_else(|| secret::in_header(&name, value.as_deref()?, node.value.as_ref()?.span));
        let finding = finding
            .or_else(|| invalid_value::header_value(value.as_deref()?, node.value.as_ref()?.span));
        let value = value.filter(|_| finding.is_none());
        self.findings.extend(finding);
        let what = format!("header \"{name}\"");
        put(block.headers.entry(name).or_default(), &what, node.span, value, &mut self.findings);
    }

    fn max_connections(&mut self, node: &'t Setting) -> Option<u32> {
        let count = self.whole(node.value.as_ref(), 1, invalid_value::max_connections)?;
        // More than a machine can open is as good as that.
        Some(u32::try_from(count).unwrap_or(u32::MAX))
    }

    fn allow(&mut self, node: &'t Setting) -> Option<bool> {
        let value: &Value = node.value.as_ref()?;
        let word = self.word(Some(value), "`plain_http`")?;
        if word == "plain_http" {
            return Some(true);
        }
        let name = Name { text: word.to_owned(), span: value.span };
        self.findings.push(unknown_name::key("something to allow", &name, &["plain_http"]));
        None
    }
}

/// Whether it is elsewhere than in the router or where the platform says.
const fn needs_url(protocol: Protocol) -> bool {
    matches!(protocol, Protocol::Anthropic | Protocol::Openai)
}

/// Whether `name` can be an environment variable's.
fn is_variable(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|byte| byte.is_ascii_alphabetic() || byte == b'_')
        && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
