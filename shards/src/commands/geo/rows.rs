//! The rows of the geo commands: [`super::member`], [`super::search`].

use super::search::{MEMBER_OPTIONS_AT, RADIUS_OPTIONS_AT, stored};
use super::{member, search};
use crate::command::shapes::{DESTINATION, GEO, NX_OR_XX, SOURCE};
use crate::command::{Arg, Arity, CommandSpec, DataCommand, KeySpec, flags, keys};

const RADIUS_COMPLEXITY: &str = "O(N+log(M)) where N is the number of elements inside the bounding box of \
    the circular area delimited by center and radius and M is the number of items inside the index.";

const SEARCH_COMPLEXITY: &str = "O(N+log(M)) where N is the number of elements in the grid-aligned bounding \
    box area around the shape provided as the filter and M is the number of items inside the shape";

const LONGITUDE: Arg = Arg::double("longitude");

const LATITUDE: Arg = Arg::double("latitude");

const MEMBER: Arg = Arg::string("member");

const RADIUS: Arg = Arg::double("radius");

const UNIT: Arg = Arg::one_of(
    "unit",
    &[Arg::word("m", "M"), Arg::word("km", "KM"), Arg::word("ft", "FT"), Arg::word("mi", "MI")],
);

const WITHCOORD: Arg = Arg::word("withcoord", "WITHCOORD").optional();

const WITHDIST: Arg = Arg::word("withdist", "WITHDIST").optional();

const WITHHASH: Arg = Arg::word("withhash", "WITHHASH").optional();

const COUNT: Arg =
    Arg::block("count", &[Arg::integer("count").after("COUNT"), Arg::word("any", "ANY").optional()])
        .optional();

const COUNT_SINCE_3_2: Arg = Arg::block(
    "count",
    &[Arg::integer("count").after("COUNT"), Arg::word("any", "ANY").since("6.2.0").optional()],
)
.optional();

const ORDER: Arg = Arg::one_of("order", &[Arg::word("asc", "ASC"), Arg::word("desc", "DESC")]).optional();

const FROM: Arg = Arg::one_of(
    "from",
    &[
        Arg::string("member").after("FROMMEMBER"),
        Arg::block("longitude_latitude", &[LONGITUDE, LATITUDE]).after("FROMLONLAT"),
    ],
);

const BY: Arg = Arg::one_of(
    "by",
    &[
        Arg::block("circle", &[Arg::double("radius").after("BYRADIUS"), UNIT]),
        Arg::block("box", &[Arg::double("width").after("BYBOX"), Arg::double("height"), UNIT]),
    ],
);

const STORE: Arg = Arg::key().of_key_spec(1).after("STORE").optional();

const STOREDIST: Arg = Arg::key().of_key_spec(2).after("STOREDIST").optional();

/// Tells where members are.
const POSITIONS: CommandSpec = CommandSpec {
    since: "3.2.0",
    arity: Arity::AtLeast(2),
    flags: flags::READONLY,
    keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
    args: &[Arg::key(), Arg::string("member").multiple()],
    ..GEO
};

/// Finds members around a place or a member, and may keep them.
const RADIUS_SEARCH: CommandSpec = CommandSpec {
    since: "3.2.0",
    complexity: RADIUS_COMPLEXITY,
    flags: flags::WRITE | flags::DENYOOM | flags::MOVABLE_KEYS,
    ..GEO
};

/// Finds them, and keeps nothing.
const RADIUS_READ: CommandSpec = CommandSpec {
    since: "3.2.10",
    complexity: RADIUS_COMPLEXITY,
    flags: flags::READONLY,
    keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
    ..GEO
};

/// Finds members in a circle or a box.
const AREA_SEARCH: CommandSpec = CommandSpec {
    since: "6.2.0",
    complexity: SEARCH_COMPLEXITY,
    history: &[("7.0.0", "Added support for uppercase unit names.")],
    ..GEO
};

