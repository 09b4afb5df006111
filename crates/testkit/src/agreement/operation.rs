//! What may be done with a store: operations that make sense in any order, so that a failing list of
//! them can be made shorter.

use model::Name;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::name;

/// One thing that is done to both stores. Numbers choose among what there is by then.
#[derive(Debug, Clone)]
pub enum Operation {
    /// Events are accepted, in one call.
    Append(Vec<Draft>),
    /// A schedule fires.
    Fire(Draft),
    /// So many seconds go by.
    Wait(u16),
    /// Deliveries that wait are attempted.
    Settle {
        /// Which, and how it went.
        outcomes: Vec<(u16, Fate)>,
        /// Whether their lanes' cursors are moved with it.
        moves: bool,
    },
    /// Dead letters go back on their lanes.
    Redrive(Choice),
    /// Dead letters are forgotten.
    Purge(Choice),
    /// Events are put on lanes once more: on which, and which events.
    Extend(Vec<(u8, Vec<u16>)>),
    /// So many ids of entries are forgotten at the most.
    Forget(u8),
    /// What is older than so many seconds is dropped.
    Drop {
        /// Events.
        events: u16,
        /// Events of the first bus.
        orders: Option<u16>,
        /// Attempts.
        attempts: u16,
    },
    /// The store is closed and opened again.
    Restart,
}

/// An event.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Its bus.
    pub bus: u8,
    /// What it says.
    pub content: u8,
    /// Its publisher's id.
    pub id: Option<u8>,
    /// Its lanes, a bit for each.
    pub lanes: u8,
}

/// What becomes of a delivery.
#[derive(Debug, Clone)]
pub enum Fate {
    /// It is delivered.
    Done,
    /// It is tried again.
    Retry {
        /// After so many seconds.
        after: u16,
        /// Whether there was a status.
        status: bool,
    },
    /// It is given up, into one of two queues.
    Dead {
        /// The second of them.
        second: bool,
    },
    /// It is given up without an attempt.
    Expired,
}

/// Which dead letters.
#[derive(Debug, Clone)]
pub enum Choice {
    /// All.
    All,
    /// Those of a queue.
    Queue(bool),
    /// Those with a code.
    Code(bool),
    /// Those given up more than so many seconds ago.
    Before(u16),
    /// Those of a lane.
    Lane(u8),
    /// Those of one delivery.
    One(u16),
}

/// One of two queues.
pub(super) fn queue(second: bool) -> Name {
    name(if second { "late" } else { "refused" })
}

/// One of two codes.
pub(super) fn code(second: bool) -> String {
    (if second { "NO_ANSWER" } else { "HTTP_404" }).to_owned()
}

/// Lists of operations.
pub fn operations() -> impl Strategy<Value = Vec<Operation>> {
    vec(operation(), 1..40)
}

fn operation() -> impl Strategy<Value = Operation> {
    let outcomes = vec((any::<u16>(), fate()), 1..8);
    let drop = (0..60_u16, option::of(0..60_u16), 0..60_u16);
    prop_oneof![
        6 => vec(draft(), 1..6).prop_map(Operation::Append),
        1 => draft().prop_map(Operation::Fire),
        3 => (0..20_u16).prop_map(Operation::Wait),
        8 => (outcomes, any::<bool>())
            .prop_map(|(outcomes, moves)| Operation::Settle { outcomes, moves }),
        2 => choice().prop_map(Operation::Redrive),
        1 => choice().prop_map(Operation::Purge),
        2 => vec((any::<u8>(), vec(any::<u16>(), 1..6)), 1..3).prop_map(Operation::Extend),
        1 => (1..4_u8).prop_map(Operation::Forget),
        2 => drop
            .prop_map(|(events, orders, attempts)| Operation::Drop { events, orders, attempts }),
        2 => Just(Operation::Restart),
    ]
}

fn draft() -> impl Strategy<Value = Draft> {
    (0..3_u8, 0..2_u8, option::of(0..4_u8), 0..16_u8).prop_map(|(bus, content, id, lanes)| Draft {
        bus,
        content,
        id,
        lanes,
    })
}

fn fate() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => Just(Fate::Done),
        3 => (0..30_u16, any::<bool>())
            .prop_map(|(after, status)| Fate::Retry { after, status }),
        3 => any::<bool>().prop_map(|second| Fate::Dead { second }),
        1 => Just(Fate::Expired),
    ]
}

fn choice() -> impl Strategy<Value = Choice> {
    prop_oneof![
        2 => Just(Choice::All),
        1 => any::<bool>().prop_map(Choice::Queue),
        1 => any::<bool>().prop_map(Choice::Code),
        1 => (0..30_u16).prop_map(Choice::Before),
        1 => any::<u8>().prop_map(Choice::Lane),
        2 => any::<u16>().prop_map(Choice::One),
    ]
}
