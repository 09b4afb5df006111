//! The configuration as its users meet it: whole files, whole reports.

mod authentication;
mod connections;
mod federation;
mod issuers;
mod targets;
mod tokens;

use std::fs;
use std::path::Path;
use std::time::Duration;

use listener::Limits;
use model::{
    Auth, ClientAuth, ClientProof, IdempotencyRule, KeyRule, Method, Order, SecretSource, TokenRule,
};

use super::{Loaded, Report, keys, load, load_text};
use crate::telemetry::{LogField, LogPart, RequestLog};

const TIRES: &str = r#"# yaml-language-server: $schema=./gatepost.schema.json
version: 1
company: LJG Tires
public_url: ${PUBLIC_URL:-http://127.0.0.1:7400}
listen:
  public: 127.0.0.1:7400
  internal: 127.0.0.1:7401

apis:
  tires:
    title: Tires orders API
    base_path: /prod
    upstream: http://127.0.0.1:7410
    scopes:
      create.order: Create a tire order
      cancel.order: Cancel a tire order
    routes:
      POST /orders: { scopes: [tires/create.order], api_key: required }
      DELETE /orders/{id}: { scopes: [tires/cancel.order], api_key: required }
      GET /health:

plans:
  external:
    description: Usage plan for external customers
    rate: 10/s
    burst: 2
    quota: 10000/month

partners:
  lee-james-luxury-cars:
    title: Lee James Luxury Cars
    contact: integrations@cars.example
    plan: external
    allow_ips: [127.0.0.1/32]
    clients:
      car-orders:
        scopes: [tires/create.order, tires/cancel.order]
        token_lifetime: 60m
    api_keys:
      car-orders: {}

buses:
  orders:
    archive: { keep: 1d }
    rules:
      order-completed-to-cars:
        description: Tell the car maker its tires are ready
        when:
          source: [complete-order]
          detail-type: [OrderCompleted]
          detail: { price: [{ numeric: [">", 1.50] }], note: [null] }
        send:
          - to: cars-order-callback
            path: [$.detail.carOrderId]
            body: $.detail
            retry: { attempts: 10, for: 60m, delays: [5s, 5m] }
            dead_letter: cars-callback-dlq

connections:
  cars:
    oauth:
      token_url: http://127.0.0.1:7300/oauth2/token
      client_id: ljg-tires-callback
      client_secret: { env: CARS_CLIENT_SECRET }
      scope: cars/complete.order
    headers:
      X-Company: ljg
      X-Api-Key: { file: ./cars.key }

destinations:
  cars-order-callback:
    connection: cars
    request: PATCH http://127.0.0.1:7300/prod/orders/*
    rate: 50/s
    retry_on: { 404: retry, 409: dead_letter, 5xx: retry }
    allow_private: [127.0.0.0/8]

schedules:
  complete-orders:
    every: 1m
    call: POST http://127.0.0.1:7410/internal/complete-orders
"#;

const TEN_MISTAKES: &str = r#"version: 1
company: LJG Tires
apis:
  tires:
    titel: Tires # typos: ignore
    upstream: http://127.0.0.1:7410
    scopes: { create.order: Create }
    routes:
      PSOT /orders: {} # typos: ignore
plans:
  external: { rate: "10" }
partners:
  cars:
    plan: externl # typos: ignore
    clients:
      orders: { scopes: [tires/create.orders] }
connections:
  cars:
    basic: { username: ljg, password: hunter2 }
destinations:
  cars:
    connection: cars
    request: PATCH http://127.0.0.1/orders/*
    timeout: 5
buses:
  orders:
    rules:
      done:
        when: { source: complete-order }
        send: [{ to: cars }]
schedules:
  tick: { every: 1m }
"#;

fn read(text: &str) -> Result<Loaded, Report> {
    load_text("tires.yaml", text, Path::new("/etc/gatepost"), &|_: &str| None)
}

/// A whole file around some sections.
fn read_with(sections: &str) -> Result<Loaded, Report> {
    read(&format!("version: 1\ncompany: A\n{sections}"))
}

/// The only thing wrong: line, column, message.
fn only(result: Result<Loaded, Report>) -> (usize, usize, String) {
    let report = result.unwrap_err();
    let [diagnostic] = report.diagnostics() else {
        panic!("{report}");
    };
    assert!(diagnostic.help.is_some(), "{report}");
    (diagnostic.line, diagnostic.column, diagnostic.message.clone())
}

#[test]
fn a_whole_file_becomes_the_nouns_of_the_model() {
    let loaded = read(TIRES).unwrap();
    let defined = &loaded.definitions;
    assert_eq!(defined.company, "LJG Tires");
    assert_eq!(defined.public_url, "http://127.0.0.1:7400");
    assert_eq!(loaded.server.admin.to_string(), "127.0.0.1:7402");
    assert_eq!(loaded.server.data, Path::new("/etc/gatepost/./data"));

    let api = &defined.apis["tires"];
    assert_eq!((&*api.base_path, api.timeout_ms, api.body_bytes_max), ("/prod", 29_000, 10 << 20));
    let demands: Vec<_> =
        api.routes.iter().map(|route| (route.method, route.token, route.api_key)).collect();
    assert_eq!(
        demands,
        [
            (Some(Method::Post), TokenRule::Required, KeyRule::Required),
            (Some(Method::Delete), TokenRule::Required, KeyRule::Required),
            (Some(Method::Get), TokenRule::None, KeyRule::None),
        ]
    );
    let plan = &defined.plans["external"];
    assert_eq!(plan.rate.unwrap().burst(), 2);
    assert_eq!(plan.quota.unwrap().limit(), 10_000);
    let client = &defined.clients["car-orders"];
    assert_eq!((&*client.partner, client.token_lifetime_s), ("lee-james-luxury-cars", 3_600));
    assert_eq!(defined.api_keys["car-orders"].plan, None);
    assert!(loaded.warnings.is_empty());
}

#[test]
fn a_whole_file_becomes_what_is_sent() {
    let loaded = read(TIRES).unwrap();
    let defined = &loaded.definitions;
    let rule = defined.rules.values().next().unwrap();
    assert_eq!(
        rule.pattern.source(),
        concat!(
            r#"{"source":["complete-order"],"detail-type":["OrderCompleted"],"#,
            r#""detail":{"price":[{"numeric":[">",1.50]}],"note":[null]}}"#
        )
    );
    let target = &rule.targets[0];
    assert_eq!((&*target.id, &*target.dead_letters), ("cars-order-callback", "cars-callback-dlq"));
    assert_eq!((target.retry.attempts, target.retry.age_ms), (10, 3_600_000));
    assert_eq!(target.retry.delays, retry::Delays::List(vec![5_000, 300_000]));
    assert_eq!(defined.buses["orders"].keep_ms, 86_400_000);
    assert_eq!(defined.buses["orders"].deduplicate_ms, 86_400_000);

    let connection = &defined.connections["cars"];
    let Auth::OAuth(oauth) = &connection.auth else {
        panic!("{connection:?}");
    };
    let secret = SecretSource::Env("CARS_CLIENT_SECRET".to_owned());
    assert_eq!(oauth.proof, ClientProof::Secret { secret, by: ClientAuth::Basic });
    let key = SecretSource::File("/etc/gatepost/./cars.key".into());
    assert_eq!(connection.headers[1], ("x-api-key".to_owned(), model::Parameter::Secret(key)));

    let destination = &defined.destinations["cars-order-callback"];
    assert_eq!((destination.rate.burst(), destination.timeout_ms), (5, 10_000));
    let verdicts = [404, 409, 500, 400].map(|status| destination.retry_on.verdict(status));
    let (retry, refused) = (retry::Verdict::Retry, retry::Verdict::Refused);
    assert_eq!(verdicts, [retry, refused, retry, refused]);
    let own = &defined.destinations["schedule.complete-orders"];
    assert_eq!((own.method, own.allow_private.len()), (Method::Post, 2));
    let schedule = defined.schedules.values().next().unwrap();
    assert_eq!(schedule.destination, own.name);
}

#[test]
fn every_noun_is_a_document_that_knows_its_line() {
    let documents = read(TIRES).unwrap().documents;
    let named: Vec<_> =
        documents.iter().map(|document| (&*document.kind, &*document.name)).collect();
    assert_eq!(
        named,
        [
            ("api", "tires"),
            ("plan", "external"),
            ("partner", "lee-james-luxury-cars"),
            ("bus", "orders"),
            ("connection", "cars"),
            ("destination", "cars-order-callback"),
            ("schedule", "complete-orders"),
        ]
    );
    let plan = &documents[1];
    assert_eq!((&*plan.origin, &*plan.place), ("file", "tires.yaml:23"));
    assert_eq!(
        plan.body,
        concat!(
            r#"{"description":"Usage plan for external customers","rate":"10/s","burst":2,"#,
            r#""quota":"10000/month"}"#
        )
    );
    for document in &documents {
        assert!(serde_json::from_str::<serde_json::Value>(&document.body).is_ok());
    }
}

#[test]
fn ten_mistakes_are_ten_diagnostics() {
    let report = read(TEN_MISTAKES).unwrap_err();
    let found: Vec<_> = report
        .diagnostics()
        .iter()
        .map(|found| (found.line, found.column, &*found.path, &*found.message))
        .collect();
    assert_eq!(
        found,
        [
            (5, 5, "apis.tires.titel", "an API has no key `titel`; did you mean `title`?"), // typos: ignore
            (
                9,
                7,
                "apis.tires.routes.PSOT /orders", // typos: ignore
                "`PSOT` is not a method; did you mean `POST`?"  // typos: ignore
            ),
            (11, 21, "plans.external.rate", "add a unit: `10/s`, `10/min` or `10/h`"),
            (14, 11, "partners.cars.plan", "no plan is called `externl`; did you mean `external`?"), // typos: ignore
            (
                16,
                26,
                "partners.cars.clients.orders.scopes[0]",
                "no scope is called `tires/create.orders`; did you mean `tires/create.order`?"
            ),
            (
                19,
                39,
                "connections.cars.basic.password",
                "`password` is a secret, and a secret may not stand in the file"
            ),
            (24, 14, "destinations.cars.timeout", "add a unit: `5s`, `5m` or `5h`"),
            (
                29,
                25,
                "buses.orders.rules.done.when",
                "the event pattern is not valid: \"source\" must be an object or an array"
            ),
            (
                30,
                16,
                "buses.orders.rules.done.send[0].path",
                "the URL of `cars` has 1 `*`, and `path` fills 0"
            ),
            (32, 3, "schedules.tick", "neither `call` nor `to` is there"),
        ]
    );
    assert!(report.diagnostics().iter().all(|found| found.help.is_some()));
    let help = report.diagnostics()[0].help.clone().unwrap();
    assert!(help.contains("`title`, `base_path`, `upstream`"), "{help}");
    assert_eq!(report.to_json()["diagnostics"].as_array().unwrap().len(), 10);
}

#[test]
fn a_report_shows_the_text_and_the_remedy() {
    let text = read(TEN_MISTAKES).unwrap_err().render(false, 100);
    for part in ["tires.yaml:5:5", "titel: Tires", "help: ", "apis.tires.titel"] {
        // typos: ignore
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
    assert!(!text.contains('\u{1b}'));
    assert!(read(TEN_MISTAKES).unwrap_err().render(true, 100).contains('\u{1b}'));
}

#[test]
fn a_secret_in_the_file_is_never_shown() {
    for section in [
        "connections: {c: {basic: {username: x, password: hunter2}}}",
        "connections: {c: {basic: {username: x, password: [hunter2]}}}",
        "connections: {c: {basic: {username: x, password: {hunter2}}}}",
        "connections: {c: {basic: {username: x, password: {value: hunter2}}}}",
        "connections: {c: {basic: {username: x, pasword: hunter2}}}", // typos: ignore
        "connections: {c: {basic: {hunter2}}}",
        "connections: {c: {api_key: hunter2}}",
        "connections: {c: {api_key: {header: x, value: 'hunter2'}}}",
        "connections: {c: {headers: {authorization: hunter2}}}",
        "connections: [{basic: {username: x, password: hunter2}}]",
        "connexions: {c: {basic: {username: x, password: hunter2}}}", // typos: ignore
        "destinations: {c: {request: 'GET http://x', headers: {X-API-Key: hunter2}}}",
        "partners: {p: {clients: {c: {scopes: [], client_secret: hunter2}}}}",
        "connections: {c: {oauth: {client_secret: \"${X:-hunter2}\"}}}",
        "destinations: {d: {request: 'GET http://x', signing: hunter2}}",
        "destinations: {d: {request: 'GET http://x', signing: [hunter2]}}",
        "destinations: {d: {request: 'GET http://x', signing: {hunter2}}}",
        "destinations: {d: {request: 'GET http://x', signing: {secret: hunter2}}}",
        "destinations: {d: {request: 'GET http://x', signing: {secrets: [hunter2]}}}",
        "destinations: {d: {request: 'GET http://x', signing: {previous: {secret: hunter2}}}}",
        "destinations: {d: {request: 'GET http://x', signing: {previous: hunter2}}}",
        "connections:\n  c:\n    oauth:\n      client_secret: hunter2\n      client_secret: hunter2",
        "connections:\n  c:\n    basic:\n      password: hunter2\n    wrong: hunter2",
        "connections:\n  c:\n    basic:\n      password: hunter2: x",
        "connections:\n  c:\n    basic:\n      password: |\n        hunter2\n      username: *x",
    ] {
        let report = read_with(section).unwrap_err();
        let shown = [
            report.render(false, 100),
            report.render(true, 100),
            report.to_json().to_string(),
            report.to_string(),
            format!("{report:?} {:?}", report.diagnostics()),
        ];
        for text in shown {
            assert!(!text.contains("hunter2"), "{section}\n{text}");
        }
    }
}

#[test]
fn what_is_wrong_is_said_once_and_in_its_place() {
    for (sections, line, column, message) in [
        ("company: B", 3, 1, "`company` is there twice; the first is on line 2"),
        ("plans:\n  a: {rate: }", 4, 7, "`rate` has no value"),
        ("plans: [a]", 3, 8, "`plans` is a list, and should be a mapping, each key a name"),
        ("buses: {system: }", 3, 9, "the bus `system` is the program's own"),
        ("destinations: {a: }", 3, 16, "`request` is missing"),
        ("plans: {a: {burst: 2}}", 3, 20, "`burst` is part of a rate, and there is none"),
        ("plans: {a: {quota: 10/day, quota_starts: 2}}", 3, 42, "a day cannot begin late"),
        (
            "apis: {a: {upstream: http://x, client_certificate: required}}",
            3,
            52,
            "a client certificate is demanded, and none is ever asked for",
        ),
        ("plans:\n  a: {description: '${NO}'}", 4, 20, "the environment variable `NO` is not set"),
        ("listen: {public: localhost:80}", 3, 18, "`localhost:80` is not an address and port"),
        (
            "schedules: {a: {every: 1m, when: rate(1 minute), call: GET http://x/}}",
            3,
            28,
            "`every` and `when` exclude each other",
        ),
        (
            "destinations: {a: {request: GET http://x/, retry_on: {204: retry}}}",
            3,
            55,
            "`204` is a success, and a delivery is not tried again",
        ),
        (
            "destinations: {a: {request: GET http://x/, retry_on: {404: retri}}}", // typos: ignore
            3,
            60,
            "`retri` is not known here; did you mean `retry`?", // typos: ignore
        ),
        (
            "destinations: {a: {request: GET http://x/, retry_on: {50x: retry}}}",
            3,
            55,
            "`50x` is neither a status nor a class of statuses; did you mean `5xx`?",
        ),
        (
            "apis: {a: {upstream: http://x, routes: {GET /a: , GET /a: }}}",
            3,
            51,
            "`GET /a` is there twice; the first is on line 3",
        ),
    ] {
        assert_eq!(only(read_with(sections)), (line, column, message.to_owned()), "{sections}");
    }
}

#[test]
fn tokens_are_bound_and_nonces_demanded_where_the_file_says_so() {
    use jwt::NonceRule::{Optional, Required};
    use model::DpopRule;
    let of = |text: &str| {
        let definitions = read_with(text).unwrap().definitions;
        let api = definitions.apis.get("a").map(|api| api.dpop_nonce);
        let client = definitions.clients.get("c").map(|client| client.dpop);
        (definitions.dpop_nonce, api, client)
    };
    assert_eq!(of("tokens: {}"), (Optional, None, None));
    assert_eq!(of("tokens: {dpop_nonce: required}"), (Required, None, None));
    let api = "apis: {a: {upstream: http://x, scopes: {s: S}}}";
    assert_eq!(of(api), (Optional, Some(Optional), None));
    let strict = api.replace("scopes", "dpop_nonce: required, scopes");
    assert_eq!(of(&strict), (Optional, Some(Required), None));
    for (dpop, expected) in [("", DpopRule::Optional), (", dpop: required", DpopRule::Required)] {
        let text = format!("{api}\npartners: {{p: {{clients: {{c: {{scopes: [a/s]{dpop}}}}}}}}}");
        assert_eq!(of(&text).2, Some(expected), "{dpop}");
    }
    for text in ["tokens: {dpop_nonce: none}", "tokens: {nonce: required}"] {
        assert!(read_with(text).is_err(), "{text}");
    }
}

#[test]
fn calls_are_signed_unless_they_are_told_not_to_be() {
    let source = |name: &str| SecretSource::File(format!("/etc/gatepost/{name}").into());
    let of = |signing: &str| {
        let text = format!("destinations: {{d: {{request: 'GET http://x', {signing}}}}}");
        let signing = read_with(&text).unwrap().definitions.destinations["d"].signing.clone();
        let secrets: Vec<_> =
            signing.secrets.into_iter().map(|secret| (secret.source, secret.until)).collect();
        (secrets, signing.ed25519)
    };
    let (new, old) = ((source("new"), None), source("old"));
    let until = model::Timestamp::parse("2026-12-01T00:00:00Z");
    let previous = "previous: {secret: {file: old}, until: 2026-12-01T01:00:00+01:00}";
    assert_eq!(of("rate: 1/s"), (vec![], true));
    assert_eq!(of("signing: "), (vec![], true));
    assert_eq!(of("signing: {}"), (vec![], true));
    assert_eq!(of("signing: off"), (vec![], false));
    assert_eq!(of("signing: {ed25519: true}"), (vec![], true));
    assert_eq!(of("signing: {secret: {file: new}}"), (vec![new.clone()], false));
    assert_eq!(of("signing: {secret: {file: new}, ed25519: true}"), (vec![new.clone()], true));
    let both = format!("signing: {{secret: {{file: new}}, {previous}}}");
    assert_eq!(of(&both), (vec![new, (old, until)], false));
}

#[test]
fn an_order_is_none_strict_or_by_a_key() {
    let of = |order: &str| {
        let text = format!("destinations: {{d: {{request: 'GET http://x', {order}}}}}");
        read_with(&text).unwrap().definitions.destinations["d"].order.clone()
    };
    let by = transform::JsonPath::parse("$.detail.orderId").unwrap();
    assert_eq!(of("rate: 1/s"), Order::None);
    assert_eq!(of("order: none"), Order::None);
    assert_eq!(of("order: strict"), Order::Strict);
    assert_eq!(of("order: {by: $.detail.orderId}"), Order::By(by));
    let wrong = |order: &str| {
        only(read_with(&format!("destinations: {{d: {{request: 'GET http://x', {order}}}}}"))).2
    };
    for (order, message) in [
        ("order: fifo", "`fifo` is not known here"),
        ("order: {}", "`by` is missing"),
        ("order: {by: orderId}", "`orderId`: a path has `$` at character 1"),
        ("order: {by: $.a, strict: true}", "`order` has no key `strict`"),
        ("order: [strict]", "`order` is a list, and should be a mapping of keys"),
    ] {
        let said = wrong(order);
        assert!(said.contains(message), "{order}: {said}");
    }
}

#[test]
fn idempotency_is_a_word() {
    let read = |route: &str| {
        read_with(&format!(
            "apis: {{a: {{upstream: 'http://127.0.0.1:1', routes: {{POST /x: {{{route}}}}}}}}}"
        ))
    };
    for (route, expected) in [
        ("", IdempotencyRule::None),
        ("idempotency: none", IdempotencyRule::None),
        ("idempotency: optional", IdempotencyRule::Optional),
        ("idempotency: required", IdempotencyRule::Required),
    ] {
        let apis = read(route).unwrap().definitions.apis;
        assert_eq!(apis["a"].routes[0].idempotency, expected, "{route}");
    }
    let said = only(read("idempotency: true")).2;
    assert!(said.contains("`true` is not known here"), "{said}");
}

#[test]
fn a_signature_must_be_possible_and_nobody_elses() {
    let of = |more: &str| {
        only(read_with(&format!("destinations: {{d: {{request: 'GET http://x', {more}}}}}"))).2
    };
    for (more, message) in [
        ("signing: none", "`signing` is neither `off` nor a mapping of keys"),
        ("signing: false", "`signing` is neither `off` nor a mapping of keys"),
        ("signing: {ed25519: false}", "nothing is left to sign with"),
        (
            "signing: {previous: {secret: {env: A}, until: 2026-12-01T00:00:00Z}}",
            "`previous` is what signed before `secret`, and there is no `secret`",
        ),
        ("signing: {secret: {env: B}, previous: {secret: {env: A}}}", "`until` is missing"),
        (
            "signing: {secret: {env: B}, previous: {secret: {env: A}, until: 24h}}",
            "`24h` is not a time",
        ),
        (
            "signing: {secret: whsec_AAAA}",
            "`secret` is a secret, and a secret may not stand in the file",
        ),
        ("signing: {ed448: true}", "`signing` has no key `ed448`"),
        (
            "headers: {Webhook-Signature: x}",
            "the header `Webhook-Signature` belongs to the signature of each call",
        ),
        (
            "headers: {webhook-id: x}, signing: off",
            "the header `webhook-id` belongs to the signature of each call",
        ),
    ] {
        let found = of(more);
        assert!(found.starts_with(message), "{more}: {found}");
    }
    for connection in [
        "headers: {webhook-timestamp: '1'}",
        "api_key: {header: webhook-signature, value: {env: A}}",
    ] {
        let (.., message) = only(read_with(&format!("connections: {{c: {{{connection}}}}}")));
        assert!(message.contains("belongs to the signature of each call"), "{message}");
    }
}

#[test]
fn an_empty_file_and_a_missing_one_say_what_to_do() {
    let (line, column, message) = only(read("# nothing\n"));
    assert_eq!((line, column, &*message), (1, 1, "the file is empty"));
    let report = load(Path::new("/nowhere/gatepost.yaml"), &|_: &str| None).unwrap_err();
    assert!(report.to_string().contains("the file cannot be read"));
    assert!(report.render(false, 80).contains("the README has a first file"));
}

#[test]
fn a_tab_gets_a_hint() {
    let report = read_with("apis:\n\ttires:\n\t\ttitle: x\n").unwrap_err();
    let help = report.diagnostics()[0].help.clone().unwrap();
    assert!(help.contains("tab"), "{help}");
}

#[test]
fn the_environment_fills_in_values_of_any_form() {
    let text = "version: 1\ncompany: ${NAME}\npublic_url: ${URL:-https://a.example}\n\
                destinations: {d: {request: 'GET ${BASE}/x', in_flight: '7'}}\n\
                apis:\n  a:\n    upstream: http://x\n    bare_token: ${BARE}\n";
    let environment = |name: &str| match name {
        "NAME" => Some("Tires & Co: \"all\"".to_owned()),
        "BASE" => Some("http://10.0.0.1".to_owned()),
        "BARE" => Some("true".to_owned()),
        _ => None,
    };
    let loaded = load_text("a.yaml", text, Path::new("."), &environment).unwrap();
    assert_eq!(loaded.definitions.company, "Tires & Co: \"all\"");
    assert_eq!(loaded.definitions.public_url, "https://a.example");
    assert_eq!(loaded.definitions.destinations["d"].url.as_str(), "http://10.0.0.1/x");
    assert_eq!(loaded.definitions.destinations["d"].in_flight_max, 7);
    assert!(loaded.definitions.apis["a"].bare_token);
}

#[test]
fn a_directory_is_one_configuration() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).unwrap();
    write("a.yaml", "version: 1\ncompany: A\nplans:\n  one: {rate: 1/s}\n");
    write("b.yml", "version: 1\nplans:\n  two: {rate: 2/s}\n");
    // JSON beside it is somebody else's: an OpenAPI document, say.
    write("d.json", "[1, 2]");
    write("c.yaml", "{\"partners\": {\"p\": {\"plan\": \"two\", \"api_keys\": {\"k\": {}}}}}");
    write("notes.txt", "not: [configuration");
    let loaded = load(directory.path(), &|_: &str| None).unwrap();
    assert_eq!(loaded.definitions.plans.len(), 2);
    assert_eq!(loaded.definitions.partners.len(), 1);
    assert_eq!(loaded.server.data, directory.path().join("./data"));

    write("d.yaml", "plans:\n  one: {rate: 3/s}\n");
    let (line, column, message) = only(load(directory.path(), &|_: &str| None));
    assert_eq!((line, column), (2, 3));
    assert!(message.starts_with("`one` is there twice; the first is at"), "{message}");
    assert!(message.ends_with("a.yaml:4"), "{message}");
}

