//! That texts read in chunks are read as if they were not.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::super::parse;
use super::{Job, cuts, parse_in};
use crate::span::FileId;

const FILE: FileId = FileId(0);

/// Reads `text` in the smallest chunks and as a whole.
fn same(text: &str) {
    let [in_chunks] = <[_; 1]>::try_from(parse_in(&[(FILE, text)], 1)).unwrap();
    assert_eq!(in_chunks, parse(FILE, text), "{text}");
}

/// Every program among the goldens and the committed routes.
fn corpus() -> Vec<String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut folders = vec![here.join("tests"), here.join("../routes"), here.join("starter")];
    let mut texts = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "sfr") {
                texts.push(String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned());
            }
        }
    }
    assert!(texts.len() > 100, "{}", texts.len());
    texts
}

#[test]
fn every_program_of_the_corpus_is_read_the_same() {
    for text in corpus() {
        same(&text);
        same(&text.replace('\n', "\r\n"));
    }
}

#[test]
fn so_it_is_with_lines_left_out_or_doubled() {
    for text in corpus() {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        for at in (0..lines.len()).step_by(4) {
            same(&[&lines[..at], &lines[at + 1..]].concat().concat());
            same(&[&lines[..=at], &lines[at..]].concat().concat());
        }
    }
}

#[test]
fn so_it_is_with_marks_left_out() {
    for text in corpus() {
        let marks = text.match_indices(['{', '}', '"', '(', ')', ',', '#', '=', '>']);
        for (at, mark) in marks.step_by(7) {
            let mut without = text.clone();
            without.replace_range(at..at + mark.len(), "");
            same(&without);
        }
    }
}

#[test]
fn what_reaches_over_the_end_of_a_declaration_is_read_the_same() {
    for text in [
        "role a {\n}\n-> b\n",
        "role a {\n}\n{\n}\nrole b {\n}\n",
        "role a {\n}\n) {\nrole b {\n}\n",
        "role a {\n  when (tokens > 1\n}\n)\n",
        "role a {\n}\n\u{feff}role b {\n}\n",
        "\u{feff}role a {\n}\nrole b {\n}\n",
        "prompt p = \"\"\"\n}\n  x\n  \"\"\"\nrole a {\n}\n",
        "prompt p = \"\"\"\nrole b {\n}\n\"\"\"\nrole a {\n}\n",
        "prompt p = \"\"\"\n  x\n}\nrole a {\n}\n",
        "when tokens ==\n}\nrole a {\n}\nrole b {\n}\n",
        "role a {\n  route b ->\n}\nc\n}\nrole d {\n}\n",
        "role a {\n  \u{7}\n}\nrole b {\n}\n",
        "role a {\n}\n}\n}\nrole b {\n",
    ] {
        same(text);
    }
}

#[test]
fn a_long_text_without_mistakes_is_read_in_chunks_and_a_broken_one_is_not() {
    let role = |number: usize| format!("role r{number} {{\n  about \"Of many\"\n}}\n");
    let text: String = (0..4000).map(role).collect();
    let whole = |text: &str| {
        let texts = [(FILE, text)];
        let jobs: Vec<_> = cuts(text, super::CHUNK).map(|range| Job { text: 0, range }).collect();
        let is_whole = [AtomicBool::new(false)];
        jobs.iter().for_each(|job| drop(job.read(&texts, &is_whole)));
        (jobs.len(), is_whole[0].load(super::Relaxed))
    };
    let (jobs, is_whole) = whole(&text);
    assert!(jobs > 3 && !is_whole, "{jobs}");
    assert!(whole(&text.replacen("r9 {", "r9", 1)).1);
    same(&text);
}

#[test]
fn many_texts_keep_their_order() {
    let texts: Vec<String> = (0..50).map(|at| format!("role r{at} {{\n}}\nlet\n")).collect();
    let texts: Vec<_> = (0..).map(FileId).zip(texts.iter().map(String::as_str)).collect();
    let parsed = parse_in(&texts, 1);
    for ((file, text), parsed) in texts.iter().zip(&parsed) {
        assert_eq!(*parsed, parse(*file, text));
    }
}
