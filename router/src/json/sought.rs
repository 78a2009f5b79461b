//! Texts that are looked for in every request.
//!
//! Owns what finds them: it is made once, since that takes longer than to look through a short
//! request.

use std::sync::OnceLock;

use memchr::memmem::Finder;

/// A text that is looked for again and again.
#[derive(Debug)]
pub(crate) struct Sought {
    text: &'static str,
    finder: OnceLock<Finder<'static>>,
}

impl Sought {
    /// To be kept in a static.
    pub(crate) const fn new(text: &'static str) -> Self {
        Self { text, finder: OnceLock::new() }
    }

    /// Whether it stands in `text`.
    pub(crate) fn is_in(&self, text: &str) -> bool {
        self.finder().find(text.as_bytes()).is_some()
    }

    /// What stands behind each of its places in `text`.
    pub(crate) fn rests<'t>(&self, text: &'t str) -> impl Iterator<Item = &'t str> {
        let places = self.finder().find_iter(text.as_bytes());
        places.map(|at| text.get(at + self.text.len()..).unwrap_or_default())
    }

    fn finder(&self) -> &Finder<'static> {
        self.finder.get_or_init(|| Finder::new(self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_place_is_found() {
        static SOUGHT: Sought = Sought::new("\"id\"");
        assert!(SOUGHT.is_in(r#"{"id":1}"#) && !SOUGHT.is_in(r#"{"ids":1}"#));
        let rests: Vec<&str> = SOUGHT.rests(r#"{"id":1,"é":{"id":2}}"#).collect();
        assert_eq!(rests, [r#":1,"é":{"id":2}}"#, ":2}}"]);
        assert_eq!(SOUGHT.rests("").count(), 0);
    }
}
