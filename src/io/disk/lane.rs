//! The order of what is asked of one file.

use std::collections::VecDeque;

use crate::io::numbered::Number;

/// What a request may have beside it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    /// Nothing but a sync that has begun before it.
    Ordinary,
    /// Begins when all before it has ended; what comes behind it does not wait for it. So a journal is
    /// written on while the disk takes its time, and what a sync covers is what was asked for before it.
    Sync,
    /// Nothing.
    Last,
}

/// The requests of one file, in the order in which they were asked for.
#[derive(Debug, Default)]
pub(super) struct Lane {
    waiting: VecDeque<(Number, Class)>,
    ordinary: Option<Number>,
    sync: Option<Number>,
}

impl Lane {
    pub(super) fn push(&mut self, number: Number, class: Class) {
        self.waiting.push_back((number, class));
    }

    /// Takes the next request that may begin.
    pub(super) fn next(&mut self) -> Option<Number> {
        let &(number, class) = self.waiting.front()?;
        let (place, may_begin) = match class {
            Class::Ordinary => (&mut self.ordinary, true),
            Class::Sync => {
                let nothing_before = self.ordinary.is_none();
                (&mut self.sync, nothing_before)
            }
            Class::Last => {
                let nothing_before = self.sync.is_none();
                (&mut self.ordinary, nothing_before)
            }
        };
        if !may_begin || place.is_some() {
            return None;
        }
        *place = Some(number);
        self.waiting.pop_front();
        Some(number)
    }

    /// A request has ended that had begun.
    pub(super) fn ended(&mut self, number: Number) {
        for place in [&mut self.ordinary, &mut self.sync] {
            if *place == Some(number) {
                *place = None;
            }
        }
    }

    /// Takes out a request that has not begun.
    pub(super) fn remove(&mut self, number: Number) -> bool {
        let len = self.waiting.len();
        self.waiting.retain(|&(waiting, _)| waiting != number);
        self.waiting.len() < len
    }
}
