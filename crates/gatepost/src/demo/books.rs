//! The companies' books: what their own databases say, asked of their own services.

use std::collections::BTreeSet;

use anyhow::Context as _;
use serde_json::Value;

use super::stage::{Company, Stage, call};

/// What both companies' books say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Books {
    /// Car orders that are completed.
    pub cars_completed: u32,
    /// Tire orders that are completed.
    pub tires_completed: u32,
    /// Car orders in all.
    pub car_orders: u32,
    /// Tire orders in all.
    pub tire_orders: u32,
    /// Car orders whose tires were ordered more than once.
    pub ordered_twice: u32,
    /// Whether every car order has its tire order and the other way round.
    pub same_orders: bool,
}

impl Books {
    /// Reads both books whole.
    pub async fn read(stage: &Stage) -> anyhow::Result<Self> {
        let (cars, tires) = (all(&stage.cars).await?, all(&stage.tires).await?);
        let completed = |orders: &[Value], member: &str| {
            count(orders.iter().filter(|order| order[member] == "OrderCompleted"))
        };
        let text = |order: &Value, member: &str| order[member].as_str().unwrap_or("").to_owned();
        let ordered: BTreeSet<String> = tires.iter().map(|o| text(o, "carOrderId")).collect();
        let placed: BTreeSet<String> = cars.iter().map(|o| text(o, "id")).collect();
        Ok(Self {
            cars_completed: completed(&cars, "status"),
            tires_completed: completed(&tires, "orderStatus"),
            car_orders: count(cars.iter()),
            tire_orders: count(tires.iter()),
            ordered_twice: count(tires.iter()) - count(ordered.iter()),
            same_orders: ordered == placed,
        })
    }

    /// Whether exactly so many orders are completed on both sides, and none was ordered twice.
    pub fn all_completed(&self, orders: u32) -> bool {
        let expected = Self {
            cars_completed: orders,
            tires_completed: orders,
            car_orders: orders,
            tire_orders: orders,
            ordered_twice: 0,
            same_orders: true,
        };
        *self == expected
    }

    /// Completed orders at cars and at tires.
    pub async fn counts(stage: &Stage) -> anyhow::Result<(u32, u32)> {
        let (cars, tires) = (counts(&stage.cars).await?, counts(&stage.tires).await?);
        Ok((number(&cars["OrderCompleted"]), number(&tires["OrderCompleted"])))
    }

    /// Tire orders, completed or not.
    pub async fn tire_orders(stage: &Stage) -> anyhow::Result<u32> {
        let counts = counts(&stage.tires).await?;
        Ok(number(&counts["OrderSubmitted"]) + number(&counts["OrderCompleted"]))
    }
}

fn number(value: &Value) -> u32 {
    value.as_u64().and_then(|number| u32::try_from(number).ok()).unwrap_or(0)
}

fn count<T>(items: impl Iterator<Item = T>) -> u32 {
    u32::try_from(items.count()).unwrap_or(u32::MAX)
}

async fn counts(company: &Company) -> anyhow::Result<Value> {
    let url = format!("http://{}/internal/counts", company.ports.service);
    Ok(call("GET", &url, None).await?.1)
}

async fn all(company: &Company) -> anyhow::Result<Vec<Value>> {
    let mut orders = Vec::new();
    let mut after = String::new();
    loop {
        let url = format!("http://{}/orders?limit=1000{after}", company.ports.service);
        let (_, page) = call("GET", &url, None).await?;
        let page_orders = page["orders"].as_array();
        orders.extend(page_orders.context("the orders cannot be read")?.iter().cloned());
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return Ok(orders),
        }
    }
}
