//! The verbs as their users run them.

use std::path::Path;

use sfai_dsl::rules::PRELUDE;

use crate::project::{Scratch, findings, run_in, stderr};

const ROLE: &str = "\nrole coder {\n  route sonnet -> gpt -> gpt_mini -> haiku\n}\n";

fn project() -> Scratch {
    Scratch::new(&[("routes/a.sfr", format!("{PRELUDE}{ROLE}").as_bytes())])
}

fn map_of(project: &Scratch, file: &str, arguments: &[&str]) -> model_map::ModelMap {
    let output = project.run(arguments);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    model_map::load(&project.read(file).unwrap()).unwrap()
}

#[test]
fn the_committed_routes_are_clean_laid_out_and_compiled() {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let verbs =
        [&["check", "--deny", "warnings"][..], &["fmt", "--check"], &["compile", "--check"]];
    for arguments in verbs {
        let output = run_in(&top, arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    }
}

#[test]
fn compile_writes_a_map_that_the_router_loads() {
    let project = project();
    let map = map_of(&project, "model_map.json", &["compile"]);
    let (facts, draw) = (model_map::RequestFacts::default(), model_map::Draw::percent(0));
    let plan = model_map::plan(&map, "coder", &facts, draw).unwrap();
    let chain: Vec<_> = plan.chain.iter().map(|link| link.key).collect();
    let keys = [
        "anthropic/claude-sonnet-4-6",
        "openai/gpt-5.4",
        "openai/gpt-5.4-mini",
        "anthropic/claude-haiku-4-5",
    ];
    assert_eq!(chain, keys);
    assert_eq!(plan.rule, "routes/a.sfr:19");
    assert_eq!(project.run(&["compile", "--check"]).status.code(), Some(0));
    project.write("model_map.json", b"{}");
    let stale = project.run(&["compile", "--check"]);
    assert_eq!(stale.status.code(), Some(1));
    assert!(stderr(&stale).contains("run `sfai-dsl compile`"));
}

#[test]
fn a_dash_is_stdout_and_no_file() {
    let project = project();
    let output = project.run(&["compile", "-o", "-"]);
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let map = model_map::load(&output.stdout).unwrap();
    assert!(stderr(&output).contains(&map.digest), "{output:?}");
    assert!(project.read("-").is_none() && project.read("model_map.json").is_none());
    let output = project.run(&["compile", "--check", "-o", "-"]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(stderr(&output).contains("`-` is none"), "{output:?}");
}

#[test]
fn a_misspelt_environment_is_asked_about() {
    let project = project();
    let told = |env: &str| {
        let output = project.run(&["compile", "--env", env]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        stderr(&output)
    };
    assert!(!told("dve").contains("did you mean"), "there is none to be meant");
    let dev = "env dev {\n  provider openai {\n    base_url \"http://127.0.0.1:9100/v1\"\n  }\n}\n";
    project.write("routes/env.sfr", dev.as_bytes());
    assert!(told("dve").contains("the program has no `env dve`; did you mean `dev`?"));
    for fine in ["dev", "prod", "default"] {
        assert!(!told(fine).contains("did you mean"), "{fine}");
    }
}

#[test]
fn an_error_writes_nothing_and_hides_no_other() {
    let project = project();
    let broken = b"role a {\n  route sonet -> gpt\n}\n\nrole b {\n  rout gpt -> sonnet\n}\n";
    project.write("routes/b.sfr", broken);
    let output = project.run(&["compile"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(project.read("model_map.json").is_none());
    let all = findings(&project.run(&["check", "--format", "json"]));
    assert_eq!(all.len(), 2, "{all:#?}");
    let helps = all.iter().all(|finding| finding["help"].is_string());
    assert!(helps && all[0].to_string().contains("sonnet"), "{all:#?}");
}

#[test]
fn no_program_is_exit_2_and_says_what_was_looked_for() {
    let output = Scratch::new(&[]).run(&["check"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("no .sfr file found: looked for *.sfr in `routes`"));
}

#[test]
fn an_unknown_setting_is_an_error_with_a_suggestion() {
    let project = project();
    project.write("sfai.toml", b"ouput = \"map.json\"\n");
    let output = project.run(&["check"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("`output`"), "{}", stderr(&output));
}

fn base_url(map: &model_map::ModelMap) -> Option<&str> {
    map.providers["openai"].base_url.as_deref()
}

#[test]
fn settings_and_environments_decide_what_is_compiled() {
    let project = project();
    project.write("sfai.toml", b"output = \"out.json\"\nenv = \"prod\"\n");
    let dev = "env dev {\n  provider openai {\n    base_url \"http://127.0.0.1:9100/v1\"\n  }\n}\n";
    project.write("routes/env.sfr", dev.as_bytes());
    let map = map_of(&project, "out.json", &["compile"]);
    assert_eq!(map.env, "prod");
    assert_eq!(base_url(&map), Some("https://api.openai.com/v1"));
    let map = map_of(&project, "out.json", &["compile", "--env", "dev"]);
    assert_eq!(map.env, "dev");
    assert_eq!(base_url(&map), Some("http://127.0.0.1:9100/v1"));
}

#[test]
fn moving_and_splitting_declarations_keeps_the_digest() {
    let digest = |files: &[(&str, &[u8])]| {
        map_of(&Scratch::new(files), "model_map.json", &["compile"]).digest
    };
    let whole = digest(&[("routes/a.sfr", format!("{PRELUDE}{ROLE}").as_bytes())]);
    let turned = digest(&[("routes/a.sfr", format!("{ROLE}\n{PRELUDE}").as_bytes())]);
    let role = ROLE.replace(" -> ", "->");
    let split =
        digest(&[("routes/z/a.sfr", PRELUDE.as_bytes()), ("routes/b.sfr", role.as_bytes())]);
    assert_eq!((&whole, &whole), (&turned, &split));
    let other = ROLE.replace("sonnet -> gpt ", "gpt -> sonnet ");
    assert_ne!(whole, digest(&[("routes/a.sfr", format!("{PRELUDE}{other}").as_bytes())]));
}

#[test]
fn fmt_shows_then_writes_then_rests() {
    let project = project();
    let untidy = b"role x{route   sonnet->gpt}\n";
    project.write("routes/b.sfr", untidy);
    assert_eq!(project.run(&["fmt", "--check"]).status.code(), Some(1));
    let diff = project.run(&["fmt", "--diff"]);
    assert_eq!(diff.status.code(), Some(1));
    assert!(String::from_utf8(diff.stdout).unwrap().contains("sonnet -> gpt"));
    assert_eq!(project.read("routes/b.sfr").unwrap(), untidy);
    assert_eq!(project.run(&["fmt"]).status.code(), Some(0));
    assert_eq!(project.run(&["fmt", "--check"]).status.code(), Some(0));
}

#[test]
fn a_program_of_a_thousand_roles_is_checked() {
    let roles: String = (0..1000).map(|n| ROLE.replace("coder", &format!("coder{n}"))).collect();
    let project = Scratch::new(&[("routes/a.sfr", format!("{PRELUDE}{roles}").as_bytes())]);
    let output = project.run(&["check"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0), "{output:?}");
}

#[test]
fn fmt_leaves_alone_what_a_directive_says() {
    let project = project();
    let kept =
        "# sfai-fmt: ignore\nrole x   {  # a\n   route   sonnet->gpt   # b\n\n\n }    # c\n\n";
    let inner = "role y {\n  # sfai-fmt: ignore\n      timeout   total   5m,idle 3s    # d\n";
    let before = format!("{kept}{inner} about   \"x\"\n  route sonnet->gpt\n}}\n");
    let after = format!("{kept}{inner}  about \"x\"\n  route sonnet -> gpt\n}}\n");
    project.write("routes/b.sfr", before.as_bytes());
    assert_eq!(project.run(&["fmt"]).status.code(), Some(0));
    assert_eq!(String::from_utf8(project.read("routes/b.sfr").unwrap()).unwrap(), after);
    assert_eq!(project.run(&["fmt", "--check"]).status.code(), Some(0));
    // With a blank line between, or at a line's end, it says nothing about what follows.
    let idle = "# sfai-fmt: ignore\n\nlet  a = 1  # sfai-fmt: ignore\nlet  bc = 2\n";
    project.write("routes/b.sfr", idle.as_bytes());
    assert_eq!(project.run(&["fmt"]).status.code(), Some(0));
    let tidy = idle.replace("let  a =", "let a  =").replace("let  bc", "let bc");
    assert_eq!(String::from_utf8(project.read("routes/b.sfr").unwrap()).unwrap(), tidy);
}
