//! The footer of what DUMP and FUNCTION DUMP give: the writer's version and a checksum.
//!
//! ```text
//!  | type, value | version u16 | checksum u64 |
//! ```

use super::crc64::crc64;
use super::version::{FileVersion, WriteVersion};

/// Bytes of the checksum.
const CHECKSUM_LEN: usize = 8;

/// Puts the footer behind a payload that begins with the vector.
pub fn seal(payload: &mut Vec<u8>, version: WriteVersion) {
    payload.extend_from_slice(&version.number().to_le_bytes());
    let checksum = crc64(payload);
    payload.extend_from_slice(&checksum.to_le_bytes());
}

/// What stands before the footer, and the version that it was written in; `None` if the version is not read
/// or the checksum is wrong (Redis: verifyDumpPayload).
pub fn open(payload: &[u8]) -> Option<(FileVersion, &[u8])> {
    let (checked, checksum) = payload.split_last_chunk::<CHECKSUM_LEN>()?;
    let (body, number) = checked.split_last_chunk::<2>()?;
    let version = FileVersion::of_dump(u16::from_le_bytes(*number))?;
    (u64::from_le_bytes(*checksum) == crc64(checked)).then_some((version, body))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_opened_unless_it_was_changed() {
        // SET s abc | DUMP s: redis-server 7.0.15.
        let payload = b"\x00\x03abc\x0a\x00\xd9\xac0=Ar\xa2\xe2";
        assert_eq!(open(payload), Some((WriteVersion::Redis10.read(), &b"\x00\x03abc"[..])));
        let mut sealed = b"\x00\x03abc".to_vec();
        seal(&mut sealed, WriteVersion::Redis10);
        assert_eq!(sealed, payload);
        for len in 0..payload.len() {
            assert_eq!(open(&payload[..len]), None, "{len} bytes");
        }
        for at in 0..payload.len() {
            let mut changed = *payload;
            changed[at] ^= 1;
            assert_eq!(open(&changed), None, "a bit of byte {at}");
        }
    }
}
