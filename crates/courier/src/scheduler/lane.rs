//! One lane: where it is read, what is under way, how far everything is settled. Pure.
//!
//! Memory is by lane and never by what waits: so many entries read ahead, so many retries held,
//! and a bound on the bytes of each. What is not held stays in the store and is read in its turn.

use std::collections::{BTreeMap, BTreeSet, HashSet, VecDeque};
use std::sync::Arc;

use model::{Event, Timestamp};
use retry::Policy;
use store::{DueDelivery, DuePlace, LaneEntry, LanePage, LaneState, Position};

use super::{STORE_PAUSE_MS, is_due};

/// Entries read ahead.
pub(super) const AHEAD_MAX: usize = 256;
/// Reading on begins below it: a read lasts no longer than half of what is ahead.
const AHEAD_LOW: usize = 128;
/// Bytes of entries read ahead above which no more are asked for. One answer of the store may go
/// beyond it, by as much as the store gives at once.
const AHEAD_BYTES: usize = 1024 * 1024;
/// Entries begun or ahead and not settled on disk.
pub(super) const UNSETTLED_MAX: usize = 1024;
/// Entries settled beyond one that is not, such as one that waits for another one's key: after a start
/// all are looked at again.
pub(super) const BEYOND_MAX: u64 = 100_000;
/// Retries held; the others stay in the store until these are done.
pub(super) const RETRIES_HELD: usize = 256;
/// More are read below it.
const RETRIES_LOW: usize = 128;
/// How many are read at once.
const RETRIES_READ: usize = 32;
/// Bytes of retries held, one of any size aside.
const RETRIES_BYTES: usize = 1024 * 1024;
/// How many entries are read, and retries, of a lane that nothing is sent of: their ages count all the
/// same.
const IDLE_READ: usize = 32;

/// A delivery among those of its lane: its event, and the chunk in which it stands. An event may stand
/// in several.
pub(super) type Standing = (u64, u64);

/// One delivery: an event on its way along one lane.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    /// The lane, by its place in the plan.
    pub(crate) lane: usize,
    pub(crate) event: Arc<Event>,
    /// The chunk of the lane in which it stands.
    pub(crate) chunk: u64,
    /// Its place, for a first try; none for a retry, whose place is behind the cursor.
    pub(crate) position: Option<Position>,
    /// When it was put on the lane.
    pub(crate) since: Timestamp,
    /// Attempts made since then.
    pub(crate) tries: u32,
    /// Attempts made in all.
    pub(crate) attempts: u32,
    /// What it is kept in order with.
    pub(crate) key: Option<u64>,
}

impl Delivery {
    /// What it takes of memory, to within its fixed part.
    pub(super) fn bytes(&self) -> usize {
        bytes(&self.event)
    }

    pub(super) fn standing(&self) -> Standing {
        (self.event.id.seq, self.chunk)
    }

    fn due_at(&self, due: Timestamp) -> DuePlace {
        DuePlace { due, seq: self.event.id.seq, chunk: self.chunk }
    }

    fn too_old(&self, policy: &Policy, now: Timestamp) -> bool {
        retry::too_old(policy, self.since.ms(), now.ms())
    }
}

fn bytes(event: &Event) -> usize {
    let fields = &event.fields;
    let resources: usize = fields.resources.iter().map(String::len).sum();
    fields.detail.len() + fields.source.len() + fields.detail_type.len() + resources
}

/// What an event is kept in order with.
type KeyOf<'a> = &'a dyn Fn(&Event) -> Option<u64>;

/// An entry read ahead.
#[derive(Debug)]
struct Ahead {
    delivery: Delivery,
    /// Its place among the lanes of one order: that of its event, or of the last one before it on
    /// its lane, which is where a redriven one stands.
    rank: u64,
    /// When the read ended that found it.
    read: u64,
}

/// Which retries of the store are held: all that are due up to here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Held {
    UpTo(Option<DuePlace>),
    All,
}

/// What the store is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Where the lane stands.
    Open,
    /// Entries from here.
    Entries { from: Position, limit: usize },
    /// Retries due after this one.
    Retries { after: Option<DuePlace>, limit: usize },
}

/// What the store is being asked, and what happened since that its answer may not show.
#[derive(Debug)]
struct Asked {
    ask: Ask,
    began: u64,
    woken: bool,
    /// Deliveries settled meanwhile: with their due time, or for good.
    settled: BTreeMap<Standing, Option<(Timestamp, Delivery)>>,
}

