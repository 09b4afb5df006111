//! Destinations, and schedules, which may make one of their own.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use limit::{Limit, Rate};
use model::{
    Auth, Connection, Destination, Method, Name, Order, Parameter, Schedule, Signing, SigningSecret,
};
use outbound::Guard;
use retry::{StatusTable, Statuses, Treatment};
use transform::UrlTemplate;

use super::Reader;
use crate::config::fields::Fields;
use crate::config::forms;
use crate::config::node::Entry;
use crate::config::problem::{Problem, join};
use crate::config::schema::OFF;

/// What the names of schedules' own destinations begin with.
const OWN: &str = "schedule.";
/// The rate of destinations where none is given (EventBridge quotas, API destinations).
const RATE: u32 = 300;
/// How long a connection may take where nothing else is said, in milliseconds.
const CONNECT_MS: u64 = 3_000;

impl Reader<'_> {
    pub(super) fn destinations(&mut self, root: &Fields<'_>) {
        for (entry, fields) in root.children("destinations") {
            self.unique_headers(&fields);
            self.few_parameters(&fields);
            let Ok(name) = Name::new(&entry.key) else {
                continue;
            };
            let Some((method, url)) = fields.parse("request", forms::request) else {
                continue;
            };
            let headers = fields.entries("headers").filter_map(|entry| {
                Some((forms::header(&entry.key).ok()?, entry.value.text()?.to_owned()))
            });
            let timeout_ms = fields.duration_ms("timeout");
            let query = fields
                .entries("query")
                .filter_map(|entry| Some((entry.key.clone(), entry.value.text()?.to_owned())));
            let destination = Destination {
                connection: fields.parse("connection", forms::name),
                rate: limit(&fields),
                in_flight_max: fields.integer("in_flight").unwrap_or(1),
                timeout_ms,
                connect_timeout_ms: self.part(&fields, "connect_timeout", timeout_ms, CONNECT_MS),
                first_byte_timeout_ms: self.part(
                    &fields,
                    "first_byte_timeout",
                    timeout_ms,
                    timeout_ms,
                ),
                headers: headers.collect(),
                query: query.collect(),
                retry_on: status_table(&fields),
                order: order(&fields),
                signing: self.signing(&fields),
                allow_private: fields.parse_list("allow_private", forms::cidr),
                method,
                url,
                name: name.clone(),
            };
            self.private_address(&fields, &destination);
            self.useless_certificate(&fields, &destination);
            self.secret_in_clear(&fields, &destination);
            self.definitions.destinations.insert(name, destination);
        }
    }

    /// Milliseconds of a bound within `timeout`; says if it is longer.
    fn part(&mut self, fields: &Fields<'_>, name: &str, whole_ms: u64, otherwise_ms: u64) -> u64 {
        let Some(ms) = fields.parse(name, forms::duration_ms) else {
            return otherwise_ms.min(whole_ms);
        };
        if ms > whole_ms {
            let whole = forms::duration_text(whole_ms);
            let message = format!("`{name}` is longer than `timeout`, which is {whole}");
            let problem = fields.problem(name, &message);
            self.error(problem, &format!("write at most {whole}, or a longer `timeout`"));
        }
        ms
    }

    /// Warns of a client certificate that nobody will see.
    fn useless_certificate(&mut self, fields: &Fields<'_>, destination: &Destination) {
        let connection = destination.connection.as_ref();
        let connection = connection.and_then(|name| self.definitions.connections.get(name));
        let plain = destination.url.as_str().starts_with("http://");
        if plain && connection.is_some_and(|connection| !connection.tls.is_plain()) {
            let message = "the connection's `tls` is of no use: the request is not `https`";
            let problem = fields.problem("request", message);
            self.problems.warn(problem.help("write an `https` URL"));
        }
    }

    /// Warns of secrets that everybody on the way can read.
    fn secret_in_clear(&mut self, fields: &Fields<'_>, destination: &Destination) {
        let connection = destination.connection.as_ref();
        let connection = connection.and_then(|name| self.definitions.connections.get(name));
        // Whoever allows a private range says that the name leads there.
        let far = destination.allow_private.is_empty() && in_clear(destination.url.as_str());
        if far && connection.is_some_and(has_secrets) {
            let message = "the connection's secrets can be read on the way: it is not `https`";
            let problem = fields.problem("request", message);
            self.problems.warn(problem.help("write an `https` URL"));
        }
    }

    /// With what calls are signed. Without a word the program's own key signs; a secret makes that
    /// one needless, and with it the time it takes.
    fn signing(&mut self, fields: &Fields<'_>) -> Signing {
        if fields.text("signing").as_deref() == Some(OFF) {
            return Signing::off();
        }
        let signing = fields.child("signing");
        let (secret, previous) = (signing.get("secret"), signing.child("previous"));
        let ed25519 = signing.text("ed25519").map_or(secret.is_none(), |text| text == "true");
        if secret.is_none() && !ed25519 {
            let problem = signing.problem("ed25519", "nothing is left to sign with");
            self.error(problem, "add a `secret`, or write `signing: off`");
        }
        if let (None, Some(entry)) = (secret, signing.entry("previous")) {
            let message = "`previous` is what signed before `secret`, and there is no `secret`";
            let problem = Problem::new(entry.key_span, &previous.path, message);
            self.error(problem, "add the `secret` that takes its place");
        }
        let source = secret.and_then(|node| self.secret(node));
        let present = source.map(|source| SigningSecret { source, until: None });
        let former = previous.get("secret").and_then(|node| self.secret(node));
        let former = former.map(|source| {
            let until = previous.parse("until", forms::time);
            SigningSecret { source, until }
        });
        Signing { secrets: present.into_iter().chain(former).collect(), ed25519 }
    }

    /// Warns of an address in the file that the outbound guard will refuse.
    fn private_address(&mut self, fields: &Fields<'_>, destination: &Destination) {
        let Ok(address) = host(destination.url.as_str()).parse::<IpAddr>() else { return };
        let guard = Guard::Public { allow: destination.allow_private.clone() };
        if let Err(refusal) = guard.judge(address, 443) {
            let at = fields.entry("request").map_or(fields.at, |entry| entry.value.span);
            let message = format!("every delivery will be refused: {refusal}");
            let problem = Problem::new(at, &join(&fields.path, "request"), &message)
                .help(&format!("add `allow_private: [{address}]` if this address is meant"));
            self.problems.warn(problem);
        }
    }

    pub(super) fn schedules(&mut self, root: &Fields<'_>) {
        for (entry, fields) in root.children("schedules") {
            self.one_of(&fields, ["every", "when"], "`every: 5m` or `when: cron(0 12 * * ? *)`");
            self.one_of(&fields, ["call", "to"], "`call: POST http://…` or `to: NAME`");
            let when = fields.parse("every", forms::every);
            let when = when.or_else(|| fields.parse("when", forms::when));
            let destination = self.schedule_destination(root, &fields, entry);
            let (Ok(name), Some(when), Some(destination)) =
                (Name::new(&entry.key), when, destination)
            else {
                continue;
            };
            let schedule = Schedule { name: name.clone(), when, destination };
            self.definitions.schedules.insert(name, schedule);
        }
    }

    /// The destination a schedule calls; makes the one of a `call`.
    fn schedule_destination(
        &mut self,
        root: &Fields<'_>,
        fields: &Fields<'_>,
        entry: &Entry,
    ) -> Option<Name> {
        let Some(call) = fields.parse("call", forms::request) else {
            let to = fields.parse("to", forms::name)?;
            let stars = self.definitions.destinations.get(&to).map(|to| to.url.parameters());
            if stars.is_some_and(|stars| stars > 0) {
                let message = format!("the URL of `{to}` has a `*`, and a schedule cannot fill it");
                let problem = fields.problem("to", &message);
                self.error(problem, "name a destination without `*`");
            }
            return Some(to);
        };
        let Ok(name) = Name::new(&format!("{OWN}{}", entry.key)) else {
            let problem = Problem::new(entry.key_span, &fields.path, "this name is too long");
            self.error(problem, "use at most 119 characters");
            return None;
        };
        if root.get("destinations").and_then(|node| node.get(&name)).is_some() {
            let message = format!("a destination is called `{name}`, as this schedule's own is");
            let problem = Problem::new(entry.key_span, &fields.path, &message);
            self.error(problem, "rename the destination or the schedule");
        }
        let destination = own_destination(name.clone(), call);
        self.definitions.destinations.insert(name.clone(), destination);
        Some(name)
    }

    /// Says whether both or neither of two keys are there.
    pub(super) fn one_of(&mut self, fields: &Fields<'_>, [one, other]: [&str; 2], example: &str) {
        match (fields.entry(one), fields.entry(other)) {
            (Some(first), Some(second)) => {
                let message = format!("`{one}` and `{other}` exclude each other");
                let problem = Problem::new(second.key_span, &fields.path, &message);
                self.error(problem.first(first.key_span), "keep one of the two");
            }
            (None, None) => {
                let message = format!("neither `{one}` nor `{other}` is there");
                let problem = Problem::new(fields.at, &fields.path, &message);
                self.error(problem, &format!("add {example}"));
            }
            _ => {}
        }
    }
}

