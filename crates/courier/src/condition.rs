//! How one destination is: in use or switched off, taking what it is sent or not; what is told of
//! it and what is kept. Pure.
//!
//! Success and failure are counted in memory and written when something was told, so that a
//! destination that fails now and then costs no writes. When it succeeded last is kept once a
//! minute. Switching off is in force at once, and kept until the store has it.

use model::{Name, Timestamp};
use retry::{Health, Notice};
use store::{DestinationNote, DestinationState, Switch, SwitchState, Trouble};

/// How often the time of the last success is kept.
const SUCCESS_EVERY_MS: i64 = 60_000;

/// Something to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Keep {
    /// That it was switched off, unless somebody switched it since its last switching, then.
    Off(Name, Option<Timestamp>, Switch),
    /// What was seen of it.
    Note(DestinationNote),
}

/// Something to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum News {
    /// A notice, nothing but failures since.
    Notice(Notice, Timestamp),
    /// It is switched off, for this reason.
    Off(String),
    /// It takes deliveries again.
    Recovered,
    /// It refuses our credentials, also those that are new, with this status.
    Credentials(u16),
}

/// One destination's condition.
#[derive(Debug)]
pub(crate) struct Condition {
    name: Name,
    switch: Option<Switch>,
    health: Health,
    last_success: Option<Timestamp>,
    /// Whether what was seen is to be kept soon, not with the next minute.
    news: bool,
    success_kept: Option<Timestamp>,
    kept_at: Timestamp,
    /// Its switching off, and the switching before it.
    off_unkept: Option<(Option<Timestamp>, Switch)>,
}

impl Condition {
    /// As the store has it, which may know of a switching that the plan does not show yet.
    pub(crate) fn open(name: Name, state: Option<DestinationState>, now: Timestamp) -> Self {
        let last_success = state.as_ref().and_then(|state| state.last_success);
        let trouble = state.as_ref().and_then(|state| state.trouble);
        let health = trouble.map_or_else(Health::default, |trouble| {
            Health::failing(trouble.since.ms(), trouble.notices)
        });
        Self {
            name,
            switch: state.and_then(|state| state.switch),
            health,
            last_success,
            news: false,
            success_kept: last_success,
            kept_at: now,
            off_unkept: None,
        }
    }

    /// Whether nothing may be sent.
    pub(crate) fn is_off(&self) -> bool {
        self.switch.as_ref().is_some_and(|switch| switch.state == SwitchState::Disabled)
    }

    /// When it was switched off or on last.
    pub(crate) fn switched_at(&self) -> Option<Timestamp> {
        self.switch.as_ref().map(|switch| switch.since)
    }

    /// When the first failure after the last success was.
    pub(crate) fn failing_since(&self) -> Option<Timestamp> {
        self.health.failing_since_ms().map(Timestamp::from_ms)
    }

    /// When it took something last.
    pub(crate) fn last_success(&self) -> Option<Timestamp> {
        self.last_success
    }

    /// An attempt was taken.
    pub(crate) fn succeeded(&mut self, now: Timestamp) -> Option<News> {
        self.last_success = Some(now);
        let recovered = self.health.succeeded();
        self.news |= recovered;
        recovered.then_some(News::Recovered)
    }

    /// An attempt reached for the receiver and was not taken.
    pub(crate) fn failed(&mut self, now: Timestamp) -> Option<News> {
        if self.is_off() {
            return None;
        }
        let notice = self.health.failed(now.ms())?;
        let since = self.failing_since().unwrap_or(now);
        if notice == Notice::Disabled {
            let why = format!("five days without a success, nothing but failures since {since}");
            return Some(self.switch_off(why, now));
        }
        self.news = true;
        Some(News::Notice(notice, since))
    }

    /// The receiver answered that its address is gone.
    pub(crate) fn gone(&mut self, now: Timestamp) -> Option<News> {
        let why = "the receiver answered 410 Gone";
        (!self.is_off()).then(|| self.switch_off(why.to_owned(), now))
    }

    fn switch_off(&mut self, reason: String, now: Timestamp) -> News {
        let state = SwitchState::Disabled;
        let off = Switch { state, reason: reason.clone(), since: now };
        self.off_unkept = Some((self.switched_at(), off.clone()));
        self.switch = Some(off);
        self.health = Health::default();
        News::Off(reason)
    }

