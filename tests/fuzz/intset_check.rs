//! What must hold for intsets: foreign bytes are refused or understood alike from all sides, and edits agree
//! with a tree. Shared by the fuzz target and by the test that runs its corpus.

use std::collections::BTreeSet;

use shards::encoding::intset::{self, Intset};

/// Members of one input; more add nothing but time.
const MEMBERS_MAX: usize = 200;

/// Checks an input of the fuzzer: a byte that chooses what is checked, then what it is checked with.
pub(crate) fn check(input: &[u8]) {
    let Some((&choice, rest)) = input.split_first() else { return };
    match choice {
        b'i' => foreign(rest),
        b'w' => foreign(&framed(rest)),
        b'I' => edit(rest),
        _ => {}
    }
}

/// An intset of as many integers as there are bytes for, sorted or not, with the width that the first byte
/// chooses.
fn framed(input: &[u8]) -> Vec<u8> {
    let Some((&choice, integers)) = input.split_first() else { return Vec::new() };
    let width = [2, 4, 8][usize::from(choice) % 3];
    let count = integers.len() / width;
    let head = [(width as u32).to_le_bytes(), (count as u32).to_le_bytes()].concat();
    [&head, &integers[..count * width]].concat()
}

fn foreign(bytes: &[u8]) {
    let Ok(count) = intset::validate(bytes) else { return };
    let set = Intset::new(bytes);
    let members: Vec<i64> = set.iter().collect();
    assert!(members.is_sorted_by(|a, b| a < b) && members.len() == count && set.len() == count);
    let mut reversed: Vec<i64> = set.iter().rev().collect();
    reversed.reverse();
    assert_eq!(reversed, members);
    assert!(count > 0 && !set.is_empty() && set.get(count).is_none());
    for (index, &member) in members.iter().enumerate().take(MEMBERS_MAX) {
        assert_eq!((set.get(index), set.search(member)), (Some(member), Ok(index)));
        for near in [member.checked_sub(1), member.checked_add(1)].into_iter().flatten() {
            assert_eq!(set.search(near), members.binary_search(&near));
            assert_eq!(set.contains(near), members.binary_search(&near).is_ok());
        }
    }

    let mut edited = bytes.to_vec();
    for &member in members.iter().take(MEMBERS_MAX) {
        assert!(!intset::insert(&mut edited, member) && intset::remove(&mut edited, member));
    }
    assert!(Intset::new(&edited).iter().eq(members.iter().copied().skip(MEMBERS_MAX)));
    for &member in members.iter().take(MEMBERS_MAX) {
        assert!(intset::insert(&mut edited, member));
    }
    assert_eq!(edited, bytes, "the width stays");
}

/// Operations of 9 bytes: one chooses what is done and how many high bits the integer in the others has too
/// many.
fn edit(input: &[u8]) {
    let mut bytes = intset::EMPTY.to_vec();
    let mut model = BTreeSet::new();
    for &[operation, ref operand @ ..] in input.as_chunks::<9>().0.iter().take(MEMBERS_MAX) {
        let int = i64::from_le_bytes(*operand) >> (operation >> 2);
        match operation % 4 {
            0 => assert_eq!(intset::remove(&mut bytes, int), model.remove(&int)),
            1 if !model.is_empty() => {
                let index = int.rem_euclid(model.len() as i64) as usize;
                let member = Intset::new(&bytes).get(index).expect("the index is below the length");
                intset::remove_at(&mut bytes, index);
                assert_eq!((model.range(..member).count(), model.remove(&member)), (index, true));
            }
            _ => assert_eq!(intset::insert(&mut bytes, int), model.insert(int)),
        }
        let set = Intset::new(&bytes);
        assert!(set.iter().eq(model.iter().copied()));
        assert_eq!(set.contains(int), model.contains(&int));
        assert_eq!(intset::validate(&bytes).ok(), Some(model.len()).filter(|&len| len > 0));
    }
}
