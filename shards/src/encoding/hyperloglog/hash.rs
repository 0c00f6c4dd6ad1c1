//! Where an element belongs: its register and its rank. Knows nothing of how registers are written.

/// Registers in every HyperLogLog.
pub const REGISTERS: usize = 1 << 14;

/// Bits of the hash that choose the register.
const REGISTER_BITS: u32 = REGISTERS.trailing_zeros();
/// The highest rank: all bits of the hash above those of the register are 0.
pub(super) const RANK_MAX: u8 = (u64::BITS - REGISTER_BITS + 1) as u8;

/// The seed of the hash that all Redis servers use.
const SEED: u64 = 0xadc8_3b19;

/// The place of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placed {
    /// 0 to 16383.
    pub(super) register: usize,
    /// 1 to [`RANK_MAX`].
    pub(super) rank: u8,
}

impl Placed {
    #[inline]
    pub(super) fn of(element: &[u8]) -> Self {
        let hash = murmur2(element, SEED);
        let rest = hash >> REGISTER_BITS;
        let zeros = rest.trailing_zeros().min(u64::BITS - REGISTER_BITS);
        Self { register: hash as usize % REGISTERS, rank: zeros as u8 + 1 }
    }
}

/// MurmurHash2 in its variant "64A" of Austin Appleby, which is in the public domain.
#[inline]
fn murmur2(bytes: &[u8], seed: u64) -> u64 {
    const M: u64 = 0xc6a4_a793_5bd1_e995;
    const R: u32 = 47;

    let mut hash = seed ^ (bytes.len() as u64).wrapping_mul(M);
    let (words, rest) = bytes.as_chunks::<8>();
    for word in words {
        let mut k = u64::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash = (hash ^ k.wrapping_mul(M)).wrapping_mul(M);
    }
    if !rest.is_empty() {
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        hash = (hash ^ u64::from_le_bytes(last)).wrapping_mul(M);
    }
    hash = (hash ^ (hash >> R)).wrapping_mul(M);
    hash ^ (hash >> R)
}
