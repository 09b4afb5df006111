//! The doors' listening sockets: opened here, or inherited from systemd or from the process that
//! this one follows.
//!
//! The way is systemd's (`sd_listen_fds(3))`: `LISTEN_FDS` says how many, `LISTEN_FDNAMES` which is
//! which, `LISTEN_PID` for whom. Whoever hands sockets over decides their addresses; `listen` of the
//! configuration is for the doors that nobody handed over.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::net::UnixStream;

use anyhow::{Context as _, bail};
use listener::bind;
use listenfd::ListenFd;
use tokio::net::TcpListener;

use crate::config::Environment;

/// The doors.
pub(super) const PUBLIC: &str = "public";
pub(super) const INTERNAL: &str = "internal";
pub(super) const ADMIN: &str = "admin";
/// What joins a process with the one it follows.
pub(super) const PREDECESSOR: &str = "predecessor";
/// What may be handed over.
const NAMES: [&str; 4] = [PUBLIC, INTERNAL, ADMIN, PREDECESSOR];

/// What this process was handed over when it was started.
#[derive(Debug, Default)]
pub struct Inherited {
    sockets: BTreeMap<&'static str, std::net::TcpListener>,
    /// The process before, if this one takes over from it.
    pub(super) predecessor: Option<UnixStream>,
}

impl Inherited {
    /// Takes what the environment names. Takes it out of the environment too, so that no child gets
    /// it: call this once, before there are other threads.
    pub fn take(environment: Environment<'_>) -> anyhow::Result<Self> {
        let mut given = ListenFd::from_env();
        let names = environment("LISTEN_FDNAMES").unwrap_or_default();
        let mut taken = Self::default();
        for (index, name) in names_of(&names, given.len())?.into_iter().enumerate() {
            let kind = || format!("the socket handed over as `{name}` is of another kind");
            if name == PREDECESSOR {
                let stream = given.take_unix_listener(index).with_context(kind)?;
                // The library knows no connected sockets; it has looked at the family and the type.
                taken.predecessor = stream.map(|stream| UnixStream::from(OwnedFd::from(stream)));
            } else if let Some(socket) = given.take_tcp_listener(index).with_context(kind)? {
                taken.sockets.insert(name, socket);
            }
        }
        Ok(taken)
    }
}

/// Which sockets were handed over, in their order. One alone whose name is none of ours is the
/// public door: systemd calls it by its unit where the unit names nothing.
fn names_of(names: &str, count: usize) -> anyhow::Result<Vec<&'static str>> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let mut known = Vec::new();
    for given in names.split(':') {
        match NAMES.into_iter().find(|name| *name == given) {
            Some(name) if known.contains(&name) => {
                bail!("two sockets are handed over as `{name}`; each door has one")
            }
            Some(name) => known.push(name),
            None if count == 1 => known.push(PUBLIC),
            None => bail!(
                "a socket is handed over as `{given}`; name each with FileDescriptorName=public, \
                 internal or admin"
            ),
        }
    }
    if known.len() != count {
        bail!("LISTEN_FDS has {count} sockets and LISTEN_FDNAMES {} names; name each", known.len());
    }
    Ok(known)
}

/// The doors' sockets, and a second handle of each for the process that follows.
#[derive(Debug)]
pub(super) struct Sockets {
    inherited: BTreeMap<&'static str, std::net::TcpListener>,
    open: Vec<(&'static str, OwnedFd)>,
}

/// An open socket and where it listens.
pub(super) struct Opened {
    pub(super) listener: TcpListener,
    pub(super) address: SocketAddr,
}

impl Sockets {
    pub(super) fn new(inherited: Inherited) -> Self {
        Self { inherited: inherited.sockets, open: Vec::new() }
    }

    /// The socket of a door: the inherited one, else one that is opened where the configuration says.
    pub(super) fn open(
        &mut self,
        name: &'static str,
        configured: SocketAddr,
    ) -> anyhow::Result<Opened> {
        let cannot = || {
            format!(
                "the {name} door cannot listen on {configured}; is something else there? Set \
                 listen.{name}"
            )
        };
        let inherited = self.inherited.remove(name);
        let listener = match inherited {
            Some(socket) => adopt(socket),
            None => bind(configured),
        };
        let listener = listener.with_context(cannot)?;
        let address = listener.local_addr().with_context(cannot)?;
        if address != configured {
            tracing::warn!(%address, "the {name} door listens where its socket was handed over, and not at {configured}, which `listen` says");
        }
        let second = listener.as_fd().try_clone_to_owned().with_context(cannot)?;
        self.open.push((name, second));
        Ok(Opened { listener, address })
    }

    /// A further handle of each.
    pub(super) fn handles(&self) -> std::io::Result<Vec<(&'static str, OwnedFd)>> {
        self.open.iter().map(|(name, socket)| Ok((*name, socket.try_clone()?))).collect()
    }
}

fn adopt(socket: std::net::TcpListener) -> std::io::Result<TcpListener> {
    socket.set_nonblocking(true)?;
    TcpListener::from_std(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_known_by_their_names() {
        let check = |names: &str, count: usize, expected: &[&str]| {
            assert_eq!(names_of(names, count).unwrap(), expected, "{names:?} {count}");
        };
        check("public:internal:admin", 3, &["public", "internal", "admin"]);
        check("admin:public:predecessor", 3, &["admin", "public", "predecessor"]);
        check("admin", 1, &["admin"]);
        // A single one that is not named after a door is the public one.
        for unnamed in ["", "unknown", "gatepost.socket"] {
            check(unnamed, 1, &["public"]);
        }
        // Names that were left by somebody else.
        check("public:admin", 0, &[]);
    }

    #[test]
    fn sockets_that_cannot_be_told_apart_are_refused() {
        for (names, count, reason) in [
            ("public:public", 2, "two sockets are handed over as `public`"),
            ("public:unknown", 2, "handed over as `unknown`; name each with FileDescriptorName"),
            ("gatepost.socket:gatepost.socket", 2, "handed over as `gatepost.socket`"),
            ("", 2, "handed over as ``"),
            ("public:admin", 3, "3 sockets and LISTEN_FDNAMES 2 names"),
            ("public:admin", 1, "1 sockets and LISTEN_FDNAMES 2 names"),
        ] {
            let refused = names_of(names, count).unwrap_err().to_string();
            assert!(refused.contains(reason), "{names:?} {count}: {refused}");
        }
    }
}
