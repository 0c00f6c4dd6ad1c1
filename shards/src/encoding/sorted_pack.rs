//! Small sorted sets: a listpack of members in ascending order, each followed by its score, as Redis has it.
//!
//! A score that is an integer up to 2^62 is an integer of the listpack, any other one the text that clients
//! see (Redis: zzlInsertAt), so -0 becomes 0. Everything is a walk over some hundred elements at most: how
//! many there may be is the caller's to decide. [`validate`] checks foreign bytes; everything else takes a
//! sorted set to be valid, and may panic or tell nonsense, but nothing worse, if it is not. This file must
//! not know keys, commands or limits.

use std::cmp::Ordering;
use std::ops::Range;

use super::listpack::{self, Listpack, Value, Wanted};
use super::sorted_set::{Builder, LexBound, ScoreBound, SortedSet};
use super::splice::Splice;
use crate::num::format_score;

/// Elements of a listpack for each member.
const PAIR: usize = 2;

/// A small sorted set to be read.
#[derive(Clone, Copy, Debug)]
pub struct SortedPack<'a>(Listpack<'a>);

/// Where a member is. Valid until the set changes.
#[derive(Clone, Copy, Debug)]
pub struct PackedPlace {
    /// In bytes from the start of the listpack.
    position: usize,
    /// The member's score.
    pub score: f64,
}

impl<'a> SortedPack<'a> {
    /// The sorted set in these bytes, which are valid.
    #[inline]
    pub fn new(bytes: &'a [u8]) -> SortedPack<'a> {
        SortedPack(Listpack::new(bytes))
    }

    /// The number of members.
    #[inline]
    pub fn len(self) -> usize {
        self.0.len() / PAIR
    }

    /// No member at all.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Whether a listpack may take a member of this length in bytes besides; see [`listpack::has_room`].
    pub fn has_room(self, member_bytes: usize) -> bool {
        listpack::has_room(self.0.end(), member_bytes)
    }

    /// Finds a member.
    #[inline]
    pub fn find(self, member: &[u8]) -> Option<PackedPlace> {
        let position = self.0.find(&Wanted::new(member), listpack::HEADER_LEN, PAIR - 1)?;
        let score = self.0.iter_from(position).nth(1).map_or(0.0, score_of);
        Some(PackedPlace { position, score })
    }

    /// The rank of a member, the lowest being 0, and its score.
    pub fn rank(self, member: &[u8]) -> Option<(usize, f64)> {
        let wanted = Wanted::new(member);
        let (rank, (_, score)) = self.items().enumerate().find(|(_, (value, _))| wanted.is(*value))?;
        Some((rank, score))
    }

    /// All members with their scores, in order.
    pub fn items(self) -> impl Iterator<Item = (Value<'a>, f64)> {
        let mut elements = self.0.iter();
        std::iter::from_fn(move || Some((elements.next()?, score_of(elements.next()?))))
    }

    /// The members of these ranks, which all exist, in order.
    pub fn items_of(self, ranks: Range<usize>) -> impl Iterator<Item = (Value<'a>, f64)> {
        let start = if ranks.is_empty() { self.0.end() } else { self.position(ranks.start) };
        let mut elements = self.0.iter_from(start);
        let items = std::iter::from_fn(move || Some((elements.next()?, score_of(elements.next()?))));
        items.take(ranks.len())
    }

    /// The members of these ranks, which all exist, from the last to the first.
    pub fn items_reversed(self, ranks: Range<usize>) -> impl Iterator<Item = (Value<'a>, f64)> {
        let mut elements = self.0.iter_until(self.position(ranks.end));
        let items = std::iter::from_fn(move || {
            let score = score_of(elements.next_back()?);
            Some((elements.next_back()?, score))
        });
        items.take(ranks.len())
    }

    /// The ranks of the members with scores from `min` to `max`. Empty when `min` is over `max`.
    pub fn score_ranks(self, min: ScoreBound, max: ScoreBound) -> Range<usize> {
        let is_below = |score: f64| match min {
            ScoreBound::Included(min) => score < min,
            ScoreBound::Excluded(min) => score <= min,
        };
        let is_up_to_max = |score: f64| match max {
            ScoreBound::Included(max) => score <= max,
            ScoreBound::Excluded(max) => score < max,
        };
        let start = self.items().take_while(|&(_, score)| is_below(score)).count();
        let end = self.items().take_while(|&(_, score)| is_up_to_max(score)).count();
        start..end.max(start)
    }

    /// The ranks of the members from `min` to `max`, when all have the same score. With different scores they
    /// are those that Redis meets when it walks from the first member, or from the last if `reversed` (Redis:
    /// zzlFirstInLexRange, zzlLastInLexRange).
    pub fn lex_ranks(self, min: LexBound<'_>, max: LexBound<'_>, reversed: bool) -> Range<usize> {
        let is_from_min = |value: Value<'_>| {
            let mut text = itoa::Buffer::new();
            match min {
                LexBound::Lowest => true,
                LexBound::Highest => false,
                LexBound::Included(min) => value.bytes(&mut text) >= min,
                LexBound::Excluded(min) => value.bytes(&mut text) > min,
            }
        };
        let is_up_to_max = |value: Value<'_>| {
            let mut text = itoa::Buffer::new();
            match max {
                LexBound::Lowest => false,
                LexBound::Highest => true,
                LexBound::Included(max) => value.bytes(&mut text) <= max,
                LexBound::Excluded(max) => value.bytes(&mut text) < max,
            }
        };
        let len = self.len();
        let (first, last) = (self.0.iter().next(), self.0.get(-2));
        let may_be = first.is_some_and(is_up_to_max) && last.is_some_and(is_from_min);
        if !may_be || is_surely_empty(min, max) {
            return 0..0;
        }
        if reversed {
            let mut back = self.items_reversed(0..len).map(|(member, _)| member);
            let skipped = back.by_ref().position(is_up_to_max).unwrap_or(len);
            let end = len - skipped;
            let taken = self.items_reversed(0..end).take_while(|&(member, _)| is_from_min(member)).count();
            end - taken..end
        } else {
            let start = self.items().position(|(member, _)| is_from_min(member)).unwrap_or(len);
            let rest = self.items_of(start..len);
            start..start + rest.take_while(|&(member, _)| is_up_to_max(member)).count()
        }
    }

    /// The set in its structure for large ones.
    pub fn to_sorted_set(self, hash_of: impl Fn(&[u8]) -> u64) -> SortedSet {
        let mut builder = Builder::default();
        let mut text = itoa::Buffer::new();
        for (member, score) in self.items() {
            let member = member.bytes(&mut text);
            let in_order = builder.push(hash_of(member), member, score);
            assert!(in_order, "members lie in their order");
        }
        builder.finish()
    }

    /// The position of the member of this rank, or the end.
    fn position(self, rank: usize) -> usize {
        self.0.position((rank * PAIR) as i64).unwrap_or(self.0.end())
    }
}

