//! Records shaped like a city's parcels, made up from a fixed seed: every street, number and place
//! in them is invented.

use std::fmt::Write as _;

/// The records of a full run.
pub(crate) const RECORDS: usize = 200_000;
/// More blocks than a full run fills, with 35 lots on average.
pub(crate) const BLOCKS: usize = 6_000;
/// The streets that lots lie at.
pub(crate) const STREETS: usize = 2_000;

/// A full run takes the same course every time.
const SEED: u64 = 0x6761_7465_706f_7374;

/// Street names are two or three of these, so that each can be told by its number and back.
const SYLLABLES: [&str; 48] = [
    "ALD", "BAR", "BEL", "BOR", "BRI", "CAL", "CAR", "COL", "COR", "DAN", "DEL", "DOR", "EBB",
    "ELM", "FAR", "FEN", "GAL", "GLE", "HAL", "HAR", "HOL", "IRI", "JAN", "KEL", "KIN", "LAN",
    "LIN", "LOR", "MAR", "MEL", "MON", "NEL", "NOR", "OAK", "ORR", "PAL", "PEN", "QUI", "RAN",
    "ROS", "SAL", "SOL", "TAL", "TOR", "ULM", "VAL", "WIL", "YOR",
];
const SYLLABLE_BYTES: usize = 3;

/// Most addresses are in a street, a fifth in an avenue.
const KINDS: [&str; 10] = ["ST", "ST", "ST", "ST", "ST", "ST", "AVE", "AVE", "DR", "WAY"];
/// What some blocks and lots have behind their number.
const LETTERS: [&str; 4] = ["A", "B", "C", "D"];

/// Corners that some blocks have, for rules that ask for one number.
const LANDMARKS: [Landmark; 6] = [
    Landmark { block: 500, x: 12_240_718_281_828_459, y: 37_713_141_592_653_589 },
    Landmark { block: 1_500, x: 12_244_142_135_623_731, y: 37_732_050_807_568_877 },
    Landmark { block: 2_500, x: 12_246_180_339_887_498, y: 37_757_721_566_490_153 },
    Landmark { block: 3_500, x: 12_238_693_147_180_559, y: 37_769_314_718_055_994 },
    Landmark { block: 4_500, x: 12_247_320_508_075_688, y: 37_794_228_634_059_948 },
    Landmark { block: 5_500, x: 12_250_123_456_789_012, y: 37_812_345_678_901_234 },
];

struct Landmark {
    block: usize,
    x: u64,
    y: u64,
}

/// How the points of a geometry are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Points {
    /// `[x, y, z]`
    Arrays,
    /// `{"x": …, "y": …, "z": …}`, and the first one also under `firstCoordinates`.
    Objects,
}

/// All records in one text.
pub(crate) struct Parcels {
    text: String,
    /// Where each record begins, and where the last one ends.
    bounds: Vec<usize>,
}

impl Parcels {
    /// The first `count` records.
    pub(crate) fn generate(points: Points, count: usize) -> Self {
        let mut random = Random(SEED);
        let block = Block::new(1, &mut random);
        let text = String::new();
        let mut city = City { random, points, text, block, lot: 0, run: 0, map_lot: String::new() };
        let mut bounds = vec![0];
        for _ in 0..count {
            city.record();
            bounds.push(city.text.len());
        }
        Self { text: city.text, bounds }
    }

    pub(crate) fn records(&self) -> impl Iterator<Item = &str> + Clone {
        self.bounds.windows(2).map(move |pair| &self.text[pair[0]..pair[1]])
    }

    pub(crate) fn len(&self) -> usize {
        self.bounds.len() - 1
    }

    /// The length of all records together.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }
}

/// The name of a street; three syllables where two are used up.
pub(crate) fn street(number: usize) -> String {
    let count = SYLLABLES.len();
    let two = [SYLLABLES[number % count], SYLLABLES[number / count % count]].concat();
    match number / (count * count) {
        0 => two,
        third => two + SYLLABLES[third],
    }
}

