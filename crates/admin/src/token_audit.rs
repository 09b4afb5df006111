//! Who got which token, who was refused one, and who revoked its own. What operators changed is in
//! `trail.rs`.

use axum::Json;
use axum::extract::State;
use model::{Timestamp, token_issued_at};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{TOKEN_LIFE_MAX_MS, TokenOutcome, TokenQuery, TokenRow, kept_subject};

use crate::extract::Query;
use crate::problem::Problem;
use crate::{World, wire};

/// So many rows are given at once at the most.
const LIMIT_MAX: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    client: Option<String>,
    partner: Option<String>,
    /// The id of the credential by which clients proved themselves.
    credential: Option<String>,
    jti: Option<String>,
    /// Of exchanges, whose token it was: its issuer's name here, and its subject.
    issuer: Option<String>,
    subject: Option<String>,
    /// `issued`, `refused` or `revoked`.
    outcome: Option<String>,
    /// `true` for refusals alone, `false` for tokens alone.
    refused: Option<bool>,
    from: Option<String>,
    #[serde(alias = "to")]
    until: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

impl Asked {
    fn read(self) -> Result<TokenQuery, Problem> {
        let mut from = time("from", self.from.as_deref())?;
        let mut until = time("until", self.until.as_deref())?;
        // A token's id says when it was issued, and its client can revoke it until its end: so not
        // everything need be looked through.
        let issued = self.jti.as_deref().and_then(token_issued_at);
        if let Some(at) = issued {
            let over = at.plus_ms(TOKEN_LIFE_MAX_MS);
            from = Some(from.map_or(at, |from| from.max(at)));
            until = Some(until.map_or(over, |until| until.min(over)));
        }
        Ok(TokenQuery {
            outcome: self.outcome()?,
            client: self.client,
            partner: self.partner,
            credential: self.credential,
            token_id: self.jti,
            issued,
            issuer: self.issuer,
            subject: self.subject.map(|subject| kept_subject(&subject).to_owned()),
            from,
            until,
            before: self.after.as_deref().map(place).transpose()?,
            limit: self.limit.unwrap_or(100).clamp(1, LIMIT_MAX),
        })
    }

    fn outcome(&self) -> Result<Option<TokenOutcome>, Problem> {
        match (self.outcome.as_deref(), self.refused) {
            (Some(_), Some(_)) => {
                let detail = "`outcome` and `refused` ask the same; leave one of them out";
                Err(Problem::Malformed(detail.to_owned()))
            }
            (Some(word), None) => TokenOutcome::parse(word).map(Some).ok_or_else(|| {
                let all = TokenOutcome::ALL.map(TokenOutcome::as_str).join("`, `");
                Problem::Malformed(format!("`outcome` is `{word}`; write one of `{all}`"))
            }),
            (None, Some(true)) => Ok(Some(TokenOutcome::Refused)),
            (None, Some(false)) => Ok(Some(TokenOutcome::Issued)),
            (None, None) => Ok(None),
        }
    }
}

fn time(member: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let form = || format!("`{member}` is `{text}`; write RFC 3339, `2026-01-31T12:00:00Z`");
    Timestamp::parse(text).map(Some).ok_or_else(|| Problem::Malformed(form()))
}

/// Reads what [`list`] wrote as `next`.
fn place(text: &str) -> Result<u64, Problem> {
    let form = || Problem::Malformed(format!("`after` is `{text}`; give back `next` as it came"));
    u64::from_str_radix(text, 16).map_err(|_| form())
}

pub(crate) async fn list(
    State(world): State<World>,
    Query(asked): Query<Asked>,
) -> Result<Json<Value>, Problem> {
    let query = asked.read()?;
    let limit = query.limit;
    let rows = world.store.tokens(query).await?;
    let next = rows.last().filter(|_| rows.len() >= limit).map(|row| format!("{:x}", row.place));
    let mut body = wire::items(rows.iter().map(item).collect());
    body["next"] = next.into();
    Ok(Json(body))
}

fn item(row: &TokenRow) -> Value {
    let entry = &row.entry;
    json!({
        "at": entry.at.to_string(),
        "outcome": entry.outcome().as_str(),
        "client": entry.client,
        "partner": entry.partner,
        "method": entry.method,
        "credential": entry.credential,
        "issuer": entry.issuer,
        "subject": entry.subject,
        "scope": entry.scope,
        "audience": entry.audience,
        "address": entry.address.to_string(),
        "kid": entry.kid,
        "jti": entry.token_id,
        "reason": entry.refusal,
        "observed": entry.observed,
        "times": entry.times,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(jti: Option<&str>, from: Option<&str>, after: Option<&str>) -> Asked {
        Asked {
            client: None,
            partner: None,
            credential: None,
            jti: jti.map(str::to_owned),
            issuer: None,
            subject: None,
            outcome: None,
            refused: None,
            from: from.map(str::to_owned),
            until: None,
            after: after.map(str::to_owned),
            limit: Some(1_000_000),
        }
    }

    #[test]
    fn the_id_of_a_token_of_ours_says_where_to_look() {
        let id = "018bcfe5-687b-7101-8101-010101010101";
        let at = Timestamp::from_ms(1_700_000_000_123);
        let query = asked(Some(id), None, None).read().unwrap();
        // As long as its client may revoke it.
        assert_eq!((query.from, query.until), (Some(at), Some(at.plus_ms(86_400_000))));
        assert_eq!((query.token_id.as_deref(), query.issued), (Some(id), Some(at)));
        assert_eq!(query.limit, LIMIT_MAX);
        let other = asked(Some("t1"), None, None).read().unwrap();
        assert_eq!((other.from, other.until, other.issued), (None, None, None));
    }

    #[test]
    fn outcomes_are_words_and_refusals_have_a_short_form() {
        for (outcome, refused, expected) in [
            (None, None, Ok(None)),
            (Some("issued"), None, Ok(Some(TokenOutcome::Issued))),
            (Some("revoked"), None, Ok(Some(TokenOutcome::Revoked))),
            (None, Some(true), Ok(Some(TokenOutcome::Refused))),
            (None, Some(false), Ok(Some(TokenOutcome::Issued))),
            (Some("gone"), None, Err("`issued`, `refused`, `revoked`")),
            (Some("refused"), Some(true), Err("leave one of them out")),
        ] {
            let outcome_of = outcome.map(str::to_owned);
            let asked = Asked { outcome: outcome_of, refused, ..asked(None, None, None) };
            match (asked.read(), expected) {
                (Ok(query), Ok(expected)) => assert_eq!(query.outcome, expected),
                (Err(Problem::Malformed(text)), Err(remedy)) => {
                    assert!(text.contains(remedy), "{text}");
                }
                (read, _) => panic!("{outcome:?} {refused:?}: {read:?}"),
            }
        }
        let subject = Some("é".repeat(200));
        let query = Asked { subject, ..asked(None, None, None) }.read().unwrap();
        assert_eq!(query.subject, Some("é".repeat(128)));
    }

    #[test]
    fn what_cannot_be_read_is_said_with_a_remedy() {
        for (from, after, remedy) in [
            (Some("yesterday"), None, "RFC 3339"),
            (None, Some("x"), "give back `next`"),
            (None, Some(""), "give back `next`"),
        ] {
            let Err(Problem::Malformed(text)) = asked(None, from, after).read() else {
                panic!("{from:?} {after:?} was taken");
            };
            assert!(text.contains(remedy), "{text}");
        }
        assert_eq!(asked(None, None, Some("ff")).read().unwrap().before, Some(255));
    }
}
