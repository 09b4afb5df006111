//! `gatepost usage`.

mod known;

use std::cmp::Reverse;
use std::collections::BTreeMap;

use clap::Args;
use model::{Grain, Timestamp};
use serde_json::Value;

use super::moment::moment;
use super::operator::{Operator, OperatorArguments, add_parameter, segment};
use super::output::{cell, complain};
use super::{Table, say};
use crate::files;
use known::known;

/// Rows that are asked for at once; the door gives no more.
const PAGE: usize = 1000;
/// Rows of which a table shows the greatest.
const TABLE_MAX: usize = 5000;
/// Points in time of all rows of a table together, for their trends.
const POINTS_MAX: usize = 20_000;
/// Rows of a table, where nothing is said.
const TABLE_ROWS: usize = 50;
/// Rows for programs, where nothing is said.
const EXPORT_ROWS: usize = 1_000_000;
/// Characters of a trend: hours of a day have one each.
const TREND_MAX: usize = 24;

/// Heights of a trend, nothing first.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The same for terminals without them.
const PLAIN: [char; 8] = ['_', '.', ':', '-', '=', '+', '*', '#'];

#[derive(Args)]
pub(super) struct Arguments {
    /// Requests that came at or after: RFC 3339, or how long ago (`2h`, `7d`)
    #[arg(long)]
    from: Option<String>,
    /// Requests that came before; now where nothing is said
    #[arg(long, visible_alias = "to")]
    until: Option<String>,
    /// Requests of so long a time up to now; a day where nothing is said
    #[arg(long, value_name = "DURATION", conflicts_with_all = ["from", "until"])]
    last: Option<String>,
    /// Counted by `minute` (kept for two days), `hour` (90 days) or `day`; what fits where nothing is
    /// said
    #[arg(long)]
    grain: Option<String>,
    /// What is told apart: any of `period`, `partner`, `client`, `key`, `api`, `route`
    #[arg(long, value_name = "PART,PART…", default_value = "partner")]
    by: String,
    /// Only of this partner; `--partner ""` for requests whose partner is not known
    #[arg(long)]
    partner: Option<String>,
    /// Only of this client
    #[arg(long)]
    client: Option<String>,
    /// Only of this API key
    #[arg(long)]
    key: Option<String>,
    /// Only of this API
    #[arg(long)]
    api: Option<String>,
    /// Only of this route, as the configuration has its path
    #[arg(long)]
    route: Option<String>,
    /// How many rows: the greatest 50 of a table, and up to a million for programs, where nothing is
    /// said
    #[arg(long)]
    limit: Option<usize>,
    /// CSV with a header line, for billing
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    operator: OperatorArguments,
}

/// What every question of one command has: all pages are of the same stretch.
struct Stretch {
    from: Option<String>,
    until: Option<String>,
    grain: Option<String>,
}

impl Arguments {
    fn stretch(&self) -> anyhow::Result<Stretch> {
        let from = self.from.as_deref().or(self.last.as_deref());
        Ok(Stretch {
            from: from.map(moment).transpose()?,
            until: Some(moment(self.until.as_deref().unwrap_or("0s"))?),
            grain: self.grain.clone(),
        })
    }

    fn path(&self, by: &str, stretch: &Stretch) -> String {
        let mut path = format!("usage?by={}", segment(by));
        for (name, value) in [
            ("from", &stretch.from),
            ("until", &stretch.until),
            ("grain", &stretch.grain),
            ("partner", &self.partner),
            ("client", &self.client),
            ("key", &self.key),
            ("api", &self.api),
            ("route", &self.route),
        ] {
            if let Some(value) = value {
                add_parameter(&mut path, name, value);
            }
        }
        path
    }

    /// The parts that are told apart, as words.
    fn parts(&self) -> Vec<&str> {
        self.by.split(',').map(str::trim).filter(|word| !word.is_empty()).collect()
    }
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let operator = arguments.operator.operator()?;
    let stretch = arguments.stretch()?;
    if arguments.csv {
        return export(&operator, &arguments, &stretch).await;
    }
    if arguments.operator.json {
        let path = arguments.path(&arguments.by, &stretch);
        let most = arguments.limit.unwrap_or(EXPORT_ROWS);
        let mut found = false;
        let read = each(&operator, &path, most, |row| {
            found = true;
            say(&row.to_string());
        })
        .await?;
        tell_of_more(read.more);
        return if found { Ok(()) } else { known(&operator, &arguments).await };
    }
    table(&operator, &arguments, &stretch).await
}

