//! The client library against the real program.

use bytes::Bytes;
use gatepost_client::{BoxError, Client, ClientAuth, ErrorCode, Secret, Settings, World};
use http::{Request, Response};
use testkit::{Receiver, Reply, until};

use crate::program::{Program, http};

async fn send(request: Request<Bytes>) -> Result<Response<Bytes>, BoxError> {
    let (parts, body) = request.into_parts();
    let call =
        http().request(parts.method, parts.uri.to_string()).headers(parts.headers).body(body);
    let answer = call.send().await?;
    let status = answer.status();
    let body = answer.bytes().await?;
    Ok(Response::builder().status(status).body(body)?)
}

fn client(program: &Program, secret: &str) -> Client {
    let url = format!("{}/oauth2/token", program.public);
    let auth = ClientAuth::basic(Secret::new(secret));
    Client::new(Settings::new(&url, "car-orders", auth).unwrap(), send, World::system())
}

#[tokio::test]
async fn a_partner_calls_with_the_library_and_asks_for_one_token() {
    let upstream = Receiver::start(|_, _| Reply::status(201)).await;
    let definitions = format!(
        "
apis:
  tires:
    upstream: {}
    scopes: {{ create.order: Create }}
    routes: {{ POST /orders: {{ scopes: [tires/create.order] }} }}
partners: {{ cars: {{ clients: {{ car-orders: {{ scopes: [tires/create.order] }} }} }} }}
",
        upstream.url()
    );
    let program = Program::start(&definitions).await;
    let secret = program.done(&["client", "secret", "car-orders"]);
    let order = || Request::post(format!("{}/orders", program.public)).body(Bytes::new()).unwrap();
    let good = client(&program, &secret);
    for _ in 0..3 {
        assert_eq!(good.call(order()).await.unwrap().status(), 201);
    }
    // Log lines come a little later than answers.
    until("the log has the token", async || (!program.lines("token").is_empty()).then_some(()))
        .await;
    assert_eq!(program.lines("token").len(), 1, "one token for three calls");
    let error = client(&program, "wrong").call(order()).await.unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::InvalidClient), "{error}");
}
