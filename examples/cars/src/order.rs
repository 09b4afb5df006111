//! The car order: what it is, and how one is read from a request and written to an
//! answer.

use serde_json::{Map, Value, json};

use crate::problem::Fault;

/// The longest name of a car that is taken.
const TYPE_CHARS_MAX: usize = 200;
/// The longest price that is taken, currency included.
const PRICE_CHARS_MAX: usize = 64;
/// The longest identifier that is taken from somebody else.
const ID_CHARS_MAX: usize = 128;

/// How far an order has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Status {
    Submitted,
    Completed,
}

impl Status {
    /// The status of that name, as the wire and the database spell it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        match name {
            "OrderSubmitted" => Some(Self::Submitted),
            "OrderCompleted" => Some(Self::Completed),
            _ => None,
        }
    }

    /// Its name on the wire and in the database.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Submitted => "OrderSubmitted",
            Self::Completed => "OrderCompleted",
        }
    }
}

/// An order for a car.
#[derive(Clone, Debug)]
pub(crate) struct CarOrder {
    pub(crate) id: String,
    pub(crate) status: Status,
    pub(crate) car_type: String,
    pub(crate) price: String,
}

impl CarOrder {
    /// The order as it begins.
    pub(crate) fn submitted(id: String, wanted: NewOrder) -> Self {
        Self { id, status: Status::Submitted, car_type: wanted.car_type, price: wanted.price }
    }

    /// The order as partners and events see it.
    pub(crate) fn document(&self) -> Value {
        json!({
            "id": self.id,
            "status": self.status.name(),
            "type": self.car_type,
            "price": self.price,
        })
    }
}

/// What a buyer asks for.
#[derive(Debug)]
pub(crate) struct NewOrder {
    pub(crate) car_type: String,
    pub(crate) price: String,
}

impl NewOrder {
    /// Reads `{type, price}`; other fields are passed over.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, Fault> {
        let document = Document::parse(body)?;
        Ok(Self {
            car_type: document.text(
                "type",
                TYPE_CHARS_MAX,
                "Send the car's name as a string, such as \"Tesla Model 3\".",
            )?,
            price: document.text(
                "price",
                PRICE_CHARS_MAX,
                "Send the price with its currency as a string, such as \"£47000\".",
            )?,
        })
    }
}

/// The tire company's word that the tires of an order are ready.
#[derive(Debug)]
pub(crate) struct Completion {
    pub(crate) tire_order_id: Option<String>,
}

impl Completion {
    /// Reads a tire order, `{id, carOrderId, carType, orderStatus}`, sent for the car
    /// order `order_id`.
    pub(crate) fn parse(body: &[u8], order_id: &str) -> Result<Self, Fault> {
        let document = Document::parse(body)?;
        let field = "carOrderId";
        let remedy = "Send the id of the car order that the path names.";
        let car_order_id = document.text(field, ID_CHARS_MAX, remedy)?;
        if car_order_id != order_id {
            let reason = format!("is {car_order_id:?}, but the path names another order");
            return Err(Fault { field, reason, remedy });
        }
        let field = "orderStatus";
        let remedy = "Send \"OrderCompleted\"; nothing else can be told about an order here.";
        let status = document.text(field, ID_CHARS_MAX, remedy)?;
        if Status::named(&status) != Some(Status::Completed) {
            return Err(Fault { field, reason: format!("is {status:?}"), remedy });
        }
        let remedy = "Send the tire order's id as a string, or leave it out.";
        Ok(Self { tire_order_id: document.text_if_any("id", ID_CHARS_MAX, remedy)? })
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

    fn text_if_any(
        &self,
        field: &'static str,
        chars_max: usize,
        remedy: &'static str,
    ) -> Result<Option<String>, Fault> {
        match self.0.get(field) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.text(field, chars_max, remedy).map(Some),
        }
    }
}
