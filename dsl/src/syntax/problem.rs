//! Everything that can be wrong with a text before its meaning is looked at, and how it is said.
//!
//! Owns the list of problems; their words are in the modules below, what leads to them in the modules
//! that read.

mod block;
mod condition;
mod piece;
mod route;
mod statement;

use std::ops::Range;

use crate::diagnostic::{Code, Diagnostic};
use crate::span::{FileId, Span};

/// Text that does not follow the grammar.
pub const SYNTAX: Code = Code("SFR001");
/// Characters that do not belong into a text file.
pub const CHARACTERS: Code = Code("SFR002");
/// A text's line that is indented less than its closing quotes.
pub const INDENT: Code = Code("SFR003");

/// What is said of a string without its second quote.
pub(crate) const OPEN_STRING: &str = "this string is not closed";

/// What is wrong.
#[derive(Debug, Clone)]
pub(crate) enum Problem {
    /// Ours: the grammar should take every text.
    Internal {
        cause: String,
    },
    TooLarge {
        limit: usize,
    },
    NotUtf8,
    Control {
        character: char,
    },
    TabInString,
    Stray {
        written: String,
    },
    OpenString,
    OpenText,
    TextIndent,
    Escape,
    OpenHole,
    HoleName,
    /// With the mended spelling, where that is certain.
    Scalar {
        why: &'static str,
        help: &'static str,
        mend: Option<String>,
    },
    /// With the mended value, where that is certain.
    UnknownUnit {
        unit: String,
        mend: Option<String>,
    },
    /// `1h30m`
    SeveralUnits {
        mend: String,
    },
    NameLetters {
        written: String,
    },
    QuotedName {
        what: &'static str,
        name: String,
    },
    StrayClose,
    /// A parenthesis or bracket.
    NotABrace {
        written: String,
        brace: &'static str,
    },
    /// A name behind the brace that it belongs before.
    LateName {
        written: String,
        mend: String,
    },
    /// With the header that its statements are those of, where that is certain.
    NoHeader {
        meant: Option<&'static str>,
    },
    /// `set { … }`: with the statement as it is written here, where that is certain.
    BlockOfEntries {
        header: String,
        mend: Option<(Range<usize>, String)>,
    },
    /// `sonnet route -> gpt`
    LateKeyword {
        keyword: &'static str,
    },
    /// `"x" header`
    LateFact {
        fact: String,
        mend: String,
    },
    /// What stands between `system` and its prompts and is no mode.
    UnknownMode {
        written: String,
        nearest: Option<&'static str>,
    },
    OpenBlock {
        header: String,
        mend_at: usize,
        mend: String,
    },
    MissingOpen {
        header: String,
        mend_at: usize,
    },
    LateOpen {
        mend: Range<usize>,
    },
    AfterClose {
        mend: Range<usize>,
    },
    TooDeep {
        limit: usize,
    },
    LeadingJoint {
        joint: String,
    },
    Unknown {
        what: &'static str,
        written: String,
        nearest: Option<&'static str>,
        known: String,
    },
    NotAWord {
        what: &'static str,
        known: String,
    },
    Misplaced {
        keyword: &'static str,
        belongs: &'static str,
    },
    Missing {
        what: String,
        after: String,
    },
    Expected {
        what: String,
        found: String,
    },
    Extra {
        found: String,
    },
    SecondStatement {
        mend: Range<usize>,
    },
    ModeLast {
        mode: String,
        mend: (usize, Range<usize>),
    },
    StrayEquals,
    MissingEquals {
        name: String,
    },
    MissingArrow {
        left: String,
        right: String,
        mend_at: usize,
    },
    MissingComma {
        left: String,
        right: String,
        mend_at: usize,
    },
    DanglingComma,
    QuotedModel {
        inner: String,
    },
    NoBlock {
        header: String,
    },
    NeedlessBlock {
        header: String,
    },
    /// A statement broken where none goes on, with what lies between its lines if that is blank.
    BrokenLine {
        mend: Option<Range<usize>>,
    },
    LeftOut {
        word: &'static str,
        before: String,
    },
    /// As it is written in other languages.
    Habit {
        written: String,
        meant: &'static str,
        mend: String,
    },
    WantsQuotes {
        name: String,
    },
    DeepCondition {
        limit: usize,
    },
    OpenParenthesis {
        mend_at: usize,
    },
    StrayParenthesis,
    Chained,
    JoinedByComma,
    NotJoined {
        left: String,
        right: String,
    },
    NotCompared {
        left: String,
        right: String,
        mend_at: Option<usize>,
    },
    Turned {
        mend: String,
    },
    LateNot {
        first: usize,
        not: Range<usize>,
    },
    PartOfText {
        written: String,
        glob: String,
        mend: Option<Range<usize>>,
    },
    BareList {
        mend: Range<usize>,
    },
    /// With where its block begins and ends, if it has none.
    NoGuardBlock {
        keyword: &'static str,
        mend: Option<(usize, usize)>,
    },
    NotGuarded {
        keyword: &'static str,
    },
    OtherwiseBlock,
    /// With what the others leave of 100 %.
    MissingShare {
        mend: Option<u32>,
    },
    LateShare {
        mend: String,
    },
    MissingPipe {
        mend: Range<usize>,
    },
    LateWeight,
}

/// Where the findings of one file go.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) file: FileId,
    pub(crate) findings: Vec<Diagnostic>,
    /// Where the text does not follow the grammar.
    pub(crate) broken: Vec<Range<usize>>,
}

impl Report {
    pub(crate) fn new(file: FileId) -> Self {
        Self { file, findings: Vec::new(), broken: Vec::new() }
    }

    /// Adds the finding that `problem` is there.
    pub(crate) fn push(&mut self, problem: Problem, range: Range<usize>) {
        if !matches!(problem, Problem::TextIndent) {
            self.broken.push(range.clone());
        }
        let finding = diagnostic(problem, self.file, range);
        self.findings.push(finding);
    }
}

/// Problems by what they are about, in the order of looking.
fn diagnostic(problem: Problem, file: FileId, range: Range<usize>) -> Diagnostic {
    let span = Span::new(file, range);
    let said = piece::say(problem, span)
        .or_else(|problem| block::say(problem, span))
        .or_else(|problem| condition::say(problem, span))
        .or_else(|problem| route::say(problem, span));
    said.unwrap_or_else(|problem| statement::say(problem, span))
}
