//! What stands in a file between the values: its first and its last bytes, facts about it, databases, and
//! what is said of a key before its value.

use super::opcode;
use super::sink::Sink;
use super::value_type::ValueType;
use super::version::WriteVersion;

/// How a key was used, as far as its server remembers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Usage {
    /// Nothing is said.
    Unknown,
    /// It has not been used for so many seconds (LRU).
    IdleSeconds(u64),
    /// On LFU's logarithmic scale.
    Frequency(u8),
}

/// The first bytes of a file.
pub fn header(sink: &mut Sink<'_>, version: WriteVersion) {
    sink.bytes(version.magic());
}

/// A fact about the file. Readers pass over those that they do not know.
pub fn aux(sink: &mut Sink<'_>, name: &[u8], value: &[u8]) {
    sink.byte(opcode::AUX);
    sink.text(name);
    sink.text(value);
}

/// A library of functions: its whole code.
pub fn function(sink: &mut Sink<'_>, code: &[u8]) {
    sink.byte(opcode::FUNCTION_2);
    sink.text(code);
}

/// The keys that follow are in this database, which has so many keys, so many of them with expires: readers
/// take the numbers for hints.
pub fn database(sink: &mut Sink<'_>, db: u64, keys: u64, expires: u64) {
    sink.byte(opcode::SELECT_DB);
    sink.length(db);
    sink.byte(opcode::RESIZE_DB);
    sink.length(keys);
    sink.length(expires);
}

/// The keys that follow are in this database.
pub fn select_db(sink: &mut Sink<'_>, db: u64) {
    sink.byte(opcode::SELECT_DB);
    sink.length(db);
}

/// All that stands before a value. Times are milliseconds since 1970.
pub fn key(sink: &mut Sink<'_>, key: &[u8], expire_ms: Option<u64>, usage: Usage, form: ValueType) {
    if let Some(at_ms) = expire_ms {
        sink.byte(opcode::EXPIRE_MS);
        sink.time_ms(i64::try_from(at_ms).unwrap_or(i64::MAX));
    }
    match usage {
        Usage::Unknown => {}
        Usage::IdleSeconds(seconds) => {
            sink.byte(opcode::IDLE);
            sink.length(seconds);
        }
        Usage::Frequency(frequency) => sink.bytes(&[opcode::FREQUENCY, frequency]),
    }
    sink.byte(form.number());
    sink.text(key);
}

/// The end of a file. Behind it stands the checksum of all bytes up to here, this one included.
pub fn end(sink: &mut Sink<'_>) {
    sink.byte(opcode::EOF);
}

/// The checksum behind the end; 0 says that there is none (rdbchecksum).
pub fn checksum(sink: &mut Sink<'_>, checksum: u64) {
    sink.bytes(&checksum.to_le_bytes());
}
