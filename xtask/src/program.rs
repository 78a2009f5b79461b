//! A generated program of any size, for the benchmark of `check`.
//!
//! Owns varied but valid text; what it means is the language's.

use std::fmt::Write;

const MODELS: [(&str, &str); 6] = [
    ("sonnet", "anthropic/claude-sonnet-4-6"),
    ("opus", "anthropic/claude-opus-4-8"),
    ("haiku", "anthropic/claude-haiku-4-5"),
    ("gpt", "openai/gpt-5.4"),
    ("gpt_mini", "openai/gpt-5.4-mini"),
    ("gpt_nano", "openai/gpt-5.4-nano"),
];

const CHAINS: [&str; 6] = [
    "sonnet -> gpt -> gpt_mini",
    "gpt -> sonnet",
    "opus -> gpt",
    "haiku -> gpt_mini",
    "gpt_mini -> haiku -> gpt",
    "gpt_nano -> haiku",
];

const PROVIDERS: &str = r#"provider anthropic {
  protocol anthropic
  base_url "https://api.anthropic.com"
  api_key  secret "/sfai/${env}/ANTHROPIC_API_KEY"
}

provider openai {
  protocol openai
  base_url "https://api.openai.com/v1"
  api_key  secret "/sfai/${env}/OPENAI_API_KEY"
}
"#;

const DEFAULTS: &str = "
defaults {
  timeout connect 2s, first_token 20s, idle 30s, total 5m
  retry   1 on network, rate_limit, overloaded, server_error
}
";

/// The program of [`thousand_roles`], where every third role has three arms, and a promise about
/// all of them: what asks for the whole analysis.
pub(crate) fn with_arms(roles: usize) -> String {
    let mut text = head();
    for number in 0..roles {
        if number % 3 == 1 {
            push_role_of_arms(&mut text, number);
        } else {
            push_role(&mut text, number);
        }
    }
    text.push_str("\nensure every role survives loss of any provider\n");
    text
}

/// A program in which each role leads to a model that there is not: a finding each, with a help
/// and a fix.
pub(crate) fn with_findings(roles: usize) -> String {
    let mut text = head();
    for number in 0..roles {
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\nrole worker_{number} {{\n  system team_0\n  route  sonett -> gpt\n}}\n"
        );
    }
    text
}

fn push_role_of_arms(text: &mut String, number: usize) {
    let _ = write!(
        text,
        "\nrole worker_{number} {{\n  about  \"Worker number {number}, by what is asked\"\n  system team_{}\n\n  when image            route gpt -> sonnet\n  when tokens > 200_000 route opus -> gpt\n  otherwise             route sonnet -> gpt_mini\n\n  set max_tokens {}\n}}\n",
        number % 10,
        2048 + number
    );
}

/// A program of `roles` roles, about 200 bytes each: a fifth of them `like` another one.
pub(crate) fn thousand_roles(roles: usize) -> String {
    let mut text = head();
    for number in 0..roles {
        push_role(&mut text, number);
    }
    text
}

/// What the roles are made of.
fn head() -> String {
    let mut text = PROVIDERS.to_owned();
    // Writing to a String cannot fail.
    let _ = writeln!(text);
    for (alias, id) in MODELS {
        let _ = writeln!(text, "model {alias} = {id}");
    }
    for team in 0..10 {
        let _ = write!(
            text,
            "\nprompt team_{team} = \"\"\"\n  You work for team {team}.\n  Name the file and the line.\n  \"\"\"\n"
        );
    }
    text.push_str(DEFAULTS);
    text
}

fn push_role(text: &mut String, number: usize) {
    let chain = CHAINS.iter().cycle().nth(number % CHAINS.len()).unwrap_or(&"sonnet -> gpt");
    let team = number % 10;
    if number % 5 == 4 {
        let base = number - 4;
        let _ = write!(
            text,
            "\nrole worker_{number} like worker_{base} {{\n  about \"As worker_{base}, of team {team}, on another chain\"\n  # Taken over from its base: prompts, parameters, times.\n  route {chain}\n  set   max_tokens {}\n}}\n",
            1024 + number
        );
        return;
    }
    let first_token = 5 + number % 10;
    let _ = write!(
        text,
        "\nrole worker_{number} {{\n  about   \"Worker number {number} of team {team}\"\n  system  team_{team}\n  route   {chain}\n  timeout first_token {first_token}s, total 4m\n  retry   {} on network, overloaded\n  set     max_tokens {}\n}}\n",
        1 + number % 2,
        2048 + number
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_roles_are_about_two_hundred_kilobytes() {
        let text = thousand_roles(1000);
        assert_eq!(text.lines().filter(|line| line.starts_with("role ")).count(), 1000);
        assert!((150_000..260_000).contains(&text.len()), "{}", text.len());
    }
}