    /// What is to be kept now; nothing is taken twice.
    pub(crate) fn take_unkept(&mut self, now: Timestamp) -> Option<Keep> {
        if let Some((before, off)) = self.off_unkept.take() {
            // The switching forgets the trouble; the last success goes with the next note.
            self.news = false;
            return Some(Keep::Off(self.name.clone(), before, off));
        }
        let minute_is_over = now.since_ms(self.kept_at) >= SUCCESS_EVERY_MS;
        let success = self.last_success != self.success_kept && minute_is_over;
        if !self.news && !success {
            return None;
        }
        (self.news, self.kept_at, self.success_kept) = (false, now, self.last_success);
        Some(Keep::Note(self.note()))
    }

    /// What is to be kept at the end, be the minute over or not.
    pub(crate) fn take_last(&mut self) -> Option<Keep> {
        self.news |= self.last_success != self.success_kept;
        self.take_unkept(self.kept_at)
    }

    fn note(&self) -> DestinationNote {
        // Trouble is kept once it was told; before, it may be a hiccup.
        let notices = self.health.notices();
        let since = self.failing_since().filter(|_| notices > 0);
        DestinationNote {
            name: self.name.clone(),
            switched_at: self.switched_at(),
            trouble: since.map(|since| Trouble { since, notices }),
            last_success: self.last_success,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    fn fresh() -> Condition {
        Condition {
            name: Name::new("hook").unwrap(),
            switch: None,
            health: Health::default(),
            last_success: None,
            news: false,
            success_kept: None,
            kept_at: at(0),
            off_unkept: None,
        }
    }

    /// What is to be kept of what was seen.
    fn noted(keep: Option<Keep>) -> DestinationNote {
        let Some(Keep::Note(note)) = keep else { panic!("{keep:?}") };
        note
    }

    #[test]
    fn a_hiccup_is_not_kept_and_a_trouble_is_at_once() {
        let mut condition = fresh();
        condition.failed(at(1_000));
        assert!(condition.take_unkept(at(1_000)).is_none());
        let told = condition.failed(at(61_000));
        assert_eq!(told, Some(News::Notice(Notice::Trouble, at(1_000))));
        let note = noted(condition.take_unkept(at(61_000)));
        assert_eq!(note.trouble, Some(Trouble { since: at(1_000), notices: 1 }));
        assert!(condition.take_unkept(at(61_000)).is_none());
        assert_eq!(condition.succeeded(at(62_000)), Some(News::Recovered));
        let note = noted(condition.take_unkept(at(62_000)));
        assert_eq!((note.trouble, note.last_success), (None, Some(at(62_000))));
    }

    #[test]
    fn the_last_success_is_kept_once_a_minute_and_at_the_end() {
        let mut condition = fresh();
        condition.succeeded(at(100));
        assert!(condition.take_unkept(at(100)).is_none());
        assert_eq!(noted(condition.take_unkept(at(60_000))).last_success, Some(at(100)));
        condition.succeeded(at(60_100));
        assert!(condition.take_unkept(at(60_100)).is_none());
        assert_eq!(noted(condition.take_last()).last_success, Some(at(60_100)));
        assert!(condition.take_last().is_none());
    }

    #[test]
    fn gone_is_off_at_once_and_kept_once() {
        let mut condition = fresh();
        assert!(matches!(condition.gone(at(5)), Some(News::Off(_))));
        assert_eq!(condition.gone(at(6)), None);
        assert!(condition.is_off());
        let keep = condition.take_unkept(at(6));
        let Some(Keep::Off(name, None, off)) = keep else { panic!("{keep:?}") };
        assert_eq!((&*name, off.since, off.state), ("hook", at(5), SwitchState::Disabled));
        condition.failed(at(1_000_000));
        assert!(condition.take_unkept(at(1_000_000)).is_none());
    }

    #[test]
    fn its_switching_off_names_the_switching_before_it() {
        let (state, since) = (SwitchState::Enabled, at(3));
        let switch = Some(Switch { state, reason: String::new(), since });
        let mut condition = Condition { switch, ..fresh() };
        condition.gone(at(5));
        let keep = condition.take_unkept(at(6));
        assert!(
            matches!(&keep, Some(Keep::Off(_, Some(before), _)) if *before == since),
            "{keep:?}"
        );
    }

    #[test]
    fn five_days_of_failures_switch_it_off() {
        let mut condition = fresh();
        for hour in 0..=120 {
            assert!(!condition.is_off(), "{hour}");
            condition.failed(at(hour * 3_600_000));
        }
        assert!(condition.is_off());
        assert!(matches!(condition.take_unkept(at(0)), Some(Keep::Off(..))));
    }
}
