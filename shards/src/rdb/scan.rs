//! A file from its first byte to its last: what it says, and where each value ends.
//!
//! The bytes come through a window that the caller moves on and makes larger when it is asked to. Nothing is
//! decoded but what stands between the values, so that one worker goes through a file faster than all of them
//! together make values of it. A value of more than [`PART_BYTES`] comes in parts that end between its
//! elements, so that nobody holds a large one twice or is busy with it for long. The checksum is taken over
//! all bytes as they pass.
//!
//! This file must not know how a value is decoded.

use std::borrow::Cow;

use super::crc64::Crc64;
use super::error::{ModuleId, RdbError, Refused};
use super::frame::Usage;
use super::opcode;
use super::shape::Walk;
use super::source::Source;
use super::template::{self, Templates};
use super::value_type::{MODULE_2, ValueType};
use super::version::{Dialect, FileVersion, MAGIC_LEN};

/// A value of several elements that is longer than this comes in parts of about this size. To make a part of
/// small elements takes a shard some milliseconds.
pub const PART_BYTES: usize = 256 << 10;

/// If a window ends inside of an element, what stands before it is given as a part when that is so much, or
/// when the element is: else the caller is asked for more.
const SHORT_PART_BYTES: usize = PART_BYTES / 4;

/// What stands next in a file.
#[derive(Debug)]
pub enum Scanned<'a> {
    /// The first bytes: which version the file has.
    Version(FileVersion),
    /// A fact about the file. Unknown ones mean nothing.
    Aux {
        /// What it is called.
        name: Cow<'a, [u8]>,
        /// What it is.
        value: Cow<'a, [u8]>,
    },
    /// A library of functions.
    Function(Cow<'a, [u8]>),
    /// The keys that follow are in this database.
    SelectDb(u64),
    /// How many keys the database has, by hint.
    ResizeDb {
        /// All of them.
        keys: u64,
        /// Those with an expire.
        expires: u64,
    },
    /// How many keys the next slot has, by hint.
    SlotInfo {
        /// The slot.
        slot: u64,
        /// All of them.
        keys: u64,
        /// Those with an expire.
        expires: u64,
    },
    /// A template, for hashes that come later: they are given as ordinary ones.
    HashTemplate,
    /// Slots were being imported by a job of this name.
    SlotImport(Cow<'a, [u8]>),
    /// A key with its value, or with the first part of it.
    Key(ScannedKey<'a>),
    /// A further part of the last key's value.
    Part {
        /// The bytes.
        bytes: &'a [u8],
        /// Where they stand in the file.
        offset: u64,
        /// Nothing of the value comes behind it.
        is_last: bool,
    },
    /// The end, and what is to be thought of the checksum behind it.
    End(Checksum),
}

/// A key with its value, or with the first part of it.
#[derive(Clone, Copy, Debug)]
pub struct ScannedKey<'a> {
    /// Its database.
    pub db: u64,
    /// Its name.
    pub key: &'a [u8],
    /// When it expires, in milliseconds since 1970.
    pub expire_ms: Option<u64>,
    /// How it was used.
    pub usage: Usage,
    /// The form of the value.
    pub form: ValueType,
    /// The value's bytes. A hash of a template is given as an ordinary one: its bytes are not those of the
    /// file.
    pub value: &'a [u8],
    /// Where the value stands in the file.
    pub offset: u64,
    /// The bytes are the whole value. If not, parts follow.
    pub is_whole: bool,
}

/// What a file says of its own bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Checksum {
    /// The version has none.
    Absent,
    /// It was written without one (rdbchecksum no).
    Disabled,
    /// Nobody has asked for it to be checked.
    Unchecked,
    /// It is that of the bytes.
    Right,
    /// It is not.
    Wrong {
        /// What the file says.
        expected: u64,
        /// What its bytes have.
        found: u64,
    },
}

/// A file that is being gone through.
#[derive(Clone)]
pub struct Scanner {
    place: Place,
    db: u64,
    /// The key that is being read, or whose value is.
    key: Vec<u8>,
    has_key: bool,
    templates: Templates,
    /// The value of a hash of a template, made an ordinary one of.
    rewritten: Vec<u8>,
    /// How many bytes have been passed.
    offset: u64,
    crc: Crc64,
    checks: bool,
}

/// Where in a file something stands.
#[derive(Clone, Copy)]
enum Place {
    /// At its start.
    Magic,
    /// Before what a file of this version says next.
    Item(FileVersion),
    /// Inside of a value, of which this is left.
    Value(FileVersion, Walk),
    /// At its end.
    End,
}

/// What is said of a key before its type.
struct KeyHead {
    expire_ms: Option<u64>,
    usage: Usage,
    has_metadata: bool,
}

