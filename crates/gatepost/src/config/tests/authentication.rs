//! How clients prove themselves.

use certificate::{DistinguishedName, Holder};
use jwt::Algorithm;
use model::{Authentication, Client, ClientKeys};

use super::{only, read_with};

const FINGERPRINT: &str = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881";
const SEEN: &str = "tls: { certificate: a.pem, key: { file: a.key }, client_ca: ca.pem, \
                    client_certificates: any }\n";
/// The example of RFC 7517, appendix A.1, and its private half in appendix A.2.
const PUBLIC: &str = "{ kty: EC, crv: P-256, kid: \"1\", \
                      x: MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4, \
                      y: 4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM }";

fn file(head: &str, keys: &str) -> String {
    format!(
        "{head}apis: {{ tires: {{ upstream: http://x, scopes: {{ go: Go }} }} }}
partners: {{ cars: {{ clients: {{ c: {{ scopes: [tires/go], {keys} }} }} }} }}\n"
    )
}

fn client(head: &str, keys: &str) -> Client {
    let loaded = read_with(&file(head, keys)).unwrap();
    loaded.definitions.clients["c"].clone()
}

fn refused(head: &str, keys: &str) -> String {
    only(read_with(&file(head, keys))).2
}

#[test]
fn a_client_has_secrets_where_nothing_is_said() {
    let client = client("", "status: active");
    assert_eq!((client.authentication, client.bound_tokens), (Authentication::Secret, false));
}