/// The rows.
pub(in crate::commands) static COMMANDS: &[DataCommand] = &[
    DataCommand::new(
        member::geoadd,
        CommandSpec {
            name: "geoadd",
            summary: "Add one or more geospatial items in the geospatial index represented using a sorted \
                set",
            since: "3.2.0",
            complexity: "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
            arity: Arity::AtLeast(5),
            flags: flags::WRITE | flags::DENYOOM,
            keys: &[KeySpec::at(1, keys::RW | keys::UPDATE)],
            history: &[("6.2.0", "Added the `CH`, `NX` and `XX` options.")],
            args: &[
                Arg::key(),
                NX_OR_XX.since("6.2.0"),
                Arg::word("change", "CH").since("6.2.0").optional(),
                Arg::block("longitude_latitude_member", &[LONGITUDE, LATITUDE, MEMBER]).multiple(),
            ],
            ..GEO
        },
    ),
    DataCommand::new(
        member::geodist,
        CommandSpec {
            name: "geodist",
            summary: "Returns the distance between two members of a geospatial index",
            since: "3.2.0",
            complexity: "O(log(N))",
            arity: Arity::AtLeast(4),
            flags: flags::READONLY,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[Arg::key(), Arg::string("member1"), Arg::string("member2"), UNIT.optional()],
            ..GEO
        },
    ),
    DataCommand::new(
        member::geohash,
        CommandSpec {
            name: "geohash",
            summary: "Returns members of a geospatial index as standard geohash strings",
            complexity: "O(log(N)) for each member requested, where N is the number of elements in the \
                sorted set.",
            ..POSITIONS
        },
    ),
    DataCommand::new(
        member::geopos,
        CommandSpec {
            name: "geopos",
            summary: "Returns longitude and latitude of members of a geospatial index",
            complexity: "O(N) where N is the number of members requested.",
            ..POSITIONS
        },
    ),
    DataCommand::new(
        search::georadius,
        CommandSpec {
            name: "georadius",
            summary: "Query a sorted set representing a geospatial index to fetch members matching a given \
                maximum distance from a point",
            arity: Arity::AtLeast(6),
            keys: &[
                KeySpec::at(1, keys::RO | keys::ACCESS),
                stored("STORE", RADIUS_OPTIONS_AT),
                stored("STOREDIST", RADIUS_OPTIONS_AT),
            ],
            find_keys: Some(search::georadius_keys),
            deprecated: Some(("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument")),
            history: &[
                ("6.2.0", "Added the `ANY` option for `COUNT`."),
                ("7.0.0", "Added support for uppercase unit names."),
            ],
            args: &[
                Arg::key(),
                LONGITUDE,
                LATITUDE,
                RADIUS,
                UNIT,
                WITHCOORD,
                WITHDIST,
                WITHHASH,
                COUNT_SINCE_3_2,
                ORDER,
                STORE,
                STOREDIST,
            ],
            ..RADIUS_SEARCH
        },
    ),
    DataCommand::new(
        search::georadius_ro,
        CommandSpec {
            name: "georadius_ro",
            summary: "A read-only variant for GEORADIUS",
            arity: Arity::AtLeast(6),
            deprecated: Some(("6.2.0", "`GEOSEARCH` with the `BYRADIUS` argument")),
            history: &[("6.2.0", "Added the `ANY` option for `COUNT`.")],
            args: &[
                Arg::key(),
                LONGITUDE,
                LATITUDE,
                RADIUS,
                UNIT,
                WITHCOORD,
                WITHDIST,
                WITHHASH,
                COUNT_SINCE_3_2,
                ORDER,
            ],
            ..RADIUS_READ
        },
    ),
    DataCommand::new(
        search::georadiusbymember,
        CommandSpec {
            name: "georadiusbymember",
            summary: "Query a sorted set representing a geospatial index to fetch members matching a given \
                maximum distance from a member",
            arity: Arity::AtLeast(5),
            keys: &[
                KeySpec::at(1, keys::RO | keys::ACCESS),
                stored("STORE", MEMBER_OPTIONS_AT),
                stored("STOREDIST", MEMBER_OPTIONS_AT),
            ],
            find_keys: Some(search::georadiusbymember_keys),
            deprecated: Some((
                "6.2.0",
                "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
            )),
            history: &[("7.0.0", "Added support for uppercase unit names.")],
            args: &[
                Arg::key(),
                MEMBER,
                RADIUS,
                UNIT,
                WITHCOORD,
                WITHDIST,
                WITHHASH,
                COUNT,
                ORDER,
                STORE,
                STOREDIST,
            ],
            ..RADIUS_SEARCH
        },
    ),
    DataCommand::new(
        search::georadiusbymember_ro,
        CommandSpec {
            name: "georadiusbymember_ro",
            summary: "A read-only variant for GEORADIUSBYMEMBER",
            arity: Arity::AtLeast(5),
            deprecated: Some(("6.2.0", "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments")),
            args: &[Arg::key(), MEMBER, RADIUS, UNIT, WITHCOORD, WITHDIST, WITHHASH, COUNT, ORDER],
            ..RADIUS_READ
        },
    ),
    DataCommand::new(
        search::geosearch,
        CommandSpec {
            name: "geosearch",
            summary: "Query a sorted set representing a geospatial index to fetch members inside an area of \
                a box or a circle.",
            arity: Arity::AtLeast(7),
            flags: flags::READONLY,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[Arg::key(), FROM, BY, ORDER, COUNT, WITHCOORD, WITHDIST, WITHHASH],
            ..AREA_SEARCH
        },
    ),
    DataCommand::new(
        search::geosearchstore,
        CommandSpec {
            name: "geosearchstore",
            summary: "Query a sorted set representing a geospatial index to fetch members inside an area of \
                a box or a circle, and store the result in another key.",
            arity: Arity::AtLeast(8),
            flags: flags::WRITE | flags::DENYOOM,
            keys: &[KeySpec::at(1, keys::OW | keys::UPDATE), KeySpec::at(2, keys::RO | keys::ACCESS)],
            args: &[
                DESTINATION,
                SOURCE.of_key_spec(1),
                FROM,
                BY,
                ORDER,
                COUNT,
                Arg::word("storedist", "STOREDIST").optional(),
            ],
            ..AREA_SEARCH
        },
    ),
];
