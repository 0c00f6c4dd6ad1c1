//! How the directives about saving and about the end of the node are kept: their fields, and their words.

use shards::commands::snapshot::FileForm;
use shards::num;
use shards::rdb::version::WriteVersion;

use crate::config::directive::Store;
use crate::config::settings::{SavePoint, ShutdownOptions};

pub(super) const DBFILENAME: Store = Store::Field {
    get: |config| config.dbfilename.clone(),
    set: |config, text| config.dbfilename = text.to_vec(),
};

pub(super) const SAVE: Store = Store::Field {
    get: |config| {
        let points = config.save_points.iter();
        let points: Vec<_> = points.map(|point| format!("{} {}", point.seconds, point.changes)).collect();
        points.join(" ").into_bytes()
    },
    set: |config, text| {
        let words = text.split(|&byte| byte == b' ');
        // What is no number the kind has refused.
        let numbers: Vec<u64> = words.filter_map(num::parse_i64).map(i64::cast_unsigned).collect();
        let points = numbers.chunks_exact(2).map(|pair| SavePoint { seconds: pair[0], changes: pair[1] });
        config.save_points = points.collect();
    },
};

pub(super) const RDB_VERSION: Store = Store::Field {
    get: |config| match config.rdb_version {
        FileForm::Oldest => b"auto".to_vec(),
        FileForm::Only(version) => version.number().to_string().into_bytes(),
    },
    set: |config, text| {
        let named = |version: &WriteVersion| version.number().to_string().as_bytes() == text;
        let version = WriteVersion::ALL.into_iter().find(named);
        config.rdb_version = version.map_or(FileForm::Oldest, FileForm::Only);
    },
};

/// A field that says how the node ends.
macro_rules! shutdown_options {
    ($field:ident) => {
        Store::Field {
            get: |config| shutdown_words(config.$field),
            set: |config, text| config.$field = shutdown_of(text),
        }
    };
}

fn shutdown_words(options: ShutdownOptions) -> Vec<u8> {
    let ShutdownOptions { saves, now, force } = options;
    let words =
        [(saves == Some(true), "save"), (saves == Some(false), "nosave"), (now, "now"), (force, "force")];
    let words: Vec<&str> = words.iter().filter(|(is_said, _)| *is_said).map(|(_, word)| *word).collect();
    if words.is_empty() { b"default".to_vec() } else { words.join(" ").into_bytes() }
}

fn shutdown_of(text: &[u8]) -> ShutdownOptions {
    let has = |word: &[u8]| text.split(|&byte| byte == b' ').any(|said| said == word);
    let saves = if has(b"save") { Some(true) } else { has(b"nosave").then_some(false) };
    ShutdownOptions { saves, now: has(b"now"), force: has(b"force") }
}

/// `shutdown-on-sigint`.
pub(super) const ON_SIGINT: Store = shutdown_options!(shutdown_on_sigint);
/// `shutdown-on-sigterm`.
pub(super) const ON_SIGTERM: Store = shutdown_options!(shutdown_on_sigterm);
