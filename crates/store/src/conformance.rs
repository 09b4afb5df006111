//! The tests every adapter must pass, told as claims.
//!
//! An adapter lends a [`Bench`]: a way to open a fresh store, and the same one again; each claim is
//! one test of the adapter. [`claims!`](crate::claims) makes all of them.

mod answers;
mod attempts;
mod dead_letters;
mod definitions;
mod deliveries;
mod denied;
mod keys;
mod log;
mod repeats;
mod replays;
mod retention;
mod states;
mod token_audit;
mod usage;

use std::future::Future;
use std::sync::Arc;

use model::{
    Attempt, DeadReason, EventDraft, EventFields, EventId, LaneKey, Name, Outcome, Timestamp,
};

use crate::{Appended, AuditEntry, DeadFilter, Entry, LaneId, Position, Settlement, Store, Then};

pub use answers::{
    a_key_belongs_to_what_it_was_first_sent_with, a_partners_answers_have_a_bound,
    a_released_request_begins_anew, after_a_restart_an_answer_is_given_again,
    an_answer_is_given_again_under_its_key, answers_past_their_time_are_dropped,
    only_who_began_ends, what_ends_in_nothing_begins_anew_after_its_time,
};
pub use attempts::{
    attempts_are_found_by_every_filter, attempts_are_listed_newest_first_and_each_once,
    what_was_attempted_in_two_standings_is_listed_twice,
};
pub use dead_letters::{
    a_redriven_letter_counts_on_and_may_die_again, after_a_restart_a_purged_letter_stays_away,
    after_a_restart_a_redriven_letter_waits_once, dead_letters_are_found_by_every_filter,
    dead_letters_are_redriven_once, letters_are_put_back_in_pieces,
};
pub use definitions::definitions_change_from_the_revision_they_were_read_at;
pub use deliveries::{
    a_retry_stays_in_its_chunk, after_a_restart_a_lane_knows_what_is_settled,
    each_standing_is_settled_by_itself, retries_are_read_in_the_order_they_are_due,
    the_oldest_that_waits_is_behind_the_cursor_or_a_retry,
};
pub use denied::{
    after_a_restart_tokens_are_denied, beyond_the_bound_all_of_a_clients_tokens_are_denied,
    denied_tokens_are_dropped_at_their_end, denied_tokens_are_followed_by_their_numbers,
    deny_lists_follow_one_another,
};
pub use keys::{
    a_kept_secret_is_the_last_one_set, credentials_are_revoked_once,
    credentials_have_a_bound_and_end_those_before_them, signing_keys_change_together_or_not_at_all,
    the_last_day_of_a_credentials_use_is_kept, the_uses_of_declared_credentials_are_kept,
    the_uses_of_former_credentials_have_a_bound, webhook_keys_make_way_for_new_ones,
};
pub use log::{
    a_lane_reads_what_was_appended_in_order, a_lanes_end_counts_all_that_was_put_on_it,
    a_reader_of_a_bus_goes_on_where_it_ended, a_schedule_remembers_when_it_fired,
    events_are_read_by_bus_and_time, what_is_put_on_a_lane_again_is_delivered_again,
    whoever_listens_is_told_of_new_entries,
};
pub use repeats::{
    an_entry_with_an_id_is_appended_once, an_id_is_forgotten_after_its_window,
    an_id_with_another_content_is_a_mismatch, ids_are_known_as_in_a_naive_book,
    the_same_id_twice_in_one_call_is_one_event,
};
pub use replays::{
    a_replay_goes_on_where_it_was_noted, a_replay_turns_only_from_where_it_stands,
    replays_that_are_over_are_forgotten,
};
pub use retention::{
    after_a_restart_numbers_go_on_though_all_is_dropped, attempts_of_what_is_kept_are_kept,
    retention_keeps_what_is_still_needed, what_is_settled_stays_settled_when_others_are_dropped,
};
pub use states::{
    after_a_restart_a_destination_is_as_it_was_switched,
    after_a_restart_a_rule_is_paused_until_it_is_resumed,
};
pub use token_audit::{
    after_a_restart_tokens_are_listed_on, exchanges_and_revocations_are_found,
    tokens_are_found_by_every_filter, tokens_are_listed_newest_first_and_each_once,
    tokens_past_their_time_are_dropped,
};
pub use usage::{
    after_a_restart_usage_counts_on, leases_never_exceed_the_quota,
    usage_adds_up_to_the_same_in_every_grain, usage_is_found_by_every_filter,
    usage_is_read_page_by_page, usage_past_its_grains_time_is_dropped,
};

