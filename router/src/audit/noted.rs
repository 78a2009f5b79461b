//! The facts of a request, written down for its record.
//!
//! Owns which of them are: all that a condition can ask for, but only those headers and keys that
//! a condition of the map does ask for, since the rest is nobody's business.

use std::collections::{BTreeMap, BTreeSet};

use model_map::secret::{is_secret_header, mask};
use model_map::{Condition, Facts, Flag, ModelMap, NumberFact, RequestFacts, TextFact};

/// The texts that some condition of a map asks for.
#[derive(Debug, Default)]
pub(crate) struct Asked(BTreeSet<TextFact>);

impl Asked {
    /// All that the conditions of a map ask for.
    pub(crate) fn of(map: &ModelMap) -> Self {
        let mut asked = Self::default();
        map.roles.values().flat_map(|role| role.conditions()).for_each(|it| asked.note(it));
        asked
    }

    fn note(&mut self, condition: &Condition) {
        condition.each_leaf(&mut |leaf| {
            if let Condition::Text(test) = leaf {
                self.0.insert(test.fact.clone());
            }
        });
    }

    /// Writes the facts of a request down. A secret is none of them: of one, only that it was
    /// there.
    #[inline(never)]
    pub(crate) fn facts(&self, request: &impl Facts) -> RequestFacts {
        let (mut headers, mut metadata) = (BTreeMap::new(), BTreeMap::new());
        for fact in &self.0 {
            let Some(text) = request.text(fact) else { continue };
            match fact {
                TextFact::Client => {}
                TextFact::Header(name) if is_secret_header(name) => {
                    headers.insert(name.clone(), "***".to_owned());
                }
                TextFact::Header(name) => drop(headers.insert(name.clone(), mask(text))),
                TextFact::Metadata(key) => drop(metadata.insert(key.clone(), mask(text))),
            }
        }
        RequestFacts {
            client: request.text(&TextFact::Client).map(str::to_owned),
            headers,
            image: request.flag(Flag::Image),
            json: request.flag(Flag::Json),
            max_tokens: request.number(NumberFact::MaxTokens),
            messages: request.number(NumberFact::Messages).unwrap_or_default(),
            metadata,
            stream: request.flag(Flag::Stream),
            tokens: request.number(NumberFact::Tokens).unwrap_or_default(),
            tools: request.flag(Flag::Tools),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_a_condition_asks_for_is_noted_and_no_secret() {
        let text = |fact: serde_json::Value| json!({"text": {"fact": fact, "is": "present"}});
        let when = json!({"all": [
            {"not": text(json!({"header": "x-team"}))},
            {"any": [text(json!({"metadata": "tier"})), text(json!({"header": "authorization"}))]},
        ]});
        let mut asked = Asked::default();
        asked.note(&serde_json::from_value(when).unwrap());
        let request = RequestFacts {
            client: Some("ada".into()),
            headers: [("x-team", "core"), ("authorization", "Basic eA=="), ("cookie", "c")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into(),
            messages: 2,
            metadata: [("tier".to_owned(), "a".to_owned()), ("user".to_owned(), "b".to_owned())]
                .into(),
            tokens: 9,
            tools: true,
            ..RequestFacts::default()
        };
        let noted = asked.facts(&request);
        let headers = [("authorization", "***"), ("x-team", "core")];
        assert_eq!(noted.headers, headers.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        assert_eq!(noted.metadata, [("tier".to_owned(), "a".to_owned())].into());
        assert_eq!((noted.client.as_deref(), noted.messages, noted.tokens), (Some("ada"), 2, 9));
        assert!(noted.tools && !noted.image);
    }
}
