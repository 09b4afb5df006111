//! How long a token lives, and what it says beside the claims of every token.

use std::collections::{BTreeMap, HashMap};

use jwt::is_reserved_claim;
use model::{ApiTokens, Client, Definitions, Name, Partner, Timestamp, TokenSettings};
use serde_json::Value;

/// What tokens are made by.
pub(crate) struct Rules {
    /// What holds for all token requests.
    pub(crate) settings: TokenSettings,
    apis: HashMap<Name, ApiTokens>,
    partners: HashMap<Name, Partner>,
}

impl Rules {
    pub(crate) fn new(definitions: &Definitions) -> Self {
        let apis = definitions.apis.values().map(|api| (api.name.clone(), api.tokens.clone()));
        let partners = definitions.partners.values();
        Self {
            settings: definitions.tokens.clone(),
            apis: apis.collect(),
            partners: partners.map(|partner| (partner.name.clone(), partner.clone())).collect(),
        }
    }

    /// When a token that is issued now ends, in seconds since 1970: after the shorter of the client's
    /// and the API's lifetime, and never later than the client itself.
    pub(crate) fn end_s(&self, client: &Client, audience: &str, now: Timestamp) -> i64 {
        let own = client.token_lifetime_s;
        let of_api = self.apis.get(audience).and_then(|api| api.lifetime_s);
        let end = now.seconds() + of_api.map_or(own, |most| most.min(own));
        client.tokens.expires_at.map_or(end, |last| end.min(last.seconds()))
    }

    /// What a token says more; the client's own claims win over those of the API.
    pub(crate) fn extra(&self, client: &Client, audience: &str) -> BTreeMap<String, Value> {
        let Some(partner) = self.partners.get(&client.partner) else { return BTreeMap::new() };
        let of_api = self.apis.get(audience).map(|api| api.claims.as_slice()).unwrap_or_default();
        let all = of_api.iter().chain(&client.tokens.claims);
        // Whoever made the definitions has refused these; no token may say anything twice.
        let all = all.filter(|claim| !is_reserved_claim(&claim.name));
        all.filter_map(|claim| Some((claim.name.clone(), claim.value_for(partner)?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use model::{Api, Claim, ClaimValue, ClientTokens, PartnerAttribute, Status, Upstream};

    use super::*;

    fn now() -> Timestamp {
        Timestamp::from_ms(1_800_000_000_000)
    }

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn rules(api: ApiTokens) -> Rules {
        let upstream = Upstream::parse("http://127.0.0.1:9").unwrap();
        let api = Api { tokens: api, ..Api::new(name("tires"), upstream) };
        let partner = Partner {
            name: name("cars"),
            title: "Cars".to_owned(),
            contact: None,
            plan: None,
            allow_ips: Vec::new(),
            certificates: Vec::new(),
            status: Status::Active,
        };
        let mut definitions = Definitions::default();
        definitions.apis.insert(name("tires"), api);
        definitions.partners.insert(name("cars"), partner);
        Rules::new(&definitions)
    }

    fn client(tokens: ClientTokens) -> Client {
        let client = Client::new(name("car-orders"), name("cars"));
        Client { token_lifetime_s: 600, tokens, ..client }
    }

    fn claim(name: &str, value: ClaimValue) -> Claim {
        Claim { name: name.to_owned(), value }
    }

    #[test]
    fn the_shorter_lifetime_holds_and_the_clients_end_before_all() {
        for (api, end, expected) in [
            (None, None, 600),
            (Some(60), None, 60),
            (Some(3600), None, 600),
            (Some(300), Some(400), 300),
            (Some(300), Some(20), 20),
            (None, Some(-5), -5),
        ] {
            let rules = rules(ApiTokens { lifetime_s: api, claims: Vec::new() });
            let expires_at = end.map(|end: i64| now().plus_ms(end * 1000));
            let client = client(ClientTokens { expires_at, ..ClientTokens::default() });
            let end = rules.end_s(&client, "tires", now()) - now().seconds();
            assert_eq!(end, expected, "{api:?} {expires_at:?}");
        }
    }

    #[test]
    fn a_token_says_what_is_declared_and_the_client_wins() {
        let constant = |value: &str| ClaimValue::Constant(value.into());
        let partner = ClaimValue::Partner;
        let rules = rules(ApiTokens {
            lifetime_s: None,
            claims: vec![
                claim("tier", constant("plain")),
                claim("tenant", partner(PartnerAttribute::Name)),
                claim("mail", partner(PartnerAttribute::Contact)),
            ],
        });
        let own = vec![
            claim("tier", constant("gold")),
            claim("level", ClaimValue::Constant(3.into())),
            claim("sub", constant("somebody else")),
        ];
        let client = client(ClientTokens { claims: own, ..ClientTokens::default() });
        let said = serde_json::to_value(rules.extra(&client, "tires")).unwrap();
        let expected = serde_json::json!({ "level": 3, "tenant": "cars", "tier": "gold" });
        assert_eq!(said, expected);
        let elsewhere = serde_json::to_value(rules.extra(&client, "wheels")).unwrap();
        assert_eq!(elsewhere, serde_json::json!({ "level": 3, "tier": "gold" }));
    }
}
