//! What the gateway makes of HTTP messages of every shape: tables of the bytes that are sent, and of
//! what must reach the upstream and the client (RFC 9110, RFC 9112).
//!
//! Each row has a connection of its own. With a row's bytes, in the same packet, goes another
//! request: if anybody is of two minds about where a message ends, that one is not answered as it
//! should be, or the upstream sees what nobody sent. The upstream's reader (`wire.rs`) takes nothing
//! that could be read in two ways, so neither may we send it.

mod answers;
mod fields;
mod framing;
mod row;
mod sequences;
mod targets;
mod upstream;
mod wire;

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::program::Program;
use row::{Claim, Ending, Next, Row};
use upstream::{FOLLOWING, Upstream};
use wire::{Message, Side};

/// How long the connection of a row may last: none has to wait for anything.
const PATIENCE: Duration = Duration::from_secs(4);
/// Fields of one connection (RFC 9110 §7.6.1), which no forwarded message may have.
const ONE_CONNECTION: [&str; 6] = [
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "upgrade",
];

const REQUESTS: &[&[Row]] = &[
    targets::METHODS,
    targets::TARGETS,
    targets::LINES,
    targets::VERSIONS,
    targets::HOSTS,
    fields::SYNTAX,
    fields::ONE_CONNECTION,
    fields::OURS,
    framing::LENGTHS,
    framing::CODINGS,
    framing::CHUNKS,
    framing::TRAILERS,
    sequences::PIPELINES,
    sequences::BOUNDS,
];

const ANSWERS: &[&[Row]] =
    &[answers::FIELDS, answers::LINES, answers::INTERIM, answers::BODIES, answers::BEHIND];

fn definitions(upstream: &Upstream) -> String {
    format!(
        "
apis:
  open:
    base_path: /t
    upstream: http://{0}/up
    timeout: 2s
    body_max: 2KiB
    forward_token: true
    routes:
      POST /secret: {{ token: required }}
      \"ANY /{{rest+}}\": {{}}
  narrow:
    base_path: /n
    upstream: http://{0}/up
    routes: {{ GET /only-get: {{}} }}
",
        upstream.address()
    )
}

/// The program, and the upstream behind it.
struct Gate {
    program: Program,
    upstream: Upstream,
}

/// What became of a row.
struct Came {
    /// The final answers, without that to the request that followed.
    answers: Vec<Message>,
    /// What reached the upstream, without the request that followed.
    seen: Vec<Message>,
    /// Whether the request that followed was answered.
    followed: bool,
}

impl Gate {
    async fn start() -> Self {
        let upstream = Upstream::start().await;
        let program = Program::start(&definitions(&upstream)).await;
        Self { program, upstream }
    }

    fn address(&self) -> &str {
        self.program.public.trim_start_matches("http://")
    }

    /// Runs tables to their ends, then tells of all rows that are not as they should be.
    async fn hold(&self, tables: &[&[Row]]) {
        let mut faults = Vec::new();
        let rows = tables.iter().copied().flatten();
        for (number, row) in rows.enumerate() {
            if let Err(fault) = self.check(row, number).await {
                faults.push(format!("{}\n    {fault}", row.name));
            }
        }
        assert!(faults.is_empty(), "{} rows:\n{}", faults.len(), faults.join("\n"));
    }

    async fn check(&self, row: &Row, number: usize) -> Result<(), String> {
        let came = self.run(row, number).await?;
        let status = came.answers.first().map_or(0, Message::status);
        let refused = row.refusals.contains(&status)
            && came.seen.is_empty()
            && came.answers.len() <= 1
            && came.answers.iter().all(|answer| answer.whole);
        if !refused {
            row_passed(row, &came)?;
            for message in &came.seen {
                self.forwarded(message)?;
            }
            for answer in &came.answers {
                returned(answer)?;
            }
        }
        // Who refuses what he might have let pass may also end the connection.
        let next = if refused && row.passes > 0 { Next::Either } else { row.next };
        match (next, came.followed) {
            (Next::Answered, false) => Err("the request behind it was not answered".to_owned()),
            (Next::Never, true) => Err(format!("{status}, and the connection went on")),
            _ => Ok(()),
        }
    }

