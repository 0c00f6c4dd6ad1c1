//! What SORT is asked for: its options, the patterns of BY and GET, and which keys these concern.
//!
//! This file must not know how values are stored.

use std::ops::Range;

use crate::args::Args;
use crate::command::keys::{ACCESS, KeyPosition, OW, RO, UPDATE};
use crate::error::CommandError;
use crate::num;

/// What BY and GET make of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pattern<'a> {
    /// `#`: the element itself.
    Element,
    /// A pattern without `*`: nothing, whatever the element.
    Nothing,
    /// The value of the key whose name is the pattern with the element in the place of its first `*`; with a
    /// field, that field of the hash.
    Key { before: &'a [u8], behind: &'a [u8], field: Option<&'a [u8]> },
}

impl<'a> Pattern<'a> {
    /// Redis: lookupKeyByPattern. It searches to the first zero byte.
    fn parse(text: &'a [u8]) -> Pattern<'a> {
        if text == b"#" {
            return Pattern::Element;
        }
        let searched = &text[..memchr::memchr(0, text).unwrap_or(text.len())];
        let Some(star) = memchr::memchr(b'*', searched) else { return Pattern::Nothing };
        let arrow = memchr::memmem::find(&searched[star + 1..], b"->").map(|at| star + 1 + at);
        // An arrow at the end is a part of the name.
        let arrow = arrow.filter(|at| at + 2 < searched.len());
        let end = arrow.unwrap_or(text.len());
        let field = arrow.map(|at| &text[at + 2..]);
        Pattern::Key { before: &text[..star], behind: &text[star + 1..end], field }
    }

    fn is_key(&self) -> bool {
        matches!(self, Pattern::Key { .. })
    }
}

/// How elements are brought into order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Order<'a> {
    /// By what; by the elements themselves when there is no pattern.
    pub(crate) by: Option<Pattern<'a>>,
    /// By bytes, not as numbers.
    pub(crate) alpha: bool,
    pub(crate) descending: bool,
}

/// All options.
pub(crate) struct Options<'a> {
    pub(crate) order: Order<'a>,
    /// False with a BY that is the same for all elements: they stay as they come.
    pub(crate) sorts: bool,
    pub(crate) get: Vec<Pattern<'a>>,
    /// The argument that is the destination.
    pub(crate) store: Option<usize>,
    limit: Option<(i64, i64)>,
}

