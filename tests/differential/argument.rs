//! Argument generators: what a row of the table is made of, and how a command is drawn from it. This file
//! must not know any command.
//!
//! Two rules keep every stream deterministic on both servers: no TTL ends during a run (see [`Arg::Ttl`]),
//! and no argument makes a server allocate more than some tens of kilobytes (see [`ODD`]).

use std::collections::HashSet;

use fastrand::Rng;

use crate::rows::ROWS;

/// A command and the arguments that it takes.
#[derive(Debug)]
pub(crate) struct Row {
    /// The command's name.
    pub(crate) name: &'static str,
    /// How often it is drawn, relative to the other rows.
    pub(crate) weight: u32,
    /// What follows the name.
    pub(crate) args: &'static [Arg],
}

/// A generator of one argument, or of several.
#[derive(Debug)]
pub(crate) enum Arg {
    /// A key, now and then one that holds some tens of kilobytes.
    Key,
    /// A key whose value stays small, for commands that take quadratic time or copy values.
    SmallKey,
    /// A key that may hold tens of kilobytes.
    BigKey,
    /// A string that fits in a line.
    Value,
    /// A string of tens of kilobytes.
    BigValue,
    /// An integer, at times at the edge of 64 bits or beyond.
    Integer,
    /// A floating point number in any form, at times beyond all bounds.
    Float,
    /// An index into a string, from its start or its end.
    Index,
    /// A byte offset that makes a string longer.
    ByteOffset,
    /// A bit offset that makes a string longer.
    BitOffset,
    /// 0 or 1, seldom something else.
    Bit,
    /// The name of a field of a hash: few, so that commands meet.
    Field,
    /// A type of a bit field.
    FieldType,
    /// An offset of a bit field.
    FieldOffset,
    /// The number of a database.
    Database,
    /// A time to live: so long that it does not end during the run, or already over, or not possible. No two
    /// long ones of a stream are near each other, because whether GT and LT see equal times depends on the
    /// millisecond.
    Ttl(Unit),
    /// A fixed word, in upper, lower or mixed case.
    Word(&'static str),
    /// One of these sequences.
    OneOf(&'static [&'static [Arg]]),
    /// None, one or more of these sequences, in any order.
    Options(&'static [&'static [Arg]]),
    /// The sequence, repeated from the first to the second number of times.
    Times(usize, usize, &'static [Arg]),
    /// A whole command of another row.
    Command,
}

/// What a time to live is counted in, and from when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// Seconds from now.
    Seconds,
    /// Milliseconds from now.
    Millis,
    /// Seconds since 1970.
    UnixSeconds,
    /// Milliseconds since 1970.
    UnixMillis,
}

/// Few, so that commands meet; with hash tags, so that some of them share a slot and most do not.
pub(crate) const SMALL_KEYS: &[&[u8]] = &[
    b"a",
    b"b",
    b"c",
    b"d",
    b"{a}1",
    b"{a}2",
    b"x{b}y",
    b"{}a",
    b"{a",
    b"foo{bar}{zap}",
    b"",
    b"a key",
    b"\x00\xff\r\n",
    b"A",
    b"long-key-0123456789-0123456789-0123456789-0123456789-0123456789",
];
pub(crate) const BIG_KEYS: &[&[u8]] = &[b"big", b"{big}2"];

/// The last one is longer than a packed hash holds.
const FIELDS: &[&[u8]] = &[
    b"a",
    b"b",
    b"1",
    b"-7",
    b"field:1",
    b"field:2",
    b"",
    b"field-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789",
];

/// Arguments that fit nowhere. No whole number between 1 and 2^32 is among them: as a TTL it could end during
/// the run, as an offset it could make a string of megabytes.
pub(crate) const ODD: &[&[u8]] = &[
    b"", b" ", b"0", b"-0", b"-1", b"+1", b"01", b" 1", b"1 ", b"0x10", b"1.5", b"1e3", b"abc", b"NX", b"nan", b"inf",
    b"-inf", b"4294967296", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808",
    b"-9223372036854775809", b"18446744073709551616", b"\x00", b"\r\n", b"\xff\xfe", b"#", b"#-1", b"u64", b"{", b"*",
    b"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901\
      2345678901234567890123456789",
];

