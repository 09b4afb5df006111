//! Getting an issuer's keys: at the address that is configured, or where its metadata say they are
//! (`OpenID` Connect Discovery 1.0 §4, RFC 8414 §3).
//!
//! Every call passes the outbound guard, is bounded in time and size and follows no redirect. Keys
//! that came unencrypted are believed only of machines that are near: whoever can change them on
//! their way can sign any token.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, HOST, USER_AGENT};
use http::uri::PathAndQuery;
use http::{HeaderValue, Request, Uri};
use http_body_util::Full;
use jwt::{KeySet, SET_BYTES_MAX, SetError};
use model::IpNet;
use serde_json::Value;
use tokio_util::task::TaskTracker;

use super::refresh::fresh_ms;
use crate::{Answer, Bounds, Guard, Origin, Pool, Unanswered, send_whole};

/// How long one call may take in all; there are three at the most.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What we call ourselves.
const USER_AGENT_VALUE: &str = concat!("Gatepost/", env!("CARGO_PKG_VERSION"));

/// Where somebody's keys are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The issuer whose metadata name the address, where none is given here.
    pub issuer: String,
    /// The address of the keys.
    pub jwks_url: Option<String>,
    /// Private ranges that they, and the metadata, may be in.
    pub allow_private: Vec<IpNet>,
}

/// Keys, and for how long they are fresh by their owner's word.
#[derive(Debug)]
pub struct Got {
    /// The keys.
    pub keys: KeySet,
    /// In milliseconds, if it was said.
    pub fresh_ms: Option<u64>,
}

/// Why there are no keys.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Their address is none that can be called.
    #[error("the address of the keys is no http or https URL")]
    Url,
    /// No answer.
    #[error("no answer from {url}")]
    Unanswered {
        /// What was asked.
        url: String,
        /// Why there is none.
        source: Box<Unanswered>,
    },
    /// Another answer than 200.
    #[error("{url} answered {status}")]
    Status {
        /// What was asked.
        url: String,
        /// The answer's status.
        status: u16,
    },
    /// An answer that is longer than any set.
    #[error("{url} answered with more than 256 KiB")]
    TooLong {
        /// What was asked.
        url: String,
    },
    /// An answer that anybody on its way could have changed.
    #[error(
        "{url} answered unencrypted from {peer}, which is neither loopback nor in `allow_private`"
    )]
    InClear {
        /// What was asked.
        url: String,
        /// Who answered.
        peer: SocketAddr,
    },
    /// Metadata that do not lead to keys.
    #[error("the metadata at {url} cannot be used: {reason}")]
    Metadata {
        /// Where they are.
        url: String,
        /// What is wrong with them.
        reason: &'static str,
    },
    /// An answer that is no set of keys.
    #[error("the keys at {url} cannot be used")]
    Keys {
        /// Where they are.
        url: String,
        /// What is wrong with them.
        source: SetError,
    },
}

/// Gets somebody's keys.
pub async fn fetch(place: &Place, tracker: &TaskTracker) -> Result<Got, FetchError> {
    let url = match &place.jwks_url {
        Some(url) => url.parse::<Uri>().map_err(|_| FetchError::Url)?,
        None => discover(place, tracker).await?,
    };
    let answer = ask(&url, place, tracker).await?;
    let fresh_ms = fresh_ms(&answer.headers);
    match KeySet::parse(&answer.body) {
        Ok(keys) => Ok(Got { keys, fresh_ms }),
        Err(source) => Err(FetchError::Keys { url: url.to_string(), source }),
    }
}

/// Where the issuer's metadata say that its keys are.
async fn discover(place: &Place, tracker: &TaskTracker) -> Result<Uri, FetchError> {
    let mut failed = None;
    for url in metadata_urls(&place.issuer) {
        let address = url.parse::<Uri>().map_err(|_| FetchError::Url)?;
        let found = match ask(&address, place, tracker).await {
            Ok(answer) => jwks_uri(&answer.body, &place.issuer)
                .map_err(|reason| FetchError::Metadata { url, reason }),
            Err(error) => Err(error),
        };
        match found {
            Ok(found) => return Ok(found),
            // A document that is there says more than one that is not.
            Err(error) if failed.is_none() || matches!(error, FetchError::Metadata { .. }) => {
                failed = Some(error);
            }
            Err(_) => {}
        }
    }
    Err(failed.unwrap_or(FetchError::Url))
}

/// `OpenID` Connect Discovery 1.0 §4 puts the well-known part behind the issuer's path, RFC 8414
/// §3.1 before it.
fn metadata_urls(issuer: &str) -> [String; 2] {
    let issuer = issuer.trim_end_matches('/');
    let host = issuer.find("://").map_or(0, |at| at + 3);
    let path = issuer.get(host..).and_then(|rest| rest.find('/'));
    let (origin, path) = issuer.split_at(path.map_or(issuer.len(), |at| host + at));
    [
        format!("{issuer}/.well-known/openid-configuration"),
        format!("{origin}/.well-known/oauth-authorization-server{path}"),
    ]
}

