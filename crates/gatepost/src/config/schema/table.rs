//! The table of the language: one row per key.

use super::{Field, Form, Kind, ListOf, MapOf, Noun, Object};
use crate::config::forms;

const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

const NAME_PATTERN: &str = "^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$";
const STATUSES: &[&str] = &["active", "suspended"];
const DEMANDS: &[&str] = &["required", "none"];
const WISHES: &[&str] = &["required", "optional"];

/// The whole file.
pub(crate) static ROOT: Object = Object {
    name: "the file",
    guarded: false,
    fields: &[
        Field::new("version", Kind::Version, "The version of this language.", "1").required(),
        Field::new("company", Kind::Text, "The company's name for people.", "LJG Tires").required(),
        Field::new(
            "public_url",
            Kind::Form(&PUBLIC_URL),
            "The address partners reach the gateway at; the issuer of its tokens.",
            "https://api.tires.example",
        )
        .otherwise("`http://` and `listen.public`"),
        Field::new(
            "data",
            Kind::Form(&FILE),
            "The directory of the data, relative to the file.",
            "./data",
        )
        .default_is("./data"),
        Field::new(
            "segment",
            Kind::Form(&BYTES),
            "How large a file of the event log becomes before a new one is begun; a day's events at most.",
            "256MiB",
        )
        .default_is("1GiB"),
        Field::new("listen", Kind::Object(&LISTEN), "The three addresses to listen on.", "{}"),
        Field::new(
            "tls",
            Kind::Object(&DOOR_TLS),
            "TLS of the public door; without it the door speaks plain HTTP.",
            "{ certificate: ./api.pem, key: { file: ./api.key } }",
        ),
        Field::new(
            "proxies",
            Kind::Object(&PROXIES),
            "What stands before the public door, and is believed on who calls.",
            "{ trust: [10.0.0.0/8] }",
        ),
        Field::new(
            "limits",
            Kind::Object(&LIMITS),
            "What connections of the public door may take.",
            "{ connections: 20000 }",
        ),
        Field::new(
            "log",
            Kind::Object(&LOG),
            "What the lines of requests at the gateway tell.",
            "{ fields: [at, partner, method, path, status, duration_ms] }",
        ),
        Field::new("apis", Kind::Map(&APIS), "The APIs behind the gateway.", "{}"),
        Field::new(
            "issuers",
            Kind::Map(&ISSUERS),
            "Token issuers that APIs may trust beside our own token service.",
            "{}",
        ),
        Field::new("plans", Kind::Map(&PLANS), "Usage plans of API keys.", "{}"),
        Field::new("partners", Kind::Map(&PARTNERS), "The companies that call.", "{}"),
        Field::new(
            "tokens",
            Kind::Object(&TOKENS),
            "What the token service keeps to, and what holds for the token requests of all clients.",
            "{ rate: 20/s, burst: 40 }",
        ),
        Field::new("buses", Kind::Map(&BUSES), "Event buses and their rules.", "{}"),
        Field::new(
            "connections",
            Kind::Map(&CONNECTIONS),
            "How to authenticate to partners.",
            "{}",
        ),
        Field::new("destinations", Kind::Map(&DESTINATIONS), "Where deliveries go.", "{}"),
        Field::new("schedules", Kind::Map(&SCHEDULES), "What is called by the clock.", "{}"),
        Field::new(
            "history",
            Kind::Object(&HISTORY),
            "What is kept of deliveries.",
            "{ keep: 30d }",
        ),
    ],
};

static LOG: Object = Object {
    name: "`log`",
    guarded: false,
    fields: &[
        Field::new(
            "requests",
            Kind::Enum(&["on", "off"]),
            "Whether requests have lines at all; metrics and usage count them either way.",
            "off",
        )
        .default_is("on"),
        Field::new(
            "fields",
            Kind::List(&LOG_FIELDS),
            "The fields of a line, in this order.",
            "[at, partner, method, path, status, duration_ms, user_agent]",
        )
        .otherwise("all that are not asked for by name"),
        Field::new(
            "template",
            Kind::Form(&LOG_TEMPLATE),
            "A line as a text, each `{field}` replaced; in place of `fields`.",
            "'{at} {partner} {method} {path} {status} {duration_ms}'",
        ),
    ],
};

static LOG_FIELDS: ListOf =
    ListOf { item: Kind::Form(&LOG_FIELD), min: 1, max: 64, example: "at, status" };

static LOG_FIELD: Form =
    Form { name: "a field of a request's line", pattern: "", check: forms::is_log_field };
static LOG_TEMPLATE: Form = Form {
    name: "a text with fields, such as `{at} {status}`",
    pattern: "",
    check: forms::is_log_template,
};

static HISTORY: Object = Object {
    name: "`history`",
    guarded: false,
    fields: &[Field::new(
        "keep",
        Kind::Duration { min_ms: 0, max_ms: 366 * DAY },
        "How long attempts to deliver are kept; those of dead letters are kept with them.",
        "30d",
    )
    .default_is("7d")],
};

static TOKENS: Object = Object {
    name: "`tokens`",
    guarded: false,
    fields: &[
        Field::new(
            "profile",
            Kind::Enum(&["oauth-2", "fapi-2"]),
            "The rules beyond OAuth 2.0's own: `fapi-2` takes keys and certificates in place of secrets, and binds every token.",
            "fapi-2",
        )
        .default_is("oauth-2"),
        Field::new(
            "rotate_keys",
            Kind::Duration { min_ms: DAY, max_ms: 3650 * DAY },
            "How long a key signs tokens until the next one does, which is published before.",
            "30d",
        )
        .default_is("90d"),
        Field::new(
            "dpop_nonce",
            Kind::Enum(WISHES),
            "Whether DPoP proofs at `/oauth2/token` must carry a nonce that was given out here.",
            "required",
        )
        .default_is("optional"),
        Field::new(
            "rate",
            Kind::Rate { max_per_second: 1_000_000 },
            "Tokens each client may ask for, and apart from them how often it revokes and introspects.",
            "20/s",
        )
        .otherwise("no bound"),
        Field::new(
            "burst",
            Kind::Integer { min: 1, max: 1_000_000 },
            "How many each may ask for at once after a pause.",
            "40",
        )
        .otherwise("the rate's count per second, at least 1"),
        Field::new(
            "address_rate",
            Kind::Rate { max_per_second: 1_000_000 },
            "How many token requests, revocations and introspections may come from one address.",
            "100/s",
        )
        .otherwise("no bound"),
        Field::new(
            "address_burst",
            Kind::Integer { min: 1, max: 1_000_000 },
            "How many may come from one address at once after a pause.",
            "200",
        )
        .otherwise("the rate's count per second, at least 1"),
        Field::new(
            "quota",
            Kind::Object(&TOKEN_QUOTA),
            "How many tokens each client may get.",
            "{ hour: 1000, day: 10000 }",
        ),
        Field::new(
            "mode",
            Kind::Enum(&["enforce", "observe"]),
            "Whether rates and quotas of tokens refuse, or are only told of.",
            "observe",
        )
        .default_is("enforce"),
        Field::new(
            "audit_keep",
            Kind::Duration { min_ms: DAY, max_ms: 3_660 * DAY },
            "How long it is kept who got which token, and who was refused one.",
            "365d",
        )
        .default_is("90d"),
    ],
};

static TOKEN_QUOTA: Object = Object {
    name: "a quota of tokens",
    guarded: false,
    fields: &[
        Field::new(
            "hour",
            Kind::Integer { min: 1, max: 1_000_000_000 },
            "How many in each hour (UTC).",
            "1000",
        )
        .otherwise("no bound"),
        Field::new(
            "day",
            Kind::Integer { min: 1, max: 1_000_000_000 },
            "How many in each day (UTC).",
            "10000",
        )
        .otherwise("no bound"),
    ],
};

static EXTRA_CLAIMS: MapOf =
    MapOf { key: &EXTRA_CLAIM, value: Kind::Text, example: "$partner.name" };

static APIS: MapOf = MapOf { key: &NAME, value: Kind::Object(&API), example: "" };
static ISSUERS: MapOf = MapOf { key: &NAME, value: Kind::Object(&ISSUER), example: "" };
static PLANS: MapOf = MapOf { key: &NAME, value: Kind::Object(&PLAN), example: "" };
static PARTNERS: MapOf = MapOf { key: &NAME, value: Kind::Object(&PARTNER), example: "" };
static BUSES: MapOf = MapOf { key: &BUS_NAME, value: Kind::Object(&BUS), example: "" };
static CONNECTIONS: MapOf = MapOf { key: &NAME, value: Kind::Object(&CONNECTION), example: "" };
static DESTINATIONS: MapOf = MapOf { key: &NAME, value: Kind::Object(&DESTINATION), example: "" };
static SCHEDULES: MapOf = MapOf { key: &NAME, value: Kind::Object(&SCHEDULE), example: "" };

