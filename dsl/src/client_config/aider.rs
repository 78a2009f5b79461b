//! aider's `.aider.conf.yml`.
//!
//! Owns its keys; what is true of a role is the parent's.

use super::{KEY, Offer, Purpose, Url, quoted};

/// The file, for one router: the first role is the one that aider works with. The key is not in
/// it, since the file is committed.
pub fn aider(url: &Url, offers: &[Offer<'_>]) -> String {
    let mut text = format!(
        "# Written by `sfai-dsl client-config aider --url {url}`.\n\
         # The key comes from the environment: OPENAI_API_KEY=\"${KEY}\" aider\n\
         openai-api-base: {}\n",
        quoted(&url.v1())
    );
    let mut chats = offers.iter().filter(|offer| offer.purpose == Purpose::Chat);
    if let Some(first) = chats.next() {
        text.push_str(&format!("model: {}\n", quoted(&format!("openai/{}", first.name))));
    }
    for other in chats {
        text.push_str(&format!("# or: model: {}\n", quoted(&format!("openai/{}", other.name))));
    }
    // It would look the role up in a list of vendors' models and ask whether it was meant.
    text.push_str("show-model-warnings: false\n");
    text
}
