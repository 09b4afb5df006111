//! Requests held against their API's OpenAPI document: what passes, what does not and why, what it
//! costs, and what `gatepost check` says of the document.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Value, json};
use testkit::{Receiver, Reply, until};

use crate::program::{Answer, Program};

const DOCUMENT: &str = r##"openapi: 3.1.0
info: { title: Orders, version: "1", description: "not a variable: ${NOBODY}" }
paths:
  /orders:
    get:
      parameters:
        - { name: limit, in: query, required: true, schema: { type: integer, maximum: 100 } }
        - { name: x-shop, in: header, required: true, schema: { type: string } }
      responses: {}
    post:
      requestBody:
        required: true
        content:
          application/json: { schema: { $ref: "#/components/schemas/Order" } }
      responses: {}
  /orders/{id}:
    patch:
      parameters:
        - { name: id, in: path, required: true, schema: { type: integer } }
      requestBody:
        content:
          application/merge-patch+json: { schema: { type: object } }
      responses: {}
  /files/{name}:
    put:
      parameters:
        - { name: name, in: path, required: true, schema: { type: string } }
      requestBody:
        content: { application/octet-stream: {} }
      responses: {}
components:
  schemas:
    Order:
      type: object
      required: [size, count]
      additionalProperties: false
      properties:
        size: { type: string, pattern: "^[0-9]+/[0-9]+$" }
        count: { type: integer, minimum: 1 }
        lines: { type: array, items: { type: object, required: [sku] } }
"##;

const GOOD: &str = "{ \"size\" : \"205/55\", \"count\":4 }\n";

fn definitions(upstream: &str, document: &Path) -> String {
    let document = document.display();
    let api = |base: &str, style: &str| {
        format!(
            "
    base_path: {base}
    upstream: {upstream}
    errors: {style}
    openapi: {document}
    validate: true
    routes:
      GET /orders: {{}}
      POST /orders: {{ api_key: required }}
      PATCH /orders/{{id}}: {{}}
      PUT /files/{{name}}: {{}}
      ANY /free/{{rest+}}: {{}}"
        )
    };
    format!(
        "
apis:
  orders:{}
  aws:{}
plans:
  wide: {{ rate: 1000/s, burst: 1000 }}
  small: {{ rate: 1000/s, burst: 1000, quota: 3/month }}
partners:
  cars: {{ plan: wide, api_keys: {{ wide: {{}}, small: {{ plan: small }} }} }}
",
        api("/v1", "problem"),
        api("/aws", "aws")
    )
}

struct Door {
    program: Program,
    upstream: Receiver,
    key: String,
    /// Holds the document.
    directory: tempfile::TempDir,
}

impl Door {
    async fn open() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let document = directory.path().join("orders.yaml");
        std::fs::write(&document, DOCUMENT).unwrap();
        let upstream = Receiver::start(|_, _| Reply::status(201).body("made")).await;
        let program = Program::start(&definitions(&upstream.url(), &document)).await;
        let key = program.done(&["key", "value", "wide"]);
        Self { program, upstream, key, directory }
    }

    async fn post(&self, path: &str, content_type: &str, body: &str) -> Answer {
        let mut headers = vec![("x-api-key", self.key.as_str())];
        if !content_type.is_empty() {
            headers.push(("content-type", content_type));
        }
        self.program.call("POST", path, &headers, body).await
    }

    async fn order(&self, body: &str) -> Answer {
        self.post("/v1/orders", "application/json", body).await
    }

    fn rewrite(&self, change: impl FnOnce(&str) -> String) {
        let document = self.directory.path().join("orders.yaml");
        std::fs::write(document, change(DOCUMENT)).unwrap();
    }
}

/// Where the faults of a refused request are.
fn places(answer: &Answer) -> BTreeSet<(String, String)> {
    assert_eq!(answer.status, 400, "{}", answer.body);
    let problem = answer.json();
    assert_eq!(problem["type"], "urn:gatepost:problem:request-invalid");
    let errors = problem["errors"].as_array().unwrap();
    let text = |error: &Value, name: &str| error[name].as_str().unwrap().to_owned();
    assert!(errors.iter().all(|error| !text(error, "reason").is_empty()), "{problem}");
    errors.iter().map(|error| (text(error, "location"), text(error, "pointer"))).collect()
}

fn set(places: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    places.iter().map(|(location, at)| ((*location).to_owned(), (*at).to_owned())).collect()
}

