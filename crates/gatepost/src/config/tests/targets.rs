//! What an API is called by those who ask for its tokens, and who may look at them.

use model::Name;

use super::{only, read_with};

/// Two APIs, each with these keys beside the necessary, and two clients.
fn file(tires: &str, wheels: &str) -> String {
    format!(
        "apis:
  tires: {{ upstream: http://x, base_path: /prod, scopes: {{ go: Go }}, {tires} }}
  wheels: {{ upstream: http://x, base_path: /wheels, {wheels} }}
partners: {{ own: {{ clients: {{ a: {{ scopes: [tires/go] }}, b: {{ scopes: [tires/go] }} }} }} }}\n"
    )
}

#[test]
fn an_api_has_a_name_of_its_own_and_readers_only_if_it_says_so() {
    let loaded = read_with(&file("resource: \"urn:x:tires\", introspection: [a, b]", "")).unwrap();
    let apis = &loaded.definitions.apis;
    assert_eq!(apis["tires"].resource.as_deref(), Some("urn:x:tires"));
    let readers: Vec<_> = apis["tires"].introspection.iter().map(Name::as_str).collect();
    assert_eq!(readers, ["a", "b"]);
    assert_eq!(apis["wheels"].resource, None);
    assert!(apis["wheels"].introspection.is_empty());
}

#[test]
fn a_resource_is_an_absolute_uri_without_a_fragment() {
    for good in ["https://x.example", "https://x.example/a?b=c", "urn:example:tires"] {
        let loaded = read_with(&file(&format!("resource: \"{good}\""), ""));
        assert!(loaded.is_ok(), "{good}");
    }
    for wrong in ["/prod", "tires", "https://x.example/#a", "https://x.example/a b", "1a:b", "x:"] {
        let message = only(read_with(&file(&format!("resource: \"{wrong}\""), ""))).2;
        assert!(message.starts_with(&format!("`{wrong}`: ")), "{wrong}: {message}");
    }
}

#[test]
fn a_resource_leads_to_one_api_and_a_reader_is_a_client() {
    let same = "resource: \"https://x.example\"";
    let slash = "resource: \"https://x.example/\"";
    for (tires, wheels, expected) in [
        (same, same, "the API `tires` is called `https://x.example` already"),
        (same, slash, "the API `tires` is called `https://x.example` already"),
        ("introspection: [c]", "", "no client is called `c`"),
    ] {
        let message = only(read_with(&file(tires, wheels))).2;
        assert!(message.starts_with(expected), "{message}");
    }
}
