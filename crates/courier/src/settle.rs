//! Outcome → what is kept and what follows. Pure.

use model::{Attempt, DeadReason, Name, Outcome, Timestamp};
use retry::{Exhausted, Failure, Next};
use store::{Settlement, Then};

use crate::attempt::{Result, What};
use crate::plan::LanePlan;
use crate::scheduler::Delivery;

/// The code of what became too old before it could be tried.
pub(crate) const TOO_OLD: &str = "TOO_OLD";

/// When an attempt began and ended, and the number that spreads its retry.
pub(crate) struct Moment {
    pub(crate) began: Timestamp,
    pub(crate) ended: Timestamp,
    pub(crate) spread: f64,
}

/// What is kept of an attempt: delivered, again at, or dead letter.
pub(crate) fn settlement(
    lane: &LanePlan,
    delivery: &Delivery,
    result: &Result,
    moment: &Moment,
) -> Settlement {
    let tries = delivery.tries + 1;
    let then = match &result.what {
        What::Delivered => Then::Done,
        What::Refused { code } => {
            let why = Why { code: code.clone(), message: message(result), exhausted: None };
            dead(lane, delivery, why, moment.ended)
        }
        // Held with what it stood among: due since it was put on its lane, so that it comes first and
        // in order when the destination is enabled, and the attempt costs it none of its tries.
        What::Gone => {
            Then::Retry { due: delivery.since, tries: delivery.tries, since: delivery.since }
        }
        What::Retry { wish_ms } => {
            let failure = Failure {
                attempts: tries,
                accepted_at_ms: delivery.since.ms(),
                now_ms: moment.ended.ms(),
                wish_ms: *wish_ms,
                spread: moment.spread,
            };
            match retry::next(&lane.retry, &failure) {
                Next::At(due) => {
                    Then::Retry { due: Timestamp::from_ms(due), tries, since: delivery.since }
                }
                Next::GiveUp(exhausted) => {
                    let code =
                        result.status.map_or("NO_ANSWER".to_owned(), |s| format!("HTTP_{s}"));
                    let message = message(result);
                    let why = Why { code, message, exhausted: Some(exhausted) };
                    dead(lane, delivery, why, moment.ended)
                }
            }
        }
    };
    let attempt = Attempt {
        number: delivery.attempts + 1,
        at: moment.began,
        took_ms: u32::try_from(moment.ended.since_ms(moment.began).max(0)).unwrap_or(u32::MAX),
        status: result.status,
        error: result.error.clone(),
        address: result.peer,
        response: result.response.clone(),
        outcome: outcome(&then),
    };
    Settlement {
        lane: lane.id,
        chunk: delivery.chunk,
        event: delivery.event.id,
        attempt: Some(attempt),
        then,
    }
}

/// A delivery that became too old before it could be tried.
pub(crate) fn too_old(lane: &LanePlan, delivery: &Delivery, now: Timestamp) -> Settlement {
    let why = Why {
        code: TOO_OLD.to_owned(),
        message: "the event became too old before it could be tried again".to_owned(),
        exhausted: Some(Exhausted::MaximumEventAgeInSeconds),
    };
    let mut then = dead(lane, delivery, why, now);
    if let Then::Dead { attempts, .. } = &mut then {
        *attempts = delivery.attempts;
    }
    Settlement {
        lane: lane.id,
        chunk: delivery.chunk,
        event: delivery.event.id,
        attempt: None,
        then,
    }
}

/// Why a delivery is given up.
struct Why {
    code: String,
    message: String,
    exhausted: Option<Exhausted>,
}

fn outcome(then: &Then) -> Outcome {
    match then {
        Then::Done => Outcome::Delivered,
        Then::Retry { .. } => Outcome::Retry,
        Then::Dead { .. } => Outcome::Dead,
    }
}

fn message(result: &Result) -> String {
    let error = result.error.clone().unwrap_or_default();
    match &result.response {
        Some(response) => format!("{error}: {response}"),
        None => error,
    }
}

fn dead(lane: &LanePlan, delivery: &Delivery, why: Why, at: Timestamp) -> Then {
    let queue: Name = lane.dead_letters.clone();
    let exhausted = why.exhausted.map(|exhausted| exhausted.as_str().to_owned());
    let reason = DeadReason { code: why.code, message: why.message, exhausted };
    Then::Dead { queue, reason, attempts: delivery.attempts + 1, at }
}
