//! Token issuers that APIs trust.

use jwt::{Algorithm, TokenType};
use model::{Callers, Name};

use super::{only, read_with};

const PARTNERS: &str = "partners: { cars: {}, boats: {} }\n";

/// An API that trusts `azure`, and an issuer of that name with these keys beside the necessary.
fn file(keys: &str) -> String {
    format!(
        "{PARTNERS}
apis: {{ tires: {{ upstream: http://x, scopes: {{ go: Go }}, issuers: [azure] }} }}
issuers: {{ azure: {{ issuer: https://login.example/t, audiences: [api://tires], {keys} }} }}\n"
    )
}

/// What an issuer with exactly these keys is refused with.
fn refused(keys: &str) -> String {
    let apis = "apis: { tires: { upstream: http://x, issuers: [azure] } }\n";
    only(read_with(&format!("{PARTNERS}{apis}issuers: {{ azure: {{ {keys} }} }}\n"))).2
}

#[test]
fn an_issuer_is_read_with_its_defaults() {
    let loaded = read_with(&file("partner: cars")).unwrap();
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let azure = &loaded.definitions.issuers["azure"];
    assert_eq!((&*azure.issuer, &azure.jwks_url), ("https://login.example/t", &None));
    assert_eq!(azure.audiences, ["api://tires"]);
    let algorithms = [Algorithm::Es256, Algorithm::Rs256, Algorithm::Ps256, Algorithm::EdDsa];
    assert_eq!(azure.algorithms, algorithms);
    assert_eq!((azure.token_type, &*azure.client_claim), (TokenType::Jwt, "client_id"));
    assert_eq!((&azure.scope_claim, azure.scopes.len()), (&None, 0));
    assert_eq!(azure.callers, Callers::Partner(Name::new("cars").unwrap()));
    assert_eq!(loaded.definitions.apis["tires"].issuers, [Name::new("azure").unwrap()]);
    let document = loaded.documents.iter().find(|document| document.kind == "issuer").unwrap();
    assert_eq!(document.name, "azure");
}

#[test]
fn an_issuer_is_read_with_everything() {
    let loaded = read_with(&file(
        "jwks_url: https://keys.example/k, algorithms: [RS256, EdDSA], token_type: at+jwt,
        client_claim: azp, scope_claim: roles, scopes: [tires/go], allow_private: [10.0.0.0/8],
        clients: { 6f1e-0c6a: cars, \"2\": boats }",
    ));
    let definitions = loaded.unwrap().definitions;
    let azure = &definitions.issuers["azure"];
    assert_eq!(azure.jwks_url.as_deref(), Some("https://keys.example/k"));
    assert_eq!(azure.algorithms, [Algorithm::Rs256, Algorithm::EdDsa]);
    assert_eq!((azure.token_type, &*azure.client_claim), (TokenType::AccessToken, "azp"));
    assert_eq!(azure.scope_claim.as_deref(), Some("roles"));
    assert_eq!(azure.allow_private.len(), 1);
    let caller = |client| azure.caller(client).map(Name::as_str);
    assert_eq!((caller(Some("6f1e-0c6a")), caller(Some("2"))), (Some("cars"), Some("boats")));
    assert_eq!((caller(Some("3")), caller(None)), (None, None));
    assert!(azure.may_grant("tires/go") && !azure.may_grant("tires/stop"));
}

#[test]
fn what_is_wrong_with_an_issuer_is_said() {
    let url = "issuer: https://login.example/t";
    let whole = "issuer: https://login.example/t, audiences: [a], partner: cars";
    for (keys, message) in [
        ("audiences: [a], partner: cars".to_owned(), "`issuer` is missing"),
        (format!("{url}, partner: cars"), "`audiences` is missing"),
        (format!("{url}, audiences: [], partner: cars"), "`audiences` is empty"),
        (format!("{url}, audiences: [\" a\"], partner: cars"), "this is not the text of a claim"),
        (format!("{url}, audiences: [a]"), "neither `partner` nor `clients` is there"),
        (format!("{whole}, clients: {{ a: cars }}"), "`partner` and `clients` exclude each other"),
        (format!("{whole}, algorithms: []"), "`algorithms` is empty"),
        (
            format!("{whole}, algorithms: [HS256]"),
            "`HS256` is not known here; did you mean `ES256`?",
        ),
        (
            format!("{url}, audiences: [a], partner: card"),
            "no partner is called `card`; did you mean `cars`?",
        ),
        (
            format!("{url}, audiences: [a], clients: {{ x: boat }}"),
            "no partner is called `boat`; did you mean `boats`?",
        ),
        (format!("{whole}, scopes: [tires/go]"), "no scope is called `tires/go`"),
        (
            "issuer: https://a.example/?t, audiences: [a], partner: cars".to_owned(),
            "an issuer's URL has neither `?` nor `#`",
        ),
        (
            "issuer: http://127.0.0.1:7400, audiences: [a], partner: cars".to_owned(),
            "this is our own token service, `public_url`",
        ),
    ] {
        assert_eq!(refused(&keys), message, "{keys}");
    }
    let issuers = format!("issuers: {{ azure: {{ {whole} }} }}\n");
    let api = "apis: { tires: { upstream: http://x, issuers: [azure, azur] } }"; // typos: ignore
    assert_eq!(
        only(read_with(&format!("{PARTNERS}{api}\n{issuers}"))).2,
        "no issuer is called `azur`; did you mean `azure`?" // typos: ignore
    );
}

#[test]
fn keys_do_not_come_unencrypted_from_afar() {
    let message = "keys that come unencrypted can be changed on their way, and any token forged";
    let whole = "audiences: [a], partner: cars";
    for keys in [
        format!("{whole}, issuer: http://login.example"),
        format!("{whole}, issuer: https://login.example, jwks_url: http://login.example/k"),
        format!("{whole}, issuer: https://login.example, jwks_url: http://8.8.8.8/k"),
    ] {
        assert_eq!(refused(&keys), message, "{keys}");
    }
    for (more, warnings) in [
        ("jwks_url: http://127.0.0.1:9/k, allow_private: [127.0.0.0/8]", 0),
        ("jwks_url: http://keys.internal/k, allow_private: [10.0.0.0/8]", 0),
        ("jwks_url: http://localhost:9/k", 0),
        ("jwks_url: http://127.0.0.1:9/k", 1),
        ("jwks_url: https://10.0.0.1/k", 1),
    ] {
        let loaded = read_with(&file(&format!("partner: cars, {more}"))).unwrap();
        assert_eq!(loaded.warnings.len(), warnings, "{more}: {:?}", loaded.warnings);
    }
}

#[test]
fn two_issuers_of_an_api_are_told_apart_by_their_iss() {
    let issuer = |name: &str| {
        format!("  {name}: {{ issuer: https://a.example, audiences: [a], partner: cars }}\n")
    };
    let issuers = format!("issuers:\n{}{}", issuer("one"), issuer("two"));
    let api = |name: &str, of: &str| {
        format!("  {name}: {{ base_path: /{name}, upstream: http://x, issuers: [{of}] }}\n")
    };
    let together = format!("{PARTNERS}{issuers}apis:\n{}", api("a", "one, two"));
    let expected = "`one` and `two` have the same `issuer`, `https://a.example`";
    assert_eq!(only(read_with(&together)).2, expected);
    // Each with its audience, for another API.
    let apart = format!("{PARTNERS}{issuers}apis:\n{}{}", api("a", "one"), api("b", "two"));
    assert!(read_with(&apart).unwrap().warnings.is_empty());
    let unused = format!("{PARTNERS}{issuers}apis:\n{}", api("a", "one"));
    let warnings = read_with(&unused).unwrap().warnings;
    assert_eq!(warnings.len(), 1);
    assert_eq!(warnings[0].message, "no API trusts the issuer `two`");
}
