//! The cut of a snapshot that becomes an RDB file: a command on all workers, for the server's own use.
//!
//! It is in no table of commands, so no client can call it: who begins a snapshot hands [`CUT`] to the router.

use crate::args::Args;
use crate::command::{Arity, CommandSpec, DataCommand};
use crate::ctx::Ctx;
use crate::db::Db;
use crate::entry::EntryRef;
use crate::error::CommandError;
use crate::key::DbIndex;
use crate::num;
use crate::rdb::frame;
use crate::rdb::save::{CannotHold, SaveOptions, ValueSaver};
use crate::rdb::sink::Sink;
use crate::rdb::version::WriteVersion;
use crate::snapshot::{PIECE_BYTES, SnapshotId, SnapshotWriter, Usage};

/// Begins a snapshot on all workers, with the arguments of [`CutArgs`]. Each replies with three integers: how
/// many keys the snapshot will have of its shard, whether hashes among them have fields that expire, and how
/// many changes there were before the cut since the shard was made.
pub static CUT: DataCommand = DataCommand::new(
    cut,
    CommandSpec {
        name: "cut",
        arity: Arity::Exactly(6),
        on_all_shards: true,
        on_all_workers: true,
        ..CommandSpec::BASE
    },
);

/// So many numbers each worker replies.
const CUT_NUMBERS: usize = 3;

/// What all workers have replied to a cut.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CutReply {
    /// How many keys the snapshot will have.
    pub keys: u64,
    /// Hashes among them have fields that expire.
    pub fields_expire: bool,
    /// How many changes there have been before it.
    pub changes: u64,
}

impl CutReply {
    /// Reads the reply to [`CUT`]; `None` for any other one.
    pub fn parse(reply: &[u8]) -> Option<CutReply> {
        let lines = reply.split(|&byte| byte == b'\n').filter_map(|line| line.strip_suffix(b"\r"));
        let mut lines = lines.skip_while(|line| line.first() == Some(&b'*'));
        let mut numbers = Vec::new();
        for line in &mut lines {
            numbers.push(u64::try_from(num::parse_i64(line.strip_prefix(b":")?)?).ok()?);
        }
        let is_whole = !numbers.is_empty() && numbers.len().is_multiple_of(CUT_NUMBERS);
        is_whole.then(|| {
            numbers.chunks(CUT_NUMBERS).fold(CutReply::default(), |sum, of_worker| CutReply {
                keys: sum.keys + of_worker[0],
                fields_expire: sum.fields_expire || of_worker[1] != 0,
                changes: sum.changes + of_worker[2],
            })
        })
    }
}

/// In which version a file is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum FileForm {
    /// Everything as version 10 has it, but for hashes with fields that expire, which need 12: the file bears
    /// the number 12 when there is one at the cut, and 10 otherwise.
    #[default]
    Oldest,
    /// This one. Expires of fields that it has no place for are left out.
    Only(WriteVersion),
}

impl FileForm {
    /// The number of the only version, if there is one.
    pub fn only(self) -> Option<u16> {
        match self {
            FileForm::Oldest => None,
            FileForm::Only(version) => Some(version.number()),
        }
    }
}

/// How the keys of a snapshot are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CutArgs {
    /// Which snapshot.
    pub id: SnapshotId,
    /// In which version (rdb-version).
    pub form: FileForm,
    /// Whether long strings are compressed (rdbcompression).
    pub compresses: bool,
    /// Whether it is written how keys were used: under a policy of eviction that keeps account of it.
    pub tells_usage: bool,
}

impl CutArgs {
    /// As arguments of [`CUT`].
    pub fn words(&self) -> [String; 6] {
        let form = self.form.only().unwrap_or(0);
        let flag = |is_set| u8::from(is_set).to_string();
        let id = self.id.number().to_string();
        ["cut".into(), id, form.to_string(), flag(self.compresses), flag(self.tells_usage), String::new()]
    }