/// True when `min` is behind `max`. Equal bounds that are not both included hold nothing either, but that
/// shows.
fn is_surely_empty(min: LexBound<'_>, max: LexBound<'_>) -> bool {
    match (min, max) {
        (LexBound::Highest, _) | (_, LexBound::Lowest) => true,
        (
            LexBound::Included(min) | LexBound::Excluded(min),
            LexBound::Included(max) | LexBound::Excluded(max),
        ) => min > max,
        _ => false,
    }
}

/// A new set of these members, which come in order.
pub fn new<'m>(items: impl IntoIterator<Item = (&'m [u8], f64)>) -> Vec<u8> {
    let mut pack = listpack::EMPTY.to_vec();
    for (member, score) in items {
        with_score(score, |score| listpack::append(&mut pack, &[Value::of(member), score]));
    }
    pack
}

/// Adds a member that is not in the set.
pub fn insert(pack: &mut impl Splice, member: &[u8], score: f64) {
    let list = Listpack::new(pack.bytes());
    let mut text = itoa::Buffer::new();
    let mut elements = list.iter();
    let position = loop {
        let position = elements.position();
        let (Some(other), Some(other_score)) = (elements.next(), elements.next()) else { break position };
        let other_score = score_of(other_score);
        if other_score > score || (other_score == score && other.bytes(&mut text) > member) {
            break position;
        }
    };
    with_score(score, |score| listpack::insert(pack, position, &[Value::of(member), score]));
}

/// Gives `member`, which is at `place`, another score.
pub fn set_score(pack: &mut impl Splice, place: PackedPlace, member: &[u8], score: f64) {
    remove(pack, place);
    insert(pack, member, score);
}

/// Removes a member.
pub fn remove(pack: &mut impl Splice, place: PackedPlace) {
    listpack::remove(pack, place.position, PAIR);
}

/// Removes the members of these ranks.
pub fn remove_ranks(pack: &mut impl Splice, ranks: Range<usize>) {
    listpack::remove_range(pack, (ranks.start * PAIR) as i64, ranks.len() * PAIR);
}

/// Bytes that are not a sorted set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Corrupt;

