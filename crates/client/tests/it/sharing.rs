//! One token for many callers.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use gatepost_client::{Error, ErrorCode};
use http::Request;

use crate::{Server, client, header, is_token, json, order, settings, token};

/// Gives the tokens t0, t1 … and takes every one of them at the API.
fn server() -> Server {
    Server::new(
        |before, request| {
            if is_token(request) { token(&format!("t{before}")) } else { json(201, "ordered") }
        },
    )
}

#[tokio::test]
async fn many_callers_make_one_request_for_a_token() {
    let server = server();
    let (client, _) = client(settings(), &server);
    let calls: Vec<_> = (0..50)
        .map(|_| {
            let client = client.clone();
            tokio::runtime::Handle::current().spawn(async move { client.call(order()).await })
        })
        .collect();
    for call in calls {
        assert_eq!(call.await.unwrap().unwrap().status(), 201);
    }
    assert_eq!(server.counts(), (1, 50));
    let last = server.last();
    assert_eq!(header(&last, "authorization"), "Bearer t0");
    assert!(last.headers()["authorization"].is_sensitive());
}

#[tokio::test]
async fn a_token_is_renewed_beside_those_who_use_it() {
    let server = server();
    let (client, clock) = client(settings(), &server);
    client.call(order()).await.unwrap();
    // Chance renews up to 2 s before a fifth is left.
    clock.0.fetch_add(77_000, Ordering::SeqCst);
    client.call(order()).await.unwrap();
    assert_eq!(server.counts(), (1, 2));
    // Less than a fifth of its life is left.
    clock.0.fetch_add(4_000, Ordering::SeqCst);
    client.call(order()).await.unwrap();
    assert_eq!(header(&server.last_order(), "authorization"), "Bearer t0", "nobody waits");
    // The task that renews has its turn.
    while server.counts().0 < 2 || client.token().await.unwrap().value.expose() == "t0" {
        tokio::task::yield_now().await;
    }
    clock.0.fetch_add(20_000, Ordering::SeqCst);
    client.call(order()).await.unwrap();
    assert_eq!(server.counts().0, 2);
}

#[tokio::test]
async fn who_gives_up_leaves_the_token_to_the_next() {
    let server = server();
    server.is_stuck.store(true, Ordering::SeqCst);
    let (client, _) = client(settings(), &server);
    for _ in 0..3 {
        let waited = tokio::time::timeout(Duration::from_millis(20), client.token()).await;
        assert!(waited.is_err());
    }
    assert_eq!(server.counts().0, 1, "all of them waited for one request");
}

#[tokio::test]
async fn a_401_gets_one_new_token_and_one_more_call() {
    let server = Server::new(|before, request| match header(request, "authorization") {
        _ if is_token(request) => token(&format!("t{before}")),
        // The first token was revoked.
        "Bearer t0" => json(401, ""),
        _ => json(201, "ordered"),
    });
    let (client, _) = client(settings(), &server);
    assert_eq!(client.call(order()).await.unwrap().status(), 201);
    assert_eq!(server.counts(), (2, 2));
    let last = server.last();
    assert_eq!((header(&last, "authorization"), &last.body()[..]), ("Bearer t2", &b"{}"[..]));
}

#[tokio::test]
async fn an_api_that_refuses_every_token_does_not_hammer_the_token_endpoint() {
    let server =
        Server::new(
            |before, request| {
                if is_token(request) { token(&format!("t{before}")) } else { json(401, "") }
            },
        );
    let (client, clock) = client(settings(), &server);
    for _ in 0..5 {
        assert_eq!(client.call(order()).await.unwrap().status(), 401);
    }
    // One to begin with, one after the first refusal.
    assert_eq!(server.counts(), (2, 6));
    clock.0.fetch_add(10_000, Ordering::SeqCst);
    client.call(order()).await.unwrap();
    assert_eq!(server.counts(), (3, 8));
}

#[tokio::test]
async fn a_refusal_is_told_with_its_code_and_shared_for_a_second() {
    let body = r#"{"error":"invalid_client","error_description":"The secret is wrong."}"#;
    let server = Server::new(move |_, _| json(401, body));
    let (client, clock) = client(settings(), &server);
    for _ in 0..3 {
        let error = client.call(order()).await.unwrap_err();
        assert_eq!(error.code(), Some(ErrorCode::InvalidClient));
        let text = "no token: the token endpoint answered 401 invalid_client The secret is wrong.";
        assert_eq!(error.to_string(), text);
    }
    assert_eq!(server.counts(), (1, 0));
    clock.0.fetch_add(1_000, Ordering::SeqCst);
    client.token().await.unwrap_err();
    assert_eq!(server.counts(), (2, 0));
}

#[tokio::test]
async fn a_token_is_not_sent_in_clear_and_an_endless_answer_is_none() {
    let long = format!(r#"{{"access_token":"t","x":"{}"}}"#, "x".repeat(70_000));
    let server = Server::new(move |_, _| json(200, &long));
    let (client, _) = client(settings(), &server);
    let call = Request::get("http://api.tires.example/").body(Bytes::new()).unwrap();
    assert!(matches!(client.call(call).await, Err(Error::InClear)));
    assert_eq!(server.counts(), (0, 0));
    assert!(matches!(client.token().await, Err(Error::Answer(_))));
}
