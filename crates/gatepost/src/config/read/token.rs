//! What the token service gives: bounds, lifetimes, claims.

use limit::Limit;
use model::{
    ApiTokens, CLAIM_CHARS_MAX, Claim, ClaimValue, ClientTokens, Partner, PartnerAttribute,
    TokenQuota, TokenSettings,
};
use serde_json::{Number, Value as Json};

use super::Reader;
use crate::config::fields::Fields;
use crate::config::forms;
use crate::config::node::{Entry, Value};
use crate::config::problem::{Problem, Wrong, join};

/// Claims of one client, and of one API.
const CLAIMS_MAX: usize = 10;
/// Bytes of their names and values together: a token has to fit into a header, with those of both.
const CLAIMS_BYTES_MAX: usize = 2_048;
/// The largest whole number that every reader of JSON reads alike (RFC 8259 §6).
const NUMBER_MAX: f64 = 9_007_199_254_740_991.0;

impl Reader<'_> {
    /// What holds for all clients.
    pub(super) fn tokens(&mut self, root: &Fields<'_>) {
        let fields = root.child("tokens");
        let rate = self.limit(&fields);
        let address_rate = self.limit_of(&fields, ("address_rate", "address_burst"));
        self.definitions.tokens = TokenSettings {
            rate,
            address_rate,
            observe: fields.text("mode").as_deref() == Some("observe"),
            quota: token_quota(&fields.child("quota")),
            audit_keep_ms: i64::try_from(fields.duration_ms("audit_keep")).unwrap_or(i64::MAX),
        };
    }

    /// What a client's tokens are like.
    pub(super) fn client_tokens(&mut self, partner: &Partner, client: &Fields<'_>) -> ClientTokens {
        ClientTokens {
            rate: self.limit_of(client, ("token_rate", "token_burst")),
            quota: token_quota(&client.child("token_quota")),
            claims: self.claims(client, Some(partner)),
            expires_at: client.parse("expires", forms::end),
        }
    }

    /// What the tokens for an API are like.
    pub(super) fn api_tokens(&mut self, api: &Fields<'_>) -> ApiTokens {
        let lifetime_ms = api.parse("token_lifetime", forms::duration_ms);
        let lifetime_s = lifetime_ms.and_then(|ms| i64::try_from(ms / 1_000).ok());
        ApiTokens { lifetime_s, claims: self.claims(api, None) }
    }

    /// A rate and its burst, by the names of their keys.
    fn limit_of(&mut self, fields: &Fields<'_>, (name, burst): (&str, &str)) -> Option<Limit> {
        let rate = fields.parse(name, |text| forms::rate(text, u32::MAX));
        if rate.is_none() && fields.get(burst).is_some() && fields.get(name).is_none() {
            let message = format!("`{burst}` is part of a rate, and there is none");
            let problem = fields.problem(burst, &message);
            self.error(problem, &format!("add `{name}: 10/s`, or remove `{burst}`"));
        }
        rate.map(|rate| {
            let per_second = (rate.count() / rate.window_seconds()).max(1);
            Limit::new(rate, fields.integer(burst).unwrap_or(per_second))
        })
    }

    /// Claims that are declared; those of a client for its partner, those of an API for any.
    fn claims(&mut self, fields: &Fields<'_>, partner: Option<&Partner>) -> Vec<Claim> {
        let (mut claims, mut bytes) = (Vec::new(), 0);
        for entry in fields.entries("claims") {
            match value(entry, partner) {
                Ok(Some(value)) => {
                    bytes += entry.key.len() + entry.value.text().map_or(0, str::len);
                    claims.push(Claim { name: entry.key.clone(), value });
                }
                // What has another form was reported.
                Ok(None) => {}
                Err(wrong) => {
                    let path = join(&join(&fields.path, "claims"), &entry.key);
                    let problem = Problem::new(entry.value.span, &path, &wrong.message);
                    self.error(problem, &wrong.help.unwrap_or_default());
                }
            }
        }
        if claims.len() > CLAIMS_MAX {
            let message = format!("there are {} claims, and may be {CLAIMS_MAX}", claims.len());
            self.error(fields.problem("claims", &message), "remove those that nobody reads");
        }
        if bytes > CLAIMS_BYTES_MAX {
            let message =
                format!("these claims have {bytes} bytes, and may have {CLAIMS_BYTES_MAX}");
            let help = "shorten them: a token is sent with every call";
            self.error(fields.problem("claims", &message), help);
        }
        claims
    }
}

fn token_quota(fields: &Fields<'_>) -> TokenQuota {
    TokenQuota {
        hour: fields.integer("hour").map(u64::from),
        day: fields.integer("day").map(u64::from),
    }
}

/// What a claim says; nothing for what is no scalar.
fn value(entry: &Entry, partner: Option<&Partner>) -> Result<Option<ClaimValue>, Wrong> {
    let constant = match &entry.value.value {
        Value::Null | Value::List(_) | Value::Map(_) => return Ok(None),
        Value::Bool(is) => Json::Bool(*is),
        Value::Number(text) => Json::Number(number(text)?),
        Value::Text(text) if text.starts_with('$') => {
            return attribute(text, partner).map(ClaimValue::Partner).map(Some);
        }
        Value::Text(text) => {
            if text.chars().count() > CLAIM_CHARS_MAX || text.chars().any(char::is_control) {
                return Err(Wrong::new("this is not the value of a claim").help(format!(
                    "write at most {CLAIM_CHARS_MAX} characters, without line breaks and control \
                     characters"
                )));
            }
            Json::String(text.clone())
        }
    };
    Ok(Some(ClaimValue::Constant(constant)))
}

fn number(text: &str) -> Result<Number, Wrong> {
    let read = serde_json::from_str::<Number>(text).ok();
    let fits = |number: &Number| number.as_f64().is_some_and(|size| size.abs() <= NUMBER_MAX);
    read.filter(fits).ok_or_else(|| {
        Wrong::new(format!("`{text}` is not a number that every reader of a token reads alike"))
            .help(format!("write it as JSON has numbers, or as a text: `\"{text}\"`"))
    })
}

/// An attribute that the partner has, if it is known whose token it will be.
fn attribute(text: &str, partner: Option<&Partner>) -> Result<PartnerAttribute, Wrong> {
    let attribute = PartnerAttribute::parse(text).ok_or_else(|| {
        let known = PartnerAttribute::NAMES.map(|(name, _)| format!("`{name}`")).join(", ");
        Wrong::new(format!("`{text}` is nothing that is known of a partner"))
            .help(format!("write one of {known}"))
    })?;
    let Some(partner) = partner else { return Ok(attribute) };
    match attribute.of(partner) {
        None => Err(Wrong::new(format!("`{text}` is not there: the partner has none"))
            .help("add it to the partner, or remove the claim")),
        Some(there) if there.chars().count() > CLAIM_CHARS_MAX => {
            Err(Wrong::new(format!("`{text}` is longer than {CLAIM_CHARS_MAX} characters"))
                .help("shorten it at the partner, or remove the claim"))
        }
        Some(_) => Ok(attribute),
    }
}
