//! Token issuers that APIs may trust beside our own.

use std::collections::BTreeMap;
use std::net::IpAddr;

use jwt::{Algorithm, TokenType};
use model::{Callers, Issuer, Name};
use outbound::Guard;

use super::Reader;
use super::destination::host;
use super::federation::federates;
use crate::config::fields::Fields;
use crate::config::forms;
use crate::config::node::Node;
use crate::config::problem::Problem;

/// What is accepted where nothing is said: what authorization servers sign with by default.
const ALGORITHMS: [Algorithm; 4] =
    [Algorithm::Es256, Algorithm::Rs256, Algorithm::Ps256, Algorithm::EdDsa];

impl Reader<'_> {
    /// Before the APIs, which are told apart by what their issuers call themselves.
    pub(super) fn issuers(&mut self, root: &Fields<'_>) {
        for (entry, fields) in root.children("issuers") {
            let Ok(name) = Name::new(&entry.key) else {
                continue;
            };
            let example = "`partner: NAME` or `clients: { ID: NAME }`";
            self.one_of(&fields, ["partner", "clients"], example);
            self.not_ourselves(&fields);
            self.keys_can_be_got(&fields);
            self.is_of_use(root, &fields, &name);
            let callers = callers(&fields);
            let (Some(issuer), Some(client_claim)) =
                (fields.text("issuer"), fields.text("client_claim"))
            else {
                continue;
            };
            let algorithms = texts(&fields, "algorithms");
            let algorithms: Vec<_> =
                algorithms.iter().filter_map(|name| Algorithm::parse(name)).collect();
            let issuer = Issuer {
                issuer,
                jwks_url: fields.text("jwks_url"),
                audiences: texts(&fields, "audiences"),
                algorithms: if algorithms.is_empty() { ALGORITHMS.to_vec() } else { algorithms },
                token_type: match fields.text("token_type").as_deref() {
                    Some("at+jwt") => TokenType::AccessToken,
                    _ => TokenType::Jwt,
                },
                client_claim,
                scope_claim: fields.text("scope_claim"),
                scopes: texts(&fields, "scopes"),
                allow_private: fields.parse_list("allow_private", forms::cidr),
                callers,
                name: name.clone(),
            };
            self.definitions.issuers.insert(name, issuer);
        }
    }

    /// Says if it is our own issuer: its tokens are judged otherwise, and need no configuration.
    fn not_ourselves(&mut self, fields: &Fields<'_>) {
        if fields.text("issuer").is_some_and(|issuer| issuer == self.definitions.public_url) {
            let message = "this is our own token service, `public_url`";
            let problem = fields.problem("issuer", message);
            self.error(problem, "remove it: every API takes the tokens of our own token service");
        }
    }

    /// Says what is called to get the keys and will not be, or must not be.
    fn keys_can_be_got(&mut self, fields: &Fields<'_>) {
        let key = if fields.entry("jwks_url").is_some() { "jwks_url" } else { "issuer" };
        let Some(url) = fields.text(key) else { return };
        let allow = fields.parse_list("allow_private", forms::cidr);
        let address = host(&url).parse::<IpAddr>().ok();
        let is_local = host(&url).eq_ignore_ascii_case("localhost")
            || address.is_some_and(|address| address.is_loopback());
        if url.starts_with("http://") && !is_local && allow.is_empty() {
            let message =
                "keys that come unencrypted can be changed on their way, and any token forged";
            let problem = fields.problem(key, message);
            self.error(
                problem,
                "write an `https` URL, or list the range under `allow_private` if it is your own",
            );
            return;
        }
        let refused = address.and_then(|address| {
            let refusal = Guard::Public { allow }.judge(address, 443).err()?;
            Some((address, refusal))
        });
        if let Some((address, refusal)) = refused {
            let problem = fields.problem(key, &format!("its keys will not be got: {refusal}"));
            let help = format!("add `allow_private: [{address}/{}]`", length(address));
            self.problems.warn(problem.help(&help));
        }
    }

    /// Warns of an issuer that no API trusts.
    fn is_of_use(&mut self, root: &Fields<'_>, fields: &Fields<'_>, name: &Name) {
        let apis = root.children("apis");
        let is_trusted = |api: &Fields<'_>| {
            api.list("issuers").iter().filter_map(Node::text).any(|issuer| issuer == name.as_str())
        };
        if !apis.iter().any(|(_, api)| is_trusted(api)) && !federates(root, name) {
            let message = format!("no API trusts the issuer `{name}`");
            let problem = Problem::new(fields.at, &fields.path, &message);
            let help = format!("add `issuers: [{name}]` to an API, or remove the issuer");
            self.problems.warn(problem.help(&help));
        }
    }

    /// Says which two issuers of an API have the same `iss`: a token would belong to either.
    pub(super) fn same_issuer(&mut self, api: &Fields<'_>) {
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for node in api.list("issuers") {
            let Some(name) = node.text() else { continue };
            let Some(issuer) = self.definitions.issuers.get(name) else { continue };
            let issuer = issuer.issuer.clone();
            if let Some(first) = seen.get(&issuer) {
                let message = format!("`{first}` and `{name}` have the same `issuer`, `{issuer}`");
                let problem = Problem::new(node.span, &format!("{}.issuers", api.path), &message);
                self.error(problem, "keep one of the two");
            } else {
                seen.insert(issuer, name);
            }
        }
    }
}

fn callers(fields: &Fields<'_>) -> Callers {
    if let Some(partner) = fields.parse("partner", forms::name) {
        return Callers::Partner(partner);
    }
    let clients = fields
        .entries("clients")
        .filter_map(|entry| Some((entry.key.clone(), forms::name(entry.value.text()?).ok()?)));
    Callers::Clients(clients.collect())
}

fn texts(fields: &Fields<'_>, name: &str) -> Vec<String> {
    fields.list(name).iter().filter_map(Node::text).map(str::to_owned).collect()
}

/// How long the prefix of a range is that holds one address alone.
fn length(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}
