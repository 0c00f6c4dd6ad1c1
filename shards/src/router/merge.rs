//! How the replies of several participants become the one that the client expects.
//!
//! Source: the response policies of Redis's command tips. Without a policy the elements of the parts' arrays
//! come back in the order of the command's keys (MGET), or one part's after the other's when there are no
//! keys (KEYS).

use crate::command::{CommandSpec, ResponsePolicy};
use crate::error_counts;
use crate::reply::Reply;

/// The replies of the parts, and for each key of the command, in order, the part that had it.
pub(super) struct Parts<'a> {
    pub(crate) replies: &'a [Reply],
    pub(crate) part_of_key: &'a [usize],
}

/// Writes the merged reply. The first error among the parts becomes the whole reply.
pub(crate) fn merge(
    spec: &CommandSpec,
    parts: &Parts<'_>,
    random_bits: impl FnOnce() -> u64,
    reply: &mut Reply,
) {
    let mut errors = parts.replies.iter().filter(|part| part.bytes().first() == Some(&b'-'));
    if let Some(error) = errors.next() {
        // It is one error to the client, however many shards have found it.
        errors.for_each(|same| error_counts::uncount(&same.bytes()[1..]));
        return reply.append(error.bytes(), error.blobs());
    }
    match spec.combined {
        Some(combined) => (combined.merge)(parts.replies, random_bits(), reply),
        None => merge_by(spec.response_policy, parts, reply),
    }
}

fn merge_by(policy: Option<ResponsePolicy>, parts: &Parts<'_>, reply: &mut Reply) {
    let integers = || parts.replies.iter().map(|part| integer(part.bytes()));
    match policy {
        Some(ResponsePolicy::AggSum) => reply.int(integers().sum()),
        Some(ResponsePolicy::AggMin) => reply.int(integers().min().unwrap_or(0)),
        Some(ResponsePolicy::AggMax) => reply.int(integers().max().unwrap_or(0)),
        Some(ResponsePolicy::AggLogicalAnd) => reply.int(i64::from(integers().all(|value| value != 0))),
        Some(ResponsePolicy::AggLogicalOr) => reply.int(i64::from(integers().any(|value| value != 0))),
        Some(ResponsePolicy::AllSucceeded | ResponsePolicy::OneSucceeded | ResponsePolicy::Special) => {
            if let Some(first) = parts.replies.first() {
                reply.append(first.bytes(), first.blobs());
            }
        }
        None if parts.part_of_key.is_empty() => one_after_the_other(parts.replies, reply),
        None => in_key_order(parts, reply),
    }
}

/// All elements of the parts' arrays in one array. What is no array is the same in all parts (SWAPDB).
fn one_after_the_other(replies: &[Reply], reply: &mut Reply) {
    if let Some(first) = replies.iter().find(|part| part.bytes().first() != Some(&b'*')) {
        return reply.append(first.bytes(), first.blobs());
    }
    let count = |part: &Reply| {
        let digits = &part.bytes()[1..part.bytes().iter().position(|&byte| byte == b'\r').unwrap_or(1)];
        crate::num::parse_i64(digits).and_then(|count| usize::try_from(count).ok()).unwrap_or(0)
    };
    reply.array(replies.iter().map(count).sum());
    for part in replies {
        reply.append_part(part, part.behind_header(), part.mark());
    }
}

/// The integer of an integer reply; 0 for anything else, which no handler with an integer policy writes.
fn integer(reply: &[u8]) -> i64 {
    match reply {
        [b':', digits @ .., b'\r', b'\n'] => crate::num::parse_i64(digits).unwrap_or(0),
        _ => 0,
    }
}

fn in_key_order(parts: &Parts<'_>, reply: &mut Reply) {
    let mut places: Vec<_> = parts.replies.iter().map(Reply::behind_header).collect();
    reply.array(parts.part_of_key.len());
    for &part in parts.part_of_key {
        let end = parts.replies[part].element_end(places[part]);
        reply.append_part(&parts.replies[part], places[part], end);
        places[part] = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::{BLOB_LEN_MIN, Blob};

    fn part(write: impl Fn(&mut Reply)) -> Reply {
        let mut reply = Reply::default();
        write(&mut reply);
        reply
    }

    fn merged(policy: Option<ResponsePolicy>, replies: &[Reply], part_of_key: &[usize]) -> Reply {
        let mut reply = Reply::default();
        let spec = CommandSpec { response_policy: policy, ..CommandSpec::BASE };
        merge(&spec, &Parts { replies, part_of_key }, || 0, &mut reply);
        reply
    }

    #[test]
    fn elements_come_in_the_order_of_the_keys() {
        let blob = Blob::new(vec![b'x'; BLOB_LEN_MIN]);
        let first = part(|reply| {
            reply.array(2);
            reply.bulk(b"a\r\nb");
            reply.bulk_blob(&blob);
        });
        let second = part(|reply| {
            reply.array(2);
            reply.null();
            reply.bulk(b"");
        });
        let reply = merged(None, &[first, second], &[1, 0, 0, 1]);
        assert_eq!(reply.bytes(), b"*4\r\n$-1\r\n$4\r\na\r\nb\r\n$32768\r\n\r\n$0\r\n\r\n");
        assert_eq!(reply.blobs().len(), 1);
        assert_eq!(&reply.bytes()[..reply.blobs()[0].0], b"*4\r\n$-1\r\n$4\r\na\r\nb\r\n$32768\r\n");
    }

    #[test]
    fn without_keys_the_elements_of_all_parts_come_one_after_the_other() {
        let blob = Blob::new(vec![b'x'; BLOB_LEN_MIN]);
        let first = part(|reply| {
            reply.array(2);
            reply.bulk(b"a");
            reply.bulk_blob(&blob);
        });
        let none = || part(|reply| reply.array(0));
        let last = part(|reply| {
            reply.array(1);
            reply.bulk(b"b");
        });
        let reply = merged(None, &[none(), first, none(), last], &[]);
        assert_eq!(reply.bytes(), b"*3\r\n$1\r\na\r\n$32768\r\n\r\n$1\r\nb\r\n");
        assert_eq!(&reply.bytes()[..reply.blobs()[0].0], b"*3\r\n$1\r\na\r\n$32768\r\n");
        let ok = || part(Reply::ok);
        assert_eq!(merged(None, &[ok(), ok()], &[]).bytes(), b"+OK\r\n");
    }

    #[test]
    fn integers_are_summed_and_an_error_wins() {
        let two = || part(|reply| reply.int(2));
        let five = || part(|reply| reply.int(5));
        let bad = || part(|reply| reply.raw(b"-ERR bad\r\n"));
        let sum = Some(ResponsePolicy::AggSum);
        assert_eq!(merged(sum, &[two(), five()], &[0, 1]).bytes(), b":7\r\n");
        assert_eq!(merged(sum, &[two(), bad()], &[0, 1]).bytes(), b"-ERR bad\r\n");
        assert_eq!(merged(Some(ResponsePolicy::AggMin), &[two(), five()], &[0, 1]).bytes(), b":2\r\n");
    }
}
