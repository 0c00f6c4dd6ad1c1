//! Byte-level algorithms under the data types. They see bytes and numbers only: no key, no argument, no
//! reply.

pub mod bitops;
pub mod geohash;
pub mod hyperloglog;
pub mod intset;
pub mod lcs;
pub mod limits;
pub mod listpack;
pub mod lzf;
pub mod member_table;
pub mod quicklist;
pub mod score_bound;
pub mod sorted_pack;
pub mod sorted_set;
pub mod splice;
pub mod stream;
