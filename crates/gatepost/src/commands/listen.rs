//! `gatepost listen`: a bus's events on a developer's machine.

use std::time::Duration;

use anyhow::Context as _;
use clap::Args;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{Request, Uri};
use http_body_util::Full;
use outbound::{Bounds, Guard, Origin, Pool, in_words, send_whole};
use serde_json::Value;
use tokio_util::task::TaskTracker;

use super::moment::moment;
use super::operator::{OperatorArguments, add_parameter, segment};
use super::{output, say, wrong_usage};

/// How long the developer's service may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long one question waits for the next event, in seconds.
const WAIT_S: u64 = 20;
/// How long a server that does not answer is left alone.
const AGAIN: Duration = Duration::from_secs(2);

/// Nothing is delivered or settled by listening: the partners get their events as ever.
#[derive(Args)]
pub(super) struct Arguments {
    /// The bus
    bus: String,
    /// Where each event is posted to, `http://127.0.0.1:3000/hook`; without it, events are printed
    #[arg(long)]
    forward: Option<String>,
    /// Begin with events accepted then: RFC 3339, or how long ago (`2h`); now where nothing is said
    #[arg(long)]
    from: Option<String>,
    /// Only events that match this pattern, JSON or @FILE
    #[arg(long = "where", value_name = "PATTERN")]
    pattern: Option<String>,
    /// End after so many events
    #[arg(long)]
    count: Option<u64>,
    #[command(flatten)]
    operator: OperatorArguments,
}

/// Where events are posted to.
struct Forward {
    pool: Pool,
    target: String,
}

impl Forward {
    fn new(url: &str) -> anyhow::Result<Self> {
        let uri: Option<Uri> = url.parse().ok();
        let origin = uri.as_ref().and_then(Origin::of);
        let (Some(uri), Some(origin)) = (uri, origin) else {
            return Err(wrong_usage(format!(
                "--forward is `{url}`; write an address like http://127.0.0.1:3000/hook"
            )));
        };
        let target = uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        Ok(Self { pool: Pool::new(origin, Guard::Own, 1, TaskTracker::new()), target })
    }

    /// Posts an event; says in words what came of it.
    async fn post(&self, event: &Value) -> anyhow::Result<String> {
        let request = Request::post(&self.target)
            .header(HOST, self.pool.origin().authority())
            .header(USER_AGENT, concat!("Gatepost/", env!("CARGO_PKG_VERSION")))
            .header(CONTENT_TYPE, "application/json; charset=utf-8")
            .header("gatepost-listen", "true")
            .header("idempotency-key", event["id"].as_str().unwrap_or_default())
            .body(Full::from(event.to_string()))?;
        let answer = send_whole(&self.pool, request, Bounds::within(TIMEOUT)).await;
        Ok(match answer {
            Ok(answer) => answer.status.as_u16().to_string(),
            Err(error) => in_words(&error),
        })
    }
}

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let forward = arguments.forward.as_deref().map(Forward::new).transpose()?;
    let operator = arguments.operator.operator()?;
    let pattern = arguments.pattern.as_deref().map(super::events::text).transpose()?;
    let mut from = arguments.from.as_deref().map(moment).transpose()?;
    let (mut after, mut left, mut away) = (None, arguments.count.unwrap_or(u64::MAX), true);
    let words = format!("Listening on `{}`; Ctrl-C ends.", arguments.bus);
    while left > 0 {
        let mut path = format!("events/{}?wait_s={WAIT_S}", segment(&arguments.bus));
        let place = after.map(|after: u64| after.to_string());
        for (name, value) in [("from", &from), ("where", &pattern), ("after", &place)] {
            if let Some(value) = value {
                add_parameter(&mut path, name, value);
            }
        }
        let answer = match operator.get(&path).await {
            Ok(answer) => answer,
            // The first question tells what is wrong; later ones, that the server is away.
            Err(error) if away && after.is_none() => return Err(error),
            Err(error) => {
                output::complain(&format!("{error:#}; trying again"));
                tokio::time::sleep(AGAIN).await;
                continue;
            }
        };
        if away {
            output::complain(&words);
            away = false;
        }
        after = answer["next"].as_u64().or(after);
        from = from.or_else(|| answer["from"].as_str().map(str::to_owned));
        for event in answer["items"].as_array().into_iter().flatten() {
            show(event, forward.as_ref(), arguments.operator.json).await?;
            left -= 1;
            if left == 0 {
                break;
            }
        }
    }
    Ok(())
}

async fn show(event: &Value, forward: Option<&Forward>, json: bool) -> anyhow::Result<()> {
    let Some(forward) = forward else {
        say(&if json { event.to_string() } else { format!("{event:#}") });
        return Ok(());
    };
    let outcome = forward.post(event).await.context("the event cannot be posted")?;
    if json {
        say(&serde_json::json!({ "event_id": event["id"], "outcome": outcome }).to_string());
    } else {
        let cell = |member: &str| output::cell(&event[member]);
        say(&format!("{}  {}  {}  {outcome}", cell("time"), cell("detail-type"), cell("id")));
    }
    Ok(())
}
