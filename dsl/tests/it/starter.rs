//! `init`, `completions` and `--color`: what a newcomer meets.

use crate::project::{Scratch, stderr, stdout};

#[test]
fn the_starter_is_clean_tidy_and_compiles() {
    let scratch = Scratch::new(&[]);
    let done = scratch.run(&["init"]);
    assert_eq!(done.status.code(), Some(0), "{done:?}");
    for said in ["wrote routes/main.sfr", "wrote sfai.toml", "sfai-dsl check", "sfai-dsl compile"] {
        assert!(stdout(&done).contains(said), "{said}");
    }
    let verbs =
        [&["check", "--deny", "warnings"][..], &["fmt", "--check"], &["compile"], &["test"]];
    for arguments in verbs.into_iter().chain([&["compile", "--env", "dev"][..]]) {
        let output = scratch.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {output:?}");
    }
    let map = model_map::load(&scratch.read("model_map.json").unwrap()).unwrap();
    assert_eq!(map.roles.keys().collect::<Vec<_>>(), ["assistant", "quick"]);
}

#[test]
fn nothing_is_overwritten_and_nothing_written_beside_it() {
    let scratch = Scratch::new(&[("new/routes/main.sfr", b"mine")]);
    let refused = scratch.run(&["init", "new"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(stderr(&refused).contains("there already: routes/main.sfr"), "{refused:?}");
    assert_eq!(scratch.read("new/routes/main.sfr").unwrap(), b"mine");
    assert!(scratch.read("new/sfai.toml").is_none());
    let elsewhere = scratch.run(&["init", "a/b"]);
    assert_eq!(elsewhere.status.code(), Some(0));
    assert!(stdout(&elsewhere).contains("cd a/b") && scratch.read("a/b/sfai.toml").is_some());
}

#[test]
fn every_shell_is_completed() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = stdout(&Scratch::new(&[]).run(&["completions", shell]));
        let verbs = ["check", "compile", "fmt", "watch", "init", "stdin-filename"];
        assert!(verbs.iter().all(|verb| script.contains(verb)), "{shell}");
    }
}

#[test]
fn colours_are_for_terminals_or_for_who_asks() {
    let scratch = Scratch::new(&[("routes/a.sfr", b"role x {\n  rout a\n}\n")]);
    let is_colored = |arguments: &[&str]| stdout(&scratch.run(arguments)).contains('\u{1b}');
    assert!(!is_colored(&["check"]));
    assert!(is_colored(&["check", "--color", "always"]));
    assert!(!is_colored(&["--color", "never", "check"]));
}
