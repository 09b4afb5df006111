//! Access tokens: revoked before their end, and looked at.

use axum::Json;
use axum::extract::State;
use model::{Authentication, Name, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{Denied, DenyEntry, TOKEN_LIFE_MAX_MS};

use crate::World;
use crate::clients;
use crate::extract::Body;
use crate::problem::Problem;
use crate::trail::audit;

/// The longest name that is taken for one of a token of ours; those have 36 characters.
const ID_BYTES_MAX: usize = 256;

/// How long a token of another issuer is refused that is revoked by its id, in milliseconds. When it
/// ends is its issuer's to say: some make tokens that last a year, and the list has a bound.
const FOREIGN_LIFE_MAX_MS: i64 = 400 * 86_400_000;

/// What is to be revoked: exactly one of these, but that `issuer` goes with `jti`, and `removed` with
/// `credential`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Ask {
    /// A token as it is sent.
    token: Option<String>,
    /// Its name, as the access log has it.
    jti: Option<String>,
    /// A client, all tokens of which end.
    client: Option<String>,
    /// The id of a secret or of a declared credential, all tokens of which end.
    credential: Option<String>,
    /// The other issuer whose token `jti` is: its name here, or what stands in `iss`.
    issuer: Option<String>,
    /// Whether a credential that is declared no more is meant.
    #[serde(default)]
    removed: bool,
}

/// A token that is looked at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Look {
    token: String,
}

/// Revokes; in force at this process's doors when it answers, at those of others on the same store
/// within a second.
pub(crate) async fn revoke(
    State(world): State<World>,
    Body(ask): Body<Ask>,
) -> Result<Json<Value>, Problem> {
    let now = world.clock.now();
    let entry = asked(&world, ask, now).await?;
    let (what, subject) = named(&entry.what);
    let audit = audit(now, what, &subject, "");
    let kept = world.denied.deny(&*world.store, entry, Some(audit)).await?;
    let kept = kept.ok_or_else(|| {
        Problem::Refused(
            "So many single tokens are revoked that no more can be kept. Revoke all of a client \
             with `gatepost token revoke --client ID`, or give the token itself and not its id."
                .to_owned(),
        )
    })?;
    let mut body = shown(&kept);
    if let Denied::Credential { id, .. } = &kept.what
        && is_declared(id)
    {
        // Who has mistyped it is to see that.
        body["declared"] =
            clients::named(&world, id).is_some_and(|(_, known)| known.is_some()).into();
    }
    Ok(Json(body))
}

/// What is to be refused for what was asked.
async fn asked(world: &World, ask: Ask, now: Timestamp) -> Result<DenyEntry, Problem> {
    Ok(match ask {
        Ask { removed: true, credential: None, .. } => {
            let detail = "`removed` goes with `credential` only.";
            return Err(Problem::Malformed(detail.to_owned()));
        }
        Ask {
            token: Some(token), jti: None, client: None, credential: None, issuer: None, ..
        } => of_token(world, &token, now)?,
        Ask { token: None, jti: Some(id), client: None, credential: None, issuer, .. } => {
            match issuer {
                Some(issuer) => of_issuer(world, &issuer, &id, now)?,
                None => of_id(id, now)?,
            }
        }
        Ask {
            token: None,
            jti: None,
            client: Some(client),
            credential: None,
            issuer: None,
            ..
        } => DenyEntry::of_client(known_client(world, &client)?, now),
        Ask {
            token: None,
            jti: None,
            client: None,
            credential: Some(id),
            issuer: None,
            removed,
        } => of_credential(world, (id, removed), now).await?,
        _ => {
            let detail = "Name one of `token`, `jti`, `client` and `credential`; `issuer` only \
                          beside `jti`.";
            return Err(Problem::Malformed(detail.to_owned()));
        }
    })
}

/// What is done, and to what, as the audit trail has it.
fn named(what: &Denied) -> (&'static str, String) {
    match what {
        Denied::Token { id, .. } => match what.issuer_and_id() {
            Some((issuer, id)) => ("revoke token of issuer", format!("token/{id} of {issuer}")),
            None => ("revoke token", format!("token/{id}")),
        },
        Denied::Client { client } => ("revoke tokens of client", format!("client/{client}")),
        Denied::Credential { id, .. } if is_declared(id) => {
            ("revoke tokens of client credential", format!("client-credential/{id}"))
        }
        Denied::Credential { id, .. } => {
            ("revoke tokens of client secret", format!("client-secret/{id}"))
        }
    }
}

/// What a token says, if it is good now (RFC 7662 §2.2): the operator may see any.
pub(crate) async fn introspect(
    State(world): State<World>,
    Body(look): Body<Look>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(world.tokens.introspect(look.token.trim(), world.clock.now())))
}

