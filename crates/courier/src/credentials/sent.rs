//! The secrets that a call carried: a receiver may answer with what it was sent, and what is kept of
//! its answer is read by many.

use std::time::Duration;

use model::Secret;
use transform::merge_query;

/// What takes a secret's place.
const HIDDEN: &str = "…";
/// What is shorter hides nothing, and would be found everywhere.
const LENGTH_MIN: usize = 4;

/// What a call carried beyond what the event and the destination say.
#[derive(Debug, Default)]
pub(crate) struct Sent {
    /// Values that came from where secrets are, and what was made of them.
    pub(super) secrets: Vec<Secret>,
    /// How long a token was waited for.
    pub(crate) waited: Duration,
}

impl Sent {
    /// The beginning of an answer, so many bytes at the most, without the secrets.
    pub(crate) fn hidden_in(&self, answer: &[u8], bytes_max: usize) -> String {
        let spellings = self.spellings();
        let (mut kept, mut rest) = (Vec::new(), answer);
        while kept.len() < bytes_max
            && let Some((first, behind)) = rest.split_first()
        {
            let mut found = spellings.iter().map(|secret| secret.expose().as_bytes());
            if let Some(secret) = found.find(|secret| rest.starts_with(secret)) {
                kept.extend_from_slice(HIDDEN.as_bytes());
                rest = &rest[secret.len()..];
            } else {
                kept.push(*first);
                rest = behind;
            }
        }
        kept.truncate(bytes_max);
        String::from_utf8_lossy(&kept).into_owned()
    }

    /// The secrets as they are, as they stand in a query and as they stand in JSON; the longest
    /// first, for one may be the beginning of another.
    fn spellings(&self) -> Vec<Secret> {
        let long = self.secrets.iter().filter(|secret| secret.expose().len() >= LENGTH_MIN);
        let mut all: Vec<Secret> = long
            .flat_map(|secret| {
                let text = secret.expose();
                let encoded = merge_query(None, &[("", text)]);
                let quoted = serde_json::Value::from(text).to_string();
                let encoded = encoded.strip_prefix('=').unwrap_or_default().to_owned();
                let quoted = quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned();
                [secret.clone(), Secret::new(encoded), Secret::new(quoted)]
            })
            .filter(|secret| secret.expose().len() >= LENGTH_MIN)
            .collect();
        all.sort_by_key(|secret| std::cmp::Reverse(secret.expose().len()));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_shows_no_secret_in_any_spelling_and_not_half_of_one() {
        let secrets = ["hunter22", "hunter22/more", "s3cr&t\"x", "quoted\"", "abc", ""];
        let secrets = secrets.iter().map(|text| Secret::new((*text).to_owned())).collect();
        let sent = Sent { secrets, ..Sent::default() };
        for (answer, kept) in [
            ("got hunter22 from you", "got … from you"),
            ("hunter22/more,hunter22,hunter2", "…,…,hunter2"),
            ("?k=s3cr%26t%22x&l=abc", "?k=…&l=abc"),
            (r#"{"k":"s3cr&t\"x"}"#, r#"{"k":"…"}"#),
            ("a text of twenty characters and more", "a text of twenty characters a"),
            ("twenty eight characters are hunter22", "twenty eight characters are \u{fffd}"),
            (r#"{"k":"quoted\""}"#, r#"{"k":"…"}"#),
            ("", ""),
        ] {
            assert_eq!(sent.hidden_in(answer.as_bytes(), 29), kept, "{answer}");
        }
        assert_eq!(Sent::default().hidden_in(b"hunter22", 29), "hunter22");
    }
}
