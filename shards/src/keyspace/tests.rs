//! Tests of the keyspace as commands see it.

use super::*;
use crate::entry::Kind;

fn env() -> Env {
    Env { now_ms: 5_000, ..Env::new([1, 2, 3, 4], 5, 512 << 20) }
}

/// What is left of the key "k", expired at 5000 ms if its time is before that, after `look` at 5000 ms:
/// the seconds of its last access, and the number of hits and misses.
fn traces(expire_ms: u64, look: impl Fn(&mut Keyspace<'_>, &Key<'_>)) -> (Option<u32>, u64, u64) {
    let (mut dbs, mut env) = ([Db::default()], env());
    env.now_ms = 1_000;
    let key = env.key(b"k");
    let mut keys = Keyspace::new(&mut dbs, DbIndex(0), &mut env, true);
    keys.set(&key, NewValue::Int(7), Expire::At(expire_ms));
    keys.env.now_ms = 5_000;
    look(&mut keys, &key);
    let access = keys.db().find_entry(&key).map(|(_, entry)| entry.access());
    (access, env.keyspace_hits, env.keyspace_misses)
}

#[test]
fn lookups_differ_in_the_traces_they_leave() {
    type Look = fn(&mut Keyspace<'_>, &Key<'_>);
    let lookups: [(Look, _, _); 5] = [
        (|keys, key| _ = keys.read(key), (Some(5), 1, 0), (None, 0, 1)),
        (|keys, key| _ = keys.read_untouched(key), (Some(1), 1, 0), (None, 0, 1)),
        (|keys, key| _ = keys.read_unnoticed(key), (Some(1), 1, 0), (None, 0, 1)),
        (|keys, key| _ = keys.peek(key), (Some(1), 0, 0), (None, 0, 0)),
        (|keys, key| _ = keys.write(key), (Some(5), 0, 0), (None, 0, 0)),
    ];
    for (look, alive, expired) in lookups {
        assert_eq!((traces(5_000, look), traces(4_999, look)), (alive, expired));
    }
}

#[test]
fn a_view_finds_no_expired_key_and_leaves_it_where_it_is() {
    for (expire_ms, is_found) in [(5_000, true), (4_999, false)] {
        let view = |keys: &mut Keyspace<'_>, key: &Key<'_>| assert_eq!(keys.view(key).is_some(), is_found);
        assert_eq!(traces(expire_ms, view), (Some(1), 0, 0));
    }
}

#[test]
fn a_padded_string_keeps_its_bytes_and_its_expire_and_grows_by_zeros() {
    for (value, text) in [
        (NewValue::Int(-12), &b"-12"[..]),
        (NewValue::Bytes(b"text"), b"text"),
        (NewValue::Blob(Blob::new(b"blob".to_vec())), b"blob"),
    ] {
        let (mut dbs, mut env) = ([Db::default()], env());
        let key = env.key(b"k");
        let mut keys = Keyspace::new(&mut dbs, DbIndex(0), &mut env, true);
        keys.set(&key, value, Expire::At(9_000));
        // Shorter, a little longer, and so much longer that it moves.
        let mut expected = text.to_vec();
        for len_min in [2, 6, 100_000] {
            let mut entry = keys.write_padded(&key, len_min).unwrap();
            expected.resize(expected.len().max(len_min), 0);
            entry.with_raw(|bytes| assert_eq!(*bytes, expected));
            assert_eq!((entry.view().kind(), entry.view().expire_ms()), (Kind::Raw, Some(9_000)));
        }
        assert_eq!((dbs[0].len(), dbs[0].keys_with_expire()), (1, 1));
    }
}

#[test]
fn a_string_that_is_not_there_is_made_of_zeros() {
    let (mut dbs, mut env) = ([Db::default()], env());
    let key = env.key(b"k");
    let mut keys = Keyspace::new(&mut dbs, DbIndex(0), &mut env, true);
    keys.set(&key, NewValue::Bytes(b"expired"), Expire::At(4_999));
    keys.write_padded(&key, 3).unwrap().with_raw(|bytes| assert_eq!(*bytes, [0; 3]));
    let entry = keys.view(&key).unwrap();
    assert_eq!((entry.access(), entry.expire_ms()), (5, None));
    assert_eq!((dbs[0].len(), dbs[0].keys_with_expire()), (1, 0));
}

#[test]
fn flushing_reaches_the_selected_database_or_all() {
    for (freeing, garbage) in [(Freeing::Now, 0), (Freeing::InSteps, 3)] {
        let (mut dbs, mut env) = ([Db::default(), Db::default()], env());
        let (a, b) = (env.key(b"a"), env.key(b"b"));
        for (db, key) in [(0, a), (1, a), (1, b)] {
            Keyspace::new(&mut dbs, DbIndex(db), &mut env, true).set(&key, NewValue::Int(1), Expire::Clear);
        }
        Keyspace::new(&mut dbs, DbIndex(1), &mut env, true).flush_selected(freeing);
        assert_eq!((dbs[0].len(), dbs[1].len()), (1, 0));
        Keyspace::new(&mut dbs, DbIndex(1), &mut env, true).flush_all(freeing);
        assert_eq!((dbs[0].len(), env.garbage.len()), (0, garbage));
    }
}