static LISTEN: Object = Object {
    name: "`listen`",
    guarded: false,
    fields: &[
        Field::new(
            "public",
            Kind::Form(&SOCKET),
            "The gateway and the token service.",
            "0.0.0.0:7400",
        )
        .default_is("127.0.0.1:7400"),
        Field::new(
            "internal",
            Kind::Form(&SOCKET),
            "For the company's own services: publishing events, calling out.",
            "127.0.0.1:7401",
        )
        .default_is("127.0.0.1:7401"),
        Field::new(
            "admin",
            Kind::Form(&SOCKET),
            "Console and admin API. Never on the Internet.",
            "127.0.0.1:7402",
        )
        .default_is("127.0.0.1:7402"),
    ],
};

static DOOR_TLS: Object = Object {
    name: "`tls`",
    guarded: true,
    fields: &[
        Field::new(
            "certificate",
            Kind::Form(&FILE),
            "The door's certificate in PEM, then those that lead to its authority; read again when it changes.",
            "./api.pem",
        )
        .required(),
        Field::new("key", Kind::Secret, "The certificate's private key in PEM.", "{ file: ./api.key }")
            .required(),
        Field::new(
            "client_ca",
            Kind::Form(&FILE),
            "The authorities whose client certificates are taken, in PEM.",
            "./partners-ca.pem",
        )
        .otherwise("no client certificate is asked for"),
        Field::new(
            "client_certificates",
            Kind::Enum(&["verified", "any"]),
            "Whose client certificates are taken: `any` is for clients by `self_signed_tls_client_auth`, and makes nobody else believed.",
            "any",
        )
        .default_is("verified"),
    ],
};

static PROXIES: Object = Object {
    name: "`proxies`",
    guarded: false,
    fields: &[
        Field::new(
            "trust",
            Kind::List(&PROXY_CIDRS),
            "The addresses of the proxies and balancers that are believed.",
            "[10.0.0.0/8]",
        )
        .required(),
        Field::new(
            "header",
            Kind::Enum(&["x-forwarded-for", "forwarded"]),
            "The header in which they name the caller; the other is not read.",
            "forwarded",
        )
        .default_is("x-forwarded-for"),
        Field::new(
            "proxy_protocol",
            Kind::Bool,
            "Whether their connections begin with a PROXY header, version 1 or 2.",
            "true",
        )
        .default_is("false"),
        Field::new(
            "client_cert",
            Kind::Bool,
            "Whether they speak TLS and pass the certificates that they have verified on in `Client-Cert` (RFC 9440).",
            "true",
        )
        .default_is("false"),
    ],
};

static PROXY_CIDRS: ListOf =
    ListOf { item: Kind::Form(&CIDR), min: 1, max: 1_000, example: "10.0.0.0/8" };

static LIMITS: Object = Object {
    name: "`limits`",
    guarded: false,
    fields: &[
        Field::new(
            "connections",
            Kind::Integer { min: 1, max: 1_000_000 },
            "How many may be open at once; more are closed.",
            "20000",
        )
        .default_is("10000"),
        Field::new(
            "address_connections",
            Kind::Integer { min: 1, max: 1_000_000 },
            "How many of them one address may hold, an IPv6 one with its /64; those of `proxies.trust` are not counted.",
            "100",
        )
        .default_is("1000"),
        Field::new(
            "head_timeout",
            Kind::Duration { min_ms: SECOND, max_ms: 5 * MINUTE },
            "How long a TLS handshake, and from its first byte a request's head, may take.",
            "5s",
        )
        .default_is("15s"),
        Field::new(
            "idle_timeout",
            Kind::Duration { min_ms: SECOND, max_ms: HOUR },
            "How long one may be open on which nothing is asked.",
            "2m",
        )
        .default_is("75s"),
        Field::new(
            "stuck_timeout",
            Kind::Duration { min_ms: SECOND, max_ms: HOUR },
            "How long a caller may take nothing of an answer that waits for it.",
            "20s",
        )
        .default_is("60s"),
        Field::new(
            "drain",
            Kind::Duration { min_ms: 0, max_ms: HOUR },
            "How long requests and upgraded connections may go on after the stop was asked for.",
            "10s",
        )
        .default_is("30s"),
    ],
};

static SERVICE: Object = Object {
    name: "an upstream",
    guarded: false,
    fields: &[
        Field::new(
            "to",
            Kind::List(&UPSTREAMS),
            "Its addresses, any of which may answer.",
            "[http://10.0.0.1:7410, http://10.0.0.2:7410]",
        )
        .required(),
        Field::new(
            "http",
            Kind::Enum(&["1.1", "2"]),
            "Which HTTP it speaks; `2` without TLS, as gRPC services do.",
            "2",
        )
        .default_is("1.1"),
        Field::new(
            "connect_timeout",
            Kind::Duration { min_ms: 10, max_ms: 60 * SECOND },
            "How long a connection to an address may take.",
            "500ms",
        )
        .default_is("2s"),
        Field::new(
            "retries",
            Kind::Integer { min: 0, max: 5 },
            "How often a call is tried again that was not begun, or is safe to repeat.",
            "2",
        )
        .default_is("1"),
        Field::new(
            "health",
            Kind::Object(&HEALTH),
            "How each address is asked if it is well; without it, failed calls tell.",
            "{ path: /health }",
        ),
        Field::new(
            "slow_start",
            Kind::Duration { min_ms: 0, max_ms: HOUR },
            "How long an address that is well again gets less than its share.",
            "30s",
        )
        .default_is("10s"),
    ],
};

static UPSTREAMS: ListOf =
    ListOf { item: Kind::Form(&UPSTREAM), min: 1, max: 64, example: "http://127.0.0.1:7410" };

static HEALTH: Object = Object {
    name: "`health`",
    guarded: false,
    fields: &[
        Field::new(
            "path",
            Kind::Form(&BASE_PATH),
            "What is asked for, with GET; 2xx and 3xx are well.",
            "/health",
        )
        .required(),
        Field::new(
            "every",
            Kind::Duration { min_ms: 100, max_ms: HOUR },
            "How often; two good answers in a row bring an address back, two bad ones take it out.",
            "2s",
        )
        .default_is("5s"),
        Field::new(
            "timeout",
            Kind::Duration { min_ms: 10, max_ms: 60 * SECOND },
            "How long the answer may take.",
            "1s",
        )
        .default_is("2s"),
    ],
};

static CANARY: Object = Object {
    name: "`canary`",
    guarded: false,
    fields: &[
        Field::new(
            "upstream",
            Kind::FormOr(&UPSTREAM, &SERVICE),
            "The second service.",
            "http://127.0.0.1:7411",
        )
        .required(),
        Field::new(
            "percent",
            Kind::Integer { min: 0, max: 100 },
            "How many partners of a hundred go to it; the same one always goes the same way.",
            "5",
        )
        .required(),
    ],
};

static HEADER_RULES: Object = Object {
    name: "rules for headers",
    guarded: false,
    fields: &[
        Field::new(
            "set",
            Kind::Map(&HEADERS_SET),
            "Headers that are set, in place of what was there.",
            "{ x-door: partners }",
        ),
        Field::new(
            "remove",
            Kind::List(&HEADERS_REMOVED),
            "Headers that are taken off.",
            "[server, x-powered-by]",
        ),
    ],
};

static HEADERS_SET: MapOf =
    MapOf { key: &PASSED_HEADER, value: Kind::HeaderText, example: "partners" };
static HEADERS_REMOVED: ListOf =
    ListOf { item: Kind::Form(&PASSED_HEADER), min: 0, max: 50, example: "server" };
static HEADERS_NAMED: ListOf =
    ListOf { item: Kind::Form(&PASSED_HEADER), min: 0, max: 50, example: "x-request-id" };

