//! Clients: their statements typed and merged.
//!
//! Owns what a client needs; keeping count of what it uses is the router's.

use std::collections::BTreeMap;
use std::sync::Arc;

use model_map::{ApiKey, Budget, Limited, Period, RateLimit};

use super::Resolver;
use super::slot::{Slot, over, placed, put};
use super::view::{ClientDecl, Space};
use crate::program::Client;
use crate::rules::{incomplete, invalid_value};
use crate::span::Span;
use crate::syntax::tree::{self, ClientStatement, Name, Names};

const LIMITED: [(&str, Limited); 2] =
    [("requests", Limited::Requests), ("tokens", Limited::Tokens)];

#[derive(Debug, Default)]
struct Block {
    key: Slot<ApiKey>,
    allow: Slot<Arc<BTreeMap<String, Span>>>,
    budget: Slot<Budget>,
    requests: Slot<RateLimit>,
    tokens: Slot<RateLimit>,
    is_broken: bool,
}

impl Block {
    fn over(self, base: &Self) -> Self {
        Self {
            key: over(self.key, &base.key),
            allow: over(self.allow, &base.allow),
            budget: over(self.budget, &base.budget),
            requests: over(self.requests, &base.requests),
            tokens: over(self.tokens, &base.tokens),
            is_broken: self.is_broken || base.is_broken,
        }
    }
}

impl<'t> Resolver<'t> {
    /// Reads every client.
    pub(super) fn read_clients(&mut self) -> BTreeMap<String, Client> {
        let clients = std::mem::take(&mut self.names_mut().view.clients);
        let read =
            clients.iter().map(|(name, declared)| ((*name).to_owned(), self.client(declared)));
        let read = read.collect();
        self.names_mut().view.clients = clients;
        read
    }

    fn client(&mut self, declared: &ClientDecl<'t>) -> Client {
        let env = self.client_block(declared.statements.env.iter().copied());
        let base = self.client_block(declared.statements.base);
        let block = env.over(&base);
        if block.key.is_none() && !block.is_broken {
            self.findings.push(incomplete::client(declared.name));
        }
        let limits = [placed(&block.requests), placed(&block.tokens)];
        Client {
            name: declared.name.span,
            allow: placed(&block.allow).map(|allow| (*allow.value).clone()),
            budget: placed(&block.budget),
            limits: limits.into_iter().flatten().collect(),
            key: block.key.and_then(|key| key.value),
        }
    }

    fn client_block(&mut self, statements: impl IntoIterator<Item = &'t ClientStatement>) -> Block {
        let mut block = Block::default();
        for statement in statements {
            match statement {
                ClientStatement::Key(node) => {
                    let value = self.api_key(node);
                    put(&mut block.key, "key", node.span, value, &mut self.findings);
                }
                ClientStatement::Allow(node) => {
                    let value = self.allowed(node);
                    put(&mut block.allow, "allow", node.span, value, &mut self.findings);
                }
                ClientStatement::Limit(node) => self.rate_limit(node, &mut block),
                ClientStatement::Budget(node) => {
                    let value = self.budget(node);
                    put(&mut block.budget, "budget", node.span, value, &mut self.findings);
                }
                ClientStatement::Broken(_) => block.is_broken = true,
            }
        }
        block
    }

    fn allowed(&mut self, node: &'t Names) -> Option<Arc<BTreeMap<String, Span>>> {
        let mut roles = BTreeMap::new();
        for name in &node.names {
            let Some(role) = self.find_name(Space::Role, name) else { continue };
            if roles.insert(role.name, role.span).is_some() {
                self.find_repeated(name, &node.names);
            }
        }
        // Without the roles that are not known it still allows nothing else.
        (!node.names.is_empty()).then(|| Arc::new(roles))
    }

    fn rate_limit(&mut self, node: &'t tree::RateLimit, block: &mut Block) {
        let of = match &node.of {
            None => Some(Limited::Requests),
            Some(name) => self.limited(name),
        };
        let count = self.whole(node.count.as_ref(), 1, invalid_value::limit);
        let per = self.time(node.per.as_ref(), invalid_value::zero_period);
        let value = || Some(RateLimit { count: count?, of: of?, per: per? });
        let (slot, what) = match of {
            Some(Limited::Tokens) => (&mut block.tokens, "limit … tokens"),
            _ => (&mut block.requests, "limit"),
        };
        put(slot, what, node.span, value(), &mut self.findings);
    }

    fn limited(&mut self, name: &Name) -> Option<Limited> {
        let found = LIMITED.into_iter().find(|(word, _)| *word == name.text);
        if found.is_none() {
            self.unknown_key("something to count", name, &LIMITED.map(|(word, _)| word));
        }
        found.map(|(_, of)| of)
    }

    fn budget(&mut self, node: &'t tree::Budget) -> Option<Budget> {
        let amount = self.money(node.amount.as_ref());
        let amount = amount.and_then(|amount| {
            let is_some = amount.micro_dollars > 0;
            if !is_some && let Some(value) = &node.amount {
                self.findings.push(invalid_value::budget(value.span));
            }
            is_some.then_some(amount.micro_dollars)
        });
        let per = node.per.as_ref().and_then(|name| self.period(name));
        Some(Budget { micro_dollars: amount?, per: per? })
    }

    fn period(&mut self, name: &Name) -> Option<Period> {
        let found = Period::ALL.into_iter().find(|period| period.name() == name.text);
        if found.is_none() {
            self.unknown_key("a period", name, &Period::ALL.map(Period::name));
        }
        found
    }
}
