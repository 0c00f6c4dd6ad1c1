//! Files that keep the data: how they are written and read, as state machines that are told what has happened
//! and make requests to the disk. Nothing here knows the worker, which drives them.

pub mod hop;
pub mod rdb_file;
pub mod save;
pub mod save_points;
