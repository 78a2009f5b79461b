//! The catalogue as those who look up facts in it see it.

use super::embedded::EMBEDDED;
use super::*;

fn facts(section: &str, id: &str) -> Facts {
    let catalogue = Catalogue::default();
    catalogue.section(section, "", "").unwrap().model(id).cloned().unwrap()
}

fn found(provider: &str, host: &str, protocol: &str) -> Option<String> {
    let catalogue = Catalogue::default();
    let section = catalogue.section(provider, host, protocol)?;
    let is_it = |(_, one): &(&str, &Section)| std::ptr::eq(*one, section);
    catalogue.sections().find(is_it).map(|(name, _)| name.to_owned())
}

#[test]
fn the_embedded_texts_have_no_problem_and_agree_with_their_index() {
    for embedded in EMBEDDED {
        let (sections, problems) = overlay(embedded.text);
        assert_eq!(problems, vec![], "{}", embedded.name);
        let [(name, patch)] = sections.as_slice() else { panic!("one section a file") };
        let section = patch.clone().over(Section::default());
        assert_eq!(name, embedded.name);
        assert_eq!(section.hosts, embedded.hosts);
        assert_eq!(section.protocol.as_deref(), embedded.protocol);
        assert_eq!(section.past_reasoning, embedded.past_reasoning);
        assert_eq!(section.call_ids, embedded.call_ids);
        assert!(section.models.len() >= 4, "{name}");
        for (id, facts) in &section.models {
            assert!(facts.accepts.is_some() && facts.sampling.is_some(), "{id}");
            assert!(facts.input.is_none_or(|input| Some(input) < facts.context), "{id}");
        }
    }
}

#[test]
fn a_model_read_alone_has_the_facts_that_it_has_in_its_section() {
    for embedded in EMBEDDED {
        let catalogue = Catalogue::default();
        let section = catalogue.section(embedded.name, "", "").unwrap();
        for (id, facts) in &section.models {
            assert_eq!(super::embedded::model(embedded.name, id).as_ref(), Some(facts), "{id}");
        }
        assert_eq!(super::embedded::model(embedded.name, "no-such-model"), None);
        assert_eq!(catalogue.model(embedded.name, "", "", "no-such-model"), None);
    }
    let prefixed = Catalogue::default().model("bedrock", "", "", "us.amazon.nova-lite-v1:0");
    assert_eq!(prefixed, Some(facts("bedrock", "us.amazon.nova-lite-v1:0")));
}

#[test]
fn every_provider_has_its_section() {
    let catalogue = Catalogue::default();
    let names: Vec<_> = catalogue.sections().map(|(name, _)| name).collect();
    let all = ["anthropic", "bedrock", "deepseek", "google", "groq", "mistral", "openai", "xai"];
    assert_eq!(names, all);
}

#[test]
fn a_section_is_found_by_name_then_host_then_protocol() {
    assert_eq!(found("anthropic", "x", "openai").as_deref(), Some("anthropic"));
    assert_eq!(found("gemini", "api.openai.com", "openai").as_deref(), Some("google"));
    assert_eq!(found("mine", "api.anthropic.com", "openai").as_deref(), Some("anthropic"));
    assert_eq!(found("mine", "API.X.AI", "openai").as_deref(), Some("xai"));
    assert_eq!(found("mine", "x", "openai").as_deref(), Some("openai"));
    assert_eq!(found("mine", "x", "bedrock").as_deref(), Some("bedrock"));
    assert_eq!(found("mine", "x", "demo"), None);
}