/// Long times to live start here, in seconds, and are a multiple of it: far from the end of any run and from
/// each other.
const TTL_SECONDS_STEP: u64 = 1_000;
const TTL_STEPS_MAX: u64 = 100_000;
/// The year 2096: absolute times lie after it, so that they do not depend on the day of the run.
const UNIX_SECONDS_BASE: u64 = 4_000_000_000;
/// One command of so many is spoilt.
const SPOILT_ONE_OF: u32 = 16;

/// Commands that take or refuse other arguments since Redis 7.2; the server beside us may be older. Such a
/// one is not spoilt. (Redis 7.0 obeys the options of HELLO one by one until it meets a wrong one; 7.2 looks
/// at all of them first.) Nor is PFMERGE: without a source it has no keys for Redis's COMMAND GETKEYS, not
/// even the destination. XADD is not spoilt either, because a `*` would make it use the clock, and of what
/// blocks none, because it could wait for ever.
const NEWER: &[&[u8]] = &[
    b"BLMOVE",
    b"BLMPOP",
    b"BLPOP",
    b"BRPOP",
    b"BRPOPLPUSH",
    b"BZMPOP",
    b"BZPOPMAX",
    b"BZPOPMIN",
    b"HELLO",
    b"LPOS",
    b"PFMERGE",
    b"XADD",
    b"XREAD",
    b"XREADGROUP",
    b"ZRANK",
    b"ZREVRANK",
];

/// Draws the arguments of one command.
pub(crate) struct Generator<'a> {
    rng: &'a mut Rng,
    ttls_used: &'a mut HashSet<u64>,
    /// A key with a time that is over must be one that DBSIZE sweeps, so such a command is not spoilt.
    has_past_time: bool,
    is_nested: bool,
}

