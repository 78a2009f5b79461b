//! A prompt file that is missing, not text, or elsewhere.
//!
//! Owns this one rule; files are read in [`crate::resolve::prompt_files`].

use super::{Example, Rule};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::resolve::prompt_files::Problem;
use crate::span::Span;

/// The rule.
pub const RULE: Rule = Rule {
    code: Code("SFR018"),
    name: "prompt-file",
    severity: Severity::Error,
    title: "a prompt file cannot be used",
    doc: "`file \"…\"` is read relative to the `.sfr` file that names it, when the program is \
          compiled. It must be there, be UTF-8, and lie inside the folder of the routes, so that \
          a program is one folder and a review sees all of it; links do not lead out either.",
    bad: Example {
        text: "prompt style = file \"../../style.md\"\n\n\
               role coder {\n  system style\n  route sonnet -> gpt\n}\n",
        beside: &[],
    },
    good: Example {
        text: "prompt style = file \"prompts/style.md\"\n\n\
               role coder {\n  system style\n  route sonnet -> gpt\n}\n",
        beside: &[("routes/prompts/style.md", b"Prefer short functions.\n")],
    },
    check: None,
};

/// The finding.
pub fn finding(path: &str, problem: &Problem, span: Span) -> Diagnostic {
    let (message, help) = match problem {
        Problem::Missing => (
            format!("the prompt file `{path}` is not there"),
            "write its path as seen from this file".to_owned(),
        ),
        Problem::Outside => (
            format!("the prompt file `{path}` is outside the folder of the routes"),
            "move it into the folder, beside this file or below".to_owned(),
        ),
        Problem::NotUtf8(at) => (
            format!("the prompt file `{path}` is not UTF-8 from byte {at} on"),
            "save it as UTF-8".to_owned(),
        ),
        Problem::Unreadable(why) => (
            format!("the prompt file `{path}` cannot be read: {why}"),
            "name a file that can be read".to_owned(),
        ),
    };
    Diagnostic::error(RULE.code, span, message).help(help)
}
