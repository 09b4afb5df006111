//! The head of a message on its way on: what stays, what goes, what is put on (RFC 9110 §7.6).

use std::net::{IpAddr, Ipv6Addr};

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, FORWARDED, HOST, MAX_FORWARDS, TE, TRAILER,
    UPGRADE, VIA,
};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};
use http1::{Frame, Framing};
use listener::{CallerScheme, Peer, Told};

use crate::checks::Admission;
use crate::checks::proof::DPOP;
use crate::denial::Denial;
use crate::record::Recorder;
use crate::routes::Found;
use crate::service::Member;

/// What we call ourselves in `Via` (RFC 9110 §7.6.3).
fn via(version: Version) -> HeaderValue {
    HeaderValue::from_static(match version {
        Version::HTTP_2 => "2.0 gatepost",
        Version::HTTP_10 => "1.0 gatepost",
        _ => "1.1 gatepost",
    })
}

const PARTNER: HeaderName = HeaderName::from_static("gatepost-partner");
const CLIENT: HeaderName = HeaderName::from_static("gatepost-client");
const KEY_ID: HeaderName = HeaderName::from_static("gatepost-api-key-id");
const SCOPES: HeaderName = HeaderName::from_static("gatepost-scopes");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// Room for what we put on.
const OURS: usize = 14;

/// Which HTTP a service is spoken to in, and what for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spoken {
    One,
    Two,
    /// HTTP/1.1, to change to another protocol.
    Upgrade,
}

/// A call on its way to a service.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    pub(crate) parts: &'a Parts,
    pub(crate) found: &'a Found,
    pub(crate) admission: &'a Admission,
    pub(crate) peer: &'a Peer,
}

/// Where the fields of a head go.
trait Sink {
    /// One more line.
    fn put(&mut self, name: HeaderName, value: &HeaderValue);

    /// One more line, if the text may be a value.
    fn put_text(&mut self, name: HeaderName, value: &str);
}

impl Sink for HeaderMap {
    fn put(&mut self, name: HeaderName, value: &HeaderValue) {
        self.append(name, value.clone());
    }

    fn put_text(&mut self, name: HeaderName, value: &str) {
        if let Ok(value) = HeaderValue::from_str(value) {
            self.append(name, value);
        }
    }
}

/// A head in HTTP/1.1, written at once.
struct Lines<'a> {
    out: &'a mut Vec<u8>,
    /// `Content-Length`, if there is one.
    length: Option<u64>,
}

impl Sink for Lines<'_> {
    fn put(&mut self, name: HeaderName, value: &HeaderValue) {
        if name == CONTENT_LENGTH {
            self.length = value.to_str().ok().and_then(|length| length.parse().ok());
        }
        http1::field(self.out, &name, value.as_bytes());
    }

    fn put_text(&mut self, name: HeaderName, value: &str) {
        let may_stand = |byte: u8| (byte >= b' ' && byte != 0x7f) || byte == b'\t';
        if value.bytes().all(may_stand) {
            http1::field(self.out, &name, value.as_bytes());
        }
    }
}

/// Writes the head of the request as the service gets it, in HTTP/1.1, and says how its body of so
/// many bytes, if that is known, is framed. Made anew for each try, so that one that failed can be
/// followed by another.
pub(crate) fn write(
    call: Call<'_>,
    recorder: &Recorder,
    (member, spoken): (&Member, Spoken),
    (out, length): (&mut Vec<u8>, Option<u64>),
) -> Result<Framing, Denial> {
    let Call { parts, found, .. } = call;
    if !found.api.request_headers.set.is_empty() {
        // What replaces a field must know the others.
        let request = outgoing(call, recorder, (member, spoken), ())?;
        let target = request.uri().path_and_query().map_or("/", PathAndQuery::as_str);
        let frame = Frame::of_request(request.headers(), length);
        http1::request_head(out, (request.method(), target), request.headers(), frame);
        return Ok(frame.framing);
    }
    let (path, query) = (found.path(parts.uri.path()), parts.uri.query());
    let path_prefix = member.upstream.path_prefix.as_str();
    match query {
        None => http1::request_line(out, &parts.method, &[path_prefix, path]),
        Some(query) => http1::request_line(out, &parts.method, &[path_prefix, path, "?", query]),
    }
    let mut lines = Lines { out, length: None };
    fill(call, recorder, (member, spoken), &mut lines);
    let frame = Frame::of_length(lines.length, length);
    frame.end_head(lines.out);
    Ok(frame.framing)
}

