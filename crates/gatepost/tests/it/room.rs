//! How many connections an address may hold at the public door.

use std::net::Ipv4Addr;

use testkit::{Receiver, Reply, until};

use crate::client::{ELSEWHERE, HERE, Line, connect};
use crate::program::{Program, http};

async fn start(sections: &str) -> (Receiver, Program) {
    let upstream = Receiver::start(|_, _| Reply::status(200).body("ok")).await;
    let api = format!(
        "apis: {{ open: {{ base_path: /open, upstream: {}, routes: {{ GET /a: {{}} }} }} }}\n",
        upstream.url()
    );
    let program = Program::start(&format!("{sections}{api}")).await;
    (upstream, program)
}

/// A connection that was answered, so that the door holds it; none if it was closed.
async fn hold(program: &Program, from: Ipv4Addr) -> Option<Line> {
    let mut line = Line::plain(connect(program, from).await).await;
    let answer = line.try_call("GET", "/open/a", &[]).await.ok()?;
    assert_eq!(answer.status, 200);
    Some(line)
}

#[tokio::test]
async fn an_address_that_holds_as_many_as_it_may_is_turned_away_and_others_are_not() {
    let (_upstream, program) = start("limits: { address_connections: 3 }\n").await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(hold(&program, HERE).await.unwrap());
    }
    for _ in 0..20 {
        assert!(hold(&program, HERE).await.is_none());
    }
    assert!(hold(&program, ELSEWHERE).await.is_some());
    for line in &mut held {
        assert_eq!(line.call("GET", "/open/a", &[]).await.status, 200);
    }
    let counted = "gatepost_connections_refused_total{door=\"public\",why=\"address-full\"} 20\n";
    let metrics = http().get(format!("{}/metrics", program.admin)).send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains(counted), "{metrics}");
    // A line tells of all that came since the one before.
    until("all are told of", async || {
        let lines = program.said("connections closed: their address holds as many as one may");
        let closed: u64 = lines.iter().filter_map(|line| line["closed"].as_u64()).sum();
        (closed == 20).then_some(())
    })
    .await;
    drop(held.pop());
    until("there is room again", async || hold(&program, HERE).await).await;
}

#[tokio::test]
async fn a_trusted_proxy_speaks_for_many_and_is_not_bounded() {
    let sections = "limits: { address_connections: 1 }\nproxies: { trust: [127.0.0.1/32] }\n";
    let (_upstream, program) = start(sections).await;
    let mut held = vec![hold(&program, ELSEWHERE).await.unwrap()];
    assert!(hold(&program, ELSEWHERE).await.is_none());
    for _ in 0..5 {
        held.push(hold(&program, HERE).await.unwrap());
    }
}
