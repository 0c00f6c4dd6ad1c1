//! Session commands: what works on the connection, the server and the table of commands, by topic.

pub mod command;
