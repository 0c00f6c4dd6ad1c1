//! Runs a client program to its end, with a bound on its time. This file must not know which program.

use std::ffi::OsStr;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Longer than any program of these tests takes on a busy machine. It is no speed test: it ends a hang.
const TIMEOUT: Duration = Duration::from_secs(120);

/// What a program wrote, and whether it ended with exit status 0.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: String,
    pub(crate) success: bool,
}

impl Outcome {
    /// Standard output as text, broken UTF-8 replaced.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// Runs a program with `stdin` as its input. Panics when it is missing or does not end.
pub(crate) fn run<A: AsRef<OsStr>>(program: impl AsRef<OsStr>, args: &[A], stdin: &[u8]) -> Outcome {
    let program = program.as_ref();
    let mut child = Command::new(program)
        .args(args)
        .env("LC_ALL", "C")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{} cannot be started: {error}", program.display()));
    let mut input = child.stdin.take().expect("stdin is piped");
    let stdin = stdin.to_vec();
    // A thread of its own: a program that writes before it has read all would wait for us otherwise. A
    // program that does not read its input to the end is no failure.
    let writer = std::thread::spawn(move || drop(input.write_all(&stdin)));
    let outcome = wait(child, &program.display().to_string());
    writer.join().expect("writing does not panic");
    outcome
}

fn wait(child: Child, name: &str) -> Outcome {
    let pid = child.id();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(TIMEOUT) {
        Ok(output) => {
            let output = output.expect("the output of a child can be read");
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            Outcome { stdout: output.stdout, stderr, success: output.status.success() }
        }
        Err(_) => {
            // Not waited for yet, so the process id is still the child's.
            let _ = Command::new("kill").arg(pid.to_string()).status();
            panic!("{name} does not end");
        }
    }
}