/// The host of a URL, without port and brackets.
pub(super) fn host(url: &str) -> &str {
    let authority = url.split("://").nth(1).unwrap_or_default();
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    if let Some(bracketed) = authority.strip_prefix('[') {
        return bracketed.split(']').next().unwrap_or_default();
    }
    authority.split(':').next().unwrap_or_default()
}

/// Whether a call to this URL can be read on its way through the world: plain, and not to what is
/// near by its address or its name (RFC 6761 §6.3, RFC 6762, and `internal`, which is reserved).
pub(super) fn in_clear(url: &str) -> bool {
    let host = host(url);
    let far = match host.parse::<IpAddr>() {
        Ok(address) => Guard::Public { allow: Vec::new() }.judge(address, 443).is_ok(),
        Err(_) => host.rsplit_once('.').is_some_and(|(_, last)| {
            !["localhost", "local", "internal"].iter().any(|near| last.eq_ignore_ascii_case(near))
        }),
    };
    far && url.starts_with("http://")
}

fn has_secrets(connection: &Connection) -> bool {
    let parts = [&connection.headers, &connection.query, &connection.body];
    let mut parameters = parts.into_iter().flatten();
    !matches!(connection.auth, Auth::None)
        || parameters.any(|(_, value)| matches!(value, Parameter::Secret(_)))
}

