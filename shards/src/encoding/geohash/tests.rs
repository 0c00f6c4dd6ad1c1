//! Cells, neighbours and distances against values that the real server gives, and against plain geometry.

use super::*;

/// Members as redis-server 7.0.15 has them: longitude and latitude given, score, GEOHASH, and what GEOPOS
/// prints.
const MEMBERS: [(&str, f64, f64, f64, &str, &str, &str); 11] = [
    (
        "palermo",
        13.361389,
        38.115556,
        3479099956230698.0,
        "sqc8b49rny0",
        "13.36138933897018433",
        "38.11555639549629859",
    ),
    (
        "catania",
        15.087269,
        37.502669,
        3479447370796909.0,
        "sqdtr74hyu0",
        "15.08726745843887329",
        "37.50266842333162032",
    ),
    ("null", 0.0, 0.0, 3377699720527872.0, "s0000000000", "0.00000268220901489", "0.00000126736058093"),
    (
        "north-east",
        180.0,
        LATITUDE_MAX,
        13510798882111488.0,
        "bp05b5048p0",
        "180.00000000000000000",
        "85.05112877999999910",
    ),
    (
        "south-west",
        -180.0,
        -LATITUDE_MAX,
        0.0,
        "00bh0hbj200",
        "-179.99999731779098511",
        "-85.05112751263942528",
    ),
    (
        "south-east",
        180.0,
        -LATITUDE_MAX,
        9007199254740992.0,
        "00bh0hbj200",
        "180.00000000000000000",
        "-85.05112751263942528",
    ),
    (
        "date-east",
        179.999,
        10.0,
        4134140898080055.0,
        "xczbzurq0x0",
        "179.99899953603744507",
        "10.00000092823272979",
    ),
    (
        "date-west",
        -179.999,
        10.0,
        1131741146570653.0,
        "81b0bh2wpr0",
        "-179.99899953603744507",
        "10.00000092823272979",
    ),
    ("pole", 30.0, 85.05, 3790529686286886.0, "uxj7fdvk4t0", "30.00000089406967163", "85.04999956172351006"),
    (
        "antipode",
        -150.0,
        -85.0,
        37530270855783.0,
        "08vk6wjr4e0",
        "-149.99999910593032837",
        "-84.99999965213439168",
    ),
    (
        "next-door",
        13.3613891,
        38.115556,
        3479099956230698.0,
        "sqc8b49rny0",
        "13.36138933897018433",
        "38.11555639549629859",
    ),
];

fn stored(name: &str) -> Position {
    Position::of_score(MEMBERS.iter().find(|member| member.0 == name).unwrap().3)
}

/// The members that a search finds, in the order of GEOSEARCH without ASC and DESC.
fn found(center: Position, shape: Shape, unit: LengthUnit) -> Vec<&'static str> {
    let search = Search { center, shape, unit };
    let mut members = MEMBERS;
    members.sort_by(|a, b| a.3.total_cmp(&b.3).then(a.0.cmp(b.0)));
    let mut found = Vec::new();
    for range in search.score_ranges().as_slice() {
        let scores = members.iter().filter(|member| range.contains(&member.3));
        found.extend(scores.filter(|member| search.distance_m(member.3).is_some()).map(|member| member.0));
    }
    found
}

fn at(longitude: f64, latitude: f64) -> Position {
    Position::new(longitude, latitude).unwrap()
}

fn circle(radius: f64) -> Shape {
    Shape::Circle { radius }
}

fn rectangle(width: f64, height: f64) -> Shape {
    Shape::Rectangle { width, height }
}

#[test]
fn scores_texts_and_positions_are_those_of_redis() {
    for (name, longitude, latitude, score, text, stored_longitude, stored_latitude) in MEMBERS {
        assert_eq!(at(longitude, latitude).score(), score, "{name}");
        let position = Position::of_score(score);
        assert_eq!(format!("{:.17}", position.longitude()), stored_longitude, "{name}");
        assert_eq!(format!("{:.17}", position.latitude()), stored_latitude, "{name}");
        assert_eq!(position.text(), text.as_bytes(), "{name}");
    }
}

#[test]
fn positions_outside_of_the_map_are_refused() {
    assert!(Position::new(180.0, 85.05112878).is_some());
    assert!(Position::new(-180.0, -85.05112878).is_some());
    let outside = [
        (180.000001, 0.0),
        (-180.1, 0.0),
        (0.0, 85.051129),
        (0.0, -90.0),
        (f64::NAN, 0.0),
        (0.0, f64::INFINITY),
    ];
    for (longitude, latitude) in outside {
        assert_eq!(Position::new(longitude, latitude), None, "{longitude} {latitude}");
    }
}

