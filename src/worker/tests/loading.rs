//! What a worker refuses, and leaves alone, while the node loads a file.

use shards::loading::LoadOptions;

use super::*;
use crate::io::ring::Wait;

const LOADING: &str = "LOADING Redis is loading the dataset in memory";

#[test]
fn a_transaction_that_was_queued_before_a_load_is_refused_if_it_needs_the_keys() {
    let mut worker = worker();
    let (keys, none) = (client(&mut worker), client(&mut worker));
    for (client, command) in [(keys, "GET a"), (none, "ECHO a")] {
        check(&mut worker, client, "MULTI", "+OK");
        check(&mut worker, client, command, "+QUEUED");
    }
    worker.loading = Some(Box::default());
    let aborted = format!("-EXECABORT Transaction discarded because of: {LOADING}");
    check(&mut worker, keys, "EXEC", &aborted);
    check(&mut worker, none, "EXEC", "*1 $1 a");
    check(&mut worker, keys, "GET a", &format!("-{LOADING}"));
    worker.serve_again();
    check(&mut worker, keys, "GET a", "$-1");
}

#[test]
fn nothing_expires_by_itself_while_a_file_is_loaded() {
    let mut worker = worker();
    Arc::make_mut(&mut worker.config).save_points.clear();
    let client = client(&mut worker);
    check(&mut worker, client, "SET a 1 PX 1", "+OK");
    worker.loading = Some(Box::default());
    let keys = |worker: &Worker| worker.router.shard().dbs()[0].len();
    std::thread::sleep(std::time::Duration::from_millis(5));
    for _ in 0..3 {
        worker.last_cron_ms = 0;
        worker.turn();
    }
    assert_eq!(keys(&worker), 1);
    worker.serve_again();
    worker.last_cron_ms = 0;
    worker.turn();
    assert_eq!(keys(&worker), 0);
}

/// Takes turns of all workers until something holds.
fn turns(workers: &mut [Worker], holds: impl Fn(&[Worker]) -> bool) {
    for _ in 0..10_000 {
        if holds(workers) {
            return;
        }
        for worker in workers.iter_mut() {
            worker.turn();
            worker.submit(Wait::No);
        }
        std::thread::yield_now();
    }
    panic!("this did not come about in many turns");
}

#[test]
fn a_running_node_loads_a_file_in_the_place_of_its_keys_or_beside_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("dump.rdb");
    let file = b"REDIS0010\x00\x01a\x04file\x00\x01b\x04file\xff\0\0\0\0\0\0\0\0";
    std::fs::write(&path, file).unwrap();
    for flushes in [true, false] {
        let mut workers = workers_of_shards(3, 2, None);
        for worker in &mut workers {
            Arc::make_mut(&mut worker.config).save_points.clear();
        }
        let asks = client(&mut workers[0]);
        for command in ["SET a old", "SET c old", "SET d old"] {
            call(&mut workers[0], asks, command);
            turns(&mut workers, |workers| {
                workers[0].clients.iter().all(|client| client.replies.awaited() == 0)
            });
        }
        let blocked = client(&mut workers[1]);
        call(&mut workers[1], blocked, "BLPOP l 0");
        let options = LoadOptions { may_replace: true, ..LoadOptions::default() };
        workers[2].begin_load(path.clone(), options, flushes);
        turns(&mut workers, |workers| workers.iter().all(|worker| worker.loading.is_none()));
        let node = workers[0].node;
        assert_eq!((node.load.is_under_way(), node.load.last()), (false, (2, 0)));
        let keys = |worker: &Worker| worker.router.shard().dbs()[0].len();
        assert_eq!(workers.iter().map(keys).sum::<usize>(), if flushes { 2 } else { 4 });
        // The one that waits waits on.
        assert!(workers[1].clients.at(blocked).waiting.is_blocked());
    }
}