static CORS: Object = Object {
    name: "`cors`",
    guarded: false,
    fields: &[
        Field::new(
            "origins",
            Kind::List(&ORIGINS),
            "The origins whose pages may call, or `*` for any.",
            "[https://portal.example]",
        )
        .required(),
        Field::new(
            "headers",
            Kind::List(&HEADERS_NAMED),
            "Request headers that pages may set, beyond the simple ones.",
            "[authorization, content-type]",
        )
        .otherwise("`authorization`, `content-type`, `idempotency-key` and the key's"),
        Field::new(
            "expose",
            Kind::List(&HEADERS_NAMED),
            "Answer headers that pages may read, beyond the simple ones.",
            "[ratelimit, x-request-id]",
        )
        .otherwise("those that Gatepost sets"),
        Field::new(
            "max_age",
            Kind::Duration { min_ms: 0, max_ms: DAY },
            "How long a browser may remember the answer.",
            "1h",
        )
        .default_is("10m"),
        Field::new(
            "credentials",
            Kind::Bool,
            "Whether pages may send cookies and certificates; not with `*`.",
            "true",
        )
        .default_is("false"),
    ],
};

static ORIGINS: ListOf =
    ListOf { item: Kind::Form(&ORIGIN), min: 1, max: 100, example: "https://portal.example" };

static FUNCTION: Object = Object {
    name: "a Lambda function",
    guarded: false,
    fields: &[
        Field::new(
            "endpoint",
            Kind::Form(&UPSTREAM),
            "The Lambda runtime endpoint that is called.",
            "http://127.0.0.1:9000",
        )
        .required(),
        Field::new("function", Kind::Form(&NAME), "The function's name.", "orders").required(),
        Field::new(
            "format",
            Kind::Enum(&["1.0", "2.0"]),
            "The payload format: that of REST APIs or that of HTTP APIs.",
            "2.0",
        )
        .default_is("1.0"),
    ],
};

static API: Object = Object {
    name: "an API",
    guarded: false,
    fields: &[
        Field::new("title", Kind::Text, "The API's name for people.", "Tires orders API")
            .otherwise("its name"),
        Field::new(
            "base_path",
            Kind::Form(&BASE_PATH),
            "What partners' paths begin with; the upstream does not see it.",
            "/prod",
        )
        .default_is(""),
        Field::new(
            "upstream",
            Kind::FormOr(&UPSTREAM, &SERVICE),
            "The company's own service that answers.",
            "http://127.0.0.1:7410",
        )
        .required(),
        Field::new(
            "canary",
            Kind::Object(&CANARY),
            "A second service that gets a part of the calls.",
            "{ upstream: http://127.0.0.1:7411, percent: 5 }",
        ),
        Field::new(
            "openapi",
            Kind::Form(&FILE),
            "The service's own OpenAPI document in JSON or YAML, relative to the file: for `validate`, `gatepost openapi` and `postman`.",
            "./service.openapi.json",
        ),
        Field::new(
            "validate",
            Kind::Bool,
            "Whether the parameters and JSON bodies of requests must be as `openapi` describes them.",
            "true",
        )
        .default_is("false"),
        Field::new(
            "scopes",
            Kind::Map(&SCOPES),
            "The scopes it has, without the API's name, and what each is for.",
            "{ create.order: Create an order }",
        ),
        Field::new(
            "resource",
            Kind::Form(&RESOURCE),
            "What clients call it in `resource` (RFC 8707) when they ask for a token.",
            "https://orders.tires.example",
        )
        .otherwise("`public_url` and `base_path` alone, which always work"),
        Field::new(
            "introspection",
            Kind::List(&API_READERS),
            "The clients that may ask at `/oauth2/introspect` what a token for it says.",
            "[orders-service]",
        )
        .otherwise("none"),
        Field::new(
            "routes",
            Kind::Map(&ROUTES),
            "What may be called, and what each call demands.",
            "{ POST /orders: { api_key: required } }",
        ),
        Field::new(
            "issuers",
            Kind::List(&API_ISSUERS),
            "The issuers whose tokens it takes beside our own.",
            "[azure]",
        )
        .otherwise("our own alone"),
        Field::new(
            "allow_ips",
            Kind::List(&CIDRS),
            "The addresses it answers; empty means any.",
            "[203.0.113.0/24]",
        ),
        Field::new(
            "client_certificate",
            Kind::Enum(DEMANDS),
            "Whether a client certificate of `tls.client_ca` is needed.",
            "required",
        )
        .default_is("none"),
        Field::new(
            "key_header",
            Kind::Form(&PASSED_HEADER),
            "The header that carries the API key.",
            "x-partner-key",
        )
        .default_is("x-api-key"),
        Field::new(
            "rate",
            Kind::Rate { max_per_second: 1_000_000 },
            "How much all callers together may ask, to protect the service.",
            "1000/s",
        )
        .otherwise("no bound"),
        Field::new(
            "burst",
            Kind::Integer { min: 1, max: 1_000_000 },
            "How many requests of all callers may come at once after a pause.",
            "2000",
        )
        .otherwise("the rate's count per second, at least 1"),
        Field::new(
            "request_headers",
            Kind::Object(&HEADER_RULES),
            "Headers put on and taken off the way to the service.",
            "{ set: { x-door: partners } }",
        ),
        Field::new(
            "response_headers",
            Kind::Object(&HEADER_RULES),
            "Headers put on and taken off the way back.",
            "{ remove: [server] }",
        ),
        Field::new(
            "cors",
            Kind::Object(&CORS),
            "Which web pages of other origins may call.",
            "{ origins: [https://portal.example] }",
        ),
        Field::new(
            "errors",
            Kind::Enum(&["problem", "aws"]),
            "The form of refusals: RFC 9457 problem details, or what Amazon API Gateway answers.",
            "aws",
        )
        .default_is("problem"),
        Field::new(
            "bare_token",
            Kind::Bool,
            "Whether a token may stand in `Authorization` without `Bearer`.",
            "true",
        )
        .default_is("false"),
        Field::new(
            "dpop_nonce",
            Kind::Enum(WISHES),
            "Whether the DPoP proofs of bound tokens must carry a nonce that was given out here.",
            "required",
        )
        .default_is("optional"),
        Field::new(
            "forward_token",
            Kind::Bool,
            "Whether the upstream gets to see the token.",
            "true",
        )
        .default_is("false"),
        Field::new(
            "token_lifetime",
            Kind::Duration { min_ms: MINUTE, max_ms: DAY },
            "How long our tokens for it are good at the most.",
            "5m",
        )
        .otherwise("as long as the client's"),
        Field::new(
            "claims",
            Kind::Map(&EXTRA_CLAIMS),
            "What our tokens for it say beside the usual claims: constants, or `$partner.name`, `$partner.title`, `$partner.contact`.",
            "{ tenant: $partner.name }",
        ),
        Field::new(
            "token_algorithm",
            Kind::Enum(&["ES256", "RS256", "PS256", "EdDSA"]),
            "What our tokens for it are signed with; RS256 for verifiers that know nothing newer.",
            "RS256",
        )
        .default_is("ES256"),
        Field::new("body_max", Kind::Form(&BYTES), "The largest request body.", "64KiB")
            .default_is("10MiB"),
        Field::new(
            "timeout",
            Kind::Duration { min_ms: SECOND, max_ms: 300 * SECOND },
            "How long the upstream may take until its first byte.",
            "5s",
        )
        .default_is("29s"),
    ],
};

static SCOPES: MapOf = MapOf { key: &SCOPE_NAME, value: Kind::Text, example: "Create an order" };
static ROUTES: MapOf = MapOf { key: &ROUTE_KEY, value: Kind::Object(&ROUTE), example: "{}" };

static ROUTE: Object = Object {
    name: "a route",
    guarded: false,
    fields: &[
        Field::new(
            "scopes",
            Kind::List(&ROUTE_SCOPES),
            "The scopes, with their API's name, of which the token must carry one.",
            "[tires/create.order]",
        ),
        Field::new(
            "all_scopes",
            Kind::Bool,
            "Whether the token must carry all of the scopes.",
            "true",
        )
        .default_is("false"),
        Field::new("api_key", Kind::Enum(DEMANDS), "Whether an API key is needed.", "required")
            .default_is("none"),
        Field::new(
            "timeout",
            Kind::Duration { min_ms: SECOND, max_ms: HOUR },
            "How long the upstream may take until its first byte.",
            "2m",
        )
        .otherwise("the API's"),
        Field::new("body_max", Kind::Form(&BYTES), "The largest request body.", "100MiB")
            .otherwise("the API's"),
        Field::new(
            "idempotency",
            Kind::Enum(&["optional", "required", "none"]),
            "Whether a POST, PATCH, PUT or DELETE with an `Idempotency-Key` is carried out once and its answer given again for a day; `required` refuses one without.",
            "optional",
        )
        .default_is("none"),
        Field::new(
            "lambda",
            Kind::Object(&FUNCTION),
            "A Lambda function that answers instead of the upstream.",
            "{ endpoint: http://127.0.0.1:9000, function: orders }",
        ),
        Field::new("token", Kind::Enum(DEMANDS), "Whether a token is needed.", "required")
            .otherwise("`required` with scopes, `none` without"),
    ],
};

