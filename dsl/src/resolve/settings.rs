//! What a role sets: `timeout`, `set`, `limit`, `deny`, `accept`, `system` and the single words.
//!
//! Owns their reading; what they do at run time is the router's.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use model_map::{Ability, Audit, CacheBreakpoint, Commit, Effort, SystemMode};

use super::Resolver;
use super::slot::{Slot, is_hole, over, placed, put};
use super::view::Space;
use crate::catalogue::{EFFORTS, effort};
use crate::diagnostic::Diagnostic;
use crate::nearest::nearest;
use crate::program::{Parameters, PromptUse, System, TimeoutChanges};
use crate::rules::{duplicate, invalid_value, unknown_name};
use crate::span::Span;
use crate::syntax::tree::{self, Entry, Name, Names, Setting, Value, ValueKind};

const TIMEOUTS: [&str; 4] = ["connect", "first_token", "idle", "total"];
const PARAMETERS: [&str; 4] = ["max_tokens", "reasoning_effort", "temperature", "top_p"];

/// What a role can promise to take; text goes without saying, and PDFs no request to the router
/// can hold.
const PROMISES: [Ability; 3] = [Ability::Image, Ability::Json, Ability::Tools];

/// The parameters of a Chat Completions request that it can do without (OpenAI's reference of
/// November 2026). `stream` is not among them: a client that asks for a stream reads one.
const DENIABLE: [&str; 31] = [
    "audio",
    "frequency_penalty",
    "function_call",
    "functions",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_tokens",
    "metadata",
    "modalities",
    "n",
    "parallel_tool_calls",
    "prediction",
    "presence_penalty",
    "prompt_cache_key",
    "prompt_cache_retention",
    "reasoning_effort",
    "response_format",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "store",
    "stream_options",
    "temperature",
    "tool_choice",
    "tools",
    "top_logprobs",
    "top_p",
    "user",
    "verbosity",
];

/// The keys of `timeout`.
#[derive(Debug, Clone, Default)]
pub(super) struct TimeoutSlots {
    pub(super) connect: Slot<Duration>,
    pub(super) first_token: Slot<Duration>,
    pub(super) idle: Slot<Duration>,
    pub(super) total: Slot<Duration>,
}

impl TimeoutSlots {
    pub(super) fn over(self, base: &Self) -> Self {
        Self {
            connect: over(self.connect, &base.connect),
            first_token: over(self.first_token, &base.first_token),
            idle: over(self.idle, &base.idle),
            total: over(self.total, &base.total),
        }
    }

    fn all(&self) -> [&Slot<Duration>; 4] {
        [&self.connect, &self.first_token, &self.idle, &self.total]
    }

    pub(super) fn has_hole(&self) -> bool {
        self.all().into_iter().any(is_hole)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all().into_iter().all(Option::is_none)
    }

    /// Those that are written and could be read.
    pub(super) fn given(&self) -> TimeoutChanges {
        TimeoutChanges {
            connect: placed(&self.connect),
            first_token: placed(&self.first_token),
            idle: placed(&self.idle),
            total: placed(&self.total),
        }
    }
}

/// The keys of `set`.
#[derive(Debug, Clone, Default)]
pub(super) struct ParameterSlots {
    max_tokens: Slot<u32>,
    pub(super) reasoning_effort: Slot<Effort>,
    temperature: Slot<f64>,
    top_p: Slot<f64>,
}

impl ParameterSlots {
    pub(super) fn over(self, base: &Self) -> Self {
        Self {
            max_tokens: over(self.max_tokens, &base.max_tokens),
            reasoning_effort: over(self.reasoning_effort, &base.reasoning_effort),
            temperature: over(self.temperature, &base.temperature),
            top_p: over(self.top_p, &base.top_p),
        }
    }

    pub(super) fn has_hole(&self) -> bool {
        is_hole(&self.max_tokens)
            || is_hole(&self.reasoning_effort)
            || is_hole(&self.temperature)
            || is_hole(&self.top_p)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.max_tokens.is_none()
            && self.reasoning_effort.is_none()
            && self.temperature.is_none()
            && self.top_p.is_none()
    }

    /// Those that are written and could be read.
    pub(super) fn given(&self) -> Parameters {
        Parameters {
            max_tokens: placed(&self.max_tokens),
            reasoning_effort: placed(&self.reasoning_effort),
            temperature: placed(&self.temperature),
            top_p: placed(&self.top_p),
        }
    }
}

