//! The JSON Schema of `model_map.json`.
//!
//! Owns its file and its one form; what it says is derived from the types of `model-map`.

use model_map::ModelMap;
use model_map::map::FORMAT;
use serde_json::{Value, json};

use crate::trouble::{Doing, Trouble};

/// Where it is published.
pub(super) const PATH: &str = "docs/model_map.schema.json";

/// Its canonical text: sorted keys, two spaces.
pub(super) fn text() -> Result<String, Trouble> {
    let mut schema = schemars::schema_for!(ModelMap).to_value();
    pin_format(&mut schema).doing("find `format` in the schema")?;
    schema.sort_all_objects();
    let text = serde_json::to_string_pretty(&schema).doing("write the schema")?;
    Ok(text + "\n")
}

/// A schema is for one format; the type alone would take any number.
fn pin_format(schema: &mut Value) -> Option<()> {
    let format = schema.pointer_mut("/properties/format")?.as_object_mut()?;
    format.insert("const".to_owned(), json!(FORMAT));
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn committed(path: &str) -> Value {
        let top = concat!(env!("CARGO_MANIFEST_DIR"), "/../");
        serde_json::from_slice(&std::fs::read(format!("{top}{path}")).unwrap()).unwrap()
    }

    #[test]
    fn the_committed_map_is_valid_and_an_altered_one_is_not() {
        let schema = jsonschema::draft202012::new(&committed(PATH)).unwrap();
        let map = committed("model_map.json");
        let errors: Vec<_> = schema.iter_errors(&map).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
        let altered = |pointer: &str, value: Value| {
            let mut altered = map.clone();
            *altered.pointer_mut(pointer).unwrap() = value;
            altered
        };
        assert!(!schema.is_valid(&altered("/format", json!(FORMAT + 1))));
        assert!(!schema.is_valid(&altered("/env", json!(null))));
        assert!(!schema.is_valid(&altered("/providers/openai/protocol", json!("smtp"))));
        assert!(!schema.is_valid(&altered("/roles/economy", json!({"chain": []}))));
    }
}
