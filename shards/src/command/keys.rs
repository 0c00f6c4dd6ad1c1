//! Where a command's keys are, and what it does with them: Redis's key specs.
//!
//! Source: Redis 7 "Command key specifications". From these positions derive the slot, the shards, the locks,
//! COMMAND GETKEYS, and later ACL key patterns, cluster redirects and client-side caching.

use crate::args::Args;
use crate::key::DbIndex;

/// Read and write.
pub const RW: u32 = 1 << 0;
/// Read only.
pub const RO: u32 = 1 << 1;
/// Overwritten without being read.
pub const OW: u32 = 1 << 2;
/// Removed.
pub const RM: u32 = 1 << 3;
/// The user's data in it is read.
pub const ACCESS: u32 = 1 << 4;
/// The user's data in it is changed.
pub const UPDATE: u32 = 1 << 5;
/// Data is only added.
pub const INSERT: u32 = 1 << 6;
/// Data is removed.
pub const DELETE: u32 = 1 << 7;
/// Not a key, but routed like one (sharded pub/sub channels).
pub const NOT_KEY: u32 = 1 << 8;
/// The spec may miss keys.
pub const INCOMPLETE: u32 = 1 << 9;
/// The flags depend on the arguments.
pub const VARIABLE_FLAGS: u32 = 1 << 10;

/// Key flag bits and the names that COMMAND INFO gives them, in Redis's order.
pub const NAMES: &[(u32, &str)] = &[
    (RO, "RO"),
    (RW, "RW"),
    (OW, "OW"),
    (RM, "RM"),
    (ACCESS, "access"),
    (UPDATE, "update"),
    (INSERT, "insert"),
    (DELETE, "delete"),
    (NOT_KEY, "not_key"),
    (INCOMPLETE, "incomplete"),
    (VARIABLE_FLAGS, "variable_flags"),
];

/// One group of keys of a command.
#[derive(Clone, Copy, Debug)]
pub struct KeySpec {
    /// What is done with these keys: [`RW`], [`RO`], ... and [`ACCESS`], [`UPDATE`], ...
    pub flags: u32,
    /// Where to begin.
    pub begin: BeginSearch,
    /// Which arguments from there on are keys.
    pub find: FindKeys,
    /// A remark for people (COMMAND INFO `notes`); empty when there is none.
    pub notes: &'static str,
}

/// Where the search for keys begins.
#[derive(Clone, Copy, Debug)]
pub enum BeginSearch {
    /// At this argument.
    Index(i32),
    /// After this word, searched from argument `start_from` on (from the end when negative).
    Keyword {
        /// The word, in capitals.
        keyword: &'static str,
        /// The first argument to look at.
        start_from: i32,
    },
    /// Not to be found by a rule.
    Unknown,
}

/// Which arguments are keys, relative to where the search began.
#[derive(Clone, Copy, Debug)]
pub enum FindKeys {
    /// From the first to `last` (relative; negative counts from the last argument), every `step`th. With a
    /// `limit` over 1 only that fraction of the arguments.
    Range {
        /// The last key's position.
        last: i32,
        /// Distance between keys.
        step: i32,
        /// 0 or 1: all; n: the first 1/n of the arguments.
        limit: i32,
    },
    /// An argument holds the number of keys.
    KeyNum {
        /// Position of the number.
        keynum: i32,
        /// Position of the first key.
        first: i32,
        /// Distance between keys.
        step: i32,
    },
    /// Not to be found by a rule.
    Unknown,
}

/// A key of a concrete command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyPosition {
    /// The argument that is the key.
    pub index: usize,
    /// The flags of its spec.
    pub flags: u32,
    /// The database that it is in when that is not the client's: the destination of MOVE, of COPY with DB.
    pub db: Option<DbIndex>,
}

impl KeySpec {
    /// One key at argument `index`.
    pub const fn at(index: i32, flags: u32) -> KeySpec {
        KeySpec::range(index, 0, 1, flags)
    }

    /// Keys from argument `first` to `last` (relative to `first`; negative counts from the end), every
    /// `step`th.
    pub const fn range(first: i32, last: i32, step: i32, flags: u32) -> KeySpec {
        let find = FindKeys::Range { last, step, limit: 0 };
        KeySpec { flags, begin: BeginSearch::Index(first), find, notes: "" }
    }

    /// As many keys as argument `index` says, from the one behind it on.
    pub const fn counted(index: i32, flags: u32) -> KeySpec {
        let find = FindKeys::KeyNum { keynum: 0, first: 1, step: 1 };
        KeySpec { flags, begin: BeginSearch::Index(index), find, notes: "" }
    }

    /// One key behind this word, which is searched from argument `start_from` on.
    pub const fn behind(keyword: &'static str, start_from: i32, flags: u32) -> KeySpec {
        let begin = BeginSearch::Keyword { keyword, start_from };
        KeySpec { begin, ..KeySpec::at(0, flags) }
    }

    /// Keys that no rule finds.
    pub const fn unknown(flags: u32) -> KeySpec {
        KeySpec { flags, begin: BeginSearch::Unknown, find: FindKeys::Unknown, notes: "" }
    }

