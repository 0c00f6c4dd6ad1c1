//! RQ, a job queue: its producers and workers run unchanged.

use testkit::binary::workspace_root;

use crate::program;

#[test]
fn a_job_queue_works_on_one_shard_and_on_two() {
    let python = workspace_root().join(".venv-tests/bin/python");
    assert!(python.exists(), "rq is not installed: run `make test`, or tests/real_clients/install.sh");
    let script = workspace_root().join("tests/real_clients/job_queue.py");
    for shards in [1, 2] {
        let server = testkit::shoal!().shards(shards).start();
        let port = server.port().to_string();
        let outcome = program::run(&python, &[script.to_str().expect("a plain path"), &port], b"");
        assert!(outcome.success, "{}\n{}", outcome.text(), outcome.stderr);
        assert!(outcome.text().ends_with("all checks passed\n"), "{}", outcome.text());
    }
}
