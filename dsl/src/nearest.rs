//! The known word nearest to a misspelt one.
//!
//! Owns the measure; which words are known is for whoever asks.

/// The nearest of `known` to `word`, if it is near enough to be suggested: at most a third of the
/// longer length away, in inserted, deleted, replaced or swapped characters. Of equally near ones
/// the first.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .filter_map(|candidate| {
            let (own, other) = (word.chars().count(), candidate.chars().count());
            let limit = own.max(other) / 3;
            // Most are told by their length alone.
            if own.abs_diff(other) > limit {
                return None;
            }
            let distance = distance(word, candidate, limit)?;
            Some((distance, candidate))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// The edits from `left` to `right`, if they are at most `limit`.
fn distance(left: &str, right: &str, limit: usize) -> Option<usize> {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let swapped =
                i > 0 && j > 0 && left.get(i - 1) == Some(b) && right.get(j - 1) == Some(a);
            let costs = [
                at(&row, j) + usize::from(a != b),
                at(&row, j + 1) + 1,
                at(&next, j) + 1,
                if swapped { at(&before, j - 1) + 1 } else { usize::MAX },
            ];
            next.push(costs.into_iter().min().unwrap_or(usize::MAX));
        }
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().filter(|distance| *distance <= limit)
}

fn at(row: &[usize], index: usize) -> usize {
    row.get(index).copied().unwrap_or(usize::MAX / 2)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn suggests_what_is_near() {
        assert_eq!(nearest("sonet", ["opus", "sonnet"]), Some("sonnet"));
        assert_eq!(nearest("rotue", ["role", "route"]), Some("route"));
        assert_eq!(nearest("timeuot", ["timeout"]), Some("timeout"));
    }

    #[test]
    fn suggests_nothing_far_fetched() {
        assert_eq!(nearest("gpt", ["opus", "haiku"]), None);
        assert_eq!(nearest("ab", ["cd", "a"]), None);
        assert_eq!(nearest("", ["a"]), None);
    }
}
