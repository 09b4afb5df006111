//! Asking a token endpoint: the request of the client-credentials grant, with all that a connection
//! can say of it.

use gatepost_client::{basic_authorization, form_encode};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, USER_AGENT};
use http::{HeaderMap, HeaderName, HeaderValue, Method as HttpMethod, Request, Uri};
use http_body_util::Full;
use jwt::{Assertion, AssertionKey};
use model::{
    ClientAuth, ClientProof, Method, OAuthClient, Parameter, PrivateKeyProof, Random, Secret,
    SecretReader, Timestamp, token_id,
};
use transform::merge_query;
use zeroize::Zeroizing;

use crate::attempt::USER_AGENT_VALUE;

/// How long an assertion is good: one request, and clocks that differ a little.
const ASSERTION_S: i64 = 60;
/// What kind of assertion ours is (RFC 7523 §2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a token request is made of, beside the client.
pub(crate) struct Surroundings<'a> {
    pub(crate) secrets: &'a dyn SecretReader,
    pub(crate) random: &'a dyn Random,
    pub(crate) now: Timestamp,
    /// What stands in `Host`.
    pub(crate) authority: &'a str,
}

/// The form, each value in clear until it is encoded.
type Form = Vec<(&'static str, Secret)>;

/// A client-credentials request (RFC 6749 §4.4.2), in the method that the endpoint wants. A GET has
/// no body: the form stands in its query.
pub(crate) fn token_request(
    client: &OAuthClient,
    around: &Surroundings<'_>,
) -> Result<Request<Full<bytes::Bytes>>, String> {
    let plain = |text: &str| Secret::new(text.to_owned());
    let mut form: Form = vec![("grant_type", plain("client_credentials"))];
    form.extend(client.scope.as_deref().map(|scope| ("scope", plain(scope))));
    let mut headers = HeaderMap::new();
    for (name, value) in &client.headers {
        let value = around.read(value)?;
        headers.insert(header_name(name)?, header_value(value.expose())?);
    }
    match &client.proof {
        ClientProof::Secret { secret, by } => {
            let secret = around.secrets.read(secret).map_err(|error| error.to_string())?;
            match by {
                ClientAuth::Basic => {
                    let value = basic_authorization(&client.client_id, secret.expose());
                    headers.insert(AUTHORIZATION, header_value(&value)?);
                }
                ClientAuth::Body => {
                    form.push(("client_id", plain(&client.client_id)));
                    form.push(("client_secret", secret));
                }
            }
        }
        ClientProof::PrivateKey(proof) => {
            form.push(("client_id", plain(&client.client_id)));
            form.push(("client_assertion_type", plain(ASSERTION_TYPE)));
            form.push(("client_assertion", assertion(client, proof, around)?));
        }
    }
    let url: Uri = client.token_url.parse().map_err(|_| "the address is no URL".to_owned())?;
    let extra = around.all(&client.query)?;
    let mut query: Vec<(&str, &str)> = pairs(&extra);
    let mut request = Request::new(Full::default());
    if client.method == Method::Get {
        query.extend(form.iter().map(|(name, value)| (*name, value.expose())));
    } else {
        let more = around.all(&client.body)?;
        let own = form.iter().map(|(name, value)| (*name, value.expose()));
        let body = Zeroizing::new(encoded(own.chain(pairs(&more))));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        *request.body_mut() = Full::from(body.to_string());
    }
    let method = HttpMethod::from_bytes(client.method.as_str().as_bytes());
    *request.method_mut() = method.map_err(|error| error.to_string())?;
    *request.uri_mut() = target(&url, &query)?;
    headers.insert(HOST, header_value(around.authority)?);
    headers.insert(USER_AGENT, HeaderValue::from_static(USER_AGENT_VALUE));
    headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
    *request.headers_mut() = headers;
    Ok(request)
}

impl Surroundings<'_> {
    fn read(&self, parameter: &Parameter) -> Result<Secret, String> {
        match parameter {
            Parameter::Plain(text) => Ok(Secret::new(text.clone())),
            Parameter::Secret(source) => {
                self.secrets.read(source).map_err(|error| error.to_string())
            }
        }
    }

    fn all<'p>(&self, of: &'p [(String, Parameter)]) -> Result<Vec<(&'p str, Secret)>, String> {
        of.iter().map(|(name, value)| Ok((name.as_str(), self.read(value)?))).collect()
    }
}

fn pairs<'p>(of: &'p [(&'p str, Secret)]) -> Vec<(&'p str, &'p str)> {
    of.iter().map(|(name, value)| (*name, value.expose())).collect()
}

fn header_name(name: &str) -> Result<HeaderName, String> {
    HeaderName::try_from(name).map_err(|error| error.to_string())
}

fn header_value(text: &str) -> Result<HeaderValue, String> {
    let value = HeaderValue::from_str(text);
    let mut value = value.map_err(|_| "a value cannot stand in a header".to_owned())?;
    value.set_sensitive(true);
    Ok(value)
}

fn target(url: &Uri, query: &[(&str, &str)]) -> Result<Uri, String> {
    let query = merge_query(url.query(), query);
    let path = if url.path().is_empty() { "/" } else { url.path() };
    let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    target.parse().map_err(|_| "its query cannot stand in a URL".to_owned())
}

fn assertion(
    client: &OAuthClient,
    proof: &PrivateKeyProof,
    around: &Surroundings<'_>,
) -> Result<Secret, String> {
    let text = around.secrets.read(&proof.key).map_err(|error| error.to_string())?;
    let key = AssertionKey::parse(text.expose());
    let key = key.map_err(|reason| format!("the key in {} cannot sign: {reason}", proof.key))?;
    let assertion = Assertion {
        client_id: &client.client_id,
        audience: proof.audience.as_deref().unwrap_or(&client.token_url),
        id: &token_id(around.now, around.random),
        now_s: around.now.seconds(),
        lifetime_s: ASSERTION_S,
    };
    Ok(Secret::new(key.sign(&assertion, proof.key_id.as_deref())))
}

fn encoded<'p>(form: impl Iterator<Item = (&'p str, &'p str)>) -> String {
    let parts = form.map(|(name, value)| format!("{}={}", form_encode(name), form_encode(value)));
    parts.collect::<Vec<_>>().join("&")
}
