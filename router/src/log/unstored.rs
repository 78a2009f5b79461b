//! A record that could not be stored, as lines of the log.
//!
//! Owns their form: one line, or numbered parts where a collector would cut it; when a record goes
//! to the log is decided elsewhere.

use serde::{Deserialize, Serialize};

/// The most of a record that is in one line. CloudWatch cuts an event after 256 KB, and a line has
/// some more than the record.
const PART: usize = 180_000;

#[derive(Serialize)]
struct Part<'a> {
    time: &'a str,
    level: &'static str,
    message: &'static str,
    why: &'a str,
    id: &'a str,
    part: usize,
    parts: usize,
    text: &'a str,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

/// The lines of a record. In one line the value of `record` is the very line that belongs into the
/// log of records; in several, `text` of all parts joined is that line.
pub(super) fn lines(time: &str, why: &str, record: &str) -> Vec<String> {
    let message = "an audit record could not be stored";
    if record.len() <= PART {
        let why = serde_json::to_string(why).unwrap_or_default();
        return vec![format!(
            "{{\"time\":\"{time}\",\"level\":\"error\",\"message\":\"{message}\",\"why\":{why},\"record\":{record}}}\n"
        )];
    }
    let id = serde_json::from_str::<Named>(record).map_or_else(|_| String::new(), |it| it.id);
    let texts = parts(record);
    let line = |(at, text)| {
        let (level, parts) = ("error", texts.len());
        let part = Part { time, level, message, why, id: &id, part: at + 1, parts, text };
        // It holds nothing that cannot be written as JSON.
        let mut line = serde_json::to_string(&part).unwrap_or_default();
        line.push('\n');
        line
    };
    texts.iter().copied().enumerate().map(line).collect()
}

/// A text cut where a part of it, written as JSON, would grow too long.
fn parts(text: &str) -> Vec<&str> {
    let (mut parts, mut start, mut length) = (Vec::new(), 0, 0);
    for (at, c) in text.char_indices() {
        let takes = match c {
            '"' | '\\' => 2,
            c if c.is_ascii_control() => 6,
            c => c.len_utf8(),
        };
        if length + takes > PART {
            parts.extend(text.get(start..at));
            (start, length) = (at, 0);
        }
        length += takes;
    }
    parts.extend(text.get(start..));
    parts
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn the_parts_of_a_record_join_to_it_and_none_is_cut_by_a_collector() {
        let said = "\"\\ä\n漢\u{1}".repeat(50_000);
        let record = json!({"id": "req_1", "request": said}).to_string();
        let lines = lines("t", "it \"failed\"", &record);
        assert!(lines.len() > 3);
        let mut joined = String::new();
        for (at, line) in lines.iter().enumerate() {
            assert!(line.len() < 200_000 && line.ends_with("}\n"), "{}", line.len());
            let line: Value = serde_json::from_str(line).unwrap();
            assert_eq!((&line["id"], &line["part"]), (&json!("req_1"), &json!(at + 1)));
            assert_eq!(line["parts"], lines.len());
            assert_eq!(line["why"], "it \"failed\"");
            joined.push_str(line["text"].as_str().unwrap());
        }
        assert_eq!(joined, record);
    }

    #[test]
    fn a_common_record_is_one_line_and_as_it_is() {
        let lines = lines("t", "w", r#"{"id":"req_1","z":1,"a":2}"#);
        let [line] = lines.as_slice() else { panic!("{lines:?}") };
        assert!(line.ends_with("\"record\":{\"id\":\"req_1\",\"z\":1,\"a\":2}}\n"), "{line}");
    }
}
