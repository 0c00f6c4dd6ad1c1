//! How CLIENT LIST and CLIENT KILL say which clients they mean.

use std::sync::Arc;

use shards::args::Args;
use shards::error::CommandError;

use crate::session::filter::{ClientFilter, ClientKind};

/// The kind of this name, in any case.
///
/// # Errors
/// When there is none.
pub(super) fn kind_of_name(word: &[u8]) -> Result<ClientKind, CommandError> {
    let kinds: [(&[u8], ClientKind); 5] = [
        (b"normal", ClientKind::Normal),
        (b"slave", ClientKind::Replica),
        (b"replica", ClientKind::Replica),
        (b"pubsub", ClientKind::Pubsub),
        (b"master", ClientKind::Primary),
    ];
    let found = kinds.iter().find(|(name, _)| word.eq_ignore_ascii_case(name));
    found.map(|&(_, kind)| kind).ok_or_else(|| CommandError::quoting("ERR Unknown client type '", word, "'"))
}

/// The options of CLIENT KILL.
///
/// # Errors
/// When an option or a value is not known.
pub(super) fn meant_by_kill(args: Args<'_>) -> Result<ClientFilter, CommandError> {
    let mut filter = ClientFilter::default();
    let mut at = 2;
    while at < args.len() {
        if at + 1 >= args.len() {
            return Err(CommandError::Syntax);
        }
        let (option, value) = (args.get(at), args.get(at + 1));
        match option {
            option if option.eq_ignore_ascii_case(b"id") => {
                let id = shards::num::parse_i64(value)
                    .ok_or_else(|| CommandError::other("ERR client-id should be greater than 0"))?;
                if id < 1 {
                    return Err(CommandError::other("ERR client-id should be greater than 0"));
                }
                filter.ids = Some(Arc::from([id as u64]));
            }
            option if option.eq_ignore_ascii_case(b"type") => filter.kind = Some(kind_of_name(value)?),
            option if option.eq_ignore_ascii_case(b"addr") => filter.peer = Some(value.to_vec()),
            option if option.eq_ignore_ascii_case(b"laddr") => filter.local = Some(value.to_vec()),
            option if option.eq_ignore_ascii_case(b"user") => {
                if value != b"default" {
                    return Err(CommandError::quoting("ERR No such user '", value, "'"));
                }
                filter.user = Some(value.to_vec());
            }
            option if option.eq_ignore_ascii_case(b"skipme") => {
                filter.skip_me = match value {
                    value if value.eq_ignore_ascii_case(b"yes") => true,
                    value if value.eq_ignore_ascii_case(b"no") => false,
                    _ => return Err(CommandError::Syntax),
                };
            }
            _ => return Err(CommandError::Syntax),
        }
        at += 2;
    }
    Ok(filter)
}