    /// Keys are the first half of the arguments from there on, not only the first of them.
    pub const fn first_half(self) -> KeySpec {
        KeySpec { find: FindKeys::Range { last: -1, step: 1, limit: 2 }, ..self }
    }

    /// With a remark for people.
    pub const fn notes(self, notes: &'static str) -> KeySpec {
        KeySpec { notes, ..self }
    }

    /// Appends the keys that this spec finds in `args`. False when they cannot be all: a bad number of keys,
    /// a missing keyword, a place that no rule finds, a spec that is marked [`INCOMPLETE`].
    pub fn positions(&self, args: Args<'_>, found: &mut Vec<KeyPosition>) -> bool {
        let argc = args.len() as i32;
        let first = match self.begin {
            BeginSearch::Index(index) => index,
            BeginSearch::Keyword { keyword, start_from } => {
                let (start, end, step) =
                    if start_from > 0 { (start_from, argc - 1, 1) } else { (argc + start_from, 1, -1) };
                let mut at = start;
                loop {
                    if (step > 0 && at > end) || (step < 0 && at < end) || at >= argc || at < 1 {
                        return false;
                    }
                    if args.get(at as usize).eq_ignore_ascii_case(keyword.as_bytes()) {
                        break at + 1;
                    }
                    at += step;
                }
            }
            BeginSearch::Unknown => return false,
        };
        let (first, last, step) = match self.find {
            // An open range may be empty, as a destination's sources. Redis then finds no keys at all, not
            // even the destination; we could not route the command.
            FindKeys::Range { last: ..0, limit: 0, .. } if first == argc => return true,
            FindKeys::Range { last, step, limit } => {
                let last = if last >= 0 {
                    first + last
                } else if limit <= 1 {
                    argc + last
                } else {
                    first + ((argc - first) / limit + last)
                };
                (first, last, step)
            }
            FindKeys::KeyNum { keynum, first: first_key, step } => {
                let at = first + keynum;
                if at < 0 || at >= argc {
                    return false;
                }
                let Some(count) = crate::num::parse_i64(args.get(at as usize)) else { return false };
                if count < 0 || count > i64::from(argc) {
                    return false;
                }
                let first_key = first + first_key;
                (first_key, first_key + (count as i32 - 1) * step, step)
            }
            FindKeys::Unknown => return false,
        };
        if first < 1 || first > last || last >= argc {
            return false;
        }
        let mut index = first;
        while index <= last {
            found.push(KeyPosition { index: index as usize, flags: self.flags, db: None });
            index += step.max(1);
        }
        self.flags & INCOMPLETE == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::OwnedArgs;

    /// The arguments that a spec finds, or none when the line does not fit it.
    fn found(spec: KeySpec, line: &str) -> Option<Vec<usize>> {
        let args: OwnedArgs = line.split(' ').collect();
        let mut positions = Vec::new();
        let fits = spec.positions(args.as_args(), &mut positions);
        fits.then(|| positions.into_iter().map(|key| key.index).collect())
    }

    #[test]
    fn ranges_end_where_they_say() {
        assert_eq!(found(KeySpec::at(1, RO), "get a"), Some(vec![1]));
        assert_eq!(found(KeySpec::range(1, -1, 2, OW), "mset a 1 b 2"), Some(vec![1, 3]));
        assert_eq!(found(KeySpec::range(1, -2, 1, RW), "blpop a b 0"), Some(vec![1, 2]));
        assert_eq!(found(KeySpec::at(3, RO), "get a"), None);
    }

    #[test]
    fn an_open_range_may_be_empty() {
        assert_eq!(found(KeySpec::range(2, -1, 1, RO), "pfmerge d"), Some(vec![]));
        assert_eq!(found(KeySpec::range(3, -1, 1, RO), "pfmerge d"), None);
    }

    #[test]
    fn a_limit_takes_a_fraction_of_the_arguments() {
        let spec = KeySpec::behind("STREAMS", 1, RO).first_half();
        assert_eq!(found(spec, "xread COUNT 1 streams a b 0 0"), Some(vec![4, 5]));
        assert_eq!(found(spec, "xread COUNT 1 a b 0 0"), None);
        assert_eq!(found(spec, "xread a STREAMS"), None);
    }

    #[test]
    fn a_word_is_searched_for_from_its_place_on() {
        let spec = KeySpec::behind("STORE", 3, OW);
        assert_eq!(found(spec, "sort store BY store Store d"), Some(vec![4]));
        assert_eq!(found(spec, "sort k ASC store d"), Some(vec![4]));
        assert_eq!(found(spec, "sort k store"), None);
        assert_eq!(found(spec, "sort store ASC"), None);
    }

    #[test]
    fn a_number_of_keys_must_fit_the_arguments() {
        let spec = KeySpec::counted(2, RO);
        assert_eq!(found(spec, "eval s 2 a b c"), Some(vec![3, 4]));
        for line in
            ["eval s 0", "eval s 3 a b", "eval s x a", "eval s -1 a", "eval s 99999999999 a", "eval s"]
        {
            assert_eq!(found(spec, line), None, "{line}");
        }
    }
}