impl<'a> Generator<'a> {
    pub(crate) fn new(rng: &'a mut Rng, ttls_used: &'a mut HashSet<u64>) -> Generator<'a> {
        Generator { rng, ttls_used, has_past_time: false, is_nested: false }
    }

    /// A command of this row, now and then with an argument too many, too few or of the wrong kind.
    pub(crate) fn command(&mut self, row: &Row) -> Vec<Vec<u8>> {
        let mut out = vec![self.cased(row.name)];
        self.sequence(row.args, &mut out);
        let is_new = |word: &Vec<u8>| NEWER.iter().any(|name| word.eq_ignore_ascii_case(name));
        if self.one_of(SPOILT_ONE_OF) && !self.has_past_time && !out.iter().take(3).any(is_new) {
            // Without its name the rest of a command is another one, which only one of the servers may have.
            let first = if row.name == "COMMAND" { 3.min(out.len()) } else { 1 };
            self.spoil(&mut out, first);
        }
        out
    }

    fn spoil(&mut self, args: &mut Vec<Vec<u8>>, first: usize) {
        let odd = self.choose(ODD).to_vec();
        let place = self.rng.usize(first..=args.len());
        match self.rng.u8(..4) {
            0 => args.push(odd),
            1 => args.insert(place, odd),
            2 if place < args.len() => args[place] = odd,
            _ if place < args.len() => drop(args.remove(place)),
            _ => drop(args.drain(first..)),
        }
    }

    fn sequence(&mut self, args: &[Arg], out: &mut Vec<Vec<u8>>) {
        for arg in args {
            self.argument(arg, out);
        }
    }

    fn argument(&mut self, arg: &Arg, out: &mut Vec<Vec<u8>>) {
        let one = match arg {
            Arg::Key if self.one_of(30) => self.choose(BIG_KEYS).to_vec(),
            Arg::Key | Arg::SmallKey => self.small_key(),
            Arg::BigKey => self.choose(BIG_KEYS).to_vec(),
            Arg::Value => self.value(),
            Arg::BigValue => self.big_value(),
            Arg::Integer => self.integer(),
            Arg::Float => self.float(),
            Arg::Index => self.index(),
            Arg::ByteOffset => self.offset(300, 536_870_912),
            Arg::BitOffset => self.offset(2_000, 4_294_967_296),
            Arg::Bit if self.one_of(20) => self.choose(&[&b"2"[..], b"-1", b"x", b""]).to_vec(),
            Arg::Bit => digits(self.rng.u8(..2)),
            Arg::Field if self.one_of(8) => self.value(),
            Arg::Field => self.choose(FIELDS).to_vec(),
            Arg::FieldType => self.field_type(),
            Arg::FieldOffset => self.field_offset(),
            Arg::Database => self.database(),
            Arg::Ttl(unit) => self.ttl(*unit),
            Arg::Word(word) => self.cased(word),
            Arg::OneOf(sequences) => {
                let sequence = self.rng.choice(*sequences).expect("a row offers something");
                return self.sequence(sequence, out);
            }
            Arg::Options(sequences) => return self.options(sequences, out),
            Arg::Times(min, max, sequence) => {
                let times = self.rng.usize(*min..=*max);
                return (0..times).for_each(|_| self.sequence(sequence, out));
            }
            Arg::Command => return self.nested_command(out),
        };
        out.push(one);
    }

    fn options(&mut self, sequences: &[&[Arg]], out: &mut Vec<Vec<u8>>) {
        let count = [0, 0, 0, 0, 1, 1, 1, 2, 2, 3][self.rng.usize(..10)];
        for _ in 0..count {
            let sequence = self.rng.choice(sequences).expect("a row offers something");
            self.sequence(sequence, out);
        }
    }

    /// A command as an argument. It is never one that takes a command itself.
    fn nested_command(&mut self, out: &mut Vec<Vec<u8>>) {
        if self.is_nested {
            return out.push(b"GET".to_vec());
        }
        let row = self.rng.choice(ROWS).expect("there are rows");
        self.is_nested = true;
        out.extend(self.command(row));
        self.is_nested = false;
    }

    fn cased(&mut self, word: &str) -> Vec<u8> {
        match self.rng.u8(..8) {
            0 => word.to_ascii_lowercase().into_bytes(),
            1 => word
                .bytes()
                .map(|byte| if self.rng.bool() { byte.to_ascii_lowercase() } else { byte })
                .collect(),
            _ => word.as_bytes().to_vec(),
        }
    }

    /// Mostly one of four keys in three slots, so that commands of several keys meet.
    fn small_key(&mut self) -> Vec<u8> {
        let keys = if self.rng.bool() { &SMALL_KEYS[1..5] } else { SMALL_KEYS };
        self.choose(keys).to_vec()
    }

    fn value(&mut self) -> Vec<u8> {
        match self.rng.u8(..12) {
            0..=2 => self.integer(),
            3..=4 => self.float(),
            5..=8 => self.text(b"abcd", 24),
            9 => self.text(b"ab \xff\x00\n", 60),
            10 => {
                // 44 bytes is the longest value that Redis embeds in its object.
                let len = self.rng.usize(42..=47);
                vec![b'e'; len]
            }
            _ => self.choose(ODD).to_vec(),
        }
    }

    fn text(&mut self, letters: &[u8], len_max: usize) -> Vec<u8> {
        let len = self.rng.usize(..=len_max);
        (0..len).map(|_| *self.rng.choice(letters).expect("there are letters")).collect()
    }

    fn big_value(&mut self) -> Vec<u8> {
        let len = self.choose(&[16_383, 16_384, 32_767, 32_768, 32_769, 65_536, 70_001]);
        let byte = self.rng.u8(..);
        vec![byte; len]
    }

    fn integer(&mut self) -> Vec<u8> {
        match self.rng.u8(..10) {
            0..=6 => digits(self.rng.i32(-20..200)),
            7 => digits(self.rng.i64(..)),
            8 => {
                let near = self.choose(&[i64::MAX, i64::MIN, 1 << 32, -(1 << 31), 9_999, 10_000]);
                digits(near.saturating_add(self.rng.i64(-2..=2)))
            }
            _ => self.choose(ODD).to_vec(),
        }
    }

    fn float(&mut self) -> Vec<u8> {
        let sign = self.choose(&["", "", "", "-", "-", "+"]);
        match self.rng.u8(..12) {
            0..=3 => digits(format!("{sign}{}.{}", self.rng.u32(..1_000), self.digits_len(1, 6))),
            4..=5 => digits(format!("{sign}{}.{}", self.digits_len(1, 18), self.digits_len(1, 22))),
            6 => digits(format!("{sign}{}e{}", self.digits_len(1, 18), self.rng.i32(-25..25))),
            7 => digits(format!("{sign}.{}E{}", self.digits_len(1, 18), self.rng.i32(-300..300))),
            8 => digits(format!("{}", self.rng.f64() * 1e6)),
            9 => digits(format!("{sign}{}.0", self.rng.u32(..50))),
            10 => self.choose(FLOATS).to_vec(),
            _ => self.integer(),
        }
    }

    fn digits_len(&mut self, min: usize, max: usize) -> String {
        let len = self.rng.usize(min..=max);
        (0..len).map(|_| self.rng.digit(10)).collect()
    }

    fn index(&mut self) -> Vec<u8> {
        match self.rng.u8(..10) {
            0..=7 => digits(self.rng.i32(-40..60)),
            8 => digits(self.rng.i64(..)),
            _ => self.choose(ODD).to_vec(),
        }
    }

    /// Below `below`, mostly far below, or so large that it is refused.
    fn offset(&mut self, below: u32, refused_from: i64) -> Vec<u8> {
        match self.rng.u8(..16) {
            0..=10 => digits(self.rng.u32(..below / 8)),
            11..=13 => digits(self.rng.u32(..below)),
            14 => digits(self.choose(&[refused_from, refused_from + 1, i64::MAX - 1, i64::MAX, -1])),
            _ => self.choose(ODD).to_vec(),
        }
    }

    fn field_type(&mut self) -> Vec<u8> {
        match self.rng.u8(..12) {
            0 => self.choose(&[&b"u64"[..], b"i65", b"u0", b"i0", b"x8", b"u", b"i08", b"U8", b""]).to_vec(),
            1..=6 => self.choose(&[&b"u8"[..], b"i8", b"u1", b"i1", b"u63", b"i64", b"u4", b"i16"]).to_vec(),
            _ if self.rng.bool() => digits(format!("u{}", self.rng.u8(1..64))),
            _ => digits(format!("i{}", self.rng.u8(1..=64))),
        }
    }

    fn field_offset(&mut self) -> Vec<u8> {
        match self.rng.u8(..20) {
            0 => self.choose(&[&b"#"[..], b"##1", b"-1", b"#-1", b"4294967295x", b"#4294967296"]).to_vec(),
            1..=6 => digits(format!("#{}", self.rng.u8(..12))),
            _ => digits(self.rng.u16(..200)),
        }
    }

    fn database(&mut self) -> Vec<u8> {
        match self.rng.u8(..20) {
            0..=11 => b"0".to_vec(),
            12..=15 => b"1".to_vec(),
            16..=18 => digits(self.rng.u8(..17)),
            _ => self.choose(ODD).to_vec(),
        }
    }

    fn ttl(&mut self, unit: Unit) -> Vec<u8> {
        let is_absolute = matches!(unit, Unit::UnixSeconds | Unit::UnixMillis);
        match self.rng.u8(..20) {
            0 => self.unused_ttl(ODD, unit),
            1 => self.unused_ttl(TTLS_AT_THE_EDGE, unit),
            2 if is_absolute => {
                self.has_past_time = true;
                self.choose(&[&b"1"[..], b"1000", b"1000000000"]).to_vec()
            }
            2 => digits(self.rng.i32(-100_000..=0)),
            _ => {
                let from = if is_absolute { UNIX_SECONDS_BASE } else { 0 };
                let seconds = from + self.ttl_seconds_unused();
                let is_seconds = matches!(unit, Unit::Seconds | Unit::UnixSeconds);
                digits(if is_seconds { seconds } else { seconds * 1_000 })
            }
        }
    }

    /// One of these, or another text that is no possible time when it or one near it was drawn before.
    fn unused_ttl(&mut self, from: &[&[u8]], unit: Unit) -> Vec<u8> {
        let text = self.choose(from);
        let number: Option<u64> = str::from_utf8(text).ok().and_then(|text| text.parse().ok());
        let is_seconds = matches!(unit, Unit::Seconds | Unit::UnixSeconds);
        let Some(millis) = number.map(|number| number.saturating_mul(if is_seconds { 1_000 } else { 1 }))
        else {
            return text.to_vec();
        };
        self.has_past_time |= unit == Unit::UnixMillis && (1..UNIX_SECONDS_BASE * 1_000).contains(&millis);
        if millis > 0 && !self.ttls_used.insert(millis / (TTL_SECONDS_STEP * 1_000)) {
            return b"9223372036854775808".to_vec();
        }
        text.to_vec()
    }

    fn ttl_seconds_unused(&mut self) -> u64 {
        loop {
            let steps = self.rng.u64(1..=TTL_STEPS_MAX);
            if self.ttls_used.insert(steps) {
                return steps * TTL_SECONDS_STEP;
            }
        }
    }

    fn one_of(&mut self, count: u32) -> bool {
        self.rng.u32(..count) == 0
    }

    fn choose<T: Copy>(&mut self, from: &[T]) -> T {
        *self.rng.choice(from).expect("there is something to choose from")
    }
}

