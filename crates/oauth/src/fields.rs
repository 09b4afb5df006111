//! What an answer says of bounds: the `RateLimit` fields (IETF draft 11), as the gateway writes them.

use http::{HeaderMap, HeaderName, HeaderValue};

const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const STATE: HeaderName = HeaderName::from_static("ratelimit");

/// The bounds that were looked at, and how they stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Fields {
    policy: String,
    state: String,
}

/// A bound and how it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bound {
    /// Its name: a word.
    pub(crate) name: &'static str,
    /// How much there is in each window.
    pub(crate) most: u64,
    /// The window, in seconds.
    pub(crate) window_s: u64,
    /// How much is left.
    pub(crate) left: u64,
    /// When it begins anew, in seconds.
    pub(crate) until_s: u64,
}

impl Fields {
    /// Adds a bound behind the others.
    pub(crate) fn add(&mut self, bound: Bound) {
        let Bound { name, most, window_s, left, until_s } = bound;
        for (field, item) in [
            (&mut self.policy, format!("\"{name}\";q={most};w={window_s}")),
            (&mut self.state, format!("\"{name}\";r={left};t={until_s}")),
        ] {
            if !field.is_empty() {
                field.push_str(", ");
            }
            field.push_str(&item);
        }
    }

    /// Puts the fields on an answer; none where no bound was looked at.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        for (name, text) in [(POLICY, &self.policy), (STATE, &self.state)] {
            if !text.is_empty()
                && let Ok(value) = HeaderValue::from_str(text)
            {
                headers.insert(name, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fields_name_each_bound_and_what_is_left_of_it() {
        let mut fields = Fields::default();
        let mut headers = HeaderMap::new();
        fields.add_to(&mut headers);
        assert!(headers.is_empty());
        fields.add(Bound { name: "tokens", most: 20, window_s: 1, left: 39, until_s: 1 });
        fields.add(Bound { name: "tokens-day", most: 9, window_s: 86_400, left: 0, until_s: 7 });
        fields.add_to(&mut headers);
        assert_eq!(headers[POLICY], r#""tokens";q=20;w=1, "tokens-day";q=9;w=86400"#);
        assert_eq!(headers[STATE], r#""tokens";r=39;t=1, "tokens-day";r=0;t=7"#);
    }
}
