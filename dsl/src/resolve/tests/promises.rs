//! Clients, promises and tests: names looked up, values typed.

use std::time::Duration;

use model_map::{Ability, FailureClass, Limited, Period, Protocol};

use super::{checked, errors, load, map_of};
use crate::program::{Answers, Claim, Outcome, Target};
use crate::rules::PRELUDE;

const ROLE: &str = "role coder {\n  route sonnet -> gpt\n}\n\n";

#[test]
fn clients_are_in_the_map_whatever_they_may_ask_for() {
    let text = format!(
        "{ROLE}client ci {{\n  key secret \"/ci\"\n  allow coder\n  limit 60 per 1m\n  \
         limit 100_000 tokens per 1h\n  budget $20 per day\n}}\n\n\
         client ada {{\n  key env \"ADA_KEY\"\n}}\n\n\
         env dev {{\n  client ci {{\n    limit 5 per 1s\n  }}\n}}\n"
    );
    let map = map_of(&[&text], "default");
    let ci = &map.clients["ci"];
    assert_eq!(ci.allow.as_ref().unwrap().len(), 1);
    assert_eq!(ci.budget.unwrap().micro_dollars, 20_000_000);
    assert_eq!(ci.budget.unwrap().per, Period::Day);
    let limits: Vec<_> = ci.limits.iter().map(|limit| (limit.of, limit.count)).collect();
    assert_eq!(limits, [(Limited::Requests, 60), (Limited::Tokens, 100_000)]);
    assert_eq!(map.clients["ada"].allow, None);
    let limits = map_of(&[&text], "dev").clients["ci"].limits.clone();
    assert_eq!((limits[0].count, limits[0].per), (5, Duration::from_secs(1)));
    assert_eq!(limits.len(), 2);
}

#[test]
fn providers_that_know_where_they_are_need_no_base_url() {
    let text = "provider aws {\n  protocol bedrock\n}\n\nprovider toy {\n  protocol demo\n}\n\n\
                model big = aws/some-model {\n  accepts image\n}\n\nmodel toy = toy/anything\n\n\
                role coder {\n  route big -> toy\n}\n";
    let map = map_of(&[text], "default");
    assert_eq!(map.providers["aws"].protocol, Protocol::Bedrock);
    assert_eq!(map.providers["toy"].base_url, None);
    assert!(map.models["aws/some-model"].accepts(Ability::Image));
    assert!(map.models.contains_key("toy/anything"));
    // Only what roles reach is in the map.
    assert_eq!((map.models.len(), map.providers.len()), (2, 2));
}

#[test]
fn promises_and_tests_are_resolved() {
    let text = format!(
        "{ROLE}client ci {{\n  key secret \"/ci\"\n}}\n\n\
         ensure every role survives loss of any provider\n\
         ensure role coder ends within 10m\n\
         ensure role coder costs at most $1 for tokens 8_000, max_tokens 1_000\n\
         ensure every role uses only anthropic, openai\n\
         ensure every role never reaches sonnet for client ci\n\
         ensure every role makes at most 4 attempts\n\n\
         test \"an outage\" {{\n  ask    coder with image, tokens 5, header \"X-A\" \"b\", client ci\n  \
         given  anthropic answers 529 2 times\n  given  gpt answers timeout after 3s\n  \
         expect answer from gpt after sonnet, sonnet\n  expect attempts 3\n  expect within 9s\n}}\n"
    );
    let loaded = load(&[PRELUDE, &text]);
    let program = checked(&loaded, "default").program;
    let claims: Vec<_> = program.ensures.iter().map(|ensure| &ensure.claim).collect();
    assert!(matches!(claims[0], Claim::Survives(None)));
    assert!(matches!(claims[1], Claim::EndsWithin(time) if time.value == Duration::from_mins(10)));
    assert!(matches!(
        claims[2],
        Claim::CostsAtMost { micro_dollars, tokens: 8_000, max_tokens: 1_000 }
            if micro_dollars.value == 1_000_000
    ));
    assert!(matches!(claims[3], Claim::UsesOnly(providers) if providers.len() == 2));
    assert!(matches!(
        claims[4],
        Claim::NeverReaches { model, client: Some(client) }
            if model.key == "anthropic/claude-sonnet-4-6" && client.name == "ci"
    ));
    assert!(matches!(claims[5], Claim::MakesAtMost(count) if count.value == 4));
    let test = &program.tests["an outage"];
    assert!(test.is_whole);
    let ask = test.ask.as_ref().unwrap();
    assert_eq!((ask.facts.tokens, ask.facts.image, ask.facts.messages), (5, true, 1));
    assert_eq!(ask.facts.headers["x-a"], "b");
    assert_eq!(ask.facts.client.as_deref(), Some("ci"));
    assert!(matches!(&test.givens[0].target, Target::Provider(name) if name.name == "anthropic"));
    assert_eq!((test.givens[0].answers, test.givens[0].times), (Answers::Status(529), Some(2)));
    assert_eq!(test.givens[1].answers, Answers::Class(FailureClass::Timeout));
    let Outcome::Answer { from, after } = &test.expects[0].outcome else { panic!("an answer") };
    assert_eq!(from.name, "gpt");
    assert_eq!(after.as_ref().unwrap().len(), 2);
}