#[test]
fn an_api_key_without_a_plan_is_warned_about() {
    let loaded = read_with("partners: {p: {api_keys: {k: }}}").unwrap();
    let [warning] = &*loaded.warnings else {
        panic!("{:?}", loaded.warnings);
    };
    assert_eq!(warning.message, "the API key `k` has no plan, so no route will take it");
    assert!(warning.help.is_some());
}

#[test]
fn an_openapi_document_must_be_there() {
    let directory = tempfile::tempdir().unwrap();
    let text = "version: 1\ncompany: A\napis: {a: {upstream: 'http://x', openapi: a.yaml}}\n";
    let read = || load_text("g.yaml", text, directory.path(), &|_: &str| None);
    assert!(only(read()).2.starts_with("there is no file"));
    let path = directory.path().join("a.yaml");
    fs::write(&path, "openapi: 3.1.0").unwrap();
    assert_eq!(read().unwrap().openapi["a"]["openapi"], "3.1.0");
    // Not even where nothing is held against it may it be unreadable.
    fs::write(&path, "openapi: [3.1.0").unwrap();
    assert!(only(read()).2.starts_with("this is not YAML"));
}

#[test]
fn what_requests_are_held_against_must_be_good() {
    let directory = tempfile::tempdir().unwrap();
    let routes = "routes: {'GET /a/{id}': {}, GET /b: {}, ANY /c: {}}";
    let api = format!("upstream: 'http://x', validate: true, {routes}");
    let read = |openapi: &str| {
        let text = format!("version: 1\ncompany: A\napis: {{a: {{{api}{openapi}}}}}\n");
        load_text("g.yaml", &text, directory.path(), &|_: &str| None)
    };
    let (line, _, message) = only(read(""));
    assert_eq!((line, &*message), (3, "there is no document to hold requests against"));

    let file = directory.path().join("d.yaml");
    let head = "openapi: 3.1.0\ninfo: {title: '${title}', version: '1'}\npaths:\n  /a/{id}:\n";
    fs::write(&file, format!("{head}    get:\n      parameters: [{{in: path}}]\n")).unwrap();
    let report = read(", openapi: d.yaml").unwrap_err();
    let diagnostic = &report.diagnostics()[0];
    assert_eq!(diagnostic.file, file.display().to_string());
    assert_eq!(diagnostic.line, 6, "{diagnostic}");
    assert!(diagnostic.path.starts_with("/paths/~1a~1{id}/get/parameters/0"), "{diagnostic}");
    assert!(diagnostic.help.is_some());

    let parameter = "{name: id, in: path, required: true, schema: {type: integer}}";
    let operation = format!("    get:\n      parameters: [{parameter}]\n      responses: {{}}\n");
    fs::write(&file, format!("{head}{operation}")).unwrap();
    let loaded = read(", openapi: d.yaml").unwrap();
    assert_eq!(loaded.contracts["a"].operations(), 1);
    let [warning] = &*loaded.warnings else {
        panic!("{:?}", loaded.warnings);
    };
    assert!(warning.message.contains("does not have `GET /b`"), "{warning}");
    // In JSON, which may have escapes that YAML does not know.
    let json = r#"{"openapi": "3.0.3", "info": {"title": "\ud83d\ude97", "version": "1"},
        "paths": {"/b": {"get": {"responses": {}}}}}"#;
    fs::write(directory.path().join("d.json"), json).unwrap();
    assert_eq!(read(", openapi: d.json").unwrap().contracts["a"].operations(), 1);
    fs::write(directory.path().join("d.json"), "{\"openapi\": 3.0.3}").unwrap();
    let (line, column, message) = only(read(", openapi: d.json"));
    assert_eq!((line, column), (1, 16));
    assert!(message.starts_with("this is not JSON: "), "{message}");
}