#[test]
fn a_host_may_name_a_region() {
    let hosts = [
        ("bedrock-runtime.ap-northeast-1.amazonaws.com", "bedrock"),
        ("bedrock-runtime-fips.us-gov-west-1.amazonaws.com", "bedrock"),
        ("bedrock-mantle.eu-west-1.api.aws", "bedrock"),
        ("eu.api.openai.com", "openai"),
        ("ours.openai.azure.com", "openai"),
        ("us-east-1.api.x.ai", "xai"),
        ("generativelanguage.googleapis.com", "google"),
        ("api.mistral.ai", "mistral"),
        ("api.deepseek.com", "deepseek"),
        ("api.groq.com", "groq"),
    ];
    for (host, section) in hosts {
        assert_eq!(found("mine", host, "").as_deref(), Some(section), "{host}");
    }
    assert_eq!(found("mine", "bedrock-runtime.amazonaws.com", ""), None);
    assert_eq!(found("mine", "api.openai.com.evil.example", ""), None);
}

#[test]
fn facts_are_those_of_the_providers() {
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
    let old = facts("anthropic", "claude-3-opus-20240229");
    assert_eq!(old.deprecated, Some(Deprecation { on: Some("2026-01-05".into()) }));
}

#[test]
fn facts_of_the_other_providers_too() {
    let v4 = facts("deepseek", "deepseek-v4-pro");
    assert_eq!(v4.efforts, Some(BTreeSet::from([Effort::High, Effort::Max])));
    assert_eq!(v4.price.cache_read, Some(3_625));
    let flash = facts("google", "gemini-2.5-flash");
    assert_eq!(flash.thinking_budget_min, Some(0));
    assert!(flash.efforts.unwrap().contains(&Effort::None));
    let (oss, qwen) = (facts("groq", "openai/gpt-oss-120b"), facts("groq", "qwen/qwen3-32b"));
    assert_eq!((oss.context, oss.output), (None, Some(65_536)));
    assert_eq!(qwen.efforts, Some(BTreeSet::new()));
    let mistral = facts("mistral", "mistral-large-latest");
    assert!(mistral.accepts.unwrap().contains(&Ability::Json));
    let embed = facts("mistral", "mistral-embed");
    assert_eq!((embed.embeds, embed.output, embed.context), (Some(true), None, Some(8_000)));
    let gemma = facts("bedrock", "google.gemma-3-12b-it");
    assert_eq!((gemma.price.input, gemma.price.output), (Some(50_000), Some(100_000)));
}

#[test]
fn long_input_pays_its_own_price() {
    let pro = facts("google", "gemini-2.5-pro");
    assert_eq!(pro.price_at(200_000), pro.price);
    assert_eq!(pro.price_at(200_001).input, Some(2_500_000));
    assert_eq!(pro.price.output, Some(10_000_000));
    let grok = facts("xai", "grok-4.3");
    assert_eq!(grok.price_at(1_000_000).output, Some(5_000_000));
}

#[test]
fn a_cross_region_prefix_leads_to_the_model_unless_it_has_its_own_facts() {
    let base = facts("bedrock", "anthropic.claude-haiku-4-5-20251001-v1:0");
    assert_eq!(facts("bedrock", "apac.anthropic.claude-haiku-4-5-20251001-v1:0"), base);
    assert_eq!(facts("bedrock", "us-gov.anthropic.claude-haiku-4-5-20251001-v1:0"), base);
    let european = facts("bedrock", "eu.anthropic.claude-haiku-4-5-20251001-v1:0");
    assert_eq!((base.price.input, european.price.input), (Some(1_000_000), Some(1_100_000)));
    assert_eq!((base.prefill, base.sampling), (Some(true), Some(Sampling::One)));
    let catalogue = Catalogue::default();
    let bedrock = catalogue.section("bedrock", "", "").unwrap();
    assert_eq!(bedrock.model("us.us.anthropic.claude-sonnet-4-6"), None);
    assert_eq!(bedrock.model("mars.anthropic.claude-sonnet-4-6"), None);
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
    assert!(catalogue.sections().any(|(name, _)| name == "mine"));
}

#[test]
fn an_overlay_is_found_by_each_name_and_host_of_its_section() {
    let (sections, problems) = overlay("[gemini.models.mine]\ncontext = 7\n");
    assert_eq!(problems, vec![]);
    let catalogue = Catalogue::with(sections);
    let host = "generativelanguage.googleapis.com";
    for (name, host) in [("gemini", ""), ("google", ""), ("x", host)] {
        let section = catalogue.section(name, host, "openai").unwrap();
        assert_eq!(section.model("mine").unwrap().context, Some(7), "{name}");
        assert!(section.model("gemini-2.5-pro").is_some());
    }
}

