//! What the tests of the readers share.
//!
//! Owns the ways to look at findings; which are expected is for each test.

use super::parse;
use crate::diagnostic::Diagnostic;
use crate::span::FileId;

/// The findings of a text, each as what it underlines and what it says.
pub(super) fn findings(text: &str) -> Vec<(String, String)> {
    let found = parse(FileId(0), text).diagnostics.into_iter();
    found.map(|found| (text.get(found.span.range()).unwrap().to_owned(), found.message)).collect()
}

/// A text after the fixes of its findings.
fn mend(text: &str, findings: &[Diagnostic]) -> String {
    let mut edits: Vec<_> =
        findings.iter().flat_map(|found| &found.fix).flat_map(|fix| &fix.edits).collect();
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.span.start));
    let mut mended = text.to_owned();
    for edit in edits {
        mended.replace_range(edit.span.range(), &edit.text);
    }
    mended
}

/// Asserts that each text, put into `frame` for `@`, has one finding with help, whose fix gives
/// the other text, which is clean.
pub(super) fn assert_mended(frame: &str, pairs: &[(&str, &str)]) {
    for (broken, clean) in pairs {
        let text = frame.replace('@', broken);
        let found = parse(FileId(0), &text).diagnostics;
        assert_eq!(found.len(), 1, "{text}: {found:#?}");
        assert!(found[0].help.is_some(), "{text}: {found:#?}");
        let mended = mend(&text, &found);
        assert_eq!(mended, frame.replace('@', clean), "{found:#?}");
        assert_eq!(findings(&mended), [], "{mended}");
    }
}

/// Asserts that each text, put into `frame` for `@`, has one finding: what it underlines, and what
/// it says.
pub(super) fn assert_found(frame: &str, cases: &[(&str, &str, &str)]) {
    for (broken, underlined, message) in cases {
        let text = frame.replace('@', broken);
        let expected = [((*underlined).to_owned(), (*message).to_owned())];
        assert_eq!(findings(&text), expected, "{text}");
    }
}

/// Asserts that each text, put into `frame` for `@`, is clean.
pub(super) fn assert_clean(frame: &str, texts: &[&str]) {
    for text in texts {
        let text = frame.replace('@', text);
        assert_eq!(findings(&text), [], "{text}");
    }
}
