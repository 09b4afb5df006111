//! Attempts: what was sent, and what was answered.

use std::ops::RangeInclusive;

use axum::Json;
use axum::extract::State;
use model::{EventId, Timestamp};
use serde::Deserialize;
use serde_json::Value;
use store::{AttemptFilter, AttemptPlace, AttemptRow};

use crate::extract::Query;
use crate::lanes::Which;
use crate::problem::Problem;
use crate::search::{Asked, Where};
use crate::{World, wire};

/// So many pages of history are looked through for one answer.
const PAGES_MAX: usize = 20;
/// So many attempts are looked at in each, where most may be none of those asked for.
const PAGE: usize = 1000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Filter {
    event: Option<String>,
    lane: Option<String>,
    rule: Option<String>,
    destination: Option<String>,
    #[serde(default)]
    failed: bool,
    /// `404`, a class like `5xx`, or `none` for no answer at all.
    status: Option<String>,
    from: Option<String>,
    until: Option<String>,
    /// A pattern that the event matches.
    #[serde(rename = "where")]
    pattern: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// Which statuses an operator asks for.
enum Statuses {
    Any,
    These(RangeInclusive<u16>),
    NoAnswer,
}

impl Filter {
    fn statuses(&self) -> Result<Statuses, Problem> {
        let Some(text) = &self.status else { return Ok(Statuses::Any) };
        let class = text.strip_suffix("xx").and_then(|class| class.parse::<u16>().ok());
        match (class, text.parse::<u16>()) {
            _ if text == "none" => Ok(Statuses::NoAnswer),
            (Some(class @ 1..=5), _) => Ok(Statuses::These(class * 100..=class * 100 + 99)),
            (_, Ok(status @ 100..=599)) => Ok(Statuses::These(status..=status)),
            _ => Err(Problem::Malformed(format!(
                "`status` is `{text}`; write a status like `404`, a class like `5xx`, or `none` \
                 for no answer"
            ))),
        }
    }

    async fn read(&self, world: &World) -> Result<AttemptFilter, Problem> {
        let event = match &self.event {
            None => None,
            Some(text) => Some(EventId::parse(text).ok_or_else(|| {
                Problem::Malformed(format!(
                    "`event` is `{text}`, which is no id of an event; copy one whole, as listings show it: \
                     `evt_` and a UUID"
                ))
            })?),
        };
        let which = Which {
            lane: self.lane.as_deref(),
            rule: self.rule.as_deref(),
            destination: self.destination.as_deref(),
        };
        let statuses = self.statuses()?;
        Ok(AttemptFilter {
            event,
            lanes: which.numbers(world).await?,
            failed_only: self.failed || matches!(statuses, Statuses::NoAnswer),
            statuses: match statuses {
                Statuses::These(range) => Some(range),
                Statuses::Any | Statuses::NoAnswer => None,
            },
            from: time("from", self.from.as_deref())?,
            until: time("until", self.until.as_deref())?,
            after: self.after.as_deref().map(place).transpose()?,
            limit: self.limit.unwrap_or(100).clamp(1, 1000),
        })
    }
}

fn time(member: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let form = || format!("`{member}` is `{text}`; write RFC 3339, `2026-01-31T12:00:00Z`");
    Timestamp::parse(text).map(Some).ok_or_else(|| Problem::Malformed(form()))
}

/// Reads what [`shown`] wrote.
fn place(text: &str) -> Result<AttemptPlace, Problem> {
    let mut parts = text.split('-').map(|part| u64::from_str_radix(part, 16).ok());
    let number = |part: Option<Option<u64>>| part.flatten();
    let (seq, lane, count) = (number(parts.next()), number(parts.next()), number(parts.next()));
    let small = |number: Option<u64>| number.and_then(|number| u32::try_from(number).ok());
    match (seq, small(lane), small(count), parts.next()) {
        (Some(seq), Some(lane), Some(number), None) => Ok(AttemptPlace { seq, lane, number }),
        _ => Err(Problem::Malformed(format!("`after` is `{text}`; give back `next` as it came"))),
    }
}

fn shown(place: AttemptPlace) -> String {
    format!("{:x}-{:x}-{:x}", place.seq, place.lane, place.number)
}

pub(crate) async fn list(
    State(world): State<World>,
    Query(filter): Query<Filter>,
) -> Result<Json<Value>, Problem> {
    let pattern = filter.pattern.as_deref().map(Where::parse).transpose()?;
    let no_answer = matches!(filter.statuses()?, Statuses::NoAnswer);
    let mut read = filter.read(&world).await?;
    let (limit, mut asked, mut items) = (read.limit, Asked::default(), Vec::new());
    if pattern.is_some() || no_answer {
        read.limit = PAGE;
    }
    for _ in 0..PAGES_MAX {
        let page = world.store.attempts(read.clone()).await?;
        read.after = page.next;
        for row in page.rows {
            if items.len() == limit {
                break;
            }
            let unwanted = no_answer && row.attempt.status.is_some();
            let matches = match &pattern {
                Some(pattern) if !unwanted => {
                    asked.holds(&*world.store, pattern, row.id.event).await?
                }
                _ => true,
            };
            let place = AttemptPlace {
                seq: row.id.event.seq,
                lane: row.id.lane,
                number: row.attempt.number,
            };
            if matches && !unwanted {
                items.push(item(&row));
            }
            if items.len() == limit {
                read.after = Some(place);
            }
        }
        if items.len() == limit || read.after.is_none() {
            break;
        }
    }
    let mut body = wire::items(items);
    body["next"] = read.after.map(shown).into();
    Ok(Json(body))
}

fn item(row: &AttemptRow) -> Value {
    let mut item = wire::attempt(&row.attempt);
    item["delivery"] = row.id.to_string().into();
    item["event_id"] = row.id.event.to_string().into();
    item["lane"] = row.lane.to_string().into();
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back_and_other_texts_are_none() {
        let at = AttemptPlace { seq: 77_000, lane: 3, number: 12 };
        assert_eq!(place(&shown(at)).unwrap(), at);
        for text in ["", "1", "1-2", "1-2-3-4", "x-1-1", "1-ffffffffff-1"] {
            assert!(place(text).is_err(), "{text}");
        }
    }
}