impl<'a> Options<'a> {
    /// Reads the arguments behind the key.
    ///
    /// # Errors
    /// `Syntax`, and `NotAnInteger` for LIMIT.
    pub(crate) fn parse(args: Args<'a>, can_store: bool) -> Result<Options<'a>, CommandError> {
        let order = Order { by: None, alpha: false, descending: false };
        let mut options = Options { order, sorts: true, get: Vec::new(), store: None, limit: None };
        let mut at = 2;
        while at < args.len() {
            let (word, behind) = (args.get(at), args.len() - at - 1);
            let is = |name: &[u8]| word.eq_ignore_ascii_case(name);
            if is(b"asc") {
                options.order.descending = false;
            } else if is(b"desc") {
                options.order.descending = true;
            } else if is(b"alpha") {
                options.order.alpha = true;
            } else if is(b"limit") && behind >= 2 {
                let number = |at| num::parse_i64(args.get(at)).ok_or(CommandError::NotAnInteger);
                options.limit = Some((number(at + 1)?, number(at + 2)?));
                at += 2;
            } else if is(b"store") && can_store && behind >= 1 {
                options.store = Some(at + 1);
                at += 1;
            } else if is(b"by") && behind >= 1 {
                let pattern = Pattern::parse(args.get(at + 1));
                // Once given, a constant one counts whatever follows.
                options.sorts &= pattern.is_key();
                options.order.by = Some(pattern);
                at += 1;
            } else if is(b"get") && behind >= 1 {
                options.get.push(Pattern::parse(args.get(at + 1)));
                at += 1;
            } else {
                return Err(CommandError::Syntax);
            }
            at += 1;
        }
        Ok(options)
    }

    /// Which of so many elements in their order are wanted.
    pub(crate) fn range(&self, len: usize) -> Range<usize> {
        let Some((offset, count)) = self.limit else { return 0..len };
        let start = usize::try_from(offset.max(0)).map_or(len, |start| start.min(len));
        let count = usize::try_from(count).map_or(len, |count| count.min(len));
        start..start.saturating_add(count).min(len)
    }

    fn reads_any_key(&self) -> bool {
        let by = self.order.by.as_ref().filter(|_| self.sorts);
        self.get.iter().chain(by).any(Pattern::is_key)
    }
}

/// Whether SORT reads keys that are not among its arguments: its patterns make their names of what the list
/// holds.
pub(crate) fn sort_reads_any_key(args: Args<'_>) -> bool {
    Options::parse(args, true).is_ok_and(|options| options.reads_any_key())
}

/// The same for SORT_RO.
pub(crate) fn sort_ro_reads_any_key(args: Args<'_>) -> bool {
    Options::parse(args, false).is_ok_and(|options| options.reads_any_key())
}

/// The keys of SORT that can be told: what is sorted, and the last destination (Redis: sortGetKeys).
pub(crate) fn sort_keys(args: Args<'_>, found: &mut Vec<KeyPosition>) {
    sort_ro_keys(args, found);
    let (mut at, mut destination) = (2, None);
    while at < args.len() {
        let is = |name: &[u8]| args[at].eq_ignore_ascii_case(name);
        at += match () {
            () if is(b"limit") => 3,
            () if is(b"by") || is(b"get") => 2,
            () if is(b"store") && at + 1 < args.len() => {
                destination = Some(at + 1);
                1
            }
            () => 1,
        };
    }
    found.extend(destination.map(|index| KeyPosition { index, flags: OW | UPDATE, db: None }));
}

/// The key of SORT_RO.
pub(crate) fn sort_ro_keys(args: Args<'_>, found: &mut Vec<KeyPosition>) {
    if args.len() > 1 {
        found.push(KeyPosition { index: 1, flags: RO | ACCESS, db: None });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::OwnedArgs;

    #[test]
    fn a_pattern_has_a_place_for_the_element_and_maybe_a_field() {
        let key = |before: &'static str, behind: &'static str, field: Option<&'static str>| Pattern::Key {
            before: before.as_bytes(),
            behind: behind.as_bytes(),
            field: field.map(str::as_bytes),
        };
        for (text, pattern) in [
            ("#", Pattern::Element),
            ("", Pattern::Nothing),
            ("##", Pattern::Nothing),
            ("weight->f", Pattern::Nothing),
            ("*", key("", "", None)),
            ("w_*", key("w_", "", None)),
            ("a*b*c", key("a", "b*c", None)),
            ("h_*->f", key("h_", "", Some("f"))),
            ("h_*x->f->g", key("h_", "x", Some("f->g"))),
            ("h_*->", key("h_", "->", None)),
            ("a->b*", key("a->b", "", None)),
            ("a\0*", Pattern::Nothing),
            ("a*\0->f", key("a", "\0->f", None)),
        ] {
            assert_eq!(Pattern::parse(text.as_bytes()), pattern, "{text}");
        }
    }

    #[test]
    fn only_patterns_that_name_keys_read_any_key() {
        for (line, reads) in [
            ("sort l", false),
            ("sort l BY nosort GET # GET x", false),
            ("sort l BY w_*", true),
            ("sort l BY nosort BY w_*", false),
            ("sort l BY w_* BY nosort", false),
            ("sort l BY nosort get w_*", true),
            ("sort l STORE d* LIMIT 0 1", false),
            ("sort l GET * FOO", false),
        ] {
            let args: OwnedArgs = line.split(' ').collect();
            assert_eq!(sort_reads_any_key(args.as_args()), reads, "{line}");
        }
    }

    #[test]
    fn the_keys_are_those_that_redis_finds() {
        // COMMAND GETKEYS of redis-server 7.0.15.
        for (line, keys) in [
            ("sort l STORE d STORE e", vec![1, 5]),
            ("sort l BY w_* GET x_*", vec![1]),
            ("sort l LIMIT 1 STORE x", vec![1]),
            ("sort l BY STORE x", vec![1]),
            ("sort l GET STORE STORE x", vec![1, 5]),
            ("sort l STORE", vec![1]),
        ] {
            let args: OwnedArgs = line.split(' ').collect();
            let mut found = Vec::new();
            sort_keys(args.as_args(), &mut found);
            assert_eq!(found.iter().map(|key| key.index).collect::<Vec<_>>(), keys, "{line}");
        }
    }
}
