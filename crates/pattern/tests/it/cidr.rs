//! `cidr`

use crate::{check, refused};

#[test]
fn an_address_of_the_range_matches() {
    let rows = [
        ("10.0.0.0/8", "10.255.255.255", "11.0.0.0"),
        ("10.0.0.0/24", "10.0.0.255", "10.0.1.0"),
        ("192.168.1.0/31", "192.168.1.1", "192.168.1.2"),
        ("0.0.0.0/0", "255.255.255.255", "::1"),
        ("2001:db8::/32", "2001:DB8:ffff::1", "2001:db9::"),
        ("2001:db8::/127", "2001:db8::1", "2001:db8::2"),
        ("::/0", "ffff::", "10.0.0.1"),
    ];
    for (range, inside, outside) in rows {
        let pattern = format!(r#"{{"a": [{{"cidr": "{range}"}}]}}"#);
        check(&pattern, &format!(r#"{{"a": "{inside}"}}"#), true);
        check(&pattern, &format!(r#"{{"a": "{outside}"}}"#), false);
    }
    check(r#"{"a": [{"cidr": "0.0.0.0/0"}]}"#, r#"{"a": "example.com"}"#, false);
    check(r#"{"a": [{"cidr": "0.0.0.0/0"}]}"#, r#"{"a": 1}"#, false);
}

#[test]
fn host_bits_do_not_matter() {
    check(r#"{"a": [{"cidr": "10.0.0.77/24"}]}"#, r#"{"a": "10.0.0.1"}"#, true);
    check(r#"{"a": [{"cidr": "10.0.0.77/24"}]}"#, r#"{"a": "10.0.1.77"}"#, false);
}

#[test]
fn malformed_ranges_are_refused() {
    let refused_operand = |operand: &str, message_part: &str| {
        refused(&format!(r#"{{"a": [{{"cidr": {operand}}}]}}"#), message_part);
    };
    refused_operand(r#""10.0.0.0""#, "Malformed CIDR, one '/' required");
    refused_operand(r#""10.0.0.0/""#, "Malformed CIDR, one '/' required");
    refused_operand(r#""10.0.0.0/8/8""#, "Malformed CIDR, one '/' required");
    refused_operand(r#""10.0.0.0/x""#, "mask bits must be an integer");
    refused_operand(r#""10.0.0.0/-1""#, "mask bits must not be negative");
    refused_operand(r#""10.0.0.0/32""#, "IPv4 mask bits must be < 32");
    refused_operand(r#""::1/128""#, "IPv6 mask bits must be < 128");
    refused_operand(r#""10.0.0/8""#, "Nonstandard IP address: 10.0.0");
    refused_operand(r#""256.0.0.1/8""#, "Invalid IP address: 256.0.0.1");
    refused_operand(r#""1::2::3/8""#, "Invalid IP address: 1::2::3");
    refused_operand(r#""fe80::1%eth0/8""#, "Nonstandard IP address: fe80::1%eth0");
    refused_operand(r#""/8""#, "Nonstandard IP address: ");
    // event-ruler's words.
    refused_operand("10", "prefix match pattern must be a string");
}

#[test]
fn an_ipv4_address_inside_ipv6_is_that_address() {
    check(r#"{"a": [{"cidr": "10.0.0.0/8"}]}"#, r#"{"a": "::ffff:a00:1"}"#, true);
    check(r#"{"a": [{"cidr": "::ffff:a00:0/8"}]}"#, r#"{"a": "10.0.0.1"}"#, true);
    check(r#"{"a": [{"cidr": "::/0"}]}"#, r#"{"a": "::ffff:a00:1"}"#, false);
    refused(r#"{"a": [{"cidr": "::ffff:a00:0/104"}]}"#, "IPv4 mask bits must be < 32");
}

#[test]
fn a_slash_at_the_end_and_a_plus_do_not_matter() {
    check(r#"{"a": [{"cidr": "10.0.0.0/8/"}]}"#, r#"{"a": "10.0.0.1"}"#, true);
    check(r#"{"a": [{"cidr": "10.0.0.0/+8"}]}"#, r#"{"a": "10.0.0.1"}"#, true);
}