#[test]
fn whether_past_reasoning_is_taken_is_the_server_s_and_not_its_protocol_s() {
    let catalogue = Catalogue::default();
    let of = |provider: &str, host: &str| catalogue.server(provider, host).past_reasoning;
    let refused = Some(PastReasoning::Refused);
    assert_eq!(of("openai", "127.0.0.1"), refused);
    for host in ["api.openai.com", "OURS.openai.azure.com", "api.groq.com", "api.cerebras.ai"] {
        assert_eq!(of("mine", host), refused, "{host}");
    }
    for host in ["llm.internal", "api.deepseek.com", "openrouter.ai"] {
        assert_eq!(of("mine", host), None, "{host}");
    }
    let (sections, problems) = overlay(
        "[mine]\nhosts = [\"llm.internal\"]\npast_reasoning = \"refused\"\n\
         [openai]\npast_reasoning = \"taken\"\n",
    );
    assert_eq!(problems, vec![]);
    let catalogue = Catalogue::with(sections);
    assert_eq!(catalogue.server("other", "llm.internal").past_reasoning, refused);
    assert_eq!(catalogue.server("openai", "").past_reasoning, Some(PastReasoning::Taken));
}

#[test]
fn which_ids_of_calls_are_taken_is_the_server_s_and_the_model_may_say_otherwise() {
    let catalogue = Catalogue::default();
    let of = |provider: &str, host: &str| catalogue.server(provider, host).call_ids;
    for (provider, host) in
        [("mistral", ""), ("mistralai", ""), ("x", "api.mistral.ai"), ("x", "Codestral.mistral.ai")]
    {
        assert_eq!(of(provider, host), Some(CallIds::Nine), "{provider} {host}");
    }
    for host in ["api.openai.com", "llm.internal", "api.cerebras.ai", "openrouter.ai"] {
        assert_eq!(of("mine", host), None, "{host}");
    }
    let (sections, problems) = overlay(
        "[mine]\nhosts = [\"llm.internal\"]\ncall_ids = \"nine\"\n\
         [mine.models.x]\ncall_ids = \"any\"\n[mistral.models.x]\ncontext = 5\n",
    );
    assert_eq!(problems, vec![]);
    let catalogue = Catalogue::with(sections);
    let server = catalogue.server("other", "llm.internal");
    assert_eq!(server.call_ids, Some(CallIds::Nine));
    let model = catalogue.model("mine", "", "", "x").unwrap();
    assert_eq!(model.over(server).call_ids, Some(CallIds::Any));
    assert_eq!(
        catalogue.server("mistral", "").call_ids,
        Some(CallIds::Nine),
        "an overlay keeps it"
    );
    let (_, problems) = overlay("[mine]\ncall_ids = \"ten\"\n");
    let messages: Vec<_> = problems.iter().map(|it| it.message.as_str()).collect();
    assert_eq!(messages, ["`ten` is not a value here"]);
}

