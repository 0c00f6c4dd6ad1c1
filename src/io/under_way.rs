//! What the kernel reads and writes while a call is under way, kept until the call has completed.

/// Boxes by the index of their call. Dropped while calls are under way, it leaves their memory to the kernel:
/// better some bytes lost than bytes written to what belongs to somebody else by then.
#[derive(Debug)]
pub(super) struct UnderWay<T>(Vec<Option<Box<T>>>);

impl<T> Default for UnderWay<T> {
    fn default() -> UnderWay<T> {
        UnderWay(Vec::new())
    }
}

impl<T> UnderWay<T> {
    /// Keeps what a call needs. The box does not move until it is taken.
    pub(super) fn keep(&mut self, index: u32, kept: Box<T>) -> &mut T {
        let index = index as usize;
        if self.0.len() <= index {
            self.0.resize_with(index + 1, || None);
        }
        let place = &mut self.0[index];
        assert!(place.is_none(), "an index has one call under way");
        place.insert(kept)
    }

    /// What a call needs that is under way.
    pub(super) fn get(&self, index: u32) -> Option<&T> {
        self.0.get(index as usize)?.as_deref()
    }

    /// The call has completed.
    pub(super) fn take(&mut self, index: u32) -> Option<Box<T>> {
        self.0.get_mut(index as usize)?.take()
    }
}

impl<T> Drop for UnderWay<T> {
    fn drop(&mut self) {
        for kept in self.0.drain(..).flatten() {
            std::mem::forget(kept);
        }
    }
}