/// The number of a street of two syllables, by its name in any case.
pub(crate) fn street_number(name: &str) -> Option<usize> {
    let name = name.to_uppercase();
    let (first, second) = name.split_at_checked(SYLLABLE_BYTES)?;
    let number = |wanted: &str| SYLLABLES.iter().position(|syllable| *syllable == wanted);
    Some(number(first)? + SYLLABLES.len() * number(second)?)
}

/// The next record and the text so far.
struct City {
    random: Random,
    points: Points,
    text: String,
    block: Block,
    /// The number of the last lot in this block.
    lot: usize,
    /// How many more lots are on the map under the code of an earlier one.
    run: u64,
    /// The code on the map: block and lot.
    map_lot: String,
}

impl City {
    fn record(&mut self) {
        let lot = self.next_lot();
        let unknown = self.random.one_in(40);
        let from = if unknown { 0 } else { 1 + self.random.below(3_000) };
        let to = if unknown { 0 } else { from + 2 * self.random.below(3) };
        let (street, kind) = if unknown {
            ("UNKNOWN", "null".to_owned())
        } else {
            let street = self.random.pick(&self.block.streets);
            (street.as_str(), format!("\"{}\"", self.random.pick(&KINDS)))
        };
        let side = if from.is_multiple_of(2) { "E" } else { "O" };
        let (map_lot, block) = (&self.map_lot, &self.block.code);
        write!(
            self.text,
            "{{\"type\": \"Feature\", \"properties\": {{\"MAPBLKLOT\": \"{map_lot}\", \
             \"BLKLOT\": \"{block}{lot}\", \"BLOCK_NUM\": \"{block}\", \"LOT_NUM\": \"{lot}\", \
             \"FROM_ST\": \"{from}\", \"TO_ST\": \"{to}\", \"STREET\": \"{street}\", \
             \"ST_TYPE\": {kind}, \"ODD_EVEN\": \"{side}\"}}, \"geometry\": "
        )
        .expect("a String takes all");
        self.geometry();
        self.text.push('}');
    }

    /// Goes on to the next lot and gives its code inside the block.
    fn next_lot(&mut self) -> String {
        if self.lot == self.block.lots {
            self.block = Block::new(self.block.number + 1, &mut self.random);
            self.lot = 0;
            self.run = 0;
        }
        self.lot += 1;
        let letter = if self.random.one_in(30) { *self.random.pick(&LETTERS) } else { "" };
        let code = format!("{:03}{letter}", self.lot);
        if self.run == 0 {
            self.map_lot = format!("{}{code}", self.block.code);
            self.run = if self.random.one_in(12) { 3 + self.random.below(8) } else { 1 };
        }
        self.run -= 1;
        code
    }

