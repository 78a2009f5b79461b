//! The script for the linker: the names of functions as it finds them in every build.
//!
//! Owns what stands for the parts of a name that a build makes anew.

use std::collections::{HashMap, HashSet};
use std::fmt::Write;

use super::symbols::Function;

/// What the script says of itself.
const HEAD: &str = "\
/* Written by `cargo xtask layout`. The functions that each request passes through, in the order of
   their first call: scattered over the program they lie on half as many pages again. Where a name is
   not found, its function stays where it is. */
";

/// A script, and what it places.
pub(super) struct Script {
    pub(super) text: String,
    pub(super) names: usize,
    pub(super) bytes: u64,
}

/// Writes the script for those of the program's functions that are called.
pub(super) fn write(functions: &[Function<'_>], called: &[&str]) -> Script {
    let is_called: HashSet<&str> = called.iter().copied().collect();
    let mut groups: HashMap<String, Group> = HashMap::new();
    let mut sizes: HashMap<&str, u64> = HashMap::new();
    for function in functions {
        let group = groups.entry(pattern(function.name)).or_default();
        match is_called.contains(function.name) {
            true => group.called += function.bytes,
            false => group.beside += function.bytes,
        }
        sizes.insert(function.name, function.bytes);
    }
    let mut script =
        Script { text: format!("{HEAD}SECTIONS\n{{\n  .text.hot :\n  {{\n"), names: 0, bytes: 0 };
    let mut written = HashSet::new();
    for name in called {
        let Some(own) = sizes.get(name) else { continue };
        let pattern = pattern(name);
        let group = groups.get(&pattern).copied().unwrap_or_default();
        let (name, bytes) = match group.beside <= group.called {
            true => (pattern, group.called + group.beside),
            false => ((*name).to_owned(), *own),
        };
        if written.insert(name.clone()) {
            // Nothing can fail: it is a text.
            let _ = writeln!(script.text, "    *(.text.{name})");
            script.names += 1;
            script.bytes += bytes;
        }
    }
    script.text.push_str("  }\n}\nINSERT BEFORE .text;\n");
    script
}

/// The functions that differ in what a build makes anew, in bytes: one function is made once for each
/// type that it is asked for. Where most of them are not called, the others are told apart by their
/// whole names, which the next compiler makes anew.
#[derive(Debug, Default, Clone, Copy)]
struct Group {
    called: u64,
    beside: u64,
}

/// A name in which `*` stands for what a build makes anew: the hash at its end, or the hashes of the
/// crates in it.
fn pattern(name: &str) -> String {
    const HASH: &str = "17h";
    let legacy = name.rfind(HASH).filter(|_| name.starts_with("_ZN"));
    if let Some(before) = legacy.and_then(|at| name.get(..at)) {
        return format!("{before}{HASH}*");
    }
    if !name.starts_with("_R") {
        return name.to_owned();
    }
    let mut parts = name.split("Cs");
    let mut pattern = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        pattern.push_str("Cs");
        let hash = part.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(0);
        let rest = part.get(hash..).filter(|rest| hash > 0 && rest.starts_with('_'));
        pattern.push_str(if rest.is_some() { "*" } else { "" });
        pattern.push_str(rest.unwrap_or(part));
    }
    pattern
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_build_makes_anew_is_left_open() {
        for (name, expected) in [
            ("mi_free", "mi_free"),
            ("_ZN4http3Uri5parse17h0123456789abcdefE", "_ZN4http3Uri5parse17h*"),
            ("_ZN4core17hat_is_a_name17h0123456789abcdefE.llvm.7", "_ZN4core17hat_is_a_name17h*"),
            ("_RNvMs_NtNtCs9ltgdHTiPiY_4core3net6parser", "_RNvMs_NtNtCs*_4core3net6parser"),
            ("_RNvCs1a_3oneCs2b_3two", "_RNvCs*_3oneCs*_3two"),
        ] {
            assert_eq!(pattern(name), expected);
        }
    }

    #[test]
    fn functions_stand_in_the_order_of_their_calls_and_by_whole_names_where_they_are_few() {
        let function = |name, bytes| Function { name, bytes };
        let functions = [
            function("_ZN1a3few17h01E", 10),
            function("_ZN1a3few17h02E", 11),
            function("_ZN1b4most17h03E", 11),
            function("_ZN1b4most17h04E", 10),
            function("_ZN1b4most17h05E", 1),
            function("_ZN1c5never17h06E", 10),
        ];
        let called = ["_ZN1b4most17h03E", "unknown", "_ZN1a3few17h01E", "_ZN1b4most17h05E"];
        let script = write(&functions, &called);
        assert_eq!((script.names, script.bytes), (2, 32));
        let places = script.text.lines().filter_map(|it| it.trim().strip_prefix("*(.text."));
        assert_eq!(places.collect::<Vec<_>>(), ["_ZN1b4most17h*)", "_ZN1a3few17h01E)"]);
    }
}
