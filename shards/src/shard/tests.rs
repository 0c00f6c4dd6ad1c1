//! Tests of a shard alone: commands, time and what expires.

use super::*;
use crate::args::OwnedArgs;
use crate::effects::Effect;
use crate::entry::{Expire, NewValue};

const DB: DbIndex = DbIndex(3);

fn shard_at(now_ms: u64) -> Shard {
    let mut shard = Shard::new(&ShardConfig {
        id: ShardId(0),
        databases: 4,
        hash_seeds: [1, 2, 3, 4],
        random_seed: 5,
        string_len_max: 512 << 20,
        registry: crate::testing::registry(),
    });
    shard.set_now(now_ms);
    shard
}

fn set(shard: &mut Shard, name: &str, expire_ms: u64) {
    let mut space = shard.keyspace(DB);
    let key = space.key(name.as_bytes());
    space.set(&key, NewValue::Bytes(b"value"), Expire::At(expire_ms));
}

#[test]
fn a_command_is_found_by_its_name() {
    let shard = shard_at(0);
    let name = |line: &str| {
        let args: OwnedArgs = line.split(' ').collect();
        shard.command(args.as_args()).map(|entry| entry.full_name.as_str())
    };
    assert_eq!(name("GeT a"), Some("get"));
    assert_eq!(name("object FREQ a"), Some("object|freq"));
    assert_eq!((name("nosuch"), name("object nosuch")), (None, None));
}

#[test]
fn what_has_expired_is_removed_in_bounded_steps_and_nothing_else() {
    let mut shard = shard_at(1_000);
    for index in 0..10_000u64 {
        // All in one slot, so that its table is split.
        set(&mut shard, &format!("{{tag}}{index}"), 2_000 + index % 3);
    }
    set(&mut shard, "never", u64::MAX);
    shard.set_now(2_000);
    assert!(!shard.expire_some(1_000));
    assert_eq!(shard.dbs()[3].len(), 10_001);
    shard.set_now(2_002);
    assert!(shard.expire_some(1_000));
    assert!((9_000..9_011).contains(&shard.dbs()[3].len()), "{}", shard.dbs()[3].len());
    while shard.expire_some(1_000) {}
    shard.dbs()[3].assert_exact();
    assert_eq!((shard.dbs()[3].len(), shard.env().expired_keys), (3_334, 6_667));
    // Behind the times that the index can tell apart.
    shard.set_now((1 << 48) + 5);
    while shard.expire_some(1_000) {}
    assert_eq!(shard.dbs()[3].len(), 1);
    assert!(shard.dbs()[3].due_part(2_003).is_none());
}

/// A hash in the database `DB` of so many fields that end at `at_ms`, and of others that have no time.
fn set_hash(shard: &mut Shard, name: &str, ending: usize, at_ms: u64, lasting: usize) {
    use crate::encoding::member_table::{FieldExpire, Fields};
    use crate::object::Object;
    let mut space = shard.keyspace(DB);
    let (key, hash_of) = (space.key(name.as_bytes()), space.hash_of());
    let mut fields = Fields::default();
    for number in 0..ending + lasting {
        let expire = if number < ending { FieldExpire::At(at_ms) } else { FieldExpire::Clear };
        fields.set(format!("field:{number}").as_bytes(), b"value", expire, &hash_of);
    }
    space.add(&key, NewValue::Object(Box::new(Object::Hash(fields))), Expire::Clear);
}

fn fields_of(shard: &mut Shard, name: &str) -> usize {
    let space = shard.keyspace(DB);
    let key = space.key(name.as_bytes());
    match space.view(&key).map(|entry| entry.value()) {
        Some(crate::entry::Value::Object(crate::object::Object::Hash(fields))) => fields.len(),
        _ => 0,
    }
}

#[test]
fn fields_that_have_ended_are_removed_in_bounded_steps_and_empty_hashes_with_them() {
    let mut shard = shard_at(1_000);
    shard.listen_to_effects(true);
    set_hash(&mut shard, "large", 5_000, 2_000, 3);
    set_hash(&mut shard, "small", 10, 1_999, 0);
    set_hash(&mut shard, "later", 10, 2_001, 1);
    shard.dbs()[3].assert_exact();
    shard.set_now(1_999);
    assert!(!shard.expire_some(1_000));
    shard.set_now(2_001);
    assert!(shard.expire_some(1_000));
    let left = fields_of(&mut shard, "large");
    assert!((4_003..4_010).contains(&left), "{left}");
    while shard.expire_some(1_000) {}
    let left = ["large", "small", "later"].map(|name| fields_of(&mut shard, name));
    assert_eq!((left, shard.env().expired_fields, shard.dbs()[3].len()), ([3, 0, 11], 5_010, 2));
    shard.dbs()[3].assert_exact();
    let removed = |effect: &Effect| match &effect.args.as_args()[0] {
        b"HDEL" => effect.args.as_args().len() - 2,
        b"DEL" => 10,
        other => panic!("{other:?}"),
    };
    let effects = shard.take_effects().into_iter().flat_map(|group| group.effects);
    assert_eq!(effects.map(|effect| removed(&effect)).sum::<usize>(), 5_010);
    assert!(!shard.expire_some(1_000));
}

