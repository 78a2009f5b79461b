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
    let chosen = [("model", chats().next()), ("small_model", offers.iter().find(|o| o.is_small))];
    for (key, offer) in chosen {
        if let (Some(offer), Some(file)) = (offer, file.as_object_mut()) {
            file.insert(key.into(), format!("sfai/{}", offer.name).into());
        }
    }
    format!("{file:#}\n")
}

fn model(offer: &Offer<'_>) -> Value {
    let has = |ability| offer.accept.contains(&ability);
    let files = [(Ability::Image, "image"), (Ability::Pdf, "pdf")];
    let files = files.into_iter().filter(|(ability, _)| has(*ability)).map(|(_, word)| word);
    let inputs: Vec<_> = ["text"].into_iter().chain(files).collect();
    let mut model = json!({
        "name": offer.name,
        "tool_call": has(Ability::Tools),
        "attachment": inputs.len() > 1,
        // Without them it sends, in place of a picture, that the model reads none.
        "modalities": {"input": inputs, "output": ["text"]},
    });
    if let (Some(limit), Some(model)) = (limit(offer), model.as_object_mut()) {
        model.insert("limit".into(), limit);
    }
    model
}

/// It wants both or none, and has 0 for what is not known.
fn limit(offer: &Offer<'_>) -> Option<Value> {
    offer.context.or(offer.output)?;
    let known = |tokens: Option<u64>| tokens.unwrap_or_default();
    Some(json!({"context": known(offer.context), "output": known(offer.output)}))
}
