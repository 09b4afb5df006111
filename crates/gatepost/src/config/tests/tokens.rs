//! What the token service gives.

use limit::{Limit, Rate};
use model::{ClaimValue, ClientTokens, PartnerAttribute, Timestamp, TokenQuota};

use super::{only, read_with};

const APIS: &str = "apis: { tires: { upstream: http://x, scopes: { go: Go } } }\n";

/// A client with these keys beside the necessary.
fn client(keys: &str) -> String {
    let client = format!("{{ scopes: [tires/go], {keys} }}");
    format!("{APIS}partners: {{ cars: {{ title: Cars, clients: {{ c: {client} }} }} }}\n")
}

fn read(keys: &str) -> ClientTokens {
    let loaded = read_with(&client(keys)).unwrap();
    loaded.definitions.clients["c"].tokens.clone()
}

#[test]
fn nothing_is_bounded_where_nothing_is_said() {
    let loaded = read_with(&client("")).unwrap();
    let tokens = &loaded.definitions.tokens;
    assert_eq!((tokens.rate, tokens.address_rate, tokens.observe), (None, None, false));
    assert_eq!((tokens.quota, tokens.audit_keep_ms), (TokenQuota::default(), 90 * 86_400_000));
    assert_eq!(loaded.definitions.clients["c"].tokens, ClientTokens::default());
    assert_eq!(loaded.definitions.apis["tires"].tokens.lifetime_s, None);
}

#[test]
fn bounds_are_read_for_all_and_for_a_client() {
    let all = "tokens: { rate: 20/s, burst: 40, address_rate: 600/min, mode: observe,
        quota: { hour: 1000, day: 10000 }, audit_keep: 365d }\n";
    let own = "token_rate: 1/min, token_burst: 3, token_quota: { day: 5 }";
    let loaded = read_with(&format!("{all}{}", client(own))).unwrap();
    let tokens = &loaded.definitions.tokens;
    assert_eq!(tokens.rate, Some(Limit::new(Rate::per_second(20), 40)));
    assert_eq!(tokens.address_rate, Some(Limit::new(Rate::per_seconds(600, 60), 10)));
    assert!(tokens.observe);
    assert_eq!(tokens.quota, TokenQuota { hour: Some(1000), day: Some(10_000) });
    assert_eq!(tokens.audit_keep_ms, 365 * 86_400_000);
    let own = &loaded.definitions.clients["c"].tokens;
    assert_eq!(own.rate, Some(Limit::new(Rate::per_seconds(1, 60), 3)));
    assert_eq!(own.quota, TokenQuota { hour: None, day: Some(5) });
}

#[test]
fn a_client_ends_at_the_beginning_of_a_day_or_at_a_moment() {
    let end = |text: &str| read(&format!("expires: {text}")).expires_at;
    let moment = Timestamp::parse("2027-01-01T00:00:00Z");
    assert!(moment.is_some());
    for text in ["2027-01-01", "\"2027-01-01T00:00:00Z\"", "\"2027-01-01T02:00:00+02:00\""] {
        assert_eq!(end(text), moment, "{text}");
    }
}

#[test]
fn claims_are_constants_or_what_the_partner_is() {
    let claims = "{ tenant: $partner.name, tier: gold, level: 3, share: 0.5, big: true, \"3\": x }";
    let message = only(read_with(&client(&format!("claims: {claims}")))).2;
    assert_eq!(message, "this is not the name of a claim");
    let claims = "{ tenant: $partner.name, tier: gold, level: 3, share: 0.5, big: true, n: \"3\" }";
    let read = read(&format!("claims: {claims}")).claims;
    let found: Vec<_> = read.iter().map(|claim| (&*claim.name, claim.value.clone())).collect();
    let constant = ClaimValue::Constant;
    let expected = [
        ("tenant", ClaimValue::Partner(PartnerAttribute::Name)),
        ("tier", constant("gold".into())),
        ("level", constant(3.into())),
        ("share", constant(0.5.into())),
        ("big", constant(true.into())),
        ("n", constant("3".into())),
    ];
    assert_eq!(found, expected);
    let api = "apis: { tires: { upstream: http://x, token_lifetime: 5m,
        claims: { mail: $partner.contact } } }\n";
    let tokens = read_with(api).unwrap().definitions.apis["tires"].tokens.clone();
    assert_eq!((tokens.lifetime_s, tokens.claims.len()), (Some(300), 1));
}

#[test]
fn what_is_wrong_with_tokens_is_said() {
    let long = "x".repeat(257);
    let many: Vec<_> = (0..11).map(|number| format!("c{number}: x")).collect();
    let heavy: Vec<_> = (0..9).map(|number| format!("c{number}: {}", "x".repeat(250))).collect();
    for (keys, message) in [
        ("claims: { iss: x }".to_owned(), "the claim `iss` has a meaning of its own in tokens"),
        ("claims: { Scope: x }".to_owned(), "the claim `Scope` has a meaning of its own in tokens"),
        ("claims: { tenant: [a] }".to_owned(), "`tenant` is a list, and should be a text"),
        (
            "claims: { tenant: $partner.plan }".to_owned(),
            "`$partner.plan` is nothing that is known of a partner",
        ),
        (
            "claims: { mail: $partner.contact }".to_owned(),
            "`$partner.contact` is not there: the partner has none",
        ),
        (format!("claims: {{ a: {long} }}"), "this is not the value of a claim"),
        (
            "claims: { a: 9007199254740993 }".to_owned(),
            "`9007199254740993` is not a number that every reader of a token reads alike",
        ),
        (format!("claims: {{ {} }}", many.join(", ")), "there are 11 claims, and may be 10"),
        (
            format!("claims: {{ {} }}", heavy.join(", ")),
            "these claims have 2268 bytes, and may have 2048",
        ),
        ("token_burst: 3".to_owned(), "`token_burst` is part of a rate, and there is none"),
        ("token_lifetime: 2d".to_owned(), "`2d` is too long"),
        ("token_quota: { hour: 0 }".to_owned(), "`0` is not a whole number from 1 to 1000000000"),
        ("expires: tomorrow".to_owned(), "`tomorrow` is neither a day nor a time"),
        ("expires: 2027-02-30".to_owned(), "`2027-02-30` is neither a day nor a time"),
    ] {
        assert_eq!(only(read_with(&client(&keys))).2, message, "{keys}");
    }
    let tokens = only(read_with("tokens: { address_burst: 3 }\n")).2;
    assert_eq!(tokens, "`address_burst` is part of a rate, and there is none");
    let tokens = only(read_with("tokens: { mode: watch }\n")).2;
    assert!(tokens.starts_with("`watch` is not known here"), "{tokens}");
}
