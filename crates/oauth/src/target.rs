//! For which API a token is asked: `resource` (RFC 8707), or `audience` with the API's name.
//!
//! The audience of a token is the API's name, to which the URI in `resource` leads: RFC 8707 §2
//! permits that. Without either parameter it is the resource server of the granted scopes.

use model::{Client, Definitions, Name};

use crate::error::Refusal;
use crate::form::Form;
use crate::scope::{self, Grant};
use crate::state::State;

/// An API, as those know it who ask for its tokens.
pub(crate) struct Server {
    /// Its name, which is its tokens' audience.
    pub(crate) name: Name,
    /// What it is called in `resource`.
    uris: Vec<String>,
    /// The clients that may ask what a token for it says.
    pub(crate) readers: Vec<Name>,
}

/// The APIs of the definitions. Each is known by the address it is called at, which its metadata
/// names (RFC 9728), and by its own `resource`.
pub(crate) fn servers(definitions: &Definitions) -> Vec<Server> {
    let server = |api: &model::Api| {
        let address = format!("{}{}", definitions.public_url, api.base_path);
        Server {
            name: api.name.clone(),
            uris: api.resource.iter().cloned().chain([address]).collect(),
            readers: api.introspection.clone(),
        }
    };
    definitions.apis.values().map(server).collect()
}

/// Grants what a form asks for, of the API it names if it names one.
pub(crate) fn grant(state: &State, client: &Client, form: &Form) -> Result<Grant, Refusal> {
    // A client that only introspects or revokes, whatever it asks for.
    if client.scopes.is_empty() {
        return Err(Refusal::NoScopes);
    }
    let asked = form.get("scope");
    match target(&state.servers, form)? {
        Some(named) => narrowed(client, named.as_str(), asked),
        None => scope::grant(client, asked),
    }
}

/// Grants what is asked for of one API; nothing asked is everything the client has of it.
fn narrowed(client: &Client, server: &str, asked: Option<&str>) -> Result<Grant, Refusal> {
    let is_servers =
        |scope: &str| scope.rsplit_once('/').is_some_and(|(before, _)| before == server);
    let scopes: Vec<String> =
        client.scopes.iter().filter(|scope| is_servers(scope)).cloned().collect();
    // An API of which the client has nothing is none to it, like one that is not there.
    if scopes.is_empty() {
        return Err(Refusal::Target);
    }
    let of_others = |word: &str| !is_servers(word) && client.scopes.iter().any(|own| own == word);
    let mut words = asked.unwrap_or_default().split(' ');
    if let Some(strange) = words.find(|word| of_others(word)) {
        return Err(Refusal::ScopeOfOther { asked: strange.to_owned() });
    }
    scope::grant(&Client { scopes, ..client.clone() }, asked)
}

/// The API that a form names. Both parameters may be there if they mean the same one.
fn target<'a>(servers: &'a [Server], form: &Form) -> Result<Option<&'a Name>, Refusal> {
    let resource = form.get("resource").map(|uri| by_uri(servers, uri).ok_or(Refusal::Target));
    let audience = form.get("audience").map(|name| by_name(servers, name).ok_or(Refusal::Target));
    match (resource.transpose()?, audience.transpose()?) {
        (Some(one), Some(other)) if one.name != other.name => Err(Refusal::Target),
        (one, other) => Ok(one.or(other).map(|server| &server.name)),
    }
}

fn by_name<'a>(servers: &'a [Server], name: &str) -> Option<&'a Server> {
    servers.iter().find(|server| server.name.as_str() == name)
}

/// URIs are compared as they are spelled (RFC 3986 §6.2.1), but that an empty path and `/` are the
/// same (§6.2.3). What is no absolute URI, or has a fragment, is nobody's.
fn by_uri<'a>(servers: &'a [Server], uri: &str) -> Option<&'a Server> {
    let bare = |uri: &str| -> String {
        let path = uri.split_once("://").and_then(|(_, rest)| rest.split_once('/'));
        match path {
            Some((_, "")) => uri.trim_end_matches('/').to_owned(),
            _ => uri.to_owned(),
        }
    };
    let asked = bare(uri);
    servers.iter().find(|server| server.uris.iter().any(|own| bare(own) == asked))
}

#[cfg(test)]
mod tests {

    use super::*;

    fn server(name: &str, uris: &[&str]) -> Server {
        Server {
            name: Name::new(name).unwrap(),
            uris: uris.iter().map(|uri| (*uri).to_owned()).collect(),
            readers: Vec::new(),
        }
    }

    fn check(body: &str, expected: &Result<Option<&str>, Refusal>) {
        let servers = [
            server("tires", &["https://api.example/prod"]),
            server("wheels", &["urn:example:wheels", "https://api.example"]),
        ];
        let form = Form::parse(body.as_bytes()).unwrap();
        let found = target(&servers, &form).map(|found| found.map(Name::as_str));
        assert_eq!(&found, expected, "{body}");
    }

    #[test]
    fn a_resource_or_an_audience_leads_to_an_api() {
        check("", &Ok(None));
        check("resource=", &Ok(None));
        check("resource=https%3A%2F%2Fapi.example%2Fprod", &Ok(Some("tires")));
        check("resource=https://api.example", &Ok(Some("wheels")));
        check("resource=https://api.example/", &Ok(Some("wheels")));
        check("resource=urn:example:wheels", &Ok(Some("wheels")));
        check("audience=tires", &Ok(Some("tires")));
        check("audience=tires&resource=https://api.example/prod", &Ok(Some("tires")));
    }

    #[test]
    fn what_leads_nowhere_is_an_invalid_target() {
        for body in [
            "resource=tires",
            "resource=/prod",
            "resource=https://api.example/prod%23x",
            "resource=https://api.example/prod/",
            "resource=https://api.example/PROD",
            "resource=https://api.example//",
            "resource=https://other.example",
            "audience=nothing",
            "audience=https://api.example/prod",
            "audience=wheels&resource=https://api.example/prod",
        ] {
            check(body, &Err(Refusal::Target));
        }
        // RFC 8707 §2 lets a client name several; here a token is for one API.
        let twice = "resource=https://api.example&resource=https://api.example";
        assert!(matches!(Form::parse(twice.as_bytes()), Err(Refusal::Malformed(_))));
    }

    fn check_narrowed(server: &str, asked: Option<&str>, expected: Result<&str, Refusal>) {
        let client = Client {
            scopes: ["tires/create", "tires/cancel", "tires-old/create"].map(str::to_owned).into(),
            ..Client::new(Name::new("c").unwrap(), Name::new("p").unwrap())
        };
        let expected =
            expected.map(|scope| Grant { scope: scope.to_owned(), audience: server.to_owned() });
        assert_eq!(narrowed(&client, server, asked), expected, "{server} {asked:?}");
    }

    #[test]
    fn a_client_gets_what_it_has_of_the_api_it_names() {
        check_narrowed("tires", None, Ok("tires/create tires/cancel"));
        check_narrowed("tires", Some("tires/cancel"), Ok("tires/cancel"));
        check_narrowed("tires-old", None, Ok("tires-old/create"));
        check_narrowed("wheels", None, Err(Refusal::Target));
        check_narrowed("wheels", Some("tires/create"), Err(Refusal::Target));
        let of_other = Refusal::ScopeOfOther { asked: "tires-old/create".to_owned() };
        check_narrowed("tires", Some("tires/create tires-old/create"), Err(of_other));
        let unknown = Refusal::Scope { asked: "tires/x".to_owned() };
        check_narrowed("tires", Some("tires/x"), Err(unknown));
    }
}
