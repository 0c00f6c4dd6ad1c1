//! What a worker refuses, and leaves alone, while the node loads a file.

use super::*;

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