impl<'t> Resolver<'t> {
    /// Reads a key of `timeout`; false if there is none of that name.
    pub(super) fn timeout(&mut self, entry: &'t Entry, slots: &mut TimeoutSlots) -> bool {
        let key = entry.key.text.as_str();
        let slot = match key {
            "connect" => &mut slots.connect,
            "first_token" => &mut slots.first_token,
            "idle" => &mut slots.idle,
            "total" => &mut slots.total,
            _ => {
                self.unknown_key("a timeout", &entry.key, &TIMEOUTS);
                return false;
            }
        };
        let value = self.time(entry.value.as_ref(), |span| invalid_value::zero_timeout(key, span));
        put(slot, key, entry.span, value, &mut self.findings);
        true
    }

    /// A duration above zero.
    pub(super) fn time(
        &mut self,
        value: Option<&'t Value>,
        zero: impl FnOnce(Span) -> Diagnostic,
    ) -> Option<Duration> {
        let duration = self.duration(value)?;
        if duration.is_zero() {
            self.findings.push(zero(value?.span));
            return None;
        }
        Some(duration)
    }

    /// Reads a key of `set`; false if there is none of that name.
    pub(super) fn parameter(&mut self, entry: &'t Entry, slots: &mut ParameterSlots) -> bool {
        let (key, value) = (entry.key.text.as_str(), entry.value.as_ref());
        match key {
            "max_tokens" => {
                let tokens = self.max_tokens(value);
                put(&mut slots.max_tokens, key, entry.span, tokens, &mut self.findings);
            }
            "reasoning_effort" => {
                let effort = self.effort(value);
                put(&mut slots.reasoning_effort, key, entry.span, effort, &mut self.findings);
            }
            "temperature" => {
                let heat = self.number_within(value, invalid_value::temperature);
                put(&mut slots.temperature, key, entry.span, heat, &mut self.findings);
            }
            "top_p" => {
                let share = self.number_within(value, invalid_value::top_p);
                put(&mut slots.top_p, key, entry.span, share, &mut self.findings);
            }
            _ => {
                self.unknown_key("a parameter", &entry.key, &PARAMETERS);
                return false;
            }
        }
        true
    }

    pub(super) fn limit(&mut self, entry: &'t Entry, slot: &mut Slot<u32>) {
        if entry.key.text != "max_tokens" {
            return self.unknown_key("a parameter with a limit", &entry.key, &["max_tokens"]);
        }
        let tokens = self.max_tokens(entry.value.as_ref());
        put(slot, "max_tokens", entry.span, tokens, &mut self.findings);
    }

    fn max_tokens(&mut self, value: Option<&'t Value>) -> Option<u32> {
        let tokens = self.whole(value, 1, invalid_value::max_tokens)?;
        let fits = u32::try_from(tokens).ok();
        if fits.is_none() {
            self.findings.push(invalid_value::max_tokens(value?.span));
        }
        fits
    }

    fn number_within(
        &mut self,
        value: Option<&'t Value>,
        check: fn(f64, Span) -> Result<f64, Box<Diagnostic>>,
    ) -> Option<f64> {
        let number = self.number(value)?;
        match check(number.as_f64(), value?.span) {
            Ok(number) => Some(number),
            Err(finding) => {
                self.findings.push(*finding);
                None
            }
        }
    }

    fn effort(&mut self, value: Option<&'t Value>) -> Option<Effort> {
        let word = self.word(value, "an effort such as `medium`")?;
        self.effort_named(word, value?.span)
    }

    pub(super) fn effort_named(&mut self, word: &str, span: Span) -> Option<Effort> {
        let known = effort(word);
        if known.is_none() {
            let near = nearest(word, EFFORTS.map(|(_, name)| name));
            self.findings.push(invalid_value::effort(word, span, near));
        }
        known
    }

    pub(super) fn system(&mut self, node: &'t tree::System) -> Option<Arc<System>> {
        let mode = match node.mode {
            None | Some(tree::SystemMode::Prepend) => SystemMode::Prepend,
            Some(tree::SystemMode::Append) => SystemMode::Append,
            Some(tree::SystemMode::Replace) => SystemMode::Replace,
        };
        let prompts: Vec<_> = node.prompts.iter().map(|prompt| self.prompt_use(prompt)).collect();
        let prompts: Vec<_> = prompts.into_iter().collect::<Option<_>>()?;
        // A statement of which nothing could be read is a hole.
        (!prompts.is_empty()).then(|| Arc::new(System { span: node.span, mode, prompts }))
    }

