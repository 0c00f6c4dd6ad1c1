//! Members within a shape: GEOSEARCH, GEOSEARCHSTORE, and GEORADIUS with its kin.

use std::cmp::Ordering;
use std::ops::ControlFlow;

use super::notation;
use crate::args::Args;
use crate::command::keys::{self, KeyPosition, KeySpec};
use crate::commands::sorted_set::reply as sorted_set_reply;
use crate::ctx::Ctx;
use crate::encoding::geohash::{LengthUnit, Position, Search, Shape};
use crate::encoding::listpack::Value as Member;
use crate::encoding::sorted_set::{ScoreBound, SortedSet, Union};
use crate::error::CommandError;
use crate::event;
use crate::num;
use crate::object::DataType;
use crate::reply::Reply;
use crate::values::sorted_set::View;

type Done = Result<(), CommandError>;

/// Where the middle of the shape is said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Center {
    /// By arguments 2 and 3, before radius and unit.
    Coordinates,
    /// By the member in argument 2, before radius and unit.
    Member,
    /// By options, and so is the shape.
    Options,
}

/// Where the options of GEORADIUS begin.
pub(super) const RADIUS_OPTIONS_AT: usize = 6;

/// Where the options of GEORADIUSBYMEMBER begin.
pub(super) const MEMBER_OPTIONS_AT: usize = 5;

/// The key behind `keyword`, one of the options from argument `options_at` on.
pub(super) const fn stored(keyword: &'static str, options_at: usize) -> KeySpec {
    KeySpec::behind(keyword, options_at as i32, keys::OW | keys::UPDATE)
}

/// Whether the members found are stored.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Storing {
    Never,
    /// With STORE or STOREDIST, which name the destination.
    ByOption,
    /// To the key in argument 1.
    Always,
}

/// How a command is written.
#[derive(Clone, Copy)]
struct Form {
    /// The argument that is the key to search.
    source: usize,
    /// The first argument that is an option.
    options_at: usize,
    center: Center,
    storing: Storing,
}

const RADIUS: Form = Form {
    source: 1,
    options_at: RADIUS_OPTIONS_AT,
    center: Center::Coordinates,
    storing: Storing::ByOption,
};
const RADIUS_BY_MEMBER: Form = Form { options_at: MEMBER_OPTIONS_AT, center: Center::Member, ..RADIUS };
const SEARCH: Form = Form { source: 1, options_at: 2, center: Center::Options, storing: Storing::Never };
const SEARCH_STORE: Form = Form { source: 2, options_at: 3, storing: Storing::Always, ..SEARCH };

#[derive(Clone, Copy, PartialEq, Eq)]
enum Order {
    NearestFirst,
    FurthestFirst,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum CenterOption {
    FromMember,
    FromCoordinates,
}

/// What a command wants, as far as it was read.
struct Request {
    /// `None` when no argument has said it, or only a member of a set that is not there.
    center: Option<Position>,
    /// FROMMEMBER or FROMLONLAT of the commands that have such options.
    center_option: Option<CenterOption>,
    shape: Option<(Shape, LengthUnit)>,
    with_distance: bool,
    with_hash: bool,
    with_position: bool,
    order: Option<Order>,
    /// COUNT.
    count: Option<usize>,
    /// ANY: the first that are found will do.
    any: bool,
    /// The argument with the key to store to.
    destination: Option<usize>,
    /// What is stored as scores are distances.
    stores_distances: bool,
}

impl Request {
    /// Reads a command; the first thing that is wrong is its error, as in Redis (georadiusGeneric). `locate`
    /// gives the position of a member, or `None` when there is no set at all.
    fn parse(
        args: Args<'_>,
        form: Form,
        locate: impl Fn(&[u8]) -> Result<Option<Position>, CommandError>,
    ) -> Result<Request, CommandError> {
        let mut request = Request {
            center: None,
            center_option: None,
            shape: None,
            with_distance: false,
            with_hash: false,
            with_position: false,
            order: None,
            count: None,
            any: false,
            destination: (form.storing == Storing::Always).then_some(1),
            stores_distances: false,
        };
        let circle = |at: usize| notation::circle(args.get(at), args.get(at + 1)).map(Some);
        match form.center {
            Center::Coordinates => {
                request.center = Some(notation::position(args.get(2), args.get(3))?);
                request.shape = circle(4)?;
            }
            Center::Member => {
                // As in Redis radius and unit are not looked at when there is nothing to search.
                request.center = locate(args.get(2))?;
                if request.center.is_some() {
                    request.shape = circle(3)?;
                }
            }
            Center::Options => {}
        }
        let mut at = form.options_at;
        while at < args.len() {
            at += request.read_option(args, at, form, &locate)?;
        }
        request.check(args, form)?;
        Ok(request)
    }

