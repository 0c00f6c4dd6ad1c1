//! A command over several shards as one command for each of them.

use crate::args::{Args, OwnedArgs};
use crate::command::keys::KeyPosition;
use crate::router::route::key_stride;
use crate::txn::OwnedCall;

/// The command of each participant: the name, the arguments before the first key, and its own keys with what
/// belongs to them.
pub(super) fn split(
    call: &OwnedCall,
    positions: &[KeyPosition],
    part_of_key: &[usize],
    part_count: usize,
) -> impl Iterator<Item = OwnedCall> {
    let args: Args<'_> = call.args.as_args();
    let first = positions.first().map_or(args.len(), |position| position.index);
    let stride = key_stride(positions, args.len());
    let places = || {
        let keys = positions.iter().zip(part_of_key);
        keys.flat_map(|(key, &part)| (key.index..key.index + stride).map(move |index| (index, part)))
    };
    let copied = |range: std::ops::Range<usize>| range.map(|index| args.value(index).copied_bytes()).sum();
    let mut sizes: Vec<(usize, usize)> = vec![(first, copied(0..first)); part_count];
    for (index, part) in places() {
        sizes[part].0 += 1;
        sizes[part].1 += args.value(index).copied_bytes();
    }
    let room = |(count, bytes)| OwnedArgs::with_capacity(count, bytes);
    let mut split: Vec<OwnedArgs> = sizes.into_iter().map(room).collect();
    for part in &mut split {
        (0..first).for_each(|index| part.push_value(args.value(index)));
    }
    for (index, part) in places() {
        split[part].push_value(args.value(index));
    }
    let OwnedCall { command, caller, .. } = *call;
    let call = move |args| OwnedCall { command, key: None, caller, args };
    split.into_iter().map(call)
}
