//! Rules on strings, on what is there at all, and on one thing or another.

use super::{Rule, rule};
use crate::scan::{ends, fits, starts};

pub(crate) static EXACT: [Rule; 5] = [
    rule(r#"{"properties": {"MAPBLKLOT": ["0501001"]}}"#, |p| p.map_lot == "0501001"),
    rule(r#"{"type": ["Feature"], "properties": {"LOT_NUM": ["053"]}}"#, |p| p.lot == "053"),
    rule(r#"{"properties": {"BLOCK_NUM": ["2608"]}}"#, |p| p.block == "2608"),
    rule(r#"{"properties": {"STREET": ["BARALD"], "ODD_EVEN": ["O"]}}"#, |p| {
        p.street == "BARALD" && p.side == "O"
    }),
    rule(
        r#"{"properties": {"ST_TYPE": ["AVE"], "ODD_EVEN": ["E"]},
            "geometry": {"type": ["Polygon"]}}"#,
        |p| p.kind == Some("AVE") && p.side == "E" && p.shape == Some("Polygon"),
    ),
];

pub(crate) static PREFIX: [Rule; 5] = [
    rule(r#"{"properties": {"STREET": [{"prefix": "MEL"}]}}"#, |p| p.street.starts_with("MEL")),
    rule(r#"{"properties": {"MAPBLKLOT": [{"prefix": "143"}]}}"#, |p| p.map_lot.starts_with("143")),
    rule(r#"{"properties": {"BLKLOT": [{"prefix": "26080"}]}}"#, |p| {
        p.block_lot.starts_with("26080")
    }),
    rule(r#"{"properties": {"STREET": [{"prefix": "K"}], "ST_TYPE": [{"prefix": "AV"}]}}"#, |p| {
        p.street.starts_with('K') && p.kind.is_some_and(|kind| kind.starts_with("AV"))
    }),
    rule(
        r#"{"type": [{"prefix": "Feat"}],
            "properties": {"FROM_ST": [{"prefix": "12"}], "STREET": [{"prefix": "B"}]}}"#,
        |p| p.from.starts_with("12") && p.street.starts_with('B'),
    ),
];

pub(crate) static SUFFIX: [Rule; 5] = [
    rule(r#"{"properties": {"STREET": [{"suffix": "ALD"}]}}"#, |p| p.street.ends_with("ALD")),
    rule(r#"{"properties": {"MAPBLKLOT": [{"suffix": "018"}]}}"#, |p| p.map_lot.ends_with("018")),
    rule(r#"{"properties": {"STREET": [{"suffix": "LOR"}]}}"#, |p| p.street.ends_with("LOR")),
    rule(r#"{"properties": {"STREET": [{"suffix": "N"}], "TO_ST": [{"suffix": "7"}]}}"#, |p| {
        p.street.ends_with('N') && p.to.ends_with('7')
    }),
    rule(
        r#"{"properties": {"BLKLOT": [{"suffix": "01A"}]},
            "geometry": {"type": [{"suffix": "olygon"}]}}"#,
        |p| p.block_lot.ends_with("01A") && p.shape.is_some_and(|shape| shape.ends_with("olygon")),
    ),
];

pub(crate) static WILDCARD: [Rule; 5] = [
    rule(r#"{"properties": {"MAPBLKLOT": [{"wildcard": "143*"}]}}"#, |p| fits(p.map_lot, "143*")),
    rule(r#"{"properties": {"MAPBLKLOT": [{"wildcard": "2*0*1*7"}]}}"#, |p| {
        fits(p.map_lot, "2*0*1*7")
    }),
    rule(r#"{"properties": {"MAPBLKLOT": [{"wildcard": "*018"}]}}"#, |p| fits(p.map_lot, "*018")),
    rule(r#"{"properties": {"STREET": [{"wildcard": "*AL*R"}]}}"#, |p| fits(p.street, "*AL*R")),
    rule(
        r#"{"properties": {"STREET": [{"wildcard": "*EL*"}],
            "MAPBLKLOT": [{"wildcard": "0*1"}]}}"#,
        |p| fits(p.street, "*EL*") && fits(p.map_lot, "0*1"),
    ),
];

pub(crate) static EQUALS_IGNORE_CASE: [Rule; 5] = [
    rule(r#"{"properties": {"STREET": [{"equals-ignore-case": "barald"}]}}"#, |p| {
        p.street.eq_ignore_ascii_case("barald")
    }),
    rule(r#"{"properties": {"STREET": [{"equals-ignore-case": "UnKnOwN"}]}}"#, |p| {
        p.street.eq_ignore_ascii_case("unknown")
    }),
    rule(r#"{"properties": {"ST_TYPE": [{"equals-ignore-case": "st"}]}}"#, |p| {
        p.kind.is_some_and(|kind| kind.eq_ignore_ascii_case("st"))
    }),
    rule(r#"{"properties": {"BLOCK_NUM": [{"equals-ignore-case": "0037a"}]}}"#, |p| {
        p.block.eq_ignore_ascii_case("0037a")
    }),
    rule(
        r#"{"properties": {"ODD_EVEN": [{"equals-ignore-case": "o"}]},
            "geometry": {"type": [{"equals-ignore-case": "MULTIPOLYGON"}]}}"#,
        |p| p.side.eq_ignore_ascii_case("o") && p.is_multi(),
    ),
];