static ROUTE_SCOPES: ListOf =
    ListOf { item: Kind::Reference(Noun::Scope), min: 0, max: 50, example: "tires/create.order" };
static CLIENT_SCOPES: ListOf =
    ListOf { item: Kind::Reference(Noun::Scope), min: 0, max: 50, example: "tires/create.order" };
static CIDRS: ListOf =
    ListOf { item: Kind::Form(&CIDR), min: 0, max: 1_000, example: "203.0.113.0/24" };

static ISSUER: Object = Object {
    name: "an issuer",
    guarded: false,
    fields: &[
        Field::new(
            "issuer",
            Kind::Form(&ISSUER_URL),
            "What its tokens have in `iss`, byte for byte.",
            "https://login.example/tenant/v2.0",
        )
        .required(),
        Field::new(
            "jwks_url",
            Kind::Form(&URL),
            "Where its keys are.",
            "https://login.example/tenant/keys",
        )
        .otherwise("found by the metadata of `issuer` (OpenID Connect Discovery, RFC 8414)"),
        Field::new(
            "audiences",
            Kind::List(&AUDIENCES),
            "The audiences (`aud`) of which its tokens must carry one.",
            "[api://tires]",
        )
        .required(),
        Field::new(
            "algorithms",
            Kind::List(&ALGORITHMS),
            "The signature algorithms that are accepted of it.",
            "[RS256]",
        )
        .otherwise("`ES256`, `RS256`, `PS256` and `EdDSA`"),
        Field::new(
            "token_type",
            Kind::Enum(&["jwt", "at+jwt"]),
            "What its tokens must call themselves: `at+jwt` as RFC 9068 has it, or with `jwt` also `JWT` or nothing.",
            "at+jwt",
        )
        .default_is("jwt"),
        Field::new(
            "partner",
            Kind::Reference(Noun::Partner),
            "The partner that calls with all of its tokens.",
            "lee-james-luxury-cars",
        )
        .otherwise("that of `clients`"),
        Field::new(
            "clients",
            Kind::Map(&ISSUER_CLIENTS),
            "The partner of each client, by the value of `client_claim`; others are refused.",
            "{ 6f1e0c6a: lee-james-luxury-cars }",
        )
        .otherwise("that of `partner`"),
        Field::new(
            "client_claim",
            Kind::Form(&CLAIM),
            "The claim that names the client: `client_id`, `azp`, `appid`, `sub` …",
            "azp",
        )
        .default_is("client_id"),
        Field::new(
            "scope_claim",
            Kind::Form(&CLAIM),
            "The claim that holds the scopes, a text or a list, with their API's name.",
            "roles",
        )
        .otherwise("`scope`, or else `scp`"),
        Field::new(
            "scopes",
            Kind::List(&ISSUER_SCOPES),
            "The scopes that its tokens may carry at the most; what else they carry is not looked at.",
            "[tires/create.order]",
        )
        .otherwise("any"),
        Field::new(
            "allow_private",
            Kind::List(&CIDRS),
            "Private ranges its metadata and keys may be in; all others are refused.",
            "[10.0.0.0/8]",
        ),
    ],
};

static API_ISSUERS: ListOf =
    ListOf { item: Kind::Reference(Noun::Issuer), min: 0, max: 20, example: "azure" };
static API_READERS: ListOf =
    ListOf { item: Kind::Reference(Noun::Client), min: 0, max: 100, example: "orders-service" };
static AUDIENCES: ListOf =
    ListOf { item: Kind::Form(&AUDIENCE), min: 1, max: 20, example: "api://tires" };
static ALGORITHMS: ListOf = ListOf {
    item: Kind::Enum(&jwt::Algorithm::NAMES),
    min: 1,
    max: jwt::Algorithm::NAMES.len(),
    example: "RS256",
};
static ISSUER_SCOPES: ListOf =
    ListOf { item: Kind::Reference(Noun::Scope), min: 1, max: 100, example: "tires/create.order" };
static ISSUER_CLIENTS: MapOf = MapOf {
    key: &CLIENT_VALUE,
    value: Kind::Reference(Noun::Partner),
    example: "lee-james-luxury-cars",
};

static PLAN: Object = Object {
    name: "a plan",
    guarded: false,
    fields: &[
        Field::new("description", Kind::Text, "For people.", "For external customers")
            .otherwise("nothing"),
        Field::new(
            "rate",
            Kind::Rate { max_per_second: 1_000_000 },
            "How many requests each API key may make.",
            "10/s",
        )
        .otherwise("no bound"),
        Field::new(
            "burst",
            Kind::Integer { min: 1, max: 1_000_000 },
            "How many requests may come at once after a pause.",
            "2",
        )
        .otherwise("the rate's count per second, at least 1"),
        Field::new(
            "quota",
            Kind::Form(&QUOTA),
            "How many requests each API key may make per day, week or month (UTC).",
            "10000/month",
        )
        .otherwise("no bound"),
        Field::new(
            "concurrency",
            Kind::Integer { min: 1, max: 1_000_000 },
            "How many requests of a partner may be under way at once.",
            "20",
        )
        .otherwise("no bound"),
        Field::new(
            "routes",
            Kind::Map(&PLAN_ROUTES),
            "Other rates for single routes, each counted alone.",
            "{ tires POST /orders: { rate: 1/s } }",
        ),
        Field::new(
            "observe",
            Kind::Bool,
            "Whether the plan's bounds are only told of, and refuse nobody.",
            "true",
        )
        .default_is("false"),
        Field::new(
            "quota_starts",
            Kind::Integer { min: 0, max: 27 },
            "How many days after the period's first the quota begins anew.",
            "14",
        )
        .default_is("0"),
    ],
};

static PLAN_ROUTES: MapOf =
    MapOf { key: &PLAN_ROUTE, value: Kind::Object(&ROUTE_RATE), example: "{ rate: 1/s }" };

static ROUTE_RATE: Object = Object {
    name: "a route's rate",
    guarded: false,
    fields: &[
        Field::new(
            "rate",
            Kind::Rate { max_per_second: 1_000_000 },
            "How many requests each API key may make there.",
            "1/s",
        )
        .required(),
        Field::new(
            "burst",
            Kind::Integer { min: 1, max: 1_000_000 },
            "How many requests may come there at once after a pause.",
            "2",
        )
        .otherwise("the rate's count per second, at least 1"),
    ],
};

static PARTNER: Object = Object {
    name: "a partner",
    guarded: false,
    fields: &[
        Field::new("title", Kind::Text, "The partner's name for people.", "Lee James Luxury Cars")
            .otherwise("its name"),
        Field::new("contact", Kind::Text, "Whom to write to.", "integrations@cars.example")
            .otherwise("nobody"),
        Field::new(
            "plan",
            Kind::Reference(Noun::Plan),
            "The usage plan of its API keys.",
            "external",
        )
        .otherwise("that of each key"),
        Field::new(
            "allow_ips",
            Kind::List(&CIDRS),
            "The addresses it may call from; empty means any.",
            "[203.0.113.7/32]",
        ),
        Field::new(
            "certificates",
            Kind::List(&FINGERPRINTS),
            "SHA-256 fingerprints of the client certificates it must call with; empty means any or none.",
            "[5f:1c:…]",
        ),
        Field::new("status", Kind::Enum(STATUSES), "Whether it may call at all.", "suspended")
            .default_is("active"),
        Field::new(
            "clients",
            Kind::Map(&CLIENTS),
            "Its programs that get tokens, by client id.",
            "{}",
        ),
        Field::new(
            "api_keys",
            Kind::Map(&API_KEYS),
            "Its API keys by name; their values are minted.",
            "{ car-orders: {} }",
        ),
    ],
};

static FINGERPRINTS: ListOf = ListOf {
    item: Kind::Form(&FINGERPRINT),
    min: 0,
    max: 20,
    example: "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881",
};

static CLIENTS: MapOf = MapOf { key: &CLIENT_ID, value: Kind::Object(&CLIENT), example: "" };
static API_KEYS: MapOf = MapOf { key: &NAME, value: Kind::Object(&API_KEY), example: "{}" };

