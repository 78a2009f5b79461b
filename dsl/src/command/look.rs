//! Colours and width: when they are used.
//!
//! Owns those decisions; what is coloured is for [`crate::render::human`].

use std::ffi::OsString;
use std::io::IsTerminal;
use std::sync::OnceLock;

use clap::ValueEnum;

use crate::render::human::Look;

/// What `--color` says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless `NO_COLOR`, `CLICOLOR` or `TERM` say otherwise
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Findings are drawn in no more columns: longer lines of words are hard to read.
const WIDEST: usize = 100;

/// Set once, before the verb runs: every verb draws, and none should have to pass it on.
static COLOR: OnceLock<Color> = OnceLock::new();

/// Settles `--color` for this process.
pub(super) fn settle(color: Color) {
    let _ = COLOR.set(color);
}

/// How to draw on `stream`.
pub(super) fn look_on(stream: &impl IsTerminal) -> Look {
    let asked = COLOR.get().copied().unwrap_or_default();
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    let color = colored(asked, wish(variable), stream.is_terminal());
    // A terminal without colours still draws boxes, unless it can do nothing.
    let draws = stream.is_terminal() && variable("TERM").is_none_or(|term| term != "dumb");
    Look { color, boxes: color || draws, width: width().map_or(WIDEST, |it| it.clamp(40, WIDEST)) }
}

/// What the environment asks for: <https://no-color.org>, then <https://bixense.com/clicolors>, then
/// what the terminal can.
fn wish(variable: impl Fn(&str) -> Option<OsString>) -> Option<bool> {
    let is = |name, value| variable(name).is_some_and(|it| it == value);
    if variable("NO_COLOR").is_some() {
        return Some(false);
    }
    if variable("CLICOLOR_FORCE").is_some() && !is("CLICOLOR_FORCE", "0") {
        return Some(true);
    }
    (is("CLICOLOR", "0") || is("TERM", "dumb")).then_some(false)
}

/// How wide a table may be: as the terminal is; a file or a pipe takes everything.
pub(super) fn width() -> Option<usize> {
    let (terminal_size::Width(columns), _) = terminal_size::terminal_size_of(std::io::stdout())?;
    Some(columns.into())
}

/// What is asked for on the command line comes before the environment, and that before the stream.
fn colored(asked: Color, wish: Option<bool>, terminal: bool) -> bool {
    match asked {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => wish.unwrap_or(terminal),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Option<bool> {
        wish(|name| variables.iter().find(|(it, _)| *it == name).map(|(_, value)| value.into()))
    }

    #[test]
    fn the_command_line_comes_before_the_environment_and_that_before_the_terminal() {
        assert!(colored(Color::Always, Some(false), false));
        assert!(!colored(Color::Never, Some(true), true));
        assert!(colored(Color::Auto, None, true));
        assert!(!colored(Color::Auto, None, false));
        assert!(!colored(Color::Auto, Some(false), true));
        assert!(colored(Color::Auto, Some(true), false));
    }

    #[test]
    fn no_color_comes_before_clicolor_force_and_that_before_the_others() {
        assert_eq!(of(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]), Some(false));
        assert_eq!(of(&[("CLICOLOR_FORCE", "1"), ("CLICOLOR", "0")]), Some(true));
        assert_eq!(of(&[("CLICOLOR_FORCE", "0"), ("CLICOLOR", "1")]), None);
        assert_eq!((of(&[("CLICOLOR", "0")]), of(&[("TERM", "dumb")])), (Some(false), Some(false)));
        assert_eq!(of(&[("TERM", "xterm")]), None);
    }
}
