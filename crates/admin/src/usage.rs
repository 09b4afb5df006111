//! Usage: how much was asked, by whom and of what; as JSON, or as CSV for whoever bills.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use model::{Grain, LATENCY_BOUNDS_US, Timestamp, UsageBy, UsageKey};
use serde::Deserialize;
use serde_json::json;
use store::{UsageOnly, UsageQuery, UsageRow};

use crate::extract::Query;
use crate::problem::Problem;
use crate::{World, wire};

/// How far back is looked where nothing is said: a day.
const SPAN_MS: i64 = 86_400_000;
/// So many rows are given at once at the most.
const LIMIT_MAX: usize = 1000;
/// What tells in the headers of a page of CSV that there may be more, and from where.
const NEXT: &str = "gatepost-next";
/// The columns of the CSV form.
const HEAD: &str = "from,until,partner,client,key,api,route,requests,status_2xx,status_3xx,\
                    status_4xx,status_5xx,status_other,refused,limited,bytes_in,bytes_out,\
                    upstream_us,p50_us,p95_us,p99_us\n";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Asked {
    from: Option<String>,
    #[serde(alias = "to")]
    until: Option<String>,
    grain: Option<String>,
    partner: Option<String>,
    client: Option<String>,
    key: Option<String>,
    api: Option<String>,
    route: Option<String>,
    /// What is told apart, with commas in between; empty for nothing.
    by: Option<String>,
    format: Option<String>,
    after: Option<String>,
    limit: Option<usize>,
}

/// The form of an answer.
enum Form {
    Json,
    Csv,
}

impl Asked {
    fn form(&self) -> Result<Form, Problem> {
        match self.format.as_deref() {
            None | Some("json") => Ok(Form::Json),
            Some("csv") => Ok(Form::Csv),
            Some(other) => {
                Err(Problem::Malformed(format!("`format` is `{other}`; write `json` or `csv`")))
            }
        }
    }

    fn read(self, now: Timestamp) -> Result<UsageQuery, Problem> {
        let until = time("until", self.until.as_deref())?.unwrap_or(now);
        let from = time("from", self.from.as_deref())?.unwrap_or(until.plus_ms(-SPAN_MS));
        if from >= until {
            return Err(Problem::Malformed(format!(
                "`from` ({from}) is not before `until` ({until})"
            )));
        }
        let grain = match self.grain.as_deref() {
            None => Grain::fit(from, until, now),
            Some(text) => Grain::parse(text).ok_or_else(|| {
                Problem::Malformed(format!(
                    "`grain` is `{text}`; write `minute`, `hour` or `day`, or leave it out"
                ))
            })?,
        };
        Ok(UsageQuery {
            from,
            until,
            grain,
            by: parts(self.by.as_deref())?,
            after: self.after.as_deref().map(place).transpose()?,
            limit: self.limit.unwrap_or(100).clamp(1, LIMIT_MAX),
            only: UsageOnly {
                partner: self.partner,
                client: self.client,
                api_key: self.key,
                api: self.api,
                route: self.route,
            },
        })
    }
}

fn time(member: &str, text: Option<&str>) -> Result<Option<Timestamp>, Problem> {
    let Some(text) = text else { return Ok(None) };
    let form = || format!("`{member}` is `{text}`; write RFC 3339, `2026-01-31T12:00:00Z`");
    Timestamp::parse(text).map(Some).ok_or_else(|| Problem::Malformed(form()))
}

/// What is told apart: by partner where nothing is said.
fn parts(text: Option<&str>) -> Result<Vec<UsageBy>, Problem> {
    let Some(text) = text else { return Ok(vec![UsageBy::Partner]) };
    let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
    let read = |word: &str| {
        UsageBy::parse(word).ok_or_else(|| {
            let all = UsageBy::ALL.map(UsageBy::as_str).join("`, `");
            Problem::Malformed(format!(
                "`by` has `{word}`; write any of `{all}` with commas in between"
            ))
        })
    };
    words.map(read).collect()
}