#[test]
fn fields_of_hashes_that_have_moved_end_where_they_are() {
    let mut shard = shard_at(1_000);
    for number in 0..10_000 {
        // All in one slot, so that its table is split.
        set_hash(&mut shard, &format!("{{tag}}{number}"), 1, 2_000 + number, 1);
    }
    shard.dbs()[3].assert_exact();
    let slot = SlotId::of(b"{tag}");
    let table = shard.dbs[3].take_slot(slot);
    shard.dbs()[3].assert_exact();
    shard.set_now(7_000);
    assert!(!shard.expire_some(1_000));
    shard.dbs[3].put_slot(slot, table);
    shard.dbs.swap(2, 3);
    while shard.expire_some(1_000) {}
    shard.dbs()[2].assert_exact();
    assert_eq!(shard.env().expired_fields, 5_000);
    shard.dbs[2].clear();
    shard.set_now(20_000);
    assert!(!shard.expire_some(1_000));
}

#[test]
fn active_expiry_can_be_switched_off() {
    let mut shard = shard_at(1_000);
    set(&mut shard, "a", 2_000);
    shard.set_now(2_001);
    shard.set_active_expire(false);
    assert!(!shard.expire_some(1_000));
    assert_eq!(shard.dbs()[3].len(), 1);
    shard.set_active_expire(true);
    shard.expire_some(1_000);
    assert_eq!(shard.dbs()[3].len(), 0);
}

#[test]
fn each_expired_key_is_an_effect_and_breaks_watches() {
    let mut shard = shard_at(1_000);
    shard.listen_to_effects(true);
    set(&mut shard, "a", 2_000);
    let watching = |shard: &mut Shard| {
        let space = shard.keyspace(DB);
        space.is_watch_broken(&space.key(b"a"), ClientId(7))
    };
    let mut space = shard.keyspace(DB);
    let key = space.key(b"a");
    space.watch(&key, ClientId(7));
    assert!(!watching(&mut shard));
    shard.set_now(2_000);
    shard.expire_some(10);
    assert!(!watching(&mut shard), "a millisecond that has begun is not over");
    shard.set_now(2_001);
    shard.expire_some(10);
    assert!(watching(&mut shard));
    let effects: Vec<_> = shard.take_effects().into_iter().flat_map(|group| group.effects).collect();
    assert_eq!(effects, [Effect { db: DB, args: ["DEL", "a"].map(str::as_bytes).into_iter().collect() }]);
}

#[test]
fn keys_that_a_transaction_holds_stay_until_it_is_over() {
    use crate::args::OwnedArgs;
    use crate::txn::{Lent, Part, TxId, TxnMessage};
    let mut shard = shard_at(1_000);
    for name in ["b", "{a}b", "{a}c"] {
        set(&mut shard, name, 2_000);
    }
    set_hash(&mut shard, "a", 1, 1_999, 1);
    shard.keyspace(DB).write(&Env::key(&shard_at(0).env, b"a")).unwrap().set_expire(Some(2_000));
    let mut out = Vec::new();
    let get = crate::commands::FAMILIES.iter().copied().flatten().find(|row| row.spec.name == "get").unwrap();
    let call = crate::txn::OwnedCall {
        command: get,
        key: None,
        caller: Caller { db: DB, ..Caller::new(ClientId(1)) },
        args: ["get", "a"].map(str::as_bytes).into_iter().collect::<OwnedArgs>(),
    };
    let txid = TxId(1 << 16);
    shard.handle_txn(ShardId(1), TxnMessage::Lock(txid, Part::Run(call)), &mut out);
    assert!(matches!(out[..], [(_, TxnMessage::Granted(..))]));
    shard.set_now(2_001);
    while shard.expire_some(1_000) {}
    assert_eq!(shard.dbs()[3].len(), 1, "only the key that is held");
    assert_eq!(shard.env().expired_fields, 0, "and it is as it was");
    shard.handle_txn(ShardId(1), TxnMessage::Cancel(txid, None::<Lent>), &mut out);
    shard.set_now(2_002 + HELD_RETRY_MS);
    while shard.expire_some(1_000) {}
    assert_eq!(shard.dbs()[3].len(), 0);
}
