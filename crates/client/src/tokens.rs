//! One token for many callers: asked for by one request at a time, kept, and renewed beside them.
//!
//! The request runs by itself, whoever waits: a caller gives up at its own bound, and the token that
//! comes later is there for the next one. While a token is good nobody waits for another.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_channel::oneshot;
use futures_util::FutureExt as _;
use futures_util::future::Shared;

use crate::cache::{Again, Cache, Look};
use crate::{BoxFuture, Clock, Spawn, Token};

/// Asks for a token, each time it is called.
pub trait Ask: Send + Sync + 'static {
    /// Why there is none; shared by all who wait.
    type Error: Clone + Send + Sync + 'static;

    /// One request, bounded in time and size by whoever makes it.
    fn ask(&self) -> BoxFuture<'_, Result<Token, Self::Error>>;

    /// The error of a request whose task was ended before it had an answer.
    fn interrupted(&self) -> Self::Error;
}

/// One token, shared. Cheap to clone; the clones share it too.
pub struct Tokens<A: Ask>(Arc<Inner<A>>);

struct Inner<A: Ask> {
    ask: A,
    clock: Arc<dyn Clock>,
    spawn: Arc<dyn Spawn>,
    state: Mutex<State<A::Error>>,
}

struct State<E> {
    cache: Cache<E>,
    /// The last request, ended or not.
    request: Option<Flight<E>>,
}

type Fetched<E> = Result<Token, E>;
/// A request under way that many wait for.
type Flight<E> = Shared<BoxFuture<'static, Fetched<E>>>;
type Task = BoxFuture<'static, ()>;

enum Found<E> {
    AtHand(Fetched<E>),
    UnderWay(Flight<E>),
}

impl<A: Ask> Tokens<A> {
    /// Without a token yet; the first caller asks for one.
    pub fn new(ask: A, clock: Arc<dyn Clock>, spawn: Arc<dyn Spawn>) -> Self {
        let state = Mutex::new(State { cache: Cache::default(), request: None });
        Self(Arc::new(Inner { ask, clock, spawn, state }))
    }

    /// What asks for tokens.
    pub fn asker(&self) -> &A {
        &self.0.ask
    }

    /// A good token: the one at hand, or the next one. An error is that of the request that many
    /// waited for, or of one not a second ago.
    pub async fn token(&self) -> Result<Token, A::Error> {
        match self.find() {
            Found::AtHand(fetched) => fetched,
            Found::UnderWay(flight) => flight.await,
        }
    }

    /// Tells that an API refused this token. Says whether another one is worth a try.
    pub fn refused(&self, sent: &str) -> Again {
        let now_ms = self.0.clock.now_ms();
        self.0.state().cache.refuse(sent, now_ms)
    }

    fn find(&self) -> Found<A::Error> {
        let now_ms = self.0.clock.now_ms();
        let mut task = None;
        let found = {
            let mut state = self.0.state();
            match state.cache.look(now_ms) {
                Look::Use(token) => Found::AtHand(Ok(token)),
                Look::Failed(error) => Found::AtHand(Err(error)),
                Look::Renew(token) => {
                    drop(self.flight(&mut state, &mut task));
                    Found::AtHand(Ok(token))
                }
                Look::Ask => Found::UnderWay(self.flight(&mut state, &mut task)),
            }
        };
        // Behind the lock, for nobody knows what a runtime does at this moment.
        if let Some(task) = task {
            self.0.spawn.spawn(task);
        }
        found
    }

    /// The request under way, or a new one with its task.
    fn flight(&self, state: &mut State<A::Error>, task: &mut Option<Task>) -> Flight<A::Error> {
        if let Some(under_way) = state.request.as_ref().filter(|flight| flight.peek().is_none()) {
            return under_way.clone();
        }
        let (tell, told) = oneshot::channel::<Fetched<A::Error>>();
        let interrupted = self.0.ask.interrupted();
        let flight = told.map(move |fetched| fetched.unwrap_or(Err(interrupted)));
        let flight: BoxFuture<'static, Fetched<A::Error>> = Box::pin(flight);
        let flight = flight.shared();
        state.request = Some(flight.clone());
        let inner = Arc::clone(&self.0);
        *task = Some(Box::pin(async move {
            let fetched = inner.ask.ask().await;
            inner.keep(&fetched);
            // Those who waited may have gone.
            tell.send(fetched).ok();
        }));
        flight
    }
}

impl<A: Ask> Inner<A> {
    fn keep(&self, fetched: &Fetched<A::Error>) {
        let now_ms = self.clock.now_ms();
        let mut state = self.state();
        state.request = None;
        state.cache.keep(fetched, now_ms);
    }

    /// A panic elsewhere leaves nothing half done here.
    fn state(&self) -> MutexGuard<'_, State<A::Error>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<A: Ask> Clone for Tokens<A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A: Ask> fmt::Debug for Tokens<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens")
    }
}
