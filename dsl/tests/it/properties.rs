//! What holds of every text: the committed routes and the golden cases, edited at random.

use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::Index;
use sfai_dsl::check::{Checked, check};
use sfai_dsl::emit::emit;
use sfai_dsl::format::format;
use sfai_dsl::load::{Loaded, LoadedFile};
use sfai_dsl::project::Project;
use sfai_dsl::render::Tally;
use sfai_dsl::render::human::{Look, render};
use sfai_dsl::rules::PRELUDE;
use sfai_dsl::span::{FileId, SourceFile};
use sfai_dsl::syntax::{ReadFile, parse, read_files};

use crate::golden;

/// The committed routes, each file alone and all in one, the canonical file, and every golden `.sfr`,
/// the formatted ones among them.
pub static CORPUS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let canonical = top.join("dsl/tests/canonical");
    let folders = [top.join("routes"), canonical, golden::folder()];
    let files = folders.iter().flat_map(|folder| golden::files_below(folder));
    let texts = files.filter(|(path, _)| path.ends_with(".sfr"));
    let text = |(_, bytes): (String, Vec<u8>)| String::from_utf8_lossy(&bytes).into_owned();
    let mut corpus: Vec<_> = texts.map(text).collect();
    let routes = golden::files_below(&top.join("routes")).into_iter();
    let routes: Vec<_> = routes.filter(|(path, _)| path.ends_with(".sfr")).map(text).collect();
    corpus.push(routes.join("\n"));
    corpus
});

/// What of it compiles, so that every case says something.
static COMPILING: LazyLock<Vec<String>> = LazyLock::new(|| {
    let compiles = |text: &&String| digest(&completed(text)).is_some();
    CORPUS.iter().filter(compiles).cloned().collect()
});

/// What is thrown in: each means something somewhere.
const WORDS: [&str; 24] = [
    "{", "}", "\"", "\"\"\"", "->", ",", "=", "#", "\n", "\r\n", "\t", "\u{0}", "é", "${", "$${",
    "role", "like", "route", "system", "set", "env", "gpt", "5m", "..",
];

#[derive(Debug, Clone)]
enum Edit {
    Delete(Index),
    Duplicate(Index),
    Swap(Index, Index),
    Insert(Index, Index),
}

fn edit() -> impl Strategy<Value = Edit> {
    prop_oneof![
        any::<Index>().prop_map(Edit::Delete),
        any::<Index>().prop_map(Edit::Duplicate),
        any::<(Index, Index)>().prop_map(|(a, b)| Edit::Swap(a, b)),
        any::<(Index, Index)>().prop_map(|(at, word)| Edit::Insert(at, word)),
    ]
}

/// A text of the corpus after some edits of its tokens.
pub fn edited() -> impl Strategy<Value = String> {
    (any::<Index>(), prop::collection::vec(edit(), 0..6)).prop_map(|(text, edits)| {
        let mut tokens = tokens(&CORPUS[text.index(CORPUS.len())]);
        edits.iter().for_each(|edit| apply(edit, &mut tokens));
        tokens.concat()
    })
}

fn apply(edit: &Edit, tokens: &mut Vec<&str>) {
    let length = tokens.len();
    match edit {
        Edit::Insert(at, word) => {
            tokens.insert(at.index(length + 1), WORDS[word.index(WORDS.len())])
        }
        _ if tokens.is_empty() => {}
        Edit::Delete(at) => drop(tokens.remove(at.index(length))),
        Edit::Duplicate(at) => tokens.insert(at.index(length), tokens[at.index(length)]),
        Edit::Swap(a, b) => tokens.swap(a.index(length), b.index(length)),
    }
}

/// Words, runs of blanks, and every other character alone: cut without the language's own reader.
fn tokens(text: &str) -> Vec<&str> {
    let kind = |c: char| match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '_' => 1,
        ' ' => 2,
        _ => 0,
    };
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let same = |c: char| kind(first) != 0 && kind(c) == kind(first);
        let length = rest.find(|c| !same(c)).unwrap_or(rest.len()).max(first.len_utf8());
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after;
    }
    tokens
}

