//! Orders at a partner's API behind Gatepost, over reqwest.
//!
//! `gatepost serve` runs somewhere, with an API `tires` that has the scope `create.order` and the
//! route `POST /orders`, and a client `car-orders` that may ask for it; then
//!
//! ```sh
//! gatepost client secret car-orders > secret
//! cargo run -p gatepost-client --example order -- http://127.0.0.1:7400 car-orders ./secret
//! ```
#![expect(clippy::print_stdout, reason = "it shows what it got")]

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use gatepost_client::{BoxError, Client, ClientAuth, ReadSecret, Secret, Settings, World};
use http::{Request, Response};

/// How much of an answer is read.
const BYTES_MAX: usize = 1 << 20;

/// A secret in a file, read anew for each token: to rotate it, replace the file.
struct InFile(PathBuf);

impl ReadSecret for InFile {
    fn read(&self) -> Result<Secret, BoxError> {
        Ok(Secret::new(std::fs::read_to_string(&self.0)?.trim_end()))
    }
}

/// One call over reqwest, bounded.
async fn send(http: reqwest::Client, request: Request<Bytes>) -> Result<Response<Bytes>, BoxError> {
    let (parts, body) = request.into_parts();
    let call = http.request(parts.method, parts.uri.to_string()).headers(parts.headers).body(body);
    let mut answer = call.send().await?;
    let mut response = Response::builder().status(answer.status());
    if let Some(headers) = response.headers_mut() {
        headers.clone_from(answer.headers());
    }
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() > BYTES_MAX {
            return Err("the answer is longer than a mebibyte".into());
        }
    }
    Ok(response.body(Bytes::from(body))?)
}

#[tokio::main]
async fn main() -> Result<(), BoxError> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(id), Some(secret)) =
        (arguments.next(), arguments.next(), arguments.next())
    else {
        return Err("usage: order PUBLIC-URL CLIENT-ID SECRET-FILE".into());
    };
    // No redirects: they would carry the secret to whom it was not meant for.
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(Duration::from_secs(10))
        .build()?;
    let transport = move |request| send(http.clone(), request);
    let auth = ClientAuth::basic(InFile(secret.into()));
    let settings = Settings::new(&format!("{url}/oauth2/token"), &id, auth)?;
    let client = Client::new(settings.scope("tires/create.order"), transport, World::system());

    let order = Request::post(format!("{url}/orders"))
        .header("content-type", "application/json")
        .body(Bytes::from_static(br#"{"tire":"winter","count":4}"#))?;
    let answer = client.call(order).await?;
    println!("{} {}", answer.status(), String::from_utf8_lossy(answer.body()));
    Ok(())
}
