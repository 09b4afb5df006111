//! What systemd, or whoever else set `NOTIFY_SOCKET`, is told: ready, reloading, stopping, alive.
//!
//! One datagram each, as `sd_notify(3)` has it. Nothing is told where nobody asks, and nobody who does
//! not listen holds the program up.

use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::files::environment;

/// How long a datagram may take: systemd takes them at once, and we do not wait for others.
const LONGEST: Duration = Duration::from_millis(250);

/// Whom to tell.
#[derive(Debug, Default)]
pub(super) struct Notify(Option<UnixDatagram>);

impl Notify {
    /// Tells the socket that `NOTIFY_SOCKET` names: a path, or an abstract name behind `@`. One that
    /// cannot be reached is told of, and does not keep the program from serving.
    pub(super) fn open(place: Option<String>) -> Self {
        let Some(place) = place.filter(|place| !place.is_empty()) else { return Self(None) };
        match connect(&place) {
            Ok(socket) => Self(Some(socket)),
            Err(error) => {
                tracing::warn!(%error, "the socket `{place}` of NOTIFY_SOCKET cannot be reached");
                Self(None)
            }
        }
    }

    /// Everything is open; also the end of a reload, whether or not it changed something.
    pub(super) fn ready(&self) {
        self.tell("READY=1");
    }

    /// The configuration is read again, or another process is about to take over.
    pub(super) fn reloading(&self) {
        self.tell("RELOADING=1");
    }

    /// The end has begun.
    pub(super) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// Another process is the service's from now on.
    pub(super) fn main_process(&self, id: u32) {
        self.tell(&format!("MAINPID={id}"));
    }

    /// Tells every so often that the program is alive, where systemd asks for it and as long as what
    /// is returned is held.
    pub(super) fn watched(self: &Arc<Self>) -> JoinSet<()> {
        let mut telling = JoinSet::new();
        let (us, whose) = (environment("WATCHDOG_USEC"), environment("WATCHDOG_PID"));
        if let Some(every) = watchdog(us.as_deref(), whose.as_deref(), std::process::id()) {
            let notify = Arc::clone(self);
            telling.spawn(async move { notify.keep_alive(every).await });
        }
        telling
    }

    /// For ever.
    async fn keep_alive(&self, every: Duration) {
        loop {
            self.tell("WATCHDOG=1");
            tokio::time::sleep(every).await;
        }
    }

    fn tell(&self, state: &str) {
        if let Some(socket) = &self.0
            && let Err(error) = socket.send(state.as_bytes())
        {
            tracing::warn!(%error, "NOTIFY_SOCKET could not be told {state}");
        }
    }
}

fn connect(place: &str) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    match place.strip_prefix('@') {
        Some(name) => connect_abstract(&socket, name)?,
        None => socket.connect(Path::new(place))?,
    }
    socket.set_write_timeout(Some(LONGEST))?;
    Ok(socket)
}

#[cfg(target_os = "linux")]
fn connect_abstract(socket: &UnixDatagram, name: &str) -> io::Result<()> {
    use std::os::linux::net::SocketAddrExt as _;
    socket.connect_addr(&std::os::unix::net::SocketAddr::from_abstract_name(name)?)
}

#[cfg(not(target_os = "linux"))]
fn connect_abstract(_: &UnixDatagram, _: &str) -> io::Result<()> {
    Err(io::Error::new(io::ErrorKind::Unsupported, "this system has no abstract sockets"))
}

/// How often to tell that the program is alive: twice in the time after which systemd takes it for
/// dead (`WATCHDOG_USEC`), if it means this process (`WATCHDOG_PID`).
fn watchdog(us: Option<&str>, whose: Option<&str>, own: u32) -> Option<Duration> {
    let us: u64 = us?.parse().ok()?;
    let ours = whose.is_none_or(|whose| whose.parse::<u32>() == Ok(own));
    (ours && us > 1).then(|| Duration::from_micros(us / 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_watchdog_is_told_twice_in_its_time_and_only_of_the_process_it_means() {
        for (us, whose, every) in [
            (Some("30000000"), Some("7"), Some(15_000)),
            (Some("30000000"), None, Some(15_000)),
            (Some("30000000"), Some("8"), None),
            (Some("30000000"), Some("x"), None),
            (Some("0"), None, None),
            (Some("often"), None, None),
            (None, Some("7"), None),
        ] {
            let found = watchdog(us, whose, 7).map(|every| every.as_millis());
            assert_eq!(found, every, "{us:?} {whose:?}");
        }
    }

    #[test]
    fn what_is_told_arrives_at_a_path() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("notify");
        let socket = UnixDatagram::bind(&path).unwrap();
        let notify = Notify::open(Some(path.to_str().unwrap().to_owned()));
        notify.ready();
        notify.main_process(7);
        assert_eq!([received(&socket), received(&socket)], ["READY=1", "MAINPID=7"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn what_is_told_arrives_at_an_abstract_name() {
        use std::os::linux::net::SocketAddrExt as _;
        let name = format!("gatepost-test-{}", std::process::id());
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        Notify::open(Some(format!("@{name}"))).stopping();
        assert_eq!(received(&socket), "STOPPING=1");
    }

    #[test]
    fn nobody_who_asks_or_listens_is_no_failure() {
        for place in [None, Some(String::new()), Some("/nowhere/at/all".to_owned())] {
            let notify = Notify::open(place);
            assert!(notify.0.is_none());
            notify.ready();
        }
    }

    fn received(socket: &UnixDatagram) -> String {
        let mut bytes = [0; 64];
        let count = socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    }
}
