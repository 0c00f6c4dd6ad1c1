//! SORT and SORT_RO: the elements of a list, a set or a sorted set in the order of numbers or of texts, their
//! own or those of other keys.
//!
//! Elements are copied out first, so that any key may be looked at afterwards, the sorted one included. Where
//! BY and GET name keys, all slots of the node are at hand ([`crate::command::CommandSpec::reads_any_key`]):
//! the command is atomic whatever shards they lie on. The rows are in `rows.rs`.

mod options;
pub(super) mod rows;

use std::cmp::Ordering;
use std::ops::Range;

use self::options::{Options, Order, Pattern};
use crate::args::{Args, OwnedArgs};
use crate::ctx::Ctx;
use crate::encoding::intset::Intset;
use crate::encoding::listpack::{Listpack, Value as Text};
use crate::encoding::sorted_pack::SortedPack;
use crate::entry::{Packing, Value};
use crate::error::CommandError;
use crate::event;
use crate::key::Key;
use crate::keyspace::Keyspace;
use crate::num;
use crate::object::{DataType, Object};
use crate::values::hash;
use crate::values::list;

type Done = Result<(), CommandError>;

/// `SORT key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC | DESC] [ALPHA] [STORE destination]`
pub(crate) fn sort(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    run(ctx, args, &Options::parse(args, true)?)
}

/// `SORT_RO key [BY pattern] [LIMIT offset count] [GET pattern ...] [ASC | DESC] [ALPHA]`
pub(crate) fn sort_ro(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    run(ctx, args, &Options::parse(args, false)?)
}

fn run(ctx: &mut Ctx<'_>, args: Args<'_>, options: &Options<'_>) -> Done {
    let key = ctx.key(args, 1);
    let elements = Elements::sorted(&mut ctx.keys, &key, options)?;
    let len = elements.items.len() * options.get.len().max(1);
    let mut show = Show { elements: &elements, get: &options.get, name: Vec::new() };
    if let Some(index) = options.store {
        let mut list = OwnedArgs::with_capacity(len, elements.text.len());
        show.each(&mut ctx.keys, |text| list.push(text.unwrap_or_default()));
        let destination = ctx.key(args, index);
        store(ctx, &destination, list.as_args());
        ctx.reply.len_int(len);
        return Ok(());
    }
    let reply = &mut *ctx.reply;
    reply.array(len);
    show.each(&mut ctx.keys, |text| match text {
        Some(text) => reply.bulk(text),
        None => reply.null(),
    });
    Ok(())
}

/// Puts a list in the place of whatever the destination holds. An empty one leaves no key.
fn store(ctx: &mut Ctx<'_>, key: &Key<'_>, list: Args<'_>) {
    if list.len() > 0 {
        list::replace(&mut ctx.keys, key, list);
        ctx.keys.changed(key, event::SORTSTORE);
    } else if ctx.keys.delete(key, ctx.keys.freeing_by_server()) {
        ctx.keys.changed(key, event::DEL);
    } else {
        return;
    }
    ctx.keys.effect([&b"DEL"[..], key.bytes]);
    if list.len() > 0 {
        ctx.keys.effect([&b"RPUSH"[..], key.bytes].into_iter().chain(list.iter_from(0)));
    }
}

/// An element out of its collection.
#[derive(Clone, Copy)]
enum Element {
    Int(i64),
    /// Where its text begins and how long it is.
    Text(usize, usize),
}

/// Elements with their texts.
#[derive(Default)]
struct Elements {
    text: Vec<u8>,
    items: Vec<Element>,
}

impl Elements {
    /// The elements of a key that are wanted, in the order that is wanted; none when there is no such key.
    fn sorted(
        keys: &mut Keyspace<'_>,
        key: &Key<'_>,
        options: &Options<'_>,
    ) -> Result<Elements, CommandError> {
        let mut elements = Elements::default();
        let Some(entry) = keys.read(key) else { return Ok(elements) };
        let (value, is_set) = (entry.value(), entry.data_type() == DataType::Set);
        let len = len_of(value).ok_or(CommandError::WrongType)?;
        // The members of a set have no order of their own that could be stored.
        let is_made_up = is_set && !options.sorts && options.store.is_some();
        let order = if is_made_up { Order { by: None, alpha: true, ..options.order } } else { options.order };
        let range = options.range(len);
        if options.sorts || is_set {
            elements.load(value, 0..len);
        } else if order.descending {
            elements.load(value, len - range.end..len - range.start);
            elements.items.reverse();
            return Ok(elements);
        } else {
            elements.load(value, range);
            return Ok(elements);
        }
        if options.sorts || is_made_up {
            match (order.alpha, order.by) {
                (false, _) => elements.sort_by_number(keys, order)?,
                (true, None) => elements.sort_by_text(order.descending),
                (true, Some(pattern)) => elements.sort_by_other_text(keys, pattern, is_set, order.descending),
            }
        }
        elements.items.truncate(range.end);
        elements.items.drain(..range.start);
        Ok(elements)
    }

