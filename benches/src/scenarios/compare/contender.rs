//! Those that are compared: who they are, what they were measured at, and the table of it.

use std::time::Duration;

use crate::load::Outcome;
use crate::process;
use crate::program::Program;
use crate::report::{Latencies, cpu_us, median};

use super::CONNECTIONS;
use super::proxy::{Proxy, Template};

/// Who is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// Nobody: the load calls the service itself.
    Direct,
    /// Gatepost without checks.
    Plain,
    /// Gatepost with all of them.
    Checked,
    Nginx,
    HaproxyPlain,
    HaproxyRs256,
    HaproxyEs256,
    HaproxyRemembered,
}

impl Who {
    /// In the order of the turns and of the rows.
    pub(super) const ALL: [Self; 8] = [
        Self::Direct,
        Self::Plain,
        Self::Checked,
        Self::Nginx,
        Self::HaproxyPlain,
        Self::HaproxyRs256,
        Self::HaproxyEs256,
        Self::HaproxyRemembered,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Direct => "the service alone, no proxy",
            Self::Plain => "Gatepost, plain",
            Self::Checked => "Gatepost, fully checked, ES256",
            Self::Nginx => "nginx, plain",
            Self::HaproxyPlain => "HAProxy, plain",
            Self::HaproxyRs256 => "HAProxy, the same checks, RS256",
            Self::HaproxyEs256 => "HAProxy, the same checks, ES256",
            Self::HaproxyRemembered => "HAProxy, the same checks, ES256, tokens remembered",
        }
    }

    /// The programs it cannot do without, and how each is asked for its version.
    pub(super) fn needs(self) -> &'static [(&'static str, &'static str)] {
        match self {
            Self::Direct | Self::Plain | Self::Checked => &[],
            Self::Nginx => &[("nginx", "-v")],
            Self::HaproxyRs256 => &[("haproxy", "-v"), ("openssl", "version")],
            Self::HaproxyPlain | Self::HaproxyEs256 | Self::HaproxyRemembered => {
                &[("haproxy", "-v")]
            }
        }
    }

    /// What it is started with; none for our own.
    pub(super) fn template(self) -> Option<Template> {
        match self {
            Self::Direct | Self::Plain | Self::Checked => None,
            Self::Nginx => Some(Template::Nginx),
            Self::HaproxyPlain => Some(Template::HaproxyPlain),
            Self::HaproxyRs256 | Self::HaproxyEs256 => Some(Template::HaproxyChecks),
            Self::HaproxyRemembered => Some(Template::HaproxyRemembered),
        }
    }

    /// Whether it is said to check tokens and keys.
    pub(super) fn checks(self) -> bool {
        let template = self.template();
        let theirs = [Some(Template::HaproxyChecks), Some(Template::HaproxyRemembered)];
        self == Self::Checked || theirs.contains(&template)
    }
}

/// What runs during a turn.
pub(super) enum Server<'a> {
    /// The service alone, at this address.
    Service(&'a str),
    Ours(&'a mut Program),
    Other(Proxy),
}

impl Server<'_> {
    pub(super) fn address(&self) -> &str {
        match self {
            Self::Service(address) => address,
            Self::Ours(program) => &program.public,
            Self::Other(proxy) => &proxy.address,
        }
    }

    /// CPU time used so far; nothing for the service, which is part of every row.
    pub(super) fn cpu(&self) -> Duration {
        match self {
            Self::Service(_) => Duration::ZERO,
            Self::Ours(program) => program.cpu(),
            Self::Other(proxy) => process::cpu(&proxy.processes()),
        }
    }

    pub(super) fn memory_mib(&self) -> f64 {
        match self {
            Self::Service(_) => 0.0,
            Self::Ours(program) => program.memory_mib(),
            Self::Other(proxy) => process::memory_mib(&proxy.processes()),
        }
    }

    /// Nothing but the service runs after this.
    pub(super) fn end(self) {
        match self {
            Self::Service(_) => {}
            Self::Ours(program) => program.stop(),
            Self::Other(proxy) => drop(proxy),
        }
    }
}

/// What was measured in one round at one number of connections.
pub(super) struct Turn {
    pub(super) per_second: f64,
    pub(super) cpu_us: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    pub(super) memory_mib: f64,
}

impl Turn {
    pub(super) fn of(outcome: Outcome, used: Duration, memory_mib: f64) -> Self {
        let latencies = Latencies::of(outcome.latencies_us);
        Self {
            per_second: outcome.requests as f64 / outcome.seconds,
            cpu_us: cpu_us(used, outcome.requests),
            p50_us: f64::from(latencies.at(0.5)),
            p99_us: f64::from(latencies.at(0.99)),
            memory_mib,
        }
    }
}

/// One of those that are compared, with its turns at each number of connections.
pub(super) struct Contender {
    pub(super) who: Who,
    pub(super) turns: [Vec<Turn>; CONNECTIONS.len()],
}

impl Contender {
    pub(super) fn new(who: Who) -> Self {
        Self { who, turns: [const { Vec::new() }; CONNECTIONS.len()] }
    }

    /// The middle one of all rounds.
    pub(super) fn median(&self, at: usize, number: impl Fn(&Turn) -> f64) -> f64 {
        median(self.turns[at].iter().map(number))
    }
}

/// The table for one number of connections: the middle of all rounds, and for CPU all of them.
pub(super) fn table(contenders: &[Contender], at: usize, connections: usize) {
    println!(
        "\n| connections: {connections} | requests/s | CPU each, µs | rounds | p50, µs | p99, µs | memory, MiB |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|");
    for contender in contenders {
        let of = |number: fn(&Turn) -> f64| contender.median(at, number);
        let (per_second, p50_us, p99_us) =
            (of(|turn| turn.per_second), of(|turn| turn.p50_us), of(|turn| turn.p99_us));
        let name = contender.who.name();
        if contender.who == Who::Direct {
            println!("| {name} | {per_second:.0} | | | {p50_us:.0} | {p99_us:.0} | |");
            continue;
        }
        let rounds: Vec<String> =
            contender.turns[at].iter().map(|turn| format!("{:.1}", turn.cpu_us)).collect();
        println!(
            "| {name} | {per_second:.0} | {:.1} | {} | {p50_us:.0} | {p99_us:.0} | {:.1} |",
            of(|turn| turn.cpu_us),
            rounds.join(" "),
            of(|turn| turn.memory_mib)
        );
    }
}
