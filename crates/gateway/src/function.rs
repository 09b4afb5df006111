//! A function in the service's place: the request becomes an event, which is posted to the Lambda
//! runtime endpoint, and the function's answer becomes the response.
//!
//! An invocation is not repeated: nobody knows whether the function has run. Only a connection that
//! turned out closed, and on which nothing was sent, is replaced by another.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::BodyExt as _;
use listener::Body;
use model::{Function, PathTemplate, Segment};
use outbound::in_words;
use serde_json::{Map, Value};

use crate::body::Given;
use crate::denial::Denial;
use crate::headers::{self, Call, REQUEST_ID, Spoken};
use crate::record::Recorder;
use crate::service::{Member, ServiceState, UnderWay};
use crate::upstreams::{Came, Failed, FromService, Upstreams};

/// Connections that rested are tried at most so often: each may have been closed meanwhile.
const RESTED_MAX: u32 = 16;
/// Stands for the AWS account, of which there is none.
const ACCOUNT: &str = "000000000000";

const INVOCATION_TYPE: HeaderName = HeaderName::from_static("x-amz-invocation-type");
const FUNCTION_ERROR: HeaderName = HeaderName::from_static("x-amz-function-error");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Invokes the function of an admitted request's route and gives its answer, whole.
pub(crate) async fn invoke(
    upstreams: &Upstreams,
    call: Call<'_>,
    body: Given,
    recorder: &mut Recorder,
) -> Result<Response<Body>, Denial> {
    let Some((function, state)) = call.found.function() else { return Err(Denial::Forgotten) };
    let (bytes_max, within_ms) = (call.found.body_bytes_max(), call.found.timeout_ms());
    let body = body.whole(bytes_max, within_ms, recorder).await?;
    let version = if function.format_2 { lambda::Version::V2 } else { lambda::Version::V1 };
    let event = event(version, (call, state), recorder, &body)?;
    drop(body);
    let began_ns = recorder.ticks_ns();
    let timeout_ms = call.found.timeout_ms();
    let event = Bytes::from(event);
    let mut invocation = Invocation { upstreams, function, state, recorder, event, at: None };
    let timeout = Duration::from_millis(timeout_ms);
    let answered = tokio::time::timeout(timeout, invocation.until_answered()).await;
    let at = invocation.at.take();
    let now_ns = recorder.ticks_ns();
    recorder.upstream(began_ns, now_ns);
    if !matches!(&answered, Ok(Err(Denial::ServiceOut { .. }))) {
        recorder.invoked();
    }
    if let Ok(payload) = answered {
        response(call, version, &payload?)
    } else {
        if let Some(mut under_way) = at {
            under_way.failed(recorder.ticks_ns());
        }
        Err(Denial::UpstreamTimeout { timeout_ms })
    }
}

/// One invocation on its way.
struct Invocation<'a> {
    upstreams: &'a Upstreams,
    function: &'a Function,
    state: &'a Arc<ServiceState>,
    recorder: &'a Recorder,
    event: Bytes,
    /// Where the present try is: kept here so that it is known when the time is up.
    at: Option<UnderWay>,
}

/// What the runtime endpoint answered.
struct Payload {
    status: StatusCode,
    /// What `X-Amz-Function-Error` says, if it is there.
    function_error: Option<String>,
    /// At most a piece more than a function may answer.
    bytes: Vec<u8>,
}

