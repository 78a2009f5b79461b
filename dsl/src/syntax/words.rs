//! The keywords, and where each belongs.
//!
//! Owns the lists; what follows a keyword is read by the modules named for it.

/// Where statements stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// At the top of a file.
    Top,
    /// In an `env` block.
    Env,
    Provider,
    Model,
    Role,
    Defaults,
    /// The block of a `when`.
    When,
    Client,
    Test,
}

impl Place {
    /// What a line here is called.
    pub(crate) fn line(self) -> &'static str {
        match self {
            Self::Top | Self::Env => "declaration",
            _ => "statement",
        }
    }

    /// The keywords that may stand here.
    pub(crate) fn keywords(self) -> impl Iterator<Item = &'static str> {
        KEYWORDS.iter().filter(move |word| word.stands(self)).map(|word| word.text)
    }

    /// Those of them, for people.
    pub(crate) fn known(self) -> String {
        let quoted: Vec<String> = self.keywords().map(|word| format!("`{word}`")).collect();
        quoted.join(", ")
    }

    /// The keyword that people who know another word for it mean by `text` here.
    pub(crate) fn habit(self, text: &str) -> Option<&'static str> {
        let meant = match text {
            "if" | "elif" | "elsif" => "when",
            "else" => "otherwise",
            "api_key" => "key",
            "key" => "api_key",
            _ => return None,
        };
        self.keyword(meant).map(|keyword| keyword.text)
    }

    /// The keyword that `text` is here.
    pub(crate) fn keyword(self, text: &str) -> Option<&'static Keyword> {
        KEYWORDS.iter().find(|word| word.is(text) && word.stands(self))
    }
}

/// One keyword.
#[derive(Debug)]
pub(crate) struct Keyword {
    pub(crate) text: &'static str,
    places: &'static [Place],
    /// Where it belongs, for people.
    pub(crate) belongs: &'static str,
}

impl Keyword {
    /// Whether `text` is this word. Every line asks it of all words, nearly all of which begin with
    /// another letter.
    fn is(&self, text: &str) -> bool {
        self.text.as_bytes().first() == text.as_bytes().first() && self.text == text
    }

    fn stands(&self, place: Place) -> bool {
        self.places.contains(&place)
    }
}

/// Any keyword of that text, wherever it belongs.
pub(crate) fn anywhere(text: &str) -> Option<&'static Keyword> {
    KEYWORDS.iter().find(|word| word.is(text))
}

/// Whether the declaration of that keyword cannot be without a block.
pub(crate) fn needs_block(text: &str) -> bool {
    matches!(text, "provider" | "role" | "defaults" | "env" | "client" | "test")
}

/// Whether `text` is a name without quotes.
pub(crate) fn is_ident(text: &str) -> bool {
    let bytes = text.as_bytes();
    let starts = bytes.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    let goes_on = bytes.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'));
    starts && goes_on && bytes.last() != Some(&b'-')
}

const fn keyword(text: &'static str, places: &'static [Place], belongs: &'static str) -> Keyword {
    Keyword { text, places, belongs }
}

const DECLARED: &[Place] = &[Place::Top, Place::Env];
const ROLE: &[Place] = &[Place::Role, Place::Defaults];
const GUARDED: &[Place] = &[Place::Role, Place::Defaults, Place::When];
const TOP: &str = "at the top of a file";
const IN_FILE: &str = "at the top of a file or in an `env` block";
const IN_ROLE: &str = "in a `role` or in `defaults`";
const IN_PROVIDER: &str = "in a `provider`";
const IN_MODEL: &str = "in the block of a `model`";
const IN_CLIENT: &str = "in a `client`";
const IN_TEST: &str = "in a `test`";

