//! Tokens of our own, looked at by us: whose they are, and whether they are good.

use std::sync::Arc;

use arc_swap::ArcSwap;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jwt::{AccessToken, Demand};
use model::{Status, Timestamp};
use serde_json::{Map, Value, json};
use store::{DenyList, Presented};

use crate::state::State;

/// Looks at tokens for whoever may see all of them: the operator.
#[derive(Clone)]
pub struct Inspector {
    state: Arc<ArcSwap<State>>,
    denied: Arc<DenyList>,
}

impl Inspector {
    /// Over a state that somebody else swaps, and the tokens that are refused.
    pub fn new(state: Arc<ArcSwap<State>>, denied: Arc<DenyList>) -> Self {
        Self { state, denied }
    }

    /// What a token says, if it is good now (RFC 7662 §2.2); otherwise `{"active": false}`.
    pub fn introspect(&self, token: &str, now: Timestamp) -> Value {
        shown(good(&self.state.load(), &self.denied, token, now).as_ref())
    }
}

/// A token that we signed and that has not ended; it may have been revoked, and its client suspended.
pub(crate) fn ours(state: &State, token: &str, now: Timestamp) -> Option<AccessToken> {
    let audience = claimed_audience(token)?;
    let demand =
        Demand { issuer: &state.issuer, audience: &audience, now_s: now.seconds(), leeway_s: 0 };
    jwt::verify(token, &state.keys, &demand).ok()
}

/// A token that the gateway would take: ours, not ended, not revoked, of a client that may.
pub(crate) fn good(
    state: &State,
    denied: &DenyList,
    token: &str,
    now: Timestamp,
) -> Option<AccessToken> {
    let claims = ours(state, token, now)?;
    let client = state.client(&claims.client_id)?;
    let active = client.client.status == Status::Active
        && client.partner_status == Status::Active
        && !client.client.tokens.is_over(now);
    (active && !denied.refuses(&presented(&claims))).then_some(claims)
}

/// What of a token of ours the deny list is asked by.
pub(crate) fn presented(claims: &AccessToken) -> Presented<'_> {
    Presented {
        id: &claims.jti,
        client: &claims.client_id,
        credential: claims.credential_id.as_deref(),
        issued_s: claims.iat,
    }
}

/// What is told of a token (RFC 7662 §2.2): everything it says, which its reader could read in it
/// too; of one that is not good, nothing else than that.
pub(crate) fn shown(claims: Option<&AccessToken>) -> Value {
    let Some(Ok(Value::Object(claims))) = claims.map(serde_json::to_value) else {
        return json!({ "active": false });
    };
    let mut shown = Map::new();
    shown.insert("active".to_owned(), true.into());
    shown.insert("token_type".to_owned(), token_type(&claims).into());
    shown.extend(claims);
    Value::Object(shown)
}

/// How the token is sent: one that is bound to a key by `DPoP` says so (RFC 9449 §6.2).
fn token_type(claims: &Map<String, Value>) -> &'static str {
    let bound = claims.get("cnf").is_some_and(|cnf| cnf.get("jkt").is_some());
    if bound { "DPoP" } else { "Bearer" }
}

/// The audience as the token claims it. Nothing is believed of it: the verifier reads it again and
/// compares.
fn claimed_audience(token: &str) -> Option<String> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    let claims: Value = serde_json::from_slice(&payload).ok()?;
    Some(claims.get("aud")?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> AccessToken {
        AccessToken {
            iss: "http://issuer.example".into(),
            aud: "tires".into(),
            sub: "cars".into(),
            client_id: "cars".into(),
            scope: "tires/create.order".into(),
            exp: 20,
            iat: 10,
            auth_time: 10,
            jti: "t".into(),
            token_use: "access".into(),
            version: 2,
            credential_id: Some("s1".into()),
            cnf: None,
            extra: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn what_is_not_good_shows_nothing_else() {
        assert_eq!(shown(None), json!({ "active": false }));
    }

    #[test]
    fn what_is_good_shows_what_it_says() {
        let shown = shown(Some(&claims()));
        assert_eq!((&shown["active"], &shown["token_type"]), (&true.into(), &"Bearer".into()));
        assert_eq!((&shown["exp"], &shown["aud"]), (&20.into(), &"tires".into()));
        assert_eq!(shown["scope"], "tires/create.order");
    }

    #[test]
    fn a_token_bound_to_a_key_is_no_bearer_token() {
        for (cnf, expected) in [
            (json!({ "jkt": "x" }), "DPoP"),
            (json!({ "x5t#S256": "x" }), "Bearer"),
            (json!("jkt"), "Bearer"),
        ] {
            let claims = Map::from_iter([("cnf".to_owned(), cnf)]);
            assert_eq!(token_type(&claims), expected);
        }
    }

    #[test]
    fn garbage_claims_no_audience() {
        for garbage in ["", ".", "a.b.c", "..", "a.e30.c", "a.eyJhdWQiOlsieCJdfQ.c"] {
            assert_eq!(claimed_audience(garbage), None, "{garbage}");
        }
        assert_eq!(claimed_audience("a.eyJhdWQiOiJ4In0.c").as_deref(), Some("x"));
    }
}
