//! A JSON schema as Anthropic's structured output and strict tools take it.
//!
//! Owns what is closed, left out and impossible ("Structured outputs" in Anthropic's guide, and
//! what its SDKs do there); where schemas stand is `tools`'.

use std::collections::{BTreeMap, BTreeSet};

use super::chunks::quoted;
use crate::json;

/// A schema that is taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fitted {
    /// The schema.
    pub(super) json: String,
    /// The keywords that it does without; the model is told of them in descriptions.
    pub(super) lost: BTreeSet<String>,
}

/// What stays as it is.
const KEPT: [&str; 6] = ["type", "const", "default", "required", "title", "enum"];

/// What says nothing about what is valid.
const REMARKS: [&str; 7] =
    ["$schema", "$id", "$comment", "examples", "deprecated", "readOnly", "writeOnly"];

const FORMATS: [&str; 10] =
    ["date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"];

/// What of a regular expression is not taken: what looks around, word boundaries and references
/// back, as they stand in JSON.
const PATTERNS: [&str; 6] = ["(?", r"\\b", r"\\B", r"\\1", r"\\2", r"\\3"];

/// The schema as it is taken; none where that cannot be: objects with members of any name, and
/// schemas that hold themselves.
pub(super) fn fit(schema: &str) -> Option<Fitted> {
    let mut fit = Fit::default();
    let json = fit.schema(schema)?;
    let is_endless = fit.refers.keys().any(|name| fit.reaches(name, name, &mut BTreeSet::new()));
    (!is_endless).then_some(Fitted { json, lost: fit.lost })
}

#[derive(Debug, Default)]
struct Fit {
    lost: BTreeSet<String>,
    /// The definition that is being read.
    inside: String,
    depth: usize,
    /// What each definition refers to.
    refers: BTreeMap<String, BTreeSet<String>>,
}

/// One schema on the way.
#[derive(Debug, Default)]
struct Draft {
    members: Vec<String>,
    description: Option<String>,
    /// What was left out, to be told.
    notes: Vec<String>,
    is_object: bool,
    has_properties: bool,
    is_closed: bool,
}

impl Fit {
    fn schema(&mut self, schema: &str) -> Option<String> {
        let mut draft = Draft::default();
        self.depth += 1;
        for member in json::object(schema).ok()? {
            let [key, value] = [member.key, member.value].map(|it| schema.get(it));
            self.member(&json::decode(key?)?, value?, &mut draft)?;
        }
        self.depth -= 1;
        draft.finish()
    }