/// A lane in use.
#[derive(Debug)]
pub(super) struct Lane {
    policy: Policy,
    pub(super) paused: bool,
    /// Whether nothing is sent of it for as long as this plan lasts.
    pub(super) idle: bool,
    opened: bool,
    asked: Option<Asked>,
    /// A store that refused is left alone until then.
    again_at: Timestamp,
    /// Where the next read begins.
    next: Position,
    ahead: VecDeque<Ahead>,
    ahead_bytes: usize,
    /// Whether the last read found everything there was.
    at_end: bool,
    /// When the last read began that found nothing at all.
    empty_at: Option<u64>,
    /// Whether somebody must know that there is nothing more.
    prove: bool,
    /// The highest event read.
    rank: u64,
    /// How many places were read.
    read: u64,
    /// Read, and not on its way to the disk; with how many were read before it.
    unsettled: BTreeMap<Position, u64>,
    /// Settled beyond the cursor before the last start.
    skip: BTreeSet<Position>,
    saved: Position,
    retries: BTreeMap<DuePlace, Delivery>,
    retries_bytes: usize,
    /// When each of them becomes too old.
    ends: BTreeSet<(Timestamp, DuePlace)>,
    held: Held,
    /// Whether the keys of all retries must be known before anything new begins.
    pub(super) needs_keys: bool,
    /// Up to which retry all keys were read. What was read once stays known, held or not: whoever has
    /// a key has it until it is done for good.
    known: Held,
    /// Retries under way, and what is not yet settled on disk and is to be one.
    busy: HashSet<Standing>,
    // What the scheduler notes of it.
    pub(super) active: bool,
    pub(super) expiring: bool,
    pub(super) wanting: bool,
    pub(super) timer: Option<Timestamp>,
}

impl Lane {
    pub(super) fn new(policy: Policy, paused: bool) -> Self {
        Self {
            policy,
            paused,
            idle: paused,
            opened: false,
            asked: None,
            again_at: Timestamp::default(),
            next: Position::default(),
            ahead: VecDeque::new(),
            ahead_bytes: 0,
            at_end: false,
            empty_at: None,
            prove: false,
            rank: 0,
            read: 0,
            unsettled: BTreeMap::new(),
            skip: BTreeSet::new(),
            saved: Position::default(),
            retries: BTreeMap::new(),
            retries_bytes: 0,
            ends: BTreeSet::new(),
            held: Held::UpTo(None),
            needs_keys: false,
            known: Held::UpTo(None),
            busy: HashSet::new(),
            active: false,
            expiring: false,
            wanting: false,
            timer: None,
        }
    }

    /// What to ask the store now.
    pub(super) fn wants(&self, now: Timestamp) -> Option<Ask> {
        if self.asked.is_some() || !is_due(self.again_at, now, STORE_PAUSE_MS) {
            return None;
        }
        if !self.opened {
            return Some(Ask::Open);
        }
        let room = self.retries.len() < RETRIES_LOW && self.retries_bytes < RETRIES_BYTES / 2;
        let room = room && !self.idle;
        if let Held::UpTo(after) = self.held
            && (room || self.retries.is_empty())
        {
            return Some(Ask::Retries { after, limit: RETRIES_READ });
        }
        if let Held::UpTo(after) = self.known
            && self.needs_keys
            && !self.idle
        {
            return Some(Ask::Retries { after, limit: RETRIES_READ });
        }
        if self.idle {
            let ask = Ask::Entries { from: self.next, limit: IDLE_READ };
            let room = self.ahead.is_empty() && self.settled_beyond() < BEYOND_MAX;
            return (room && !self.at_end).then_some(ask);
        }
        let bytes = self.ahead_bytes < AHEAD_BYTES / 2;
        let room = self.ahead.len() < AHEAD_LOW
            && self.unsettled.len() < UNSETTLED_MAX
            && self.settled_beyond() < BEYOND_MAX;
        if bytes && room && (!self.at_end || self.prove) {
            let limit = AHEAD_MAX - self.ahead.len();
            return Some(Ask::Entries { from: self.next, limit });
        }
        None
    }

    /// The store is being asked.
    pub(super) fn asking(&mut self, ask: Ask, tick: u64) {
        self.asked = Some(Asked { ask, began: tick, woken: false, settled: BTreeMap::new() });
    }

    /// The store refused; it is asked again then.
    pub(super) fn refused(&mut self, again_at: Timestamp) {
        self.asked = None;
        self.again_at = again_at;
    }

    /// Where the lane was left.
    pub(super) fn open(&mut self, state: LaneState) {
        self.asked = None;
        self.opened = true;
        let LaneState { cursor, settled } = state;
        (self.next, self.saved, self.skip) = (cursor, cursor, settled);
    }

