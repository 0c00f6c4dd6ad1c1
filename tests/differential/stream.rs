//! A stream: commands on a few connections, some of them in pipelines or in transactions that other
//! connections interfere with, all made from one seed. This file must not know any command but HELLO and
//! those of transactions, nor how a stream is sent.

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
/// Commands between MULTI and EXEC, at most.
const TRANSACTION_LEN_MAX: usize = 8;
/// One batch of so many is a transaction.
const TRANSACTION_ONE_OF: u32 = 4;

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
    let mut stream = Stream { rng: Rng::with_seed(seed), ttls_used: HashSet::new(), steps: vec![hello3()] };
    while stream.steps.len() < len {
        let connection = stream.rng.usize(..CONNECTIONS);
        if stream.one_of(TRANSACTION_ONE_OF) {
            stream.transaction(connection);
        } else {
            let is_single = stream.rng.u8(..10) < 6;
            let batch_len = if is_single { 1 } else { stream.rng.usize(2..=PIPELINE_LEN_MAX) };
            stream.batch(connection, batch_len, false);
        }
    }
    stream.steps.truncate(len);
    stream.steps
}

/// A stream that is being made.
struct Stream {
    rng: Rng,
    ttls_used: HashSet<u64>,
    steps: Vec<Step>,
}

impl Stream {
    /// Any commands, in one pipeline; `pipelined` puts the first of them into that of the step before.
    fn batch(&mut self, connection: usize, len: usize, pipelined: bool) {
        for index in 0..len {
            let row = pick_row(&mut self.rng);
            self.push(connection, pipelined || index > 0, row);
        }
    }

    fn push(&mut self, connection: usize, pipelined: bool, row: usize) {
        let args = Generator::new(&mut self.rng, &mut self.ttls_used).command(&ROWS[row]);
        self.steps.push(Step { connection, pipelined, args, row });
    }

    /// WATCH, MULTI, some commands, and EXEC or DISCARD or neither; other connections come between, unless
    /// all is in one pipeline.
    fn transaction(&mut self, connection: usize) {
        let pipelined = self.rng.bool();
        let is_watching = self.rng.bool();
        if is_watching {
            self.push(connection, false, row_of("WATCH"));
            self.interfere(connection, pipelined);
        }
        self.push(connection, pipelined && is_watching, row_of("MULTI"));
        for _ in 0..self.rng.usize(..=TRANSACTION_LEN_MAX) {
            self.batch(connection, 1, pipelined);
            if self.one_of(6) {
                self.interfere(connection, pipelined);
            }
        }
        match self.rng.u8(..20) {
            0 => {}
            1..=3 => self.push(connection, pipelined, row_of("DISCARD")),
            _ => self.push(connection, pipelined, row_of("EXEC")),
        }
    }

    /// Up to three commands of another connection.
    fn interfere(&mut self, connection: usize, pipelined: bool) {
        if !pipelined {
            let other = (connection + self.rng.usize(1..CONNECTIONS)) % CONNECTIONS;
            let len = self.rng.usize(..=3);
            self.batch(other, len, false);
        }
    }

    fn one_of(&mut self, count: u32) -> bool {
        self.rng.u32(..count) == 0
    }
}

fn hello3() -> Step {
    let args = vec![b"HELLO".to_vec(), b"3".to_vec()];
    Step { connection: CONNECTION_RESP3, pipelined: false, args, row: row_of("HELLO") }
}

fn row_of(name: &str) -> usize {
    ROWS.iter().position(|row| row.name == name).expect("the command has a row")
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