fn of_token(world: &World, token: &str, now: Timestamp) -> Result<DenyEntry, Problem> {
    let claims = world.tokens.introspect(token.trim(), now);
    let text = |name: &str| claims.get(name).and_then(Value::as_str);
    let found = (text("jti"), text("client_id"), claims.get("exp").and_then(Value::as_i64));
    let (Some(id), Some(client), Some(exp)) = found else {
        return Err(Problem::Refused(
            "This is no token that is good now: there is nothing to revoke.".to_owned(),
        ));
    };
    let what = Denied::Token { id: id.to_owned(), client: Name::client_id(client).ok() };
    Ok(DenyEntry { what, at: now, until: Timestamp::from_ms(exp.saturating_mul(1000)) })
}

/// A token of ours, whose name is without blanks: see [`Denied::of_issuer`]. When it ends is not known,
/// so it is refused for as long as any may live.
fn of_id(id: String, now: Timestamp) -> Result<DenyEntry, Problem> {
    if id.is_empty() || id.len() > ID_BYTES_MAX || !id.bytes().all(|byte| byte.is_ascii_graphic()) {
        let detail = "`jti` has from 1 to 256 printable characters without blanks; of a token of \
                      another issuer it may have others: name that issuer beside it.";
        return Err(Problem::Malformed(detail.to_owned()));
    }
    let what = Denied::Token { id, client: None };
    Ok(DenyEntry { what, at: now, until: now.plus_ms(TOKEN_LIFE_MAX_MS) })
}

/// A token of an issuer that is trusted beside our own token service, by any name with which one of
/// its tokens would be taken.
fn of_issuer(world: &World, issuer: &str, id: &str, now: Timestamp) -> Result<DenyEntry, Problem> {
    if id.is_empty() || !jwt::is_foreign_id(id) {
        let most = jwt::FOREIGN_ID_BYTES_MAX;
        return Err(Problem::Malformed(format!(
            "`jti` of a token of another issuer has from 1 to {most} bytes and no control characters."
        )));
    }
    let definitions = world.definitions.load();
    let mut issuers = definitions.issuers.values();
    let known = issuers.find(|known| known.name.as_str() == issuer || known.issuer == issuer);
    let missing = || Problem::Missing { kind: "issuer", name: issuer.to_owned() };
    let what = Denied::of_issuer(&known.ok_or_else(missing)?.issuer, id);
    Ok(DenyEntry { what, at: now, until: now.plus_ms(FOREIGN_LIFE_MAX_MS) })
}

fn known_client(world: &World, id: &str) -> Result<Name, Problem> {
    let definitions = world.definitions.load();
    let client = definitions.clients.get(id);
    let missing = || Problem::Missing { kind: "client", name: id.to_owned() };
    client.map(|client| client.id.clone()).ok_or_else(missing)
}

/// Whether an id is one of those that declared credentials have.
fn is_declared(id: &str) -> bool {
    id.contains('/')
}

/// A credential that is revoked itself, or declared no more, has tokens still.
async fn of_credential(
    world: &World,
    (id, removed): (String, bool),
    now: Timestamp,
) -> Result<DenyEntry, Problem> {
    if is_declared(&id) {
        return of_declared(world, (id, removed), now);
    }
    let secrets = world.store.secret_credentials().await?;
    let Some(secret) = secrets.into_iter().find(|secret| secret.id == id) else {
        return Err(Problem::Missing { kind: "client secret", name: id });
    };
    let what = Denied::Credential { id, client: secret.client };
    Ok(DenyEntry { what, at: now, until: now.plus_ms(TOKEN_LIFE_MAX_MS) })
}

/// One that is not declared must be said to be `removed`: else it may be a slip of the pen, and the
/// tokens that are to be ended would stay good.
fn of_declared(
    world: &World,
    (id, removed): (String, bool),
    now: Timestamp,
) -> Result<DenyEntry, Problem> {
    let Some((client, known)) = clients::named(world, &id) else {
        return Err(Problem::Missing { kind: "client of the credential", name: id });
    };
    if known.is_none() && !removed {
        return Err(Problem::Missing { kind: "declared credential", name: id });
    }
    if known.is_some_and(|credential| credential.authentication == Authentication::Secret) {
        return Err(Problem::Refused(format!(
            "A token that was got by a secret says by which, and not `{id}`. \
             `gatepost client secret list {}` shows the ids of secrets.",
            client.id
        )));
    }
    let what = Denied::Credential { id, client: client.id };
    Ok(DenyEntry { what, at: now, until: now.plus_ms(TOKEN_LIFE_MAX_MS) })
}

/// What is refused from now on; where a single token's place was taken by all of its client's, those.
fn shown(kept: &DenyEntry) -> Value {
    let (issuer, id_there) = kept.what.issuer_and_id().unzip();
    let (kind, id, client) = match &kept.what {
        Denied::Token { id, client } => ("token", id_there.unwrap_or(id), client.as_ref()),
        Denied::Client { client } => ("client", client.as_str(), Some(client)),
        Denied::Credential { id, client } => ("credential", id.as_str(), Some(client)),
    };
    json!({
        "revoked": kind,
        "id": id,
        "client": client.map(Name::as_str),
        "issuer": issuer,
        "issued_until": kept.at.to_string(),
        "until": kept.until.to_string(),
    })
}
