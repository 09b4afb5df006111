//! `Idempotency-Key` (draft-ietf-httpapi-idempotency-key-header-07): a request that is sent again
//! under its key is carried out once, and its answer is given again.
//!
//! It is written down before it is forwarded, and its answer before the last byte is given, so that
//! whoever has an answer gets the same one again. A request under a key goes on when its caller has
//! gone: that caller will be back for the answer. A key is one of a caller and a route. Who calls is
//! the token's client, else the API key's name, else the address: whoever shows nothing else must not
//! be given what another address was answered.

mod gather;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use bytes::Bytes;
use http::header::{CONTENT_LENGTH, DATE, TRAILER};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use listener::{Body, Incoming, Peer};
use model::{IdempotencyRule, idempotency_key};
use parking_lot::Mutex;
use store::{AnswerBounds, AnswerContent, AnswerKey, Beginning, KeptAnswer, Store};
use tokio_util::task::TaskTracker;

use crate::body::Given;
use crate::checks::{Admission, Admitted, Now, plan::Rated};
use crate::denial::Denial;
use crate::forward::Answered;
use crate::headers::Call;
use crate::record::Recorder;
use crate::routes::Found;
use crate::{Core, Refusal, Reply};

/// The longest key, in characters.
const KEY_MAX: usize = 255;
/// The largest body of a request under a key: it is held until all of it is there.
const BODY_BYTES_MAX: u64 = 1 << 20;
/// The largest answer that is kept, head and body.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// A request that has begun is over so long after its route's timeout: the time between writing it
/// down and forwarding it.
const MARGIN_MS: i64 = 10_000;
/// What is kept of a partner's answers: somewhat more than one key a second for a day, and answers
/// of 2.6 KiB for each of them.
const BOUNDS: AnswerBounds = AnswerBounds { keys: 100_000, bytes: 256 << 20 };

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Says that an answer is one that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The requests under a key that this program is carrying out, and what they ask. What the store
/// takes for under way and is not here was begun by a program that has ended.
#[derive(Default)]
pub struct Running(Mutex<HashMap<AnswerKey, [u8; 32]>>);

impl Running {
    fn enter(self: &Arc<Self>, key: &AnswerKey, fingerprint: [u8; 32]) -> Result<Place, Denial> {
        let mut running = self.0.lock();
        match running.get(key) {
            Some(known) if *known != fingerprint => Err(Denial::IdempotencyKeyReused),
            Some(_) => Err(Denial::IdempotencyInFlight),
            None => {
                running.insert(key.clone(), fingerprint);
                Ok(Place { running: Arc::clone(self), key: key.clone() })
            }
        }
    }
}

/// A request's place among those that run; free again when dropped.
struct Place {
    running: Arc<Running>,
    key: AnswerKey,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.running.0.lock().remove(&self.key);
    }
}

/// An admitted request under a key.
pub(crate) struct Keyed {
    pub(crate) parts: Parts,
    pub(crate) found: Found,
    pub(crate) rated: Rated,
    pub(crate) now: Now,
    /// The key as the caller means it.
    pub(crate) key: String,
}

/// What became of a request under a key that wanted to begin.
enum Outset {
    /// Nobody has carried it out: its body, and the duty to say what comes of it.
    Fresh(Bytes, Keeping),
    /// It was carried out before.
    Again(Response<Body>),
}

/// The key of a request, where its route looks at it. Methods that change nothing have none.
pub(crate) fn key_of(parts: &Parts, found: &Found) -> Result<Option<String>, Denial> {
    let rule = found.route().idempotency;
    let changes =
        matches!(parts.method, Method::POST | Method::PATCH | Method::PUT | Method::DELETE);
    if rule == IdempotencyRule::None || !changes {
        return Ok(None);
    }
    let mut values = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(value) = values.next() else {
        return match rule {
            IdempotencyRule::Required => Err(Denial::IdempotencyKeyMissing),
            IdempotencyRule::None | IdempotencyRule::Optional => Ok(None),
        };
    };
    let read = match (value.to_str(), values.next()) {
        (_, Some(_)) => Err("is there more than once"),
        (Err(_), None) => Err("has a character other than visible ASCII"),
        (Ok(text), None) => idempotency_key(text, KEY_MAX),
    };
    read.map(Some).map_err(|reason| Denial::IdempotencyKeyInvalid { reason })
}

