//! Tests of streams as bytes: what redis-server and Valkey write, forms that neither of them writes, parts
//! and pieces, and what contradicts itself.

use ahash::RandomState;

use super::error::RdbError;
use super::load::{ValueLoader, load_value};
use super::loaded::{Loaded, Making};
use super::save::{SaveOptions, ValueSaver, save_value};
use super::shape::Walk;
use super::source::Source;
use super::value_type::ValueType;
use super::version::WriteVersion;
use crate::encoding::limits::Limits;
use crate::encoding::stream::{Stream, StreamId};
use crate::entry::Value;
use crate::object::Object;

/// XADD s 1-1 f v, XADD s 1-2 f w, XADD s 5-0 other 12 more x, XDEL s 1-2, XGROUP CREATE s 12 0 ENTRIESREAD
/// 0, XGROUP CREATE s g $, XGROUP CREATECONSUMER s 12 idle, XREADGROUP GROUP 12 al COUNT 1 STREAMS s >,
/// XCLAIM s 12 al 0 1-1 TIME 1000 RETRYCOUNT 3, DUMP s, without type and footer: redis-server 7.0.15, in
/// parts.
const NODES: &[u8] = b"\x01\x10\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x01@EE\0\0\0\x18\0\x02\x01\x01\x01\x01\
    \x01\x81f\x02\0\x01\x02\x01\0\x01\0\x01\x81v\x02\x04\x01\x03\x01\0\x01\x01\x01\x81w\x02\x04\x01\0\x01\x04\
    \x01\xdf\xff\x02\x02\x01\x85other\x06\x0c\x01\x84more\x05\x81x\x02\x08\x01\xff";
const LEN_AND_LAST_ID: &[u8] = b"\x02\x05\0";
const FIRST_ID_TO_ADDED: &[u8] = b"\x01\x01\x01\x02\x03";
const GROUP: &[u8] = b"\xc0\x0c\x01\x01";
const READ: &[u8] = b"\x81\xff\xff\xff\xff\xff\xff\xff\xff";
const PENDING: &[u8] = b"\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x01\xe8\x03\0\0\0\0\0\0\x03";
const SEEN: &[u8] = b"\xa2\xa01.\xa2\x01\0\0";
const NEVER: &[u8] = b"\xff\xff\xff\xff\xff\xff\xff\xff";
const OWNED: &[u8] = b"\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x01";
const LAST_GROUP: &[u8] = b"\x01g\x05\0";

/// The stream in any of its forms, with what stands behind the consumers of a group and behind all groups.
fn bytes_of(form: ValueType, behind_consumers: [&[u8]; 2], behind_groups: &[u8]) -> Vec<u8> {
    let number =
        [ValueType::Stream1, ValueType::Stream2, ValueType::Stream3, ValueType::Stream4, ValueType::Stream5]
            .iter()
            .position(|&other| other == form)
            .unwrap()
            + 1;
    let from = |first: usize, bytes: &'static [u8]| if number >= first { bytes } else { b"" };
    let mut all = Vec::new();
    for part in [
        NODES,
        LEN_AND_LAST_ID,
        from(2, FIRST_ID_TO_ADDED),
        b"\x02",
        GROUP,
        from(2, READ),
        PENDING,
        b"\x02\x02al",
        SEEN,
        from(3, SEEN),
        OWNED,
        b"\x04idle",
        SEEN,
        from(3, NEVER),
        b"\0",
        behind_consumers[0],
        LAST_GROUP,
        from(2, READ),
        b"\0\0",
        behind_consumers[1],
        behind_groups,
    ] {
        all.extend_from_slice(part);
    }
    all
}

