//! What a role does about failures: `retry`, `fallback`, `hedge`.
//!
//! Owns their reading; what counts as which failure is `model-map`'s.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use model_map::FailureClass;

use super::Resolver;
use crate::diagnostic::Diagnostic;
use crate::program::Retry;
use crate::rules::{incomplete, invalid_value, never_falls_back, never_retried};
use crate::spell;
use crate::syntax::tree::{self, Classes, Name, Setting};

/// The back-off of a `retry` that writes none.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(5));

impl<'t> Resolver<'t> {
    pub(super) fn retry(&mut self, node: &'t tree::Retry) -> Option<Retry> {
        let count = self.whole(node.count.as_ref(), 0, invalid_value::retry_count);
        let on = self.classes(&node.on, |class, name, at| {
            let finding = || never_retried::finding(class, name, &node.on, at);
            (!class.is_retryable()).then(finding)
        });
        let backoff = match &node.backoff {
            Some(written) => self.backoff(written),
            None => Some(BACKOFF),
        };
        let count = u32::try_from(count?).unwrap_or(u32::MAX);
        if count > 0 && node.on_span.is_none() {
            self.findings.push(incomplete::retry(node.span));
            return None;
        }
        Some(Retry { span: node.span, count, on: on?, backoff: backoff? })
    }

    pub(super) fn fallback(&mut self, node: &'t Classes) -> Option<Arc<BTreeSet<FailureClass>>> {
        let classes = self.classes(&node.classes, |class, name, at| {
            let finding = || never_falls_back::finding(name, &node.classes, at);
            (class == FailureClass::InvalidRequest).then(finding)
        });
        classes.filter(|classes| !classes.is_empty()).map(Arc::new)
    }

    pub(super) fn hedge(&mut self, node: &'t Setting) -> Option<Duration> {
        self.time(node.value.as_ref(), invalid_value::zero_hedge)
    }

    /// Failure classes, but those that `refuse` has something against.
    fn classes(
        &mut self,
        names: &'t [Name],
        refuse: impl Fn(FailureClass, &Name, usize) -> Option<Diagnostic>,
    ) -> Option<BTreeSet<FailureClass>> {
        let mut on = BTreeSet::new();
        let mut is_whole = true;
        for (at, name) in names.iter().enumerate() {
            let Some(class) = self.class(name) else {
                is_whole = false;
                continue;
            };
            if let Some(finding) = refuse(class, name, at) {
                self.findings.push(finding);
                is_whole = false;
            } else if !on.insert(class) {
                self.find_repeated(name, names);
            }
        }
        is_whole.then_some(on)
    }

    /// A failure class by its name.
    pub(super) fn class(&mut self, name: &Name) -> Option<FailureClass> {
        let class = FailureClass::from_name(&name.text);
        if class.is_none() {
            let known = FailureClass::ALL.map(FailureClass::name);
            self.unknown_key("a failure class", name, &known);
        }
        class
    }

    fn backoff(&mut self, node: &'t tree::Backoff) -> Option<(Duration, Duration)> {
        let min = self.duration(node.min.as_ref());
        let max = self.duration(node.max.as_ref());
        let (min, max) = (min?, max?);
        if min > max {
            let (min, max) = (spell::duration(min), spell::duration(max));
            self.findings.push(invalid_value::backoff(node, &min, &max));
            return None;
        }
        Some((min, max))
    }
}
