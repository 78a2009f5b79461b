//! The `sfai-dsl` binary.

use std::process::ExitCode;

use clap::Parser;
use sfai_dsl::command::{Cli, run};

fn main() -> ExitCode {
    run(&Cli::parse()).into()
}
