//! A program that is being written: declarations without repetition.
//!
//! Owns names and text; what is to be declared is for the reader of each format.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use model_map::Sampling;

use super::chain::Role;
use super::input::{no_secret, wrong};
use super::{ImportError, Report};
use crate::catalogue::{Catalogue, sampling_name};
use crate::decompile::{free, identifier, prompt_text};
use crate::resolve::host;
use crate::rules::{invalid_value, secret};
use crate::span::{FileId, Span};
use crate::spell;

/// Where a provider's key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Key {
    /// In a variable of this name.
    Env(String),
    /// Written out in what is read. It tells providers apart and is never written.
    Literal(String),
    /// Kept by the other router under some name.
    Elsewhere(String),
    /// There is none.
    None,
}

/// A provider to call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Provider {
    /// The name that it would like.
    pub(super) wish: String,
    pub(super) protocol: &'static str,
    pub(super) url: Option<String>,
    pub(super) key: Key,
    /// By lower-case name.
    pub(super) headers: BTreeMap<String, String>,
    /// Open requests at once.
    pub(super) max_connections: Option<u32>,
}

impl Provider {
    /// One without headers of its own.
    pub(super) fn new(wish: &str, protocol: &'static str, url: Option<String>, key: Key) -> Self {
        let (headers, max_connections) = (BTreeMap::new(), None);
        Self { wish: wish.to_owned(), protocol, url, key, headers, max_connections }
    }

    /// Adds a header that is sent with every request, unless it may not be one.
    pub(super) fn header(&mut self, path: &str, name: &str, value: &str, report: &mut Report) {
        let name = name.to_ascii_lowercase();
        let nowhere = Span::new(FileId(0), 0..0);
        let finding = invalid_value::header(&name, nowhere)
            .or_else(|| invalid_value::header_value(value, nowhere))
            .or_else(|| secret::in_header(&name, value, nowhere));
        if value.starts_with("os.environ/") {
            let why = "not carried over: a header is written out, and cannot come from a variable";
            report.add(path, why);
        } else if let Some(finding) = finding {
            report.add(path, format!("not carried over: {}", finding.message));
        } else {
            self.headers.insert(name, value.to_owned());
        }
    }
}

struct Declared {
    name: String,
    provider: Provider,
}

struct Model {
    alias: String,
    provider: String,
    id: String,
    is_known: bool,
    /// What its block states.
    facts: Vec<String>,
}

/// The declarations so far.
pub(super) struct Draft<'c> {
    catalogue: &'c Catalogue,
    pub(super) report: Report,
    providers: Vec<Declared>,
    models: Vec<Model>,
    prompts: Vec<(String, String)>,
    pub(super) defaults: Vec<String>,
    pub(super) roles: Vec<Role>,
}

impl<'c> Draft<'c> {
    pub(super) fn new(catalogue: &'c Catalogue) -> Self {
        Self {
            catalogue,
            report: Report::default(),
            providers: Vec::new(),
            models: Vec::new(),
            prompts: Vec::new(),
            defaults: Vec::new(),
            roles: Vec::new(),
        }
    }

    /// The alias of a model of a provider, both declared if they are new. `path` is where it is
    /// asked for, `facts` are the lines of its block.
    pub(super) fn model(
        &mut self,
        path: &str,
        mut provider: Provider,
        id: &str,
        facts: Vec<String>,
    ) -> Result<String, ImportError> {
        if id.is_empty()
            || id.contains(|c: char| c.is_whitespace() || c.is_control() || "{}#\"".contains(c))
        {
            return Err(wrong(path, "is no model's id"));
        }
        no_secret(path, id)?;
        provider.url = provider.url.map(|url| self.address(path, &url)).transpose()?;
        let name = self.provider(path, &provider);
        let known = self.models.iter_mut().find(|it| it.provider == name && it.id == id);
        if let Some(model) = known {
            if model.facts.is_empty() {
                model.facts = facts;
            } else if !facts.is_empty() && model.facts != facts {
                let why = format!("says other things of `{id}` than before; the first are kept");
                self.report.add(path, why);
            }
            return Ok(model.alias.clone());
        }
        let at = provider.url.as_deref().map_or("", host);
        let section = self.catalogue.section(&name, at, provider.protocol);
        let is_known = section.is_some_and(|section| section.model(id).is_some());
        if !is_known && facts.is_empty() {
            let why = format!(
                "`{id}` is not in the catalogue; state what is known of it in its `model` block"
            );
            self.report.add(path, why);
        }
        let mut taken: BTreeSet<_> = self.models.iter().map(|it| it.alias.clone()).collect();
        let alias = free(&identifier(id), &mut taken);
        self.models.push(Model {
            alias: alias.clone(),
            provider: name,
            id: id.to_owned(),
            is_known,
            facts,
        });
        Ok(alias)
    }

