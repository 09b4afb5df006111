//! What the end of an attempt means for its delivery, and for the receiver.

use std::sync::Arc;

use limit::{Limit, Rate};
use model::{Auth, Outcome, Timestamp};
use retry::{Reception, pause_ms};
use store::Then;

use super::{Attempted, Ended, Scheduler, Start, Tell, with_slack};
use crate::attempt::{self, What};
use crate::condition::News;
use crate::settle::{Moment, settlement};

impl Scheduler {
    pub(super) fn ended(&mut self, ended: Ended, now: Timestamp) {
        let Ended { start: Start { delivery, passage, began }, result, spread } = ended;
        self.under_way -= 1;
        let reception = reception(&result);
        let mut turned = self.breaker.record(passage, reception, now.ms());
        turned |= self.look_for_refusal(&result, began, now);
        if turned {
            self.tell(Tell::Breaker(self.breaker.is_open()));
        }
        let news = match result.what {
            What::Delivered => self.condition.succeeded(now),
            What::Gone => self.condition.gone(now),
            _ if reception == Reception::Unknown => None,
            What::Refused { .. } | What::Retry { .. } => self.condition.failed(now),
        };
        if let Some(news) = news {
            self.tell(Tell::Condition(news));
        }
        if let What::Retry { wish_ms: Some(wish_ms) } = result.what {
            // The wish is the receiver's, not the event's: everybody waits, but not beyond the last
            // attempt of this event.
            let policy = &self.plan.lanes[delivery.lane].retry;
            let last = Timestamp::from_ms(retry::last_ms(policy, delivery.since.ms()));
            let until = now.plus_ms(pause_ms(wish_ms)).min(last);
            self.paused_until = self.paused_until.max(until);
        }
        if let Some(rate) = result.advertised {
            self.slow_down(Rate::per_seconds(rate.count, rate.window_seconds));
        }
        let plan = &self.plan.lanes[delivery.lane];
        let moment = Moment { began, ended: now, spread };
        let settlement = settlement(plan, &delivery, &result, &moment);
        let (outcome, due) = match &settlement.then {
            Then::Done => (Outcome::Delivered, None),
            // One that is held has no time of its own.
            Then::Retry { due, .. } => (Outcome::Retry, Some(*due).filter(|due| *due >= now)),
            Then::Dead { .. } => (Outcome::Dead, None),
        };
        self.tell(Tell::Attempted(Box::new(Attempted {
            lane: delivery.lane,
            event: Arc::clone(&delivery.event),
            number: delivery.attempts + 1,
            began,
            ended: now,
            url: result.url,
            peer: result.peer,
            status: result.status,
            error: result.error,
            outcome,
            due,
        })));
        self.keep(delivery, settlement, now);
    }

    /// A receiver that refuses the credentials refuses all: nothing but a probe is sent there. A
    /// token may have ended before its time, so that only a refusal counts of what was sent after the
    /// first one. Returns true when the breaker opened.
    fn look_for_refusal(
        &mut self,
        result: &attempt::Result,
        began: Timestamp,
        now: Timestamp,
    ) -> bool {
        let Some(status) = result.status.filter(|status| *status < 500) else { return false };
        if !matches!(status, 401 | 407) || !matches!(result.what, What::Retry { .. }) {
            self.refused_at = None;
            self.refusal_told = false;
            return false;
        }
        let first = *self.refused_at.get_or_insert(now);
        if self.has_token() && began <= first {
            return false;
        }
        if !std::mem::replace(&mut self.refusal_told, true) {
            self.tell(Tell::Condition(News::Credentials(status)));
        }
        self.breaker.trip(now.ms())
    }

    /// Whether its credentials are a token, which is fetched anew when it is refused.
    fn has_token(&self) -> bool {
        let connection = self.plan.connection.as_ref();
        connection.is_some_and(|connection| matches!(connection.auth, Auth::OAuth(_)))
    }

    /// Keeps to the rate the receiver publishes, once it has refused for being called too fast.
    fn slow_down(&mut self, theirs: Rate) {
        if theirs.permits_per_hour() < self.limit.rate().permits_per_hour() {
            self.tell(Tell::Slower(theirs));
            self.limit = with_slack(Limit::new(theirs, 1));
            self.learned = Some((self.plan.destination.rate, theirs));
        }
    }
}

/// What an attempt says of the receiver: what could not be sent says nothing, and whoever answers
/// "later" fails for now, whatever the status.
fn reception(result: &attempt::Result) -> Reception {
    match (&result.what, result.status) {
        (What::Refused { .. }, None) => Reception::Unknown,
        (What::Retry { .. }, _) | (_, Some(500..)) => Reception::Failing,
        _ => Reception::Healthy,
    }
}
