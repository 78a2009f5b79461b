//! What Bedrock's models take beside what all of them do.
//!
//! Owns how a model is told by its id; no id of a model stands elsewhere.

/// The vendors whose models have settings of their own here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    Claude,
    Nova,
    GptOss,
    Other,
}

impl Family {
    /// Of a model's id, an inference profile's or an ARN of either.
    pub(super) fn of(id: &str) -> Self {
        let has = |word: &str| id.contains(word);
        if has("anthropic.") || has("claude") {
            Self::Claude
        } else if has("amazon.nova") {
            Self::Nova
        } else if has("openai.gpt-oss") {
            Self::GptOss
        } else {
            Self::Other
        }
    }

    /// Whether it takes cache points; the others refuse a request that has one.
    pub(super) const fn caches(self) -> bool {
        matches!(self, Self::Claude | Self::Nova)
    }

    /// Whether it takes reasoning back.
    pub(super) const fn takes_reasoning(self) -> bool {
        matches!(self, Self::Claude)
    }

    /// The setting of an effort, as a member of `additionalModelRequestFields`.
    pub(super) fn effort(self, effort: &str) -> Option<String> {
        match self {
            Self::Claude => Some(format!(r#""output_config":{{"effort":{effort}}}"#)),
            Self::Nova => Some(format!(
                r#""reasoningConfig":{{"type":"enabled","maxReasoningEffort":{effort}}}"#
            )),
            Self::GptOss => Some(format!(r#""reasoning_effort":{effort}"#)),
            Self::Other => None,
        }
    }
}
