//! Work on many things by as many threads as there are processors.
//!
//! Owns how things are shared out and that results come in the things' order; what is done with
//! them is for who asks.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, OnceLock};
use std::thread;

/// How many parts each thread gets: one that is held up leaves the others to the rest.
const PARTS: usize = 8;

/// How many threads so much work is worth, when one is started only for `worth` of it.
pub(crate) fn threads(work: usize, worth: usize) -> usize {
    // What the system is asked for that takes longer than a small check.
    static PROCESSORS: OnceLock<usize> = OnceLock::new();
    if work < 2 * worth {
        return 1;
    }
    let known = || thread::available_parallelism().map_or(1, usize::from);
    (*PROCESSORS.get_or_init(known)).min(work / worth)
}

/// What `work` makes of the `items`, part by part and in their order. Each thread has a state of its
/// own, which `begin` makes.
pub(crate) fn in_parts<I: Sync, S, R: Send>(
    items: &[I],
    threads: usize,
    begin: impl Fn() -> S + Sync,
    work: impl Fn(&mut S, &[I]) -> R + Sync,
) -> Vec<R> {
    if threads < 2 {
        return if items.is_empty() { Vec::new() } else { vec![work(&mut begin(), items)] };
    }
    let size = (items.len() / (threads * PARTS)).max(1);
    let parts: Vec<&[I]> = items.chunks(size).collect();
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(parts.len()));
    let go = || {
        let mut state = begin();
        while let Some((place, part)) = take(&parts, &next) {
            let result = work(&mut state, part);
            match done.lock() {
                Ok(mut all) => all.push((place, result)),
                // The panic of the thread that held it goes on by itself.
                Err(_poisoned) => return,
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(go);
        }
        go();
    });
    let mut done = done.into_inner().unwrap_or_default();
    done.sort_unstable_by_key(|(place, _)| *place);
    done.into_iter().map(|(_, result)| result).collect()
}

fn take<'p, I>(parts: &[&'p [I]], next: &AtomicUsize) -> Option<(usize, &'p [I])> {
    let place = next.fetch_add(1, Relaxed);
    Some((place, *parts.get(place)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items_however_many_threads_there_are() {
        let items: Vec<u32> = (0..1000).collect();
        for threads in [1, 2, 5] {
            let double = |_: &mut (), part: &[u32]| part.iter().map(|it| it * 2).collect();
            let parts: Vec<Vec<u32>> = in_parts(&items, threads, || (), double);
            let all: Vec<u32> = parts.concat();
            assert_eq!(all, items.iter().map(|it| it * 2).collect::<Vec<_>>());
        }
        assert_eq!(in_parts(&[0_u8; 0], 3, || (), |(), part| part.len()), Vec::<usize>::new());
    }

    #[test]
    fn a_thread_is_started_only_for_enough_work() {
        assert_eq!((threads(199, 100), threads(0, 100)), (1, 1));
        assert!((1..=2).contains(&threads(200, 100)));
    }
}
