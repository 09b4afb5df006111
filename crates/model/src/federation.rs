//! Workload federation: which tokens of other issuers stand for a client of ours, in place of a
//! secret (RFC 8693).

use crate::Name;

/// One token that stands for a client: whose, about whom, for whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Federation {
    /// The issuer's name here.
    pub issuer: Name,
    /// What the token has in `sub`.
    pub subject: SubjectRule,
    /// What it has among its `aud`, byte for byte; any of the issuer's audiences where none is said.
    pub audience: Option<String>,
}

/// What a token's `sub` must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SubjectRule {
    /// This, byte for byte.
    Exactly(String),
    /// This and something behind it. It ends with `:` or `/`.
    Below(String),
}

/// A text that is no rule of subjects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SubjectRuleError {
    /// Nothing.
    #[error("a subject is not empty")]
    Empty,
    /// Too long, or not printable ASCII.
    #[error("a subject has at most 256 printable ASCII characters")]
    Form,
    /// Anybody at all: everybody who can get a token of a public issuer.
    #[error("`*` alone is everybody with a token of this issuer")]
    Anybody,
    /// A star before the end.
    #[error("`*` stands at the end only")]
    Star,
    /// `repo:acme*` is `repo:acme-evil/…` as well.
    #[error("what stands before `*` ends with `:` or `/`, or names that begin alike would do too")]
    Boundary,
}

const SUBJECT_CHARS_MAX: usize = 256;

impl SubjectRule {
    /// Reads a rule: a subject, or its beginning with `*` behind it.
    pub fn parse(text: &str) -> Result<Self, SubjectRuleError> {
        if text.is_empty() {
            return Err(SubjectRuleError::Empty);
        }
        let is_plain = text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
        if !is_plain || text.len() > SUBJECT_CHARS_MAX {
            return Err(SubjectRuleError::Form);
        }
        let Some(beginning) = text.strip_suffix('*') else {
            if text.contains('*') {
                return Err(SubjectRuleError::Star);
            }
            return Ok(Self::Exactly(text.to_owned()));
        };
        match beginning.chars().next_back() {
            _ if beginning.contains('*') => Err(SubjectRuleError::Star),
            None => Err(SubjectRuleError::Anybody),
            Some(':' | '/') => Ok(Self::Below(beginning.to_owned())),
            Some(_) => Err(SubjectRuleError::Boundary),
        }
    }

    /// Whether it is about this subject.
    pub fn matches(&self, subject: &str) -> bool {
        match self {
            Self::Exactly(text) => subject == text,
            Self::Below(beginning) => {
                subject.len() > beginning.len() && subject.starts_with(beginning.as_str())
            }
        }
    }
}

impl Federation {
    /// Whether a verified token of this issuer, about this subject and for these audiences, stands
    /// for the client.
    pub fn admits(&self, issuer: &Name, subject: &str, audiences: &[String]) -> bool {
        let is_for_us = self.audience.as_ref().is_none_or(|audience| audiences.contains(audience));
        self.issuer == *issuer && self.subject.matches(subject) && is_for_us
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_one_or_what_is_below_one() {
        let check = |rule: &str, subject: &str, expected: bool| {
            let rule = SubjectRule::parse(rule).unwrap();
            assert_eq!(rule.matches(subject), expected, "{rule:?} {subject}");
        };
        let main = "repo:acme/orders:ref:refs/heads/main";
        check(main, main, true);
        check(main, "repo:acme/orders:ref:refs/heads/main2", false);
        check(main, "REPO:acme/orders:ref:refs/heads/main", false);
        check("repo:acme/*", main, true);
        check("repo:acme/*", "repo:acme-evil/orders", false);
        check("repo:acme/*", "repo:acme/", false);
        check("repo:acme/*", "evil repo:acme/orders", false);
        check("system:serviceaccount:orders:*", "system:serviceaccount:orders:sender", true);
        check("system:serviceaccount:orders:*", "system:serviceaccount:orders2:sender", false);
    }

    #[test]
    fn rules_that_say_too_little_are_refused() {
        for (text, error) in [
            ("", SubjectRuleError::Empty),
            ("*", SubjectRuleError::Anybody),
            ("**", SubjectRuleError::Star),
            ("a*b", SubjectRuleError::Star),
            ("*:b", SubjectRuleError::Star),
            ("repo:*/orders:*", SubjectRuleError::Star),
            ("repo:acme*", SubjectRuleError::Boundary),
            ("a\nb", SubjectRuleError::Form),
            ("ä", SubjectRuleError::Form),
            (&"x".repeat(257), SubjectRuleError::Form),
        ] {
            assert_eq!(SubjectRule::parse(text), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_rule_wants_issuer_subject_and_audience_together() {
        let name = |text: &str| Name::new(text).unwrap();
        let mut rule = Federation {
            issuer: name("ci"),
            subject: SubjectRule::parse("s").unwrap(),
            audience: Some("api".to_owned()),
        };
        let ours = ["other".to_owned(), "api".to_owned()];
        assert!(rule.admits(&name("ci"), "s", &ours));
        assert!(!rule.admits(&name("other"), "s", &ours));
        assert!(!rule.admits(&name("ci"), "t", &ours));
        assert!(!rule.admits(&name("ci"), "s", &["other".to_owned()]));
        rule.audience = None;
        assert!(rule.admits(&name("ci"), "s", &["other".to_owned()]));
    }
}
