//! How hard a model of Anthropic's is to think, when a client of the same protocol asks it.
//!
//! Owns the choice between the client's own words and those that the model takes in their place.

use model_map::{Effort, Model};

use super::UNSIGNED;
use super::events::inner;
use super::outline::{self, Block, OutputConfig, Thinking as Asked, blocks, text};
use crate::anthropic::thinking::Thinking;
use crate::openai::request::{ChatRequest, RequestError};
use crate::openai::settings::Settings;

/// What becomes of `thinking` and of `output_config.effort`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reflection {
    /// What the client wrote; whether that turns thinking on.
    Own(bool),
    /// Written anew, if at all.
    Anew(Option<Thinking>),
}

impl Reflection {
    /// Chooses, and notes in `settings` what of the client's is lost.
    pub(super) fn choose(
        own: &ChatRequest,
        model: &Model,
        limit: u64,
        settings: &mut Settings,
    ) -> Result<Self, RequestError> {
        let asked = own.read::<Asked<'_>>("thinking")?;
        let config = own.read::<OutputConfig<'_>>("output_config")?.unwrap_or_default();
        if asked.is_none() && config.effort.is_none() {
            let thinking = Thinking::choose(model, settings.effort, limit);
            let thinking = if settings.still { thinking.map(Thinking::still) } else { thinking };
            let forced = is_forced(own);
            let thinking = thinking.and_then(|it| it.fit(forced, || lacks_thinking(own)));
            return Ok(if thinking.is_some() { Self::Anew(thinking) } else { Self::Own(false) });
        }
        if takes(model, asked.as_ref(), config.effort, limit) {
            return Ok(Self::Own(asked.is_some_and(|asked| asked.kind != "disabled")));
        }
        let effort = outline::effort(own)?.unwrap_or(Effort::High);
        let effort = model
            .efforts
            .iter()
            .copied()
            .min_by_key(|it| (*it as u8).abs_diff(effort as u8))
            .unwrap_or(effort);
        let thinking = match is_unknown(model) {
            true => Thinking::by_budget(effort, limit),
            false => Thinking::choose(model, Some(effort), limit),
        };
        if thinking.is_none() && effort != Effort::None {
            settings.drop_parameter(own, "thinking");
            let effort = config.effort.map(|_| "output_config.effort".to_owned());
            settings.dropped.extend(effort);
        }
        Ok(Self::Anew(thinking))
    }

    /// Whether the model is asked to think, which rules some sampling out.
    pub(super) fn is_on(&self) -> bool {
        match self {
            Self::Own(is_on) => *is_on,
            Self::Anew(thinking) => thinking.as_ref().is_some_and(Thinking::is_on),
        }
    }
}

/// Whether nothing is known of how a model thinks.
fn is_unknown(model: &Model) -> bool {
    let by_either = model.thinking_budget_min.is_some() || !model.efforts.is_empty();
    !by_either && (model.context_tokens.is_none() || model.efforts_unknown)
}

/// Whether a model takes what the client wrote. One that nothing is known of takes everything, but
/// for a budget that is no part of the limit: that may be lower than the client's.
fn takes(model: &Model, asked: Option<&Asked<'_>>, effort: Option<Effort>, limit: u64) -> bool {
    let by_budget = model.thinking_budget_min.is_some();
    let by_effort = !model.efforts.is_empty();
    if is_unknown(model) {
        let budget = asked.filter(|asked| asked.kind == "enabled").and_then(|it| it.budget_tokens);
        return budget.is_none_or(|budget| budget < limit);
    }
    let takes_thinking = asked.is_none_or(|asked| match asked.kind.as_ref() {
        "enabled" => by_budget && asked.budget_tokens.is_some_and(|budget| budget < limit),
        "adaptive" => by_effort && !by_budget,
        _ => true,
    });
    takes_thinking && effort.is_none_or(|effort| model.efforts.contains(&effort))
}

fn is_forced(own: &ChatRequest) -> bool {
    let choice = own.get("tool_choice").unwrap_or_default();
    ["\"any\"", "\"tool\""].iter().any(|kind| choice.contains(kind))
}

/// Whether the tool loop that the conversation is in began without a thinking block.
fn lacks_thinking(own: &ChatRequest) -> bool {
    let mut first: Option<Vec<Block<'_>>> = None;
    for (at, message) in outline::messages(own).unwrap_or_default() {
        let content = blocks(message.content, &at).unwrap_or_default();
        match message.role.as_ref() {
            "assistant" => first = first.or(Some(content)),
            _ if content.iter().any(|block| block.kind == "tool_result") => (),
            _ => first = None,
        }
    }
    first.is_some_and(|blocks| !blocks.iter().any(is_signed))
}

fn is_signed(block: &Block<'_>) -> bool {
    match block.kind.as_ref() {
        "redacted_thinking" => true,
        "thinking" => text(block.signature).is_some_and(|raw| inner(raw) != UNSIGNED),
        _ => false,
    }
}
