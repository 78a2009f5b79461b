//! One wrong token: it has to give one finding, and that on its own line.
//!
//! Each token of the corpus is deleted, swapped with the next one on its line, and misspelt. What
//! still compiles is another program and says nothing; of all others the rate is counted.
#![expect(clippy::string_slice, reason = "cut where characters were found to begin")]

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use sfai_dsl::diagnostic::{Diagnostic, Severity};
use sfai_dsl::span::{Sources, Span};

use crate::golden;
use crate::properties::{checked, completed, digest, program};

/// Every how many mutants one is tried; `SFAI_MUTATIONS=all` tries them all.
const STEP: usize = 4;
/// Of a hundred mutants that do not compile, how many have exactly one finding on the right line.
const LEAST: usize = 95;

/// A text with one token changed.
struct Mutant {
    text: String,
    how: &'static str,
    /// The changed bytes, in the old text; what followed them stands `shift` bytes later.
    at: Range<usize>,
    old: String,
    new: String,
}

#[test]
fn one_wrong_token_is_one_finding_on_its_line() {
    let all = std::env::var_os("SFAI_MUTATIONS").is_some();
    let step = if all { 1 } else { STEP };
    let texts = corpus();
    let mutants: Vec<(&str, Mutant)> = texts
        .iter()
        .flat_map(|text| mutants(text).into_iter().map(move |mutant| (text.as_str(), mutant)))
        .collect();
    let tried: Vec<_> = mutants.iter().skip(step / 2).step_by(step).collect();
    let halves = tried.split_at(tried.len() / 2);
    let judged: Vec<Verdict> = std::thread::scope(|scope| {
        let judge_all = |half: &[&(&str, Mutant)]| -> Vec<Verdict> {
            half.iter().map(|(text, mutant)| judge(text, mutant)).collect()
        };
        let half = halves.0;
        let other = scope.spawn(move || judge_all(half));
        let mut rest = judge_all(halves.1);
        rest.extend(other.join().unwrap());
        rest
    });
    let broken = judged.iter().filter(|one| !matches!(one, Verdict::Compiles)).count();
    let failed: Vec<&String> = judged
        .iter()
        .filter_map(|one| match one {
            Verdict::Wrong(why) => Some(why),
            _ => None,
        })
        .collect();
    let good = broken - failed.len();
    if let Some(path) = std::env::var_os("SFAI_MUTATIONS_FAILED") {
        let lines: Vec<_> = failed.iter().map(|why| why.as_str()).collect();
        std::fs::write(path, lines.join("\n")).unwrap();
    }
    println!("mutations: {good} of {broken} have exactly one finding on the right line");
    println!("mutations: {} of {} tried still compile", tried.len() - broken, tried.len());
    assert!(broken >= 500, "{broken} mutants are too few to say anything");
    assert!(
        good * 100 >= broken * LEAST,
        "{good} of {broken}; for example:\n{}",
        failed.iter().take(20).map(|why| why.as_str()).collect::<Vec<_>>().join("\n")
    );
}

/// The canonical file, the committed routes, and golden cases without findings.
fn corpus() -> Vec<String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &Path| std::fs::read_to_string(path).unwrap();
    let routes = golden::files_below(&top.join("../routes"));
    let routes = routes.into_iter().filter(|(path, _)| path.ends_with(".sfr"));
    let routes: Vec<_> = routes.map(|(_, bytes)| String::from_utf8(bytes).unwrap()).collect();
    let mut texts = vec![read(&top.join("tests/canonical/backend.sfr")), routes.join("\n")];
    let there = golden::files_below(&golden::folder());
    let clean = there.keys().filter(|path| {
        let name = path.strip_suffix(".sfr").filter(|name| !name.contains('/'));
        name.is_some_and(|name| {
            there.contains_key(&format!("{name}.map.json"))
                && !there.contains_key(&format!("{name}.findings.txt"))
        })
    });
    texts.extend(clean.map(|path| String::from_utf8(there[path].clone()).unwrap()));
    texts.retain(|text| digest(&completed(text)).is_some());
    texts
}

