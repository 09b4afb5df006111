//! What a record says, by plain search in its text: knows nothing of the matcher, so that the two
//! can be compared.

/// A record read back. Names and numbers keep the spelling they have in the text.
pub(crate) struct Parcel<'a> {
    pub(crate) map_lot: &'a str,
    pub(crate) block_lot: &'a str,
    pub(crate) block: &'a str,
    pub(crate) lot: &'a str,
    pub(crate) from: &'a str,
    pub(crate) to: &'a str,
    pub(crate) street: &'a str,
    /// `None` where it is `null`.
    pub(crate) kind: Option<&'a str>,
    pub(crate) side: &'a str,
    /// The type of the geometry; `None` where the geometry is `null`.
    pub(crate) shape: Option<&'a str>,
    /// `firstCoordinates`, where points are objects.
    pub(crate) first: Option<[&'a str; 3]>,
    /// All numbers of the coordinates, where points are arrays.
    pub(crate) numbers: Vec<f64>,
    /// The coordinates, where points are objects.
    pub(crate) points: Vec<[f64; 3]>,
}

impl<'a> Parcel<'a> {
    pub(crate) fn read(record: &'a str) -> Self {
        let (properties, geometry) =
            record.split_once(r#""geometry": "#).expect("every record has a geometry");
        let text = |member: &str| {
            text_behind(properties, member).expect("every record has all properties")
        };
        let coordinates = geometry.split_once(r#""coordinates": "#).map_or("", |(_, after)| after);
        let all: Vec<f64> = numbers_in(coordinates).map(number).collect();
        let (numbers, points) = if coordinates.contains('{') {
            (Vec::new(), all.chunks_exact(3).map(|three| [three[0], three[1], three[2]]).collect())
        } else {
            (all, Vec::new())
        };
        Self {
            map_lot: text(r#""MAPBLKLOT": ""#),
            block_lot: text(r#""BLKLOT": ""#),
            block: text(r#""BLOCK_NUM": ""#),
            lot: text(r#""LOT_NUM": ""#),
            from: text(r#""FROM_ST": ""#),
            to: text(r#""TO_ST": ""#),
            street: text(r#""STREET": ""#),
            kind: text_behind(properties, r#""ST_TYPE": ""#),
            side: text(r#""ODD_EVEN": ""#),
            shape: text_behind(geometry, r#""type": ""#),
            first: first_point(geometry),
            numbers,
            points,
        }
    }

    /// One of the three numbers of the first point.
    pub(crate) fn first(&self, axis: usize) -> Option<f64> {
        self.first.map(|point| number(point[axis]))
    }

    pub(crate) fn is_multi(&self) -> bool {
        self.shape == Some("MultiPolygon")
    }

    pub(crate) fn any_number(&self, holds: impl Fn(f64) -> bool) -> bool {
        self.numbers.iter().any(|number| holds(*number))
    }

    pub(crate) fn any_point(&self, holds: impl Fn([f64; 3]) -> bool) -> bool {
        self.points.iter().any(|point| holds(*point))
    }
}

/// Whether a number read from a record is the one with this spelling.
pub(crate) fn is(found: f64, spelling: &str) -> bool {
    found.total_cmp(&number(spelling)).is_eq()
}

/// Whether `text` fits a wildcard, by trying everything.
pub(crate) fn fits(text: &str, wildcard: &str) -> bool {
    match wildcard.split_once('*') {
        None => text == wildcard,
        Some((start, rest)) => text
            .strip_prefix(start)
            .is_some_and(|text| (0..=text.len()).any(|at| fits(&text[at..], rest))),
    }
}

/// Whether `text` begins so in some case; records have ASCII only.
pub(crate) fn starts(text: &str, prefix: &str) -> bool {
    text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

/// Whether `text` ends so in some case.
pub(crate) fn ends(text: &str, suffix: &str) -> bool {
    let start = text.len().checked_sub(suffix.len());
    start.is_some_and(|start| text[start..].eq_ignore_ascii_case(suffix))
}

/// The string behind `member`, which ends with the quote that opens it; `None` if that is nowhere.
fn text_behind<'a>(json: &'a str, member: &str) -> Option<&'a str> {
    let (_, after) = json.split_once(member)?;
    after.split_once('"').map(|(text, _)| text)
}

fn first_point(geometry: &str) -> Option<[&str; 3]> {
    let (_, after) = geometry.split_once(r#""firstCoordinates": "#)?;
    let mut numbers = numbers_in(after);
    Some([numbers.next()?, numbers.next()?, numbers.next()?])
}

/// Everything made of the characters of numbers; no name or bracket around them has any.
fn numbers_in(json: &str) -> impl Iterator<Item = &str> {
    let pieces = json.split(|character: char| !matches!(character, '0'..='9' | '.' | '-'));
    pieces.filter(|piece| !piece.is_empty())
}

fn number(spelling: &str) -> f64 {
    spelling.parse().expect("the generator writes numbers")
}
