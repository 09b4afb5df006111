//! When a cron or a period fires next.

use jiff::Timestamp;
use schedule::Schedule;

fn ms(moment: &str) -> i64 {
    moment.parse::<Timestamp>().expect("a moment of the table").as_millisecond()
}

/// The first firing of `expression` after `after`, periods being counted from 1970.
fn check(expression: &str, after: &str, expected: Option<&str>) {
    let schedule = Schedule::parse(expression).expect("an expression of the table");
    assert_eq!(schedule.next(ms(after), 0), expected.map(ms), "{expression} after {after}");
}

#[test]
fn a_cron_fires_at_the_next_minute_its_fields_name() {
    check("cron(0 12 * * ? *)", "2026-03-10T11:59:59Z", Some("2026-03-10T12:00:00Z"));
    check("cron(0 12 * * ? *)", "2026-03-10T12:00:00Z", Some("2026-03-11T12:00:00Z"));
    check("cron(0 12 * * ? *)", "2026-03-10T11:59:59.999Z", Some("2026-03-10T12:00:00Z"));
    check("cron(* * * * ? *)", "2026-12-31T23:59:30Z", Some("2027-01-01T00:00:00Z"));
    check("cron(5,35 14 * * ? *)", "2026-03-10T14:05:00Z", Some("2026-03-10T14:35:00Z"));
    check("cron(0/15 * * * ? *)", "2026-03-10T14:45:00Z", Some("2026-03-10T15:00:00Z"));
    check("cron(*/15 * * * ? *)", "2026-03-10T14:46:00Z", Some("2026-03-10T15:00:00Z"));
    check("cron(1/10 * * * ? *)", "2026-03-10T14:01:00Z", Some("2026-03-10T14:11:00Z"));
    check("cron(10-40/15 * * * ? *)", "2026-03-10T14:26:00Z", Some("2026-03-10T14:40:00Z"));
    check("cron(0/5 8-17 ? * MON-FRI *)", "2026-03-13T17:55:00Z", Some("2026-03-16T08:00:00Z"));
    check("cron(0/30 20-23 ? * MON-FRI *)", "2026-03-13T23:30:00Z", Some("2026-03-16T20:00:00Z"));
    check("cron(0 8 1 * ? *)", "2026-03-01T08:00:00Z", Some("2026-04-01T08:00:00Z"));
    check("cron(0 0 1 JAN ? *)", "2026-01-01T00:00:00Z", Some("2027-01-01T00:00:00Z"));
    check("cron(0 0 1 1/3 ? *)", "2026-04-01T00:00:00Z", Some("2026-07-01T00:00:00Z"));
    check("cron(30 6 ? feb,nov tue *)", "2026-02-24T07:00:00Z", Some("2026-11-03T06:30:00Z"));
    check("cron(0 0 10,20,30 * ? *)", "2026-02-20T00:00:00Z", Some("2026-03-10T00:00:00Z"));
}