/// The request as the service gets it. Made anew for each try, so that one that failed can be
/// followed by another.
pub(crate) fn outgoing<B>(
    call: Call<'_>,
    recorder: &Recorder,
    (member, spoken): (&Member, Spoken),
    body: B,
) -> Result<Request<B>, Denial> {
    let Call { parts, found, .. } = call;
    let mut headers = HeaderMap::with_capacity(parts.headers.len() + OURS);
    fill(call, recorder, (member, spoken), &mut headers);
    for (name, value) in &found.api.request_headers.set {
        headers.insert(name.clone(), value.clone());
    }
    let path = target(member, found.path(parts.uri.path()), parts.uri.query())?;
    let (uri, version) = match spoken {
        Spoken::Two => (absolute(&member.upstream.authority, path)?, Version::HTTP_2),
        Spoken::One | Spoken::Upgrade => (Uri::from(path), Version::HTTP_11),
    };
    let mut request = Request::new(body);
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = uri;
    *request.version_mut() = version;
    *request.headers_mut() = headers;
    Ok(request)
}

/// All fields, but for what the API's file sets. None of ours is among those that are kept.
fn fill(
    call: Call<'_>,
    recorder: &Recorder,
    (member, spoken): (&Member, Spoken),
    sink: &mut impl Sink,
) {
    let Call { parts, admission, peer, .. } = call;
    if spoken != Spoken::Two {
        sink.put(HOST, &member.host);
    }
    keep(call, sink);
    // gRPC services answer nobody who does not take trailers.
    if spoken == Spoken::Two && says(&parts.headers, &TE, "trailers") {
        sink.put(TE, &HeaderValue::from_static("trailers"));
    }
    // Whatever else the caller would speak: this alone is carried.
    if spoken == Spoken::Upgrade {
        sink.put_text(UPGRADE, "websocket");
        sink.put_text(CONNECTION, "upgrade");
    }
    identify(sink, admission, recorder);
    // RFC 9112 §3.2.2: what stands in the target comes before what stands in Host.
    let authority = parts.uri.authority();
    let host = authority.and_then(|authority| {
        let (_, host) = authority.as_str().rsplit_once('@').unwrap_or(("", authority.as_str()));
        HeaderValue::from_str(host).ok()
    });
    let host = host.as_ref().or_else(|| parts.headers.get(HOST));
    origin(sink, (parts, peer), recorder.address(), host);
    sink.put(VIA, &via(parts.version));
    if parts.method == Method::OPTIONS
        && let Some(hops) = max_forwards(&parts.headers)
    {
        sink.put(MAX_FORWARDS, &HeaderValue::from(hops.saturating_sub(1)));
    }
}

/// Copies what may go on.
fn keep(call: Call<'_>, sink: &mut impl Sink) {
    let api = &call.found.api;
    let parts = call.parts;
    let named = Named::of(&parts.headers);
    let counts_hops = parts.method == Method::OPTIONS && max_forwards(&parts.headers).is_some();
    let mut cookies: Option<Vec<u8>> = None;
    let split = parts.headers.get_all(COOKIE).iter().nth(1).is_some();
    for (name, value) in &parts.headers {
        if is_ours(name.as_str())
            // What would follow is not taken in HTTP/1.1.
            || (*name == TRAILER && parts.version != Version::HTTP_2)
            || named.has(name)
            || *name == api.key_header
            || (*name == AUTHORIZATION && !api.api.forward_token)
            || (*name == DPOP && !api.api.forward_token)
            || (counts_hops && *name == MAX_FORWARDS)
            || api.request_headers.remove.contains(name)
        {
            continue;
        }
        if split && *name == COOKIE {
            // RFC 9113 §8.2.3: HTTP/2 may split it, HTTP/1.1 may not.
            let joined = cookies.get_or_insert_with(Vec::new);
            if !joined.is_empty() {
                joined.extend_from_slice(b"; ");
            }
            joined.extend_from_slice(value.as_bytes());
            continue;
        }
        sink.put(name.clone(), value);
    }
    if let Some(joined) = cookies.and_then(|joined| HeaderValue::from_bytes(&joined).ok()) {
        sink.put(COOKIE, &joined);
    }
}

