//! Bytes that are cut or changed: an error or a value that holds together, and nothing worse.

use shards::random::Random;
use shards::rdb::scan::{Scanned, Scanner};
use shards::rdb::value_type::ValueType;
use shards::rdb::version::WriteVersion;

use crate::golden::dumps;
use crate::historical;
use crate::model::{Model, load, options, save};

/// Values of every form, none of them long.
fn values() -> Vec<(ValueType, Vec<u8>)> {
    let mut values: Vec<_> = historical::values().into_iter().map(|(form, bytes, _)| (form, bytes)).collect();
    values.extend(dumps().iter().map(|dump| {
        let (form, bytes) = dump.value();
        (form, bytes.to_vec())
    }));
    values.retain(|(_, bytes)| bytes.len() < 3000);
    assert!(values.len() > 50);
    values
}

#[test]
fn a_cut_value_is_an_error() {
    for (form, bytes) in values() {
        for len in 0..bytes.len() {
            assert!(load(form, &bytes[..len]).is_err(), "{form:?}: {len} of {bytes:?}");
        }
    }
}

#[test]
fn a_changed_value_is_an_error_or_a_value() {
    let seed = 0xbad;
    let mut random = Random::new(seed);
    let values = values();
    let rounds = if cfg!(miri) { 2 } else { 400 };
    for round in 0..rounds {
        for (form, bytes) in &values {
            let mut bytes = bytes.clone();
            for _ in 0..1 + random.below(3) {
                let at = random.below(bytes.len());
                match random.below(4) {
                    0 => bytes[at] ^= 1 << random.below(8),
                    1 => bytes[at] = [0, 0xff, 0x80, 0x81, 0xc3, 0x7f][random.below(6)],
                    2 => bytes.insert(at, random.below(256) as u8),
                    _ if bytes.len() > 1 => drop(bytes.remove(at)),
                    _ => {}
                }
            }
            let Ok(Some(loaded)) = load(*form, &bytes) else { continue };
            let model = Model::of(loaded.view().value());
            let (form, saved) = save(&loaded, options(WriteVersion::Redis12, true), 50);
            let again = load(form, &saved);
            let again =
                again.unwrap_or_else(|error| panic!("seed {seed:#x}, round {round}: {bytes:?}: {error}"));
            assert_eq!(Model::of(again.unwrap().view().value()), model, "seed {seed:#x}, round {round}");
        }
    }
}

#[test]
fn a_changed_file_is_gone_through_or_refused() {
    let seed = 0xf11e;
    let mut random = Random::new(seed);
    let files = [&include_bytes!("redis-7.0.15.rdb")[..], &include_bytes!("valkey-9.1.2.rdb")[..]];
    let rounds = if cfg!(miri) { 2 } else { 5000 };
    for round in 0..rounds {
        let mut file = files[round % 2].to_vec();
        for _ in 0..1 + random.below(3) {
            let at = 9 + random.below(file.len() - 9);
            file[at] = random.below(256) as u8;
        }
        let (mut scanner, mut at) = (Scanner::new(true), 0);
        loop {
            match scanner.next(&file[at..]) {
                Ok((_, Scanned::End(_))) | Err(_) => break,
                Ok((passed, Scanned::Key(key))) => {
                    if key.is_whole && key.form.data_type() != shards::object::DataType::Stream {
                        let loaded = load(key.form, key.value);
                        drop(loaded);
                    }
                    at += passed;
                }
                Ok((passed, _)) => at += passed,
            }
        }
        assert!(at <= file.len(), "seed {seed:#x}, round {round}");
    }
}
