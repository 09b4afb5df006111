//! The paths of the service and what each does.

use std::sync::Arc;

use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::extract::{Body, Caller, IdempotencyKey, OrderId, Page};
use crate::id;
use crate::order::{CarOrder, Completion, NewOrder, Status};
use crate::outbox::{self, Event};
use crate::problem::Problem;
use crate::store::{self, Completed, Key, Placed, Store};

/// The largest body that is read; an order has a few hundred bytes.
pub(crate) const BODY_BYTES_MAX: usize = 64 * 1024;

/// What every handler may use.
#[derive(Clone)]
struct App {
    store: Store,
    wake: Arc<Notify>,
}

/// The service as axum runs it. `wake` is rung after each write to the outbox.
pub(crate) fn router(store: Store, wake: Arc<Notify>) -> Router {
    Router::new()
        .route("/orders", post(submit).get(list))
        .route("/orders/{id}", get(show).patch(complete))
        .route("/internal/counts", get(counts))
        .route("/internal/outbox", get(show_outbox))
        .route("/internal/outbox/retry", post(retry_outbox))
        .route("/livez", get(|| async { "ok" }))
        .fallback(|| async { Problem::NoRoute })
        .method_not_allowed_fallback(|| async { Problem::WrongMethod })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(log))
        .with_state(App { store, wake })
}

/// `POST /orders`: takes an order, once per idempotency key.
async fn submit(
    State(app): State<App>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    Body(body): Body,
) -> Result<Response, Problem> {
    let order = CarOrder::submitted(id::fresh()?, NewOrder::parse(&body)?);
    let event =
        Event::new("car-orders", "OrderSubmitted", &order.document(), caller.traceparent.clone())?;
    let key = Key { client: caller.client.unwrap_or_default(), key };
    let placed =
        app.store.run(move |connection| store::place(connection, order, &key, &event)).await?;
    match placed {
        Placed::New(order) => {
            app.wake.notify_one();
            tracing::info!(company = "cars", order.id = order.id.as_str(), "car order submitted");
            let document = Json(order.document());
            Ok((StatusCode::CREATED, location(&order), document).into_response())
        }
        Placed::Again(order) => {
            let replayed = [("idempotency-replayed", "true")];
            let document = Json(order.document());
            Ok((StatusCode::OK, location(&order), replayed, document).into_response())
        }
        Placed::KeyReused => Err(Problem::KeyReused),
    }
}

/// Relative to the request's path (RFC 9110 §10.2.2), so that it holds behind any base
/// path.
fn location(order: &CarOrder) -> [(header::HeaderName, String); 1] {
    [(header::LOCATION, format!("orders/{}", order.id))]
}

/// `GET /orders`: the orders, oldest first.
async fn list(State(app): State<App>, page: Page) -> Result<Json<Value>, Problem> {
    let listing = app.store.run(move |connection| store::list(connection, &page)).await?;
    let orders: Vec<_> = listing.orders.iter().map(CarOrder::document).collect();
    let next = listing.next.map(|seq| seq.to_string());
    Ok(Json(json!({"orders": orders, "next": next})))
}

/// `GET /orders/{id}`: one order.
async fn show(State(app): State<App>, OrderId(id): OrderId) -> Result<Json<Value>, Problem> {
    let found = app.store.run(move |connection| store::find(connection, &id)).await?;
    found.map(|order| Json(order.document())).ok_or(Problem::UnknownOrder)
}

/// `PATCH /orders/{id}`: the webhook by which the tire company says that the tires are
/// ready.
async fn complete(
    State(app): State<App>,
    OrderId(id): OrderId,
    Body(body): Body,
) -> Result<StatusCode, Problem> {
    let Completion { tire_order_id } = Completion::parse(&body, &id)?;
    let order_id = id.clone();
    let completed = app
        .store
        .run(move |connection| store::complete(connection, &id, tire_order_id.as_deref()))
        .await?;
    match completed {
        Completed::Now => {
            tracing::info!(company = "cars", order.id = order_id.as_str(), "car order completed");
            Ok(StatusCode::NO_CONTENT)
        }
        Completed::Before => Ok(StatusCode::NO_CONTENT),
        Completed::UnknownOrder => Err(Problem::UnknownOrder),
    }
}

/// `GET /internal/counts`: how many orders have each status.
async fn counts(State(app): State<App>) -> Result<Json<Value>, Problem> {
    let (submitted, completed) = app
        .store
        .run(|connection| {
            let submitted = store::count(connection, Status::Submitted)?;
            Ok((submitted, store::count(connection, Status::Completed)?))
        })
        .await?;
    Ok(Json(json!({"OrderSubmitted": submitted, "OrderCompleted": completed})))
}

/// `GET /internal/outbox`: how the outbox stands, and what the bus refused.
async fn show_outbox(State(app): State<App>) -> Result<Json<Value>, Problem> {
    Ok(Json(app.store.run(|connection| outbox::report(connection)).await?))
}

/// `POST /internal/outbox/retry`: lets what the bus refused be sent again.
async fn retry_outbox(State(app): State<App>) -> Result<Json<Value>, Problem> {
    let retried = app.store.run(|connection| outbox::retry_failed(connection)).await?;
    app.wake.notify_one();
    Ok(Json(json!({"retried": retried})))
}

/// One line per request.
async fn log(request: Request, next: Next) -> Response {
    let caller = Caller::of(request.headers());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let began = Instant::now();
    let response = next.run(request).await;
    tracing::info!(
        company = "cars",
        method = method.as_str(),
        path = path.as_str(),
        status = response.status().as_u16(),
        duration_ms = began.elapsed().as_secs_f64() * 1_000.0,
        client.id = caller.client.as_deref(),
        request.id = caller.request_id.as_deref(),
        "request answered"
    );
    response
}