/// Reads what [`shown`] wrote.
fn place(text: &str) -> Result<(Timestamp, UsageKey), Problem> {
    type Parts = (i64, String, String, String, String, String);
    let bytes = URL_SAFE_NO_PAD.decode(text).unwrap_or_default();
    let Ok((start, partner, client, api_key, api, route)) = serde_json::from_slice::<Parts>(&bytes)
    else {
        return Err(Problem::Malformed(format!(
            "`after` is `{text}`; give back `next` as it came"
        )));
    };
    let key = UsageKey {
        partner: partner.into(),
        client: client.into(),
        api_key: api_key.into(),
        api: api.into(),
        route: route.into(),
    };
    Ok((Timestamp::from_ms(start), key))
}

/// The place of a row, to go on behind it.
fn shown(row: &UsageRow) -> String {
    let UsageKey { partner, client, api_key, api, route } = &row.key;
    let [partner, client, api_key, api, route] =
        [partner, client, api_key, api, route].map(|text| &**text);
    let place = json!([row.start.ms(), partner, client, api_key, api, route]);
    URL_SAFE_NO_PAD.encode(place.to_string())
}

pub(crate) async fn list(
    State(world): State<World>,
    Query(asked): Query<Asked>,
) -> Result<Response, Problem> {
    let now = world.clock.now();
    let form = asked.form()?;
    let query = asked.read(now)?;
    let rows = world.store.usage(query.clone()).await?;
    let full = rows.len() >= query.limit;
    let next = rows.last().filter(|_| full).map(shown);
    Ok(match form {
        Form::Json => {
            let items = rows.iter().map(|row| wire::usage(row, &query.by)).collect();
            let mut body = wire::items(items);
            wire::add(
                &mut body,
                json!({
                    "from": query.grain.start(query.from).to_string(),
                    "until": query.until.to_string(),
                    "grain": query.grain.as_str(),
                    "kept_from": wire::time(query.grain.kept_from(now)),
                    "latency_bounds_us": LATENCY_BOUNDS_US,
                    "next": next,
                }),
            );
            Json(body).into_response()
        }
        Form::Csv => {
            let lines = rows.iter().map(|row| line(row, &query));
            let text: String = std::iter::once(HEAD.to_owned()).chain(lines).collect();
            let mut response =
                ([(CONTENT_TYPE, "text/csv; charset=utf-8; header=present")], text).into_response();
            // The place is base64url, which a header may hold.
            if let Some(next) = next.and_then(|next| HeaderValue::from_str(&next).ok()) {
                response.headers_mut().insert(NEXT, next);
            }
            response
        }
    })
}

/// A row of the CSV form (RFC 4180, with line feeds alone).
fn line(row: &UsageRow, query: &UsageQuery) -> String {
    let until = if query.by.contains(&UsageBy::Period) {
        row.start.plus_ms(query.grain.length_ms())
    } else {
        query.until
    };
    let UsageKey { partner, client, api_key, api, route } = &row.key;
    let mut fields = vec![row.start.to_seconds_text(), until.to_seconds_text()];
    fields.extend([partner, client, api_key, api, route].map(|text| field(text)));
    let counts = &row.counts;
    let numbers = [counts.requests()].into_iter().chain(counts.statuses).chain([
        counts.refused,
        counts.limited,
        counts.bytes_in,
        counts.bytes_out,
        counts.upstream_us,
    ]);
    fields.extend(numbers.map(|number| number.to_string()));
    let quantiles = [500, 950, 990].map(|per_mille| counts.latency.quantile_us(per_mille));
    fields.extend(quantiles.map(|us| us.map_or_else(String::new, |us| us.to_string())));
    fields.join(",") + "\n"
}

