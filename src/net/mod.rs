//! Sockets: listening, receiving, sending, and the order of replies. Knows no command.

pub mod connection;
pub mod listener;
pub mod reply_queue;
pub mod ring;
