//! What holds of the audit of tokens, told as claims.

use model::Timestamp;

use super::{Bench, at};
use crate::{Store, TokenAct, TokenEntry, TokenOutcome, TokenQuery, TokenRow};

const DAY_MS: i64 = 86_400_000;

/// A token that a client of a partner got.
fn issued(ms: i64, (client, partner): (&str, &str), token_id: &str) -> TokenEntry {
    let text = |text: &str| Some(text.to_owned());
    TokenEntry {
        at: at(ms),
        act: TokenAct::Asked,
        client: text(client),
        partner: text(partner),
        method: text("client_secret_basic"),
        credential: Some(format!("{client}/secret")),
        issuer: None,
        subject: None,
        scope: text("tires/create.order tires/cancel.order"),
        audience: text("tires"),
        address: [192, 0, 2, 7].into(),
        kid: text("key-1"),
        token_id: text(token_id),
        refusal: None,
        observed: None,
        times: 1,
    }
}

/// So many refusals of which no partner is known.
fn refused(ms: i64, client: Option<&str>, times: u64) -> TokenEntry {
    TokenEntry {
        at: at(ms),
        act: TokenAct::Asked,
        client: client.map(str::to_owned),
        partner: None,
        method: Some("client_secret_post".to_owned()),
        credential: None,
        issuer: None,
        subject: None,
        scope: None,
        audience: None,
        address: "2001:db8::7".parse().expect("an address"),
        kid: None,
        token_id: None,
        refusal: Some("wrong-credentials".to_owned()),
        observed: None,
        times,
    }
}

async fn record(store: &dyn Store, entries: Vec<TokenEntry>) {
    store.record_tokens(entries).await.expect("recorded");
}

async fn read(store: &dyn Store, query: TokenQuery) -> Vec<TokenRow> {
    store.tokens(query).await.expect("tokens can be read")
}

fn all() -> TokenQuery {
    TokenQuery { limit: 1000, ..TokenQuery::default() }
}

fn entries(rows: Vec<TokenRow>) -> Vec<TokenEntry> {
    rows.into_iter().map(|row| row.entry).collect()
}

/// Two clients, some refusals, two entries of one moment; in two calls, of which the second comes with
/// something earlier. The newest first.
async fn recorded(store: &dyn Store) -> Vec<TokenEntry> {
    let cars = ("car-orders", "cars");
    let observed =
        TokenEntry { observed: Some("client-rate".to_owned()), ..issued(30, cars, "t3") };
    let first = vec![issued(10, cars, "t1"), refused(20, Some("car-orders"), 3), observed];
    let second = vec![
        issued(20, ("bikes", "bikes"), "t2"),
        refused(40, None, 7),
        issued(40, ("bikes", "bikes"), "t4"),
    ];
    record(store, first.clone()).await;
    record(store, second.clone()).await;
    let places = [(1, 2), (1, 1), (0, 2), (1, 0), (0, 1), (0, 0)];
    let batches = [first, second];
    places.iter().map(|(batch, place): &(usize, usize)| batches[*batch][*place].clone()).collect()
}

/// Whole as they were written, and page by page the same.
pub async fn tokens_are_listed_newest_first_and_each_once<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let expected = recorded(&*store).await;
    let rows = read(&*store, all()).await;
    assert!(rows.windows(2).all(|pair| pair[0].place > pair[1].place), "{rows:?}");
    assert_eq!(entries(rows), expected);
    let (mut paged, mut before) = (Vec::new(), None);
    loop {
        let page = read(&*store, TokenQuery { before, limit: 2, ..all() }).await;
        let Some(last) = page.last() else { break };
        before = Some(last.place);
        // What comes meanwhile is newer, and moves nothing.
        record(&*store, vec![issued(50, ("car-orders", "cars"), "t5")]).await;
        paged.extend(entries(page));
    }
    assert_eq!(paged, expected);
    record(&*store, vec![]).await;
}

/// Each filter alone, and together.
pub async fn tokens_are_found_by_every_filter<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let expected = recorded(&*store).await;
    let text = |text: &str| Some(text.to_owned());
    for (query, found) in [
        (TokenQuery { client: text("car-orders"), ..all() }, vec![2, 4, 5]),
        (TokenQuery { partner: text("bikes"), ..all() }, vec![0, 3]),
        (TokenQuery { partner: text("car-orders"), ..all() }, vec![]),
        (TokenQuery { client: text("nobody"), ..all() }, vec![]),
        (TokenQuery { credential: text("car-orders/secret"), ..all() }, vec![2, 5]),
        (TokenQuery { credential: text("bikes/hsm"), ..all() }, vec![]),
        (TokenQuery { credential: text("bikes"), ..all() }, vec![]),
        (TokenQuery { token_id: text("t2"), ..all() }, vec![3]),
        (TokenQuery { token_id: text("t9"), ..all() }, vec![]),
        (TokenQuery { outcome: Some(TokenOutcome::Refused), ..all() }, vec![1, 4]),
        (TokenQuery { outcome: Some(TokenOutcome::Issued), ..all() }, vec![0, 2, 3, 5]),
        (TokenQuery { outcome: Some(TokenOutcome::Revoked), ..all() }, vec![]),
        (TokenQuery { issuer: text("cluster"), ..all() }, vec![]),
        (TokenQuery { subject: text("cars"), ..all() }, vec![]),
        (TokenQuery { from: Some(at(20)), until: Some(at(40)), ..all() }, vec![2, 3, 4]),
        (TokenQuery { until: Some(at(10)), ..all() }, vec![]),
        (TokenQuery { from: Some(at(41)), ..all() }, vec![]),
        (
            TokenQuery {
                client: text("car-orders"),
                outcome: Some(TokenOutcome::Issued),
                limit: 1,
                ..all()
            },
            vec![2],
        ),
        (TokenQuery { from: Some(Timestamp::from_ms(-5)), limit: 2, ..all() }, vec![0, 1]),
    ] {
        let found: Vec<_> = found.into_iter().map(|at: usize| expected[at].clone()).collect();
        assert_eq!(entries(read(&*store, query.clone()).await), found, "{query:?}");
    }
}

