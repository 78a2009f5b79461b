//! The part `infra`: the stack of `infra/cdk`, from its types to its deployment on loopback.
//!
//! Owns what must be there before, and the order; what is held of the stack is in `infra/cdk/test`,
//! and of its deployment and its pages in `infra/tests`.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::clients::{NPM, command, install_node, install_python, interpreters};
use super::{Outcome, cargo, top};
use crate::bench::layout::placed_together;
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
    let unknown = audit(&stack)?;
    package::by_default()?;
    is_small()?;
    is_in_order()?;
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
    Ok(unknown.map_or(Outcome::Passed, Outcome::PassedBut))
}

/// What a cold start loads is to stay small; who needs a larger function packs it as ever.
fn is_small() -> Result<(), Trouble> {
    const MOST: u64 = 5_000_000;
    let zip = top().join("target/package/bootstrap.zip");
    let size = fs::metadata(&zip).doing(format!("look at {}", zip.display()))?.len();
    if size <= MOST {
        return Ok(());
    }
    Err(Trouble::new("keep the function small", format!("{size} bytes are more than {MOST}")))
}

/// What each request passes through is to lie together: `cargo xtask layout`, when names have changed
/// so much that the linker no longer finds them.
fn is_in_order() -> Result<(), Trouble> {
    const LEAST: u64 = 400_000;
    let program = top().join("target/package/function/bootstrap");
    let program = fs::read(&program).doing(format!("read {}", program.display()))?;
    let bytes = placed_together(&program)?;
    if bytes >= LEAST {
        return Ok(());
    }
    let why = format!("{bytes} bytes of code are, at least {LEAST} were to be: see router/hot.ld");
    Err(Trouble::new("see that code is placed together", why))
}

fn npm(stack: &Path) -> Command {
    let mut npm = Command::new(NPM);
    npm.current_dir(stack);
    npm
}

/// Asks for known weaknesses of the packages. Not every registry knows any: then it is said, here and
/// among what was skipped, that nobody has looked, and why, and it is no failure. That each is the very
/// one that was looked at when it was pinned holds without a registry.
fn audit(stack: &Path) -> Result<Option<String>, Trouble> {
    let lock = stack.join("package-lock.json");
    let text = fs::read(&lock).doing(format!("read {}", lock.display()))?;
    let lock = serde_json::from_slice(&text).doing(format!("read {}", lock.display()))?;
    let loose = loose(&lock);
    if !loose.is_empty() {
        return Err(Trouble::new("trust the stack's packages", loose.join("\n")));
    }
    println!("infra: each package is pinned by its hash");
    let output = npm(stack).args(["audit", "--json"]).output().doing("start npm audit")?;
    match weaknesses(&output.stdout) {
        Some(0) => {
            println!("infra: npm audit found nothing");
            Ok(None)
        }
        Some(found) => {
            let why = format!("npm audit found {found} weaknesses: run it in {}", stack.display());
            Err(Trouble::new("trust the stack's packages", why))
        }
        None => {
            let why = unanswered(&output.stdout);
            println!("infra: known weaknesses of the packages were not looked up: {why}");
            Ok(Some(format!("known weaknesses of the stack's packages, since {why}")))
        }
    }
}

/// What is known to run a script when it is installed: it picks its binary.
const SCRIPTS: [&str; 1] = ["node_modules/esbuild"];

/// Which packages of a lock could be others tomorrow, or do something when they are installed.
fn loose(lock: &Value) -> Vec<String> {
    let packages = lock.get("packages").and_then(Value::as_object).into_iter().flatten();
    // The first is the stack itself; what is bundled comes in its parent's archive.
    let others =
        packages.filter(|(place, package)| !place.is_empty() && package.get("inBundle").is_none());
    let unfit = others.filter_map(|(place, package)| {
        let hash = package.get("integrity").and_then(Value::as_str).unwrap_or_default();
        if !hash.starts_with("sha512-") {
            return Some(format!("{place} has no hash"));
        }
        let runs = package.get("hasInstallScript").is_some() && !SCRIPTS.contains(&place.as_str());
        runs.then(|| format!("{place} runs a script when it is installed"))
    });
    unfit.collect()
}

/// How many weaknesses npm reports; none where it has no report.
fn weaknesses(report: &[u8]) -> Option<u64> {
    let report: serde_json::Value = serde_json::from_slice(report).ok()?;
    report.get("metadata")?.get("vulnerabilities")?.get("total")?.as_u64()
}

/// Why npm has no report, as it tells it itself.
fn unanswered(report: &[u8]) -> String {
    let report: Option<Value> = serde_json::from_slice(report).ok();
    let error = report.as_ref().and_then(|it| it.get("error"));
    let say = |from: Option<&'_ Value>, key: &str| {
        // The first line, without the address that was asked: those after it are about npm's log.
        let words = from?.get(key)?.as_str()?.lines().next()?;
        let words = words.split(" - ").next().unwrap_or(words);
        (!words.is_empty()).then(|| format!(": {words}"))
    };
    let said = say(error, "summary").or_else(|| say(report.as_ref(), "message"));
    let said = said.or_else(|| say(error, "code"));
    format!("npm audit got no answer from the registry in use{}", said.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_pinned_by_its_hash_is_named() {
        let lock = serde_json::json!({"packages": {
            "": {"name": "sfai-cdk"},
            "node_modules/a": {"integrity": "sha512-x"},
            "node_modules/b": {"resolved": "git+ssh://b"},
            "node_modules/c": {"integrity": "sha512-x", "hasInstallScript": true},
        }});
        let found = loose(&lock);
        assert_eq!(found.len(), 2);
        assert!(found[0].starts_with("node_modules/b has no"), "{found:?}");
        assert!(found[1].starts_with("node_modules/c runs"), "{found:?}");
    }

    #[test]
    fn a_report_is_told_from_none() {
        let report = br#"{"metadata": {"vulnerabilities": {"low": 2, "total": 2}}}"#;
        assert_eq!(weaknesses(report), Some(2));
        assert_eq!(weaknesses(br#"{"message": "404", "error": {"summary": ""}}"#), None);
        assert_eq!(weaknesses(b""), None);
    }

    #[test]
    fn why_there_is_no_report_is_told_in_npms_words() {
        let none = "npm audit got no answer from the registry in use";
        let told = |report: &str| unanswered(report.as_bytes()).replace(none, "");
        let error = r#"{"error": {"code": "ENOAUDIT", "summary": "not offered\nlook at the log"}}"#;
        assert_eq!(told(error), ": not offered");
        let refused = r#"{"message": "405 Method Not Allowed - POST https://h/bulk", "error": {"summary": ""}}"#;
        assert_eq!(told(refused), ": 405 Method Not Allowed");
        assert_eq!(told(r#"{"error": {"code": "E404", "summary": ""}}"#), ": E404");
        assert_eq!((told("{}"), told("")), (String::new(), String::new()));
    }
}
