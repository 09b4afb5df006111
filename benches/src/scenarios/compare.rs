//! Side by side on loopback: Gatepost, nginx and HAProxy, passing requests on and checking them. The
//! same requests, the same service behind; one program at a time, started for its turn and ended
//! after it, in rounds, so that what else the machine does falls on all of them.
//!
//! What is compared, and what fair means there, is in `benches/gateway/README.md`.

mod contender;
mod goals;
mod proxy;
mod token;

use crate::Scale;
use crate::load::{self, Load};
use crate::program::Program;
use crate::receiver::Receiver;
use crate::scenarios::{WARM_UP, checked};

use contender::{Contender, Server, Turn, Who};

/// Connections of the loads.
const CONNECTIONS: [usize; 3] = [1, 16, 64];

pub(crate) async fn measure(scale: Scale) {
    let receiver = Receiver::start().await;
    let service = receiver.address().to_string();
    let directory = tempfile::tempdir().unwrap();
    let (program, _) = Program::start(&checked::definitions(&service, 1, 0)).await;
    let mut stage = Stage::set(program, service, directory).await;
    let mut contenders = present();
    for _ in 0..scale.rounds {
        for contender in &mut contenders {
            turn(&mut stage, contender, scale).await;
        }
    }
    for (at, connections) in CONNECTIONS.into_iter().enumerate() {
        contender::table(&contenders, at, connections);
    }
    goals::table(&contenders);
}

/// All that can run here; says loudly which cannot.
fn present() -> Vec<Contender> {
    for server in ["nginx", "haproxy"] {
        if let Some((_, version)) = proxy::find(server, "-v") {
            println!("\n{version}");
        }
    }
    let is_missing = |(program, ask): &&(&str, &str)| proxy::find(program, ask).is_none();
    let mut contenders = Vec::new();
    for who in Who::ALL {
        if let Some((program, _)) = who.needs().iter().find(is_missing) {
            println!(
                "\n**LEFT OUT: {}.** There is no {program} on this machine. \
                 `apt-get install nginx haproxy openssl` gets what is missing.",
                who.name()
            );
        } else {
            contenders.push(Contender::new(who));
        }
    }
    contenders
}

/// What the contenders share.
struct Stage {
    program: Program,
    service: String,
    /// Our token and an API key: what callers bring.
    token: String,
    key: String,
    /// The same token under RS256, if this machine can make one.
    rs256: Option<String>,
    /// For the others' templates.
    values: Vec<(&'static str, String)>,
    /// Holds the keys and the map that `values` names.
    directory: tempfile::TempDir,
}

impl Stage {
    /// Takes token and key from our program, stops it, and writes down what the others need.
    async fn set(mut program: Program, service: String, directory: tempfile::TempDir) -> Self {
        let secret = program.run(&["client", "secret", "bench"]);
        let key = program.run(&["key", "value", &checked::key(0)]);
        let token = program.token(&secret).await;
        let ask = load::request("GET", "/.well-known/jwks.json", "", "");
        let pem = token::pem(&load::once(&program.public, &ask).await, &token);
        program.stop();
        let path = |name: &str| directory.path().join(name);
        std::fs::write(path("es.pem"), pem).unwrap();
        std::fs::write(path("map"), format!("{key} bench\n")).unwrap();
        let rs256 =
            proxy::find("openssl", "version").map(|_| token::under_rs256(directory.path(), &token));
        let claims = token::part(&token, 1);
        let claim = |name: &str| claims[name].as_str().map(str::to_owned).unwrap();
        let values = vec![
            ("UPSTREAM", service.clone()),
            ("ISSUER", claim("iss")),
            ("AUDIENCE", claim("aud")),
            ("SCOPE", claim("scope")),
            ("MAP", path("map").display().to_string()),
            ("RATE", checked::RATE.to_string()),
            ("QUOTA", checked::QUOTA.to_string()),
        ];
        Self { program, service, token, key, rs256, values, directory }
    }

    /// The token in the form that this one checks.
    fn token(&self, who: Who) -> &str {
        match &self.rs256 {
            Some(rs256) if who == Who::HaproxyRs256 => rs256,
            _ => &self.token,
        }
    }

    async fn start(&mut self, who: Who) -> Server<'_> {
        let Some(template) = who.template() else {
            if who == Who::Direct {
                return Server::Service(&self.service);
            }
            self.program.again().await;
            return Server::Ours(&mut self.program);
        };
        let mut values = self.values.clone();
        let (algorithm, pem) =
            if who == Who::HaproxyRs256 { ("RS256", "rs.pem") } else { ("ES256", "es.pem") };
        values.push(("ALG", algorithm.to_owned()));
        values.push(("PUBKEY", self.directory.path().join(pem).display().to_string()));
        Server::Other(proxy::Proxy::start(template, &values).await)
    }
}

/// One contender's turn of a round, at each number of connections.
async fn turn(stage: &mut Stage, contender: &mut Contender, scale: Scale) {
    let who = contender.who;
    let token = stage.token(who).to_owned();
    let path = if who == Who::Plain { "/plain/x" } else { "/checked/x" };
    let request = checked::request(path, &token, &stage.key);
    let server = stage.start(who).await;
    if who.checks() {
        refuses(server.address(), who, &token).await;
    }
    for (at, connections) in CONNECTIONS.into_iter().enumerate() {
        let address = server.address().to_owned();
        let load = Load { address, requests: vec![request.clone()], connections };
        load.run(WARM_UP).await;
        let before = server.cpu();
        let outcome = load.run(scale.turn).await;
        let used = server.cpu().saturating_sub(before);
        contender.turns[at].push(Turn::of(outcome, used, server.memory_mib()));
    }
    server.end();
}

/// Whoever is said to check refuses what lacks a good token or a good key: else its numbers would be
/// those of something else.
async fn refuses(address: &str, who: Who, token: &str) {
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", signature.chars().rev().collect::<String>());
    let unknown = "gpk_unknown";
    let bare = |headers: &str| load::request("GET", "/checked/x", headers, "");
    let rows = [
        ("no token", bare(""), 401),
        ("a forged token", checked::request("/checked/x", &forged, unknown), 401),
        ("no key", bare(&format!("authorization: Bearer {token}\r\n")), 403),
        ("an unknown key", checked::request("/checked/x", token, unknown), 403),
    ];
    for (what, request, expected) in rows {
        let status = load::status(address, &request).await;
        assert_eq!(status, Some(expected), "{}: {what}", who.name());
    }
}
