//! The checksum of files and of what DUMP gives: CRC-64 with the polynomial of Jones, bits reflected, from 0.
//!
//! It is taken over all bytes as they pass, so it must not be what a load waits for: sixteen bytes a step, by
//! 32 KB of tables.

use crc::{Crc, Digest, Table};

static CRC: Crc<u64, Table<16>> = Crc::<u64, Table<16>>::new(&crc::CRC_64_REDIS);

/// The checksum of bytes that come one part after the other.
#[derive(Clone)]
pub struct Crc64(Digest<'static, u64, Table<16>>);

impl Default for Crc64 {
    fn default() -> Crc64 {
        Crc64(CRC.digest())
    }
}

impl Crc64 {
    /// Goes on over these bytes.
    #[inline]
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all bytes so far.
    pub fn value(&self) -> u64 {
        self.0.clone().finalize()
    }
}

/// The checksum of these bytes.
pub fn crc64(bytes: &[u8]) -> u64 {
    CRC.checksum(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_redis() {
        // redis-server --test crc64, 7.0.15.
        assert_eq!(crc64(b"123456789"), 0xe9c6_d914_c4b8_d9ca);
        assert_eq!(crc64(b""), 0);
    }

    #[test]
    fn the_parts_do_not_matter() {
        let bytes: Vec<u8> = (0..500u32).map(|at| (at * 7 % 251) as u8).collect();
        for cut in 0..bytes.len() {
            let mut crc = Crc64::default();
            crc.update(&bytes[..cut]);
            crc.update(&bytes[cut..]);
            assert_eq!(crc.value(), crc64(&bytes), "{cut}");
        }
    }
}