#[test]
fn the_public_doors_limits_are_the_listeners_where_the_file_says_nothing() {
    let read = |limits: &str| {
        let text = format!("version: 1\ncompany: A\n{limits}");
        load_text("g.yaml", &text, Path::new("."), &|_: &str| None)
    };
    let standard = Limits::default();
    assert_eq!(read("").unwrap().server.limits, standard);
    let some =
        read("limits: { connections: 7, address_connections: 3, head_timeout: 2s, drain: 0s }");
    let expected = Limits {
        connections_max: 7,
        address_connections_max: 3,
        head_timeout: Duration::from_secs(2),
        drain: Duration::ZERO,
        ..standard
    };
    assert_eq!(some.unwrap().server.limits, expected);
    for (wrong, help) in [
        ("{ connections: 0 }", "1"),
        ("{ address_connections: 0 }", "1"),
        ("{ head_timeout: 10ms }", "1s"),
        ("{ idle_timeout: 2h }", "1h"),
        ("{ stuck_timeout: 60 }", "`60s`"),
    ] {
        let report = read(&format!("limits: {wrong}")).unwrap_err();
        assert!(report.render(false, 100).contains(help), "{wrong}: {}", report.render(false, 100));
    }
}

#[test]
fn keys_that_sign_tokens_change_every_ninety_days_where_the_file_says_nothing() {
    const DAY_MS: i64 = 86_400_000;
    let api = |more: &str| format!("apis: {{ a: {{ upstream: \"http://127.0.0.1:9\"{more} }} }}\n");
    let usual = read_with(&api("")).unwrap().definitions;
    assert_eq!(usual.rotate_keys_ms, 90 * DAY_MS);
    assert_eq!(usual.apis["a"].token_algorithm, jwt::Algorithm::Es256);
    let text = format!("{}tokens: {{ rotate_keys: 30d }}\n", api(", token_algorithm: PS256"));
    let other = read_with(&text).unwrap().definitions;
    assert_eq!(other.rotate_keys_ms, 30 * DAY_MS);
    assert_eq!(other.apis["a"].token_algorithm, jwt::Algorithm::Ps256);
    for wrong in ["tokens: { rotate_keys: 1h }", &api(", token_algorithm: HS256")] {
        assert!(read_with(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn client_ids_of_other_servers_are_taken() {
    let read = |id: &str| {
        let api = "apis: { a: { upstream: \"http://127.0.0.1:9\", scopes: { x: X } } }\n";
        let clients = format!("clients: {{ \"{id}\": {{ scopes: [a/x] }} }}");
        read_with(&format!("{api}partners: {{ p: {{ {clients} }} }}\n"))
    };
    for id in ["_1example+2", "+a", "car-orders"] {
        assert_eq!(read(id).unwrap().definitions.clients[id].id.as_str(), id);
    }
    for id in ["-a", ".a", "a b", ""] {
        assert!(read(id).is_err(), "{id}");
    }
}

#[test]
fn a_client_that_gets_no_tokens_needs_no_scopes() {
    for client in ["{}", "{ scopes: [] }"] {
        let read = read_with(&format!("partners: {{ p: {{ clients: {{ c: {client} }} }} }}\n"));
        assert!(read.unwrap().definitions.clients["c"].scopes.is_empty(), "{client}");
    }
}

#[test]
fn lines_of_requests_are_usual_chosen_by_a_template_or_off() {
    let log = |section: &str| read_with(section).unwrap().log;
    assert_eq!(log(""), RequestLog::Usual);
    assert_eq!(log("log: { requests: on }"), RequestLog::Usual);
    for unused in ["fields: [at]", "template: '{at}'"] {
        let loaded = read_with(&format!("log: {{ requests: off, {unused} }}")).unwrap();
        assert_eq!(loaded.log, RequestLog::Off);
        let [warning] = &*loaded.warnings else { panic!("{:?}", loaded.warnings) };
        assert!(warning.message.contains("is not used"), "{warning}");
    }
    let fields = RequestLog::Fields(vec![LogField::At, LogField::UserAgent]);
    assert_eq!(log("log: { fields: [at, user_agent] }"), fields);
    let template = RequestLog::Template(LogPart::parse("{at} {status}").unwrap());
    assert_eq!(log("log: { template: '{at} {status}' }"), template);
    for (wrong, says) in [
        ("{ fields: [at, statsu] }", "did you mean `status`?"), // typos: ignore
        ("{ fields: [] }", "`fields` is empty"),
        ("{ fields: [at, status, at] }", "the field `at` is there twice"),
        ("{ template: '{at} {useragent}' }", "did you mean `user_agent`?"),
        ("{ template: '{at' }", "a brace stands alone"),
        ("{ template: plain }", "this template has no field"),
        ("{ fields: [at], template: '{at}' }", "`fields` or a `template`, not both"),
        ("{ requests: maybe }", "`maybe` is not known here"),
        ("{ field: [at] }", "did you mean `fields`?"),
    ] {
        let (_, _, message) = only(read_with(&format!("log: {wrong}\n")));
        assert!(message.contains(says), "{wrong}: {message}");
    }
}

#[test]
fn the_keys_of_the_language_are_all_there() {
    let keys = keys();
    for key in [
        "version",
        "apis.routes.api_key",
        "buses.rules.send.retry.for",
        "connections.oauth.token_url",
        "issuers.clients",
    ] {
        assert!(keys.iter().any(|known| known == key), "{key}");
    }
}

/// Pieces that files are made of, whole and broken.
const PIECES: [&str; 40] = [
    "version: 1\n",
    "company: A\n",
    "apis:\n",
    "  tires:\n",
    "    upstream: http://x\n",
    "plans: {a: {rate: ",
    "10/s",
    "10",
    "}}\n",
    "{",
    "}",
    "[",
    "]",
    ",",
    ": ",
    "- ",
    "\n",
    "  ",
    "\t",
    "&a ",
    "*a",
    "!x ",
    "|\n",
    ">-\n",
    "\"",
    "'",
    "# é\n",
    "${A",
    "${A:-b}",
    "}",
    "connections:\n  c: {basic: {password: ",
    "hunter2",
    "buses: {b: {rules: {r: ",
    "{when: {a: [1]}, send: [{to: x",
    "schedules:\n",
    "? ",
    "---\n",
    "...\n",
    "\u{feff}",
    "\r\n",
];

fn must_not_panic(text: &str) {
    if let Err(report) = read(text) {
        assert!(!report.diagnostics().is_empty());
        assert!(!report.render(false, 80).is_empty());
        assert!(report.to_json().is_object());
    }
}

proptest::proptest! {
    #[test]
    fn arbitrary_text_never_panics(text in proptest::collection::vec(proptest::char::any(), 0..80)) {
        must_not_panic(&text.into_iter().collect::<String>());
    }

    #[test]
    fn pieces_of_files_never_panic(
        pieces in proptest::collection::vec(proptest::sample::select(PIECES.to_vec()), 0..40),
    ) {
        must_not_panic(&pieces.concat());
    }

    #[test]
    fn a_file_with_a_hole_never_panics(start in 0..TIRES.len(), length in 0_usize..200) {
        let end = (start + length).min(TIRES.len());
        must_not_panic(&format!("{}{}", &TIRES[..start], &TIRES[end..]));
    }
}