pub(crate) static PREFIX_IGNORE_CASE: [Rule; 5] = [
    rule(r#"{"properties": {"STREET": [{"prefix": {"equals-ignore-case": "mel"}}]}}"#, |p| {
        starts(p.street, "mel")
    }),
    rule(r#"{"properties": {"STREET": [{"prefix": {"equals-ignore-case": "BarA"}}]}}"#, |p| {
        starts(p.street, "bara")
    }),
    rule(r#"{"properties": {"ST_TYPE": [{"prefix": {"equals-ignore-case": "a"}}]}}"#, |p| {
        p.kind.is_some_and(|kind| starts(kind, "a"))
    }),
    rule(r#"{"properties": {"BLKLOT": [{"prefix": {"equals-ignore-case": "0037a0"}}]}}"#, |p| {
        starts(p.block_lot, "0037a0")
    }),
    rule(
        r#"{"properties": {"STREET": [{"prefix": {"equals-ignore-case": "k"}}]},
            "geometry": {"type": [{"prefix": {"equals-ignore-case": "multi"}}]}}"#,
        |p| starts(p.street, "k") && p.is_multi(),
    ),
];

pub(crate) static SUFFIX_IGNORE_CASE: [Rule; 5] = [
    rule(r#"{"properties": {"STREET": [{"suffix": {"equals-ignore-case": "ald"}}]}}"#, |p| {
        ends(p.street, "ald")
    }),
    rule(r#"{"properties": {"STREET": [{"suffix": {"equals-ignore-case": "LloR"}}]}}"#, |p| {
        ends(p.street, "llor")
    }),
    rule(r#"{"properties": {"ST_TYPE": [{"suffix": {"equals-ignore-case": "t"}}]}}"#, |p| {
        p.kind.is_some_and(|kind| ends(kind, "t"))
    }),
    rule(r#"{"properties": {"BLKLOT": [{"suffix": {"equals-ignore-case": "018a"}}]}}"#, |p| {
        ends(p.block_lot, "018a")
    }),
    rule(
        r#"{"properties": {"MAPBLKLOT": [{"suffix": {"equals-ignore-case": "7d"}}],
            "STREET": [{"suffix": {"equals-ignore-case": "n"}}]}}"#,
        |p| ends(p.map_lot, "7d") && ends(p.street, "n"),
    ),
];

pub(crate) static EXISTS: [Rule; 5] = [
    rule(
        r#"{"properties": {"OWNER": [{"exists": false}], "MAPBLKLOT": [{"prefix": "14"}]}}"#,
        |p| p.map_lot.starts_with("14"),
    ),
    rule(r#"{"geometry": {"type": [{"exists": false}]}}"#, |p| p.shape.is_none()),
    rule(r#"{"properties": {"ST_TYPE": [{"exists": true}], "BLOCK_NUM": ["2608"]}}"#, |p| {
        p.block == "2608"
    }),
    rule(r#"{"geometry": {"coordinates": [{"exists": true}], "type": ["MultiPolygon"]}}"#, |p| {
        !p.numbers.is_empty() && p.is_multi()
    }),
    rule(
        r#"{"properties": {"STREET": ["UNKNOWN"]},
            "geometry": {"firstCoordinates": {"x": [{"exists": false}]}}}"#,
        |p| p.street == "UNKNOWN" && p.first.is_none(),
    ),
];

pub(crate) static OR: [Rule; 5] = [
    rule(
        r#"{"$or": [{"properties": {"STREET": ["BARALD"]}},
            {"properties": {"ST_TYPE": ["WAY"]}}]}"#,
        |p| p.street == "BARALD" || p.kind == Some("WAY"),
    ),
    rule(
        r#"{"type": ["Feature"], "$or": [{"properties": {"MAPBLKLOT": [{"prefix": "143"}]}},
            {"geometry": {"type": ["MultiPolygon"]}}]}"#,
        |p| p.map_lot.starts_with("143") || p.is_multi(),
    ),
    rule(
        r#"{"properties": {"ODD_EVEN": ["O"], "$or": [{"STREET": [{"suffix": "LOR"}]},
            {"BLOCK_NUM": ["2608"]}, {"LOT_NUM": ["018"]}]}}"#,
        |p| p.side == "O" && (p.street.ends_with("LOR") || p.block == "2608" || p.lot == "018"),
    ),
    rule(
        r#"{"properties": {"$or": [{"ST_TYPE": [null]}, {"FROM_ST": ["7"], "TO_ST": ["9"]}]}}"#,
        |p| p.kind.is_none() || (p.from == "7" && p.to == "9"),
    ),
    rule(
        r#"{"properties": {"$or": [{"ST_TYPE": ["AVE"], "ODD_EVEN": ["E"]},
            {"ST_TYPE": ["DR"], "STREET": [{"prefix": "K"}]}]}}"#,
        |p| {
            (p.kind == Some("AVE") && p.side == "E")
                || (p.kind == Some("DR") && p.street.starts_with('K'))
        },
    ),
];
