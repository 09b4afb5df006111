//! What the token service keeps to, and whether the clients can.

use model::Profile;
use oauth::profile::{ClientFacts, ClientMethod, Reason, of_client};

use super::Reader;
use super::credentials::ways;
use super::destination::host;
use crate::config::fields::Fields;
use crate::config::node::Node;

impl Reader<'_> {
    /// After the partners, whose clients are judged.
    pub(super) fn profile(&mut self, root: &Fields<'_>) {
        let profile = match root.child("tokens").text("profile").as_deref() {
            Some("fapi-2") => Profile::Fapi2,
            _ => Profile::OAuth2,
        };
        self.definitions.profile = profile;
        if profile == Profile::OAuth2 {
            return;
        }
        self.is_encrypted(root);
        for (_, api) in root.children("apis") {
            let named = api.text("token_algorithm");
            let algorithm = named.as_deref().and_then(jwt::Algorithm::parse);
            if algorithm.is_some_and(|algorithm| !profile.permits(algorithm)) {
                let problem = api.problem("token_algorithm", &Reason::Algorithm.to_string());
                self.error(problem, "write `ES256`, `PS256` or `EdDSA`");
            }
        }
        for (_, partner) in root.children("partners") {
            for (_, client) in partner.children("clients") {
                self.keeps_profile(profile, &client);
            }
        }
    }

    /// Says everything that the profile does not permit of a client, at its keys.
    fn keeps_profile(&mut self, profile: Profile, client: &Fields<'_>) {
        for way in ways(client) {
            let named = way.list("algorithms").iter().filter_map(Node::text);
            let algorithms: Vec<_> = named.filter_map(jwt::Algorithm::parse).collect();
            let methods = methods(way.text("auth").as_deref().unwrap_or_default());
            let facts = ClientFacts { methods: &methods, algorithms: &algorithms, lifetime_s: 0 };
            self.not_permitted(profile, &facts, &way);
        }
        let is_federated = client.get("federation").is_some();
        let methods: &[_] = if is_federated { &[ClientMethod::TokenExchange] } else { &[] };
        let lifetime_s = client.duration_ms("token_lifetime") / 1_000;
        let lifetime_s = i64::try_from(lifetime_s).unwrap_or(i64::MAX);
        let facts = ClientFacts { methods, algorithms: &[], lifetime_s };
        self.not_permitted(profile, &facts, client);
    }

    /// Says what the profile does not permit of these facts, at the keys that they are of.
    fn not_permitted(&mut self, profile: Profile, facts: &ClientFacts<'_>, fields: &Fields<'_>) {
        for reason in of_client(profile, facts) {
            let (key, help) = match reason {
                Reason::Method(ClientMethod::TokenExchange) => {
                    ("federation", "remove it, or leave `tokens.profile` out")
                }
                Reason::Method(_) => (
                    "auth",
                    "give the client a key or a certificate, or leave `tokens.profile` out",
                ),
                Reason::Algorithm => ("algorithms", "list only `PS256`, `ES256` or `EdDSA`"),
                Reason::Lifetime => ("token_lifetime", "write `token_lifetime: 15m` or less"),
                Reason::Binding => ("auth", "bind its tokens, by DPoP or mTLS"),
            };
            let problem = fields.problem(key, &reason.to_string());
            self.error(problem, help);
        }
    }

    /// FAPI 2.0 Security Profile §5.2.1: TLS only. What is on this machine alone is for trying.
    fn is_encrypted(&mut self, root: &Fields<'_>) {
        let url = self.definitions.public_url.clone();
        let host = host(&url);
        let address = host.parse::<std::net::IpAddr>().ok();
        let is_local = host.eq_ignore_ascii_case("localhost")
            || address.is_some_and(|address| address.is_loopback());
        if !url.starts_with("https://") && !is_local {
            let problem = root.problem("public_url", "FAPI 2.0 is spoken over https only");
            self.error(problem, "write an `https` URL, or leave `tokens.profile` out");
        }
    }
}

/// The methods that a client's `auth` stands for. One that is not in this table has a registered
/// name or is refused by the form of the file.
fn methods(auth: &str) -> Vec<ClientMethod> {
    match auth {
        "client_secret" => vec![ClientMethod::SecretBasic],
        other => ClientMethod::parse(other).into_iter().collect(),
    }
}
