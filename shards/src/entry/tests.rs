//! Tests of entries: what becomes of values, expires and memory.

use super::*;
use crate::encoding::sorted_set::SortedSet;
use crate::random::Random;

fn text(entry: &Entry) -> String {
    match entry.view().string() {
        StrValue::Int(int) => int.to_string(),
        StrValue::Inline(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
        StrValue::Raw(blob) => String::from_utf8(blob.to_vec()).unwrap(),
    }
}

#[test]
fn a_small_entry_takes_the_bytes_that_the_memory_goal_counts_on() {
    let entry = Entry::new(&[b'k'; 16], NewValue::Bytes(&[b'v'; 64]), None);
    assert_eq!(entry.view().memory_bytes(), 96);
}

#[test]
fn every_kind_can_become_every_other_with_and_without_expire() {
    let long = "l".repeat(INLINE_LEN_MAX + 1);
    let values = ["7", "a", "bcdefghij", "0123456789abcdef0123456789abcdef", &long];
    fn new(text: &str) -> NewValue<'_> {
        text.parse().map_or(NewValue::Bytes(text.as_bytes()), NewValue::Int)
    }
    for from in values {
        for to in values {
            for (had, expire, has) in [
                (None, Expire::Keep, None),
                (None, Expire::At(5), Some(5)),
                (Some(4), Expire::Keep, Some(4)),
                (Some(4), Expire::Clear, None),
                (Some(4), Expire::At(9), Some(9)),
            ] {
                let mut entry = Entry::new(b"key", new(from), had);
                entry.set_access(77);
                entry.replace(new(to), expire);
                assert_eq!((text(&entry), entry.view().expire_ms()), (to.to_owned(), has));
                assert_eq!((entry.view().key(), entry.view().access()), (&b"key"[..], 77));
            }
        }
    }
}

#[test]
fn setting_and_removing_an_expire_keeps_the_value() {
    for value in [NewValue::Int(-3), NewValue::Bytes(b"x"), NewValue::Blob(Blob::new(vec![b'y'; 9000]))] {
        let mut entry = Entry::new(b"key", value, None);
        let before = text(&entry);
        for expire in [Some(1), Some(u64::MAX), None, None] {
            entry.set_expire(expire);
            assert_eq!((text(&entry), entry.view().expire_ms()), (before.clone(), expire));
        }
    }
}

#[test]
fn an_entry_with_another_key_has_the_same_value_and_expire_and_goes_its_own_way() {
    for value in [NewValue::Int(-3), NewValue::Bytes(b"x"), NewValue::Blob(Blob::new(vec![b'y'; 9000]))] {
        let mut entry = Entry::new(b"key", value, Some(7));
        entry.set_access(77);
        let other = entry.view().with_key(b"a longer key");
        assert_eq!(other.view().key(), b"a longer key");
        assert_eq!(text(&other), text(&entry));
        let traits = |entry: &Entry| (entry.view().kind(), entry.view().expire_ms(), entry.view().access());
        assert_eq!(traits(&other), traits(&entry));
        let before = text(&other);
        entry.raw_mut().push(b'z');
        assert_eq!((text(&entry), text(&other)), (format!("{before}z"), before));
    }
}

#[test]
fn changing_a_blob_does_not_change_what_a_reply_still_holds() {
    let mut entry = Entry::new(b"key", NewValue::Bytes(b"ab"), None);
    entry.raw_mut().push(b'c');
    let StrValue::Raw(blob) = entry.view().string() else { panic!("raw_mut makes it raw") };
    let held = Blob::clone(blob);
    entry.raw_mut().push(b'd');
    assert_eq!((&held[..], text(&entry)), (&b"abc"[..], "abcd".to_owned()));
    let sent = Entry::from_blob_for_test(held);
    assert_eq!(text(&sent), "abc");
}

impl Entry {
    fn from_blob_for_test(blob: Blob) -> Entry {
        Entry::new(b"k", NewValue::Blob(blob), Some(3))
    }
}

#[test]
fn an_object_moves_with_its_entry_and_is_freed_once() {
    let object = || {
        let mut set = SortedSet::default();
        set.insert(7, b"member", 1.5);
        NewValue::Object(Box::new(Object::SortedSet(set)))
    };
    let len = |entry: &Entry| match entry.view().value() {
        Value::Object(Object::SortedSet(set)) => set.len(),
        other => panic!("{other:?}"),
    };
    let mut entry = Entry::new(b"key", object(), None);
    entry.set_expire(Some(7));
    let mut entry = entry.renamed(b"a longer key");
    entry.set_expire(None);
    let mut other = entry.view().with_key(b"other");
    let Object::SortedSet(set) = entry.object_mut() else { panic!("it is what it was") };
    set.insert(9, b"another", 2.5);
    assert_eq!((len(&entry), len(&other)), (2, 1));
    assert_eq!((entry.view().key(), entry.view().data_type()), (&b"a longer key"[..], DataType::SortedSet));
    // In place, since the shape is the same, and with another shape.
    entry.replace(object(), Expire::Keep);
    assert_eq!(len(&entry), 1);
    entry.replace(NewValue::Int(5), Expire::At(3));
    assert_eq!(text(&entry), "5");
    let taken = other.take_object();
    assert!(matches!(taken, Some(Object::SortedSet(set)) if set.len() == 1));
    assert!(other.take_object().is_none() && text(&other) == "0");
    entry.replace(object(), Expire::Clear);
    assert_eq!(len(&entry), 1);
}

#[test]
fn edits_of_packed_bytes_agree_with_a_vector() {
    let mut random = Random::new(11);
    for round in 0..if cfg!(miri) { 3 } else { 100 } {
        let mut model = vec![b'a'; random.below(600)];
        let mut entry = Entry::new(b"key", NewValue::Packed(Packing::List, &model), None);
        for step in 0..if cfg!(miri) { 25 } else { 200 } {
            let start = random.below(model.len() + 1);
            let end = start + random.below(model.len() - start + 1).min(random.below(300));
            let with = vec![b'a' + (step % 26) as u8; random.below(if step % 9 == 0 { 400 } else { 9 })];
            match random.below(6) {
                0 => entry.set_expire(random.one_in(2).then_some(step)),
                1 => entry = entry.renamed(&vec![b'k'; random.below(40)]),
                2 => {
                    let with = &with[..with.len().min(model.len() - start)];
                    entry.packed_mut().overwrite(start, with);
                    model[start..start + with.len()].copy_from_slice(with);
                }
                _ => {
                    entry.packed_mut().splice(start..end, &with);
                    model.splice(start..end, with);
                }
            }
            assert_eq!(entry.packed_mut().bytes(), model, "round {round}, step {step}");
            let least = HEADER_LEN + entry.view().key().len() + model.len();
            assert!((least..least * 9 / 8 + 24).contains(&entry.view().memory_bytes()));
        }
        let expire = if random.one_in(2) { Expire::Keep } else { Expire::At(9) };
        entry.replace(NewValue::Packed(Packing::Set, &model), expire);
        assert!(matches!(entry.view().value(), Value::Packed(Packing::Set, bytes) if bytes == model));
    }
}

#[test]
fn a_pointer_survives_the_way_through_a_table() {
    let raw = Entry::new(b"key", NewValue::Bytes(b"value"), Some(1)).into_raw();
    // SAFETY: `raw` has just been given up and is taken back once.
    let entry = unsafe { Entry::from_raw(raw) };
    assert_eq!(text(&entry), "value");
}
