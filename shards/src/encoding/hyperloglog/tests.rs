//! Registers in both encodings: their bytes, their counts, their unions, and bytes that are no HyperLogLog.

use super::*;

/// Redis's default for hll-sparse-max-bytes.
const LIMIT: usize = 3000;

fn hex(value: &[u8]) -> String {
    value.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// FNV-1a, to compare long values with what redis-server 7.0.15 gave.
fn digest(value: &[u8]) -> u64 {
    value
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

fn numbers(range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|number| number.to_string()).collect()
}

fn bytes(elements: &[String]) -> impl Iterator<Item = &[u8]> {
    elements.iter().map(|element| element.as_bytes())
}

fn with_numbers(range: std::ops::Range<u32>) -> Vec<u8> {
    create(bytes(&numbers(range)), LIMIT)
}

fn union_of<const N: usize>(values: [&[u8]; N]) -> Union {
    let mut union = Union::default();
    for value in values {
        union.merge(value).unwrap();
    }
    union
}

fn sparse_with(runs: &[u8]) -> Vec<u8> {
    let mut value = b"HYLL\x01\0\0\0\0\0\0\0\0\0\0\x80".to_vec();
    value.extend(runs);
    value
}

fn dense_with(register: impl Fn(usize) -> u8) -> Vec<u8> {
    let mut value = create([], LIMIT);
    write_dense(&mut value, &std::array::from_fn(register));
    value
}

fn random(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[test]
fn small_values_have_the_bytes_of_redis() {
    assert_eq!(hex(&create([], LIMIT)), "48594c4c0100000000000000000000807fff");

    let mut value = empty();
    assert_eq!(add(&mut value, [&b"a"[..], b"b", b"c"], LIMIT), Ok(true));
    assert_eq!(hex(&value), "48594c4c01000000000000000000008060f38050b1844bfb80425a");
    assert_eq!(decode(&value), Ok(Some("Z:8436 v:1,1 Z:4274 v:2,1 Z:3068 v:1,1 Z:603".into())));

    assert_eq!(cached_count(&value), None);
    assert_eq!(count(&value), Ok(3));
    set_cached_count(&mut value, 3).unwrap();
    assert_eq!(add(&mut value, [&b"a"[..]], LIMIT), Ok(false));
    assert_eq!(cached_count(&value), Some(3));
    assert_eq!(add(&mut value, [&b""[..]], LIMIT), Ok(true));
    assert_eq!(hex(&value), "48594c4c0100000003000000000000805731 8449c08050b1844bfb80425a".replace(' ', ""));
}

#[test]
fn elements_of_all_lengths_are_hashed_as_by_redis() {
    let runs = [
        "Z:5938 v:2,1 Z:10445",
        "Z:12711 v:2,1 Z:3672",
        "Z:719 v:1,1 Z:15664",
        "Z:9474 v:1,1 Z:6909",
        "Z:11070 v:8,1 Z:5313",
        "Z:3726 v:4,1 Z:12657",
        "Z:13647 v:2,1 Z:2736",
        "Z:5634 v:2,1 Z:10749",
        "Z:1383 v:1,1 Z:15000",
        "Z:6903 v:1,1 Z:9480",
        "Z:12228 v:1,1 Z:4155",
        "Z:14121 v:1,1 Z:2262",
        "Z:9695 v:5,1 Z:6688",
        "Z:9157 v:1,1 Z:7226",
        "Z:5697 v:2,1 Z:10686",
        "Z:12377 v:4,1 Z:4006",
        "Z:9328 v:1,1 Z:7055",
        "Z:4271 v:1,1 Z:12112",
    ];
    for (len, runs) in runs.into_iter().enumerate() {
        let value = create([&b"abcdefghijklmnopqrstuvwxyz"[..len]], LIMIT);
        assert_eq!(decode(&value), Ok(Some(runs.into())), "{len}");
    }
}

#[test]
fn many_elements_lead_to_the_bytes_and_the_estimates_of_redis() {
    let golden = [
        (1, 21, 0x09b3_a6ff_a7c5_6d77, 1),
        (10, 48, 0x9d80_bd34_6ef0_7c36, 10),
        (100, 287, 0xf1f9_664f_b7b7_74bc, 100),
        (1000, 1923, 0x6331_df2d_5fdc_be26, 1001),
        (1500, 2766, 0x5984_7b7c_e607_4cc2, 1512),
        (2000, 12304, 0xfd9e_0fba_d280_50f4, 2007),
        (10000, 12304, 0xbbbc_3c7c_9222_bf34, 9987),
        (200_000, 12304, 0x603f_1c47_c9d2_9e7a, 200_305),
    ];
    let mut value = empty();
    let mut added = 0;
    for (elements, len, expected, estimate) in golden {
        add(&mut value, bytes(&numbers(added..elements)), LIMIT).unwrap();
        added = elements;
        assert_eq!((value.len(), digest(&value)), (len, expected), "{elements} elements");
        assert_eq!(count(&value), Ok(estimate));
        assert_eq!(union_of([&value]).count(), estimate);
    }
}

#[test]
fn merging_leads_to_the_bytes_and_the_encoding_of_redis() {
    let [a, b, c] = [0..300, 200..600, 0..5000].map(with_numbers);

    let mut target = empty();
    union_of([&empty(), &a, &b]).store(&mut target, LIMIT).unwrap();
    assert_eq!((target.len(), digest(&target)), (1238, 0xf7c5_e8dc_f505_3c04));
    assert_eq!(count(&target), Ok(603));
    let mut target = b.clone();
    union_of([&b, &a]).store(&mut target, LIMIT).unwrap();
    assert_eq!(digest(&target), 0xf7c5_e8dc_f505_3c04);

    for mut target in [empty(), a.clone()] {
        union_of([&target, &a, &c]).store(&mut target, LIMIT).unwrap();
        assert_eq!((target.len(), digest(&target)), (12304, 0x1923_2e3f_33a1_5078));
    }
}

#[test]
fn merging_sparse_values_beyond_the_limit_gives_a_dense_one() {
    let [a, b] = [0..1000, 1000..2000].map(with_numbers);
    let mut target = a.clone();
    union_of([&a, &b]).store(&mut target, LIMIT).unwrap();
    assert_eq!(encoding(&target), Ok(Encoding::Dense));
    assert_eq!(registers(&target), registers(&with_numbers(0..2000)));
    assert_eq!(cached_count(&target), None);

    let mut target = a.clone();
    union_of([&a, &b]).store(&mut target, 2 * LIMIT).unwrap();
    assert_eq!(encoding(&target), Ok(Encoding::Sparse));
    assert_eq!(registers(&target), registers(&with_numbers(0..2000)));
}

#[test]
fn a_value_stays_sparse_up_to_the_limit_and_no_further() {
    let elements = numbers(0..100);
    let len = create(bytes(&elements), LIMIT).len();
    assert_eq!(create(bytes(&elements), len).len(), len);
    assert_eq!(create(bytes(&elements), len - 1).len(), DENSE_BYTES);
    assert_eq!(create([&b"a"[..]], 0).len(), DENSE_BYTES);
    assert_eq!(create([], 0).len(), 18);
}

#[test]
fn a_rank_that_no_run_can_say_makes_a_value_dense() {
    let mut value = empty();
    assert_eq!(raise(&mut value, Placed { register: 7, rank: 32 }, LIMIT), Ok(true));
    assert_eq!(decode(&value), Ok(Some("z:7 v:32,1 Z:16376".into())));
    assert_eq!(raise(&mut value, Placed { register: 7, rank: 33 }, LIMIT), Ok(true));
    assert_eq!(encoding(&value), Ok(Encoding::Dense));
    assert_eq!(registers(&value).unwrap()[6..9], [0, 33, 0]);
}

#[test]
fn runs_are_split_and_joined_in_the_steps_of_redis() {
    let mut value = empty();
    let mut after = |register, rank| {
        raise(&mut value, Placed { register, rank }, LIMIT).unwrap();
        decode(&value).unwrap().unwrap()
    };
    assert_eq!(after(1, 3), "z:1 v:3,1 Z:16382");
    assert_eq!(after(2, 3), "z:1 v:3,2 Z:16381");
    assert_eq!(after(4, 3), "z:1 v:3,2 z:1 v:3,1 Z:16379");
    assert_eq!(after(3, 3), "z:1 v:3,4 Z:16379");
    assert_eq!(after(5, 3), "z:1 v:3,4 v:3,1 Z:16378");
    assert_eq!(after(2, 4), "z:1 v:3,1 v:4,1 v:3,2 v:3,1 Z:16378".replace("v:3,2 v:3,1", "v:3,3"));
    assert_eq!(after(16383, 1), "z:1 v:3,1 v:4,1 v:3,3 Z:16377 v:1,1");
    assert_eq!(after(71, 1), "z:1 v:3,1 v:4,1 v:3,3 Z:65 v:1,1 Z:16311 v:1,1");
    assert_eq!(after(6, 1), "z:1 v:3,1 v:4,1 v:3,3 v:1,1 z:64 v:1,1 Z:16311 v:1,1");
}

#[test]
fn only_whole_hyperloglogs_are_taken() {
    assert_eq!(encoding(&sparse_with(b"")), Ok(Encoding::Sparse));
    assert_eq!(encoding(&dense_with(|_| 0)), Ok(Encoding::Dense));
    let mut too_long = dense_with(|_| 0);
    too_long.push(0);
    let no_hyperloglogs: [&[u8]; 6] = [
        b"",
        b"HYLL\x01",
        &sparse_with(b"")[..15],
        b"HYLL\x02\0\0\0\0\0\0\0\0\0\0\0",
        b"hYLL\x01\0\0\0\0\0\0\0\0\0\0\0",
        &too_long,
    ];
    for value in no_hyperloglogs {
        let refused = HllError::NotHyperLogLog;
        let mut copy = value.to_vec();
        assert_eq!(encoding(value), Err(refused), "{value:?}");
        assert_eq!(add(&mut copy, [&b"a"[..]], LIMIT), Err(refused));
        assert_eq!(add(&mut copy, [], LIMIT), Err(refused));
        assert_eq!(add_to_dense(&mut copy, [&b"a"[..]]), Err(refused));
        assert_eq!(set_cached_count(&mut copy, 1), Err(refused));
        assert_eq!(cached_count(value), None);
        assert_eq!(count(value), Err(refused));
        assert_eq!(decode(value), Err(refused));
        assert_eq!(make_dense(&mut copy), Err(refused));
        assert_eq!(Union::default().merge(value), Err(refused));
        assert_eq!(Union::default().store(&mut copy, LIMIT), Err(refused));
        assert_eq!(copy, value);
    }
}

#[test]
fn runs_that_do_not_make_up_all_registers_are_an_error() {
    // None, too few, one too many, far too many, and a run whose second byte is missing.
    let damaged: [&[u8]; 6] =
        [b"", b"\x7f\xfe", b"\x7f\xff\x00", b"\x7f\xff\x80", b"\x7f\xff\x7f\xff\x7f\xff", b"\x40\xfe\x7f"];
    for runs in damaged {
        let value = sparse_with(runs);
        assert_eq!(count(&value), Err(HllError::Corrupted), "{runs:?}");
        assert_eq!(registers(&value), Err(HllError::Corrupted));
        assert_eq!(Union::default().merge(&value), Err(HllError::Corrupted));
        let mut copy = value.clone();
        assert_eq!(make_dense(&mut copy), Err(HllError::Corrupted));
        assert_eq!(add(&mut copy, [&b"a"[..]], 0), Err(HllError::Corrupted));
        assert_eq!(copy, value);
    }
}

#[test]
fn an_element_is_added_to_a_damaged_value_when_its_register_is_reached() {
    // "a" has register 12711.
    let runs = |registers: u16| [0x40 | (registers >> 8) as u8, registers as u8];
    let mut value = sparse_with(&runs(12711));
    assert_eq!(add(&mut value, [&b"a"[..]], LIMIT), Ok(true));
    let mut value = sparse_with(&runs(12710));
    assert_eq!(add(&mut value, [&b"a"[..]], LIMIT), Err(HllError::Corrupted));
}

#[test]
fn registers_that_no_elements_lead_to_give_the_estimates_of_redis() {
    for (register, estimate) in [(50, i64::MIN), (51, i64::MIN), (52, i64::MIN), (63, i64::MIN)] {
        let value = dense_with(|_| register);
        assert_eq!(count(&value), Ok(estimate));
        assert_eq!(union_of([&value]).count(), estimate);
    }
    let mut value = dense_with(|index| if index == 0 { 1 } else { 63 });
    assert_eq!(count(&value), Ok(387_270_501));

    set_cached_count(&mut value, i64::MIN).unwrap();
    assert_eq!(cached_count(&value), None);
}

#[test]
fn adding_where_a_dense_value_lies_is_the_same_as_adding() {
    let elements = numbers(0..3000);
    let mut value = dense_with(|_| 0);
    let mut other = value.clone();
    assert_eq!(add_to_dense(&mut value, bytes(&elements)), Ok(true));
    assert_eq!(add(&mut other, bytes(&elements), LIMIT), Ok(true));
    assert_eq!(value, other);

    set_cached_count(&mut value, 3000).unwrap();
    assert_eq!(add_to_dense(&mut value, bytes(&elements)), Ok(false));
    assert_eq!(cached_count(&value), Some(3000));
    assert_eq!(add_to_dense(&mut value, [&b"another"[..]]), Ok(true));
    assert_eq!(cached_count(&value), None);
    assert_eq!(add_to_dense(&mut empty(), [&b"a"[..]]), Err(HllError::NotHyperLogLog));
}

#[test]
fn becoming_dense_keeps_registers_header_and_cached_count() {
    let mut value = with_numbers(0..500);
    value[5..8].copy_from_slice(&[1, 2, 3]);
    set_cached_count(&mut value, 77).unwrap();
    let before = registers(&value).unwrap();
    assert_eq!(make_dense(&mut value), Ok(true));
    assert_eq!(registers(&value).unwrap(), before);
    assert_eq!(value[5..8], [1, 2, 3]);
    assert_eq!(cached_count(&value), Some(77));
    assert_eq!(decode(&value), Ok(None));
    assert_eq!(make_dense(&mut value), Ok(false));
}

#[test]
fn random_registers_are_kept_in_all_forms() {
    for seed in 1..=30_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let mut model = [0; REGISTERS];
        let mut sparse = empty();
        let mut dense = dense_with(|_| 0);
        // Few registers and few ranks, so that runs grow, split and join.
        let registers_end = 1 << (4 + seed % 11);
        let ranks = 1 + seed % 32;
        for _ in 0..2000 {
            let register = random(&mut state) as usize % registers_end * (1 + seed as usize % 2) % REGISTERS;
            let rank = (random(&mut state) % ranks) as u8 + 1;
            let is_new = rank > model[register];
            model[register] = rank.max(model[register]);
            let placed = Placed { register, rank };
            assert_eq!(raise(&mut sparse, placed, usize::MAX), Ok(is_new), "seed {seed}");
            assert_eq!(raise(&mut dense, placed, 0), Ok(is_new), "seed {seed}");
        }
        assert_eq!(encoding(&sparse), Ok(Encoding::Sparse));
        assert_eq!(*registers(&sparse).unwrap(), model, "seed {seed}");
        assert_eq!(*registers(&dense).unwrap(), model, "seed {seed}");
        assert_eq!(count(&sparse), count(&dense), "seed {seed}");

        // Storing a union writes the registers in order, which must find the same places as any other order.
        let mut stored = with_numbers(0..200);
        let others = registers(&stored).unwrap();
        let merged = std::array::from_fn(|register| model[register].max(others[register]));
        union_of([&stored, &sparse]).store(&mut stored, usize::MAX).unwrap();
        assert_eq!(encoding(&stored), Ok(Encoding::Sparse));
        assert_eq!(*registers(&stored).unwrap(), merged, "seed {seed}");
    }
}

#[test]
fn storing_in_order_leaves_the_same_runs_as_searching_from_the_start() {
    for seed in 1..=30_u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let registers_end = 1 << (3 + seed % 12);
        let [mut a, mut b] = [empty(), empty()];
        for value in [&mut a, &mut b] {
            for _ in 0..random(&mut state) % 1000 {
                let register = random(&mut state) as usize % registers_end;
                let rank = (random(&mut state) % 3) as u8 + 1;
                raise(value, Placed { register, rank }, usize::MAX).unwrap();
            }
        }
        let mut expected = a.clone();
        let union = union_of([&a, &b]);
        for (register, rank) in union_of([&a, &b]).into_registers().into_iter().enumerate() {
            if rank > 0 {
                raise(&mut expected, Placed { register, rank }, usize::MAX).unwrap();
            }
        }
        union.store(&mut a, usize::MAX).unwrap();
        assert_eq!(decode(&a), decode(&expected), "seed {seed}");
    }
}

#[test]
fn the_self_test_passes() {
    for seed in 0..3 {
        assert_eq!(self_test(seed), Ok(()), "seed {seed}");
    }
}
