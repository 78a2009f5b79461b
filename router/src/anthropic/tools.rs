//! Tools, the choice among them and the format of the answer.
//!
//! Owns their translation; calls and results in the conversation are in `turns`.

use std::collections::BTreeSet;

use model_map::{Ability, Model};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::chunks::quoted;
use super::request::header_name;
use super::schema::{Fitted, fit};
use crate::json;
use crate::openai::request::{ChatRequest, RequestError};
use crate::wire::answer::ANSWER_TOOL;
use crate::wire::segments::Writer;

/// A JSON value as it stands in the client's request.
type Raw<'a> = Option<&'a RawValue>;

/// A schema for tools that take nothing and answers of any shape.
const ANY_OBJECT: &str = r#"{"type":"object","properties":{}}"#;

/// The shape that the answer must have.
#[derive(Debug)]
pub(super) enum Format {
    /// Text.
    Free,
    /// By the model's own structured output.
    Structured(Fitted),
    /// By a tool whose input is the answer, with this schema.
    ByTool(String),
}

#[derive(Deserialize)]
struct WireFormat<'a> {
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow, default)]
    json_schema: Option<JsonSchema<'a>>,
}

#[derive(Deserialize)]
struct JsonSchema<'a> {
    #[serde(borrow, default)]
    schema: Raw<'a>,
}

impl Format {
    /// Reads `response_format`.
    pub(super) fn read(request: &ChatRequest, model: &Model) -> Result<Self, RequestError> {
        let Some(format) = request.read::<WireFormat<'_>>("response_format")? else {
            return Ok(Self::Free);
        };
        let schema = format.json_schema.and_then(|wire| wire.schema).map(RawValue::get);
        match (format.kind.as_str(), schema) {
            ("text", _) => Ok(Self::Free),
            ("json_schema", Some(schema)) => {
                let own = if model.accepts(Ability::Json) { fit(schema) } else { None };
                let by_tool = || Self::ByTool(object_schema(Some(schema)));
                Ok(own.map_or_else(by_tool, Self::Structured))
            }
            ("json_schema", None) => {
                Err(RequestError::at("response_format.json_schema.schema", "is missing"))
            }
            ("json_object", _) => Ok(Self::ByTool(r#"{"type":"object"}"#.to_owned())),
            _ => Err(RequestError::at("response_format.type", "is not known")),
        }
    }

    /// The schema for the model's own structured output.
    pub(super) fn schema(&self) -> Option<&str> {
        match self {
            Self::Structured(schema) => Some(&schema.json),
            _ => None,
        }
    }

    /// The keywords of the schema that the model does without.
    pub(super) fn dropped(&self) -> impl Iterator<Item = String> + '_ {
        let lost = match self {
            Self::Structured(schema) => Some(&schema.lost),
            _ => None,
        };
        lost.into_iter().flatten().map(|name| header_name(&format!("response_format.{name}")))
    }

    /// Whether the answer comes as a tool's input.
    pub(super) fn needs_tool(&self) -> bool {
        matches!(self, Self::ByTool(_))
    }
}

/// What the model may call.
#[derive(Debug, Default)]
pub(super) struct Tools {
    /// As JSON.
    list: Vec<String>,
    /// As JSON, without the brace at its end.
    choice: Option<String>,
    serial: bool,
    forced: bool,
    dropped: BTreeSet<String>,
}

#[derive(Deserialize)]
struct WireTool<'a> {
    #[serde(rename = "type", default)]
    kind: Option<String>,
    #[serde(borrow, default)]
    function: Option<Function<'a>>,
    #[serde(borrow, default)]
    cache_control: Raw<'a>,
}

#[derive(Deserialize)]
struct Function<'a> {
    #[serde(borrow)]
    name: &'a RawValue,
    #[serde(borrow, default)]
    description: Raw<'a>,
    #[serde(borrow, default)]
    parameters: Raw<'a>,
    #[serde(default)]
    strict: Option<bool>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum WireChoice {
    Word(String),
    Tool { function: Named },
    Other(serde::de::IgnoredAny),
}

