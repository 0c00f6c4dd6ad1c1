//! The format of RDB files, and of what DUMP gives: bytes to values and values to bytes. No files, no clock.
//!
//! Reading a file has two halves, so that all cores take part. A [`scan::Scanner`] goes through the bytes of
//! the file, finds where each value ends and decodes none. The bytes of a value go to the shard that owns the
//! key, which decodes them by [`load::load_value`], or by a [`load::ValueLoader`] when they come in parts.
//! Everything is checked before it is used: nothing is allocated on the word of a length alone, and no bytes
//! make a value that the commands could stumble over.
//!
//! Writing has one half: [`save::save_value`], or a [`save::ValueSaver`] that writes a large value in pieces;
//! [`frame`] has what stands between the values.
//!
//! What is read is more than what is written: [`version`] says what. This folder must not know keyspaces,
//! commands or configuration.

pub mod crc64;
pub mod dump;
pub mod error;
pub mod frame;
pub mod load;
pub mod loaded;
mod opcode;
pub mod save;
pub mod scan;
mod shape;
pub mod sink;
pub mod source;
#[cfg(test)]
mod stream_tests;
mod template;
pub mod value_type;
pub mod version;
