//! The event a function is invoked with.
//!
//! The sources are the API Gateway developer guide, "Lambda proxy integrations in API Gateway" for
//! format 1.0 and "Create AWS Lambda proxy integrations for HTTP APIs" for 2.0. In 1.0 what is
//! missing is `null`; in 2.0 its member is not there.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::fields::{self, Field};
use crate::{Call, PAYLOAD_BYTES_MAX, Version};

/// An event that Lambda does not take. API Gateway answers 413 then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the event has {bytes} bytes and a function takes {max}; send a smaller body, and not a binary \
     one, which grows by a third",
    max = PAYLOAD_BYTES_MAX
)]
pub struct EventTooLarge {
    /// How many bytes it has, or the body alone if that is too much already.
    pub bytes: usize,
}

/// Gives the JSON text of the event for `call`.
///
/// A body that is UTF-8 is handed over as it is, any other in base64; API Gateway goes by lists of
/// media types, and `isBase64Encoded` tells a function which it has. Query and path parameters are
/// decoded in both formats (`+` is a space in a query), while `path` and `rawQueryString` are raw.
pub fn event(version: Version, call: &Call<'_>) -> Result<Vec<u8>, EventTooLarge> {
    if call.body.len() > PAYLOAD_BYTES_MAX {
        return Err(EventTooLarge { bytes: call.body.len() });
    }
    let event = match version {
        Version::V1 => rest_api(call),
        Version::V2 => http_api(call),
    };
    let text = event.to_string();
    if text.len() > PAYLOAD_BYTES_MAX {
        return Err(EventTooLarge { bytes: text.len() });
    }
    Ok(text.into_bytes())
}

/// Format 1.0.
fn rest_api(call: &Call<'_>) -> Value {
    let headers = fields::headers(call.headers);
    let query = fields::query(call.query);
    let (body, is_base64) = body(call.body);
    json!({
        "resource": call.route,
        "path": call.path,
        "httpMethod": call.method,
        "headers": or_null(last_values(&headers)),
        "multiValueHeaders": or_null(all_values(&headers)),
        "queryStringParameters": or_null(last_values(&query)),
        "multiValueQueryStringParameters": or_null(all_values(&query)),
        "pathParameters": or_null(path_parameters(call)),
        "stageVariables": or_null(stage_variables(call)),
        "requestContext": rest_api_context(call),
        "body": body,
        "isBase64Encoded": is_base64,
    })
}

fn rest_api_context(call: &Call<'_>) -> Value {
    let mut context = Map::new();
    let mut put = |name: &str, value: Value| {
        context.insert(name.to_owned(), value);
    };
    put("accountId", Value::from(call.account_id));
    put("apiId", Value::from(call.api_id));
    if let Some(authorizer) = call.authorizer {
        let claims = fields::claims(authorizer.claims, Version::V1);
        put("authorizer", json!({ "claims": claims, "scopes": scopes(authorizer.scopes) }));
    }
    put("domainName", Value::from(call.domain_name));
    put("domainPrefix", Value::from(domain_prefix(call.domain_name)));
    // AWS's has a form of its own; what is asked of it is that it names the request.
    put("extendedRequestId", Value::from(call.request_id));
    put("httpMethod", Value::from(call.method));
    put("identity", identity(call));
    put("path", Value::from(call.path));
    put("protocol", Value::from(call.protocol));
    put("requestId", Value::from(call.request_id));
    put("requestTime", Value::from(request_time(call.received_ms)));
    put("requestTimeEpoch", Value::from(call.received_ms));
    put("resourceId", json!(call.resource_id));
    put("resourcePath", Value::from(call.route));
    put("stage", Value::from(call.stage));
    Value::Object(context)
}

/// Who calls, as IAM and Cognito identity pools would say it, and thus mostly `null`.
fn identity(call: &Call<'_>) -> Value {
    let mut identity = Map::new();
    let mut put = |name: &str, value: Value| {
        identity.insert(name.to_owned(), value);
    };
    put("accessKey", Value::Null);
    put("accountId", Value::Null);
    // AWS has the key's value (`apiKey`) beside it; see the crate's documentation.
    if let Some(id) = call.api_key_id {
        put("apiKeyId", Value::from(id));
    }
    put("caller", Value::Null);
    put("cognitoAuthenticationProvider", Value::Null);
    put("cognitoAuthenticationType", Value::Null);
    put("cognitoIdentityId", Value::Null);
    put("cognitoIdentityPoolId", Value::Null);
    put("principalOrgId", Value::Null);
    put("sourceIp", Value::from(call.source_ip));
    put("user", Value::Null);
    put("userAgent", json!(call.user_agent));
    put("userArn", Value::Null);
    Value::Object(identity)
}

