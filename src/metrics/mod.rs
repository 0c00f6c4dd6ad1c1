//! What is counted of a worker, and the text of INFO that is made of it.

pub mod info;
pub mod rates;
pub mod report;
pub mod turns;
