//! Finding the addresses of a name.
//!
//! The system's name service is asked on a thread that it may hold for many seconds, whoever waits.
//! So a name is asked for once at a time, whoever wants it, and only so many names at once: a
//! receiver whose name service is silent holds one thread, and not those that the store reads on.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, LazyLock};

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use parking_lot::Mutex;
use tokio::sync::{Semaphore, oneshot};
use tokio_util::task::TaskTracker;

/// How many names are asked for at once; the runtime has 512 threads for what blocks.
const NAMES_MAX: usize = 64;

/// Finds the addresses of a name.
pub trait Resolver: Send + Sync {
    /// The addresses a name has now.
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>>;
}

/// The system's own name service.
#[derive(Debug, Clone, Copy)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> BoxFuture<'a, io::Result<Vec<SocketAddr>>> {
        let found =
            UNDER_WAY.ask(host, port, |host, port| Ok((host, port).to_socket_addrs()?.collect()));
        async move { found.await.map_err(|(kind, text)| io::Error::new(kind, text)) }.boxed()
    }
}

/// An answer that many can have.
type Found = Result<Vec<SocketAddr>, (io::ErrorKind, String)>;
type LookUp = Shared<BoxFuture<'static, Found>>;
type Table = Arc<Mutex<HashMap<(String, u16), LookUp>>>;

static UNDER_WAY: LazyLock<UnderWay> = LazyLock::new(|| UnderWay::new(NAMES_MAX));

/// The look-ups under way. None outlives its answer, so that no answer is used twice.
struct UnderWay {
    table: Table,
    places: Arc<Semaphore>,
    /// Where they run, whoever waits: one that nobody waits for any more must still come to its
    /// end, and give up its place. Nobody waits for all of them, for the system cannot be hurried
    /// and nothing is lost with an answer.
    tracker: TaskTracker,
}

impl UnderWay {
    fn new(names_max: usize) -> Self {
        let (table, tracker) = (Table::default(), TaskTracker::new());
        Self { table, places: Arc::new(Semaphore::new(names_max)), tracker }
    }

    /// Joins the look-up of this name, or begins one with `look`, which may block.
    fn ask<F>(&self, host: &str, port: u16, look: F) -> LookUp
    where
        F: FnOnce(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + 'static,
    {
        let key = (host.to_owned(), port);
        let mut table = self.table.lock();
        if let Some(under_way) = table.get(&key) {
            return under_way.clone();
        }
        let (tell, told) = oneshot::channel();
        let look_up = told.map(|found| found.unwrap_or_else(|_| interrupted())).boxed().shared();
        table.insert(key.clone(), look_up.clone());
        // A runtime that is ending drops the task at once, and the entry locks the table.
        drop(table);
        let entry = Entry { key, table: Arc::clone(&self.table) };
        let places = Arc::clone(&self.places);
        self.tracker.spawn(async move {
            let place = places.acquire_owned().await.expect("nobody closes it");
            let asked = tokio::task::spawn_blocking(move || {
                // Both are held until the system answers.
                let (_place, entry) = (place, entry);
                let (host, port) = &entry.key;
                look(host, *port).map_err(|error| (error.kind(), error.to_string()))
            });
            let found = asked.await.unwrap_or_else(|_| interrupted());
            // Whoever asked may have gone.
            tell.send(found).ok();
        });
        look_up
    }
}

fn interrupted() -> Found {
    Err((io::ErrorKind::Interrupted, "interrupted".to_owned()))
}

/// A look-up's place in the table; it ends with the answer.
struct Entry {
    key: (String, u16),
    table: Table,
}

impl Drop for Entry {
    fn drop(&mut self) {
        // Taken out before it is dropped: what is in it may be the last of its kind, and lock again.
        let ended = self.table.lock().remove(&self.key);
        drop(ended);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    fn address(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_name_is_asked_for_once_at_a_time_and_anew_after_its_answer() {
        let under_way = UnderWay::new(4);
        let asked = Arc::new(AtomicUsize::new(0));
        let (let_go, hold) = mpsc::channel();
        let counting = Arc::clone(&asked);
        let first = under_way.ask("a", 1, move |_, port| {
            counting.fetch_add(1, Ordering::SeqCst);
            hold.recv().unwrap();
            Ok(vec![address(port)])
        });
        let joined = under_way.ask("a", 1, |_, _| Err(io::Error::other("a second look-up")));
        let both = async { tokio::join!(first, joined) };
        let (found, ()) = tokio::join!(both, async {
            testkit::until("it was asked", async || {
                (asked.load(Ordering::SeqCst) == 1).then_some(())
            })
            .await;
            let_go.send(()).unwrap();
        });
        assert_eq!(found, (Ok(vec![address(1)]), Ok(vec![address(1)])));
        testkit::until("the table is empty", async || {
            under_way.table.lock().is_empty().then_some(())
        })
        .await;
        let anew = under_way.ask("a", 1, |_, _| Ok(vec![address(7)])).await;
        assert_eq!(anew, Ok(vec![address(7)]));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_silent_name_service_holds_one_place_though_nobody_waits() {
        let under_way = UnderWay::new(2);
        let (let_go, hold) = mpsc::channel::<()>();
        let silent = under_way.ask("silent", 1, move |_, _| {
            hold.recv().ok();
            Ok(vec![])
        });
        // Whoever asked gives up; the thread is still held, and asked nothing again.
        assert!(silent.now_or_never().is_none());
        testkit::until("it is being asked", async || {
            let again = under_way.ask("silent", 1, |_, _| Err(io::Error::other("again")));
            assert!(again.now_or_never().is_none());
            (under_way.places.available_permits() == 1).then_some(())
        })
        .await;
        assert_eq!(under_way.ask("other", 1, |_, _| Ok(vec![])).await, Ok(vec![]));
        drop(let_go);
        testkit::until("its place is free", async || {
            (under_way.places.available_permits() == 2).then_some(())
        })
        .await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_look_up_that_waits_for_a_place_gives_it_up_though_nobody_waits() {
        let under_way = UnderWay::new(1);
        let (let_go, hold) = mpsc::channel::<()>();
        let silent = under_way.ask("silent", 1, move |_, _| {
            hold.recv().ok();
            Ok(vec![])
        });
        assert!(silent.now_or_never().is_none());
        testkit::until("it has the place", async || {
            (under_way.places.available_permits() == 0).then_some(())
        })
        .await;
        let queued = under_way.ask("queued", 1, |_, _| Ok(vec![]));
        assert!(queued.now_or_never().is_none());
        drop(let_go);
        let third = under_way.ask("third", 1, |_, _| Ok(vec![address(3)]));
        let third = tokio::time::timeout(std::time::Duration::from_secs(5), third).await;
        assert_eq!(third, Ok(Ok(vec![address(3)])));
        testkit::until("all places are free", async || {
            let free = under_way.places.available_permits() == 1;
            (free && under_way.table.lock().is_empty()).then_some(())
        })
        .await;
    }
}