    fn member(&mut self, key: &str, value: &str, draft: &mut Draft) -> Option<()> {
        let kept = || Some(format!("{}:{value}", quoted(key)));
        let member = match key {
            "description" => {
                draft.description = json::decode(value).map(Into::into);
                None
            }
            "additionalProperties" => {
                draft.is_closed = value == "false";
                // One of a shape is a map, which cannot be said.
                return (matches!(value, "true" | "false") || is_empty(value)).then_some(());
            }
            "patternProperties" | "prefixItems" => return None,
            "enum" if value.contains(['{']) => return None,
            "properties" => {
                draft.is_object = true;
                draft.has_properties = !is_empty(value);
                Some(format!(r#""properties":{}"#, self.map(value, None)?))
            }
            "$defs" | "definitions" if self.depth == 1 => {
                Some(format!(r#""{key}":{}"#, self.map(value, Some(key))?))
            }
            "items" => Some(format!(r#""items":{}"#, self.schema(value)?)),
            "anyOf" | "allOf" | "oneOf" => {
                let name = if key == "allOf" { "allOf" } else { "anyOf" };
                Some(format!(r#""{name}":[{}]"#, self.list(value, key)?.join(",")))
            }
            "$ref" => {
                self.refer(value)?;
                kept()
            }
            "format" => kept().filter(|_| FORMATS.iter().any(|it| value.trim_matches('"') == *it)),
            "minItems" => kept().filter(|_| matches!(value, "0" | "1")),
            "pattern" => kept().filter(|_| !PATTERNS.iter().any(|it| value.contains(it))),
            _ if KEPT.contains(&key) => {
                draft.is_object |= key == "type" && value.contains("\"object\"");
                kept()
            }
            _ => None,
        };
        if member.is_none() && key != "description" && !REMARKS.contains(&key) {
            self.lost.insert(key.to_owned());
            draft.notes.push(format!("{key}: {value}"));
        }
        draft.members.extend(member);
        Some(())
    }

    /// Schemas by their names; `defines` where these are definitions.
    fn map(&mut self, map: &str, defines: Option<&str>) -> Option<String> {
        let mut members = Vec::new();
        for member in json::object(map).ok()? {
            let [key, value] = [member.key, member.value].map(|it| map.get(it));
            let outside = self.inside.clone();
            if let Some(place) = defines {
                self.inside = format!("#/{place}/{}", json::decode(key?)?);
                self.refers.entry(self.inside.clone()).or_default();
            }
            members.push(format!("{}:{}", key?, self.schema(value?)?));
            self.inside = outside;
        }
        Some(format!("{{{}}}", members.join(",")))
    }

    fn list(&mut self, list: &str, key: &str) -> Option<Vec<String>> {
        let places = json::array(list).ok()?;
        let refers = |one: &str| one.contains("\"$ref\"");
        places
            .into_iter()
            .map(|place| {
                let one = list.get(place)?;
                if key == "allOf" && refers(one) { None } else { self.schema(one) }
            })
            .collect()
    }

    /// Notes a reference; none where it leads elsewhere than to a definition.
    fn refer(&mut self, to: &str) -> Option<()> {
        let to = json::decode(to)?;
        if !to.starts_with("#/$defs/") && !to.starts_with("#/definitions/") {
            return None;
        }
        self.refers.entry(self.inside.clone()).or_default().insert(to.into_owned());
        Some(())
    }

    fn reaches<'f>(&'f self, from: &str, to: &str, seen: &mut BTreeSet<&'f str>) -> bool {
        self.refers
            .get(from)
            .into_iter()
            .flatten()
            .any(|next| next == to || (seen.insert(next) && self.reaches(next, to, seen)))
    }
}

impl Draft {
    fn finish(mut self) -> Option<String> {
        if self.is_object {
            if !self.has_properties && !self.is_closed {
                return None;
            }
            self.members.push(r#""additionalProperties":false"#.to_owned());
        }
        let notes = (!self.notes.is_empty()).then(|| format!("{{{}}}", self.notes.join(", ")));
        let description: Vec<String> = self.description.into_iter().chain(notes).collect();
        if !description.is_empty() {
            self.members.push(format!(r#""description":{}"#, quoted(&description.join("\n\n"))));
        }
        Some(format!("{{{}}}", self.members.join(",")))
    }
}

fn is_empty(object: &str) -> bool {
    json::object(object).is_ok_and(|members| members.is_empty())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn fitted(schema: Value) -> Option<(Value, Vec<String>)> {
        let fitted = fit(&schema.to_string())?;
        let json = serde_json::from_str(&fitted.json).expect("JSON");
        Some((json, fitted.lost.into_iter().collect()))
    }

    #[test]
    fn objects_are_closed_and_what_is_not_taken_is_told() {
        let schema = json!({"$schema": "s", "type": "object", "required": ["n"], "properties": {
            "n": {"type": "integer", "minimum": 1, "description": "How many."},
            "mail": {"type": "string", "format": "email", "maxLength": 9},
            "id": {"type": "string", "format": "tel", "pattern": "^a+$"},
            "l": {"type": "array", "minItems": 2, "items": {"properties": {"minimum": {"type": "null"}}}},
            "one": {"type": "array", "minItems": 1, "items": {"oneOf": [{"const": 1}, {"type": ["string", "null"]}]}},
        }});
        let (json, lost) = fitted(schema).expect("fits");
        let expected = json!({"type": "object", "required": ["n"], "additionalProperties": false, "properties": {
            "n": {"type": "integer", "description": "How many.\n\n{minimum: 1}"},
            "mail": {"type": "string", "format": "email", "description": "{maxLength: 9}"},
            "id": {"type": "string", "pattern": "^a+$", "description": "{format: \"tel\"}"},
            "l": {"type": "array", "description": "{minItems: 2}",
                "items": {"properties": {"minimum": {"type": "null"}}, "additionalProperties": false}},
            "one": {"type": "array", "minItems": 1, "items": {"anyOf": [{"const": 1}, {"type": ["string", "null"]}]}},
        }});
        assert_eq!(json, expected);
        assert_eq!(lost, ["format", "maxLength", "minItems", "minimum"]);
    }

    #[test]
    fn properties_keep_their_order() {
        let schema = r#"{"properties":{"z":{"type":"null"},"a":{"type":"null"}},"type":"object"}"#;
        let fitted = fit(schema).expect("fits");
        let closed = schema.replace(r#""object"}"#, r#""object","additionalProperties":false}"#);
        assert_eq!((fitted.json, fitted.lost.len()), (closed, 0));
    }

    #[test]
    fn what_cannot_be_said_does_not_fit() {
        let tree = json!({"$ref": "#/$defs/a"});
        let object = |child: &Value| json!({"type": "object", "properties": {"c": child}});
        let of = |defs: Value| json!({"$ref": "#/$defs/a", "$defs": defs});
        let ends = of(json!({"a": object(&json!({"$ref": "#/$defs/b"})), "b": {"type": "null"}}));
        assert!(fitted(ends).is_some());
        for schema in [
            json!({"type": "object"}),
            json!({"type": "object", "additionalProperties": {"type": "string"}}),
            json!({"type": "object", "properties": {"a": {"type": "object"}}}),
            json!({"enum": [{"a": 1}]}),
            json!({"allOf": [{"$ref": "#/$defs/a"}], "$defs": {"a": {"type": "null"}}}),
            json!({"$ref": "https://example.com/schema"}),
            json!({"$ref": "#"}),
            of(json!({"a": object(&tree)})),
            of(json!({"a": object(&json!({"$ref": "#/$defs/b"})), "b": object(&tree)})),
            json!({"type": "array", "prefixItems": []}),
            json!(true),
        ] {
            assert_eq!(fitted(schema.clone()), None, "{schema}");
        }
        assert!(fitted(json!({"type": "object", "additionalProperties": false})).is_some());
    }
}
