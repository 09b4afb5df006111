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

use crate::extract::{Body, Caller, OrderId, Page};
use crate::id;
use crate::order::{CarOrder, Status, TireOrder};
use crate::outbox;
use crate::problem::Problem;
use crate::store::{self, Batch, Cancelled, Placed, Store};

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
        .route("/orders/{id}", get(show).delete(cancel))
        .route("/internal/complete-orders", post(complete_orders))
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

/// `POST /orders`: takes a car order, once per client.
async fn submit(
    State(app): State<App>,
    caller: Caller,
    Body(body): Body,
) -> Result<Response, Problem> {
    let order = TireOrder::submitted(id::fresh()?, CarOrder::parse(&body)?);
    let sender = caller.clone();
    let placed = app.store.run(move |connection| store::place(connection, order, &sender)).await?;
    match placed {
        Placed::New(order) => {
            say(&caller, &order, "tire order submitted");
            let document = Json(order.document());
            Ok((StatusCode::CREATED, location(&order), document).into_response())
        }
        Placed::Again(order) => {
            say(&caller, &order, "tire order asked for again");
            let replayed = [("idempotency-replayed", "true")];
            let document = Json(order.document());
            Ok((StatusCode::OK, location(&order), replayed, document).into_response())
        }
        Placed::Differs => Err(Problem::OrderDiffers),
    }
}

/// Says what a partner did, and who it was.
fn say(caller: &Caller, order: &TireOrder, what: &'static str) {
    tracing::info!(
        company = "tires",
        order.id = order.id.as_str(),
        car_order.id = order.car_order_id.as_str(),
        client.id = caller.client.as_deref(),
        partner.id = caller.partner.as_deref(),
        api_key.id = caller.api_key_id.as_deref(),
        client.address = caller.address.as_deref(),
        request.id = caller.request_id.as_deref(),
        "{what}"
    );
}

/// Relative to the request's path (RFC 9110 §10.2.2), so that it holds behind any base
/// path.
fn location(order: &TireOrder) -> [(header::HeaderName, String); 1] {
    [(header::LOCATION, format!("orders/{}", order.id))]
}

/// `GET /orders`: the caller's orders, oldest first.
async fn list(State(app): State<App>, caller: Caller, page: Page) -> Result<Json<Value>, Problem> {
    let listing = app
        .store
        .run(move |connection| store::list(connection, &page, caller.client.as_deref()))
        .await?;
    let orders: Vec<_> = listing.orders.iter().map(TireOrder::document).collect();
    let next = listing.next.map(|seq| seq.to_string());
    Ok(Json(json!({"orders": orders, "next": next})))
}

/// `GET /orders/{id}`: one of the caller's orders.
async fn show(
    State(app): State<App>,
    caller: Caller,
    OrderId(id): OrderId,
) -> Result<Json<Value>, Problem> {
    let found = app
        .store
        .run(move |connection| store::find(connection, &id, caller.client.as_deref()))
        .await?;
    found.map(|order| Json(order.document())).ok_or(Problem::UnknownOrder)
}

/// `DELETE /orders/{id}`: cancels one of the caller's orders, unless it is completed.
async fn cancel(
    State(app): State<App>,
    caller: Caller,
    OrderId(id): OrderId,
) -> Result<StatusCode, Problem> {
    let client = caller.client.clone();
    let order_id = id.clone();
    let cancelled =
        app.store.run(move |connection| store::cancel(connection, &id, client.as_deref())).await?;
    match cancelled {
        Cancelled::Now => {
            tracing::info!(
                company = "tires",
                order.id = order_id.as_str(),
                client.id = caller.client.as_deref(),
                "tire order cancelled"
            );
            Ok(StatusCode::NO_CONTENT)
        }
        Cancelled::Before => Ok(StatusCode::NO_CONTENT),
        Cancelled::TooLate => Err(Problem::OrderCompleted),
        Cancelled::UnknownOrder => Err(Problem::UnknownOrder),
    }
}

/// `POST /internal/complete-orders`: completes what is submitted, in batches. Gatepost's
/// schedule calls it.
async fn complete_orders(State(app): State<App>) -> Result<Json<Value>, Problem> {
    let mut total = 0;
    loop {
        let Batch { completed, more } = app.store.run(store::complete_batch).await?;
        if completed > 0 {
            app.wake.notify_one();
        }
        total += completed;
        if !more {
            break;
        }
    }
    tracing::info!(company = "tires", completed = total, "tire orders completed");
    Ok(Json(json!({"completed": total})))
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
        company = "tires",
        method = method.as_str(),
        path = path.as_str(),
        status = response.status().as_u16(),
        duration_ms = began.elapsed().as_secs_f64() * 1_000.0,
        client.id = caller.client.as_deref(),
        client.address = caller.address.as_deref(),
        request.id = caller.request_id.as_deref(),
        "request answered"
    );
    response
}
