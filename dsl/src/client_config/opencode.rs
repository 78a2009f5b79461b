//! opencode's `opencode.json`.
//!
//! Owns its keys; what is true of a role is the parent's.

use model_map::Ability;
use serde_json::{Map, Value, json};

use super::{KEY, Offer, Purpose, Url};

/// The file, for one router and its roles. Only what talks is for it.
pub fn opencode(url: &Url, offers: &[Offer<'_>]) -> String {
    let chats = || offers.iter().filter(|offer| offer.purpose == Purpose::Chat);
    let models: Map<_, _> = chats().map(|offer| (offer.name.to_owned(), model(offer))).collect();
    let mut file = json!({
        "$schema": "https://opencode.ai/config.json",
        "provider": {"sfai": {
            "npm": "@ai-sdk/openai-compatible",
            "name": "sfai",
            "options": {"baseURL": url.v1(), "apiKey": format!("{{env:{KEY}}}")},
            "models": models,
        }},
    });
    if let (Some(first), Some(file)) = (chats().next(), file.as_object_mut()) {
        file.insert("model".into(), format!("sfai/{}", first.name).into());
    }
    format!("{file:#}\n")
}

fn model(offer: &Offer<'_>) -> Value {
    let has = |ability| offer.accept.contains(&ability);
    let mut model = json!({
        "name": offer.name,
        "tool_call": has(Ability::Tools),
        "attachment": has(Ability::Image) || has(Ability::Pdf),
    });
    // It wants both or none.
    if let (Some(context), Some(output), Some(model)) =
        (offer.context, offer.output, model.as_object_mut())
    {
        model.insert("limit".into(), json!({"context": context, "output": output}));
    }
    model
}
