//! Whose tokens stand for a client in place of a secret.

use std::collections::BTreeSet;

use model::{Callers, Federation, Issuer, Name, Partner};

use super::Reader;
use crate::config::fields::Fields;
use crate::config::forms;
use crate::config::node::Node;

impl Reader<'_> {
    /// The rules of one client. The issuers have been read before.
    pub(super) fn federation(&mut self, client: &Fields<'_>, id: &Name, partner: &Partner) {
        for fields in client.elements("federation") {
            let issuer = fields.parse("issuer", forms::name);
            let (Some(issuer), Some(subject)) = (issuer, fields.parse("subject", forms::subject))
            else {
                continue;
            };
            let audience = fields.text("audience");
            let rule = Federation { issuer, subject, audience };
            if let Some(issuer) = self.definitions.issuers.get(&rule.issuer).cloned() {
                self.is_for_us(&fields, &rule, &issuer);
                self.is_the_partners(&fields, &issuer, partner);
                self.is_told_apart(&fields, &issuer);
            }
            self.definitions.federation.entry(id.clone()).or_default().push(rule);
        }
    }

    /// Says which audience the issuer's tokens never pass with.
    fn is_for_us(&mut self, fields: &Fields<'_>, rule: &Federation, issuer: &Issuer) {
        let Some(audience) = &rule.audience else { return };
        if !issuer.audiences.contains(audience) {
            let message = format!("the issuer `{}` is not read with this audience", issuer.name);
            let problem = fields.problem("audience", &message);
            let help = format!("add it to `issuers.{}.audiences`, or leave it out", issuer.name);
            self.error(problem, &help);
        }
    }

    /// Says if the issuer is another partner's: its people could be this partner's client.
    fn is_the_partners(&mut self, fields: &Fields<'_>, issuer: &Issuer, partner: &Partner) {
        if let Callers::Partner(other) = &issuer.callers
            && *other != partner.name
        {
            let message = format!("the issuer `{}` is that of the partner `{other}`", issuer.name);
            let problem = fields.problem("issuer", &message);
            self.error(problem, "name an issuer of this partner's, or one with `clients`");
        }
    }

    /// Says which other issuer of clients has the same `iss`: a token would belong to either.
    fn is_told_apart(&mut self, fields: &Fields<'_>, issuer: &Issuer) {
        let others: BTreeSet<&Name> =
            self.definitions.federation.values().flatten().map(|rule| &rule.issuer).collect();
        let same = others.into_iter().find(|other| {
            let other = self.definitions.issuers.get(*other);
            other.is_some_and(|other| other.issuer == issuer.issuer && other.name != issuer.name)
        });
        if let Some(same) = same {
            let message = format!("`{same}` and `{}` have the same `issuer`", issuer.name);
            let problem = fields.problem("issuer", &message);
            self.error(problem, "keep one of the two, with the audiences of both");
        }
    }
}

/// Whether tokens of this issuer stand for a client.
pub(super) fn federates(root: &Fields<'_>, name: &Name) -> bool {
    let partners = root.children("partners");
    let clients = partners.iter().flat_map(|(_, partner)| partner.children("clients"));
    let mut rules = clients.flat_map(|(_, client)| client.elements("federation"));
    rules.any(|rule| rule.get("issuer").and_then(Node::text) == Some(name.as_str()))
}