#[tokio::test]
async fn what_fits_passes_byte_for_byte() {
    let door = Door::open().await;
    let answer = door.order(GOOD).await;
    assert_eq!((answer.status, &*answer.body), (201, "made"));
    let got = door.upstream.got().pop().unwrap();
    assert_eq!(got.body, GOOD);
    assert_eq!(got.header("content-length"), GOOD.len().to_string());
    let id = answer.header("x-request-id");
    let line = until("the log has the request", async || {
        door.program.lines("request").into_iter().find(|line| line["request_id"] == id)
    })
    .await;
    assert_eq!(line["passed"], json!(["route", "key", "partner", "rate", "contract"]));
    assert_eq!(line["bytes_in"], GOOD.len());

    // A body that does not say what it is counts as JSON.
    assert_eq!(door.post("/v1/orders", "", GOOD).await.status, 201);
    let list = door.program.call("GET", "/v1/orders?limit=7", &[("x-shop", "a")], "").await;
    assert_eq!(list.status, 201);
    let octets = [("content-type", "application/octet-stream")];
    let file = door.program.call("PUT", "/v1/files/a", &octets, "not { json").await;
    assert_eq!((file.status, &*door.upstream.got().pop().unwrap().body), (201, "not { json"));
    let merge = [("content-type", "application/merge-patch+json")];
    assert_eq!(door.program.call("PATCH", "/v1/orders/7", &merge, "{}").await.status, 201);
    // Not required, and not described at all.
    assert_eq!(door.program.call("PATCH", "/v1/orders/7", &[], "").await.status, 201);
    assert_eq!(door.program.call("POST", "/v1/free/x", &[], "anything").await.status, 201);
}

