//! What callgrind saw: how often each function was called, and which one first.
//!
//! Owns the reading of its output, whose lines name a function once and then by its number. Numbers
//! are given when a function is run for the first time.

use std::collections::HashMap;

/// The symbols of the functions that were called at least so often, in the order of their first call.
pub(super) fn called(seen: &str, least: u64) -> Vec<&str> {
    let mut names: HashMap<u64, &str> = HashMap::new();
    let mut calls: HashMap<u64, u64> = HashMap::new();
    let mut callee = 0;
    for line in seen.lines() {
        if let Some(count) = line.strip_prefix("calls=") {
            let count = count.split(' ').next().and_then(|count| count.parse().ok());
            *calls.entry(callee).or_default() += count.unwrap_or(0);
        } else if let Some((number, name)) = named(line) {
            if !name.is_empty() {
                names.insert(number, name);
            }
            if line.starts_with("cfn=") {
                callee = number;
            }
        }
    }
    let mut functions: HashMap<&str, Function> = HashMap::new();
    for (number, name) in names {
        // A function that calls itself has a number for each depth.
        let name = name.split('\'').next().unwrap_or(name);
        let function = functions.entry(name).or_insert(Function { first: number, calls: 0 });
        function.first = function.first.min(number);
        function.calls += calls.get(&number).copied().unwrap_or(0);
    }
    functions.retain(|_, function| function.calls >= least);
    let mut order: Vec<(&str, u64)> =
        functions.into_iter().map(|(name, function)| (name, function.first)).collect();
    order.sort_by_key(|(_, first)| *first);
    order.into_iter().map(|(name, _)| name).collect()
}

struct Function {
    /// Its lowest number.
    first: u64,
    calls: u64,
}

/// The number and the name in `fn=(7) name` or `cfn=(7)`.
fn named(line: &str) -> Option<(u64, &str)> {
    let rest = line.strip_prefix("cfn=(").or_else(|| line.strip_prefix("fn=("))?;
    let (number, name) = rest.split_once(')')?;
    Some((number.parse().ok()?, name.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_counted_over_all_callers_and_depths() {
        let seen = "events: Ir\n\nfn=(1) main\n0 5\ncfn=(3) often\ncalls=2 0\n0 9\n\
                    cfn=(4) once\ncalls=1 0\n0 9\n\nfn=(3)\n0 3\ncfn=(5) often'2\ncalls=1 0\n0 9\n\
                    cfn=(2) thrice\ncalls=1 +3\n0 9\n\nfn=(4)\n0 1\ncfn=(2)\ncalls=2 0\n0 9\n";
        assert_eq!(called(seen, 3), ["thrice", "often"]);
        assert_eq!(called(seen, 1), ["thrice", "often", "once"]);
    }
}
