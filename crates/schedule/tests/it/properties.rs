//! What holds for every schedule, against a twin that looks at each minute.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Weekday};
use jiff::tz::TimeZone;
use proptest::prelude::*;
use schedule::Schedule;

const MINUTE_MS: i64 = 60_000;
/// How far the twin looks: longer than any month.
const WINDOW_MINUTES: i64 = 40 * 24 * 60;

/// A cron as its parts: the text and the twin are made from them independently.
#[derive(Debug, Clone)]
struct Rule {
    minutes: Vec<i8>,
    hours: Vec<i8>,
    day: Day,
    months: Vec<i8>,
}

#[derive(Debug, Clone)]
enum Day {
    Any,
    OfMonth(Vec<i8>),
    Last,
    LastWorkday,
    Nearest(i8),
    OfWeek(Vec<i8>),
    LastOfWeek(i8),
    Nth(i8, i8),
}

fn list(numbers: &[i8]) -> String {
    let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    numbers.join(",")
}

impl Rule {
    fn text(&self) -> String {
        let (of_month, of_week) = match &self.day {
            Day::Any => ("*".to_owned(), "?".to_owned()),
            Day::OfMonth(days) => (list(days), "?".to_owned()),
            Day::Last => ("L".to_owned(), "?".to_owned()),
            Day::LastWorkday => ("LW".to_owned(), "?".to_owned()),
            Day::Nearest(day) => (format!("{day}W"), "?".to_owned()),
            Day::OfWeek(days) => ("?".to_owned(), list(days)),
            Day::LastOfWeek(day) => ("?".to_owned(), format!("{day}L")),
            Day::Nth(day, nth) => ("?".to_owned(), format!("{day}#{nth}")),
        };
        let (minutes, hours, months) = (list(&self.minutes), list(&self.hours), list(&self.months));
        format!("cron({minutes} {hours} {of_month} {months} {of_week} *)")
    }

    fn fires_at(&self, moment: DateTime) -> bool {
        self.minutes.contains(&moment.minute())
            && self.hours.contains(&moment.hour())
            && self.months.contains(&moment.month())
            && self.day.holds(moment.date())
    }

    /// The first firing after `after_ms` within the window, one minute after another.
    fn naive_next(&self, after_ms: i64) -> Option<i64> {
        let first = after_ms.div_euclid(MINUTE_MS) + 1;
        (first..first + WINDOW_MINUTES)
            .find(|minute| {
                let moment = Timestamp::from_second(minute * 60).expect("a moment of the window");
                self.fires_at(TimeZone::UTC.to_datetime(moment))
            })
            .map(|minute| minute * MINUTE_MS)
    }
}

impl Day {
    fn holds(&self, date: Date) -> bool {
        match self {
            Self::Any => true,
            Self::OfMonth(days) => days.contains(&date.day()),
            Self::Last => date == date.last_of_month(),
            Self::LastWorkday => workdays(date).last() == Some(&date.day()),
            Self::Nearest(day) => {
                let distance = |other: &&i8| (**other - day).abs();
                let nearest = workdays(date);
                *day <= date.days_in_month()
                    && nearest.iter().min_by_key(distance) == Some(&date.day())
            }
            Self::OfWeek(days) => days.contains(&date.weekday().to_sunday_one_offset()),
            Self::LastOfWeek(day) => is_nth(date, -1, *day),
            Self::Nth(day, nth) => is_nth(date, *nth, *day),
        }
    }
}

/// The days Monday to Friday of the month of `date`.
fn workdays(date: Date) -> Vec<i8> {
    let first = date.first_of_month();
    (1..=date.days_in_month())
        .filter(|day| {
            let weekday = first.with().day(*day).build().expect("a day of the month").weekday();
            weekday != Weekday::Saturday && weekday != Weekday::Sunday
        })
        .collect()
}

