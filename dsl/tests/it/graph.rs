//! Pictures of programs, with names that mean something to those who draw them.

use model_map::{Arm, Link, ModelMap, Role};
use sfai_dsl::graph::{Picture, dot, mermaid, picture, svg};
use sfai_dsl::rules::PRELUDE;

use crate::project::{Scratch, stderr, stdout};

const HOSTILE: &str = "</text><script>alert(1)</script>\"]; & \\\" #quot; \n| `x` {y} \u{1b}[0m";

fn hostile() -> Picture {
    let mut map = ModelMap {
        clients: Default::default(),
        digest: String::new(),
        env: "default".into(),
        format: 1,
        models: Default::default(),
        prompts: Default::default(),
        providers: Default::default(),
        roles: Default::default(),
        sources: Default::default(),
    };
    let link = Link { model: format!("p/{HOSTILE}") };
    let mut role = Role::of(vec![Arm { chain: vec![link], draw: vec![], when: None }]);
    role.about = Some(HOSTILE.into());
    map.roles.insert(HOSTILE.into(), role);
    picture(&map, &[])
}

#[test]
fn names_cannot_leave_their_places() {
    let svg = svg(&hostile());
    assert!(!svg.contains("<script") && svg.contains("&lt;script&gt;"), "{svg}");
    assert!(!svg.contains('\u{1b}'));
    let opened = svg.matches("<text").count();
    assert_eq!(opened, svg.matches("</text>").count());
    let mermaid = mermaid(&hostile());
    assert!(!mermaid.contains("<script") && !mermaid.contains('\u{1b}'), "{mermaid}");
    for line in mermaid.lines().filter(|line| line.contains("script")) {
        assert!(line.ends_with("\"])") || line.ends_with("\"]"), "{line}");
        assert_eq!(line.matches('"').count(), 2, "{line}");
    }
    let dot = dot(&hostile());
    assert!(!dot.contains('\u{1b}'));
    for line in dot.lines().filter(|line| line.contains("script")) {
        assert!(line.ends_with("];"), "{line}");
        let bare = line.replace("\\\\", "").replace("\\\"", "");
        assert_eq!(bare.matches('"').count() % 2, 0, "{line}");
    }
}

const ROLES: &str = "
role coder {
  about \"Codes\"
  when tokens > 200_000 route sonnet -> gpt
  otherwise route 90% gpt_mini | 10% gpt -> haiku
  retry 1 on network
  hedge after 700ms
}

role chat {
  route haiku -> gpt
}
";

fn project() -> Scratch {
    Scratch::new(&[("routes/a.sfr", format!("{PRELUDE}{ROLES}").as_bytes())])
}

#[test]
fn every_form_shows_arms_shares_and_chains() {
    let project = project();
    let svg = stdout(&project.run(&["graph"]));
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    let words = ["coder", "Codes", "tokens &gt; 200_000", "otherwise", "90 %", "hedge after 700ms"];
    words.iter().for_each(|word| assert!(svg.contains(word), "{word}"));
    assert!(
        svg.contains("anthropic/claude-haiku-4-5") && svg.contains("when the one before failed")
    );
    let mermaid = stdout(&project.run(&["graph", "--format", "mermaid"]));
    assert!(mermaid.starts_with("flowchart LR\n"));
    assert!(mermaid.contains("-->|\"tokens #gt; 200_000\"|"), "{mermaid}");
    assert!(mermaid.contains("|\"otherwise, 90 %\"|"), "{mermaid}");
    let dot = stdout(&project.run(&["graph", "--format", "dot"]));
    assert!(dot.starts_with("digraph ") && dot.contains("[label=\"otherwise, 10 %\"]"), "{dot}");
    assert_eq!(dot.matches("style=dashed").count(), 4, "{dot}");
}

#[test]
fn roles_are_chosen_and_files_written() {
    let project = project();
    let output = project.run(&["graph", "--role", "chat", "-o", "routes.svg"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), String::new()));
    let svg = String::from_utf8(project.read("routes.svg").unwrap()).unwrap();
    assert!(svg.contains(">chat<") && !svg.contains(">coder"));
    let output = project.run(&["graph", "--role", "coderr"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("did you mean `coder`?"), "{}", stderr(&output));
    project.write("routes/b.sfr", b"role x {\n  route none\n}\n");
    let output = project.run(&["graph"]);
    assert_eq!((output.status.code(), stdout(&output)), (Some(1), String::new()));
}