impl Core {
    /// Answers a request under a key: as it was answered before, or else by carrying it out.
    pub(crate) async fn answer_once(
        &self,
        keyed: Keyed,
        body: Incoming,
        peer: &Peer,
        slot: &mut Option<Box<Recorder>>,
    ) -> Result<Reply, Refusal> {
        let outset = self.begin(&keyed, body, peer, slot).await;
        let Keyed { parts, found, rated, now, .. } = keyed;
        let (body, keeping) = match outset {
            Ok(Outset::Fresh(body, keeping)) => (body, keeping),
            Ok(Outset::Again(mut response)) => {
                if let Some(limits) = rated.limits(now.at) {
                    limits.add_to(response.headers_mut());
                }
                if let Some(recorder) = slot.as_mut() {
                    recorder.admitted(rated.admitted());
                    recorder.replayed();
                }
                crate::checks::proof::offer_nonce(rated.admitted(), response.headers_mut());
                crate::add_request_id(&found, slot.as_deref(), response.headers_mut());
                return Ok(Reply::Whole(response));
            }
            Err(denial) => {
                let limits = rated.limits(now.at).map(Box::new);
                return Err(Refusal { limits, ..found.refusal(denial) });
            }
        };
        // From here on it costs a part of the quota, which an answer that is given again does not.
        let (admission, held) = match rated.debit(&self.world.store, &peer.tasks, now.at).await {
            Ok(debited) => debited,
            Err(denial) => {
                keeping.release().await;
                return Err(found.refusal(denial));
            }
        };
        let Some(mut recorder) = slot.take() else { return Err(Refusal::bare(Denial::Forgotten)) };
        recorder.admitted(admission.admitted());
        recorder.hold(held);
        let going = Going { upstreams: self.upstreams.clone(), parts, found, admission };
        // A task of its own: the caller may go, and the request is carried out to its end.
        let task = going.carry_out((body, keeping), peer.clone(), recorder);
        let Ok(gone) = peer.tasks.spawn(task).await else {
            return Err(Refusal::bare(Denial::Forgotten));
        };
        let Gone { recorder, found, mut admission, answered } = gone;
        *slot = recorder;
        let mut response = answered.map_err(|denial| Refusal {
            limits: admission.limits().map(Box::new),
            ..found.refusal(denial)
        })?;
        admission.add_limits(response.headers_mut());
        crate::checks::proof::offer_nonce(admission.admitted(), response.headers_mut());
        crate::add_request_id(&found, slot.as_deref(), response.headers_mut());
        Ok(Reply::Whole(response))
    }

    /// Reads the body, and writes down that the request begins, if none has under its key.
    async fn begin(
        &self,
        keyed: &Keyed,
        body: Incoming,
        peer: &Peer,
        slot: &mut Option<Box<Recorder>>,
    ) -> Result<Outset, Denial> {
        let Some(recorder) = slot.as_mut() else { return Err(Denial::Forgotten) };
        let (api, route) = (&keyed.found.api.api, keyed.found.route());
        let bytes_max = route.body_bytes_max.unwrap_or(api.body_bytes_max).min(BODY_BYTES_MAX);
        let timeout_ms = route.timeout_ms.unwrap_or(api.timeout_ms);
        let body = Given::Coming(body).whole(bytes_max, timeout_ms, recorder).await?;
        let key = answer_key(keyed, recorder.address());
        let fingerprint = fingerprint(&keyed.parts, &body);
        let place = self.world.running.enter(&key, fingerprint)?;
        let request = recorder.request_id().to_str().unwrap_or_default().to_owned();
        let now = self.world.clock.now();
        let lease_ms = i64::try_from(timeout_ms).unwrap_or(i64::MAX).saturating_add(MARGIN_MS);
        let mut keeping = Keeping {
            store: Arc::clone(&self.world.store),
            tasks: peer.tasks.clone(),
            key: key.clone(),
            request: request.clone(),
            place: Some(place),
            left_alone: false,
        };
        let until = now.plus_ms(lease_ms);
        let beginning = Beginning { key, fingerprint, request, now, until };
        let begun = self.world.store.begin_answer(beginning, BOUNDS).await;
        let begun =
            begun.map_err(|error| Denial::StoreUnavailable { reason: error.to_string() })?;
        if begun == store::Begun::Fresh {
            return Ok(Outset::Fresh(body, keeping));
        }
        // What is written down there is another request's.
        keeping.left_alone = true;
        match begun {
            store::Begun::Answered(kept) => again(kept).map(Outset::Again),
            store::Begun::UnderWay { until } => {
                let wait = Duration::from_millis(until.since_ms(now).unsigned_abs());
                Err(Denial::IdempotencyUnknown { wait })
            }
            store::Begun::Different => Err(Denial::IdempotencyKeyReused),
            store::Begun::Fresh => Err(Denial::Forgotten),
        }
    }
}

