//! What holds of quotas and of usage, told as claims.

use limit::{Quota, Window};
use model::{AnsweredBy, Grain, Timestamp, UsageBy, UsageCounts, UsageKey, UsageSample};

use super::Bench;
use crate::{Store, UsageOnly, UsageQuery, UsageRow};

/// Leases never add up to more than the quota, and the period's end is exact.
pub async fn leases_never_exceed_the_quota<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let quota = Quota::parse("500/day").expect("a quota");
    let window = Window { start_ms: 0, end_ms: 86_400_000 };
    let key = || "key".to_owned();
    let first = store.lease(key(), quota, window).await.expect("a lease");
    assert_eq!((first.granted, first.beyond), (4, 496));
    store.give_back(key(), window, 1).await.expect("given back");
    drop(store);
    let store = bench.open().await;
    let mut granted = first.granted - 1;
    loop {
        let lease = store.lease(key(), quota, window).await.expect("a lease");
        granted += lease.granted;
        if lease.granted == 0 {
            break;
        }
    }
    assert_eq!(granted, 500);
    assert_eq!(store.spent(key(), window).await, Ok(500));
    let next = Window { start_ms: 86_400_000, end_ms: 172_800_000 };
    assert_eq!(store.lease(key(), quota, next).await.expect("a lease").granted, 4);
}

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: i64 = 60 * MINUTE_MS;
const DAY_MS: i64 = 24 * HOUR_MS;

/// Midnight of a day, and so much later.
fn later(ms: i64) -> Timestamp {
    Timestamp::from_ms(19_000 * DAY_MS + ms)
}

fn key(partner: &str, api_key: &str, route: &str) -> UsageKey {
    UsageKey {
        partner: partner.into(),
        client: "client".into(),
        api_key: api_key.into(),
        api: "tires".into(),
        route: route.into(),
    }
}

/// So many requests, of which the last one is refused; each differs in what it weighs.
fn counts(requests: u16) -> UsageCounts {
    let mut counts = UsageCounts::default();
    for number in 1..=requests {
        let last = number == requests;
        let weight = u64::from(number);
        counts.count(&UsageSample {
            status: if last { 429 } else { 200 },
            answered_by: if last { AnsweredBy::Plan } else { AnsweredBy::Service },
            bytes_in: weight,
            bytes_out: 10 * weight,
            took_us: 400 * weight,
            upstream_us: 300 * weight,
        });
    }
    counts
}

fn row(ms: i64, key: UsageKey, requests: u16) -> UsageRow {
    UsageRow { start: later(ms), key, counts: counts(requests) }
}

/// Everything of so many days, not told apart.
fn within(grain: Grain, days: i64) -> UsageQuery {
    UsageQuery {
        from: later(0),
        until: later(days * DAY_MS),
        grain,
        only: UsageOnly::default(),
        by: Vec::new(),
        after: None,
        limit: 1000,
    }
}

async fn read(store: &dyn Store, query: UsageQuery) -> Vec<UsageRow> {
    store.usage(query).await.expect("usage can be read")
}

fn total<'a>(rows: impl IntoIterator<Item = &'a UsageRow>) -> UsageCounts {
    let mut total = UsageCounts::default();
    for row in rows {
        total.merge(&row.counts);
    }
    total
}

/// Two partners over minutes, hours and days, in two calls, one of which comes to a minute that has
/// something already.
async fn recorded(store: &dyn Store) -> Vec<UsageRow> {
    let first = vec![
        row(0, key("cars", "a", "/orders"), 3),
        row(MINUTE_MS - 1, key("cars", "a", "/orders"), 2),
        row(MINUTE_MS, key("cars", "b", "/orders"), 1),
        row(HOUR_MS, key("tyres", "c", "/orders"), 4),
    ];
    let second = vec![
        row(0, key("cars", "a", "/orders"), 5),
        row(DAY_MS, key("cars", "a", "/bills"), 1),
        row(DAY_MS + HOUR_MS, key("", "", ""), 2),
    ];
    for rows in [&first, &second] {
        store.record_usage(rows.clone()).await.expect("recorded");
    }
    [first, second].concat()
}

/// Whatever the grain, the sum is that of what was recorded, and periods begin where they should.
pub async fn usage_adds_up_to_the_same_in_every_grain<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let before = read(&*store, within(Grain::Day, 2)).await;
    assert!(before.is_empty(), "nothing was counted yet: {before:?}");
    let all = recorded(&*store).await;
    for grain in Grain::ALL {
        let whole = read(&*store, within(grain, 2)).await;
        let expected = UsageRow { start: later(0), key: UsageKey::default(), counts: total(&all) };
        assert_eq!(whole, [expected], "{grain:?}");
    }
    for (grain, starts) in [
        (Grain::Minute, vec![0, MINUTE_MS, HOUR_MS, DAY_MS, DAY_MS + HOUR_MS]),
        (Grain::Hour, vec![0, HOUR_MS, DAY_MS, DAY_MS + HOUR_MS]),
        (Grain::Day, vec![0, DAY_MS]),
    ] {
        let rows =
            read(&*store, UsageQuery { by: vec![UsageBy::Period], ..within(grain, 2) }).await;
        let found: Vec<_> = rows.iter().map(|row| row.start).collect();
        let starts: Vec<_> = starts.into_iter().map(later).collect();
        assert_eq!(found, starts, "{grain:?}");
        assert_eq!(total(&rows), total(&all), "{grain:?}");
    }
    // A stretch that begins within a period has the whole of it; what begins at its end is left out.
    let query = UsageQuery {
        from: later(MINUTE_MS + 1),
        until: later(HOUR_MS),
        ..within(Grain::Minute, 2)
    };
    let found = total(&read(&*store, query).await);
    assert_eq!(found, counts(1));
}

