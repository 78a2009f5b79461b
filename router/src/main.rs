//! The `sfai-router` binary: picks the front and starts it.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use sfai_router::cli::{Cli, Command, Keys};
use sfai_router::{keys, log, start};

/// A request's memory is given back on another thread than it was taken on: the system's allocator
/// makes them wait for each other (`docs/benchmarks.md`).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        Some(Command::Keys { command: Keys::New { name } }) => print_new_key(name),
        None => start::run(&cli),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            log::say(&why);
            // 2: it could not run, as in sfai-dsl.
            ExitCode::from(2)
        }
    }
}

/// On stdout: what the client sends, and what the router is given.
fn print_new_key(name: &str) -> Result<(), String> {
    let new = keys::new(name)?;
    let text = format!("key     {}\nstored  {}\n", new.key, new.stored);
    std::io::stdout().write_all(text.as_bytes()).map_err(|error| error.to_string())
}
