//! The tire order: what it is, and how one is read from a request and written to an
//! answer.

use serde_json::{Map, Value, json};

use crate::problem::Fault;

/// The longest name of a car that is taken.
const TYPE_CHARS_MAX: usize = 200;
/// The longest identifier that is taken from a car maker.
const ID_CHARS_MAX: usize = 128;

/// How far an order has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Status {
    Submitted,
    Completed,
    Cancelled,
}

impl Status {
    /// The status of that name, as the wire and the database spell it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "OrderSubmitted" => Some(Self::Submitted),
            "OrderCompleted" => Some(Self::Completed),
            "OrderCancelled" => Some(Self::Cancelled),
            _ => None,
        }
    }

    /// Its name on the wire and in the database.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Submitted => "OrderSubmitted",
            Self::Completed => "OrderCompleted",
            Self::Cancelled => "OrderCancelled",
        }
    }
}

/// An order for the tires of one car.
#[derive(Clone, Debug)]
pub(crate) struct TireOrder {
    pub(crate) id: String,
    pub(crate) car_order_id: String,
    pub(crate) car_type: String,
    pub(crate) status: Status,
}

impl TireOrder {
    /// The order as it begins.
    pub(crate) fn submitted(id: String, wanted: CarOrder) -> Self {
        let CarOrder { id: car_order_id, car_type } = wanted;
        Self { id, car_order_id, car_type, status: Status::Submitted }
    }

    /// The order as it ends.
    pub(crate) fn completed(self) -> Self {
        Self { status: Status::Completed, ..self }
    }

    /// The order as partners and events see it.
    pub(crate) fn document(&self) -> Value {
        json!({
            "id": self.id,
            "carOrderId": self.car_order_id,
            "carType": self.car_type,
            "orderStatus": self.status.name(),
        })
    }
}

/// A car maker's order, as far as tires are concerned.
#[derive(Debug)]
pub(crate) struct CarOrder {
    pub(crate) id: String,
    pub(crate) car_type: String,
}

impl CarOrder {
    /// Reads `{id, type}`; other fields of the car order, such as its price, are passed
    /// over.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Fault> {
        let document = Document::parse(body)?;
        Ok(Self {
            id: document.text(
                "id",
                ID_CHARS_MAX,
                "Send your own id of the car order as a string.",
            )?,
            car_type: document.text(
                "type",
                TYPE_CHARS_MAX,
                "Send the car's name as a string, such as \"Tesla Model 3\".",
            )?,
        })
    }
}

/// A JSON object that came as a request's body.
struct Document(Map<String, Value>);

impl Document {
    fn parse(body: &[u8]) -> Result<Self, Fault> {
        let fault =
            |reason| Fault { field: "body", reason, remedy: "Send one JSON object as the body." };
        match serde_json::from_slice::<Value>(body) {
            Ok(Value::Object(fields)) => Ok(Self(fields)),
            Ok(_) => Err(fault("is JSON, but not an object".to_owned())),
            Err(error) => Err(fault(format!("is not JSON: {error}"))),
        }
    }

    fn text(
        &self,
        field: &'static str,
        chars_max: usize,
        remedy: &'static str,
    ) -> Result<String, Fault> {
        let reason = match self.0.get(field) {
            None | Some(Value::Null) => "is missing".to_owned(),
            Some(Value::String(text)) if text.trim().is_empty() => "is empty".to_owned(),
            Some(Value::String(text)) if text.chars().count() > chars_max => {
                format!("is longer than {chars_max} characters")
            }
            Some(Value::String(text)) => return Ok(text.clone()),
            Some(_) => "is not a string".to_owned(),
        };
        Err(Fault { field, reason, remedy })
    }
}
