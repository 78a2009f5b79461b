//! No secret in any output, wherever it was written.

use sfai_dsl::rules::PRELUDE;

use crate::project::Scratch;

// Put together here, so that nothing that looks like a key stands in this file.
fn key() -> String {
    ["sk", "proj", "Zq8vN2kLw4Xy7Rt1Bm5Cd9Ef3Gh6Jk0"].join("-")
}

const WAYS: [&[&str]; 11] = [
    &["check"],
    &["check", "--format", "concise"],
    &["check", "--format", "json"],
    &["check", "--format", "jsonl"],
    &["check", "--format", "github"],
    &["check", "--format", "sarif"],
    &["check", "--fix", "--diff"],
    &["fmt", "--diff"],
    &["fmt", "--check"],
    &["compile"],
    &["check", "--fix"],
];

/// What each way prints for a file that holds `{}` in the place of the key.
fn is_hidden(text: &str, secret: &str) {
    let project = Scratch::new(&[("routes/a.sfr", PRELUDE.as_bytes())]);
    // Something for `fmt` to lay out, so near that its diff shows the lines above.
    let text = format!("{text}let   z = 1\n");
    project.write("routes/b.sfr", text.replace("{}", secret).as_bytes());
    for arguments in WAYS {
        let output = project.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
        let all = [output.stdout, output.stderr].concat();
        let all = String::from_utf8_lossy(&all);
        assert!(!all.contains(secret), "{arguments:?} {text}\n{all}");
    }
}

#[test]
fn a_key_is_hidden_in_a_header_in_a_comment_and_in_a_prompt() {
    let header = "provider p {\n    protocol openai\n  base_url \"https://p.example/v1\"\n  \
                  header \"x-key\" \"{}\"\n}\n";
    is_hidden(header, &key());
    is_hidden("# the key is {}\nrole x {\n    route sonet -> gpt # {}\n}\n", &key());
    is_hidden(
        "role x {\n    system \"\"\"\n    say {}\n    \"\"\"\n  route sonnet -> gpt\n}\n",
        &key(),
    );
}

#[test]
fn a_key_is_hidden_where_a_rule_repeats_what_is_written() {
    is_hidden("model x = \"openai/{}\"\nrole r {\n    route sonet -> gpt\n}\n", &key());
    is_hidden("role r {\n    {} 1\n  route sonet -> gpt\n}\n", &key());
    is_hidden("role r {\n    route {} -> gpt\n}\n", &key());
    is_hidden("role r {\n    about '{}'\n  route sonnet -> gpt\n}\n", &key());
    is_hidden("provider p {\n    protocol \"{}\"\n  base_url \"https://p.example\"\n}\n", &key());
}

#[test]
fn what_is_secret_by_its_place_is_hidden_whatever_it_looks_like() {
    let header = "provider p {\n    protocol openai\n  base_url \"https://p.example/v1\"\n  \
                  header \"authorization\" \"{}\"\n}\nrole r {\n  route sonet -> gpt\n}\n";
    is_hidden(header, "Basic hunter2-and-more");
    let user = "provider p {\n    protocol openai\n  base_url \"https://{}@p.example/v1\"\n}\n";
    is_hidden(user, "joe:hunter2");
}