/// A field, in quotes where it must be (RFC 4180 §2, 6 and 7).
fn field(text: &str) -> String {
    if text.contains([',', '"', '\r', '\n']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use model::{AnsweredBy, UsageCounts, UsageSample};

    use super::*;

    fn row() -> UsageRow {
        let mut counts = UsageCounts::default();
        counts.count(&UsageSample {
            status: 429,
            answered_by: AnsweredBy::Plan,
            bytes_in: 7,
            bytes_out: 300,
            took_us: 100,
            upstream_us: 0,
        });
        let key = UsageKey {
            partner: "cars".into(),
            api: "tires".into(),
            route: "/a,b/\"c\"".into(),
            ..UsageKey::default()
        };
        UsageRow { start: Timestamp::from_ms(86_400_000), key, counts }
    }

    #[test]
    fn a_place_reads_back_and_other_texts_are_none() {
        let row = row();
        assert_eq!(place(&shown(&row)).unwrap(), (row.start, row.key));
        for text in ["", "W10", "not base64!", "WzEsMl0"] {
            assert!(place(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_line_has_a_field_for_each_column_and_quotes_what_must_be() {
        let query = UsageQuery {
            from: Timestamp::from_ms(86_400_000),
            until: Timestamp::from_ms(3 * 86_400_000),
            grain: Grain::Day,
            only: UsageOnly::default(),
            by: vec![UsageBy::Partner, UsageBy::Api, UsageBy::Route],
            after: None,
            limit: 10,
        };
        let whole = "1970-01-02T00:00:00Z,1970-01-04T00:00:00Z,cars,,,tires,\"/a,b/\"\"c\"\"\",\
                     1,0,0,1,0,0,1,1,7,300,0,100,100,100\n";
        assert_eq!(line(&row(), &query), whole);
        let periods = UsageQuery { by: vec![UsageBy::Period], ..query };
        let one = line(&row(), &periods);
        assert!(one.starts_with("1970-01-02T00:00:00Z,1970-01-03T00:00:00Z,"), "{one}");
        let commas = |text: &str| text.matches(',').count();
        assert_eq!(commas(HEAD), commas(whole) - 1, "one comma is quoted");
    }

    #[test]
    fn parts_are_words_with_commas_in_between() {
        for (text, expected) in [
            (None, Some(vec![UsageBy::Partner])),
            (Some(""), Some(vec![])),
            (Some("key, period"), Some(vec![UsageBy::ApiKey, UsageBy::Period])),
            (Some("partner,"), Some(vec![UsageBy::Partner])),
            (Some("company"), None),
        ] {
            assert_eq!(parts(text).ok(), expected, "{text:?}");
        }
    }

    #[test]
    fn a_question_is_read_whole_or_refused_with_a_remedy() {
        let now = Timestamp::from_ms(1_700_000_000_000);
        let asked = |grain: Option<&str>, from: &str, format: &str| Asked {
            from: Some(from.to_owned()),
            until: None,
            grain: grain.map(str::to_owned),
            partner: Some("cars".to_owned()),
            client: None,
            key: None,
            api: None,
            route: None,
            by: None,
            format: Some(format.to_owned()),
            after: None,
            limit: Some(1_000_000),
        };
        let query = asked(None, "2023-11-14T22:00:00Z", "csv").read(now).unwrap();
        assert_eq!((query.grain, query.until, query.limit), (Grain::Minute, now, LIMIT_MAX));
        assert_eq!(query.only.partner.as_deref(), Some("cars"));
        for (grain, from, remedy) in [
            (Some("week"), "2023-11-14T22:00:00Z", "`minute`, `hour` or `day`"),
            (None, "yesterday", "RFC 3339"),
            (None, "2024-01-01T00:00:00Z", "is not before `until`"),
        ] {
            let Err(Problem::Malformed(text)) = asked(grain, from, "json").read(now) else {
                panic!("{from} was taken");
            };
            assert!(text.contains(remedy), "{text}");
        }
        assert!(asked(None, "2023-11-14T22:00:00Z", "xml").form().is_err());
    }
}
