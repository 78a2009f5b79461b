//! A question before something is changed that others use.
//!
//! Owns the question and who may be asked it.

use std::io::{BufRead, IsTerminal, Write};

use super::CouldNotRun;

/// Asks on stderr; only a yes is one. With `yes` nobody is asked, and without a terminal nobody can
/// be: a script has to say that it means it.
pub(super) fn agreed(question: &str, yes: bool) -> Result<bool, CouldNotRun> {
    if yes {
        return Ok(true);
    }
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(CouldNotRun(
            "nothing was changed: there is no terminal to ask at; --yes goes ahead unasked".into(),
        ));
    }
    Ok(ask(question, &mut stdin.lock(), &mut std::io::stderr())?)
}

fn ask(question: &str, from: &mut impl BufRead, to: &mut impl Write) -> std::io::Result<bool> {
    write!(to, "{question} [y/N] ")?;
    to.flush()?;
    let mut answer = String::new();
    from.read_line(&mut answer)?;
    let answer = answer.trim();
    Ok(["y", "yes"].iter().any(|yes| answer.eq_ignore_ascii_case(yes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_yes_is_one() {
        for (answer, expected) in
            [("y\n", true), ("YES\r\n", true), ("n\n", false), ("\n", false), ("", false)]
        {
            let mut asked = Vec::new();
            assert_eq!(ask("Go?", &mut answer.as_bytes(), &mut asked).unwrap(), expected);
            assert_eq!(asked, b"Go? [y/N] ");
        }
    }
}