impl Scanner {
    /// The start of a file. `checks` says whether the checksum is taken (rdbchecksum).
    pub fn new(checks: bool) -> Scanner {
        Scanner {
            place: Place::Magic,
            db: 0,
            key: Vec::new(),
            has_key: false,
            templates: Templates::default(),
            rewritten: Vec::new(),
            offset: 0,
            crc: Crc64::default(),
            checks,
        }
    }

    /// How many bytes of the file have been passed.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The key at which an error has come up, if it was at a key.
    pub fn key(&self) -> Option<&[u8]> {
        self.has_key.then_some(&self.key)
    }

    /// What stands next. `window` begins behind what has been passed; the number given is how many bytes of
    /// it have been passed now.
    ///
    /// # Errors
    /// `Incomplete` when the window ends too early: it is to hold `needed` bytes, if the file has so many.
    /// Nothing has been passed then. After any other error, and behind the end, the scanner is good for
    /// nothing.
    pub fn next<'a>(&'a mut self, window: &'a [u8]) -> Result<(usize, Scanned<'a>), RdbError> {
        let mut source = Source::new(window, self.offset);
        let mut scanned = match self.place {
            Place::Magic => self.magic(&mut source)?,
            Place::Item(version) => {
                self.has_key = false;
                self.item(version, &mut source)?
            }
            Place::Value(version, walk) => self.part(version, walk, &mut source)?,
            Place::End => return Err(source.corrupt("nothing is read behind the end")),
        };
        let passed = source.position();
        self.offset += passed as u64;
        if self.checks {
            self.crc.update(&window[..passed]);
        }
        if let Scanned::Key(scanned) = &mut scanned {
            scanned.key = &self.key;
            if !self.rewritten.is_empty() {
                scanned.value = &self.rewritten;
            }
        }
        Ok((passed, scanned))
    }

    fn magic<'w>(&mut self, source: &mut Source<'w>) -> Result<Scanned<'w>, RdbError> {
        let start = *source;
        let magic = source.array::<MAGIC_LEN>()?;
        let refused = |what| RdbError::Refused { offset: start.offset(), what };
        let version = FileVersion::of_magic(&magic).map_err(refused)?;
        self.place = Place::Item(version);
        Ok(Scanned::Version(version))
    }

    fn item<'w>(&mut self, version: FileVersion, source: &mut Source<'w>) -> Result<Scanned<'w>, RdbError> {
        let mut head = KeyHead { expire_ms: None, usage: Usage::Unknown, has_metadata: false };
        loop {
            let start = *source;
            let refused = |what| Err(RdbError::Refused { offset: start.offset(), what });
            let number = source.byte()?;
            match (number, version.dialect) {
                (opcode::EXPIRE_MS, _) => head.expire_ms = expire(source.time_ms()?),
                (opcode::EXPIRE_SECONDS, _) => {
                    let seconds = i32::from_le_bytes(source.array()?);
                    head.expire_ms = expire(i64::from(seconds) * 1000);
                }
                (opcode::FREQUENCY, _) => head.usage = Usage::Frequency(source.byte()?),
                (opcode::IDLE, _) => head.usage = Usage::IdleSeconds(source.length()?),
                (opcode::KEY_METADATA, Dialect::Redis) => head.has_metadata |= key_metadata(source)?,
                (opcode::SLOT_IMPORT, Dialect::Valkey) => return slot_import(source),
                (opcode::HASH_TEMPLATE, Dialect::Redis) => {
                    self.templates.read(source)?;
                    return Ok(Scanned::HashTemplate);
                }
                (opcode::UPDATE, Dialect::Valkey) => {
                    return refused(Refused::ForeignOpcode { number, name: "commands between the keys" });
                }
                (opcode::AUX, _) => {
                    let (name, value) = (source.text()?, source.text()?);
                    return Ok(Scanned::Aux { name: name.into_bytes()?, value: value.into_bytes()? });
                }
                (opcode::FUNCTION_2, _) => return Ok(Scanned::Function(source.text()?.into_bytes()?)),
                (opcode::FUNCTION, _) => return refused(Refused::PreReleaseFunction),
                (opcode::MODULE_AUX, _) => {
                    return refused(Refused::ModuleAux(ModuleId(source.length()?)));
                }
                (opcode::SLOT_INFO, _) => {
                    let (slot, keys, expires) = (source.length()?, source.length()?, source.length()?);
                    return Ok(Scanned::SlotInfo { slot, keys, expires });
                }
                (opcode::RESIZE_DB, _) => {
                    let (keys, expires) = (source.length()?, source.length()?);
                    return Ok(Scanned::ResizeDb { keys, expires });
                }
                (opcode::SELECT_DB, _) => {
                    self.db = source.length()?;
                    return Ok(Scanned::SelectDb(self.db));
                }
                (opcode::EOF, _) => return self.end(version, source),
                _ => return self.key_with_value(version, head, number, source),
            }
        }
    }

    fn end<'w>(&mut self, version: FileVersion, source: &mut Source<'w>) -> Result<Scanned<'w>, RdbError> {
        let checked = source.passed();
        let checksum = if version.has_checksum() {
            let expected = u64::from_le_bytes(source.array()?);
            let mut crc = self.crc.clone();
            crc.update(checked);
            match (expected, crc.value()) {
                (0, _) => Checksum::Disabled,
                _ if !self.checks => Checksum::Unchecked,
                (expected, found) if expected == found => Checksum::Right,
                (expected, found) => Checksum::Wrong { expected, found },
            }
        } else {
            Checksum::Absent
        };
        self.place = Place::End;
        Ok(Scanned::End(checksum))
    }

    fn key_with_value<'w>(
        &mut self,
        version: FileVersion,
        head: KeyHead,
        number: u8,
        source: &mut Source<'w>,
    ) -> Result<Scanned<'w>, RdbError> {
        source.text()?.write_to(&mut self.key)?;
        self.has_key = true;
        let refused = |what| RdbError::Refused { offset: source.offset(), what };
        if head.has_metadata {
            return Err(refused(Refused::KeyMetadata));
        }
        if number == MODULE_2 {
            let id = ModuleId(source.length()?);
            return Err(RdbError::Refused { offset: source.offset(), what: Refused::Module(id) });
        }
        let offset = source.offset();
        if self.rewritten.capacity() > PART_BYTES {
            self.rewritten = Vec::new();
        }
        self.rewritten.clear();
        let (form, (value, walk)) = if template::is_form(number) && version.dialect == Dialect::Redis {
            self.templates.rewrite(number, source, &mut self.rewritten)?;
            (ValueType::Hash, (&[][..], None))
        } else {
            let form = ValueType::of(number, version.dialect).map_err(refused)?;
            (form, walked(Walk::new(form), source)?)
        };
        self.place = walk.map_or(Place::Item(version), |walk| Place::Value(version, walk));
        Ok(Scanned::Key(ScannedKey {
            db: self.db,
            key: &[],
            expire_ms: head.expire_ms,
            usage: head.usage,
            form,
            value,
            offset,
            is_whole: walk.is_none(),
        }))
    }

    fn part<'w>(
        &mut self,
        version: FileVersion,
        walk: Walk,
        source: &mut Source<'w>,
    ) -> Result<Scanned<'w>, RdbError> {
        let offset = source.offset();
        let (bytes, walk) = walked(walk, source)?;
        self.place = walk.map_or(Place::Item(version), |walk| Place::Value(version, walk));
        Ok(Scanned::Part { bytes, offset, is_last: walk.is_none() })
    }
}

