//! What XML makes of odd names.

use super::junit;
use crate::span::{FileId, SourceFile, Sources, Span};
use crate::test_run::{Coverage, Miss, Outcome, Tested};

#[test]
fn junit_escapes_what_xml_would_take_for_its_own() {
    let mut sources = Sources::default();
    let file = sources.add(SourceFile::new("a&b.sfr", "expect <x>\n"));
    assert_eq!(file, FileId(0));
    let span = Span::new(file, 0..10);
    let miss = Miss {
        span,
        expected: "a \"b\"".into(),
        happened: "x < y".into(),
        drawn: None,
        arm: None,
        attempts: Vec::new(),
    };
    let test = Tested { name: "1 < 2 & 'so' \u{1b}[0m".into(), span, misses: vec![miss] };
    let outcome = Outcome { tests: vec![test], coverage: Coverage::default() };
    let text = junit(&sources, &outcome);
    assert!(text.contains("name=\"1 &lt; 2 &amp; &apos;so&apos; ?[0m\""), "{text}");
    assert!(text.contains("classname=\"a&amp;b.sfr\" file=\"a&amp;b.sfr\" line=\"1\""), "{text}");
    assert!(text.contains("message=\"expected a &quot;b&quot;, got x &lt; y\""), "{text}");
    assert!(text.contains(">a&amp;b.sfr:1  expect &lt;x&gt;\n"), "{text}");
}
