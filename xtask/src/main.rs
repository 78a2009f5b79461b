//! The workspace's chores: `cargo xtask CHORE`.
//!
//! Owns the choice of the chore alone; each chore is one file, or one folder, of its own.

mod bench;
mod catalogue;
mod docs;
mod emulator;
mod fuzz;
mod package;
mod program;
mod test;
mod trouble;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "The workspace's chores")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Run every test
    Test(test::Options),
    /// Write what is generated of the documentation
    Docs(docs::Options),
    /// Read inputs that nobody would write
    Fuzz(fuzz::Options),
    /// Write the catalogue of models from its source
    Catalogue(catalogue::Options),
    /// Build the Lambda function, with its bill of materials
    Package(package::Options),
    /// Measure the router beside a plain reverse proxy
    Bench(bench::Options),
    /// Write the order in which the router's functions are linked
    Layout(bench::layout::Options),
    /// Many requests with faults and disconnects at random: nothing lost, nothing left
    Soak(bench::soak::Options),
    /// Twice the load that the router can serve
    Overload(bench::soak::overload::Options),
    /// The plain reverse proxy that the router is measured beside
    #[command(hide = true)]
    BenchProxy(bench::proxy::Options),
    /// The upstream that both are measured with
    #[command(hide = true)]
    BenchUpstream(bench::upstream::Options),
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().chore {
        Chore::Test(options) => test::run(&options),
        Chore::Docs(options) => docs::run(&options),
        Chore::Fuzz(options) => fuzz::run(&options),
        Chore::Catalogue(options) => catalogue::run(&options),
        Chore::Package(options) => package::run(&options),
        Chore::Bench(options) => bench::run(&options),
        Chore::Layout(options) => bench::layout::run(&options),
        Chore::Soak(options) => bench::soak::run(&options),
        Chore::Overload(options) => bench::soak::overload::run(&options),
        Chore::BenchProxy(options) => bench::proxy::run(&options),
        Chore::BenchUpstream(options) => bench::upstream::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(trouble) => {
            eprintln!("xtask: {trouble}");
            ExitCode::from(2)
        }
    }
}
