//! A connection's certificate, key and authorities, read again when they change.

use std::sync::Arc;

use model::{Clock, ConnectionTls, Secret, SecretError, SecretReader, SecretSource};
use outbound::{Identity, Material, Tls, TlsError, TlsSource};
use parking_lot::Mutex;

/// How often the disk is looked at, at the most: what was changed is in force that much later.
const LOOK_EVERY_NS: u64 = 2_000_000_000;

/// Why a connection cannot speak TLS as it should; `None` if it can, or has nothing of its own. For
/// whoever checks a configuration before it is used.
pub fn unfit_tls(
    tls: &ConnectionTls,
    secrets: Arc<dyn SecretReader>,
    clock: Arc<dyn Clock>,
) -> Option<TlsError> {
    own(tls, secrets, clock)?.check().err()
}

/// TLS as the connection has it, if it is not everybody's.
pub(crate) fn own(
    tls: &ConnectionTls,
    secrets: Arc<dyn SecretReader>,
    clock: Arc<dyn Clock>,
) -> Option<Arc<Tls>> {
    if tls.is_plain() {
        return None;
    }
    let seen = Mutex::new(None);
    let files = Files { tls: tls.clone(), secrets, clock, seen };
    Some(Arc::new(Tls::new(Arc::new(files))))
}

struct Files {
    tls: ConnectionTls,
    secrets: Arc<dyn SecretReader>,
    clock: Arc<dyn Clock>,
    seen: Mutex<Option<Seen>>,
}

/// What was found at the last look.
struct Seen {
    looked_at_ns: u64,
    found: Result<Arc<Material>, TlsError>,
}

impl TlsSource for Files {
    fn material(&self) -> Result<Arc<Material>, TlsError> {
        let now_ns = self.clock.ticks_ns();
        // Held while up to three small files are read, on a thread of the runtime: every two
        // seconds at most, and whoever waits for it wants to know nothing else.
        let mut seen = self.seen.lock();
        if let Some(seen) = &*seen
            && now_ns.saturating_sub(seen.looked_at_ns) < LOOK_EVERY_NS
        {
            return seen.found.clone();
        }
        let former = seen.take().and_then(|seen| seen.found.ok());
        let found = self.read().map_err(|error| {
            let kind = if error.missing { TlsError::Gone } else { TlsError::Unreadable };
            kind(error.to_string())
        });
        let found = found.map(|material| match former {
            Some(former) if same(&former, &material) => former,
            _ => Arc::new(material),
        });
        *seen = Some(Seen { looked_at_ns: now_ns, found: found.clone() });
        found
    }
}

impl Files {
    fn read(&self) -> Result<Material, SecretError> {
        let read = |source: &SecretSource| self.secrets.read(source);
        let authorities = self.tls.authorities.clone().map(SecretSource::File);
        let authorities = authorities.as_ref().map(read).transpose()?;
        let identity = match &self.tls.identity {
            None => None,
            Some(own) => {
                let certificates = read(&own.certificates)?;
                Some(Identity { certificates, key: read(&own.key)? })
            }
        };
        Ok(Material { authorities, identity })
    }
}

fn same(one: &Material, other: &Material) -> bool {
    fn parts(material: &Material) -> [Option<&str>; 3] {
        let identity = material.identity.as_ref();
        [
            material.authorities.as_ref().map(Secret::expose),
            identity.map(|identity| identity.certificates.expose()),
            identity.map(|identity| identity.key.expose()),
        ]
    }
    parts(one) == parts(other)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use model::Timestamp;

    use super::*;

    struct Never;

    impl Clock for Never {
        fn now(&self) -> Timestamp {
            Timestamp::default()
        }

        fn ticks_ns(&self) -> u64 {
            0
        }
    }

    /// Reads nothing; `gone` is missing, what else there is cannot be read.
    struct Reader;

    impl SecretReader for Reader {
        fn read(&self, source: &SecretSource) -> Result<Secret, SecretError> {
            let (place, reason) = (source.to_string(), "no".to_owned());
            Err(SecretError { missing: place == "file gone", place, reason })
        }
    }

    #[test]
    fn what_was_taken_away_is_told_from_what_cannot_be_read() {
        let of = |file: &str| {
            let authorities = Some(PathBuf::from(file));
            let tls = ConnectionTls { identity: None, authorities };
            unfit_tls(&tls, Arc::new(Reader), Arc::new(Never)).unwrap()
        };
        assert!(matches!(of("gone"), TlsError::Gone(_)));
        assert!(matches!(of("locked"), TlsError::Unreadable(_)));
    }
}