    /// A prompt by its name, a constant, or written in place.
    fn prompt_use(&mut self, value: &'t Value) -> Option<PromptUse> {
        let span = value.span;
        let ValueKind::Ident(name) = &value.kind else {
            return Some(PromptUse { span, name: None, text: self.text(Some(value))? });
        };
        if self.names.view.knows(Space::Prompt, name) {
            self.use_name(Space::Prompt, name);
            let text = self.names.prompts.get(name.as_str()).cloned().flatten()?;
            return Some(PromptUse { span, name: Some(name.clone()), text });
        }
        if self.names.view.knows(Space::Let, name) {
            return Some(PromptUse { span, name: None, text: self.text(Some(value))? });
        }
        let near = self.near(Space::Prompt, name);
        self.findings.push(unknown_name::of(Space::Prompt, name, span, near));
        None
    }

    pub(super) fn accept(&mut self, node: &'t Names) -> Option<Arc<BTreeSet<Ability>>> {
        let known = |name: &Name| PROMISES.into_iter().find(|ability| ability.name() == name.text);
        self.set_of(node, known, |name| {
            unknown_name::key("something to accept", name, &PROMISES.map(Ability::name))
        })
    }

    pub(super) fn deny(&mut self, node: &'t Names) -> Option<Arc<BTreeSet<String>>> {
        let known = |name: &Name| DENIABLE.contains(&name.text.as_str()).then(|| name.text.clone());
        self.set_of(node, known, |name| unknown_name::deniable(name, &DENIABLE))
    }

    /// The names of a list, each known and once.
    fn set_of<T: Ord>(
        &mut self,
        node: &'t Names,
        known: impl Fn(&Name) -> Option<T>,
        unknown: impl Fn(&Name) -> Diagnostic,
    ) -> Option<Arc<BTreeSet<T>>> {
        let mut set = BTreeSet::new();
        let mut is_whole = !node.names.is_empty();
        for name in &node.names {
            let Some(value) = known(name) else {
                self.findings.push(unknown(name));
                is_whole = false;
                continue;
            };
            if !set.insert(value) {
                self.find_repeated(name, &node.names);
            }
        }
        is_whole.then(|| Arc::new(set))
    }

    /// A name that stands earlier in its list, too.
    pub(super) fn find_repeated(&mut self, name: &Name, names: &[Name]) {
        let first = names.iter().find(|first| first.text == name.text);
        let first = first.map_or(name.span, |first| first.span);
        self.findings.push(duplicate::statement(&name.text, first, name.span));
    }

    pub(super) fn commit(&mut self, node: &'t Setting) -> Option<Commit> {
        let words = [
            ("complete", Commit::Complete),
            ("first_token", Commit::FirstToken),
            ("headers", Commit::Headers),
        ];
        self.word_of(node, ("a moment to commit at", "`first_token`"), &words)
    }

    pub(super) fn cache(&mut self, node: &'t Setting) -> Option<CacheBreakpoint> {
        let words =
            [("conversation", CacheBreakpoint::Conversation), ("system", CacheBreakpoint::System)];
        self.word_of(node, ("something to cache", "`system`"), &words)
    }

    pub(super) fn audit(&mut self, node: &'t Setting) -> Option<Audit> {
        let words = [("full", Audit::Full), ("metadata", Audit::Metadata), ("off", Audit::Off)];
        self.word_of(node, ("an extent of the audit record", "`metadata`"), &words)
    }

    /// One word of a fixed list; `what` names it and an example of it.
    pub(super) fn word_of<T: Copy>(
        &mut self,
        node: &'t Setting,
        (what, example): (&str, &str),
        words: &[(&str, T)],
    ) -> Option<T> {
        let value = node.value.as_ref()?;
        let word = self.word(Some(value), &format!("{what} such as {example}"))?;
        if let Some((_, found)) = words.iter().find(|(known, _)| *known == word) {
            return Some(*found);
        }
        let name = Name { text: word.to_owned(), span: value.span };
        let known: Vec<_> = words.iter().map(|(known, _)| *known).collect();
        self.unknown_key(what, &name, &known);
        None
    }

    pub(super) fn unknown_key(&mut self, what: &str, name: &Name, known: &[&str]) {
        self.findings.push(unknown_name::key(what, name, known));
    }
}