    /// Reads the option at argument `at` and returns how many arguments it has, its word included.
    fn read_option(
        &mut self,
        args: Args<'_>,
        at: usize,
        form: Form,
        locate: &impl Fn(&[u8]) -> Result<Option<Position>, CommandError>,
    ) -> Result<usize, CommandError> {
        let (word, operands) = (args.get(at), args.len() - at - 1);
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        let is_search = form.center == Center::Options;
        if is("withdist") {
            self.with_distance = true;
        } else if is("withhash") {
            self.with_hash = true;
        } else if is("withcoord") {
            self.with_position = true;
        } else if is("any") {
            self.any = true;
        } else if is("asc") {
            self.order = Some(Order::NearestFirst);
        } else if is("desc") {
            self.order = Some(Order::FurthestFirst);
        } else if is("count") && operands >= 1 {
            let count = num::parse_i64(args.get(at + 1)).ok_or(CommandError::NotAnInteger)?;
            let count = usize::try_from(count).ok().filter(|&count| count > 0);
            self.count = Some(count.ok_or(CommandError::other("ERR COUNT must be > 0"))?);
            return Ok(2);
        } else if form.storing == Storing::ByOption && operands >= 1 && (is("store") || is("storedist")) {
            self.stores_distances = is("storedist");
            self.destination = Some(at + 1);
            return Ok(2);
        } else if form.storing == Storing::Always && is("storedist") {
            self.stores_distances = true;
        } else if is_search {
            return self.read_place(args, at, locate);
        } else {
            return Err(CommandError::Syntax);
        }
        Ok(1)
    }

    /// The same for the options that say where to search. Each excludes its alternative.
    fn read_place(
        &mut self,
        args: Args<'_>,
        at: usize,
        locate: &impl Fn(&[u8]) -> Result<Option<Position>, CommandError>,
    ) -> Result<usize, CommandError> {
        let (word, operands) = (args.get(at), args.len() - at - 1);
        let is = |name: &str| word.eq_ignore_ascii_case(name.as_bytes());
        let operand = |number: usize| args.get(at + number);
        if is("frommember") && operands >= 1 && self.center_option != Some(CenterOption::FromCoordinates) {
            self.center = locate(operand(1))?;
            self.center_option = Some(CenterOption::FromMember);
            return Ok(2);
        }
        if is("fromlonlat") && operands >= 2 && self.center_option != Some(CenterOption::FromMember) {
            self.center = Some(notation::position(operand(1), operand(2))?);
            self.center_option = Some(CenterOption::FromCoordinates);
            return Ok(3);
        }
        if is("byradius") && operands >= 2 && !matches!(self.shape, Some((Shape::Rectangle { .. }, _))) {
            self.shape = Some(notation::circle(operand(1), operand(2))?);
            return Ok(3);
        }
        if is("bybox") && operands >= 3 && !matches!(self.shape, Some((Shape::Circle { .. }, _))) {
            self.shape = Some(notation::rectangle(operand(1), operand(2), operand(3))?);
            return Ok(4);
        }
        Err(CommandError::Syntax)
    }

