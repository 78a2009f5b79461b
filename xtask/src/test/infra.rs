//! The part `infra`: the stack of `infra/cdk`, from its types to its deployment on loopback.
//!
//! Owns what must be there before, and the order; what is held of the stack is in `infra/cdk/test`,
//! and of its deployment and its pages in `infra/tests`.

use std::path::Path;
use std::process::Command;

use super::clients::{NPM, command, install_node, install_python, interpreters};
use super::{Outcome, cargo, top};
use crate::package;
use crate::trouble::{Doing, Trouble};

/// Installs what is missing and tests the stack.
///
/// # Errors
/// When a pinned package cannot be installed, or on CI when Python, Node or npm is missing.
pub(super) fn run() -> Result<Outcome, Trouble> {
    let python = match interpreters("test the stack")? {
        Ok(python) => python,
        Err(skipped) => return Ok(skipped),
    };
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        return Ok(Outcome::Skipped("the function is built on x86-64 Linux alone".to_owned()));
    }
    let (stack, tests) = (top().join("infra/cdk"), top().join("infra/tests"));
    let python = install_python(&tests, python)?;
    install_node(&stack)?;
    command(npm(&stack).args(["run", "--silent", "build"]))?;
    command(npm(&stack).args(["test", "--silent"]))?;
    let lint = python.with_file_name(if cfg!(windows) { "cfn-lint.exe" } else { "cfn-lint" });
    command(Command::new(lint).current_dir(&stack))?;
    println!("infra: cfn-lint found nothing");
    audit(&stack)?;
    package::by_default()?;
    if let failed @ Outcome::Failed = cargo(&["build", "--workspace", "--bins", "--examples"])? {
        return Ok(failed);
    }
    let this = std::env::current_exe().doing("find this program")?;
    let programs = this.parent().doing("find the folder of this program")?;
    command(
        Command::new(python)
            .arg(&tests)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("SFAI_PROGRAMS", programs),
    )?;
    Ok(Outcome::Passed)
}

fn npm(stack: &Path) -> Command {
    let mut npm = Command::new(NPM);
    npm.current_dir(stack);
    npm
}

/// Asks for known weaknesses of the packages. Not every registry knows any: that is said, and no
/// failure.
fn audit(stack: &Path) -> Result<(), Trouble> {
    let output = npm(stack).args(["audit", "--json"]).output().doing("start npm audit")?;
    match weaknesses(&output.stdout) {
        Some(0) => println!("infra: npm audit found nothing"),
        Some(found) => {
            let why = format!("npm audit found {found} weaknesses: run it in {}", stack.display());
            return Err(Trouble::new("trust the stack's packages", why));
        }
        None => println!("infra: npm audit skipped, since the registry in use does not answer it"),
    }
    Ok(())
}

/// How many weaknesses npm reports; none where it has no report.
fn weaknesses(report: &[u8]) -> Option<u64> {
    let report: serde_json::Value = serde_json::from_slice(report).ok()?;
    report.get("metadata")?.get("vulnerabilities")?.get("total")?.as_u64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_told_from_none() {
        let report = br#"{"metadata": {"vulnerabilities": {"low": 2, "total": 2}}}"#;
        assert_eq!(weaknesses(report), Some(2));
        assert_eq!(weaknesses(br#"{"message": "404", "error": {"summary": ""}}"#), None);
        assert_eq!(weaknesses(b""), None);
    }
}