enum Verdict {
    /// Another program, or the same one.
    Compiles,
    Right,
    Wrong(String),
}

fn judge(before: &str, mutant: &Mutant) -> Verdict {
    let loaded = program(&completed(&mutant.text));
    let findings = checked(&loaded).findings;
    let errors: Vec<_> = findings.iter().filter(|one| one.severity == Severity::Error).collect();
    match errors.as_slice() {
        [] => return Verdict::Compiles,
        [only] if is_right(only, before, mutant, &loaded.sources) => return Verdict::Right,
        _ => {}
    }
    let line = line_of(before, mutant.at.start);
    let written = before.lines().nth(line - 1).unwrap_or_default().trim();
    let said = errors.iter().map(|one| {
        let source = loaded.sources.get(one.span.file).unwrap();
        format!(
            "{}:{}: {}",
            one.code.0,
            line_of(&source.text, one.span.start as usize),
            one.message
        )
    });
    let said: Vec<_> = said.collect();
    let Mutant { how, old, new, .. } = mutant;
    Verdict::Wrong(format!(
        "{} `{old}` -> `{new}` in {line}: {written}\n    {}",
        how,
        said.join("\n    ")
    ))
}

/// Whether it stands where the change is, where the declaration or block of it opens, or at a use
/// of the name that is no longer what it was. Where nothing is left of a line, the one before it is
/// where it is missing.
fn is_right(finding: &Diagnostic, before: &str, mutant: &Mutant, sources: &Sources) -> bool {
    let text = &mutant.text;
    let mut first = line_of(text, mutant.at.start);
    let last = line_of(text, mutant.at.start + mutant.new.trim_end().len());
    let is_blank = |line: usize| {
        text.lines().nth(line - 1).is_some_and(|text| text.trim().is_empty()) && line > 1
    };
    while mutant.new.is_empty() && is_blank(first) {
        first -= 1;
    }
    let lines = first..=last;
    let line = |span: Span| {
        let source = sources.get(span.file).filter(|source| source.text == *text)?;
        Some(line_of(&source.text, span.start as usize))
    };
    let places = std::iter::once(finding.span).chain(finding.related.iter().map(|it| it.span));
    let mut at: Vec<usize> = places.filter_map(line).collect();
    let is_there = at.iter().any(|line| lines.contains(line));
    at.truncate(1);
    let opens = openers(before, mutant.at.start);
    let names = |word: &str| {
        let named = finding.message.split('`').skip(1).step_by(2);
        let mut named = named.map(|name| name.trim_start_matches("${").trim_end_matches('}'));
        !word.is_empty() && named.any(|name| name == word)
    };
    let mut changed = mutant.old.split_whitespace().chain(mutant.new.split_whitespace());
    is_there || at.iter().any(|line| opens.contains(line)) || changed.any(names)
}

/// The lines of the headers whose blocks, by their indentation, hold byte `at`.
fn openers(text: &str, at: usize) -> Vec<usize> {
    let before: Vec<&str> = text[..at].split('\n').collect();
    let blanks = |line: &str| line.len() - line.trim_start().len();
    let own = text[at - before.last().map_or(0, |line| line.len())..].lines().next();
    let mut indent = own.map_or(0, blanks);
    let mut found = Vec::new();
    for (number, line) in before.iter().enumerate().rev().skip(1) {
        let closes = own.is_some_and(|own| own.trim_start().starts_with('}')) && found.is_empty();
        let opens = blanks(line) < indent || (closes && blanks(line) == indent);
        if !line.trim().is_empty() && opens {
            indent = blanks(line);
            found.push(number + 1);
        }
    }
    found
}

fn line_of(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1
}

