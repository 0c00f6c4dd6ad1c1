//! Positions on the earth as numbers: Redis's geohash of 52 bits, which is the score of a member in a sorted
//! set.
//!
//! Longitude and latitude are halved in turns; each halving gives a bit, longitude first. So a prefix of the
//! bits is an area, all positions in an area have scores in one range, and a search around a position looks
//! at the ranges of the area that the position is in and of the eight around it. With `step` halvings of each
//! coordinate an area has `2 * step` bits. The widths of the areas, the areas that are left out and every
//! floating-point operation are Redis's (geohash.c, geohash_helper.c of 7.2), because they decide which
//! members are found at the edges, and in which order.
//!
//! This file must not know any command, sorted set or reply. How coordinates and distances are printed is the
//! caller's.

use std::ops::Range;

/// Longitudes are -180 to 180 degrees.
pub const LONGITUDE_MAX: f64 = 180.0;
/// Latitudes are -85.05112878 to 85.05112878 degrees: what the square map of Mercator shows (EPSG:900913).
pub const LATITUDE_MAX: f64 = 85.051_128_78;

/// Redis's mean radius of the earth.
const EARTH_RADIUS_M: f64 = 6_372_797.560_856;
/// Half the width of the map of Mercator, as Redis has it.
const MERCATOR_MAX_M: f64 = 20_037_726.37;
/// The latitude at which the standard geohash ends.
const STANDARD_LATITUDE_MAX: f64 = 90.0;
/// Halvings of each coordinate in a score.
const STEP_MAX: u32 = 26;
/// Bits of a score.
const SCORE_BITS: u32 = 2 * STEP_MAX;
/// The digits of the standard geohash.
const DIGITS: &[u8; 32] = b"0123456789bcdefghjkmnpqrstuvwxyz";
/// Length of the text of a standard geohash.
pub const TEXT_LEN: usize = 11;

/// The bits of latitudes; those of longitudes are the others.
const LATITUDE_BITS: u64 = 0x5555_5555_5555_5555;

/// Units of length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LengthUnit {
    /// `m`.
    Metre,
    /// `km`.
    Kilometre,
    /// `ft`.
    Foot,
    /// `mi`.
    Mile,
}

impl LengthUnit {
    /// Its length in metres.
    pub fn length_m(self) -> f64 {
        match self {
            Self::Metre => 1.0,
            Self::Kilometre => 1000.0,
            Self::Foot => 0.3048,
            Self::Mile => 1609.34,
        }
    }

    /// The unit of a name, in any case.
    pub fn named(name: &[u8]) -> Option<Self> {
        let units: [(&[u8], _); 4] =
            [(b"m", Self::Metre), (b"km", Self::Kilometre), (b"ft", Self::Foot), (b"mi", Self::Mile)];
        units.into_iter().find(|(unit, _)| unit.eq_ignore_ascii_case(name)).map(|(_, unit)| unit)
    }
}

/// A position, in degrees, within the limits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    longitude: f64,
    latitude: f64,
}

impl Position {
    /// `None` outside of the limits.
    pub fn new(longitude: f64, latitude: f64) -> Option<Self> {
        let is_valid = (-LONGITUDE_MAX..=LONGITUDE_MAX).contains(&longitude)
            && (-LATITUDE_MAX..=LATITUDE_MAX).contains(&latitude);
        is_valid.then_some(Self { longitude, latitude })
    }

    /// Degrees east of Greenwich.
    pub fn longitude(self) -> f64 {
        self.longitude
    }

    /// Degrees north of the equator.
    pub fn latitude(self) -> f64 {
        self.latitude
    }

    /// The score of a member at this position: a whole number, below 2^52 except at the very limits of the
    /// map.
    pub fn score(self) -> f64 {
        Area::around(self, STEP_MAX).bits as f64
    }

    /// The position in the middle of the area that a score stands for. Any score stands for some area: what
    /// is no geohash is converted as an x86-64 does for Redis.
    pub fn of_score(score: f64) -> Self {
        let (longitude, latitude) = Area { bits: bits_of_score(score), step: STEP_MAX }.bounds();
        Self {
            longitude: ((longitude.start + longitude.end) / 2.0).clamp(-LONGITUDE_MAX, LONGITUDE_MAX),
            latitude: ((latitude.start + latitude.end) / 2.0).clamp(-LATITUDE_MAX, LATITUDE_MAX),
        }
    }

