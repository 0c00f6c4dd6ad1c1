//! Byte-level algorithms under the data types. They see bytes and numbers only: no key, no argument, no reply.

pub mod bitops;
pub mod geohash;
pub mod hyperloglog;
pub mod lcs;
pub mod member_table;
pub mod score;
pub mod sorted_set;
pub mod stream;
pub mod intset;
pub mod lcs;
pub mod listpack;
pub mod lzf;
pub mod quicklist;
pub mod splice;
