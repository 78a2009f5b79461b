//! Parts of a map in the language's own words: what people read in `explain`, `diff` and `graph`,
//! and what `decompile` writes.
//!
//! Owns the spelling of single values; whole declarations are [`crate::decompile`]'s. What is
//! spelled here compiles to what it was spelled from.

use std::time::Duration;

use model_map::{
    Condition, Effort, FailureClass, NumberTest, Parameters, TextFact, TextPattern, TextTest,
};

/// A condition, with parentheses only where they are needed.
pub fn condition(condition: &Condition) -> String {
    let mut text = String::new();
    write(condition, Binding::Or, &mut text);
    text
}

/// How tightly what stands around a condition binds, rising.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Binding {
    Or,
    And,
    Not,
}

fn write(condition: &Condition, around: Binding, to: &mut String) {
    match condition {
        Condition::Any(parts) => joined(parts, " or ", (Binding::Or, around), to),
        Condition::All(parts) => joined(parts, " and ", (Binding::And, around), to),
        Condition::Not(part) => match unequal(part) {
            Some(text) => to.push_str(&text),
            None => {
                to.push_str("not ");
                write(part, Binding::Not, to);
            }
        },
        Condition::Flag(flag) => to.push_str(flag.name()),
        Condition::Number(test) => match number_test(test).as_slice() {
            [one] => to.push_str(one),
            both if around > Binding::And => {
                to.push('(');
                to.push_str(&both.join(" and "));
                to.push(')');
            }
            both => to.push_str(&both.join(" and ")),
        },
        Condition::Text(test) => to.push_str(&text_test(test)),
    }
}

fn joined(parts: &[Condition], word: &str, (own, around): (Binding, Binding), to: &mut String) {
    let apart = around > own;
    if apart {
        to.push('(');
    }
    // One step tighter, so that an `or` inside of an `or` keeps its parentheses and its place.
    let inside = if own == Binding::Or { Binding::And } else { Binding::Not };
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            to.push_str(word);
        }
        write(part, inside, to);
    }
    if apart {
        to.push(')');
    }
}

/// `!=`, where what must not hold is an equality.
fn unequal(condition: &Condition) -> Option<String> {
    match condition {
        Condition::Number(test) if test.at_least.is_some() && test.at_least == test.at_most => {
            Some(format!("{} != {}", test.fact.name(), number(test.at_least?)))
        }
        Condition::Text(TextTest { fact, is: TextPattern::OneOf(values) }) if values.len() == 1 => {
            let value = values.first()?;
            Some(format!("{} != {}", text_fact(fact), text_value(fact, value)))
        }
        _ => None,
    }
}

fn number_test(test: &NumberTest) -> Vec<String> {
    let fact = test.fact.name();
    let least = |least: u64| match least.checked_sub(1) {
        // `> 200_000` is what was meant, not `>= 200_001`.
        Some(below) if below % 10 == 0 && below > 0 => format!("{fact} > {}", number(below)),
        _ => format!("{fact} >= {}", number(least)),
    };
    let most = |most: u64| match most.checked_add(1) {
        Some(above) if above % 10 == 0 => format!("{fact} < {}", number(above)),
        _ => format!("{fact} <= {}", number(most)),
    };
    match (test.at_least, test.at_most) {
        (Some(one), Some(other)) if one == other => vec![format!("{fact} == {}", number(one))],
        // What no number passes.
        (Some(one), Some(other)) if one > other => vec![format!("{fact} < 0")],
        (Some(one), Some(other)) => vec![least(one), most(other)],
        (Some(one), None) => vec![least(one)],
        (None, Some(other)) => vec![most(other)],
        (None, None) => vec![format!("{fact} >= 0")],
    }
}

fn text_test(test: &TextTest) -> String {
    let fact = text_fact(&test.fact);
    match &test.is {
        TextPattern::Present => fact,
        TextPattern::Matches(glob) => format!("{fact} matches {}", string(glob)),
        TextPattern::OneOf(values) => {
            let values: Vec<_> = values.iter().map(|it| text_value(&test.fact, it)).collect();
            match values.as_slice() {
                [one] => format!("{fact} == {one}"),
                many => format!("{fact} in ({})", many.join(", ")),
            }
        }
    }
}

/// `client`, `header "x-team"`
pub fn text_fact(fact: &TextFact) -> String {
    match fact {
        TextFact::Client => "client".to_owned(),
        TextFact::Header(name) => format!("header {}", string(name)),
        TextFact::Metadata(key) => format!("metadata {}", string(key)),
    }
}

fn text_value(fact: &TextFact, value: &str) -> String {
    match fact {
        TextFact::Client => name(value),
        TextFact::Header(_) | TextFact::Metadata(_) => string(value),
    }
}

/// A name: bare where it can be, else in quotes.
pub fn name(name: &str) -> String {
    if crate::syntax::is_ident(name) { name.to_owned() } else { string(name) }
}

/// A string in quotes, with escapes.
pub fn string(text: &str) -> String {
    // JSON's escapes are the language's.
    let quoted = serde_json::Value::from(text).to_string();
    quoted.replace("${", "$${")
}

/// A whole number with `_` between thousands: `200_000`.
pub fn number(number: u64) -> String {
    let digits = number.to_string();
    if digits.len() < 4 {
        return digits;
    }
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('_');
        }
        text.push(digit);
    }
    text
}

