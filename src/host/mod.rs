//! What the machine and the system give a process: memory, time, limits, signals, the log; and its version.
//! It knows no client.

pub mod allocator;
pub mod cgroup;
pub mod clock;
pub mod cpu_use;
pub mod log;
pub mod open_files;
pub mod signals;
pub mod sys;
pub mod version;
