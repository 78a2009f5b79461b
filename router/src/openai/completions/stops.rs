//! Where a completion stops.
//!
//! Owns the search for the client's stop strings in pieces of text. They are looked for here and
//! not by the provider: it would find them in a fence, and takes few.

/// Looks for stop strings.
#[derive(Debug, Default)]
pub(super) struct Stops {
    stops: Vec<String>,
    held: String,
    stopped: bool,
}

impl Stops {
    pub(super) fn new(stops: Vec<String>) -> Self {
        let stops = stops.into_iter().filter(|stop| !stop.is_empty()).collect();
        Self { stops, ..Self::default() }
    }

    /// Whether one was found.
    pub(super) fn stopped(&self) -> bool {
        self.stopped
    }

    /// Takes a piece and appends what no stop string can begin in.
    pub(super) fn push(&mut self, piece: &str, out: &mut String) {
        if self.stopped {
            return;
        }
        if self.stops.is_empty() {
            return out.push_str(piece);
        }
        self.held.push_str(piece);
        let found = self.stops.iter().filter_map(|stop| self.held.find(stop)).min();
        if let Some(place) = found {
            self.stopped = true;
            self.held.truncate(place);
            return out.push_str(&std::mem::take(&mut self.held));
        }
        let kept = self.stops.iter().map(|stop| begun(&self.held, stop)).max().unwrap_or(0);
        let told = self.held.drain(..self.held.len() - kept);
        out.push_str(told.as_str());
    }

    /// Takes the end and appends the rest.
    pub(super) fn finish(&mut self, out: &mut String) {
        out.push_str(&std::mem::take(&mut self.held));
    }
}

/// How many bytes at the end of a text a stop string may have begun in.
fn begun(text: &str, stop: &str) -> usize {
    let begins = |length: &usize| stop.get(..*length).is_some_and(|begin| text.ends_with(begin));
    (1..stop.len()).rev().find(begins).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_earliest_stop_ends_a_text_however_it_is_cut() {
        let stops = ["\n\n", "END", "é"].map(str::to_owned).to_vec();
        for (text, kept) in [
            ("a\nb\n\nc", "a\nb"),
            ("EN EEND x", "EN E"),
            ("a\n", "a\n"),
            ("xéy\n\n", "x"),
            ("plain EN", "plain EN"),
        ] {
            for piece in [1, 2, 5, 100] {
                let mut found = Stops::new(stops.clone());
                let letters: Vec<char> = text.chars().collect();
                let mut out = String::new();
                for piece in letters.chunks(piece) {
                    found.push(&piece.iter().collect::<String>(), &mut out);
                }
                found.finish(&mut out);
                assert_eq!(out, kept, "{text:?} by {piece}");
            }
        }
    }
}
