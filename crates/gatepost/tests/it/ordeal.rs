//! What every ordeal shares: publishers that send until they are answered, a receiver that cannot be
//! relied on, and what must hold when it is over.
//!
//! Each entry has an id of its own and is sent again under it until it is acknowledged. So at the end
//! everything that was sent is acknowledged, and the check has no grey area: each acknowledged event
//! was taken by every target it matched or is a dead letter there, and nothing else was ever sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use model::EventId;
use parking_lot::Mutex;
use serde_json::{Value, json};
use testkit::{Chance, NotedKey, Unreliable, until_within};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::program::{Program, http};

/// Publishers at the same time.
const PUBLISHERS: usize = 4;
/// How long one publisher tries to get rid of one request, over all the starts in between.
const ANSWER_WITHIN: Duration = Duration::from_mins(1);
/// How long everything that waits may take to be settled once the receiver is well.
const SETTLED_WITHIN: Duration = Duration::from_mins(5);

/// The seed in `GATEPOST_SEED`, or a fresh one; printed, so that it can be given again.
pub(crate) fn seed() -> u64 {
    let given = std::env::var("GATEPOST_SEED").ok().map(|text| text.parse().unwrap());
    let seed = given.unwrap_or_else(|| {
        let mut bytes = [0; 4];
        getrandom::fill(&mut bytes).unwrap();
        u64::from(u32::from_le_bytes(bytes))
    });
    eprintln!("GATEPOST_SEED={seed}");
    seed
}

/// How often the long tests do it: `GATEPOST_ROUNDS`, or a hundred times.
pub(crate) fn rounds() -> usize {
    std::env::var("GATEPOST_ROUNDS").map_or(100, |text| text.parse().unwrap())
}

