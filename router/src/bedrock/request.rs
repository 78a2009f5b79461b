//! A Messages request as a Converse request.
//!
//! Owns the top level; the blocks of messages are in `blocks`.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::blocks::{self, Names};
use super::model::Family;
use super::{Raw, or, quoted};
use crate::anthropic::request::{header_name, is_trivial};
use crate::json;
use crate::openai::request::RequestError;
use crate::wire::answer::ANSWER_TOOL;
use crate::wire::names::{MadeNames, on_bedrock};

/// What the request is for.
#[derive(Debug, Clone, Copy)]
pub struct Wishes<'a> {
    /// The model's id.
    pub model: &'a str,
    /// The client's `anthropic-beta`.
    pub beta: Option<&'a str>,
    /// What the client calls its user: a Messages client `metadata`, all others `user`.
    pub user: &'static str,
}

/// A Converse request, and what it has no place for.
#[derive(Debug)]
pub struct Converse {
    /// The JSON body.
    pub body: String,
    /// The tools that have other names there.
    pub names: MadeNames,
    /// The client's parameters that Bedrock has no place for, by name.
    pub dropped: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Message<'a> {
    role: String,
    #[serde(borrow, default)]
    content: Raw<'a>,
}

#[derive(Debug, Deserialize)]
struct Tool<'a> {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(borrow)]
    name: Raw<'a>,
    #[serde(borrow, default)]
    description: Raw<'a>,
    #[serde(borrow, default)]
    input_schema: Raw<'a>,
    #[serde(default)]
    strict: Option<bool>,
    #[serde(borrow, default)]
    cache_control: Raw<'a>,
}

#[derive(Debug, Deserialize)]
struct Choice<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow, default)]
    name: Raw<'a>,
    #[serde(default)]
    disable_parallel_tool_use: bool,
}

#[derive(Debug, Default, Deserialize)]
struct OutputConfig<'a> {
    #[serde(borrow, default)]
    effort: Raw<'a>,
    #[serde(borrow, default)]
    format: Option<Format<'a>>,
}

#[derive(Debug, Deserialize)]
struct Format<'a> {
    #[serde(borrow, default)]
    schema: Raw<'a>,
}

/// The parts of a Converse request, each a JSON text or a member of one.
#[derive(Debug, Default)]
struct Parts {
    messages: Vec<(bool, Vec<String>)>,
    system: Vec<String>,
    inference: Vec<String>,
    tools: Vec<String>,
    choice: Option<String>,
    more: Vec<String>,
    format: Option<String>,
    dropped: Vec<String>,
    names: Names,
}

/// Translates a request. Errors name what this model cannot be sent.
pub fn translate(body: &str, wishes: Wishes<'_>) -> Result<Converse, RequestError> {
    Ok(read_parts(body, wishes)?.write())
}

/// Translates a question for the number of its tokens, of which nothing else is asked.
pub(crate) fn count(body: &str, wishes: Wishes<'_>) -> Result<Converse, RequestError> {
    Ok(read_parts(body, wishes)?.count())
}

