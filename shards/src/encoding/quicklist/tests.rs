//! Behaviours of quicklists, with all limits and depths, against a vector of texts.

use super::*;
use crate::random::Random;

const FILLS: [i32; 8] = [-2, -1, -5, 1, 2, 5, 128, 0];

fn list(fill: i32, compress_depth: usize, texts: &[&str]) -> Quicklist {
    let mut list = Quicklist::new(Limits::of_fill(fill), compress_depth);
    texts.iter().for_each(|text| list.push_back(text.as_bytes()));
    list
}

fn text(value: Value<'_>) -> String {
    String::from_utf8(value.bytes(&mut itoa::Buffer::new()).to_vec()).unwrap()
}

fn scanned(list: &Quicklist, index: usize, direction: Direction) -> Vec<String> {
    let mut texts = Vec::new();
    list.scan(index, direction, |value| {
        texts.push(text(value));
        ControlFlow::Continue(())
    });
    texts
}

fn all(list: &Quicklist) -> Vec<String> {
    scanned(list, 0, Direction::Forward)
}

#[test]
fn elements_are_taken_from_both_ends() {
    let mut list = list(-2, 0, &["b", "2"]);
    list.push_front(b"a");
    assert_eq!(list.pop_back(text).as_deref(), Some("2"));
    assert_eq!(list.pop_front(text).as_deref(), Some("a"));
    assert_eq!(list.pop_front(text).as_deref(), Some("b"));
    assert_eq!((list.pop_front(text), list.pop_back(text), list.node_count()), (None, None, 0));
    list.push_front(b"again");
    assert_eq!(all(&list), ["again"]);
}

#[test]
#[cfg_attr(miri, ignore = "minutes, and no other bytes than in smaller tests")]
fn nodes_are_as_full_as_those_of_redis() {
    // RPUSH of 3000 elements `element:%04d` each: ql_nodes in DEBUG OBJECT, redis-server 7.0.15.
    for (fill, nodes) in [(-1, 11), (-2, 6), (-3, 3), (-4, 2), (-5, 1), (128, 24), (1, 3000), (0, 3000)] {
        let mut list = list(fill, 0, &[]);
        for number in 0..3000 {
            list.push_back(format!("element:{number:04}").as_bytes());
        }
        assert_eq!(list.node_count(), nodes, "fill {fill}");
        list.check();
    }
}

#[test]
fn a_large_element_has_a_node_for_itself() {
    let large = "x".repeat(9000);
    let mut list = list(-2, 0, &["a", &large, "b", "c"]);
    assert_eq!(list.node_count(), 3);
    list.insert(3, false, large.as_bytes());
    assert_eq!(all(&list), ["a", &large, "b", &large, "c"]);
    list.replace(1, b"small");
    list.replace(0, large.as_bytes());
    list.check();
    assert_eq!(all(&list), [&large, "small", "b", &large, "c"]);
    assert_eq!(list.remove_matching(large.as_bytes(), usize::MAX, Direction::Forward), 2);
    list.check();
    assert_eq!(all(&list), ["small", "b", "c"]);
    assert_eq!(list.node_count(), 2, "what was removed leaves the other nodes as they are");
}

