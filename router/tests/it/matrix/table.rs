//! The table in `docs/reliability.md`, from what was seen.

use std::collections::{BTreeMap, BTreeSet};

use super::Seen;
use super::case::{COMMITS, Case, Class, Point};
use super::rules::Outcome;

const BEGIN: &str = "<!-- from the fault matrix: SFAI_REFRESH=1 writes it anew -->\n";
const END: &str = "<!-- end of the fault matrix -->\n";

/// A row's columns: streamed in each commit mode, and whole.
type Row = BTreeMap<usize, BTreeSet<String>>;

/// Holds the table in the docs against this run; `SFAI_REFRESH=1` writes it instead.
pub fn hold(done: &[(&Case, &Outcome, &Seen)]) {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/reliability.md");
    let docs = std::fs::read_to_string(file).unwrap();
    let (before, rest) = docs.split_once(BEGIN).unwrap();
    let (known, after) = rest.split_once(END).unwrap();
    let table = table(done);
    if std::env::var_os("SFAI_REFRESH").is_some() {
        std::fs::write(file, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(known, table, "{file} is stale: run the tests with SFAI_REFRESH=1");
}

fn table(done: &[(&Case, &Outcome, &Seen)]) -> String {
    let mut rows: BTreeMap<(usize, Point), Row> = BTreeMap::new();
    let place = |class: Class| Class::ALL.iter().position(|other| *other == class).unwrap();
    for (case, outcome, seen) in done {
        let commit = COMMITS.iter().position(|commit| *commit == case.commit).unwrap();
        let column = if case.streamed { commit } else { COMMITS.len() };
        let row = rows.entry((place(case.class), case.point)).or_default();
        row.entry(column).or_default().insert(cell(**outcome, seen));
    }
    let mut text = format!(
        "{} cases: every client's protocol (chat, messages, responses) with every provider's \
         (OpenAI, Anthropic, Bedrock); all of them agree in each cell.\n\n",
        done.len()
    );
    text += "| failure | at | streamed, `commit headers` | `first_token` | `complete` | whole |\n";
    text += "| --- | --- | --- | --- | --- | --- |\n";
    for ((class, point), row) in rows {
        let cells = (0..=COMMITS.len()).map(|column| match row.get(&column) {
            None => "–".to_owned(),
            Some(cells) => {
                assert_eq!(cells.len(), 1, "protocols differ: {class} {point:?} {cells:?}");
                cells.iter().next().unwrap().clone()
            }
        });
        let cells: Vec<String> = cells.collect();
        text +=
            &format!("| `{}` | {} | {} |\n", Class::ALL[class], words(point), cells.join(" | "));
    }
    text
}

fn words(point: Point) -> &'static str {
    match point {
        Point::BeforeHeaders => "before the headers",
        Point::AfterHeaders => "after the headers",
        Point::AfterFirstToken => "after the first token",
        Point::InToolCall => "in a tool call",
    }
}

fn cell(outcome: Outcome, seen: &Seen) -> String {
    let calls = format!("{}+{}", seen.first_calls, seen.second_calls);
    match outcome {
        Outcome::Answered => format!("answered {calls}"),
        Outcome::Broken => format!("error in the stream {calls}"),
        Outcome::Refused(status) => format!("{status} {calls}"),
    }
}