fn tell_of_more(more: bool) {
    if more {
        complain("There may be more: raise --limit, or ask for less.");
    }
}

/// Prints CSV page by page, with one header line.
async fn export(
    operator: &Operator,
    arguments: &Arguments,
    stretch: &Stretch,
) -> anyhow::Result<()> {
    let path = arguments.path(&arguments.by, stretch);
    let mut left = arguments.limit.unwrap_or(EXPORT_ROWS);
    let mut after: Option<String> = None;
    let mut found = false;
    loop {
        let asked = format!("{}&format=csv", page(&path, left, after.as_deref()));
        let (text, next) = operator.get_text(&asked).await?;
        let mut lines = text.lines();
        if let Some(head) = lines.next()
            && after.is_none()
        {
            say(head);
        }
        for line in lines {
            found = true;
            say(line);
            left = left.saturating_sub(1);
        }
        if next.is_none() || left == 0 {
            tell_of_more(next.is_some());
            return if found { Ok(()) } else { known(operator, arguments).await };
        }
        after = next;
    }
}

fn page(path: &str, left: usize, after: Option<&str>) -> String {
    let mut page = format!("{path}&limit={}", left.clamp(1, PAGE));
    if let Some(after) = after {
        add_parameter(&mut page, "after", after);
    }
    page
}

/// What is known after the last page.
struct Read {
    /// The last answer, without its rows.
    answer: Value,
    /// Whether there may be more rows.
    more: bool,
}

/// Hands over rows page by page, at most so many.
async fn each(
    operator: &Operator,
    path: &str,
    most: usize,
    mut take: impl FnMut(Value),
) -> anyhow::Result<Read> {
    let mut left = most;
    let mut after: Option<String> = None;
    loop {
        let mut answer = operator.get(&page(path, left, after.as_deref())).await?;
        if let Value::Array(rows) = answer["items"].take() {
            left = left.saturating_sub(rows.len());
            rows.into_iter().for_each(&mut take);
        }
        after = answer["next"].as_str().map(str::to_owned);
        if after.is_none() || left == 0 {
            return Ok(Read { answer, more: after.is_some() });
        }
    }
}

async fn table(
    operator: &Operator,
    arguments: &Arguments,
    stretch: &Stretch,
) -> anyhow::Result<()> {
    let mut rows = Vec::new();
    let path = arguments.path(&arguments.by, stretch);
    let read = each(operator, &path, TABLE_MAX, |row| rows.push(row)).await?;
    tell_of_stretch(&read.answer);
    if rows.is_empty() {
        known(operator, arguments).await?;
        complain("none");
        return Ok(());
    }
    let parts = arguments.parts();
    let trends = if parts.contains(&"period") {
        None
    } else {
        // By how much, where the order of time says nothing.
        rows.sort_by_key(|row| Reverse(row["requests"].as_u64()));
        trends(operator, arguments, &read.answer).await?
    };
    let shown = arguments.limit.unwrap_or(TABLE_ROWS);
    if read.more {
        complain(&format!("There are more than {TABLE_MAX} rows; ask for less."));
    } else if rows.len() > shown {
        complain(&format!("{} more rows: --limit.", rows.len() - shown));
    }
    rows.truncate(shown);
    say(&drawn(&parts, &rows, trends.as_ref()).text());
    Ok(())
}

/// Says which stretch was counted, and what of it is not kept so finely any more.
fn tell_of_stretch(answer: &Value) {
    let (from, until, grain) =
        (cell(&answer["from"]), cell(&answer["until"]), cell(&answer["grain"]));
    complain(&format!("from {from} until {until}, by {grain}"));
    let kept_from = answer["kept_from"].as_str().and_then(Timestamp::parse);
    if kept_from.zip(Timestamp::parse(&from)).is_some_and(|(kept_from, from)| from < kept_from) {
        complain(&format!(
            "By {grain}, usage is kept from {} on; a coarser --grain has the rest.",
            cell(&answer["kept_from"])
        ));
    }
}

