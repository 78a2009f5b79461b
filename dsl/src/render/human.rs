//! Findings for people, drawn by miette.
//!
//! Owns the drawing; programs read [`super::json`] instead.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};

use super::{Tally, counted, sentence, shown};
use crate::diagnostic::{Diagnostic, Severity};
use crate::span::{FileId, SourceFile, Sources, Span};

/// More than this nobody reads.
const MOST_DRAWN: usize = 2_000;

/// How to draw.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// With terminal colours.
    pub color: bool,
    /// With box characters; else plain ASCII.
    pub boxes: bool,
    /// Columns.
    pub width: usize,
}

impl Look {
    /// Plain ASCII, the same everywhere.
    pub const PLAIN: Self = Self { color: false, boxes: false, width: 100 };
}

/// The findings one under the other, and a last line that counts them; nothing for none.
pub fn render(sources: &Sources, findings: &[Diagnostic], look: Look) -> String {
    let theme = GraphicalTheme {
        characters: if look.boxes { ThemeCharacters::unicode() } else { ThemeCharacters::ascii() },
        styles: if look.color { ThemeStyles::ansi() } else { ThemeStyles::none() },
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_width(look.width)
        .with_links(false)
        .with_context_lines(1);
    let texts = Texts::of(sources, findings);
    let mut drawn = String::new();
    for finding in findings.iter().take(MOST_DRAWN) {
        let report = Report::of(&texts, finding);
        if handler.render_report(&mut drawn, &report).is_err() {
            // miette fails on a span outside its text; the words are what matters.
            drawn.push_str(&format!("{}\n", finding.message));
        }
        drawn.push('\n');
    }
    if findings.len() > MOST_DRAWN {
        let more = findings.len() - MOST_DRAWN;
        drawn.push_str(&format!("… and {more} more; `--format json` gives all\n"));
    }
    if !findings.is_empty() {
        let Tally { errors, warnings } = Tally::of(findings);
        let line = [(errors, "error"), (warnings, "warning")]
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, noun)| counted(count, noun))
            .collect::<Vec<_>>()
            .join(", ");
        drawn.push_str(&line);
        drawn.push('\n');
    }
    drawn
}

/// The texts of the files that findings point into.
struct Texts<'s> {
    by_file: BTreeMap<FileId, Text<'s>>,
}

/// One of them, as it may be shown.
struct Text<'s> {
    /// Its path and lines; the text in it is not for showing.
    file: &'s SourceFile,
    text: std::borrow::Cow<'s, str>,
}

impl<'s> Texts<'s> {
    fn of(sources: &'s Sources, findings: &[Diagnostic]) -> Self {
        let drawn = findings.iter().take(MOST_DRAWN);
        let files = drawn.flat_map(|finding| {
            let related = finding.related.iter().map(|other| other.span.file);
            related.chain([finding.span.file])
        });
        let text = |id: FileId| {
            let file = sources.get(id)?;
            Some((id, Text { file, text: shown(id, file, findings) }))
        };
        // Each file once: making its text ready to be shown reads all of it.
        let files: BTreeSet<FileId> = files.collect();
        Self { by_file: files.into_iter().filter_map(text).collect() }
    }
}

/// By the file's own index of lines: miette's reading scans the text from its start each time.
impl SourceCode for Text<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let byte = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let (start, end) = (span.offset(), span.offset() + span.len());
        let file = self.file;
        let (first, last) = (file.line(byte(start)), file.line(byte(end.max(start + 1) - 1)));
        let top = first.saturating_sub(byte(before)).max(1);
        let from = if before == 0 { start } else { file.line_start(top) };
        let to = if after == 0 { end } else { file.line_start(last + 1 + byte(after)) };
        let data = self.text.get(from..to).ok_or(MietteError::OutOfBounds)?;
        let column = file.position(byte(from)).column - 1;
        Ok(Box::new(MietteSpanContents::new_named(
            file.path.clone(),
            data.as_bytes(),
            (from, data.len()).into(),
            top as usize - 1,
            column as usize,
            (last + 1 - top) as usize,
        )))
    }
}

/// A finding as miette wants it: what lies in the same file as labels, what lies elsewhere as
/// related reports.
struct Report<'d> {
    code: Option<&'static str>,
    severity: miette::Severity,
    message: String,
    help: Option<&'d str>,
    text: Option<&'d Text<'d>>,
    labels: Vec<LabeledSpan>,
    elsewhere: Vec<Report<'d>>,
}

impl<'d> Report<'d> {
    fn of(texts: &'d Texts<'d>, finding: &'d Diagnostic) -> Self {
        let (here, there): (Vec<_>, Vec<_>) =
            finding.related.iter().partition(|other| other.span.file == finding.span.file);
        let mut labels = vec![LabeledSpan::new_primary_with_span(None, bytes(finding.span))];
        labels.extend(here.iter().map(|other| {
            LabeledSpan::new_with_span(Some(other.message.clone()), bytes(other.span))
        }));
        let elsewhere = there.iter().map(|other| Report {
            code: None,
            severity: miette::Severity::Advice,
            message: other.message.clone(),
            help: None,
            text: texts.by_file.get(&other.span.file),
            labels: vec![LabeledSpan::new_primary_with_span(None, bytes(other.span))],
            elsewhere: Vec::new(),
        });
        Report {
            code: Some(finding.code.0),
            severity: match finding.severity {
                Severity::Error => miette::Severity::Error,
                Severity::Warning => miette::Severity::Warning,
            },
            message: sentence(finding),
            help: finding.help.as_deref(),
            text: texts.by_file.get(&finding.span.file),
            labels,
            elsewhere: elsewhere.collect(),
        }
    }
}

fn bytes(span: Span) -> SourceSpan {
    let range = span.range();
    (range.start, range.len()).into()
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.message)
    }
}

impl fmt::Debug for Report<'_> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, to)
    }
}

impl std::error::Error for Report<'_> {}

impl miette::Diagnostic for Report<'_> {
    fn code<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.code?))
    }

    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        Some(Box::new(self.help?))
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.text.map(|text| text as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }

    fn related<'a>(&'a self) -> Option<Box<dyn Iterator<Item = &'a dyn miette::Diagnostic> + 'a>> {
        Some(Box::new(self.elsewhere.iter().map(|one| one as &dyn miette::Diagnostic)))
    }
}
