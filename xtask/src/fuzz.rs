//! Inputs that nobody would write, through everything that reads: `cargo xtask fuzz`.
//!
//! Owns the run, its clock and what is kept of a crash; how inputs are made is in [`mutate`]. It
//! knows nothing of coverage, so that it needs no other compiler than the project's own; with
//! `--guided` it hands over to [`guided`].

mod guided;
mod mutate;
mod read;
mod seeds;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Args;
use sfai_dsl::rules::PRELUDE;

use crate::trouble::{Doing, Trouble};
use mutate::Mutator;

/// What can be chosen.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// How long to go on, with each target of the guided ones
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Which inputs to make; the same ones for the same number
    #[arg(long)]
    seed: Option<u64>,
    /// Let libFuzzer make them, led by what they reach; needs a C++ compiler
    #[arg(long)]
    guided: bool,
    /// Of the guided targets these alone: routes, map, stream, answer, request,
    /// bedrock, door
    #[arg(long, value_delimiter = ',', requires = "guided")]
    only: Vec<String>,
}

/// How long one input may take; builds without optimisation are given more.
const LONGEST: Duration = Duration::from_secs(if cfg!(debug_assertions) { 5 } else { 1 });

/// What an input is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Routes,
    Map,
}

impl Target {
    const fn ending(self) -> &'static str {
        match self {
            Self::Routes => "sfr",
            Self::Map => "json",
        }
    }
}

/// Feeds inputs until the time is over, or one of them is too much.
pub(crate) fn run(options: &Options) -> Result<(), Trouble> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let top = top.canonicalize().doing("find the checkout")?;
    let kept = top.join("target/fuzz");
    fs::create_dir_all(&kept).doing("create target/fuzz")?;
    let routes = corpus(&top, &["routes", "dsl/tests/canonical", "dsl/tests/golden"], ".sfr")?;
    let maps = corpus(&top, &["dsl/tests/golden", "model_map.json"], ".json")?;
    let seed = options.seed.unwrap_or_else(|| fastrand::u64(..));
    if options.guided {
        let mut seeds = guided_seeds(&top, routes, maps)?;
        if let Some(name) = options.only.iter().find(|it| !seeds.iter().any(|(is, _)| is == it)) {
            return Err(Trouble::new("choose the targets", format!("there is no `{name}`")));
        }
        seeds.retain(|(name, _)| {
            options.only.is_empty() || options.only.iter().any(|it| it == name)
        });
        return guided::run(&top, &kept, seeds, options.seconds, seed);
    }
    let mut mutator = Mutator::new(seed);
    let (started, mut count, mut bytes) = (Instant::now(), 0_u64, 0_usize);
    let mut slowest = Duration::ZERO;
    while started.elapsed() < Duration::from_secs(options.seconds) {
        let target = if mutator.one_in(5) { Target::Map } else { Target::Routes };
        let input = mutator.input(if target == Target::Map { &maps } else { &routes });
        // Should the process be ended by it, it is there.
        let last = kept.join(format!("last.{}", target.ending()));
        fs::write(&last, &input).doing("keep an input")?;
        let begun = Instant::now();
        let outcome = catch_unwind(AssertUnwindSafe(|| read(target, &input)));
        let took = begun.elapsed();
        slowest = slowest.max(took);
        let wrong = match outcome {
            Err(_) => Some("it panics".to_owned()),
            Ok(Err(why)) => Some(why),
            Ok(Ok(())) if took > LONGEST => Some(format!("it takes {} ms", took.as_millis())),
            Ok(Ok(())) => None,
        };
        if let Some(why) = wrong {
            return Err(keep(&kept, target, seed, &input, &why)?);
        }
        count += 1;
        bytes += input.len();
    }
    let seconds = started.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let rate = count as f64 / seconds;
    println!(
        "fuzz: {count} inputs of {} KiB in {seconds:.0} s, {rate:.0} a second, the slowest {} ms; \
         seed {seed}: no panic, no hang",
        bytes >> 10,
        slowest.as_millis(),
    );
    Ok(())
}

/// Inputs that a run begins with.
type Seeds = Vec<Vec<u8>>;

/// What each guided target begins with. The recordings beside the checkout are used where they are.
fn guided_seeds(
    top: &Path,
    routes: Seeds,
    maps: Seeds,
) -> Result<Vec<(&'static str, Seeds)>, Trouble> {
    let recorded = top.join("../shared/recorded");
    Ok(vec![
        ("routes", routes),
        ("map", maps),
        ("stream", seeds::streams(&recorded)?),
        ("answer", seeds::answers(&recorded)?),
        ("request", seeds::requests(top, &recorded)?),
        ("bedrock", seeds::bedrock(&recorded)?),
        ("door", seeds::doors()),
    ])
}

/// Reads an input in every way there is; says what is wrong with what came of it.
fn read(target: Target, input: &[u8]) -> Result<(), String> {
    match target {
        Target::Routes => read::routes(input),
        Target::Map => read::map(input),
    }
}

/// Writes a bad input down, and says where.
fn keep(
    folder: &Path,
    target: Target,
    seed: u64,
    input: &[u8],
    why: &str,
) -> Result<Trouble, Trouble> {
    let path = folder.join(format!("crash-{seed}.{}", target.ending()));
    fs::write(&path, input).doing("keep the input")?;
    Ok(Trouble::new(
        "read an input",
        format!("{why}; seed {seed}, it is kept in {}", path.display()),
    ))
}

/// Every file of that ending, those of routes with the providers that examples stand beside.
fn corpus(top: &Path, paths: &[&str], ending: &str) -> Result<Vec<Vec<u8>>, Trouble> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = paths.iter().map(|path| top.join(path)).collect();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(&path).doing(format!("read {}", path.display()))? {
                open.push(entry.doing("read a folder")?.path());
            }
        } else if path.to_string_lossy().ends_with(ending) {
            let mut bytes = fs::read(&path).doing(format!("read {}", path.display()))?;
            if ending == ".sfr" {
                bytes.extend_from_slice(PRELUDE.as_bytes());
            }
            found.push(bytes);
        }
    }
    found.sort_unstable();
    Ok(found)
}