/// Forms that strtold takes or just does not take, and the ends of the long double's range.
const FLOATS: &[&[u8]] = &[
    b"0x1p3",
    b"0X1.8P-2",
    b"infinity",
    b"-Infinity",
    b"nan",
    b"NAN(1)",
    b"1e400",
    b"-1e400",
    b"1e4932",
    b"1e5000",
    b"1e-4950",
    b"1e-5000",
    b".",
    b"-",
    b"1.",
    b".5",
    b"1..2",
    b"1e",
    b"1e+",
    b"5e-18",
    b"1.5 ",
    b" 1.5",
    b"1_000",
    b"1,5",
    b"17976931348623157e292",
    b"0.00000000000000001",
    b"99999999999999999999999999999999999999",
    b"9007199254740993",
    b"1.00000000000000000001",
    b"0.1",
    b"0.2",
    b"0.3",
    b"1e19",
    b"3.0e3",
];

/// Around the largest number of milliseconds, and of seconds that can be written in milliseconds.
const TTLS_AT_THE_EDGE: &[&[u8]] = &[
    b"9223372036854775807",
    b"9223372036854775",
    b"9223372036854776",
    b"9223370000000000000",
    b"9223370000000000",
    b"-9223372036854775808",
    b"-9223372036854776",
    b"-9223372036854775",
];

