//! Tests: their names looked up and their values typed.
//!
//! Owns their reading; they are run elsewhere.

use std::collections::BTreeMap;

use model_map::{RequestFacts, TextFact};

use super::Resolver;
use super::condition::FACTS;
use super::slot::{Slot, put};
use super::values::Literal;
use super::view::Space;
use crate::program::{Answers, Ask, Expect, Given, ModelRef, Named, Outcome, Target, TestCase};
use crate::rules::{duplicate, incomplete, invalid_value, secret, unknown_name, wrong_kind};
use crate::span::Span;
use crate::syntax::tree::{self, AskFact, Expected, Name, TestStatement, Value};

impl<'t> Resolver<'t> {
    /// Reads every test.
    pub(super) fn read_tests(&mut self) -> BTreeMap<String, TestCase> {
        let nodes = std::mem::take(&mut self.names_mut().view.tests);
        let read = nodes.into_iter().map(|(name, node)| (name.to_owned(), self.test_case(node)));
        read.collect()
    }

    fn test_case(&mut self, node: &'t tree::TestCase) -> TestCase {
        let name = node.name.as_ref().map_or(node.span, |name| name.span);
        let mut ask: Slot<Ask> = None;
        let (mut givens, mut expects) = (Vec::new(), Vec::new());
        let mut kinds = BTreeMap::new();
        let mut is_broken = false;
        for statement in &node.statements {
            match statement {
                TestStatement::Ask(node) => {
                    let value = self.ask(node);
                    is_broken |= value.is_none();
                    put(&mut ask, "ask", node.span, value, &mut self.findings);
                }
                TestStatement::Given(node) => givens.push(self.given(node)),
                TestStatement::Expect(node) => {
                    self.find_second_expect(node, &mut kinds);
                    expects.push(self.expect(node));
                }
                TestStatement::Broken(_) => is_broken = true,
            }
        }
        if !is_broken {
            let lacks = [(ask.is_none(), "ask"), (expects.is_empty(), "expect")];
            let lacks = lacks.into_iter().filter_map(|(lacks, what)| lacks.then_some(what));
            self.findings.extend(lacks.map(|what| incomplete::test(name, what)));
        }
        let is_whole = !is_broken
            && ask.is_some()
            && givens.iter().all(Option::is_some)
            && expects.iter().all(Option::is_some);
        TestCase {
            span: node.span,
            name,
            ask: ask.and_then(|ask| ask.value),
            givens: givens.into_iter().flatten().collect(),
            expects: expects.into_iter().flatten().collect(),
            is_whole,
        }
    }

    fn ask(&mut self, node: &'t tree::Ask) -> Option<Ask> {
        let role = node.role.as_ref().and_then(|name| self.find_name(Space::Role, name));
        let mut facts = RequestFacts { messages: 1, ..RequestFacts::default() };
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        let mut is_whole = true;
        for fact in &node.with {
            let Some(what) = self.ask_fact(fact, &mut facts) else {
                is_whole = false;
                continue;
            };
            if let Some(first) = seen.get(&what) {
                self.findings.push(duplicate::statement(&what, *first, fact.span));
                is_whole = false;
            }
            seen.entry(what).or_insert(fact.span);
        }
        let tokens_span = seen.get("tokens").copied();
        let role = role?;
        is_whole.then_some(Ask { span: node.span, role, facts, tokens_span })
    }

    /// Puts down a fact; gives what it is a fact of.
    fn ask_fact(&mut self, fact: &'t AskFact, facts: &mut RequestFacts) -> Option<String> {
        let word = fact.name.text.as_str();
        let slot = match word {
            "image" => &mut facts.image,
            "json" => &mut facts.json,
            "stream" => &mut facts.stream,
            "tools" => &mut facts.tools,
            "header" | "metadata" => return self.ask_text(fact, facts),
            "tokens" | "messages" | "max_tokens" => return self.ask_number(fact, facts),
            "client" => {
                let value = fact.values.first()?;
                facts.client = Some(self.client_name(value)?);
                return Some(word.to_owned());
            }
            _ => {
                self.unknown_key("a fact about a request", &fact.name, &FACTS);
                return None;
            }
        };
        *slot = true;
        Some(word.to_owned())
    }

    fn ask_number(&mut self, fact: &'t AskFact, facts: &mut RequestFacts) -> Option<String> {
        let number = self.whole(fact.values.first(), 0, invalid_value::request_tokens)?;
        match fact.name.text.as_str() {
            "tokens" => facts.tokens = number,
            "messages" => facts.messages = number,
            _ => facts.max_tokens = Some(number),
        }
        Some(fact.name.text.clone())
    }

