//! Names that clients of several workers can have at once, each counted once: channels and patterns that are
//! subscribed to, prefixes of client-side caching.
//!
//! A worker adds a name with its first client and removes it with its last one, before that client is
//! answered; so who asks after the answer finds the count right, on whatever worker, and asking costs
//! nothing. This is the one place where workers share a lock. Publishing, delivering and commands on keys
//! never come here, a stripe is held for one operation of a hash table, and who holds it waits for nothing.
//! This file must not know workers or clients.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use shards::spare::shrink_emptied;

/// Parts with a lock of their own: so many that two workers of a large machine seldom meet in one, and that
/// the growth of one part's table holds up few names.
const STRIPES: usize = 64;

/// For each name of a stripe, how many workers have it.
type Stripe = HashMap<Arc<[u8]>, usize>;

/// Names with the number of workers that have them. One per kind of names and process.
#[derive(Debug)]
pub struct DistinctNames {
    stripes: Box<[Mutex<Stripe>]>,
    hasher: RandomState,
    len: AtomicUsize,
}

impl Default for DistinctNames {
    fn default() -> DistinctNames {
        DistinctNames {
            stripes: (0..STRIPES).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            len: AtomicUsize::new(0),
        }
    }
}

impl DistinctNames {
    /// A worker that did not have a name has it.
    pub fn add(&self, name: &Arc<[u8]>) {
        let mut stripe = self.stripe(name);
        let workers = stripe.entry(Arc::clone(name)).or_insert(0);
        *workers += 1;
        if *workers == 1 {
            self.len.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A worker that had a name has it no longer.
    pub fn remove(&self, name: &[u8]) {
        let mut stripe = self.stripe(name);
        let Some(workers) = stripe.get_mut(name) else { return };
        *workers -= 1;
        if *workers == 0 {
            stripe.remove(name);
            shrink_emptied(&mut stripe);
            self.len.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// How many names any worker has.
    pub fn len(&self) -> usize {
        self.len.load(Ordering::SeqCst)
    }

    /// No worker has any.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn stripe(&self, name: &[u8]) -> MutexGuard<'_, Stripe> {
        let stripe = &self.stripes[self.hasher.hash_one(name) as usize % STRIPES];
        // Each operation is whole or has not begun, whatever happens to the thread that holds the lock.
        stripe.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_counts_once_however_many_workers_have_it() {
        let names = DistinctNames::default();
        let (one, other): (Arc<[u8]>, Arc<[u8]>) = (Arc::from(&b"one"[..]), Arc::from(&b"other"[..]));
        names.add(&one);
        names.add(&Arc::from(&one[..]));
        names.add(&other);
        assert_eq!(names.len(), 2);
        names.remove(&one);
        assert_eq!(names.len(), 2);
        names.remove(b"one");
        names.remove(b"one");
        names.remove(b"nobody's");
        assert_eq!((names.len(), names.is_empty()), (1, false));
        names.remove(&other);
        assert!(names.is_empty() && names.stripes.iter().all(|stripe| stripe.lock().unwrap().is_empty()));
    }

    #[test]
    fn workers_that_come_and_go_at_once_leave_the_count_right() {
        let names = &DistinctNames::default();
        let name = |number: usize| -> Arc<[u8]> { Arc::from(number.to_string().as_bytes()) };
        std::thread::scope(|scope| {
            for worker in 0..3 {
                scope.spawn(move || {
                    for round in 0..4 {
                        (0..200).for_each(|number| names.add(&name(number)));
                        assert!(names.len() >= 200);
                        let kept = if worker == 0 && round == 3 { 50 } else { 0 };
                        (kept..200).for_each(|number| names.remove(&name(number)));
                    }
                });
            }
        });
        assert_eq!(names.len(), 50);
    }
}
