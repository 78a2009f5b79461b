//! What is measured once a process: its start, its size, and a whole `sfai-dsl check`.

use std::process::Command;
use std::time::Instant;

use crate::bench::process::healthy;
use crate::bench::report::{Aim, Row, median};
use crate::bench::subject::Bench;
use crate::program::thousand_roles;
use crate::trouble::{Doing, Trouble};

/// From the start to the first 200, in ms.
const START_AIM: f64 = 15.0;
/// The stripped binary, in MB.
const SIZE_AIM: f64 = 12.0;
/// `check` of 1,000 roles, whole process, in ms.
const CHECK_AIM: f64 = 25.0;

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

/// `sfai-dsl check` of a generated program of 1,000 roles, whole process.
pub(in crate::bench) fn check(bench: &Bench, quick: bool) -> Result<Vec<Row>, Trouble> {
    let folder = bench.scratch().join("routes");
    std::fs::create_dir_all(&folder).doing("make a folder for the program")?;
    let program = thousand_roles(1000);
    std::fs::write(folder.join("roles.sfr"), &program).doing("write the program")?;
    let mut times = Vec::new();
    for _ in 0..if quick { 5 } else { 40 } {
        let mut command = Command::new(&bench.programs.dsl);
        command.arg("check").arg("routes").current_dir(bench.scratch());
        let start = Instant::now();
        let output = command.output().doing("run sfai-dsl check")?;
        times.push(start.elapsed().as_secs_f64() * 1e3);
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let said: String = said.chars().take(2000).collect();
            return Err(Trouble::new("check the generated program", said));
        }
    }
    Ok(vec![Row {
        what: format!("check of 1,000 roles, {} kB", program.len() / 1000),
        unit: "ms",
        proxy: None,
        router: median(times),
        ratio: None,
        aim: Aim::Value(CHECK_AIM),
    }])
}