impl Invocation<'_> {
    async fn until_answered(&mut self) -> Result<Payload, Denial> {
        let mut rested = 0;
        loop {
            let chosen = self.state.choose(self.recorder.ticks_ns(), &[]);
            let chosen = chosen
                .map_err(|out| Denial::ServiceOut { wait: Duration::from_nanos(out.wait_ns) })?;
            self.at = Some(chosen);
            let outcome = self.once().await;
            let under_way = self.at.take();
            let failed = match outcome {
                Ok(payload) => {
                    if let Some(mut under_way) = under_way {
                        under_way.succeeded(|| self.recorder.ticks_ns());
                    }
                    return Ok(payload);
                }
                Err(failed) => failed,
            };
            // It says nothing of the endpoint that it closed a connection which rested.
            if failed.reused && failed.unsent.is_some() && rested < RESTED_MAX {
                rested += 1;
                continue;
            }
            if let Some(mut under_way) = under_way {
                under_way.failed(self.recorder.ticks_ns());
            }
            return Err(*failed.denial);
        }
    }

    /// One try at the present address.
    async fn once(&self) -> Result<Payload, Failed> {
        let failed = |denial| {
            let denial = Box::new(denial);
            Failed { denial, unsent: None, reused: false, answering: false }
        };
        let Some(member) = self.at.as_ref().map(UnderWay::member) else {
            return Err(failed(Denial::Forgotten));
        };
        let request = self.request(member).map_err(failed)?;
        let line = self.upstreams.line(self.state, member, false).await.map_err(failed)?;
        match line.send(request).await? {
            Came::Answer(response) => read(response).await.map_err(failed),
            Came::Switched(..) => {
                let reason = "it changed the protocol, and nobody asked for that".to_owned();
                Err(failed(Denial::UpstreamBroke { reason }))
            }
        }
    }

    /// `Invoke` of the Lambda API, synchronous.
    fn request(&self, member: &Member) -> Result<Request<Body>, Denial> {
        let (prefix, name) = (&member.upstream.path_prefix, &self.function.name);
        let target = format!("{prefix}/2015-03-31/functions/{name}/invocations");
        let target = PathAndQuery::try_from(target)
            .map_err(|error| Denial::UpstreamUnreachable { reason: error.to_string() })?;
        let mut request = Request::new(listener::full(self.event.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = Uri::from(target);
        let headers = request.headers_mut();
        headers.insert(HOST, member.host.clone());
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(INVOCATION_TYPE, HeaderValue::from_static("RequestResponse"));
        headers.insert(REQUEST_ID, self.recorder.request_id().clone());
        if let Ok(trace) = HeaderValue::from_bytes(&self.recorder.onward().to_bytes()) {
            headers.insert(TRACEPARENT, trace);
        }
        Ok(request)
    }
}

/// Reads an answer, and stops when it is more than a function may answer.
async fn read(response: Response<FromService>) -> Result<Payload, Denial> {
    let (parts, mut body) = response.into_parts();
    let function_error = parts.headers.get(FUNCTION_ERROR);
    let function_error = function_error.map(|kind| kind.to_str().unwrap_or("Unhandled").to_owned());
    let mut payload = Payload { status: parts.status, function_error, bytes: Vec::new() };
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| Denial::UpstreamBroke { reason: in_words(&*error) })?;
        let Ok(data) = frame.into_data() else { continue };
        payload.bytes.extend_from_slice(&data);
        if payload.bytes.len() > lambda::PAYLOAD_BYTES_MAX {
            // The connection is closed with the rest of the answer on it.
            return Ok(payload);
        }
    }
    Ok(payload)
}

/// The event of a request. Its headers are those that a service would get, but for `Host`, which is
/// the one that was called.
fn event(
    version: lambda::Version,
    (call, state): (Call<'_>, &Arc<ServiceState>),
    recorder: &Recorder,
    body: &[u8],
) -> Result<Vec<u8>, Denial> {
    let Call { parts, found, admission, .. } = call;
    let (api, route) = (&found.api.api, found.route());
    let Some(member) = state.members.first() else { return Err(Denial::Forgotten) };
    let as_a_service = headers::outgoing(call, recorder, (member, Spoken::One), ())?;
    let mut told = as_a_service.into_parts().0.headers;
    match told.get(FORWARDED_HOST).cloned() {
        Some(host) => told.insert(HOST, host),
        None => told.remove(HOST),
    };
    let text = |name: HeaderName| told.get(name).and_then(|value| value.to_str().ok());
    let lines = told.iter().map(|(name, value)| (name.as_str(), value.as_bytes()));
    let lines: Vec<(&str, &[u8])> = lines.collect();
    let path = found.path(parts.uri.path());
    let path_parameters = path_parameters(&route.path, path);
    let source_ip = recorder.address().to_string();
    let claims = admission.token().and_then(claims);
    let scopes: Vec<&str> = route.scopes.iter().map(String::as_str).collect();
    let event = lambda::Call {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        path_in_api: path,
        route: route.path.as_str(),
        route_method: route.method.map(model::Method::as_str),
        path_parameters: &path_parameters,
        query: parts.uri.query().unwrap_or_default(),
        headers: &lines,
        body,
        source_ip: &source_ip,
        user_agent: text(USER_AGENT),
        request_id: recorder.request_id().to_str().unwrap_or_default(),
        received_ms: recorder.at().ms(),
        protocol: protocol(parts.version),
        domain_name: domain(text(HOST).unwrap_or_default()),
        account_id: ACCOUNT,
        api_id: &api.name,
        resource_id: None,
        stage: stage(&api.base_path),
        stage_variables: &[],
        api_key_id: admission.key().map(|key| key.id.as_str()),
        authorizer: claims.as_ref().map(|claims| lambda::Authorizer { claims, scopes: &scopes }),
    };
    lambda::event(version, &event).map_err(|_| Denial::EventTooLarge)
}

/// What a token says, as members.
fn claims(token: &jwt::AccessToken) -> Option<Map<String, Value>> {
    match serde_json::to_value(token) {
        Ok(Value::Object(claims)) => Some(claims),
        _ => None,
    }
}

/// The parameters of a path that the route was found by, as they stand in it.
fn path_parameters<'a>(template: &'a PathTemplate, path: &'a str) -> Vec<(&'a str, &'a str)> {
    let mut rest = path.strip_prefix('/').unwrap_or(path);
    let mut parameters = Vec::new();
    for segment in template.segments() {
        let (here, after) = rest.split_once('/').unwrap_or((rest, ""));
        match segment {
            Segment::Literal(_) => {}
            Segment::Parameter(name) => parameters.push((name.as_str(), here)),
            Segment::Rest(name) => parameters.push((name.as_str(), rest)),
        }
        rest = after;
    }
    parameters
}

