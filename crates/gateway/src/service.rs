//! Which address of a service gets the next call, and which gets none for now.
//!
//! Pure but for its counters: time is an argument. An address is out while its health checks fail,
//! and, whether it has any or not, for a while after several calls in a row have failed: then one
//! call tries it, and the others go on when that one has succeeded.
//!
//! The least loaded one is called; how one that has just come back gets less is in `turns.rs`.

mod turns;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, AtomicUsize, Ordering};

use http::HeaderValue;
use model::{Service, Upstream};

use turns::Turns;

/// So many failed calls in a row take an address out.
const FAILURES_MAX: u32 = 5;
/// How long at first, and at most, doubling each time.
const OUT_FIRST_NS: u64 = 1_000_000_000;
const OUT_MAX_NS: u64 = 30_000_000_000;
/// So many bad answers in a row to health checks take an address out, so many good ones bring it
/// back.
const CHECKS: u32 = 2;
/// Retries may be a fifth of all calls, and ten at once after a quiet time.
const BUDGET_PER_CALL: i64 = 1;
const BUDGET_PER_RETRY: i64 = 5;
const BUDGET_MAX: i64 = 50;

/// Numbers addresses over the whole life of the program, so that a core finds its pool.
static NEXT_NUMBER: AtomicUsize = AtomicUsize::new(0);

/// A service's addresses and how they do. Shared by all cores.
#[derive(Debug)]
pub(crate) struct ServiceState {
    pub(crate) service: Service,
    pub(crate) members: Vec<Member>,
    budget: AtomicI64,
    turn: AtomicU32,
}

/// One address.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) upstream: Upstream,
    /// What stands in `Host`.
    pub(crate) host: HeaderValue,
    pub(crate) number: usize,
    /// Calls under way; not counted where there is no other address.
    open: AtomicU32,
    failures: AtomicU32,
    /// How often it was taken out without a success between.
    outs: AtomicU32,
    /// Until when it is out; 0 while it is not.
    out_until_ns: AtomicU64,
    /// Whether a call tries it.
    tried: AtomicBool,
    /// Whether its health checks say it is well.
    well: AtomicBool,
    checks: AtomicU32,
    /// Since when it is well again; 0 if it always was.
    back_ns: AtomicU64,
}

/// Why no address can be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AllOut {
    /// How long until one is tried again, in nanoseconds.
    pub(crate) wait_ns: u64,
}

/// A call that is under way at an address; ends when dropped.
#[derive(Debug)]
pub(crate) struct UnderWay {
    state: Arc<ServiceState>,
    index: usize,
    /// Whether it is the one that tries an address that was out.
    tries: bool,
}

impl UnderWay {
    pub(crate) fn member(&self) -> &Member {
        // The index came from the same list, which never changes.
        &self.state.members[self.index]
    }

    pub(crate) fn index(&self) -> usize {
        self.index
    }

    /// The address has answered.
    pub(crate) fn succeeded(&mut self, now_ns: impl FnOnce() -> u64) {
        let member = self.member();
        // Most of the time there is nothing to forget, and no other core is disturbed.
        if member.failures.load(Ordering::Relaxed) != 0 {
            member.failures.store(0, Ordering::Relaxed);
            member.outs.store(0, Ordering::Relaxed);
            if member.out_until_ns.swap(0, Ordering::Relaxed) != 0 {
                member.back_ns.store(now_ns().max(1), Ordering::Relaxed);
            }
        }
        self.end_try();
    }

    /// The address could not be reached, broke off, or took too long.
    pub(crate) fn failed(&mut self, now_ns: u64) {
        let member = self.member();
        let failures = member.failures.fetch_add(1, Ordering::Relaxed) + 1;
        let was_out = member.out_until_ns.load(Ordering::Relaxed) != 0;
        if self.tries || (failures >= FAILURES_MAX && !was_out) {
            let outs = member.outs.fetch_add(1, Ordering::Relaxed).min(10);
            let out_ns = (OUT_FIRST_NS << outs).min(OUT_MAX_NS);
            member.out_until_ns.store(now_ns.saturating_add(out_ns).max(1), Ordering::Relaxed);
        }
        self.end_try();
    }