    /// The most input that all of these models take, in tokens, where that is known of one.
    pub(super) fn window<'a>(&self, aliases: impl IntoIterator<Item = &'a str>) -> Option<u64> {
        let of = |alias: &str| self.models.iter().find(|it| it.alias == alias);
        let windows = aliases.into_iter().filter_map(of).filter_map(|model| self.window_of(model));
        windows.min()
    }

    fn window_of(&self, model: &Model) -> Option<u64> {
        let stated = |key: &str| {
            let line = model.facts.iter().find_map(|line| line.strip_prefix(key));
            line.and_then(|tokens| tokens.replace('_', "").parse().ok())
        };
        let declared = self.providers.iter().find(|it| it.name == model.provider);
        let at = declared.and_then(|it| it.provider.url.as_deref()).map_or("", host);
        let protocol = declared.map_or("openai", |it| it.provider.protocol);
        let section = self.catalogue.section(&model.provider, at, protocol);
        let known =
            || section.and_then(|it| it.model(&model.id)).and_then(|it| it.input.or(it.context));
        stated("input ").or_else(|| stated("context ")).or_else(known)
    }

    /// An address as the language takes it.
    fn address(&mut self, path: &str, url: &str) -> Result<String, ImportError> {
        let url = url.trim().trim_end_matches('/');
        let Some((scheme @ ("http" | "https"), rest)) = url.split_once("://") else {
            return Err(wrong(path, "has an address that does not start with https://"));
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, after) = rest.split_at(end);
        let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
        let way = after.split(['?', '#']).next().unwrap_or_default();
        if place.len() < authority.len() {
            self.report.add(path, "the user in its address is not carried over: it is a secret");
        }
        if way.len() < after.len() {
            self.report.add(path, "the query of its address is not carried over");
        }
        let is_odd = |c: char| c.is_whitespace() || c.is_control();
        if place.is_empty()
            || place.starts_with(':')
            || place.contains(is_odd)
            || way.contains(is_odd)
        {
            return Err(wrong(path, "has an address without a host, or with a blank"));
        }
        Ok(format!("{scheme}://{place}{way}"))
    }

    fn provider(&mut self, path: &str, provider: &Provider) -> String {
        if let Some(known) = self.providers.iter().find(|known| known.provider == *provider) {
            return known.name.clone();
        }
        let mut taken: BTreeSet<_> = self.providers.iter().map(|it| it.name.clone()).collect();
        let name = free(&identifier(&provider.wish), &mut taken);
        let place = secret_path(&name);
        match provider.key {
            Key::Literal(_) => {
                self.report.add(
                    path,
                    format!("its key is written out and not copied: revoke it, and put a new one at `{place}`"),
                );
            }
            Key::Elsewhere(_) => {
                self.report.add(path, format!("its key is kept elsewhere: put it at `{place}`"));
            }
            Key::Env(_) | Key::None => {}
        }
        self.providers.push(Declared { name: name.clone(), provider: provider.clone() });
        name
    }

    /// The name of a prompt, declared if it is new.
    pub(super) fn prompt(&mut self, wish: &str, text: &str) -> String {
        if let Some((name, _)) = self.prompts.iter().find(|(_, known)| known == text) {
            return name.clone();
        }
        let mut taken: BTreeSet<_> = self.prompts.iter().map(|(name, _)| name.clone()).collect();
        let name = free(&identifier(wish), &mut taken);
        self.prompts.push((name.clone(), text.to_owned()));
        name
    }

    /// The program.
    pub(super) fn text(&self) -> String {
        // Writing to a String cannot fail.
        let mut text = String::new();
        for declared in &self.providers {
            push_provider(&mut text, declared);
        }
        text.push('\n');
        for Model { alias, provider, id, is_known, facts } in &self.models {
            let _ = write!(text, "model {alias} = {provider}/{id}");
            if !facts.is_empty() {
                let _ = write!(text, " {{\n  {}\n}}\n", facts.join("\n  "));
            } else if *is_known {
                text.push('\n');
            } else {
                let sampling = sampling_name(Sampling::default());
                let _ = write!(text, " {{\n  sampling {sampling}\n}}\n");
            }
        }
        for (name, prompt) in &self.prompts {
            let _ = write!(text, "\nprompt {name} = {}\n", prompt_text(prompt));
        }
        if !self.defaults.is_empty() {
            let _ = write!(text, "\ndefaults {{\n  {}\n}}\n", self.defaults.join("\n  "));
        }
        for role in &self.roles {
            role.push(&mut text);
        }
        text
    }
}

fn push_provider(text: &mut String, Declared { name, provider }: &Declared) {
    let _ = write!(text, "\nprovider {name} {{\n  protocol {}\n", provider.protocol);
    if let Some(url) = &provider.url {
        let _ = writeln!(text, "  base_url {}", spell::string(url));
    }
    match &provider.key {
        Key::Env(variable) => {
            let _ = writeln!(text, "  api_key env {}", spell::string(variable));
        }
        Key::Literal(_) | Key::Elsewhere(_) => {
            let _ = writeln!(text, "  api_key secret \"{}\"", secret_path(name));
        }
        Key::None => {}
    }
    for (name, value) in &provider.headers {
        let _ = writeln!(text, "  header {} {}", spell::string(name), spell::string(value));
    }
    if let Some(most) = provider.max_connections {
        let _ = writeln!(text, "  max_connections {}", spell::number(most.into()));
    }
    let is_plain =
        |url: &String| !url.starts_with("https://") && !model_map::load::is_loopback_http(url);
    if provider.url.as_ref().is_some_and(is_plain) {
        text.push_str("  allow plain_http\n");
    }
    text.push_str("}\n");
}

/// Where a provider's key is to be put.
fn secret_path(provider: &str) -> String {
    let name = provider.to_ascii_uppercase().replace('-', "_");
    format!("/sfai/${{env}}/{name}_API_KEY")
}
