//! Files with secrets in them: made for their owner only, and read from where the configuration
//! says.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use courier::KeptSecrets;
use credential::{MASTER_BYTES, Master};
use model::{Clock, Random, Secret, SecretError, SecretReader, SecretSource};
use parking_lot::Mutex;
use tokio::sync::watch;
use zeroize::Zeroizing;

/// The longest secret read from a file.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// How long a process that takes over waits for the data directory: the one before may still wait
/// for deliveries under way (30 s at most) and for the grace of its doors.
const FREE_WITHIN: Duration = Duration::from_mins(1);
/// How often it looks. Connections wait meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// How often a file with a secret is read, at the most: what was changed is in force that much
/// later.
const READ_EVERY_NS: u64 = 2_000_000_000;

/// Makes a directory for its owner only, with those above it.
pub fn private_directory(path: &Path) -> anyhow::Result<()> {
    let made = std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.with_context(|| format!("the directory {} cannot be made", path.display()))
}

/// Writes a file for its owner only; replaces one that is there in one step, so that a reader never
/// sees half of it.
pub fn write_private(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let beside = path.with_extension("new");
    let written = (|| -> io::Result<()> {
        let mut options = OpenOptions::new();
        let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    })();
    written.with_context(|| format!("{} cannot be written", path.display()))
}

/// A data directory that this process holds alone.
#[derive(Debug)]
pub struct DataDirectory {
    path: PathBuf,
    /// Held as long as the process lives; the system lets go of it, whatever happens.
    _lock: File,
}

impl DataDirectory {
    /// Makes the directory where it is missing and takes it for this process. Fails when another
    /// process has it.
    pub fn take(path: &Path) -> anyhow::Result<Self> {
        Self::try_take(path)?.with_context(|| {
            format!(
                "the data directory {} is in use by another gatepost; stop that one, or give this \
                 one its own with --data",
                path.display()
            )
        })
    }

    /// The same, when the process before lets go of it; fails when that takes longer than a minute.
    pub async fn take_when_free(path: &Path) -> anyhow::Result<Self> {
        let waiting = async {
            loop {
                if let Some(taken) = Self::try_take(path)? {
                    return anyhow::Ok(taken);
                }
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        tokio::time::timeout(FREE_WITHIN, waiting).await.unwrap_or_else(|_| {
            bail!(
                "the process before has not let go of the data directory {} within {} s",
                path.display(),
                FREE_WITHIN.as_secs()
            )
        })
    }

    /// None while another process has it.
    fn try_take(path: &Path) -> anyhow::Result<Option<Self>> {
        private_directory(path)?;
        // A directory that was there before may have been open to others.
        std::fs::set_permissions(path, Permissions::from_mode(0o700)).with_context(|| {
            format!("{} cannot be closed to others; it must belong to this user", path.display())
        })?;
        let lock = path.join("lock");
        let file =
            OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&lock);
        let file = file.with_context(|| format!("{} cannot be opened", lock.display()))?;
        let free = file.try_lock().is_ok();
        Ok(free.then(|| Self { path: path.to_owned(), _lock: file }))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The master key of the file `key`, made at the first start.
    pub fn master(&self, random: &dyn Random) -> anyhow::Result<Master> {
        let path = self.path.join("key");
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if self.path.join("core.db").exists() {
                    bail!(
                        "{} is missing, and without it nothing in this data directory can be \
                         opened; restore it from the backup it was kept in",
                        path.display()
                    );
                }
                let mut fresh = Zeroizing::new(vec![0; MASTER_BYTES]);
                random.fill(&mut fresh);
                write_private(&path, &fresh)?;
                fresh
            }
            Err(error) => return Err(error).context(format!("{} cannot be read", path.display())),
        };
        let Ok(bytes) = <[u8; MASTER_BYTES]>::try_from(bytes.as_slice()) else {
            bail!("{} must hold exactly {MASTER_BYTES} bytes", path.display());
        };
        Ok(Master::new(bytes))
    }

    /// The admin token of the file `admin-token`, made at the first start.
    pub fn admin_token(&self, random: &dyn Random) -> anyhow::Result<Secret> {
        let path = admin_token_path(&self.path);
        if !path.exists() {
            let mut bytes = Zeroizing::new([0; credential::RANDOM_BYTES]);
            random.fill(&mut *bytes);
            let minted = credential::mint(credential::Kind::ClientSecret, &bytes);
            write_private(&path, format!("{}\n", *minted.text).as_bytes())?;
        }
        read_admin_token(&self.path)
    }
}

fn admin_token_path(data: &Path) -> PathBuf {
    data.join("admin-token")
}

/// Reads the admin token of a data directory.
pub fn read_admin_token(data: &Path) -> anyhow::Result<Secret> {
    let path = admin_token_path(data);
    read_secret_file(&path).with_context(|| {
        format!(
            "the admin token {} cannot be read; run this as the user that runs `gatepost serve`, \
             or name the file with --token-file",
            path.display()
        )
    })
}

