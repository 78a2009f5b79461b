//! The queries of Portkey's conditional routing.
//!
//! Owns which of them are conditions here too; what they choose is for the parent.

use std::collections::BTreeSet;

use model_map::{Condition, Flag, NumberFact, NumberTest, TextFact, TextPattern, TextTest};
use serde_json::Value;

/// As deep as `$and` and `$or` may lie in one another.
const DEEPEST: usize = 16;

/// The condition of a query, or why there is none.
pub(super) fn condition(query: &Value) -> Result<Condition, String> {
    of(query, 0)
}

fn of(query: &Value, depth: usize) -> Result<Condition, String> {
    let Value::Object(fields) = query else {
        return Err("a query must be an object".to_owned());
    };
    if depth > DEEPEST {
        return Err("its query lies too deep".to_owned());
    }
    let part = |(key, value): (&String, &Value)| match key.as_str() {
        "$and" => joined(value, depth, all),
        "$or" => joined(value, depth, any),
        fact => about(fact, value),
    };
    all(fields.iter().map(part).collect::<Result<_, _>>()?)
}

fn joined(
    value: &Value,
    depth: usize,
    join: fn(Vec<Condition>) -> Result<Condition, String>,
) -> Result<Condition, String> {
    let Value::Array(parts) = value else {
        return Err("`$and` and `$or` must be lists".to_owned());
    };
    join(parts.iter().map(|part| of(part, depth + 1)).collect::<Result<_, _>>()?)
}

fn all(parts: Vec<Condition>) -> Result<Condition, String> {
    let flat = parts.into_iter().flat_map(|part| match part {
        Condition::All(parts) => parts,
        other => vec![other],
    });
    one_or(flat.collect(), Condition::All)
}

fn any(parts: Vec<Condition>) -> Result<Condition, String> {
    let flat = parts.into_iter().flat_map(|part| match part {
        Condition::Any(parts) => parts,
        other => vec![other],
    });
    one_or(flat.collect(), Condition::Any)
}

fn one_or(
    mut parts: Vec<Condition>,
    join: fn(Vec<Condition>) -> Condition,
) -> Result<Condition, String> {
    match parts.pop() {
        None => Err("its query asks for nothing".to_owned()),
        Some(only) if parts.is_empty() => Ok(only),
        Some(last) => {
            parts.push(last);
            Ok(join(parts))
        }
    }
}

fn not(condition: Condition) -> Condition {
    match condition {
        Condition::Not(inner) => *inner,
        other => Condition::Not(Box::new(other)),
    }
}

/// All that is asked of one fact.
fn about(fact: &str, value: &Value) -> Result<Condition, String> {
    let test: fn(&str, &str, &Value) -> Result<Condition, String> = match fact {
        "params.max_tokens" | "params.max_completion_tokens" => number,
        "params.stream" => stream,
        "params.model" => {
            return Err("a role has one name: write a role for each `model` asked for".to_owned());
        }
        _ if fact.starts_with("metadata.") => text,
        _ => return Err(format!("there is no fact like `{fact}` to ask for")),
    };
    let Value::Object(tests) = value else { return test(fact, "$eq", value) };
    all(tests
        .iter()
        .map(|(operator, value)| test(fact, operator, value))
        .collect::<Result<_, _>>()?)
}

fn unknown(fact: &str, operator: &str) -> String {
    format!("`{fact}` cannot be held against a value by `{operator}`")
}

fn text(fact: &str, operator: &str, value: &Value) -> Result<Condition, String> {
    let key = fact.strip_prefix("metadata.").unwrap_or(fact).to_owned();
    let test = |is| Condition::Text(TextTest { fact: TextFact::Metadata(key.clone()), is });
    let one = |value: &Value| match value {
        Value::String(text) => Ok(text.clone()),
        _ => Err(format!("`{fact}` is a text and is held against something else")),
    };
    let several = || match value {
        Value::Array(all) if !all.is_empty() => {
            all.iter().map(one).collect::<Result<BTreeSet<_>, _>>()
        }
        _ => Err(format!("`{operator}` must be a list of texts")),
    };
    match operator {
        "$eq" => Ok(test(TextPattern::OneOf(BTreeSet::from([one(value)?])))),
        "$ne" => Ok(not(test(TextPattern::OneOf(BTreeSet::from([one(value)?]))))),
        "$in" => Ok(test(TextPattern::OneOf(several()?))),
        "$nin" => Ok(not(test(TextPattern::OneOf(several()?)))),
        "$regex" => {
            let regex = one(value)?;
            let glob = glob(&regex);
            let glob =
                glob.ok_or_else(|| format!("the pattern `{regex}` is more than a glob can say"))?;
            Ok(test(TextPattern::Matches(glob)))
        }
        _ => Err(unknown(fact, operator)),
    }
}

