//! The page on the audit log: its record is one, its fields are all there are, and its table has
//! them.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::project::{Scratch, stdout};
use crate::schemas::{hold, schema};

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/audit.md");
    std::fs::read_to_string(path).unwrap()
}

fn block(language: &str) -> String {
    let page = page();
    let (_, from) = page.split_once(&format!("```{language}\n")).unwrap();
    from.split_once("```").unwrap().0.to_owned()
}

/// Every field that a record can have.
fn fields() -> BTreeSet<String> {
    let printed = stdout(&Scratch::new(&[]).run(&["schema", "audit"]));
    let schema: Value = serde_json::from_str(&printed).unwrap();
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_pages_record_is_one_and_is_replayed() {
    let record: Value = serde_json::from_str(&block("json")).unwrap();
    hold(&schema("audit"), &record);
    let read = model_map::audit::read(record.to_string().as_bytes()).unwrap();
    // What is written back is what the page shows: it names no field that is not there.
    assert_eq!(serde_json::to_value(&read).unwrap(), record);
    let mut other = record;
    other["version"] = 2.into();
    assert!(!schema("audit").is_valid(&other));
}

#[test]
fn every_field_is_described_and_has_a_column() {
    let (page, table) = (page(), block("sql"));
    for field in fields() {
        assert!(page.contains(&format!("`{field}`")) || field == "version", "{field}");
        let columns = table.replace('`', "");
        let has = |column: &str| columns.split([' ', '\n', ',']).any(|word| word == column);
        assert!(has(&field), "no column {field}");
    }
}

#[test]
fn every_example_is_a_record_of_its_own_price() {
    let record: Value = serde_json::from_str(&block("json")).unwrap();
    let usd: f64 = record["cost_usd"].as_str().unwrap().parse().unwrap();
    let micro = record["cost_micro_dollars"].as_f64().unwrap();
    assert!((usd * 1e6 - micro).abs() <= 0.5);
}
