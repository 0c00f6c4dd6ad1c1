//! The rows of the geo commands: [`super::member`], [`super::search`].

use super::search::{MEMBER_OPTIONS_AT, RADIUS_OPTIONS_AT, stored};
use super::{member, search};
use crate::command::flags::{self, acl};
use crate::command::{Arg, ArgKind, Arity, CommandSpec, DataCommand, Group, KeySpec, keys};

const RADIUS_COMPLEXITY: &str = "O(N+log(M)) where N is the number of elements inside the bounding box of \
    the circular area delimited by center and radius and M is the number of items inside the index.";

const SEARCH_COMPLEXITY: &str = "O(N+log(M)) where N is the number of elements in the grid-aligned bounding \
    box area around the shape provided as the filter and M is the number of items inside the shape";

const KEY: Arg = Arg { name: "key", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE };

const LONGITUDE: Arg = Arg { name: "longitude", kind: ArgKind::Double, ..Arg::BASE };

const LATITUDE: Arg = Arg { name: "latitude", kind: ArgKind::Double, ..Arg::BASE };

const MEMBER: Arg = Arg { name: "member", ..Arg::BASE };

const RADIUS: Arg = Arg { name: "radius", kind: ArgKind::Double, ..Arg::BASE };

const UNIT: Arg = Arg {
    name: "unit",
    kind: ArgKind::OneOf,
    args: &[
        Arg { name: "m", kind: ArgKind::PureToken, token: "M", ..Arg::BASE },
        Arg { name: "km", kind: ArgKind::PureToken, token: "KM", ..Arg::BASE },
        Arg { name: "ft", kind: ArgKind::PureToken, token: "FT", ..Arg::BASE },
        Arg { name: "mi", kind: ArgKind::PureToken, token: "MI", ..Arg::BASE },
    ],
    ..Arg::BASE
};

const WITHCOORD: Arg =
    Arg { name: "withcoord", kind: ArgKind::PureToken, token: "WITHCOORD", optional: true, ..Arg::BASE };

const WITHDIST: Arg =
    Arg { name: "withdist", kind: ArgKind::PureToken, token: "WITHDIST", optional: true, ..Arg::BASE };

const WITHHASH: Arg =
    Arg { name: "withhash", kind: ArgKind::PureToken, token: "WITHHASH", optional: true, ..Arg::BASE };

const COUNT: Arg = Arg {
    name: "count",
    kind: ArgKind::Block,
    optional: true,
    args: &[
        Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", ..Arg::BASE },
        Arg { name: "any", kind: ArgKind::PureToken, token: "ANY", optional: true, ..Arg::BASE },
    ],
    ..Arg::BASE
};

const COUNT_SINCE_3_2: Arg = Arg {
    name: "count",
    kind: ArgKind::Block,
    optional: true,
    args: &[
        Arg { name: "count", kind: ArgKind::Integer, token: "COUNT", ..Arg::BASE },
        Arg {
            name: "any",
            kind: ArgKind::PureToken,
            token: "ANY",
            since: "6.2.0",
            optional: true,
            ..Arg::BASE
        },
    ],
    ..Arg::BASE
};

const ORDER: Arg = Arg {
    name: "order",
    kind: ArgKind::OneOf,
    optional: true,
    args: &[
        Arg { name: "asc", kind: ArgKind::PureToken, token: "ASC", ..Arg::BASE },
        Arg { name: "desc", kind: ArgKind::PureToken, token: "DESC", ..Arg::BASE },
    ],
    ..Arg::BASE
};

const FROM: Arg = Arg {
    name: "from",
    kind: ArgKind::OneOf,
    args: &[
        Arg { name: "member", token: "FROMMEMBER", ..Arg::BASE },
        Arg {
            name: "longitude_latitude",
            kind: ArgKind::Block,
            token: "FROMLONLAT",
            args: &[LONGITUDE, LATITUDE],
            ..Arg::BASE
        },
    ],
    ..Arg::BASE
};

const BY: Arg = Arg {
    name: "by",
    kind: ArgKind::OneOf,
    args: &[
        Arg {
            name: "circle",
            kind: ArgKind::Block,
            args: &[Arg { name: "radius", kind: ArgKind::Double, token: "BYRADIUS", ..Arg::BASE }, UNIT],
            ..Arg::BASE
        },
        Arg {
            name: "box",
            kind: ArgKind::Block,
            args: &[
                Arg { name: "width", kind: ArgKind::Double, token: "BYBOX", ..Arg::BASE },
                Arg { name: "height", kind: ArgKind::Double, ..Arg::BASE },
                UNIT,
            ],
            ..Arg::BASE
        },
    ],
    ..Arg::BASE
};

