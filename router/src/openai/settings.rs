//! The parameters of a request for one model: the client's, else the role's, as far as the model
//! takes them.
//!
//! Owns the choice; how each protocol writes them is its own.

use model_map::{Effort, EffortWithTools, Model, Sampling};
use serde::Deserialize;

use super::request::{ChatRequest, RequestError, Target};
use crate::wire::segments::Writer;

/// What the output limit may be called in a chat.
pub(crate) const OUTPUT_LIMITS: [&str; 2] = ["max_completion_tokens", "max_tokens"];

/// What a request sets.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// The output limit in tokens, at most the role's bound and the model's own.
    pub(crate) output_limit: Option<u64>,
    /// From 0 to 2.
    pub(crate) temperature: Option<f64>,
    /// From 0 to 1.
    pub(crate) top_p: Option<f64>,
    /// One that the model takes; any where its settings are not known.
    pub(crate) effort: Option<Effort>,
    /// Whether it is asked not to think at all, as far as the model can.
    pub(crate) still: bool,
    /// The client's stop sequences where they are more than the model takes: as many as it does.
    pub(crate) stops: Option<Vec<String>>,
    /// What the client set and the model does not take.
    pub(crate) dropped: Vec<String>,
}

impl Settings {
    /// Chooses the settings. Errors where the client's value is not one.
    pub(crate) fn choose(request: &ChatRequest, target: &Target<'_>) -> Result<Self, RequestError> {
        Self::choose_named(request, target, (&OUTPUT_LIMITS, "stop"))
    }