#[tokio::test]
async fn each_fault_of_a_body_has_its_place() {
    let door = Door::open().await;
    for (body, expected) in [
        (r#"{"size": "205", "count": 0, "mine": 1}"#, vec!["/size", "/count", "/mine"]),
        (r#"{"size": "205/55"}"#, vec!["/count"]),
        (r#"{"size": "205/55", "count": 4, "lines": [{"sku": 1}, {}]}"#, vec!["/lines/1/sku"]),
        (r#"{"size": "205/55", "count": 4, "count": 5}"#, vec![""]),
        (r#"{"size": "205/55""#, vec![""]),
        ("[]", vec![""]),
        ("", vec![""]),
    ] {
        let answer = door.order(body).await;
        let expected: Vec<_> = expected.iter().map(|at| ("body", *at)).collect();
        assert_eq!(places(&answer), set(&expected), "{body}");
    }
    // One that is judged beside the core's thread, because it is long.
    let long = json!({ "size": "2".repeat(200_000), "count": 4 }).to_string();
    let answer = door.order(&long).await;
    assert_eq!(places(&answer), set(&[("body", "/size")]));
    assert!(answer.body.len() < 2_000, "what was sent is not repeated");
    let long = json!({ "size": format!("{}/1", "2".repeat(200_000)), "count": 4 }).to_string();
    assert_eq!(door.order(&long).await.status, 201);
    assert_eq!(door.upstream.got().pop().unwrap().body, long);
    assert_eq!(door.upstream.got().len(), 1, "a request that does not fit reached the service");
    // The log names places and no values.
    let secret = r#"{"size": "my-very-own-size", "count": 4}"#;
    let answer = door.order(secret).await;
    let id = answer.header("x-request-id");
    let line = until("the log has the request", async || {
        door.program.lines("request").into_iter().find(|line| line["request_id"] == id)
    })
    .await;
    assert_eq!(
        (&line["refusal"], &line["reason"]),
        (&"request-invalid".into(), &"body /size".into())
    );
    assert!(!door.program.read("stdout").contains("my-very-own-size"));
}

#[tokio::test]
async fn parameters_are_held_against_the_document_before_the_body() {
    let door = Door::open().await;
    let answer = door.program.call("GET", "/v1/orders", &[], "").await;
    assert_eq!(places(&answer), set(&[("query", "limit"), ("header", "x-shop")]));
    let shop = [("x-shop", "a")];
    for limit in ["101", "x", "", "1.5"] {
        let path = format!("/v1/orders?limit={limit}");
        let answer = door.program.call("GET", &path, &shop, "").await;
        assert_eq!(places(&answer), set(&[("query", "limit")]), "{limit}");
    }
    let text = [("content-type", "text/plain")];
    let answer = door.program.call("PATCH", "/v1/orders/seven", &text, "{}").await;
    assert_eq!(places(&answer), set(&[("path", "id")]));
    assert!(door.upstream.got().is_empty());
}

#[tokio::test]
async fn a_media_type_that_is_not_described_is_415_with_those_that_are() {
    let door = Door::open().await;
    let answer = door.post("/v1/orders", "text/plain", GOOD).await;
    assert_eq!(answer.status, 415);
    let problem = answer.json();
    assert_eq!(problem["type"], "urn:gatepost:problem:media-type-unsupported");
    assert_eq!(problem["supported"], json!(["application/json"]));
    assert_eq!(answer.header("accept-post"), "application/json");
    let json = [("content-type", "application/json")];
    let answer = door.program.call("PATCH", "/v1/orders/7", &json, "{}").await;
    assert_eq!(
        (answer.status, answer.header("accept-patch")),
        (415, "application/merge-patch+json")
    );
    let answer = door.program.call("PUT", "/v1/files/a", &json, "{}").await;
    assert_eq!((answer.status, answer.header("accept")), (415, "application/octet-stream"));
    let coded = [
        ("x-api-key", &*door.key),
        ("content-type", "application/json"),
        ("content-encoding", "br"),
    ];
    let answer = door.program.call("POST", "/v1/orders", &coded, "xx").await;
    assert_eq!((answer.status, answer.header("accept-encoding")), (415, "identity"));
    assert!(door.upstream.got().is_empty());
}

#[tokio::test]
async fn the_aws_style_says_what_api_gateway_says() {
    let door = Door::open().await;
    let check = |answer: &Answer, status: u16, message: &str, kind: &str| {
        assert_eq!(answer.status, status, "{}", answer.body);
        assert_eq!(answer.json(), json!({ "message": message }));
        assert_eq!(answer.header("x-amzn-errortype"), kind);
        assert!(!answer.header("x-amzn-requestid").is_empty());
    };
    let answer = door.post("/aws/orders", "application/json", "{}").await;
    check(&answer, 400, "Invalid request body", "BadRequestException");
    let answer = door.program.call("GET", "/aws/orders", &[], "").await;
    let missing = "Missing required request parameters: [limit, x-shop]";
    check(&answer, 400, missing, "BadRequestException");
    let answer = door.program.call("GET", "/aws/orders?limit=x", &[("x-shop", "a")], "").await;
    check(&answer, 400, "Invalid request parameters: [limit]", "BadRequestException");
    let answer = door.post("/aws/orders", "text/plain", "{}").await;
    check(&answer, 415, "Unsupported Media Type", "UnsupportedMediaTypeException");
    assert_eq!(door.post("/aws/orders", "application/json", GOOD).await.status, 201);
}

#[tokio::test]
async fn a_request_that_does_not_fit_costs_no_quota() {
    let mut door = Door::open().await;
    door.key = door.program.done(&["key", "value", "small"]);
    for _ in 0..5 {
        let answer = door.order("{}").await;
        assert_eq!(answer.status, 400);
        assert!(answer.header("ratelimit-policy").contains("small-month"));
        assert_eq!(door.post("/v1/orders", "text/plain", GOOD).await.status, 415);
    }
    for _ in 0..3 {
        assert_eq!(door.order(GOOD).await.status, 201);
    }
    assert_eq!(door.order(GOOD).await.status, 429);
    // The quota comes first: what is wrong with the request is not looked at any more.
    assert_eq!(door.order("{}").await.status, 429);
}

#[tokio::test]
async fn a_bad_document_is_refused_with_its_place_and_leaves_what_is_in_force() {
    let door = Door::open().await;
    door.rewrite(|document| document.replace("type: integer, maximum", "type: whole, maximum"));
    let output = door.program.run(&["check", "--json"]);
    assert_eq!(output.status.code(), Some(2));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let diagnostic = &report["diagnostics"][0];
    assert!(diagnostic["file"].as_str().unwrap().ends_with("orders.yaml"), "{report}");
    assert_eq!(diagnostic["line"], 7, "{report}");
    let pointer = diagnostic["path"].as_str().unwrap();
    assert!(pointer.starts_with("/paths/~1orders/get/parameters/0/schema"), "{report}");
    assert!(diagnostic["help"].is_string(), "{report}");

    door.program.signal("-HUP");
    let line = until("the mistake is in the log", async || {
        let log = door.program.read("stderr");
        log.lines().find(|line| line.contains("was not taken over")).map(str::to_owned)
    })
    .await;
    // In a line, with its place: what people are shown is drawn.
    assert!(line.contains("orders.yaml:7:") && line.contains("/schema"), "{line}");
    assert!(!line.contains('│') && !line.contains("\\n"), "{line}");
    assert_eq!(door.order("{}").await.status, 400);
    assert_eq!(door.order(GOOD).await.status, 201);

    // A document that has changed is in force after a reload, though nothing else has.
    door.rewrite(|document| document.replace("required: [size, count]", "required: []"));
    door.program.signal("-HUP");
    until("the document is in force", async || {
        (door.order("{}").await.status == 201).then_some(())
    })
    .await;
}
