//! Whether what nothing was found of is there at all: a name that is mistyped has no usage either.

use model::UsageKey;
use serde_json::Value;

use super::super::operator::{Operator, no_such};
use super::Arguments;

/// Fails where nothing was found because what was named is not defined. What is not defined any more
/// may have rows.
pub(super) async fn known(operator: &Operator, arguments: &Arguments) -> anyhow::Result<()> {
    for (kind, list, name) in
        [("partner", "partners", &arguments.partner), ("API key", "keys", &arguments.key)]
    {
        if let Some(name) = defined(name.as_deref()) {
            operator.demand(kind, list, name).await?;
        }
    }
    if let Some(name) = defined(arguments.client.as_deref())
        && !may_be_of_another_issuer(&operator.get("token-service").await?, name)
    {
        operator.demand("client", "clients", name).await?;
    }
    let (api, route) = (defined(arguments.api.as_deref()), defined(arguments.route.as_deref()));
    if api.is_none() && route.is_none() {
        return Ok(());
    }
    of_apis(&operator.get("apis").await?, api, route)
}

/// The same of an API and of a route, which is one of that API where both are named.
fn of_apis(apis: &Value, api: Option<&str>, route: Option<&str>) -> anyhow::Result<()> {
    let apis = apis["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let names = || apis.iter().filter_map(|one| one["name"].as_str());
    if let Some(name) = api
        && !names().any(|known| known == name)
    {
        return Err(no_such("API", name, names()));
    }
    let Some(route) = route else { return Ok(()) };
    let meant = apis.iter().filter(|one| api.is_none_or(|name| one["name"] == name));
    let routes = meant.filter_map(|one| one["routes"].as_array()).flatten();
    let routes: Vec<&str> = routes.filter_map(Value::as_str).collect();
    if routes.contains(&route) { Ok(()) } else { Err(no_such("route", route, routes)) }
}

/// What must be defined where it is asked for: not what stands for requests of which it is not known,
/// and not what is counted together.
fn defined(name: Option<&str>) -> Option<&str> {
    name.filter(|name| !name.is_empty() && *name != UsageKey::OTHERS)
}

/// Whether another issuer has such a client: one that is named with it, or any where all of its tokens
/// are one partner's.
fn may_be_of_another_issuer(service: &Value, client: &str) -> bool {
    let mut issuers = service["other_issuers"].as_array().into_iter().flatten();
    issuers.any(|issuer| match issuer["clients"].as_array() {
        Some(clients) => clients.iter().any(|known| known.as_str() == Some(client)),
        None => true,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_client_may_be_one_of_another_issuer() {
        let named = json!({ "name": "azure", "clients": ["6f1e"] });
        let any = json!({ "name": "cluster", "clients": null });
        for (issuers, client, expected) in [
            (json!([]), "6f1e", false),
            (json!([named]), "6f1e", true),
            (json!([named]), "6f1", false),
            (json!([named, any]), "6f1", true),
        ] {
            let service = json!({ "other_issuers": issuers });
            assert_eq!(may_be_of_another_issuer(&service, client), expected, "{service} {client}");
        }
    }
}
