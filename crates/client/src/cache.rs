//! What is to be done about a token now: decides from numbers alone, waits for nobody.

use crate::Token;

/// After a request that failed the next one waits, so that a dead token endpoint is not hammered.
const AFTER_FAILURE_MS: i64 = 1_000;
/// An API that refuses every token gets a new one this often at the most: it shares the token, and
/// the token endpoint, with others.
const AFTER_REFUSAL_MS: i64 = 10_000;

/// When a token is renewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Renewal {
    /// How long before its end at the most, in milliseconds.
    pub early_max_ms: i64,
}

impl Default for Renewal {
    /// When a fifth of its life is left, at most a minute before its end.
    fn default() -> Self {
        Self { early_max_ms: 60_000 }
    }
}

impl Renewal {
    /// How long before its end a token of this lifetime is renewed, in milliseconds: when a fifth
    /// of it is left, at most [`Renewal::early_max_ms`], and up to a tenth of that sooner by chance.
    pub fn early_ms(self, lifetime_ms: i64, chance: u16) -> i64 {
        let early_ms = (lifetime_ms / 5).clamp(0, self.early_max_ms.max(0));
        early_ms.saturating_add((early_ms / 10).saturating_mul(i64::from(chance)) / 65_536)
    }
}

/// Whether another token is worth a try after an API refused one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Again {
    /// The token that was refused is forgotten, or another one is there already.
    Yes,
    /// A token was forgotten for the same reason not long ago: it is not the token's fault.
    No,
}

/// What is to be done about the token.
#[derive(Debug, Clone)]
pub(crate) enum Look<E> {
    /// It is good.
    Use(Token),
    /// It is good, and a new one is to be asked for beside.
    Renew(Token),
    /// There is none, and asking failed just now.
    Failed(E),
    /// There is none: ask, and wait.
    Ask,
}

/// The token of one client, and how asking for it went.
#[derive(Debug)]
pub(crate) struct Cache<E> {
    token: Option<Token>,
    /// The last failure, and until when it is given as the answer.
    failure: Option<(i64, E)>,
    /// When a token was last forgotten because an API refused it.
    refused_at_ms: Option<i64>,
}

impl<E> Default for Cache<E> {
    fn default() -> Self {
        Self { token: None, failure: None, refused_at_ms: None }
    }
}

impl<E: Clone> Cache<E> {
    /// What is to be done now.
    pub(crate) fn look(&self, now_ms: i64) -> Look<E> {
        let failure = self.failure.as_ref().filter(|(until_ms, _)| now_ms < *until_ms);
        let good = self.token.as_ref().filter(|token| now_ms < token.ends_at_ms);
        match (good, failure) {
            (Some(token), None) if now_ms >= token.renew_at_ms => Look::Renew(token.clone()),
            (Some(token), _) => Look::Use(token.clone()),
            (None, Some((_, error))) => Look::Failed(error.clone()),
            (None, None) => Look::Ask,
        }
    }

    /// Keeps what a request gave. A failure leaves a token that is still good where it is.
    pub(crate) fn keep(&mut self, fetched: &Result<Token, E>, now_ms: i64) {
        match fetched {
            Ok(token) => {
                self.failure = None;
                self.token = Some(token.clone());
            }
            Err(error) => {
                self.failure = Some((now_ms.saturating_add(AFTER_FAILURE_MS), error.clone()));
            }
        }
    }

