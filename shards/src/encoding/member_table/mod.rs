//! Large sets and large hashes: tables of byte strings without an allocation for each.
//!
//! [`Members`] and [`Fields`] are thin layers over one table (`table.rs`: linear hashing over pages), whose
//! pages (`page.rs`) hold some dozen records each, packed one behind the other with a byte of hash and a byte
//! of length for each. Only a record of more than 250 bytes has an allocation of its own. An insert or a
//! removal moves some hundred bytes in one page, and now and then splits or joins two: no step grows with the
//! table.
//!
//! Why not a table of pointers, as the keyspace has (`crate::table`): with a million members of 20 bytes it
//! takes 1.8 times as much resident memory. Simulated with 300 000 of them and a cache of 4 MB, a search
//! misses the cache twice as often (1.75 times against 0.9), though it takes 390 instructions against 550,
//! those that make the member and its hash included; and a walk through all members misses it for each.
//!
//! Measured beside redis-server 7.0.15 and Valkey 9.1.2 (growth of resident memory by one collection of a
//! million, mimalloc against their builds' allocators): members of 20 bytes take 0.60 of the better of the
//! two, of 7 digits 0.27, fields of 20 bytes with values of 10 bytes 0.69, and with an expire each 0.89 of
//! Valkey. CPU beside redis-server, which was the faster of the two, without what reading the request costs
//! it (median of three rounds, smallest and largest, on a busy machine): a search in a set 0.72 (0.66-0.89),
//! in a hash 0.59 (0.47-0.80), an insert into a set 0.59 (0.53-0.75), into a hash 0.57 (0.48-0.62), a random
//! draw 0.3 or less.
//!
//! This folder must not know keys, commands, replies or limits. The hash is handed in and must be keyed:
//! clients choose the members. Random numbers are handed in too.

mod expire_index;
mod fields;
mod members;
mod page;
mod records;
mod remains;
mod segments;
mod table;

pub use fields::{FieldExpire, Fields};
pub use members::Members;
pub use records::Field;
pub use remains::Remains;

#[cfg(test)]
mod tests;
