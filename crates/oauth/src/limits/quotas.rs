//! Quotas: tokens of a client in an hour and in a day.

use std::sync::Arc;
use std::time::Duration;

use model::{Client, Timestamp, TokenSettings};
use store::{Debited, NotDebited, Store, StoreError};

use super::{Limited, Limits, Told};
use crate::error::Refusal;
use crate::fields::Bound;

impl Limits {
    /// Debits a token of the client's quotas, or of none of them.
    pub(crate) async fn quota(
        &self,
        (settings, client): (&TokenSettings, &Client),
        store: &Arc<dyn Store>,
        now: Timestamp,
        told: &mut Told,
    ) -> Result<(), Refusal> {
        let quota = client.tokens.quota.or(settings.quota);
        if quota.hour.is_none() && quota.day.is_none() {
            return Ok(());
        }
        let meter = self.meter(&client.id);
        let mut hour = None;
        if let Some(most) = quota.hour {
            let debited = meter.hour.debit(most, store, &told.tasks, now).await;
            hour = debited.as_ref().ok().map(|debited| debited.window);
            outcome(debited, (most, &HOUR), (settings, now), told)?;
        }
        if let Some(most) = quota.day {
            let debited = meter.day.debit(most, store, &told.tasks, now).await;
            let allowed = outcome(debited, (most, &DAY), (settings, now), told);
            if let (Err(_), Some(window)) = (&allowed, hour) {
                meter.hour.refund(window);
            }
            allowed?;
        }
        Ok(())
    }

    /// Gives unspent leases back to the store, at an orderly end; of several errors the last.
    pub async fn give_back(&self, store: &dyn Store) -> Result<(), StoreError> {
        let meters: Vec<_> = self.clients.lock().values().cloned().collect();
        let mut outcome = Ok(());
        for meter in meters {
            for quota in [&meter.hour, &meter.day] {
                if let Err(error) = quota.give_back(store).await {
                    outcome = Err(error);
                }
            }
        }
        outcome
    }
}

/// How a period is spoken of.
struct Spoken {
    name: &'static str,
    reason: &'static str,
    period: &'static str,
    seconds: u64,
}

const HOUR: Spoken =
    Spoken { name: "tokens-hour", reason: "hour-quota", period: "hour", seconds: 3600 };
const DAY: Spoken =
    Spoken { name: "tokens-day", reason: "day-quota", period: "day", seconds: 86_400 };

/// What a debit means for the request.
fn outcome(
    debited: Result<Debited, NotDebited>,
    (most, spoken): (u64, &Spoken),
    (settings, now): (&TokenSettings, Timestamp),
    told: &mut Told,
) -> Result<(), Refusal> {
    let (left, window, is_spent) = match debited {
        Ok(Debited { left, window, .. }) => (left, window, false),
        Err(NotDebited::Spent(window)) => (0, window, true),
        Err(NotDebited::Store(error)) => {
            tracing::error!(%error, "a quota of tokens cannot be read");
            return if settings.observe { Ok(()) } else { Err(Refusal::Unavailable) };
        }
    };
    let until_ms = window.end_ms.saturating_sub(now.ms()).max(0).unsigned_abs();
    let (name, window_s) = (spoken.name, spoken.seconds);
    told.fields.add(Bound { name, most, window_s, left, until_s: until_ms / 1000 });
    if !is_spent {
        return Ok(());
    }
    let (period, end) = (spoken.period, Timestamp::from_ms(window.end_ms).to_seconds_text());
    let description = format!(
        "This client has got its {most} tokens of this {period}; there are more from {end} on. \
         Keep a token until shortly before its end, and share it."
    );
    let wait = Duration::from_millis(until_ms);
    told.refuse(settings, Limited { reason: spoken.reason, description, wait })
}

#[cfg(test)]
mod tests {
    use model::{ClientTokens, TokenQuota};
    use testkit::MemStore;
    use tokio_util::task::TaskTracker;

    use super::*;
    use crate::limits::DAY_MS;
    use crate::limits::sample::{client, reason};

    #[tokio::test]
    async fn a_spent_day_costs_nothing_of_the_hour() {
        let (limits, store): (_, Arc<dyn Store>) = (Limits::default(), Arc::new(MemStore::new()));
        let quota = TokenQuota { hour: Some(10), day: Some(2) };
        let client = client("a", ClientTokens { quota, ..ClientTokens::default() });
        let settings = TokenSettings::default();
        let now = Timestamp::from_ms(500_000 * DAY_MS);
        let mut asked = Vec::new();
        for _ in 0..3 {
            let mut told = Told::default();
            asked.push(reason(limits.quota((&settings, &client), &store, now, &mut told).await));
        }
        assert_eq!(asked, [None, None, Some("day-quota")]);
        let (meter, tasks) = (limits.meter(&client.id), TaskTracker::new());
        let hour = meter.hour.debit(10, &store, &tasks, now).await.unwrap();
        assert_eq!(hour.left, 7);
        let observing = TokenSettings { observe: true, ..TokenSettings::default() };
        let mut told = Told::default();
        let asked = limits.quota((&observing, &client), &store, now, &mut told).await;
        assert_eq!((reason(asked), told.observed), (None, Some("day-quota")));
    }
}