fn number(fact: &str, operator: &str, value: &Value) -> Result<Condition, String> {
    let whole =
        value.as_u64().ok_or_else(|| format!("`{fact}` is held against no whole number"))?;
    let within = |at_least, at_most| {
        Condition::Number(NumberTest { at_least, at_most, fact: NumberFact::MaxTokens })
    };
    let more = whole.checked_add(1);
    match operator {
        "$eq" => Ok(within(Some(whole), Some(whole))),
        "$ne" => Ok(not(within(Some(whole), Some(whole)))),
        "$gt" if more.is_some() => Ok(within(more, None)),
        "$gte" => Ok(within(Some(whole), None)),
        "$lt" if whole > 0 => Ok(within(None, Some(whole - 1))),
        "$lte" => Ok(within(None, Some(whole))),
        _ => Err(unknown(fact, operator)),
    }
}

fn stream(fact: &str, operator: &str, value: &Value) -> Result<Condition, String> {
    let flag = Condition::Flag(Flag::Stream);
    match (operator, value) {
        ("$eq", Value::Bool(true)) | ("$ne", Value::Bool(false)) => Ok(flag),
        ("$eq", Value::Bool(false)) | ("$ne", Value::Bool(true)) => Ok(not(flag)),
        _ => Err(unknown(fact, operator)),
    }
}

/// A pattern as a glob, if it is letters, `.` and `.*` only.
fn glob(regex: &str) -> Option<String> {
    let (start, rest) = match regex.strip_prefix('^') {
        Some(rest) => ("", rest),
        None => ("*", regex),
    };
    let (end, rest) = match rest.strip_suffix('$') {
        Some(rest) if !rest.ends_with('\\') => ("", rest),
        _ => ("*", rest),
    };
    let mut glob = start.to_owned();
    let mut letters = rest.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '.' if letters.next_if_eq(&'*').is_some() => glob.push('*'),
            '.' => glob.push('?'),
            // An escaped mark is itself; an escaped letter is a class of them.
            '\\' => glob.push(
                letters
                    .next()
                    .filter(char::is_ascii_punctuation)
                    .filter(|c| !"*?\\".contains(*c))?,
            ),
            '*' | '?' | '+' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '^' | '$' => return None,
            // What comes next repeats it.
            _ if letters.peek().is_some_and(|next| "*?+{".contains(*next)) => return None,
            other => glob.push(other),
        }
    }
    glob.push_str(end);
    while glob.contains("**") {
        glob = glob.replace("**", "*");
    }
    Some(glob)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::spell;

    fn written(query: &Value) -> Result<String, String> {
        condition(query).map(|condition| spell::condition(&condition))
    }

    #[test]
    fn what_a_condition_can_say_is_carried_over() {
        for (query, expected) in [
            (json!({"metadata.plan": {"$eq": "paid"}}), "metadata \"plan\" == \"paid\""),
            (json!({"metadata.plan": "paid"}), "metadata \"plan\" == \"paid\""),
            (json!({"metadata.plan": {"$ne": "free"}}), "metadata \"plan\" != \"free\""),
            (json!({"metadata.plan": {"$in": ["a", "b"]}}), "metadata \"plan\" in (\"a\", \"b\")"),
            (
                json!({"metadata.team": {"$regex": "^core-.*"}}),
                "metadata \"team\" matches \"core-*\"",
            ),
            (json!({"metadata.team": {"$regex": "web"}}), "metadata \"team\" matches \"*web*\""),
            (json!({"params.stream": {"$eq": true}}), "stream"),
            (
                json!({"$or": [{"params.max_tokens": {"$gt": 100}}, {"metadata.a": "b", "metadata.c": "d"}]}),
                "max_tokens > 100 or metadata \"a\" == \"b\" and metadata \"c\" == \"d\"",
            ),
        ] {
            assert_eq!(written(&query).as_deref(), Ok(expected), "{query}");
        }
    }

    #[test]
    fn what_it_cannot_say_is_told() {
        for query in [
            json!({"params.model": {"$eq": "fast"}}),
            json!({"metadata.n": {"$gt": 5}}),
            json!({"metadata.n": {"$regex": "a|b"}}),
            json!({"metadata.n": {"$regex": "ab*"}}),
            json!({"url.pathname": "/v1"}),
            json!({}),
            json!(3),
            json!({"params.max_tokens": {"$lt": 0}}),
        ] {
            assert!(condition(&query).is_err(), "{query}");
        }
    }
}
