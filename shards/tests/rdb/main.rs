//! The format of RDB files against what other servers have written, against values of every type, and
//! against bytes that nobody has written.
//!
//! `dumps.txt` and the files beside it were written by redis-server 7.0.15 and Valkey 9.1.2: `make.py` says
//! how.

#[cfg(test)]
mod files;
#[cfg(test)]
mod golden;
#[cfg(test)]
mod historical;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod model;
#[cfg(test)]
mod round_trip;