#[test]
fn days_of_the_week_count_from_sunday_and_take_l_and_number_sign() {
    check("cron(0 2 ? * SAT *)", "2026-03-10T00:00:00Z", Some("2026-03-14T02:00:00Z"));
    check("cron(0 2 ? * 7 *)", "2026-03-14T02:00:00Z", Some("2026-03-21T02:00:00Z"));
    check("cron(0 2 ? * 1 *)", "2026-03-10T00:00:00Z", Some("2026-03-15T02:00:00Z"));
    check("cron(0 2 ? * L *)", "2026-03-10T00:00:00Z", Some("2026-03-14T02:00:00Z"));
    check("cron(0 0 ? * 2,4 *)", "2026-03-10T00:00:00Z", Some("2026-03-11T00:00:00Z"));
    check("cron(0 0 ? * 6#3 *)", "2026-03-10T00:00:00Z", Some("2026-03-20T00:00:00Z"));
    check("cron(0 0 ? * 6#3 *)", "2026-03-20T00:00:00Z", Some("2026-04-17T00:00:00Z"));
    check("cron(0 2 ? * SAT#3 *)", "2026-03-21T02:00:00Z", Some("2026-04-18T02:00:00Z"));
    check("cron(0 0 ? * 6#5 *)", "2026-02-01T00:00:00Z", Some("2026-05-29T00:00:00Z"));
    check("cron(0 0 ? * 1#1 *)", "2026-03-01T00:00:00Z", Some("2026-04-05T00:00:00Z"));
    check("cron(0 0 ? * 6L *)", "2026-03-10T00:00:00Z", Some("2026-03-27T00:00:00Z"));
    check("cron(15 10 ? * FRIL *)", "2026-03-27T10:15:00Z", Some("2026-04-24T10:15:00Z"));
    check("cron(0 0 ? 2 1L *)", "2026-03-10T00:00:00Z", Some("2027-02-28T00:00:00Z"));
    check("cron(15 10 ? * 6L 2002-2005)", "2002-01-01T00:00:00Z", Some("2002-01-25T10:15:00Z"));
    check("cron(15 10 ? * 6L 2002-2005)", "2005-12-30T10:14:00Z", Some("2005-12-30T10:15:00Z"));
    check("cron(15 10 ? * 6L 2002-2005)", "2005-12-30T10:15:00Z", None);
}

#[test]
fn days_of_the_month_take_l_and_w() {
    check("cron(0 0 L * ? *)", "2026-02-01T00:00:00Z", Some("2026-02-28T00:00:00Z"));
    check("cron(0 0 L * ? *)", "2028-02-01T00:00:00Z", Some("2028-02-29T00:00:00Z"));
    check("cron(0 0 L * ? *)", "2026-02-28T00:00:00Z", Some("2026-03-31T00:00:00Z"));
    check("cron(59 23 L 4 ? *)", "2026-04-30T23:59:00Z", Some("2027-04-30T23:59:00Z"));
    check("cron(0 9 LW * ? *)", "2026-01-15T00:00:00Z", Some("2026-01-30T09:00:00Z"));
    check("cron(0 9 LW * ? *)", "2026-02-01T00:00:00Z", Some("2026-02-27T09:00:00Z"));
    check("cron(0 9 LW * ? *)", "2026-05-01T00:00:00Z", Some("2026-05-29T09:00:00Z"));
    check("cron(0 9 LW * ? *)", "2026-06-01T00:00:00Z", Some("2026-06-30T09:00:00Z"));
    check("cron(0 9 15W * ? *)", "2026-03-01T00:00:00Z", Some("2026-03-16T09:00:00Z"));
    check("cron(0 9 15W * ? *)", "2026-04-01T00:00:00Z", Some("2026-04-15T09:00:00Z"));
    check("cron(0 9 15W * ? *)", "2026-08-01T00:00:00Z", Some("2026-08-14T09:00:00Z"));
    check("cron(0 9 1W * ? *)", "2026-07-15T00:00:00Z", Some("2026-08-03T09:00:00Z"));
    check("cron(0 9 1W * ? *)", "2026-10-15T00:00:00Z", Some("2026-11-02T09:00:00Z"));
    check("cron(0 9 31W * ? *)", "2026-01-15T00:00:00Z", Some("2026-01-30T09:00:00Z"));
    check("cron(0 9 31W * ? *)", "2026-01-30T09:00:00Z", Some("2026-03-31T09:00:00Z"));
    check("cron(0 9 31W * ? *)", "2026-05-01T00:00:00Z", Some("2026-05-29T09:00:00Z"));
    check("cron(0 9 30W * ? *)", "2026-08-15T00:00:00Z", Some("2026-08-31T09:00:00Z"));
    check("cron(0 9 28W 2 ? *)", "2026-02-01T00:00:00Z", Some("2026-02-27T09:00:00Z"));
    check("cron(0 0 31 * ? *)", "2026-03-31T00:00:00Z", Some("2026-05-31T00:00:00Z"));
    check("cron(0 0 30 * ? *)", "2026-01-30T00:00:00Z", Some("2026-03-30T00:00:00Z"));
}

