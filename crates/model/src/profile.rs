//! Which rules the token service keeps beyond OAuth 2.0's own.

/// A profile of the token service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// OAuth 2.0 with its best current practice (RFC 6749, RFC 9700).
    #[default]
    OAuth2,
    /// The client-credentials part of the FAPI 2.0 Security Profile.
    Fapi2,
}
