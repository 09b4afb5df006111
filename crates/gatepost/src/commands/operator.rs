//! Talking to a serving Gatepost's admin door.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail};
use clap::Args;
use http::header::{AUTHORIZATION, CONTENT_TYPE, HOST};
use http::{HeaderValue, Method, Request};
use http_body_util::Full;
use model::Secret;
use outbound::{Answer, Bounds, Guard, Origin, Pool, in_words, send_whole};
use serde_json::Value;
use tokio_util::task::TaskTracker;

use super::{ConfigArgument, wrong_usage};
use crate::config::nearest;
use crate::files;

/// How long a question may take.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How much of an answer is read.
const ANSWER_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The lists of what people name, and the member that has the name.
const NAMED: [(&str, &str); 3] = [("partners", "name"), ("clients", "id"), ("keys", "name")];

/// Which Gatepost, and how to show its answers.
#[derive(Args, Debug, Clone)]
pub(super) struct OperatorArguments {
    #[command(flatten)]
    config: ConfigArgument,
    /// The admin door, `http://127.0.0.1:7402`; the configuration's where none is given
    #[arg(long, env = "GATEPOST_SERVER")]
    server: Option<String>,
    /// The file with the admin token; the data directory's where none is given
    #[arg(long, env = "GATEPOST_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// One JSON object per line
    #[arg(long)]
    pub(super) json: bool,
}

/// There is nothing of the name that was given.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Missing(String);

/// It cannot be done as things are.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Refused(String);

/// An operator's connection.
pub(super) struct Operator {
    pool: Pool,
    token: Secret,
}

impl OperatorArguments {
    /// Finds the door and the token.
    pub(super) fn operator(&self) -> anyhow::Result<Operator> {
        // The file is read only for what the flags do not say.
        let loaded = match (&self.server, &self.token_file) {
            (Some(_), Some(_)) => None,
            // A running server has a good file in force, whatever has been written since.
            _ => Some(self.config.load().inspect_err(|_| {
                super::output::complain(
                    "This command reads the configuration only to find the running server. To reach \
                     that without the file: --server http://127.0.0.1:7402 --token-file \
                     DATA/admin-token, with your admin door and data directory.",
                );
            })?),
        };
        let server = match (&self.server, &loaded) {
            (Some(server), _) => server.clone(),
            (None, Some(loaded)) => {
                // The same variables that move `serve` move those who look for it.
                let admin = files::environment("GATEPOST_ADMIN");
                format!("http://{}", admin.unwrap_or_else(|| loaded.server.admin.to_string()))
            }
            (None, None) => bail!("name the admin door with --server"),
        };
        let token = match (&self.token_file, &loaded) {
            (Some(path), _) => files::read_secret_file(path)
                .with_context(|| format!("{} cannot be read", path.display()))?,
            (None, Some(loaded)) => {
                let data = files::environment("GATEPOST_DATA").map(PathBuf::from);
                files::read_admin_token(&data.unwrap_or_else(|| loaded.server.data.clone()))?
            }
            (None, None) => bail!("name the token's file with --token-file"),
        };
        Ok(Operator { pool: pool(&server)?, token })
    }
}