    /// Refuses options that do not go together, and the want of those that must be.
    fn check(&self, args: Args<'_>, form: Form) -> Done {
        let adds_to_reply = self.with_distance || self.with_hash || self.with_position;
        if self.destination.is_some() && adds_to_reply {
            return Err(CommandError::other(match form.storing {
                Storing::Always => {
                    "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
                }
                _ => {
                    "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD \
                        options"
                }
            }));
        }
        if form.center == Center::Options && self.center_option.is_none() {
            let text = "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ";
            return Err(CommandError::quoting(text, args.get(0), ""));
        }
        if form.center == Center::Options && self.shape.is_none() {
            let text = "ERR exactly one of BYRADIUS and BYBOX can be specified for ";
            return Err(CommandError::quoting(text, args.get(0), ""));
        }
        if self.any && self.count.is_none() {
            return Err(CommandError::other("ERR the ANY argument requires COUNT argument"));
        }
        Ok(())
    }

    /// The search, unless there is no set to search.
    fn search(&self) -> Option<Search> {
        let (shape, unit) = self.shape?;
        Some(Search { center: self.center?, shape, unit })
    }
}

/// A member within the shape.
struct Found<'a> {
    member: Member<'a>,
    score: f64,
    distance_m: f64,
    /// How many were found before it: those at the same distance keep their order.
    number: usize,
}

impl Found<'_> {
    fn compare(&self, other: &Self, order: Order) -> Ordering {
        let by_distance = self.distance_m.total_cmp(&other.distance_m);
        let by_distance = if order == Order::NearestFirst { by_distance } else { by_distance.reverse() };
        by_distance.then(self.number.cmp(&other.number))
    }
}

