//! Findings as workflow commands, which GitHub Actions shows beside the changed lines.
//!
//! Owns GitHub's syntax and escapes; which findings there are is for who asks.

use super::{sentence, severity};
use crate::diagnostic::Diagnostic;
use crate::rules::RULES;
use crate::span::{Position, Sources};

/// One command a finding; nothing for none.
pub fn render(sources: &Sources, findings: &[Diagnostic]) -> String {
    findings.iter().map(|finding| command(sources, finding)).collect()
}

fn command(sources: &Sources, finding: &Diagnostic) -> String {
    let mut properties = String::new();
    if let Some(file) = sources.get(finding.span.file) {
        let (start, end) = (file.position(finding.span.start), file.position(finding.span.end));
        properties = format!("file={},{},", property(&file.path), region(start, end));
    }
    let help = finding.help.as_ref().map(|help| format!("\n{help}")).unwrap_or_default();
    let message = data(&format!("{}{help}", sentence(finding)));
    let rule = RULES.iter().find(|rule| rule.code == finding.code).map_or("", |rule| rule.name);
    let title = property(format!("{} {rule}", finding.code.0).trim_end());
    format!("::{} {properties}title={title}::{message}\n", severity(finding.severity))
}

/// GitHub refuses columns on more than one line.
fn region(start: Position, end: Position) -> String {
    let mut region = format!("line={},endLine={}", start.line, end.line);
    if start.line == end.line {
        region.push_str(&format!(",col={},endColumn={}", start.column, end.column));
    }
    region
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Code;
    use crate::span::{SourceFile, Span};

    #[test]
    fn what_would_end_a_command_or_a_property_is_escaped() {
        let mut sources = Sources::default();
        let id = sources.add(SourceFile::new("a,b:c%.sfr", "one\ntwo\n"));
        let message = "100% wrong:\r\n::error::no";
        let finding = Diagnostic::error(Code("SFR011"), Span::new(id, 4..7), message).help("so");
        let expected = "::error file=a%2Cb%3Ac%25.sfr,line=2,endLine=2,col=1,endColumn=4,\
                        title=SFR011 unknown-name::100%25 wrong:%0D%0A::error::no%0Aso\n";
        assert_eq!(render(&sources, &[finding]), expected);
        let over = Diagnostic::warning(Code("SFR011"), Span::new(id, 0..7), "w");
        let drawn = render(&sources, &[over]);
        assert!(drawn.starts_with("::warning file=a%2Cb%3Ac%25.sfr,line=1,endLine=2,title="));
    }
}
