//! What is defined in the file, so that a name that leads nowhere is found.

use std::collections::BTreeSet;

use super::nearest::{listed, nearest};
use super::node::Node;
use super::problem::Wrong;
use super::schema::Noun;

/// The names of everything that can be referred to.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Of all partners.
    clients: BTreeSet<String>,
    connections: BTreeSet<String>,
    destinations: BTreeSet<String>,
    issuers: BTreeSet<String>,
    partners: BTreeSet<String>,
    plans: BTreeSet<String>,
    /// In full: `tires/create.order`.
    scopes: BTreeSet<String>,
}

impl Known {
    /// All names of the file, also of what is wrong inside: its name is there all the same.
    pub(crate) fn of(root: &Node) -> Self {
        let names = |key: &str| -> BTreeSet<String> {
            let entries = root.get(key).into_iter().flat_map(Node::entries);
            entries.map(|entry| entry.key.clone()).collect()
        };
        let mut known = Self {
            clients: BTreeSet::new(),
            connections: names("connections"),
            destinations: names("destinations"),
            issuers: names("issuers"),
            partners: names("partners"),
            plans: names("plans"),
            scopes: BTreeSet::new(),
        };
        for api in root.get("apis").into_iter().flat_map(Node::entries) {
            for scope in api.value.get("scopes").into_iter().flat_map(Node::entries) {
                known.scopes.insert(format!("{}/{}", api.key, scope.key));
            }
        }
        for partner in root.get("partners").into_iter().flat_map(Node::entries) {
            let clients = partner.value.get("clients").into_iter().flat_map(Node::entries);
            known.clients.extend(clients.map(|client| client.key.clone()));
        }
        known
    }

    /// Whether a reference leads somewhere.
    pub(crate) fn check(&self, noun: Noun, name: &str) -> Result<(), Wrong> {
        let (names, place) = match noun {
            Noun::Client => (&self.clients, "partners.NAME.clients"),
            Noun::Connection => (&self.connections, "connections"),
            Noun::Destination => (&self.destinations, "destinations"),
            Noun::Issuer => (&self.issuers, "issuers"),
            Noun::Partner => (&self.partners, "partners"),
            Noun::Plan => (&self.plans, "plans"),
            Noun::Scope => (&self.scopes, "apis.NAME.scopes"),
        };
        if names.contains(name) {
            return Ok(());
        }
        let known = || names.iter().map(String::as_str);
        let word = noun.word();
        let near = match nearest(name, known()) {
            Some(near) => format!("; did you mean `{near}`?"),
            None => String::new(),
        };
        let help = if names.is_empty() {
            format!("no {word} is defined yet; add it under `{place}`")
        } else if noun == Noun::Scope && !name.contains('/') {
            format!("write the API's name before it: {}", listed(known()))
        } else {
            format!("known are {}; define others under `{place}`", listed(known()))
        };
        Err(Wrong::new(format!("no {word} is called `{name}`{near}")).help(help))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_leads_nowhere_gets_the_nearest() {
        let known = Known {
            scopes: ["tires/create.order", "tires/cancel.order"].map(str::to_owned).into(),
            ..Known::default()
        };
        assert_eq!(known.check(Noun::Scope, "tires/create.order"), Ok(()));
        let wrong = known.check(Noun::Scope, "tires/create.orders").unwrap_err();
        assert_eq!(
            wrong.message,
            "no scope is called `tires/create.orders`; did you mean `tires/create.order`?"
        );
        let wrong = known.check(Noun::Plan, "external").unwrap_err();
        assert_eq!(wrong.help.unwrap(), "no plan is defined yet; add it under `plans`");
    }
}
