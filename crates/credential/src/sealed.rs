//! Sealed letters: secrets handed to another company so that only it can read them.
//!
//! The reader makes a key pair and gives away the public half, which may travel by any channel. The
//! writer makes a key pair for one letter, agrees with the reader's public half on a secret
//! (X25519, RFC 7748), derives a key from it and both public halves (HKDF with SHA-256, RFC 5869)
//! and seals with AES-256-GCM. The shape is that of HPKE's base mode (RFC 9180), with labels of our
//! own.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use zeroize::Zeroizing;

/// The length of keys, private and public.
pub const KEY_BYTES: usize = 32;

const LABEL: &[u8] = b"gatepost handover v1";

/// A letter or a key that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LetterError {
    /// The key is no X25519 key.
    #[error("not a hand-over key")]
    Key,
    /// The letter is for somebody else, or was altered or cut off.
    #[error("this letter is sealed for another key, or was altered on its way")]
    Closed,
}

/// The public half of a reader's private key (any 32 random bytes).
pub fn public_half(private: &[u8; KEY_BYTES]) -> Result<[u8; KEY_BYTES], LetterError> {
    let key = PrivateKey::from_private_key(&X25519, private).map_err(|_| LetterError::Key)?;
    let public = key.compute_public_key().map_err(|_| LetterError::Key)?;
    public.as_ref().try_into().map_err(|_| LetterError::Key)
}

/// Seals a letter to a reader. `ephemeral` is 32 fresh random bytes, used for this letter only.
pub fn seal_to(
    reader: &[u8; KEY_BYTES],
    ephemeral: &Zeroizing<[u8; KEY_BYTES]>,
    plain: &[u8],
) -> Result<Vec<u8>, LetterError> {
    let ours = public_half(ephemeral)?;
    let key = shared(ephemeral, reader, (&ours, reader))?;
    let mut sealed = plain.to_vec();
    // The key serves one letter, so one fixed nonce is used once.
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    key.seal_in_place_append_tag(nonce, Aad::from(LABEL), &mut sealed)
        .map_err(|_| LetterError::Closed)?;
    let mut letter = ours.to_vec();
    letter.append(&mut sealed);
    Ok(letter)
}

/// Opens a letter with the reader's private key.
pub fn open_with(
    private: &Zeroizing<[u8; KEY_BYTES]>,
    letter: &[u8],
) -> Result<Zeroizing<Vec<u8>>, LetterError> {
    let (theirs, body) = letter.split_first_chunk::<KEY_BYTES>().ok_or(LetterError::Closed)?;
    let reader = public_half(private)?;
    let key = shared(private, theirs, (theirs, &reader))?;
    let mut body = Zeroizing::new(body.to_vec());
    let nonce = Nonce::assume_unique_for_key([0; 12]);
    let opened = key.open_in_place(nonce, Aad::from(LABEL), &mut body);
    let length = opened.map_err(|_| LetterError::Closed)?.len();
    body.truncate(length);
    Ok(body)
}

struct Length;

impl KeyType for Length {
    fn len(&self) -> usize {
        KEY_BYTES
    }
}

fn shared(
    private: &[u8; KEY_BYTES],
    theirs: &[u8; KEY_BYTES],
    (writer, reader): (&[u8; KEY_BYTES], &[u8; KEY_BYTES]),
) -> Result<LessSafeKey, LetterError> {
    let private = PrivateKey::from_private_key(&X25519, private).map_err(|_| LetterError::Key)?;
    let theirs = UnparsedPublicKey::new(&X25519, theirs);
    // The library refuses the all-zero result of small-order points (RFC 7748 §6.1).
    agree(&private, theirs, LetterError::Key, |secret| {
        let derived = Salt::new(HKDF_SHA256, LABEL).extract(secret);
        let info = [writer.as_slice(), reader.as_slice()];
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        let expanded = derived.expand(&info, Length).map_err(|_| LetterError::Key)?;
        expanded.fill(&mut *key).map_err(|_| LetterError::Key)?;
        let key = UnboundKey::new(&AES_256_GCM, &*key).map_err(|_| LetterError::Key)?;
        Ok(LessSafeKey::new(key))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_reader_opens_and_only_what_was_written() {
        let reader = Zeroizing::new([7; KEY_BYTES]);
        let stranger = Zeroizing::new([8; KEY_BYTES]);
        let public = public_half(&reader).unwrap();
        let letter = seal_to(&public, &Zeroizing::new([9; KEY_BYTES]), b"secret").unwrap();
        assert_eq!(open_with(&reader, &letter).unwrap().as_slice(), b"secret");
        assert_eq!(open_with(&stranger, &letter), Err(LetterError::Closed));
        for at in 0..letter.len() {
            let mut altered = letter.clone();
            altered[at] ^= 0x10;
            assert!(open_with(&reader, &altered).is_err(), "byte {at}");
        }
        assert_eq!(open_with(&reader, &letter[..20]), Err(LetterError::Closed));
        assert!(seal_to(&[0; KEY_BYTES], &reader, b"x").is_err());
    }
}