fn drawn(parts: &[&str], rows: &[Value], trends: Option<&Trends>) -> Table {
    let numbers = ["requests", "errors", "refused", "limited", "in", "out", "p50", "p99"];
    let trend = trends.map(|_| "trend");
    let heads: Vec<_> = parts.iter().copied().chain(numbers).chain(trend).collect();
    let mut table = Table::new(&heads);
    let levels = levels();
    for row in rows {
        let mut cells: Vec<_> = parts.iter().map(|part| cell(&row[*part])).collect();
        let counts = ["requests", "errors", "refused", "limited"];
        cells.extend(counts.map(|member| cell(&row[member])));
        cells.extend(["bytes_in", "bytes_out"].map(|member| bytes(row[member].as_u64())));
        cells.extend(["p50_us", "p99_us"].map(|member| duration(row[member].as_u64())));
        if let Some(trends) = trends {
            let series = trends.get(&name(parts, row)).map(Vec::as_slice);
            cells.push(spark(series.unwrap_or_default(), levels));
        }
        table.row(cells);
    }
    table
}

/// Requests over time, by the parts of a row.
type Trends = BTreeMap<String, Vec<u64>>;

/// A row's parts as one text.
fn name(parts: &[&str], row: &Value) -> String {
    parts.iter().map(|part| cell(&row[*part])).collect::<Vec<_>>().join("\n")
}

/// Asks once more, period by period; none when that is too much.
async fn trends(
    operator: &Operator,
    arguments: &Arguments,
    answer: &Value,
) -> anyhow::Result<Option<Trends>> {
    let text = |member: &str| answer[member].as_str().map(str::to_owned);
    let Some(scale) = Scale::of(answer) else { return Ok(None) };
    let stretch = Stretch { from: text("from"), until: text("until"), grain: text("grain") };
    let parts = arguments.parts();
    let by = [&parts[..], &["period"]].concat().join(",");
    let mut trends = Trends::new();
    let read = each(operator, &arguments.path(&by, &stretch), POINTS_MAX, |row| {
        let series = trends.entry(name(&parts, &row)).or_insert_with(|| vec![0; scale.width]);
        let at = row["period"].as_str().and_then(Timestamp::parse).and_then(|at| scale.at(at));
        if let Some(at) = at
            && let Some(sum) = series.get_mut(at)
            && let Some(requests) = row["requests"].as_u64()
        {
            *sum = sum.saturating_add(requests);
        }
    })
    .await?;
    if read.more {
        complain("There are too many rows to draw their trends; ask for less.");
        return Ok(None);
    }
    Ok(Some(trends))
}

/// Which character of a trend a period belongs to.
struct Scale {
    from: Timestamp,
    length_ms: i64,
    periods: i64,
    width: usize,
}

impl Scale {
    fn of(answer: &Value) -> Option<Self> {
        let moment = |member: &str| Timestamp::parse(answer[member].as_str()?);
        let length_ms = Grain::parse(answer["grain"].as_str()?)?.length_ms();
        let (from, until) = (moment("from")?, moment("until")?);
        let periods = until.since_ms(from).saturating_add(length_ms - 1) / length_ms;
        let periods = periods.max(1);
        let width = usize::try_from(periods).unwrap_or(TREND_MAX).min(TREND_MAX);
        Some(Self { from, length_ms, periods, width })
    }

    fn at(&self, start: Timestamp) -> Option<usize> {
        let period = usize::try_from(start.since_ms(self.from) / self.length_ms).ok()?;
        let at = period.checked_mul(self.width)? / usize::try_from(self.periods).ok()?;
        (at < self.width).then_some(at)
    }
}

/// A series as a line of heights, the highest as high as can be.
fn spark(series: &[u64], levels: &[char; 8]) -> String {
    let highest = u128::from(series.iter().copied().max().unwrap_or(0)).max(1);
    let level = |count: &u64| {
        let above = usize::try_from(u128::from(*count) * 6 / highest).unwrap_or(6);
        // Something is never drawn as nothing.
        let level = if *count == 0 { 0 } else { 1 + above };
        levels.get(level).copied().unwrap_or(' ')
    };
    series.iter().map(level).collect()
}

/// The heights that the terminal can show.
fn levels() -> &'static [char; 8] {
    let set = |name: &str| files::environment(name).filter(|value| !value.is_empty());
    // POSIX, environment variables: the first of these that is set and not empty decides.
    let locale = set("LC_ALL").or_else(|| set("LC_CTYPE")).or_else(|| set("LANG"));
    let locale = locale.unwrap_or_default().to_ascii_lowercase().replace('-', "");
    if locale.contains("utf8") && set("NO_COLOR").is_none() { &BLOCKS } else { &PLAIN }
}

