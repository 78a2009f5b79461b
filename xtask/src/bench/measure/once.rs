//! What is measured once a process: its start, its size, and a whole `sfai-dsl check`.

use std::process::Command;
use std::time::Instant;

use crate::bench::process::healthy;
use crate::bench::report::{Aim, Row, median};
use crate::bench::subject::Bench;
use crate::program::{thousand_roles, with_findings};
use crate::trouble::{Doing, Trouble};

/// From the start to the first 200, in ms.
const START_AIM: f64 = 15.0;
/// The stripped binary, in MB.
const SIZE_AIM: f64 = 12.0;
/// `check` of 1,000 roles, whole process, in ms.
const CHECK_AIM: f64 = 25.0;
/// `check` that draws 2,000 findings, whole process, in ms.
const DRAWING_AIM: f64 = 1_000.0;

/// From the start of the process to the first 200, and the size of the program.
pub(in crate::bench) fn start(bench: &Bench, quick: bool) -> Result<Vec<Row>, Trouble> {
    let mut times = Vec::new();
    for _ in 0..if quick { 5 } else { 30 } {
        let start = Instant::now();
        let mut router = bench.router_starting()?;
        router.wait(healthy)?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
    }
    let path = &bench.programs.router;
    let size = std::fs::metadata(path).doing(format!("read {}", path.display()))?.len();
    let size = f64::from(u32::try_from(size).unwrap_or(u32::MAX)) / 1e6;
    let row = |what: &str, unit, router, aim| Row {
        what: what.into(),
        unit,
        proxy: None,
        router,
        ratio: None,
        aim: Aim::Value(aim),
    };
    Ok(vec![
        row("start to the first 200", "ms", median(times), START_AIM),
        row("stripped binary", "MB", size, SIZE_AIM),
    ])
}

/// `sfai-dsl check` of a generated program of 1,000 roles, and of one with 2,000 findings, which it
/// draws for people: whole processes.
pub(in crate::bench) fn check(bench: &Bench, quick: bool) -> Result<Vec<Row>, Trouble> {
    let row = |what: String, taken, aim| Row {
        what,
        unit: "ms",
        proxy: None,
        router: taken,
        ratio: None,
        aim: Aim::Value(aim),
    };
    let whole = thousand_roles(1000);
    let taken = check_of(bench, &whole, Some(0), if quick { 5 } else { 40 })?;
    let check = row(format!("check of 1,000 roles, {} kB", whole.len() / 1000), taken, CHECK_AIM);
    let broken = with_findings(2000);
    let taken = check_of(bench, &broken, Some(1), if quick { 3 } else { 10 })?;
    Ok(vec![check, row("check that draws 2,000 findings".into(), taken, DRAWING_AIM)])
}

/// The median of some runs, in ms; each must end with the exit code `ends`.
fn check_of(bench: &Bench, text: &str, ends: Option<i32>, runs: usize) -> Result<f64, Trouble> {
    let folder = bench.scratch().join("routes");
    std::fs::create_dir_all(&folder).doing("make a folder for the program")?;
    std::fs::write(folder.join("roles.sfr"), text).doing("write the program")?;
    let mut times = Vec::new();
    for _ in 0..runs {
        let mut command = Command::new(&bench.programs.dsl);
        command.arg("check").arg("routes").current_dir(bench.scratch());
        let start = Instant::now();
        let output = command.output().doing("run sfai-dsl check")?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        if output.status.code() != ends {
            let said = String::from_utf8_lossy(&output.stderr);
            let said: String = said.chars().take(2000).collect();
            return Err(Trouble::new("check the generated program", said));
        }
    }
    Ok(median(times))
}
