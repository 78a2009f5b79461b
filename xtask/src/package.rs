//! The function as it is deployed: `cargo xtask package`.
//!
//! Owns the order and what is told: the build, the gate, the zip and the bill of materials are the
//! modules below.

mod archive;
mod build;
mod elf;
mod sbom;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::trouble::{Doing, Trouble};
use build::Built;
use elf::Version;

/// What can be chosen.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// What the function runs on; its standard library must be installed
    #[arg(long, default_value = build::X86_64, value_parser = [build::X86_64, build::ARM64])]
    target: String,
}

/// The GNU C library of Amazon Linux 2023.
const NEWEST_GLIBC: Version = Version(2, 34);

/// Where everything is put.
fn folder() -> Result<PathBuf, Trouble> {
    Ok(top()?.join("target/package"))
}

/// The checkout, by its full path.
fn top() -> Result<PathBuf, Trouble> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    fs::canonicalize(&top).doing(format!("find {}", top.display()))
}

/// Packs the function for what Lambda runs by default.
pub(crate) fn by_default() -> Result<(), Trouble> {
    run(&Options { target: build::X86_64.to_owned() })
}

/// Builds, checks and packs the function.
pub(crate) fn run(options: &Options) -> Result<(), Trouble> {
    let built = build::build(&top()?, &options.target)?;
    let program = fs::read(&built.program).doing(format!("read {}", built.program.display()))?;
    let needed = elf::newest_glibc(&program).doing("read the function's symbols")?;
    gate(needed)?;
    let zip = archive::pack(&program).doing("pack the function")?;
    let bill = sbom::write(&top()?, &built, &program)?;
    write(&built, &program, &zip, &bill)?;
    println!("GLIBC: needs {needed}, may need {NEWEST_GLIBC}");
    println!("bootstrap: {}", size(program.len()));
    println!("bootstrap.zip: {}", size(zip.len()));
    println!("sbom.cdx.json: {} crates", built.crates.len());
    println!("all in {}", folder()?.display());
    Ok(())
}

/// Refuses what would not start on Lambda.
fn gate(needed: Version) -> Result<(), Trouble> {
    if needed <= NEWEST_GLIBC {
        return Ok(());
    }
    let why = format!(
        "it needs GLIBC {needed}, and Amazon Linux 2023 has {NEWEST_GLIBC}: build it on an older system, such as Debian 12 or Amazon Linux 2023 itself"
    );
    Err(Trouble::new("deploy what was built here", why))
}

/// Writes the zip, what is in it, and the bill; what an earlier run left there goes.
fn write(built: &Built, program: &[u8], zip: &[u8], bill: &str) -> Result<(), Trouble> {
    let folder = folder()?;
    if folder.exists() {
        fs::remove_dir_all(&folder).doing(format!("empty {}", folder.display()))?;
    }
    let function = folder.join("function");
    fs::create_dir_all(&function).doing(format!("create {}", function.display()))?;
    let put = |path: &Path, bytes: &[u8]| {
        fs::write(path, bytes).doing(format!("write {}", path.display()))
    };
    let bootstrap = function.join("bootstrap");
    put(&bootstrap, program)?;
    // The copy keeps the right to be run, where the system has one.
    let rights = fs::metadata(&built.program).doing("read the function's rights")?.permissions();
    fs::set_permissions(&bootstrap, rights).doing("let the function be run")?;
    put(&folder.join("bootstrap.zip"), zip)?;
    put(&folder.join("sbom.cdx.json"), bill.as_bytes())
}

/// In bytes, and in millions of them as AWS counts.
fn size(bytes: usize) -> String {
    let tenths = (bytes + 50_000) / 100_000;
    format!("{bytes} bytes ({}.{} MB)", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_function_that_lambda_cannot_start_is_refused() {
        assert!(gate(Version(2, 34)).is_ok() && gate(Version(2, 9)).is_ok());
        let told = gate(Version(2, 35)).unwrap_err().to_string();
        assert!(told.contains("needs GLIBC 2.35, and Amazon Linux 2023 has 2.34"), "{told}");
        assert!(gate(Version(3, 0)).is_err());
    }

    #[test]
    fn sizes_are_rounded_to_tenths_of_megabytes() {
        assert_eq!(size(0), "0 bytes (0.0 MB)");
        assert_eq!(size(4_349_999), "4349999 bytes (4.3 MB)");
        assert_eq!(size(9_950_000), "9950000 bytes (10.0 MB)");
    }
}
