//! Ids of calls in a client's messages that another provider made.
//!
//! Owns where they stand; which Anthropic takes is `wire::ids`'.

use super::outline::{Block, Message};
use crate::json::Sought;
use crate::wire::ids;

/// Whether ids in a list of messages may have to be others. Every call has a result.
pub(super) fn may_be_odd(messages: &str) -> bool {
    static KEY: Sought = Sought::new("\"tool_use_id\"");
    ids::any_odd(messages, &KEY)
}

/// A message with ids that Anthropic takes; none where it has no others.
pub(super) fn fitted(message: &str) -> Option<String> {
    // What cannot be read is for Anthropic to refuse.
    let content = serde_json::from_str::<Message<'_>>(message).ok()?.content?;
    let content = ids::changed_list(content.get(), block)?;
    ids::changed(message, |key, _| (key == "content").then(|| content.clone().into()))
}

fn block(block: &str) -> Option<String> {
    let key = match serde_json::from_str::<Block<'_>>(block).ok()?.kind.as_ref() {
        "tool_use" => "id",
        "tool_result" => "tool_use_id",
        _ => return None,
    };
    ids::changed(block, |name, value| (name == key).then(|| ids::raw_for_anthropic(value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_and_its_result_keep_together() {
        let call = r#"{"role":"assistant","content":[{"type":"text","text":"a"},{"type":"tool_use","id":"functions.f:0","name":"f","input":{"id":"a:1"}}]}"#;
        let result = r#"{"role":"user","content":[{"type":"tool_result","tool_use_id":"functions.f:0","content":"tool_use_id"}]}"#;
        assert!(may_be_odd(result) && !may_be_odd(&result.replace("functions.f:0", "f_0")));
        let id = ids::for_anthropic("functions.f:0");
        for message in [call, result] {
            let expected = message.replace("functions.f:0", &id);
            assert_eq!(fitted(message).as_deref(), Some(expected.as_str()));
            assert_eq!(fitted(&expected), None);
        }
        assert_eq!(fitted(r#"{"role":"user","content":"functions.f:0"}"#), None);
    }
}
