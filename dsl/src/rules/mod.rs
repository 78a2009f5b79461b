//! Every rule: its code, its page, its bad and good example, its words and its check.
//!
//! Owns what is said about a program; what the program means is in [`crate::resolve`].
//! A code is given once and never again, not even after its rule is gone.

pub mod arm_order;
pub mod condition;
pub mod cycle;
pub mod deprecated_model;
pub mod duplicate;
pub mod ensure;
pub mod hidden_arm;
pub mod idle_hedge;
pub mod incomplete;
pub mod invalid_value;
pub mod lacks_ability;
pub mod never_falls_back;
pub mod never_holds;
pub mod never_retried;
pub mod no_route;
pub mod not_total;
mod outlook;
pub mod plain_http;
pub mod prompt_file;
pub mod rejected_parameter;
pub mod repeated_target;
pub mod secret;
pub mod settings;
pub mod shares;
pub mod single_provider;
pub mod small_window;
pub mod syntax;
pub mod timeouts;
pub mod too_complex;
pub mod uncached_prompt;
pub mod unknown_model;
pub mod unknown_name;
pub mod unreachable_link;
pub mod unused;
pub mod url_user;
pub mod vendor_name;
pub mod wrong_kind;
pub mod zero_weight;

use ensure::{Outcome, Promises, Proofs};

use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::parallel::{in_parts, threads};
use crate::program::{Program, Role};

/// A rule, as its page shows it.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Its stable name.
    pub code: Code,
    /// The name of its page: `unknown-name`.
    pub name: &'static str,
    /// How bad what it finds is.
    pub severity: Severity,
    /// What it finds, in a few words.
    pub title: &'static str,
    /// Why that is bad and what to do, in Markdown.
    pub doc: &'static str,
    /// A program in which it finds one thing, and no other rule any.
    pub bad: Example,
    /// The same program mended.
    pub good: Example,
    /// Looks at one resolved role; none for rules that see what resolving or reading sees, or that
    /// ask for more.
    pub(crate) check: Option<fn(&Subject<'_>, &mut Vec<Diagnostic>)>,
}

/// A role that is looked at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'p> {
    program: &'p Program,
    name: &'p str,
    role: &'p Role,
}

/// A small program. It stands beside [`PRELUDE`], so that it need not repeat providers and models.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// What `routes/example.sfr` holds.
    pub text: &'static str,
    /// Other files, by their paths from the project's folder.
    pub beside: &'static [(&'static str, &'static [u8])],
}

/// An example of one file.
pub(crate) const fn one(text: &'static str) -> Example {
    Example { text, beside: &[] }
}

/// The providers and models of the examples.
pub const PRELUDE: &str = r#"provider anthropic {
  protocol anthropic
  base_url "https://api.anthropic.com"
  api_key  secret "/sfai/${env}/ANTHROPIC_API_KEY"
}

provider openai {
  protocol openai
  base_url "https://api.openai.com/v1"
  api_key  secret "/sfai/${env}/OPENAI_API_KEY"
}

model sonnet   = anthropic/claude-sonnet-4-6
model haiku    = anthropic/claude-haiku-4-5
model gpt      = openai/gpt-5.4
model gpt_mini = openai/gpt-5.4-mini
"#;

/// Every rule, in the order of the codes. SFR025 was `not-yet`: what the first version could read
/// but not compile.
pub const RULES: [&Rule; 41] = [
    &syntax::SYNTAX,
    &syntax::CHARACTERS,
    &syntax::INDENT,
    &unknown_name::RULE,
    &duplicate::RULE,
    &cycle::RULE,
    &no_route::RULE,
    &incomplete::RULE,
    &unknown_model::RULE,
    &secret::RULE,
    &prompt_file::RULE,
    &invalid_value::RULE,
    &wrong_kind::RULE,
    &never_retried::RULE,
    &url_user::RULE,
    &plain_http::RULE,
    &condition::RULE,
    &settings::RULE,
    &not_total::RULE,
    &arm_order::RULE,
    &shares::RULE,
    &never_falls_back::RULE,
    &repeated_target::RULE,
    &single_provider::RULE,
    &rejected_parameter::RULE,
    &timeouts::RULE,
    &unused::RULE,
    &deprecated_model::RULE,
    &vendor_name::RULE,
    &too_complex::RULE,
    &never_holds::RULE,
    &hidden_arm::RULE,
    &unreachable_link::RULE,
    &small_window::RULE,
    &lacks_ability::RULE,
    &idle_hedge::RULE,
    &zero_weight::RULE,
    &uncached_prompt::RULE,
    &ensure::BROKEN,
    &ensure::VACUOUS,
    &ensure::UNDECIDED,
];

/// The checks that ask which requests reach what, which is found out once for all of them.
const OUTLOOK_CHECKS: [outlook::Check; 8] = [
    not_total::check,
    timeouts::check,
    too_complex::check,
    never_holds::check,
    hidden_arm::check,
    unreachable_link::check,
    small_window::check,
    lacks_ability::check,
];

/// Fewer roles than these are looked at sooner than a thread is started.
const WORTH_A_THREAD: usize = 128;

/// Every finding of the rules that look at a resolved program: role by role, on all processors.
pub fn check(program: &Program, findings: &mut Vec<Diagnostic>) {
    deprecated_model::check(program, findings);
    let roles = program.roles.iter();
    let subjects: Vec<_> = roles.map(|(name, role)| Subject { program, name, role }).collect();
    let promises = Promises::of(program);
    let threads = threads(subjects.len(), WORTH_A_THREAD);
    let mut found = Vec::new();
    let mut outcomes = promises.outcomes();
    for (of_part, more) in in_parts(&subjects, threads, || Proofs::of(&promises), look) {
        found.extend(of_part);
        ensure::add(&mut outcomes, more);
    }
    not_total::once_each(&mut found);
    findings.append(&mut found);
    ensure::check(&promises, &outcomes, findings);
}

/// What is found of some roles, and what becomes of the promises with them.
fn look<'p>(
    proofs: &mut Proofs<'p, '_>,
    part: &[Subject<'p>],
) -> (Vec<Diagnostic>, Vec<Outcome<'p>>) {
    let mut found = Vec::new();
    for subject in part {
        check_role(subject, &mut found);
        proofs.hold(subject);
    }
    (found, proofs.take())
}

fn check_role(subject: &Subject<'_>, findings: &mut Vec<Diagnostic>) {
    for check in RULES.iter().filter_map(|rule| rule.check) {
        check(subject, findings);
    }
    if let Some(outlook) = outlook::RoleOutlook::of(subject) {
        for check in OUTLOOK_CHECKS {
            check(&outlook, findings);
        }
    }
}

/// Whether what a finding of this code underlines must not be shown.
pub fn hides_source(code: Code) -> bool {
    code == secret::RULE.code || code == url_user::RULE.code
}

/// "`a`, `b` or `c`".
pub(crate) fn alternatives(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn codes_rise_and_names_are_their_own() {
        assert!(RULES.windows(2).all(|pair| pair[0].code < pair[1].code));
        assert_eq!(RULES.iter().map(|rule| rule.name).collect::<BTreeSet<_>>().len(), RULES.len());
    }
}
