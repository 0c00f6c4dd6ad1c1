//! SIGTERM and SIGINT: an orderly end in bounded time, whatever the clients are doing.

use std::thread;

use testkit::{Client, Server, StopSignal, Value};

use crate::scene::{alone, shoal, start, with_shards};

const SIGNALS: [StopSignal; 2] = [StopSignal::Term, StopSignal::Int];

#[track_caller]
fn stop_in_order(server: &mut Server, signal: StopSignal) {
    let status = server.stop(signal).unwrap_or_else(|| panic!("still runs after {signal:?}"));
    assert_eq!(status.code(), Some(0), "{signal:?}: {}", server.log());
}

#[test]
fn a_signal_ends_an_idle_server_with_success() {
    with_shards(&[1, 3], |shards| {
        for signal in SIGNALS {
            stop_in_order(&mut start(shards, ""), signal);
        }
    });
}

#[test]
fn a_signal_closes_idle_clients_and_removes_the_unix_socket() {
    with_shards(&[1, 2], |shards| {
        for signal in SIGNALS {
            let mut server = shoal(shards).unix_socket().start();
            let path = server.unix_path().expect("asked for").to_path_buf();
            let mut clients: Vec<Client> = (0..20).map(|_| server.client()).collect();
            clients.extend((0..4).map(|_| Client::connect_unix(&path).unwrap()));
            for client in &mut clients {
                assert_eq!(client.ask("PING"), Value::simple("PONG"));
            }
            assert!(path.exists());
            stop_in_order(&mut server, signal);
            for client in &mut clients {
                assert_eq!(client.recv_until_closed(), b"");
            }
            assert!(!path.exists(), "the file of the socket is left");
            assert!(Client::connect(server.addr()).is_err());
        }
    });
}

#[test]
fn a_signal_ends_a_server_whose_pipelines_are_under_way() {
    let _alone = alone();
    with_shards(&[1, 3], |shards| {
        for signal in SIGNALS {
            let mut server = start(shards, "");
            let streams: Vec<Client> = (0..8).map(|_| server.client()).collect();
            let (ready, started) = std::sync::mpsc::channel();
            thread::scope(|scope| {
                for (number, mut client) in streams.into_iter().enumerate() {
                    let ready = ready.clone();
                    scope.spawn(move || {
                        let commands: Vec<[String; 3]> = (0..200)
                            .map(|index| ["SET".into(), format!("key:{number}:{index}"), "v".into()])
                            .collect();
                        // Goes on until the server ends; whatever reply comes is the right one.
                        while let Ok(replies) = client.try_pipeline(&commands) {
                            assert!(replies.iter().all(|reply| *reply == Value::ok()));
                            // The receiver is gone once the signal is sent.
                            let _ = ready.send(());
                        }
                    });
                }
                for _ in 0..16 {
                    started.recv().unwrap();
                }
                stop_in_order(&mut server, signal);
            });
        }
    });
}

#[test]
fn a_signal_ends_a_server_with_clients_that_do_not_read() {
    let _alone = alone();
    with_shards(&[1, 2], |shards| {
        for signal in SIGNALS {
            let mut server = start(shards, "");
            let mut client = server.client();
            for index in 0..4 {
                assert_eq!(client.cmd(&["SET", &format!("k:{index}"), &"v".repeat(1 << 20)]), Value::ok());
            }
            let lazy: Vec<Client> = (0..6)
                .map(|_| {
                    let mut lazy = server.client();
                    lazy.send_raw("MGET k:0 k:1 k:2 k:3\r\nGET k:1\r\n".repeat(10));
                    lazy
                })
                .collect();
            assert_eq!(client.ask("PING"), Value::simple("PONG"));
            stop_in_order(&mut server, signal);
            drop(lazy);
        }
    });
}

#[test]
fn the_log_says_what_operators_look_for() {
    let mut server = start(2, "");
    stop_in_order(&mut server, StopSignal::Term);
    let log = server.log();
    for text in [
        "Received SIGTERM scheduling shutdown...",
        "User requested shutdown...",
        "is now ready to exit, bye bye...",
    ] {
        assert!(log.contains(text), "{text:?} in {log}");
    }
    let mut server = start(2, "");
    stop_in_order(&mut server, StopSignal::Int);
    assert!(server.log().contains("Received SIGINT scheduling shutdown..."), "{}", server.log());
}