/// Whether a caller's field never goes on: it concerns one connection only (RFC 9110 §7.6.1), or
/// says what only we may say. Some servers hand `_` and `-` on as the same letter (CGI, WSGI), so
/// both spellings are ours.
fn is_ours(name: &str) -> bool {
    match name {
        "connection"
        | "keep-alive"
        | "proxy-authenticate"
        | "proxy-authorization"
        | "proxy-connection"
        | "transfer-encoding"
        | "upgrade"
        | "te"
        | "expect"
        | "host"
        | "forwarded"
        | "x-request-id"
        | "traceparent"
        | "x-real-ip"
        | "x-api-key"
        // RFC 9440 §2.4: a service that believed it would believe whoever sends it.
        | "client-cert"
        | "client-cert-chain"
        | "http2-settings" => true,
        name if name.starts_with("x-forwarded-") || name.starts_with("gatepost-") => true,
        name if name.contains('_') => {
            let name = name.replace('_', "-");
            name.contains("forwarded") || is_ours(&name)
        }
        _ => false,
    }
}

/// The fields that `Connection` names.
struct Named(Vec<HeaderName>);

impl Named {
    fn of(headers: &HeaderMap) -> Self {
        let mut named = Vec::new();
        for value in headers.get_all(CONNECTION) {
            let bytes = value.as_bytes();
            // What nearly every message says names nothing that is not dropped anyway.
            if bytes.eq_ignore_ascii_case(b"keep-alive") || bytes.eq_ignore_ascii_case(b"close") {
                continue;
            }
            let names = bytes.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
            named.extend(names.filter_map(|name| HeaderName::from_bytes(name).ok()));
        }
        // A caller must not name a field away that the message's form hangs on.
        named.retain(|name: &HeaderName| *name != CONTENT_LENGTH && *name != HOST);
        Self(named)
    }

    fn has(&self, name: &HeaderName) -> bool {
        !self.0.is_empty() && self.0.contains(name)
    }
}

/// How many more times an OPTIONS may be forwarded (RFC 9110 §7.6.2).
pub(crate) fn max_forwards(headers: &HeaderMap) -> Option<u64> {
    headers.get(MAX_FORWARDS)?.to_str().ok()?.parse().ok()
}

/// Whether an OPTIONS is to be answered here and not forwarded.
pub(crate) fn ends_here<B>(request: &Request<B>) -> bool {
    request.method() == Method::OPTIONS && max_forwards(request.headers()) == Some(0)
}

/// Whether a text is a host with or without a port, and nothing else (RFC 9110 §7.2).
pub(crate) fn is_host(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };
    let port_fits = port.is_none_or(|port| port.is_empty() || port.parse::<u16>().is_ok());
    let fits = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|v6| v6.parse::<Ipv6Addr>().is_ok()),
        None => host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~%!$&'()*+;=".contains(&b)),
    };
    port_fits && fits
}

/// Whether a list-valued field has an element.
pub(crate) fn says(headers: &HeaderMap, name: &HeaderName, word: &str) -> bool {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let mut words = values.flat_map(|value| value.split(','));
    words.any(|element| {
        let element = element.split(';').next().unwrap_or_default();
        element.trim().eq_ignore_ascii_case(word)
    })
}

/// Tells the service who calls.
fn identify(sink: &mut impl Sink, admission: &Admission, recorder: &Recorder) {
    if let Some(partner) = admission.partner() {
        sink.put_text(PARTNER, partner);
    }
    if let Some(token) = admission.token() {
        sink.put_text(CLIENT, &token.client_id);
        sink.put_text(SCOPES, &token.scope);
    }
    if let Some(key) = admission.key() {
        sink.put(KEY_ID, &key.id_value);
    }
    sink.put(REQUEST_ID, recorder.request_id());
    let trace = recorder.onward().to_bytes();
    if let Ok(trace) = std::str::from_utf8(&trace) {
        sink.put_text(TRACEPARENT, trace);
    }
}