/// Reads one secret from a file; a trailing line break does not belong to it.
pub fn read_secret_file(path: &Path) -> io::Result<Secret> {
    let length = std::fs::metadata(path)?.len();
    if length > SECRET_BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "larger than 64 KiB"));
    }
    let text = Zeroizing::new(std::fs::read_to_string(path)?);
    Ok(Secret::new(text.trim_end_matches(['\r', '\n']).to_owned()))
}

/// Reads the secrets that connections name when they are needed: replacing a file is all a
/// rotation takes. Those that Gatepost keeps itself are read through [`AllSecrets`] only.
#[derive(Debug, Clone, Copy)]
pub struct SystemSecrets;

/// Reads the secrets that lie outside, and those that Gatepost keeps.
#[derive(Debug, Clone)]
pub struct AllSecrets(pub watch::Receiver<Arc<KeptSecrets>>);

impl SecretReader for AllSecrets {
    fn read(&self, source: &SecretSource) -> Result<Secret, SecretError> {
        match source {
            SecretSource::Kept(name) => self.0.borrow().read(name),
            outside => SystemSecrets.read(outside),
        }
    }
}

impl SecretReader for SystemSecrets {
    fn read(&self, source: &SecretSource) -> Result<Secret, SecretError> {
        let failed = |reason: String, missing: bool| SecretError {
            place: source.to_string(),
            reason,
            missing,
        };
        let file = |path: &Path| {
            let missing = |error: &io::Error| error.kind() == io::ErrorKind::NotFound;
            read_secret_file(path).map_err(|error| failed(error.to_string(), missing(&error)))
        };
        let secret = match source {
            SecretSource::Env(name) => environment(name)
                .map(Secret::new)
                .ok_or_else(|| failed("it is not set".to_owned(), true))?,
            SecretSource::File(path) => file(path)?,
            SecretSource::Credential(name) => {
                let directory = environment("CREDENTIALS_DIRECTORY")
                    .ok_or_else(|| failed("systemd has passed no credentials".to_owned(), true))?;
                file(&Path::new(&directory).join(name))?
            }
            SecretSource::Kept(_) => {
                return Err(failed("only a serving Gatepost can open it".to_owned(), false));
            }
        };
        if secret.expose().is_empty() {
            return Err(failed("it is empty".to_owned(), false));
        }
        Ok(secret)
    }
}

/// What was read of files in the last two seconds, so that a busy destination does not open them
/// for each attempt. Opened on a thread of the runtime: small local files, once in that time. The
/// program's own secrets are opened each time: that takes no disk, and what was set is in force at
/// once.
pub struct RecentSecrets {
    secrets: AllSecrets,
    clock: Arc<dyn Clock>,
    seen: Mutex<BTreeMap<SecretSource, Seen>>,
}

/// What was found, also that nothing was, and when.
struct Seen {
    at_ns: u64,
    found: Result<Secret, SecretError>,
}

impl RecentSecrets {
    /// Secrets read through `secrets`.
    pub fn new(secrets: AllSecrets, clock: Arc<dyn Clock>) -> Self {
        Self { secrets, clock, seen: Mutex::default() }
    }
}

impl SecretReader for RecentSecrets {
    fn read(&self, source: &SecretSource) -> Result<Secret, SecretError> {
        if matches!(source, SecretSource::Env(_) | SecretSource::Kept(_)) {
            return self.secrets.read(source);
        }
        let now_ns = self.clock.ticks_ns();
        let mut seen = self.seen.lock();
        // What is old is let go of, so that no secret stays here that nobody asks for.
        seen.retain(|_, seen| now_ns.saturating_sub(seen.at_ns) < READ_EVERY_NS);
        if let Some(seen) = seen.get(source) {
            return seen.found.clone();
        }
        let found = self.secrets.read(source);
        seen.insert(source.clone(), Seen { at_ns: now_ns, found: found.clone() });
        found
    }
}

/// An environment variable: the one place that reads them.
#[expect(clippy::disallowed_methods, reason = "this is where the environment is read")]
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use model::Timestamp;

    use super::*;

    #[derive(Default)]
    struct Ticks(AtomicU64);

    impl Clock for Ticks {
        fn now(&self) -> Timestamp {
            Timestamp::default()
        }

        fn ticks_ns(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn a_secrets_file_is_read_every_two_seconds_at_the_most() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let (clock, (_tell, kept)) = (Arc::new(Ticks::default()), watch::channel(Arc::default()));
        let secrets = RecentSecrets::new(AllSecrets(kept), Arc::clone(&clock) as _);
        let source = SecretSource::File(path.clone());
        let read = |at_ms: u64| {
            clock.0.store(at_ms * 1_000_000, Ordering::Relaxed);
            let read = secrets.read(&source);
            read.map(|secret| secret.expose().to_owned()).map_err(|error| error.missing)
        };
        assert_eq!(read(0), Err(true));
        std::fs::write(&path, "first\n").unwrap();
        assert_eq!(read(1_999), Err(true));
        assert_eq!(read(2_000), Ok("first".to_owned()));
        std::fs::write(&path, "second\n").unwrap();
        assert_eq!(read(3_999), Ok("first".to_owned()));
        assert_eq!(read(4_000), Ok("second".to_owned()));
    }
}