#[test]
fn leap_years_are_the_calendars() {
    check("cron(0 0 29 2 ? *)", "2026-01-01T00:00:00Z", Some("2028-02-29T00:00:00Z"));
    check("cron(0 0 29 2 ? *)", "2028-02-29T00:00:00Z", Some("2032-02-29T00:00:00Z"));
    check("cron(0 0 29 2 ? *)", "2096-03-01T00:00:00Z", Some("2104-02-29T00:00:00Z"));
    check("cron(0 0 29 FEB ? 2100)", "2096-03-01T00:00:00Z", None);
    check("cron(0 0 ? 2 1#5 *)", "2026-01-01T00:00:00Z", Some("2032-02-29T00:00:00Z"));
    check("cron(0 0 29W 2 ? *)", "2026-01-01T00:00:00Z", Some("2028-02-29T00:00:00Z"));
}

#[test]
fn a_cron_ends_with_its_years() {
    check("cron(0 0 1 1 ? 2199)", "2026-01-01T00:00:00Z", Some("2199-01-01T00:00:00Z"));
    check("cron(59 23 31 12 ? 2199)", "2026-01-01T00:00:00Z", Some("2199-12-31T23:59:00Z"));
    check("cron(59 23 31 12 ? 2199)", "2199-12-31T23:59:00Z", None);
    check("cron(* * * * ? *)", "2199-12-31T23:59:00Z", None);
    check("cron(0 0 1 1 ? 2020/10)", "2026-01-01T00:00:00Z", Some("2030-01-01T00:00:00Z"));
    check("cron(0 0 1 1 ? 1970)", "1960-01-01T00:00:00Z", Some("1970-01-01T00:00:00Z"));
    check("cron(0/5 5 ? JAN 1-5 2022)", "2026-01-01T00:00:00Z", None);
    check("cron(0 0 30 2 ? *)", "2026-01-01T00:00:00Z", None);
    check("cron(0 12 * * ? *)", "2250-01-01T00:00:00Z", None);
}

#[test]
fn a_period_is_counted_from_its_anchor() {
    let check = |expression: &str, after_ms: i64, anchor_ms: i64, expected_ms: i64| {
        let schedule = Schedule::parse(expression).expect("an expression of the table");
        assert_eq!(schedule.next(after_ms, anchor_ms), Some(expected_ms), "{expression}");
    };
    check("2s", 0, 0, 2_000);
    check("2s", 1_999, 0, 2_000);
    check("2s", 2_000, 0, 4_000);
    check("2s", 2_001, 500, 2_500);
    check("1m", 500, 500, 60_500);
    check("rate(1 minute)", 60_500, 500, 120_500);
    check("rate(5 minutes)", 1_000_000, 0, 1_200_000);
    check("1h", -1, 0, 0);
    check("1h", -3_600_001, 0, -3_600_000);
    // An anchor in the future only fixes the phase.
    check("1d", 0, 90_000_000, 3_600_000);
}

#[test]
fn the_ends_of_time_are_an_answer_and_no_overflow() {
    let daily = Schedule::parse("1d").expect("a duration");
    let noon = Schedule::parse("cron(0 12 * * ? *)").expect("a cron");
    assert_eq!(daily.next(i64::MAX, 0), None);
    assert_eq!(daily.next(i64::MAX, i64::MIN), None);
    assert!(daily.next(i64::MIN, i64::MAX).is_some_and(|next| next > i64::MIN));
    assert_eq!(noon.next(i64::MAX, 0), None);
    assert_eq!(noon.next(i64::MIN, 0), Some(12 * 3_600_000));
}
