//! `numeric`

use crate::{check, refused};

#[test]
fn each_comparison_holds_on_its_side_only() {
    let rows = [
        (r#"["=", 5]"#, "5.0", "5.1"),
        (r#"["<", 5]"#, "4.99", "5"),
        (r#"["<=", 5]"#, "5", "5.01"),
        (r#"[">", 5]"#, "5.01", "5"),
        (r#"[">=", 5]"#, "5e0", "4.99"),
        (r#"["<", -5]"#, "-6", "-5"),
        (r#"[">", 0, "<=", 5]"#, "5", "0"),
        (r#"[">=", 0, "<", 5]"#, "0", "5"),
        (r#"[">=", 0, "<", 5]"#, "4.999", "-0.001"),
    ];
    for (range, inside, outside) in rows {
        let pattern = format!(r#"{{"a": [{{"numeric": {range}}}]}}"#);
        check(&pattern, &format!(r#"{{"a": {inside}}}"#), true);
        check(&pattern, &format!(r#"{{"a": {outside}}}"#), false);
    }
}

#[test]
fn the_whole_range_of_a_double_can_be_compared() {
    check(r#"{"a": [{"numeric": [">", 1e300]}]}"#, r#"{"a": 1.5e300}"#, true);
    check(r#"{"a": [{"numeric": ["<", -1e300]}]}"#, r#"{"a": 0}"#, false);
    check(r#"{"a": [{"numeric": [">", 0]}]}"#, r#"{"a": 5e-324}"#, true);
    check(r#"{"a": [{"numeric": [">", 0.3]}]}"#, r#"{"a": 0.30000000000000004}"#, true);
}

#[test]
fn only_json_numbers_match() {
    check(r#"{"a": [{"numeric": [">", 0]}]}"#, r#"{"a": "5"}"#, false);
    check(r#"{"a": [{"numeric": [">", 0]}]}"#, r#"{"a": true}"#, false);
    check(r#"{"a": [{"numeric": ["<", 1]}]}"#, r#"{"a": null}"#, false);
    check(r#"{"a": [{"numeric": [">", 0]}]}"#, r#"{"a": ["5", 5]}"#, true);
}

#[test]
fn malformed_ranges_are_refused() {
    let refused_operand = |operand: &str, message_part: &str| {
        refused(&format!(r#"{{"a": [{{"numeric": {operand}}}]}}"#), message_part);
    };
    refused_operand("5", "Value of numeric must be an array.");
    refused_operand("[]", "Invalid member in numeric match: ]");
    refused_operand("[5.0]", "Invalid member in numeric match: 5.0");
    refused_operand("[[5]]", "Invalid member in numeric match: [");
    refused_operand(r#"["="]"#, "Value of equals must be numeric");
    refused_operand(r#"["=", "5"]"#, "Value of equals must be numeric");
    refused_operand(r#"["<", true]"#, "Value of < must be numeric");
    refused_operand(r#"["=", 5, "<", 6]"#, "Too many elements in numeric expression");
    refused_operand(r#"["==", 5]"#, "Unrecognized numeric range operator: ==");
    refused_operand(r#"["<", 5, ">", 1]"#, "Too many elements in numeric expression");
    refused_operand(r#"[">", 1, ">", 2]"#, "Bad numeric range operator: >");
    refused_operand(r#"[">", 1, 2]"#, "Bad value in numeric range: 2");
    refused_operand(r#"[">", 1, "<"]"#, "Value of < must be numeric");
    refused_operand(r#"[">", 1, "<", 5, "<"]"#, "Too many terms");
    refused_operand(r#"[">", 5, "<", 5]"#, "Bottom must be less than top");
    refused_operand(r#"[">=", 5, "<=", 5]"#, "Bottom must be less than top");
    refused_operand(r#"[">", 1e400]"#, "Cannot compare number : 1e400");
    refused_operand(r#"["=", 1e-325]"#, "Cannot compare number : 1e-325");
    refused_operand(r#"["<", 9007199254740993]"#, "Cannot compare number : 9007199254740993");
    refused(r#"{"a": [{"numeric": ["=", 5], "prefix": "x"}]}"#, "Too many elements");
}