fn with_making<R>(look: impl FnOnce(Making<'_>) -> R) -> R {
    look(Making { limits: &Limits::default(), hasher: &RandomState::with_seeds(1, 2, 3, 4) })
}

fn load(form: ValueType, bytes: &[u8]) -> Result<Stream, RdbError> {
    with_making(|making| load_value(form, bytes, 0, making)).map(|loaded| stream_of(loaded.unwrap()))
}

fn stream_of(loaded: Loaded<'_>) -> Stream {
    match loaded {
        Loaded::Object(object) => match *object {
            Object::Stream(stream) => stream,
            other => panic!("a {:?}", other.data_type()),
        },
        other => panic!("{other:?}"),
    }
}

fn options(version: WriteVersion) -> SaveOptions {
    SaveOptions { version, compress: true, drop_field_expires_at_ms: None }
}

fn saved(stream: &Stream, version: WriteVersion) -> Vec<u8> {
    let mut out = Vec::new();
    let object = Object::Stream(stream.clone());
    save_value(Value::Object(&object), options(version), &mut out).unwrap();
    out
}

/// All that is in a stream, as text.
fn shown(stream: &Stream) -> Vec<String> {
    let mut lines = vec![format!("{:?}", stream.log.counters())];
    let entries = stream.log.range(StreamId::MIN, StreamId::MAX);
    lines.extend(entries.map(|entry| format!("{:?} {:?}", entry.id, entry.fields().collect::<Vec<_>>())));
    for group in stream.groups.iter() {
        lines.push(format!("{:?} {:?} {:?}", group.name(), group.last_id(), group.entries_read()));
        for (id, pending) in group.pending_range(StreamId::MIN, StreamId::MAX, 0, 0) {
            let owner = group.consumer(pending.consumer).name();
            lines.push(format!("{id:?} {} {} {owner:?}", pending.delivered_ms, pending.deliveries));
        }
        for consumer in group.consumers() {
            let ids: Vec<_> = consumer.pending_ids().collect();
            lines.push(format!(
                "{:?} {} {:?} {ids:?}",
                consumer.name(),
                consumer.seen_ms(),
                consumer.active_ms()
            ));
        }
    }
    lines
}

#[test]
fn what_redis_and_valkey_write_is_read_and_written_again() {
    for (form, version) in
        [(ValueType::Stream2, WriteVersion::Redis10), (ValueType::Stream3, WriteVersion::Redis11)]
    {
        let bytes = bytes_of(form, [b"", b""], b"");
        let stream = load(form, &bytes).unwrap();
        assert_eq!(saved(&stream, version), bytes, "{form:?}");
        let group = stream.groups.get(b"12").unwrap();
        let pending = group.pending(StreamId::new(1, 1)).unwrap();
        assert_eq!((pending.delivered_ms, pending.deliveries, group.entries_read()), (1000, 3, None));
        let [al, idle] = [&b"al"[..], b"idle"].map(|name| group.consumer(group.find_consumer(name).unwrap()));
        let active = if form == ValueType::Stream3 { None } else { Some(idle.seen_ms()) };
        assert_eq!((idle.active_ms(), idle.pending_len()), (active, 0));
        assert_eq!((al.active_ms(), al.pending_len()), (Some(al.seen_ms()), 1));
    }
}

#[test]
fn what_the_first_form_does_not_say_is_made_up_as_redis_does() {
    let stream = load(ValueType::Stream1, &bytes_of(ValueType::Stream1, [b"", b""], b"")).unwrap();
    let counters = stream.log.counters();
    assert_eq!((counters.entries_added, counters.max_deleted_id), (2, StreamId::MIN));
    assert_eq!(counters.first_id, StreamId::new(1, 1));
    assert_eq!(stream.groups.get(b"12").unwrap().entries_read(), Some(1));
    assert_eq!(stream.groups.get(b"g").unwrap().entries_read(), Some(2));
}

#[test]
fn what_producers_have_added_is_left_out_and_what_was_given_back_is_nobodys() {
    let plain = shown(&load(ValueType::Stream3, &bytes_of(ValueType::Stream3, [b"", b""], b"")).unwrap());
    let none: &[u8] = b"\x40\x64\x40\xc8\0\0\0";
    let some: &[u8] = b"\x40\x64\x40\xc8\x02\x01p\x02\x01a\x01\x01\x01b\x05\0\x01q\0\x03\x07";
    for idmp in [none, some] {
        let bytes = bytes_of(ValueType::Stream4, [b"", b""], idmp);
        assert_eq!(shown(&load(ValueType::Stream4, &bytes).unwrap()), plain);
        let bytes = bytes_of(ValueType::Stream5, [b"\0", b"\0"], idmp);
        assert_eq!(shown(&load(ValueType::Stream5, &bytes).unwrap()), plain);
    }
    // The only pending entry belongs to no consumer.
    let mut bytes = bytes_of(ValueType::Stream5, [OWNED, b"\0"], some);
    let owned = [SEEN, OWNED].concat();
    let at = SEEN.len() + bytes.windows(owned.len()).position(|window| window == owned).unwrap();
    bytes.splice(at..at + OWNED.len(), [0]);
    let stream = load(ValueType::Stream5, &bytes).unwrap();
    let group = stream.groups.get(b"12").unwrap();
    let pending = group.pending(StreamId::new(1, 1)).unwrap();
    assert_eq!((pending.delivered_ms, pending.deliveries), (0, 3));
    assert_eq!(group.consumer(pending.consumer).name(), b"");
    let names: Vec<_> = group.consumers().map(|consumer| consumer.name().to_vec()).collect();
    assert_eq!(names, [&b""[..], b"al", b"idle"]);
}

const FORMS: [ValueType; 5] =
    [ValueType::Stream1, ValueType::Stream2, ValueType::Stream3, ValueType::Stream4, ValueType::Stream5];

fn complete(form: ValueType) -> Vec<u8> {
    let nacked: [&[u8]; 2] = if form == ValueType::Stream5 { [b"\0", b"\0"] } else { [b"", b""] };
    let idmp: &[u8] = match form {
        ValueType::Stream4 | ValueType::Stream5 => {
            b"\x40\x64\x40\xc8\x02\x01p\x02\x01a\x01\x01\x01b\x05\0\x01q\0\x03\x07"
        }
        _ => b"",
    };
    bytes_of(form, nacked, idmp)
}

#[test]
fn a_stream_that_comes_in_parts_is_the_same() {
    for form in FORMS {
        let bytes = complete(form);
        let whole = shown(&load(form, &bytes).unwrap());
        let (mut walk, mut source, mut borders) = (Walk::new(form), Source::new(&bytes, 0), vec![0]);
        while !walk.is_at_end() {
            walk.pass_item(&mut source).unwrap();
            borders.push(source.position());
        }
        assert!(borders.len() > 6 && borders.last() == Some(&bytes.len()), "{borders:?}");
        for step in 1..borders.len() {
            let stream = with_making(|making| {
                let mut loader = ValueLoader::new(form, making);
                let mut from = 0;
                for &to in borders.iter().step_by(step).chain([&bytes.len()]) {
                    loader.feed(&bytes[from..to], from as u64, making).unwrap();
                    from = to;
                }
                stream_of(loader.finish(making).unwrap().unwrap())
            });
            assert_eq!(shown(&stream), whole, "{form:?}, {step} borders at once");
        }
    }
}

#[test]
fn a_stream_is_written_alike_in_pieces_of_any_size() {
    let stream = load(ValueType::Stream3, &complete(ValueType::Stream3)).unwrap();
    for version in
        [WriteVersion::Redis10, WriteVersion::Redis11, WriteVersion::Redis12, WriteVersion::Valkey80]
    {
        let whole = saved(&stream, version);
        let object = Object::Stream(stream.clone());
        for budget in [1, 2, 7, 16, 100] {
            let mut saver = ValueSaver::new(Value::Object(&object), options(version)).unwrap();
            let (mut out, mut pieces) = (Vec::new(), 1);
            while !saver.write_some(Value::Object(&object), budget, &mut out) {
                pieces += 1;
            }
            assert_eq!(out, whole, "{version:?}, {budget}");
            assert!(pieces > 1, "{version:?}, {budget}");
        }
    }
}

#[test]
fn a_cut_stream_is_incomplete_wherever_it_is_cut() {
    for form in FORMS {
        let bytes = complete(form);
        for len in 0..bytes.len() {
            assert!(matches!(load(form, &bytes[..len]), Err(RdbError::Incomplete { .. })), "{form:?}, {len}");
        }
        let longer = [&bytes[..], b"\0"].concat();
        assert!(matches!(load(form, &longer), Err(RdbError::Corrupt { .. })), "{form:?}");
    }
}

#[test]
fn the_order_of_consumers_begins_anew_with_each_group() {
    let mut bytes = bytes_of(ValueType::Stream3, [b"", b""], b"");
    // The number of consumers of the last group is the last byte; the one before has `al` and `idle`.
    bytes.pop();
    bytes.extend([&b"\x01\x01a"[..], SEEN, NEVER, b"\0"].concat());
    let stream = load(ValueType::Stream3, &bytes).unwrap();
    let group = stream.groups.get(b"g").unwrap();
    assert!(group.consumers().map(|consumer| consumer.name()).eq([b"a"]));
}

#[test]
fn what_contradicts_itself_is_refused() {
    let bytes = bytes_of(ValueType::Stream3, [b"", b""], b"");
    let owned = &[SEEN, OWNED].concat()[..];
    let place = |wanted: &[u8]| bytes.windows(wanted.len()).position(|window| window == wanted).unwrap();
    for (change, wanted, with) in [
        ("a node's id is cut", &b"\x10\0\0\0\0\0\0\0\x01"[..], &b"\x0f\0\0\0\0\0\0\x01"[..]),
        ("a node's id is behind its entries", b"\x10\0\0\0\0\0\0\0\x01", b"\x10\0\0\0\0\0\0\x09\x01"),
        ("another number of entries", LEN_AND_LAST_ID, b"\x03\x05\0"),
        ("the last id is before the last entry", LEN_AND_LAST_ID, b"\x02\x04\0"),
        ("fewer were added than are there", FIRST_ID_TO_ADDED, b"\x01\x01\x01\x02\x01"),
        (
            "more were added than can be counted on from",
            FIRST_ID_TO_ADDED,
            b"\x01\x01\x01\x02\x81\x80\0\0\0\0\0\0\0",
        ),
        ("two groups of one name", LAST_GROUP, b"\xc0\x0c\x05\0"),
        ("groups out of order", LAST_GROUP, b"\x0200\x05\0"),
        ("two consumers of one name", b"\x04idle", b"\x02al"),
        ("nobody owns a pending entry", owned, &[SEEN, b"\0"].concat()),
        (
            "a consumer's entry is not pending",
            owned,
            &[SEEN, b"\x01\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02"].concat(),
        ),
        ("a consumer's entry comes twice", owned, &[SEEN, b"\x02", &OWNED[1..], &OWNED[1..]].concat()),
        ("a pending entry comes twice", PENDING, &[&b"\x02"[..], &PENDING[1..], &PENDING[1..]].concat()),
    ] {
        let mut changed = bytes.clone();
        let at = place(wanted);
        changed.splice(at..at + wanted.len(), with.iter().copied());
        let error = load(ValueType::Stream3, &changed).map(|stream| shown(&stream));
        assert!(matches!(error, Err(RdbError::Corrupt { .. })), "{change}: {error:?}");
    }
}