// The keys of a way to prove oneself, which stand at a client that has one way, and otherwise in each of
// its `credentials`.
const WAY_AUTH: Field = Field::new(
    "auth",
    Kind::Enum(&[
        "client_secret",
        "private_key_jwt",
        "tls_client_auth",
        "self_signed_tls_client_auth",
    ]),
    "How it proves who it is: by a secret, an assertion it signs (RFC 7523), or a certificate (RFC 8705).",
    "private_key_jwt",
);
const WAY_JWKS: Field = Field::new(
    "jwks",
    Kind::Object(&CLIENT_JWKS),
    "Its public keys, or for `self_signed_tls_client_auth` its certificates (`x5c`), as a JWK Set.",
    "{ file: ./cars.jwks.json }",
)
.otherwise("those at `jwks_uri`");
const WAY_JWKS_URI: Field = Field::new(
    "jwks_uri",
    Kind::Form(&URL),
    "Where it publishes its public keys; they are got when it needs them, and kept.",
    "https://cars.example/keys",
)
.otherwise("those of `jwks`");
const WAY_ALLOW_PRIVATE: Field = Field::new(
    "allow_private",
    Kind::List(&CIDRS),
    "Private ranges that `jwks_uri` may be in; all others are refused.",
    "[10.0.0.0/8]",
);
const WAY_ALGORITHMS: Field = Field::new(
    "algorithms",
    Kind::List(&ALGORITHMS),
    "The signature algorithms that are accepted of its assertions.",
    "[PS256]",
)
.otherwise("`ES256`, `RS256`, `PS256` and `EdDSA`");
const WAY_LEGACY_AUDIENCE: Field =
    Field::new(
        "legacy_audience",
        Kind::Bool,
        "Whether its assertions may name the token endpoint's URL in place of the issuer, which RFC 10070 forbids; each use is logged.",
        "true",
    )
    .default_is("false");
const WAY_TLS_SUBJECT: Field = Field::new(
    "tls_subject",
    Kind::Form(&DISTINGUISHED_NAME),
    "The subject of its certificates, whole and in the order of RFC 4514.",
    "\"CN=orders,O=Lee James,C=DE\"",
)
.otherwise("one of `tls_san_…`");
const WAY_TLS_SAN_DNS: Field = Field::new(
    "tls_san_dns",
    Kind::Text,
    "A DNS name that its certificates have among the alternative names.",
    "orders.cars.example",
)
.otherwise("another name");
const WAY_TLS_SAN_URI: Field = Field::new(
    "tls_san_uri",
    Kind::Text,
    "A URI that they have there.",
    "spiffe://cars.example/orders",
)
.otherwise("another name");
const WAY_TLS_SAN_IP: Field =
    Field::new("tls_san_ip", Kind::Form(&IP), "An address that they have there.", "203.0.113.7")
        .otherwise("another name");
const WAY_TLS_SAN_EMAIL: Field = Field::new(
    "tls_san_email",
    Kind::Text,
    "A mailbox that they have there.",
    "orders@cars.example",
)
.otherwise("another name");
const WAY_CERTIFICATES: Field = Field::new(
    "certificates",
    Kind::List(&FINGERPRINTS),
    "SHA-256 fingerprints of its certificates, whoever has made them.",
    "[5f:1c:…]",
);

static CLIENT: Object = Object {
    name: "a client",
    guarded: false,
    fields: &[
        WAY_AUTH.default_is("client_secret"),
        WAY_JWKS,
        WAY_JWKS_URI,
        WAY_ALLOW_PRIVATE,
        WAY_ALGORITHMS,
        WAY_LEGACY_AUDIENCE,
        WAY_TLS_SUBJECT,
        WAY_TLS_SAN_DNS,
        WAY_TLS_SAN_URI,
        WAY_TLS_SAN_IP,
        WAY_TLS_SAN_EMAIL,
        WAY_CERTIFICATES,
        Field::new(
            "credentials",
            Kind::Map(&CREDENTIALS),
            "In place of `auth` and the keys of one way: from 1 to 4 credentials by name, any of which proves who it is.",
            "{ key-2027: { auth: private_key_jwt, jwks_uri: \"https://cars.example/keys\" }, secret: { auth: client_secret } }",
        )
        .otherwise("the one way that `auth` says"),
        Field::new(
            "bound_tokens",
            Kind::Bool,
            "Whether its tokens are good only with the client certificate they were got with.",
            "true",
        )
        .otherwise("`true` where it proves itself by certificates alone; beside other ways, those that it gets by a certificate"),
        Field::new(
            "scopes",
            Kind::List(&CLIENT_SCOPES),
            "The scopes, with their API's name, that it may ask for.",
            "[tires/create.order]",
        )
        .otherwise("none: it gets no token, and may only revoke and introspect"),
        Field::new(
            "dpop",
            Kind::Enum(WISHES),
            "Whether its tokens are bound to a key that it proves to have with every call (DPoP, RFC 9449); where that is optional, those that are asked for with a proof.",
            "required",
        )
        .default_is("optional"),
        Field::new(
            "federation",
            Kind::List(&FEDERATIONS),
            "Whose tokens stand for it in place of a secret (RFC 8693).",
            "[{ issuer: ci, subject: \"repo:acme/orders:ref:refs/heads/main\" }]",
        )
        .otherwise("nobody's"),
        Field::new(
            "token_lifetime",
            Kind::Duration { min_ms: MINUTE, max_ms: DAY },
            "How long its tokens are good.",
            "15m",
        )
        .default_is("60m"),
        Field::new(
            "token_rate",
            Kind::Rate { max_per_second: 1_000_000 },
            "How many tokens it may ask for, and apart from them how often it revokes and introspects.",
            "5/s",
        )
        .otherwise("`tokens.rate`"),
        Field::new(
            "token_burst",
            Kind::Integer { min: 1, max: 1_000_000 },
            "How many it may ask for at once after a pause.",
            "10",
        )
        .otherwise("the rate's count per second, at least 1"),
        Field::new(
            "token_quota",
            Kind::Object(&TOKEN_QUOTA),
            "How many tokens it may get; what is not said here is as in `tokens.quota`.",
            "{ day: 500 }",
        ),
        Field::new(
            "claims",
            Kind::Map(&EXTRA_CLAIMS),
            "What its tokens say beside the usual claims; wins over the API's.",
            "{ tenant: $partner.name, tier: gold }",
        ),
        Field::new(
            "expires",
            Kind::Form(&END),
            "From when on it gets no tokens, and those it has are no longer good.",
            "2027-01-01",
        )
        .otherwise("never"),
        Field::new(
            "status",
            Kind::Enum(STATUSES),
            "Whether it gets tokens, and whether those it has are good.",
            "suspended",
        )
        .default_is("active"),
    ],
};

static CREDENTIALS: MapOf =
    MapOf { key: &NAME, value: Kind::Object(&CREDENTIAL), example: "{ auth: client_secret }" };

static CREDENTIAL: Object = Object {
    name: "a credential",
    guarded: true,
    fields: &[
        WAY_AUTH.required(),
        WAY_JWKS,
        WAY_JWKS_URI,
        WAY_ALLOW_PRIVATE,
        WAY_ALGORITHMS,
        WAY_LEGACY_AUDIENCE,
        WAY_TLS_SUBJECT,
        WAY_TLS_SAN_DNS,
        WAY_TLS_SAN_URI,
        WAY_TLS_SAN_IP,
        WAY_TLS_SAN_EMAIL,
        WAY_CERTIFICATES,
        Field::new(
            "not_before",
            Kind::Form(&END),
            "From when on it counts.",
            "2027-01-01T00:00:00Z",
        )
        .otherwise("at once"),
        Field::new(
            "expires",
            Kind::Form(&END),
            "From when on it counts no more.",
            "2027-01-31T00:00:00Z",
        )
        .otherwise("never"),
    ],
};

static CLIENT_JWKS: Object = Object {
    name: "`jwks`",
    guarded: true,
    fields: &[
        Field::new("file", Kind::Form(&FILE), "The file with the JWK Set.", "./cars.jwks.json")
            .otherwise("the keys are in `keys`"),
        Field::new(
            "keys",
            Kind::List(&CLIENT_KEYS),
            "The keys themselves; never a private one.",
            "[{ kty: OKP, crv: Ed25519, kid: k1, x: … }]",
        )
        .otherwise("the keys are in `file`"),
    ],
};