    /// The standard geohash (GEOHASH), whose latitudes go up to 90 degrees. 52 bits are no more than 10
    /// digits, so the last one is always 0.
    pub fn text(self) -> [u8; TEXT_LEN] {
        let bits = interleave(
            cell(self.longitude, LONGITUDE_MAX, STEP_MAX),
            cell(self.latitude, STANDARD_LATITUDE_MAX, STEP_MAX),
        );
        let mut text = [DIGITS[0]; TEXT_LEN];
        for (index, digit) in text[..TEXT_LEN - 1].iter_mut().enumerate() {
            let shift = SCORE_BITS as usize - 5 * (index + 1);
            *digit = DIGITS[(bits >> shift) as usize % DIGITS.len()];
        }
        text
    }

    /// The distance over the surface of a sphere, in metres (haversine formula).
    pub fn distance_m(self, other: Self) -> f64 {
        let (longitude, other_longitude) = (radians(self.longitude), radians(other.longitude));
        let v = ((other_longitude - longitude) / 2.0).sin();
        if v == 0.0 {
            return latitude_distance_m(self.latitude, other.latitude);
        }
        let (latitude, other_latitude) = (radians(self.latitude), radians(other.latitude));
        let u = ((other_latitude - latitude) / 2.0).sin();
        let a = u * u + latitude.cos() * other_latitude.cos() * v * v;
        2.0 * EARTH_RADIUS_M * a.sqrt().asin()
    }
}

/// The outline of a search, in units of the client.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Shape {
    /// All positions no further away than the radius.
    Circle {
        /// Not negative.
        radius: f64,
    },
    /// All positions within half the height to the north or south, and within half the width to the east or
    /// west, measured at the latitude of the position.
    Rectangle {
        /// Not negative.
        width: f64,
        /// Not negative.
        height: f64,
    },
}

/// A search for the positions within a shape (GEOSEARCH, GEORADIUS).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Search {
    /// The middle of the shape.
    pub center: Position,
    /// What is searched.
    pub shape: Shape,
    /// The unit of the lengths of the shape.
    pub unit: LengthUnit,
}

/// The ranges of scores to look at, up to nine, from the start (inclusive) to the end (exclusive). They are
/// in Redis's order, which is the order of unsorted results.
#[derive(Clone, Debug)]
pub struct ScoreRanges {
    ranges: [Range<f64>; 9],
    len: usize,
}

impl ScoreRanges {
    /// All of them.
    pub fn as_slice(&self) -> &[Range<f64>] {
        &self.ranges[..self.len]
    }
}

impl Search {
    /// Whether a member with this score is in the shape: its distance from the center, in metres.
    pub fn distance_m(&self, score: f64) -> Option<f64> {
        let position = Position::of_score(score);
        let unit_m = self.unit.length_m();
        match self.shape {
            Shape::Circle { radius } => {
                let distance_m = self.center.distance_m(position);
                // Between antipodes the formula may give no number; Redis takes that for near.
                if distance_m > radius * unit_m { None } else { Some(distance_m) }
            }
            Shape::Rectangle { width, height } => {
                let north_m = latitude_distance_m(position.latitude, self.center.latitude);
                if north_m > height * unit_m / 2.0 {
                    return None;
                }
                let due_east = Position { longitude: self.center.longitude, ..position };
                if position.distance_m(due_east) > width * unit_m / 2.0 {
                    return None;
                }
                Some(self.center.distance_m(position))
            }
        }
    }

    /// Where the members within the shape can be (Redis: geohashCalculateAreasByShapeWGS84,
    /// membersOfAllNeighbors).
    pub fn score_ranges(&self) -> ScoreRanges {
        let (areas, step) = self.areas();
        let useful = self.useful_areas(&areas, step);
        let mut ranges = ScoreRanges { ranges: [const { 0.0..0.0 }; 9], len: 0 };
        // With four areas for the whole earth, a neighbour is also the one on the other side, which follows
        // it.
        let mut last = None;
        for (area, _) in areas.iter().zip(useful).filter(|&(_, is_useful)| is_useful) {
            if last != Some(area) {
                ranges.ranges[ranges.len] = area.scores();
                ranges.len += 1;
                last = Some(area);
            }
        }
        ranges
    }

