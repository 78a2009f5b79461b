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

    /// Those of them that this version reads, for people.
    pub(crate) fn known(self) -> String {
        let supported = KEYWORDS.iter().filter(|word| word.supported && word.stands(self));
        let quoted: Vec<String> = supported.map(|word| format!("`{}`", word.text)).collect();
        quoted.join(", ")
    }

    /// The keyword that `text` is here.
    pub(crate) fn keyword(self, text: &str) -> Option<&'static Keyword> {
        KEYWORDS.iter().find(|word| word.text == text && word.stands(self))
    }
}

/// One keyword.
#[derive(Debug)]
pub(crate) struct Keyword {
    pub(crate) text: &'static str,
    places: &'static [Place],
    /// Where it belongs, for people.
    pub(crate) belongs: &'static str,
    /// Whether this version reads it.
    pub(crate) supported: bool,
}

impl Keyword {
    fn stands(&self, place: Place) -> bool {
        self.places.contains(&place)
    }
}

/// Any keyword of that text, wherever it belongs.
pub(crate) fn anywhere(text: &str) -> Option<&'static Keyword> {
    KEYWORDS.iter().find(|word| word.text == text)
}

/// Whether the declaration of that keyword cannot be without a block.
pub(crate) fn needs_block(text: &str) -> bool {
    matches!(text, "provider" | "role" | "defaults" | "env" | "client" | "test")
}

/// Whether `text` is a name without quotes.
pub(crate) fn is_ident(text: &str) -> bool {
    let starts = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let goes_on = text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-');
    starts && goes_on && !text.ends_with('-')
}

const fn keyword(
    text: &'static str,
    places: &'static [Place],
    belongs: &'static str,
    supported: bool,
) -> Keyword {
    Keyword { text, places, belongs, supported }
}

const DECLARED: &[Place] = &[Place::Top, Place::Env];
const ROLE: &[Place] = &[Place::Role, Place::Defaults];
const TOP: &str = "at the top of a file";
const IN_FILE: &str = "at the top of a file or in an `env` block";
const IN_ROLE: &str = "in a `role` or in `defaults`";
const IN_PROVIDER: &str = "in a `provider`";
const IN_MODEL: &str = "in the block of a `model`";

const KEYWORDS: &[Keyword] = &[
    keyword("provider", DECLARED, IN_FILE, true),
    keyword("model", DECLARED, IN_FILE, true),
    keyword("prompt", DECLARED, IN_FILE, true),
    keyword("defaults", DECLARED, IN_FILE, true),
    keyword("role", DECLARED, IN_FILE, true),
    keyword("let", DECLARED, IN_FILE, true),
    keyword("env", &[Place::Top], TOP, true),
    keyword("client", DECLARED, IN_FILE, false),
    keyword("ensure", DECLARED, IN_FILE, false),
    keyword("test", DECLARED, IN_FILE, false),
    keyword("about", &[Place::Role], "in a `role`", true),
    keyword("system", ROLE, IN_ROLE, true),
    keyword("route", ROLE, IN_ROLE, true),
    keyword("timeout", ROLE, IN_ROLE, true),
    keyword("retry", ROLE, IN_ROLE, true),
    keyword("set", ROLE, IN_ROLE, true),
    keyword("when", ROLE, IN_ROLE, false),
    keyword("otherwise", ROLE, IN_ROLE, false),
    keyword("fallback", ROLE, IN_ROLE, false),
    keyword("hedge", ROLE, IN_ROLE, false),
    keyword("limit", ROLE, IN_ROLE, false),
    keyword("deny", ROLE, IN_ROLE, false),
    keyword("accept", ROLE, IN_ROLE, false),
    keyword("commit", ROLE, IN_ROLE, false),
    keyword("resume", ROLE, IN_ROLE, false),
    keyword("strict", ROLE, IN_ROLE, false),
    keyword("cache", ROLE, IN_ROLE, false),
    keyword("audit", ROLE, IN_ROLE, false),
    keyword("protocol", &[Place::Provider], IN_PROVIDER, true),
    keyword("base_url", &[Place::Provider], IN_PROVIDER, true),
    keyword("api_key", &[Place::Provider], IN_PROVIDER, true),
    keyword("header", &[Place::Provider], IN_PROVIDER, true),
    keyword("max_connections", &[Place::Provider], IN_PROVIDER, true),
    keyword("allow", &[Place::Provider], IN_PROVIDER, true),
    keyword("context", &[Place::Model], IN_MODEL, true),
    keyword("output", &[Place::Model], IN_MODEL, true),
    keyword("price", &[Place::Model], IN_MODEL, true),
    keyword("accepts", &[Place::Model], IN_MODEL, true),
];
