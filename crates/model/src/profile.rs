//! Which rules the token service keeps beyond OAuth 2.0's own, and the gateway with it.

use jwt::Algorithm;

/// A profile of the token service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// OAuth 2.0 with its best current practice (RFC 6749, RFC 9700).
    #[default]
    OAuth2,
    /// The client-credentials part of the FAPI 2.0 Security Profile.
    Fapi2,
}

impl Profile {
    /// Whether it permits an algorithm for anything that is signed: assertions, proofs, tokens (FAPI
    /// 2.0 Security Profile §5.4.1).
    pub fn permits(self, algorithm: Algorithm) -> bool {
        use Algorithm::{EdDsa, Es256, Ps256};
        self == Self::OAuth2 || matches!(algorithm, Ps256 | Es256 | EdDsa)
    }

    /// Those of the algorithms that it permits.
    pub fn permitted(self, all: &[Algorithm]) -> Vec<Algorithm> {
        all.iter().copied().filter(|algorithm| self.permits(*algorithm)).collect()
    }

    /// Those of the names of algorithms that it permits, as metadata and challenges list them.
    pub fn permitted_names<'a>(self, names: &[&'a str]) -> Vec<&'a str> {
        let is_permitted = |name: &&&str| {
            // Another name of EdDSA over this curve (RFC 9864 §2.2).
            let name = if **name == "Ed25519" { "EdDSA" } else { **name };
            Algorithm::parse(name).is_some_and(|algorithm| self.permits(algorithm))
        };
        names.iter().filter(is_permitted).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fapi2_permits_few_algorithms() {
        let names = ["RS256", "PS256", "ES256", "ES384", "EdDSA", "Ed25519"];
        let few = ["PS256", "ES256", "EdDSA", "Ed25519"];
        assert_eq!(Profile::Fapi2.permitted_names(&names), few);
        let all = [Algorithm::Rs256, Algorithm::Ps256, Algorithm::Es384];
        assert_eq!(Profile::Fapi2.permitted(&all), [Algorithm::Ps256]);
        assert_eq!(Profile::OAuth2.permitted(&all), all);
    }
}
