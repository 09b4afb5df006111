//! Tokens of workloads that stand for a client, and the profile that the token service keeps to.

use model::{Name, Profile, SubjectRule};

use super::{only, read_with};

const APIS: &str = "apis: { tires: { upstream: http://x, scopes: { go: Go } } }\n";
const ISSUERS: &str = "issuers:
  ci: { issuer: https://ci.example, audiences: [a, b], partner: cars }
  other: { issuer: https://other.example, audiences: [a], partner: boats }
  twin: { issuer: https://ci.example, audiences: [c], clients: { x: cars } }
";

/// A file whose client of the partner `cars` has these keys beside its scopes.
fn file(issuers: &str, keys: &str) -> String {
    format!(
        "{APIS}{issuers}partners:\n  boats: {{}}\n  cars:\n    clients: {{ orders: {{ scopes: \
         [tires/go], {keys} }} }}\n"
    )
}

#[test]
fn a_client_has_rules_of_issuer_subject_and_audience() {
    let issuers =
        "issuers: { ci: { issuer: https://ci.example, audiences: [a], partner: cars } }\n";
    let loaded = read_with(&file(
        issuers,
        "federation: [{ issuer: ci, subject: \"repo:acme/*\", audience: a },
         { issuer: ci, subject: \"s:t\" }]",
    ));
    let loaded = loaded.unwrap();
    // Such an issuer need not be trusted by an API.
    assert!(loaded.warnings.is_empty(), "{:?}", loaded.warnings);
    let rules = &loaded.definitions.federation["orders"];
    let ci = Name::new("ci").unwrap();
    assert_eq!((rules.len(), &rules[0].issuer, &rules[1].issuer), (2, &ci, &ci));
    assert_eq!(rules[0].subject, SubjectRule::Below("repo:acme/".to_owned()));
    assert_eq!(rules[0].audience.as_deref(), Some("a"));
    assert_eq!(rules[1].subject, SubjectRule::Exactly("s:t".to_owned()));
    assert_eq!(rules[1].audience, None);
}

#[test]
fn what_is_wrong_with_a_rule_is_said() {
    let refused = |rules: &str| {
        // Only what is named is there, so that nothing else is of no use.
        let used: Vec<&str> = ISSUERS
            .lines()
            .filter(|line| {
                let name = line.trim().split(':').next().unwrap_or_default();
                name == "issuers" || rules.contains(&format!("issuer: {name}"))
            })
            .collect();
        let used = used.join("\n") + "\n";
        only(read_with(&file(&used, &format!("federation: [{rules}]")))).2
    };
    for (rules, message) in [
        (
            "{ issuer: ci, subject: \"repo:acme*\" }",
            "what stands before `*` ends with `:` or `/`, or names that begin alike would do too",
        ),
        ("{ issuer: ci, subject: \"*\" }", "`*` alone is everybody with a token of this issuer"),
        (
            "{ issuer: ci, subject: s, audience: c }",
            "the issuer `ci` is not read with this audience",
        ),
        ("{ issuer: other, subject: s }", "the issuer `other` is that of the partner `boats`"),
        (
            "{ issuer: ci, subject: s }, { issuer: twin, subject: s }",
            "`ci` and `twin` have the same `issuer`",
        ),
        ("{ issuer: ci }", "`subject` is missing"),
        ("", "`federation` is empty"),
    ] {
        if rules.is_empty() {
            assert_eq!(only(read_with(&file("", "federation: []"))).2, message);
        } else {
            assert_eq!(refused(rules), message, "{rules}");
        }
    }
}

#[test]
fn fapi2_refuses_what_no_request_could_keep() {
    let partners = |keys: &str| {
        format!(
            "{APIS}tokens: {{ profile: fapi-2 }}\npartners: {{ cars: {{ clients: {{ orders: {{ \
             scopes: [tires/go], {keys} }} }} }} }}\n"
        )
    };
    let report = read_with(&partners("token_lifetime: 20m")).unwrap_err();
    let messages: Vec<&str> =
        report.diagnostics().iter().map(|diagnostic| &*diagnostic.message).collect();
    assert_eq!(
        messages,
        [
            "FAPI 2.0 takes private_key_jwt and client certificates only, and this client uses \
             client_secret_basic",
            "under FAPI 2.0 tokens live 15 minutes at the most",
        ]
    );
    let public = "tokens: { profile: fapi-2 }\npublic_url: http://api.tires.example\n";
    assert_eq!(only(read_with(public)).2, "FAPI 2.0 is spoken over https only");
    let rsa = "apis: { tires: { upstream: \"http://127.0.0.1:9\", token_algorithm: RS256 } }\n";
    let message = only(read_with(&format!("tokens: {{ profile: fapi-2 }}\n{rsa}"))).2;
    assert_eq!(message, "FAPI 2.0 takes the algorithms PS256, ES256 and EdDSA only");
    let loaded = read_with("tokens: { profile: fapi-2 }\n").unwrap();
    assert_eq!(loaded.definitions.profile, Profile::Fapi2);
    assert_eq!(read_with(APIS).unwrap().definitions.profile, Profile::OAuth2);
}
