//! What must hold for small sorted sets: foreign bytes are refused or understood as the structure for large
//! sets understands them, and edits agree with a sorted vector. Shared by the fuzz target and by the test
//! that runs its corpus.

use shards::encoding::listpack::{self, Value};
use shards::encoding::sorted_pack::{self, SortedPack};
use shards::encoding::sorted_set::{LexBound, ScoreBound};

use crate::program::{Program, STEPS_MAX};

/// A score and its member.
type Pair = (f64, Vec<u8>);

/// Checks an input of the fuzzer: a byte that chooses what is checked, then what it is checked with.
pub(crate) fn check(input: &[u8]) {
    let Some((&choice, rest)) = input.split_first() else { return };
    match choice {
        b's' => foreign(rest),
        b'e' => foreign(&framed(rest)),
        b'S' => edit(&mut Program(rest)),
        _ => {}
    }
}

/// A listpack of these elements, valid or not, that leaves their number open.
fn framed(elements: &[u8]) -> Vec<u8> {
    let total = (elements.len() + listpack::EMPTY.len()) as u32;
    [&total.to_le_bytes()[..], &[0xff, 0xff], elements, &[0xff]].concat()
}

fn foreign(bytes: &[u8]) {
    let Ok(count) = sorted_pack::validate(bytes) else { return };
    let set = SortedPack::new(bytes);
    let mut pairs = pairs(set.items());
    assert_eq!((pairs.len(), set.len(), set.is_empty()), (count, count, count == 0));
    let ascends = |a: &Pair, b: &Pair| a.0 < b.0 || (a.0 == b.0 && a.1 < b.1);
    assert!(pairs.is_sorted_by(ascends));
    check_reads(set, &pairs);
    let large = set.to_sorted_set(hash_of);
    let of_large: Vec<Pair> = large.items(0..count).map(|item| (item.score, item.member.to_vec())).collect();
    assert_eq!(of_large, pairs);

    // Half of the members get another score, and then all go, one by one or at once.
    let mut edited = bytes.to_vec();
    for (score, member) in pairs.iter_mut().step_by(2).take(STEPS_MAX) {
        let place = SortedPack::new(&edited).find(member).expect("no other member has been removed");
        *score = if score.is_finite() { *score / 2.0 + 0.0 } else { 1.0 };
        sorted_pack::set_score(&mut edited, place, member, *score);
        assert_eq!(sorted_pack::validate(&edited), Ok(count));
    }
    sort(&mut pairs);
    check_reads(SortedPack::new(&edited), &pairs);
    for (_, member) in pairs.drain(..count.min(STEPS_MAX)) {
        let place = SortedPack::new(&edited).find(&member).expect("only others have been removed");
        sorted_pack::remove(&mut edited, place);
    }
    sorted_pack::remove_ranks(&mut edited, 0..pairs.len());
    assert_eq!((edited.len(), sorted_pack::validate(&edited)), (listpack::EMPTY.len(), Ok(0)));
}

fn edit(program: &mut Program<'_>) {
    let mut bytes = listpack::EMPTY.to_vec();
    let mut model: Vec<Pair> = Vec::new();
    for _ in 0..STEPS_MAX {
        let Some(operation) = program.byte() else { break };
        if operation % 8 == 0 {
            let start = program.below(model.len() + 1);
            let end = (start + program.below(4)).min(model.len());
            sorted_pack::remove_ranks(&mut bytes, start..end);
            model.drain(start..end);
        } else {
            let (member, score) = (program.text(), score(program));
            let place = SortedPack::new(&bytes).find(&member);
            let known = model.iter().position(|(_, other)| *other == member);
            assert_eq!(place.map(|place| place.score), known.map(|known| model[known].0));
            if let Some(known) = known {
                model.remove(known);
            }
            match place {
                Some(place) if operation % 8 == 1 => sorted_pack::remove(&mut bytes, place),
                Some(place) => sorted_pack::set_score(&mut bytes, place, &member, score),
                None => sorted_pack::insert(&mut bytes, &member, score),
            }
            if place.is_none() || operation % 8 != 1 {
                model.push((score, member));
                sort(&mut model);
            }
        }
        assert_eq!(sorted_pack::validate(&bytes), Ok(model.len()));
        assert_eq!(pairs(SortedPack::new(&bytes).items()), model);
    }
    check_reads(SortedPack::new(&bytes), &model);
    let anew = sorted_pack::new(model.iter().map(|(score, member)| (&member[..], *score)));
    assert_eq!(anew, bytes);
}

/// Any score but the zero with a sign, which is stored as the other one.
fn score(program: &mut Program<'_>) -> f64 {
    let score = match program.below(4) {
        0 => program.below(9) as f64 / 2.0,
        1 => program.int() as f64,
        2 => f64::INFINITY.copysign(program.int() as f64),
        _ => {
            let mut bits = [0; 8];
            bits.fill_with(|| program.byte().unwrap_or(0));
            f64::from_le_bytes(bits)
        }
    };
    if score.is_nan() { 0.0 } else { score + 0.0 }
}

/// Whether everything that reads a set finds these members, which are all of them, in order.
fn check_reads(set: SortedPack<'_>, pairs: &[Pair]) {
    let len = pairs.len();
    assert_eq!(self::pairs(set.items()), pairs);
    for (rank, (score, member)) in pairs.iter().enumerate().take(STEPS_MAX / 4) {
        assert_eq!(set.rank(member), Some((rank, *score)));
        assert_eq!(set.find(member).map(|place| place.score), Some(*score));
        let end = (rank + 3).min(len);
        assert_eq!(self::pairs(set.items_of(rank..end)), pairs[rank..end]);
        let mut reversed = self::pairs(set.items_reversed(rank..end));
        reversed.reverse();
        assert_eq!(reversed, pairs[rank..end]);

        let before = pairs.partition_point(|pair| pair.0 < *score);
        let behind = pairs.partition_point(|pair| pair.0 <= *score);
        let (included, excluded) = (ScoreBound::Included(*score), ScoreBound::Excluded(*score));
        let lowest = ScoreBound::Included(f64::NEG_INFINITY);
        assert_eq!(set.score_ranks(included, included), before..behind);
        assert_eq!(set.score_ranks(lowest, excluded), 0..before);
        assert_eq!(set.score_ranks(excluded, ScoreBound::Included(f64::INFINITY)), behind..len);
    }
    let (Some(first), Some(last)) = (pairs.first(), pairs.last()) else { return };
    if first.0 == last.0 {
        let (min, max) = (LexBound::Included(&first.1), LexBound::Excluded(&last.1));
        assert_eq!(set.lex_ranks(min, LexBound::Highest, false), 0..len);
        assert_eq!(set.lex_ranks(LexBound::Lowest, max, false).len(), len - 1);
        assert_eq!(set.lex_ranks(LexBound::Lowest, max, true).len(), len - 1);
    }
}

fn sort(pairs: &mut [Pair]) {
    pairs.sort_by(|a, b| a.0.partial_cmp(&b.0).expect("scores are numbers").then_with(|| a.1.cmp(&b.1)));
}

fn pairs<'a>(items: impl Iterator<Item = (Value<'a>, f64)>) -> Vec<Pair> {
    let text = |member| match member {
        Value::Int(int) => int.to_string().into_bytes(),
        Value::Str(text) => text.to_vec(),
    };
    items.map(|(member, score)| (score, text(member))).collect()
}

fn hash_of(member: &[u8]) -> u64 {
    member.iter().fold(0, |hash: u64, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}