#[derive(Deserialize)]
struct Named {
    name: String,
}

impl Tools {
    /// Reads `tools`, `tool_choice` and `parallel_tool_calls`, and adds the tool that a format
    /// needs.
    pub(super) fn read(
        request: &ChatRequest,
        model: &Model,
        format: &Format,
    ) -> Result<Self, RequestError> {
        let names = ["tools", "tool_choice", "parallel_tool_calls"];
        if !format.needs_tool() && names.iter().all(|name| request.get(name).is_none()) {
            return Ok(Self::default());
        }
        Self::read_all(request, model, format)
    }

    #[inline(never)]
    fn read_all(
        request: &ChatRequest,
        model: &Model,
        format: &Format,
    ) -> Result<Self, RequestError> {
        let wire = request.read::<Vec<WireTool<'_>>>("tools")?.unwrap_or_default();
        let mut dropped = BTreeSet::new();
        let takes = model.accepts(Ability::Json);
        let list = wire
            .iter()
            .enumerate()
            .map(|(index, tool)| translate(index, tool, takes.then_some(&mut dropped)));
        let list = list.collect::<Result<Vec<String>, _>>()?;
        let serial = request.flag("parallel_tool_calls")? == Some(false);
        let mut tools = Self { list, choice: None, serial, forced: false, dropped };
        tools.choose(request.read("tool_choice")?)?;
        if let Format::ByTool(schema) = format {
            tools.add_answer(schema);
        }
        Ok(tools)
    }

