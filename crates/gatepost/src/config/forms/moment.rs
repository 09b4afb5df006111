//! Forms of time: moments, ends, and when schedules fire.

use model::Timestamp;
use schedule::Schedule;

use crate::config::problem::Wrong;

/// A moment as RFC 3339 has it, with any offset.
pub(crate) fn time(text: &str) -> Result<Timestamp, Wrong> {
    Timestamp::parse(text).ok_or_else(|| {
        Wrong::new(format!("`{text}` is not a time"))
            .help("write date, time and offset, as in `2026-12-01T00:00:00Z`")
    })
}

pub(crate) fn is_time(text: &str) -> Result<(), Wrong> {
    time(text).map(drop)
}

/// A moment from which on something is over: RFC 3339, or a day, which is its beginning in UTC.
pub(crate) fn end(text: &str) -> Result<Timestamp, Wrong> {
    let day = || Timestamp::parse(&format!("{text}T00:00:00Z")).filter(|_| text.len() == 10);
    Timestamp::parse(text).or_else(day).ok_or_else(|| {
        Wrong::new(format!("`{text}` is neither a day nor a time")).help(
            "write `2027-01-01` for the beginning of that day (UTC), or `2027-01-01T12:00:00Z`",
        )
    })
}

pub(crate) fn is_end(text: &str) -> Result<(), Wrong> {
    end(text).map(drop)
}

/// A fixed period: `5m`.
pub(crate) fn every(text: &str) -> Result<Schedule, Wrong> {
    if is_expression(text) {
        return Err(Wrong::new("`every` is a duration such as `5m`")
            .help(format!("write `when: {text}` in its place")));
    }
    parse_schedule(text)
}

pub(crate) fn is_every(text: &str) -> Result<(), Wrong> {
    every(text).map(drop)
}

/// `rate(…)` or `cron(…)`.
pub(crate) fn when(text: &str) -> Result<Schedule, Wrong> {
    if is_expression(text) {
        return parse_schedule(text);
    }
    let help = match parse_schedule(text) {
        Ok(_) => format!("write `every: {text}` in its place"),
        Err(_) => "write for example `rate(5 minutes)` or `cron(0 12 * * ? *)`".to_owned(),
    };
    Err(Wrong::new("`when` is `rate(…)` or `cron(…)`").help(help))
}

pub(crate) fn is_when(text: &str) -> Result<(), Wrong> {
    when(text).map(drop)
}

fn is_expression(text: &str) -> bool {
    text.starts_with("rate(") || text.starts_with("cron(")
}

fn parse_schedule(text: &str) -> Result<Schedule, Wrong> {
    Schedule::parse(text).map_err(|error| Wrong::new(error.0.to_string()))
}
