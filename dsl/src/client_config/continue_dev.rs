//! Continue's `config.yaml`.
//!
//! Owns its keys, each of which Continue's own schema knows; what is true of a role is the
//! parent's.

use std::fmt::Write;

use model_map::Ability;

use super::{KEY, Offer, Purpose, Url, quoted};

/// The file, for one router and its roles.
pub fn continue_dev(url: &Url, offers: &[Offer<'_>]) -> String {
    let mut text = format!(
        "# Written by `sfai-dsl client-config continue --url {url}`.\n\
         # The key is read from {KEY}: in Continue's secrets, its .env file or the environment.\n\
         name: sfai\nversion: 1.0.0\nschema: v1\nmodels:\n"
    );
    for offer in offers {
        model(&mut text, url, offer);
    }
    text
}

fn model(text: &mut String, url: &Url, offer: &Offer<'_>) {
    if let Some(about) = offer.about {
        // A text of several lines would leave its comment.
        let about = about.split_whitespace().collect::<Vec<_>>().join(" ");
        line(text, format_args!("  # {about}"));
    }
    line(text, format_args!("  - name: {}", quoted(&title(offer.name))));
    line(text, format_args!("    provider: openai"));
    line(text, format_args!("    model: {}", quoted(offer.name)));
    line(text, format_args!("    apiBase: {}", quoted(&url.v1())));
    line(text, format_args!("    apiKey: ${{{{ secrets.{KEY} }}}}"));
    let roles = match offer.purpose {
        Purpose::Chat => "chat, edit, apply, summarize",
        Purpose::Autocomplete => "autocomplete",
        Purpose::Embed => "embed",
    };
    line(text, format_args!("    roles: [{roles}]"));
    let capabilities = capabilities(offer);
    if !capabilities.is_empty() {
        line(text, format_args!("    capabilities: [{}]", capabilities.join(", ")));
    }
    options(text, offer);
}

/// What Continue cannot tell from the name of a role: without them its agent writes tool calls
/// into its prompt, and pictures are left out.
fn capabilities(offer: &Offer<'_>) -> Vec<&'static str> {
    let words = [(Ability::Tools, "tool_use"), (Ability::Image, "image_input")];
    let known = words.into_iter().filter(|(ability, _)| offer.accept.contains(ability));
    known.filter(|_| offer.purpose == Purpose::Chat).map(|(_, word)| word).collect()
}

fn options(text: &mut String, offer: &Offer<'_>) {
    // A text to embed is cut by the editor itself, which knows no other option for it.
    if offer.purpose == Purpose::Embed {
        return;
    }
    // What is completed is short, and how short is the editor's to say.
    let output = offer.output.filter(|_| offer.purpose == Purpose::Chat);
    let known = [("contextLength", offer.context), ("maxTokens", output)];
    let known = known.into_iter().filter_map(|(key, tokens)| Some((key, tokens?)));
    for (place, (key, tokens)) in known.enumerate() {
        if place == 0 {
            line(text, format_args!("    defaultCompletionOptions:"));
        }
        line(text, format_args!("      {key}: {tokens}"));
    }
}

/// `backend_developer` as people write it.
fn title(name: &str) -> String {
    let words = name.replace(['_', '-'], " ");
    let mut letters = words.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{line}");
}