fn tidied(text: &str) -> String {
    format(text, &parse(FileId(0), text).tree).unwrap()
}

thread_local! {
    /// One for all cases of a test, since it reads the catalogue.
    pub static PROJECT: Project = {
        let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        Project::bare(top.canonicalize().unwrap())
    };
}

pub fn checked(loaded: &Loaded) -> Checked {
    PROJECT.with(|project| check(project, loaded, "default"))
}

fn read(file: FileId, bytes: Vec<u8>) -> ReadFile {
    read_files(vec![(file, bytes)]).remove(0)
}

/// A program of these texts, in the folder of the committed routes so that their prompts are found.
pub fn program(texts: &[&str]) -> Loaded {
    let root = PROJECT.with(|project| project.root.clone());
    let folder = root.join("routes");
    let mut loaded = Loaded::default();
    for (number, text) in texts.iter().enumerate() {
        let name = format!("routes/{number}.sfr");
        let ReadFile { text, parsed, .. } = read(loaded.sources.next_id(), (*text).into());
        let path = root.join(&name);
        let id = loaded.sources.add(SourceFile::new(name, text));
        loaded.findings.extend(parsed.diagnostics);
        loaded.trees.push(parsed.tree);
        loaded.files.push(LoadedFile { id, path, folder: folder.clone(), is_utf8: true });
    }
    loaded
}

/// The digest of a program, if nothing in it is an error.
pub fn digest(texts: &[&str]) -> Option<String> {
    let loaded = program(texts);
    let checked = checked(&loaded);
    if Tally::of(&checked.findings).errors > 0 {
        return None;
    }
    let mut map = emit(&checked.program, &loaded.sources);
    model_map::seal(&mut map).unwrap();
    Some(map.digest)
}

/// `text` alone if it has providers of its own, else beside the prelude.
pub fn completed(text: &str) -> Vec<&str> {
    if text.contains("\nprovider ") || text.starts_with("provider ") {
        vec![text]
    } else {
        vec![text, PRELUDE]
    }
}

fn without_blanks(text: &str) -> String {
    text.trim_start_matches('\u{feff}').split_whitespace().collect()
}

proptest! {
    #![proptest_config(config(4))]

    #[test]
    fn any_text_is_read_checked_and_drawn(text in edited()) {
        let loaded = program(&completed(&text));
        let checked = checked(&loaded);
        for finding in &checked.findings {
            let source = loaded.sources.get(finding.span.file).unwrap();
            prop_assert!(source.text.get(finding.span.range()).is_some(), "{finding:?}");
        }
        let drawn = render(&loaded.sources, &checked.findings, Look { width: 80, ..Look::PLAIN });
        prop_assert_eq!(drawn.is_empty(), checked.findings.is_empty());
    }

    #[test]
    fn any_bytes_are_read(
        text in edited(),
        at in any::<Index>(),
        bytes in prop::collection::vec(any::<u8>(), 0..4),
    ) {
        let mut all = text.into_bytes();
        let at = at.index(all.len() + 1);
        all.splice(at..at, bytes);
        let ReadFile { text, parsed, .. } = read(FileId(0), all);
        prop_assert!(parsed.diagnostics.iter().all(|one| text.get(one.span.range()).is_some()));
    }

    #[test]
    fn formatting_changes_blanks_alone_and_is_stable(text in edited()) {
        let tidy = tidied(&text);
        prop_assert_eq!(without_blanks(&tidy), without_blanks(&text));
        prop_assert_eq!(tidied(&tidy), tidy);
    }

    #[test]
    fn formatting_keeps_the_meaning(text in edited()) {
        let (written, tidy) = (completed(&text), tidied(&text));
        // What stands beside a text is for the text to say, and not for its layout.
        let beside = written.get(1..).unwrap_or_default();
        prop_assert_eq!(digest(&[&[tidy.as_str()], beside].concat()), digest(&written));
    }
}

/// A part of the cases that `PROPTEST_CASES` asks for, 256 by default.
pub fn config(part: u32) -> ProptestConfig {
    let all = ProptestConfig::default();
    ProptestConfig { cases: (all.cases / part).max(1), failure_persistence: None, ..all }
}

