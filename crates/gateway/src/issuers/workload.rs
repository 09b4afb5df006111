//! Tokens of other issuers that stand for a client of ours at the token service: verified as at the
//! gateway, but nobody calls with them.

use jwt::{Fault, ForeignToken};
use model::{Name, Timestamp};

use super::{IssuerFault, Issuers};

impl Issuers {
    /// Verifies a token of one of these issuers at this moment, whoever its client is; gives the
    /// issuer's name here. May wait 2 s for keys where one is not known.
    pub async fn verify_workload(
        &self,
        token: &str,
        issuers: &[Name],
        now: Timestamp,
    ) -> Result<(Name, ForeignToken), IssuerFault> {
        let iss = jwt::claimed_issuer(token)?;
        let trusted = self.find(issuers, &iss).ok_or(IssuerFault::NotTrusted)?;
        let name = trusted.issuer.name.clone();
        let ended = trusted.source.ended();
        match trusted.verified(token, now, self.now_ms()) {
            Err(IssuerFault::NoKeys { .. } | IssuerFault::Token(Fault::UnknownKey)) => {}
            verified => return verified.map(|token| (name, token)),
        }
        self.renew(&trusted, ended).await;
        trusted.verified(token, now, self.now_ms()).map(|token| (name, token))
    }
}
