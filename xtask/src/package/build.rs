//! The release build of the function, and what went into it.
//!
//! Owns cargo's arguments and the reading of its messages: what cargo says that it compiled is the
//! truth about features and crates, which no other command tells for one package of a workspace.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use crate::trouble::{Doing, Trouble};

/// What Lambda runs by default.
pub(super) const X86_64: &str = "x86_64-unknown-linux-gnu";
/// Its Graviton machines.
pub(super) const ARM64: &str = "aarch64-unknown-linux-gnu";

/// The package that becomes the function.
pub(super) const PACKAGE: &str = "sfai-router";
/// What a function has no use for: the stand-in for providers, and the watcher of a local file.
const LEFT_OUT: [&str; 2] = ["demo", "watch"];

/// A function, and what it was built from.
pub(super) struct Built {
    pub(super) program: PathBuf,
    pub(super) target: String,
    /// By cargo's package ids.
    pub(super) crates: BTreeMap<String, Compiled>,
}

/// A crate that was compiled.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Compiled {
    /// Sorted.
    pub(super) features: Vec<String>,
    /// Whether it is in the function, and not only in what built it.
    pub(super) shipped: bool,
}

/// Builds the function for a target.
///
/// # Errors
/// When cargo cannot be run, or fails; it has told why by then.
pub(super) fn build(top: &Path, target: &str) -> Result<Built, Trouble> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo
        .args(["build", "--release", "--locked", "--package", PACKAGE, "--bin", PACKAGE])
        .args(["--no-default-features", "--features", &features(top)?.join(",")])
        // Named even if it is this machine's: then what builds the function is kept apart.
        .args(["--target", target, "--message-format", "json-render-diagnostics"])
        .env("CARGO_ENCODED_RUSTFLAGS", remapped(top)?)
        .current_dir(top)
        .stderr(Stdio::inherit());
    let output = cargo.output().doing("start cargo")?;
    if !output.status.success() {
        let why = format!(
            "cargo ended with {}; `rustup target add {target}`, or a linker for it, may be what lacks",
            output.status
        );
        return Err(Trouble::new("build the function", why));
    }
    read(&String::from_utf8_lossy(&output.stdout), target)
}

/// What is on by default, less what a function has no use for.
fn features(top: &Path) -> Result<Vec<String>, Trouble> {
    let path = top.join("router/Cargo.toml");
    let text = std::fs::read_to_string(&path).doing(format!("read {}", path.display()))?;
    let manifest: toml::Table = text.parse().doing(format!("read {}", path.display()))?;
    let default = manifest.get("features").and_then(|it| it.get("default"));
    let default = default.and_then(toml::Value::as_array).doing("find the router's features")?;
    let names = default.iter().filter_map(toml::Value::as_str);
    Ok(names.filter(|it| !LEFT_OUT.contains(it)).map(str::to_owned).collect())
}

/// Flags that keep this machine's paths out of the function, which is then the same wherever it is
/// built, joined as cargo wants them.
fn remapped(top: &Path) -> Result<String, Trouble> {
    let home = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(std::env::home_dir()?.join(".cargo")));
    let home = home.doing("find cargo's folder")?;
    let maps = [(home.as_path(), "/cargo"), (top, "/sfai")];
    Ok(maps.map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display())).join("\x1f"))
}

/// What cargo tells of a compiled crate; of everything else it is the `reason` alone.
#[derive(Deserialize)]
struct Message {
    reason: String,
    #[serde(default)]
    package_id: String,
    #[serde(default)]
    features: Vec<String>,
    #[serde(default)]
    filenames: Vec<String>,
    executable: Option<PathBuf>,
}

fn read(messages: &str, target: &str) -> Result<Built, Trouble> {
    let mut built =
        Built { program: PathBuf::new(), target: target.to_owned(), crates: BTreeMap::new() };
    for line in messages.lines() {
        let message: Message = serde_json::from_str(line).doing("read what cargo says")?;
        if message.reason != "compiler-artifact" {
            continue;
        }
        let shipped = message.filenames.iter().any(|name| is_for(name, target));
        let compiled = built.crates.entry(message.package_id).or_default();
        compiled.shipped |= shipped;
        compiled.features.extend(message.features);
        compiled.features.sort();
        compiled.features.dedup();
        if let Some(program) = message.executable.filter(|_| shipped) {
            built.program = program;
        }
    }
    if built.program.as_os_str().is_empty() {
        return Err(Trouble::new("build the function", "cargo says that it made no program"));
    }
    Ok(built)
}

/// What is built for a target is in a folder of its name; what builds it is beside.
fn is_for(file: &str, target: &str) -> bool {
    Path::new(file).components().any(|part| part.as_os_str() == target)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn artifact(id: &str, features: &[&str], file: &str, executable: Option<&str>) -> String {
        json!({"reason": "compiler-artifact", "package_id": id, "features": features,
               "filenames": [file], "executable": executable, "fresh": true})
        .to_string()
    }

    #[test]
    fn what_is_shipped_is_told_from_what_builds_it() {
        let messages = [
            artifact("syn", &["full"], "/t/release/deps/libsyn.rlib", None),
            artifact("cc", &[], "/t/release/deps/libcc.rlib", None),
            json!({"reason": "build-script-executed", "package_id": "ring"}).to_string(),
            artifact("bytes", &["std"], &format!("/t/{X86_64}/release/deps/libbytes.rlib"), None),
            artifact("bytes", &["default"], "/t/release/deps/libbytes.rlib", None),
            artifact("router", &[], &format!("/t/{X86_64}/release/r"), Some("/t/r")),
            json!({"reason": "build-finished", "success": true}).to_string(),
        ];
        let built = read(&messages.join("\n"), X86_64).unwrap();
        assert_eq!(built.program, Path::new("/t/r"));
        let crates: Vec<_> = built.crates.iter().map(|(id, it)| (&**id, it.shipped)).collect();
        assert_eq!(crates, [("bytes", true), ("cc", false), ("router", true), ("syn", false)]);
        assert_eq!(built.crates["bytes"].features, ["default", "std"]);
    }

    #[test]
    fn a_build_without_a_program_is_none() {
        let library = artifact("bytes", &[], &format!("/t/{X86_64}/release/libbytes.rlib"), None);
        assert!(read(&library, X86_64).is_err());
        assert!(read("warning: not JSON", X86_64).is_err());
    }

    #[test]
    fn the_function_has_neither_demo_nor_watcher() {
        let found = features(&Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap();
        assert!(!found.iter().any(|it| it == "demo" || it == "watch"), "{found:?}");
    }
}
