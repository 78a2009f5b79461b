//! What the demo says: the text and the tool calls, the same for both protocols.
//!
//! It owns the words, not their shape on the wire.

use std::collections::BTreeSet;

use serde_json::Value;

use super::answer::object_or_empty;
use super::sample::sample;

/// The most of a message that an answer quotes, in characters.
const QUOTED: usize = 160;

/// The most calls in one answer, as a bound on what a long message can make of it.
const MOST_CALLS: usize = 32;

/// The most tool results that an answer quotes.
const MOST_RESULTS: usize = 32;

/// Characters in a piece of a call's arguments.
const ARGUMENT_PIECE: usize = 7;

/// What a request asks for, without its protocol.
#[derive(Debug, Default)]
pub(super) struct Asked {
    /// The size of the whole body in bytes, from which the input tokens are estimated.
    pub(super) body_bytes: usize,
    /// The most tokens that the answer may have.
    pub(super) max_tokens: Option<u64>,
    /// The model.
    pub(super) model: String,
    /// Characters in all system prompts together.
    pub(super) system_chars: usize,
    /// The texts of the tool results that end the conversation.
    pub(super) tool_results: Vec<String>,
    /// The names of the tools that may be called.
    pub(super) tools: BTreeSet<String>,
    /// The text of the last user message.
    pub(super) user_text: String,
    /// The form of the answer.
    pub(super) wanted: Wanted,
}

/// The form that a request asks its answer to have.
#[derive(Debug, Default, PartialEq)]
pub(super) enum Wanted {
    /// Text, or calls, as the user's words have it.
    #[default]
    Free,
    /// JSON of this schema.
    Json(Value),
    /// A call of one of these tools, each with the schema of its arguments.
    Call(Vec<(String, Value)>),
}

/// An answer without its protocol.
#[derive(Debug, PartialEq)]
pub(super) struct Reply {
    /// Tool calls, in order.
    pub(super) calls: Vec<Call>,
    /// Estimated, at four bytes a token.
    pub(super) input_tokens: u64,
    /// Whether `max_tokens` cut the text short.
    pub(super) is_cut: bool,
    /// One for each piece of text and of arguments.
    pub(super) output_tokens: u64,
    /// The text, cut into what stands for tokens.
    pub(super) pieces: Vec<String>,
}

/// A tool call.
#[derive(Debug, PartialEq)]
pub(super) struct Call {
    /// An object.
    pub(super) input: Value,
    /// A tool of the request.
    pub(super) name: String,
}

impl Call {
    /// The arguments as JSON text.
    pub(super) fn arguments(&self) -> String {
        self.input.to_string()
    }

    /// The arguments in pieces, which joined are the whole; none for an empty object.
    pub(super) fn argument_pieces(&self) -> Vec<String> {
        let text = self.arguments();
        if text == "{}" {
            return Vec::new();
        }
        let characters: Vec<char> = text.chars().collect();
        characters.chunks(ARGUMENT_PIECE).map(|piece| piece.iter().collect()).collect()
    }
}

impl Reply {
    /// The whole text.
    pub(super) fn text(&self) -> String {
        self.pieces.concat()
    }
}

/// Makes the answer.
pub(super) fn reply(asked: &Asked) -> Reply {
    let calls = calls(asked);
    let mut pieces: Vec<String> =
        words(asked, &calls).split_inclusive(' ').map(str::to_owned).collect();
    let limit = asked.max_tokens.and_then(|limit| usize::try_from(limit).ok());
    let is_cut = calls.is_empty() && limit.is_some_and(|limit| limit < pieces.len());
    if let (true, Some(limit)) = (is_cut, limit) {
        pieces.truncate(limit);
    }
    let arguments: usize = calls.iter().map(|call| call.argument_pieces().len() + 1).sum();
    let output_tokens = (pieces.len() + arguments) as u64;
    let input_tokens = (asked.body_bytes / 4).max(1) as u64;
    Reply { calls, input_tokens, is_cut, output_tokens, pieces }
}

fn words(asked: &Asked, calls: &[Call]) -> String {
    if let (Wanted::Json(schema), true) = (&asked.wanted, calls.is_empty()) {
        return sample(schema, &shorten(&asked.user_text)).to_string();
    }
    if let (Some(text), true, true) =
        (dictated(&asked.user_text), calls.is_empty(), asked.tool_results.is_empty())
    {
        return text;
    }
    let who = format!("This is sfai's demo upstream, answering as {}.", shorten(&asked.model));
    if !calls.is_empty() {
        return format!("{who} Calling {} of your tools.", calls.len());
    }
    let prompt = match asked.system_chars {
        0 => "There is no system prompt.".to_owned(),
        count => format!("The system prompt has {count} characters."),
    };
    if asked.tool_results.is_empty() {
        return format!(
            "{who} No model was asked. You said: “{}” {prompt}",
            shorten(&asked.user_text)
        );
    }
    let quoted: Vec<_> = asked.tool_results.iter().take(MOST_RESULTS).map(|r| quote(r)).collect();
    format!("{who} No model was asked. The tools returned: {}. {prompt}", quoted.join(", "))
}

fn quote(text: &str) -> String {
    format!("“{}”", shorten(text))
}