/// Checks foreign bytes, every member of them, and gives the number of members. Redis checks the listpack and
/// that no member comes twice (lpValidateIntegrityAndDups); here every score must be a number too, and
/// members must lie in order, because searches for ranges and [`SortedPack::to_sorted_set`] rely on it. Redis
/// has never written other ones.
///
/// Members that spell integers pass, as strings of a listpack do. So does the set without members, which is
/// no valid collection: the caller refuses it. Takes a sort of the members and 24 bytes of memory for each.
pub fn validate(bytes: &[u8]) -> Result<usize, Corrupt> {
    let elements = listpack::validate(bytes).map_err(|listpack::Corrupt| Corrupt)?;
    if !elements.is_multiple_of(PAIR) {
        return Err(Corrupt);
    }
    let mut members = Vec::with_capacity(elements / PAIR);
    let mut last = None;
    let mut elements = Listpack::new(bytes).iter();
    while let (Some(member), Some(score)) = (elements.next(), elements.next()) {
        let score = parse_score(score).ok_or(Corrupt)?;
        let ascends = last.is_none_or(|(last_member, last_score)| {
            last_score < score || (last_score == score && order_of(last_member, member).is_lt())
        });
        if !ascends {
            return Err(Corrupt);
        }
        last = Some((member, score));
        members.push(member);
    }
    // With another score a member comes again at a place that is in order.
    members.sort_unstable_by(|&a, &b| order_of(a, b));
    if members.windows(2).any(|pair| order_of(pair[0], pair[1]).is_eq()) {
        return Err(Corrupt);
    }
    Ok(members.len())
}

/// The order of members with equal scores, however they are stored.
fn order_of(a: Value<'_>, b: Value<'_>) -> Ordering {
    a.bytes(&mut itoa::Buffer::new()).cmp(b.bytes(&mut itoa::Buffer::new()))
}

/// The score in an element. What is none, which only bytes that are not valid could hold, is 0.
#[inline]
fn score_of(value: Value<'_>) -> f64 {
    parse_score(value).unwrap_or(0.0)
}

/// The score in an element, unless it is no number.
#[inline]
fn parse_score(value: Value<'_>) -> Option<f64> {
    match value {
        Value::Int(int) => Some(int as f64),
        Value::Str(text) => {
            std::str::from_utf8(text).ok()?.parse().ok().filter(|score: &f64| !score.is_nan())
        }
    }
}

/// Integers up to this magnitude are such in the listpack (Redis: double2ll).
const INTEGER_MAX: f64 = (1i64 << 62) as f64;