    async fn run(&self, row: &Row, number: usize) -> Result<Came, String> {
        self.upstream.begin(row.reply(), row.reply_closes);
        let mut bytes = row.bytes();
        if row.ending == Ending::Another {
            let following =
                format!("GET /t/end-{number} HTTP/1.1\r\nHost: gate\r\nConnection: close\r\n\r\n");
            bytes.extend_from_slice(following.as_bytes());
        }
        let got = exchange(self.address(), &bytes, row.ending).await?;
        let mut answers = all_answers(&got, row.asks_head())?;
        answers.retain(|answer| !answer.is_interim());
        let body = format!("end-{number}").into_bytes();
        let followed = answers.pop_if(|answer| answer.whole && answer.body == body).is_some();
        let mut seen = self.upstream.seen()?;
        let path = format!("GET {FOLLOWING}{number} HTTP/1.1");
        let reached = seen.pop_if(|message| message.start == path).is_some();
        if followed != reached {
            return Err(format!(
                "the request behind it: at the upstream {reached}, answered {followed}"
            ));
        }
        Ok(Came { answers, seen, followed })
    }

    /// Whether a request is one that a proxy forwards.
    fn forwarded(&self, request: &Message) -> Result<(), String> {
        let address = self.upstream.address().to_string();
        hold(request, &Claim::Has("x-forwarded-for", "127.0.0.1"))?;
        for name in ONE_CONNECTION.into_iter().chain(["connection", "expect"]) {
            hold(request, &Claim::Lacks(name))?;
        }
        if request.field("host").as_deref() != Some(&*address) || !passed_us(request) {
            return Err(format!("Host or Via of {request:?}"));
        }
        if !request.start.ends_with(" HTTP/1.1") {
            return Err(format!("not HTTP/1.1: {}", request.start));
        }
        Ok(())
    }
}

/// Whether an answer is one that a proxy returns.
fn returned(answer: &Message) -> Result<(), String> {
    for name in ONE_CONNECTION {
        hold(answer, &Claim::Lacks(name))?;
    }
    let connection = answer.field("connection").unwrap_or_default();
    if !matches!(&*connection, "" | "close" | "keep-alive") {
        return Err(format!("Connection of {answer:?}"));
    }
    // RFC 9110 §8.6.
    if answer.status() == 204 {
        hold(answer, &Claim::Lacks("content-length"))?;
    }
    // What we answer ourselves has not passed anybody.
    if answer.status() != 502 && !passed_us(answer) {
        return Err(format!("Via of {answer:?}"));
    }
    Ok(())
}

fn passed_us(message: &Message) -> bool {
    message.field("via").is_some_and(|via| via.ends_with(" gatepost"))
}

/// Whether a row that was not refused came to what it must.
fn row_passed(row: &Row, came: &Came) -> Result<(), String> {
    let told = || format!("answers {:?}, upstream saw {:?}", came.answers, came.seen);
    if row.passes == 0 {
        return Err(format!("not refused with one of {:?}: {}", row.refusals, told()));
    }
    if came.seen.len() != row.passes {
        return Err(format!("not {} requests: {}", row.passes, told()));
    }
    for claim in row.sees {
        came.seen.last().map_or(Ok(()), |last| hold(last, claim))?;
    }
    if row.broken {
        let whole = came.answers.iter().find(|answer| answer.whole && answer.status() != 502);
        return whole.map_or(Ok(()), |answer| Err(format!("looks whole: {answer:?}")));
    }
    let good = |answer: &Message| answer.whole && row.statuses.contains(&answer.status());
    if came.answers.len() != row.passes || !came.answers.iter().all(good) {
        return Err(format!("not {} answers of {:?}: {}", row.passes, row.statuses, told()));
    }
    // Where a row lets us answer 502 instead, its claims are about the upstream's answer only.
    let first = came.answers.first().filter(|first| first.status() != 502);
    for claim in row.gets {
        first.map_or(Ok(()), |first| hold(first, claim))?;
    }
    Ok(())
}

