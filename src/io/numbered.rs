//! Things that are known by numbers which are used again.
//!
//! A number has a round, so that who keeps the number of a thing that has gone does not get the one that came
//! after it.

use shards::spare::Trim;

/// The number of a thing in a [`Numbered`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(super) struct Number {
    index: u32,
    round: u32,
}

impl Number {
    /// Where the thing is. No other thing has this index while it is there.
    pub(super) fn index(self) -> u32 {
        self.index
    }
}

/// One seat for each index that was in use at once.
#[derive(Debug)]
pub(super) struct Numbered<T> {
    seats: Vec<Seat<T>>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Seat<T> {
    round: u32,
    thing: Option<T>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Numbered<T> {
        Numbered { seats: Vec::new(), free: Vec::new() }
    }
}

impl<T> Numbered<T> {
    pub(super) fn len(&self) -> usize {
        self.seats.len() - self.free.len()
    }

    pub(super) fn insert(&mut self, thing: T) -> Number {
        let index = self.free.pop().unwrap_or_else(|| {
            self.seats.push(Seat { round: 0, thing: None });
            self.seats.len() as u32 - 1
        });
        let seat = &mut self.seats[index as usize];
        seat.thing = Some(thing);
        Number { index, round: seat.round }
    }

    pub(super) fn get(&self, number: Number) -> Option<&T> {
        let seat = self.seats.get(number.index as usize)?;
        seat.thing.as_ref().filter(|_| seat.round == number.round)
    }

    pub(super) fn get_mut(&mut self, number: Number) -> Option<&mut T> {
        let seat = self.seats.get_mut(number.index as usize)?;
        seat.thing.as_mut().filter(|_| seat.round == number.round)
    }

    pub(super) fn remove(&mut self, number: Number) -> Option<T> {
        let seat = self.seats.get_mut(number.index as usize)?;
        if seat.round != number.round {
            return None;
        }
        let thing = seat.thing.take()?;
        seat.round = seat.round.wrapping_add(1);
        self.free.push(number.index);
        Some(thing)
    }

    /// The numbers of all things that are there.
    pub(super) fn numbers(&self) -> impl Iterator<Item = Number> {
        (0..self.seats.len() as u32).filter_map(|index| self.number_at(index))
    }

    /// The number of the thing that is at an index.
    pub(super) fn number_at(&self, index: u32) -> Option<Number> {
        let seat = self.seats.get(index as usize)?;
        seat.thing.as_ref().map(|_| Number { index, round: seat.round })
    }

    /// The seats stay: their rounds have to go on.
    pub(super) fn trim(&mut self) {
        self.free.trim();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_that_has_gone_does_not_find_what_came_after_it() {
        let mut numbered = Numbered::default();
        let first = numbered.insert("a");
        assert_eq!(numbered.remove(first), Some("a"));
        let second = numbered.insert("b");
        assert_eq!(second.index(), first.index());
        assert_eq!(numbered.get(first), None);
        assert_eq!(numbered.get_mut(first), None);
        assert_eq!(numbered.remove(first), None);
        assert_eq!(numbered.get(second), Some(&"b"));
        assert_eq!(numbered.number_at(0), Some(second));
        assert_eq!((numbered.len(), numbered.number_at(1)), (1, None));
    }
}