/// A request on its way, with all it needs when its caller has gone.
struct Going {
    upstreams: crate::upstreams::Upstreams,
    parts: Parts,
    found: Found,
    admission: Admission,
}

/// What is left of it when its answer's head is there.
struct Gone {
    recorder: Option<Box<Recorder>>,
    found: Found,
    admission: Admission,
    answered: Result<Response<Body>, Denial>,
}

impl Going {
    async fn carry_out(
        self,
        (body, mut keeping): (Bytes, Keeping),
        peer: Peer,
        recorder: Box<Recorder>,
    ) -> Gone {
        let Self { upstreams, parts, found, admission } = self;
        let mut slot = Some(recorder);
        // Whether the service has carried it out is not known from here on, until it says so.
        keeping.left_alone = true;
        let call = Call { parts: &parts, found: &found, admission: &admission, peer: &peer };
        let sent = crate::serve(&upstreams, call, (Given::Whole(body), None), &mut slot).await;
        let answered = match sent {
            Ok(Answered::Coming(response)) => {
                Ok(gather::gather(response.map(Body::new), keeping).await)
            }
            Ok(Answered::Whole(response)) => Ok(gather::gather(response, keeping).await),
            // Nobody asked for another protocol.
            Ok(Answered::Upgraded(_)) => Err(Denial::Forgotten),
            Err(denial) => {
                keeping.release().await;
                Err(denial)
            }
        };
        Gone { recorder: slot, found, admission, answered }
    }
}

/// The duty to say what comes of a request that has begun. Dropped before it was forwarded, it
/// releases the key.
struct Keeping {
    store: Arc<dyn Store>,
    tasks: TaskTracker,
    key: AnswerKey,
    request: String,
    place: Option<Place>,
    /// Whether what is written down stays as it is when this is dropped.
    left_alone: bool,
}

impl Keeping {
    /// Nothing was carried out, or nothing that is worth keeping: the key is free again.
    async fn release(mut self) {
        released(&*self.store, self.key.clone(), self.request.clone()).await;
        self.left_alone = true;
    }

    /// Keeps what was answered; the key's place is free when it is on disk.
    async fn keep(self, kept: KeptAnswer) {
        let (key, request) = (self.key.clone(), self.request.clone());
        if let Err(error) = self.store.keep_answer(key, request, kept, BOUNDS).await {
            tracing::error!(
                %error,
                request_id = %self.request,
                "an answer could not be kept; who repeats its request is told that nothing is known"
            );
        }
    }
}

impl Drop for Keeping {
    fn drop(&mut self) {
        if self.left_alone {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (store, place) = (Arc::clone(&self.store), self.place.take());
        let (key, request) = (self.key.clone(), self.request.clone());
        let releasing = async move {
            released(&*store, key, request).await;
            drop(place);
        };
        self.tasks.spawn_on(releasing, &runtime);
    }
}

async fn released(store: &dyn Store, key: AnswerKey, request: String) {
    if let Err(error) = store.release_answer(key, request).await {
        tracing::error!(%error, "a key stays taken until its request's time is over");
    }
}

/// Under what a request is known: its route and key, and who calls.
fn answer_key(keyed: &Keyed, address: IpAddr) -> AnswerKey {
    let admitted: &Admitted = keyed.rated.admitted();
    let at = address.to_string();
    let who = match (admitted.token(), admitted.key()) {
        // The same id is another client at another issuer.
        (Some(token), _) => ["client", token.iss.as_str(), token.client_id.as_str()],
        (None, Some(entry)) => ["key", entry.partner.name.as_str(), entry.name.as_str()],
        (None, None) => ["address", at.as_str(), ""],
    };
    let found = &keyed.found;
    let place = [found.api.api.name.as_str(), found.key(), keyed.key.as_str()];
    let texts = who.iter().chain(&place).copied().map(str::as_bytes);
    let partner = admitted.partner().map(|partner| partner.name.to_string());
    AnswerKey { partner: partner.unwrap_or_default(), digest: digest(texts) }
}

/// What a request asks, in short.
fn fingerprint(parts: &Parts, body: &Bytes) -> [u8; 32] {
    let (path, query) = (parts.uri.path(), parts.uri.query().unwrap_or_default());
    let method = parts.method.as_str();
    digest([method.as_bytes(), path.as_bytes(), query.as_bytes(), &body[..]].into_iter())
}

/// A digest of texts one behind the other, their lengths included: none can lend to its neighbour.
fn digest<'a>(texts: impl Iterator<Item = &'a [u8]>) -> [u8; 32] {
    let mut context = Context::new(&SHA256);
    for text in texts {
        context.update(&(text.len() as u64).to_be_bytes());
        context.update(text);
    }
    let mut digest = [0; 32];
    digest.copy_from_slice(context.finish().as_ref());
    digest
}

