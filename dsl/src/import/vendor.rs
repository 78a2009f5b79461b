//! The providers that other routers know by a word.
//!
//! Owns their addresses, protocols and usual keys; which of them a configuration calls is for the
//! reader of its format.

/// A provider that needs no address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Vendor {
    /// Its name in a program.
    pub(super) name: &'static str,
    pub(super) protocol: &'static str,
    /// Where it is; empty where the address is each customer's own.
    pub(super) url: &'static str,
    /// The variable that its key is usually in; empty for one without keys.
    pub(super) key: &'static str,
}

/// Other routers' words, and whom they mean.
const VENDORS: [(&[&str], Vendor); 17] = [
    (
        &["openai", "text-completion-openai"],
        openai("openai", "https://api.openai.com/v1", "OPENAI_API_KEY"),
    ),
    (
        &["anthropic"],
        Vendor {
            name: "anthropic",
            protocol: "anthropic",
            url: "https://api.anthropic.com",
            key: "ANTHROPIC_API_KEY",
        },
    ),
    (&["bedrock"], Vendor { name: "bedrock", protocol: "bedrock", url: "", key: "" }),
    (&["azure", "azure-openai", "azure_openai"], openai("azure", "", "AZURE_API_KEY")),
    (&["groq"], openai("groq", "https://api.groq.com/openai/v1", "GROQ_API_KEY")),
    (
        &["mistral", "mistral-ai", "codestral"],
        openai("mistral", "https://api.mistral.ai/v1", "MISTRAL_API_KEY"),
    ),
    (&["deepseek"], openai("deepseek", "https://api.deepseek.com/v1", "DEEPSEEK_API_KEY")),
    (
        &["gemini", "google"],
        openai(
            "google",
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "GEMINI_API_KEY",
        ),
    ),
    (&["xai", "x-ai"], openai("xai", "https://api.x.ai/v1", "XAI_API_KEY")),
    (&["openrouter"], openai("openrouter", "https://openrouter.ai/api/v1", "OPENROUTER_API_KEY")),
    (
        &["together_ai", "together-ai", "together"],
        openai("together", "https://api.together.xyz/v1", "TOGETHER_API_KEY"),
    ),
    (
        &["fireworks_ai", "fireworks-ai"],
        openai("fireworks", "https://api.fireworks.ai/inference/v1", "FIREWORKS_API_KEY"),
    ),
    (&["cerebras"], openai("cerebras", "https://api.cerebras.ai/v1", "CEREBRAS_API_KEY")),
    (
        &["perplexity", "perplexity-ai"],
        openai("perplexity", "https://api.perplexity.ai", "PERPLEXITYAI_API_KEY"),
    ),
    (&["ollama", "ollama_chat"], openai("ollama", "http://localhost:11434/v1", "")),
    (&["hosted_vllm", "vllm"], openai("vllm", "", "")),
    (&["lm_studio"], openai("lm_studio", "", "")),
];

const fn openai(name: &'static str, url: &'static str, key: &'static str) -> Vendor {
    Vendor { name, protocol: "openai", url, key }
}

/// Whom a word means.
pub(super) fn named(word: &str) -> Option<Vendor> {
    let found = VENDORS.iter().find(|(words, _)| words.contains(&word));
    found.map(|(_, vendor)| *vendor)
}

/// Whose model it is, where its id alone says so.
pub(super) fn of_model(id: &str) -> Option<Vendor> {
    let starts = [
        ("gpt-", "openai"),
        ("chatgpt-", "openai"),
        ("o1", "openai"),
        ("o3", "openai"),
        ("o4", "openai"),
        ("claude-", "anthropic"),
    ];
    let (_, word) = starts.into_iter().find(|(start, _)| id.starts_with(start))?;
    named(word)
}
