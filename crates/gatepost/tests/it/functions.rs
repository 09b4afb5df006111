//! Routes that a Lambda function answers: the event it gets, and what becomes of its answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testkit::{Receiver, Reply, until};

use crate::program::{Answer, Program, http};

fn definitions(endpoint: &str) -> String {
    format!(
        "
apis:
  rest:
    base_path: /prod
    upstream: http://127.0.0.1:9
    scopes: {{ create.order: Create }}
    timeout: 1s
    response_headers: {{ set: {{ x-door: partners }} }}
    routes:
      POST /orders/{{id}}:
        scopes: [rest/create.order]
        api_key: required
        lambda: {{ endpoint: {endpoint}, function: orders }}
      ANY /open/{{rest+}}: {{ lambda: {{ endpoint: {endpoint}/inner, function: open }} }}
      GET /gone: {{ lambda: {{ endpoint: 'http://127.0.0.1:9', function: open }} }}
  aws:
    base_path: /aws
    upstream: http://127.0.0.1:9
    errors: aws
    timeout: 1s
    routes:
      GET /open: {{ lambda: {{ endpoint: {endpoint}, function: open }} }}
  http:
    upstream: http://127.0.0.1:9
    routes:
      ANY /v2/{{rest+}}: {{ lambda: {{ endpoint: {endpoint}, function: files, format: 2.0 }} }}
plans: {{ wide: {{ rate: 1000/s, burst: 100, quota: 1000/day }} }}
partners:
  cars:
    plan: wide
    clients: {{ car-orders: {{ scopes: [rest/create.order] }} }}
    api_keys: {{ cars: {{}} }}
"
    )
}

struct Door {
    program: Program,
    /// The runtime endpoint.
    endpoint: Receiver,
}

impl Door {
    async fn open(answer: &Value) -> Self {
        let answer = answer.to_string();
        let endpoint = Receiver::start(move |_, _| Reply::status(200).body(&answer)).await;
        let program = Program::start(&definitions(&endpoint.url())).await;
        Self { program, endpoint }
    }

    fn answer(&self, answer: &Value) {
        let answer = answer.to_string();
        self.endpoint.answer(move |_, _| Reply::status(200).body(&answer));
    }

    async fn credentials(&self) -> (String, String) {
        let secret = self.program.done(&["client", "secret", "car-orders"]);
        let token = self.program.token("car-orders", &secret, "rest/create.order").await;
        (token, self.program.done(&["key", "value", "cars"]))
    }

    fn event(&self) -> Value {
        self.endpoint.got().pop().unwrap().json()
    }

    async fn line(&self, answer: &Answer) -> Value {
        let id = answer.header("x-request-id");
        until("the log has the request", async || {
            self.program.lines("request").into_iter().find(|line| line["request_id"] == id)
        })
        .await
    }

    /// The answer is this refusal; gives what the log says of it.
    async fn refused(&self, answer: &Answer, status: u16, code: &str) -> String {
        assert_eq!(answer.status, status, "{code}: {}", answer.body);
        assert_eq!(answer.json()["type"], format!("urn:gatepost:problem:{code}"));
        let line = self.line(answer).await;
        assert_eq!(line["refusal"], code);
        line["reason"].as_str().unwrap().to_owned()
    }
}

/// The event has these values at these places.
fn check(event: &Value, rows: &[(&str, Value)]) {
    for (pointer, value) in rows {
        assert_eq!(event.pointer(pointer), Some(value), "{pointer}: {event:#}");
    }
}

