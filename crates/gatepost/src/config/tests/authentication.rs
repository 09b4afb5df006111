//! How clients prove themselves.

use certificate::{DistinguishedName, Holder};
use jwt::Algorithm;
use model::{Authentication, BoundTokens, Client, ClientKeys, Timestamp};

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

/// The one way of a client that has no other.
fn way(client: &Client) -> Authentication {
    let [only] = client.credentials.as_slice() else { panic!("{client:?}") };
    assert_eq!((&only.name, only.not_before, only.expires_at), (&None, None, None));
    only.authentication.clone()
}

fn refused(head: &str, keys: &str) -> String {
    only(read_with(&file(head, keys))).2
}

#[test]
fn a_client_has_secrets_where_nothing_is_said() {
    let client = client("", "status: active");
    assert_eq!((way(&client), client.bound_tokens), (Authentication::Secret, BoundTokens::Never));
}

#[test]
fn keys_of_a_client_stand_in_the_file_or_at_an_address() {
    let inline = client("", &format!("auth: private_key_jwt, jwks: {{ keys: [{PUBLIC}] }}"));
    let Authentication::PrivateKeyJwt(rule) = way(&inline) else { panic!("{inline:?}") };
    let ClientKeys::Inline(text) = &rule.keys else { panic!("{rule:?}") };
    assert!(text.starts_with(r#"{"keys":[{"kty":"EC""#), "{text}");
    let algorithms = [Algorithm::Es256, Algorithm::Rs256, Algorithm::Ps256, Algorithm::EdDsa];
    assert_eq!((rule.algorithms.as_slice(), rule.legacy_audience), (&algorithms[..], false));
    let published = client(
        "",
        "auth: private_key_jwt, jwks_uri: https://cars.example/keys, algorithms: [PS256],
        legacy_audience: true, allow_private: [10.0.0.0/8]",
    );
    let Authentication::PrivateKeyJwt(rule) = way(&published) else { panic!() };
    let allow_private = vec!["10.0.0.0/8".parse().unwrap()];
    let url = "https://cars.example/keys".to_owned();
    assert_eq!(rule.keys, ClientKeys::Url { url, allow_private });
    assert_eq!((rule.algorithms, rule.legacy_audience), (vec![Algorithm::Ps256], true));
}

#[test]
fn a_certificate_is_known_by_one_name_or_by_itself() {
    let by = |name: &str| way(&client(SEEN, &format!("auth: tls_client_auth, {name}")));
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
    let Authentication::TlsCertificates(list) = way(&listed) else { panic!() };
    assert_eq!((list.len(), list[0][0], listed.bound_tokens), (1, 0x2d, BoundTokens::Always));
    let by_set = way(&own("jwks: { keys: [{ kty: EC, x5c: [AAAA] }] }"));
    let Authentication::TlsCertificates(list) = by_set else { panic!() };
    assert_eq!(list.len(), 1);
    let listed = format!("certificates: [\"{FINGERPRINT}\"], bound_tokens: false");
    assert_eq!(own(&listed).bound_tokens, BoundTokens::Never);
    assert_eq!(client(SEEN, "bound_tokens: true").bound_tokens, BoundTokens::Always);
}

#[test]
fn what_is_wrong_with_a_way_is_said() {
    let jwt = "auth: private_key_jwt";
    let tls = "auth: tls_client_auth";
    let own = "auth: self_signed_tls_client_auth";
    for (keys, message) in [
        (jwt.to_owned(), "neither `jwks` nor `jwks_uri` is there"),
        // What is left out lets nobody in by another way.
        (format!("{jwt}, jwks:"), "`jwks` has no value"),
        (format!("{own}, jwks:"), "`jwks` has no value"),
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

/// Credentials of two kinds of proof, a certificate and secrets.
fn mixed() -> String {
    format!(
        "credentials: {{
          key-2026: {{ auth: private_key_jwt, jwks: {{ keys: [{PUBLIC}] }}, expires: 2027-01-31T00:00:00Z }},
          key-2027: {{ auth: private_key_jwt, jwks_uri: \"https://cars.example/keys\", not_before: 2027-01-01,
                      algorithms: [PS256] }},
          hsm: {{ auth: self_signed_tls_client_auth, certificates: [\"{FINGERPRINT}\"] }},
          secret: {{ auth: client_secret }} }}"
    )
}

#[test]
fn a_client_has_several_credentials_each_with_its_time() {
    let client = client(SEEN, &mixed());
    let at = Timestamp::parse;
    let seen: Vec<_> = client
        .credentials
        .iter()
        .map(|one| (one.name(), one.authentication.method(), one.not_before, one.expires_at))
        .collect();
    assert_eq!(
        seen,
        [
            ("key-2026", "private_key_jwt", None, at("2027-01-31T00:00:00Z")),
            ("key-2027", "private_key_jwt", at("2027-01-01T00:00:00Z"), None),
            ("hsm", "self_signed_tls_client_auth", None, None),
            ("secret", "client_secret", None, None),
        ]
    );
    let Authentication::PrivateKeyJwt(second) = &client.credentials[1].authentication else {
        panic!("{client:?}")
    };
    assert_eq!(second.algorithms, [Algorithm::Ps256]);
    // It may come without a certificate, so only what it gets by one is bound.
    assert_eq!(client.bound_tokens, BoundTokens::ByCertificate);
}

#[test]
fn tokens_are_bound_as_the_ways_allow() {
    let own = format!("auth: self_signed_tls_client_auth, certificates: [\"{FINGERPRINT}\"]");
    let secret = "auth: client_secret";
    let (never, always) = (BoundTokens::Never, BoundTokens::Always);
    for (keys, expected) in [
        (format!("credentials: {{ a: {{ {own} }}, b: {{ {own} }} }}"), always),
        (
            format!("credentials: {{ a: {{ {own} }}, b: {{ {secret} }} }}"),
            BoundTokens::ByCertificate,
        ),
        (
            format!("credentials: {{ a: {{ {own} }}, b: {{ {secret} }} }}, bound_tokens: true"),
            always,
        ),
        (
            format!("credentials: {{ a: {{ {own} }}, b: {{ {secret} }} }}, bound_tokens: false"),
            never,
        ),
        (format!("credentials: {{ a: {{ {secret} }} }}"), never),
        (format!("credentials: {{ a: {{ {secret} }} }}, bound_tokens: true"), always),
    ] {
        assert_eq!(client(SEEN, &keys).bound_tokens, expected, "{keys}");
    }
}

#[test]
fn what_is_wrong_with_several_credentials_is_said() {
    let key = format!("auth: private_key_jwt, jwks: {{ keys: [{PUBLIC}] }}");
    let secret = "auth: client_secret";
    let entries = |entries: &str| format!("credentials: {{ {entries} }}");
    let five: Vec<_> = (1..=5).map(|number| format!("k{number}: {{ {key} }}")).collect();
    let no_meaning = "has no meaning with `auth: client_secret`";
    for (keys, message) in [
        ("credentials: {}".to_owned(), "`credentials` is empty".to_owned()),
        ("credentials:".to_owned(), "`credentials` is empty".to_owned()),
        (entries(&five.join(", ")), "there are 5 credentials, and may be 4".to_owned()),
        (
            format!("{secret}, {}", entries(&format!("a: {{ {key} }}"))),
            "`auth` is of a client with one way, and here are `credentials`".to_owned(),
        ),
        (
            format!("algorithms: [PS256], {}", entries(&format!("a: {{ {key} }}"))),
            "`algorithms` is of a client with one way, and here are `credentials`".to_owned(),
        ),
        (entries("a: { algorithms: [PS256] }"), "`auth` is missing".to_owned()),
        (
            entries(&format!("a: {{ {secret} }}, b: {{ {secret} }}")),
            "`a` lets all secrets of the client count, and so would `b`".to_owned(),
        ),
        (
            entries(&format!("a: {{ {secret}, expires: 2027-01-01 }}")),
            format!("`expires` {no_meaning}"),
        ),
        (
            entries(&format!("a: {{ {secret}, not_before: 2027-01-01 }}")),
            format!("`not_before` {no_meaning}"),
        ),
        (
            entries(&format!("a: {{ {key}, not_before: 2027-01-02, expires: 2027-01-02 }}")),
            "`expires` is not after `not_before`".to_owned(),
        ),
        (
            entries(&format!("a: {{ {key}, expires: soon }}")),
            "`soon` is neither a day nor a time".to_owned(),
        ),
        (
            entries(&format!("a: {{ {key}, tls_san_dns: a }}")),
            "`tls_san_dns` has no meaning with `auth: private_key_jwt`".to_owned(),
        ),
        (
            entries("a: { auth: private_key_jwt }"),
            "neither `jwks` nor `jwks_uri` is there".to_owned(),
        ),
        (
            entries(&format!("a: {{ {secret} }}, b: {{ auth: private_key_jwt, jwks: }}")),
            "`jwks` has no value".to_owned(),
        ),
        (
            entries(&format!("a/b: {{ {key} }}")),
            "`a/b` is not a name: a name has 1 to 128 letters, digits, `-`, `_`, `.` or `+` and \
             begins with a letter or digit"
                .to_owned(),
        ),
    ] {
        assert_eq!(refused(SEEN, &keys), message, "{keys}");
    }
}

#[test]
fn a_problem_names_the_credential_it_is_of_and_what_to_write() {
    let own = format!("auth: self_signed_tls_client_auth, certificates: [\"{FINGERPRINT}\"]");
    let keys = format!("credentials: {{ secret: {{ auth: client_secret }}, hsm: {{ {own} }} }}");
    let report = read_with(&file("", &keys)).unwrap_err();
    let [unseen] = report.diagnostics() else { panic!("{report}") };
    assert_eq!(unseen.path, "partners.cars.clients.c.credentials.hsm.auth");
    assert_eq!(unseen.message, "the public door never sees such a certificate");
    let keys = "credentials: { secret: { auth: client_secret, expires: 2027-01-01 } }";
    let report = read_with(&file("", keys)).unwrap_err();
    let [useless] = report.diagnostics() else { panic!("{report}") };
    assert_eq!(useless.path, "partners.cars.clients.c.credentials.secret");
    let help = useless.help.as_deref().unwrap();
    assert!(help.contains("gatepost client secret add c --expires 180d"), "{help}");
    // Who takes the place of an entry for that of a secret sees the secret nowhere.
    let report = read_with(&file("", "credentials: { secret: hunter2 }")).unwrap_err();
    assert!(!report.render(false, 100).contains("hunter2"));
}

#[test]
fn the_profile_and_the_proxy_judge_each_credential() {
    let fapi = "tokens: { profile: fapi-2 }\n";
    let mixed = format!("{SEEN}{fapi}");
    let report = read_with(&file(&mixed, &format!("{}, token_lifetime: 15m", self::mixed())));
    let report = report.unwrap_err();
    let [secret] = report.diagnostics() else { panic!("{report}") };
    assert_eq!(secret.path, "partners.cars.clients.c.credentials.secret.auth");
    assert!(secret.message.starts_with("FAPI 2.0 takes private_key_jwt"), "{}", secret.message);
    let proxy = "proxies: { trust: [10.0.0.0/8], client_cert: true }\n";
    let both = format!(
        "credentials: {{ named: {{ auth: tls_client_auth, tls_san_dns: a }},
         own: {{ auth: self_signed_tls_client_auth, certificates: [\"{FINGERPRINT}\"] }} }}"
    );
    let report = read_with(&file(proxy, &both)).unwrap_err();
    let [named] = report.diagnostics() else { panic!("{report}") };
    assert_eq!(named.path, "partners.cars.clients.c.credentials.named.auth");
}

#[test]
fn one_mistake_is_told_of_once() {
    let key = format!("jwks: {{ keys: [{PUBLIC}] }}");
    let own = "auth: self_signed_tls_client_auth, certificates";
    for (keys, message, help) in [
        (
            "auth: private_key_jwt, jwks: ./key.json".to_owned(),
            "`jwks` is a text, and should be a mapping of keys",
            "write `jwks: { file: ./key.json }`",
        ),
        (
            "credentials: { a: { auth: private_key_jwt, jwks: keys/a.jwks } }".to_owned(),
            "`jwks` is a text, and should be a mapping of keys",
            "write `jwks: { file: keys/a.jwks }`",
        ),
        (
            "auth: private_key_jwt, jwks: hunter2".to_owned(),
            "`jwks` is a text, and should be a mapping of keys",
            "`{ file: ./cars.jwks.json }`",
        ),
        (format!("auth: privat_key_jwt, {key}"), "`privat_key_jwt` is ", "private_key_jwt"),
        (format!("{own}: [2d71]"), "", ""),
        (format!("{own}: 2d71"), "`certificates` is ", ""),
        (
            "auth: private_key_jwt, jwks: { file: ./none.json }".to_owned(),
            "`/etc/gatepost/none.json` cannot be read",
            "relative to this file",
        ),
    ] {
        let report = read_with(&file(SEEN, &keys)).unwrap_err();
        let [only] = report.diagnostics() else { panic!("{keys}: {report}") };
        assert!(only.message.starts_with(message), "{keys}: {}", only.message);
        assert_ne!(only.message, "there is no certificate in it", "{keys}");
        let told = only.help.as_deref().unwrap_or_default();
        assert!(told.contains(help) || only.message.contains(help), "{keys}: {told}");
    }
}

#[test]
fn a_path_in_place_of_a_set_is_shown_and_what_may_be_a_secret_is_not() {
    let shown = |jwks: &str| {
        let keys = format!("auth: private_key_jwt, jwks: {jwks}");
        read_with(&file("", &keys)).unwrap_err().render(false, 200)
    };
    let line = shown("./key.json");
    assert!(line.contains("jwks: ./key.json }") && !line.contains("**"), "{line}");
    for secret in ["hunter2", "/9j/4AAQSkZJRgABAQ", "\"{ d: hunter2.json\""] {
        let line = shown(secret);
        assert!(!line.contains(secret.trim_matches('"')), "{line}");
    }
}

#[test]
fn pem_is_told_how_to_become_what_belongs_there() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("client.pem");
    let jwt = "auth: private_key_jwt";
    let own = "auth: self_signed_tls_client_auth";
    for (kind, auth, message, help) in [
        ("PUBLIC KEY", jwt, "it is PEM, and should be a JWK Set (RFC 7517)", "createPublicKey"),
        ("PRIVATE KEY", jwt, "it has a private key, which nobody else may have", "createPublicKey"),
        ("CERTIFICATE", own, "it is PEM, and should be a JWK Set (RFC 7517)", "openssl x509"),
    ] {
        std::fs::write(&path, format!("-----BEGIN {kind}-----\nAAAA\n-----END {kind}-----\n"))
            .unwrap();
        let keys = format!("{auth}, jwks: {{ file: \"{}\" }}", path.display());
        let report = read_with(&file(SEEN, &keys)).unwrap_err();
        let [only] = report.diagnostics() else { panic!("{report}") };
        assert_eq!(only.message, format!("it cannot be used: {message}"), "{kind}");
        let told = only.help.as_deref().unwrap_or_default();
        assert!(told.contains(help), "{kind}: {told}");
    }
}

#[test]
fn a_key_in_two_entries_is_warned_of() {
    let other = PUBLIC.replace("kid: \"1\"", "kid: \"2\"");
    let entry = |name: &str, key: &str| {
        format!("{name}: {{ auth: private_key_jwt, jwks: {{ keys: [{key}] }} }}")
    };
    // Its name makes it no other key.
    let keys = format!("credentials: {{ {}, {} }}", entry("old", PUBLIC), entry("new", &other));
    let loaded = read_with(&file("", &keys)).unwrap();
    let told: Vec<_> =
        loaded.warnings.iter().filter(|one| one.path.ends_with("credentials.new")).collect();
    let [warning] = told.as_slice() else { panic!("{:?}", loaded.warnings) };
    assert!(
        warning.message.starts_with("`new` has a key that `old` has too"),
        "{}",
        warning.message
    );
    let keys = format!("credentials: {{ {} }}", entry("old", PUBLIC));
    let loaded = read_with(&file("", &keys)).unwrap();
    assert!(loaded.warnings.iter().all(|one| !one.message.contains("has too")));
}
