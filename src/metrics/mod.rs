//! What is counted of a worker, for INFO.

pub mod rates;
pub mod turns;
