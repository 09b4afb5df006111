//! The request for a token (RFC 6749 §4.4.2), with a proof of who asks and, if tokens are bound to a
//! key, a proof of possession.

use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};

use crate::answer::{ErrorCode, Token, read_granted, read_refusal};
use crate::assertion::{self, ASSERTION_TYPE, Assertion};
use crate::error::{Cause, Error};
use crate::form::{basic_authorization, encoded};
use crate::settings::{ClientAuth, Settings};
use crate::{Ask, BoxFuture, Proving, Secret, Transport, World};

/// What we call ourselves.
const USER_AGENT_VALUE: &str = concat!("gatepost-client/", env!("CARGO_PKG_VERSION"));
/// The header of a proof of possession (RFC 9449 §4.1).
const DPOP: HeaderName = HeaderName::from_static("dpop");
/// The header by which a server gives its nonce (RFC 9449 §8).
const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
/// The longest nonce that is kept.
const NONCE_BYTES_MAX: usize = 1_024;

/// Asks one token endpoint for the token of one client.
pub(crate) struct Endpoint {
    pub(crate) settings: Settings,
    pub(crate) transport: Arc<dyn Transport>,
    world: World,
    /// The nonce that each server gave last: the token endpoint's, and with its authority that of
    /// the API called last.
    nonces: Mutex<Nonces>,
}

#[derive(Default)]
struct Nonces {
    endpoint: Option<String>,
    api: Option<(String, String)>,
}

impl Endpoint {
    pub(crate) fn new(settings: Settings, transport: Arc<dyn Transport>, world: World) -> Self {
        Self { settings, transport, world, nonces: Mutex::default() }
    }

    async fn exchange(&self) -> Result<Token, Error> {
        let mut answer = self.send().await?;
        // RFC 9449 §8: with the nonce it goes, so once more.
        if self.wants_nonce(&answer) {
            answer = self.send().await?;
        }
        if !answer.status().is_success() {
            return Err(Error::Refused(read_refusal(answer.status().as_u16(), answer.body())));
        }
        let granted = read_granted(answer.body(), self.settings.kind())?;
        let mut chance = [0; 2];
        self.world.random.fill(&mut chance);
        let chance = u16::from_le_bytes(chance);
        Ok(granted.at(self.world.clock.now_ms(), self.settings.renewal, chance))
    }

    async fn send(&self) -> Result<Response<Bytes>, Error> {
        let answer = self.transport.send(self.request()?).await;
        let answer = answer.map_err(|error| Error::Unanswered(Cause::from(error)))?;
        if let Some(nonce) = nonce_of(&answer) {
            self.nonces.lock().unwrap_or_else(PoisonError::into_inner).endpoint = Some(nonce);
        }
        Ok(answer)
    }

    fn wants_nonce(&self, answer: &Response<Bytes>) -> bool {
        let status = answer.status();
        self.settings.prover.is_some()
            && status == StatusCode::BAD_REQUEST
            && nonce_of(answer).is_some()
            && read_refusal(status.as_u16(), answer.body()).code == ErrorCode::UseDpopNonce
    }

