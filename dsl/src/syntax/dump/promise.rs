//! `ensure` and the statements of tests as lines.
//!
//! Owns these alone.

use super::Dump;
use crate::syntax::tree::{
    Ask, AskFact, Claim, Ensure, Entry, Expect, Expected, Given, Name, Subject, TestStatement,
};

impl Dump {
    pub(super) fn ensure(&mut self, ensure: &Ensure) {
        let Ensure { span: _, subject, claim } = ensure;
        match subject {
            Some(Subject::EveryRole(span)) => self.line("every role", Some(*span)),
            Some(Subject::Role(name)) => self.name("role", Some(name)),
            None => self.line("subject ?", None),
        }
        match claim {
            Some(claim) => self.claim(claim),
            None => self.line("claim ?", None),
        }
    }

    fn claim(&mut self, claim: &Claim) {
        match claim {
            Claim::Survives(None) => self.line("survives any provider", None),
            Claim::Survives(Some(provider)) => self.name("survives", Some(provider)),
            Claim::EndsWithin(time) => self.value("ends within", Some(time)),
            Claim::CostsAtMost { amount, for_request } => {
                self.value("costs at most", Some(amount));
                for Entry { span: _, key, value } in for_request {
                    self.name("key", Some(key));
                    self.value("value", value.as_ref());
                }
            }
            Claim::UsesOnly(names) => self.names("uses only", names),
            Claim::NeverReaches { model, client } => {
                self.name("never reaches", Some(model));
                if client.is_some() {
                    self.name("client", client.as_ref());
                }
            }
            Claim::MakesAtMost(count) => self.value("makes at most", Some(count)),
        }
    }

    pub(super) fn test_statement(&mut self, statement: &TestStatement) {
        let keyword = match statement {
            TestStatement::Ask(_) => "ask",
            TestStatement::Given(_) => "given",
            TestStatement::Expect(_) => "expect",
            TestStatement::Broken(_) => "broken",
        };
        self.line(keyword, Some(statement.span()));
        self.nested(|dump| match statement {
            TestStatement::Ask(ask) => dump.ask(ask),
            TestStatement::Given(given) => dump.given(given),
            TestStatement::Expect(expect) => dump.expect(expect),
            TestStatement::Broken(broken) => dump.broken(broken),
        });
    }

    fn ask(&mut self, ask: &Ask) {
        let Ask { span: _, role, with } = ask;
        self.name("role", role.as_ref());
        for AskFact { span, name, values } in with {
            self.line(&format!("with {:?}", name.text), Some(*span));
            self.nested(|dump| values.iter().for_each(|value| dump.value("value", Some(value))));
        }
    }

    fn given(&mut self, given: &Given) {
        let Given { span: _, target, answers, times, after } = given;
        self.name("target", target.as_ref());
        self.value("answers", answers.as_ref());
        if times.is_some() {
            self.value("times", times.as_ref());
        }
        if after.is_some() {
            self.value("after", after.as_ref());
        }
    }

    fn expect(&mut self, expect: &Expect) {
        let Expect { span: _, outcome } = expect;
        match outcome {
            Some(Expected::Answer { from, after }) => {
                self.name("answer from", Some(from));
                self.attempts(after.as_deref());
            }
            Some(Expected::Failure { class, after }) => {
                self.name("failure", Some(class));
                self.attempts(after.as_deref());
            }
            Some(Expected::Attempts(count)) => self.value("attempts", Some(count)),
            Some(Expected::Within(time)) => self.value("within", Some(time)),
            None => self.line("outcome ?", None),
        }
    }

    fn attempts(&mut self, after: Option<&[Name]>) {
        if let Some(after) = after {
            self.line("after", None);
            self.nested(|dump| dump.names("attempt", after));
        }
    }
}