#[test]
fn what_a_model_is_asked_for_is_known_where_its_provider_says_so() {
    let of = |section: &str, id: &str| {
        let facts = facts(section, id);
        (facts.stop_sequences, facts.endpoints.map(|it| it.into_iter().collect::<Vec<_>>()))
    };
    use ModelEndpoint::{Chat, Embeddings, Fim, Responses};
    assert_eq!(of("openai", "gpt-4.1"), (Some(4), Some(vec![Chat, Responses])));
    assert_eq!(of("openai", "gpt-5.4-mini"), (Some(0), Some(vec![Chat, Responses])));
    assert_eq!(of("openai", "gpt-5-chat-latest"), (Some(4), Some(vec![Chat, Responses])));
    assert_eq!(of("openai", "gpt-5.1-codex-mini"), (Some(0), Some(vec![Responses])));
    assert_eq!(of("openai", "o1").0, Some(4));
    assert_eq!(of("openai", "text-embedding-3-small"), (None, None));
    assert_eq!(of("mistral", "codestral-latest"), (None, Some(vec![Chat, Fim])));
    assert_eq!(of("anthropic", "claude-sonnet-4-6"), (None, None));
    let system_role = |id: &str| facts("openai", id).system_role;
    assert_eq!(system_role("o3"), Some(SystemRole::Developer));
    assert_eq!(system_role("gpt-4o"), None);
    let (sections, _) = overlay("[lab.models.v]\nendpoints = [\"embeddings\"]\n");
    let own = Catalogue::with(sections).model("lab", "", "", "v").unwrap();
    assert_eq!(own.endpoints, Some([Embeddings].into()));
}

#[test]
fn an_overlay_may_serve_a_protocol_and_prefixes() {
    let text = "[mine]\nprotocol = \"openai\"\nhosts = [\"*.internal\"]\nprefixes = [\"eu/\"]\n\
                [mine.models.x]\nprice_over = { tokens = 9, input = 1 }\n";
    let (sections, problems) = overlay(text);
    assert_eq!(problems, vec![]);
    let catalogue = Catalogue::with(sections);
    for (host, protocol) in [("llm.internal", ""), ("", "openai")] {
        let section = catalogue.section("other", host, protocol).unwrap();
        assert_eq!(section.model("eu/x").unwrap().price_over.unwrap().tokens, 9);
    }
}

#[test]
fn a_price_of_ones_own_drops_the_tier_of_the_other() {
    let (sections, _) =
        overlay("[google.models.\"gemini-2.5-pro\"]\nprice = { input = 1, output = 2 }\n");
    let catalogue = Catalogue::with(sections);
    let pro = catalogue.section("google", "", "").unwrap().model("gemini-2.5-pro").unwrap();
    assert_eq!(pro.price_at(500_000).output, Some(2_000_000));
}

#[test]
fn a_number_that_no_map_holds_is_a_problem_and_is_not_left_out_in_silence() {
    for key in ["stop_sequences", "thinking_budget_min"] {
        let (_, problems) = overlay(&format!("[a.models.x]\n{key} = 4_294_967_296\n"));
        let messages: Vec<_> = problems.iter().map(|it| it.message.as_str()).collect();
        assert!(
            matches!(messages[..], [one] if one.contains("from 0 to 4_294_967_295")),
            "{messages:?}"
        );
    }
}

#[test]
fn what_is_wrong_in_a_price_is_told() {
    let (_, problems) = overlay("[a.models.x]\nprice_over = { input = 1, outptu = 2 }\n");
    let messages: Vec<_> = problems.iter().map(|problem| problem.message.as_str()).collect();
    let no_tokens = "a price for long input does not say over how many tokens it holds";
    assert_eq!(messages, ["`outptu` is not a key here", no_tokens]);
}

fn documentation() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/catalogue.md");
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn the_documentation_lists_what_sections_are_found_by() {
    let text = documentation();
    let ticked = |words: &[&str]| {
        let words: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
        format!("{} ", words.join(", ")).trim_start().to_owned()
    };
    for one in EMBEDDED {
        let protocol: Vec<_> = one.protocol.into_iter().collect();
        let cells = [&[one.name][..], one.other_names, one.hosts, &protocol].map(ticked);
        let row = format!("| {}|", cells.join("| "));
        assert!(text.lines().any(|line| line == row), "{row}");
    }
}

#[test]
fn the_documentation_s_catalogue_has_no_problem() {
    let text = documentation();
    let blocks: Vec<_> = text.split("```toml\n# models.toml").skip(1).collect();
    let [block] = blocks.as_slice() else { panic!("one example") };
    let (sections, problems) = overlay(block.split("```").next().unwrap());
    assert_eq!(problems, vec![]);
    assert_eq!(sections.len(), 2);
}
