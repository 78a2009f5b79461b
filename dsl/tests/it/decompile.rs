//! From maps back to programs that compile to them.

use std::path::Path;

use model_map::{ModelMap, Sources};
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use sfai_dsl::catalogue::Catalogue;
use sfai_dsl::check::check;
use sfai_dsl::decompile::decompile;
use sfai_dsl::diagnostic::Severity;
use sfai_dsl::emit::emit;
use sfai_dsl::format::format;
use sfai_dsl::render::Tally;
use sfai_dsl::rules::PRELUDE;
use sfai_dsl::span::FileId;
use sfai_dsl::syntax::parse;

use crate::project::{Scratch, run_in, stderr, stdout};
use crate::properties::{CORPUS, PROJECT, completed, config, edited, program};

/// The map of a program, if nothing in it is an error.
fn compiled(texts: &[&str], env: &str) -> Result<ModelMap, String> {
    let loaded = program(texts);
    let checked = PROJECT.with(|project| check(project, &loaded, env));
    if Tally::of(&checked.findings).errors > 0 {
        let errors = checked.findings.iter().filter(|it| it.severity == Severity::Error);
        return Err(errors.map(|it| it.message.clone()).collect::<Vec<_>>().join("; "));
    }
    let mut map = emit(&checked.program, &loaded.sources);
    model_map::seal(&mut map).unwrap();
    Ok(map)
}

fn written(map: &ModelMap) -> String {
    let text = decompile(map, &Catalogue::default());
    format(&text, &parse(FileId(0), &text).tree).unwrap()
}

/// Holds `compile(decompile(m))` against `m`.
fn comes_back(map: &ModelMap) {
    let text = written(map);
    let again = compiled(&[&text], &map.env);
    let mut again = again.unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    again.sources = Sources::default();
    let map = ModelMap { sources: Sources::default(), ..map.clone() };
    assert_eq!(again, map, "{text}");
}

#[test]
fn the_committed_programs_come_back() {
    let maps = CORPUS.iter().filter_map(|text| compiled(&completed(text), "default").ok());
    let count = maps.inspect(comes_back).count();
    assert!(count > 10, "{count}");
}