const STORE: Arg = Arg {
    name: "key",
    kind: ArgKind::Key,
    key_spec_index: Some(1),
    token: "STORE",
    optional: true,
    ..Arg::BASE
};

const STOREDIST: Arg = Arg {
    name: "key",
    kind: ArgKind::Key,
    key_spec_index: Some(2),
    token: "STOREDIST",
    optional: true,
    ..Arg::BASE
};

/// The rows.
pub(in crate::commands) static COMMANDS: &[DataCommand] = &[
    DataCommand {
        run: member::geoadd,
        spec: CommandSpec {
            name: "geoadd",
            summary: "Add one or more geospatial items in the geospatial index represented using a sorted \
                set",
            since: "3.2.0",
            complexity: "O(log(N)) for each item added, where N is the number of elements in the sorted set.",
            group: Group::Geo,
            arity: Arity::AtLeast(5),
            flags: flags::WRITE | flags::DENYOOM,
            acl: acl::GEO,
            keys: &[KeySpec::at(1, keys::RW | keys::UPDATE)],
            history: &[("6.2.0", "Added the `CH`, `NX` and `XX` options.")],
            args: &[
                KEY,
                Arg {
                    name: "condition",
                    kind: ArgKind::OneOf,
                    since: "6.2.0",
                    optional: true,
                    args: &[
                        Arg { name: "nx", kind: ArgKind::PureToken, token: "NX", ..Arg::BASE },
                        Arg { name: "xx", kind: ArgKind::PureToken, token: "XX", ..Arg::BASE },
                    ],
                    ..Arg::BASE
                },
                Arg {
                    name: "change",
                    kind: ArgKind::PureToken,
                    token: "CH",
                    since: "6.2.0",
                    optional: true,
                    ..Arg::BASE
                },
                Arg {
                    name: "longitude_latitude_member",
                    kind: ArgKind::Block,
                    multiple: true,
                    args: &[LONGITUDE, LATITUDE, MEMBER],
                    ..Arg::BASE
                },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: member::geodist,
        spec: CommandSpec {
            name: "geodist",
            summary: "Returns the distance between two members of a geospatial index",
            since: "3.2.0",
            complexity: "O(log(N))",
            group: Group::Geo,
            arity: Arity::AtLeast(4),
            flags: flags::READONLY,
            acl: acl::GEO,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[
                KEY,
                Arg { name: "member1", ..Arg::BASE },
                Arg { name: "member2", ..Arg::BASE },
                Arg {
                    name: "unit",
                    kind: ArgKind::OneOf,
                    optional: true,
                    args: &[
                        Arg { name: "m", kind: ArgKind::PureToken, token: "M", ..Arg::BASE },
                        Arg { name: "km", kind: ArgKind::PureToken, token: "KM", ..Arg::BASE },
                        Arg { name: "ft", kind: ArgKind::PureToken, token: "FT", ..Arg::BASE },
                        Arg { name: "mi", kind: ArgKind::PureToken, token: "MI", ..Arg::BASE },
                    ],
                    ..Arg::BASE
                },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: member::geohash,
        spec: CommandSpec {
            name: "geohash",
            summary: "Returns members of a geospatial index as standard geohash strings",
            since: "3.2.0",
            complexity: "O(log(N)) for each member requested, where N is the number of elements in the \
                sorted set.",
            group: Group::Geo,
            arity: Arity::AtLeast(2),
            flags: flags::READONLY,
            acl: acl::GEO,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[KEY, Arg { name: "member", multiple: true, ..Arg::BASE }],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: member::geopos,
        spec: CommandSpec {
            name: "geopos",
            summary: "Returns longitude and latitude of members of a geospatial index",
            since: "3.2.0",
            complexity: "O(N) where N is the number of members requested.",
            group: Group::Geo,
            arity: Arity::AtLeast(2),
            flags: flags::READONLY,
            acl: acl::GEO,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            args: &[KEY, Arg { name: "member", multiple: true, ..Arg::BASE }],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: search::georadius,
        spec: CommandSpec {
            name: "georadius",
            summary: "Query a sorted set representing a geospatial index to fetch members matching a given \
                maximum distance from a point",
            since: "3.2.0",
            complexity: RADIUS_COMPLEXITY,
            group: Group::Geo,
            arity: Arity::AtLeast(6),
            flags: flags::WRITE | flags::DENYOOM | flags::MOVABLE_KEYS,
            acl: acl::GEO,
            keys: &[
                KeySpec::at(1, keys::RO | keys::ACCESS),
                stored("STORE", RADIUS_OPTIONS_AT),
                stored("STOREDIST", RADIUS_OPTIONS_AT),
            ],
            find_keys: Some(search::georadius_keys),
            doc_flags: &["deprecated"],
            deprecated_since: Some("6.2.0"),
            replaced_by: Some("`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument"),
            history: &[
                ("6.2.0", "Added the `ANY` option for `COUNT`."),
                ("7.0.0", "Added support for uppercase unit names."),
            ],
            args: &[
                KEY,
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
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: search::georadius_ro,
        spec: CommandSpec {
            name: "georadius_ro",
            summary: "A read-only variant for GEORADIUS",
            since: "3.2.10",
            complexity: RADIUS_COMPLEXITY,
            group: Group::Geo,
            arity: Arity::AtLeast(6),
            flags: flags::READONLY,
            acl: acl::GEO,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            doc_flags: &["deprecated"],
            deprecated_since: Some("6.2.0"),
            replaced_by: Some("`GEOSEARCH` with the `BYRADIUS` argument"),
            history: &[("6.2.0", "Added the `ANY` option for `COUNT`.")],
            args: &[
                KEY,
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
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: search::georadiusbymember,
        spec: CommandSpec {
            name: "georadiusbymember",
            summary: "Query a sorted set representing a geospatial index to fetch members matching a given \
                maximum distance from a member",
            since: "3.2.0",
            complexity: RADIUS_COMPLEXITY,
            group: Group::Geo,
            arity: Arity::AtLeast(5),
            flags: flags::WRITE | flags::DENYOOM | flags::MOVABLE_KEYS,
            acl: acl::GEO,
            keys: &[
                KeySpec::at(1, keys::RO | keys::ACCESS),
                stored("STORE", MEMBER_OPTIONS_AT),
                stored("STOREDIST", MEMBER_OPTIONS_AT),
            ],
            find_keys: Some(search::georadiusbymember_keys),
            doc_flags: &["deprecated"],
            deprecated_since: Some("6.2.0"),
            replaced_by: Some(
                "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
            ),
            history: &[("7.0.0", "Added support for uppercase unit names.")],
            args: &[KEY, MEMBER, RADIUS, UNIT, WITHCOORD, WITHDIST, WITHHASH, COUNT, ORDER, STORE, STOREDIST],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: search::georadiusbymember_ro,
        spec: CommandSpec {
            name: "georadiusbymember_ro",
            summary: "A read-only variant for GEORADIUSBYMEMBER",
            since: "3.2.10",
            complexity: RADIUS_COMPLEXITY,
            group: Group::Geo,
            arity: Arity::AtLeast(5),
            flags: flags::READONLY,
            acl: acl::GEO,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            doc_flags: &["deprecated"],
            deprecated_since: Some("6.2.0"),
            replaced_by: Some("`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments"),
            args: &[KEY, MEMBER, RADIUS, UNIT, WITHCOORD, WITHDIST, WITHHASH, COUNT, ORDER],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: search::geosearch,
        spec: CommandSpec {
            name: "geosearch",
            summary: "Query a sorted set representing a geospatial index to fetch members inside an area of \
                a box or a circle.",
            since: "6.2.0",
            complexity: SEARCH_COMPLEXITY,
            group: Group::Geo,
            arity: Arity::AtLeast(7),
            flags: flags::READONLY,
            acl: acl::GEO,
            keys: &[KeySpec::at(1, keys::RO | keys::ACCESS)],
            history: &[("7.0.0", "Added support for uppercase unit names.")],
            args: &[KEY, FROM, BY, ORDER, COUNT, WITHCOORD, WITHDIST, WITHHASH],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
    DataCommand {
        run: search::geosearchstore,
        spec: CommandSpec {
            name: "geosearchstore",
            summary: "Query a sorted set representing a geospatial index to fetch members inside an area of \
                a box or a circle, and store the result in another key.",
            since: "6.2.0",
            complexity: SEARCH_COMPLEXITY,
            group: Group::Geo,
            arity: Arity::AtLeast(8),
            flags: flags::WRITE | flags::DENYOOM,
            acl: acl::GEO,
            keys: &[KeySpec::at(1, keys::OW | keys::UPDATE), KeySpec::at(2, keys::RO | keys::ACCESS)],
            history: &[("7.0.0", "Added support for uppercase unit names.")],
            args: &[
                Arg { name: "destination", kind: ArgKind::Key, key_spec_index: Some(0), ..Arg::BASE },
                Arg { name: "source", kind: ArgKind::Key, key_spec_index: Some(1), ..Arg::BASE },
                FROM,
                BY,
                ORDER,
                COUNT,
                Arg {
                    name: "storedist",
                    kind: ArgKind::PureToken,
                    token: "STOREDIST",
                    optional: true,
                    ..Arg::BASE
                },
            ],
            ..CommandSpec::BASE
        },
        subcommands: &[],
    },
];