static CLIENT_KEYS: ListOf = ListOf {
    item: Kind::Any("a public key as a JWK (RFC 7517)"),
    min: 1,
    max: 20,
    example: "{ kty: OKP, crv: Ed25519, kid: k1, x: … }",
};

static FEDERATIONS: ListOf = ListOf {
    item: Kind::Object(&FEDERATION),
    min: 1,
    max: 20,
    example: "{ issuer: ci, subject: \"repo:acme/orders:ref:refs/heads/main\" }",
};

static FEDERATION: Object = Object {
    name: "a rule of federation",
    guarded: false,
    fields: &[
        Field::new("issuer", Kind::Reference(Noun::Issuer), "Who issues the tokens.", "ci")
            .required(),
        Field::new(
            "subject",
            Kind::Form(&SUBJECT),
            "What a token has in `sub`: exactly, or with `*` behind a `:` or `/` at the end.",
            "system:serviceaccount:orders:sender",
        )
        .required(),
        Field::new(
            "audience",
            Kind::Form(&AUDIENCE),
            "What it has among its `aud`: one of the issuer's `audiences`.",
            "https://api.tires.example",
        )
        .otherwise("any of the issuer's `audiences`"),
    ],
};

static API_KEY: Object = Object {
    name: "an API key",
    guarded: false,
    fields: &[Field::new("plan", Kind::Reference(Noun::Plan), "Its usage plan.", "external")
        .otherwise("the partner's plan")],
};

static BUS: Object = Object {
    name: "a bus",
    guarded: false,
    fields: &[
        Field::new("archive", Kind::Object(&ARCHIVE), "How long events are kept.", "{ keep: 1d }"),
        Field::new(
            "deduplicate",
            Kind::Duration { min_ms: 0, max_ms: 7 * DAY },
            "How long an entry's id is remembered, so that a repetition is no second event; `0s` for not at all.",
            "1h",
        )
        .default_is("24h"),
        Field::new("rules", Kind::Map(&RULES), "What is sent where, by the rule's name.", "{}"),
    ],
};

static RULES: MapOf = MapOf { key: &NAME, value: Kind::Object(&RULE), example: "" };

static ARCHIVE: Object = Object {
    name: "an archive",
    guarded: false,
    fields: &[Field::new(
        "keep",
        Kind::Duration { min_ms: 0, max_ms: 366 * DAY },
        "How long events are kept, from their acceptance; what is not delivered yet is kept longer.",
        "1d",
    )
    .default_is("7d")],
};

static RULE: Object = Object {
    name: "a rule",
    guarded: false,
    fields: &[
        Field::new("description", Kind::Text, "For people.", "Tell the car maker")
            .otherwise("nothing"),
        Field::new(
            "when",
            Kind::Any("an EventBridge event pattern"),
            "Which events it sends.",
            "{ source: [complete-order] }",
        )
        .required(),
        Field::new(
            "pattern_extensions",
            Kind::List(&EXTENSIONS),
            "Operators that `when` may use although EventBridge has not got them.",
            "[contains-all]",
        )
        .otherwise("none: a pattern means what it means to EventBridge"),
        Field::new(
            "send",
            Kind::List(&TARGETS),
            "Where it sends, one to five targets.",
            "[{ to: cars-order-callback }]",
        )
        .required(),
    ],
};

static EXTENSIONS: ListOf = ListOf {
    item: Kind::Enum(&pattern::Extensions::NAMES),
    min: 0,
    max: pattern::Extensions::NAMES.len(),
    example: "contains-all",
};

static TARGETS: ListOf = ListOf {
    item: Kind::Object(&TARGET),
    min: 1,
    // EventBridge quotas: five targets per rule.
    max: 5,
    example: "{ to: cars-order-callback }",
};

static TARGET: Object = Object {
    name: "a target",
    guarded: false,
    fields: &[
        Field::new(
            "to",
            Kind::Reference(Noun::Destination),
            "The destination.",
            "cars-order-callback",
        )
        .required(),
        Field::new("id", Kind::Form(&NAME), "Its name, unique in the rule.", "callback")
            .otherwise("the destination's name"),
        Field::new(
            "path",
            Kind::List(&PATHS),
            "What fills each `*` of the destination's URL, in order.",
            "[$.detail.carOrderId]",
        ),
        Field::new(
            "headers",
            Kind::Map(&TARGET_HEADERS),
            "Headers of its calls, in place of the destination's; `$.` begins a path of the event.",
            "{ x-order: $.detail.carOrderId }",
        ),
        Field::new(
            "query",
            Kind::Map(&TARGET_PARAMETERS),
            "Query parameters of its calls, in place of the destination's; `$.` begins a path of the event.",
            "{ order: $.detail.carOrderId }",
        ),
        Field::new(
            "body",
            Kind::Form(&JSON_PATH),
            "The part of the event that is sent.",
            "$.detail",
        )
        .otherwise("the whole event"),
        Field::new(
            "input",
            Kind::Any("any JSON value"),
            "The same for every event, in place of `body`.",
            "{ hello: world }",
        ),
        Field::new(
            "template",
            Kind::Object(&TEMPLATE),
            "A text filled from the event, in place of `body`.",
            "{ paths: { id: $.detail.id }, template: '{\"order\": <id>}' }",
        ),
        Field::new(
            "retry",
            Kind::Object(&RETRY),
            "How long and how often it is tried again.",
            "{ attempts: 10, for: 60m }",
        ),
        Field::new(
            "dead_letter",
            Kind::Form(&NAME),
            "The queue its dead letters are listed under.",
            "cars-callback-dlq",
        )
        .otherwise("the rule's name"),
    ],
};

static PATHS: ListOf =
    ListOf { item: Kind::Form(&JSON_PATH), min: 0, max: 20, example: "$.detail.carOrderId" };

static TEMPLATE: Object = Object {
    name: "a template",
    guarded: false,
    fields: &[
        Field::new(
            "paths",
            Kind::Map(&TEMPLATE_PATHS),
            "Names for the places of the event that the template uses.",
            "{ id: $.detail.id }",
        ),
        Field::new(
            "template",
            Kind::Text,
            "JSON with `<name>` where a value goes, or one quoted string per line.",
            "'{\"order\": <id>}'",
        )
        .required(),
    ],
};

static TEMPLATE_PATHS: MapOf =
    MapOf { key: &VARIABLE, value: Kind::Form(&JSON_PATH), example: "$.detail.id" };

static RETRY: Object = Object {
    name: "a retry policy",
    guarded: false,
    fields: &[
        Field::new(
            "attempts",
            Kind::Integer { min: 0, max: 185 },
            "How many retries follow the first attempt.",
            "10",
        )
        .default_is("185"),
        Field::new(
            "for",
            Kind::Duration { min_ms: MINUTE, max_ms: DAY },
            "How old an event may be when it is still tried.",
            "60m",
        )
        .default_is("24h"),
        Field::new(
            "delays",
            Kind::List(&DELAYS),
            "The pauses between attempts; after the last one it is given up.",
            "[5s, 5m, 30m]",
        )
        .otherwise("1s, doubled each time up to 10m, spread by half"),
    ],
};

static DELAYS: ListOf =
    ListOf { item: Kind::Duration { min_ms: 10, max_ms: DAY }, min: 1, max: 185, example: "5s" };

static CONNECTION: Object = Object {
    name: "a connection",
    guarded: true,
    fields: &[
        Field::new(
            "api_key",
            Kind::Object(&KEY_AUTH),
            "A key in a header.",
            "{ header: x-api-key, value: { env: CARS_KEY } }",
        ),
        Field::new(
            "basic",
            Kind::Object(&BASIC_AUTH),
            "HTTP Basic.",
            "{ username: ljg, password: { env: CARS_PASSWORD } }",
        ),
        Field::new(
            "oauth",
            Kind::Object(&OAUTH),
            "A token got with client credentials.",
            "{ token_url: https://…, client_id: ljg, client_secret: { env: CARS_SECRET } }",
        ),
        Field::new(
            "tls",
            Kind::Object(&TLS),
            "A client certificate and authorities of its own, for calls and the token endpoint.",
            "{ certificate: { file: ./ljg.crt }, key: { file: ./ljg.key }, ca: ./cars-ca.pem }",
        ),
        Field::new(
            "headers",
            Kind::Map(&CONNECTION_HEADERS),
            "Headers of every call; they win over the destination's.",
            "{ x-company: ljg }",
        ),
        Field::new(
            "query",
            Kind::Map(&CONNECTION_PARAMETERS),
            "Query parameters of every call; they win over the destination's and the URL's.",
            "{ tenant: ljg }",
        ),
        Field::new(
            "body",
            Kind::Map(&CONNECTION_PARAMETERS),
            "Members of every call's JSON object, as strings; they win over what the target sends.",
            "{ tenant: ljg }",
        ),
    ],
};

