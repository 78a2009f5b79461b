//! Conditions: their form in the map, and what cannot be evaluated.

use serde_json::{Value, json};

use super::{coder, errors};

const CLIENTS: &str = "client ci {\n  key secret \"/ci\"\n}\n\nclient ada {\n  key env \"ADA\"\n}\n\n\
                       let long = 8_000\nlet team = \"core\"\n\n";

fn program(condition: &str) -> String {
    format!(
        "{CLIENTS}role coder {{\n  when {condition} route gpt -> sonnet\n  \
         otherwise route sonnet -> gpt\n}}\n"
    )
}

fn form(condition: &str) -> Value {
    let role = coder(&program(condition), "default");
    serde_json::to_value(role.arms[0].when.as_ref().unwrap()).unwrap()
}

#[test]
fn each_comparison_has_one_form() {
    let tokens = |least: Option<u64>, most: Option<u64>| {
        let mut test = json!({ "fact": "tokens" });
        least.iter().for_each(|least| test["at_least"] = json!(least));
        most.iter().for_each(|most| test["at_most"] = json!(most));
        json!({ "number": test })
    };
    let team = |is: Value| json!({ "text": { "fact": { "header": "x-team" }, "is": is } });
    let client =
        |names: &[&str]| json!({ "text": { "fact": "client", "is": { "one_of": names } } });
    for (condition, expected) in [
        ("image", json!({ "flag": "image" })),
        ("not image", json!({ "not": { "flag": "image" } })),
        ("not not image", json!({ "flag": "image" })),
        ("tokens < 5", tokens(None, Some(4))),
        ("tokens < 0", tokens(Some(1), Some(0))),
        ("tokens <= 5", tokens(None, Some(5))),
        ("tokens > 200_000", tokens(Some(200_001), None)),
        ("tokens >= long", tokens(Some(8_000), None)),
        ("tokens == 5", tokens(Some(5), Some(5))),
        ("tokens != 5", json!({ "not": tokens(Some(5), Some(5)) })),
        ("not tokens != 5", tokens(Some(5), Some(5))),
        ("tokens in (7)", tokens(Some(7), Some(7))),
        (
            "tokens in (7, 3, 7)",
            json!({ "any": [tokens(Some(3), Some(3)), tokens(Some(7), Some(7))] }),
        ),
        ("header \"X-Team\"", team(json!("present"))),
        ("header \"x-team\" == team", team(json!({ "one_of": ["core"] }))),
        ("header \"x-team\" matches \"core-*\"", team(json!({ "matches": "core-*" }))),
        ("client == ci", client(&["ci"])),
        ("client in (ci, \"ada\")", client(&["ada", "ci"])),
        ("client != ci", json!({ "not": client(&["ci"]) })),
        (
            "image and (tools and json)",
            json!({ "all": [{ "flag": "image" }, { "flag": "tools" }, { "flag": "json" }] }),
        ),
        (
            "image or tools and not (stream or json)",
            json!({ "any": [{ "flag": "image" }, { "all": [
                { "flag": "tools" },
                { "not": { "any": [{ "flag": "stream" }, { "flag": "json" }] } },
            ] }] }),
        ),
    ] {
        assert_eq!(form(condition), expected, "{condition}");
    }
}

#[test]
fn what_cannot_be_evaluated_is_an_error() {
    for (condition, underlined, message) in [
        ("image == true", "image == true", "`image` is true or false by itself"),
        ("tools > 3", "tools > 3", "`tools` is true or false by itself"),
        ("tokens", "tokens", "`tokens` is a number, neither true nor false"),
        ("tokens > \"many\"", "\"many\"", "expected a number, found a string"),
        ("tokens > 0.5", "0.5", "`tokens` is a whole number from 0"),
        ("tokens > -1", "-1", "`tokens` is a whole number from 0"),
        ("tokens > 5s", "5s", "expected a number, found a duration"),
        ("tokens > lang", "lang", "expected a number, and no `let` is named `lang`"),
        (
            "messages matches \"1*\"",
            "matches",
            "`messages` is a number, and only texts match a glob",
        ),
        ("header \"x\" > \"a\"", ">", "texts have no order, so that nothing is `>`"),
        ("header \"x\" == 5", "5", "expected a string in quotes, found a number"),
        ("header \"x y\" == \"a\"", "\"x y\"", "this cannot be the name of a header"),
        ("client == cj", "cj", "no client is named `cj`"),
        ("client == \"nobody\"", "\"nobody\"", "no client is named `nobody`"),
        ("client == 5", "5", "expected a string in quotes, found a number"),
        ("images", "images", "`images` is not a fact about a request"),
        (
            "header \"authorization\" == \"Basic abc\"",
            "\"Basic abc\"",
            "the header `authorization` is a secret written out",
        ),
    ] {
        let expected = vec![(underlined.to_owned(), message.to_owned())];
        assert_eq!(errors(&program(condition)), expected, "{condition}");
    }
}

#[test]
fn an_empty_list_is_an_error_whoever_finds_it() {
    assert_eq!(errors(&program("tokens in ()")).len(), 1);
}

#[test]
fn every_mistake_of_a_condition_is_found() {
    let found = errors(&program("(tokens > 1.5 or imge) and not client == nobody"));
    let underlined: Vec<_> = found.iter().map(|(text, _)| text.as_str()).collect();
    assert_eq!(underlined, ["1.5", "imge", "nobody"]);
}
