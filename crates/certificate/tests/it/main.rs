//! Names, certificates and fields, as tables.
#![expect(clippy::unwrap_used, reason = "a test ends where something is not as it should be")]

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use certificate::{DistinguishedName, Holder, NameError, client_cert, fingerprint, thumbprint};
use proptest::prelude::*;
use rcgen::{CertificateParams, DistinguishedName as Subject, DnType, KeyPair, SanType};

/// A certificate with a name of three parts, and alternative names of every kind.
fn certificate() -> Vec<u8> {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    let mut subject = Subject::new();
    subject.push(DnType::CountryName, "DE");
    subject.push(DnType::OrganizationName, "Lee, James");
    subject.push(DnType::CommonName, "cars");
    params.distinguished_name = subject;
    params.subject_alt_names = vec![
        SanType::DnsName("orders.cars.example".try_into().unwrap()),
        SanType::DnsName("*.wild.example".try_into().unwrap()),
        SanType::URI("urn:cars:orders".try_into().unwrap()),
        SanType::Rfc822Name("orders@cars.example".try_into().unwrap()),
        SanType::IpAddress("203.0.113.7".parse::<IpAddr>().unwrap()),
        SanType::IpAddress("2001:db8::7".parse::<IpAddr>().unwrap()),
    ];
    params.self_signed(&key).unwrap().der().to_vec()
}

fn subject(text: &str) -> Holder {
    Holder::Subject(DistinguishedName::parse(text).unwrap())
}

#[test]
fn rfc8705_2_1_2_a_certificate_is_known_by_its_whole_subject() {
    let der = certificate();
    for (text, expected) in [
        (r"CN=cars,O=Lee\, James,C=DE", true),
        (r"cn = cars , o = Lee\2C James , c = DE", true),
        (r"2.5.4.3=cars,O=Lee\, James,C=DE", true),
        // In the order of certificates.
        (r"C=DE,O=Lee\, James,CN=cars", false),
        ("CN=cars", false),
        (r"CN=Cars,O=Lee\, James,C=DE", false),
        (r"CN=cars,O=Lee\, James,C=DE,C=DE", false),
        (r"CN=cars+O=Lee\, James,C=DE", false),
        (r"OU=cars,O=Lee\, James,C=DE", false),
    ] {
        assert_eq!(subject(text).has(&der), expected, "{text}");
    }
}

#[test]
fn rfc8705_2_1_2_a_certificate_is_known_by_one_alternative_name() {
    let der = certificate();
    let text = str::to_owned;
    let ip = |text: &str| Holder::Ip(text.parse().unwrap());
    for (holder, expected) in [
        (Holder::Dns(text("orders.cars.example")), true),
        (Holder::Dns(text("Orders.Cars.Example")), true),
        (Holder::Dns(text("cars.example")), false),
        (Holder::Dns(text("a.wild.example")), false),
        // A kind is not taken for another.
        (Holder::Dns(text("urn:cars:orders")), false),
        (Holder::Uri(text("urn:cars:orders")), true),
        (Holder::Uri(text("urn:cars:Orders")), false),
        (Holder::Uri(text("orders.cars.example")), false),
        (Holder::Email(text("orders@cars.example")), true),
        (Holder::Email(text("other@cars.example")), false),
        (ip("203.0.113.7"), true),
        (ip("::ffff:203.0.113.7"), true),
        (ip("2001:db8::7"), true),
        (ip("203.0.113.8"), false),
    ] {
        assert_eq!(holder.has(&der), expected, "{holder:?}");
    }
}

#[test]
fn what_is_no_certificate_is_nobodys() {
    let der = certificate();
    let longer = [&der[..], b"x"].concat();
    let large = vec![0x30; 20_000];
    for bytes in [&b""[..], b"\x30\x00", &der[..der.len() - 1], &longer, &large] {
        assert!(!subject(r"CN=cars,O=Lee\, James,C=DE").has(bytes));
        assert!(!Holder::Dns("orders.cars.example".to_owned()).has(bytes));
    }
}

