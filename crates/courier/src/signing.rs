//! What a destination's calls are signed with, and the headers that say so (Standard Webhooks).

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue};
use model::{SecretError, SecretReader, Signing, Timestamp};
use signature::{ID, InvalidSecret, Key, SIGNATURE, Secret, Signer, TIMESTAMP, sign};
use tokio::sync::watch;

use crate::webhook_keys::WebhookKeys;

/// Why a call cannot be signed. Neither text shows a secret.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SigningError {
    #[error(transparent)]
    Secret(#[from] SecretError),
    #[error("the secret in {place} cannot sign: {reason}")]
    Unfit { place: String, reason: InvalidSecret },
}

/// One destination's signatures. Secrets are asked for at each attempt, so that replacing a file is
/// all a change takes.
pub(crate) struct Signatures {
    signing: Signing,
    secrets: Arc<dyn SecretReader>,
    keys: watch::Receiver<Arc<WebhookKeys>>,
}

/// A secret and the last second it signs at.
type InForce = (Secret, Option<i64>);

impl Signatures {
    pub(crate) fn new(
        signing: Signing,
        secrets: Arc<dyn SecretReader>,
        keys: watch::Receiver<Arc<WebhookKeys>>,
    ) -> Self {
        Self { signing, secrets, keys }
    }

    /// Adds the three headers of one attempt, in place of any of these names; none at all where
    /// signing is off.
    pub(crate) fn add_to(
        &self,
        headers: &mut HeaderMap,
        delivery: &str,
        at: Timestamp,
        body: &[u8],
    ) -> Result<(), SigningError> {
        let secrets = self.secrets(at)?;
        let keys = Arc::clone(&self.keys.borrow());
        let shared = secrets
            .iter()
            .map(|(secret, last)| Signer { key: Key::Hmac(secret), not_after_s: *last });
        let own = keys.signers().filter(|_| self.signing.ed25519);
        let signers: Vec<Signer<'_>> = shared.chain(own).collect();
        let Some(signed) = sign(delivery, at.seconds(), body, &signers) else { return Ok(()) };
        for (name, value) in
            [(ID, signed.id), (TIMESTAMP, signed.timestamp), (SIGNATURE, signed.signature)]
        {
            let value = HeaderValue::try_from(value);
            let value = value.expect("ids, digits and base64 are printable");
            headers.insert(HeaderName::from_static(name), value);
        }
        Ok(())
    }

    /// The secrets that sign at the moment. One whose time is over is not even looked for.
    fn secrets(&self, at: Timestamp) -> Result<Vec<InForce>, SigningError> {
        let live = self.signing.secrets.iter();
        let live = live.filter(|secret| secret.until.is_none_or(|until| at <= until));
        live.map(|secret| {
            let text = self.secrets.read(&secret.source)?;
            let read = Secret::parse(text.expose().trim());
            let unfit = |reason| SigningError::Unfit { place: secret.source.to_string(), reason };
            Ok((read.map_err(unfit)?, secret.until.map(Timestamp::seconds)))
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use model::{DeliveryId, EventId, SecretSource, SigningSecret};
    use signature::{SignatureHeaders, VerifyingKey, verify};

    use super::*;

    const TEXT: &str = "whsec_ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM=";

    /// Gives [`TEXT`] for `good`, another text for `bad`, and nothing else.
    struct Reader;

    impl SecretReader for Reader {
        fn read(&self, source: &SecretSource) -> Result<model::Secret, SecretError> {
            match source {
                SecretSource::Env(name) if name == "good" => Ok(model::Secret::new(TEXT.into())),
                SecretSource::Env(name) if name == "bad" => {
                    Ok(model::Secret::new("hunter2".to_owned()))
                }
                other => Err(SecretError {
                    place: other.to_string(),
                    reason: "it is not there".into(),
                    missing: true,
                }),
            }
        }
    }

    fn at(s: i64) -> Timestamp {
        Timestamp::from_ms(1_800_000_000_000 + s * 1000)
    }

    fn secret(name: &str, until: Option<Timestamp>) -> SigningSecret {
        SigningSecret { source: SecretSource::Env(name.to_owned()), until }
    }

    /// The headers of an attempt at `s`, over some that a connection has set.
    fn signed(secrets: Vec<SigningSecret>, s: i64) -> Result<HeaderMap, SigningError> {
        let (_, keys) = watch::channel(Arc::default());
        let signing = Signing { secrets, ed25519: false };
        let signatures = Signatures::new(signing, Arc::new(Reader), keys);
        let mut headers = HeaderMap::new();
        headers.insert(SIGNATURE, HeaderValue::from_static("v1,forged"));
        let delivery = DeliveryId { lane: 7, event: EventId { accepted_at: at(-9), seq: 3 } };
        signatures.add_to(&mut headers, &delivery.to_string(), at(s), b"body")?;
        Ok(headers)
    }

    #[test]
    fn an_attempt_carries_the_deliverys_id_its_own_time_and_fitting_signatures() {
        let headers = signed(vec![secret("good", None)], 5).unwrap();
        let text = |name: &str| headers[name].to_str().unwrap().to_owned();
        let got = SignatureHeaders {
            id: text(ID),
            timestamp: text(TIMESTAMP),
            signature: text(SIGNATURE),
        };
        assert!(got.id.starts_with("dlv_7_"), "{got:?}");
        assert_eq!(got.timestamp, "1800000005");
        let key = Secret::parse(TEXT).unwrap();
        assert_eq!(verify(&got, b"body", 1_800_000_005, 0, &[VerifyingKey::Hmac(&key)]), Ok(()));
    }

    #[test]
    fn a_former_secret_signs_until_its_time_and_is_not_looked_for_after_it() {
        let count = |former: &str, s: i64| {
            let secrets = vec![secret("good", None), secret(former, Some(at(10)))];
            signed(secrets, s)
                .map(|headers| headers[SIGNATURE].to_str().unwrap().matches("v1,").count())
        };
        assert_eq!(count("good", 10).unwrap(), 2);
        assert_eq!(count("good", 11).unwrap(), 1);
        assert_eq!(count("gone", 11).unwrap(), 1);
        let error = count("gone", 10).unwrap_err().to_string();
        assert!(error.contains("environment variable gone"), "{error}");
    }

    #[test]
    fn a_text_that_is_no_secret_is_named_by_its_place_and_not_shown() {
        let error = signed(vec![secret("bad", None)], 0).unwrap_err().to_string();
        let expected = "the secret in environment variable bad cannot sign: it does not begin with \
                        `whsec_`";
        assert_eq!(error, expected);
    }
}
