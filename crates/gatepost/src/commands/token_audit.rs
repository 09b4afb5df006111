//! `gatepost token audit`: who got which token, who was refused one, and who revoked its own.

use clap::Args;
use serde_json::Value;

use super::moment::moment;
use super::operator::{Operator, OperatorArguments, add_parameter, no_such};
use super::{output, say};

/// Rows that are asked for at once; the door gives no more.
const PAGE: usize = 1000;

#[derive(Args)]
pub(super) struct Audit {
    /// Only of this client
    #[arg(long)]
    client: Option<String>,
    /// Only of this partner, where the client had proved who it is
    #[arg(long)]
    partner: Option<String>,
    /// Only by the credential of this id, as `client list` shows it: of a secret its own, of a key or
    /// certificate CLIENT/NAME
    #[arg(long, value_name = "ID")]
    credential: Option<String>,
    /// At or after: RFC 3339, or how long ago (`2h`, `7d`)
    #[arg(long)]
    from: Option<String>,
    /// Before
    #[arg(long, visible_alias = "to")]
    until: Option<String>,
    /// Only refusals
    #[arg(long, conflicts_with = "revoked")]
    refused: bool,
    /// Only tokens that their clients have revoked
    #[arg(long)]
    revoked: bool,
    /// Only the token of this id
    #[arg(long)]
    jti: Option<String>,
    /// Only exchanges of tokens of this issuer, by its name in the file
    #[arg(long)]
    issuer: Option<String>,
    /// Only exchanges of tokens of this subject, as their issuer writes it
    #[arg(long)]
    subject: Option<String>,
    /// Go on behind this place, which the listing before named
    #[arg(long)]
    after: Option<String>,
    /// How many
    #[arg(long, default_value_t = 50)]
    limit: usize,
    #[command(flatten)]
    operator: OperatorArguments,
}

impl Audit {
    fn path(&self, limit: usize, after: Option<&str>) -> anyhow::Result<String> {
        let mut path = format!("token-audit?limit={limit}");
        let outcome = match (self.refused, self.revoked) {
            (true, _) => Some("refused"),
            (_, true) => Some("revoked"),
            (false, false) => None,
        };
        for (name, value) in [
            ("client", self.client.clone()),
            ("partner", self.partner.clone()),
            ("credential", self.credential.clone()),
            ("from", self.from.as_deref().map(moment).transpose()?),
            ("until", self.until.as_deref().map(moment).transpose()?),
            ("outcome", outcome.map(str::to_owned)),
            ("jti", self.jti.clone()),
            ("issuer", self.issuer.clone()),
            ("subject", self.subject.clone()),
            ("after", after.map(str::to_owned)),
        ] {
            if let Some(value) = value {
                add_parameter(&mut path, name, &value);
            }
        }
        Ok(path)
    }
}

pub(super) async fn run(audit: &Audit) -> anyhow::Result<()> {
    let operator = audit.operator.operator()?;
    let (mut items, mut next, mut printed) = (Vec::new(), audit.after.clone(), 0);
    // Programs get each page as it comes; a table needs them all.
    while printed + items.len() < audit.limit {
        let left = audit.limit - printed - items.len();
        let page = operator.get(&audit.path(left.min(PAGE), next.as_deref())?).await?;
        let rows = page["items"].as_array().cloned().unwrap_or_default();
        if audit.operator.json {
            printed += rows.len();
            for row in &rows {
                say(&row.to_string());
            }
        } else {
            items.extend(rows);
        }
        next = page["next"].as_str().map(str::to_owned);
        if next.is_none() {
            break;
        }
    }
    if printed + items.len() == 0 && audit.after.is_none() {
        known(&operator, audit).await?;
    }
    if !audit.operator.json {
        table(&items);
    }
    if let Some(next) = next {
        output::complain(&format!("There may be more: --after {next}"));
    }
    Ok(())
}

/// Fails where nothing was found because there is nothing of a name that was given: it is neither
/// defined, nor does any row have it.
async fn known(operator: &Operator, audit: &Audit) -> anyhow::Result<()> {
    for (kind, list, name) in
        [("client", "clients", &audit.client), ("partner", "partners", &audit.partner)]
    {
        if let Some(name) = name
            && let Err(missing) = operator.demand(kind, list, name).await
            && !is_told(operator, kind, name).await?
        {
            return Err(missing);
        }
    }
    let Some(id) = &audit.credential else { return Ok(()) };
    let clients = operator.get("clients").await?;
    let clients = clients["items"].as_array().into_iter().flatten();
    let credentials = clients.filter_map(|client| client["credentials"].as_array()).flatten();
    let ids: Vec<&str> = credentials.filter_map(|one| one["id"].as_str()).collect();
    if ids.contains(&id.as_str()) || is_told(operator, "credential", id).await? {
        return Ok(());
    }
    Err(no_such("credential", id, ids))
}

/// Whether any row has this value, of whatever time.
async fn is_told(operator: &Operator, member: &str, value: &str) -> anyhow::Result<bool> {
    let mut path = "token-audit?limit=1".to_owned();
    add_parameter(&mut path, member, value);
    let found = operator.get(&path).await?;
    Ok(found["items"].as_array().is_some_and(|items| !items.is_empty()))
}

fn table(items: &[Value]) {
    let mut columns = vec![
        ("at", "at"),
        ("client", "client"),
        ("partner", "partner"),
        ("outcome", "outcome"),
        ("times", "times"),
        ("reason", "reason"),
        ("method", "method"),
        ("address", "address"),
        ("scopes", "scope"),
        ("token", "jti"),
    ];
    // Where no token was exchanged, nobody looks for them.
    if items.iter().any(|item| !item["subject"].is_null()) {
        columns.extend([("issuer", "issuer"), ("subject", "subject")]);
    }
    output::list(&serde_json::json!({ "items": items }), false, &columns);
}
