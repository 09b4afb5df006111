//! Rules on what is not excluded; most of them match most records, as event-ruler's do.

use super::{Rule, rule};
use crate::scan::fits;

pub(crate) static LIST: [Rule; 5] = [
    rule(r#"{"properties": {"STREET": [{"anything-but": ["BARALD"]}]}}"#, |p| p.street != "BARALD"),
    rule(r#"{"properties": {"ST_TYPE": [{"anything-but": ["ST"]}]}}"#, |p| p.kind != Some("ST")),
    rule(r#"{"geometry": {"type": [{"anything-but": ["Polygon"]}]}}"#, |p| {
        p.shape == Some("MultiPolygon")
    }),
    rule(
        r#"{"properties": {"FROM_ST": [{"anything-but": ["1447", "0"]}],
            "ODD_EVEN": [{"anything-but": "O"}]}}"#,
        |p| p.from != "1447" && p.from != "0" && p.side != "O",
    ),
    rule(
        r#"{"properties": {"ST_TYPE": [{"anything-but": ["ST", "AVE", "WAY"]}],
            "STREET": [{"anything-but": ["UNKNOWN", "BARALD"]}]}}"#,
        |p| p.kind == Some("DR") && p.street != "BARALD",
    ),
];

pub(crate) static PREFIX: [Rule; 5] = [
    rule(r#"{"properties": {"STREET": [{"anything-but": {"prefix": "MEL"}}]}}"#, |p| {
        !p.street.starts_with("MEL")
    }),
    rule(
        r#"{"properties": {"MAPBLKLOT": [{"anything-but": {"prefix": ["0", "1", "2"]}}]}}"#,
        |p| !p.map_lot.starts_with(['0', '1', '2']),
    ),
    rule(r#"{"properties": {"ST_TYPE": [{"anything-but": {"prefix": "A"}}]}}"#, |p| {
        p.kind != Some("AVE")
    }),
    rule(
        r#"{"properties": {"STREET": [{"anything-but": {"prefix": ["A", "B"]}}],
            "LOT_NUM": ["018"]}}"#,
        |p| !p.street.starts_with(['A', 'B']) && p.lot == "018",
    ),
    rule(r#"{"geometry": {"type": [{"anything-but": {"prefix": "Poly"}}]}}"#, |p| {
        p.shape == Some("MultiPolygon")
    }),
];

pub(crate) static SUFFIX: [Rule; 5] = [
    rule(r#"{"properties": {"STREET": [{"anything-but": {"suffix": "ALD"}}]}}"#, |p| {
        !p.street.ends_with("ALD")
    }),
    rule(r#"{"properties": {"BLKLOT": [{"anything-but": {"suffix": ["1", "2", "3"]}}]}}"#, |p| {
        !p.block_lot.ends_with(['1', '2', '3'])
    }),
    rule(r#"{"properties": {"ST_TYPE": [{"anything-but": {"suffix": ["T", "E"]}}]}}"#, |p| {
        !matches!(p.kind, Some("ST" | "AVE"))
    }),
    rule(
        r#"{"properties": {"STREET": [{"anything-but": {"suffix": "N"}}],
            "BLOCK_NUM": ["2608"]}}"#,
        |p| !p.street.ends_with('N') && p.block == "2608",
    ),
    rule(r#"{"geometry": {"type": [{"anything-but": {"suffix": "tiPolygon"}}]}}"#, |p| {
        p.shape == Some("Polygon")
    }),
];

pub(crate) static IGNORE_CASE: [Rule; 5] = [
    rule(
        r#"{"properties": {"STREET": [{"anything-but": {"equals-ignore-case": "barald"}}]}}"#,
        |p| !p.street.eq_ignore_ascii_case("barald"),
    ),
    rule(
        r#"{"properties": {"STREET": [{"anything-but":
            {"equals-ignore-case": ["Unknown", "BarBar"]}}],
            "ODD_EVEN": ["E"]}}"#,
        |p| {
            !p.street.eq_ignore_ascii_case("unknown")
                && !p.street.eq_ignore_ascii_case("barbar")
                && p.side == "E"
        },
    ),
    rule(
        r#"{"properties": {"ST_TYPE": [{"anything-but": {"equals-ignore-case": ["st", "ave"]}}]}}"#,
        |p| !matches!(p.kind, Some("ST" | "AVE")),
    ),
    rule(
        r#"{"properties": {"BLOCK_NUM": [{"anything-but": {"equals-ignore-case": "0037a"}}],
            "LOT_NUM": ["018"]}}"#,
        |p| p.block != "0037A" && p.lot == "018",
    ),
    rule(r#"{"geometry": {"type": [{"anything-but": {"equals-ignore-case": "polygon"}}]}}"#, |p| {
        p.shape == Some("MultiPolygon")
    }),
];

pub(crate) static WILDCARD: [Rule; 5] = [
    rule(r#"{"properties": {"MAPBLKLOT": [{"anything-but": {"wildcard": "143*"}}]}}"#, |p| {
        !fits(p.map_lot, "143*")
    }),
    rule(r#"{"properties": {"MAPBLKLOT": [{"anything-but": {"wildcard": "*0*1*"}}]}}"#, |p| {
        !fits(p.map_lot, "*0*1*")
    }),
    rule(r#"{"properties": {"STREET": [{"anything-but": {"wildcard": ["*AL*R", "B*"]}}]}}"#, |p| {
        !fits(p.street, "*AL*R") && !fits(p.street, "B*")
    }),
    rule(
        r#"{"properties": {"STREET": [{"anything-but": {"wildcard": "*EL*"}}],
            "LOT_NUM": ["018"]}}"#,
        |p| !fits(p.street, "*EL*") && p.lot == "018",
    ),
    rule(r#"{"geometry": {"type": [{"anything-but": {"wildcard": "P*gon"}}]}}"#, |p| {
        p.shape == Some("MultiPolygon")
    }),
];
