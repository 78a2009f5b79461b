//! `cargo xtask layout`: writes `router/hot.ld`, by which the linker puts together the functions that
//! each request passes through.
//!
//! Owns how they are found: the release build serves what the bench asks for, under Valgrind's
//! callgrind. What is read from that is [`calls`]' and what becomes of it [`script`]'s.

mod calls;
mod script;
mod symbols;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::load::Connection;
use super::process::{Process, healthy};
use super::serve;
use super::subject::{Bench, Programs, SHORT, router_target};
use super::wire::Dialect;
use crate::trouble::{Doing, Trouble};

pub(crate) use symbols::placed_together;

/// Where the router's build script looks for it.
const SCRIPT: &str = "router/hot.ld";

/// Requests of each kind. What is called that often is called for each of them.
const REQUESTS: u32 = 60;

/// Nothing can be chosen.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {}

/// Builds the router, watches it serve and writes the script.
///
/// # Errors
/// When Valgrind is not installed, a program cannot be built, or an answer is not complete.
pub(crate) fn run(_: &Options) -> Result<(), Trouble> {
    let valgrind = Command::new("valgrind").arg("--version").output();
    valgrind.doing("run valgrind, which Debian has as a package of that name")?;
    let programs = build()?;
    let router = fs::read(&programs.router).doing("read the router")?;
    let bench = Bench::start(programs)?;
    let seen = bench.scratch().join("callgrind.out");
    watch(&bench, &seen)?;
    let seen = fs::read_to_string(&seen).doing("read what callgrind saw")?;
    let called = calls::called(&seen, u64::from(REQUESTS));
    let written = script::write(&symbols::functions(&router)?, &called);
    fs::write(top().join(SCRIPT), &written.text).doing(format!("write {SCRIPT}"))?;
    println!("{SCRIPT}: {} names, {} kB of code", written.names, written.bytes / 1000);
    Ok(())
}

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The release build, in which functions have their names.
fn build() -> Result<Programs, Trouble> {
    super::build(&["-p", "xtask"])?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let router = ["rustc", "--release", "-p", "sfai-router", "--bin", "sfai-router"];
    let status = Command::new(cargo).args(router).args(["--", "-C", "strip=none"]).status();
    if !status.doing("run cargo")?.success() {
        return Err(Trouble::new("build the router", "cargo has told why"));
    }
    Ok(super::programs(&top().join("target/release")))
}

/// Serves what the bench asks for, both protocols and both forms, under callgrind.
fn watch(bench: &Bench, seen: &Path) -> Result<(), Trouble> {
    let mut router = bench.router_under("valgrind", |router| {
        let file = format!("--callgrind-out-file={}", seen.display());
        vec!["--tool=callgrind".into(), "--demangle=no".into(), file, router]
    })?;
    router.wait(healthy)?;
    serve::runtime()?.block_on(ask(&router))?;
    router.terminate()
}

async fn ask(router: &Process) -> Result<(), Trouble> {
    for dialect in Dialect::ALL {
        for streamed in [true, false] {
            let target = router_target(router, (dialect, SHORT, streamed));
            let mut connection = Connection::open(&target).await?;
            for _ in 0..REQUESTS {
                match streamed {
                    true => connection.first_token().await?,
                    false => connection.whole().await?,
                };
            }
        }
    }
    Ok(())
}
