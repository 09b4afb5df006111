//! A route with every check and one without any, for whoever measures what checking costs.

/// What the plan allows in a second, and in a month; no load reaches either.
pub(super) const RATE: u64 = 1_000_000;
pub(super) const QUOTA: u64 = 1_000_000_000;

/// One API with both, plus `routes` more, and one partner with a client and so many keys.
pub(super) fn definitions(service: &str, keys: usize, routes: usize) -> String {
    let route = "{ scopes: [checked/call], api_key: required }";
    let line = |number| format!("      GET /r{number}: {route}\n");
    let routes = (0..routes).map(line).collect::<Vec<_>>().concat();
    let pair = |number| format!("{}: {{}}", key(number));
    let keys = (0..keys).map(pair).collect::<Vec<_>>().join(", ");
    format!(
        "apis:
  plain: {{ base_path: /plain, upstream: \"http://{service}\", routes: {{ GET /x: {{}} }} }}
  checked:
    base_path: /checked
    upstream: http://{service}
    scopes: {{ call: Call }}
    routes:
      GET /x: {route}
{routes}plans: {{ wide: {{ rate: {RATE}/s, burst: {RATE}, quota: {QUOTA}/month }} }}
partners:
  bench: {{ plan: wide, clients: {{ bench: {{ scopes: [checked/call] }} }}, api_keys: {{ {keys} }} }}
"
    )
}

/// The name of one of the partner's keys.
pub(super) fn key(number: usize) -> String {
    format!("bench-{number}")
}

/// A call as a partner makes it.
pub(super) fn request(path: &str, token: &str, key: &str) -> Vec<u8> {
    let credentials = format!("authorization: Bearer {token}\r\nx-api-key: {key}\r\n");
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n{credentials}\r\n").into_bytes()
}