/// The members of `set` that a request wants, in the order of the reply.
fn find<'a>(set: View<'a>, search: &Search, request: &Request) -> Vec<Found<'a>> {
    let count = request.count.unwrap_or(usize::MAX);
    let found_max = if request.any { count } else { usize::MAX };
    let mut found: Vec<Found<'a>> = Vec::new();
    for scores in search.score_ranges().as_slice() {
        let ranks = set.score_ranks(ScoreBound::Included(scores.start), ScoreBound::Excluded(scores.end));
        let outcome = set.visit_until(ranks, |member, score| {
            if let Some(distance_m) = search.distance_m(score) {
                found.push(Found { member, score, distance_m, number: found.len() });
            }
            if found.len() == found_max { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        if outcome.is_break() {
            break;
        }
    }
    // Only the nearest are the same whatever order the members lie in.
    let default_order = (request.count.is_some() && !request.any).then_some(Order::NearestFirst);
    if let Some(order) = request.order.or(default_order) {
        if count < found.len() {
            found.select_nth_unstable_by(count, |one, other| one.compare(other, order));
            found.truncate(count);
        }
        found.sort_unstable_by(|one, other| one.compare(other, order));
    }
    found.truncate(count);
    found
}

fn search(ctx: &mut Ctx<'_>, args: Args<'_>, form: Form) -> Done {
    let key = match form.storing {
        Storing::Never => ctx.key(args, form.source),
        _ => ctx.key(args, form.source),
    };
    let hash_of = ctx.keys.hash_of();
    let set = ctx.keys.read_typed(&key, DataType::SortedSet)?.map(View::of);
    let request = Request::parse(args, form, |member| {
        let Some(set) = set else { return Ok(None) };
        let score = set.score(&hash_of, member);
        let score = score.ok_or(CommandError::other("ERR could not decode requested zset member"))?;
        Ok(Some(Position::of_score(score)))
    })?;
    let found = set.zip(request.search()).map(|(set, search)| (find(set, &search, &request), search.unit));
    let (found, unit) = found.unwrap_or((Vec::new(), LengthUnit::Metre));
    let Some(destination) = request.destination else {
        write_found(ctx.reply, &request, &found, unit);
        return Ok(());
    };
    let mut results = Union::default();
    let mut text = itoa::Buffer::new();
    for &Found { member, score, distance_m, .. } in &found {
        let member = member.bytes(&mut text);
        let score = if request.stores_distances { distance_m / unit.length_m() } else { score };
        results.add(hash_of(member), member, score);
    }
    store(ctx, args, form, destination, results.finish());
    Ok(())
}

fn write_found(reply: &mut Reply, request: &Request, found: &[Found<'_>], unit: LengthUnit) {
    let Request { with_distance, with_hash, with_position, .. } = *request;
    let additions = usize::from(with_distance) + usize::from(with_hash) + usize::from(with_position);
    reply.array(found.len());
    for &Found { member, score, distance_m, .. } in found {
        if additions > 0 {
            reply.array(1 + additions);
        }
        sorted_set_reply::write_member(reply, member);
        if with_distance {
            notation::write_distance(reply, distance_m / unit.length_m());
        }
        if with_hash {
            reply.int(score as i64);
        }
        if with_position {
            notation::write_position(reply, Position::of_score(score));
        }
    }
}

fn store(ctx: &mut Ctx<'_>, args: Args<'_>, form: Form, destination: usize, results: SortedSet) {
    let event = match form.storing {
        Storing::Always => event::GEOSEARCHSTORE,
        _ => event::GEORADIUSSTORE,
    };
    ctx.reply.len_int(results.len());
    sorted_set_reply::store(ctx, &ctx.key(args, destination), results, event);
}

pub(super) fn georadius(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    search(ctx, args, RADIUS)
}

pub(super) fn georadius_ro(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    search(ctx, args, Form { storing: Storing::Never, ..RADIUS })
}

pub(super) fn georadiusbymember(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    search(ctx, args, RADIUS_BY_MEMBER)
}

pub(super) fn georadiusbymember_ro(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    search(ctx, args, Form { storing: Storing::Never, ..RADIUS_BY_MEMBER })
}

pub(super) fn geosearch(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    search(ctx, args, SEARCH)
}

pub(super) fn geosearchstore(ctx: &mut Ctx<'_>, args: Args<'_>) -> Done {
    search(ctx, args, SEARCH_STORE)
}

/// The keys of GEORADIUS: its row cannot say that one of STORE and STOREDIST is enough.
pub(super) fn georadius_keys(args: Args<'_>, found: &mut Vec<KeyPosition>) {
    keys_with_destination(args, RADIUS_OPTIONS_AT, found);
}

/// The keys of GEORADIUSBYMEMBER.
pub(super) fn georadiusbymember_keys(args: Args<'_>, found: &mut Vec<KeyPosition>) {
    keys_with_destination(args, MEMBER_OPTIONS_AT, found);
}

/// The key to search, and the last destination, which is the one that is stored to. When there are both a
/// STORE and a STOREDIST, Redis finds the first of each, so they come before it.
fn keys_with_destination(args: Args<'_>, options_at: usize, found: &mut Vec<KeyPosition>) {
    found.push(KeyPosition { index: 1, flags: keys::RO | keys::ACCESS, db: None });
    let sole = found.len();
    let both = ["STORE", "STOREDIST"].map(|keyword| stored(keyword, options_at));
    if !both.iter().all(|spec: &KeySpec| spec.positions(args, found)) {
        found.truncate(sole);
    }
    let mut destination = None;
    // Redis begins here for both commands.
    let mut at = MEMBER_OPTIONS_AT;
    while at + 1 < args.len() {
        let word = args.get(at);
        if word.eq_ignore_ascii_case(b"store") || word.eq_ignore_ascii_case(b"storedist") {
            destination = Some(at + 1);
            at += 1;
        }
        at += 1;
    }
    if let Some(index) = destination
        && found[sole..].iter().all(|key| key.index != index)
    {
        found.push(KeyPosition { index, flags: keys::OW | keys::UPDATE, db: None });
    }
}