    fn end_try(&mut self) {
        if std::mem::take(&mut self.tries) {
            self.member().tried.store(false, Ordering::Relaxed);
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.end_try();
        if self.state.members.len() > 1 {
            self.member().open.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl ServiceState {
    pub(crate) fn new(service: Service) -> Self {
        let members = service.addresses.iter().map(Member::new).collect();
        let (budget, turn) = (AtomicI64::new(BUDGET_MAX), AtomicU32::new(0));
        Self { service, members, budget, turn }
    }

    /// The address for a call: the least loaded of those that are well and not in `tried` yet.
    pub(crate) fn choose(
        self: &Arc<Self>,
        now_ns: u64,
        tried: &[usize],
    ) -> Result<UnderWay, AllOut> {
        let count = self.members.len();
        let turn = if count > 1 { self.turn.fetch_add(1, Ordering::Relaxed) } else { 0 };
        let turns = self.turns(now_ns, turn);
        let first = usize::try_from(turn).unwrap_or_default();
        let mut best: Option<(u64, usize)> = None;
        let mut wait_ns = OUT_MAX_NS;
        for step in 0..count {
            let index = first.wrapping_add(step) % count;
            let member = &self.members[index];
            if let Err(out_ns) = member.may_be_called(now_ns) {
                wait_ns = wait_ns.min(out_ns);
                continue;
            }
            // Another address comes before one that was tried already.
            let again = u64::from(tried.contains(&index)) << 40;
            let open = u64::from(member.open.load(Ordering::Relaxed));
            let load = turns.load(index, open, self.share(member, now_ns)).saturating_add(again);
            if best.is_none_or(|(least, _)| load < least) {
                best = Some((load, index));
            }
        }
        let Some((_, index)) = best else { return Err(AllOut { wait_ns }) };
        let member = &self.members[index];
        let is_out = member.out_until_ns.load(Ordering::Relaxed) != 0;
        let tries = is_out && !member.tried.swap(true, Ordering::Relaxed);
        if is_out && !tries {
            // Another core was faster: its call tells, and this one goes to another address.
            return self.choose(now_ns, tried);
        }
        // Nobody compares what an only address has, and cores need not meet there.
        if count > 1 {
            member.open.fetch_add(1, Ordering::Relaxed);
        }
        Ok(UnderWay { state: Arc::clone(self), index, tries })
    }

    /// Whose turn it is among those that may be called.
    fn turns(&self, now_ns: u64, turn: u32) -> Turns {
        let members = self.members.iter().enumerate();
        let well = members.filter(|(_, member)| !member.is_out(now_ns));
        let shares = well.map(|(index, member)| (index, self.share(member, now_ns)));
        Turns::of(shares, turns::draw(turn))
    }

    fn share(&self, member: &Member, now_ns: u64) -> u64 {
        let slow_ns = self.service.slow_start_ms.saturating_mul(1_000_000);
        turns::share(member.back_ns.load(Ordering::Relaxed), now_ns, slow_ns)
    }

    /// Counts a call for the budget of retries.
    pub(crate) fn called(&self) {
        if self.budget.load(Ordering::Relaxed) < BUDGET_MAX {
            self.budget.fetch_add(BUDGET_PER_CALL, Ordering::Relaxed);
        }
    }

    /// Whether a call may be tried again: a service in trouble is not asked twice as much.
    pub(crate) fn may_retry(&self) -> bool {
        let paid = self.budget.fetch_sub(BUDGET_PER_RETRY, Ordering::Relaxed) >= BUDGET_PER_RETRY;
        if !paid {
            self.budget.fetch_add(BUDGET_PER_RETRY, Ordering::Relaxed);
        }
        paid
    }
}

impl Member {
    fn new(upstream: &Upstream) -> Self {
        let host = HeaderValue::from_str(&upstream.authority);
        Self {
            upstream: upstream.clone(),
            host: host.unwrap_or_else(|_| HeaderValue::from_static("localhost")),
            number: NEXT_NUMBER.fetch_add(1, Ordering::Relaxed),
            open: AtomicU32::new(0),
            failures: AtomicU32::new(0),
            outs: AtomicU32::new(0),
            out_until_ns: AtomicU64::new(0),
            tried: AtomicBool::new(false),
            well: AtomicBool::new(true),
            checks: AtomicU32::new(0),
            back_ns: AtomicU64::new(0),
        }
    }

    /// Whether it may be called, or how long it is out.
    fn may_be_called(&self, now_ns: u64) -> Result<(), u64> {
        if !self.well.load(Ordering::Relaxed) {
            return Err(OUT_FIRST_NS);
        }
        match self.out_until_ns.load(Ordering::Relaxed) {
            0 => Ok(()),
            until if now_ns < until => Err(until - now_ns),
            _ if self.tried.load(Ordering::Relaxed) => Err(OUT_FIRST_NS),
            _ => Ok(()),
        }
    }

    /// Whether it gets no calls for now.
    pub(crate) fn is_out(&self, now_ns: u64) -> bool {
        self.may_be_called(now_ns).is_err()
    }

    /// Takes a health check's answer; says whether that has changed how it is.
    pub(crate) fn checked(&self, good: bool, now_ns: u64) -> Option<bool> {
        if self.well.load(Ordering::Relaxed) == good {
            self.checks.store(0, Ordering::Relaxed);
            return None;
        }
        if self.checks.fetch_add(1, Ordering::Relaxed) + 1 < CHECKS {
            return None;
        }
        self.checks.store(0, Ordering::Relaxed);
        self.well.store(good, Ordering::Relaxed);
        if good {
            self.back_ns.store(now_ns.max(1), Ordering::Relaxed);
            self.failures.store(0, Ordering::Relaxed);
            self.outs.store(0, Ordering::Relaxed);
            self.out_until_ns.store(0, Ordering::Relaxed);
        }
        Some(good)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn service(count: usize) -> Arc<ServiceState> {
        let upstream = |n| Upstream::parse(&format!("http://10.0.0.{n}:80")).unwrap();
        let mut service = Service::at(upstream(1));
        service.addresses = (1..=count).map(upstream).collect();
        Arc::new(ServiceState::new(service))
    }

    fn fail(state: &Arc<ServiceState>, now_ns: u64) -> usize {
        let mut under_way = state.choose(now_ns, &[]).unwrap();
        under_way.failed(now_ns);
        under_way.index()
    }

    #[test]
    fn the_least_loaded_address_is_called() {
        let state = service(3);
        let held: Vec<_> = (0..6).map(|_| state.choose(SECOND, &[]).unwrap()).collect();
        let mut counts = [0; 3];
        for under_way in &held {
            counts[under_way.index()] += 1;
        }
        assert_eq!(counts, [2, 2, 2]);
        drop(held);
        let one = state.choose(SECOND, &[]).unwrap();
        let other = state.choose(SECOND, &[]).unwrap();
        assert_ne!(one.index(), other.index());
    }

    #[test]
    fn another_address_comes_before_one_that_was_tried() {
        let state = service(2);
        for _ in 0..10 {
            assert_eq!(state.choose(SECOND, &[0]).unwrap().index(), 1);
        }
        assert!(state.choose(SECOND, &[0, 1]).is_ok(), "rather the same than none");
    }

    #[test]
    fn five_failures_in_a_row_take_an_address_out_and_one_call_tries_it() {
        let state = service(1);
        for _ in 0..5 {
            fail(&state, SECOND);
        }
        assert_eq!(state.choose(SECOND, &[]).unwrap_err(), AllOut { wait_ns: SECOND });
        let mut first = state.choose(2 * SECOND, &[]).unwrap();
        assert!(state.choose(2 * SECOND, &[]).is_err(), "one at a time");
        first.failed(2 * SECOND);
        drop(first);
        // Twice as long the second time.
        let wait_ns = 2 * SECOND;
        assert_eq!(state.choose(2 * SECOND, &[]).unwrap_err(), AllOut { wait_ns });
        let mut second = state.choose(4 * SECOND, &[]).unwrap();
        second.succeeded(|| 4 * SECOND);
        assert!(state.choose(4 * SECOND, &[]).is_ok() && state.choose(4 * SECOND, &[]).is_ok());
    }

    #[test]
    fn a_try_that_ends_without_an_answer_lets_the_next_one_try() {
        let state = service(1);
        for _ in 0..5 {
            fail(&state, SECOND);
        }
        drop(state.choose(2 * SECOND, &[]).unwrap());
        assert!(state.choose(2 * SECOND, &[]).is_ok());
    }

    #[test]
    fn a_success_between_failures_keeps_an_address_in() {
        let state = service(1);
        for round in 0..20 {
            fail(&state, SECOND);
            if round % 4 == 3 {
                state.choose(SECOND, &[]).unwrap().succeeded(|| SECOND);
            }
        }
        assert!(state.choose(SECOND, &[]).is_ok());
    }

    #[test]
    fn two_bad_checks_take_an_address_out_and_two_good_ones_bring_it_back_slowly() {
        let state = service(2);
        let member = &state.members[0];
        assert_eq!(member.checked(false, SECOND), None);
        assert_eq!(member.checked(true, SECOND), None, "one bad answer alone says nothing");
        assert_eq!(member.checked(false, SECOND), None);
        assert_eq!(member.checked(false, SECOND), Some(false));
        assert!((0..10).all(|_| state.choose(SECOND, &[]).unwrap().index() == 1));
        assert_eq!(member.checked(true, 9 * SECOND), None);
        assert_eq!(member.checked(true, 10 * SECOND), Some(true));
        let share = |now_ns| {
            let held: Vec<_> = (0..100).map(|_| state.choose(now_ns, &[]).unwrap()).collect();
            held.iter().filter(|under_way| under_way.index() == 0).count()
        };
        let (at_once, later, whole) = (share(10 * SECOND), share(15 * SECOND), share(20 * SECOND));
        assert!((5..15).contains(&at_once), "{at_once}");
        assert!((25..40).contains(&later), "{later}");
        assert_eq!(whole, 50);
    }

    /// Takes the first of some addresses out, and back at the tenth second.
    fn back_at_ten(count: usize) -> Arc<ServiceState> {
        let state = service(count);
        for good in [false, false, true, true] {
            state.members[0].checked(good, 10 * SECOND);
        }
        state
    }

    /// How many of a thousand calls each address gets while so many others are under way.
    fn thousand(state: &Arc<ServiceState>, now_ns: u64, in_flight: usize) -> Vec<usize> {
        let mut counts = vec![0; state.members.len()];
        let mut held = VecDeque::new();
        for _ in 0..1_000 {
            let under_way = state.choose(now_ns, &[]).unwrap();
            counts[under_way.index()] += 1;
            held.push_back(under_way);
            if held.len() > in_flight {
                held.pop_front();
            }
        }
        counts
    }

    #[test]
    fn an_address_that_is_back_gets_more_by_and_by_at_any_load() {
        // Of a whole share and its own one: w / (1 + w).
        for (after_ms, expected) in
            [(0, 91), (1_000, 91), (2_500, 200), (5_000, 333), (7_500, 429), (10_000, 500)]
        {
            for in_flight in [0, 1, 2, 3, 5, 8, 20, 50, 100] {
                let state = back_at_ten(2);
                let counts = thousand(&state, 10 * SECOND + after_ms * 1_000_000, in_flight);
                // What is under way is whole calls: the fewer, the coarser.
                let off = counts[0].abs_diff(expected);
                assert!(off <= 50, "{after_ms} ms, {in_flight} in flight: {counts:?}");
                assert!(in_flight > 0 || off <= 2, "{after_ms} ms, one by one: {counts:?}");
            }
        }
    }

    #[test]
    fn the_others_share_what_is_left_evenly() {
        for in_flight in [0, 1, 5, 20] {
            let counts = thousand(&back_at_ten(3), 10 * SECOND, in_flight);
            assert!(counts[0].abs_diff(48) <= 2, "{in_flight} in flight: {counts:?}");
            assert!(counts[1].abs_diff(counts[2]) <= 20, "{in_flight} in flight: {counts:?}");
        }
    }

    #[test]
    fn one_that_is_back_and_answers_nothing_gets_no_pile_of_calls() {
        let state = back_at_ten(2);
        let mut stuck = Vec::new();
        for _ in 0..1_000 {
            let under_way = state.choose(15 * SECOND, &[]).unwrap();
            if under_way.index() == 0 {
                stuck.push(under_way);
            }
        }
        assert_eq!(stuck.len(), 1, "the other one is free each time");
    }

    #[test]
    fn retries_are_a_fifth_of_the_calls_at_the_most() {
        let state = service(1);
        let burst = (0..100).filter(|_| state.may_retry()).count();
        assert_eq!(burst, 10);
        let mut retries = 0;
        for _ in 0..1000 {
            state.called();
            retries += usize::from(state.may_retry());
        }
        assert_eq!(retries, 200);
    }
}
