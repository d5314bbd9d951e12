//! Independent pieces of work side by side, one thread a processor; in a browser worker, which has no threads,
//! one after the other. Results stand in the order of the items, so they do not depend on the machine.

/// `body` of each item.
#[cfg(not(target_arch = "wasm32"))]
pub fn map<T: Sync, R: Send>(items: &[T], body: impl Fn(&T) -> R + Sync) -> Vec<R> {
    use std::sync::atomic::{AtomicUsize, Ordering};

    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = processors.min(items.len());
    if threads < 2 {
        return items.iter().map(body).collect();
    }
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(item) = items.get(index) else { return done };
            done.push((index, body(item)));
        }
    };
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let results = workers.into_iter().map(|worker| match worker.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        results.flatten().collect()
    });
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// `body` of each item.
#[cfg(target_arch = "wasm32")]
pub fn map<T, R>(items: &[T], body: impl Fn(&T) -> R) -> Vec<R> {
    items.iter().map(body).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_stand_in_the_order_of_the_items() {
        let items: Vec<u64> = (0..500).collect();
        let slow_at_first = |item: &u64| {
            (0..(500 - item) * 20).fold(*item, |sum, i| sum.wrapping_add(i) ^ i).min(*item) + item
        };
        let alone: Vec<u64> = items.iter().map(slow_at_first).collect();
        assert_eq!(map(&items, slow_at_first), alone);
        assert!(map(&[] as &[u64], slow_at_first).is_empty());
    }
}
