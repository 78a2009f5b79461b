//! Which names Bedrock refuses, in its words.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::demo::answer::{Refusal, text};

/// The longest name of a tool.
const LONGEST_NAME: usize = 64;

/// Checks the names of tools, those of calls that were made, too, and of documents.
pub(super) fn names(request: &Value) -> Result<(), Refusal> {
    let list = |of: &'static str| request.pointer(of).and_then(Value::as_array);
    let tools = list("/toolConfig/tools").into_iter().flatten().enumerate();
    for (index, tool) in tools {
        check_name(tool, "toolSpec", || format!("toolConfig.tools.{}.member", index + 1))?;
    }
    for (turn, message) in list("/messages").into_iter().flatten().enumerate() {
        let blocks = message.get("content").and_then(Value::as_array);
        for (index, block) in blocks.into_iter().flatten().enumerate() {
            let at = || format!("messages.{}.member.content.{}.member", turn + 1, index + 1);
            check_name(block, "toolUse", at)?;
        }
    }
    check_documents(list("/messages").into_iter().flatten())
}

fn check_documents<'a>(messages: impl Iterator<Item = &'a Value>) -> Result<(), Refusal> {
    let blocks = |message: &'a Value| message.get("content").and_then(Value::as_array);
    let name = |block: &'a Value| block.pointer("/document/name").and_then(Value::as_str);
    let names = messages.filter_map(blocks).flatten().filter_map(name);
    let mut told = BTreeSet::new();
    for name in names {
        if !told.insert(name.to_ascii_lowercase()) {
            return Err(Refusal::bad(
                "Messages can't contain duplicate document names. Rename the document and retry your request.",
            ));
        }
    }
    Ok(())
}

fn check_name(part: &Value, member: &'static str, at: impl Fn() -> String) -> Result<(), Refusal> {
    let Some(named) = part.get(member) else { return Ok(()) };
    let name = text(named, "name");
    let is_taken = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let rule = match name.len() {
        0 => "have length greater than or equal to 1".to_owned(),
        long if long > LONGEST_NAME => {
            format!("have length less than or equal to {LONGEST_NAME}")
        }
        _ if name.chars().all(is_taken) => return Ok(()),
        _ => "satisfy regular expression pattern: [a-zA-Z0-9_-]+".to_owned(),
    };
    let at = at();
    Err(Refusal::bad(format!(
        "1 validation error detected: Value '{name}' at '{at}.{member}.name' failed to satisfy constraint: Member must {rule}"
    )))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn bedrock_refuses_names_that_are_long_or_odd() {
        let offered = |name: &str| json!({"toolConfig": {"tools": [{"cachePoint": {}}, {"toolSpec": {"name": name}}]}});
        let called = |name: &str| json!({"messages": [{"content": [{"toolUse": {"name": name}}]}]});
        for (name, words) in [
            ("a".repeat(65), "equal to 64"),
            (String::new(), "equal to 1"),
            ("a.b".into(), "[a-zA-Z0-9_-]+"),
        ] {
            for (body, at) in [
                (offered(&name), "'toolConfig.tools.2.member.toolSpec.name'"),
                (called(&name), "'messages.1.member.content.1.member.toolUse.name'"),
            ] {
                let told = names(&body).expect_err("a refusal").message;
                assert!(told.contains(words) && told.contains(at), "{told}");
            }
        }
        for fine in [offered(&"a".repeat(64)), called("a-b_9"), json!({})] {
            assert_eq!(names(&fine), Ok(()));
        }
    }
}