/// Calls `write` with the element of a score.
#[inline]
fn with_score(score: f64, write: impl FnOnce(Value<'_>)) {
    if score.abs() <= INTEGER_MAX && score == score.trunc() {
        write(Value::Int(score as i64));
    } else {
        write(Value::Str(&format_score(score)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn pack(items: &[(&str, f64)]) -> Vec<u8> {
        let mut pack = listpack::EMPTY.to_vec();
        items.iter().for_each(|(member, score)| insert(&mut pack, member.as_bytes(), *score));
        pack
    }

    fn text<'a>(items: impl Iterator<Item = (Value<'a>, f64)>) -> String {
        let mut text = itoa::Buffer::new();
        let words = items
            .map(|(member, score)| format!("{}={score}", String::from_utf8_lossy(member.bytes(&mut text))));
        words.collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn members_lie_in_the_order_of_scores_then_bytes() {
        let bytes = pack(&[("b", 1.0), ("a", 1.0), ("10", 1.0), ("9", 1.0), ("c", -0.5), ("d", 1e300)]);
        let set = SortedPack::new(&bytes);
        assert_eq!(text(set.items()), format!("c=-0.5 10=1 9=1 a=1 b=1 d={}", 1e300));
        assert_eq!(set.rank(b"9"), Some((2, 1.0)));
        assert_eq!(set.rank(b"x"), None);
        assert_eq!(text(set.items_of(1..3)), "10=1 9=1");
        assert_eq!(text(set.items_reversed(0..3)), "9=1 10=1 c=-0.5");
        assert_eq!(text(set.items_reversed(0..0)), "");
    }

    #[test]
    fn scores_are_stored_as_redis_stores_them() {
        for (score, expected) in [
            (1.0, Value::Int(1)),
            (-0.0, Value::Int(0)),
            (0.5, Value::Str(b"0.5")),
            (f64::INFINITY, Value::Str(b"inf")),
            (4611686018427387904.0, Value::Int(1 << 62)),
            (9223372036854775808.0, Value::Str(b"9223372036854776000")),
        ] {
            let bytes = pack(&[("a", score)]);
            let found = Listpack::new(&bytes).get(1).unwrap();
            assert_eq!(format!("{found:?}"), format!("{expected:?}"));
            assert_eq!(SortedPack::new(&bytes).find(b"a").unwrap().score, score);
        }
    }

    #[test]
    fn changes_at_random_agree_with_the_structure_for_large_sets() {
        let hash_of = |member: &[u8]| member.iter().fold(0, |hash: u64, &byte| (hash ^ u64::from(byte)) << 7);
        for seed in 0..if cfg!(miri) { 1 } else { 30 } {
            let mut random = Random::new(seed);
            let (mut bytes, mut model) = (listpack::EMPTY.to_vec(), SortedSet::default());
            for _ in 0..if cfg!(miri) { 30 } else { 300 } {
                let member = random.below(25).to_string().into_bytes();
                let score = random.below(9) as f64 / 2.0;
                match (SortedPack::new(&bytes).find(&member), random.below(3)) {
                    (Some(place), 0) => {
                        remove(&mut bytes, place);
                        model.remove(hash_of(&member), &member);
                    }
                    (Some(place), _) => {
                        set_score(&mut bytes, place, &member, score);
                        let place = model.find(hash_of(&member), &member).unwrap();
                        model.set_score(place, &member, score);
                    }
                    (None, 0) => {
                        let start = random.below(model.len() + 1);
                        let end = (start + random.below(3)).min(model.len());
                        remove_ranks(&mut bytes, start..end);
                        model.remove_ranks(start..end);
                    }
                    (None, _) => {
                        insert(&mut bytes, &member, score);
                        model.insert(hash_of(&member), &member, score);
                    }
                }
                let set = SortedPack::new(&bytes);
                let of_model: Vec<_> =
                    model.items(0..model.len()).map(|item| (item.member.to_vec(), item.score)).collect();
                let mut text = itoa::Buffer::new();
                let of_pack: Vec<_> =
                    set.items().map(|(member, score)| (member.bytes(&mut text).to_vec(), score)).collect();
                assert_eq!(of_pack, of_model, "seed {seed}");
                let (min, max) =
                    (ScoreBound::Included(score), ScoreBound::Excluded(random.below(9) as f64 / 2.0));
                assert_eq!(set.score_ranks(min, max), model.score_ranks(min, max), "seed {seed}");
            }
            assert_eq!(validate(&bytes), Ok(model.len()), "seed {seed}");
        }
    }

    #[test]
    fn foreign_bytes_are_refused_unless_members_ascend_and_come_once() {
        let stored = |texts: &[&[u8]]| {
            let values: Vec<Value<'_>> = texts.iter().map(|text| Value::of(text)).collect();
            validate(&listpack::new(&values))
        };
        assert_eq!(stored(&[]), Ok(0));
        assert_eq!(stored(&[b"b", b"-inf", b"10", b"0.5", b"9", b"0.5", b"", b"1e300", b"a", b"inf"]), Ok(5));
        assert_eq!(stored(&[b"a", b"1", b"b"]), Err(Corrupt), "a member without a score");
        assert_eq!(stored(&[b"a", b"2", b"b", b"1"]), Err(Corrupt), "scores that descend");
        assert_eq!(stored(&[b"b", b"1", b"a", b"1"]), Err(Corrupt), "members that descend");
        assert_eq!(stored(&[b"9", b"1", b"10", b"1"]), Err(Corrupt), "members are texts, not numbers");
        assert_eq!(stored(&[b"a", b"1", b"a", b"1"]), Err(Corrupt), "a member twice");
        assert_eq!(stored(&[b"a", b"1", b"b", b"2", b"a", b"3"]), Err(Corrupt), "a member with two scores");
        for score in [&b"nan"[..], b"-nan", b"", b"one", b"1 ", b"0x10", b"\xff"] {
            assert_eq!(stored(&[b"a", score]), Err(Corrupt), "{}", score.escape_ascii());
        }
        let number_as_text = listpack::new(&[Value::Str(b"7"), Value::Int(1), Value::Int(7), Value::Int(2)]);
        assert_eq!(validate(&number_as_text), Err(Corrupt), "a member twice, stored in two ways");

        let good = pack(&[("a", 1.0), ("b", 1.5)]);
        for len in 0..good.len() {
            assert_eq!(validate(&good[..len]), Err(Corrupt), "{len} bytes");
        }
    }

    #[test]
    fn ranges_of_members_with_equal_scores_are_the_same_from_both_ends() {
        let names = ["a", "b", "c", "d"];
        let bytes = pack(&names.map(|name| (name, 0.0)));
        let set = SortedPack::new(&bytes);
        let model = set.to_sorted_set(|member| u64::from(member[0]) << 40);
        let mut bounds = vec![LexBound::Lowest, LexBound::Highest];
        for name in ["a", "b", "bb", "d", "e", ""] {
            bounds.extend([LexBound::Included(name.as_bytes()), LexBound::Excluded(name.as_bytes())]);
        }
        for &min in &bounds {
            for &max in &bounds {
                let expected = model.lex_ranks(min, max);
                for reversed in [false, true] {
                    let found = set.lex_ranks(min, max, reversed);
                    let is_same = found == expected || (found.is_empty() && expected.is_empty());
                    assert!(is_same, "{min:?} {max:?}: {found:?} instead of {expected:?}");
                }
            }
        }
    }
}
