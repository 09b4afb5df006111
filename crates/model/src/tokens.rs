//! What the token service gives, beside who may ask for what: bounds, lifetimes, claims.

use limit::Limit;
use serde_json::Value;

use crate::{Partner, Timestamp};

/// The longest text of a claim, in characters, also of one that a partner's attribute fills in.
pub const CLAIM_CHARS_MAX: usize = 256;

/// What holds for the token requests of all clients.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TokenSettings {
    /// How many tokens each client may ask for, and apart from them how often it may revoke and
    /// introspect; counted once it has proved who it is.
    pub rate: Option<Limit>,
    /// How many requests may come from one address, whoever they are of.
    pub address_rate: Option<Limit>,
    /// Whether rates and quotas are only told of and refuse nobody.
    pub observe: bool,
    /// How many tokens each client may get.
    pub quota: TokenQuota,
    /// How long it is kept who got which token, in milliseconds.
    pub audit_keep_ms: i64,
}

/// How many tokens a client may get in each period (UTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenQuota {
    /// In each hour.
    pub hour: Option<u64>,
    /// In each day.
    pub day: Option<u64>,
}

impl TokenQuota {
    /// The same with `general` where nothing is said.
    #[must_use]
    pub fn or(self, general: Self) -> Self {
        Self { hour: self.hour.or(general.hour), day: self.day.or(general.day) }
    }
}

/// What a client's tokens are like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientTokens {
    /// How many it may ask for, in place of what holds for all.
    pub rate: Option<Limit>,
    /// How many it may get, in place of what holds for all.
    pub quota: TokenQuota,
    /// What they say beside the claims of every token.
    pub claims: Vec<Claim>,
    /// From when on it gets none, and those it has are no longer good.
    pub expires_at: Option<Timestamp>,
}

impl ClientTokens {
    /// Whether the client's time is over.
    pub fn is_over(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }
}

/// What the tokens for an API are like.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ApiTokens {
    /// How long they live at the most, in seconds: 60 to 86,400.
    pub lifetime_s: Option<i64>,
    /// What they say beside the claims of every token; a client's claim of the same name wins.
    pub claims: Vec<Claim>,
}

/// A claim that is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Its name; none that tokens have anyway.
    pub name: String,
    /// What it says.
    pub value: ClaimValue,
}

/// What a claim says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClaimValue {
    /// The same in every token: a text, a number, true or false.
    Constant(Value),
    /// What is known of the client's partner.
    Partner(PartnerAttribute),
}

/// Something that is known of a partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartnerAttribute {
    /// Its name.
    Name,
    /// Its name for people.
    Title,
    /// Whom to write to.
    Contact,
}

impl PartnerAttribute {
    /// Each, as a declaration names it.
    pub const NAMES: [(&'static str, Self); 3] = [
        ("$partner.name", Self::Name),
        ("$partner.title", Self::Title),
        ("$partner.contact", Self::Contact),
    ];

    /// Reads `$partner.name`.
    pub fn parse(text: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(name, _)| *name == text).map(|(_, attribute)| *attribute)
    }

    /// What it is of a partner, if it has that.
    pub fn of(self, partner: &Partner) -> Option<&str> {
        match self {
            Self::Name => Some(partner.name.as_str()),
            Self::Title => Some(&partner.title),
            Self::Contact => partner.contact.as_deref(),
        }
    }
}

impl Claim {
    /// What it says in a token of a client of that partner; nothing where the partner does not have
    /// the attribute, or a longer one than [`CLAIM_CHARS_MAX`].
    pub fn value_for(&self, partner: &Partner) -> Option<Value> {
        match &self.value {
            ClaimValue::Constant(value) => Some(value.clone()),
            ClaimValue::Partner(attribute) => {
                let text = attribute.of(partner)?;
                (text.chars().count() <= CLAIM_CHARS_MAX).then(|| text.into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Name, Status};

    fn partner(title: &str, contact: Option<&str>) -> Partner {
        Partner {
            name: Name::new("cars").unwrap(),
            title: title.to_owned(),
            contact: contact.map(str::to_owned),
            plan: None,
            allow_ips: Vec::new(),
            certificates: Vec::new(),
            status: Status::Active,
        }
    }

    #[test]
    fn a_claim_says_its_constant_or_what_the_partner_is() {
        let long = "x".repeat(CLAIM_CHARS_MAX + 1);
        for (value, partner, expected) in [
            (ClaimValue::Constant(7.into()), partner("Cars", None), Some(Value::from(7))),
            (
                ClaimValue::Partner(PartnerAttribute::Name),
                partner("Cars", None),
                Some("cars".into()),
            ),
            (
                ClaimValue::Partner(PartnerAttribute::Title),
                partner("Cars", None),
                Some("Cars".into()),
            ),
            (ClaimValue::Partner(PartnerAttribute::Contact), partner("Cars", None), None),
            (
                ClaimValue::Partner(PartnerAttribute::Contact),
                partner("", Some("a@b")),
                Some("a@b".into()),
            ),
            (ClaimValue::Partner(PartnerAttribute::Title), partner(&long, None), None),
        ] {
            let claim = Claim { name: "c".to_owned(), value };
            assert_eq!(claim.value_for(&partner), expected, "{claim:?}");
        }
    }

    #[test]
    fn attributes_are_read_by_their_names() {
        for (name, attribute) in PartnerAttribute::NAMES {
            assert_eq!(PartnerAttribute::parse(name), Some(attribute));
        }
        for text in ["partner.name", "$partner.plan", "$partner", ""] {
            assert_eq!(PartnerAttribute::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_clients_own_quota_wins_period_by_period() {
        let own = TokenQuota { hour: Some(5), day: None };
        let general = TokenQuota { hour: Some(9), day: Some(90) };
        assert_eq!(own.or(general), TokenQuota { hour: Some(5), day: Some(90) });
    }

    #[test]
    fn a_client_is_over_from_its_moment_on() {
        let tokens = |end| ClientTokens { expires_at: end, ..ClientTokens::default() };
        let end = Timestamp::from_ms(1000);
        assert!(!tokens(None).is_over(end) && tokens(Some(end)).is_over(end));
        assert!(!tokens(Some(end)).is_over(Timestamp::from_ms(999)));
    }
}
