//! Promises that are broken, empty, or cannot be told.
//!
//! Owns these three rules; which roles are asked is in [`proofs`], what a proof is in
//! [`crate::analysis::ensure`].

mod proofs;
mod shape;

use proofs::Breach;
pub(super) use proofs::{Outcome, Promises, Proofs, add};

use super::{Rule, one};
use crate::analysis::ensure::CounterExample;
use crate::analysis::{Promise, describe};
use crate::diagnostic::{Code, Diagnostic, Severity};
use crate::program::{Claim, Ensure};
use crate::spell;

/// A promise that does not hold.
pub const BROKEN: Rule = Rule {
    code: Code("SFR080"),
    name: "ensure-refuted",
    severity: Severity::Error,
    title: "a promise does not hold",
    doc: "`ensure` is proved over every request, every draw and every failure, with the planner \
          and the rules of attempts that the router runs. Where it does not hold, the finding shows \
          what breaks it: the request, the draw and the failures, in order. Mend the role, or \
          promise less.\n\nThe loss of a provider is each of `network`, `timeout`, `overloaded`, \
          `server_error`, `auth` and `not_found` for all its models, every attempt failing as late \
          as it can; who answers instead must be called with `first_token` left of `total`.",
    bad: one(
        "role coder {\n  when image route gpt -> sonnet\n  otherwise  route sonnet -> gpt\n}\n\n\
         ensure role coder uses only anthropic\n",
    ),
    good: one(
        "role coder {\n  when image route gpt -> sonnet\n  otherwise  route sonnet -> gpt\n}\n\n\
         ensure role coder uses only anthropic, openai\n",
    ),
    check: None,
};

/// A promise that nothing could break.
pub const VACUOUS: Rule = Rule {
    code: Code("SFR081"),
    name: "ensure-vacuous",
    severity: Severity::Warning,
    title: "a promise says nothing",
    doc: "Nothing could break it: no role that it speaks of uses the provider, its client may ask \
          for none of them, or no request is as small as it says. It is most often a slip in a \
          name.",
    bad: one(
        "provider groq {\n  protocol openai\n  base_url \"https://api.groq.com/openai/v1\"\n}\n\n\
         model spare = groq/spare {\n  context 8_000\n}\n\n\
         role backup {\n  route spare -> sonnet\n}\n\nrole coder {\n  route sonnet -> gpt\n}\n\n\
         ensure role coder survives loss of groq\n",
    ),
    good: one(
        "provider groq {\n  protocol openai\n  base_url \"https://api.groq.com/openai/v1\"\n}\n\n\
         model spare = groq/spare {\n  context 8_000\n}\n\n\
         role backup {\n  route spare -> sonnet\n}\n\nrole coder {\n  route sonnet -> gpt\n}\n\n\
         ensure role backup survives loss of groq\n",
    ),
    check: None,
};

/// A promise that is neither proved nor refuted.
pub const UNDECIDED: Rule = Rule {
    code: Code("SFR082"),
    name: "ensure-undecided",
    severity: Severity::Warning,
    title: "it cannot be told whether a promise holds",
    doc: "What would have to be known is not: a price that the catalogue lacks, or conditions that \
          are too complex to go through. A `model` block states a price.",
    bad: one(
        "model own = openai/own {\n  context 8_000\n}\n\nrole coder {\n  route own -> sonnet\n}\n\n\
         ensure role coder costs at most $1 for tokens 1_000, max_tokens 1_000\n",
    ),
    good: one("model own = openai/own {\n  context 8_000\n  price   input $1, output $2\n}\n\n\
         role coder {\n  route own -> sonnet\n}\n\n\
         ensure role coder costs at most $1 for tokens 1_000, max_tokens 1_000\n"),
    check: None,
};

/// The most roles that one finding shows to break a promise.
const MOST_SHOWN: usize = 4;