#[test]
fn nodes_are_divided_as_those_of_redis() {
    let (large, half) = ("x".repeat(9000), "y".repeat(4090));
    let nodes = |list: &Quicklist| {
        list.check();
        list.nodes.iter().map(Node::count).collect::<Vec<_>>()
    };
    // A large element between others, and a small one in its place: it goes to the next node if that has
    // room.
    let mut between = list(-2, 0, &["a", "b", "c"]);
    between.insert(0, true, large.as_bytes());
    assert_eq!(nodes(&between), [1, 1, 2]);
    between.replace(1, b"small");
    assert_eq!((nodes(&between), all(&between).join(" ")), (vec![1, 3], "a small b c".to_owned()));
    // In the place of the last one it is a node of its own, even though the one before it has room.
    let mut last = list(-2, 0, &["a", &large]);
    last.replace(1, b"small");
    assert_eq!(nodes(&last), [1, 1]);
    // An element that is replaced by a large one divides its node; what is left is joined where it fits.
    let mut divided = list(-2, 0, &["a", "b", "c"]);
    divided.replace(1, large.as_bytes());
    assert_eq!(nodes(&divided), [1, 1, 1]);
    divided.replace(1, b"small");
    assert_eq!(nodes(&divided), [1, 2]);
    // A full node is divided where the new element comes, which stays with what is behind or before it.
    for (is_behind, index, expected) in
        [(true, 0, [1, 4]), (false, 2, [3, 2]), (true, 1, [2, 3]), (false, 1, [2, 3])]
    {
        let mut full = list(4, 0, &["1", "2", "3", "4"]);
        full.insert(index, is_behind, b"new");
        assert_eq!(nodes(&full), expected, "{index} {is_behind}");
    }
    // At the edge of a full node the neighbour takes it, or it is a node of its own.
    let mut edge = list(2, 0, &["1", "2", "3"]);
    edge.insert(1, true, b"new");
    assert_eq!(nodes(&edge), [2, 2]);
    edge.insert(1, true, b"new");
    assert_eq!(nodes(&edge), [2, 1, 2]);
    // A node may grow over its limit when an element is replaced, but not for ever.
    let mut grown = list(-2, 0, &["a", "b", "c", "d", "e", "f", "g", "h", "i"]);
    (0..8).for_each(|index| assert!(grown.replace(index, half.as_bytes())));
    assert_eq!(nodes(&grown), [9]);
    assert!(grown.replace(8, half.as_bytes()));
    assert_eq!(nodes(&grown), [8, 1]);
    assert_eq!(all(&grown).iter().map(String::len).sum::<usize>(), 9 * 4090);
}

#[test]
#[cfg_attr(miri, ignore = "minutes, and no other bytes than in smaller tests")]
fn memory_is_little_more_than_the_elements() {
    for at_front in [false, true] {
        for len in [10, 100, 1000, 3000] {
            let mut list = list(-2, 0, &[]);
            for number in 0..400_000 / len {
                let text = format!("{number:0len$}x");
                if at_front { list.push_front(text.as_bytes()) } else { list.push_back(text.as_bytes()) }
            }
            let listpack_bytes = (400_000 / len) * (len + 3);
            let memory_bytes = list.memory_bytes();
            assert!(memory_bytes < listpack_bytes * 110 / 100 + 8192, "{memory_bytes} for {listpack_bytes}");
        }
    }
}

#[test]
#[cfg_attr(miri, ignore = "minutes, and no other bytes than in smaller tests")]
fn removals_give_memory_back() {
    let mut list = list(-2, 0, &[]);
    for number in 0..10_000 {
        list.push_back(if number % 100 == 0 { b"kept" } else { b"removed" });
    }
    list.remove_matching(b"removed", usize::MAX, Direction::Forward);
    list.check();
    assert!(list.memory_bytes() < 4096, "{} bytes for 100 elements", list.memory_bytes());

    let mut list = self::list(-2, 0, &[]);
    (0..500).for_each(|_| list.push_front(b"an element"));
    assert_eq!(list.remove_range(10, usize::MAX), 490);
    assert!(list.memory_bytes() < 512, "{} bytes for 10 elements", list.memory_bytes());
}

#[test]
#[cfg_attr(miri, ignore = "minutes, and no other bytes than in smaller tests")]
fn nodes_far_from_the_ends_are_compressed() {
    let fill = |compress_depth| {
        let mut list = list(-1, compress_depth, &[]);
        for number in 0..4000 {
            list.push_back(format!("an element with the number {number}").as_bytes());
        }
        list
    };
    let (raw, mut packed) = (fill(0), fill(2));
    packed.check();
    assert!(packed.memory_bytes() * 2 < raw.memory_bytes());
    assert_eq!(all(&packed), all(&raw));
    assert_eq!(scanned(&packed, 2000, Direction::Backward), scanned(&raw, 2000, Direction::Backward));

    packed.insert(2000, false, b"new");
    packed.replace(1500, b"other");
    packed.check();
    assert_eq!(packed.get(2000, text).as_deref(), Some("new"));
    assert!(packed.memory_bytes() * 2 < raw.memory_bytes(), "what was changed is compressed again");
    while packed.pop_front(text).is_some() {
        packed.check();
    }
}