    /// Copies the elements of these indices, all of a set.
    fn load(&mut self, value: Value<'_>, range: Range<usize>) {
        self.items.reserve_exact(range.len());
        let push = |text: Text<'_>| self.push(text);
        match value {
            Value::Packed(Packing::List, bytes) => {
                let list = Listpack::new(bytes);
                let start = list.position(range.start as i64).unwrap_or(list.end());
                list.iter_from(start).take(range.len()).for_each(push);
            }
            Value::Packed(Packing::Ints, bytes) => Intset::new(bytes).iter().map(Text::Int).for_each(push),
            Value::Packed(Packing::Set, bytes) => Listpack::new(bytes).iter().for_each(push),
            Value::Packed(Packing::SortedSet, bytes) => {
                SortedPack::new(bytes).items_of(range).map(|(member, _)| member).for_each(push);
            }
            Value::Object(Object::List(list)) => list.range(range.start, range.len(), push),
            Value::Object(Object::Set(members)) => members.iter().map(Text::Str).for_each(push),
            Value::Object(Object::SortedSet(set)) => {
                set.items(range).map(|item| Text::Str(item.member)).for_each(push);
            }
            _ => {}
        }
    }

    fn push(&mut self, text: Text<'_>) {
        let element = match text {
            Text::Int(int) => Element::Int(int),
            Text::Str(bytes) => {
                let start = self.text.len();
                self.text.extend_from_slice(bytes);
                Element::Text(start, bytes.len())
            }
        };
        self.items.push(element);
    }

    /// Equal numbers are in the order of the elements' texts.
    fn sort_by_number(&mut self, keys: &mut Keyspace<'_>, order: Order<'_>) -> Done {
        let mut weighed = Vec::with_capacity(self.items.len());
        let mut name = Vec::new();
        for &element in &self.items {
            let weight = match (order.by, element) {
                (None, Element::Int(int)) => Some(int as f64),
                (None, Element::Text(..)) => weight_of(bytes(&self.text, element, &mut itoa::Buffer::new())),
                // What has no weight weighs nothing.
                (Some(pattern), _) => {
                    let text = &mut itoa::Buffer::new();
                    let element = bytes(&self.text, element, text);
                    look_up(keys, pattern, element, &mut name, weight_of).unwrap_or(Some(0.0))
                }
            };
            let weight = weight.ok_or(CommandError::other(NOT_NUMBERS))?;
            weighed.push((weight, element));
        }
        let text = &self.text;
        weighed.sort_unstable_by(|(weight, element), (other_weight, other)| {
            let by_weight = weight.partial_cmp(other_weight).unwrap_or(Ordering::Equal);
            by_weight.then_with(|| compare(text, *element, *other))
        });
        self.items.clear();
        self.items.extend(weighed.iter().map(|(_, element)| *element));
        if order.descending {
            self.items.reverse();
        }
        Ok(())
    }

    fn sort_by_text(&mut self, descending: bool) {
        // Texts are compared often, and made once.
        for element in &mut self.items {
            if let Element::Int(int) = *element {
                let start = self.text.len();
                num::write_i64(&mut self.text, int);
                *element = Element::Text(start, self.text.len() - start);
            }
        }
        let text = &self.text;
        self.items.sort_unstable_by(|element, other| compare(text, *element, *other));
        if descending {
            self.items.reverse();
        }
    }