#[test]
fn keys_of_a_client_stand_in_the_file_or_at_an_address() {
    let inline = client("", &format!("auth: private_key_jwt, jwks: {{ keys: [{PUBLIC}] }}"));
    let Authentication::PrivateKeyJwt(rule) = inline.authentication else { panic!("{inline:?}") };
    let ClientKeys::Inline(text) = &rule.keys else { panic!("{rule:?}") };
    assert!(text.starts_with(r#"{"keys":[{"kty":"EC""#), "{text}");
    let algorithms = [Algorithm::Es256, Algorithm::Rs256, Algorithm::Ps256, Algorithm::EdDsa];
    assert_eq!((rule.algorithms.as_slice(), rule.legacy_audience), (&algorithms[..], false));
    let published = client(
        "",
        "auth: private_key_jwt, jwks_uri: https://cars.example/keys, algorithms: [PS256],
        legacy_audience: true, allow_private: [10.0.0.0/8]",
    );
    let Authentication::PrivateKeyJwt(rule) = published.authentication else { panic!() };
    let allow_private = vec!["10.0.0.0/8".parse().unwrap()];
    let url = "https://cars.example/keys".to_owned();
    assert_eq!(rule.keys, ClientKeys::Url { url, allow_private });
    assert_eq!((rule.algorithms, rule.legacy_audience), (vec![Algorithm::Ps256], true));
}

#[test]
fn a_certificate_is_known_by_one_name_or_by_itself() {
    let by = |name: &str| client(SEEN, &format!("auth: tls_client_auth, {name}")).authentication;
    let text = str::to_owned;
    for (name, holder) in [
        (
            "tls_subject: \"CN=cars,O=LJ\"",
            Holder::Subject(DistinguishedName::parse("CN=cars,O=LJ").unwrap()),
        ),
        ("tls_san_dns: cars.example", Holder::Dns(text("cars.example"))),
        ("tls_san_uri: \"urn:cars\"", Holder::Uri(text("urn:cars"))),
        ("tls_san_ip: 203.0.113.7", Holder::Ip("203.0.113.7".parse().unwrap())),
        ("tls_san_email: a@cars.example", Holder::Email(text("a@cars.example"))),
    ] {
        assert_eq!(by(name), Authentication::TlsName(holder), "{name}");
    }
    let own = |keys: &str| client(SEEN, &format!("auth: self_signed_tls_client_auth, {keys}"));
    let listed = own(&format!("certificates: [\"{FINGERPRINT}\"]"));
    let Authentication::TlsCertificates(list) = &listed.authentication else { panic!() };
    assert_eq!((list.len(), list[0][0], listed.bound_tokens), (1, 0x2d, true));
    let by_set = own("jwks: { keys: [{ kty: EC, x5c: [AAAA] }] }").authentication;
    let Authentication::TlsCertificates(list) = by_set else { panic!() };
    assert_eq!(list.len(), 1);
    let listed = format!("certificates: [\"{FINGERPRINT}\"], bound_tokens: false");
    assert!(!own(&listed).bound_tokens);
    assert!(client(SEEN, "bound_tokens: true").bound_tokens);
}

#[test]
fn what_is_wrong_with_a_way_is_said() {
    let jwt = "auth: private_key_jwt";
    let tls = "auth: tls_client_auth";
    let own = "auth: self_signed_tls_client_auth";
    for (keys, message) in [
        (jwt.to_owned(), "neither `jwks` nor `jwks_uri` is there"),
        (
            format!("{jwt}, jwks: {{ keys: [{PUBLIC}] }}, jwks_uri: https://a.example/k"),
            "`jwks` and `jwks_uri` exclude each other",
        ),
        (
            format!("{jwt}, jwks: {{ keys: [{{ kty: EC, d: secret }}] }}"),
            "it cannot be used: it has a private or a symmetric key, which nobody else may have",
        ),
        (
            format!("{jwt}, jwks: {{ keys: [{{ kty: oct, k: secret }}] }}"),
            "it cannot be used: it has a private or a symmetric key, which nobody else may have",
        ),
        (
            format!("{jwt}, jwks: {{ keys: [{{ kty: EC }}] }}"),
            "it cannot be used: it has no key that could verify a signature here",
        ),
        (
            format!("{jwt}, jwks_uri: http://cars.example/keys"),
            "keys that come unencrypted can be changed on their way, and anybody be the client",
        ),
        (
            format!("{jwt}, jwks: {{ keys: [{PUBLIC}] }}, allow_private: [10.0.0.0/8]"),
            "`allow_private` is for `jwks_uri`, and there is none",
        ),
        (
            format!("{jwt}, jwks: {{ keys: [{PUBLIC}] }}, tls_san_dns: a"),
            "`tls_san_dns` has no meaning with `auth: private_key_jwt`",
        ),
        (
            "legacy_audience: true".to_owned(),
            "`legacy_audience` has no meaning with `auth: client_secret`",
        ),
        (
            tls.to_owned(),
            "`auth: tls_client_auth` needs one name of the certificate; here is no name",
        ),
        (
            format!("{tls}, tls_san_dns: a, tls_san_uri: \"urn:a\""),
            "`auth: tls_client_auth` needs one name of the certificate; here is more than one name",
        ),
        (own.to_owned(), "neither `certificates` nor `jwks` is there"),
        (format!("{own}, certificates: []"), "there is no certificate in it"),
        (
            format!("{own}, jwks: {{ keys: [{PUBLIC}] }}"),
            "it cannot be used: a key in it has no certificate that can be read (`x5c`, base64 \
             with padding)",
        ),
    ] {
        assert_eq!(refused(SEEN, &keys), message, "{keys}");
    }
}

#[test]
fn a_certificate_that_nobody_sees_proves_nothing() {
    let of_any = "tls: { certificate: a.pem, key: { file: a.key }, client_certificates: any }\n";
    let of_ca = "tls: { certificate: a.pem, key: { file: a.key }, client_ca: ca.pem }\n";
    let proxy = "proxies: { trust: [10.0.0.0/8], client_cert: true }\n";
    let name = "auth: tls_client_auth, tls_san_dns: a";
    let own = format!("auth: self_signed_tls_client_auth, certificates: [\"{FINGERPRINT}\"]");
    let bound = "bound_tokens: true";
    for (head, keys, is_seen) in [
        ("", name, false),
        (of_any, name, false),
        (of_ca, name, true),
        (proxy, name, true),
        ("", own.as_str(), false),
        (of_any, &own, true),
        (of_ca, &own, false),
        (proxy, &own, true),
        ("", bound, false),
        (of_any, bound, true),
        (of_ca, bound, true),
        (proxy, bound, true),
    ] {
        let read = read_with(&file(head, keys));
        if is_seen {
            assert!(read.is_ok(), "{head}{keys}: {:?}", read.err());
        } else {
            let message = only(read).2;
            assert_eq!(message, "the public door never sees such a certificate", "{head}{keys}");
        }
    }
}

#[test]
fn behind_a_proxy_a_name_is_not_believed_beside_certificates_of_any_maker() {
    let proxy = "proxies: { trust: [10.0.0.0/8], client_cert: true }\n";
    let both = format!(
        "auth: tls_client_auth, tls_san_dns: a }}, d: {{ scopes: [tires/go], \
         auth: self_signed_tls_client_auth, certificates: [\"{FINGERPRINT}\"]"
    );
    let message = refused(proxy, &both);
    assert!(message.starts_with("a proxy that passes certificates of any maker on"), "{message}");
    let passed = "proxies: { trust: [10.0.0.0/8], client_cert: true, proxy_protocol: true }\n";
    let message = refused(passed, "status: active");
    assert!(message.starts_with("with a PROXY header no connection is"), "{message}");
}