#[expect(clippy::too_many_lines, reason = "one event, member by member")]
#[tokio::test]
async fn a_rest_event_has_the_request_and_who_calls_and_no_key_or_token() {
    let door = Door::open(&json!({ "statusCode": 201, "body": "made" })).await;
    let program = &door.program;
    let (token, key) = door.credentials().await;
    let headers = [
        ("authorization", &*format!("Bearer {token}")),
        ("x-api-key", &*key),
        ("gatepost-partner", "somebody"),
        ("x-tag", "a"),
        ("x-tag", "b"),
        ("user-agent", "parts/1"),
        ("connection", "x-hop"),
        ("x-hop", "1"),
    ];
    let body = r#"{"size":"205/55"}"#;
    let answer = program.call("POST", "/prod/orders/a%20b?x=1&x=%2F", &headers, body).await;
    assert_eq!((answer.status, &*answer.body), (201, "made"));
    assert!(answer.header("ratelimit").contains(r#""wide-day";r=999"#));
    assert_eq!(answer.header("x-door"), "partners");

    let got = door.endpoint.got().pop().unwrap();
    assert_eq!(got.method.as_str(), "POST");
    assert_eq!(got.target, "/2015-03-31/functions/orders/invocations");
    assert_eq!(got.header("x-amz-invocation-type"), "RequestResponse");
    assert!(!got.body.contains(&token) && !got.body.contains(&key));
    let event = got.json();
    let rows = [
        ("/resource", json!("/orders/{id}")),
        ("/path", json!("/prod/orders/a%20b")),
        ("/httpMethod", json!("POST")),
        ("/pathParameters", json!({ "id": "a b" })),
        ("/queryStringParameters", json!({ "x": "/" })),
        ("/multiValueQueryStringParameters", json!({ "x": ["1", "/"] })),
        ("/body", json!(body)),
        ("/isBase64Encoded", json!(false)),
        ("/headers/gatepost-partner", json!("cars")),
        ("/headers/gatepost-client", json!("car-orders")),
        ("/headers/x-forwarded-for", json!("127.0.0.1")),
        ("/headers/x-request-id", json!(answer.header("x-request-id"))),
        ("/headers/host", json!(program.public.trim_start_matches("http://"))),
        ("/multiValueHeaders/x-tag", json!(["a", "b"])),
        ("/requestContext/accountId", json!("000000000000")),
        ("/requestContext/apiId", json!("rest")),
        ("/requestContext/stage", json!("prod")),
        ("/requestContext/domainName", json!("127.0.0.1")),
        ("/requestContext/requestId", json!(answer.header("x-request-id"))),
        ("/requestContext/identity/sourceIp", json!("127.0.0.1")),
        ("/requestContext/identity/userAgent", json!("parts/1")),
        ("/requestContext/authorizer/claims/client_id", json!("car-orders")),
        ("/requestContext/authorizer/claims/scope", json!("rest/create.order")),
        ("/requestContext/authorizer/scopes", json!(["rest/create.order"])),
    ];
    check(&event, &rows);
    let listed: Value = serde_json::from_str(&program.done(&["key", "list", "--json"])).unwrap();
    assert_eq!(event["requestContext"]["identity"]["apiKeyId"], listed["values"][0]["id"]);
    assert_eq!(event["headers"]["gatepost-api-key-id"], listed["values"][0]["id"]);
    assert!(event["headers"]["traceparent"].is_string());
    for name in ["authorization", "x-api-key", "x-hop", "connection"] {
        assert_eq!(event["headers"].get(name), None, "{name}");
    }
    let line = door.line(&answer).await;
    assert_eq!((&line["bytes_in"], &line["bytes_out"]), (&body.len().into(), &4.into()));
    assert!(line["upstream_ms"].is_number() && line["refusal"].is_null(), "{line}");
}

#[tokio::test]
async fn an_http_event_has_format_2_and_bodies_may_be_binary() {
    let bytes = [0xff, 0x00, 0xfe];
    let encoded = STANDARD.encode(bytes);
    let answer = json!({
        "statusCode": 200, "isBase64Encoded": true, "body": encoded,
        "headers": { "content-type": "application/octet-stream" },
    });
    let door = Door::open(&answer).await;
    let url = format!("{}/v2/a/b%20c?x=1&x=2", door.program.public);
    let request = http().put(url).header("cookie", "a=1; b=2").body(bytes.to_vec());
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/octet-stream");
    assert_eq!(response.bytes().await.unwrap()[..], bytes);
    let event = door.event();
    let rows = [
        ("/version", json!("2.0")),
        ("/routeKey", json!("ANY /v2/{rest+}")),
        ("/rawPath", json!("/v2/a/b%20c")),
        ("/rawQueryString", json!("x=1&x=2")),
        ("/queryStringParameters", json!({ "x": "1,2" })),
        ("/pathParameters", json!({ "rest": "a/b c" })),
        ("/cookies", json!(["a=1", "b=2"])),
        ("/body", json!(encoded)),
        ("/isBase64Encoded", json!(true)),
        ("/requestContext/stage", json!("$default")),
        ("/requestContext/http/method", json!("PUT")),
        ("/requestContext/http/sourceIp", json!("127.0.0.1")),
    ];
    check(&event, &rows);
    assert_eq!(event["requestContext"].get("authorizer"), None);
    // Without a status, the answer is the body.
    door.answer(&json!({ "tires": 4 }));
    let answer = door.program.call("GET", "/v2/x", &[], "").await;
    assert_eq!((answer.status, answer.json()), (200, json!({ "tires": 4 })));
    assert_eq!(answer.header("content-type"), "application/json");
}

#[tokio::test]
async fn headers_may_have_several_values_and_head_has_no_body() {
    let door = Door::open(&json!({
        "statusCode": 409,
        "headers": { "x-own": "1", "connection": "close", "content-length": "7" },
        "multiValueHeaders": { "set-cookie": ["a=1", "b=2"] },
        "body": "taken",
    }))
    .await;
    let answer = door.program.call("GET", "/prod/open/x", &[], "").await;
    assert_eq!((answer.status, &*answer.body), (409, "taken"));
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["a=1", "b=2"]);
    assert_eq!((answer.header("x-own"), answer.header("content-length")), ("1", "5"));
    assert_eq!(
        door.endpoint.got().pop().unwrap().target,
        "/inner/2015-03-31/functions/open/invocations"
    );
    let answer = door.program.call("HEAD", "/prod/open/x", &[], "").await;
    assert_eq!((answer.status, &*answer.body), (409, ""));
    assert_eq!(answer.header("content-length"), "5");
    assert_eq!(door.event()["httpMethod"], "HEAD");
    door.answer(&json!({ "statusCode": 204 }));
    let answer = door.program.call("DELETE", "/prod/open/x", &[], "").await;
    assert_eq!((answer.status, &*answer.body), (204, ""));
}

#[tokio::test]
async fn what_is_no_response_is_a_502_whose_reason_is_in_the_log_alone() {
    let door = Door::open(&json!({})).await;
    let failure = r#"{"errorType": "Error", "errorMessage": "no tires left"}"#;
    let told = "the function failed: Error: no tires left";
    let rows: [(Reply, &str); 5] = [
        (Reply::status(200).header("x-amz-function-error", "Unhandled").body(failure), told),
        (Reply::status(200).body(failure), told),
        (Reply::status(200).body(r#"{"statusCode": "many"}"#), "statusCode is no whole number"),
        (Reply::status(200).body("tires"), "it is not JSON"),
        (Reply::status(500).body(r#"{"statusCode": 200}"#), "endpoint answered 500"),
    ];
    for (reply, reason) in rows {
        let before = door.endpoint.got().len();
        let shown = format!("{reply:?}");
        door.endpoint.answer(move |_, _| reply.clone());
        let answer = door.program.call("GET", "/prod/open/x", &[], "").await;
        assert!(!answer.body.contains("tires"), "{}", answer.body);
        let said = door.refused(&answer, 502, "function-failed").await;
        assert!(said.contains(reason), "{said}");
        assert_eq!(door.endpoint.got().len(), before + 1, "invoked again: {shown}");
        let answer = door.program.call("GET", "/aws/open", &[], "").await;
        assert_eq!(answer.status, 502);
        assert_eq!(answer.json(), json!({ "message": "Internal server error" }));
        assert_eq!(answer.header("x-amzn-errortype"), "InternalServerErrorException");
    }
    let answer = door.program.call("GET", "/prod/gone", &[], "").await;
    door.refused(&answer, 502, "upstream-unreachable").await;
}

#[tokio::test]
async fn a_function_that_takes_too_long_is_a_504() {
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let program = Program::start(&definitions(&url)).await;
    let endpoint = Receiver::start(|_, _| Reply::status(200)).await;
    let door = Door { program, endpoint };
    let answer = door.program.call("GET", "/prod/open/x", &[], "").await;
    door.refused(&answer, 504, "upstream-timeout").await;
    let answer = door.program.call("GET", "/aws/open", &[], "").await;
    assert_eq!(answer.status, 504);
    assert_eq!(answer.json(), json!({ "message": "Endpoint request timed out" }));
    drop(silent);
}

#[tokio::test]
async fn what_is_more_than_a_function_takes_is_a_413_and_not_sent() {
    let door = Door::open(&json!({ "statusCode": 200 })).await;
    let send = async |bytes: Vec<u8>| {
        let url = format!("{}/v2/x", door.program.public);
        let response = http().put(url).body(bytes).send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Answer { status, headers, body: response.text().await.unwrap() }
    };
    // Five mebibytes of text fit, and do not when a third is added to them.
    let answer = send(vec![0xff; 5 << 20]).await;
    door.refused(&answer, 413, "body-too-large").await;
    assert!(answer.json()["detail"].as_str().unwrap().contains("6 MiB"), "{}", answer.body);
    assert!(door.endpoint.got().is_empty());
    // Known by its length, before it is read: the connection may be closed while it is sent.
    let mut stream =
        std::net::TcpStream::connect(door.program.public.trim_start_matches("http://")).unwrap();
    let head = "PUT /v2/x HTTP/1.1\r\nhost: x\r\ncontent-length: 7000000\r\n\r\n";
    std::io::Write::write_all(&mut stream, head.as_bytes()).unwrap();
    let mut start = [0; 12];
    std::io::Read::read_exact(&mut stream, &mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 413");
    assert_eq!(send(vec![b'x'; 1 << 20]).await.status, 200);
}