#[test]
fn what_compression_cannot_help_stays_as_it_is() {
    let mut random = Random::new(3);
    let mut list = list(-1, 1, &[]);
    for _ in 0..200 {
        let noise: Vec<u8> = (0..100).map(|_| random.below(256) as u8).collect();
        list.push_back(&noise);
    }
    list.check();
    assert!(list.nodes.iter().all(|node| matches!(node, Node::Packed(_))));
}

#[test]
#[cfg_attr(miri, ignore = "minutes, and no other bytes than in smaller tests")]
fn a_list_leaves_and_comes_back_as_listpacks() {
    let large = "x".repeat(9000);
    for compress_depth in [0, 1] {
        let mut original = list(-1, compress_depth, &[]);
        for number in 0..3000 {
            original.push_back(format!("{}{number}", ["", "text "][number % 2]).as_bytes());
        }
        original.push_back(large.as_bytes());
        original.push_back(b"end");
        let mut copy = list(-2, 0, &[]);
        for node in original.export() {
            match node {
                Export::Listpack(bytes) => {
                    assert!(listpack::validate(&bytes).is_ok());
                    copy.push_listpack(&bytes);
                }
                Export::Plain(text) => copy.push_back(text),
            }
        }
        copy.check();
        assert_eq!((copy.len(), copy.node_count()), (original.len(), original.node_count()));
        assert_eq!(all(&copy), all(&original));
    }
}

#[test]
fn a_listpack_that_is_too_large_for_a_node_is_cut() {
    let texts: Vec<String> = (0..3000).map(|number| format!("{number} of many")).collect();
    let values: Vec<Value<'_>> = texts.iter().map(|text| Value::of(text.as_bytes())).collect();
    let mut list = list(-2, 0, &["0"]);
    list.push_listpack(&listpack::new(&values));
    list.push_listpack(&listpack::EMPTY);
    list.check();
    assert!(list.node_count() > 3);
    assert_eq!(all(&list)[1..], texts);
}

#[test]
fn a_list_of_one_node_under_the_limits_is_a_listpack() {
    let limits = Limits::of_fill(4);
    let mut list = list(4, 0, &["a", "1", "c"]);
    assert!(list.to_listpack(limits.halves()).is_none());
    let bytes = list.to_listpack(limits).unwrap();
    assert_eq!(listpack::validate(&bytes), Ok(3));
    list.pop_front(|_| ());
    assert!(list.to_listpack(limits.halves()).is_some());
    list.push_back(&[b'x'; 9000]);
    list.remove_range(0, 2);
    assert!(list.to_listpack(limits).is_none(), "a large element is no listpack");

    assert!(!limits.are_exceeded(8192, 4) && limits.are_exceeded(8193, 1) && limits.are_exceeded(10, 5));
    let by_size = Limits::of_fill(-9);
    assert!(!by_size.are_exceeded(65536, 65536) && by_size.are_exceeded(65537, 1));
    assert!(by_size.of_one_node().halves().are_exceeded(32769, 1));
    let one_node = limits.of_one_node().halves();
    assert!(!one_node.are_exceeded(30_000, 2) && one_node.are_exceeded(10, 3));
}

#[test]
fn a_list_is_freed_in_steps() {
    let mut list = list(1, 0, &["a"; 100]);
    list.push_back(&[b'x'; 40960]);
    assert!(list.free_some(11), "the large element uses up the budget");
    assert_eq!(list.len(), 100);
    assert!(list.free_some(99));
    assert_eq!(list.len(), 1);
    assert!(!list.free_some(99));
    list.check();
}

