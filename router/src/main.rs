//! The `sfai-router` binary: picks the front and starts it.

use std::process::ExitCode;

use clap::Parser;
use sfai_router::cli::Cli;
use sfai_router::{log, start};

fn main() -> ExitCode {
    match start::run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            log::say(&why);
            // 2: it could not run, as in sfai-dsl.
            ExitCode::from(2)
        }
    }
}