/// The declarations of a tidy text, each with the comments before it.
fn declarations(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut in_text, mut in_block, mut has_header) = (false, false, false);
    for line in text.split_inclusive('\n') {
        let opens = !in_text && line.starts_with(|c: char| c.is_ascii_alphabetic());
        let is_between = !in_text && !in_block && (line.starts_with('#') || line.trim().is_empty());
        if has_header && (opens || is_between) {
            parts.push(String::new());
            has_header = false;
        }
        has_header |= opens;
        in_block |= opens && line.trim_end().ends_with('{');
        in_block &= in_text || !line.starts_with('}');
        in_text ^= line.matches("\"\"\"").count() % 2 == 1;
        parts.last_mut().unwrap().push_str(line);
    }
    parts
}

/// The same lines laid out otherwise: blanks, blank lines, comments and line ends.
fn relaid(text: &str, seed: usize) -> String {
    let mut laid = String::new();
    let mut in_text = false;
    for (number, line) in text.lines().enumerate() {
        let quotes = line.matches("\"\"\"").count();
        let goes_on = line.ends_with(['|', ',', '>']);
        if !in_text && quotes == 0 {
            let code = line.find(['"', '#']).unwrap_or(line.len());
            let (code, rest) =
                line.trim_start().split_at(code - (line.len() - line.trim_start().len()));
            let blank = [" ", "  ", "\t", " \t "][(seed + number) % 4];
            laid.push_str(&" ".repeat((seed * 7 + number * 3) % 9));
            laid.push_str(&code.replace(' ', blank));
            laid.push_str(rest);
            if rest.is_empty() && !line.is_empty() && (seed + number).is_multiple_of(3) {
                laid.push_str(" # a remark");
            }
        } else {
            laid.push_str(line);
        }
        in_text ^= quotes % 2 == 1;
        laid.push_str(if seed.is_multiple_of(2) && !in_text { "\r\n" } else { "\n" });
        if !in_text && !goes_on && (seed + number).is_multiple_of(5) {
            laid.push_str("\n\n  # between\n");
        }
    }
    laid
}

/// What is the same whatever the order and the layout: the map but for `sources`, and what is
/// found, but for where.
fn meaning(texts: &[&str]) -> Option<(Vec<u8>, Vec<String>)> {
    let loaded = program(texts);
    let checked = checked(&loaded);
    if Tally::of(&checked.findings).errors > 0 {
        return None;
    }
    let mut map = emit(&checked.program, &loaded.sources);
    model_map::seal(&mut map).unwrap();
    map.sources = model_map::Sources::default();
    let bytes = serde_json::to_vec(&map).unwrap();
    let findings = checked.findings.iter();
    let mut said: Vec<_> = findings.map(|one| format!("{} {}", one.code.0, one.message)).collect();
    said.sort_unstable();
    Some((bytes, said))
}

proptest! {
    #![proptest_config(config(8))]

    #[test]
    fn neither_order_nor_files_nor_layout_change_what_a_program_is(
        text in any::<Index>().prop_map(|text| COMPILING[text.index(COMPILING.len())].as_str()),
        seed in any::<[Index; 16]>(),
        cut in any::<Index>(),
        layout in 0..64_usize,
    ) {
        let tidy = tidied(text);
        let whole = completed(&tidy);
        let expected = meaning(&whole);
        prop_assert!(expected.is_some(), "{}", text);
        let mut parts: Vec<_> = whole.iter().flat_map(|text| declarations(text)).collect();
        for (at, index) in seed.iter().enumerate() {
            let length = parts.len();
            parts.swap(at % length, index.index(length));
        }
        let parts: Vec<_> = parts.iter().map(|part| relaid(part, layout)).collect();
        let (first, second) = parts.split_at(cut.index(parts.len() + 1));
        let turned = meaning(&[&first.concat(), &second.concat()]);
        prop_assert_eq!(turned, expected);
    }
}

#[test]
fn the_corpus_compiles_in_large_part() {
    let compiled = CORPUS.iter().filter(|text| digest(&completed(text)).is_some()).count();
    assert!(compiled >= 20, "{compiled} of {}", CORPUS.len());
}