#[test]
fn edits_agree_with_a_vector() {
    let seed = 0x9115;
    let mut random = Random::new(seed);
    for round in 0..if cfg!(miri) { 6 } else { 96 } {
        let (fill, compress_depth) = (FILLS[round % FILLS.len()], round / FILLS.len() % 3);
        let mut list = list(fill, compress_depth, &[]);
        let mut model: Vec<String> = Vec::new();
        let steps = if cfg!(miri) {
            40
        } else if fill < 0 {
            600
        } else {
            200
        };
        for step in 0..steps {
            let context = format!("seed {seed:#x}, round {round}, step {step}, fill {fill}");
            edit(&mut list, &mut model, &mut random, &context);
            list.check();
            assert_eq!(list.len(), model.len(), "{context}");
            if step % 8 == 0 {
                assert!(all(&list) == model, "{context}");
                let index = random.below(model.len() + 2);
                let backward = scanned(&list, index, Direction::Backward);
                assert!(
                    backward.iter().eq(model.iter().take(index + 1).rev().filter(|_| index < model.len()))
                );
                let forward = scanned(&list, index, Direction::Forward);
                assert!(forward.iter().eq(model.iter().skip(index)), "{context}");
                assert_eq!(list.get(index, text).as_ref(), model.get(index), "{context}");
            }
        }
        assert!(all(&list) == model, "round {round}");
        while list.free_some(3) {}
        assert_eq!((list.len(), list.node_count()), (0, 0), "round {round}");
    }
}

/// Makes a text the element with this index, by putting it before or behind another one if there is one.
fn insert(list: &mut Quicklist, index: usize, random: &mut Random, text: &[u8]) {
    match (index, list.len() - index) {
        (0, 0) => list.push_back(text),
        (1.., 0) => list.insert(index - 1, true, text),
        (1.., _) if random.one_in(2) => list.insert(index - 1, true, text),
        _ => list.insert(index, false, text),
    }
}

fn edit(list: &mut Quicklist, model: &mut Vec<String>, random: &mut Random, context: &str) {
    let fresh = match random.below(12) {
        0 => random.below(1 << 40).to_string(),
        1 => "z".repeat(random.below(200)),
        2 => "large".repeat(random.below(2500)),
        3 => "y".repeat(random.below(4500)),
        _ => format!("m{}", random.below(20)),
    };
    let index = random.below(model.len() + 1);
    match random.below(20) {
        0..4 => {
            list.push_back(fresh.as_bytes());
            model.push(fresh);
        }
        4..8 => {
            list.push_front(fresh.as_bytes());
            model.insert(0, fresh);
        }
        8 => assert_eq!(list.pop_back(text), model.pop(), "{context}"),
        9 => assert_eq!(list.pop_front(text), (!model.is_empty()).then(|| model.remove(0)), "{context}"),
        10..15 => {
            insert(list, index, random, fresh.as_bytes());
            model.insert(index, fresh);
        }
        15 | 16 => {
            let exists = index < model.len();
            assert_eq!(list.replace(index, fresh.as_bytes()), exists, "{context}");
            if exists {
                model[index] = fresh;
            }
        }
        17 => {
            // Some kilobytes of small elements, so that there are several full nodes.
            for number in 0..random.below(150) {
                let text = format!("filling {number}");
                insert(list, index, random, text.as_bytes());
                model.insert(index, text);
            }
        }
        18 => {
            let count = if random.one_in(10) { random.below(model.len() + 2) } else { random.below(20) };
            let removed = count.min(model.len() - index);
            assert_eq!(list.remove_range(index, count), removed, "{context}");
            model.drain(index..index + removed);
        }
        _ => {
            let wanted = model.get(index).cloned().unwrap_or(fresh);
            let count_max = [1, 2, usize::MAX][random.below(3)];
            let direction = [Direction::Forward, Direction::Backward][random.below(2)];
            let removed = list.remove_matching(wanted.as_bytes(), count_max, direction);
            let mut places: Vec<usize> = (0..model.len()).filter(|&at| model[at] == wanted).collect();
            if direction == Direction::Backward {
                places.reverse();
            }
            places.truncate(count_max);
            assert_eq!(removed, places.len(), "{context}");
            let mut at = 0;
            model.retain(|_| {
                at += 1;
                !places.contains(&(at - 1))
            });
        }
    }
}