#[test]
fn the_canonical_program_comes_back() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/canonical");
    let scratch = tempfile::tempdir().unwrap();
    let map = scratch.path().join("map.json");
    let output = run_in(&folder, &["compile", ".", "-o", map.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    comes_back(&model_map::load(&std::fs::read(map).unwrap()).unwrap());
}

const STATEMENTS: [&str; 26] = [
    "about \"Says \\\"${env}\\\" and $${x}, 日本\"",
    "system append one, two",
    "system replace \"\"\"\n    Say ${env}.\n      Twice \"quoted\" $${x}\n\n    \\n\n    \"\"\"",
    "system \"a\\ttab and a last line\\n\"",
    "accept image, tools",
    "timeout connect 1s, first_token 1500ms, idle 2s, total 4m",
    "timeout total 1h",
    "retry 2 on network, rate_limit backoff 100ms..3s",
    "retry 0",
    "fallback on network, timeout, content_filter",
    "hedge after 700ms",
    "set reasoning_effort medium, max_tokens 8_192",
    "set temperature 0.7, top_p 0.95",
    "limit max_tokens 4_096",
    "deny seed, logit_bias",
    "commit complete",
    "commit headers",
    "resume",
    "strict",
    "cache conversation",
    "cache system",
    "audit full",
    "audit off",
    "when image {\n    set max_tokens 100\n    timeout total 3m\n  }",
    "when client == ci or not tools {\n    system append two\n  }",
    "when messages > 4 and (stream or json) {\n    set temperature 1\n  }",
];

const CONDITIONS: [&str; 14] = [
    "image",
    "not (image and tools)",
    "tokens > 200_000",
    "tokens >= 5 and tokens < 99",
    "messages != 3",
    "max_tokens in (1, 2, 4_096)",
    "client == ci",
    "client in (ci, team-2)",
    "header \"X-Team\" matches \"a\\\\*?\"",
    "metadata \"a b\" != \"x\\\"y${env}\"",
    "not header \"x-flag\"",
    "json or stream and not tools",
    "tokens < 0",
    "(json or stream) and (tools or image) and not (json and stream)",
];

const ROUTES: [&str; 6] = [
    "sonnet -> gpt",
    "90% gpt_mini | 10% gpt -> haiku",
    "own",
    "priced -> odd",
    "50% own | 30% priced | 20% odd -> gpt -> sonnet",
    "haiku -> haiku -> gpt_mini",
];

const SHARED: &str = r#"
model own = openai/own-1 {
  sampling any
}

model priced = openai/priced/2:v1 {
  context             200_000
  input               150_000
  output              8_192
  price               input $1, output $4.5, cache_read $0.1, cache_write $1.25
  price over 100_000  input $2
  accepts             image, pdf, tools, json
  sampling            one
  efforts             low, high
  effort_with_tools   refused
  thinking_budget_min 1_024
  output_limit_key    max_completion_tokens
  stop_sequences      0
  system_role         developer
  system_turns
  endpoints           chat, responses
  past_reasoning      taken
  call_ids            nine
  prefill
}

model odd = anthropic/claude-opus-4-8 {
  price    input $7
  sampling any
}

prompt one = "One."
prompt two = """
  Two,
  in ${env}.
  """

client ci {
  key    env "CI_KEY"
  limit  60 per 1m
  limit  1_000_000 tokens per 1h
  budget $20 per day
}

client team-2 {
  key secret "/sfai/${env}/team"
}
"#;

/// A role of a few statements and arms.
fn role() -> impl Strategy<Value = String> {
    let statements = subsequence(STATEMENTS.to_vec(), 0..10);
    let arm = (select(CONDITIONS.to_vec()), select(ROUTES.to_vec()));
    let arms = prop::collection::vec(arm, 0..4);
    (statements, arms, select(ROUTES.to_vec())).prop_map(|(statements, arms, last)| {
        let mut lines = Vec::new();
        let mut keywords = Vec::new();
        for statement in statements {
            let keyword = statement.split(' ').next().unwrap();
            if keyword == "when" || !keywords.contains(&keyword) {
                keywords.push(keyword);
                lines.push(statement.to_owned());
            }
        }
        for (when, route) in &arms {
            lines.push(format!("when {when} route {route}"));
        }
        let last_word = if arms.is_empty() { "route" } else { "otherwise route" };
        lines.push(format!("{last_word} {last}"));
        lines.join("\n  ")
    })
}

proptest! {
    #![proptest_config(config(2))]

    #[test]
    fn random_programs_come_back(roles in prop::collection::vec(role(), 1..4)) {
        let names = ["coder", "\"gpt-4o mini\"", "\"a \\\"b\\\" ->\""];
        let roles = names.iter().zip(&roles);
        let roles: Vec<_> =
            roles.map(|(name, body)| format!("\nrole {name} {{\n  {body}\n}}\n")).collect();
        let text = format!("{SHARED}{}", roles.concat());
        let map = compiled(&[PRELUDE, &text], "prod");
        comes_back(&map.unwrap_or_else(|errors| panic!("{errors}\n{text}")));
    }
}

proptest! {
    #![proptest_config(config(8))]

    #[test]
    fn edited_programs_come_back(text in edited()) {
        if let Ok(map) = compiled(&completed(&text), "default") {
            comes_back(&map);
        }
    }
}

#[test]
fn the_verb_writes_a_program_that_compiles_to_the_map() {
    let text = format!("{PRELUDE}\nrole coder {{\n  route sonnet -> gpt_mini\n}}\n");
    let from = Scratch::new(&[("routes/a.sfr", text.as_bytes())]);
    assert_eq!(from.run(&["compile", "--env", "prod"]).status.code(), Some(0));
    let map = from.read("model_map.json").unwrap();
    let to = Scratch::new(&[("old.json", &map), ("routes/empty.sfr", b"")]);
    let output = to.run(&["decompile", "old.json", "-o", "routes/b.sfr"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(to.run(&["fmt", "--check"]).status.code(), Some(0));
    assert_eq!(to.run(&["compile", "--env", "prod"]).status.code(), Some(0));
    let digest = |bytes: &[u8]| model_map::load(bytes).unwrap().digest;
    assert_eq!(digest(&to.read("model_map.json").unwrap()), digest(&map));
    let printed = to.run(&["decompile", "old.json"]);
    assert_eq!(stdout(&printed).as_bytes(), to.read("routes/b.sfr").unwrap());
}

#[test]
fn what_is_no_map_is_told() {
    let scratch = Scratch::new(&[("a.json", b"{}")]);
    for file in ["a.json", "none.json"] {
        let output = scratch.run(&["decompile", file]);
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(file), "{}", stderr(&output));
    }
}
