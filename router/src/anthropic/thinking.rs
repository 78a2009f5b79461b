//! `reasoning_effort` as Anthropic's models take it.
//!
//! Owns the choice between effort, adaptive thinking and a budget by the model's facts.

use model_map::{Effort, Model};

/// The least budget that Anthropic takes of any model.
const LEAST_BUDGET: u64 = 1024;

/// How a model is asked to think.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Thinking {
    effort: Option<Effort>,
    budget: Option<u64>,
    adaptive: bool,
}

impl Thinking {
    /// The setting for an effort; none where nothing was asked, or where the output limit has no
    /// room for the least budget.
    pub(super) fn choose(model: &Model, effort: Option<Effort>, limit: u64) -> Option<Self> {
        let effort = effort?;
        let own = Some(effort).filter(|_| !model.efforts.is_empty());
        let budget = match model.thinking_budget_min {
            Some(least) => budget(effort, u64::from(least), limit),
            None => None,
        };
        let adaptive = model.thinking_budget_min.is_none() && own.is_some();
        let adaptive = adaptive && effort != Effort::None;
        let thinking = Self { effort: own, budget, adaptive };
        (thinking.effort.is_some() || thinking.is_on()).then_some(thinking)
    }

    /// By a budget within the limit, of a model whose own facts are not known.
    pub(super) fn by_budget(effort: Effort, limit: u64) -> Option<Self> {
        let budget = budget(effort, LEAST_BUDGET, limit)?;
        Some(Self { effort: None, budget: Some(budget), adaptive: false })
    }

    /// Without any thinking.
    pub(super) fn still(self) -> Self {
        Self { budget: None, adaptive: false, ..self }
    }

    /// Whether the model is asked to think, which rules some sampling out.
    pub(super) fn is_on(&self) -> bool {
        self.budget.is_some() || self.adaptive
    }

    /// As far as the rest of the request allows it: a forced call rules thinking out, and with a
    /// budget a tool loop must have begun with a thinking block, which most clients do not send
    /// back.
    pub(super) fn fit(self, forced: bool, lacks_thinking: impl FnOnce() -> bool) -> Option<Self> {
        let refused = forced || (self.budget.is_some() && lacks_thinking());
        if !refused {
            return Some(self);
        }
        let effort = self.effort?;
        Some(Self { effort: Some(effort), budget: None, adaptive: false })
    }

    /// The value of `output_config.effort`.
    pub(super) fn effort(&self) -> Option<Effort> {
        self.effort
    }

    /// The value of `thinking`, as JSON.
    pub(super) fn setting(&self) -> Option<String> {
        match self.budget {
            Some(budget) => Some(format!(r#"{{"type":"enabled","budget_tokens":{budget}}}"#)),
            None if self.adaptive => Some(r#"{"type":"adaptive","display":"summarized"}"#.into()),
            None => None,
        }
    }
}

/// A share of the output limit, at least the model's least budget and below the limit.
fn budget(effort: Effort, least: u64, limit: u64) -> Option<u64> {
    let percent = match effort {
        Effort::None => return None,
        Effort::Minimal => 10,
        Effort::Low => 20,
        Effort::Medium => 50,
        Effort::High => 80,
        Effort::Xhigh | Effort::Max => 95,
    };
    let budget = (limit.saturating_mul(percent) / 100).max(least);
    Some(budget).filter(|budget| *budget < limit)
}
