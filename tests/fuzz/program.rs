//! An input of the fuzzer read as a program: operations and their operands. It must not know what they are
//! done to.

/// Operations of one input; more add nothing but time.
pub(crate) const STEPS_MAX: usize = 200;

/// The rest of an input.
pub(crate) struct Program<'a>(pub(crate) &'a [u8]);

impl Program<'_> {
    /// The next operation, until the input ends.
    pub(crate) fn byte(&mut self) -> Option<u8> {
        let (&byte, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(byte)
    }

    /// A number below `count`, which is 256 at most.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        usize::from(self.byte().unwrap_or(0)) % count
    }

    /// An integer of any size, from a byte that says how far to shift the next one.
    pub(crate) fn int(&mut self) -> i64 {
        let shift = self.below(64);
        let bits = self.byte().unwrap_or(0) as i8;
        i64::from(bits) << shift
    }

    /// Any bytes, an integer, or many equal bytes.
    pub(crate) fn text(&mut self) -> Vec<u8> {
        match self.below(4) {
            0 => {
                let len = self.below(40).min(self.0.len());
                let (text, rest) = self.0.split_at(len);
                self.0 = rest;
                text.to_vec()
            }
            1 => self.int().to_string().into_bytes(),
            2 => vec![b'x'; self.below(256)],
            _ => vec![b'y'; self.below(256) * 40],
        }
    }
}