    /// What has no such text comes first. Equal ones stay as they came, members of a set, which come in no
    /// order, by their own texts.
    fn sort_by_other_text(
        &mut self,
        keys: &mut Keyspace<'_>,
        pattern: Pattern<'_>,
        is_set: bool,
        descending: bool,
    ) {
        let (mut weights, mut name) = (Vec::new(), Vec::new());
        let weigh = |&element: &Element| {
            let text = &mut itoa::Buffer::new();
            let weight = look_up(keys, pattern, bytes(&self.text, element, text), &mut name, |weight| {
                let start = weights.len();
                weights.extend_from_slice(weight);
                start..weights.len()
            });
            (weight, element)
        };
        let mut weighed: Vec<_> = self.items.iter().map(weigh).collect();
        let text = &self.text;
        weighed.sort_by(|(weight, element), (other_weight, other)| {
            let [weight, other_weight] =
                [weight, other_weight].map(|range| range.clone().map(|range| &weights[range]));
            let by_weight = weight.cmp(&other_weight);
            let ordering = by_weight
                .then_with(|| if is_set { compare(text, *element, *other) } else { Ordering::Equal });
            if descending { ordering.reverse() } else { ordering }
        });
        self.items.clear();
        self.items.extend(weighed.iter().map(|(_, element)| *element));
    }
}

const NOT_NUMBERS: &str = "ERR One or more scores can't be converted into double";

/// The number of elements; `None` for what cannot be sorted.
fn len_of(value: Value<'_>) -> Option<usize> {
    match value {
        Value::Packed(Packing::List | Packing::Set, bytes) => Some(Listpack::new(bytes).len()),
        Value::Packed(Packing::Ints, bytes) => Some(Intset::new(bytes).len()),
        Value::Packed(Packing::SortedSet, bytes) => Some(SortedPack::new(bytes).len()),
        Value::Object(Object::List(list)) => Some(list.len()),
        Value::Object(Object::Set(members)) => Some(members.len()),
        Value::Object(Object::SortedSet(set)) => Some(set.len()),
        _ => None,
    }
}

/// The text of an element, that of an integer in `buffer`.
#[inline]
fn bytes<'t>(text: &'t [u8], element: Element, buffer: &'t mut itoa::Buffer) -> &'t [u8] {
    match element {
        Element::Int(int) => buffer.format(int).as_bytes(),
        Element::Text(start, len) => &text[start..start + len],
    }
}

fn compare(text: &[u8], element: Element, other: Element) -> Ordering {
    let (buffer, other_buffer) = (&mut itoa::Buffer::new(), &mut itoa::Buffer::new());
    bytes(text, element, buffer).cmp(bytes(text, other, other_buffer))
}

/// A text as a number (Redis: C's `strtod`): blanks before it are allowed, what follows a zero byte does not
/// count, nothing is 0, and what cannot be told apart from infinity or from 0 is no number.
fn weight_of(text: &[u8]) -> Option<f64> {
    let text = &text[..memchr::memchr(0, text).unwrap_or(text.len())];
    if text.is_empty() {
        return Some(0.0);
    }
    let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t'..=b'\r');
    let start = text.iter().take_while(|byte| is_blank(byte)).count();
    num::parse_f64_unless_inexact(&text[start..])
}

/// What `take` makes of the value that a pattern stands for; `None` when there is none or it is of another
/// type. `name` is memory to work in.
fn look_up<R>(
    keys: &mut Keyspace<'_>,
    pattern: Pattern<'_>,
    element: &[u8],
    name: &mut Vec<u8>,
    take: impl FnOnce(&[u8]) -> R,
) -> Option<R> {
    let (before, behind, field) = match pattern {
        Pattern::Element => return Some(take(element)),
        Pattern::Nothing => return None,
        Pattern::Key { before, behind, field } => (before, behind, field),
    };
    name.clear();
    [before, element, behind].into_iter().for_each(|part| name.extend_from_slice(part));
    let key = keys.key(name);
    let Some(field) = field else {
        let value = keys.read_string(&key).ok()??;
        return Some(take(value.bytes(&mut itoa::Buffer::new())));
    };
    let hash_of = keys.hash_of();
    let found = hash::read(keys, &key, |hash| {
        let value = hash.get(field, hash_of)?;
        Some(take(value.bytes(&mut itoa::Buffer::new())))
    });
    found.ok()??
}

/// What is shown of sorted elements.
struct Show<'a> {
    elements: &'a Elements,
    get: &'a [Pattern<'a>],
    name: Vec<u8>,
}

