//! Replies as redis-server 7.0.15 gives them; Valkey 9 gives the same but for the words of two errors.

use crate::args::{Args, OwnedArgs};
use crate::encoding::limits::Limits;
use crate::testing::{Sandbox, check, check_in, lookup};

/// Runs the commands, which are given with their replies, one after the other.
fn check_all(steps: &[(&str, &str)]) {
    let (script, replies): (Vec<&str>, Vec<&str>) = steps.iter().copied().unzip();
    check(&script.join(" | "), &replies.join(" | "));
}

#[test]
fn geodist_is_in_the_unit_that_is_asked_for() {
    check_all(&[
        ("GEOADD g 13.361389 38.115556 palermo 15.087269 37.502669 catania", ":2"),
        ("GEODIST g palermo catania", "166274.1516"),
        ("GEODIST g palermo catania KM", "166.2742"),
        ("GEODIST g palermo catania mi", "103.3182"),
        ("GEODIST g palermo catania ft", "545518.8700"),
        ("GEODIST g palermo palermo", "0.0000"),
        ("GEODIST g palermo x", "(nil)"),
        ("GEODIST none a b", "(nil)"),
        ("GEODIST g palermo catania parsec", "-ERR unsupported unit provided. please use M, KM, FT, MI"),
        ("GEODIST g palermo catania m m", "-ERR syntax error"),
        ("GEODIST g palermo x parsec", "-ERR unsupported unit provided. please use M, KM, FT, MI"),
    ]);
}

#[test]
fn positions_and_geohashes_of_members() {
    check_all(&[
        ("GEOADD g 13.361389 38.115556 palermo 180 85.05112878 ne", ":2"),
        (
            "GEOPOS g palermo x ne",
            "[[13.36138933897018433 38.11555639549629859] (nil array) [180 85.0511287799999991]]",
        ),
        ("GEOPOS g", "[]"),
        ("GEOPOS none a b", "[(nil array) (nil array)]"),
        ("GEOHASH g palermo x ne", "[sqc8b49rny0 (nil) bp05b5048p0]"),
        ("GEOHASH none a", "[(nil)]"),
        ("GEOHASH g", "[]"),
        (
            "RESP 3 | GEOPOS g palermo x ne",
            "[[,13.36138933897018433 ,38.11555639549629859] (nil) [,180 ,85.0511287799999991]]",
        ),
        ("GEOHASH g x palermo", "[(nil) sqc8b49rny0]"),
        ("GEODIST g palermo ne km", "6307.3627"),
        ("GEODIST g palermo x", "(nil)"),
    ]);
}

#[test]
fn geoadd_adds_as_zadd_does() {
    check_all(&[
        ("GEOADD g nx 1 2 a", ":1"),
        ("GEOADD g NX CH 1 2 a 3 4 b", ":1"),
        ("GEOADD g xx 5 6 a 7 8 c", ":0"),
        ("GEOADD g XX CH 5 6.5 a 7 8 c", ":1"),
        ("GEOADD g ch 1 2 a 1 2 d", ":2"),
        ("GEOADD g NX XX 1 2 a", "-ERR syntax error"),
        ("GEOADD g nx nx nx", "-ERR syntax error"),
        ("GEOADD g ch 1 2", "-ERR syntax error"),
        ("GEOADD g 1 2 a 3", "-ERR syntax error"),
        ("ZSCORE g a", "3378080408407459"),
        ("ZCARD g", ":3"),
    ]);
}

#[test]
fn a_position_outside_of_the_map_is_refused_and_nothing_added() {
    check_all(&[
        ("GEOADD g x 2 a", "-ERR value is not a valid float"),
        ("GEOADD g 1 y a", "-ERR value is not a valid float"),
        ("GEOADD g 181 0 a", "-ERR invalid longitude,latitude pair 181.000000,0.000000"),
        ("GEOADD g 0 86 a", "-ERR invalid longitude,latitude pair 0.000000,86.000000"),
        ("GEOADD g 1 2 ok -180.1 -inf a", "-ERR invalid longitude,latitude pair -180.100000,-inf"),
        ("GEOADD g nan 2 a", "-ERR value is not a valid float"),
        ("EXISTS g", ":0"),
    ]);
}