    /// Forgets the token that an API refused, if it still is the present one; not again and again
    /// for one that refuses all.
    pub(crate) fn refuse(&mut self, sent: &str, now_ms: i64) -> Again {
        let is_present = self.token.as_ref().is_some_and(|token| token.value.expose() == sent);
        if !is_present {
            return Again::Yes;
        }
        let lately =
            self.refused_at_ms.is_some_and(|at| now_ms.saturating_sub(at) < AFTER_REFUSAL_MS);
        if lately {
            return Again::No;
        }
        self.token = None;
        self.refused_at_ms = Some(now_ms);
        Again::Yes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::Secret;

    fn token(value: &str, renew_at_ms: i64, ends_at_ms: i64) -> Token {
        Token { value: Secret::new(value), scope: None, renew_at_ms, ends_at_ms }
    }

    /// What is done at a moment, in a word.
    fn look(cache: &Cache<&'static str>, now_ms: i64) -> String {
        match cache.look(now_ms) {
            Look::Use(token) => format!("use {}", token.value.expose()),
            Look::Renew(token) => format!("renew {}", token.value.expose()),
            Look::Failed(error) => format!("failed {error}"),
            Look::Ask => "ask".to_owned(),
        }
    }

    #[test]
    fn a_token_is_renewed_when_a_fifth_is_left_and_at_most_a_minute_early() {
        for (lifetime_s, early_max_s, early_s) in [
            (3_600, 60, 60),
            (3_600, 120, 120),
            (300, 60, 60),
            (60, 60, 12),
            (1, 60, 0),
            (0, 60, 0),
            (3_600, 0, 0),
        ] {
            let renewal = Renewal { early_max_ms: early_max_s * 1_000 };
            assert_eq!(renewal.early_ms(lifetime_s * 1_000, 0) / 1_000, early_s, "{lifetime_s}");
        }
        let renewal = Renewal::default();
        assert_eq!(renewal.early_ms(3_600_000, u16::MAX), 65_999);
        assert_eq!(renewal.early_ms(3_600_000, 32_768), 63_000);
    }

    #[test]
    fn a_token_is_used_renewed_and_asked_for_in_its_time() {
        let mut cache = Cache::<&str>::default();
        assert_eq!(look(&cache, 0), "ask");
        cache.keep(&Ok(token("t1", 80, 100)), 0);
        for (at, what) in [(0, "use t1"), (79, "use t1"), (80, "renew t1"), (99, "renew t1")] {
            assert_eq!(look(&cache, at), what, "{at}");
        }
        assert_eq!(look(&cache, 100), "ask");
    }

    #[test]
    fn a_failure_is_the_answer_for_a_second_and_harms_no_good_token() {
        let mut cache = Cache::<&str>::default();
        cache.keep(&Err("no"), 0);
        assert_eq!((look(&cache, 999), look(&cache, 1_000)), ("failed no".into(), "ask".into()));
        cache.keep(&Ok(token("t1", 5_000, 9_000)), 1_000);
        cache.keep(&Err("no"), 5_000);
        // Used, and not asked for again before the second is over.
        assert_eq!(look(&cache, 5_999), "use t1");
        assert_eq!(look(&cache, 6_000), "renew t1");
        cache.keep(&Ok(token("t2", 15_000, 19_000)), 6_000);
        assert_eq!(look(&cache, 6_001), "use t2");
    }

    #[test]
    fn one_refusal_forgets_the_token_and_the_next_within_ten_seconds_does_not() {
        let mut cache = Cache::<&str>::default();
        cache.keep(&Ok(token("t1", 50_000, 60_000)), 0);
        assert_eq!(cache.refuse("t1", 100), Again::Yes);
        assert_eq!(look(&cache, 100), "ask");
        cache.keep(&Ok(token("t2", 50_000, 60_000)), 200);
        // Who still had the old one takes the new one.
        assert_eq!((cache.refuse("t1", 300), look(&cache, 300)), (Again::Yes, "use t2".into()));
        assert_eq!((cache.refuse("t2", 300), look(&cache, 300)), (Again::No, "use t2".into()));
        assert_eq!(cache.refuse("t2", 10_099), Again::No);
        assert_eq!((cache.refuse("t2", 10_100), look(&cache, 10_100)), (Again::Yes, "ask".into()));
    }

    proptest! {
        #[test]
        fn a_token_is_never_used_beyond_its_end(
            ends_at_ms in 0_i64..10_000,
            early_ms in 0_i64..10_000,
            now_ms in 0_i64..20_000,
            fails in any::<bool>(),
        ) {
            let mut cache = Cache::<&str>::default();
            cache.keep(&Ok(token("t", ends_at_ms - early_ms, ends_at_ms)), 0);
            if fails {
                cache.keep(&Err("no"), now_ms);
            }
            let is_used = matches!(cache.look(now_ms), Look::Use(_) | Look::Renew(_));
            prop_assert_eq!(is_used, now_ms < ends_at_ms);
        }

        #[test]
        fn renewal_is_before_the_end_and_within_the_life(
            lifetime_ms in 0_i64..31_536_000_000,
            early_max_ms in 0_i64..3_600_000,
            chance in any::<u16>(),
        ) {
            let early_ms = Renewal { early_max_ms }.early_ms(lifetime_ms, chance);
            prop_assert!((0..=lifetime_ms).contains(&early_ms));
        }
    }
}
