//! What is granted, and for which resource server.

use model::Client;

use crate::error::Refusal;

/// The scopes of a token and the resource server they are of.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) scope: String,
    pub(crate) audience: String,
}

/// Grants what is asked for, if all of it is the client's; nothing asked is everything it has
/// (RFC 6749 §3.3). A token is for one resource server.
pub(crate) fn grant(client: &Client, asked: Option<&str>) -> Result<Grant, Refusal> {
    let mut scopes: Vec<&str> = match asked {
        None => client.scopes.iter().map(String::as_str).collect(),
        Some(asked) => {
            let asked: Vec<_> = asked.split(' ').filter(|scope| !scope.is_empty()).collect();
            let strange = asked.iter().find(|scope| !client.scopes.iter().any(|own| own == *scope));
            if let Some(strange) = strange {
                return Err(Refusal::Scope { asked: (*strange).to_owned() });
            }
            asked
        }
    };
    let mut seen = Vec::new();
    scopes.retain(|scope| {
        let first = !seen.contains(scope);
        seen.push(*scope);
        first
    });
    let servers = |scope: &&str| scope.rsplit_once('/').map_or("", |(server, _)| server).to_owned();
    let mut audiences: Vec<_> = scopes.iter().map(servers).collect();
    audiences.dedup();
    match audiences.as_slice() {
        [audience] => Ok(Grant { scope: scopes.join(" "), audience: audience.clone() }),
        [] => Err(Refusal::Scope { asked: String::new() }),
        _ => Err(Refusal::Audiences),
    }
}

#[cfg(test)]
mod tests {
    use model::{Name, Status};

    use super::*;

    fn check(own: &[&str], asked: Option<&str>, expected: Result<(&str, &str), Refusal>) {
        let client = Client {
            id: Name::new("c").unwrap(),
            partner: Name::new("p").unwrap(),
            scopes: own.iter().map(|scope| (*scope).to_owned()).collect(),
            token_lifetime_s: 3600,
            status: Status::Active,
            tokens: model::ClientTokens::default(),
        };
        let expected = expected.map(|(scope, audience)| Grant {
            scope: scope.to_owned(),
            audience: audience.to_owned(),
        });
        assert_eq!(grant(&client, asked), expected, "{asked:?}");
    }

    #[test]
    fn a_client_gets_what_it_has_and_asks_for() {
        let own = ["tires/create.order", "tires/cancel.order"];
        check(&own, None, Ok(("tires/create.order tires/cancel.order", "tires")));
        check(&own, Some("tires/create.order"), Ok(("tires/create.order", "tires")));
        check(
            &own,
            Some("  tires/create.order tires/create.order "),
            Ok(("tires/create.order", "tires")),
        );
        let strange = Err(Refusal::Scope { asked: "cars/complete.order".to_owned() });
        check(&own, Some("tires/create.order cars/complete.order"), strange);
    }

    #[test]
    fn a_token_is_for_one_api() {
        let own = ["tires/create.order", "wheels/create.order"];
        check(&own, None, Err(Refusal::Audiences));
        check(&own, Some("wheels/create.order"), Ok(("wheels/create.order", "wheels")));
    }
}