    /// The same where the output limit and the stop sequences have these names.
    pub(crate) fn choose_named(
        request: &ChatRequest,
        target: &Target<'_>,
        (limits, stop): (&[&'static str], &str),
    ) -> Result<Self, RequestError> {
        let mut settings = Self {
            output_limit: output_limit(request, target, limits)?,
            temperature: request.fraction("temperature")?.or(target.parameters.temperature),
            top_p: request.fraction("top_p")?.or(target.parameters.top_p),
            ..Self::default()
        };
        settings.refuse_sampling(request, target.model.sampling);
        settings.cap_stops(request, (stop, target.model.stop_sequences))?;
        settings.choose_effort(request, target)?;
        Ok(settings)
    }

    /// Leaves a parameter out and says so where the client set it.
    #[cold]
    pub(crate) fn drop_parameter(&mut self, request: &ChatRequest, name: &str) {
        if request.get(name).is_some() && !self.drops(name) {
            self.dropped.push(name.to_owned());
        }
    }

    /// Whether a parameter is left out that the client set.
    pub(crate) fn drops(&self, name: &str) -> bool {
        self.dropped.iter().any(|dropped| dropped == name)
    }

    /// Asks for no effort beside tools where they are refused together. It has to be said: what
    /// thinks without being told to is refused as well.
    pub(crate) fn spare_effort(&mut self, request: &ChatRequest, model: &Model) {
        let has_tools = || request.get("tools").is_some_and(|tools| !is_empty_list(tools));
        if model.effort_with_tools == EffortWithTools::Taken || !has_tools() {
            return;
        }
        if self.effort.is_some_and(|effort| effort != Effort::None) {
            self.drop_parameter(request, "reasoning_effort");
        }
        let takes_none = model.efforts.is_empty() || model.efforts.contains(&Effort::None);
        self.effort = takes_none.then_some(Effort::None);
    }

    /// Leaves out what does not go together with thinking.
    pub(crate) fn restrain(&mut self, request: &ChatRequest) {
        if self.temperature.take_if(|value| *value != 1.0).is_some() {
            self.drop_parameter(request, "temperature");
        }
        if self.top_p.take().is_some() {
            self.drop_parameter(request, "top_p");
        }
    }

    fn refuse_sampling(&mut self, request: &ChatRequest, sampling: Sampling) {
        if sampling == Sampling::Refused && self.temperature.take().is_some() {
            self.drop_parameter(request, "temperature");
        }
        let both = self.temperature.is_some() && self.top_p.is_some();
        let refused = sampling == Sampling::Refused || (sampling == Sampling::One && both);
        if refused && self.top_p.take().is_some() {
            self.drop_parameter(request, "top_p");
        }
    }

    /// Writes what is kept of the client's stop sequences, where that is not all of them.
    pub(crate) fn write_stops(&self, to: &mut Writer<'_>, name: &str) {
        if let Some(stops) = &self.stops {
            let stops = serde_json::to_string(stops).unwrap_or_default();
            to.put(&format!(r#","{name}":{stops}"#));
        }
    }

    /// Keeps the first stop sequences, as many as the model takes.
    fn cap_stops(
        &mut self,
        request: &ChatRequest,
        (name, most): (&str, Option<u32>),
    ) -> Result<(), RequestError> {
        let Some(most) = most.map(|most| most as usize) else { return Ok(()) };
        let mut stops = stops(request, name)?;
        if stops.len() > most {
            self.drop_parameter(request, name);
            stops.truncate(most);
            self.stops = Some(stops).filter(|kept| !kept.is_empty());
        }
        Ok(())
    }

    fn choose_effort(
        &mut self,
        request: &ChatRequest,
        target: &Target<'_>,
    ) -> Result<(), RequestError> {
        let asked = request.read::<Effort>("reasoning_effort").map_err(|_| {
            let values = "none, minimal, low, medium, high, xhigh or max";
            RequestError::at("reasoning_effort", format!("must be one of {values}"))
        })?;
        let Some(effort) = asked.or(target.parameters.reasoning_effort) else { return Ok(()) };
        self.still = effort == Effort::None;
        let model = target.model;
        let takes_any = model.thinking_budget_min.is_some() || !model.tells_efforts();
        self.effort = nearest(effort, model).or(Some(effort).filter(|_| takes_any));
        // What cannot think is not asked to when it is asked not to.
        if self.effort.is_none() && effort != Effort::None {
            self.drop_parameter(request, "reasoning_effort");
        }
        Ok(())
    }
}

/// One stop sequence or several, as a client writes them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stop {
    One(String),
    Many(Vec<String>),
}

/// The stop sequences of a request.
pub(crate) fn stops(request: &ChatRequest, name: &str) -> Result<Vec<String>, RequestError> {
    Ok(match request.read::<Stop>(name)? {
        None => Vec::new(),
        Some(Stop::One(stop)) => vec![stop],
        Some(Stop::Many(stops)) => stops,
    })
}

/// Whether a list, as JSON, holds nothing.
pub(crate) fn is_empty_list(list: &str) -> bool {
    let inner = list.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    inner.is_some_and(|inner| inner.trim_ascii().is_empty())
}

/// The value nearest to `effort` that the model takes, the lower of two.
pub(crate) fn nearest(effort: Effort, model: &Model) -> Option<Effort> {
    model.efforts.iter().copied().min_by_key(|own| (*own as u8).abs_diff(effort as u8))
}

fn output_limit(
    request: &ChatRequest,
    target: &Target<'_>,
    names: &[&'static str],
) -> Result<Option<u64>, RequestError> {
    let mut limit = None;
    for name in names {
        let asked = request.number(name)?;
        if asked == Some(0) {
            return Err(RequestError::at(*name, "must be at least 1"));
        }
        limit = limit.or(asked);
    }
    let limit = limit.or(target.parameters.max_tokens.map(u64::from));
    // Where nobody sets one the model's own would hold, which the role's bound is below.
    let bound = target.limits.max_tokens.map(u64::from);
    let most = target.model.output_tokens.unwrap_or(u64::MAX).min(bound.unwrap_or(u64::MAX));
    Ok(limit.or(bound).map(|limit| limit.min(most)))
}
