//! A stream: commands on a few connections, some of them in pipelines, all made from one seed. This file must not know
//! any command but HELLO, nor how a stream is sent.

use std::collections::HashSet;

use fastrand::Rng;
use testkit::client::command_line;

use crate::argument::{Generator, Row};
use crate::rows::ROWS;

/// Connections of a stream. All start in RESP2; the stream itself switches one of them.
pub(crate) const CONNECTIONS: usize = 3;
const CONNECTION_RESP3: usize = 1;
/// Commands of the longest pipeline.
const PIPELINE_LEN_MAX: usize = 24;

/// One command of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// The connection that sends it, below [`CONNECTIONS`].
    pub(crate) connection: usize,
    /// Sent together with the step before it, which is of the same connection, without waiting for its reply.
    pub(crate) pipelined: bool,
    /// The command's name and arguments.
    pub(crate) args: Vec<Vec<u8>>,
    /// Which row of the table made it.
    pub(crate) row: usize,
}

/// The stream of a seed: always the same.
pub(crate) fn generate(seed: u64, len: usize) -> Vec<Step> {
    let mut rng = Rng::with_seed(seed);
    let mut steps = vec![hello3()];
    let mut ttls_used = HashSet::new();
    while steps.len() < len {
        let connection = rng.usize(..CONNECTIONS);
        let batch_len = if rng.u8(..10) < 6 { 1 } else { rng.usize(2..=PIPELINE_LEN_MAX) };
        for index in 0..batch_len.min(len - steps.len()) {
            let row = pick_row(&mut rng);
            let args = Generator::new(&mut rng, &mut ttls_used).command(&ROWS[row]);
            steps.push(Step { connection, pipelined: index > 0, args, row });
        }
    }
    steps
}

fn hello3() -> Step {
    let row = ROWS.iter().position(|row| row.name == "HELLO").expect("HELLO has a row");
    let args = vec![b"HELLO".to_vec(), b"3".to_vec()];
    Step { connection: CONNECTION_RESP3, pipelined: false, args, row }
}

/// A row of the table, by weight.
fn pick_row(rng: &mut Rng) -> usize {
    let total: u32 = ROWS.iter().map(|row: &Row| row.weight).sum();
    let mut left = rng.u32(..total);
    for (index, row) in ROWS.iter().enumerate() {
        if left < row.weight {
            return index;
        }
        left -= row.weight;
    }
    unreachable!("the draw is below the sum of the weights")
}

/// The steps as lines for redis-cli; a comment says where the connection changes or a pipeline goes on.
pub(crate) fn redis_cli_lines(steps: &[Step]) -> String {
    let mut lines = String::new();
    let mut connection = steps.first().map_or(0, |step| step.connection);
    for step in steps {
        if step.connection != connection {
            connection = step.connection;
            lines.push_str(&format!("# on connection {connection}\n"));
        } else if step.pipelined {
            lines.push_str("# in the same pipeline\n");
        }
        lines.push_str(&command_line(&step.args));
        lines.push('\n');
    }
    lines
}
