//! `like`, `defaults` and `env`: statement by statement.

use std::collections::BTreeSet;
use std::time::Duration;

use model_map::{Audit, Commit, Effort, FailureClass, SystemMode};

use super::{coder, errors, map_of};

fn chain(arm: &model_map::Arm) -> Vec<&str> {
    arm.chain.iter().map(|link| link.model.rsplit('/').next().unwrap()).collect()
}

const BASE: &str = r#"
role base {
  about    "Base"
  system   append "Be brief."
  accept   image, tools
  when image route gpt -> sonnet
  otherwise  route sonnet -> gpt
  timeout  connect 1s, total 1m
  set      max_tokens 100, temperature 0.5
  retry    2 on network
  fallback on overloaded
  hedge    after 700ms
  limit    max_tokens 500
  deny     seed, user
  commit   complete
  audit    full
  cache    system
  resume
  strict
}
"#;

#[test]
fn a_role_keeps_what_it_does_not_write_itself() {
    let role = coder(&format!("{BASE}role coder like base {{\n}}\n"), "default");
    let base = map_of(&[BASE], "default").roles["base"].clone();
    assert_eq!(role, base);
    assert_eq!(role.system.mode, SystemMode::Append);
    assert_eq!((role.commit, role.audit), (Commit::Complete, Audit::Full));
    assert_eq!(role.fallback_on, BTreeSet::from([FailureClass::Overloaded]));
    assert_eq!(role.hedge_after, Some(Duration::from_millis(700)));
    assert_eq!(role.limits.max_tokens, Some(500));
    assert_eq!(role.deny.len(), 2);
    assert!(role.resume && role.strict && role.cache.is_some());
}

#[test]
fn timeout_and_set_merge_by_key_and_the_rest_by_statement() {
    let role = coder(
        &format!(
            "{BASE}role coder like base {{\n  route haiku -> gpt\n  timeout total 2m\n  \
             set temperature 0.1\n  system \"Other.\"\n  deny n\n  retry 0\n}}\n"
        ),
        "default",
    );
    // The arms are one statement.
    assert_eq!(role.arms.len(), 1);
    assert_eq!(chain(&role.arms[0]), ["claude-haiku-4-5", "gpt-5.4"]);
    assert_eq!(role.timeouts.connect, Duration::from_secs(1));
    assert_eq!(role.timeouts.total, Duration::from_mins(2));
    assert_eq!((role.parameters.max_tokens, role.parameters.temperature), (Some(100), Some(0.1)));
    // The mode travels with its statement.
    assert_eq!(role.system.mode, SystemMode::Prepend);
    assert_eq!(role.deny, BTreeSet::from(["n".to_owned()]));
    assert_eq!(role.retry.count, 0);
}

#[test]
fn env_replaces_first_then_like_and_defaults_apply() {
    let text = r#"
defaults {
  timeout connect 9s, idle 9s
  retry   1 on network
}

role base {
  route   sonnet -> gpt
  timeout first_token 8s
  audit   full
}

role coder like base {
  timeout total 7m
  audit   off
}

env dev {
  defaults {
    timeout idle 3s
  }
  role base {
    route gpt -> sonnet
    retry 0
  }
  role coder {
    timeout total 1m
  }
}
"#;
    let seconds = |role: &model_map::Role| {
        let times = role.timeouts;
        [times.connect, times.first_token, times.idle, times.total].map(|time| time.as_secs())
    };
    let role = coder(text, "default");
    assert_eq!(seconds(&role), [9, 8, 9, 420]);
    assert_eq!((role.audit, role.retry.count), (Audit::Off, 1));
    let role = coder(text, "dev");
    assert_eq!(seconds(&role), [9, 8, 3, 60]);
    assert_eq!((role.audit, role.retry.count), (Audit::Off, 0));
    assert_eq!(chain(&role.arms[0]), ["gpt-5.4", "claude-sonnet-4-6"]);
}

#[test]
fn guarded_blocks_are_one_statement_a_kind() {
    let text = r#"
role base {
  route sonnet -> gpt
  when image {
    set     max_tokens 1
    timeout total 1m
  }
  when tools {
    set max_tokens 2
  }
}

role coder like base {
  when json {
    set max_tokens 3
  }
  when stream {
    system "Stream."
  }
}
"#;
    let role = coder(text, "default");
    let shown: Vec<_> = role
        .guards
        .iter()
        .map(|guard| {
            let word = match &guard.when {
                model_map::Condition::Flag(flag) => flag.name(),
                _ => "?",
            };
            let system = guard.system.is_some();
            (word, guard.parameters.max_tokens, guard.timeouts.total.is_some(), system)
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("json", Some(3), false, false),
            ("stream", None, false, true),
            // Of the base only the kind that the role does not write.
            ("image", None, true, false),
        ]
    );
}