    fn request(&self) -> Result<Request<Bytes>, Error> {
        let settings = &self.settings;
        let plain = |text: &str| Secret::new(text.to_owned());
        let mut form = vec![("grant_type", plain("client_credentials"))];
        form.extend(settings.scope.as_deref().map(|scope| ("scope", plain(scope))));
        form.extend(settings.resource.as_deref().map(|resource| ("resource", plain(resource))));
        let mut authorization = None;
        match &settings.auth {
            ClientAuth::Basic(secret) => {
                let secret = secret.read().map_err(Error::proof)?;
                let value = basic_authorization(&settings.client_id, secret.expose());
                authorization = Some(sensitive(&value, "the client's secret")?);
            }
            ClientAuth::Post(secret) => {
                form.push(("client_id", plain(&settings.client_id)));
                form.push(("client_secret", secret.read().map_err(Error::proof)?));
            }
            ClientAuth::PrivateKey(signer) => {
                let assertion = Assertion {
                    client_id: &settings.client_id,
                    audience: &settings.audience,
                    id: &self.id(),
                    now_s: self.now_s(),
                };
                let assertion = assertion::sign(&assertion, &**signer).map_err(Error::proof)?;
                form.push(("client_id", plain(&settings.client_id)));
                form.push(("client_assertion_type", plain(ASSERTION_TYPE)));
                form.push(("client_assertion", assertion));
            }
            // RFC 8705 §2: the certificate says who it is only together with the id.
            ClientAuth::Tls => form.push(("client_id", plain(&settings.client_id))),
        }
        let body = encoded(form.iter().map(|(name, value)| (*name, value.expose())));
        let mut request = Request::new(Bytes::copy_from_slice(body.as_bytes()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = settings.token_url.clone();
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(USER_AGENT, HeaderValue::from_static(USER_AGENT_VALUE));
        headers.extend(authorization.map(|value| (AUTHORIZATION, value)));
        let nonce = self.nonces.lock().unwrap_or_else(PoisonError::into_inner).endpoint.clone();
        self.prove(&mut request, None, nonce.as_deref())?;
        Ok(request)
    }

    /// The request to an API, with the token and, if it is bound to a key, the proof.
    pub(crate) fn with_token(
        &self,
        request: &Request<Bytes>,
        token: &Token,
    ) -> Result<Request<Bytes>, Error> {
        let mut request = request.clone();
        let scheme = self.settings.kind().as_str();
        let value = Secret::new(format!("{scheme} {}", token.value.expose()));
        let value = sensitive(value.expose(), "the token")?;
        request.headers_mut().insert(AUTHORIZATION, value);
        let nonce = {
            let nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
            let api = nonces.api.as_ref();
            api.filter(|(api, _)| *api == authority(request.uri())).map(|(_, nonce)| nonce.clone())
        };
        self.prove(&mut request, Some(token), nonce.as_deref())?;
        Ok(request)
    }

    /// Keeps the nonce of an API's answer; whether the request is to be made again with it.
    pub(crate) fn takes_nonce(&self, uri: &Uri, answer: &Response<Bytes>) -> bool {
        let Some(nonce) = nonce_of(answer).filter(|_| self.settings.prover.is_some()) else {
            return false;
        };
        let mut nonces = self.nonces.lock().unwrap_or_else(PoisonError::into_inner);
        nonces.api = Some((authority(uri), nonce));
        // RFC 9449 §9: the challenge says so, and only then is the token itself not at fault.
        let challenges = answer.headers().get_all(http::header::WWW_AUTHENTICATE).iter();
        let mut challenges = challenges.filter_map(|value| value.to_str().ok());
        answer.status() == StatusCode::UNAUTHORIZED
            && challenges.any(|text| text.contains("use_dpop_nonce"))
    }

    fn prove(
        &self,
        request: &mut Request<Bytes>,
        token: Option<&Token>,
        nonce: Option<&str>,
    ) -> Result<(), Error> {
        let Some(prover) = &self.settings.prover else { return Ok(()) };
        let uri = request.uri();
        let scheme = uri.scheme_str().unwrap_or_default();
        let url = format!("{scheme}://{}{}", authority(uri), uri.path());
        let about = Proving {
            method: request.method().as_str(),
            url: &url,
            token: token.map(|token| token.value.expose()),
            nonce,
            now_s: self.now_s(),
            id: &self.id(),
        };
        let proof = prover.prove(&about).map_err(Error::proof)?;
        let proof = sensitive(&proof, "the proof of possession")?;
        request.headers_mut().insert(DPOP, proof);
        Ok(())
    }

    /// A name that is never used twice.
    fn id(&self) -> String {
        let mut id = [0; 16];
        self.world.random.fill(&mut id);
        URL_SAFE_NO_PAD.encode(id)
    }

    fn now_s(&self) -> i64 {
        self.world.clock.now_ms().div_euclid(1_000)
    }
}

impl Ask for Endpoint {
    type Error = Error;

    fn ask(&self) -> BoxFuture<'_, Result<Token, Error>> {
        Box::pin(self.exchange())
    }

    fn interrupted(&self) -> Error {
        Error::Interrupted
    }
}

fn authority(uri: &Uri) -> String {
    uri.authority().map(ToString::to_string).unwrap_or_default()
}

fn nonce_of(answer: &Response<Bytes>) -> Option<String> {
    let nonce = answer.headers().get(DPOP_NONCE)?.to_str().ok()?;
    let fits = !nonce.is_empty() && nonce.len() <= NONCE_BYTES_MAX;
    fits.then(|| nonce.to_owned())
}

fn sensitive(text: &str, what: &'static str) -> Result<HeaderValue, Error> {
    let mut value = HeaderValue::from_str(text).map_err(|_| Error::Unsendable(what))?;
    value.set_sensitive(true);
    Ok(value)
}
