//! What a worker does over its ring besides serving clients: the file of CONFIG REWRITE, links, and how they
//! end with it.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::*;
use crate::io::Owner;
use crate::io::links::What;
use crate::io::ring::Wait;

const LONG: Duration = Duration::from_secs(60);
const STEP: Duration = Duration::from_millis(10);

/// Takes turns, with what the kernel has done meanwhile, until something is so.
fn until<T>(worker: &mut Worker, mut found: impl FnMut(&mut Worker) -> Option<T>) -> T {
    for _ in 0..LONG.as_millis() / STEP.as_millis() {
        worker.turn();
        if let Some(found) = found(worker) {
            return found;
        }
        worker.submit(Wait::AtMost(STEP));
    }
    panic!("it does not happen");
}

/// The next replies of a client.
fn awaited(worker: &mut Worker, client: u32) -> String {
    until(worker, |worker| Some(read(worker, client)).filter(|text| !text.is_empty()))
}

fn worker_with_file(path: &Path) -> Worker {
    workers_with_file(1, Some(path.to_path_buf())).remove(0)
}

/// A file whose reader waits until what is written to it has ended: a disk that takes its time.
fn slow_file(folder: &Path) -> (PathBuf, File) {
    let path = folder.join("shoal.conf");
    assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
    let disk = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    (path, disk)
}

fn content(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn a_worker_goes_on_while_its_configuration_is_written_and_replies_when_that_is_done() {
    let home = tempfile::tempdir().unwrap();
    let (path, mut disk) = slow_file(home.path());
    let worker = &mut worker_with_file(&path);
    let [first, second, transaction, other] = [(); 4].map(|()| client(worker));
    check(worker, first, "CONFIG REWRITE", "");
    check(worker, other, "CONFIG SET timeout 7", "+OK");
    check(worker, second, "CONFIG REWRITE", "");
    check(worker, transaction, "MULTI", "+OK");
    check(worker, transaction, "CONFIG REWRITE", "+QUEUED");
    check(worker, transaction, "INCR key", "+QUEUED");
    check(worker, transaction, "EXEC", "");
    worker.submit(Wait::No);
    check(worker, other, "GET key", "$1 1");
    assert!(!path.metadata().unwrap().is_file(), "nothing has been written");
    disk.write_all(b"# kept\nport 1\n").unwrap();
    drop(disk);
    assert_eq!(awaited(worker, first), "+OK");
    assert_eq!(awaited(worker, second), "+OK");
    assert_eq!(awaited(worker, transaction), "*2 +OK :1");
    let text = content(&path);
    assert!(text.starts_with("# kept\nport 6379\n") && text.contains("\ntimeout 7\n"), "{text}");
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 1, "nothing else is left");
}

#[test]
fn the_configuration_is_written_for_a_client_of_another_worker() {
    let home = tempfile::tempdir().unwrap();
    let path = home.path().join("shoal.conf");
    let mut workers = workers_with_file(2, Some(path.clone()));
    let [sequencer, there] = &mut workers[..] else { unreachable!("two were asked for") };
    let caller = client(there);
    call(there, caller, "CONFIG REWRITE");
    there.turn();
    let reply = until(sequencer, |_| Some(read(there, caller)).filter(|text| !text.is_empty()));
    assert_eq!((reply.as_str(), content(&path).as_str()), ("+OK", "\n"));
}

#[test]
fn a_configuration_file_keeps_its_permissions_and_its_link() {
    let home = tempfile::tempdir().unwrap();
    let (target, link) = (home.path().join("target"), home.path().join("link"));
    std::fs::write(&target, "timeout 1\n").unwrap();
    // More than the mask of most processes allows.
    std::fs::set_permissions(&target, Permissions::from_mode(0o666)).unwrap();
    std::os::unix::fs::symlink(&target, &link).unwrap();
    let worker = &mut worker_with_file(&link);
    let caller = client(worker);
    check(worker, caller, "CONFIG SET timeout 2", "+OK");
    call(worker, caller, "CONFIG REWRITE");
    assert_eq!(awaited(worker, caller), "+OK");
    assert_eq!(content(&target), "timeout 2\n");
    assert_eq!(target.metadata().unwrap().permissions().mode() & 0o777, 0o666);
    assert!(link.symlink_metadata().unwrap().is_symlink());
    assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 2);
}

#[test]
fn a_configuration_file_that_cannot_be_written_says_why() {
    let none = &mut worker();
    let caller = client(none);
    check(none, caller, "CONFIG REWRITE", "-ERR The server is running without a config file");
    let worker = &mut worker_with_file(Path::new("/nonexistent/shoal.conf"));
    let caller = client(worker);
    for _ in 0..2 {
        call(worker, caller, "CONFIG REWRITE");
        assert_eq!(awaited(worker, caller), "-ERR Rewriting config file: No such file or directory");
    }
}

#[test]
fn a_stopping_worker_brings_to_its_end_what_is_under_way_on_disk() {
    let home = tempfile::tempdir().unwrap();
    let (path, mut disk) = slow_file(home.path());
    let mut worker = worker_with_file(&path);
    let caller = client(&mut worker);
    check(&mut worker, caller, "CONFIG REWRITE", "");
    worker.submit(Wait::No);
    let disk = std::thread::spawn(move || {
        // Longer than a worker stays that does not wait for it.
        std::thread::sleep(Duration::from_millis(500));
        disk.write_all(b"port 1\n").unwrap();
    });
    worker.stop();
    assert!(path.metadata().unwrap().is_file(), "the worker has not waited for its disk");
    assert_eq!(content(&path), "port 6379\n");
    disk.join().unwrap();
}

#[test]
fn a_stopping_worker_closes_its_links() {
    let mut worker = worker();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let owner = Owner(99);
    worker.errands.links.connect(owner, address, None, LONG);
    worker.errands.submit(&mut worker.ring);
    worker.submit(Wait::No);
    let (mut other, _) = listener.accept().unwrap();
    let is_connected = |worker: &mut Worker| {
        let event = worker.errands.links.next_event()?;
        Some(matches!(event.what, What::Connected))
    };
    // Not by turns, which hand it to its owner.
    let mut completions = Vec::new();
    while is_connected(&mut worker) != Some(true) {
        worker.submit(Wait::AtMost(STEP));
        worker.ring.take_completions(&mut completions);
        for completion in completions.drain(..) {
            worker.complete(completion);
        }
    }
    worker.stop();
    other.set_read_timeout(Some(LONG)).unwrap();
    assert_eq!(other.read_to_end(&mut Vec::new()).unwrap(), 0);
}