    /// The center's area and its neighbours, in the order of [`AROUND`].
    fn areas(&self) -> ([Area; 9], u32) {
        let (longitudes, latitudes) = self.bounding_box();
        let step = step_for_radius(self.radius_m(), self.center.latitude);
        let areas = Area::around(self.center, step).neighbours();
        let [_, north, south, east, west, ..] = areas.map(Area::bounds);
        let reaches_beyond = north.1.end < latitudes.end
            || south.1.start > latitudes.start
            || east.0.end < longitudes.end
            || west.0.start > longitudes.start;
        if reaches_beyond && step > 1 {
            return (Area::around(self.center, step - 1).neighbours(), step - 1);
        }
        (areas, step)
    }

    /// Which areas reach into the bounding box: none to the north when the center's area already reaches
    /// beyond it.
    fn useful_areas(&self, areas: &[Area; 9], step: u32) -> [bool; 9] {
        // With four areas for the whole earth, a neighbour to the north is also one to the south.
        if step < 2 {
            return [true; 9];
        }
        let (longitudes, latitudes) = self.bounding_box();
        let (longitude, latitude) = areas[0].bounds();
        AROUND.map(|(east, north)| {
            !(north < 0 && latitude.start < latitudes.start
                || north > 0 && latitude.end > latitudes.end
                || east < 0 && longitude.start < longitudes.start
                || east > 0 && longitude.end > longitudes.end)
        })
    }

    /// The distance from the center to the furthest point of the shape, in metres.
    fn radius_m(&self) -> f64 {
        let radius = match self.shape {
            Shape::Circle { radius } => radius,
            Shape::Rectangle { width, height } => {
                ((width / 2.0) * (width / 2.0) + (height / 2.0) * (height / 2.0)).sqrt()
            }
        };
        radius * self.unit.length_m()
    }

    /// Longitudes and latitudes of the shape, which may be beyond the limits. It is widest at the side that
    /// is nearer to a pole, and Redis takes the width there.
    fn bounding_box(&self) -> (Range<f64>, Range<f64>) {
        let Position { longitude, latitude } = self.center;
        let unit_m = self.unit.length_m();
        let (half_width, half_height) = match self.shape {
            Shape::Circle { radius } => (radius, radius),
            Shape::Rectangle { width, height } => (width / 2.0, height / 2.0),
        };
        let (half_width_m, half_height_m) = (unit_m * half_width, unit_m * half_height);

        let north = degrees(half_height_m / EARTH_RADIUS_M);
        let widest = if latitude < 0.0 { latitude - north } else { latitude + north };
        let east = degrees(half_width_m / EARTH_RADIUS_M / radians(widest).cos());
        (longitude - east..longitude + east, latitude - north..latitude + north)
    }
}

/// Neighbours by their direction, east and north, in the order in which Redis searches them.
const AROUND: [(i64, i64); 9] =
    [(0, 0), (0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)];

/// All positions whose geohash begins with some bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Area {
    /// The lowest `2 * step` bits, and one bit more for each coordinate at its upper limit.
    bits: u64,
    /// Halvings of each coordinate, 1 to [`STEP_MAX`].
    step: u32,
}

impl Area {
    fn around(position: Position, step: u32) -> Self {
        let longitude = cell(position.longitude, LONGITUDE_MAX, step);
        let latitude = cell(position.latitude, LATITUDE_MAX, step);
        Self { bits: interleave(longitude, latitude), step }
    }

    /// The longitudes and the latitudes.
    fn bounds(self) -> (Range<f64>, Range<f64>) {
        let bounds = |cell: u32, max: f64| {
            let edge = |cell: u32| -max + (f64::from(cell) / cells(self.step)) * (max - -max);
            edge(cell)..edge(cell.wrapping_add(1))
        };
        (bounds(squeeze(self.bits >> 1), LONGITUDE_MAX), bounds(squeeze(self.bits), LATITUDE_MAX))
    }