fn digits(number: impl ToString) -> Vec<u8> {
    number.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_long_times_of_a_stream_are_equal_or_near() {
        let (mut rng, mut ttls_used) = (Rng::with_seed(5), HashSet::new());
        let mut generator = Generator::new(&mut rng, &mut ttls_used);
        let mut drawn: Vec<u64> = (0..20_000)
            .filter_map(|_| {
                let ttl = str::from_utf8(&generator.ttl(Unit::Millis)).ok()?.parse::<u64>().ok()?;
                // More milliseconds from now on are too many.
                Some(ttl).filter(|ttl| (1..=i64::MAX as u64 - 2_000_000_000_000).contains(ttl))
            })
            .collect();
        drawn.sort_unstable();
        assert!(drawn.len() > 15_000 && drawn.contains(&9223370000000000000));
        assert!(drawn.windows(2).all(|pair| pair[1] - pair[0] >= 30_000), "{drawn:?}");
    }

    #[test]
    fn no_odd_argument_is_a_short_ttl_or_a_large_offset() {
        for odd in ODD {
            let number: Option<u64> = str::from_utf8(odd).ok().and_then(|text| text.parse().ok());
            // Redis takes no leading zero or plus sign, Rust does.
            let strict = number.filter(|number| number.to_string().as_bytes() == *odd);
            assert!(!strict.is_some_and(|number| (1..1 << 32).contains(&number)), "{}", odd.escape_ascii());
        }
    }
}
