//! What must hold for the entries of streams: a foreign block is refused or understood alike from both ends,
//! and whatever is then done agrees with a vector and leaves blocks that would be taken again. Shared by the
//! fuzz target and by the test that runs its corpus.

use shards::encoding::listpack;
use shards::encoding::stream::{
    BlockLimits, Counters, Item, Keep, Log, NewId, StreamEntry, StreamId, StreamTrim,
};

use crate::program::{Program, STEPS_MAX};

/// An entry: its id, fields and values.
type Row = (StreamId, Vec<[Vec<u8>; 2]>);

/// Checks an input of the fuzzer: a byte that chooses what is checked, then what it is checked with. A
/// foreign block follows a program, whose length in bytes comes first.
pub(crate) fn check(input: &[u8]) {
    let Some((&choice, rest)) = input.split_first() else { return };
    if choice == b'P' {
        run(&mut Program(rest), Log::default(), Vec::new());
        return;
    }
    let Some((&len, rest)) = rest.split_first() else { return };
    let (program, block) = rest.split_at(rest.len().min(len.into()));
    let program = &mut Program(program);
    match choice {
        b'b' => foreign(program, block.to_vec()),
        b'e' => foreign(program, framed(block)),
        _ => {}
    }
}

/// A listpack of these elements, valid or not, that leaves their number open.
fn framed(elements: &[u8]) -> Vec<u8> {
    let total = (elements.len() + listpack::EMPTY.len()) as u32;
    [&total.to_le_bytes()[..], &[0xff, 0xff], elements, &[0xff]].concat()
}

fn foreign(program: &mut Program<'_>, block: Vec<u8>) {
    let master = match program.below(4) {
        0 => StreamId::new(program.int() as u64, program.int() as u64),
        _ => StreamId::new(1000, 1),
    };
    let mut log = Log::default();
    if !log.load_block(master, block) {
        return;
    }
    let last_id = StreamId::new(program.int() as u64, program.int() as u64);
    let last_entry = log.last().expect("a block has a live entry").id;
    let counters = Counters { last_id, entries_added: log.len(), ..log.counters() };
    assert_eq!(log.load_counters(counters), last_id >= last_entry);
    assert!(log.load_counters(Counters { last_id: last_id.max(last_entry), ..counters }));
    let model = rows(log.range(StreamId::MIN, StreamId::MAX));
    check_log(&log, &model);
    run(program, log, model);
}

/// Runs a program on a stream that has the entries of `model`.
fn run(program: &mut Program<'_>, mut log: Log, mut model: Vec<Row>) {
    let limits = BlockLimits {
        bytes_max: [0, 1, 100, 4096][program.below(4)],
        entries_max: [0, 1, 3, 100][program.below(4)],
    };
    for _ in 0..STEPS_MAX {
        let Some(operation) = program.byte() else { break };
        let id = id(program, &log, &model);
        match operation % 8 {
            0..4 => append(program, &mut log, &mut model, limits),
            4 => {
                let known = model.iter().position(|(known, _)| *known == id);
                assert_eq!(log.delete([id]), u64::from(known.is_some()));
                known.map(|known| model.remove(known));
            }
            5 => {
                let keep = Keep::Len(program.below(model.len().clamp(1, 256)) as u64);
                trim(program, &mut log, &mut model, keep);
            }
            6 => trim(program, &mut log, &mut model, Keep::From(id)),
            _ => {
                let to = self::id(program, &log, &model);
                let within: Vec<Row> =
                    model.iter().filter(|(entry, _)| (id..=to).contains(entry)).cloned().collect();
                let mut backward = rows(log.range_back(id, to));
                backward.reverse();
                assert_eq!((rows(log.range(id, to)), backward), (within.clone(), within));
            }
        }
        check_log(&log, &model);
    }
}

/// An id of an entry, or one beside it.
fn id(program: &mut Program<'_>, log: &Log, model: &[Row]) -> StreamId {
    let index = program.below(256);
    let id = match model.len() {
        0 => log.last_id(),
        len => model[index % len].0,
    };
    match index / 64 {
        0 => id.next().unwrap_or(id),
        1 => id.prev().unwrap_or(id),
        _ => id,
    }
}

fn append(program: &mut Program<'_>, log: &mut Log, model: &mut Vec<Row>, limits: BlockLimits) {
    let last = log.last_id();
    let new = match program.below(4) {
        0 => NewId::Auto,
        1 => NewId::At(last.ms.saturating_add(program.below(3) as u64)),
        2 => NewId::Exact(StreamId::new(program.int() as u64, program.int() as u64)),
        _ => NewId::Exact(StreamId::new(last.ms.saturating_add(1), program.int() as u64)),
    };
    let fields: Vec<[Vec<u8>; 2]> = (0..1 + program.below(3))
        .map(|_| {
            let name = match program.below(4) {
                0 => program.text(),
                small => vec![b'a' + small as u8],
            };
            [name, program.text()]
        })
        .collect();
    let pairs = fields.iter().map(|[name, value]| (&name[..], &value[..]));
    if let Ok(id) = log.append(new, 0, pairs, limits) {
        assert!(id > last);
        model.push((id, fields));
    }
    assert!(log.last_id() >= last);
}

fn trim(program: &mut Program<'_>, log: &mut Log, model: &mut Vec<Row>, keep: Keep) {
    let (approximate, limit) = (program.below(2) == 1, program.below(4) as u64);
    let limit = if approximate { limit } else { 0 };
    let surplus = match keep {
        Keep::Len(len) => model.len().saturating_sub(len as usize),
        Keep::From(id) => model.partition_point(|(entry, _)| *entry < id),
    };
    let removed = log.trim(StreamTrim { keep, approximate, limit }) as usize;
    assert!(removed == surplus || (approximate && removed < surplus), "{removed} of {surplus}");
    assert!(limit == 0 || removed as u64 <= limit);
    model.drain(..removed);
}

/// Whether the stream has these entries, which are all, and would be taken if it came from elsewhere.
fn check_log(log: &Log, model: &[Row]) {
    let all = (StreamId::MIN, StreamId::MAX);
    assert_eq!(rows(log.range(all.0, all.1)), model);
    let ids: Vec<StreamId> = model.iter().map(|(id, _)| *id).collect();
    assert!(ids.is_sorted_by(|a, b| a < b) && ids.last().is_none_or(|last| *last <= log.last_id()));
    let mut backward: Vec<StreamId> = log.range_back(all.0, all.1).map(|entry| entry.id).collect();
    backward.reverse();
    assert_eq!(backward, ids);
    assert!(ids.iter().all(|id| log.contains(*id)));
    assert_eq!((log.len(), log.is_empty()), (ids.len() as u64, ids.is_empty()));
    assert_eq!(log.first_id(), ids.first().copied().unwrap_or_default());

    let mut again = Log::default();
    for (master, block) in log.blocks() {
        assert!(again.load_block(master, block.to_vec()));
    }
    assert!(again.load_counters(log.counters()));
    assert_eq!(again.counters(), log.counters());
    assert!(again.range(all.0, all.1).map(|entry| entry.id).eq(ids));
}

fn rows<'a>(entries: impl Iterator<Item = StreamEntry<'a>>) -> Vec<Row> {
    let text = |item: Item<'_>| {
        let mut text = Vec::new();
        item.write(&mut text);
        text
    };
    entries
        .map(|entry| {
            assert_eq!(entry.len(), entry.fields().len());
            (entry.id, entry.fields().map(|(name, value)| [text(name), text(value)]).collect())
        })
        .collect()
}