/// Tells the service where the call came from (RFC 7239, and the older fields).
fn origin(
    sink: &mut impl Sink,
    (parts, peer): (&Parts, &Peer),
    address: IpAddr,
    host: Option<&HeaderValue>,
) {
    let caller = parts.extensions.get::<CallerScheme>();
    let scheme = caller.map_or_else(|| peer.scheme(), |caller| caller.0);
    let anew;
    let told = if peer.address.ip().to_canonical() == address && scheme == peer.scheme() {
        &peer.told
    } else {
        anew = Told::of(address, scheme);
        &anew
    };
    sink.put(FORWARDED, &told.forwarded);
    sink.put(FORWARDED_FOR, &told.address);
    sink.put_text(FORWARDED_PROTO, scheme);
    if let Some(host) = host {
        sink.put(FORWARDED_HOST, host);
    }
}

fn target(member: &Member, path: &str, query: Option<&str>) -> Result<PathAndQuery, Denial> {
    let prefix = &member.upstream.path_prefix;
    let length = prefix.len() + path.len() + query.map_or(0, |query| query.len() + 1);
    let mut whole = String::with_capacity(length);
    whole.push_str(prefix);
    whole.push_str(path);
    if let Some(query) = query {
        whole.push('?');
        whole.push_str(query);
    }
    PathAndQuery::try_from(whole)
        .map_err(|error| Denial::UpstreamUnreachable { reason: error.to_string() })
}

fn absolute(authority: &str, path: PathAndQuery) -> Result<Uri, Denial> {
    let failed = |reason: String| Denial::UpstreamUnreachable { reason };
    let mut parts = http::uri::Parts::default();
    let authority: Result<Authority, _> = authority.parse();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(authority.map_err(|error| failed(error.to_string()))?);
    parts.path_and_query = Some(path);
    Uri::from_parts(parts).map_err(|error| failed(error.to_string()))
}

/// The service's answer as the partner gets it.
pub(crate) fn incoming(headers: &mut HeaderMap, found: &Found, version: Version) {
    let named = Named::of(headers);
    if headers.keys().any(|name| is_hop(name.as_str())) || !named.0.is_empty() {
        let gone: Vec<HeaderName> = headers
            .keys()
            .filter(|name| is_hop(name.as_str()) || named.has(name))
            .cloned()
            .collect();
        for name in gone {
            headers.remove(name);
        }
    }
    headers.append(VIA, via(version));
    let rules = &found.api.response_headers;
    for name in &rules.remove {
        headers.remove(name);
    }
    for (name, value) in &rules.set {
        headers.insert(name.clone(), value.clone());
    }
}

/// Fields of an answer that concern one connection only (RFC 9110 §7.6.1).
fn is_hop(name: &str) -> bool {
    matches!(
        name,
        "connection"
            | "keep-alive"
            | "proxy-authenticate"
            | "proxy-connection"
            | "proxy-authentication-info"
            | "transfer-encoding"
            | "upgrade"
            | "te"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_we_may_say_is_taken_off_in_every_spelling() {
        for name in [
            "connection",
            "transfer-encoding",
            "forwarded",
            "x-forwarded-for",
            "x_forwarded_for",
            "x-forwarded_for",
            "gatepost-partner",
            "gatepost_partner",
            "x-request-id",
            "x_real_ip",
            "traceparent",
            "x_api_key",
            "client-cert",
            "client_cert_chain",
            "host",
            "expect",
        ] {
            assert!(is_ours(name), "{name}");
        }
        for name in ["content-length", "accept", "x-custom", "snake_case", "trailer", "cookie"] {
            assert!(!is_ours(name), "{name}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address_and_a_port() {
        for host in ["gate", "gate:80", "gate:", "", "10.0.0.1:8080", "[::1]", "[::1]:80"] {
            assert!(is_host(host.as_bytes()), "{host}");
        }
        for host in
            ["gate, other", "u@gate", "gate:8a", "gate:80:81", "gate/t", "gate?x", "ga te", "[::1"]
        {
            assert!(!is_host(host.as_bytes()), "{host}");
        }
        assert!(!is_host(b"g\xe4te"));
    }

    #[test]
    fn a_list_is_looked_through() {
        let mut headers = HeaderMap::new();
        headers.append(TE, HeaderValue::from_static("gzip;q=0.5, Trailers"));
        assert!(says(&headers, &TE, "trailers") && !says(&headers, &TE, "deflate"));
    }
}