/// An answer that was kept, as it is given again.
fn again(kept: KeptAnswer) -> Result<Response<Body>, Denial> {
    let Some(AnswerContent { head, body }) = kept.content else {
        return Err(Denial::IdempotencyNotKept { status: kept.status });
    };
    let mut response = Response::new(listener::full(body));
    *response.status_mut() = StatusCode::from_u16(kept.status).map_err(|_| Denial::Forgotten)?;
    *response.headers_mut() = headers_of(&head);
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

/// The headers of an answer in the form they are kept in: `name:value`, a line each. Neither has a
/// line's end in it. Left out is what is said anew of each message.
fn head_of(headers: &HeaderMap) -> Vec<u8> {
    let mut head = Vec::with_capacity(512);
    for (name, value) in headers {
        if [CONTENT_LENGTH, DATE, TRAILER].contains(name) {
            continue;
        }
        head.extend_from_slice(name.as_str().as_bytes());
        head.push(b':');
        head.extend_from_slice(value.as_bytes());
        head.push(b'\n');
    }
    head
}

/// The way back of [`head_of`].
fn headers_of(head: &[u8]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in head.split(|byte| *byte == b'\n') {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
        let (name, value) = line.split_at(colon);
        let value = value.get(1..).unwrap_or_default();
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(name), HeaderValue::from_bytes(value))
        {
            headers.append(name, value);
        }
    }
    headers
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: u8) -> AnswerKey {
        AnswerKey { partner: "cars".into(), digest: [number; 32] }
    }

    #[test]
    fn of_twins_one_runs_and_its_place_is_free_when_it_has_ended() {
        let running = Arc::new(Running::default());
        let place = running.enter(&key(1), [1; 32]).unwrap();
        assert!(matches!(running.enter(&key(1), [1; 32]), Err(Denial::IdempotencyInFlight)));
        assert!(matches!(running.enter(&key(1), [2; 32]), Err(Denial::IdempotencyKeyReused)));
        assert!(running.enter(&key(2), [1; 32]).is_ok());
        drop(place);
        assert!(running.enter(&key(1), [2; 32]).is_ok());
        assert!(running.0.lock().is_empty());
    }

    #[test]
    fn texts_that_meet_have_another_digest() {
        let of = |texts: &[&str]| digest(texts.iter().copied().map(str::as_bytes));
        assert_eq!(of(&["ab", "c"]), of(&["ab", "c"]));
        assert_ne!(of(&["ab", "c"]), of(&["a", "bc"]));
        assert_ne!(of(&["ab", ""]), of(&["ab"]));
    }

    #[test]
    fn headers_are_kept_as_they_were_but_for_what_each_message_says_anew() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("content-type", "text/plain; a:b"),
            ("set-cookie", "a=1"),
            ("set-cookie", "b=2"),
            ("x-empty", ""),
            ("content-length", "3"),
            ("date", "Thu, 01 Jan 1970 00:00:00 GMT"),
        ] {
            headers.append(name, HeaderValue::from_static(value));
        }
        headers.append("x-latin", HeaderValue::from_bytes(b"\xe4").unwrap());
        let kept = headers_of(&head_of(&headers));
        headers.remove("content-length");
        headers.remove("date");
        assert_eq!(kept, headers);
    }

    #[test]
    fn what_was_not_kept_is_told_and_not_made_up() {
        let kept = KeptAnswer { status: 201, content: None };
        let told = again(kept).unwrap_err();
        assert!(matches!(told, Denial::IdempotencyNotKept { status: 201 }));
    }
}
