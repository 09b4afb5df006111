//! The command line: what a person and a program see.

use std::process::{Command, Output};

use expect_test::expect;
use serde_json::Value;

use crate::program::{PROGRAM, Program};

fn run(directory: &std::path::Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(arguments).current_dir(directory).env("NO_COLOR", "1").output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

const GOOD: &str = "
apis:
  tires:
    upstream: http://127.0.0.1:9
    scopes: { create.order: Create }
    routes: { POST /orders: { scopes: [tires/create.order], api_key: required } }
plans: { external: { rate: 10/s, burst: 2, quota: 10000/month } }
partners:
  cars:
    title: Cars
    plan: external
    clients: { car-orders: { scopes: [tires/create.order] } }
    api_keys: { car-orders: {} }
";

#[test]
fn check_shows_every_mistake_at_once_with_place_and_remedy() {
    let directory = tempfile::tempdir().unwrap();
    let file = "version: 1
company: Test
apis:
  tires:
    upstream: http://127.0.0.1:9
    scopes: { create.order: Create }
    routes:
      PSOT /orders: { scopes: [tires/create.order] }
      DELETE /orders/{id}: { scopes: [tires/create.orders] }
plans:
  external: { rate: \"10\", quotta: 5/day }
connections:
  cars:
    api_key: { header: x-api-key, value: my-very-secret-value }
";
    std::fs::write(directory.path().join("gatepost.yaml"), file).unwrap();
    let output = run(directory.path(), &["check"]);
    assert_eq!(output.status.code(), Some(2));
    let shown = text(&output.stderr);
    for part in [
        "PSOT",
        "tires/create.orders",
        "did you mean `tires/create.order`?",
        "add a unit: `10/s`, `10/min` or `10/h`",
        "quotta",
        "quota",
    ] {
        assert!(shown.contains(part), "{part} is missing in:\n{shown}");
    }
    assert!(!shown.contains("my-very-secret-value"), "{shown}");
    let output = run(directory.path(), &["check", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(!text(&output.stdout).contains("my-very-secret-value"));
    let lines: Vec<_> = report["diagnostics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["line"].as_u64().unwrap())
        .collect();
    for line in [8, 9, 11, 14] {
        assert!(lines.contains(&line), "no diagnostic at line {line}: {report:#}");
    }
    let output = run(directory.path(), &["serve"]);
    assert_eq!(output.status.code(), Some(2), "a bad file is not served");
}

#[test]
fn check_warns_of_what_is_good_and_does_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let file = "version: 1
company: Test
buses:
  orders:
    rules:
      r: { when: { sorce: [a] }, send: [{ to: local }] }
connections: { c: { api_key: { header: x-api-key, value: { file: ./nowhere } } } }
destinations:
  local: { connection: c, request: POST http://127.0.0.1:7510/in }
";
    std::fs::write(directory.path().join("gatepost.yaml"), file).unwrap();
    let output = run(directory.path(), &["check"]);
    assert_eq!(output.status.code(), Some(0));
    let warned = text(&output.stderr);
    for part in [
        "did you mean `source`?",
        "127.0.0.1 is not a public address",
        "connections.c: the secret in file",
    ] {
        assert!(warned.contains(part), "{part} is missing in:\n{warned}");
    }
}

#[test]
fn wrong_usage_is_two_and_help_is_nought() {
    let directory = tempfile::tempdir().unwrap();
    assert_eq!(run(directory.path(), &["frobnicate"]).status.code(), Some(2));
    assert_eq!(run(directory.path(), &["--help"]).status.code(), Some(0));
    assert_eq!(run(directory.path(), &["explain", "quota-exceeded"]).status.code(), Some(0));
    let output = run(directory.path(), &["explain", "quota-exceeed"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("did you mean `quota-exceeded`?"));
    let schema: Value = serde_json::from_slice(&run(directory.path(), &["schema"]).stdout).unwrap();
    assert!(schema["properties"]["partners"].is_object(), "{schema:#}");
}

#[tokio::test]
async fn a_name_that_is_not_there_and_a_verb_in_the_wrong_place_are_told_what_is_right() {
    let program = Program::start(GOOD).await;
    for (arguments, says) in [
        (
            &["client", "secret", "rotate", "car-order"][..],
            "There is no client `car-order`. Did you mean `car-orders`?",
        ),
        (
            &["key", "value", "rotate", "car-order"],
            "There is no API key `car-order`. Did you mean `car-orders`?",
        ),
        (&["partner", "show", "car"], "There is no partner `car`. Did you mean `cars`?"),
        (
            &["client", "secret", "list", "car-order"],
            "There is no client `car-order`. Did you mean `car-orders`?",
        ),
        (&["usage", "--partner", "car"], "There is no partner `car`. Did you mean `cars`?"),
        (&["openapi", "tyres"], "there is no API `tyres`; there is tires"),
    ] {
        let output = program.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let said = text(&output.stderr);
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
    for (arguments, says) in [
        (&["key", "rotate", "car-orders"][..], "gatepost key value rotate car-orders"),
        (&["client", "rotate", "car-orders"], "gatepost client secret rotate car-orders"),
        (&["client", "rotate", "--overlap", "7d"], "gatepost client secret rotate CLIENT"),
        (&["client", "rotate"], "gatepost client secret rotate CLIENT"),
    ] {
        let output = program.run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        let said = text(&output.stderr);
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn a_value_that_cannot_be_read_ends_as_wrong_usage_whoever_finds_it_out() {
    let program = Program::start(GOOD).await;
    std::fs::write(program.path("no-keys"), "[]").unwrap();
    for (arguments, says) in [
        (&["usage", "--from", "yesterday"][..], "`yesterday` is no moment"),
        (&["usage", "--by", "company"], "`by` has `company`"),
        (&["usage", "--grain", "week"], "`minute`, `hour` or `day`"),
        (&["token", "audit", "--until", "soon"], "`soon` is no moment"),
        (&["token", "audit", "--after", "x y"], "give back `next`"),
        (&["token", "revoke", "--jti", "a b"], "without blanks"),
        (&["token", "introspect", "some-token"], "not as an argument"),
        (&["token", "revoke"], "there is no token in it"),
        (&["token", "revoke", "--client", "car-orders", "--removed"], "--removed"),
        (&["token", "explain", "a.b.c", "--jwks", "no-keys"], "no-keys is no JWK Set"),
        (&["token", "explain", "a.b.c", "--jwks", "nowhere"], "nowhere cannot be read"),
        (&["deliveries", "list", "--where", "{"], "`where` is no event pattern"),
        (&["deliveries", "list", "--where", "@nowhere"], "nowhere cannot be read"),
        (&["dead-letters", "redrive"], "say which"),
        (&["dead-letters", "redrive", "--all", "--rate", "fast"], "--rate"),
        (&["rules", "pause", "all"], "write BUS/RULE"),
        (&["listen", "orders", "--forward", "nowhere"], "--forward is `nowhere`"),
        (&["key", "rotate", "--alg", "HS256"], "`algorithm`"),
        (&["partner", "handover", "cars", "--seal-to", "nonsense"], "gatepost handover key"),
        (&["partner", "list", "--server", "nowhere"], "http://host:port"),
        (&["handover", "accept", "letter.json", "--as", "a/b"], "--as is `a/b`"),
        (&["handover", "accept", "nowhere", "--as", "tires"], "nowhere cannot be read"),
        (&["handover", "accept", "no-keys", "--as", "tires"], "no hand-over letter"),
        (&["token", "revoke", "--file", "nowhere"], "nowhere cannot be read"),
        (&["secret", "set", "acme", "--file", "nowhere"], "nowhere cannot be read"),
        (&["client", "secret", "import", "--file", "nowhere"], "nowhere cannot be read"),
        (&["client", "secret"], "name the client"),
        (
            &["events", "publish", "b", "--source", "s", "--detail-type", "t", "--detail", "{"],
            "--detail is no JSON",
        ),
    ] {
        let output = program.run(arguments);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
        assert!(said.contains(says), "{arguments:?}: {said}");
    }
}

#[tokio::test]
async fn listings_are_tables_for_people_and_lines_for_programs() {
    let program = Program::start(GOOD).await;
    expect![[r"
        NAME  TITLE  STATUS  PLAN      CLIENTS     API KEYS    ADDRESSES
        cars  Cars   active  external  car-orders  car-orders  -"]]
    .assert_eq(&program.done(&["partner", "list"]));
    let json: Value = serde_json::from_str(&program.done(&["client", "list", "--json"])).unwrap();
    assert_eq!((&json["id"], &json["token_lifetime_s"]), (&"car-orders".into(), &3600.into()));
    let trail = program.done(&["audit", "--json"]);
    assert!(trail.lines().count() >= 3, "{trail}");
    let output = program.run(&["partner", "show", "nobody"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stderr), "gatepost: There is no partner `nobody`.\n");
}

#[tokio::test]
async fn a_running_server_is_reached_past_a_broken_file() {
    let program = Program::start(GOOD).await;
    program.rewrite(|file| format!("{file}plns: {{}}\n"));
    let refused = program.run(&["token", "revoke", "--jti", "some-token"]);
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(2), "{said}");
    assert!(said.contains("--token-file DATA/admin-token"), "{said}");
    let token = program.path("data/admin-token");
    let token = token.to_str().unwrap();
    let past = ["--server", &program.admin, "--token-file", token];
    program.done(&[&["token", "revoke", "--jti", "some-token"], &past[..]].concat());
}

#[tokio::test]
async fn the_admin_door_wants_its_token() {
    let program = Program::start(GOOD).await;
    for (path, header) in [("partners", None), ("partners", Some("Bearer x")), ("nowhere", None)] {
        let mut request = crate::program::http().get(format!("{}/admin/v1/{path}", program.admin));
        if let Some(value) = header {
            request = request.header("authorization", value);
        }
        assert_eq!(request.send().await.unwrap().status(), 401, "{path}");
    }
    let open = |path: &str| crate::program::http().get(format!("{}/{path}", program.admin)).send();
    assert_eq!(open("livez").await.unwrap().status(), 200);
    assert_eq!(open("readyz?verbose").await.unwrap().status(), 200);
    program.call("GET", "/nowhere", &[], "").await;
    let metrics = open("metrics").await.unwrap().text().await.unwrap();
    assert!(metrics.contains("gatepost_requests_total{"), "{metrics}");
    assert!(metrics.ends_with("# EOF\n"));
}

#[tokio::test]
async fn a_letter_opens_only_for_whom_it_is_sealed() {
    let program = Program::start(GOOD).await;
    let key = program.done(&["handover", "key", "--dir", "ours"]);
    assert_eq!(program.done(&["handover", "key", "--dir", "ours"]), key);
    program.done(&["partner", "handover", "cars", "--seal-to", &key, "--out", "letter.json"]);
    let letter = program.read("letter.json");
    assert!(!letter.contains("gps_") && !letter.contains("gpk_"), "{letter}");
    program.done(&["handover", "key", "--dir", "stranger"]);
    let output =
        program.run(&["handover", "accept", "letter.json", "--as", "tires", "--dir", "stranger"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("sealed for another key"), "{}", text(&output.stderr));
    let told =
        program.done(&["handover", "accept", "letter.json", "--as", "tires", "--dir", "ours"]);
    assert!(told.contains("plan 10/s burst 2, 10000/month"), "{told}");
    assert!(!told.contains("gps_") && !told.contains("gpk_"), "{told}");
    let secret = program.read("ours/tires.client-secret");
    program.token("car-orders", &secret, "tires/create.order").await;
    assert!(program.read("ours/tires.api-key").starts_with("gpk_"));
    let output = program.run(&["partner", "handover", "cars", "--seal-to", "nonsense"]);
    assert!(text(&output.stderr).contains("gatepost handover key"), "{}", text(&output.stderr));
}

#[tokio::test]
async fn a_data_directory_belongs_to_one_process() {
    let program = Program::start(GOOD).await;
    let output = program.run(&["serve"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("is in use by another gatepost"),
        "{}",
        text(&output.stderr)
    );
}

/// `UPDATE=1 cargo test` writes them anew.
#[test]
fn the_committed_documents_are_what_the_program_prints() {
    let examples = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples");
    for (company, client) in [("tires", "OrdersDomainClient"), ("cars", "TireOrdersDomainClient")] {
        let directory = examples.join(company);
        for (file, arguments) in [
            ("service.openapi.json", vec!["example", "openapi", company]),
            ("openapi.json", vec!["openapi"]),
            ("postman.json", vec!["postman", "--client", client]),
        ] {
            let output = run(&directory, &arguments);
            assert!(output.status.success(), "{}", text(&output.stderr));
            if std::env::var_os("UPDATE").is_some() {
                std::fs::write(directory.join(file), &output.stdout).unwrap();
            }
            let committed = std::fs::read_to_string(directory.join(file)).unwrap();
            assert!(committed == text(&output.stdout), "{company}/{file} is out of date: UPDATE=1");
        }
    }
}