static TLS: Object = Object {
    name: "`tls` of a connection",
    guarded: true,
    fields: &[
        Field::new(
            "certificate",
            Kind::Secret,
            "The client certificate in PEM, then those that lead to its authority.",
            "{ file: ./secrets/ljg.crt }",
        )
        .otherwise("none is shown"),
        Field::new(
            "key",
            Kind::Secret,
            "The certificate's private key in PEM.",
            "{ file: ./secrets/ljg.key }",
        )
        .otherwise("none"),
        Field::new(
            "ca",
            Kind::Form(&FILE),
            "A file with the only authorities that are trusted, in PEM, relative to the file.",
            "./cars-ca.pem",
        )
        .otherwise("the public ones, as Mozilla lists them"),
    ],
};

static CONNECTION_PARAMETERS: MapOf =
    MapOf { key: &PARAMETER, value: Kind::ParameterValue, example: "ljg" };
static DESTINATION_PARAMETERS: MapOf =
    MapOf { key: &PARAMETER, value: Kind::ParameterText, example: "ljg" };
static CONNECTION_HEADERS: MapOf = MapOf { key: &HEADER, value: Kind::HeaderValue, example: "ljg" };
static TARGET_HEADERS: MapOf =
    MapOf { key: &HEADER, value: Kind::HeaderText, example: "$.detail.carOrderId" };
static TARGET_PARAMETERS: MapOf =
    MapOf { key: &PARAMETER, value: Kind::ParameterText, example: "$.detail.carOrderId" };
static DESTINATION_HEADERS: MapOf = MapOf { key: &HEADER, value: Kind::HeaderText, example: "ljg" };

static RETRY_ON: MapOf =
    MapOf { key: &STATUS, value: Kind::Enum(&retry::Treatment::WORDS), example: "retry" };

static KEY_AUTH: Object = Object {
    name: "`api_key` of a connection",
    guarded: true,
    fields: &[
        Field::new("header", Kind::Form(&HEADER), "The header's name.", "x-api-key").required(),
        Field::new("value", Kind::Secret, "The key.", "{ env: CARS_KEY }").required(),
    ],
};

static BASIC_AUTH: Object = Object {
    name: "`basic` of a connection",
    guarded: true,
    fields: &[
        Field::new("username", Kind::Text, "The user name.", "ljg").required(),
        Field::new("password", Kind::Secret, "The password.", "{ env: CARS_PASSWORD }").required(),
    ],
};

static OAUTH: Object = Object {
    name: "`oauth` of a connection",
    guarded: true,
    fields: &[
        Field::new(
            "token_url",
            Kind::Form(&URL),
            "The partner's token endpoint.",
            "https://auth.cars.example/oauth2/token",
        )
        .required(),
        Field::new("client_id", Kind::Text, "Our client id there.", "ljg-tires-callback")
            .required(),
        Field::new("client_secret", Kind::Secret, "Our secret there.", "{ env: CARS_SECRET }")
            .otherwise("none; then there is a `private_key`"),
        Field::new(
            "private_key",
            Kind::Secret,
            "In place of a secret: the key that signs our assertions (RFC 7523), PEM (PKCS#8) or JWK.",
            "{ file: ./secrets/ljg.pem }",
        )
        .otherwise("none; then there is a `client_secret`"),
        Field::new("key_id", Kind::Text, "What `private_key` is called there.", "ljg-2026")
            .otherwise("what the JWK says, else nothing"),
        Field::new(
            "assertion_audience",
            Kind::Text,
            "For whom assertions are: what the token endpoint calls itself.",
            "https://auth.cars.example",
        )
        .otherwise("`token_url`"),
        Field::new("scope", Kind::Text, "The scope to ask for.", "cars/complete.order")
            .otherwise("all we may have"),
        Field::new(
            "client_auth",
            Kind::Enum(&["basic", "body"]),
            "How the secret is sent: as HTTP Basic, or in the form body.",
            "body",
        )
        .default_is("basic"),
        Field::new(
            "method",
            Kind::Enum(&["POST", "GET", "PUT"]),
            "The token request's method; with `GET` its form stands in the query.",
            "PUT",
        )
        .default_is("POST"),
        Field::new(
            "headers",
            Kind::Map(&CONNECTION_HEADERS),
            "More headers of the token request.",
            "{ x-company: ljg }",
        ),
        Field::new(
            "query",
            Kind::Map(&CONNECTION_PARAMETERS),
            "Query parameters of the token request.",
            "{ tenant: ljg }",
        ),
        Field::new(
            "body",
            Kind::Map(&CONNECTION_PARAMETERS),
            "More parameters of the token request's form, such as `audience` and `resource`.",
            "{ audience: https://api.cars.example }",
        ),
    ],
};

static DESTINATION: Object = Object {
    name: "a destination",
    guarded: false,
    fields: &[
        Field::new("connection", Kind::Reference(Noun::Connection), "As whom we call.", "cars")
            .otherwise("nobody: the call is not authenticated"),
        Field::new(
            "request",
            Kind::Form(&REQUEST),
            "Method and URL; each `*` is filled by a target's `path`.",
            "PATCH https://api.cars.example/orders/*",
        )
        .required(),
        Field::new(
            "rate",
            Kind::Rate { max_per_second: 10_000 },
            "How many calls are made at most.",
            "50/s",
        )
        .default_is("300/s"),
        Field::new(
            "burst",
            Kind::Integer { min: 1, max: 10_000 },
            "How many calls may be made at once after a pause.",
            "5",
        )
        .otherwise("a tenth of the rate per second, at least 1"),
        Field::new(
            "in_flight",
            Kind::Integer { min: 1, max: 1_000 },
            "How many calls may be under way at once.",
            "8",
        )
        .default_is("32"),
        Field::new(
            "timeout",
            Kind::Duration { min_ms: SECOND, max_ms: 30 * SECOND },
            "How long one call may take in all.",
            "5s",
        )
        .default_is("10s"),
        Field::new(
            "connect_timeout",
            Kind::Duration { min_ms: 100, max_ms: 30 * SECOND },
            "How long name, connection and TLS may take of it.",
            "1s",
        )
        .otherwise("`3s`, or `timeout` if that is shorter"),
        Field::new(
            "first_byte_timeout",
            Kind::Duration { min_ms: 100, max_ms: 30 * SECOND },
            "How long it may take from sending the call to the end of the answer's head.",
            "2s",
        )
        .otherwise("`timeout`"),
        Field::new(
            "headers",
            Kind::Map(&DESTINATION_HEADERS),
            "Headers of every call.",
            "{ x-company: ljg }",
        ),
        Field::new(
            "query",
            Kind::Map(&DESTINATION_PARAMETERS),
            "Query parameters of every call, in place of the URL's of the same name.",
            "{ version: 2 }",
        ),
        Field::new(
            "retry_on",
            Kind::Map(&RETRY_ON),
            "Which answers are tried again, by status or class; a status wins over its class.",
            "{ 404: retry, 409: dead_letter }",
        )
        .otherwise("401, 407, 409, 429 and 5xx are, no others"),
        Field::new(
            "order",
            Kind::WordOr(&["none", "strict"], &ORDER),
            "What is delivered in the order of acceptance: nothing, everything, or what has the same key.",
            "{ by: $.detail.orderId }",
        )
        .default_is("none"),
        Field::new(
            "signing",
            Kind::OffOr(&SIGNING),
            "What calls are signed with (Standard Webhooks), or `off` for nothing.",
            "{ secret: { file: ./secrets/cars.whsec } }",
        )
        .otherwise("the program's own Ed25519 key signs"),
        Field::new(
            "allow_private",
            Kind::List(&CIDRS),
            "Private ranges it may be in; all others are refused.",
            "[10.0.0.0/8]",
        ),
    ],
};

static ORDER: Object = Object {
    name: "`order`",
    guarded: false,
    fields: &[Field::new(
        "by",
        Kind::Form(&JSON_PATH),
        "The place of the event with the key; events that have none are not ordered.",
        "$.detail.orderId",
    )
    .required()],
};

