//! Every refusal of this service, and the one place that chooses its status (RFC 9457).

use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// One thing wrong with a request: where, why, and what to send instead.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) field: &'static str,
    pub(crate) reason: String,
    pub(crate) remedy: &'static str,
}

/// Why a request got no answer of the kind it asked for.
#[derive(Debug)]
pub(crate) enum Problem {
    Fault(Fault),
    UnknownOrder,
    /// The client sent this car order's id before, for another car.
    OrderDiffers,
    /// What is completed can no longer be cancelled.
    OrderCompleted,
    BodyTooLarge,
    NoRoute,
    WrongMethod,
    /// Not the caller's doing. The cause goes to the log only.
    Ours(anyhow::Error),
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<anyhow::Error> for Problem {
    fn from(error: anyhow::Error) -> Self {
        Self::Ours(error)
    }
}

impl Problem {
    fn status(&self) -> StatusCode {
        match self {
            Self::Fault(_) => StatusCode::BAD_REQUEST,
            Self::UnknownOrder | Self::NoRoute => StatusCode::NOT_FOUND,
            Self::OrderDiffers => StatusCode::UNPROCESSABLE_ENTITY,
            Self::OrderCompleted => StatusCode::CONFLICT,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::WrongMethod => StatusCode::METHOD_NOT_ALLOWED,
            Self::Ours(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn code_and_title(&self) -> (&'static str, &'static str) {
        match self {
            Self::Fault(_) => ("invalid-request", "The request cannot be taken as it is"),
            Self::UnknownOrder => ("unknown-order", "There is no such order"),
            Self::OrderDiffers => ("order-differs", "The car order is known with another car"),
            Self::OrderCompleted => ("order-completed", "The order is completed"),
            Self::BodyTooLarge => ("body-too-large", "The body is too large"),
            Self::NoRoute => ("no-route", "There is nothing at this path"),
            Self::WrongMethod => ("method-not-allowed", "The path does not know this method"),
            Self::Ours(_) => ("internal-error", "The service could not answer"),
        }
    }

    fn detail(&self) -> String {
        match self {
            Self::Fault(Fault { field, reason, remedy }) => format!("`{field}` {reason}. {remedy}"),
            Self::UnknownOrder => "No order has the id in the path.".to_owned(),
            Self::OrderDiffers => {
                "The same car order id came before with another type. Send the same order \
                                   again, or a new id for a new order."
                    .to_owned()
            }
            Self::OrderCompleted => {
                "A completed order can no longer be cancelled. Nothing was changed.".to_owned()
            }
            Self::BodyTooLarge => {
                format!("A body may have {} bytes at most.", crate::api::BODY_BYTES_MAX)
            }
            Self::NoRoute => "The paths are /orders and /orders/{id}.".to_owned(),
            Self::WrongMethod => "The Allow header lists the methods it knows.".to_owned(),
            Self::Ours(_) => "Nothing was changed. Try again later.".to_owned(),
        }
    }

    fn document(&self) -> Value {
        let (code, title) = self.code_and_title();
        let mut document = json!({
            "type": format!("tag:tires.example,2026:{code}"),
            "title": title,
            "status": self.status().as_u16(),
            "detail": self.detail(),
        });
        if let Self::Fault(fault) = self {
            document["field"] = json!(fault.field);
            document["reason"] = json!(fault.reason);
            document["remedy"] = json!(fault.remedy);
        }
        document
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        if let Self::Ours(error) = &self {
            let chain = format!("{error:#}");
            tracing::error!(
                company = "tires",
                error = chain.as_str(),
                "a request could not be served"
            );
        }
        let kind = [(header::CONTENT_TYPE, "application/problem+json")];
        (self.status(), kind, self.document().to_string()).into_response()
    }
}