/// Format 2.0.
fn http_api(call: &Call<'_>) -> Value {
    let (cookies, headers) = fields::split_cookies(fields::headers(call.headers));
    let query = fields::query(call.query);
    let (body, is_base64) = body(call.body);
    let mut event = Map::new();
    let mut put = |name: &str, value: Value| {
        event.insert(name.to_owned(), value);
    };
    put("version", Value::from(Version::V2.as_str()));
    put("routeKey", Value::from(route_key(call)));
    put("rawPath", Value::from(raw_path(call)));
    put("rawQueryString", Value::from(call.query));
    if !cookies.is_empty() {
        put("cookies", Value::from(cookies));
    }
    put("headers", Value::Object(joined_values(&headers)));
    if !query.is_empty() {
        put("queryStringParameters", Value::Object(joined_values(&query)));
    }
    put("requestContext", http_api_context(call));
    if let Some(body) = body {
        put("body", Value::from(body));
    }
    let parameters = path_parameters(call);
    if !parameters.is_empty() {
        put("pathParameters", Value::Object(parameters));
    }
    put("isBase64Encoded", Value::from(is_base64));
    let variables = stage_variables(call);
    if !variables.is_empty() {
        put("stageVariables", Value::Object(variables));
    }
    Value::Object(event)
}

fn http_api_context(call: &Call<'_>) -> Value {
    let mut context = Map::new();
    let mut put = |name: &str, value: Value| {
        context.insert(name.to_owned(), value);
    };
    put("accountId", Value::from(call.account_id));
    put("apiId", Value::from(call.api_id));
    if let Some(authorizer) = call.authorizer {
        let claims = fields::claims(authorizer.claims, Version::V2);
        let jwt = json!({ "claims": claims, "scopes": scopes(authorizer.scopes) });
        put("authorizer", json!({ "jwt": jwt }));
    }
    put("domainName", Value::from(call.domain_name));
    put("domainPrefix", Value::from(domain_prefix(call.domain_name)));
    put(
        "http",
        json!({
            "method": call.method,
            "path": raw_path(call),
            "protocol": call.protocol,
            "sourceIp": call.source_ip,
            "userAgent": call.user_agent.unwrap_or_default(),
        }),
    );
    put("requestId", Value::from(call.request_id));
    put("routeKey", Value::from(route_key(call)));
    put("stage", Value::from(call.stage));
    put("time", Value::from(request_time(call.received_ms)));
    put("timeEpoch", Value::from(call.received_ms));
    Value::Object(context)
}

fn or_null(members: Map<String, Value>) -> Value {
    if members.is_empty() { Value::Null } else { Value::Object(members) }
}

/// The last value wins, as the guide says of the maps with one value.
fn last_values(fields: &[Field]) -> Map<String, Value> {
    let last = |field: &Field| field.values.last().cloned().unwrap_or_default();
    fields.iter().map(|field| (field.name.clone(), Value::from(last(field)))).collect()
}

fn all_values(fields: &[Field]) -> Map<String, Value> {
    fields.iter().map(|field| (field.name.clone(), Value::from(field.values.clone()))).collect()
}

/// Several values in one text, parted by commas without a space, as format 2.0 has them.
fn joined_values(fields: &[Field]) -> Map<String, Value> {
    fields.iter().map(|field| (field.name.clone(), Value::from(field.values.join(",")))).collect()
}

fn path_parameters(call: &Call<'_>) -> Map<String, Value> {
    let decoded = call
        .path_parameters
        .iter()
        .map(|(name, value)| ((*name).to_owned(), Value::from(fields::percent_decoded(value))));
    decoded.collect()
}

fn stage_variables(call: &Call<'_>) -> Map<String, Value> {
    let variables = call.stage_variables.iter();
    variables.map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
}

/// A route that demands no scope has `null`.
fn scopes(scopes: &[&str]) -> Value {
    if scopes.is_empty() {
        return Value::Null;
    }
    Value::Array(scopes.iter().map(|scope| Value::from(*scope)).collect())
}

fn route_key(call: &Call<'_>) -> String {
    format!("{} {}", call.route_method.unwrap_or("ANY"), call.route)
}

/// The stage stands before the path unless it is the default one.
fn raw_path(call: &Call<'_>) -> String {
    match call.stage {
        "$default" => call.path_in_api.to_owned(),
        stage => format!("/{stage}{}", call.path_in_api),
    }
}

fn domain_prefix(domain_name: &str) -> &str {
    domain_name.split_once('.').map_or(domain_name, |(prefix, _)| prefix)
}

/// The form of the common log: `09/Apr/2026:12:34:56 +0000`. A moment that no calendar has, which
/// no clock gives, is the beginning of 1970.
fn request_time(received_ms: i64) -> String {
    let moment = Timestamp::from_millisecond(received_ms).unwrap_or(Timestamp::UNIX_EPOCH);
    moment.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string()
}

/// The body as JSON can hold it, and whether that is base64.
fn body(bytes: &[u8]) -> (Option<String>, bool) {
    if bytes.is_empty() {
        return (None, false);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => (Some(text.to_owned()), false),
        Err(_) => (Some(STANDARD.encode(bytes)), true),
    }
}