/// Passes over a value to its end, or to the end of a part of it. Gives the bytes that were passed, and what
/// is left of the value if anything is.
fn walked<'w>(walk: Walk, source: &mut Source<'w>) -> Result<(&'w [u8], Option<Walk>), RdbError> {
    let start = *source;
    let (mut here, mut borders, mut border) = (walk, 0usize, start.position());
    while !here.is_at_end() {
        let len = source.position() - start.position();
        if len >= PART_BYTES && borders > 0 {
            return Ok((start.up_to(source), Some(here)));
        }
        match here.pass_item(source) {
            Ok(()) => {
                borders += 1;
                border = source.position();
            }
            Err(RdbError::Incomplete { needed }) => {
                let is_element_large = needed.saturating_sub(border as u64) > PART_BYTES as u64;
                if borders == 0 || (len < SHORT_PART_BYTES && !is_element_large) {
                    return Err(RdbError::Incomplete { needed });
                }
                // Once for each end of a window: cheaper than to remember every border.
                (*source, here) = (start, walk);
                for _ in 0..borders {
                    here.pass_item(source)?;
                }
                return Ok((start.up_to(source), Some(here)));
            }
            Err(error) => return Err(error),
        }
    }
    Ok((start.up_to(source), None))
}

/// A time as the format has it, where -1 is none. What lies before 1970 is over.
fn expire(at_ms: i64) -> Option<u64> {
    (at_ms != -1).then(|| u64::try_from(at_ms).unwrap_or(0))
}

/// Passes over what modules have attached to a key, and says whether it is anything.
fn key_metadata(source: &mut Source<'_>) -> Result<bool, RdbError> {
    let classes = source.length()?;
    for _ in 0..classes {
        source.take(4)?;
        loop {
            match source.length()? {
                0 => break,
                1 | 2 => _ = source.length()?,
                3 => _ = source.take(4)?,
                4 => _ = source.take(8)?,
                5 => _ = source.text()?,
                _ => return Err(source.corrupt("a module's value of an unknown kind")),
            }
        }
    }
    Ok(classes > 0)
}

fn slot_import<'w>(source: &mut Source<'w>) -> Result<Scanned<'w>, RdbError> {
    let job = source.text()?;
    for _ in 0..source.length()? {
        source.length()?;
        source.length()?;
    }
    Ok(Scanned::SlotImport(job.into_bytes()?))
}
