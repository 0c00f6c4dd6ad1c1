//! Values of every type through every version, whole and in pieces.

use shards::entry::{Entry, Kind, NewValue, Value};
use shards::object::Object;
use shards::random::Random;
use shards::rdb::load::ValueLoader;
use shards::rdb::save::{CannotHold, SaveOptions, ValueSaver, form_of, needs};
use shards::rdb::version::WriteVersion;

use crate::model::{Model, entry, load, options, save, with_making};

/// Whether a value that was loaded is kept as the one that was made by commands, in no more memory. Pages of
/// a table are as full as the order of its members makes them, which is another one in a file.
fn check_storage(loaded: &Entry, made: &Entry, context: &str) {
    let (loaded, made) = (loaded.view(), made.view());
    assert_eq!(loaded.kind(), made.kind(), "{context}");
    let (bytes, bytes_max) = (loaded.memory_bytes(), made.memory_bytes());
    let is_table = matches!(made.value(), Value::Object(Object::Set(_) | Object::Hash(_)));
    let slack = if is_table { bytes_max / 8 } else { 0 };
    assert!(bytes <= bytes_max + slack, "{context}: {bytes} bytes in the place of {bytes_max}");
}

#[test]
fn a_value_survives_every_version_and_every_cut() {
    let seed = 0x5ad;
    let mut random = Random::new(seed);
    let rounds = if cfg!(miri) { 5 } else { 150 };
    for round in 0..rounds {
        let model = Model::random(&mut random);
        let (form, bytes) = model.spelled_out();
        let context = format!("seed {seed:#x}, round {round}");
        let made = load(form, &bytes).unwrap_or_else(|error| panic!("{context}: {error}")).unwrap();
        assert_eq!(Model::of(made.view().value()), model, "{context}");
        let value = made.view().value();
        for version in WriteVersion::ALL {
            let compress = random.one_in(2);
            if needs(value) == WriteVersion::Redis12 && !version.has_field_expires() {
                assert_eq!(form_of(value, options(version, compress)), Err(CannotHold));
                continue;
            }
            for budget_bytes in [usize::MAX, 1, 100, 5000] {
                let context = format!("{context}, {version:?}, {budget_bytes}");
                let (form, bytes) = save(&made, options(version, compress), budget_bytes);
                assert_eq!(form_of(value, options(version, compress)), Ok(form));
                let again = load(form, &bytes).unwrap_or_else(|error| panic!("{context}: {error}")).unwrap();
                assert_eq!(Model::of(again.view().value()), model, "{context}");
                check_storage(&again, &made, &context);
                let in_parts = with_making(|making| {
                    let mut loader = ValueLoader::new(form, making);
                    loader.feed(&bytes, 0, making).unwrap();
                    entry(loader.finish(making).unwrap().unwrap())
                });
                check_storage(&in_parts, &made, &context);
            }
        }
    }
}

#[test]
fn a_piece_is_not_much_larger_than_the_budget() {
    let text = vec![b'x'; 1 << 20];
    let models = [
        Model::String(text.clone()),
        Model::List(vec![text.clone(), b"small".to_vec(), text]),
        Model::Set((0..50_000).map(|at: u32| at.to_string().into_bytes()).collect()),
    ];
    for model in models {
        let (form, bytes) = model.spelled_out();
        let made = load(form, &bytes).unwrap().unwrap();
        let value = made.view().value();
        let mut saver = ValueSaver::new(value, options(WriteVersion::Redis10, true)).unwrap();
        let mut whole = Vec::new();
        for piece in 0.. {
            let mut out = Vec::new();
            let is_done = saver.write_some(value, 10_000, &mut out);
            assert!(out.len() < 20_000, "{} bytes", out.len());
            whole.extend(out);
            if is_done {
                assert!(piece > 5);
                break;
            }
        }
        let again = load(saver.form(), &whole).unwrap().unwrap();
        assert_eq!(Model::of(again.view().value()), model);
    }
}

#[test]
fn expires_of_fields_are_dropped_when_that_is_asked_for() {
    let fields = [("ends", Some(1000)), ("lives", Some(5000)), ("stays", None)];
    let hash = |fields: &[(&str, Option<u64>)]| {
        let pairs = fields.iter().map(|(field, at_ms)| (field.as_bytes().to_vec(), (b"v".to_vec(), *at_ms)));
        Model::Hash(pairs.collect())
    };
    let (form, bytes) = hash(&fields).spelled_out();
    let made = load(form, &bytes).unwrap().unwrap();
    let dropping = |version| SaveOptions { version, compress: false, drop_field_expires_at_ms: Some(2000) };
    let (form, bytes) = save(&made, dropping(WriteVersion::Redis10), 1);
    let again = load(form, &bytes).unwrap().unwrap();
    assert_eq!(Model::of(again.view().value()), hash(&[("lives", None), ("stays", None)]));
    let (form, bytes) = save(&made, dropping(WriteVersion::Valkey80), 1);
    let again = load(form, &bytes).unwrap().unwrap();
    assert_eq!(Model::of(again.view().value()), hash(&fields), "nothing is dropped that can be held");
}

/// What commands keep as an integer or in the entry is kept so again.
#[test]
fn strings_are_kept_as_commands_keep_them() {
    for (value, kind) in [
        (NewValue::Int(-5), Kind::Int),
        (NewValue::Int(i64::MAX), Kind::Int),
        (NewValue::Bytes(b"text"), Kind::Inline),
        (NewValue::Bytes(&[b'x'; 5000]), Kind::Raw),
    ] {
        let made = Entry::new(b"key", value, None);
        for compress in [false, true] {
            let (form, bytes) = save(&made, options(WriteVersion::Redis10, compress), usize::MAX);
            let again = load(form, &bytes).unwrap().unwrap();
            assert_eq!(again.view().kind(), kind);
            assert_eq!(again.view().memory_bytes(), made.view().memory_bytes());
        }
    }
}

/// A long text is compressed although it is written in pieces, and noise is not made longer.
#[test]
fn what_is_written_in_pieces_is_compressed_as_well() {
    let text: Vec<u8> =
        (0..60_000).flat_map(|at: u32| format!("{{\"number\": {at}}}, ").into_bytes()).collect();
    let mut random = Random::new(9);
    let noise: Vec<u8> = (0..text.len()).map(|_| random.below(256) as u8).collect();
    let noise_behind = [&text[..100_000], &noise].concat();
    let value_len = |text: &[u8], budget_bytes| {
        let made = Entry::new(b"key", NewValue::Bytes(text), None);
        let (form, bytes) = save(&made, options(WriteVersion::Redis10, true), budget_bytes);
        let again = load(form, &bytes).unwrap().unwrap();
        assert_eq!(Model::of(again.view().value()), Model::String(text.to_vec()));
        bytes.len()
    };
    for budget_bytes in [100, 20_000, 100_000] {
        assert!(value_len(&text, budget_bytes) < text.len() / 2);
        assert_eq!(value_len(&noise, budget_bytes), noise.len() + 5);
        assert!(value_len(&noise_behind, budget_bytes) <= noise_behind.len() + 5);
    }
    assert!(value_len(&text, usize::MAX) < text.len() / 2);
}
