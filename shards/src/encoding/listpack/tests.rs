//! Behaviours of whole listpacks: against bytes of redis-server, and against a vector of texts.

use super::read::END;
use super::*;
use crate::encoding::splice::Splice;
use crate::random::Random;

fn values<'a>(texts: &[&'a str]) -> Vec<Value<'a>> {
    texts.iter().map(|text| Value::of(text.as_bytes())).collect()
}

fn pack(texts: &[&str]) -> Vec<u8> {
    new(&values(texts))
}

fn texts<'a>(values: impl Iterator<Item = Value<'a>>) -> Vec<String> {
    values.map(|value| String::from_utf8(value.bytes(&mut itoa::Buffer::new()).to_vec()).unwrap()).collect()
}

fn all(bytes: &[u8]) -> Vec<String> {
    texts(Listpack::new(bytes).iter())
}

/// HSET h f1 v1 n -5000 long (64 times x): the listpack in the reply of DUMP, redis-server 7.0.15.
fn from_redis() -> Vec<u8> {
    let head = b"\x5f\x00\x00\x00\x06\x00\x82f1\x03\x82v1\x03\x81n\x02\xf1\x78\xec\x03\x84long\x05\xe0\x40";
    [&head[..], &[b'x'; 64], b"\x42\xff"].concat()
}

#[test]
fn the_bytes_are_those_of_redis() {
    let long = "x".repeat(64);
    let elements = ["f1", "v1", "n", "-5000", "long", &long];
    assert_eq!(pack(&elements), from_redis());
    assert_eq!(validate(&from_redis()), Ok(6));
    assert_eq!(all(&from_redis()), elements);
    assert_eq!(pack(&[]), EMPTY);
}

#[test]
fn an_index_counts_from_both_ends() {
    let elements = ["a", "1", "ccc", "-70000", ""];
    let bytes = pack(&elements);
    let list = Listpack::new(&bytes);
    for index in -7..=7i64 {
        let expected = match index {
            0..5 => Some(elements[index as usize]),
            -5..0 => Some(elements[(index + 5) as usize]),
            _ => None,
        };
        assert_eq!(texts(list.get(index).into_iter()).pop().as_deref(), expected, "{index}");
    }
    assert!(list.get(i64::MIN).is_none() && list.get(i64::MAX).is_none());
}

#[test]
fn a_search_passes_over_values() {
    let bytes = pack(&["a", "b", "b", "7", "7", "a"]);
    let list = Listpack::new(&bytes);
    let index_of = |text: &str, skip| {
        let position = list.find(&Wanted::new(text.as_bytes()), HEADER_LEN, skip)?;
        Some(list.iter_until(position).count())
    };
    assert_eq!(index_of("b", 1), Some(2));
    assert_eq!(index_of("b", 0), Some(1));
    assert_eq!(index_of("7", 1), Some(4));
    assert_eq!(index_of("7", 0), Some(3));
    assert_eq!(index_of("c", 0), None);
    assert_eq!(index_of("07", 0), None);
    let second = list.find(&Wanted::new(b"a"), list.position(1).unwrap(), 0);
    assert_eq!(second, list.position(5));
}

#[test]
fn elements_are_seen_from_both_ends_at_once() {
    let bytes = pack(&["a", "1", "c"]);
    let mut iter = Listpack::new(&bytes).iter();
    assert_eq!(texts(iter.next().into_iter()), ["a"]);
    assert_eq!(texts(iter.next_back().into_iter()), ["c"]);
    assert_eq!(iter.position(), Listpack::new(&bytes).position(1).unwrap());
    assert_eq!(texts(iter.by_ref()), ["1"]);
    assert!(iter.next_back().is_none());
    let list = Listpack::new(&bytes);
    assert_eq!(texts(list.iter_until(list.position(2).unwrap()).rev()), ["1", "a"]);
}

#[test]
fn a_change_of_the_same_length_is_written_over() {
    struct Fixed(Vec<u8>);
    impl Splice for Fixed {
        fn bytes(&self) -> &[u8] {
            &self.0
        }
        fn splice(&mut self, _: std::ops::Range<usize>, _: &[u8]) {
            panic!("the bytes need not move");
        }
        fn overwrite(&mut self, at: usize, with: &[u8]) {
            assert_ne!(at, 0, "the header is as it was");
            self.0.overwrite(at, with);
        }
    }
    let mut bytes = Fixed(pack(&["a", "10", "c"]));
    let position = Listpack::new(&bytes.0).position(1).unwrap();
    replace(&mut bytes, position, 1, &values(&["11"]));
    assert_eq!(all(&bytes.0), ["a", "11", "c"]);
}

