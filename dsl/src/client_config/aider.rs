//! aider's `.aider.conf.yml`, and what it knows models by, `.aider.model.metadata.json`.
//!
//! Owns their keys; what is true of a role is the parent's.

use model_map::Ability;
use serde_json::{Map, Value, json};

use super::{KEY, Offer, Purpose, Url, quoted};

/// The settings, for one router: the first role is the one that aider works with. The key is not in
/// the file, since it is committed.
pub fn aider(url: &Url, offers: &[Offer<'_>]) -> String {
    let mut text = format!(
        "# Written by `sfai-dsl client-config aider --url {url}`.\n\
         # The key comes from the environment: OPENAI_API_KEY=\"${KEY}\" aider\n\
         # What `sfai-dsl client-config aider-models` writes belongs beside this file.\n\
         openai-api-base: {}\n",
        quoted(&url.v1())
    );
    let mut chats = chats(offers);
    if let Some(first) = chats.next() {
        text.push_str(&format!("model: {}\n", quoted(&id(first))));
        // A model that it does not know it has write whole files, as the weakest must: slow, dear,
        // and no more than an answer holds. Who is trusted with tools is trusted with this.
        if first.accept.contains(&Ability::Tools) {
            text.push_str("edit-format: diff\n");
        }
    }
    for other in chats {
        text.push_str(&format!("# or: model: {}\n", quoted(&id(other))));
    }
    if let Some(small) = offers.iter().find(|offer| offer.is_small) {
        text.push_str(&format!("weak-model: {}\n", quoted(&id(small))));
    }
    // It would look the role up in a list of vendors' models and ask whether it was meant.
    text.push_str("show-model-warnings: false\n");
    text
}

/// What each role takes. A role that is not in it aider looks for in a list that it downloads, sends
/// no pictures, and does not see when a conversation gets too long.
pub fn aider_models(_: &Url, offers: &[Offer<'_>]) -> String {
    let models: Map<_, _> = chats(offers).map(|offer| (id(offer), model(offer))).collect();
    format!("{:#}\n", Value::from(models))
}

fn model(offer: &Offer<'_>) -> Value {
    let mut model = json!({
        "litellm_provider": "openai",
        "mode": "chat",
        // PDFs are not for it: it sends them as pictures.
        "supports_vision": offer.accept.contains(&Ability::Image),
    });
    let limits = [("max_input_tokens", offer.context), ("max_output_tokens", offer.output)];
    if let Some(model) = model.as_object_mut() {
        let known =
            limits.into_iter().filter_map(|(key, tokens)| Some((key.into(), tokens?.into())));
        model.extend(known);
    }
    model
}

fn chats<'o, 'm>(offers: &'o [Offer<'m>]) -> impl Iterator<Item = &'o Offer<'m>> {
    offers.iter().filter(|offer| offer.purpose == Purpose::Chat)
}

/// How litellm, which aider stands on, is told the protocol.
fn id(offer: &Offer<'_>) -> String {
    format!("openai/{}", offer.name)
}