impl Operator {
    /// Asks for a listing or a thing.
    pub(super) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(Method::GET, path, None).await
    }

    /// Asks for a listing in another form than JSON; gives a page of it, and where the next begins.
    pub(super) async fn get_text(&self, path: &str) -> anyhow::Result<(String, Option<String>)> {
        let answer = exchange(&self.pool, self.request(Method::GET, path)?, None).await?;
        let next = answer.headers.get("gatepost-next").and_then(|next| next.to_str().ok());
        let next = next.map(str::to_owned);
        Ok((String::from_utf8_lossy(&answer.body).into_owned(), next))
    }

    /// Has something done.
    pub(super) async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(Method::POST, path, Some(body)).await
    }

    /// Has something written over what is there.
    pub(super) async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.send(Method::PUT, path, Some(body)).await
    }

    /// Has something removed.
    pub(super) async fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.send(Method::DELETE, path, None).await
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> anyhow::Result<Value> {
        let answered = ask(&self.pool, self.request(method, path)?, body).await;
        match answered {
            Err(error) if error.is::<Missing>() => match self.meant(path).await {
                Some(near) => bail!("{error} Did you mean `{near}`?"),
                None => Err(error),
            },
            answered => answered,
        }
    }

    /// The name that is nearest to the one in a path, where such names are listed.
    async fn meant(&self, path: &str) -> Option<String> {
        let (list, rest) = path.split_once('/')?;
        let name = rest.split('/').next()?;
        let names = self.names(list).await.ok()?;
        nearest(name, names.iter().map(String::as_str)).map(str::to_owned)
    }

    /// Fails if nothing of that kind has the name; `list` is where they are listed.
    pub(super) async fn demand(&self, kind: &str, list: &str, name: &str) -> anyhow::Result<()> {
        let names = self.names(list).await?;
        if names.iter().any(|known| known == name) {
            return Ok(());
        }
        Err(no_such(kind, name, names.iter().map(String::as_str)))
    }

    /// The names in a list, where it is one of what people name.
    async fn names(&self, list: &str) -> anyhow::Result<Vec<String>> {
        let Some((_, member)) = NAMED.into_iter().find(|(known, _)| *known == list) else {
            return Ok(Vec::new());
        };
        let listed = ask(&self.pool, self.request(Method::GET, list)?, None).await?;
        let items = listed["items"].as_array().into_iter().flatten();
        Ok(items.filter_map(|item| item[member].as_str()).map(str::to_owned).collect())
    }

    fn request(&self, method: Method, path: &str) -> anyhow::Result<http::request::Builder> {
        let mut token = HeaderValue::from_str(&format!("Bearer {}", self.token.expose()))
            .context("the admin token is no header value")?;
        token.set_sensitive(true);
        let path = format!("/admin/v1/{path}");
        Ok(Request::builder().method(method).uri(path).header(AUTHORIZATION, token))
    }
}

/// A connection to a door of our own.
pub(super) fn pool(server: &str) -> anyhow::Result<Pool> {
    let origin = server.parse().ok().as_ref().and_then(Origin::of);
    let none = || wrong_usage(format!("`{server}` is no address like http://host:port"));
    let origin = origin.ok_or_else(none)?;
    Ok(Pool::new(origin, Guard::Own, 1, TaskTracker::new()))
}

/// Sends a request and reads the answer's JSON; a problem becomes an error that says what to do.
pub(super) async fn ask(
    pool: &Pool,
    request: http::request::Builder,
    body: Option<&Value>,
) -> anyhow::Result<Value> {
    let answer = exchange(pool, request, body).await?;
    Ok(serde_json::from_slice(&answer.body).unwrap_or_default())
}

/// The same with the answer as it came.
async fn exchange(
    pool: &Pool,
    request: http::request::Builder,
    body: Option<&Value>,
) -> anyhow::Result<Answer> {
    let text = body.map(ToString::to_string).unwrap_or_default();
    let request = request
        .header(HOST, pool.origin().authority())
        .header(CONTENT_TYPE, "application/json")
        .body(Full::from(text))?;
    let bounds = Bounds { answer_bytes_max: ANSWER_BYTES_MAX, ..Bounds::within(TIMEOUT) };
    let answer = send_whole(pool, request, bounds).await;
    let answer = answer.map_err(|error| anyhow!(in_words(&error))).with_context(|| {
        format!("{} does not answer (is `gatepost serve` running?)", pool.origin())
    })?;
    if answer.headers.contains_key("gatepost-in-force") {
        super::output::complain("This is kept but not yet in force; look at the server's log.");
    }
    if answer.status.is_success() {
        return Ok(answer);
    }
    if answer.status == http::StatusCode::UNAUTHORIZED {
        bail!(
            "{} does not take the admin token; is it another Gatepost? Name the right one with \
             --server and its token with --token-file",
            pool.origin()
        );
    }
    let body: Value = serde_json::from_slice(&answer.body).unwrap_or_default();
    let detail = body["detail"].as_str().map_or_else(|| answer.status.to_string(), str::to_owned);
    match answer.status {
        http::StatusCode::NOT_FOUND => Err(Missing(detail).into()),
        http::StatusCode::BAD_REQUEST => Err(wrong_usage(detail)),
        http::StatusCode::CONFLICT => Err(Refused(detail).into()),
        _ => bail!("{detail}"),
    }
}

/// Nothing of that kind has the name; the nearest of those that there are may be meant.
pub(super) fn no_such<'a>(
    kind: &str,
    name: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> anyhow::Error {
    let near = nearest(name, known).map(|near| format!(" Did you mean `{near}`?"));
    anyhow!("There is no {kind} `{name}`.{}", near.unwrap_or_default())
}

/// Adds a parameter to a path that has one already.
pub(super) fn add_parameter(path: &mut String, name: &str, value: &str) {
    for part in ["&", name, "=", &segment(value)] {
        path.push_str(part);
    }
}

/// A name as a path segment.
pub(super) fn segment(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}
