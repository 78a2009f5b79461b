//! `cargo xtask bench`: the router beside a plain reverse proxy, both measured in one run.
//!
//! Owns the order of the measurements; how each is made is in [`measure`] and `docs/benchmarks.md`.

mod aws;
pub(crate) mod layout;
mod load;
mod measure;
mod process;
pub(crate) mod proxy;
mod report;
mod serve;
pub(crate) mod soak;
mod subject;
pub(crate) mod upstream;
mod wire;

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::ValueEnum;

use crate::trouble::{Doing, Trouble};
use report::Row;
use subject::{Bench, Programs};

/// What to measure, and where to.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Fewer and shorter rounds: to see that all works, not to judge by
    #[arg(long)]
    quick: bool,
    /// Only these measurements
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Measurement>,
    /// Write the figures as JSON, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measure with this program, which is a release build
    #[arg(long, hide = true)]
    built: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Measurement {
    /// Time added to the first token and to a whole answer
    Latency,
    /// CPU time of 1,000 whole answers
    Requests,
    /// CPU time of a million events
    Events,
    /// Memory of 1,000 open streams
    Memory,
    /// Time from the start to the first 200, and the binary's size
    Start,
    /// A cold start as a Lambda function, beside the smallest one
    Cold,
    /// Time added to each chunk of a stream on Lambda
    Chunks,
    /// `sfai-dsl check` of 1,000 roles
    Check,
    /// `sfai-dsl check` beside other linters
    Linters,
    /// Streams translated, without sockets
    Translation,
}

/// Builds what is measured, measures it, and prints a table.
///
/// # Errors
/// When a program cannot be built or started, or an answer is not complete.
pub(crate) fn run(options: &Options) -> Result<(), Trouble> {
    let this = std::env::current_exe().doing("find this program")?;
    let folder = this.parent().doing("find the folder of this program")?;
    if options.built {
        return measure_all(options, folder);
    }
    // The router by itself, as it is shipped: with others its dependencies have more features, and
    // functions get names that `hot.ld` does not know.
    build(&["-p", "sfai-router"])?;
    build(&["-p", "sfai-dsl", "-p", "xtask"])?;
    for (measurement, example) in
        [(Measurement::Cold, HELLO), (Measurement::Translation, TRANSLATION)]
    {
        if options.only.is_empty() || options.only.contains(&measurement) {
            build(&["-p", "sfai-router", "--example", example])?;
        }
    }
    // `target/debug/xtask` hands over to `target/release/xtask`: the proxy, the upstream and the
    // client are as optimised as the router.
    let release = folder.parent().doing("find the target folder")?.join("release/xtask");
    let status = Command::new(&release).args(std::env::args_os().skip(1)).arg("--built").status();
    let status = status.doing(format!("run {}", release.display()))?;
    if status.success() { Ok(()) } else { Err(Trouble::new("measure", status.to_string())) }
}

/// The smallest Lambda function.
const HELLO: &str = "hello_lambda";

/// What translates streams and nothing else.
const TRANSLATION: &str = "translation";

fn build(what: &[&str]) -> Result<(), Trouble> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status =
        Command::new(cargo).args(["build", "--release"]).args(what).status().doing("run cargo")?;
    if status.success() {
        return Ok(());
    }
    Err(Trouble::new("build the release", status.to_string()))
}

/// Where a build puts them.
fn programs(folder: &Path) -> Programs {
    Programs {
        xtask: folder.join("xtask"),
        router: folder.join("sfai-router"),
        dsl: folder.join("sfai-dsl"),
        hello: folder.join("examples").join(HELLO),
        translation: folder.join("examples").join(TRANSLATION),
    }
}

fn measure_all(options: &Options, folder: &Path) -> Result<(), Trouble> {
    let bench = Bench::start(programs(folder))?;
    let runtime = serve::runtime()?;
    let mut rows = Vec::new();
    for measurement in Measurement::value_variants() {
        if options.only.is_empty() || options.only.contains(measurement) {
            eprintln!("measuring: {measurement:?}");
            rows.extend(runtime.block_on(measured(*measurement, &bench, options.quick))?);
        }
    }
    println!("{}", report::table(&rows));
    write_json(options, &rows)
}

async fn measured(
    measurement: Measurement,
    bench: &Bench,
    quick: bool,
) -> Result<Vec<Row>, Trouble> {
    match measurement {
        Measurement::Latency => measure::latency(bench, quick).await,
        Measurement::Requests => measure::requests(bench, quick).await,
        Measurement::Events => measure::events(bench, quick).await,
        Measurement::Memory => measure::memory(bench, quick).await,
        Measurement::Start => measure::start(bench, quick),
        Measurement::Cold => measure::cold(bench, quick).await,
        Measurement::Chunks => measure::chunks(bench, quick).await,
        Measurement::Check => measure::check(bench, quick),
        Measurement::Linters => measure::linters(bench, quick),
        Measurement::Translation => measure::translation(bench),
    }
}

fn write_json(options: &Options, rows: &[Row]) -> Result<(), Trouble> {
    let Some(path) = &options.json else { return Ok(()) };
    let text = format!("{:#}\n", report::json(rows));
    std::fs::write(path, text).doing(format!("write {}", path.display()))
}