/// What was exchanged is found by whose token it was, and a revocation is neither a token nor a refusal.
pub async fn exchanges_and_revocations_are_found<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let text = |text: &str| Some(text.to_owned());
    let cars = ("car-orders", "cars");
    let of = |issuer: &str, subject: &str, entry: TokenEntry| TokenEntry {
        issuer: text(issuer),
        subject: text(subject),
        ..entry
    };
    let revoked = |ms, token_id: &str| TokenEntry {
        act: TokenAct::Revoked,
        scope: None,
        kid: None,
        ..issued(ms, cars, token_id)
    };
    let written = [
        of("cluster", "orders:sender", issued(10, cars, "t1")),
        of("cluster", "orders:other ü", refused(20, None, 2)),
        of("builds", "orders:sender", issued(30, cars, "t2")),
        revoked(40, "t1"),
        TokenEntry { times: 3, ..revoked(50, "t2") },
    ];
    record(&*store, written.to_vec()).await;
    let outcome = |outcome| TokenQuery { outcome: Some(outcome), ..all() };
    for (query, found) in [
        (all(), vec![4, 3, 2, 1, 0]),
        (TokenQuery { issuer: text("cluster"), ..all() }, vec![1, 0]),
        (TokenQuery { subject: text("orders:sender"), ..all() }, vec![2, 0]),
        (TokenQuery { issuer: text("builds"), subject: text("orders:sender"), ..all() }, vec![2]),
        (TokenQuery { subject: text("orders:other ü"), ..all() }, vec![1]),
        (TokenQuery { subject: text("orders"), ..all() }, vec![]),
        (TokenQuery { token_id: text("t1"), ..all() }, vec![3, 0]),
        (TokenQuery { token_id: text("t1"), issued: Some(at(10)), ..all() }, vec![3, 0]),
        (TokenQuery { token_id: text("t1"), issued: Some(at(11)), ..all() }, vec![3]),
        (
            TokenQuery { token_id: text("t1"), issued: Some(at(10)), until: Some(at(40)), ..all() },
            vec![0],
        ),
        (outcome(TokenOutcome::Issued), vec![2, 0]),
        (outcome(TokenOutcome::Refused), vec![1]),
        (outcome(TokenOutcome::Revoked), vec![4, 3]),
    ] {
        let found: Vec<_> = found.into_iter().map(|at: usize| written[at].clone()).collect();
        assert_eq!(entries(read(&*store, query.clone()).await), found, "{query:?}");
    }
}

/// The oldest go, and what they said can still be said of those that stay.
pub async fn tokens_past_their_time_are_dropped<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let cars = ("car-orders", "cars");
    let old = vec![issued(0, cars, "t1"), refused(1, None, 2), issued(9, ("gone", "gone"), "t2")];
    record(&*store, old).await;
    let kept = [issued(10 * DAY_MS, cars, "t4"), issued(10, cars, "t3")];
    record(&*store, kept.iter().rev().cloned().collect()).await;
    let trimmed = async |before| {
        let mut dropped = 0;
        loop {
            match store.trim_tokens(before).await.expect("trimmed") {
                0 => return dropped,
                more => dropped += more,
            }
        }
    };
    assert_eq!(trimmed(at(10)).await, 3);
    assert_eq!(entries(read(&*store, all()).await), kept);
    assert_eq!(trimmed(at(9 * DAY_MS)).await, 1);
    assert_eq!(trimmed(at(9 * DAY_MS)).await, 0);
    assert_eq!(entries(read(&*store, all()).await), kept[..1]);
    let again = issued(11 * DAY_MS, ("gone", "gone"), "t5");
    record(&*store, vec![again.clone()]).await;
    let query = TokenQuery { partner: Some("gone".to_owned()), ..all() };
    assert_eq!(entries(read(&*store, query).await), [again]);
}

/// What was written down is there, and what comes is put before it.
pub async fn after_a_restart_tokens_are_listed_on<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let mut expected = recorded(&*store).await;
    drop(store);
    let store = bench.open().await;
    let next = issued(40, ("car-orders", "cars"), "t6");
    record(&*store, vec![next.clone()]).await;
    expected.insert(0, next);
    assert_eq!(entries(read(&*store, all()).await), expected);
}