/// The version of HTTP as an event spells it.
fn protocol(version: Version) -> &'static str {
    match version {
        Version::HTTP_2 => "HTTP/2.0",
        Version::HTTP_10 => "HTTP/1.0",
        _ => "HTTP/1.1",
    }
}

/// A host without its port.
fn domain(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    }
}

/// The stage that a base path stands for.
fn stage(base_path: &str) -> &str {
    match base_path.trim_start_matches('/') {
        "" => "$default",
        stage => stage,
    }
}

/// The response that an answer is.
fn response(
    call: Call<'_>,
    version: lambda::Version,
    payload: &Payload,
) -> Result<Response<Body>, Denial> {
    let failed = |reason: String| Denial::FunctionFailed { reason };
    if payload.status != StatusCode::OK {
        return Err(failed(format!("the runtime endpoint answered {}", payload.status)));
    }
    let answer = lambda::answer(version, &payload.bytes, payload.function_error.as_deref())
        .map_err(|bad| failed(bad.to_string()))?;
    let status = StatusCode::from_u16(answer.status).map_err(|error| failed(error.to_string()))?;
    let length = answer.body.len();
    // RFC 9110 §9.3.2: the answer to HEAD says what GET's would be, and has no body.
    let is_head = call.parts.method == Method::HEAD;
    let body = if is_head { listener::empty() } else { listener::full(answer.body) };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    for (name, value) in &answer.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_bytes(value.as_bytes());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    headers::incoming(headers, call.found, Version::HTTP_11);
    if is_head && length > 0 {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_taken_as_they_stand_in_the_path() {
        for (template, path, expected) in [
            ("/", "/", vec![]),
            ("/orders", "/orders", vec![]),
            ("/orders/{id}", "/orders/a%20b", vec![("id", "a%20b")]),
            ("/orders/{id}/items/{n}", "/orders/7/items/3", vec![("id", "7"), ("n", "3")]),
            ("/files/{rest+}", "/files/a/b%2Fc/d", vec![("rest", "a/b%2Fc/d")]),
            ("/{rest+}", "/a/", vec![("rest", "a/")]),
        ] {
            let template = PathTemplate::parse(template).unwrap();
            assert_eq!(path_parameters(&template, path), expected, "{path}");
        }
    }

    #[test]
    fn hosts_stages_and_versions_are_spelt_as_in_an_event() {
        for (host, name) in [
            ("api.example:7400", "api.example"),
            ("api.example", "api.example"),
            ("[::1]:80", "[::1]"),
            ("[::1]", "[::1]"),
            ("", ""),
        ] {
            assert_eq!(domain(host), name);
        }
        for (base_path, name) in [("", "$default"), ("/prod", "prod"), ("/a/b", "a/b")] {
            assert_eq!(stage(base_path), name);
        }
        assert_eq!(protocol(Version::HTTP_2), "HTTP/2.0");
        assert_eq!(protocol(Version::HTTP_11), "HTTP/1.1");
    }
}
