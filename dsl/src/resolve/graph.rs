//! Orders names so that each comes after those it needs, and finds the circles.
//!
//! Owns the walk, which does not recurse, since its depth is the user's; what the names are is for
//! who asks.

use std::collections::{BTreeMap, HashSet};

/// The outcome of a walk.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Order<'n> {
    /// Every name that does not lead into a circle's way back, each after those it needs.
    pub(super) names: Vec<&'n str>,
    /// The circles, each in the order of its arrows.
    pub(super) cycles: Vec<Vec<&'n str>>,
}

/// Walks `needs`: which names each name needs. Names that it does not hold are not walked.
pub(super) fn order<'n>(needs: &BTreeMap<&'n str, Vec<&'n str>>) -> Order<'n> {
    let mut order = Order::default();
    let mut done = HashSet::new();
    for (&start, those) in needs {
        if those.is_empty() && done.insert(start) {
            order.names.push(start);
        } else {
            walk(start, needs, &mut done, &mut order);
        }
    }
    order
}

fn walk<'n>(
    start: &'n str,
    needs: &BTreeMap<&'n str, Vec<&'n str>>,
    done: &mut HashSet<&'n str>,
    order: &mut Order<'n>,
) {
    if done.contains(start) {
        return;
    }
    // Each name under way, with how many of those it needs have been seen to.
    let mut way: Vec<(&str, usize)> = vec![(start, 0)];
    while let Some((name, seen)) = way.last_mut() {
        let name = *name;
        let next = needs.get(name).and_then(|those| those.get(*seen)).copied();
        *seen += 1;
        match next {
            None => {
                done.insert(name);
                order.names.push(name);
                way.pop();
            }
            Some(next) if done.contains(next) || !needs.contains_key(next) => {}
            Some(next) => match way.iter().position(|(under_way, _)| *under_way == next) {
                Some(from) => {
                    order.cycles.push(way.iter().skip(from).map(|(name, _)| *name).collect());
                }
                None => way.push((next, 0)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of<'n>(needs: &[(&'n str, &[&'n str])]) -> Order<'n> {
        order(&needs.iter().map(|(name, those)| (*name, those.to_vec())).collect())
    }

    #[test]
    fn each_comes_after_those_it_needs() {
        let order = of(&[("a", &["b", "c"]), ("b", &["c"]), ("c", &["elsewhere"])]);
        assert_eq!(order.names, ["c", "b", "a"]);
        assert_eq!(order.cycles, Vec::<Vec<&str>>::new());
    }

    #[test]
    fn a_circle_is_found_once_from_wherever_it_is_entered() {
        assert_eq!(of(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"])]).cycles, [["b", "c"]]);
        assert_eq!(of(&[("a", &["a"])]).cycles, [["a"]]);
    }
}
