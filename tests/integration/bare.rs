//! A process of the program under test whose command line the test writes word by word, for the tests of the
//! command line itself and of servers that cannot be asked by TCP. It must not know any directive.

use std::ffi::OsStr;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use testkit::TempDir;

use crate::scene::eventually;

/// A process in a folder of its own; killed at drop.
pub(crate) struct Bare {
    child: Child,
    folder: TempDir,
}

impl Bare {
    /// Starts the program in `folder` with exactly these words.
    #[track_caller]
    pub(crate) fn spawn<A: AsRef<OsStr>>(folder: TempDir, words: &[A]) -> Bare {
        let log = File::create(folder.path().join("output.log")).unwrap();
        let child = Command::new(testkit::binary::shoal(option_env!("CARGO_BIN_EXE_shoal")))
            .args(words)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("the binary under test can be started");
        Bare { child, folder }
    }

    /// Runs the program to its end, which must come by itself: the exit code and all that it printed.
    #[track_caller]
    pub(crate) fn run<A: AsRef<OsStr>>(folder: TempDir, words: &[A]) -> (i32, String) {
        let mut process = Bare::spawn(folder, words);
        let status = process.wait();
        (status.code().expect("it was not killed by a signal"), process.log())
    }

    /// What it printed so far.
    pub(crate) fn log(&self) -> String {
        let bytes = std::fs::read(self.folder.path().join("output.log")).unwrap();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The folder it runs in.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The process id.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until the process has printed that it is ready.
    #[track_caller]
    pub(crate) fn wait_until_ready(&mut self) {
        eventually("the server is ready", || {
            let log = self.log();
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended with {ended:?}: {log}");
            // Redis 7.0 has two texts, one for TCP and one for a unix socket.
            log.to_lowercase().contains("ready to accept connections")
        });
    }

    /// Waits for the process to end.
    #[track_caller]
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        eventually("the process ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.expect("it has ended")
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        // Errors mean that it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