/// Makes a test of each claim, on the bench that the expression gives anew each time.
#[macro_export]
macro_rules! claims {
    ($bench:expr) => {
        $crate::claims!(@each $bench;
            definitions_change_from_the_revision_they_were_read_at,
            credentials_are_revoked_once,
            credentials_have_a_bound_and_end_those_before_them,
            the_last_day_of_a_credentials_use_is_kept,
            the_uses_of_declared_credentials_are_kept,
            the_uses_of_former_credentials_have_a_bound,
            signing_keys_change_together_or_not_at_all,
            webhook_keys_make_way_for_new_ones,
            a_kept_secret_is_the_last_one_set,
            after_a_restart_tokens_are_denied,
            denied_tokens_are_followed_by_their_numbers,
            denied_tokens_are_dropped_at_their_end,
            beyond_the_bound_all_of_a_clients_tokens_are_denied,
            deny_lists_follow_one_another,
            leases_never_exceed_the_quota,
            usage_adds_up_to_the_same_in_every_grain,
            usage_is_found_by_every_filter,
            usage_is_read_page_by_page,
            usage_past_its_grains_time_is_dropped,
            after_a_restart_usage_counts_on,
            tokens_are_listed_newest_first_and_each_once,
            tokens_are_found_by_every_filter,
            exchanges_and_revocations_are_found,
            tokens_past_their_time_are_dropped,
            after_a_restart_tokens_are_listed_on,
            an_answer_is_given_again_under_its_key,
            a_key_belongs_to_what_it_was_first_sent_with,
            a_released_request_begins_anew,
            only_who_began_ends,
            what_ends_in_nothing_begins_anew_after_its_time,
            after_a_restart_an_answer_is_given_again,
            answers_past_their_time_are_dropped,
            a_partners_answers_have_a_bound,
            after_a_restart_a_destination_is_as_it_was_switched,
            after_a_restart_a_rule_is_paused_until_it_is_resumed,
            a_lane_reads_what_was_appended_in_order,
            a_lanes_end_counts_all_that_was_put_on_it,
            what_is_put_on_a_lane_again_is_delivered_again,
            whoever_listens_is_told_of_new_entries,
            events_are_read_by_bus_and_time,
            a_reader_of_a_bus_goes_on_where_it_ended,
            a_schedule_remembers_when_it_fired,
            an_entry_with_an_id_is_appended_once,
            the_same_id_twice_in_one_call_is_one_event,
            an_id_with_another_content_is_a_mismatch,
            an_id_is_forgotten_after_its_window,
            ids_are_known_as_in_a_naive_book,
            after_a_restart_a_lane_knows_what_is_settled,
            each_standing_is_settled_by_itself,
            a_retry_stays_in_its_chunk,
            retries_are_read_in_the_order_they_are_due,
            the_oldest_that_waits_is_behind_the_cursor_or_a_retry,
            dead_letters_are_redriven_once,
            dead_letters_are_found_by_every_filter,
            a_redriven_letter_counts_on_and_may_die_again,
            after_a_restart_a_redriven_letter_waits_once,
            after_a_restart_a_purged_letter_stays_away,
            letters_are_put_back_in_pieces,
            attempts_are_listed_newest_first_and_each_once,
            attempts_are_found_by_every_filter,
            what_was_attempted_in_two_standings_is_listed_twice,
            retention_keeps_what_is_still_needed,
            attempts_of_what_is_kept_are_kept,
            what_is_settled_stays_settled_when_others_are_dropped,
            after_a_restart_numbers_go_on_though_all_is_dropped,
            a_replay_turns_only_from_where_it_stands,
            a_replay_goes_on_where_it_was_noted,
            replays_that_are_over_are_forgotten,
        );
    };
    (@each $bench:expr; $($claim:ident),* $(,)?) => {
        $(#[tokio::test]
        async fn $claim() {
            $crate::conformance::$claim(&$bench).await;
        })*
    };
}

/// What an adapter's test lends: stores that can be opened again.
pub trait Bench: Send + Sync {
    /// Opens the store; a second call opens the same one again, after the first was dropped.
    fn open(&self) -> impl Future<Output = Arc<dyn Store>> + Send;
}

/// An entry of a lane: where it stands, and its event.
type Place = (Position, EventId);

fn name(text: &str) -> Name {
    Name::new(text).expect("a plain word is a name")
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(1_700_000_000_000 + ms)
}

