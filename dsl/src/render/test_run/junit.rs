//! Results of tests as JUnit XML, which CI systems show by test.
//!
//! Owns the XML, of which JUnit's readers take but a few elements: too little for a dependency.

use super::lines;
use crate::render::written;
use crate::span::Sources;
use crate::test_run::{Outcome, Tested};

/// An XML document with one suite.
pub fn junit(sources: &Sources, outcome: &Outcome) -> String {
    let (tests, failures) = (outcome.tests.len(), outcome.failed());
    let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"0\"");
    let cases: String = outcome.tests.iter().map(|test| case(sources, test)).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"sfai-dsl\" {counts}>\n  \
         <testsuite name=\"sfai-dsl\" {counts}>\n{cases}  </testsuite>\n</testsuites>\n"
    )
}

fn case(sources: &Sources, test: &Tested) -> String {
    let place = sources.place(test.span);
    let (file, line) = place.rsplit_once(':').unwrap_or((&place, "1"));
    let (name, file) = (escaped(&test.name), escaped(file));
    let head = format!(
        "    <testcase name=\"{name}\" classname=\"{file}\" file=\"{file}\" line=\"{line}\""
    );
    if test.misses.is_empty() {
        return format!("{head}/>\n");
    }
    let mut text = format!("{head}>\n");
    for miss in &test.misses {
        let message = escaped(&format!("expected {}, got {}", miss.expected, miss.happened));
        let place = sources.place(miss.span);
        let mut told = format!("{place}  {}\n", written(sources, miss.span));
        for (kind, words) in lines(sources, miss) {
            told.push_str(&format!("{kind:8}  {words}\n"));
        }
        let told = escaped(&told);
        text.push_str(&format!(
            "      <failure message=\"{message}\" type=\"expect\">{told}</failure>\n"
        ));
    }
    text.push_str("    </testcase>\n");
    text
}

/// For text and attributes alike. What XML 1.0 cannot hold becomes `?`.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&apos;"),
            '\n' => safe.push('\n'),
            '\t' => safe.push_str("&#9;"),
            '\u{fffe}' | '\u{ffff}' => safe.push('?'),
            c if c.is_control() => safe.push('?'),
            c => safe.push(c),
        }
    }
    safe
}
