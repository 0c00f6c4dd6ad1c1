//! What integration tests and benches need: a server process with its own port and folder, and a blocking
//! RESP client. It must not know any test, nor anything of shoal's insides: shoal is a binary here, as
//! redis-server is.
//!
//! ```no_run
//! let server = testkit::shoal!().shards(2).start();
//! let mut client = server.client();
//! assert_eq!(client.ask("SET a 1"), testkit::Value::ok());
//! ```

pub mod binary;
pub mod client;
pub mod port;
mod process;
pub mod server;
pub mod temp_dir;
pub mod value;

pub use client::Client;
pub use server::{Exit, Kind, Server, ServerBuilder, StopSignal};
pub use temp_dir::TempDir;
pub use value::Value;

/// A builder for the shoal of the package under test: the binary that cargo built for the calling integration
/// test, unless the environment variable `SHOAL_BIN` names another. Outside an integration test it is
/// `target/release/shoal`. It has [`server::SHARDS_OF_TESTS`] shards, not one for each CPU: many tests run at
/// once on a large machine.
#[macro_export]
macro_rules! shoal {
    () => {
        $crate::Server::builder($crate::Kind::Shoal)
            .built_binary(option_env!("CARGO_BIN_EXE_shoal"))
            .shards($crate::server::SHARDS_OF_TESTS)
    };
}