fn audit(what: &str) -> AuditEntry {
    AuditEntry {
        at: at(0),
        who: "test".to_owned(),
        what: what.to_owned(),
        subject: "subject".to_owned(),
        detail: String::new(),
    }
}

fn entry(number: u32, lanes: &[LaneId]) -> Entry {
    entry_of("orders", number, lanes)
}

fn entry_of(bus: &str, number: u32, lanes: &[LaneId]) -> Entry {
    let fields = EventFields {
        source: "test".to_owned(),
        detail_type: "Numbered".to_owned(),
        detail: format!(r#"{{"number":{number}}}"#),
        time: Some(at(-5)),
        resources: vec!["one".to_owned(), "two".to_owned()],
        traceparent: Some("00-aa-bb-01".to_owned()),
    };
    let draft = EventDraft::new(name(bus), fields).expect("a whole event");
    Entry { draft, lanes: lanes.to_vec(), once: None }
}

/// Appends entries that are all new; gives their ids.
async fn append(store: &dyn Store, now: Timestamp, entries: Vec<Entry>) -> Vec<EventId> {
    let appended = store.append(now, entries).await.expect("appended");
    appended.into_iter().map(Appended::event).collect()
}

fn lane_key(target: &str) -> LaneKey {
    LaneKey::Target { bus: name("orders"), rule: name("rule"), target: name(target) }
}

async fn one_lane(store: &dyn Store) -> LaneId {
    store.lanes(vec![lane_key("a")]).await.expect("lanes")[0]
}

/// A lane with so many entries, appended together at the beginning of time.
async fn lane_of(store: &dyn Store, entries: u32) -> (LaneId, Vec<Place>) {
    let lane = one_lane(store).await;
    append(store, at(0), (0..entries).map(|number| entry(number, &[lane])).collect()).await;
    (lane, places(store, lane).await)
}

/// All entries of a lane.
async fn places(store: &dyn Store, lane: LaneId) -> Vec<Place> {
    places_from(store, lane, Position::default()).await
}

async fn places_from(store: &dyn Store, lane: LaneId, from: Position) -> Vec<Place> {
    let entries = store.read_lane(lane, from, 100).await.expect("a lane can be read").entries;
    entries.into_iter().map(|entry| (entry.position, entry.event.id)).collect()
}

/// What a worker would deliver that opens the lane now: behind the cursor, and not settled.
async fn waiting(store: &dyn Store, lane: LaneId) -> Vec<Place> {
    let open = store.open_lane(lane).await.expect("a lane");
    let mut waiting = places_from(store, lane, open.cursor).await;
    waiting.retain(|(position, _)| !open.settled.contains(position));
    waiting
}

fn ids(places: &[Place]) -> Vec<EventId> {
    places.iter().map(|(_, id)| *id).collect()
}

/// The position after an entry.
fn behind((position, _): Place) -> Position {
    Position { index: position.index + 1, ..position }
}

fn attempt(number: u32, outcome: Outcome) -> Attempt {
    Attempt {
        number,
        at: at(i64::from(number)),
        took_ms: 3,
        status: Some(if outcome == Outcome::Delivered { 204 } else { 503 }),
        error: None,
        address: Some(([192, 0, 2, 7], 443).into()),
        response: Some("later".to_owned()),
        outcome,
    }
}

fn done(lane: LaneId, place: Place) -> Settlement {
    tried(lane, place, attempt(1, Outcome::Delivered), Then::Done)
}

fn tried(lane: LaneId, (position, event): Place, attempt: Attempt, then: Then) -> Settlement {
    Settlement { lane, chunk: position.chunk, event, attempt: Some(attempt), then }
}

/// The first attempt failed; another one is due.
fn again(lane: LaneId, place: Place, due: i64) -> Settlement {
    let then = Then::Retry { due: at(due), tries: 1, since: at(0) };
    tried(lane, place, attempt(1, Outcome::Retry), then)
}

fn dead(lane: LaneId, place: Place, queue: &str) -> Settlement {
    let reason = DeadReason {
        code: "HTTP_404".to_owned(),
        message: "not there".to_owned(),
        exhausted: None,
    };
    let then = Then::Dead { queue: name(queue), reason, attempts: 1, at: at(1) };
    tried(lane, place, attempt(1, Outcome::Dead), then)
}

async fn settle(store: &dyn Store, settlements: Vec<Settlement>) {
    store.settle(settlements, vec![]).await.expect("settled");
}

fn everything() -> DeadFilter {
    DeadFilter { limit: 100, ..DeadFilter::default() }
}
