//! Hash slots: which of the 16384 a key belongs to. The only hash of a key that routing uses.
//!
//! Source: the Redis Cluster specification: CRC16 (XMODEM) of the key, or of its hash tag, modulo 16384.

/// The number of hash slots of a cluster.
pub const SLOT_COUNT: usize = 16384;

/// A hash slot, 0 to 16383. Never a place in a hash table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct SlotId(u16);

impl SlotId {
    /// Slot 0.
    pub const FIRST: SlotId = SlotId(0);

    /// Slot number `number`, which must be under [`SLOT_COUNT`].
    #[inline]
    pub fn new(number: u16) -> SlotId {
        debug_assert!((number as usize) < SLOT_COUNT);
        SlotId(number & (SLOT_COUNT as u16 - 1))
    }

    /// The slot of a key.
    #[inline]
    pub fn of(key: &[u8]) -> SlotId {
        SlotId(crc16(tagged_part(key)) & (SLOT_COUNT as u16 - 1))
    }

    /// As an index into tables with one element for each slot.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// The slot's number.
    #[inline]
    pub fn number(self) -> u16 {
        self.0
    }
}

/// A set of hash slots, one bit for each.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SlotSet {
    bits: Box<[u64; SLOT_COUNT / 64]>,
}

impl SlotSet {
    /// All slots.
    pub fn all() -> SlotSet {
        SlotSet { bits: Box::new([u64::MAX; SLOT_COUNT / 64]) }
    }

    /// No slot.
    pub fn none() -> SlotSet {
        SlotSet { bits: Box::new([0; SLOT_COUNT / 64]) }
    }

    /// True when the slot is in the set.
    #[inline]
    pub fn contains(&self, slot: SlotId) -> bool {
        self.bits[slot.index() / 64] >> (slot.index() % 64) & 1 == 1
    }

    /// Adds a slot.
    pub fn insert(&mut self, slot: SlotId) {
        self.bits[slot.index() / 64] |= 1 << (slot.index() % 64);
    }

    /// Takes a slot out.
    pub fn remove(&mut self, slot: SlotId) {
        self.bits[slot.index() / 64] &= !(1 << (slot.index() % 64));
    }

    /// How many slots are in the set.
    pub fn count(&self) -> usize {
        self.bits.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// The slots of the set, in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = SlotId> {
        (0..SLOT_COUNT as u16).map(SlotId).filter(|&slot| self.contains(slot))
    }
}

impl Default for SlotSet {
    fn default() -> SlotSet {
        SlotSet::none()
    }
}

impl FromIterator<SlotId> for SlotSet {
    fn from_iter<I: IntoIterator<Item = SlotId>>(slots: I) -> SlotSet {
        let mut set = SlotSet::none();
        slots.into_iter().for_each(|slot| set.insert(slot));
        set
    }
}

/// The part of a key that is hashed: what stands between the first `{` and the next `}` when that is not
/// empty, else the whole key.
#[inline]
fn tagged_part(key: &[u8]) -> &[u8] {
    let Some(open) = memchr::memchr(b'{', key) else { return key };
    match memchr::memchr(b'}', &key[open + 1..]) {
        None | Some(0) => key,
        Some(len) => &key[open + 1..][..len],
    }
}

/// A shard of this node: the worker of the same number owns it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct ShardId(pub u16);

impl ShardId {
    /// As an index into tables with one element for each shard.
    #[inline]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// CRC16/XMODEM eight bytes at a time: table `k` holds the checksum of a byte followed by `k` zero bytes, so
/// the eight lookups of one step do not wait for each other ("slicing by 8"; Kounavis and Berry, ISCC 2005).
fn crc16(bytes: &[u8]) -> u16 {
    let mut crc = 0u16;
    let mut chunks = bytes.chunks_exact(8);
    for chunk in &mut chunks {
        let t = &CRC_TABLES;
        crc = t[7][(chunk[0] ^ (crc >> 8) as u8) as usize]
            ^ t[6][(chunk[1] ^ crc as u8) as usize]
            ^ t[5][chunk[2] as usize]
            ^ t[4][chunk[3] as usize]
            ^ t[3][chunk[4] as usize]
            ^ t[2][chunk[5] as usize]
            ^ t[1][chunk[6] as usize]
            ^ t[0][chunk[7] as usize];
    }
    for &byte in chunks.remainder() {
        crc = (crc << 8) ^ CRC_TABLES[0][((crc >> 8) as u8 ^ byte) as usize];
    }
    crc
}

static CRC_TABLES: [[u16; 256]; 8] = crc_tables();

const fn crc_tables() -> [[u16; 256]; 8] {
    let mut tables = [[0u16; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u16) << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 0x8000 != 0 { (crc << 1) ^ 0x1021 } else { crc << 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut zeros = 1;
    while zeros < 8 {
        let mut byte = 0;
        while byte < 256 {
            let crc = tables[zeros - 1][byte];
            tables[zeros][byte] = (crc << 8) ^ tables[0][(crc >> 8) as usize];
            byte += 1;
        }
        zeros += 1;
    }
    tables
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_those_of_redis_cluster() {
        // CLUSTER KEYSLOT of redis-server 7.0.15.
        for (key, slot) in [("foo", 12182), ("bar", 5061), ("", 0), ("123456789", 0x31C3)] {
            assert_eq!(SlotId::of(key.as_bytes()).number(), slot, "{key}");
        }
    }

    #[test]
    fn a_set_of_slots_holds_what_was_put_in_and_not_taken_out() {
        let slots = [0, 63, 64, 16383].map(SlotId::new);
        let mut set: SlotSet = slots.into_iter().collect();
        set.remove(slots[1]);
        let held = (0..SLOT_COUNT as u16).map(SlotId::new).filter(|&slot| set.contains(slot));
        assert_eq!(held.collect::<Vec<_>>(), [slots[0], slots[2], slots[3]]);
        assert!((0..SLOT_COUNT as u16).all(|slot| SlotSet::all().contains(SlotId::new(slot))));
    }

    #[test]
    fn only_a_non_empty_hash_tag_counts() {
        assert_eq!(SlotId::of(b"{user}.a"), SlotId::of(b"user"));
        assert_eq!(SlotId::of(b"x{user}y{other}"), SlotId::of(b"user"));
        assert_ne!(SlotId::of(b"{}a"), SlotId::of(b"{}b"));
        assert_ne!(SlotId::of(b"{a"), SlotId::of(b"a"));
    }

    #[test]
    fn eight_bytes_at_a_time_give_the_checksum_of_one_at_a_time() {
        let bytes: Vec<u8> = (0..100u32).map(|i| (i * 37 % 251) as u8).collect();
        for len in 0..bytes.len() {
            let reference = crc16::State::<crc16::XMODEM>::calculate(&bytes[..len]);
            assert_eq!(crc16(&bytes[..len]), reference, "{len}");
        }
    }
}