impl Show<'_> {
    /// The elements, or in the place of each what GET makes of it, which may be nothing.
    fn each(&mut self, keys: &mut Keyspace<'_>, mut show: impl FnMut(Option<&[u8]>)) {
        for &element in &self.elements.items {
            let text = &mut itoa::Buffer::new();
            let element = bytes(&self.elements.text, element, text);
            if self.get.is_empty() {
                show(Some(element));
            }
            for &pattern in self.get {
                if look_up(keys, pattern, element, &mut self.name, |value| show(Some(value))).is_none() {
                    show(None);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::args::OwnedArgs;
    use crate::effects::Effect;
    use crate::random::Random;
    use crate::slot::ShardId;
    use crate::testing::node::{Node, Request};
    use crate::testing::{Sandbox, check, lookup, on_the_wire};

    const NOT_NUMBERS: &str = "-ERR One or more scores can't be converted into double";
    const SYNTAX: &str = "-ERR syntax error";
    const WRONG_TYPE: &str = "-WRONGTYPE Operation against a key holding the wrong kind of value";

    #[test]
    fn numbers_are_sorted_as_numbers_and_texts_by_bytes() {
        check(
            "RPUSH l 3 1 2 10 1 | SORT l | SORT l desc | SORT l ALPHA | SORT l ALPHA DESC \
                | SORT l DESC ASC | LRANGE l 0 -1",
            ":5 | [1 1 2 3 10] | [10 3 2 1 1] | [1 1 10 2 3] | [3 2 10 1 1] | [1 1 2 3 10] | [3 1 2 10 1]",
        );
        check(
            "RPUSH l infinity +1 .5 5. 0x1p3 0x.8 -0 0 \" 2\" -inf \"\" | SORT l",
            ":11 | [\"-inf\" \"\" \"-0\" 0 .5 0x.8 \"+1\" \" 2\" 5. 0x1p3 infinity]",
        );
        check(
            "SADD s 3 -1 2 | SORT s | SADD s 1.5 | SORT s DESC | ZADD z 1 30 2 20 3 100 | SORT z \
                | SORT z ALPHA",
            ":3 | [\"-1\" 2 3] | :1 | [3 2 1.5 \"-1\"] | :3 | [20 30 100] | [100 20 30]",
        );
        check(
            "SORT nosuch | SORT nosuch BY w_* GET # LIMIT 0 1 | RPUSH l \"\" | SORT l",
            "[] | [] | :1 | [\"\"]",
        );
    }

    #[test]
    fn equal_numbers_are_in_the_order_of_their_texts() {
        check("RPUSH l 1.0 01 1 +1 | SORT l | SORT l DESC", ":4 | [\"+1\" 01 1 1.0] | [1.0 1 01 \"+1\"]");
        check("RPUSH l b a b a | SORT l BY no_* | SORT l BY no_* DESC", ":4 | [a a b b] | [b b a a]");
        check(
            "RPUSH l 9007199254740993 9007199254740992 9007199254740991 | SORT l",
            ":3 | [9007199254740991 9007199254740992 9007199254740993]",
        );
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["x", "1x", "\"1 \"", "nan", "1e400", "1e-400", "1e-320", "1e", "0x", "\" \""] {
            check(
                &format!("RPUSH l 1 {text} | SORT l | SORT l STORE d | EXISTS d"),
                &format!(":2 | {NOT_NUMBERS} | {NOT_NUMBERS} | :0"),
            );
            check(
                &format!("RPUSH l a | SET w_a {text} | SORT l BY w_*"),
                &format!(":1 | OK | {NOT_NUMBERS}"),
            );
        }
    }

    #[test]
    fn a_limit_cuts_what_is_sorted() {
        check(
            "RPUSH l 3 1 2 10 1 | SORT l LIMIT 1 2 | SORT l LIMIT -1 2 | SORT l LIMIT 1 -1 \
                | SORT l LIMIT 10 1 | SORT l LIMIT 0 0 \
                | SORT l LIMIT 9223372036854775807 9223372036854775807 | SORT l LIMIT 3 9223372036854775807",
            ":5 | [1 2] | [1 1] | [1 2 3 10] | [] | [] | [] | [3 10]",
        );
    }

    #[test]
    fn a_constant_pattern_leaves_elements_as_they_come() {
        check(
            "RPUSH l 3 1 2 10 x | SORT l BY nosort | SORT l BY nosort DESC | SORT l BY nosort LIMIT 1 2 \
             | SORT l BY nosort DESC LIMIT 1 2 | SORT l BY # LIMIT 10 2 | SORT l BY a BY w_* LIMIT 1 -5",
            ":5 | [3 1 2 10 x] | [x 10 2 1 3] | [1 2] | [10 2] | [] | [1 2 10 x]",
        );
        check(
            "ZADD z 1 b 2 a 3 c | SORT z BY nosort | SORT z BY nosort DESC | SORT z BY nosort DESC LIMIT 0 2 \
             | SORT z BY nosort LIMIT 1 1 | SORT z BY nosort LIMIT 1 0 | ZADD z 4 \"x\"*65 \
             | SORT z BY nosort DESC LIMIT 1 2",
            ":3 | [b a c] | [c a b] | [c a] | [a] | [] | :1 | [c a]",
        );
        // What is stored must not depend on how a set is stored.
        check(
            "SADD s b a c 10 9 | SORT s BY nosort STORE d | LRANGE d 0 -1 \
                | SORT s BY nosort DESC LIMIT 0 2 STORE d | LRANGE d 0 -1",
            ":5 | :5 | [10 9 a b c] | :2 | [c b]",
        );
        check("SADD s 3 1 2 | SORT s BY nosort DESC LIMIT 0 2", ":3 | [1 2]");
    }

    #[test]
    fn weights_and_values_come_from_keys_wherever_they_lie() {
        let mut script = "RPUSH l 1 2 3 4 5".to_owned();
        let mut replies = ":5".to_owned();
        for (element, weight) in [(1, 50), (2, 40), (3, 30), (4, 20)] {
            script += &format!(
                " | SET w_{element} {weight} | SET n_{element} name{element} | HSET h_{element}x f {weight}"
            );
            replies += " | OK | OK | :1";
        }
        for (command, reply) in [
            ("SORT l BY w_*", "[5 4 3 2 1]"),
            ("SORT l BY w_* DESC LIMIT 0 2", "[1 2]"),
            (
                "SORT l BY h_*x->f GET n_* GET # GET nostar",
                "[(nil) 5 (nil) name4 4 (nil) name3 3 (nil) name2 2 (nil) name1 1 (nil)]",
            ),
            ("SORT l BY n_* ALPHA", "[5 1 2 3 4]"),
            ("SORT l BY n_* ALPHA DESC GET n_*", "[name4 name3 name2 name1 (nil)]"),
            ("SORT_RO l BY nosort GET w_* LIMIT 3 2", "[20 (nil)]"),
            ("SORT l DESC GET h_*x->g GET h_*x->f LIMIT 1 1", "[(nil) 20]"),
            // Other types count as nothing.
            ("SORT l BY h_*x GET h_*x LIMIT 0 1", "[(nil)]"),
            ("SORT l BY w_*->f GET w_*->f LIMIT 0 1", "[(nil)]"),
            ("SORT l GET w_* STORE d | LRANGE d 0 -1 | TYPE d", ":5 | [50 40 30 20 \"\"] | list"),
            ("SORT l BY w_* STORE l | LRANGE l 0 -1", ":5 | [5 4 3 2 1]"),
            ("SORT l BY w_* GET * STORE n_1 | LRANGE n_1 0 -1", ":5 | [\"\" \"\" \"\" \"\" \"\"]"),
            (
                "EXPIRE w_1 10 | HPEXPIRE h_2x 10000 FIELDS 1 f | SLEEP 10001 | SORT l BY w_* \
                    | SORT l BY h_*x->f",
                ":1 | [:1] | [1 5 4 3 2] | [2 5 4 3 1]",
            ),
        ] {
            check(&format!("{script} | {command}"), &format!("{replies} | {reply}"));
        }
    }

    #[test]
    fn what_has_the_same_text_stays_as_it_came() {
        check(
            "RPUSH l b a b a | SORT l BY no_* ALPHA | SORT l BY no_* ALPHA DESC",
            ":4 | [b a b a] | [b a b a]",
        );
        check("SADD s b a c | SORT s BY no_* ALPHA", ":3 | [a b c]");
        check("RPUSH l b a c | SET w_a x | SET w_b x | SORT l BY w_* ALPHA", ":3 | OK | OK | [c b a]");
    }

    #[test]
    fn storing_replaces_whatever_was_there() {
        check(
            "RPUSH l 3 1 2 | SET d 1 | EXPIRE d 10 | SORT l STORE d | LRANGE d 0 -1 | TTL d \
                | SORT l LIMIT 5 1 STORE d | EXISTS d | SORT nosuch STORE l | EXISTS l | SORT l STORE l",
            ":3 | OK | :1 | :3 | [1 2 3] | :-1 | :0 | :0 | :0 | :0 | :0",
        );
        check(
            "RPUSH l 1 2 | SORT l STORE d STORE e | EXISTS d e | OBJECT ENCODING e",
            ":2 | :2 | :1 | listpack",
        );
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (command, error) in [
            ("SORT l FOO", SYNTAX),
            ("SORT l LIMIT 1", SYNTAX),
            ("SORT l LIMIT x 2", "-ERR value is not an integer or out of range"),
            ("SORT l BY", SYNTAX),
            ("SORT l GET", SYNTAX),
            ("SORT l STORE", SYNTAX),
            ("SORT_RO l STORE d", SYNTAX),
            ("SORT s FOO", SYNTAX),
            ("SORT s", WRONG_TYPE),
            ("SORT s STORE d", WRONG_TYPE),
            ("SORT h BY nosort", WRONG_TYPE),
        ] {
            check(
                &format!("RPUSH l 1 | SET s 1 | HSET h a 1 | {command} | EXISTS d"),
                &format!(":1 | OK | :1 | {error} | :0"),
            );
        }
    }

    fn data(line: &str) -> Request {
        let args: OwnedArgs = line.split(' ').collect();
        Request::Data(lookup(args.as_args()), args)
    }

    /// Lets a node work until nothing is left to do, and gives the replies of a connection.
    fn replies(node: &mut Node, connection: usize, random: &mut Random) -> Vec<String> {
        while node.step_at_random(random) {}
        let next =
            || Some(String::from_utf8_lossy(&on_the_wire(&node.take_reply(connection)?.reply)).into_owned());
        std::iter::from_fn(next).collect()
    }

    #[test]
    fn keys_of_several_shards_are_seen_at_one_moment() {
        for seed in 0..20 {
            let (mut node, mut random) = (Node::new(3, 512 << 20), Random::new(seed));
            let [writer, reader] = [1, 2].map(|shard| node.connect(ShardId(shard)));
            let owners = ["l", "w_1", "w_2"].map(|key| node.owner(key.as_bytes()));
            assert!(owners[1] != owners[2], "the test is about two shards: {owners:?}");
            for line in ["RPUSH l 1 2", "MSET w_1 1 w_2 2"] {
                node.ask(writer, data(line));
            }
            replies(&mut node, writer, &mut random);
            for round in 0..20 {
                node.ask(writer, data(["MSET w_1 2 w_2 1", "MSET w_1 1 w_2 2"][round % 2]));
                node.ask(reader, data("SORT l BY w_* GET w_*"));
            }
            let seen = replies(&mut node, reader, &mut random);
            assert_eq!(seen, vec!["*2\r\n$1\r\n1\r\n$1\r\n2\r\n"; 20], "seed {seed}");
            assert!(node.is_quiet());
        }
    }

    #[test]
    fn inside_a_transaction_all_keys_are_at_hand_too() {
        for shard_count in [1, 3] {
            let (mut node, mut random) = (Node::new(shard_count, 512 << 20), Random::new(3));
            let connection = node.connect(ShardId(0));
            for line in ["RPUSH l 1 2 3", "MSET w_1 3 w_2 2 w_3 1"] {
                node.ask(connection, data(line));
            }
            node.ask(connection, Request::Multi);
            for line in ["SET w_2 0", "SORT l BY w_* GET w_*", "SORT l BY w_* STORE d"] {
                node.ask(connection, data(line));
            }
            node.ask(connection, Request::Exec);
            node.ask(connection, data("LRANGE d 0 -1"));
            let seen = replies(&mut node, connection, &mut random);
            let bulks = |texts: [&str; 3]| texts.map(|text| format!("$1\r\n{text}\r\n")).concat();
            let (sorted, stored) = (bulks(["0", "1", "3"]), bulks(["2", "3", "1"]));
            assert_eq!(seen[6], format!("*3\r\n+OK\r\n*3\r\n{sorted}:3\r\n"));
            assert_eq!(seen[7], format!("*3\r\n{stored}"));
            assert_eq!(node.events().transactions > 0, shard_count > 1);
        }
    }

    #[test]
    fn effects_are_what_was_stored() {
        let mut sandbox = Sandbox::new();
        sandbox.run("RPUSH l b a | MSET w_a 2 w_b 1");
        sandbox.shard_mut().listen_to_effects(true);
        sandbox
            .run("SORT l BY w_* | SORT l BY w_* GET # GET w_* STORE d | SORT no STORE d | SORT no STORE d");
        let effects = sandbox.shard_mut().take_effects().into_iter().flat_map(|group| group.effects);
        let words = |Effect { args, .. }: Effect| {
            let words: Vec<_> = args.as_args().iter_from(0).map(String::from_utf8_lossy).collect();
            words.join(" ")
        };
        assert_eq!(effects.map(words).collect::<Vec<_>>(), ["DEL d", "RPUSH d b 1 a 2", "DEL d"]);
    }
}