static SIGNING: Object = Object {
    name: "`signing`",
    guarded: true,
    fields: &[
        Field::new(
            "secret",
            Kind::Secret,
            "The secret that the receiver has too, `whsec_…`; `gatepost webhooks secret` makes one.",
            "{ file: ./secrets/cars.whsec }",
        )
        .otherwise("none"),
        Field::new(
            "previous",
            Kind::Object(&PREVIOUS),
            "The secret before it, which signs beside it until the receiver has changed over.",
            "{ secret: { file: ./secrets/cars.old.whsec }, until: 2026-12-01T00:00:00Z }",
        ),
        Field::new(
            "ed25519",
            Kind::Bool,
            "Whether the program's own key signs; receivers find its public half at `/.well-known/webhook-jwks.json`.",
            "true",
        )
        .otherwise("`true` without a secret, `false` with one"),
    ],
};

static PREVIOUS: Object = Object {
    name: "`previous` of `signing`",
    guarded: true,
    fields: &[
        Field::new("secret", Kind::Secret, "The former secret.", "{ file: ./cars.old.whsec }")
            .required(),
        Field::new(
            "until",
            Kind::Form(&TIME),
            "When it ceases to sign: a day, and at most seven, after the change.",
            "2026-12-01T00:00:00Z",
        )
        .required(),
    ],
};

static SCHEDULE: Object = Object {
    name: "a schedule",
    guarded: false,
    fields: &[
        Field::new("every", Kind::Form(&EVERY), "The pause between two firings.", "5m"),
        Field::new(
            "when",
            Kind::Form(&WHEN),
            "A rate or a calendar rule in UTC, as EventBridge has them.",
            "cron(0 12 * * ? *)",
        ),
        Field::new(
            "call",
            Kind::Form(&CALL),
            "Method and URL of the company's own service.",
            "POST http://127.0.0.1:7410/internal/complete-orders",
        ),
        Field::new(
            "to",
            Kind::Reference(Noun::Destination),
            "A destination, in place of `call`.",
            "nightly-report",
        ),
    ],
};

static NAME: Form = Form { name: "a name", pattern: NAME_PATTERN, check: forms::is_name };
static CLIENT_ID: Form = Form {
    name: "a client id",
    pattern: "^[A-Za-z0-9_+][A-Za-z0-9._+-]{0,127}$",
    check: forms::is_client_id,
};
static BUS_NAME: Form = Form { name: "a name", pattern: NAME_PATTERN, check: forms::is_bus_name };
static SCOPE_NAME: Form = Form {
    name: "a scope's name without the API's",
    pattern: "^[A-Za-z0-9._:-]+$",
    check: forms::is_scope_name,
};
static ROUTE_KEY: Form = Form {
    name: "a method and a path, such as `POST /orders/{id}`",
    pattern: "^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|ANY) /\\S*$",
    check: forms::is_route,
};
static PLAN_ROUTE: Form = Form {
    name: "an API, a method and a path, such as `tires POST /orders/{id}`",
    pattern: "^[A-Za-z0-9._+-]+ (GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|ANY) /\\S*$",
    check: forms::is_plan_route,
};
static PASSED_HEADER: Form = Form {
    name: "the name of a header that may be passed on",
    pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
    check: forms::is_passed_header,
};
static ORIGIN: Form = Form {
    name: "an origin, such as `https://portal.example`, or `*`",
    pattern: "^(\\*|https?://[^/]+)$",
    check: forms::is_origin,
};
static FINGERPRINT: Form = Form {
    name: "a SHA-256 fingerprint: 64 hex digits, with or without colons",
    pattern: "^([0-9A-Fa-f]{2}:?){32}$",
    check: forms::is_fingerprint,
};
static DISTINGUISHED_NAME: Form = Form {
    name: "a distinguished name as `openssl x509 -noout -subject -nameopt RFC2253` prints it",
    pattern: "",
    check: forms::is_distinguished_name,
};
static IP: Form = Form { name: "an IP address", pattern: "", check: forms::is_ip };
static VARIABLE: Form = Form { name: "a name", pattern: "", check: forms::is_variable };
static HEADER: Form = Form {
    name: "a header's name",
    pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]+$",
    check: forms::is_header,
};
static PARAMETER: Form =
    Form { name: "a parameter's name", pattern: "^.{1,512}$", check: forms::is_parameter };
static STATUS: Form = Form {
    name: "a status or a class, such as `404` or `5xx`",
    pattern: "^([1345]xx|[1345][0-9][0-9])$",
    check: forms::is_status,
};
static FILE: Form = Form { name: "a path", pattern: "", check: forms::text };
static PUBLIC_URL: Form = Form {
    name: "an `http` or `https` URL without path and trailing slash",
    pattern: "^https?://[^/?#]+$",
    check: forms::is_public_url,
};
static URL: Form =
    Form { name: "an `http` or `https` URL", pattern: "^https?://", check: forms::is_url };
static ISSUER_URL: Form = Form {
    name: "an `http` or `https` URL without `?` and `#`",
    pattern: "^https?://[^?#]+$",
    check: forms::is_issuer,
};
static RESOURCE: Form = Form {
    name: "an absolute URI without `#`",
    pattern: "^[A-Za-z][A-Za-z0-9+.-]*:[^#\\s]+$",
    check: forms::is_resource,
};
static AUDIENCE: Form =
    Form { name: "an audience", pattern: "^.{1,256}$", check: forms::is_claim_text };
static SUBJECT: Form = Form {
    name: "a subject, or its beginning up to a `:` or `/` with `*` behind it",
    pattern: "^([^*]+|[^*]*[:/]\\*)$",
    check: forms::is_subject,
};
static CLAIM: Form =
    Form { name: "a claim's name", pattern: "^.{1,256}$", check: forms::is_claim_text };
static CLIENT_VALUE: Form = Form {
    name: "a client's name at the issuer",
    pattern: "^.{1,256}$",
    check: forms::is_claim_text,
};
static UPSTREAM: Form = Form {
    name: "the URL of an own service, such as `http://127.0.0.1:7410`",
    pattern: "^http://",
    check: forms::is_upstream,
};
static BASE_PATH: Form = Form {
    name: "a path without trailing slash, or nothing",
    pattern: "^(/[^/{}]+)*$",
    check: forms::is_base_path,
};
static SOCKET: Form = Form {
    name: "an address and port, such as `127.0.0.1:7400`",
    pattern: ":[0-9]+$",
    check: forms::is_socket,
};
static CIDR: Form = Form {
    name: "an address range, such as `203.0.113.0/24`",
    pattern: "^[0-9A-Fa-f.:]+/[0-9]+$",
    check: forms::is_cidr,
};
static BYTES: Form = Form {
    name: "a size, such as `64KiB` or `10MB`",
    pattern: "^[0-9]+ ?(B|KB|MB|GB|KiB|MiB|GiB)?$",
    check: forms::is_bytes,
};
static QUOTA: Form = Form {
    name: "a quota, such as `10000/month`",
    pattern: "^[0-9]+ ?/ ?(day|d|week|w|month)$",
    check: forms::is_quota,
};
static JSON_PATH: Form = Form {
    name: "a path in the event, such as `$.detail.id`",
    pattern: "^\\$",
    check: forms::is_json_path,
};
static REQUEST: Form = Form {
    name: "a method and a URL, such as `POST https://api.example.com/orders`",
    pattern: "^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) https?://\\S+$",
    check: forms::is_request,
};
static CALL: Form = Form {
    name: "a method and a URL of an own service",
    pattern: "^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) https?://\\S+$",
    check: forms::is_call,
};
static TIME: Form = Form {
    name: "a time as RFC 3339 has it, such as `2026-12-01T00:00:00Z`",
    pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9:.]+([Zz]|[+-][0-9]{2}:[0-9]{2})$",
    check: forms::is_time,
};
static END: Form = Form {
    name: "a day as `2027-01-01`, from whose beginning on (UTC), or a time as RFC 3339 has it",
    pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9:.]+([Zz]|[+-][0-9]{2}:[0-9]{2}))?$",
    check: forms::is_end,
};
static EXTRA_CLAIM: Form = Form {
    name: "the name of a claim that tokens do not have anyway",
    pattern: "^[A-Za-z][A-Za-z0-9_.:/-]{0,127}$",
    check: forms::is_extra_claim,
};
static EVERY: Form =
    Form { name: "a duration, such as `5m`", pattern: "^[0-9]+[smhd]$", check: forms::is_every };
static WHEN: Form = Form {
    name: "`rate(…)` or `cron(…)`",
    pattern: "^(rate|cron)\\(.*\\)$",
    check: forms::is_when,
};
