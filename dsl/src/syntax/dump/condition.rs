//! Conditions as lines.
//!
//! Owns these alone. How deep it calls itself is bounded by the reader's limit on nesting.

use super::Dump;
use crate::syntax::tree::{Comparison, Condition, Fact, Joined, Test};

impl Dump {
    pub(super) fn condition(&mut self, condition: &Condition) {
        match condition {
            Condition::Any(joined) => self.joined("any", joined),
            Condition::All(joined) => self.joined("all", joined),
            Condition::Not { span, inner } => {
                self.line("not", Some(*span));
                self.nested(|dump| dump.condition(inner));
            }
            Condition::Test(test) => self.test(test),
            Condition::Broken(span) => self.line("condition ?", Some(*span)),
        }
    }

    fn joined(&mut self, word: &str, joined: &Joined) {
        let Joined { span, parts } = joined;
        self.line(word, Some(*span));
        self.nested(|dump| parts.iter().for_each(|part| dump.condition(part)));
    }

    fn test(&mut self, test: &Test) {
        let Test { span, fact, comparison } = test;
        let Fact { span: _, name, argument } = fact;
        self.line("test", Some(*span));
        self.nested(|dump| {
            dump.name("fact", Some(name));
            if argument.is_some() {
                dump.value("argument", argument.as_ref());
            }
            if let Some(comparison) = comparison {
                dump.comparison(comparison);
            }
        });
    }

    fn comparison(&mut self, comparison: &Comparison) {
        let Comparison { span: _, operator, operator_span, values, is_whole } = comparison;
        self.line(operator.text(), Some(*operator_span));
        values.iter().for_each(|value| self.value("value", Some(value)));
        if !is_whole {
            self.value("value", None);
        }
    }
}
