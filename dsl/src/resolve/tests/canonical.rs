//! The canonical file of the language.

use std::path::Path;
use std::time::Duration;

use model_map::{Draw, RequestFacts, plan, seal};

use crate::check::check;
use crate::emit::emit;
use crate::load::load;
use crate::project::Project;

#[test]
fn the_canonical_file_is_clean_and_plans_as_it_reads() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/canonical");
    let project = Project::bare(folder.clone());
    let loaded = load(&project, &folder, std::slice::from_ref(&folder)).unwrap();
    let checked = check(&project, &loaded, "default");
    assert_eq!(checked.findings, []);
    assert_eq!((checked.program.ensures.len(), checked.program.tests.len()), (2, 2));
    let mut map = emit(&checked.program, &loaded.sources);
    let map = model_map::load(&seal(&mut map).unwrap()).unwrap();

    let first = |role: &str, facts: &RequestFacts, percent: u8| {
        let plan = plan(&map, role, facts, Draw::percent(percent)).unwrap();
        (plan.chain[0].key.to_owned(), plan.rule.to_owned())
    };
    let plain = RequestFacts::default();
    let image = RequestFacts { image: true, ..RequestFacts::default() };
    let long = RequestFacts { tokens: 250_000, ..RequestFacts::default() };
    assert_eq!(first("backend_developer", &plain, 0).0, "anthropic/claude-sonnet-4-6");
    assert_eq!(first("backend_developer", &image, 0).0, "openai/gpt-5.4");
    assert_eq!(first("backend_developer", &long, 0).0, "anthropic/claude-opus-4-8");
    // The role that is alike writes its own arm, and keeps the rest.
    assert_eq!(first("code_reviewer", &image, 0).0, "anthropic/claude-opus-4-8");
    assert_eq!(map.roles["code_reviewer"].parameters.max_tokens, Some(8_192));
    assert_eq!(map.roles["code_reviewer"].accept, map.roles["backend_developer"].accept);
    assert_eq!(first("autocomplete", &plain, 89).0, "openai/gpt-5.4-mini");
    assert_eq!(first("autocomplete", &plain, 90).0, "openai/gpt-5.4");
    assert_eq!(map.roles["autocomplete"].hedge_after, Some(Duration::from_millis(700)));
    let rule = first("backend_developer", &long, 0).1;
    let line: usize = rule.rsplit(':').next().unwrap().parse().unwrap();
    let text = std::fs::read_to_string(folder.join("backend.sfr")).unwrap();
    assert_eq!(text.lines().nth(line - 1), Some("  when tokens > 200_000 route opus -> gpt"));

    let dev = check(&project, &loaded, "dev").program;
    let url = dev.providers["openai"].base_url.clone();
    assert_eq!(url.as_deref(), Some("http://127.0.0.1:9100/v1"));
}