/// What is to be said of the promises, once they have been held against every role.
pub(super) fn check(
    promises: &Promises<'_>,
    outcomes: &[Outcome<'_>],
    findings: &mut Vec<Diagnostic>,
) {
    let judged = promises.judged().zip(outcomes);
    findings.extend(judged.filter_map(|(ensure, outcome)| finding(ensure?, outcome)));
}

fn finding(ensure: &Ensure, outcome: &Outcome<'_>) -> Option<Diagnostic> {
    if let Some(first) = outcome.broken.first() {
        return Some(refuted(ensure, first, &outcome.broken));
    }
    if let Some((name, reason)) = &outcome.unknown {
        let message = format!("it cannot be told whether role `{name}` keeps this: {reason}");
        let help = "state what is unknown in a `model` block, or promise something else";
        return Some(Diagnostic::warning(UNDECIDED.code, ensure.span, message).help(help));
    }
    if outcome.is_kept {
        return None;
    }
    let reason = outcome.vacuous.as_deref().unwrap_or("there is no role");
    let message = format!("this promise says nothing: {reason}");
    let help = "mend a name in it, or take it away";
    Some(Diagnostic::warning(VACUOUS.code, ensure.span, message).help(help))
}

fn refuted(ensure: &Ensure, first: &Breach<'_>, broken: &[Breach<'_>]) -> Diagnostic {
    let what = broken_words(&ensure.claim, &first.example);
    let message = format!("role `{}` {what}: {}", first.name, first.example.outcome);
    let finding = Diagnostic::error(BROKEN.code, ensure.span, message).help(help(&ensure.claim));
    broken.iter().take(MOST_SHOWN).fold(finding, |finding, breach| {
        let arm = breach.role.each_arm().get(breach.example.arm);
        let span = arm.map_or(breach.role.name, |arm| arm.route);
        let example = describe::counter_example(&breach.example, breach.prompt_tokens);
        finding.related(span, format!("it is {example}"))
    })
}

fn promise(claim: &Claim) -> Promise {
    match claim {
        Claim::Survives(provider) => Promise::Survives(provider.as_ref().map(|it| it.name.clone())),
        Claim::EndsWithin(most) => Promise::EndsWithin(most.value),
        Claim::CostsAtMost { micro_dollars, tokens, max_tokens } => Promise::CostsAtMost {
            micro_dollars: micro_dollars.value,
            tokens: *tokens,
            max_tokens: *max_tokens,
        },
        Claim::UsesOnly(providers) => {
            Promise::UsesOnly(providers.iter().map(|provider| provider.name.clone()).collect())
        }
        Claim::NeverReaches { model, client } => Promise::NeverReaches {
            model: model.key.clone(),
            client: client.as_ref().map(|client| client.name.clone()),
        },
        Claim::MakesAtMost(most) => Promise::MakesAtMost(most.value),
    }
}

fn broken_words(claim: &Claim, example: &CounterExample) -> String {
    match claim {
        Claim::Survives(_) => {
            let lost = example.chain.first().and_then(|key| key.split('/').next());
            format!("does not survive the loss of `{}`", lost.unwrap_or_default())
        }
        Claim::EndsWithin(most) => format!("need not end within {}", spell::duration(most.value)),
        Claim::CostsAtMost { micro_dollars, .. } => {
            format!("may cost more than {}", spell::dollars(micro_dollars.value))
        }
        Claim::UsesOnly(_) => "uses another provider".to_owned(),
        Claim::NeverReaches { model, client: None } => format!("reaches `{}`", model.name),
        Claim::NeverReaches { model, client: Some(client) } => {
            format!("reaches `{}` for client `{}`", model.name, client.name)
        }
        Claim::MakesAtMost(most) => format!("may make more than {} attempts", most.value),
    }
}

fn help(claim: &Claim) -> &'static str {
    match claim {
        Claim::Survives(_) => {
            "add a link at another provider, let `fallback` lead to it, and leave time for it"
        }
        Claim::EndsWithin(_) => "lower `timeout total`",
        Claim::CostsAtMost { .. } => "name cheaper models, limit `max_tokens`, or retry less",
        Claim::UsesOnly(_) | Claim::NeverReaches { .. } => {
            "take the model out of this chain, or promise less"
        }
        Claim::MakesAtMost(_) => "lower `retry`, or shorten the chain",
    }
}