#[test]
fn a_model_that_thinks_has_longer_until_its_first_token() {
    let first = |body: &str| {
        let role = coder(&format!("role coder {{\n  route sonnet -> gpt\n{body}}}\n"), "default");
        let of_guard = |guard: &model_map::Guard| guard.timeouts.first_token.map(|it| it.as_secs());
        let guards: Vec<_> = role.guards.iter().map(of_guard).collect();
        (role.timeouts.first_token.as_secs(), guards)
    };
    let guard = |effort: Effort| {
        let word = serde_json::to_value(effort).unwrap();
        format!("  when tools {{\n    set reasoning_effort {}\n  }}\n", word.as_str().unwrap())
    };
    assert_eq!(first(""), (20, vec![]));
    assert_eq!(first("  set reasoning_effort low\n"), (20, vec![]));
    assert_eq!(first("  set reasoning_effort medium\n"), (60, vec![]));
    assert_eq!(first(&guard(Effort::High)), (20, vec![Some(60)]));
    assert_eq!(first(&guard(Effort::Low)), (20, vec![None]));
    // A role that thinks less for some requests waits less for them.
    let both = format!("  set reasoning_effort high\n{}", guard(Effort::Low));
    assert_eq!(first(&both), (60, vec![Some(20)]));
    // Who writes a time gets it.
    let both = format!("  timeout first_token 5s\n{}", guard(Effort::High));
    assert_eq!(first(&both), (5, vec![None]));
}

#[test]
fn shares_are_drawn_and_a_lone_one_is_the_first_link() {
    let role = coder("role coder {\n  route 90% sonnet | 10% haiku -> gpt\n}\n", "default");
    let shares: Vec<_> = role.arms[0].draw.iter().map(|share| share.percent).collect();
    assert_eq!((shares, chain(&role.arms[0])), (vec![90, 10], vec!["gpt-5.4"]));
    let role = coder("role coder {\n  route 100% sonnet -> gpt\n}\n", "default");
    assert!(role.arms[0].draw.is_empty());
    assert_eq!(chain(&role.arms[0]), ["claude-sonnet-4-6", "gpt-5.4"]);
}

#[test]
fn what_has_an_order_stands_in_one_block_of_an_environment() {
    let env = |body: &str| format!("env dev {{\n  role coder {{\n{body}  }}\n}}\n\n");
    let role = "role coder {\n  route sonnet -> gpt\n}\n\n";
    let arm = env("    route gpt -> sonnet\n");
    let found = errors(&format!("{role}{arm}{arm}"));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1, "the arms stand in two blocks of one environment");
    let guard = env("    when image {\n      set max_tokens 1\n    }\n");
    let found = errors(&format!("{role}{guard}{guard}"));
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].1, "guarded blocks stand in two blocks of one environment");
    let time = env("    timeout idle 5s\n");
    assert_eq!(errors(&format!("{role}{arm}{guard}{time}")), vec![]);
}

#[test]
fn statements_that_say_the_same_thing_twice_are_found() {
    for (body, twice) in [
        ("accept image\n  accept tools", "accept"),
        ("accept image, image", "image"),
        ("audit off\n  audit off", "audit"),
        ("cache system\n  cache system", "cache"),
        ("commit headers\n  commit headers", "commit"),
        ("deny n\n  deny seed", "deny"),
        ("fallback on auth\n  fallback on auth", "fallback"),
        ("fallback on auth, auth", "auth"),
        ("hedge after 1s\n  hedge after 2s", "hedge"),
        ("limit max_tokens 1\n  limit max_tokens 1", "max_tokens"),
        ("resume\n  resume", "resume"),
        ("strict\n  strict", "strict"),
        ("route gpt -> sonnet", "route"),
    ] {
        let found = errors(&format!("role coder {{\n  route sonnet -> gpt\n  {body}\n}}\n"));
        let messages: Vec<_> = found.into_iter().map(|(_, message)| message).collect();
        assert_eq!(messages, [format!("`{twice}` is written twice")], "{body}");
    }
}
