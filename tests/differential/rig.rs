//! Two servers side by side: a stream is sent to both, and the first reply that differs is reported. This
//! file must not know how streams are made or which differences are allowed.

use std::fmt;
use std::io;
use std::time::Duration;

use testkit::{Client, Server, ServerBuilder, Value, client};

use crate::compare::{self, Queue};
use crate::rows::{self, ROWS};
use crate::stream::{CONNECTIONS, Step};

/// No command of a stream takes long; a server that is silent for so long hangs, however busy the machine is.
const REPLY_TIMEOUT: Duration = Duration::from_secs(30);
/// A reply is printed up to this many characters.
const PRINTED_CHARS_MAX: usize = 2_000;

/// The server under test and the one that knows.
pub(crate) struct Rig {
    subject: Side,
    oracle: Side,
}

struct Side {
    builder: ServerBuilder,
    server: Server,
    clients: Vec<Client>,
}

/// The first reply that differs.
#[derive(Clone, Debug)]
pub(crate) struct Difference {
    /// Which step of the stream.
    pub(crate) step: usize,
    /// The oracle's reply, printed.
    pub(crate) expected: String,
    /// The subject's reply, printed.
    pub(crate) got: String,
}

/// How many replies of each row were no error.
pub(crate) struct Tally {
    successes: Vec<u64>,
}

impl Rig {
    pub(crate) fn start(subject: ServerBuilder, oracle: ServerBuilder) -> Rig {
        Rig { subject: Side::start(subject), oracle: Side::start(oracle) }
    }

    /// Sends a stream to both servers, which start empty, with fresh connections.
    pub(crate) fn run(&mut self, steps: &[Step], tally: &mut Tally) -> Option<Difference> {
        self.oracle.reset();
        self.subject.reset();
        let mut queues: [Queue; CONNECTIONS] = Default::default();
        let mut start = 0;
        while start < steps.len() {
            let len = 1 + steps[start + 1..].iter().take_while(|step| continues(step, &steps[start])).count();
            if let Some(difference) = self.run_batch(&steps[start..start + len], &mut queues, tally) {
                return Some(Difference { step: start + difference.step, ..difference });
            }
            start += len;
        }
        None
    }

    fn run_batch(
        &mut self,
        batch: &[Step],
        queues: &mut [Queue; CONNECTIONS],
        tally: &mut Tally,
    ) -> Option<Difference> {
        let expected = self.oracle.exchange(batch).unwrap_or_else(|error| panic!("the oracle: {error}"));
        let got = match self.subject.exchange(batch) {
            Ok(got) => got,
            Err(error) => {
                let got = format!("the connection failed: {error}");
                // Any command of the pipeline may be what ended the server, so all are shown.
                let step = batch.len() - 1;
                return Some(Difference { step, expected: printed(&expected[step]), got });
            }
        };
        for (step, (expected, got)) in expected.iter().zip(&got).enumerate() {
            let queue = &mut queues[batch[step].connection];
            if !queue.is_same(&batch[step].args, expected, got) {
                return Some(Difference { step, expected: printed(expected), got: printed(got) });
            }
            if !expected.is_error() {
                tally.successes[batch[step].row] += 1;
            }
        }
        None
    }
}

/// Whether a step belongs to the pipeline that begins with `first`. Shrinking may have taken the steps
/// between.
fn continues(step: &Step, first: &Step) -> bool {
    step.pipelined && step.connection == first.connection
}

impl Side {
    fn start(builder: ServerBuilder) -> Side {
        Side { server: builder.clone().start(), builder, clients: Vec::new() }
    }

    /// Empties the server and replaces the connections; starts it again if it has died, is about to, or
    /// hangs.
    fn reset(&mut self) {
        if self.try_reset().is_err() {
            self.server = self.builder.clone().start();
            self.try_reset().expect("a server that has just started answers");
        }
    }

    fn try_reset(&mut self) -> io::Result<()> {
        self.clients.clear();
        for _ in 0..CONNECTIONS {
            let mut client = Client::connect(self.server.addr())?;
            client.set_timeout(REPLY_TIMEOUT);
            self.clients.push(client);
        }
        let flushed = self.clients[0].try_cmd(&["FLUSHALL"])?;
        assert_eq!(flushed, Value::ok());
        Ok(())
    }

    /// Sends a pipeline and returns one reply for each step.
    fn exchange(&mut self, batch: &[Step]) -> io::Result<Vec<Value>> {
        let mut bytes = Vec::new();
        let mut is_compared = Vec::new();
        for step in batch {
            if let Some(prelude) = compare::prelude(&step.args) {
                client::encode_into(&mut bytes, &prelude);
                is_compared.push(false);
            }
            client::encode_into(&mut bytes, &step.args);
            is_compared.push(true);
        }
        let replies = self.clients[batch[0].connection].try_exchange(&bytes, is_compared.len())?;
        Ok(replies
            .into_iter()
            .zip(is_compared)
            .filter_map(|(reply, wanted)| wanted.then_some(reply))
            .collect())
    }
}

impl Default for Tally {
    fn default() -> Tally {
        Tally { successes: vec![0; ROWS.len()] }
    }
}

impl Tally {
    /// Rows that have never had a reply that is no error, although they should.
    pub(crate) fn rows_without_success(&self) -> Vec<String> {
        let rows = ROWS.iter().zip(&self.successes);
        rows.filter(|(row, successes)| **successes == 0 && !rows::is_always_an_error(row))
            .map(|(row, _)| format!("{row:?}"))
            .collect()
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the last reply should be\n  {}", self.expected)?;
        writeln!(f, "but is\n  {}", self.got)
    }
}

fn printed(value: &Value) -> String {
    let text = value.to_string().replace('\n', "\n  ");
    match text.char_indices().nth(PRINTED_CHARS_MAX) {
        Some((end, _)) => format!("{} ... ({} characters)", &text[..end], text.chars().count()),
        None => text,
    }
}
