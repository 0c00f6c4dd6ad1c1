//! Sets and maps against the standard library's, and what their users rely on.

use std::collections::{BTreeMap, BTreeSet};

use super::{Field, FieldExpire, Fields, Members};

/// A stream of numbers that its seed determines (splitmix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

fn mix(number: u64) -> u64 {
    let number = (number ^ number >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let number = (number ^ number >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    number ^ number >> 31
}

fn strong(bytes: &[u8]) -> u64 {
    mix(bytes.iter().fold(5, |hash: u64, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x9E37_79B9_7F4A_7C15)))
}

/// Few hashes: many members that only their bytes tell apart.
fn weak(bytes: &[u8]) -> u64 {
    strong(bytes) & 0x0300_0000_0000_0007
}

/// A byte string for a number: short ones, the lengths at which something changes, and long ones.
fn bytes_of(number: usize) -> Vec<u8> {
    let text = number.to_string().into_bytes();
    let len = match number % 50 {
        0 => 125 + number / 50 % 6,
        1 => 248 + number / 50 % 6,
        2 => 300 + number % 3000,
        _ => return text,
    };
    text.iter().copied().cycle().take(len).collect()
}

/// Steps of a test that are few enough for Miri.
fn scaled(steps: usize) -> usize {
    if cfg!(miri) { steps / 100 } else { steps }
}

fn members_agree(seed: u64, steps: usize, universe: usize, hash_of: fn(&[u8]) -> u64) {
    let mut random = Random(seed);
    let (mut set, mut model) = (Members::default(), BTreeSet::new());
    for step in 0..steps {
        let member = if random.below(universe) == 0 { Vec::new() } else { bytes_of(random.below(universe)) };
        let grow = random.below(10) < if step < steps / 2 { 7 } else { 2 };
        if grow {
            assert_eq!(
                set.insert(&member, hash_of),
                model.insert(member.clone()),
                "seed {seed}, step {step}"
            );
        } else if random.below(4) == 0 {
            let popped = set.pop_random(&mut || random.next(), hash_of, <[u8]>::to_vec);
            assert!(
                popped.map_or(model.is_empty(), |popped| model.remove(&popped)),
                "seed {seed}, step {step}"
            );
        } else {
            assert_eq!(set.remove(&member, hash_of), model.remove(&member), "seed {seed}, step {step}");
        }
        assert_eq!(
            set.contains(hash_of(&member), &member),
            model.contains(&member),
            "seed {seed}, step {step}"
        );
        assert_eq!(set.len(), model.len(), "seed {seed}, step {step}");
        if step % (steps / 20) == 0 {
            set.check(hash_of);
        }
    }
    set.check(hash_of);
    let mut seen: Vec<&[u8]> = set.iter().collect();
    seen.sort();
    assert!(seen.into_iter().eq(model.iter().map(Vec::as_slice)), "seed {seed}");
}

#[test]
fn a_set_agrees_with_a_model_while_it_grows_and_shrinks() {
    for seed in 1..=3 {
        members_agree(seed, scaled(3_000), 40, strong);
        members_agree(seed, scaled(3_000), 300, weak);
        members_agree(seed, scaled(500), 100, |_| u64::MAX);
    }
    members_agree(4, scaled(100_000), 20_000, strong);
}

fn fields_agree(seed: u64, steps: usize, universe: usize, hash_of: fn(&[u8]) -> u64) {
    let mut random = Random(seed);
    let mut map = Fields::default();
    let mut model: BTreeMap<Vec<u8>, (Vec<u8>, Option<u64>)> = BTreeMap::new();
    for step in 0..steps {
        let field = bytes_of(random.below(universe));
        let at_ms = 1000 + random.below(50) as u64;
        let context = || format!("seed {seed}, step {step}");
        match random.below(if step < steps / 2 { 12 } else { 16 }) {
            0..6 => {
                let value = bytes_of(random.below(1000));
                let (expire, old) = (random.below(4), model.get(&field));
                let (expire, expire_ms) = match expire {
                    0 => (FieldExpire::At(at_ms), Some(at_ms)),
                    1 => (FieldExpire::Keep, old.and_then(|(_, expire_ms)| *expire_ms)),
                    _ => (FieldExpire::Clear, None),
                };
                let is_new = map.set(&field, &value, expire, hash_of);
                assert_eq!(
                    is_new,
                    model.insert(field.clone(), (value, expire_ms)).is_none(),
                    "{}",
                    context()
                );
            }
            6 | 7 => {
                let expire_ms = if random.below(3) == 0 { None } else { Some(at_ms) };
                let entry = model.get_mut(&field);
                assert_eq!(map.set_expire(&field, expire_ms, hash_of), entry.is_some(), "{}", context());
                if let Some(entry) = entry {
                    entry.1 = expire_ms;
                }
            }
            8 if random.below(20) == 0 => {
                let mut removed = Vec::new();
                let count = map.remove_expired(at_ms, 3, hash_of, |field| removed.push(field.field.to_vec()));
                assert_eq!(removed.len(), count);
                let due =
                    model.values().filter(|(_, expire_ms)| expire_ms.is_some_and(|ms| ms < at_ms)).count();
                assert_eq!(count, due.min(3), "{}", context());
                let removed: Vec<_> =
                    removed.iter().map(|field| model.remove(field).unwrap().1.unwrap()).collect();
                let next = model.values().filter_map(|(_, expire_ms)| *expire_ms).min();
                assert!(
                    removed.is_sorted() && removed.last() <= next.as_ref().or(removed.last()),
                    "{}",
                    context()
                );
            }
            9.. => assert_eq!(map.remove(&field, hash_of), model.remove(&field).is_some(), "{}", context()),
            _ => {}
        }
        let expected =
            model.get(&field).map(|(value, expire_ms)| Field { field: &field, value, expire_ms: *expire_ms });
        assert_eq!(map.get(hash_of(&field), &field), expected, "{}", context());
        assert_eq!(map.len(), model.len(), "{}", context());
        let next = model.values().filter_map(|(_, expire_ms)| *expire_ms).min();
        assert_eq!(map.next_expire_ms(), next, "{}", context());
        if step % (steps / 20) == 0 {
            map.check(hash_of);
        }
    }
    map.check(hash_of);
    let seen: BTreeMap<_, _> =
        map.iter().map(|field| (field.field.to_vec(), (field.value.to_vec(), field.expire_ms))).collect();
    assert_eq!(seen, model, "seed {seed}");
}

#[test]
fn a_map_agrees_with_a_model_while_it_grows_and_shrinks() {
    for seed in 1..=3 {
        fields_agree(seed, scaled(4_000), 60, strong);
        fields_agree(seed, scaled(4_000), 300, weak);
        fields_agree(seed, scaled(2_000), 100, |_| u64::MAX);
    }
    fields_agree(4, scaled(30_000), 8_000, strong);
}

#[test]
#[cfg_attr(miri, ignore = "minutes, and no other bytes than in smaller tests")]
fn a_scan_of_a_set_at_rest_visits_each_member_once() {
    for len in [1, 16, 17, 100, 1000, 5000] {
        let mut set = Members::default();
        (0..len).for_each(|number| _ = set.insert(&bytes_of(number), strong));
        let (mut seen, mut cursor, mut steps) = (Vec::new(), 0, 0);
        loop {
            let before = seen.len();
            cursor = set.scan(cursor, 10, |member| seen.push(member.to_vec()));
            steps += 1;
            if cursor == 0 {
                break;
            }
            assert!((10..10 + 80).contains(&(seen.len() - before)), "a step visited {}", seen.len() - before);
        }
        assert!(steps * 10 >= len / 8, "{steps} steps for {len}");
        seen.sort();
        let mut expected: Vec<_> = (0..len).map(bytes_of).collect();
        expected.sort();
        assert_eq!(seen, expected);
    }
}

#[test]
#[cfg_attr(miri, ignore = "minutes, and no other bytes than in smaller tests")]
fn a_scan_visits_every_member_that_stays_whatever_grows_or_shrinks_meanwhile() {
    for seed in 1..=20 {
        let mut random = Random(seed);
        let mut set = Members::default();
        let stays: Vec<_> = (0..500).map(|number| format!("stays:{number}").into_bytes()).collect();
        stays.iter().for_each(|member| _ = set.insert(member, strong));
        let mut comes_and_goes = if seed % 2 == 0 { 5000 } else { 0 };
        (0..comes_and_goes).for_each(|number| _ = set.insert(&bytes_of(number), strong));
        let (mut seen, mut cursor) = (BTreeSet::new(), 0);
        loop {
            cursor = set.scan(cursor, 5, |member| _ = seen.insert(member.to_vec()));
            if cursor == 0 {
                break;
            }
            // Up and down by more than a doubling, at a random pace.
            for _ in 0..random.below(300) {
                match (seed + seen.len() as u64 / 100) % 2 {
                    0 if comes_and_goes > 0 => {
                        comes_and_goes -= 1;
                        assert!(set.remove(&bytes_of(comes_and_goes), strong));
                    }
                    0 => {}
                    _ => {
                        set.insert(&bytes_of(comes_and_goes), strong);
                        comes_and_goes += 1;
                    }
                }
            }
        }
        let missed = stays.iter().filter(|member| !seen.contains(*member)).count();
        assert_eq!(missed, 0, "seed {seed}");
    }
}

#[test]
#[cfg_attr(miri, ignore = "minutes, and no other bytes than in smaller tests")]
fn any_number_is_a_cursor_and_leads_to_an_end() {
    let mut random = Random(9);
    for len in [0, 1, 100, 3000] {
        let mut set = Members::default();
        (0..len).for_each(|number| _ = set.insert(&bytes_of(number), strong));
        for start in [1, 5, u64::MAX, u64::MAX / 2, random.next(), random.next()] {
            let (mut cursor, mut steps) = (start, 0);
            while cursor != 0 && steps <= len {
                cursor = set.scan(cursor, 0, |_| {});
                steps += 1;
            }
            assert_eq!(cursor, 0, "from {start} with {len} members");
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "minutes, and no other bytes than in smaller tests")]
fn every_member_is_drawn_about_as_often_as_any_other() {
    let mut random = Random(3);
    // One page; just after and just before all pages have been split; in the middle.
    for len in [5, 16 * 64, 16 * 96, 16 * 127] {
        let mut set = Members::default();
        (0..len).for_each(|number| _ = set.insert(&bytes_of(number), strong));
        let mut drawn: BTreeMap<Vec<u8>, i32> = set.iter().map(|member| (member.to_vec(), 0)).collect();
        for _ in 0..len * 400 {
            *drawn.get_mut(set.random(&mut || random.next()).unwrap()).unwrap() += 1;
        }
        // Six standard deviations of 20.
        let outliers: Vec<_> = drawn.values().filter(|&&times| (times - 400).abs() > 120).collect();
        assert!(outliers.is_empty(), "{outliers:?} instead of 400, of {len} members");
    }
}

#[test]
fn members_are_drawn_from_a_set_that_was_prepared_for_many_more() {
    let mut random = Random(5);
    let mut set = Members::with_capacity(1_000_000, 1);
    assert_eq!(set.random(&mut || random.next()), None);
    assert_eq!(set.scan(0, 10, |_| {}), 0);
    set.insert(b"one", strong);
    set.insert(b"two", strong);
    let drawn: BTreeSet<_> = (0..50).map(|_| set.random(&mut || random.next()).unwrap().to_vec()).collect();
    assert_eq!(drawn.len(), 2);
    while set.pop_random(&mut || random.next(), strong, |_| ()).is_some() {}
    assert!(set.is_empty() && set.memory_bytes() < 500);
}

#[test]
fn what_is_announced_is_not_memory_yet() {
    let mut set = Members::with_capacity(usize::MAX, usize::MAX);
    assert!(set.memory_bytes() < 4 << 20, "{}", set.memory_bytes());
    assert!(set.insert(b"member", strong) && set.contains(strong(b"member"), b"member"));
    let map = Fields::with_capacity(usize::MAX, usize::MAX);
    assert!(map.memory_bytes() < 4 << 20);
}

#[test]
#[cfg_attr(miri, ignore = "minutes, and no other bytes than in smaller tests")]
fn tables_stay_dense_at_any_size() {
    for len in [100usize, 1000, 6000, 8000, 10_000, 14_000, 20_000] {
        let (mut set, mut map) = (Members::default(), Fields::default());
        for number in 0..len {
            let name = format!("element:{number:012}");
            set.insert(name.as_bytes(), strong);
            map.set(name.as_bytes(), b"valueabcde", FieldExpire::Clear, strong);
        }
        let (of_set, of_map) =
            (set.memory_bytes() as f64 / len as f64, map.memory_bytes() as f64 / len as f64);
        assert!(of_set < 20.0 + 11.0, "{of_set} bytes for a member of 20, of {len}");
        assert!(of_map < 31.0 + 12.0, "{of_map} bytes for a field and value of 30, of {len}");
        (0..len * 3 / 4)
            .for_each(|number| _ = set.remove(format!("element:{number:012}").as_bytes(), strong));
        let after = set.memory_bytes() as f64 / set.len() as f64;
        assert!(after < 20.0 + 25.0, "{after} bytes for a member after most of {len} were removed");
        (0..len - 10).for_each(|number| _ = set.remove(format!("element:{number:012}").as_bytes(), strong));
        assert!(set.memory_bytes() < 10 * 45 + 500, "{} bytes for the last 10 of {len}", set.memory_bytes());
    }
}

#[test]
fn a_set_of_one_member_is_small() {
    let mut set = Members::default();
    set.insert(&[7; 65], strong);
    assert!(set.memory_bytes() < 350, "{}", set.memory_bytes());
    set.remove(&[7; 65], strong);
    assert_eq!(set.memory_bytes(), size_of::<Members>());
}

#[test]
fn a_value_of_another_length_is_replaced_and_memory_follows() {
    let mut map = Fields::default();
    map.set(b"other", b"1", FieldExpire::Clear, strong);
    let empty = map.memory_bytes();
    for len in [0, 10, 10, 200, 240, 1000, 100_000, 999, 100_000, 3] {
        let value = vec![b'v'; len];
        map.set(b"field", &value, FieldExpire::Keep, strong);
        assert_eq!(map.get(strong(b"field"), b"field").unwrap().value, value);
        assert!(map.memory_bytes() >= empty && map.memory_bytes() < empty + 2 * len + 200, "{len}");
        map.check(strong);
    }
}

#[test]
fn fields_end_in_the_order_of_their_expires_and_no_more_at_once_than_asked() {
    let mut map = Fields::default();
    for number in 0..300u64 {
        let field = format!("field:{number}");
        let expire =
            if number % 3 == 0 { FieldExpire::Clear } else { FieldExpire::At(1000 + (number * 7) % 300) };
        map.set(field.as_bytes(), b"value", expire, strong);
    }
    assert_eq!(map.next_expire_ms(), Some(1001));
    assert_eq!(map.remove_expired(1001, 10, strong, |_| {}), 0);
    let mut ended = Vec::new();
    assert_eq!(map.remove_expired(1150, 40, strong, |field| ended.push(field.expire_ms.unwrap())), 40);
    while map.remove_expired(1150, 40, strong, |field| ended.push(field.expire_ms.unwrap())) > 0 {}
    assert!(ended.is_sorted());
    assert_eq!((ended.len(), *ended.last().unwrap()), (100, 1149), "an expire of before now has come");
    assert_eq!(map.next_expire_ms(), Some(1151));
    assert_eq!(map.remove_expired(u64::MAX, usize::MAX, strong, |_| {}), 100);
    assert_eq!((map.len(), map.next_expire_ms()), (100, None));
}

#[test]
fn an_expire_stays_or_goes_as_asked_when_a_value_is_set() {
    let mut map = Fields::default();
    let expire = |map: &Fields| map.get(strong(b"f"), b"f").unwrap().expire_ms;
    map.set(b"f", b"1", FieldExpire::At(5), strong);
    map.set(b"f", b"22", FieldExpire::Keep, strong);
    assert_eq!((expire(&map), map.next_expire_ms()), (Some(5), Some(5)));
    map.set(b"f", b"33", FieldExpire::At(9), strong);
    assert_eq!((expire(&map), map.next_expire_ms()), (Some(9), Some(9)));
    map.set(b"f", b"44", FieldExpire::Clear, strong);
    assert_eq!((expire(&map), map.next_expire_ms()), (None, None));
    assert!(map.set_expire(b"f", Some(7), strong) && !map.set_expire(b"g", Some(7), strong));
    assert_eq!((expire(&map), map.next_expire_ms()), (Some(7), Some(7)));
    assert_eq!(map.get(strong(b"f"), b"f").unwrap().value, b"44");
    assert!(map.set_expire(b"f", None, strong));
    assert_eq!((expire(&map), map.next_expire_ms()), (None, None));
}

#[test]
#[cfg_attr(miri, ignore = "minutes, and no other bytes than in smaller tests")]
fn remains_are_freed_in_bounded_steps() {
    let mut set = Members::default();
    (0..5000).for_each(|number| _ = set.insert(&bytes_of(number), strong));
    set.insert(&vec![1; 50 * 4096], strong);
    let mut remains = set.into_remains();
    let mut steps = 0;
    loop {
        let used = remains.free_some(30);
        assert!(used <= 30 + 50, "{used}");
        if used < 30 {
            break;
        }
        steps += 1;
    }
    assert!(steps > 5000 / 50 / 30 + 5000 / 32 / 30, "{steps}");
    assert_eq!(remains.free_some(30), 0);

    let units = |expire: fn(u64) -> FieldExpire| {
        let mut map = Fields::default();
        (0..10_000)
            .for_each(|number| _ = map.set(&bytes_of(number), b"value", expire(number as u64), strong));
        let mut remains = map.into_remains();
        assert_eq!(remains.free_some(100), 100);
        let rest = remains.free_some(usize::MAX);
        assert_eq!(remains.free_some(1), 0);
        100 + rest
    };
    // An index of times that ascend has full runs of 256.
    assert!(units(FieldExpire::At) >= units(|_| FieldExpire::Clear) + 39, "every run of the index counts");
}
