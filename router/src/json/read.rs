//! Values read in one pass, straight into what they are wanted for.
//!
//! Owns what a reader is given of a value; which members it looks for is its own.

use std::ops::Range;

use super::decode;
use super::scan::Scan;

/// Reads a text that an answer holds, or one that has been checked; none where `read` gives none
/// and where it is not JSON to its end.
pub(crate) fn read<'t, T>(
    text: &'t str,
    read: impl FnOnce(&mut Scan<'t>) -> Option<T>,
) -> Option<T> {
    let mut scan = Scan::lenient(text);
    let value = read(&mut scan)?;
    scan.end().map(|()| value)
}

impl<'t> Scan<'t> {
    /// The value as it stands; none for `null`.
    pub(crate) fn raw(&mut self) -> Option<&'t str> {
        let place = self.place();
        self.text.get(place).filter(|value| !matches!(*value, "" | "null"))
    }

    /// Where the value stands; nowhere if it is broken.
    pub(super) fn place(&mut self) -> Range<usize> {
        self.space();
        let start = self.at;
        self.value().map_or(0..0, |()| start..self.at)
    }

    /// Whether the value is `null`.
    pub(crate) fn is_null(&self) -> bool {
        self.peek() == Some(b'n')
    }

    /// A whole number.
    pub(crate) fn number(&mut self) -> Option<u64> {
        self.raw()?.parse().ok()
    }

    /// A number of tokens, or none for `null`; of anything else `is_sound` tells.
    pub(crate) fn tokens(&mut self, is_sound: &mut bool) -> Option<u64> {
        let raw = self.raw()?;
        let number = raw.parse().ok();
        *is_sound &= number.is_some();
        number
    }

    /// Gives `seen` each member of an object: the key, and the scan, which stands at the value. What
    /// is not read is passed over; of a key that stands twice both are given. Whether it is an
    /// object: nothing is read of anything else.
    pub(crate) fn members(&mut self, seen: &mut dyn FnMut(&str, &mut Self)) -> bool {
        self.space();
        if self.peek() != Some(b'{') {
            return false;
        }
        let text = self.text;
        let inner = |key: Range<usize>| text.get(key.start + 1..key.end - 1).unwrap_or_default();
        self.object(&mut |scan, key| {
            // A provider would know a key however it is spelled: so nothing may be hidden by that.
            if scan.escaped {
                let decoded = decode(text.get(key).unwrap_or_default());
                return seen(&decoded.unwrap_or_default(), scan);
            }
            seen(inner(key), scan);
        })
        .is_some()
    }

    /// The value, as it stands, of an object's member of this name.
    pub(crate) fn member(&mut self, name: &str) -> Option<&'t str> {
        let mut found = None;
        self.members(&mut |key, value| {
            if key == name {
                found = value.raw();
            }
        });
        found
    }

    /// Gives `seen` each element of an array. Whether it is one.
    pub(crate) fn elements(&mut self, seen: &mut dyn FnMut(&mut Self)) -> bool {
        self.space();
        if self.peek() != Some(b'[') {
            return false;
        }
        self.array(seen).is_some()
    }

    /// What `read` makes of each element of an array; none where it is none, and where it makes
    /// nothing of one.
    pub(crate) fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let (mut all, mut is_whole) = (Vec::new(), true);
        let is_array = self.elements(&mut |scan| match read(scan) {
            Some(element) => all.push(element),
            None => is_whole = false,
        });
        (is_array && is_whole).then_some(all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn members(text: &str) -> Option<Vec<(String, Option<&str>)>> {
        read(text, |scan| {
            let mut all = Vec::new();
            let is_object = scan.members(&mut |key, scan| all.push((key.to_owned(), scan.raw())));
            is_object.then_some(all)
        })
    }

    #[test]
    fn members_may_stand_twice_and_null_is_none() {
        let all = members(r#" {"a" : 1, "b":null,"a":{"x":1,"x":2}} "#).expect("an object");
        let all: Vec<_> = all.iter().map(|(key, value)| (key.as_str(), *value)).collect();
        assert_eq!(all, [("a", Some("1")), ("b", None), ("a", Some(r#"{"x":1,"x":2}"#))]);
        let escaped = members(r#"{"\u0061\"b":"\n","c":2}"#).expect("an object");
        let escaped: Vec<_> = escaped.iter().map(|(key, value)| (key.as_str(), *value)).collect();
        assert_eq!(escaped, [("a\"b", Some(r#""\n""#)), ("c", Some("2"))]);
        assert_eq!(members("{}"), Some(Vec::new()));
        for other in ["[]", "null", r#"{"a":1"#, r#"{"a":1}x"#, r#"{"a":nul}"#, r#"{"a":}"#, ""] {
            assert_eq!(members(other), None, "{other}");
        }
    }

    #[test]
    fn what_is_not_read_is_passed_over() {
        let text = r#"{"x":[{"a":[]}],"o":{"y":{"a":7},"n":5,"z":null},"l":[1,"2",{}]}"#;
        let (mut number, mut list) = (None, None);
        let is_object = read(text, |scan| {
            let is_object = scan.members(&mut |key, scan| match key {
                "o" => {
                    scan.members(&mut |key, scan| {
                        if key == "n" {
                            number = scan.number();
                        }
                    });
                }
                "l" => list = scan.list(Scan::raw),
                _ => (),
            });
            is_object.then_some(())
        });
        assert_eq!((is_object, number), (Some(()), Some(5)));
        assert_eq!(list, Some(vec!["1", "\"2\"", "{}"]));
    }

    #[test]
    fn what_breaks_within_breaks_the_whole() {
        let read = |text| {
            read(text, |scan| {
                let mut lists = Vec::new();
                let is_object = scan.members(&mut |_, scan| lists.push(scan.list(Scan::number)));
                is_object.then_some(lists)
            })
        };
        assert_eq!(
            read(r#"{"a":[1,2],"b":7,"c":[1,"2"],"d":[]}"#),
            Some(vec![Some(vec![1, 2]), None, None, Some(Vec::new())])
        );
        for broken in [r#"{"a":[1,2}"#, r#"{"a":[1 2]}"#, r#"{"a":[01]}"#, r#"{"a":[1],}"#] {
            assert_eq!(read(broken), None, "{broken}");
        }
        let deep = |depth: usize| format!(r#"{{"a":{}1{}}}"#, "[".repeat(depth), "]".repeat(depth));
        let (deep, too_deep) = (deep(500), deep(100_000));
        assert!(read(&deep).is_some() && read(&too_deep).is_none());
    }
}
