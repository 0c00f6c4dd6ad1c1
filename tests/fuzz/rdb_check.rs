//! What must hold for RDB files and the values in them: foreign bytes are refused or make a value that holds
//! together, and windows and parts do not matter. Shared by the fuzz target and by the test that runs its
//! corpus.

use shards::entry::{Entry, NewValue};
use shards::env::Env;
use shards::rdb::dump;
use shards::rdb::error::RdbError;
use shards::rdb::load::{ValueLoader, load_value};
use shards::rdb::loaded::{Loaded, Making};
use shards::rdb::save::{SaveOptions, form_of, needs, save_value};
use shards::rdb::scan::{Scanned, Scanner};
use shards::rdb::value_type::ValueType;
use shards::rdb::version::{Dialect, WriteVersion};

/// Checks an input of the fuzzer: a byte that chooses what is checked, then what it is checked with.
pub(crate) fn check(input: &[u8]) {
    let Some((&choice, rest)) = input.split_first() else { return };
    match choice {
        b'R' => restore(rest, Dialect::Redis),
        b'V' => restore(rest, Dialect::Valkey),
        b'p' => _ = dump::open(rest),
        b'f' => file(rest),
        b'F' => {
            file(&[b"REDIS0012", rest].concat());
            file(&[b"VALKEY080", rest].concat());
        }
        _ => {}
    }
}

/// What stands before the footer of a payload.
fn restore(body: &[u8], dialect: Dialect) {
    let Some((&number, bytes)) = body.split_first() else { return };
    if let Ok(form) = ValueType::of(number, dialect) {
        value(form, bytes);
    }
}

/// What is loaded is saved and loaded again as the same.
fn value(form: ValueType, bytes: &[u8]) {
    let env = Env::new([1, 2, 3, 4], 0, 512 << 20);
    let making = Making { limits: &env.limits, hasher: &env.hasher };
    let entry = |loaded: Loaded<'_>| loaded.give(|value: NewValue<'_>| Entry::new(b"key", value, None));
    let loaded = load_value(form, bytes, 0, making);
    let mut loader = ValueLoader::new(form, making);
    let in_parts = loader.feed(bytes, 0, making).and_then(|()| loader.finish(making));
    assert_eq!(loaded.is_ok(), in_parts.is_ok());
    let Ok(Some(loaded)) = loaded else { return };
    let loaded = entry(loaded);
    assert_eq!(loaded.view().data_type(), form.data_type());
    for version in [WriteVersion::Redis10, WriteVersion::Redis12, WriteVersion::Valkey80] {
        let options = SaveOptions { version, compress: true, drop_field_expires_at_ms: Some(0) };
        let mut saved = Vec::new();
        let value = loaded.view().value();
        let form = form_of(value, options).expect("what it cannot hold is dropped");
        save_value(value, options, &mut saved).expect("it has a form");
        let again = load_value(form, &saved, 0, making).expect("what is saved can be loaded");
        let again = entry(again.expect("what is loaded is not empty"));
        // Without its expires a hash may be a smaller thing.
        if version.has_field_expires() || needs(value) == WriteVersion::Redis10 {
            assert_eq!(again.view().kind(), loaded.view().kind());
        }
    }
}

/// A file through a window that is as large as it is asked to be, and through all of it.
fn file(bytes: &[u8]) {
    let whole = items(bytes, bytes.len());
    assert_eq!(items(bytes, 1), whole);
    assert_eq!(items(bytes, 5), whole);
}

/// What a file says, until its end or an error.
fn items(file: &[u8], growth: usize) -> Vec<String> {
    let (mut scanner, mut items) = (Scanner::new(true), Vec::new());
    let (mut start, mut end) = (0, growth.min(file.len()));
    loop {
        match scanner.next(&file[start..end]) {
            Err(RdbError::Incomplete { needed }) => {
                assert!(needed > (end - start) as u64);
                if end == file.len() {
                    items.push("incomplete".to_owned());
                    return items;
                }
                end = (end + growth).min(file.len());
            }
            Err(error) => {
                items.push(format!("{error:?}"));
                return items;
            }
            Ok((passed, scanned)) => {
                if let Scanned::Key(key) = &scanned
                    && key.is_whole
                {
                    value(key.form, key.value);
                }
                let is_end = matches!(scanned, Scanned::End(_));
                items.push(format!("{scanned:?}"));
                if is_end {
                    return items;
                }
                start += passed;
                end = end.max(start);
            }
        }
    }
}
