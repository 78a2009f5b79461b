//! `sfai-dsl check` beside linters that are known for their speed, on inputs of like size.
//!
//! Owns the inputs and the turns; the linters are installed by name and version where they are
//! missing.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use crate::bench::report::{Aim, Row, median};
use crate::bench::subject::Bench;
use crate::program;
use crate::trouble::{Doing, Trouble};

/// The linters, from PyPI.
const LINTERS: [&str; 2] = ["ruff==0.17.6", "taplo==0.9.3"];

/// How many roles, and the most that their check may take in ms, whole process.
const SIZES: [(usize, f64); 3] = [(10, 4.0), (1_000, 20.0), (10_000, 150.0)];

/// The most memory that `check` of the largest may take, in MB.
const PEAK_AIM: f64 = 60.0;

/// The whole process of each on 10, 1,000 and 10,000 roles, functions and tables, in turns.
pub(in crate::bench) fn linters(bench: &Bench, quick: bool) -> Result<Vec<Row>, Trouble> {
    let Some(bin) = installed(bench)? else {
        eprintln!("linters: skipped, since there is no python3 to install them with");
        return Ok(Vec::new());
    };
    let mut rows = Vec::new();
    for (roles, most) in SIZES {
        let folder = bench.scratch().join(format!("linters-{roles}"));
        let bytes = write_inputs(&folder, roles)?;
        let mut times: [Vec<f64>; 3] = Default::default();
        let rounds = if quick { 3 } else { (40_000 / roles).clamp(9, 40) };
        for _ in 0..rounds {
            for (tool, taken) in times.iter_mut().enumerate() {
                taken.push(timed(&mut command(bench, &bin, tool), &folder)?);
            }
        }
        let [own, ruff, taplo] = times.map(median);
        let row = |beside: &str, other: f64, aim| Row {
            what: format!("check of {roles} roles, {} kB, beside {beside}", bytes / 1000),
            unit: "ms",
            proxy: Some(other),
            router: own,
            ratio: Some(own / other),
            aim,
        };
        rows.push(row("ruff", ruff, Aim::Value(most)));
        rows.push(row("taplo", taplo, Aim::Ratio(1.0)));
    }
    rows.extend(peaks(bench, &bin)?);
    Ok(rows)
}

/// The most memory that the check of the largest input takes, beside Ruff's.
fn peaks(bench: &Bench, bin: &Path) -> Result<Option<Row>, Trouble> {
    let Some((roles, _)) = SIZES.last() else { return Ok(None) };
    let folder = bench.scratch().join(format!("linters-{roles}"));
    let [own, ruff] = [0, 1].map(|tool| peak(&mut command(bench, bin, tool), &folder));
    let (own, ruff) = (own?, ruff?);
    Ok(Some(Row {
        what: format!("memory of a check of {roles} roles, beside ruff"),
        unit: "MB",
        proxy: Some(ruff),
        router: own,
        ratio: Some(own / ruff),
        aim: Aim::Value(PEAK_AIM),
    }))
}

/// The most resident memory of a process, in MB. The kernel keeps that figure until the process
/// ends, so it is looked at over and over until then.
fn peak(command: &mut Command, folder: &Path) -> Result<f64, Trouble> {
    let mut child = command.current_dir(folder).spawn().doing(format!("run {command:?}"))?;
    let status = format!("/proc/{}/status", child.id());
    let mut most = 0_u32;
    while child.try_wait().doing("wait for a linter")?.is_none() {
        let status = std::fs::read_to_string(&status).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
        most = most.max(kib.unwrap_or_default());
    }
    Ok(f64::from(most) * 1.024e-3)
}

/// The folder of the linters' programs; none where there is no Python.
fn installed(bench: &Bench) -> Result<Option<PathBuf>, Trouble> {
    let python = Command::new("python3").arg("--version").stdout(Stdio::null()).status();
    if !python.is_ok_and(|status| status.success()) {
        return Ok(None);
    }
    let environment = bench.scratch().join("linters");
    let run = |command: &mut Command| {
        let status = command.status().doing("install the linters")?;
        let failed = || Trouble::new("install the linters", status.to_string());
        if status.success() { Ok(()) } else { Err(failed()) }
    };
    run(Command::new("python3").args(["-m", "venv"]).arg(&environment))?;
    let bin = environment.join("bin");
    run(Command::new(bin.join("pip"))
        .args(["install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"])
        .args(LINTERS))?;
    Ok(Some(bin))
}

fn command(bench: &Bench, bin: &Path, tool: usize) -> Command {
    let (program, arguments): (PathBuf, &[&str]) = match tool {
        0 => (bench.programs.dsl.clone(), &["check", "roles.sfr"]),
        1 => (bin.join("ruff"), &["check", "--isolated", "--no-cache", "functions.py"]),
        _ => (bin.join("taplo"), &["check", "--no-schema", "tables.toml"]),
    };
    let mut command = Command::new(program);
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// In ms; an input with findings would measure something else.
fn timed(command: &mut Command, folder: &Path) -> Result<f64, Trouble> {
    let start = Instant::now();
    let status = command.current_dir(folder).status().doing(format!("run {command:?}"))?;
    let taken = start.elapsed().as_secs_f64() * 1e3;
    if status.success() {
        return Ok(taken);
    }
    Err(Trouble::new(format!("run {command:?}"), status.to_string()))
}

/// Writes a program of so many roles, and as many functions and tables that are as long.
fn write_inputs(folder: &Path, roles: usize) -> Result<usize, Trouble> {
    std::fs::create_dir_all(folder).doing("make a folder for the linters")?;
    let program = program::with_arms(roles);
    let (mut functions, mut tables) = (String::new(), String::new());
    for number in 0..roles {
        // Writing to a String cannot fail.
        let _ = write!(
            functions,
            "\n\ndef worker_{number}(tokens: int, image: bool) -> list[str]:\n    \"\"\"Worker number {number} of a team.\"\"\"\n    if tokens > 200_000:\n        return [\"opus\", \"gpt\"]\n    if image:\n        return [\"gpt\", \"sonnet\"]\n    limits = {{\"first_token\": {}, \"total\": 240}}\n    return [\"sonnet\", str(limits)]\n",
            5 + number % 10
        );
        let _ = write!(
            tables,
            "[worker_{number}]\nabout = \"Worker number {number} of a team\"\nchain = [\"sonnet\", \"gpt\", \"gpt_mini\"]\nlong = {{ over = 200_000, chain = [\"opus\", \"gpt\"] }}\nimage = {{ chain = [\"gpt\", \"sonnet\"] }}\ntimeout = {{ first_token = {}, total = 240 }}\nmax_tokens = {}\n\n",
            5 + number % 10,
            2048 + number
        );
    }
    let files = [("roles.sfr", &program), ("functions.py", &functions), ("tables.toml", &tables)];
    for (name, text) in files {
        std::fs::write(folder.join(name), text).doing(format!("write {name}"))?;
    }
    Ok(program.len())
}