/// Whether `date` is the `nth` of its month, from the end when negative, on that day of the week.
fn is_nth(date: Date, nth: i8, day_of_week: i8) -> bool {
    let weekday = Weekday::from_sunday_one_offset(day_of_week).expect("1 to 7");
    date.nth_weekday_of_month(nth, weekday).ok() == Some(date)
}

fn some_of(range: std::ops::RangeInclusive<i8>) -> impl Strategy<Value = Vec<i8>> {
    prop::collection::vec(range, 1..4)
}

fn any_rule() -> impl Strategy<Value = Rule> {
    let day = prop_oneof![
        Just(Day::Any),
        some_of(1..=31).prop_map(Day::OfMonth),
        Just(Day::Last),
        Just(Day::LastWorkday),
        (1..=31_i8).prop_map(Day::Nearest),
        some_of(1..=7).prop_map(Day::OfWeek),
        (1..=7_i8).prop_map(Day::LastOfWeek),
        (1..=7_i8, 1..=5_i8).prop_map(|(day, nth)| Day::Nth(day, nth)),
    ];
    let months = prop_oneof![Just((1..=12).collect::<Vec<i8>>()), some_of(1..=12)];
    (some_of(0..=59), some_of(0..=23), day, months).prop_map(|(minutes, hours, day, months)| Rule {
        minutes,
        hours,
        day,
        months,
    })
}

/// From 1970 to 2190, in milliseconds.
fn any_moment() -> impl Strategy<Value = i64> {
    0..6_942_672_000_000_i64
}

proptest! {
    // The twin looks at tens of thousands of minutes per case.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_cron_agrees_with_looking_at_every_minute(rule in any_rule(), after_ms in any_moment()) {
        let schedule = Schedule::parse(&rule.text()).expect("a rule made right");
        let next = schedule.next(after_ms, 0);
        let end_ms = (after_ms.div_euclid(MINUTE_MS) + 1 + WINDOW_MINUTES) * MINUTE_MS;
        let within = next.filter(|next| *next < end_ms);
        prop_assert_eq!(within, rule.naive_next(after_ms), "{}", rule.text());
    }
}

proptest! {
    #[test]
    fn the_next_firing_of_a_cron_is_later_and_names_a_whole_minute(
        rule in any_rule(),
        after_ms in any_moment(),
    ) {
        let schedule = Schedule::parse(&rule.text()).expect("a rule made right");
        if let Some(next) = schedule.next(after_ms, 0) {
            prop_assert!(next > after_ms);
            prop_assert_eq!(next % MINUTE_MS, 0);
            // Nothing fires between: asked again just before, it gives the same answer.
            prop_assert_eq!(schedule.next(next - 1, 0), Some(next));
        }
    }

    #[test]
    fn the_next_firing_of_a_period_is_the_first_after(
        seconds in 1..=31_622_400_i64,
        after_ms in any_moment(),
        anchor_ms in any_moment(),
    ) {
        let schedule = Schedule::parse(&format!("{seconds}s")).expect("a duration made right");
        let next = schedule.next(after_ms, anchor_ms).expect("far from the end of time");
        prop_assert!(next > after_ms);
        prop_assert!(next - after_ms <= seconds * 1_000);
        prop_assert_eq!((next - anchor_ms) % (seconds * 1_000), 0);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>()) {
        let read = |text: &str| Schedule::parse(text).map(|schedule| schedule.to_string());
        if let Ok(normal) = read(&text) {
            prop_assert_eq!(read(&normal), Ok(normal));
        }
    }

    #[test]
    fn no_cron_makes_the_parser_or_the_search_panic(
        inner in "[0-9A-Z*?,/#LW-]{0,6}( [0-9A-Z*?,/#LW-]{1,4}){4,6}",
        after_ms in any::<i64>(),
    ) {
        if let Ok(schedule) = Schedule::parse(&format!("cron({inner})")) {
            prop_assert!(schedule.next(after_ms, 0).is_none_or(|next| next > after_ms));
        }
    }
}
