//! Which expressions are schedules, and what the others are told.

use schedule::Schedule;

/// `expression` is a schedule, and `normal` is its normal form, which reads back as itself.
fn parses(expression: &str, normal: &str) {
    let schedule = Schedule::parse(expression).map_err(|error| error.to_string());
    assert_eq!(schedule.as_ref().map(ToString::to_string), Ok(normal.to_owned()), "{expression}");
    assert_eq!(Schedule::parse(normal).map_err(|error| error.to_string()), schedule, "{normal}");
}

/// `expression` is refused, and the message holds `remedy`.
fn refused(expression: &str, remedy: &str) {
    let message = Schedule::parse(expression).map_err(|error| error.to_string());
    let message = message.expect_err(expression);
    let beginning = "Parameter ScheduleExpression is not valid. Reason: ";
    assert!(message.starts_with(beginning), "{expression}: {message}");
    assert!(message.contains(remedy), "{expression}: {message}");
}

#[test]
fn a_rate_is_a_number_and_a_unit() {
    parses("rate(1 minute)", "1m");
    parses("rate(5 minutes)", "5m");
    parses("rate(60 minutes)", "1h");
    parses("rate(1 hour)", "1h");
    parses("rate(36 hours)", "36h");
    parses("rate(1 day)", "1d");
    parses("rate(7 days)", "7d");
    parses("rate(366 days)", "366d");
}

#[test]
fn a_duration_is_a_number_and_a_letter() {
    parses("1s", "1s");
    parses("2s", "2s");
    parses("90s", "90s");
    parses("120s", "2m");
    parses("1m", "1m");
    parses("60m", "1h");
    parses("1h", "1h");
    parses("24h", "1d");
    parses("1d", "1d");
    parses("366d", "366d");
}

// EventBridge refuses each of these; LocalStack's tests against AWS hold the same expressions.
#[test]
fn a_rate_is_exact() {
    refused("rate(10 seconds)", "write for example `rate(5 minutes)`");
    refused("rate(10 years)", "write for example");
    refused("rate(1 minutes)", "write `rate(1 minute)`");
    refused("rate(1 hours)", "write `rate(1 hour)`");
    refused("rate(1 days)", "write `rate(1 day)`");
    refused("rate(10 minute)", "write `rate(10 minutes)`");
    refused("rate(10 hour)", "write `rate(10 hours)`");
    refused("rate(10 day)", "write `rate(10 days)`");
    refused("rate()", "write for example");
    refused("rate(10)", "write for example");
    refused("rate(10 minutess)", "write for example");
    refused("rate(foo minutes)", "write for example");
    refused("rate(0 minutes)", "positive number");
    refused("rate(-10 minutes)", "positive number");
    refused("rate(+10 minutes)", "positive number");
    refused("rate(1.5 hours)", "positive number");
    refused("rate(10 MINUTES)", "lower case");
    refused("rate( 10 minutes )", "one space");
    refused("rate(10  minutes)", "one space");
    refused(" rate(10 minutes)", "write for example");
    refused("rate(10 minutes) ", "write for example");
    refused("rate(10 minutes", "write for example");
    refused("Rate(10 minutes)", "write for example");
    refused("rate(367 days)", "at most 366 days");
    refused("rate(99999999999999999999 days)", "positive number");
    refused("rate(9999999999999999999 days)", "at most 366 days");
}

#[test]
fn a_duration_is_exact_and_bounded() {
    refused("", "`5m`");
    refused("m", "`5m`");
    refused("5", "`5m`");
    refused("5 m", "`5m`");
    refused("-5m", "`5m`");
    refused("5M", "`5m`");
    refused("1w", "`5m`");
    refused("1h30m", "`5m`");
    refused("5min", "`5m`");
    refused("5µ", "`5m`");
    refused("0s", "at least 1 second");
    refused("367d", "at most 366 days");
    refused("31622401s", "at most 366 days");
    refused("18446744073709551615d", "at most 366 days");
    refused("99999999999999999999s", "`5m`");
}