#[test]
#[cfg_attr(miri, ignore = "minutes, and no other bytes than in smaller tests")]
fn a_count_that_is_too_large_is_counted() {
    let many: Vec<Value<'_>> = vec![Value::Int(1); 65534];
    let mut bytes = new(&many);
    assert_eq!(Listpack::new(&bytes).len(), 65534);
    append(&mut bytes, &values(&["2"]));
    assert_eq!(bytes[4..6], [0xff, 0xff]);
    assert_eq!(Listpack::new(&bytes).len(), 65535);
    assert_eq!(validate(&bytes), Ok(65535));
    prepend(&mut bytes, &values(&["0", "0"]));
    assert_eq!((Listpack::new(&bytes).len(), validate(&bytes)), (65537, Ok(65537)));
    let list = Listpack::new(&bytes);
    let at = |index| texts(list.get(index).into_iter()).pop();
    assert_eq!(
        (at(-1).as_deref(), at(65536).as_deref(), at(65537), at(-65538)),
        (Some("2"), Some("2"), None, None)
    );
    assert_eq!(at(-65537).as_deref(), Some("0"));
    assert_eq!(remove_range(&mut bytes, 1, 65535), 65535);
    assert_eq!((all(&bytes), validate(&bytes)), (vec!["0".into(), "2".into()], Ok(2)));
}

#[test]
fn foreign_bytes_are_refused_unless_every_byte_is_right() {
    let good = from_redis();
    for len in 0..good.len() {
        assert_eq!(validate(&good[..len]), Err(Corrupt), "{len} bytes");
        let mut cut = good[..len].to_vec();
        if let Some(total) = cut.first_mut() {
            *total = len as u8;
        }
        if len > 4 {
            *cut.last_mut().unwrap() = END;
        }
        assert_eq!(validate(&cut), Err(Corrupt), "{len} bytes with a header that says so");
    }
    let broken = |at: usize, byte: u8| {
        let mut bytes = good.clone();
        bytes[at] = byte;
        validate(&bytes)
    };
    assert_eq!(broken(4, 7), Err(Corrupt), "one element more than there is");
    assert_eq!(broken(5, 1), Err(Corrupt));
    assert_eq!(broken(9, 4), Err(Corrupt), "the length behind the first element");
    assert_eq!(broken(good.len() - 1, 0xfe), Err(Corrupt));
    assert_eq!(broken(7, b'g'), Ok(6));
}

#[test]
fn edits_agree_with_a_vector() {
    let seed = 0x5107;
    let mut random = Random::new(seed);
    let lens = [0, 1, 2, 5, 63, 64, 127, 130, 4096];
    for round in 0..if cfg!(miri) { 4 } else { 300 } {
        let mut bytes = EMPTY.to_vec();
        let mut model: Vec<String> = Vec::new();
        for step in 0..if cfg!(miri) { 10 } else { 60 } {
            let fresh: Vec<String> = (0..random.below(4))
                .map(|_| match random.below(3) {
                    0 => num_text(&mut random),
                    1 => "y".repeat(lens[random.below(lens.len())]),
                    _ => format!("m{}", random.below(5)),
                })
                .collect();
            let fresh_values = values(&fresh.iter().map(String::as_str).collect::<Vec<_>>());
            let index = random.below(model.len() + 1);
            let position = Listpack::new(&bytes).position(index as i64).unwrap_or(bytes.len() - 1);
            let count = random.below(model.len() - index + 1).min(3);
            match random.below(6) {
                0 => {
                    append(&mut bytes, &fresh_values);
                    model.extend(fresh);
                }
                1 => {
                    prepend(&mut bytes, &fresh_values);
                    model.splice(..0, fresh);
                }
                2 => {
                    insert(&mut bytes, position, &fresh_values);
                    model.splice(index..index, fresh);
                }
                3 => {
                    replace(&mut bytes, position, count, &fresh_values);
                    model.splice(index..index + count, fresh);
                }
                4 => {
                    let removed = remove_range(&mut bytes, index as i64 - model.len() as i64, count);
                    // The index behind the last one became 0 by the subtraction.
                    let index = if index == model.len() { 0 } else { index };
                    assert_eq!(removed, count.min(model.len() - index));
                    model.drain(index..index + removed);
                }
                _ => {
                    merge(&mut bytes, Listpack::new(&new(&fresh_values)));
                    model.extend(fresh);
                }
            }
            let context = format!("seed {seed:#x}, round {round}, step {step}");
            assert_eq!(validate(&bytes), Ok(model.len()), "{context}");
            assert_eq!(all(&bytes), model, "{context}");
        }
        let backward = texts(Listpack::new(&bytes).iter().rev());
        assert!(backward.iter().eq(model.iter().rev()), "round {round}");
    }
}

fn num_text(random: &mut Random) -> String {
    let magnitude = 1i64 << random.below(63);
    (if random.one_in(2) { -magnitude } else { magnitude }).to_string()
}
