//! What the benchmarks of whole servers share: load generators, placement on cores, figures and tables. The
//! programs are `compare`, `pauses` and `hitrate`; README.md has their methods. No part of it is in the
//! product.

pub mod background;
pub mod closed_loop;
pub mod cores;
pub mod disturbance;
pub mod environment;
pub mod fill;
pub mod load;
pub mod long;
pub mod measure;
pub mod random;
pub mod report;
pub mod resp;
pub mod rows;
pub mod stats;
pub mod table;
pub mod zipf;