/// Two rules with four targets. One target gives up early, so that there are dead letters.
pub(crate) fn definitions(receiver: &Unreliable) -> String {
    let many = ["20ms"; 40].join(", ");
    let mut file = format!(
        "
segment: 64KiB
history: {{ keep: 0s }}
buses:
  orders:
    archive: {{ keep: 0s }}
    rules:
      all:
        when: {{ source: [{{ prefix: \"\" }}] }}
        send: [{{ to: ledger, body: $.detail, retry: {{ for: 60m, delays: [{many}] }} }}]
      even:
        when: {{ source: [even] }}
        send:
          - {{ to: even, body: $.detail, retry: {{ for: 60m, delays: [{many}] }} }}
          - {{ to: copy, body: $.detail, retry: {{ for: 60m, delays: [10ms, 10ms] }} }}
      odd:
        when: {{ source: [odd] }}
        send: [{{ to: odd, body: $.detail, retry: {{ for: 60m, delays: [{many}] }} }}]
destinations:
"
    );
    for name in ["ledger", "even", "copy", "odd"] {
        let one = format!(
            "  {name}:
    request: POST http://{}/{name}
    rate: 10000/s
    in_flight: 64
    timeout: 1s
    allow_private: [127.0.0.0/8]
",
            receiver.address()
        );
        file.push_str(&one);
    }
    file
}

/// The targets of an entry: the receiver's path and the lane.
fn targets(order: &str) -> &'static [(&'static str, &'static str)] {
    if source(order) == "even" {
        &[
            ("/ledger", "orders/all/ledger"),
            ("/even", "orders/even/even"),
            ("/copy", "orders/even/copy"),
        ]
    } else {
        &[("/ledger", "orders/all/ledger"), ("/odd", "orders/odd/odd")]
    }
}

/// An order is called `publisher-number`; its number decides what it matches.
fn source(order: &str) -> &'static str {
    let number: u64 = order.rsplit('-').next().unwrap().parse().unwrap();
    if number.is_multiple_of(2) { "even" } else { "odd" }
}

pub(crate) fn entry(order: &str) -> Value {
    json!({ "id": order, "source": source(order), "detail_type": "Ordered", "detail": { "order": order } })
}

/// What publishers and test share.
pub(crate) struct Ledger {
    /// How many entries may still be published.
    budget: Semaphore,
    answers: AtomicUsize,
    refusals: AtomicUsize,
    acknowledged: Mutex<BTreeMap<String, EventId>>,
    faults: Mutex<Vec<String>>,
}

/// Publishers at work on one program.
pub(crate) struct Publishing {
    pub(crate) ledger: Arc<Ledger>,
    tasks: JoinSet<()>,
}

impl Publishing {
    pub(crate) fn begin(program: &Program, seed: u64) -> Self {
        let ledger = Arc::new(Ledger {
            budget: Semaphore::new(0),
            answers: AtomicUsize::new(0),
            refusals: AtomicUsize::new(0),
            acknowledged: Mutex::default(),
            faults: Mutex::default(),
        });
        let mut tasks = JoinSet::new();
        for name in 0..PUBLISHERS {
            let url = format!("{}/events/orders", program.internal);
            let chance = Chance::from_seed(seed + name as u64);
            tasks.spawn(publisher(name, url, chance, Arc::clone(&ledger)));
        }
        Self { ledger, tasks }
    }

    /// Lets so many more entries be published.
    pub(crate) fn grant(&self, entries: usize) {
        self.ledger.budget.add_permits(entries);
    }

    /// Grants anew when nearly all is spent, so that publishing does not end.
    pub(crate) fn keep_granted(&self, entries: usize) {
        if self.ledger.budget.available_permits() < entries {
            self.grant(entries);
        }
    }

    /// Requests acknowledged so far.
    pub(crate) fn answers(&self) -> usize {
        self.ledger.answers.load(Ordering::Relaxed)
    }

    /// Requests refused with 503 so far.
    pub(crate) fn refusals(&self) -> usize {
        self.ledger.refusals.load(Ordering::Relaxed)
    }

    /// Entries acknowledged so far.
    pub(crate) fn acknowledged(&self) -> BTreeMap<String, EventId> {
        self.ledger.acknowledged.lock().clone()
    }

    /// Lets every publisher get rid of what it has in hand; gives the event of each entry.
    pub(crate) async fn end(mut self) -> BTreeMap<String, EventId> {
        self.ledger.budget.close();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        let faults = self.ledger.faults.lock().clone();
        assert!(faults.is_empty(), "{} wrong answers, such as {}", faults.len(), faults[0]);
        self.acknowledged()
    }
}

/// Sends entries singly and in batches, each until it is acknowledged.
async fn publisher(name: usize, url: String, mut chance: Chance, ledger: Arc<Ledger>) {
    let client = http();
    let mut number = 0;
    let mut last_seq = 0;
    loop {
        let size = if chance.once_in(2) { 1 } else { 1 + chance.below(100) };
        let Ok(permits) = ledger.budget.acquire_many(u32::try_from(size).unwrap()).await else {
            return;
        };
        permits.forget();
        let orders: Vec<String> = (number..number + size).map(|n| format!("{name}-{n}")).collect();
        number += size;
        let entries: Vec<Value> = orders.iter().map(|order| entry(order)).collect();
        let body = json!({ "entries": entries });
        let sent = send_until_answered(&client, &url, &body, &ledger);
        let sent = tokio::time::timeout(ANSWER_WITHIN, sent).await;
        let (answer, tries) = sent.expect("an answer before the publisher loses patience");
        for (at, order) in orders.into_iter().enumerate() {
            match judge(&answer["entries"][at], &order, tries, last_seq) {
                Ok(event) => {
                    last_seq = event.seq;
                    ledger.acknowledged.lock().insert(order, event);
                }
                Err(fault) => ledger.faults.lock().push(fault),
            }
        }
        ledger.answers.fetch_add(1, Ordering::Relaxed);
    }
}

/// What an entry's answer says, if it may say that.
fn judge(answer: &Value, order: &str, tries: usize, after_seq: u64) -> Result<EventId, String> {
    let event = answer["id"].as_str().and_then(EventId::parse);
    let event = event.ok_or_else(|| format!("{order} was answered {answer}"))?;
    if answer["matched"] != targets(order).len() {
        return Err(format!("{order} matched otherwise: {answer}"));
    }
    if tries == 1 && answer["duplicate"] == true {
        return Err(format!("{order} was never sent before, and is called a repetition"));
    }
    // One publisher sends one after the other, so its events lie in the log in that order.
    if event.seq <= after_seq {
        return Err(format!("{order} lies at {}, its forerunner at {after_seq}", event.seq));
    }
    Ok(event)
}

async fn send_until_answered(
    client: &reqwest::Client,
    url: &str,
    body: &Value,
    ledger: &Ledger,
) -> (Value, usize) {
    let mut tries = 0;
    loop {
        tries += 1;
        let request = client.post(url).header("content-type", "application/json");
        if let Ok(answer) = request.body(body.to_string()).send().await {
            let status = answer.status().as_u16();
            let text = answer.text().await.unwrap_or_default();
            let json: Option<Value> = serde_json::from_str(&text).ok();
            match (status, json) {
                // An answer that was cut off is none.
                (_, None) => {}
                (200, Some(answer)) => return (answer, tries),
                (503, Some(problem))
                    if problem["type"] == "urn:gatepost:problem:store-unavailable" =>
                {
                    ledger.refusals.fetch_add(1, Ordering::Relaxed);
                }
                (_, Some(other)) => ledger.faults.lock().push(other.to_string()),
            }
        }
        // While the program is down; a publisher in earnest waits longer.
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// A call of the admin door; none when nobody answers, as while the program is down.
pub(crate) async fn admin(
    program: &Program,
    method: &str,
    path: &str,
    body: &Value,
) -> Option<Value> {
    let token = program.read("data/admin-token");
    let request = http()
        .request(method.parse().unwrap(), format!("{}/admin/v1/{path}", program.admin))
        .bearer_auth(token.trim())
        .header("content-type", "application/json");
    let request = if method == "GET" { request } else { request.body(body.to_string()) };
    let answer = request.send().await.ok()?;
    if !answer.status().is_success() {
        return None;
    }
    serde_json::from_str(&answer.text().await.ok()?).ok()
}

/// Waits until nothing waits for any destination.
pub(crate) async fn settled(program: &Program) {
    until_within(SETTLED_WITHIN, "everything is settled", async || {
        let listed = admin(program, "GET", "destinations", &Value::Null).await?;
        let all = listed["items"].as_array()?;
        all.iter().all(|one| one["waiting"] == 0).then_some(())
    })
    .await;
}

/// Every dead letter: its lane and its event.
pub(crate) async fn dead_letters(program: &Program) -> BTreeSet<(String, String)> {
    let mut letters = BTreeSet::new();
    let mut path = "dead-letters?limit=1000".to_owned();
    loop {
        let page =
            admin(program, "GET", &path, &Value::Null).await.expect("a page of dead letters");
        for letter in page["items"].as_array().unwrap() {
            let text = |name: &str| letter[name].as_str().unwrap().to_owned();
            letters.insert((text("lane"), text("event_id")));
        }
        let Some(next) = page["next"].as_str() else { return letters };
        path = format!("dead-letters?limit=1000&after={next}");
    }
}

/// What the receiver has of one order at one path: the event in each delivery's id, and whether it
/// was taken.
type Arrived = BTreeMap<(String, String), BTreeMap<String, bool>>;

/// Nothing acknowledged is lost, nothing is there that was not published, and no entry became two
/// events.
pub(crate) fn verify(
    acknowledged: &BTreeMap<String, EventId>,
    receiver: &Unreliable,
    letters: &BTreeSet<(String, String)>,
) {
    let mut arrived = Arrived::new();
    for ((path, id), noted) in receiver.noted() {
        let body: Value = serde_json::from_str(&noted.body).unwrap();
        let order = body["order"].as_str().unwrap().to_owned();
        arrived.entry((path, order)).or_default().insert(event_of(&id), noted.taken > 0);
    }
    let mut lost = Vec::new();
    for (order, event) in acknowledged {
        for (path, lane) in targets(order) {
            let there = arrived.get(&((*path).to_owned(), order.clone()));
            let taken = there.is_some_and(|there| there.get(&event.to_string()) == Some(&true));
            if !taken && !letters.contains(&((*lane).to_owned(), event.to_string())) {
                lost.push((order, path, event.to_string()));
            }
        }
    }
    assert!(lost.is_empty(), "{} deliveries are lost, such as {:?}", lost.len(), lost.first());
    let wrong = arrived.iter().find(|((path, order), events)| {
        let wanted = acknowledged.get(order).map(EventId::to_string);
        let only = events.len() == 1 && events.keys().next() == wanted.as_ref();
        !only || !targets(order).iter().any(|(at, _)| at == path)
    });
    assert!(wrong.is_none(), "sent, and never published so: {wrong:?}");
    let events: BTreeSet<String> = acknowledged.values().map(EventId::to_string).collect();
    assert_eq!(events.len(), acknowledged.len(), "two entries were answered with one event");
    let stray = letters.iter().find(|(_, event)| !events.contains(event));
    assert!(stray.is_none(), "a dead letter of no published event: {stray:?}");
}

/// The event that a delivery's id, `dlv_<lane>_<uuid>`, carries.
fn event_of(delivery: &str) -> String {
    format!("evt_{}", delivery.rsplit('_').next().unwrap())
}

/// For a summary at the end: how many deliveries, and how many requests they took.
pub(crate) fn counts(noted: &BTreeMap<NotedKey, testkit::Noted>) -> (usize, u32) {
    (noted.len(), noted.values().map(|noted| noted.seen).sum())
}
