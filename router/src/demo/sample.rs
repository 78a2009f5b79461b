//! The smallest value that a JSON Schema describes: what the demo answers where a form is asked for.
//!
//! It owns the keywords that programs write into schemas; what it does not know it passes over, so
//! that a rare schema gets a value which is not of it, and never none.

use serde_json::{Map, Value};

/// Deeper a schema only refers to itself.
const DEEPEST: usize = 24;

/// A value of `schema`; `words` stand in its texts.
pub(super) fn sample(schema: &Value, words: &str) -> Value {
    Sampler { root: schema, words }.of(schema, 0)
}

struct Sampler<'s> {
    root: &'s Value,
    words: &'s str,
}

impl Sampler<'_> {
    fn of(&self, schema: &Value, depth: usize) -> Value {
        if depth > DEEPEST {
            return Value::Null;
        }
        let first =
            |key: &str| schema.get(key).and_then(Value::as_array).and_then(|all| all.first());
        if let Some(fixed) = schema.get("const").or_else(|| first("enum")) {
            return fixed.clone();
        }
        let referred = schema.get("$ref").and_then(Value::as_str).and_then(|to| self.find(to));
        let inner = referred.or_else(|| first("anyOf")).or_else(|| first("oneOf"));
        if let Some(inner) = inner.or_else(|| first("allOf")) {
            return self.of(inner, depth + 1);
        }
        match kind(schema) {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, depth),
            "integer" | "number" => number(schema),
            "boolean" => Value::Bool(true),
            "null" => Value::Null,
            _ => self.text(schema),
        }
    }

    /// What a reference within the schema leads to.
    fn find(&self, to: &str) -> Option<&Value> {
        self.root.pointer(to.strip_prefix('#')?)
    }

    /// With what must be there; with everything where nothing must, since an empty one shows nothing.
    fn object(&self, schema: &Value, depth: usize) -> Value {
        let properties = schema.get("properties").and_then(Value::as_object);
        let required: Vec<&str> = schema
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        let is_wanted = |name: &str| required.is_empty() || required.contains(&name);
        let wanted = properties.into_iter().flatten().filter(|(name, _)| is_wanted(name));
        let members = wanted.map(|(name, inner)| (name.clone(), self.of(inner, depth + 1)));
        Value::Object(members.collect::<Map<_, _>>())
    }

    fn array(&self, schema: &Value, depth: usize) -> Value {
        // An array that may be empty ends a schema that refers to itself.
        if depth * 2 > DEEPEST {
            return Value::Array(Vec::new());
        }
        let items = schema.get("items").map(|items| self.of(items, depth + 1));
        Value::Array(items.into_iter().collect())
    }

    fn text(&self, schema: &Value) -> Value {
        let fixed = match schema.get("format").and_then(Value::as_str) {
            Some("date") => "2026-01-31",
            Some("date-time") => "2026-01-31T12:00:00Z",
            Some("time") => "12:00:00Z",
            Some("email") => "demo@example.com",
            Some("uri") => "https://example.com/",
            Some("uuid") => "00000000-0000-4000-8000-000000000000",
            _ => self.words,
        };
        let longest = schema.get("maxLength").and_then(Value::as_u64);
        let longest = longest.and_then(|longest| usize::try_from(longest).ok());
        fixed.chars().take(longest.unwrap_or(usize::MAX)).collect::<String>().into()
    }
}

/// The type, or the first of several; an object where only its members are told.
fn kind(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(kind)) => kind,
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str).unwrap_or_default(),
        _ if schema.get("properties").is_some() => "object",
        _ => "",
    }
}

fn number(schema: &Value) -> Value {
    let bound = |key: &str| schema.get(key).filter(|bound| bound.is_number()).cloned();
    bound("minimum").or_else(|| bound("maximum")).unwrap_or_else(|| 1.into())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_value_is_of_its_schema() {
        let schema = json!({
            "type": "object",
            "properties": {
                "name": {"type": "string", "maxLength": 3},
                "size": {"type": "integer", "minimum": 7},
                "kind": {"enum": ["small", "large"]},
                "tags": {"type": "array", "items": {"type": ["string", "null"]}},
                "on": {"type": "string", "format": "date"},
                "of": {"$ref": "#/$defs/part"},
                "no": {"anyOf": [{"type": "null"}, {"type": "string"}]},
                "left": {"type": "boolean"},
            },
            "required": ["name", "size", "kind", "tags", "on", "of", "no"],
            "$defs": {"part": {"properties": {"is": {"type": "boolean"}, "one": {"const": 1}}}},
        });
        let value = sample(&schema, "word");
        assert_eq!(
            value,
            json!({
                "name": "wor", "size": 7, "kind": "small", "tags": ["word"], "on": "2026-01-31",
                "of": {"is": true, "one": 1}, "no": null,
            })
        );
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let tree = json!({"$ref": "#/$defs/node", "$defs": {"node": {
            "type": "object",
            "properties": {"children": {"type": "array", "items": {"$ref": "#/$defs/node"}}},
            "required": ["children"],
        }}});
        assert!(sample(&tree, "").to_string().contains("[]"));
        assert_eq!(sample(&json!({"$ref": "#"}), ""), Value::Null);
        assert_eq!(sample(&json!({"$ref": "#/none"}), "word"), "word");
    }
}