    fn ask_text(&mut self, fact: &'t AskFact, facts: &mut RequestFacts) -> Option<String> {
        let [key, value] = fact.values.as_slice() else { return None };
        let (name, text) = (self.text(Some(key)), self.text(Some(value)));
        let text_fact = self.text_fact(fact.name.text == "header", &name?, key)?;
        let text = text?;
        match text_fact {
            TextFact::Header(name) => {
                if let Some(finding) = secret::in_asked_header(&name, &text, value.span) {
                    self.findings.push(finding);
                    return None;
                }
                facts.headers.insert(name.clone(), text.to_string());
                Some(format!("header \"{name}\""))
            }
            TextFact::Metadata(key) => {
                facts.metadata.insert(key.clone(), text.to_string());
                Some(format!("metadata \"{key}\""))
            }
            TextFact::Client => None,
        }
    }

    fn given(&mut self, node: &'t tree::Given) -> Option<Given> {
        let target = node.target.as_ref().and_then(|name| self.target(name));
        let after = node.after.as_ref().map(|value| self.duration(Some(value)));
        let answers = self.answers(node.answers.as_ref(), node.after.is_some());
        let times = node.times.as_ref().map(|value| self.count(value));
        Some(Given {
            span: node.span,
            target: target?,
            answers: answers?,
            times: times.map_or(Some(None), |times| times.map(Some))?,
            after: after.map_or(Some(None), |after| after.map(Some))?,
        })
    }

    fn count(&mut self, value: &'t Value) -> Option<u32> {
        let count = self.whole(Some(value), 1, invalid_value::attempts)?;
        Some(u32::try_from(count).unwrap_or(u32::MAX))
    }

    fn target(&mut self, name: &'t Name) -> Option<Target> {
        if self.names.view.knows(Space::Provider, &name.text) {
            return Some(Target::Provider(Named { name: name.text.clone(), span: name.span }));
        }
        if self.names.view.knows(Space::Model, &name.text) {
            return self.model_ref(name, false).map(Target::Model);
        }
        let near = self.names.view.nearest(Space::Provider, &name.text);
        let near = near.or_else(|| self.names.view.nearest(Space::Model, &name.text));
        self.findings.push(unknown_name::upstream(name, near));
        None
    }

    /// A status or a class.
    fn answers(&mut self, value: Option<&'t Value>, is_slow: bool) -> Option<Answers> {
        let value = value?;
        match self.literal(value)? {
            Literal::Word(word) => {
                let name = Name { text: word.to_owned(), span: value.span };
                self.class(&name).map(Answers::Class)
            }
            Literal::Number(number) => {
                let status = number.as_u64().and_then(|status| u16::try_from(status).ok());
                match invalid_value::status(status, is_slow, value.span) {
                    Ok(status) => Some(Answers::Status(status)),
                    Err(finding) => {
                        self.findings.push(*finding);
                        None
                    }
                }
            }
            _ => {
                let wanted = "a status such as `529` or a class such as `timeout`";
                self.findings.push(wrong_kind::finding(value.span, wanted, value.describe()));
                None
            }
        }
    }

    /// Each kind of expectation once.
    fn find_second_expect(
        &mut self,
        node: &tree::Expect,
        kinds: &mut BTreeMap<&'static str, Span>,
    ) {
        let kind = match &node.outcome {
            Some(Expected::Answer { .. } | Expected::Failure { .. }) => "expect answer or failure",
            Some(Expected::Attempts(_)) => "expect attempts",
            Some(Expected::Within(_)) => "expect within",
            None => return,
        };
        match kinds.get(kind) {
            Some(first) => self.findings.push(duplicate::statement(kind, *first, node.span)),
            None => {
                kinds.insert(kind, node.span);
            }
        }
    }

    fn expect(&mut self, node: &'t tree::Expect) -> Option<Expect> {
        let outcome = match node.outcome.as_ref()? {
            Expected::Answer { from, after } => {
                let (from, after) = (self.model_ref(from, false), self.after(after.as_deref()));
                Outcome::Answer { from: from?, after: after? }
            }
            Expected::Failure { class, after } => {
                let (class, after) = (self.class(class), self.after(after.as_deref()));
                Outcome::Failure { class: class?, after: after? }
            }
            Expected::Attempts(value) => Outcome::Attempts(self.count(value)?),
            Expected::Within(value) => Outcome::Within(self.promised_time(value)?),
        };
        Some(Expect { span: node.span, outcome })
    }

    /// The failed attempts, if something is said of them; none if one of them is not known.
    #[expect(clippy::option_option, reason = "unsaid and unreadable are two things")]
    fn after(&mut self, names: Option<&'t [Name]>) -> Option<Option<Vec<ModelRef>>> {
        let Some(names) = names else { return Some(None) };
        let models: Vec<_> = names.iter().map(|name| self.model_ref(name, false)).collect();
        models.into_iter().collect::<Option<_>>().map(Some)
    }
}