fn status_table(fields: &Fields<'_>) -> StatusTable {
    let rows = fields.entries("retry_on").filter_map(|entry| {
        let statuses = Statuses::parse(&entry.key).ok()?;
        Some((statuses, Treatment::parse(entry.value.text()?)?))
    });
    rows.collect()
}

/// What is delivered in order: a word, or the place of a key.
fn order(fields: &Fields<'_>) -> Order {
    if fields.text("order").as_deref() == Some("strict") {
        return Order::Strict;
    }
    fields.child("order").parse("by", forms::json_path).map_or(Order::None, Order::By)
}

fn limit(fields: &Fields<'_>) -> Limit {
    let rate = fields.parse("rate", |text| forms::rate(text, u32::MAX));
    let rate = rate.unwrap_or_else(|| Rate::per_second(RATE));
    let tenth = (rate.count() / rate.window_seconds() / 10).max(1);
    Limit::new(rate, fields.integer("burst").unwrap_or(tenth))
}

/// The destination of a schedule's `call`. A company's own service may be anywhere: it is called
/// because the company says so.
fn own_destination(name: Name, (method, url): (Method, UrlTemplate)) -> Destination {
    let anywhere = [IpNet::V4(Ipv4Net::default()), IpNet::V6(Ipv6Net::default())];
    Destination {
        name,
        connection: None,
        method,
        url,
        rate: Limit::new(Rate::per_second(RATE), RATE / 10),
        in_flight_max: 32,
        timeout_ms: 10_000,
        connect_timeout_ms: CONNECT_MS,
        first_byte_timeout_ms: 10_000,
        headers: Vec::new(),
        query: Vec::new(),
        retry_on: StatusTable::default(),
        order: Order::None,
        signing: Signing::default(),
        allow_private: anywhere.to_vec(),
    }
}
