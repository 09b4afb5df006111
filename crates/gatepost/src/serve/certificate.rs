//! The public door's certificate: read at the start, and again when its files change.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use listener::{ClientCertificates, TlsDoor, TlsMaterial};
use model::{Secret, SecretReader as _};
use tokio_util::sync::CancellationToken;

use crate::config::DoorTls;
use crate::files::SystemSecrets;

/// How often the files are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// The largest file of certificates.
const BYTES_MAX: u64 = 1 << 20;

/// The door's TLS, and where its material comes from; nothing where the door has none.
pub(super) struct Certificate(Option<Watched>);

struct Watched {
    files: DoorTls,
    door: Arc<TlsDoor>,
    present: Texts,
}

/// The files' texts.
struct Texts {
    certificate: Vec<u8>,
    key: Secret,
    client_ca: Option<Vec<u8>>,
    client_certificates: ClientCertificates,
}

impl Texts {
    fn read(files: &DoorTls) -> anyhow::Result<Self> {
        let certificate = read(&files.certificate)?;
        let key = SystemSecrets.read(&files.key).context("`tls.key` cannot be read")?;
        let client_ca = files.client_ca.as_deref().map(read).transpose()?;
        let client_certificates = files.client_certificates;
        Ok(Self { certificate, key, client_ca, client_certificates })
    }

    fn material(&self) -> TlsMaterial<'_> {
        TlsMaterial {
            certificates: &self.certificate,
            key: self.key.expose().as_bytes(),
            client_authorities: self.client_ca.as_deref(),
            client_certificates: self.client_certificates,
        }
    }

    fn is(&self, other: &Self) -> bool {
        self.certificate == other.certificate
            && self.key.expose() == other.key.expose()
            && self.client_ca == other.client_ca
    }
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let what = || format!("{} cannot be read", path.display());
    let length = fs::metadata(path).with_context(what)?.len();
    anyhow::ensure!(length <= BYTES_MAX, "{} is larger than 1 MiB", path.display());
    fs::read(path).with_context(what)
}

impl Certificate {
    /// Reads the files.
    pub(super) fn open(files: Option<&DoorTls>) -> anyhow::Result<Self> {
        let Some(files) = files else { return Ok(Self(None)) };
        let present = Texts::read(files).context("the public door cannot speak TLS")?;
        let door = TlsDoor::new(&present.material());
        let door = Arc::new(door.context("the public door cannot speak TLS")?);
        Ok(Self(Some(Watched { files: files.clone(), door, present })))
    }

    pub(super) fn door(&self) -> Option<Arc<TlsDoor>> {
        self.0.as_ref().map(|watched| Arc::clone(&watched.door))
    }

    /// Takes other material over when the files have changed. Material that cannot be used, a half
    /// written file for example, changes nothing and is told of once.
    pub(super) async fn watch(self, stop: CancellationToken) {
        let Some(mut watched) = self.0 else { return };
        let mut told = String::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            let files = watched.files.clone();
            let read = tokio::task::spawn_blocking(move || Texts::read(&files)).await;
            let Ok(read) = read else { continue };
            let taken = read.and_then(|texts| watched.take(texts));
            match taken {
                Ok(true) => {
                    told.clear();
                    tracing::info!("the public door has another certificate");
                }
                Ok(false) => {}
                Err(error) => {
                    let reason = format!("{error:#}");
                    if reason != told {
                        tracing::error!("the public door keeps its certificate: {reason}");
                        told = reason;
                    }
                }
            }
        }
    }
}

impl Watched {
    /// Says whether the material is another one.
    fn take(&mut self, texts: Texts) -> anyhow::Result<bool> {
        if texts.is(&self.present) {
            return Ok(false);
        }
        self.door.replace(&texts.material())?;
        self.present = texts;
        Ok(true)
    }
}
