//! The part `clients`: real SDKs and editors against the router, in `router/tests/clients`.
//!
//! Owns what must be there before they run: the interpreters, the pinned packages, the programs.
//! What is asked of the router, and how its processes end, is in that folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::{Outcome, cargo, top};
use crate::trouble::{Doing, Trouble};

/// The oldest Python that the OpenAI SDK's packages run on.
const PYTHON: (u32, u32) = (3, 11);

/// The first Python that aider's packages do not run on: it pins a numpy that was never built for it.
const PYTHON_PAST_AIDER: (u32, u32) = (3, 13);

/// The oldest Node that Continue's packages run on.
const NODE: (u32, u32) = (20, 0);

/// Installs what is missing and runs the tests of all clients.
///
/// # Errors
/// When a pinned package cannot be installed, or on CI when Python, Node or npm is missing.
pub(super) fn run() -> Result<Outcome, Trouble> {
    let python = match interpreters("test the clients")? {
        Ok(python) => python,
        Err(skipped) => return Ok(skipped),
    };
    let folder = top().join("router/tests/clients");
    let without_aider = install_aider(&folder.join("aider"), python)?;
    let python = install_python(&folder, python)?;
    install_node(&folder)?;
    // As `cargo test` builds them, so that after it nothing is left to build.
    if let failed @ Outcome::Failed = cargo(&["build", "--workspace", "--bins", "--examples"])? {
        return Ok(failed);
    }
    let this = std::env::current_exe().doing("find this program")?;
    let programs = this.parent().doing("find the folder of this program")?;
    let tests = Command::new(python)
        .arg(&folder)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("SFAI_PROGRAMS", programs)
        .status()
        .doing("start Python")?;
    Ok(match (tests.success(), without_aider) {
        (false, _) => Outcome::Failed,
        (true, None) => Outcome::Passed,
        (true, Some(why)) => Outcome::PassedBut(why),
    })
}

/// Installs aider, which is not skipped on CI, or says why it cannot be had here.
fn install_aider(folder: &Path, python: &str) -> Result<Option<String>, Trouble> {
    match version_of(python) {
        Ok(found) if found < PYTHON_PAST_AIDER => {
            install_python(folder, python)?;
            Ok(None)
        }
        _ if is_ci() => Err(Trouble::new("test aider", "it needs a Python before 3.13")),
        _ => Ok(Some(format!("aider, since it needs a Python before 3.13, which {python} is not"))),
    }
}

/// The Python to use. What is missing skips the part, but on CI.
pub(super) fn interpreters(doing: &str) -> Result<Result<&'static str, Outcome>, Trouble> {
    match found() {
        Ok(python) => Ok(Ok(python)),
        Err(why) if is_ci() => Err(Trouble::new(doing, why)),
        Err(why) => Ok(Err(Outcome::Skipped(why))),
    }
}

fn is_ci() -> bool {
    std::env::var("CI").is_ok_and(|ci| ci == "true")
}

fn found() -> Result<&'static str, String> {
    at_least("node", NODE)?;
    at_least(NPM, (0, 0))?;
    at_least("python3", PYTHON).or_else(|why| at_least("python", PYTHON).map_err(|_| why))
}

/// npm is a script, which Windows starts by its full name alone.
pub(super) const NPM: &str = if cfg!(windows) { "npm.cmd" } else { "npm" };

pub(crate) fn at_least(
    program: &'static str,
    (major, minor): (u32, u32),
) -> Result<&'static str, String> {
    let found = version_of(program)?;
    if found >= (major, minor) {
        return Ok(program);
    }
    let (old, older) = found;
    Err(format!("{program} {major}.{minor} or later is needed, and it is {old}.{older}"))
}

fn version_of(program: &str) -> Result<(u32, u32), String> {
    let said = Command::new(program).arg("--version").output();
    let said = said.map_err(|error| format!("{program} does not start: {error}"))?;
    let said = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    version(&said).ok_or_else(|| format!("{program} does not say which it is, but {said:?}"))
}

/// Reads `Python 3.11.7`, `v20.20.2` and `11.19.1`.
fn version(said: &str) -> Option<(u32, u32)> {
    let number = said.trim_start_matches(|letter: char| !letter.is_ascii_digit());
    let mut parts = number.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

/// Gives the Python of a virtual environment that holds what `requirements.txt` pins.
pub(crate) fn install_python(folder: &Path, python: &str) -> Result<PathBuf, Trouble> {
    let environment = folder.join(".venv");
    let binary = if cfg!(windows) { "Scripts/python.exe" } else { "bin/python" };
    let binary = environment.join(binary);
    let lock = folder.join("requirements.txt");
    installed_once(&lock, &environment, || {
        command(Command::new(python).args(["-m", "venv", "--clear"]).arg(&environment))?;
        // Without --no-deps a package that the list lacks would be installed unpinned.
        command(
            Command::new(&binary)
                .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
                .args(["--no-deps", "--only-binary", ":all:", "--requirement"])
                .arg(&lock),
        )?;
        command(Command::new(&binary).args(["-m", "pip", "check"]))
    })?;
    Ok(binary)
}

/// Fills `node_modules` with what `package-lock.json` pins.
pub(super) fn install_node(folder: &Path) -> Result<(), Trouble> {
    installed_once(&folder.join("package-lock.json"), &folder.join("node_modules"), || {
        command(Command::new(NPM).args(["ci", "--loglevel", "error"]).current_dir(folder))
    })
}

/// Installs unless the packages in `installed` are those of the same lock file, of which a copy is
/// left there last of all.
fn installed_once(
    lock: &Path,
    installed: &Path,
    install: impl FnOnce() -> Result<(), Trouble>,
) -> Result<(), Trouble> {
    let wanted = fs::read_to_string(lock).doing(format!("read {}", lock.display()))?;
    let copy = installed.join("installed-from");
    if fs::read_to_string(&copy).is_ok_and(|found| found == wanted) {
        return Ok(());
    }
    install()?;
    fs::write(&copy, wanted).doing(format!("write {}", copy.display()))
}

/// Runs a command whose failure ends the part.
pub(super) fn command(command: &mut Command) -> Result<(), Trouble> {
    let doing = format!("run {command:?}");
    let status = command.status().doing(&doing)?;
    if status.success() { Ok(()) } else { Err(Trouble::new(doing, status.to_string())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_the_programs_say_them() {
        assert_eq!(version("Python 3.11.7"), Some((3, 11)));
        assert_eq!(version("v20.20.2"), Some((20, 20)));
        assert_eq!(version("11.19.1"), Some((11, 19)));
        assert_eq!(version("no version"), None);
    }

    #[test]
    fn what_is_missing_is_told() {
        let why = at_least("no-such-program", (1, 0)).unwrap_err();
        assert!(why.starts_with("no-such-program does not start: "), "{why}");
        assert!(at_least("cargo", (9_999, 0)).unwrap_err().contains("9999.0 or later is needed"));
    }

    #[test]
    fn packages_are_installed_once_for_each_lock() {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("lock");
        let mut installs = 0;
        for (text, expected) in [("one", 1), ("one", 1), ("two", 2)] {
            fs::write(&lock, text).unwrap();
            let install = || {
                installs += 1;
                Ok(())
            };
            installed_once(&lock, folder.path(), install).unwrap();
            assert_eq!(installs, expected);
        }
        fs::write(&lock, "three").unwrap();
        let failing = || Err(Trouble::new("install", "no network"));
        installed_once(&lock, folder.path(), failing).unwrap_err();
        installed_once(&lock, folder.path(), || Ok(())).unwrap();
    }
}