    /// The area itself and those around it, in the order of [`AROUND`]. They wrap round at the date line, and
    /// at the poles to the other end of the map.
    fn neighbours(self) -> [Self; 9] {
        AROUND.map(|(east, north)| {
            let mut bits = self.bits;
            let mask = (1 << (2 * self.step)) - 1;
            if east != 0 {
                let moved = u64::from(squeeze(bits >> 1)).wrapping_add_signed(east) as u32;
                bits = spread(moved) << 1 & mask | bits & LATITUDE_BITS;
            }
            if north != 0 {
                let moved = u64::from(squeeze(bits)).wrapping_add_signed(north) as u32;
                bits = bits & !LATITUDE_BITS | spread(moved) & mask;
            }
            Self { bits, step: self.step }
        })
    }

    /// The scores of its positions.
    fn scores(self) -> Range<f64> {
        let shift = SCORE_BITS - 2 * self.step;
        (self.bits << shift) as f64..((self.bits + 1) << shift) as f64
    }
}

/// The halvings for a search: areas as large as the radius, larger near the poles, where degrees of longitude
/// are short (Redis: geohashEstimateStepsByRadius).
fn step_for_radius(mut radius_m: f64, latitude: f64) -> u32 {
    if radius_m <= 0.0 {
        return STEP_MAX;
    }
    let mut step = 1_i32;
    while radius_m < MERCATOR_MAX_M {
        radius_m *= 2.0;
        step += 1;
    }
    // One less than the areas that are as large as the radius, so that the nine areas are nearly always
    // enough.
    step -= 2;
    if latitude.abs() > 66.0 {
        step -= 1;
    }
    if latitude.abs() > 80.0 {
        step -= 1;
    }
    step.clamp(1, STEP_MAX as i32) as u32
}

/// The number of parts that `step` halvings lead to.
fn cells(step: u32) -> f64 {
    (1_u64 << step) as f64
}

/// Which part of -max to max a coordinate is in; their number when it is `max`.
fn cell(coordinate: f64, max: f64, step: u32) -> u32 {
    let share = (coordinate - -max) / (max - -max);
    (share * cells(step)) as u32
}

/// The bits of both numbers in turns, beginning with the lowest of `latitude`.
fn interleave(longitude: u32, latitude: u32) -> u64 {
    spread(longitude) << 1 | spread(latitude)
}

/// Moves bit `n` to bit `2 * n`.
fn spread(number: u32) -> u64 {
    let mut bits = u64::from(number);
    bits = (bits | bits << 16) & 0x0000_ffff_0000_ffff;
    bits = (bits | bits << 8) & 0x00ff_00ff_00ff_00ff;
    bits = (bits | bits << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    bits = (bits | bits << 2) & 0x3333_3333_3333_3333;
    (bits | bits << 1) & LATITUDE_BITS
}

/// Moves bit `2 * n` to bit `n`, and drops the others.
fn squeeze(mut bits: u64) -> u32 {
    bits &= LATITUDE_BITS;
    bits = (bits | bits >> 1) & 0x3333_3333_3333_3333;
    bits = (bits | bits >> 2) & 0x0f0f_0f0f_0f0f_0f0f;
    bits = (bits | bits >> 4) & 0x00ff_00ff_00ff_00ff;
    bits = (bits | bits >> 8) & 0x0000_ffff_0000_ffff;
    (bits | bits >> 16) as u32
}

/// The bits of a score. What is no `u64` becomes what a conversion gives on an x86-64.
fn bits_of_score(score: f64) -> u64 {
    const HALF: f64 = (1_u64 << 63) as f64;
    if score >= HALF {
        let upper = score - HALF;
        if upper < HALF { upper as u64 | 1 << 63 } else { 0 }
    } else if score >= -HALF {
        score as i64 as u64
    } else {
        1 << 63
    }
}

fn latitude_distance_m(a: f64, b: f64) -> f64 {
    EARTH_RADIUS_M * (radians(b) - radians(a)).abs()
}

// `f64::to_radians` and `f64::to_degrees` may round differently.
fn radians(degrees: f64) -> f64 {
    degrees * (std::f64::consts::PI / 180.0)
}

fn degrees(radians: f64) -> f64 {
    radians / (std::f64::consts::PI / 180.0)
}

#[cfg(test)]
mod tests;
