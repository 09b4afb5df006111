//! The text of a minted key or secret, and how it is recognised again.

use zeroize::Zeroizing;

use crate::base62;

/// Random bytes one minting takes: 9 for the id, 32 for the secret part.
pub const RANDOM_BYTES: usize = 41;

const ID_BYTES: usize = 9;
const ID_WIDTH: usize = 13;
const SECRET_WIDTH: usize = 43;
const CHECK_WIDTH: usize = 6;

/// What a minted text opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `gpk_`: an API key of the gateway.
    ApiKey,
    /// `gps_`: a client secret of the token service.
    ClientSecret,
}

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Self::ApiKey => "gpk_",
            Self::ClientSecret => "gps_",
        }
    }
}

/// A fresh credential. The text is wiped from memory when dropped, and is to be shown once.
pub struct Minted {
    /// The public part: names the credential in lists and logs.
    pub id: String,
    /// The whole text, as its owner will send it.
    pub text: Zeroizing<String>,
    /// The last four characters of the random part: helps a person tell two apart.
    pub last_four: String,
}

/// A text that cannot be one of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Another prefix or another shape.
    #[error("not in the form of a minted credential")]
    Form,
    /// The right shape, but a typing error: its check digits do not fit.
    #[error("mistyped or cut off: its check digits do not fit")]
    Check,
}

/// Makes a credential from [`RANDOM_BYTES`] random bytes.
pub fn mint(kind: Kind, random: &[u8; RANDOM_BYTES]) -> Minted {
    let id = base62::encode(&random[..ID_BYTES], ID_WIDTH);
    let secret = Zeroizing::new(base62::encode(&random[ID_BYTES..], SECRET_WIDTH));
    let mut text = Zeroizing::new(String::with_capacity(72));
    text.push_str(kind.prefix());
    text.push_str(&id);
    text.push('_');
    text.push_str(&secret);
    let check = check_digits(&text);
    text.push_str(&check);
    let last_four = secret[SECRET_WIDTH - 4..].to_owned();
    Minted { id, text, last_four }
}

/// The id inside a credential text, once form and check digits fit. Costs no look-up, so a typing
/// error is told from an unknown key at once.
pub fn credential_id(kind: Kind, text: &str) -> Result<&str, Unreadable> {
    let id = claimed_id(kind, text)?;
    let (body, check) = text.split_at(text.len() - CHECK_WIDTH);
    if check_digits(body) == check { Ok(id) } else { Err(Unreadable::Check) }
}

/// The public part of a credential as its text claims it: the check digits are not looked at, for
/// whoever compares digests needs none.
pub fn claimed_id(kind: Kind, text: &str) -> Result<&str, Unreadable> {
    let rest = text.strip_prefix(kind.prefix()).ok_or(Unreadable::Form)?;
    let (id, tail) = rest.split_once('_').ok_or(Unreadable::Form)?;
    let shaped = id.len() == ID_WIDTH
        && tail.len() == SECRET_WIDTH + CHECK_WIDTH
        && base62::is_base62(id)
        && base62::is_base62(tail);
    if shaped { Ok(id) } else { Err(Unreadable::Form) }
}

fn check_digits(body: &str) -> String {
    base62::encode(&crc32fast::hash(body.as_bytes()).to_be_bytes(), CHECK_WIDTH)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minted_text_gives_its_id_back() {
        for kind in [Kind::ApiKey, Kind::ClientSecret] {
            let minted = mint(kind, &[7; RANDOM_BYTES]);
            assert_eq!(credential_id(kind, &minted.text), Ok(minted.id.as_str()));
            assert_eq!(minted.last_four.len(), 4);
        }
    }

    #[test]
    fn one_kind_is_not_the_other() {
        let minted = mint(Kind::ApiKey, &[7; RANDOM_BYTES]);
        assert_eq!(credential_id(Kind::ClientSecret, &minted.text), Err(Unreadable::Form));
    }

    proptest::proptest! {
        #[test]
        fn one_wrong_character_is_noticed(random in proptest::array::uniform32(0_u8..), at in 0_usize..60) {
            let mut bytes = [0; RANDOM_BYTES];
            bytes[..32].copy_from_slice(&random);
            let minted = mint(Kind::ApiKey, &bytes);
            let mut text = minted.text.as_bytes().to_vec();
            let at = 4 + at;
            text[at] = if text[at] == b'x' { b'y' } else { b'x' };
            let text = String::from_utf8(text).unwrap();
            proptest::prop_assert!(credential_id(Kind::ApiKey, &text).is_err());
        }

        #[test]
        fn any_text_is_judged_without_panic(text in ".{0,120}") {
            proptest::prop_assert!(credential_id(Kind::ApiKey, &text).is_err());
        }
    }
}