#[test]
fn a_score_that_is_no_geohash_still_is_some_position() {
    let no_geohashes = [
        (-1.0, u64::MAX),
        (-0.5, 0),
        (123.75, 123),
        (9.3e18, 9_300_000_000_000_000_000),
        (1e300, 0),
        (f64::INFINITY, 0),
        (-1e300, 1 << 63),
        (f64::NEG_INFINITY, 1 << 63),
    ];
    for (score, bits) in no_geohashes {
        assert_eq!(bits_of_score(score), bits, "{score}");
        let position = Position::of_score(score);
        assert!(Position::new(position.longitude(), position.latitude()).is_some(), "{score}");
    }
}

#[test]
fn a_stored_position_is_within_one_area_of_the_given_one() {
    let mut state = 1_u64;
    let mut share = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64 * 2.0 - 1.0
    };
    for _ in 0..10_000 {
        let position = at(share() * LONGITUDE_MAX, share() * LATITUDE_MAX);
        let stored = Position::of_score(position.score());
        assert!(
            (stored.longitude() - position.longitude()).abs() <= LONGITUDE_MAX / cells(STEP_MAX),
            "{position:?}"
        );
        assert!(
            (stored.latitude() - position.latitude()).abs() <= LATITUDE_MAX / cells(STEP_MAX),
            "{position:?}"
        );
        assert_eq!(stored.score(), position.score(), "{position:?}");
    }
}

#[test]
fn distances_are_those_of_redis_in_all_units() {
    let golden = [
        ("palermo", "catania", ["166274.1516", "166.2742", "545518.8700", "103.3182"]),
        ("north-east", "south-west", ["18919844.5891", "18919.8446", "62072980.9353", "11756.2756"]),
        ("date-east", "date-west", ["219.1747", "0.2192", "719.0771", "0.1362"]),
        ("pole", "antipode", ["20015172.6951", "20015.1727", "65666577.0835", "12436.8826"]),
        ("null", "north-east", ["10560811.4940", "10560.8115", "34648331.6733", "6562.2003"]),
        ("palermo", "next-door", ["0.0000", "0.0000", "0.0000", "0.0000"]),
    ];
    for (a, b, expected) in golden {
        let distance_m = stored(a).distance_m(stored(b));
        for (name, expected) in ["m", "KM", "ft", "Mi"].into_iter().zip(expected) {
            let unit = LengthUnit::named(name.as_bytes()).unwrap();
            assert_eq!(format!("{:.4}", distance_m / unit.length_m()), expected, "{a} {b} {name}");
        }
    }
    assert_eq!(LengthUnit::named(b"meters"), None);
}

#[test]
fn searches_find_what_redis_finds_in_its_order() {
    let sicily = at(15.0, 37.0);
    let date_east = stored("date-east");
    let golden: [(Position, Shape, LengthUnit, &[&str]); 12] = [
        (sicily, circle(200.0), LengthUnit::Kilometre, &["next-door", "palermo", "catania"]),
        (sicily, rectangle(400.0, 400.0), LengthUnit::Kilometre, &["next-door", "palermo", "catania"]),
        (sicily, circle(100.0), LengthUnit::Kilometre, &["catania"]),
        (stored("palermo"), circle(0.5), LengthUnit::Metre, &["next-door", "palermo"]),
        (stored("pole"), circle(1000.0), LengthUnit::Kilometre, &["pole"]),
        (
            at(0.0, 0.0),
            circle(30000.0),
            LengthUnit::Kilometre,
            &[
                "null",
                "next-door",
                "palermo",
                "catania",
                "pole",
                "date-east",
                "date-west",
                "south-west",
                "antipode",
            ],
        ),
        (at(0.0, 0.0), circle(6000.0), LengthUnit::Kilometre, &["null", "next-door", "palermo", "catania"]),
        (
            at(0.0, 0.0),
            rectangle(50000.0, 10000.0),
            LengthUnit::Mile,
            &["null", "next-door", "palermo", "catania", "date-east", "date-west"],
        ),
        (date_east, circle(300.0), LengthUnit::Metre, &["date-east", "date-west"]),
        (date_east, rectangle(500.0, 1.0), LengthUnit::Metre, &["date-east", "date-west"]),
        (date_east, rectangle(1.0, 500.0), LengthUnit::Metre, &["date-east"]),
        (at(179.9995, 10.0), circle(1000.0), LengthUnit::Foot, &["date-east", "date-west"]),
    ];
    for (center, shape, unit, expected) in golden {
        assert_eq!(found(center, shape, unit), expected, "{center:?} {shape:?} {unit:?}");
    }
}