// The first fifteen are AWS's own examples (EventBridge, cron expressions; LocalStack's tests).
#[test]
fn a_cron_has_six_fields() {
    for expression in [
        "cron(0 2 ? * SAT *)",
        "cron(0 12 * * ? *)",
        "cron(5,35 14 * * ? *)",
        "cron(15 10 ? * 6L 2002-2005)",
        "cron(0 2 ? * SAT#3 *)",
        "cron(* * ? * SAT#3 *)",
        "cron(0/5 5 ? JAN 1-5 2022)",
        "cron(0 10 * * ? *)",
        "cron(15 12 * * ? *)",
        "cron(0 18 ? * MON-FRI *)",
        "cron(0 8 1 * ? *)",
        "cron(0/10 * ? * MON-FRI *)",
        "cron(0/5 8-17 ? * MON-FRI *)",
        "cron(0/30 20-23 ? * MON-FRI *)",
        "cron(0/30 0-2 ? * MON-FRI *)",
        "cron(0 0 L * ? *)",
        "cron(0 0 LW * ? *)",
        "cron(0 0 15W * ? *)",
        "cron(0 0 ? * L *)",
        "cron(0 0 ? * FRIL *)",
        "cron(0 0 ? * 6#5 *)",
        "cron(1,3-5,10-20/2,*/30 0 1 JAN,MAR-MAY,7/2 ? 1970-2199/2)",
        "cron(59 23 31 12 ? 2199)",
    ] {
        parses(expression, expression);
    }
    parses("cron(0  12 * *\t? *)", "cron(0 12 * * ? *)");
    parses("cron( 0 12 * * ? * )", "cron(0 12 * * ? *)");
    parses("cron(0 18 ? jan mon-fri *)", "cron(0 18 ? JAN MON-FRI *)");
}

#[test]
fn a_cron_names_the_field_that_is_wrong() {
    refused("cron(INVALID)", "6 fields, this has 1");
    refused("cron()", "6 fields, this has 0");
    refused("cron(0 12 * * ?)", "6 fields, this has 5");
    refused("cron(0 0 12 * * ? *)", "6 fields, this has 7");
    refused("cron(0 12 * * ? *", "end it with `)`");
    refused("cron(0 1 * * * *)", "exactly one of day-of-month and day-of-week is `?`");
    refused("cron(0 1 ? * ? *)", "exactly one of day-of-month and day-of-week is `?`");
    refused("cron(7 20 * * NOT *)", "exactly one of");
    refused("cron(0 dummy ? * MON-FRI *)", "the hours field does not take `DUMMY`; use 0-23");
    refused("cron(71 8 1 * ? *)", "the minutes field does not take `71`; use 0-59");
    refused("cron(0,71 8 1 * ? *)", "does not take `71`");
    refused("cron(? 8 1 * ? *)", "the minutes field does not take `?`");
    refused("cron(1, 8 1 * ? *)", "the minutes field does not take ``");
    refused("cron(-1 8 1 * ? *)", "the minutes field does not take `-1`");
    refused("cron(/5 8 1 * ? *)", "the minutes field does not take `/5`");
    refused("cron(0/0 8 1 * ? *)", "the minutes field does not take `0/0`");
    refused("cron(0/60 8 1 * ? *)", "the minutes field does not take `0/60`");
    refused("cron(30-10 8 1 * ? *)", "ranges upwards");
    refused("cron(0 24 1 * ? *)", "the hours field does not take `24`");
    refused("cron(0 0 0 * ? *)", "the day-of-month field does not take `0`");
    refused("cron(0 0 32 * ? *)", "the day-of-month field does not take `32`");
    refused("cron(0 0 32W * ? *)", "the day-of-month field does not take `32W`");
    refused("cron(0 0 W * ? *)", "the day-of-month field does not take `W`");
    refused("cron(0 0 1W,15W * ? *)", "the day-of-month field does not take `1W,15W`");
    refused("cron(0 0 1,L * ? *)", "the day-of-month field does not take `L`");
    refused("cron(0 0 L-3 * ? *)", "the day-of-month field does not take `L-3`");
    refused("cron(0 0 1 13 ? *)", "the month field does not take `13`; use 1-12 or JAN-DEC");
    refused("cron(0 0 1 JUNE ? *)", "the month field does not take `JUNE`");
    refused("cron(0 0 ? * 0 *)", "the day-of-week field does not take `0`; use 1-7 or SUN-SAT");
    refused("cron(0 0 ? * 8 *)", "the day-of-week field does not take `8`");
    refused("cron(0 0 ? * FRI-MON *)", "ranges upwards");
    refused("cron(0 0 ? * 6#6 *)", "the day-of-week field does not take `6#6`");
    refused("cron(0 0 ? * 6#0 *)", "the day-of-week field does not take `6#0`");
    refused("cron(0 0 ? * 3#1,6#3 *)", "the day-of-week field does not take `3#1,6#3`");
    refused("cron(0 0 ? * 8L *)", "the day-of-week field does not take `8L`");
    refused("cron(0 0 ? * 2W *)", "the day-of-week field does not take `2W`");
    refused("cron(0 0 1 1 ? 1969)", "the year field does not take `1969`; use 1970-2199");
    refused("cron(0 0 1 1 ? 2200)", "the year field does not take `2200`");
    refused("cron(0 0 1 1 ? 99999)", "the year field does not take `99999`");
}

#[test]
fn an_expression_has_a_longest_length() {
    let many = vec!["1"; 200].join(",");
    refused(&format!("cron({many} 0 1 * ? *)"), "at most 256");
}
