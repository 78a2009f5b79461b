//! The same under libFuzzer, which keeps what reaches new code and goes on from there.
//!
//! Owns the building of `fuzz/`, its seeds and dictionary, and the figures of a run; what has to hold
//! of an input is in [`super::read`].

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::Seeds;
use super::mutate::WORDS;
use crate::trouble::{Doing, Trouble};

/// What makes rustc tell libFuzzer which code ran; all of it is known to the stable compiler.
const FLAGS: &str = "-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
    -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing -Clink-dead-code";

/// Words of the protocols, beside those of the language.
const WIRE: [&str; 46] = [
    "data: ",
    "event: ",
    "\n\n",
    "[DONE]",
    "\"choices\":[",
    "\"delta\":{",
    "\"content\":",
    "\"tool_calls\":[",
    "\"index\":",
    "\"finish_reason\":",
    "\"usage\":{",
    "\"error\":{",
    "\"type\":",
    "\"message_start\"",
    "\"content_block_start\"",
    "\"content_block_delta\"",
    "\"content_block_stop\"",
    "\"message_delta\"",
    "\"message_stop\"",
    "\"input_json_delta\"",
    "\"thinking_delta\"",
    "\"signature_delta\"",
    "\"text_delta\"",
    "\"tool_use\"",
    "\"tool_result\"",
    "\"messages\":[",
    "\"role\":\"user\"",
    "\"role\":\"assistant\"",
    "\"stream\":true",
    "\"input\":[",
    "\"prompt\":",
    "\"contentBlockIndex\":",
    "\"toolUse\":{",
    "\"reasoningContent\":{",
    "\"stopReason\":",
    "\"output\":{\"message\":{\"content\":[",
    "\"document\"",
    "POST /v1/chat/completions HTTP/1.1\r\n",
    "GET /v1/models HTTP/1.1\r\n",
    "Host: localhost\r\n",
    "Content-Length: 10\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Content-Encoding: gzip\r\n",
    "Authorization: Bearer ",
    "\r\n\r\n",
    "0\r\n\r\n",
];

/// The most bytes of an input, so that there are many a second.
const MOST: usize = 16 << 10;

/// Builds the harness and runs it on each target in turn, each for that long.
pub(super) fn run(
    top: &Path,
    kept: &Path,
    seeds: Vec<(&str, Seeds)>,
    seconds: u64,
    seed: u64,
) -> Result<(), Trouble> {
    let host = host()?;
    build(top, &host, seeds.iter().map(|(name, _)| *name))?;
    for (name, seeds) in seeds {
        let corpus = kept.join(format!("corpus-{name}"));
        plant(&corpus, &seeds)?;
        let words = kept.join("words.dict");
        fs::write(&words, dictionary()).doing("write the dictionary")?;
        let arguments = [
            format!("-max_total_time={}", seconds.max(1)),
            format!("-seed={}", (seed % u64::from(u32::MAX)).max(1)),
            format!("-max_len={MOST}"),
            format!("-dict={}", words.display()),
            format!("-artifact_prefix={}/{name}-", kept.display()),
            "-timeout=5".to_owned(),
            "-print_final_stats=1".to_owned(),
            corpus.display().to_string(),
        ];
        let log = kept.join(format!("{name}.log"));
        let to = fs::File::create(&log).doing("create the log")?;
        let binary = target_folder(top).join(&host).join("release").join(name);
        let mut command = Command::new(binary);
        command.args(arguments).stdout(Stdio::null()).stderr(to).current_dir(top);
        let status = command.status().doing("start the harness")?;
        let log_text = fs::read(&log).doing("read the log")?;
        let figures = figures(&String::from_utf8_lossy(&log_text));
        if !status.success() {
            let why = format!("see {}; the input is beside it", log.display());
            return Err(Trouble::new(format!("read an input of {name}"), why));
        }
        println!("fuzz: {name}: {figures}: no panic, no hang");
    }
    Ok(())
}

fn target_folder(top: &Path) -> PathBuf {
    top.join("target/guided")
}

/// The flags are for the harness alone and not for what runs while it is built, hence the explicit
/// target.
fn build<'a>(top: &Path, host: &str, names: impl Iterator<Item = &'a str>) -> Result<(), Trouble> {
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--release", "--locked", "--target", host]);
    command.arg("--manifest-path").arg(top.join("fuzz/Cargo.toml"));
    command.args(names.flat_map(|name| ["--bin", name]));
    command.env("CARGO_TARGET_DIR", target_folder(top)).env("RUSTFLAGS", FLAGS);
    if command.status().doing("start cargo")?.success() {
        return Ok(());
    }
    let why = "see above; if it is libfuzzer-sys: that needs a C++ compiler and libstdc++";
    Err(Trouble::new("build fuzz/", why))
}

fn host() -> Result<String, Trouble> {
    let output = Command::new("rustc").arg("-vV").output().doing("start rustc")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.doing("find the host's triple")?.to_owned())
}

/// Adds the seeds to what earlier runs have found.
fn plant(corpus: &Path, seeds: &[Vec<u8>]) -> Result<(), Trouble> {
    fs::create_dir_all(corpus).doing("create the corpus")?;
    for (number, bytes) in seeds.iter().filter(|bytes| bytes.len() <= MOST).enumerate() {
        fs::write(corpus.join(format!("seed-{number}")), bytes).doing("write a seed")?;
    }
    Ok(())
}

/// The words of the mutator, as libFuzzer reads them.
fn dictionary() -> String {
    let hex = |byte: u8| format!("\\x{byte:02x}");
    let line = |word: &&str| format!("\"{}\"\n", word.bytes().map(hex).collect::<String>());
    WORDS.iter().chain(&WIRE).map(line).collect()
}

/// What libFuzzer says at its end.
fn figures(log: &str) -> String {
    let last = log.lines().rev().find(|line| line.contains(" cov: ")).unwrap_or_default();
    let after = |key: &str| {
        let mut words = last.split_whitespace().skip_while(|word| *word != key);
        words.nth(1).unwrap_or("?").to_owned()
    };
    let stat = |key: &str| {
        let line = log.lines().find_map(|line| line.strip_prefix(&format!("stat::{key}:")));
        line.unwrap_or("?").trim().to_owned()
    };
    format!(
        "{} inputs, {} a second, {} edges, {} in the corpus, the slowest {} s, {} MiB",
        stat("number_of_executed_units"),
        stat("average_exec_per_sec"),
        after("cov:"),
        after("corp:"),
        stat("slowest_unit_time_sec"),
        stat("peak_rss_mb"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_figures_are_read_from_the_log() {
        let log = "#8 INITED cov: 10 ft: 12 corp: 3/9b\n#90 DONE   cov: 41 ft: 99 corp: 7/80b\n\
            stat::number_of_executed_units: 90\nstat::average_exec_per_sec:     45\n\
            stat::slowest_unit_time_sec:    0\nstat::peak_rss_mb:              77\n";
        let expected =
            "90 inputs, 45 a second, 41 edges, 7/80b in the corpus, the slowest 0 s, 77 MiB";
        assert_eq!(figures(log), expected);
    }

    #[test]
    fn the_dictionary_is_one_word_a_line() {
        assert_eq!(dictionary().lines().count(), WORDS.len() + WIRE.len());
        assert!(dictionary().contains("\"\\x0a\"\n"), "{}", dictionary());
    }
}
