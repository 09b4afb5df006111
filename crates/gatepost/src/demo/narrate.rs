//! What the demo prints: headings, hops, a summary; in colour on a terminal, plain when piped, or
//! JSON.

use model::Timestamp;
use serde_json::{Value, json};

use super::hops::{Hop, Tally};
use super::stage::{Company, Stage, Step};
use crate::commands::say;

/// Tells the story.
pub(super) struct Narrator {
    json: bool,
    colour: bool,
}

const BOLD: &str = "1";
const DIM: &str = "2";
const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const BLUE: &str = "36";
const PINK: &str = "35";

impl Narrator {
    pub(super) fn new(json: bool, terminal: bool) -> Self {
        let colour = terminal && !json && crate::files::environment("NO_COLOR").is_none();
        Self { json, colour }
    }

    fn paint(&self, style: &str, text: &str) -> String {
        if self.colour { format!("\x1b[{style}m{text}\x1b[0m") } else { text.to_owned() }
    }

    fn company(&self, name: &str, text: &str) -> String {
        self.paint(if name == "cars" { BLUE } else { PINK }, text)
    }

    /// A new scene.
    pub(super) fn heading(&self, text: &str) {
        if self.json {
            say(&json!({ "scene": text }).to_string());
        } else {
            say(&format!("\n{}", self.paint(BOLD, text)));
        }
    }

    /// A plain remark.
    pub(super) fn say(&self, text: &str) {
        if self.json {
            say(&json!({ "remark": text }).to_string());
        } else {
            say(text);
        }
    }

    /// Who is on the stage.
    pub(super) fn companies(&self, stage: &Stage) {
        for company in [&stage.cars, &stage.tires] {
            let ports = company.ports;
            if self.json {
                let line = json!({ "company": company.name, "public": format!("http://{}", ports.public) });
                say(&line.to_string());
                continue;
            }
            say(&format!(
                "  {} gateway and token service {}, own service {}, admin {}",
                self.company(company.name, &format!("{:5}", company.name)),
                ports.public,
                ports.service,
                ports.admin
            ));
        }
    }

    /// A step of the hand-over.
    pub(super) fn step(&self, step: &Step) {
        if self.json {
            let line = json!({
                "company": step.company,
                "command": step.command,
                "output": step.output,
            });
            say(&line.to_string());
            return;
        }
        say(&format!(
            "  {} {}",
            self.company(step.company, &format!("{}$", step.company)),
            step.command
        ));
        for line in step.output.lines() {
            say(&self.paint(DIM, &format!("      {line}")));
        }
    }

    /// A hop.
    pub(super) fn hop(&self, number: u32, began: Timestamp, hop: &Hop) {
        let since_ms = hop.at.since_ms(began).max(0);
        if self.json {
            let line = json!({
                "hop": number,
                "t_ms": since_ms,
                "company": hop.company,
                "part": hop.part.as_str(),
                "who": hop.who,
                "request": hop.what,
                "status": hop.status,
                "note": hop.note,
                "duration_ms": hop.ms,
                "log": hop.line,
            });
            say(&line.to_string());
            return;
        }
        let status = hop.status.map_or_else(|| "   ".to_owned(), |status| status.to_string());
        let style = match hop.status {
            Some(200..=299) => GREEN,
            Some(400..=499) => YELLOW,
            Some(_) => RED,
            None if hop.note.contains("again later") => RED,
            None => DIM,
        };
        let ms = hop.ms.map_or_else(String::new, |ms| format!("{ms:.1} ms"));
        say(&format!(
            "{} {} {:8} {:23} {:48} {} {:>9}  {}",
            self.paint(DIM, &format!("{:>4}.{:03}", since_ms / 1000, since_ms % 1000)),
            self.company(hop.company, &format!("{:5}", hop.company)),
            hop.part.as_str(),
            shortened(&hop.who, 23),
            shortened(&hop.what, 48),
            self.paint(style, &status),
            ms,
            self.paint(DIM, &hop.note)
        ));
    }

    /// The end of the story.
    pub(super) fn summary(&self, summary: &Value) {
        if self.json {
            say(&summary.to_string());
            return;
        }
        let s = &summary["summary"];
        let good = s["result"] != "failed";
        let result = s["result"].as_str().unwrap_or_default();
        say("");
        say(&self.paint(if good { GREEN } else { RED }, result));
        say(&format!(
            "  {} orders, completed {} at cars and {} at tires, {} ordered twice; {} hops, {} × 429 \
             on the way, {} retries, {} dead letters, {} s",
            s["orders"],
            s["completed_at_cars"],
            s["completed_at_tires"],
            s["ordered_twice"],
            s["hops"],
            s["refused_429"],
            s["retries"],
            s["dead_letters"],
            s["seconds"]
        ));
    }

    /// What to try while everything is left running.
    pub(super) fn to_try(&self, stage: &Stage, root: &str) {
        let (cars, tires) = (&stage.cars, &stage.tires);
        let secret = cars.directory.join("secrets/tires.client-secret");
        let key = cars.directory.join("secrets/tires.api-key");
        let (secret, key) = (secret.display(), key.display());
        let lines = [
            "Everything is left running; Ctrl-C ends it. To try:".to_owned(),
            String::new(),
            "# a token of the tire company, as the car company's client".to_owned(),
            format!("TOKEN=$(curl -s -u \"OrdersDomainClient:$(cat {secret})\" \\"),
            format!(
                "  -d grant_type=client_credentials http://{}/oauth2/token | sed 's/.*\"access_token\":\"\\([^\"]*\\).*/\\1/')",
                tires.ports.public
            ),
            "# a tire order, through every check".to_owned(),
            format!(
                "curl -i -H \"Authorization: Bearer $TOKEN\" -H \"x-api-key: $(cat {key})\" \\"
            ),
            format!(
                "  -H 'content-type: application/json' -d '{{\"id\":\"my-car-1\",\"type\":\"Tesla Model 3\"}}' http://{}/prod/orders",
                tires.ports.public
            ),
            "# a car order, from the showroom".to_owned(),
            format!(
                "curl -i -H 'content-type: application/json' -d '{{\"type\":\"Tesla Model 3\",\"price\":\"£47000\"}}' http://{}/prod/orders",
                cars.ports.public
            ),
            String::new(),
            format!(
                "credentials: {secret}, {key}, {}",
                tires.directory.join("secrets/cars.client-secret").display()
            ),
            operator(cars),
            operator(tires),
            format!("everything is below {root}"),
        ];
        if self.json {
            let values = json!({
                "root": root,
                "cars": format!("http://{}", cars.ports.public),
                "tires": format!("http://{}", tires.ports.public),
            });
            say(&json!({ "to_try_values": values, "to_try": lines }).to_string());
        } else {
            for line in &lines {
                say(line);
            }
        }
    }

    /// Shows hops until somebody ends it.
    pub(super) async fn follow(&self, stage: &mut Stage, tally: &mut Tally) {
        while let Some(hop) = stage.next_hop().await {
            let number = tally.count(&hop);
            self.hop(number, tally.began(), &hop);
        }
    }
}

fn operator(company: &Company) -> String {
    let token = company.directory.join("data/admin-token");
    format!(
        "{}'s operator: gatepost dead-letters list --server http://{} --token-file {}",
        company.name,
        company.ports.admin,
        token.display()
    )
}

fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let head: String = text.chars().take(width - 1).collect();
    format!("{head}…")
}
