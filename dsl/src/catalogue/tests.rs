//! The catalogue as its users ask it.

use super::*;

#[test]
fn the_embedded_texts_have_no_problem_and_agree_with_their_index() {
    for embedded in EMBEDDED {
        let (sections, problems) = overlay(embedded.text);
        assert_eq!(problems, vec![], "{}", embedded.name);
        let [(name, patch)] = sections.as_slice() else { panic!("one section a file") };
        let section = patch.clone().over(Section::default());
        assert_eq!(name, embedded.name);
        assert_eq!(section.hosts, embedded.hosts);
        assert_eq!(section.protocol.as_deref(), Some(embedded.protocol));
        assert!(section.models.len() > 20);
    }
}

#[test]
fn a_section_is_found_by_name_then_host_then_protocol() {
    let catalogue = Catalogue::default();
    let of = |name, host, protocol| {
        catalogue.section(name, host, protocol).map(|s| s.protocol.clone().unwrap())
    };
    assert_eq!(of("anthropic", "x", "openai").as_deref(), Some("anthropic"));
    assert_eq!(of("mine", "api.anthropic.com", "openai").as_deref(), Some("anthropic"));
    assert_eq!(of("mine", "x", "openai").as_deref(), Some("openai"));
    assert_eq!(of("mine", "x", "bedrock"), None);
}

#[test]
fn facts_are_those_of_the_providers() {
    let catalogue = Catalogue::default();
    let facts = |name: &str, id: &str| {
        catalogue.section(name, "", "").unwrap().models.get(id).cloned().unwrap()
    };
    let sonnet = facts("anthropic", "claude-sonnet-4-6");
    assert_eq!(sonnet.context, Some(1_000_000));
    assert_eq!(sonnet.sampling, Some(Sampling::One));
    assert_eq!((sonnet.prefill, sonnet.thinking_budget_min), (None, Some(1024)));
    assert_eq!(sonnet.price.input, Some(3_000_000));
    let haiku = facts("anthropic", "claude-haiku-4-5");
    assert_eq!((haiku.prefill, haiku.efforts), (Some(true), Some(BTreeSet::new())));
    let gpt = facts("openai", "gpt-5.4");
    assert_eq!(gpt.sampling, Some(Sampling::Refused));
    assert_eq!(gpt.output_limit_key, Some(OutputLimitKey::MaxCompletionTokens));
    assert_eq!(gpt.price.cache_read, Some(250_000));
}

#[test]
fn an_overlay_changes_one_fact_and_keeps_the_others() {
    let (sections, problems) =
        overlay("[openai.models.\"gpt-5.4\"]\noutput = 5\n[mine.models.x]\n");
    assert_eq!(problems, vec![]);
    let catalogue = Catalogue::with(sections);
    let gpt = &catalogue.section("openai", "", "").unwrap().models["gpt-5.4"];
    assert_eq!((gpt.output, gpt.context), (Some(5), Some(1_050_000)));
    assert!(catalogue.section("mine", "", "").unwrap().models.contains_key("x"));
}
