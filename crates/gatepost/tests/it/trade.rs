//! The two companies trade: the reference's story on four real processes.

use std::path::PathBuf;
use std::process::Command;

use gatepost::demo::books::Books;
use gatepost::demo::stage::{Settings, Stage};
use serde_json::Value;
use testkit::until;

use crate::program::PROGRAM;

fn demo(arguments: &[&str]) -> (bool, Vec<Value>) {
    let output = Command::new(PROGRAM).arg("demo").args(arguments).arg("--json").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    if !output.status.success() {
        eprintln!("{text}\n{}", String::from_utf8_lossy(&output.stderr));
    }
    (output.status.success(), lines)
}

#[test]
fn twenty_five_orders_complete_although_the_plan_answers_429_on_the_way() {
    let (good, lines) = demo(&["--orders", "25", "--every", "1s"]);
    assert!(good);
    let summary = &lines.last().unwrap()["summary"];
    assert_eq!(
        (&summary["completed_at_cars"], &summary["completed_at_tires"]),
        (&25.into(), &25.into())
    );
    assert_eq!((&summary["ordered_twice"], &summary["dead_letters"]), (&0.into(), &0.into()));
    assert!(summary["refused_429"].as_u64().unwrap() >= 1, "{summary}");
    let hops: Vec<_> = lines.iter().filter(|line| line["hop"].is_number()).collect();
    let passed = |company: &str, note: &str| {
        hops.iter()
            .any(|hop| hop["company"] == company && hop["note"].as_str().unwrap().contains(note))
    };
    assert!(passed("tires", "route·address·token·scope·key·partner·rate·quota"));
    assert!(passed("cars", "route·token·scope·partner"));
    // One trace spans both companies: what cars published is what tires' gateway saw.
    let traces = |company: &str, kind: &str| -> Vec<&Value> {
        let of = hops.iter().filter(|hop| hop["company"] == company && hop["log"]["kind"] == kind);
        of.map(|hop| &hop["log"]["trace_id"]).filter(|trace| trace.is_string()).collect()
    };
    let published = traces("cars", "event");
    assert!(!published.is_empty(), "events carry no trace");
    assert!(traces("tires", "request").iter().any(|trace| published.contains(trace)));
}

#[test]
fn an_outage_of_the_car_company_ends_in_success() {
    let (good, lines) = demo(&["--orders", "5", "--every", "2s", "--outage"]);
    assert!(good);
    let summary = &lines.last().unwrap()["summary"];
    assert!(summary["retries"].as_u64().unwrap() >= 1, "{summary}");
    assert_eq!(summary["dead_letters"], 0);
}

/// The reference's promise under power cuts: ten rounds of 200 orders, the supplier's Gatepost
/// killed at a random moment of each.
#[tokio::test]
async fn two_hundred_orders_survive_ten_kills_of_the_suppliers_gatepost() {
    let directory = tempfile::tempdir().unwrap();
    let fast = [
        ("TIRES_PLAN_RATE", "2000/s"),
        ("TIRES_PLAN_BURST", "200"),
        ("CARS_TIRES_RATE", "300/s"),
        ("CARS_TIRES_BURST", "30"),
    ];
    let settings = Settings {
        program: PathBuf::from(PROGRAM),
        root: directory.path().to_owned(),
        every: "1s".to_owned(),
        environment: fast.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
    };
    let mut stage = Stage::open(settings).await.unwrap();
    stage.hand_over().await.unwrap();
    for round in 1..=10_u32 {
        let mut random = [0; 1];
        getrandom::fill(&mut random).unwrap();
        let kill_at = u32::from(random[0]) * 200 / 256;
        for number in 0..200 {
            stage.place_order(number).await.unwrap();
            // Orders go on being placed while the supplier is down.
            if number == kill_at {
                stage.tires.kill_gatepost().await.unwrap();
            }
            if number == (kill_at + 20).min(199) {
                stage.restart_tires_gatepost().await.unwrap();
            }
            stage.discard_hops();
        }
        let orders = round * 200;
        until(
            &format!("round {round}, killed at order {kill_at}: all orders are complete"),
            async || {
                stage.discard_hops();
                let counts = Books::counts(&stage).await.ok()?;
                (counts == (orders, orders)).then_some(())
            },
        )
        .await;
        let books = Books::read(&stage).await.unwrap();
        assert!(books.all_completed(orders), "round {round}: {books:?}");
    }
    stage.close().await;
}