fn hold(message: &Message, claim: &Claim) -> Result<(), String> {
    let holds = match *claim {
        Claim::Start(start) => message.start == start,
        Claim::Has(name, value) => message.field(name).as_deref() == Some(value),
        Claim::Lacks(name) => message.field(name).is_none() && !message.has_trailer(name),
        Claim::Body(body) => message.body == body,
    };
    if holds { Ok(()) } else { Err(format!("{claim:?} does not hold of {message:?}")) }
}

/// All answers on a connection, in their order; only what comes before the first final one, and that
/// itself, may be an answer to HEAD.
fn all_answers(bytes: &[u8], asks_head: bool) -> Result<Vec<Message>, String> {
    let mut answers: Vec<Message> = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let first = answers.iter().all(Message::is_interim);
        let side = if first && asks_head { Side::AnswerToHead } else { Side::Answer };
        let Some(answer) = wire::read(rest, side)? else {
            return Err(format!("no answer, or half of one: {:?}", wire::text(rest)));
        };
        rest = &rest[answer.length..];
        answers.push(answer);
    }
    Ok(answers)
}

/// Sends everything, and reads to the end of the connection.
async fn exchange(address: &str, bytes: &[u8], ending: Ending) -> Result<Vec<u8>, String> {
    let mut stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
    let mut got = Vec::new();
    let both = async {
        let (mut from, mut to) = stream.split();
        let send = async {
            // The door may have answered and closed before the last byte.
            drop(to.write_all(bytes).await);
            if ending == Ending::HalfClosed {
                drop(to.shutdown().await);
            }
        };
        let receive = async {
            let mut buffer = vec![0; 16 * 1024];
            while let Ok(count) = from.read(&mut buffer).await {
                if count == 0 {
                    break;
                }
                got.extend_from_slice(&buffer[..count]);
            }
        };
        tokio::join!(send, receive);
    };
    let ended = tokio::time::timeout(PATIENCE, both).await.is_ok();
    if !ended {
        return Err(format!("no end within {PATIENCE:?}; so far {:?}", wire::text(&got)));
    }
    Ok(got)
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_are_refused_or_reach_the_upstream_in_one_reading() {
    Gate::start().await.hold(REQUESTS).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_reach_the_client_in_one_reading_or_not_at_all() {
    Gate::start().await.hold(ANSWERS).await;
}

/// RFC 9110 §10.1.1: who waits for 100 gets it before he sends the body, and does not get it when
/// the answer is known without the body.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_waits_for_100_is_told_to_go_on_or_gets_its_answer() {
    let gate = Gate::start().await;
    gate.upstream.begin(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec(), false);
    for (path, length, first) in [
        ("/t/a", 3, "HTTP/1.1 100 "),
        ("/nowhere", 3, "HTTP/1.1 404 "),
        ("/t/secret", 3, "HTTP/1.1 401 "),
        ("/t/a", 3_000, "HTTP/1.1 413 "),
    ] {
        let mut stream = TcpStream::connect(gate.address()).await.unwrap();
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: gate\r\nConnection: close\r\nExpect: 100-Continue\r\nContent-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut begin = vec![0; first.len()];
        let read = tokio::time::timeout(PATIENCE, stream.read_exact(&mut begin)).await;
        assert!(read.is_ok_and(|read| read.is_ok()), "{path} {length}: no answer");
        assert_eq!(wire::text(&begin), first, "{path} {length}");
        if first.contains("100") {
            stream.write_all(b"abc").await.unwrap();
            let mut rest = Vec::new();
            stream.read_to_end(&mut rest).await.unwrap();
            let rest = wire::text(&rest);
            assert!(rest.contains("\r\n\r\nHTTP/1.1 200 OK\r\n"), "{path} {length}: {rest}");
        }
    }
    let seen = gate.upstream.seen().unwrap();
    let bodies: Vec<String> = seen.iter().map(|request| wire::text(&request.body)).collect();
    assert_eq!(bodies, ["abc"]);
}
