//! Running programs as the system sees them: their CPU time, memory and children, how one is ended,
//! and an address for the next one to listen on.

use std::net::TcpListener;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

/// How long an orderly end may take.
const END_WITHIN: Duration = Duration::from_secs(40);

/// A process and its children: a server with workers is all of them.
pub(crate) fn family(root: u32) -> Vec<u32> {
    let children = std::fs::read_to_string(format!("/proc/{root}/task/{root}/children")).unwrap();
    let children = children.split_whitespace().map(|id| id.parse().unwrap());
    std::iter::once(root).chain(children).collect()
}

/// CPU time used so far by all of these, user and system (`/proc/<pid>/stat`, in ticks of 10 ms).
pub(crate) fn cpu(ids: &[u32]) -> Duration {
    let ticks = ids.iter().map(|id| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    });
    Duration::from_millis(ticks.sum::<u64>() * 10)
}

/// Resident memory of all of these; what they share is counted in each.
pub(crate) fn memory_mib(ids: &[u32]) -> f64 {
    let kib = ids.iter().map(|id| {
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap()
    });
    kib.sum::<f64>() / 1024.0
}

/// Ends a program with SIGTERM and waits for it. Killed at once, nginx's master would leave its
/// workers behind; that is for one that does not end in time, and then its children are killed too.
pub(crate) fn end(child: &mut Child) {
    if !runs(child) {
        return;
    }
    signal("-TERM", &[child.id()]);
    let told = Instant::now();
    while runs(child) {
        if told.elapsed() > END_WITHIN {
            signal("-KILL", &family(child.id()));
            drop(child.wait());
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn runs(child: &mut Child) -> bool {
    matches!(child.try_wait(), Ok(None))
}

fn signal(name: &str, ids: &[u32]) {
    let ids = ids.iter().map(u32::to_string);
    drop(Command::new("kill").arg(name).args(ids).status());
}

/// An address on loopback that nobody listens on. It lies below the ports that the system gives to
/// callers, whose connections could otherwise hold it when its program is started once more.
pub(crate) fn free_address() -> String {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const PORTS: std::ops::Range<u16> = 10_000..30_000;
    // Two of these programs at a time begin in different places.
    let first = (std::process::id() as u16).wrapping_mul(97);
    loop {
        let number = first.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + number % (PORTS.end - PORTS.start);
        let address = format!("127.0.0.1:{port}");
        if TcpListener::bind(&address).is_ok() {
            return address;
        }
    }
}