    /// Those of a call; `None` when it was not made from [`CutArgs::words`].
    fn parse(args: Args<'_>) -> Option<CutArgs> {
        let number = |at| num::parse_i64(args.get(at)).and_then(|number| u16::try_from(number).ok());
        let form = match number(2)? {
            0 => FileForm::Oldest,
            form => FileForm::Only(WriteVersion::ALL.into_iter().find(|version| version.number() == form)?),
        };
        let id = SnapshotId::new(u8::try_from(number(1)?).ok()?)?;
        Some(CutArgs { id, form, compresses: number(3)? != 0, tells_usage: number(4)? != 0 })
    }
}

fn cut(ctx: &mut Ctx<'_>, args: Args<'_>) -> Result<(), CommandError> {
    let cut = CutArgs::parse(args).ok_or_else(|| CommandError::other("ERR no cut of a snapshot"))?;
    let writer = RdbWriter { cut, now_ms: ctx.keys.now_ms(), saver: None, left_out: 0 };
    let changes = ctx.keys.changes();
    let fields_expire = ctx.keys.dbs().iter().any(Db::fields_expire);
    let keys = ctx.keys.begin_snapshot(cut.id, Box::new(writer));
    ctx.reply.array(CUT_NUMBERS);
    ctx.reply.int(keys as i64);
    ctx.reply.int(i64::from(fields_expire));
    ctx.reply.int(changes as i64);
    Ok(())
}

/// Writes keys as they stand in an RDB file.
struct RdbWriter {
    cut: CutArgs,
    /// The time of the cut, in milliseconds since 1970.
    now_ms: u64,
    /// The big value that is being written.
    saver: Option<ValueSaver>,
    left_out: u64,
}

impl RdbWriter {
    fn options(&self, version: WriteVersion) -> SaveOptions {
        SaveOptions { version, compress: self.cut.compresses, drop_field_expires_at_ms: None }
    }

    /// All of a key but its value.
    fn begin_key(&mut self, entry: EntryRef<'_>, usage: Usage, out: &mut Vec<u8>) -> ValueSaver {
        let value = entry.value();
        let saver = match self.cut.form {
            FileForm::Oldest => ValueSaver::new(value, self.options(WriteVersion::Redis10))
                .or_else(|CannotHold| ValueSaver::new(value, self.options(WriteVersion::Redis12))),
            FileForm::Only(version) => ValueSaver::new(value, self.options(version)).or_else(|CannotHold| {
                self.left_out += 1;
                let drop_field_expires_at_ms = Some(self.now_ms);
                ValueSaver::new(value, SaveOptions { drop_field_expires_at_ms, ..self.options(version) })
            }),
        };
        let saver = saver.unwrap_or_else(|CannotHold| unreachable!("what cannot be held is left out"));
        let usage = match usage {
            _ if !self.cut.tells_usage => frame::Usage::Unknown,
            Usage::IdleMs(idle_ms) => frame::Usage::IdleSeconds(idle_ms / 1000),
            Usage::Frequency(frequency) => frame::Usage::Frequency(frequency),
        };
        let mut sink = Sink::new(out, self.cut.compresses);
        frame::key(&mut sink, entry.key(), entry.expire_ms(), usage, saver.form());
        saver
    }
}

impl SnapshotWriter for RdbWriter {
    fn select(&mut self, db: DbIndex, out: &mut Vec<u8>) {
        frame::select_db(&mut Sink::new(out, false), db.index() as u64);
    }

    fn write(&mut self, entry: EntryRef<'_>, usage: Usage, out: &mut Vec<u8>) {
        let mut saver = self.begin_key(entry, usage, out);
        let is_whole = saver.write_some(entry.value(), usize::MAX, out);
        debug_assert!(is_whole, "no budget is left over");
    }

    fn begin(&mut self, entry: EntryRef<'_>, usage: Usage, out: &mut Vec<u8>) {
        self.saver = Some(self.begin_key(entry, usage, out));
    }

    fn go_on(&mut self, entry: EntryRef<'_>, out: &mut Vec<u8>) -> bool {
        let Some(saver) = &mut self.saver else { return true };
        let is_at_end = saver.write_some(entry.value(), PIECE_BYTES, out);
        if is_at_end {
            self.saver = None;
        }
        is_at_end
    }

    fn left_out(&self) -> u64 {
        self.left_out
    }
}