/// Each part can be asked for, and is told apart where it is asked for.
pub async fn usage_is_found_by_every_filter<B: Bench>(bench: &B) {
    let store = bench.open().await;
    recorded(&*store).await;
    let text = |text: &str| Some(text.to_owned());
    for (only, requests) in [
        (UsageOnly { partner: text("cars"), ..UsageOnly::default() }, 12),
        (UsageOnly { partner: text(""), ..UsageOnly::default() }, 2),
        (UsageOnly { client: text("client"), ..UsageOnly::default() }, 18),
        (UsageOnly { api_key: text("a"), ..UsageOnly::default() }, 11),
        (UsageOnly { api: text("tires"), ..UsageOnly::default() }, 18),
        (UsageOnly { api: text("tire"), ..UsageOnly::default() }, 0),
        (UsageOnly { route: text("/bills"), ..UsageOnly::default() }, 1),
        (UsageOnly { partner: text("cars"), api_key: text("c"), ..UsageOnly::default() }, 0),
        (UsageOnly { partner: text("cars"), api_key: text("b"), ..UsageOnly::default() }, 1),
    ] {
        let query = UsageQuery { only: only.clone(), ..within(Grain::Day, 2) };
        assert_eq!(total(&read(&*store, query).await).requests(), requests, "{only:?}");
    }
    let by = vec![UsageBy::Partner, UsageBy::ApiKey];
    let rows = read(&*store, UsageQuery { by: by.clone(), ..within(Grain::Hour, 2) }).await;
    let found: Vec<_> = rows.iter().map(|row| (&row.key, row.counts.requests())).collect();
    let expected = [
        (key("", "", "").only(&by), 2_u64),
        (key("cars", "a", "").only(&by), 11),
        (key("cars", "b", "").only(&by), 1),
        (key("tyres", "c", "").only(&by), 4),
    ];
    assert_eq!(found, expected.each_ref().map(|(key, requests)| (key, *requests)));
    assert!(rows.iter().all(|row| row.start == later(0)), "{rows:?}");
}

/// Pages have each row once and in order.
pub async fn usage_is_read_page_by_page<B: Bench>(bench: &B) {
    let store = bench.open().await;
    recorded(&*store).await;
    let whole = UsageQuery { by: UsageBy::ALL.to_vec(), ..within(Grain::Minute, 2) };
    let expected = read(&*store, whole.clone()).await;
    assert_eq!(expected.len(), 5);
    let mut found: Vec<UsageRow> = Vec::new();
    loop {
        let after = found.last().map(|row| (row.start, row.key.clone()));
        let page = read(&*store, UsageQuery { after, limit: 2, ..whole.clone() }).await;
        assert!(page.len() <= 2, "{page:?}");
        if page.is_empty() {
            break;
        }
        found.extend(page);
    }
    assert_eq!(found, expected);
}

/// Minutes go after two days, hours after 90, and days never.
pub async fn usage_past_its_grains_time_is_dropped<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let rows = [0, MINUTE_MS, DAY_MS, 3 * DAY_MS].map(|ms| row(ms, key("cars", "a", "/"), 1));
    store.record_usage(rows.to_vec()).await.expect("recorded");
    for (now, minutes, hours) in [
        (2 * DAY_MS, 4, 3),
        (2 * DAY_MS + MINUTE_MS, 3, 3),
        (3 * DAY_MS, 2, 3),
        (90 * DAY_MS, 0, 3),
        (90 * DAY_MS + HOUR_MS, 0, 2),
        (1000 * DAY_MS, 0, 0),
    ] {
        let mut calls = 0;
        while store.trim_usage(later(now)).await.expect("trimmed") > 0 {
            calls += 1;
            assert!(calls < 100, "trimming comes to an end");
        }
        for (grain, expected) in [(Grain::Minute, minutes), (Grain::Hour, hours), (Grain::Day, 3)] {
            let query = UsageQuery { by: vec![UsageBy::Period], ..within(grain, 4) };
            assert_eq!(read(&*store, query).await.len(), expected, "{grain:?} at {now}");
        }
    }
    let whole = total(&read(&*store, within(Grain::Day, 4)).await);
    assert_eq!(whole.requests(), 4);
}

/// What was recorded is there after a restart, and the next is added to it.
pub async fn after_a_restart_usage_counts_on<B: Bench>(bench: &B) {
    let store = bench.open().await;
    let one = || row(0, key("cars", "a", "/orders"), 2);
    store.record_usage(vec![one()]).await.expect("recorded");
    drop(store);
    let store = bench.open().await;
    store.record_usage(vec![one(), one()]).await.expect("recorded");
    for grain in Grain::ALL {
        let query = UsageQuery { by: UsageBy::ALL.to_vec(), ..within(grain, 1) };
        let rows = read(&*store, query).await;
        let counts = total(&[one(), one(), one()]);
        assert_eq!(rows, [UsageRow { counts, ..one() }], "{grain:?}");
    }
}
