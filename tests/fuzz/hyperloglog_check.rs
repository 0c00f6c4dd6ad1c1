//! What must hold for every string that a client can store and then use as a HyperLogLog. Shared by the fuzz
//! target and by the test that runs its corpus.

use shards::encoding::hyperloglog::{self as hll, Encoding, HllError, REGISTERS, Union};

/// The value is a sparse one, and the input has its runs.
const SPARSE: u8 = 1;
/// The value is a dense one, and the input has its first registers.
const DENSE: u8 = 2;
/// Elements are added one by one, not at once.
const ONE_BY_ONE: u8 = 4;

/// Checks an input of the fuzzer: a byte of flags, the limit of sparse values (2 bytes), the length of the
/// value (2 bytes), the value, then elements, each ended by a zero.
///
/// Nothing may panic, damage must be found before anything is written, and the registers must be those of the
/// value and of the elements, whichever way they are merged and written.
pub(crate) fn check(input: &[u8]) {
    let [flags, limit @ .., _, _] = &[input, &[0; 5]].concat()[..5] else { unreachable!("five bytes") };
    let limit = usize::from(u16::from_le_bytes([limit[0], limit[1]]));
    let rest = input.get(3..).unwrap_or_default();
    let Some((len, rest)) = rest.split_first_chunk() else { return };
    let (given, elements) = rest.split_at(rest.len().min(u16::from_le_bytes(*len).into()));
    let value = value(*flags, given);
    let elements: Vec<&[u8]> = elements.split(|&byte| byte == 0).collect();

    match hll::registers(&value) {
        Ok(registers) => check_whole(*flags, &value, &registers, &elements, limit),
        Err(error) => check_refused(&value, &elements, limit, error),
    }
}

fn value(flags: u8, given: &[u8]) -> Vec<u8> {
    let mut value = b"HYLL\0\0\0\0\0\0\0\0\0\0\0\x80".to_vec();
    if flags & SPARSE != 0 {
        value[4] = 1;
        value.extend(given);
        value
    } else if flags & DENSE != 0 {
        value.extend(given.iter().take(hll::DENSE_BYTES - value.len()));
        value.resize(hll::DENSE_BYTES, 0);
        value
    } else {
        given.to_vec()
    }
}

fn union_of(values: &[&[u8]]) -> Union {
    let mut union = Union::default();
    for value in values {
        union.merge(value).expect("whole values can be merged");
    }
    union
}

fn check_whole(flags: u8, value: &[u8], registers: &[u8; REGISTERS], elements: &[&[u8]], limit: usize) {
    let count = hll::count(value).expect("a whole value can be counted");
    assert_eq!(count, union_of(&[value]).count());

    let mut dense = value.to_vec();
    let was_sparse = hll::make_dense(&mut dense).expect("a whole value can become dense");
    assert_eq!(was_sparse, hll::encoding(value) == Ok(Encoding::Sparse));
    assert_eq!(hll::decode(value).expect("a whole value has text").is_some(), was_sparse);
    assert_eq!(hll::registers(&dense).as_deref(), Ok(registers));
    assert_eq!(hll::count(&dense), Ok(count));

    let mut added = value.to_vec();
    let mut changed = false;
    let at_once = if flags & ONE_BY_ONE != 0 { 1 } else { elements.len().max(1) };
    for some in elements.chunks(at_once) {
        changed |= hll::add(&mut added, some.iter().copied(), limit).expect("a whole value can be added to");
    }
    assert_eq!(hll::add_to_dense(&mut dense, elements.iter().copied()), Ok(changed));
    assert_eq!(
        changed,
        added != value || hll::cached_count(value).is_some() && hll::cached_count(&added).is_none()
    );
    let expected = hll::registers(&dense).expect("still whole");
    assert_eq!(hll::registers(&added), Ok(expected.clone()));
    assert!(added.len() <= limit.max(value.len()) || added.len() == hll::DENSE_BYTES);

    let elements = hll::create(elements.iter().copied(), limit);
    let union = union_of(&[value, &elements]);
    for target in [hll::empty(), value.to_vec(), elements.clone()] {
        let mut target = target;
        union.store(&mut target, limit).expect("a whole value can be the target");
        assert_eq!(hll::registers(&target).as_ref(), Ok(&expected));
        assert_eq!(hll::cached_count(&target), None);
    }
}

fn check_refused(value: &[u8], elements: &[&[u8]], limit: usize, error: HllError) {
    assert_eq!(hll::count(value), Err(error));
    assert_eq!(Union::default().merge(value), Err(error));
    assert_eq!(hll::encoding(value).is_err(), error == HllError::NotHyperLogLog);
    let mut copy = value.to_vec();
    assert_eq!(hll::make_dense(&mut copy), Err(error));
    assert_eq!(copy, value);
    let _ = (hll::decode(value), hll::cached_count(value));

    // An element whose register the runs reach is added all the same, but never to a damaged value made
    // dense.
    for element in elements {
        let before = copy.clone();
        if hll::add(&mut copy, [*element], limit).is_err() {
            assert_eq!(copy, before);
        }
    }
    assert!(copy.len() <= limit.max(value.len()) && copy.get(4) == value.get(4));
    let _ = Union::default().store(&mut copy, limit);
}
