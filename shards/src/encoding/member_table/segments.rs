//! An array that grows and shrinks at its end without ever moving more than one segment's elements.
//!
//! Why not a `Vec`: the directory of a hundred million members has some megabytes, and a `Vec` that doubles
//! copies them in one step. This file must not know what an element is.

use std::ops::{Index, IndexMut};

const SEGMENT_BITS: u32 = 10;
const SEGMENT_LEN: usize = 1 << SEGMENT_BITS;

/// Elements 0..len. Only the last segment has less than [`SEGMENT_LEN`] elements, and none is empty.
#[derive(Clone, Debug)]
pub(super) struct Segments<T> {
    segments: Vec<Vec<T>>,
}

impl<T> Default for Segments<T> {
    fn default() -> Segments<T> {
        Segments { segments: Vec::new() }
    }
}

impl<T> Segments<T> {
    #[inline]
    pub(super) fn len(&self) -> usize {
        match self.segments.split_last() {
            Some((last, full)) => (full.len() << SEGMENT_BITS) + last.len(),
            None => 0,
        }
    }

    pub(super) fn push(&mut self, element: T) {
        match self.segments.last_mut() {
            Some(last) if last.len() < SEGMENT_LEN => {
                if last.len() == last.capacity() {
                    // An exact step for the first elements of a small table, then by a quarter.
                    last.reserve_exact((1 + last.len() / 4).min(SEGMENT_LEN - last.len()));
                }
                last.push(element);
            }
            _ => self.segments.push(vec![element]),
        }
    }

    pub(super) fn pop(&mut self) -> Option<T> {
        let last = self.segments.last_mut()?;
        let element = last.pop();
        match last.len() {
            0 => _ = self.segments.pop(),
            // Half is unused: some elements may come again before the next step.
            len if len * 2 < last.capacity() => last.shrink_to(len + len / 4),
            _ => {}
        }
        element
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &T> {
        self.segments.iter().flatten()
    }

    /// Bytes of memory of the array itself. What elements own is not in it.
    pub(super) fn memory_bytes(&self) -> usize {
        let last = self.segments.last().map_or(0, Vec::capacity);
        let full = self.segments.len().saturating_sub(1) * SEGMENT_LEN;
        (full + last) * size_of::<T>() + self.segments.capacity() * size_of::<Vec<T>>()
    }
}

impl<T> Index<usize> for Segments<T> {
    type Output = T;

    #[inline]
    fn index(&self, index: usize) -> &T {
        &self.segments[index >> SEGMENT_BITS][index & (SEGMENT_LEN - 1)]
    }
}

impl<T> IndexMut<usize> for Segments<T> {
    #[inline]
    fn index_mut(&mut self, index: usize) -> &mut T {
        &mut self.segments[index >> SEGMENT_BITS][index & (SEGMENT_LEN - 1)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_found_by_their_index_while_the_array_grows_and_shrinks() {
        let mut array = Segments::default();
        for index in 0..5000usize {
            assert_eq!(array.len(), index);
            array.push(index);
            assert_eq!(array[index], index);
            assert_eq!(array[index / 2], index / 2);
        }
        assert!(array.iter().copied().eq(0..5000));
        array[1024] = 7;
        assert_eq!(array[1024], 7);
        array[1024] = 1024;
        for index in (0..5000).rev() {
            assert_eq!(array.pop(), Some(index));
            assert_eq!(array.len(), index);
            assert!(index == 0 || array[index - 1] == index - 1);
        }
        assert_eq!(array.pop(), None);
        assert_eq!(array.iter().count(), 0);
    }

    #[test]
    #[cfg_attr(miri, ignore = "minutes, and no other bytes than in smaller tests")]
    fn memory_follows_the_length() {
        let mut array = Segments::<u64>::default();
        assert_eq!(array.memory_bytes(), 0);
        array.push(1);
        assert!(array.memory_bytes() <= 8 + 4 * 24);
        (0..100_000).for_each(|element| array.push(element));
        assert!(array.memory_bytes() < 100_000 * 8 * 11 / 10, "{}", array.memory_bytes());
        (0..99_000).for_each(|_| _ = array.pop());
        assert!(array.memory_bytes() < 30_000, "{}", array.memory_bytes());
    }
}