#[test]
fn what_is_wrong_in_clients_promises_and_tests_is_found() {
    let client = |body: &str| format!("client ci {{\n  key secret \"/ci\"\n  {body}\n}}\n");
    let test =
        |body: &str| format!("test \"x\" {{\n  ask coder\n  expect attempts 1\n  {body}\n}}\n");
    for (text, underlined, message) in [
        ("client ci {\n}\n".to_owned(), "ci", "client `ci` has no `key`"),
        (client("allow codr"), "codr", "no role is named `codr`"),
        (client("limit 0 per 1m"), "0", "a limit counts a whole number from 1"),
        (client("limit 5 per 0s"), "0s", "a limit is counted over some time"),
        (client("limit 5 tokns per 1s"), "tokns", "`tokns` is not something to count"),
        (client("budget $0 per day"), "$0", "with a budget of nothing every request is refused"),
        (client("budget $1 per dya"), "dya", "`dya` is not a period"),
        (
            client("limit 5 per 1s\n  limit 6 requests per 1s"),
            "limit 6 requests per 1s",
            "`limit` is written twice",
        ),
        ("ensure role codr ends within 1m\n".to_owned(), "codr", "no role is named `codr`"),
        ("ensure every role ends within 0s\n".to_owned(), "0s", "no request ends in no time"),
        (
            "ensure every role survives loss of antropic\n".to_owned(),
            "antropic",
            "no provider is named `antropic`",
        ),
        ("ensure every role never reaches opus\n".to_owned(), "opus", "no model is named `opus`"),
        (
            "ensure every role makes at most 0 attempts\n".to_owned(),
            "0",
            "this is a whole number from 1",
        ),
        (
            "ensure every role costs at most $1 for tokens 5\n".to_owned(),
            "ensure every role costs at most $1 for tokens 5",
            "the promise does not say what the request is like",
        ),
        ("test \"x\" {\n  ask coder\n}\n".to_owned(), "\"x\"", "this test has no `expect`"),
        ("test \"x\" {\n  expect attempts 1\n}\n".to_owned(), "\"x\"", "this test has no `ask`"),
        (
            test("given antropic answers 529"),
            "antropic",
            "no provider and no model is named `antropic`",
        ),
        (test("given openai answers 200"), "200", "an answer with this status is no failure"),
        (test("given openai answers 600"), "600", "no answer ends with this status"),
        (test("given openai answers overloded"), "overloded", "`overloded` is not a failure class"),
        (test("expect attempts 2"), "expect attempts 2", "`expect attempts` is written twice"),
        (test("expect answer from gtp"), "gtp", "no model is named `gtp`"),
        (test("expect answer from gpt after sonet"), "sonet", "no model is named `sonet`"),
    ] {
        let expected = vec![(underlined.to_owned(), message.to_owned())];
        assert_eq!(errors(&format!("{ROLE}{text}")), expected, "{text}");
    }
    let twice = "test \"x\" {\n  ask coder\n  expect attempts 1\n}\n\n";
    assert_eq!(errors(&format!("{ROLE}{twice}{twice}")).len(), 1);
}

#[test]
fn a_model_that_only_tests_name_is_not_used() {
    let warnings = |text: &str| -> Vec<String> {
        let loaded = load(&[PRELUDE, text]);
        let findings = checked(&loaded, "default").findings;
        let unused = findings.into_iter().filter(|one| one.code.0 == "SFR044");
        unused.map(|one| one.message).collect()
    };
    let text = format!(
        "{ROLE}test \"x\" {{\n  ask coder\n  given haiku answers 529\n  expect answer from haiku\n}}\n\n\
         ensure every role never reaches gpt_mini\n"
    );
    assert_eq!(warnings(&text), ["model `haiku` is never used"]);
}