#[test]
fn rfc4514_3_names_are_read_with_their_escapes() {
    let same = |one: &str, other: &str| {
        assert_eq!(DistinguishedName::parse(one), DistinguishedName::parse(other), "{one}");
        assert!(DistinguishedName::parse(one).is_ok(), "{one}");
    };
    same(r"CN=L\C3\A4den", "CN=Läden");
    same(r"CN=a\,b", r"CN=a\2cb");
    same(r"CN=a\ ", r"CN=a\20");
    same("CN=a ", "CN=a");
    same("CN=a=b", r"CN=a\=b");
    same("OU=x+CN=y", "CN=y+OU=x");
    same("E=a@b", "1.2.840.113549.1.9.1=a@b");
    let differ = [("CN=a,O=b", "O=b,CN=a"), (r"CN=a\ ", "CN=a"), ("CN=a", "CN=A")];
    for (one, other) in differ {
        assert_ne!(DistinguishedName::parse(one), DistinguishedName::parse(other), "{one}");
    }
}

#[test]
fn what_is_no_name_is_told_by_its_reason() {
    let text = str::to_owned;
    for (name, expected) in [
        ("", NameError::Empty),
        ("CN=a,", NameError::Empty),
        ("CN=", NameError::Empty),
        ("CN=a,b", NameError::Part(text("b"))),
        ("cars", NameError::Part(text("cars"))),
        ("XY=a", NameError::Type(text("XY"))),
        ("2.5.04=a", NameError::Type(text("2.5.04"))),
        ("CN=\"a\"", NameError::Special('"')),
        ("CN=a;O=b", NameError::Special(';')),
        (r"CN=a\", NameError::Escape),
        (r"CN=a\zz", NameError::Escape),
        (r"CN=\ff", NameError::Escape),
        ("CN=#0401", NameError::Hex),
    ] {
        assert_eq!(DistinguishedName::parse(name).unwrap_err(), expected, "{name}");
    }
    let long = format!("CN={}", "a".repeat(5_000));
    assert_eq!(DistinguishedName::parse(&long).unwrap_err(), NameError::TooLong);
}

#[test]
fn rfc9440_2_2_the_field_is_a_byte_sequence() {
    let der = certificate();
    let encoded = STANDARD.encode(&der);
    for (value, is_read) in [
        (format!(":{encoded}:"), true),
        (format!(" :{encoded}: "), true),
        (format!(":{encoded}:;a=1"), true),
        (encoded.clone(), false),
        (format!(":{encoded}"), false),
        (format!("\"{encoded}\""), false),
        (format!(":{encoded}:, :{encoded}:"), false),
        (":!:".to_owned(), false),
        ("::".to_owned(), false),
        (":".to_owned(), false),
        (String::new(), false),
        (format!(":{}:", "A".repeat(40_000)), false),
    ] {
        assert_eq!(client_cert(&value), is_read.then(|| der.clone()), "{value:.20}");
    }
}

#[test]
fn rfc8705_3_1_a_thumbprint_is_base64url_without_padding() {
    // SHA-256 of nothing.
    let text = thumbprint(&fingerprint(b""));
    assert_eq!(text, "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU");
}

proptest! {
    #[test]
    fn no_text_and_no_bytes_are_too_much(text in any::<String>(), bytes in any::<Vec<u8>>()) {
        drop(DistinguishedName::parse(&text));
        drop(client_cert(&text));
        prop_assert!(!Holder::Dns("a".to_owned()).has(&bytes));
    }

    #[test]
    fn any_value_can_be_written(value in "[^\\x00]{1,40}") {
        let escaped: Vec<String> = value.bytes().map(|byte| format!("\\{byte:02x}")).collect();
        let escaped = escaped.concat();
        let plain = DistinguishedName::parse(&format!("CN={escaped}"));
        prop_assert!(plain.is_ok(), "{}", value);
    }
}
