//! The role's prompt in a client's Messages request.
//!
//! Owns where it stands beside the client's own, which is shared with its bytes.

use model_map::SystemMode;

use super::instructions::Told;
use crate::anthropic::parts::Separator;
use crate::anthropic::request::is_blank;
use crate::anthropic::turns::write_prompt;
use crate::json;
use crate::openai::request::Prompt;
use crate::wire::segments::Writer;

/// Writes `system`, given the client's own value and the instructions that stood among its turns.
pub(super) fn write(
    to: &mut Writer<'_>,
    own: Option<&str>,
    told: Option<&Told<'_>>,
    prompt: Prompt<'_>,
) {
    let is_empty = prompt.texts.iter().all(|text| text.trim().is_empty());
    let more = told.map_or(&[][..], |told| &told.instructions);
    if is_empty && more.is_empty() && prompt.mode != SystemMode::Replace {
        if let Some(own) = own {
            to.put(r#","system":"#);
            to.share(own.as_bytes());
        }
        return;
    }
    let mut separator = Separator::new(r#","system":["#);
    if prompt.mode == SystemMode::Append {
        write_own(to, own, more, &mut separator);
    }
    write_prompt(to, prompt.texts, &mut separator);
    if prompt.mode == SystemMode::Prepend {
        write_own(to, own, more, &mut separator);
    }
    separator.close(to, "]");
}

fn write_own(to: &mut Writer<'_>, own: Option<&str>, more: &[&str], separator: &mut Separator) {
    for one in own.iter().chain(more) {
        write_one(to, one, separator);
    }
}

/// A blank text would be refused.
fn write_one(to: &mut Writer<'_>, own: &str, separator: &mut Separator) {
    match Some(own).filter(|own| !is_blank(own)) {
        Some(text) if text.starts_with('"') => {
            separator.write(to);
            to.put(r#"{"type":"text","text":"#);
            to.share(text.as_bytes());
            to.put("}");
        }
        Some(list) => {
            for place in json::array(list).unwrap_or_default() {
                separator.write(to);
                to.share(list.get(place).unwrap_or_default().as_bytes());
            }
        }
        None => (),
    }
}
