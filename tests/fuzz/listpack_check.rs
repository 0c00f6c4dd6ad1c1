//! What must hold for listpacks, quicklists and their compression: foreign bytes are refused or understood
//! alike from all sides, and edits agree with plain collections. Shared by the fuzz target and by the test
//! that runs its corpus.

use std::ops::ControlFlow;

use shards::encoding::listpack::{self, Listpack, Value, Wanted};
use shards::encoding::lzf;
use shards::encoding::quicklist::{Direction, Export, Limits, Quicklist};

use crate::program::{Program, STEPS_MAX};

/// Checks an input of the fuzzer: a byte that chooses what is checked, then what it is checked with.
pub(crate) fn check(input: &[u8]) {
    let Some((&choice, rest)) = input.split_first() else { return };
    match choice {
        b'l' => foreign_listpack(rest),
        b'e' => foreign_listpack(&framed(rest)),
        b'z' => foreign_lzf(rest),
        b'L' => edit_listpack(&mut Program(rest)),
        b'Q' => edit_quicklist(&mut Program(rest)),
        _ => {}
    }
}

/// A listpack of these elements, valid or not, that leaves their number open.
fn framed(elements: &[u8]) -> Vec<u8> {
    let total = (elements.len() + listpack::EMPTY.len()) as u32;
    [&total.to_le_bytes()[..], &[0xff, 0xff], elements, &[0xff]].concat()
}

fn foreign_listpack(bytes: &[u8]) {
    let Ok(count) = listpack::validate(bytes) else { return };
    let list = Listpack::new(bytes);
    let forward = texts(list.iter());
    let mut backward = texts(list.iter().rev());
    backward.reverse();
    assert_eq!(forward, backward);
    assert_eq!((forward.len(), list.len()), (count, count));
    assert_eq!(list.is_empty(), forward.is_empty());
    for (index, text) in forward.iter().enumerate().take(STEPS_MAX) {
        let position = list.position(index as i64);
        assert_eq!(position, list.position(index as i64 - count as i64));
        assert_eq!(texts(list.get(index as i64).into_iter()), std::slice::from_ref(text));
        assert!(list.find(&Wanted::new(text), listpack::HEADER_LEN, 0) <= position);
    }
    assert!(list.position(count as i64).is_none() && list.position(-1 - count as i64).is_none());

    let mut edited = bytes.to_vec();
    listpack::append(&mut edited, &[Value::Int(1), Value::of(b"text")]);
    assert_eq!(listpack::remove_range(&mut edited, 0, count), count);
    assert_eq!(texts(Listpack::new(&edited).iter()), [b"1".to_vec(), b"text".to_vec()]);

    let mut large = Quicklist::new(Limits::of_fill(-1), 1);
    large.push_listpack(bytes);
    assert_eq!(all(&large), forward);
}

fn foreign_lzf(bytes: &[u8]) {
    let Some((len, compressed)) = bytes.split_first_chunk() else { return };
    let len = usize::from(u16::from_le_bytes(*len));
    if let Ok(text) = lzf::decompress(compressed, len) {
        assert_eq!(text.len(), len);
    }
    let packed = lzf::compress(bytes, usize::MAX).expect("there is no limit");
    assert_eq!(lzf::decompress(&packed, bytes.len()).as_deref(), Ok(bytes));
}

fn edit_listpack(program: &mut Program<'_>) {
    let mut bytes = listpack::EMPTY.to_vec();
    let mut model: Vec<Vec<u8>> = Vec::new();
    for _ in 0..STEPS_MAX {
        let Some(operation) = program.byte() else { break };
        let fresh: Vec<Vec<u8>> = (0..operation >> 6).map(|_| program.text()).collect();
        let values: Vec<Value<'_>> = fresh.iter().map(|text| Value::of(text)).collect();
        let index = program.below(model.len() + 1);
        let count = program.below(4).min(model.len() - index);
        let list = Listpack::new(&bytes);
        let position = list.position(index as i64).unwrap_or(list.end());
        match operation % 5 {
            0 => {
                listpack::append(&mut bytes, &values);
                model.extend(fresh);
            }
            1 => {
                listpack::prepend(&mut bytes, &values);
                model.splice(..0, fresh);
            }
            2 => {
                listpack::replace(&mut bytes, position, count, &values);
                model.splice(index..index + count, fresh);
            }
            3 => {
                assert_eq!(listpack::remove_range(&mut bytes, index as i64, count), count);
                model.drain(index..index + count);
            }
            _ => {
                listpack::merge(&mut bytes, Listpack::new(&listpack::new(&values)));
                model.extend(fresh);
            }
        }
        assert_eq!(listpack::validate(&bytes), Ok(model.len()));
        assert_eq!(texts(Listpack::new(&bytes).iter()), model);
    }
}

fn edit_quicklist(program: &mut Program<'_>) {
    let fill = [-1, -2, -5, 1, 3, 128][program.below(6)];
    let mut list = Quicklist::new(Limits::of_fill(fill), program.below(3));
    let mut model: Vec<Vec<u8>> = Vec::new();
    for _ in 0..STEPS_MAX {
        let Some(operation) = program.byte() else { break };
        let text = program.text();
        let index = program.below(model.len() + 1);
        match operation % 8 {
            0 => {
                list.push_back(&text);
                model.push(text);
            }
            1 => {
                list.push_front(&text);
                model.insert(0, text);
            }
            2 => assert_eq!(list.pop_front(owned), (!model.is_empty()).then(|| model.remove(0))),
            3 => assert_eq!(list.pop_back(owned), model.pop()),
            4 => {
                match index.checked_sub(1) {
                    Some(before) if index == model.len() || text.len() % 2 == 1 => {
                        list.insert(before, true, &text)
                    }
                    None if model.is_empty() => list.push_back(&text),
                    _ => list.insert(index, false, &text),
                }
                model.insert(index, text);
            }
            5 => {
                assert_eq!(list.replace(index, &text), index < model.len());
                model.splice(index..(index + 1).min(model.len()), (index < model.len()).then_some(text));
            }
            6 => {
                let removed = list.remove_range(index, text.len());
                model.drain(index..index + removed);
            }
            _ => {
                let matching = model.iter().filter(|element| **element == text).count();
                assert_eq!(list.remove_matching(&text, usize::MAX, Direction::Forward), matching);
                model.retain(|element| *element != text);
            }
        }
        assert_eq!(list.len(), model.len());
    }
    assert_eq!(all(&list), model);
    let exported = list.export().map(|node| match node {
        Export::Listpack(bytes) => listpack::validate(&bytes).expect("a node is a listpack"),
        Export::Plain(_) => 1,
    });
    assert_eq!(exported.sum::<usize>(), model.len());
}

fn owned(value: Value<'_>) -> Vec<u8> {
    match value {
        Value::Int(int) => int.to_string().into_bytes(),
        Value::Str(text) => text.to_vec(),
    }
}

fn texts<'a>(values: impl Iterator<Item = Value<'a>>) -> Vec<Vec<u8>> {
    values.map(owned).collect()
}

fn all(list: &Quicklist) -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    list.scan(0, Direction::Forward, |value| {
        texts.push(owned(value));
        ControlFlow::Continue(())
    });
    texts
}
