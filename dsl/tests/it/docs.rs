//! The documentation: its examples compile, its command lines run, its lists are whole.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sfai_dsl::rules::PRELUDE;

use crate::diff::git;
use crate::project::{Scratch, findings};

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    std::fs::read_to_string(top().join(path)).unwrap()
}

/// The README and the hand-written pages. Those of the rules are generated from examples that
/// `rules` tests.
fn pages() -> BTreeMap<String, String> {
    let docs = std::fs::read_dir(top().join("docs")).unwrap();
    let names = docs.map(|entry| format!("docs/{}", entry.unwrap().file_name().to_str().unwrap()));
    let pages = names.filter(|name| name.ends_with(".md")).chain(["README.md".to_owned()]);
    pages.map(|name| (name.clone(), read(&name))).collect()
}

/// The blocks that are fenced as `language`, each with the line that it starts on.
fn fenced<'p>(page: &'p str, language: &str) -> Vec<(usize, String)> {
    let mut blocks = Vec::new();
    let mut inside: Option<(bool, usize, Vec<&'p str>)> = None;
    for (number, line) in page.lines().enumerate() {
        let fence = line.strip_prefix("```");
        match (&mut inside, fence) {
            (None, Some(word)) => inside = Some((word == language, number + 2, Vec::new())),
            (None, None) => {}
            (Some((_, _, lines)), None) => lines.push(line),
            (Some(_), Some(_)) => {
                let (is_wanted, start, lines) = inside.take().unwrap();
                if is_wanted {
                    blocks.push((start, lines.join("\n") + "\n"));
                }
            }
        }
    }
    assert!(inside.is_none(), "a fence is not closed");
    blocks
}

/// An example that declares no provider stands beside the rules' prelude, and beside the model
/// `opus`, which the README's reader has from the committed routes.
fn example(text: &str) -> Scratch {
    let scratch = Scratch::new(&[("routes/example.sfr", text.as_bytes())]);
    // Not in an `env`: what stands there is indented.
    let declares = |what: &str| text.lines().any(|line| line.starts_with(what));
    if !declares("provider ") {
        let opus = "model opus     = anthropic/claude-opus-4-8\n";
        let opus = if declares("model opus ") { "" } else { opus };
        scratch.write("routes/prelude.sfr", format!("{PRELUDE}{opus}").as_bytes());
    }
    for name in ["house_style", "backend"] {
        scratch.write(&format!("routes/prompts/{name}.md"), b"Prefer boring technology.\n");
    }
    scratch
}

#[test]
fn every_example_in_the_docs_compiles_and_is_laid_out() {
    let mut wrong = Vec::new();
    let mut count = 0;
    for (page, text) in pages() {
        for (line, text) in fenced(&text, "sfr") {
            count += 1;
            let scratch = example(&text);
            let found = findings(&scratch.run(&["check", "--format", "json"]));
            let surprises = surprises(&text, &found);
            wrong.extend(surprises.map(|what| format!("{page}:{line}: {what}")));
            let compiles = found.iter().all(|one| one["severity"] != "error");
            let tests = compiles && text.contains("\ntest \"");
            let verbs =
                [(&["compile"][..], compiles), (&["test"], tests), (&["fmt", "--diff"], true)];
            for (verb, _) in verbs.into_iter().filter(|(_, runs)| *runs) {
                let output = scratch.run(verb);
                if output.status.code() != Some(0) {
                    let said = [output.stdout, output.stderr].concat();
                    let said = String::from_utf8_lossy(&said).into_owned();
                    wrong.push(format!("{page}:{line}: {}\n{said}", verb.join(" ")));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Else the blocks are no longer found.
    assert!(count >= 40, "{count} examples");
}

/// The codes that the comments of an example promise and that are not found, and the other way
/// round. An example need not use all that it declares.
fn surprises(text: &str, found: &[serde_json::Value]) -> impl Iterator<Item = String> {
    let comments = text.lines().filter_map(|line| line.split_once("# SFR"));
    let promised: BTreeSet<_> =
        comments.map(|(_, rest)| format!("SFR{}", rest.split_at(3).0)).collect();
    let codes = found.iter().map(|one| one["code"].as_str().unwrap().to_owned());
    let found: BTreeSet<_> = codes.filter(|code| code != "SFR044").collect();
    let missing = promised.difference(&found).map(|code| format!("no {code} is found"));
    let surplus = found.difference(&promised).map(|code| format!("{code} is found"));
    missing.chain(surplus).collect::<Vec<_>>().into_iter()
}

/// The arguments of the command lines for `sfai-dsl` that stand in blocks, fenced or indented.
fn command_lines(page: &str) -> Vec<Vec<&str>> {
    let mut in_fence = false;
    let mut found = Vec::new();
    for line in page.lines() {
        if line.starts_with("```") {
            in_fence = !in_fence;
        }
        let Some(line) = (if in_fence { Some(line) } else { line.strip_prefix("    ") }) else {
            continue;
        };
        let line = line.trim().trim_start_matches("$ ");
        let arguments = line
            .strip_prefix("sfai-dsl ")
            .or_else(|| line.strip_prefix("cargo run -p sfai-dsl -- "));
        if let Some(arguments) = arguments {
            let arguments = arguments.split(['#', '>']).next().unwrap();
            // Quotes and what comes after `>` are the shell's.
            let words = arguments.split_whitespace().map(|word| word.trim_matches('\''));
            found.push(words.collect());
        }
    }
    found
}

#[test]
fn every_command_line_in_the_docs_runs() {
    let routes = "role coder {\n  route sonnet -> gpt -> gpt_mini -> haiku\n}\n\
                  role economy {\n  route haiku -> gpt_mini\n}\n";
    let scratch = Scratch::new(&[
        ("routes/prelude.sfr", PRELUDE.as_bytes()),
        ("routes/coder.sfr", routes.as_bytes()),
    ]);
    // So that `compile --check`, `diff`, `explain` and `replay` have something to work on.
    for output in ["model_map.json", "before.json"] {
        assert_eq!(scratch.run(&["compile", "-o", output]).status.code(), Some(0));
    }
    let request = r#"{"model": "coder", "messages": [{"role": "user", "content": "Hello"}]}"#;
    scratch.write("request.json", request.as_bytes());
    let record = serde_json::json!({
        "attempts": [{"ended_ms": 9, "model": "anthropic/claude-sonnet-4-6", "started_ms": 1}],
        "draw": 17, "env": "default", "facts": {"messages": 1, "tokens": 10}, "id": "one",
        "map": "sha256:0", "outcome": "answered", "role": "coder", "rule": "routes/coder.sfr:2",
        "status": 200, "time": "2026-11-25T10:00:00Z", "total_ms": 9, "version": 1,
    });
    let litellm = "model_list:\n- model_name: coder\n  litellm_params:\n    model: openai/gpt-5.4\n    api_key: os.environ/OPENAI_API_KEY\n";
    scratch.write("config.yaml", litellm.as_bytes());
    let portkey = r#"{"provider": "openai", "override_params": {"model": "gpt-5.4"}}"#;
    scratch.write("config.json", portkey.as_bytes());
    let roles = r#"{"coder": {"provider": "openai", "model": "gpt-5.4"}}"#;
    scratch.write("models.json", roles.as_bytes());
    for path in ["audit.jsonl", "audit/dt=2026-11-25/hour=10/a.jsonl"] {
        scratch.write(path, record.to_string().as_bytes());
    }
    scratch.write("sfai.toml", b"[push]\ntarget = \"maps\"\n");
    let pushed = pushed(&scratch, routes);
    git(&scratch, &["init", "-q", "-b", "main"]);
    git(&scratch, &["add", "."]);
    git(&scratch, &["commit", "-q", "-m", "first"]);
    #[cfg(feature = "live")]
    let router = crate::served::Fake::serving(scratch.path().join("maps/config/model_map.json"));
    let mut count = 0;
    // Those on deployment work on an account; `infra/tests` holds them against the programs' help.
    let of_account = ["docs/deploy.md", "docs/deploy.ja.md", "docs/operations.md"];
    for (page, text) in pages().into_iter().filter(|(page, _)| !of_account.contains(&&**page)) {
        // `watch` ends when it is told to; its own tests see to it, and those of S3 to its buckets.
        let is_for_here = |it: &Vec<&str>| it[0] != "watch" && !it.join(" ").contains("s3://");
        for mut arguments in command_lines(&text).into_iter().filter(is_for_here) {
            count += 1;
            let is_trial = arguments[0] == "status" || arguments.contains(&"--dry-run");
            let asks = ["push", "rollback"].contains(&arguments[0]) && !is_trial;
            if asks && !arguments.contains(&"--yes") {
                arguments.push("--yes");
            }
            for word in arguments.iter_mut().filter(|word| **word == "6f0c1d2e") {
                *word = &pushed;
            }
            #[cfg(feature = "live")]
            let url = router.url();
            #[cfg(feature = "live")]
            if asks || is_trial {
                let urls = arguments.iter_mut().filter(|word| word.starts_with("https://"));
                urls.for_each(|word| *word = &url);
            }
            let output = crate::store::run(&scratch, &arguments);
            let code = output.status.code();
            let is_well = code == Some(0) || (is_trial && code == Some(1));
            assert!(is_well, "{page}: {arguments:?}: {output:?}");
        }
    }
    assert!(count >= 40, "{count} command lines");
}

/// Pushes some programs, and gives the digits that one of them starts with.
fn pushed(scratch: &Scratch, routes: &str) -> String {
    let mut pushed = Vec::new();
    for about in ["one", "two", "three", "four", "five", "six"] {
        let routes = routes.replace("coder {", &format!("coder {{\n  about \"{about}\""));
        scratch.write("routes/coder.sfr", routes.as_bytes());
        crate::store::succeed(scratch, &["push", "--yes"]);
        let map = model_map::load(&scratch.read("maps/config/model_map.json").unwrap()).unwrap();
        pushed.push(map.digest.trim_start_matches("sha256:").split_at(8).0.to_owned());
    }
    scratch.write("routes/coder.sfr", routes.as_bytes());
    pushed.swap_remove(4)
}

#[test]
fn every_verb_has_its_section() {
    let output = Scratch::new(&[]).run(&["--help"]);
    let help = String::from_utf8(output.stdout).unwrap();
    let (_, verbs) = help.split_once("Commands:").unwrap();
    let (verbs, _) = verbs.split_once("Options:").unwrap();
    let verbs = verbs.lines().filter_map(|line| line.strip_prefix("  "));
    let verbs = verbs.filter_map(|line| line.split_whitespace().next());
    let page = read("docs/cli.md");
    let known: Vec<_> = verbs.filter(|verb| *verb != "help").collect();
    assert!(known.contains(&"check"), "{help}");
    for verb in known {
        assert!(page.contains(&format!("\n## {verb}\n")), "{verb}");
    }
}

/// It has a lock file of its own, which nothing else brings up to date.
#[test]
fn the_harness_of_the_fuzzers_knows_every_dependency() {
    let lock: toml::Table = read("fuzz/Cargo.lock").parse().unwrap();
    let packages = lock["package"].as_array().unwrap();
    for (folder, name) in
        [("model_map", "model-map"), ("dsl", "sfai-dsl"), ("router", "sfai-router")]
    {
        let package = packages.iter().find(|it| it["name"].as_str() == Some(name)).unwrap();
        let locked = package["dependencies"].as_array().unwrap().iter();
        // Of several versions of a crate each is named with its own.
        let locked = locked.map(|it| it.as_str().unwrap().split(' ').next().unwrap());
        let locked: BTreeSet<&str> = locked.collect();
        let manifest: toml::Table = read(&format!("{folder}/Cargo.toml")).parse().unwrap();
        // What is left out unless it is asked for may be left out there.
        let always = manifest["dependencies"].as_table().unwrap().iter();
        let always = always.filter(|(_, it)| it.get("optional").is_none()).map(|(name, _)| name);
        let lacking: Vec<_> = always.filter(|name| !locked.contains(name.as_str())).collect();
        assert!(lacking.is_empty(), "{name}: `cargo update -w` in fuzz/ is due for {lacking:?}");
    }
}

#[test]
fn every_dependency_is_argued_and_used() {
    let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
    let declared = manifest["workspace"]["dependencies"].as_table().unwrap();
    let outside = declared.iter().filter(|(_, value)| value.get("path").is_none());
    let expected: Vec<_> = outside.map(|(name, _)| name.clone()).collect();
    let page = read("docs/dependencies.md");
    // The second table, of what the tests install, is no part of the manifest.
    let (table, _) = page.split_once("\n## ").unwrap();
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(2);
    let rows: Vec<_> = rows.map(|line| line.split('|').map(str::trim).collect()).collect();
    for row in &rows {
        let [_, name, why, _]: [&str; 4] = Vec::<&str>::clone(row).try_into().unwrap();
        assert!(why.len() > 20 && why.ends_with('.'), "{name}: {why}");
    }
    let mut sorted = expected.clone();
    sorted.sort();
    assert_eq!(rows.iter().map(|row| row[1]).collect::<Vec<_>>(), sorted);
    let used: BTreeSet<String> = manifest["workspace"]["members"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|member| {
            let path = format!("{}/Cargo.toml", member.as_str().unwrap());
            let manifest: toml::Table = read(&path).parse().unwrap();
            let tables = ["dependencies", "dev-dependencies"].map(|key| manifest.get(key).cloned());
            tables.into_iter().flatten().flat_map(|table| table.as_table().unwrap().clone())
        })
        .map(|(name, _)| name)
        .collect();
    for name in expected {
        assert!(used.contains(&name), "no crate uses {name}");
    }
}
