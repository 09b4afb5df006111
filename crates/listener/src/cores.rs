//! One thread and one single-threaded runtime per core; connections go to the least loaded.
//!
//! A partner has few connections, and `SO_REUSEPORT` hashes blindly: four connections land on one
//! core one time in eight. So one acceptor hands each socket to the core with the fewest open ones,
//! and everything of a connection, its upstream sockets included, stays on its core.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio_util::task::TaskTracker;

use crate::accept::{Door, Handler, Open, accept, drain};
use crate::connection::{Context, connection};
use crate::room::{Addresses, Full};

/// Sockets that may wait for their core.
const HANDED_MAX: usize = 1024;

struct Core {
    sockets: mpsc::Sender<(std::net::TcpStream, SocketAddr, Open)>,
    open: Arc<AtomicUsize>,
    thread: std::thread::JoinHandle<()>,
}

/// Serves a door on `count` cores until it is stopped, then lets requests under way end. `make`
/// gives each core its own handler.
pub async fn serve_on_cores<H: Handler>(
    door: Door,
    count: usize,
    make: impl Fn(usize) -> H,
) -> std::io::Result<()> {
    let cores = (0..count.max(1))
        .map(|number| start(number, make(number), &door))
        .collect::<std::io::Result<Vec<_>>>()?;
    let most = (door.limits.connections_max / cores.len()).max(1);
    let addresses = Addresses::of(&door);
    accept(&door, |stream, peer| {
        let core = cores.iter().min_by_key(|core| core.open.load(Ordering::Relaxed));
        let core = core.ok_or(Full::Door)?;
        let place = addresses.take(peer.ip()).ok_or(Full::Address)?;
        let open = Open::new(&door, place, Arc::clone(&core.open), most)?;
        let stream = stream.into_std().map_err(|_| Full::Door)?;
        core.sockets.try_send((stream, peer, open)).map_err(|_| Full::Door)
    })
    .await;
    // Whoever connects from here on is refused at once and goes elsewhere; where another process
    // has the socket too, it waits for that one.
    drop(door.listener);
    let threads: Vec<_> = cores.into_iter().map(|core| core.thread).collect();
    let joined = tokio::task::spawn_blocking(move || {
        threads.into_iter().all(|thread| thread.join().is_ok())
    });
    if !joined.await.unwrap_or(false) {
        tracing::error!("a core's thread ended in a panic");
    }
    Ok(())
}

fn start<H: Handler>(number: usize, handler: H, door: &Door) -> std::io::Result<Core> {
    let (sockets, mut handed) = mpsc::channel(HANDED_MAX);
    let open = Arc::new(AtomicUsize::new(0));
    let tracker = TaskTracker::new();
    let (context, longest) = (Context::of(door, tracker.clone()).alone(), door.limits.drain);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let thread = std::thread::Builder::new().name(format!("core-{number}")).spawn(move || {
        runtime.block_on(async move {
            while let Some((stream, peer, open)) = handed.recv().await {
                let stream: std::net::TcpStream = stream;
                let Ok(stream) = TcpStream::from_std(stream) else { continue };
                let served = connection(stream, peer, handler.clone(), context.clone());
                tracker.spawn(async move {
                    served.await;
                    drop(open);
                });
            }
            drain(&tracker, longest).await;
        });
    })?;
    Ok(Core { sockets, open, thread })
}