    fn geometry(&mut self) {
        if self.random.one_in(500) {
            self.text.push_str("null");
            return;
        }
        let is_multi = self.random.one_in(100);
        let polygons = if is_multi { 2 + self.random.below(2) } else { 1 };
        let rings: Vec<Vec<Point>> = (0..polygons).map(|_| self.ring()).collect();
        let (kind, open, close) =
            if is_multi { ("MultiPolygon", "[", "]") } else { ("Polygon", "", "") };
        write!(self.text, r#"{{"type": "{kind}", "#).expect("a String takes all");
        if self.points == Points::Objects {
            self.text.push_str(r#""firstCoordinates": "#);
            self.point(rings[0][0]);
            self.text.push_str(", ");
        }
        self.text.push_str(r#""coordinates": "#);
        self.text.push_str(open);
        for (index, ring) in rings.iter().enumerate() {
            self.text.push_str(if index == 0 { "[[" } else { ", [[" });
            for (index, point) in ring.iter().enumerate() {
                self.text.push_str(if index == 0 { "" } else { ", " });
                self.point(*point);
            }
            self.text.push_str("]]");
        }
        self.text.push_str(close);
        self.text.push('}');
    }

    /// The corners around a lot; the last one is the first again. Points that are objects are
    /// longer, so there are fewer.
    fn ring(&mut self) -> Vec<Point> {
        let count = match self.points {
            Points::Arrays => {
                let more = if self.random.one_in(8) { self.random.below(36) } else { 0 };
                5 + self.random.below(11) + more
            }
            Points::Objects => 5 + self.random.below(7),
        };
        let mut ring: Vec<Point> = (1..count).map(|_| self.corner()).collect();
        ring.push(ring[0]);
        ring
    }

    fn corner(&mut self) -> Point {
        let x = *self.random.pick(&self.block.xs);
        let y = *self.random.pick(&self.block.ys);
        let z = if self.random.one_in(64) { 1 + self.random.below(500) } else { 0 };
        Point { x, y, z }
    }

    fn point(&mut self, Point { x, y, z }: Point) {
        // As the shortest decimals of doubles, which is how programs write coordinates; no other
        // number is compared as one.
        let (x, y) = (Decimal(x, 14).shortest(), Decimal(y, 15).shortest());
        let z = Decimal(z, 1);
        match self.points {
            Points::Arrays => write!(self.text, "[-{x}, {y}, {z}]"),
            Points::Objects => write!(self.text, r#"{{"x": -{x}, "y": {y}, "z": {z}}}"#),
        }
        .expect("a String takes all");
    }
}

/// A block of lots, and the corners they share.
struct Block {
    number: usize,
    code: String,
    lots: usize,
    streets: [String; 4],
    xs: [u64; 16],
    ys: [u64; 16],
}

impl Block {
    /// Blocks lie in rows of 80 between 122.37 and 122.52 degrees west, from 37.70 degrees
    /// northwards.
    fn new(number: usize, random: &mut Random) -> Self {
        assert!(number <= BLOCKS, "rules are numbered by blocks, so there may not be more");
        let letter = if number % 30 == 7 { "A" } else { "" };
        let lots = 10 + random.index(51);
        let streets = std::array::from_fn(|_| {
            let name = street(random.street());
            if number % 50 == 49 { name.to_lowercase() } else { name }
        });
        let place = u64::try_from(number - 1).expect("there are a few thousand blocks");
        let west = 12_251_500_000_000_000 - place % 80 * 180_000_000_000;
        let south = 37_706_000_000_000_000 + place / 80 * 1_600_000_000_000;
        let mut xs: [u64; 16] = std::array::from_fn(|_| west - random.below(160_000_000_000));
        let mut ys: [u64; 16] = std::array::from_fn(|_| south + random.below(1_400_000_000_000));
        if let Some(landmark) = LANDMARKS.iter().find(|landmark| landmark.block == number) {
            xs[0] = landmark.x;
            ys[0] = landmark.y;
        }
        Self { number, code: format!("{number:04}{letter}"), lots, streets, xs, ys }
    }
}

/// West and north in degrees, with 14 and 15 decimals, and height with one.
#[derive(Clone, Copy)]
struct Point {
    x: u64,
    y: u64,
    z: u64,
}

/// A number without its point, and how many of its digits stand behind it.
struct Decimal(u64, u32);

impl Decimal {
    /// The nearest double, which is written with no more digits than it takes to tell it.
    fn shortest(self) -> f64 {
        self.to_string().parse().expect("digits around a point are a number")
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self(number, decimals) = self;
        let one = 10_u64.pow(*decimals);
        let width = usize::try_from(*decimals).expect("there are fifteen decimals at most");
        write!(f, "{}.{:0width$}", number / one, number % one)
    }
}

/// `SplitMix64`: enough for a benchmark, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn one_in(&mut self, many: u64) -> bool {
        self.below(many) == 0
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        &list[self.index(list.len())]
    }

    fn index(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).expect("lists here are short");
        usize::try_from(self.below(end)).expect("it is less than the end")
    }

    /// The number of a street: a few have many lots, and most have few.
    fn street(&mut self) -> usize {
        let [one, two, three] = std::array::from_fn(|_| self.index(STREETS));
        one.min(two).min(three)
    }
}