/// One line of at most [`QUOTED`] characters.
fn shorten(text: &str) -> String {
    let mut words = text.split_whitespace();
    let mut line = words.next().unwrap_or_default().to_owned();
    for word in words {
        if line.len() > QUOTED * 4 {
            break;
        }
        line.push(' ');
        line.push_str(word);
    }
    match line.char_indices().nth(QUOTED) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

fn calls(asked: &Asked) -> Vec<Call> {
    let named = asked.user_text.lines().filter_map(read_call);
    let named = named.filter(|call| asked.tools.contains(&call.name));
    let forced: &[(String, Value)] = match &asked.wanted {
        Wanted::Call(tools) => tools,
        // What a tool returned is answered in words.
        _ if !asked.tool_results.is_empty() => return Vec::new(),
        _ => return named.take(MOST_CALLS).collect(),
    };
    let is_forced = |call: &Call| forced.iter().any(|(name, _)| *name == call.name);
    let calls: Vec<Call> = named.filter(is_forced).take(MOST_CALLS).collect();
    if !calls.is_empty() {
        return calls;
    }
    let made = |(name, schema): &(String, Value)| Call {
        input: object_or_empty(sample(schema, &shorten(&asked.user_text))),
        name: name.clone(),
    };
    forced.first().map(made).into_iter().collect()
}

/// The text of the first line `say "…"`.
fn dictated(user_text: &str) -> Option<String> {
    let mut lines = user_text.lines();
    lines.find_map(|line| serde_json::from_str(line.trim().strip_prefix("say ")?).ok())
}

/// Reads `call NAME {json}`; the arguments may be left out.
fn read_call(line: &str) -> Option<Call> {
    let rest = line.trim().strip_prefix("call ")?.trim_start();
    let (name, arguments) = match rest.split_once(char::is_whitespace) {
        Some((name, arguments)) => (name, arguments.trim()),
        None => (rest, ""),
    };
    let input =
        if arguments.is_empty() { Value::Null } else { serde_json::from_str(arguments).ok()? };
    let is_usable = input.is_null() || input.is_object();
    is_usable.then(|| Call { input: object_or_empty(input), name: name.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(user_text: &str) -> Asked {
        Asked { model: "m".into(), user_text: user_text.into(), ..Asked::default() }
    }

    #[test]
    fn it_says_that_it_is_the_demo_and_quotes_the_user() {
        let text = reply(&Asked { system_chars: 12, ..asked("Hello\n there") }).text();
        assert_eq!(
            text,
            "This is sfai's demo upstream, answering as m. No model was asked. \
             You said: “Hello there” The system prompt has 12 characters."
        );
    }

    #[test]
    fn what_is_dictated_is_said_word_for_word() {
        let text = |user_text| reply(&asked(user_text)).text();
        assert_eq!(text("Edit it.\n  say \"a  b\\n=\"\nsay \"c\""), "a  b\n=");
        for odd in ["say it", "say {}", "say", "saying \"a\""] {
            assert!(text(odd).starts_with("This is sfai's demo upstream"), "{odd}");
        }
        let asked = Asked { tool_results: vec!["r".into()], ..asked("say \"a\"") };
        assert!(reply(&asked).text().contains("The tools returned: “r”"));
    }

    #[test]
    fn long_messages_are_shortened_at_a_character() {
        let text = shorten(&"é".repeat(10_000));
        assert_eq!(text.chars().count(), QUOTED + 1);
        assert!(text.ends_with('…'));
    }

    #[test]
    fn lines_that_name_a_tool_become_calls() {
        let tools = ["read", "now"].map(str::to_owned).into();
        let text =
            "Please\ncall read {\"path\": \"a b\"}\n  call now\ncall other {}\ncall read [1]\n";
        let reply = reply(&Asked { tools, ..asked(text) });
        let calls: Vec<_> =
            reply.calls.iter().map(|call| (call.name.as_str(), call.arguments())).collect();
        assert_eq!(calls, [("read", r#"{"path":"a b"}"#.to_owned()), ("now", "{}".to_owned())]);
    }

    #[test]
    fn argument_pieces_join_to_the_arguments() {
        let call = Call { input: serde_json::json!({"path": "Größe.txt"}), name: "read".into() };
        assert!(call.argument_pieces().len() > 1);
        assert_eq!(call.argument_pieces().concat(), call.arguments());
    }

    #[test]
    fn tool_results_are_quoted_and_never_call_again() {
        let tool_results = vec!["one".to_owned(), "two".to_owned()];
        let tools = ["now".to_owned()].into();
        let reply = reply(&Asked { tool_results, tools, ..asked("call now") });
        assert_eq!(reply.calls, []);
        assert!(reply.text().contains("The tools returned: “one”, “two”."));
    }

    #[test]
    fn what_is_to_have_a_form_has_it() {
        let schema = serde_json::json!({"properties": {"name": {"type": "string"}}});
        let json = reply(&Asked { wanted: Wanted::Json(schema.clone()), ..asked("Ada") });
        assert_eq!(json.text(), r#"{"name":"Ada"}"#);
        let forced = |text| {
            let tools = ["read".to_owned(), "now".to_owned()].into();
            let wanted = Wanted::Call(vec![("read".into(), schema.clone())]);
            let tool_results = vec!["one".to_owned()];
            let calls = reply(&Asked { wanted, tools, tool_results, ..asked(text) }).calls;
            calls.iter().map(|call| format!("{} {}", call.name, call.input)).collect::<Vec<_>>()
        };
        assert_eq!(forced("Ada"), [r#"read {"name":"Ada"}"#]);
        assert_eq!(forced("call now\ncall read {\"name\": 1}"), [r#"read {"name":1}"#]);
    }

    #[test]
    fn the_limit_cuts_the_text() {
        let reply = reply(&Asked { max_tokens: Some(3), ..asked("Hello") });
        assert_eq!((reply.text().as_str(), reply.is_cut), ("This is sfai's ", true));
        assert_eq!(reply.output_tokens, 3);
    }
}
