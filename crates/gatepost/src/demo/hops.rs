//! Hops: what the companies' Gateposts tell in their logs, as the demo shows it.

use model::Timestamp;
use serde_json::Value;

/// One thing that happened at one company.
#[derive(Debug, Clone)]
pub(super) struct Hop {
    pub(super) company: &'static str,
    pub(super) at: Timestamp,
    pub(super) part: Part,
    /// Who asked, or where it goes.
    pub(super) who: String,
    /// What was asked.
    pub(super) what: String,
    pub(super) status: Option<u16>,
    /// Which checks passed, or why it was refused or will be tried again.
    pub(super) note: String,
    pub(super) ms: Option<f64>,
    /// The line itself.
    pub(super) line: Value,
}

/// Which part of a Gatepost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    Gateway,
    Token,
    Bus,
    Courier,
    Schedule,
}

impl Part {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => "gateway",
            Self::Token => "token",
            Self::Bus => "bus",
            Self::Courier => "courier",
            Self::Schedule => "schedule",
        }
    }
}

impl Hop {
    /// Reads a log line; lines of other kinds are no hops.
    pub(super) fn read(company: &'static str, line: &str) -> Option<Self> {
        let line: Value = serde_json::from_str(line).ok()?;
        let at = Timestamp::parse(line["at"].as_str()?)?;
        let text = |member: &str| line[member].as_str().unwrap_or_default().to_owned();
        let status = line["status"].as_u64().and_then(|status| u16::try_from(status).ok());
        let ms = line["duration_ms"].as_f64();
        let (part, who, what, note) = match line["kind"].as_str()? {
            "request" => {
                let who = [text("partner"), text("address")];
                let who = who.into_iter().find(|who| !who.is_empty()).unwrap_or_default();
                let what = format!("{} {}", text("method"), text("path"));
                (Part::Gateway, who, what, request_note(&line))
            }
            "token" => {
                let refusal = text("refusal");
                let note = if refusal.is_empty() { text("scope") } else { refusal };
                (Part::Token, text("client"), "POST /oauth2/token".to_owned(), note)
            }
            "event" => {
                let note = format!("on disk; {} target", line["matched"]);
                (Part::Bus, text("source"), text("detail_type"), note)
            }
            "attempt" => attempt(&line),
            "breaker" => {
                let open = line["open"] == true;
                let what = if open { "breaker opens" } else { "breaker closes" };
                let note = if open { "attempts are held back" } else { "attempts go on" };
                (Part::Courier, text("destination"), what.to_owned(), note.to_owned())
            }
            _ => return None,
        };
        Some(Self { company, at, part, who, what, status, note, ms, line })
    }
}

fn request_note(line: &Value) -> String {
    if let Some(code) = line["refusal"].as_str() {
        format!("{code}: {}", line["reason"].as_str().unwrap_or_default())
    } else {
        let passed = line["passed"].as_array().into_iter().flatten();
        passed.filter_map(Value::as_str).collect::<Vec<_>>().join("·")
    }
}

fn attempt(line: &Value) -> (Part, String, String, String) {
    let text = |member: &str| line[member].as_str().unwrap_or_default().to_owned();
    let number = &line["attempt"];
    let note = match line["outcome"].as_str() {
        Some("delivered") => format!("delivered, attempt {number}, {} ms old", line["age_ms"]),
        Some("retry") => format!("attempt {number}: {}; again later", text("error")),
        _ => format!("attempt {number}: {}; dead letter", text("error")),
    };
    let schedule = text("lane").starts_with("schedule:");
    let part = if schedule { Part::Schedule } else { Part::Courier };
    let url = text("url");
    let path = url.splitn(4, '/').nth(3).unwrap_or_default();
    (part, text("destination"), format!("{} /{path}", text("method")), note)
}

/// What the hops come to.
#[derive(Debug)]
pub(super) struct Tally {
    began: Timestamp,
    hops: u32,
    too_fast: u32,
    retries: u32,
    dead: u32,
}

impl Tally {
    pub(super) fn new(began: Timestamp) -> Self {
        Self { began, hops: 0, too_fast: 0, retries: 0, dead: 0 }
    }

    /// Counts a hop; gives its number.
    pub(super) fn count(&mut self, hop: &Hop) -> u32 {
        self.hops += 1;
        let outcome = hop.line["outcome"].as_str();
        self.too_fast += u32::from(hop.part == Part::Gateway && hop.status == Some(429));
        self.retries += u32::from(outcome == Some("retry"));
        self.dead += u32::from(outcome == Some("dead"));
        self.hops
    }

    pub(super) fn began(&self) -> Timestamp {
        self.began
    }

    pub(super) fn hops(&self) -> u32 {
        self.hops
    }

    pub(super) fn too_fast(&self) -> u32 {
        self.too_fast
    }

    pub(super) fn retries(&self) -> u32 {
        self.retries
    }

    pub(super) fn dead(&self) -> u32 {
        self.dead
    }
}