#[test]
fn a_radius_of_nothing_finds_the_very_position() {
    assert_eq!(found(stored("palermo"), circle(0.0), LengthUnit::Metre), ["next-door", "palermo"]);
    assert_eq!(found(stored("palermo"), rectangle(0.0, 0.0), LengthUnit::Mile), ["next-door", "palermo"]);
    for corner in ["north-east", "south-west", "south-east"] {
        assert_eq!(found(stored(corner), circle(1.0), LengthUnit::Metre), [corner]);
    }
}

#[test]
fn ranges_of_scores_never_overlap_and_cover_the_shape() {
    for exponent in -6..=9 {
        let radius = 10_f64.powi(exponent);
        for (longitude, latitude) in
            [(0.0, 0.0), (13.4, 52.5), (-179.99, 65.9), (180.0, 66.1), (5.0, -80.1), (0.0, 85.05)]
        {
            let search =
                Search { center: at(longitude, latitude), shape: circle(radius), unit: LengthUnit::Metre };
            let ranges = search.score_ranges();
            let ranges = ranges.as_slice();
            assert!(ranges.iter().any(|range| range.contains(&search.center.score())), "{search:?}");
            for (index, range) in ranges.iter().enumerate() {
                assert!(range.start < range.end, "{search:?}");
                let overlaps = |other: &Range<f64>| range.start < other.end && other.start < range.end;
                assert!(!ranges[..index].iter().any(overlaps), "{search:?}");
            }
        }
    }
}

#[test]
fn neighbours_wrap_round_at_the_date_line() {
    let east = Area::around(at(179.9, 1.0), 10);
    let west = Area::around(at(-179.9, 1.0), 10);
    assert_eq!(east.neighbours()[3], west);
    assert_eq!(west.neighbours()[4], east);
    let north_of_east = Area::around(at(179.9, 1.0 + 2.0 * LATITUDE_MAX / cells(10)), 10);
    assert_eq!(east.neighbours()[1], north_of_east);
    assert_eq!(west.neighbours()[6], north_of_east);
    assert_eq!(north_of_east.neighbours()[2], east);
}

#[test]
fn areas_are_as_large_as_the_search_and_larger_near_the_poles() {
    assert_eq!(step_for_radius(0.0, 0.0), 26);
    assert_eq!(step_for_radius(1e-300, 0.0), 26);
    assert_eq!(step_for_radius(1000.0, 0.0), 14);
    assert_eq!(step_for_radius(1000.0, 66.0), 14);
    assert_eq!(step_for_radius(1000.0, -66.1), 13);
    assert_eq!(step_for_radius(1000.0, 80.0), 13);
    assert_eq!(step_for_radius(1000.0, -80.1), 12);
    assert_eq!(step_for_radius(1e7, 0.0), 1);
    assert_eq!(step_for_radius(f64::INFINITY, 85.0), 1);
}

#[test]
fn the_largest_shapes_are_searched_without_a_number_for_their_bounds() {
    for shape in [circle(f64::INFINITY), circle(1e300), rectangle(f64::INFINITY, 1.0), rectangle(1.0, 1e300)]
    {
        for center in [at(0.0, 0.0), at(180.0, LATITUDE_MAX), at(-180.0, -LATITUDE_MAX)] {
            let search = Search { center, shape, unit: LengthUnit::Mile };
            assert!(search.distance_m(center.score()).is_some(), "{search:?}");
            assert!(!search.score_ranges().as_slice().is_empty(), "{search:?}");
        }
    }
}

#[test]
fn a_shape_is_bounded_where_it_is_nearest_to_a_pole() {
    let degree_m = EARTH_RADIUS_M * std::f64::consts::PI / 180.0;
    for sign in [1.0, -1.0] {
        let center = at(10.0, sign * 59.0);
        let shape = rectangle(4.0 * degree_m, 2.0 * degree_m);
        let (longitudes, latitudes) = Search { center, shape, unit: LengthUnit::Metre }.bounding_box();
        // At 60 degrees a degree of longitude is half as long as at the equator.
        for (found, expected) in [
            (longitudes.start, 6.0),
            (longitudes.end, 14.0),
            (latitudes.start, sign * 59.0 - 1.0),
            (latitudes.end, sign * 59.0 + 1.0),
        ] {
            assert!((found - expected).abs() < 1e-9, "{found} {expected}");
        }
    }
}