const KEYWORDS: &[Keyword] = &[
    keyword("provider", DECLARED, IN_FILE),
    keyword("model", DECLARED, IN_FILE),
    keyword("prompt", DECLARED, IN_FILE),
    keyword("defaults", DECLARED, IN_FILE),
    keyword("role", DECLARED, IN_FILE),
    keyword("let", DECLARED, IN_FILE),
    keyword("env", &[Place::Top], TOP),
    keyword("client", DECLARED, IN_FILE),
    keyword("ensure", DECLARED, IN_FILE),
    keyword("test", DECLARED, IN_FILE),
    keyword("about", &[Place::Role], "in a `role`"),
    keyword("system", GUARDED, IN_ROLE),
    keyword("route", ROLE, IN_ROLE),
    keyword("timeout", GUARDED, IN_ROLE),
    keyword("retry", ROLE, IN_ROLE),
    keyword("set", GUARDED, IN_ROLE),
    keyword("when", ROLE, IN_ROLE),
    keyword("otherwise", ROLE, IN_ROLE),
    keyword("fallback", ROLE, IN_ROLE),
    keyword("hedge", ROLE, IN_ROLE),
    keyword(
        "limit",
        &[Place::Role, Place::Defaults, Place::Client],
        "in a `role`, in `defaults` or in a `client`",
    ),
    keyword("deny", ROLE, IN_ROLE),
    keyword("accept", ROLE, IN_ROLE),
    keyword("commit", ROLE, IN_ROLE),
    keyword("resume", ROLE, IN_ROLE),
    keyword("strict", ROLE, IN_ROLE),
    keyword("cache", ROLE, IN_ROLE),
    keyword("audit", ROLE, IN_ROLE),
    keyword("protocol", &[Place::Provider], IN_PROVIDER),
    keyword("base_url", &[Place::Provider], IN_PROVIDER),
    keyword("api_key", &[Place::Provider], IN_PROVIDER),
    keyword("header", &[Place::Provider], IN_PROVIDER),
    keyword("max_connections", &[Place::Provider], IN_PROVIDER),
    keyword("allow", &[Place::Provider, Place::Client], "in a `provider` or in a `client`"),
    keyword("context", &[Place::Model], IN_MODEL),
    keyword("output", &[Place::Model], IN_MODEL),
    keyword("price", &[Place::Model], IN_MODEL),
    keyword("accepts", &[Place::Model], IN_MODEL),
    keyword("input", &[Place::Model], IN_MODEL),
    keyword("sampling", &[Place::Model], IN_MODEL),
    keyword("efforts", &[Place::Model], IN_MODEL),
    keyword("thinking_budget_min", &[Place::Model], IN_MODEL),
    keyword("output_limit_key", &[Place::Model], IN_MODEL),
    keyword("stop_sequences", &[Place::Model], IN_MODEL),
    keyword("system_role", &[Place::Model], IN_MODEL),
    keyword("system_turns", &[Place::Model], IN_MODEL),
    keyword("effort_with_tools", &[Place::Model], IN_MODEL),
    keyword("endpoints", &[Place::Model], IN_MODEL),
    keyword("past_reasoning", &[Place::Model], IN_MODEL),
    keyword("call_ids", &[Place::Model], IN_MODEL),
    keyword("prefill", &[Place::Model], IN_MODEL),
    keyword("key", &[Place::Client], IN_CLIENT),
    keyword("budget", &[Place::Client], IN_CLIENT),
    keyword("ask", &[Place::Test], IN_TEST),
    keyword("given", &[Place::Test], IN_TEST),
    keyword("expect", &[Place::Test], IN_TEST),
];

/// Facts of a request that take no value in a test; naming one in a row with another lacks a word.
const FLAGS: [&str; 4] = ["image", "tools", "json", "stream"];

/// Whether `text` is a fact that is there or not, and has no value.
pub(crate) fn is_flag(text: &str) -> bool {
    FLAGS.contains(&text)
}

/// Whether `text` is a fact that is asked for by a name in quotes.
pub(crate) fn takes_argument(text: &str) -> bool {
    matches!(text, "header" | "metadata")
}

/// Whether `text` is a fact of a request, for better words about what is missing beside it.
pub(crate) fn is_fact(text: &str) -> bool {
    is_flag(text)
        || takes_argument(text)
        || matches!(text, "tokens" | "messages" | "client" | "max_tokens")
}