/// A duration in its largest whole unit: `90s`, `5m`.
pub fn duration(duration: Duration) -> String {
    let milliseconds = duration.as_millis();
    let units = [(3_600_000, "h"), (60_000, "m"), (1000, "s")];
    let whole =
        units.into_iter().find(|(size, _)| milliseconds > 0 && milliseconds.is_multiple_of(*size));
    let (size, unit) = whole.unwrap_or((1, "ms"));
    format!("{}{unit}", milliseconds / size)
}

/// A time that comes of a sum: `40.2s` where the language would have to write `40200ms`.
pub fn seconds(time: Duration) -> String {
    if time.subsec_millis() == 0 || time < Duration::from_secs(1) {
        return duration(time);
    }
    let fraction = format!("{:03}", time.subsec_millis());
    format!("{}.{}s", time.as_secs(), fraction.trim_end_matches('0'))
}

/// An amount of money: `$3`, `$0.05`.
pub fn dollars(micro_dollars: u64) -> String {
    let (whole, rest) = (micro_dollars / 1_000_000, micro_dollars % 1_000_000);
    if rest == 0 {
        return format!("${whole}");
    }
    // At least the cents.
    format!("${whole}.{:0<2}", format!("{rest:06}").trim_end_matches('0'))
}

/// Failure classes in the order of the documentation: `network, overloaded`.
pub fn classes<'c>(classes: impl IntoIterator<Item = &'c FailureClass>) -> String {
    let those: Vec<_> = classes.into_iter().collect();
    let known = FailureClass::ALL.iter().filter(|class| those.contains(class));
    known.map(|class| class.name()).collect::<Vec<_>>().join(", ")
}

/// The word of an effort.
pub fn effort(effort: Effort) -> &'static str {
    crate::catalogue::EFFORTS
        .into_iter()
        .find(|(known, _)| *known == effort)
        .map_or("none", |(_, word)| word)
}

/// What follows `set`, an entry each: `max_tokens 8_192`.
pub fn parameters(set: &Parameters) -> Vec<String> {
    let max_tokens = set.max_tokens.map(|it| format!("max_tokens {}", number(it.into())));
    let heat = set.temperature.map(|it| format!("temperature {it}"));
    let thinking = set.reasoning_effort.map(|it| format!("reasoning_effort {}", effort(it)));
    let share = set.top_p.map(|it| format!("top_p {it}"));
    [thinking, max_tokens, heat, share].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of(json: serde_json::Value) -> String {
        condition(&serde_json::from_value(json).unwrap())
    }

    #[test]
    fn numbers_are_spelled_as_people_mean_them() {
        let tokens = |least: Option<u64>, most: Option<u64>| {
            of(json!({"number": {"fact": "tokens", "at_least": least, "at_most": most}}))
        };
        assert_eq!(tokens(Some(200_001), None), "tokens > 200_000");
        assert_eq!(tokens(Some(200_000), None), "tokens >= 200_000");
        assert_eq!(tokens(Some(1), None), "tokens >= 1");
        assert_eq!(tokens(None, Some(9_999)), "tokens < 10_000");
        assert_eq!(tokens(None, Some(4)), "tokens <= 4");
        assert_eq!(tokens(Some(7), Some(7)), "tokens == 7");
        assert_eq!(tokens(Some(1), Some(0)), "tokens < 0");
        assert_eq!(tokens(Some(u64::MAX), None), "tokens >= 18_446_744_073_709_551_615");
    }

    #[test]
    fn parentheses_stand_where_they_are_needed() {
        let (image, tools) = (json!({"flag": "image"}), json!({"flag": "tools"}));
        let any = json!({"any": [image, tools]});
        assert_eq!(of(json!({"all": [any, {"flag": "json"}]})), "(image or tools) and json");
        assert_eq!(
            of(json!({"any": [{"all": [image, tools]}, image]})),
            "image and tools or image"
        );
        assert_eq!(of(json!({"not": any})), "not (image or tools)");
        assert_eq!(of(json!({"not": image})), "not image");
    }

    #[test]
    fn texts_are_compared_by_name_or_in_quotes() {
        let text = |fact: serde_json::Value, is: serde_json::Value| json!({"text": {"fact": fact, "is": is}});
        let client = text(json!("client"), json!({"one_of": ["ci", "gpt 4"]}));
        assert_eq!(of(client), "client in (ci, \"gpt 4\")");
        let team = text(json!({"header": "x-team"}), json!({"one_of": ["a\"${b}"]}));
        assert_eq!(of(json!({"not": team})), r#"header "x-team" != "a\"$${b}""#);
        assert_eq!(of(text(json!({"metadata": "k"}), json!("present"))), "metadata \"k\"");
        let glob = text(json!({"header": "x"}), json!({"matches": "a*"}));
        assert_eq!(of(json!({"not": glob})), "not header \"x\" matches \"a*\"");
    }

    #[test]
    fn amounts_are_spelled_in_one_way() {
        assert_eq!(duration(Duration::from_millis(1500)), "1500ms");
        assert_eq!(duration(Duration::from_secs(300)), "5m");
        let sums = [121_200, 60_050, 60_000, 900].map(Duration::from_millis).map(seconds);
        assert_eq!(sums, ["121.2s", "60.05s", "1m", "900ms"]);
        assert_eq!(duration(Duration::ZERO), "0ms");
        assert_eq!(duration(Duration::from_secs(90)), "90s");
        assert_eq!([50_000, 52_500, 1_500_000].map(dollars), ["$0.05", "$0.0525", "$1.50"]);
        assert_eq!(dollars(3_000_000), "$3");
        assert_eq!((number(8192), number(12_345)), ("8_192".into(), "12_345".into()));
    }
}