fn read_parts<'a>(body: &'a str, wishes: Wishes<'a>) -> Result<Parts, RequestError> {
    let family = Family::of(wishes.model);
    let members = json::object(body).map_err(|why| RequestError::at("body", why.to_string()))?;
    let mut parts = Parts::default();
    for member in &members {
        let [key, value] = [&member.key, &member.value].map(|it| body.get(it.clone()));
        let (Some(key), Some(value)) = (key, value) else { continue };
        parts.take(key.trim_matches('"'), value, (family, wishes))?;
    }
    if let Some(beta) = wishes.beta.filter(|_| family == Family::Claude) {
        let betas: Vec<String> = beta.split(',').map(|beta| quoted(beta.trim())).collect();
        parts.more.push(format!(r#""anthropic_beta":[{}]"#, betas.join(",")));
    }
    Ok(parts)
}

fn read<'a, T: Deserialize<'a>>(name: &str, value: &'a str) -> Result<T, RequestError> {
    serde_json::from_str(value)
        .map_err(|error| RequestError::at(name, format!("cannot be read: {error}")))
}

impl Parts {
    fn take(
        &mut self,
        name: &str,
        value: &str,
        (family, wishes): (Family, Wishes<'_>),
    ) -> Result<(), RequestError> {
        match name {
            "model" | "stream" => (),
            "max_tokens" => self.inference.push(format!(r#""maxTokens":{value}"#)),
            "temperature" => self.inference.push(format!(r#""temperature":{value}"#)),
            "top_p" => self.inference.push(format!(r#""topP":{value}"#)),
            "stop_sequences" if value != "[]" => {
                self.inference.push(format!(r#""stopSequences":{value}"#));
            }
            "system" => self.system = blocks::texts(value, family)?,
            "messages" => self.messages(value, family)?,
            "tools" => self.tools(value, family)?,
            "tool_choice" => self.choice(value)?,
            "thinking" if family == Family::Claude => {
                self.more.push(format!(r#""thinking":{value}"#));
            }
            // The effort says it to the others.
            "thinking" => (),
            "output_config" => self.output(value, family)?,
            "top_k" if family == Family::Claude => self.more.push(format!(r#""top_k":{value}"#)),
            "metadata" if !is_trivial(name, value) => self.dropped.push(wishes.user.to_owned()),
            _ if is_trivial(name, value) => (),
            _ => self.dropped.push(header_name(name)),
        }
        Ok(())
    }

    fn messages(&mut self, value: &str, family: Family) -> Result<(), RequestError> {
        for (index, message) in read::<Vec<Message<'_>>>("messages", value)?.iter().enumerate() {
            let at = format!("messages[{index}].content");
            // What a client says to the model between turns.
            if message.role == "system" {
                self.system.extend(blocks::texts(or(message.content, "[]"), family)?);
                continue;
            }
            let is_assistant = message.role == "assistant";
            let content = blocks::contents(message.content, &at, (family, &mut self.names))?;
            match self.messages.last_mut() {
                // Turns alternate here.
                Some((of, before)) if *of == is_assistant => before.extend(content),
                _ => self.messages.push((is_assistant, content)),
            }
        }
        self.messages.retain(|(_, content)| !content.is_empty());
        Ok(())
    }

    fn tools(&mut self, value: &str, family: Family) -> Result<(), RequestError> {
        for (index, tool) in read::<Vec<Tool<'_>>>("tools", value)?.iter().enumerate() {
            if tool.kind.as_deref().is_some_and(|kind| kind != "custom") {
                let at = format!("tools[{index}]");
                return Err(RequestError::at(at, "is a tool of its provider's: not on Bedrock"));
            }
            let name = on_bedrock(or(tool.name, "\"\""), &mut self.names.tools);
            let mut spec = format!(r#""name":{name}"#);
            if let Some(description) = tool.description.filter(|it| it.get() != "\"\"") {
                spec += &format!(r#","description":{}"#, description.get());
            }
            let schema = or(tool.input_schema, r#"{"type":"object"}"#);
            spec += &format!(r#","inputSchema":{{"json":{schema}}}"#);
            if tool.strict == Some(true) {
                spec += r#","strict":true"#;
            }
            self.tools.push(format!(r#"{{"toolSpec":{{{spec}}}}}"#));
            self.tools.extend(blocks::cache_point(tool.cache_control, family));
        }
        Ok(())
    }

    fn choice(&mut self, value: &str) -> Result<(), RequestError> {
        let choice: Choice<'_> = read("tool_choice", value)?;
        self.choice = match choice.kind.as_str() {
            "any" => Some(r#"{"any":{}}"#.to_owned()),
            "tool" => {
                let name = on_bedrock(or(choice.name, "\"\""), &mut self.names.tools);
                Some(format!(r#"{{"tool":{{"name":{name}}}}}"#))
            }
            "none" => Some(String::new()),
            _ => None,
        };
        // The tool whose input is the answer is called once anyway, and not by the client's wish.
        let is_ours = choice.name.is_some_and(|name| name.get().trim_matches('"') == ANSWER_TOOL);
        if choice.disable_parallel_tool_use && !is_ours {
            self.dropped.push("parallel_tool_calls".to_owned());
        }
        Ok(())
    }

    fn output(&mut self, value: &str, family: Family) -> Result<(), RequestError> {
        let config: OutputConfig<'_> = read("output_config", value)?;
        if let Some(effort) = config.effort.map(RawValue::get).filter(|it| *it != "null") {
            match family.effort(effort) {
                Some(member) => self.more.push(member),
                None => self.dropped.push("reasoning_effort".to_owned()),
            }
        }
        let schema = config.format.and_then(|format| format.schema);
        self.format = schema.map(|schema| {
            let schema = quoted(schema.get());
            format!(
                r#"{{"textFormat":{{"type":"json_schema","structure":{{"jsonSchema":{{"name":"answer","schema":{schema}}}}}}}}}"#
            )
        });
        Ok(())
    }

    fn write(mut self) -> Converse {
        let mut members = self.input();
        members.push(format!(r#""inferenceConfig":{{{}}}"#, self.inference.join(",")));
        members.extend(self.tool_config());
        if let Some(format) = self.format.take() {
            members.push(format!(r#""outputConfig":{format}"#));
        }
        members.extend(self.more());
        let body = format!("{{{}}}", members.join(","));
        Converse { body, names: self.names.tools, dropped: self.dropped }
    }

    fn count(mut self) -> Converse {
        let mut members = self.input();
        members.extend(self.tool_config());
        members.extend(self.more());
        let body = format!(r#"{{"input":{{"converse":{{{}}}}}}}"#, members.join(","));
        Converse { body, names: self.names.tools, dropped: Vec::new() }
    }

    fn more(&self) -> Option<String> {
        let more = self.more.join(",");
        (!more.is_empty()).then(|| format!(r#""additionalModelRequestFields":{{{more}}}"#))
    }

    /// The conversation and what stands before it.
    fn input(&self) -> Vec<String> {
        let messages: Vec<String> = self
            .messages
            .iter()
            .map(|(is_assistant, content)| {
                let role = if *is_assistant { "assistant" } else { "user" };
                format!(r#"{{"role":"{role}","content":[{}]}}"#, content.join(","))
            })
            .collect();
        let mut members = vec![format!(r#""messages":[{}]"#, messages.join(","))];
        if !self.system.is_empty() {
            members.push(format!(r#""system":[{}]"#, self.system.join(",")));
        }
        members
    }

    /// A conversation with calls cannot do without tools, even where none is offered any more: each
    /// that was called, as far as its name tells.
    fn called(&self) -> Option<String> {
        let contents = self.messages.iter().flat_map(|(_, contents)| contents);
        let names: BTreeSet<String> = contents.filter_map(|it| blocks::called(it)).collect();
        let stub = |name: String| {
            format!(
                r#"{{"toolSpec":{{"name":{},"inputSchema":{{"json":{{"type":"object"}}}}}}}}"#,
                quoted(&name)
            )
        };
        let tools: Vec<String> = names.into_iter().map(stub).collect();
        (!tools.is_empty()).then(|| format!(r#""toolConfig":{{"tools":[{}]}}"#, tools.join(",")))
    }

    /// Bedrock knows no `none`: tools that may not be called are left out, unless the conversation
    /// has calls, which cannot do without them.
    fn tool_config(&mut self) -> Option<String> {
        if self.tools.is_empty() {
            return self.called();
        }
        let tools = self.tools.join(",");
        let choice = match self.choice.take() {
            Some(none) if none.is_empty() => {
                let calls = |content: &String| content.starts_with(blocks::CALL);
                if !self.messages.iter().any(|(_, content)| content.iter().any(calls)) {
                    return None;
                }
                self.dropped.push("tool_choice".to_owned());
                String::new()
            }
            Some(choice) => format!(r#","toolChoice":{choice}"#),
            None => String::new(),
        };
        Some(format!(r#""toolConfig":{{"tools":[{tools}]{choice}}}"#))
    }
}

#[cfg(test)]
mod tests;
