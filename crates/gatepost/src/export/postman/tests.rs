//! What a collection has, by what its document and its client have.

use limit::{Limit, Rate};
use model::{Api, ErrorStyle, KeyRule};

use super::super::fixture::{
    CAR_ORDER_ID, api, cars, client, definitions, documented, name, route, tires,
};
use super::super::openapi;
use super::*;

fn of(api: &Api, client: Option<&Client>) -> Value {
    let definitions = definitions();
    postman(&definitions, &openapi(&definitions, api, Some(&documented())), client)
}

fn names(items: &Value) -> Vec<&str> {
    items.as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect()
}

fn script(item: &Value) -> String {
    let events = item["event"].as_array().unwrap();
    let lines = events.last().unwrap()["script"]["exec"].as_array().unwrap();
    lines.iter().map(|line| line.as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

fn sent(item: &Value) -> Value {
    serde_json::from_str(item["request"]["body"]["raw"].as_str().unwrap()).unwrap()
}

fn value(collection: &Value, key: &str) -> String {
    let variables = collection["variable"].as_array().unwrap();
    let variable = variables.iter().find(|variable| variable["key"] == key).unwrap();
    variable["value"].as_str().unwrap().to_owned()
}

#[test]
fn the_run_goes_from_the_token_over_making_and_removing_to_the_refusals() {
    let client = client(&["tires/create.order"]);
    let collection = of(&tires(), Some(&client));
    let expected = ["Get a token", "Order", "Show", "Cancel", "Refusals"];
    assert_eq!(names(&collection["item"]), expected);
    let expected =
        ["Order, without a token", "Order, without an API key", "A path that is not there"];
    assert_eq!(names(&collection["item"][4]["item"]), expected);
    assert_eq!(collection["info"]["schema"], SCHEMA);
}

#[test]
fn the_token_is_asked_for_with_basic_and_kept() {
    let collection = of(&tires(), Some(&client(&["tires/create.order", "cars/other"])));
    let item = &collection["item"][0];
    assert_eq!(item["request"]["auth"]["type"], "basic");
    assert_eq!(item["request"]["url"], "{{token_url}}");
    assert!(script(item).contains(r#"set("access_token", pm.response.json().access_token)"#));
    assert_eq!(value(&collection, "token_url"), "http://127.0.0.1:7400/oauth2/token");
    assert_eq!(value(&collection, "base_url"), "http://127.0.0.1:7400/prod");
    assert_eq!(value(&collection, "client_id"), "car-orders");
    assert_eq!(value(&collection, "scope"), "tires/create.order");
    for secret in ["client_secret", "api_key", "access_token"] {
        assert_eq!(value(&collection, secret), "", "{secret}");
    }
}

#[test]
fn what_a_post_makes_is_used_below_it() {
    let collection = of(&tires(), None);
    let (post, cancel) = (&collection["item"][1], &collection["item"][3]);
    assert!(script(post).contains(r#"set("order_id", String(made.id))"#));
    assert!(script(post).contains("oneOf([200, 201])"));
    assert_eq!(
        cancel["request"]["url"],
        json!({
            "raw": "{{base_url}}/orders/{{order_id}}",
            "host": ["{{base_url}}"],
            "path": ["orders", "{{order_id}}"],
        })
    );
    assert_eq!(value(&collection, "order_id"), CAR_ORDER_ID);
    assert_eq!(sent(post)["id"], "{{$guid}}");
    assert_eq!(sent(post)["type"], "Tesla Model 3");
    assert_eq!(sent(post)["carOrderId"], CAR_ORDER_ID);
}

#[test]
fn every_operation_shows_what_it_demands_and_no_more() {
    let collection = of(&tires(), None);
    let post = &collection["item"][1]["request"];
    assert_eq!(post["auth"]["bearer"][0]["value"], "{{access_token}}");
    assert_eq!(post["header"][0], json!({"key": "x-api-key", "value": "{{api_key}}"}));
    let collection = of(&cars(), None);
    assert_eq!(names(&collection["item"]), ["Get a token", "Order", "Complete", "Refusals"]);
    let (post, patch) = (&collection["item"][1], &collection["item"][2]);
    assert!(post["request"].get("auth").is_none());
    assert!(patch["request"].get("auth").is_some());
    assert_eq!(sent(patch)["carOrderId"], "{{order_item}}");
    assert_eq!(sent(patch)["id"], CAR_ORDER_ID);
    let refusals = &collection["item"][3]["item"];
    assert_eq!(names(refusals), ["Complete, without a token", "A path that is not there"]);
}

#[test]
fn what_the_clients_scopes_do_not_reach_is_expected_to_be_refused() {
    let client = client(&["tires/cancel.order"]);
    let collection = of(&tires(), Some(&client));
    let post = &collection["item"][1];
    assert_eq!(post["name"], "Order (refused: no scope for it)");
    assert!(script(post).contains("status(403)"));
    assert_eq!(
        names(&collection["item"][4]["item"])[0],
        "Cancel, without a token",
        "the refusals are tried where the client may call"
    );
}

#[test]
fn refusals_are_expected_in_the_style_of_the_api() {
    let check = |api: &Api, media_type: &str, statuses: [u16; 3]| {
        let collection = of(api, None);
        for (at, status) in statuses.iter().enumerate() {
            let script = script(&collection["item"][4]["item"][at]);
            assert!(script.contains(&format!("status({status})")), "{script}");
            assert!(script.contains(media_type), "{script}");
        }
    };
    check(&tires(), "application/problem+json", [401, 403, 404]);
    let aws = Api { errors: ErrorStyle::Aws, ..tires() };
    check(&aws, "application/json", [401, 403, 403]);
}

#[test]
fn an_unknown_path_is_one_that_no_route_takes() {
    let check = |paths: &[&str], expected: Option<usize>| {
        let routes = paths.iter().map(|path| route(path, &[], KeyRule::None)).collect();
        let collection = of(&api("a", &[], routes), None);
        let items = collection["item"].as_array().unwrap();
        let folder = items.iter().find(|item| item["name"] == "Refusals");
        let url = folder.map(|folder| &folder["item"][0]["request"]["url"]["path"]);
        assert_eq!(url.map(|path| path.as_array().unwrap().len()), expected, "{paths:?}");
    };
    check(&["GET /orders/{id}"], Some(1));
    check(&["GET /"], Some(1));
    check(&["GET /{id}", "GET /{id}/{part}"], Some(3));
    check(&["GET /{all+}"], None);
}

#[test]
fn an_undocumented_operation_need_only_get_through() {
    let routes = vec![route("GET /other", &[], KeyRule::None)];
    let collection = of(&api("a", &[], routes), None);
    assert_eq!(names(&collection["item"]), ["GET /other", "Refusals"]);
    assert!(script(&collection["item"][0]).contains("to.not.be.oneOf([401, 403, 429"));
}

#[test]
fn the_run_is_no_faster_than_the_plan() {
    let check = |rate: &str, expected: u64| {
        let rate_of_plan = Some(Limit::new(Rate::parse(rate).unwrap(), 2));
        let plan = UsagePlan { rate: rate_of_plan, ..UsagePlan::new(name("external")) };
        let mut definitions = definitions();
        definitions.plans.insert(name("external"), plan);
        assert_eq!(pause_ms(&definitions, None), expected, "{rate}");
        assert_eq!(pause_ms(&definitions, Some(&client(&[]))), 0, "the partner has no plan");
        let document = openapi(&definitions, &tires(), None);
        let collection = postman(&definitions, &document, None);
        let pauses = collection.to_string().matches("setTimeout").count();
        assert_eq!(pauses, if expected > 0 { 3 } else { 0 });
    };
    check("10/s", 120);
    check("30/min", 2020);
    check("10/h", 0);
}

#[test]
fn variables_are_named_after_their_parameters() {
    for (above, parameter, expected) in [
        ("/orders", "id", "order_id"),
        ("/orders", "orderId", "orderId"),
        ("/v1/orders", "item", "v1_order_item"),
        ("/orders/{id}/parts", "no", "orders_part_no"),
        ("/clients", "id", "path_client_id"),
        ("/files", "rest+", "file_rest"),
        ("", "id", "id"),
    ] {
        assert_eq!(variable(above, parameter), expected, "{above} {parameter}");
    }
}

#[test]
fn the_same_definitions_give_the_same_bytes() {
    let client = client(&["tires/create.order"]);
    let bytes = || of(&tires(), Some(&client)).to_string();
    assert_eq!(bytes(), bytes());
    assert!(!bytes().contains("_postman_id"));
}