fn mutants(text: &str) -> Vec<Mutant> {
    let tokens = tokens(text);
    let mut mutants = Vec::new();
    for (number, token) in tokens.iter().enumerate() {
        let mut put = |how, at: Range<usize>, new: String| {
            let old = text[at.clone()].to_owned();
            let mut changed = text.to_owned();
            changed.replace_range(at.clone(), &new);
            if old != new {
                mutants.push(Mutant { text: changed, how, at, old, new });
            }
        };
        put("delete", token.clone(), String::new());
        put("misspell", token.clone(), misspelt(&text[token.clone()], number));
        let Some(next) = tokens.get(number + 1) else { continue };
        let between = &text[token.end..next.start];
        if !between.contains('\n') {
            // Two words do not become one by it.
            let is_word = |c: char| c.is_alphanumeric() || c == '_';
            let glued =
                text[..token.start].ends_with(is_word) && text[next.clone()].starts_with(is_word);
            let blank = if glued { " " } else { "" };
            let swapped =
                format!("{blank}{}{between}{}", &text[next.clone()], &text[token.clone()]);
            put("swap", token.start..next.end, swapped);
        }
    }
    mutants
}

/// A slip of the fingers: two letters swapped, one left out or doubled; a mark for another.
fn misspelt(token: &str, seed: usize) -> String {
    let marks = BTreeMap::from([
        ("{", "("),
        ("}", ")"),
        ("->", "-"),
        (",", ";"),
        ("=", ":"),
        ("|", "/"),
        ("..", "."),
        (">", ">>"),
        ("<", "<<"),
        ("==", "==="),
        ("!=", "=!"),
        ("(", "["),
        (")", "]"),
        (">=", "=>"),
        ("<=", "=<"),
    ]);
    if let Some(other) = marks.get(token) {
        return (*other).to_owned();
    }
    let mut letters: Vec<char> = token.chars().collect();
    let length = letters.len();
    match letters.first() {
        // The last quote is forgotten.
        Some('"') => drop(letters.pop()),
        Some(first) if first.is_ascii_digit() || *first == '$' => letters.push('x'),
        _ if length < 4 => letters.insert(length / 2, letters[length / 2]),
        _ => match seed % 3 {
            0 => letters.swap(length / 2, length / 2 - 1),
            1 => drop(letters.remove(length / 2)),
            _ => letters.insert(length / 2, letters[length / 2]),
        },
    }
    letters.into_iter().collect()
}

/// Words, numbers, strings, texts and marks, cut without the language's own reader.
fn tokens(text: &str) -> Vec<Range<usize>> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(first) = text[at..].chars().next() {
        let rest = &text[at..];
        let length = match first {
            '#' => rest.find('\n').unwrap_or(rest.len()),
            '"' if rest.starts_with("\"\"\"") => rest[3..].find("\"\"\"").map_or(3, |end| end + 6),
            '"' => string(rest),
            c if c.is_ascii_alphanumeric() || c == '_' || c == '$' => word(rest),
            _ => {
                let doubles = ["->", "..", "==", "!=", "<=", ">="];
                let double = doubles.iter().any(|mark| rest.starts_with(mark));
                if double { 2 } else { first.len_utf8() }
            }
        };
        if first != '#' && !first.is_whitespace() && first != '\u{feff}' {
            tokens.push(at..at + length);
        }
        at += length;
    }
    tokens
}

fn string(rest: &str) -> usize {
    let mut escaped = false;
    let end = rest.char_indices().skip(1).find(|(_, c)| {
        let ends = *c == '"' && !escaped;
        escaped = *c == '\\' && !escaped;
        ends
    });
    end.map_or(rest.len(), |(at, _)| at + 1)
}

fn word(rest: &str) -> usize {
    let part = |c: char| c.is_alphanumeric() || "_/.:%$-".contains(c);
    let end = rest.find(|c| !part(c)).unwrap_or(rest.len());
    let end = rest[..end].find("->").unwrap_or(end);
    rest[..end].find("..").unwrap_or(end)
}
