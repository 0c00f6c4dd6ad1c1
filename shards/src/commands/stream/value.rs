//! What the commands on streams have in common: how ids are read, how entries are written, and what errors
//! say.
//!
//! This file must not know the options of any command.

use crate::encoding::stream::{BoundError, Item, StreamEntry, StreamId};
use crate::error::CommandError;
use crate::num;
use crate::reply::Reply;

pub(super) type Done = Result<(), CommandError>;

/// An integer argument.
pub(super) fn integer(text: &[u8]) -> Result<i64, CommandError> {
    num::parse_i64(text).ok_or(CommandError::NotAnInteger)
}

fn invalid_id() -> CommandError {
    CommandError::other("ERR Invalid stream ID specified as stream command argument")
}

/// The id of one certain entry; without a sequence number that is 0.
pub(super) fn exact_id(text: &[u8]) -> Result<StreamId, CommandError> {
    StreamId::parse_exact(text, 0).ok_or_else(invalid_id)
}

/// The same, but for `-` and `+`, which mean the lowest and the highest id.
pub(super) fn any_id(text: &[u8]) -> Result<StreamId, CommandError> {
    StreamId::parse(text, 0).ok_or_else(invalid_id)
}

/// An error of ids that are none.
pub(super) fn id_or_error<T>(id: Option<T>) -> Result<T, CommandError> {
    id.ok_or_else(invalid_id)
}

/// The first id of a range.
pub(super) fn range_start(text: &[u8]) -> Result<StreamId, CommandError> {
    StreamId::parse_start(text).map_err(|error| match error {
        BoundError::Invalid => invalid_id(),
        BoundError::Nothing => CommandError::other("ERR invalid start ID for the interval"),
    })
}

/// The last id of a range.
pub(super) fn range_end(text: &[u8]) -> Result<StreamId, CommandError> {
    StreamId::parse_end(text).map_err(|error| match error {
        BoundError::Invalid => invalid_id(),
        BoundError::Nothing => CommandError::other("ERR invalid end ID for the interval"),
    })
}

/// How many elements a COUNT asks for; `None` and 0 ask for all.
pub(super) fn limit_of(count: Option<i64>) -> usize {
    let count = count.filter(|&count| count > 0);
    count.map_or(usize::MAX, |count| usize::try_from(count).unwrap_or(usize::MAX))
}

/// A text up to its first NUL, as C prints it.
fn up_to_nul(text: &[u8]) -> &[u8] {
    &text[..memchr::memchr(0, text).unwrap_or(text.len())]
}

/// There is no such key, or no such group of it.
pub(super) fn no_key_or_group(key: &[u8], group: &[u8], after: &str) -> CommandError {
    let (key, group) = (up_to_nul(key), up_to_nul(group));
    let parts = [b"NOGROUP No such key '", key, b"' or consumer group '", group, b"'", after.as_bytes()];
    CommandError::Quoting(parts.concat())
}

/// There is the key, but no such group of it.
pub(super) fn no_group(key: &[u8], group: &[u8]) -> CommandError {
    let (key, group) = (up_to_nul(key), up_to_nul(group));
    let parts = [b"NOGROUP No such consumer group '", group, b"' for key name '", key, b"'"];
    CommandError::Quoting(parts.concat())
}

/// What a container says of options that its subcommand does not know. `container` is in capitals.
pub(super) fn subcommand_syntax(subcommand: &[u8], container: &str) -> CommandError {
    let shown = &subcommand[..subcommand.len().min(128)];
    let before = "ERR unknown subcommand or wrong number of arguments for '";
    CommandError::quoting(before, shown, &format!("'. Try {container} HELP."))
}

/// An id as a bulk string.
pub(super) fn write_id(reply: &mut Reply, id: StreamId) {
    reply.bulk(id.text(&mut [0; StreamId::TEXT_BYTES_MAX]));
}

/// An entry: its id, and its fields with their values.
pub(super) fn write_entry(reply: &mut Reply, entry: StreamEntry<'_>) {
    reply.array(2);
    write_id(reply, entry.id);
    reply.array(entry.len() * 2);
    for (name, value) in entry.fields() {
        write_item(reply, name);
        write_item(reply, value);
    }
}

#[inline]
fn write_item(reply: &mut Reply, item: Item<'_>) {
    match item {
        Item::Int(int) => reply.bulk_int(int),
        Item::Bytes(bytes) => reply.bulk(bytes),
    }
}

/// Up to `limit` entries of a range as an array.
pub(super) fn write_entries<'a>(
    reply: &mut Reply,
    entries: impl Iterator<Item = StreamEntry<'a>>,
    limit: usize,
) {
    // The array's length comes first on the wire.
    let entries: Vec<StreamEntry<'_>> = entries.take(limit).collect();
    reply.array(entries.len());
    entries.into_iter().for_each(|entry| write_entry(reply, entry));
}
