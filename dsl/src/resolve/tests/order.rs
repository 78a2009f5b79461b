//! The order of files and declarations means nothing.

use model_map::{Sources, seal};
use proptest::prelude::*;

use super::map_of;

/// A program that uses most of the language, one declaration an entry.
const DECLARATIONS: [&str; 16] = [
    "let long = 8_000\n",
    "client ci {\n  key secret \"/ci\"\n  allow coder, writer\n  limit 60 per 1m\n}\n",
    "client ada {\n  key env \"ADA\"\n}\n",
    "prompt style = \"Be brief.\"\n",
    "prompt house = \"In ${env} house style.\"\n",
    "model opus = anthropic/claude-opus-4-8\n",
    "provider toy {\n  protocol demo\n}\n",
    "model toy = toy/any\n",
    "defaults {\n  timeout idle 9s\n  when client == ada {\n    set max_tokens 7\n  }\n}\n",
    "role coder {\n  system style, house\n  when image route gpt -> opus\n  \
     when tokens > long and not tools route 60% opus | 40% sonnet -> gpt\n  \
     otherwise route sonnet -> toy\n}\n",
    "role writer like coder {\n  system append house\n  when stream {\n    timeout idle 3s\n    \
     set reasoning_effort high\n  }\n}\n",
    "role \"gpt-4o\" like writer {\n  route haiku -> gpt_mini\n}\n",
    "env dev {\n  role coder {\n    hedge after 1s\n  }\n  let long = 9_000\n}\n",
    "env dev {\n  role coder {\n    route toy -> gpt\n  }\n  client ci {\n    budget $1 per day\n  }\n}\n",
    // What is new in an environment may be spread over its blocks.
    "env dev {\n  client new {\n    limit 1 per 1s\n  }\n  provider far {\n    protocol openai\n  }\n  \
     model far = far/x {\n    context 9\n  }\n  role new {\n    audit off\n  }\n}\n",
    "env dev {\n  client new {\n    key env \"NEW\"\n  }\n  provider far {\n    \
     base_url \"https://far.example\"\n  }\n  role new like writer {\n    route far -> gpt\n  }\n}\n",
];

/// The map's bytes without the places.
fn bytes(files: &[String], env: &str) -> Vec<u8> {
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let mut map = map_of(&files, env);
    map.sources = Sources::default();
    seal(&mut map).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_order_of_files_and_declarations_gives_the_same_bytes(
        order in Just((0..DECLARATIONS.len()).collect::<Vec<_>>()).prop_shuffle(),
        file_of in proptest::collection::vec(0..4_usize, DECLARATIONS.len()),
        env in prop_oneof![Just("default"), Just("dev")],
    ) {
        let mut files = vec![String::new(); 4];
        for at in order {
            let file = &mut files[file_of[at]];
            file.push_str(DECLARATIONS[at]);
            file.push('\n');
        }
        let in_one = vec![DECLARATIONS.join("\n")];
        prop_assert_eq!(bytes(&files, env), bytes(&in_one, env));
    }
}
