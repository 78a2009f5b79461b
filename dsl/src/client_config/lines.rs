//! Lines for a shell or an `.env` file, which most clients read.
//!
//! Owns the variables' names; what is true of a role is the parent's.

use super::{KEY, Offer, Purpose, Url};

/// The lines, for one router. The roles stand in comments: no variable is for them.
pub fn lines(url: &Url, offers: &[Offer<'_>]) -> String {
    let mut text = format!(
        "export OPENAI_BASE_URL=\"{v1}\"\n\
         export OPENAI_API_KEY=\"${KEY}\"\n\
         export ANTHROPIC_BASE_URL=\"{url}\"\n\
         export ANTHROPIC_AUTH_TOKEN=\"${KEY}\"\n",
        v1 = url.v1()
    );
    for offer in offers {
        let purpose = match offer.purpose {
            Purpose::Chat => "",
            Purpose::Autocomplete => " (code completion)",
            Purpose::Embed => " (embeddings)",
        };
        let name: String = offer.name.escape_default().collect();
        text.push_str(&format!("# model: {name}{purpose}\n"));
    }
    text
}
