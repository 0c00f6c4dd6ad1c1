//! redis-py: the checks of `behaviour.py`, in RESP2 and RESP3.

use testkit::binary::workspace_root;

use crate::program;

fn behaves(protocol: u8) {
    let python = workspace_root().join(".venv-tests/bin/python");
    assert!(python.exists(), "redis-py is not installed: run `make test`, or tests/real_clients/install.sh");
    let script = workspace_root().join("tests/real_clients/behaviour.py");
    let open = testkit::shoal!().shards(2).unix_socket().start();
    let closed = testkit::shoal!().shards(2).args(["--requirepass", "secret"]).start();
    let (open_port, closed_port) = (open.port().to_string(), closed.port().to_string());
    let socket = open.unix_path().expect("asked for").to_str().expect("a plain path");
    let script = script.to_str().expect("a plain path");
    let args = [script, &protocol.to_string(), &open_port, socket, &closed_port];
    let outcome = program::run(&python, &args, b"");
    assert!(outcome.success, "{}\n{}", outcome.text(), outcome.stderr);
    // The last line says that no check was left out.
    assert!(outcome.text().ends_with("all checks passed\n"), "{}", outcome.text());
}

#[test]
fn redis_py_behaves_in_resp2() {
    behaves(2);
}

#[test]
fn redis_py_behaves_in_resp3() {
    behaves(3);
}
