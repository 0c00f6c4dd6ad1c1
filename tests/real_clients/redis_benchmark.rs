//! redis-benchmark: it needs nothing explained away, loses no request, and leaves the keys that it says it
//! wrote. How fast it is does not matter here.

use testkit::{Server, Value};

use crate::program;

const REQUESTS: i64 = 20_000;

/// Runs the tests that redis-benchmark calls by these names and returns its report: one line each.
fn benchmark(server: &Server, tests: &str, requests: i64, args: &str) -> Vec<String> {
    let port = server.port().to_string();
    let requests = requests.to_string();
    let mut all = vec!["-p", &port, "-q", "-n", &requests, "-t", tests];
    all.extend(args.split_ascii_whitespace());
    let outcome = program::run("redis-benchmark", &all, b"");
    assert!(outcome.success, "{outcome:?}");
    let text = outcome.text();
    // It warns when CONFIG GET fails, and shows the first error reply.
    for complaint in ["WARNING", "Error", "ERR"] {
        assert!(!text.contains(complaint) && !outcome.stderr.contains(complaint), "{outcome:?}");
    }
    // A line is overwritten while its test runs.
    text.lines()
        .filter_map(|line| line.rsplit('\r').next())
        .filter(|line| !line.is_empty())
        .map(str::to_owned)
        .collect()
}

/// Runs the default tests of this commands and checks what they leave behind.
fn check(server: &Server, args: &str) {
    let mut client = server.client();
    assert_eq!(client.ask("FLUSHALL"), Value::ok());
    let report = benchmark(server, "ping,set,get,incr,mset", REQUESTS, args);
    let names = ["PING_INLINE: ", "PING_MBULK: ", "SET: ", "GET: ", "INCR: ", "MSET (10 keys): "];
    assert_eq!(report.len(), names.len(), "{report:?}");
    for (line, name) in report.iter().zip(names) {
        let rate = line.strip_prefix(name).and_then(|line| line.split(' ').next());
        assert!(rate.is_some_and(|rate| rate.parse::<f64>().is_ok_and(|rate| rate > 0.0)), "{line}");
        assert!(line.contains("requests per second"), "{line}");
    }
    // Without -r, each test uses one key, whose name holds the placeholder.
    assert_eq!(client.ask("GET counter:__rand_int__"), Value::bulk(REQUESTS.to_string()));
    assert_eq!(client.ask("STRLEN key:__rand_int__"), Value::Int(3));
    assert_eq!(client.ask("DBSIZE"), Value::Int(2));
}

#[test]
fn default_tests_run_without_pipelining() {
    let server = testkit::shoal!().shards(2).start();
    check(&server, "");
}

#[test]
fn default_tests_run_pipelined_and_in_resp3() {
    let server = testkit::shoal!().shards(2).start();
    check(&server, "-P 16");
    check(&server, "-P 16 -3");
    check(&server, "-P 16 --threads 2");
}

#[test]
fn random_keys_on_all_shards_are_counted_right() {
    const KEYS: usize = 100;
    /// Enough that each key is drawn: one is left out once in 10^15 runs.
    const REQUESTS: i64 = 4_000;
    let server = testkit::shoal!().shards(3).start();
    benchmark(&server, "set,incr", REQUESTS, &format!("-P 16 -r {KEYS} -d 40000"));
    let mut client = server.client();
    assert_eq!(client.ask("DBSIZE"), Value::Int(2 * KEYS as i64));
    let counters: Vec<[String; 2]> =
        (0..KEYS).map(|index| ["GET".into(), format!("counter:{index:012}")]).collect();
    let counts = client.pipeline(&counters);
    let sum: i64 =
        counts.iter().map(|count| count.text().parse::<i64>().expect("a counter is a number")).sum();
    assert_eq!(sum, REQUESTS);
    assert_eq!(client.ask("STRLEN key:000000000007"), Value::Int(40_000));
}
