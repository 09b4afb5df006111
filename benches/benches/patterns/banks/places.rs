//! Rules on numbers, and on the arrays that most of them stand in.

use super::{Rule, rule};
use crate::scan::is;

pub(crate) static NUMERIC: [Rule; 5] = [
    rule(r#"{"geometry": {"coordinates": [{"numeric": ["=", -122.4071828182846]}]}}"#, |p| {
        p.any_number(|number| is(number, "-122.4071828182846"))
    }),
    rule(
        r#"{"geometry": {"type": ["MultiPolygon"], "coordinates": [{"numeric": ["=", 0]}]}}"#,
        |p| p.is_multi() && p.any_number(|number| is(number, "0")),
    ),
    rule(r#"{"geometry": {"coordinates": [{"numeric": ["<", -122.5]}]}}"#, |p| {
        p.any_number(|number| number < -122.5)
    }),
    rule(r#"{"geometry": {"coordinates": [{"numeric": [">=", 37.8]}]}}"#, |p| {
        p.any_number(|number| number >= 37.8)
    }),
    rule(r#"{"geometry": {"coordinates": [{"numeric": [">", -122.44, "<", -122.43]}]}}"#, |p| {
        p.any_number(|number| number > -122.44 && number < -122.43)
    }),
];

pub(crate) static NUMERIC_ONE: [Rule; 5] = [
    rule(
        r#"{"geometry": {"type": ["Polygon"],
            "firstCoordinates": {"x": [{"numeric": ["=", -122.4071828182846]}]}}}"#,
        |p| p.shape == Some("Polygon") && p.first(0).is_some_and(|x| is(x, "-122.4071828182846")),
    ),
    rule(
        r#"{"geometry": {"type": ["MultiPolygon"],
            "firstCoordinates": {"z": [{"numeric": ["=", 0]}]}}}"#,
        |p| p.is_multi() && p.first(2).is_some_and(|z| is(z, "0")),
    ),
    rule(r#"{"geometry": {"firstCoordinates": {"x": [{"numeric": ["<", -122.5]}]}}}"#, |p| {
        p.first(0).is_some_and(|x| x < -122.5)
    }),
    rule(r#"{"geometry": {"firstCoordinates": {"y": [{"numeric": [">=", 37.8]}]}}}"#, |p| {
        p.first(1).is_some_and(|y| y >= 37.8)
    }),
    rule(
        r#"{"geometry": {"firstCoordinates": {"x": [{"numeric": [">", -122.46, "<", -122.4]}]}}}"#,
        |p| p.first(0).is_some_and(|x| x > -122.46 && x < -122.4),
    ),
];

pub(crate) static SIMPLE_ARRAYS: [Rule; 5] = [
    rule(
        r#"{"geometry": {"type": ["MultiPolygon"], "coordinates": [{"numeric": [">", 37.78]}]}}"#,
        |p| p.is_multi() && p.any_number(|number| number > 37.78),
    ),
    rule(
        r#"{"geometry": {"type": ["Polygon"],
            "coordinates": [{"numeric": ["=", -122.44142135623731]}]}}"#,
        |p| p.shape == Some("Polygon") && p.any_number(|number| is(number, "-122.44142135623731")),
    ),
    rule(
        r#"{"properties": {"ST_TYPE": ["AVE"]},
            "geometry": {"coordinates": [{"numeric": ["<", -122.5]}]}}"#,
        |p| p.kind == Some("AVE") && p.any_number(|number| number < -122.5),
    ),
    rule(
        r#"{"geometry": {"type": ["MultiPolygon"], "coordinates": [{"anything-but": [0]}]}}"#,
        |p| p.is_multi() && p.any_number(|number| !is(number, "0")),
    ),
    rule(r#"{"geometry": {"coordinates": [{"numeric": [">", 0, "<", 30]}]}}"#, |p| {
        p.any_number(|number| number > 0.0 && number < 30.0)
    }),
];

/// All conditions on coordinates have to hold for the same point.
pub(crate) static COMPLEX_ARRAYS: [Rule; 5] = [
    rule(
        r#"{"geometry": {"type": ["Polygon"],
            "coordinates": {"x": [{"numeric": ["=", -122.46180339887498]}]}}}"#,
        |p| p.shape == Some("Polygon") && p.any_point(|[x, ..]| is(x, "-122.46180339887498")),
    ),
    rule(
        r#"{"geometry": {"coordinates": {"x": [{"numeric": ["=", -122.3869314718056]}],
            "y": [{"numeric": [">", 37.7755]}]}}}"#,
        |p| p.any_point(|[x, y, _]| is(x, "-122.3869314718056") && y > 37.7755),
    ),
    rule(
        r#"{"geometry": {"coordinates": {"x": [{"numeric": ["<", -122.4]}],
            "y": [{"numeric": [">", 37.75]}]}}}"#,
        |p| p.any_point(|[x, y, _]| x < -122.4 && y > 37.75),
    ),
    rule(
        r#"{"geometry": {"coordinates": {"x": [{"numeric": [">", -122.46, "<", -122.42]}],
            "y": [{"numeric": [">", 37.73, "<", 37.75]}], "z": [{"numeric": [">", 0]}]}}}"#,
        |p| {
            p.any_point(|[x, y, z]| x > -122.46 && x < -122.42 && y > 37.73 && y < 37.75 && z > 0.0)
        },
    ),
    rule(
        r#"{"properties": {"ODD_EVEN": ["E"]}, "geometry": {"coordinates": {
            "y": [{"numeric": ["<", 37.78]}], "z": [{"anything-but": [0]}]}}}"#,
        |p| p.side == "E" && p.any_point(|[_, y, z]| y < 37.78 && !is(z, "0")),
    ),
];