    fn choose(&mut self, choice: Option<WireChoice>) -> Result<(), RequestError> {
        if self.list.is_empty() {
            let is_usual = |word: &str| matches!(word, "auto" | "none");
            let is_lost = choice
                .is_some_and(|choice| !matches!(choice, WireChoice::Word(word) if is_usual(&word)));
            self.dropped.extend(is_lost.then(|| "tool_choice".to_owned()));
            return Ok(());
        }
        let choice = match choice {
            None => None,
            Some(WireChoice::Word(word)) => Some(match word.as_str() {
                "auto" => r#"{"type":"auto""#.to_owned(),
                "none" => r#"{"type":"none""#.to_owned(),
                "required" | "any" => r#"{"type":"any""#.to_owned(),
                _ => return Err(RequestError::at("tool_choice", "is not known")),
            }),
            Some(WireChoice::Tool { function }) => {
                Some(format!(r#"{{"type":"tool","name":{}"#, quoted(&function.name)))
            }
            Some(WireChoice::Other(_)) => {
                self.dropped.insert("tool_choice".to_owned());
                None
            }
        };
        self.forced = choice.as_deref().is_some_and(|choice| {
            choice.starts_with(r#"{"type":"any"#) || choice.starts_with(r#"{"type":"tool"#)
        });
        self.choice = choice;
        Ok(())
    }

    /// The answer is a call too: it is forced unless the client forces another.
    fn add_answer(&mut self, schema: &str) {
        let may_call = !self.list.is_empty()
            && self.choice.as_deref().is_none_or(|choice| !choice.contains("\"none\""));
        let description = "Gives the answer. Its input is the whole answer; nothing else is said.";
        self.list.push(format!(
            r#"{{"name":"{ANSWER_TOOL}","description":"{description}","input_schema":{schema}}}"#
        ));
        if !self.forced {
            self.choice = Some(match may_call {
                true => r#"{"type":"any""#.to_owned(),
                false => format!(r#"{{"type":"tool","name":"{ANSWER_TOOL}""#),
            });
            self.serial |= !may_call;
        }
        self.forced = true;
    }

    /// Whether the model must call one.
    pub(super) fn forces_a_call(&self) -> bool {
        self.forced
    }

    /// What of them this protocol cannot say.
    pub(super) fn dropped(&self) -> impl Iterator<Item = String> + '_ {
        self.dropped.iter().cloned()
    }

    /// Writes `tools` and `tool_choice`.
    pub(super) fn write(&self, to: &mut Writer<'_>) {
        if self.list.is_empty() {
            return;
        }
        to.put(&format!(r#","tools":[{}]"#, self.list.join(",")));
        let choice = match (&self.choice, self.serial) {
            (Some(choice), _) => choice.as_str(),
            (None, true) => r#"{"type":"auto""#,
            (None, false) => return,
        };
        to.put(r#","tool_choice":"#);
        to.put(choice);
        if self.serial && !choice.contains("\"none\"") {
            to.put(r#","disable_parallel_tool_use":true"#);
        }
        to.put("}");
    }
}

/// A tool as Anthropic takes it; `lost` is where what its schema loses is noted, for models that
/// hold themselves to schemas.
fn translate(
    index: usize,
    tool: &WireTool<'_>,
    lost: Option<&mut BTreeSet<String>>,
) -> Result<String, RequestError> {
    let function = match (&tool.function, tool.kind.as_deref()) {
        (Some(function), None | Some("function")) => function,
        _ => {
            let param = format!("tools[{index}]");
            return Err(RequestError::at(param, "is not a function: this model takes no other"));
        }
    };
    let mut json = format!(r#"{{"name":{}"#, function.name.get());
    if let Some(description) = function.description {
        json += &format!(r#","description":{}"#, description.get());
    }
    let schema = object_schema(function.parameters.map(RawValue::get));
    match lost.filter(|_| function.strict == Some(true)) {
        Some(lost) => json += &strict(schema, lost),
        None => json += &format!(r#","input_schema":{schema}"#),
    }
    if let Some(cache_control) = tool.cache_control {
        json += &format!(r#","cache_control":{}"#, cache_control.get());
    }
    Ok(json + "}")
}

/// The schema of a tool whose input it holds; where it cannot be held, it is not.
fn strict(schema: String, lost: &mut BTreeSet<String>) -> String {
    let Some(fitted) = fit(&schema) else {
        lost.insert("tools.strict".to_owned());
        return format!(r#","input_schema":{schema}"#);
    };
    lost.extend(fitted.lost.iter().map(|name| header_name(&format!("tools.{name}"))));
    format!(r#","input_schema":{},"strict":true"#, fitted.json)
}

/// A schema with the `type` that Anthropic insists on.
fn object_schema(schema: Option<&str>) -> String {
    #[derive(Deserialize)]
    struct Typed<'a> {
        #[serde(rename = "type", borrow, default)]
        kind: Raw<'a>,
    }
    let Some(schema) = schema else { return ANY_OBJECT.to_owned() };
    let members = schema.strip_prefix('{').unwrap_or_default().trim_ascii_start();
    match serde_json::from_str::<Typed<'_>>(schema) {
        Ok(Typed { kind: Some(kind) }) if kind.get() == "\"object\"" => schema.to_owned(),
        Ok(Typed { kind: Some(kind) }) if may_be_object(kind.get()) => with_type_object(schema),
        // Any other is for Anthropic to refuse.
        Ok(Typed { kind: Some(_) }) => schema.to_owned(),
        Ok(_) if matches!(members, "" | "}") => ANY_OBJECT.to_owned(),
        Ok(_) => with_type_object(schema),
        Err(_) => ANY_OBJECT.to_owned(),
    }
}

/// Whether a `type` is a list of several of which `object` is one.
fn may_be_object(kind: &str) -> bool {
    serde_json::from_str::<Vec<String>>(kind).is_ok_and(|all| all.iter().any(|it| it == "object"))
}

/// A schema with `type` said once.
fn with_type_object(schema: &str) -> String {
    let mut written = r#"{"type":"object""#.to_owned();
    for member in json::object(schema).unwrap_or_default() {
        let [key, value] = [member.key, member.value].map(|it| schema.get(it).unwrap_or_default());
        if json::decode(key).is_none_or(|key| key != "type") {
            written += &format!(",{key}:{value}");
        }
    }
    written + "}"
}