#[test]
fn other_types_are_refused() {
    check_all(&[
        ("SET s 1", "OK"),
        ("GEOADD s 1 2 a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("GEODIST s a b", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("GEOPOS s a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("GEOHASH s a", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        ("GEORADIUS s 1 2 3 m", "-WRONGTYPE Operation against a key holding the wrong kind of value"),
        (
            "GEOSEARCH s FROMLONLAT 0 0 BYRADIUS 1 m",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (
            "GEOSEARCHSTORE d s FROMLONLAT 0 0 BYRADIUS 1 m",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
        (
            "GEORADIUSBYMEMBER_RO s a 1 m",
            "-WRONGTYPE Operation against a key holding the wrong kind of value",
        ),
    ]);
}

#[test]
fn members_in_a_circle_or_a_rectangle_are_found_in_order() {
    check_all(&[
        (
            "GEOADD g 13.361389 38.115556 palermo 15.087269 37.502669 catania 12.758489 38.788135 edge1 \
                17.241510 38.788135 edge2",
            ":4",
        ),
        ("GEORADIUS g 15 37 200 km", "[palermo catania]"),
        ("GEORADIUS g 15 37 200 km WITHDIST DESC", "[[palermo 190.4424] [catania 56.4413]]"),
        (
            "GEORADIUS g 15 37 400 km WITHCOORD WITHDIST WITHHASH COUNT 2",
            "[[catania 56.4413 :3479447370796909 [15.08726745843887329 37.50266842333162032]] [palermo \
                190.4424 :3479099956230698 [13.36138933897018433 38.11555639549629859]]]",
        ),
        ("GEORADIUS g 15 37 400 km COUNT 1 ANY", "[palermo]"),
        ("GEORADIUS g 15 37 400 km COUNT 2 DESC", "[edge1 edge2]"),
        ("GEORADIUS_RO g 15 37 200 km ASC", "[catania palermo]"),
        (
            "GEORADIUSBYMEMBER g palermo 200 km WITHDIST",
            "[[palermo 0.0000] [edge1 91.4007] [catania 166.2742]]",
        ),
        ("GEORADIUSBYMEMBER_RO g palermo 200 km DESC", "[catania edge1 palermo]"),
        (
            "GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km ASC WITHCOORD WITHDIST",
            "[[catania 56.4413 [15.08726745843887329 37.50266842333162032]] [palermo 190.4424 \
                [13.36138933897018433 38.11555639549629859]] [edge2 279.7403 [17.24151045083999634 \
                38.78813451624225195]] [edge1 279.7405 [12.7584877610206604 38.78813451624225195]]]",
        ),
        ("GEOSEARCH g FROMMEMBER catania BYRADIUS 100 mi DESC", "[catania]"),
        ("GEORADIUS g 0 0 1 m", "[]"),
        ("GEORADIUS none 0 0 1 m", "[]"),
    ]);
}

#[test]
fn in_resp3_coordinates_are_doubles_and_distances_are_not() {
    check_all(&[
        ("GEOADD g 13.361389 38.115556 palermo 15.087269 37.502669 catania", ":2"),
        (
            "RESP 3 | GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ASC WITHCOORD WITHDIST WITHHASH",
            "[[catania 56.4413 :3479447370796909 [,15.08726745843887329 ,37.50266842333162032]] [palermo \
                190.4424 :3479099956230698 [,13.36138933897018433 ,38.11555639549629859]]]",
        ),
        ("GEOSEARCH none FROMMEMBER x BYRADIUS 200 km", "[]"),
    ]);
}

#[test]
fn members_across_the_date_line_are_found_where_redis_finds_them() {
    check_all(&[
        ("GEOADD g 179.9 10 east -179.9 10 west 0 0 far", ":3"),
        ("GEOSEARCH g FROMLONLAT 180 10 BYRADIUS 50 km ASC WITHDIST", "[[east 10.9537]]"),
        ("GEOSEARCH g FROMLONLAT -180 10 BYRADIUS 50 km ASC WITHDIST", "[[east 10.9537] [west 10.9537]]"),
        ("GEOSEARCH g FROMMEMBER west BYBOX 100 10 km ASC WITHDIST", "[[west 0.0000] [east 21.9075]]"),
        ("GEOSEARCH g FROMMEMBER west BYRADIUS 20000 km ASC", "[west east far]"),
    ]);
}

#[test]
fn members_near_the_poles_are_found_where_redis_finds_them() {
    check_all(&[
        ("GEOADD g 0 85 n0 90 85 n90 180 85 n180 0 -85 s0", ":4"),
        ("GEOSEARCH g FROMLONLAT 0 85.05 BYRADIUS 1200 km ASC WITHDIST", "[[n0 5.5614] [n90 782.0739]]"),
        ("GEOSEARCH g FROMLONLAT 45 84 BYBOX 3000 1000 km DESC", "[n90 n0]"),
        ("GEOSEARCH g FROMMEMBER s0 BYRADIUS 100 km", "[s0]"),
    ]);
}

#[test]
fn results_are_stored_with_scores_or_distances() {
    check_all(&[
        ("GEOADD g 13.361389 38.115556 palermo 15.087269 37.502669 catania", ":2"),
        ("GEORADIUS g 15 37 200 km STORE d", ":2"),
        ("ZRANGE d 0 -1 WITHSCORES", "[palermo 3479099956230698 catania 3479447370796909]"),
        ("GEORADIUS g 15 37 200 km STOREDIST d", ":2"),
        ("ZRANGE d 0 -1", "[catania palermo]"),
        ("GEORADIUS g 15 37 200 km STORE a STOREDIST b", ":2"),
        ("EXISTS a b", ":1"),
        ("ZSCORE b palermo", "190.44242984775784"),
        ("GEOSEARCHSTORE g2 g FROMLONLAT 15 37 BYRADIUS 100 km", ":1"),
        ("ZRANGE g2 0 -1 WITHSCORES", "[catania 3479447370796909]"),
        ("GEOSEARCHSTORE g2 g FROMLONLAT 15 37 BYRADIUS 1 m", ":0"),
        ("EXISTS g2", ":0"),
        ("GEOSEARCHSTORE d none FROMMEMBER x BYRADIUS 1 m STOREDIST", ":0"),
        ("EXISTS d", ":0"),
        ("GEORADIUSBYMEMBER g palermo 1 km STORE g", ":1"),
        ("ZCARD g", ":1"),
    ]);
}

#[test]
fn what_is_stored_replaces_any_value() {
    check_all(&[
        ("GEOADD g 13.361389 38.115556 palermo", ":1"),
        ("SET d x", "OK"),
        ("EXPIRE d 100", ":1"),
        ("GEORADIUS g 13 38 200 km STORE d COUNT 1", ":1"),
        ("TTL d", ":-1"),
        ("TYPE d", "zset"),
        ("GEORADIUS none 13 38 200 km STORE d", ":0"),
        ("EXISTS d", ":0"),
        ("GEORADIUS none 13 38 200 km STORE d", ":0"),
    ]);
}

#[test]
fn georadius_refuses_what_is_wrong_first() {
    check_all(&[
        ("GEOADD g 1 2 a", ":1"),
        ("GEORADIUS g 1 2 x m", "-ERR need numeric radius"),
        ("GEORADIUS g 1 2 -1 m", "-ERR radius cannot be negative"),
        ("GEORADIUS g 1 2 3 x", "-ERR unsupported unit provided. please use M, KM, FT, MI"),
        ("GEORADIUS g 1 x -1 m", "-ERR value is not a valid float"),
        ("GEORADIUS g 181 2 -1 m", "-ERR invalid longitude,latitude pair 181.000000,2.000000"),
        ("GEORADIUSBYMEMBER g z 1 m", "-ERR could not decode requested zset member"),
        ("GEORADIUSBYMEMBER g a x m", "-ERR need numeric radius"),
        ("GEORADIUSBYMEMBER none a x y", "[]"),
        ("GEORADIUSBYMEMBER none a x y foo", "-ERR syntax error"),
        ("GEORADIUS none x 0 1 m", "-ERR value is not a valid float"),
        ("GEORADIUS g 1 2 3 m foo", "-ERR syntax error"),
        ("GEORADIUS g 1 2 3 m COUNT", "-ERR syntax error"),
        ("GEORADIUS g 1 2 3 m COUNT 0", "-ERR COUNT must be > 0"),
        ("GEORADIUS g 1 2 3 m COUNT x", "-ERR value is not an integer or out of range"),
        ("GEORADIUS g 1 2 3 m ANY", "-ERR the ANY argument requires COUNT argument"),
        ("GEORADIUS g 1 2 3 m STORE", "-ERR syntax error"),
        ("GEORADIUS_RO g 1 2 3 m STORE d", "-ERR syntax error"),
        (
            "GEORADIUS g 1 2 3 m STORE d WITHDIST",
            "-ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
        ),
        ("GEORADIUS g 1 2 3 m FROMMEMBER a", "-ERR syntax error"),
        ("GEORADIUS g 1 2 3 m COUNT 99999999999999999999", "-ERR value is not an integer or out of range"),
    ]);
}

#[test]
fn geosearch_refuses_what_is_wrong_first() {
    check_all(&[
        ("GEOADD g 1 2 a", ":1"),
        ("GEOSEARCH g FROMMEMBER z BYRADIUS 1 m", "-ERR could not decode requested zset member"),
        ("GEOSEARCH g FROMLONLAT 0 0 FROMMEMBER a BYRADIUS 1 m", "-ERR syntax error"),
        ("GEOSEARCH g FROMMEMBER a FROMLONLAT 0 0 BYRADIUS 1 m", "-ERR syntax error"),
        ("GEOSEARCH g FROMMEMBER a FROMMEMBER a BYRADIUS 1 m BYRADIUS 2 m", "[a]"),
        ("GEOSEARCH g FROMMEMBER a BYRADIUS 1 m BYBOX 1 1 m", "-ERR syntax error"),
        ("GEOSEARCH g FROMMEMBER a BYBOX 1 1 m BYRADIUS 1 m", "-ERR syntax error"),
        ("GEOSEARCH g FROMMEMBER a BYBOX x 1 m", "-ERR need numeric width"),
        ("GEOSEARCH g FROMMEMBER a BYBOX 1 x m", "-ERR need numeric height"),
        ("GEOSEARCH g FROMMEMBER a BYBOX 1 -1 m", "-ERR height or width cannot be negative"),
        ("GEOSEARCH g FROMMEMBER a BYBOX 1 1 y", "-ERR unsupported unit provided. please use M, KM, FT, MI"),
        ("GEOSEARCH g FROMMEMBER a BYBOX 1 1", "-ERR syntax error"),
        (
            "GeoSearch g FROMMEMBER a ASC ASC WITHDIST",
            "-ERR exactly one of BYRADIUS and BYBOX can be specified for GeoSearch",
        ),
        (
            "GEOSEARCH g BYRADIUS 1 m ASC DESC ASC",
            "-ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH",
        ),
        ("GEOSEARCH g FROMLONLAT 0 0 BYRADIUS 1 m STOREDIST", "-ERR syntax error"),
        (
            "GEOSEARCHSTORE d g FROMLONLAT 0 0 BYRADIUS 1 m WITHHASH",
            "-ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
        ),
        ("GEOSEARCHSTORE d g FROMLONLAT 0 0 BYRADIUS 1 m STORE x", "-ERR syntax error"),
        ("GEOSEARCH g FROMMEMBER a BYRADIUS 1 m ANY", "-ERR the ANY argument requires COUNT argument"),
    ]);
}

#[test]
fn any_score_is_a_position() {
    check_all(&[
        ("ZADD z 1.5 half 4503599627370495 top 9e15 over -1 under inf most", ":5"),
        (
            "GEOPOS z half top over under most",
            "[[\"-179.99999731779098511\" \"-85.05112497791824921\"] [179.99999731779098511 \
                85.05112751263942528] [170.77080041170120239 85.0511287799999991] [180 85.0511287799999991] \
                [\"-179.99999731779098511\" \"-85.05112751263942528\"]]",
        ),
        (
            "GEOHASH z half top over under most",
            "[00bh0hbj210 zzpgzgpfxz0 zz17vgpd8p0 bp05b5048p0 00bh0hbj200]",
        ),
        ("GEOSEARCH z FROMLONLAT -180 -85.05 BYRADIUS 100 km WITHHASH", "[[half :1]]"),
        ("GEODIST z half top", "18919844.1662"),
        ("GEODIST z over under", "88460.3737"),
    ]);
}

#[test]
fn members_at_the_same_distance_keep_their_order() {
    check_all(&[
        ("GEOADD g 10 20 a 10 20 b 10 20 c 10.1 20 d 10.1 20 e", ":5"),
        ("GEOSEARCH g FROMLONLAT 10 20 BYRADIUS 100 km ASC", "[a b c d e]"),
        ("GEOSEARCH g FROMLONLAT 10 20 BYRADIUS 100 km DESC", "[d e a b c]"),
        ("GEOSEARCH g FROMLONLAT 10 20 BYRADIUS 100 km COUNT 2", "[a b]"),
        ("GEOSEARCH g FROMLONLAT 10 20 BYRADIUS 100 km COUNT 3 DESC", "[d e a]"),
        ("GEOSEARCH g FROMLONLAT 10 20 BYRADIUS 100 km COUNT 4 ANY", "[a b c d]"),
        ("GEOSEARCH g FROMLONLAT 10 20 BYRADIUS 100 km COUNT 4 ANY DESC", "[d a b c]"),
    ]);
}

#[test]
fn extreme_lengths_are_no_errors() {
    check_all(&[
        ("GEOADD g 10 20 a", ":1"),
        ("GEOSEARCH g FROMLONLAT 10 20 BYRADIUS inf km", "[a]"),
        ("GEOSEARCH g FROMLONLAT 10 20 BYRADIUS 1e300 mi", "[a]"),
        ("GEOSEARCH g FROMLONLAT 10 20 BYBOX inf inf m", "[a]"),
        ("GEOSEARCH g FROMLONLAT 10 20 BYBOX 0 0 m", "[]"),
        ("GEOSEARCH g FROMLONLAT 10 20 BYRADIUS 0 m", "[]"),
        ("GEOSEARCH g FROMMEMBER a BYRADIUS 0 m", "[a]"),
        ("GEOSEARCH g FROMMEMBER a BYBOX 0 0 km", "[a]"),
        ("GEOSEARCH g FROMLONLAT -170 -20 BYRADIUS 21000 km WITHDIST", "[[a 20020.7338]]"),
    ]);
}

/// What COMMAND GETKEYS says of a command.
fn keys_of(line: &str) -> String {
    let args: OwnedArgs = line.split(' ').collect();
    let (mut found, args) = (Vec::new(), args.as_args());
    lookup(args).spec.key_positions(args, &mut found);
    let keys = found.iter().map(|key| String::from_utf8_lossy(args.get(key.index)));
    keys.collect::<Vec<_>>().join(" ")
}

#[test]
fn a_destination_is_a_key_wherever_it_stands() {
    for (line, keys) in [
        ("GEORADIUS g 1 2 3 m", "g"),
        ("GEORADIUS g 1 2 3 m ASC STORE d COUNT 1", "g d"),
        ("GEORADIUS g 1 2 3 m storedist d", "g d"),
        ("GEORADIUS g 1 2 3 m STORE d STORE e", "g e"),
        ("GEORADIUS g 1 2 3 m STOREDIST d STORE e", "g e d"),
        ("GEORADIUS g 1 2 3 m STORE d STOREDIST e STORE f", "g d e f"),
        ("GEORADIUS g 1 2 3 m STORE", "g"),
        ("GEORADIUSBYMEMBER g m 3 m STORE d", "g d"),
        ("GEORADIUSBYMEMBER g store 3 m ANY", "g"),
        ("GEORADIUS_RO g 1 2 3 m STORE d", "g"),
        ("GEOSEARCHSTORE d g FROMMEMBER m BYRADIUS 1 m", "d g"),
    ] {
        assert_eq!(keys_of(line), keys, "{line}");
    }
}

/// Many members on a spiral from the south-west to the north-east, in a set of this many.
fn spiral(len: u32) -> String {
    let members = (0..len).map(|index| {
        let along = f64::from(index) / f64::from(len);
        let longitude = -180.0 + (along * 360.0 * 7.0) % 360.0;
        format!("{longitude:.4} {:.4} m{index}", -85.0 + along * 170.0)
    });
    format!("GEOADD g {}", members.collect::<Vec<_>>().join(" "))
}

#[test]
fn a_search_of_a_packed_set_finds_what_that_of_a_large_one_does() {
    let mut packed = Sandbox::new();
    packed.run(&spiral(128));
    let mut large = Sandbox::new();
    large.shard_mut().set_limits(Limits { sorted_set_entries_max: 0, ..Limits::default() });
    large.run(&spiral(128));
    assert_eq!(packed.run("OBJECT ENCODING g"), "listpack");
    assert_eq!(large.run("OBJECT ENCODING g"), "skiplist");
    for shape in ["BYRADIUS 3000 km", "BYRADIUS 9000 km", "BYBOX 4000 9000 km", "BYBOX 100 20000 mi"] {
        for center in ["10 20", "-179 5", "170 -60", "0 70"] {
            for options in ["", "ASC", "DESC WITHDIST", "COUNT 3", "COUNT 2 DESC", "COUNT 4 ANY"] {
                let search = format!("GEOSEARCH g FROMLONLAT {center} {shape} {options}");
                let found = packed.run(&search);
                check_in(&mut large, &search, &found);
            }
        }
    }
}

#[test]
fn a_circle_has_the_members_whose_distance_is_no_more_than_its_radius() {
    let mut sandbox = Sandbox::new();
    sandbox.run(&spiral(400));
    for (center, radius_km) in [("m200", 1500.0), ("m133", 2000.0), ("m250", 5000.0), ("m57", 3000.0)] {
        let near = |index: &u32| {
            let distance = sandbox.run(&format!("GEODIST g {center} m{index} km"));
            distance.trim_matches('"').parse::<f64>().unwrap() <= radius_km
        };
        let mut expected: Vec<String> = (0..400).filter(near).map(|index| format!("m{index}")).collect();
        let found = sandbox.run(&format!("GEOSEARCH g FROMMEMBER {center} BYRADIUS {radius_km} km"));
        let mut found: Vec<&str> = found.trim_matches(['[', ']']).split(' ').collect();
        expected.sort();
        found.sort();
        assert!(found.len() > 3);
        assert_eq!(found, expected);
    }
}

#[test]
fn count_takes_the_first_of_the_order() {
    let mut sandbox = Sandbox::new();
    sandbox.run(&spiral(300));
    for order in ["ASC", "DESC"] {
        let search = format!("GEOSEARCH g FROMLONLAT 20 10 BYRADIUS 6000 km {order}");
        let all = sandbox.run(&search);
        let all: Vec<&str> = all.trim_matches(['[', ']']).split(' ').collect();
        assert!(all.len() > 20);
        for count in [1, 2, 7, all.len() - 1, all.len(), all.len() + 1] {
            let first = all[..count.min(all.len())].join(" ");
            check_in(&mut sandbox, &format!("{search} COUNT {count}"), &format!("[{first}]"));
        }
    }
}

#[test]
fn changes_have_effects_and_what_changes_nothing_has_none() {
    let mut sandbox = Sandbox::new();
    sandbox.shard_mut().listen_to_effects(true);
    sandbox.run(
        "GEOADD g 1 2 a | GEOADD g 1 2 a | GEORADIUS g 1 2 3 km | GEORADIUS g 1 2 3 km STORE d \
         | GEORADIUS g 9 9 3 km STORE d | GEORADIUS g 9 9 3 km STORE d \
         | GEOSEARCHSTORE d g FROMMEMBER a BYBOX 1 1 m",
    );
    let effects = sandbox.shard_mut().take_effects().into_iter().flat_map(|group| group.effects);
    let text = |args: Args<'_>| args.iter_from(0).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
    let effects: Vec<String> = effects.map(|effect| text(effect.args.as_args())).collect();
    assert_eq!(
        effects,
        [
            "GEOADD g 1 2 a",
            "GEORADIUS g 1 2 3 km STORE d",
            "GEORADIUS g 9 9 3 km STORE d",
            "GEOSEARCHSTORE d g FROMMEMBER a BYBOX 1 1 m",
        ]
    );
}