/// Bytes in the largest unit of which there is one.
fn bytes(bytes: Option<u64>) -> String {
    let Some(bytes) = bytes else { return "-".to_owned() };
    let units = [("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)];
    let unit = units.into_iter().find(|(_, size)| bytes >= *size);
    unit.map_or_else(
        || format!("{bytes} B"),
        |(unit, size)| format!("{}.{} {unit}", bytes / size, bytes % size * 10 / size),
    )
}

/// Microseconds in the largest unit of which there is one.
fn duration(us: Option<u64>) -> String {
    match us {
        None => "-".to_owned(),
        Some(us) if us >= 1_000_000 => {
            format!("{}.{} s", us / 1_000_000, us % 1_000_000 / 100_000)
        }
        Some(us) if us >= 1000 => format!("{}.{} ms", us / 1000, us % 1000 / 100),
        Some(us) => format!("{us} us"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_trend_is_as_high_as_its_highest_and_never_hides_something() {
        for (series, blocks, plain) in [
            (vec![], "", ""),
            (vec![0, 0], "▁▁", "__"),
            (vec![0, 1, 1000], "▁▂█", "_.#"),
            (vec![3, 6, 0, 2], "▅█▁▄", "=#_-"),
            (vec![u64::MAX, 1], "█▂", "#."),
        ] {
            assert_eq!(spark(&series, &BLOCKS), blocks, "{series:?}");
            assert_eq!(spark(&series, &PLAIN), plain, "{series:?}");
        }
    }

    #[test]
    fn amounts_have_a_unit() {
        for (number, expected) in [
            (Some(0), "0 B"),
            (Some(999), "999 B"),
            (Some(1_000), "1.0 kB"),
            (Some(1_990_000), "1.9 MB"),
            (Some(12_300_000_000), "12.3 GB"),
            (None, "-"),
        ] {
            assert_eq!(bytes(number), expected, "{number:?}");
        }
        for (us, expected) in
            [(Some(90), "90 us"), (Some(2_550), "2.5 ms"), (Some(1_250_000), "1.2 s"), (None, "-")]
        {
            assert_eq!(duration(us), expected, "{us:?}");
        }
    }

    #[test]
    fn periods_share_the_characters_of_a_trend() {
        let answer = json!({
            "from": "2026-01-01T00:00:00Z",
            "until": "2026-01-03T00:00:00Z",
            "grain": "hour",
        });
        let scale = Scale::of(&answer).unwrap();
        assert_eq!((scale.periods, scale.width), (48, 24));
        for (start, expected) in [
            ("2026-01-01T00:00:00Z", Some(0)),
            ("2026-01-01T01:00:00Z", Some(0)),
            ("2026-01-01T02:00:00Z", Some(1)),
            ("2026-01-02T23:00:00Z", Some(23)),
            ("2026-01-03T00:00:00Z", None),
            ("2025-12-31T22:00:00Z", None),
        ] {
            assert_eq!(scale.at(Timestamp::parse(start).unwrap()), expected, "{start}");
        }
        assert!(Scale::of(&json!({ "grain": "week" })).is_none());
    }

    #[test]
    fn rows_are_drawn_with_their_parts_counts_and_trend() {
        let rows = [json!({
            "partner": "cars", "route": null, "requests": 1200, "errors": 3, "refused": 2,
            "limited": 1, "bytes_in": 10, "bytes_out": 2_000, "p50_us": 700, "p99_us": 2_000_000,
        })];
        let parts = ["partner", "route"];
        let trends = Trends::from([(name(&parts, &rows[0]), vec![0, 5])]);
        let text = drawn(&parts, &rows, Some(&trends)).text();
        let lines: Vec<_> = text.lines().collect();
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(
            words(lines[0]),
            "PARTNER ROUTE REQUESTS ERRORS REFUSED LIMITED IN OUT P50 P99 TREND"
        );
        assert!(
            words(lines[1]).starts_with("cars - 1200 3 2 1 10 B 2.0 kB 700 us 2.0 s "),
            "{text}"
        );
        assert!(!drawn(&parts, &rows, None).text().contains("TREND"));
    }
}