    /// Says that something was appended.
    pub(super) fn wake(&mut self) {
        self.at_end = false;
        if let Some(asked) = &mut self.asked {
            asked.woken = true;
        }
    }

    /// What was read, at the tick at which the read ended.
    pub(super) fn read(&mut self, lane: usize, page: LanePage, (tick, key): (u64, KeyOf<'_>)) {
        let Some(Asked { ask: Ask::Entries { .. }, began, woken, .. }) = self.asked.take() else {
            return;
        };
        self.prove = false;
        let LanePage { entries, next, at_end } = page;
        if entries.is_empty() && at_end {
            self.empty_at = Some(began);
        }
        for LaneEntry { position, event, since, attempts_before } in entries {
            self.rank = self.rank.max(event.id.seq);
            let before = self.read;
            self.read += 1;
            if self.skip.remove(&position) {
                continue;
            }
            let delivery = Delivery {
                lane,
                key: key(&event),
                event: Arc::new(event),
                chunk: position.chunk,
                position: Some(position),
                since,
                tries: 0,
                attempts: attempts_before,
            };
            self.ahead_bytes += delivery.bytes();
            self.unsettled.insert(position, before);
            self.ahead.push_back(Ahead { delivery, rank: self.rank, read: tick });
        }
        // Also behind what was passed over: its events are gone.
        self.next = next;
        self.at_end = !woken && at_end;
    }

    /// Retries that were read; gives the keys of those that wait.
    pub(super) fn read_due(
        &mut self,
        lane: usize,
        due: Vec<DueDelivery>,
        key: KeyOf<'_>,
    ) -> Vec<(u64, Standing)> {
        let Some(Asked { ask: Ask::Retries { after, limit }, settled, .. }) = self.asked.take()
        else {
            return Vec::new();
        };
        let last = due.last().map(DueDelivery::place);
        let reached = if due.len() < limit { Held::All } else { Held::UpTo(last.or(after)) };
        if self.known >= Held::UpTo(after) {
            self.known = self.known.max(reached);
        }
        // Not where only the keys were asked for, nor where some were given up meanwhile, so that
        // there is a gap before these.
        let follows = self.held == Held::UpTo(after);
        if follows {
            self.held = reached;
        }
        let mut keys = Vec::new();
        for row in due {
            let DueDelivery { chunk, event, due, tries, since, attempts } = row;
            let standing = (event.id.seq, chunk);
            if self.busy.contains(&standing) || settled.contains_key(&standing) {
                continue;
            }
            let key = key(&event);
            keys.extend(key.map(|key| (key, standing)));
            let event = Arc::new(event);
            let delivery =
                Delivery { lane, event, chunk, position: None, since, tries, attempts, key };
            if follows {
                self.hold(due, delivery);
            }
        }
        for (due, delivery) in settled.into_values().flatten() {
            if !self.busy.contains(&delivery.standing()) {
                self.hold(due, delivery);
            }
        }
        keys
    }

    /// Holds a retry if all before it are held too; gives up the latest ones above the bounds.
    fn hold(&mut self, due: Timestamp, delivery: Delivery) {
        let place = delivery.due_at(due);
        let behind = matches!(self.held, Held::UpTo(last) if last.is_none_or(|last| place > last));
        if behind || self.retries.contains_key(&place) {
            return;
        }
        self.retries_bytes += delivery.bytes();
        self.ends.insert((self.end_of(&delivery), place));
        self.retries.insert(place, delivery);
        while self.retries.len() > RETRIES_HELD
            || (self.retries_bytes > RETRIES_BYTES && self.retries.len() > 1)
        {
            let Some((latest, _)) = self.retries.last_key_value() else { break };
            self.take(*latest);
            self.held = Held::UpTo(self.retries.last_key_value().map(|(place, _)| *place));
        }
    }

    /// The next retry that is due.
    pub(super) fn take_retry(&mut self, now: Timestamp) -> Option<Delivery> {
        let (place, _) = self.retries.first_key_value().filter(|(place, _)| place.due <= now)?;
        self.take_busy(*place)
    }

    fn take_busy(&mut self, place: DuePlace) -> Option<Delivery> {
        let delivery = self.take(place)?;
        self.busy.insert(delivery.standing());
        Some(delivery)
    }

    fn take(&mut self, place: DuePlace) -> Option<Delivery> {
        let delivery = self.retries.remove(&place)?;
        self.retries_bytes -= delivery.bytes();
        self.ends.remove(&(self.end_of(&delivery), place));
        Some(delivery)
    }

    /// When it becomes too old.
    fn end_of(&self, delivery: &Delivery) -> Timestamp {
        delivery.since.plus_ms(self.policy.age_ms).plus_ms(1)
    }

    /// The next new delivery.
    pub(super) fn take_new(&mut self) -> Option<Delivery> {
        let Ahead { delivery, .. } = self.ahead.pop_front()?;
        self.ahead_bytes -= delivery.bytes();
        Some(delivery)
    }

    /// A delivery that has become too old to be tried: it costs no permit and waits for no breaker,
    /// and no pause keeps it young.
    pub(super) fn take_expired(&mut self, now: Timestamp) -> Option<Delivery> {
        if let Some((_, place)) = self.ends.first().filter(|(end, _)| *end <= now) {
            return self.take_busy(*place);
        }
        let new = self.ahead.front()?;
        if new.delivery.too_old(&self.policy, now) { self.take_new() } else { None }
    }

    /// When [`Self::take_expired`] may find something.
    pub(super) fn expires_at(&self) -> Option<Timestamp> {
        let retry = self.ends.first().map(|(end, _)| *end);
        let new = self.ahead.front().map(|ahead| self.end_of(&ahead.delivery));
        retry.into_iter().chain(new).min()
    }

    /// Whether it has become too old to be tried.
    pub(super) fn is_too_old(&self, delivery: &Delivery, now: Timestamp) -> bool {
        delivery.too_old(&self.policy, now)
    }

    /// When the earliest retry held is due.
    pub(super) fn next_due(&self) -> Option<Timestamp> {
        self.retries.first_key_value().map(|(place, _)| place.due)
    }

    /// When a store that refused is asked again.
    pub(super) fn again_at(&self) -> Timestamp {
        self.again_at
    }

    /// Whether new deliveries are ahead.
    pub(super) fn has_new(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// Whether the keys of all retries are known.
    pub(super) fn knows_retries(&self) -> bool {
        self.opened && self.known == Held::All
    }

    /// The rank of the next new delivery, and when it was read.
    pub(super) fn head(&self) -> Option<(u64, u64)> {
        self.ahead.front().map(|ahead| (ahead.rank, ahead.read))
    }

    /// Whether it is known that nothing stood on the lane at that tick that is not read by now;
    /// asks the store where it is not.
    pub(super) fn is_empty_since(&mut self, tick: u64) -> bool {
        let known = self.empty_at.is_some_and(|began| began > tick);
        self.prove |= !known;
        known
    }

    /// An outcome of a first try goes to the disk with the next write.
    pub(super) fn settling(&mut self, place: Position) {
        self.unsettled.remove(&place);
    }

    /// An outcome is not yet on disk that leads to another attempt. A write that is refused may be
    /// kept in part, so that the store may show the retry before it is known to be there.
    pub(super) fn goes_again(&mut self, of: Standing) {
        self.busy.insert(of);
    }

    /// An outcome is on disk: the delivery is done for good, or waits until it is due. Held or not,
    /// it is known when it was read before.
    pub(super) fn settled(&mut self, of: Standing, again: Option<(Timestamp, Delivery)>) {
        self.busy.remove(&of);
        if let Some(Asked { ask: Ask::Retries { .. }, settled, .. }) = &mut self.asked {
            settled.insert(of, again.clone());
        }
        if let Some((due, delivery)) = again {
            self.hold(due, delivery);
        }
    }

    /// How many places behind the cursor are settled all the same.
    fn settled_beyond(&self) -> u64 {
        let first = self.unsettled.first_key_value().map(|(_, before)| self.read - before);
        first.map_or(0, |from_first| from_first - self.unsettled.len() as u64)
    }

    /// Everything before is settled, once what goes to the disk at present is.
    pub(super) fn cursor(&self) -> Position {
        self.unsettled.first_key_value().map_or(self.next, |(place, _)| *place)
    }

    /// Whether the cursor moved since it was handed over last.
    pub(super) fn has_moved(&self) -> bool {
        self.cursor() > self.saved
    }

    /// The cursor, if it moved since it was handed over last.
    pub(super) fn take_moved(&mut self) -> Option<Position> {
        self.has_moved().then(|| {
            self.saved = self.cursor();
            self.saved
        })
    }

    /// What is held, for tests: entries ahead with their bytes, retries with theirs, unsettled.
    #[cfg(test)]
    pub(super) fn held(&self) -> [usize; 5] {
        let ahead: usize = self.ahead.iter().map(|ahead| ahead.delivery.bytes()).sum();
        let retries: usize = self.retries.values().map(Delivery::bytes).sum();
        assert_eq!((self.ahead_bytes, self.retries_bytes), (ahead, retries));
        assert_eq!(self.ends.len(), self.retries.len());
        [self.ahead.len(), ahead, self.retries.len(), retries, self.unsettled.len()]
    }
}