fn jwks_uri(metadata: &[u8], issuer: &str) -> Result<Uri, &'static str> {
    let metadata = serde_json::from_slice::<Value>(metadata);
    let metadata = metadata.map_err(|_| "it is no JSON document")?;
    // OpenID Connect Discovery 1.0 §4.3, RFC 8414 §3.3: identical, or it is somebody else's.
    if metadata["issuer"].as_str() != Some(issuer) {
        return Err("its `issuer` is not the configured one, byte for byte");
    }
    let url = metadata["jwks_uri"].as_str().ok_or("it has no `jwks_uri`")?;
    url.parse::<Uri>().map_err(|_| "its `jwks_uri` is no URL")
}

/// One GET.
async fn ask(url: &Uri, place: &Place, tracker: &TaskTracker) -> Result<Answer, FetchError> {
    let origin = Origin::of(url).ok_or(FetchError::Url)?;
    let guard = Guard::Public { allow: place.allow_private.clone() };
    // No connection is kept: the next call is minutes away.
    let pool = Pool::new(origin, guard, 0, tracker.clone());
    let request = request(url, &pool.origin().authority())?;
    let bounds = Bounds { answer_bytes_max: SET_BYTES_MAX + 1, ..Bounds::within(TIMEOUT) };
    let text = || url.to_string();
    let answer = match send_whole(&pool, request, bounds).await {
        Ok(answer) => answer,
        Err(source) => {
            return Err(FetchError::Unanswered { url: text(), source: Box::new(source) });
        }
    };
    if url.scheme_str() == Some("http") && !is_near(answer.peer.ip(), &place.allow_private) {
        return Err(FetchError::InClear { url: text(), peer: answer.peer });
    }
    let status = answer.status.as_u16();
    if status != 200 {
        return Err(FetchError::Status { url: text(), status });
    }
    if answer.body.len() > SET_BYTES_MAX {
        return Err(FetchError::TooLong { url: text() });
    }
    Ok(answer)
}

fn request(url: &Uri, authority: &str) -> Result<Request<Full<Bytes>>, FetchError> {
    let target = url.path_and_query().map_or("/", PathAndQuery::as_str);
    let mut request = Request::new(Full::default());
    *request.uri_mut() = target.parse::<Uri>().map_err(|_| FetchError::Url)?;
    let host = HeaderValue::from_str(authority).map_err(|_| FetchError::Url)?;
    let headers = request.headers_mut();
    headers.insert(HOST, host);
    headers.insert(ACCEPT, HeaderValue::from_static("application/jwk-set+json, application/json"));
    headers.insert(USER_AGENT, HeaderValue::from_static(USER_AGENT_VALUE));
    Ok(request)
}

/// Whether what comes unencrypted from there is believed.
fn is_near(peer: IpAddr, allow_private: &[IpNet]) -> bool {
    let peer = peer.to_canonical();
    peer.is_loopback() || allow_private.iter().any(|range| range.contains(&peer))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_are_looked_for_at_both_places() {
        for (issuer, openid, oauth) in [
            (
                "https://a.example",
                "https://a.example/.well-known/openid-configuration",
                "https://a.example/.well-known/oauth-authorization-server",
            ),
            (
                "https://a.example/",
                "https://a.example/.well-known/openid-configuration",
                "https://a.example/.well-known/oauth-authorization-server",
            ),
            (
                "https://a.example:8443/t/v2.0",
                "https://a.example:8443/t/v2.0/.well-known/openid-configuration",
                "https://a.example:8443/.well-known/oauth-authorization-server/t/v2.0",
            ),
        ] {
            assert_eq!(metadata_urls(issuer), [openid, oauth], "{issuer}");
        }
    }

    #[test]
    fn metadata_of_somebody_else_are_not_used() {
        let read = |text: &str| jwks_uri(text.as_bytes(), "https://a.example");
        let good = r#"{"issuer":"https://a.example","jwks_uri":"https://b.example/k?v=1"}"#;
        assert_eq!(read(good).unwrap(), "https://b.example/k?v=1");
        for (text, reason) in [
            ("", "it is no JSON document"),
            ("<html>", "it is no JSON document"),
            ("[]", "its `issuer` is not the configured one, byte for byte"),
            (
                r#"{"issuer":"https://a.example/","jwks_uri":"https://a.example/k"}"#,
                "its `issuer` is not the configured one, byte for byte",
            ),
            (r#"{"issuer":"https://a.example"}"#, "it has no `jwks_uri`"),
            (r#"{"issuer":"https://a.example","jwks_uri":"a b"}"#, "its `jwks_uri` is no URL"),
        ] {
            assert_eq!(read(text).unwrap_err(), reason, "{text}");
        }
    }

    #[test]
    fn keys_in_clear_are_believed_of_near_machines_only() {
        let allow: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap()];
        for (peer, near) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.1.2.3", true),
            ("192.168.1.1", false),
            ("8.8.8.8", false),
            ("2001:4860:4860::8888", false),
        ] {
            assert_eq!(is_near(peer.parse().unwrap(), &allow), near, "{peer}");
        }
    }
}
