//! Colours and width: when they are used.
//!
//! Owns those decisions; what is coloured is for [`crate::render::human`].

use std::io::IsTerminal;
use std::sync::OnceLock;

use clap::ValueEnum;

use crate::render::human::Look;

/// What `--color` says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Color {
    /// On a terminal, unless `NO_COLOR` is set
    #[default]
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// Set once, before the verb runs: every verb draws, and none should have to pass it on.
static COLOR: OnceLock<Color> = OnceLock::new();

/// Settles `--color` for this process.
pub(super) fn settle(color: Color) {
    let _ = COLOR.set(color);
}

/// How to draw on `stream`.
pub(super) fn look_on(stream: &impl IsTerminal) -> Look {
    let asked = COLOR.get().copied().unwrap_or_default();
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    Look { color: colored(asked, stream.is_terminal(), no_color), width: 100 }
}

/// How wide a table may be: as the terminal is; a file or a pipe takes everything.
pub(super) fn width() -> Option<usize> {
    let (terminal_size::Width(columns), _) = terminal_size::terminal_size_of(std::io::stdout())?;
    Some(columns.into())
}

/// What is asked for on the command line comes before the environment (<https://no-color.org>).
fn colored(asked: Color, terminal: bool, no_color: bool) -> bool {
    match asked {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && !no_color,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_comes_before_no_color_and_that_before_the_terminal() {
        assert!(colored(Color::Always, false, true));
        assert!(!colored(Color::Never, true, false));
        assert!(colored(Color::Auto, true, false));
        assert!(!colored(Color::Auto, true, true));
        assert!(!colored(Color::Auto, false, false));
    }
}
