//! When signing keys change: the ring of one algorithm, and what is to be done with it now.
//!
//! A key is *next* from its making on: it is published, so that verifiers know it, and signs
//! nothing. Then it is *active*: the one that signs. Then it is *retiring*: it signs no more, and is
//! published until the last token that it signed has ended; then it goes. There is always a next one,
//! so that a rotation that somebody needs at once need not wait.
//!
//! Pure: who calls keeps the ring, makes the keys and gives the moment.

/// How many keys of one algorithm may be retiring at once. A rotation that is asked for and would
/// make one more is refused: each of them costs every verifier a part of the published set.
pub const RETIRING_KEYS_MAX: usize = 8;
/// How many keys a ring may have: those, the active one and the next one.
pub const RING_KEYS_MAX: usize = RETIRING_KEYS_MAX + 2;

/// A key of a ring. Moments are milliseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RingKey {
    /// The key's name.
    pub kid: String,
    /// Since when it is published for certain.
    pub published_ms: Option<i64>,
    /// From when on it is to sign, where somebody has asked for it.
    pub turn_ms: Option<i64>,
    /// Since when it signs, or did.
    pub signs_from_ms: Option<i64>,
    /// Since when it signs no more.
    pub retired_ms: Option<i64>,
    /// When it goes.
    pub gone_ms: Option<i64>,
}

/// What a key does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It is published, and waits.
    Next,
    /// It signs.
    Active,
    /// It is published for those who verify what it signed.
    Retiring,
}

impl Stage {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Next => "next",
            Self::Active => "active",
            Self::Retiring => "retiring",
        }
    }
}

/// The rules of a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rotation {
    /// How long a key signs; none for as long as nobody asks for another.
    pub every_ms: Option<i64>,
    /// How long a key is published before it signs: as long as a verifier may keep the set.
    pub publish_ms: i64,
    /// How long it is published when it signs no more: as long as the longest token lives.
    pub keep_ms: i64,
    /// Whether anything is signed with this algorithm.
    pub wanted: bool,
    /// Whether nothing else can sign in this ring's place. Then a ring without an active key gets
    /// one at once: a token that some verifier does not know yet is better than none.
    pub alone: bool,
}

/// The key that is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Make {
    /// One that waits for its turn.
    Next,
    /// One that signs at once.
    Active,
}

/// What is to be changed, all of it or nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RingChange {
    /// Keys as they are from now on.
    pub changed: Vec<RingKey>,
    /// The names of keys that go.
    pub removed: Vec<String>,
    /// A key that is missing.
    pub make: Option<Make>,
}

/// How a rotation is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// As soon as no verifier can be surprised.
    WhenPublished,
    /// At once, whatever verifiers know.
    Now,
}

/// Why a rotation that was asked for cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RotateError {
    /// There is no key that could take over; one is made in a moment.
    #[error("the next key is being made; ask again in a moment")]
    NoNext,
    /// [`RETIRING_KEYS_MAX`] are.
    #[error("as many keys as may be are retiring")]
    TooMany {
        /// When the first of them goes.
        until_ms: i64,
    },
}

impl RingKey {
    /// What the key does.
    pub fn stage(&self) -> Stage {
        match (self.signs_from_ms, self.retired_ms) {
            (_, Some(_)) => Stage::Retiring,
            (Some(_), None) => Stage::Active,
            (None, None) => Stage::Next,
        }
    }

    fn retired(&self, rotation: &Rotation, now_ms: i64) -> Self {
        let gone_ms = Some(now_ms.saturating_add(rotation.keep_ms));
        Self { retired_ms: Some(now_ms), gone_ms, ..self.clone() }
    }

    fn activated(&self, now_ms: i64) -> Self {
        Self { signs_from_ms: Some(now_ms), turn_ms: None, ..self.clone() }
    }

    /// Whether every verifier that keeps the set for no longer than it may knows the key.
    fn is_ripe(&self, rotation: &Rotation, now_ms: i64) -> bool {
        let age = self.published_ms.map(|published| now_ms.saturating_sub(published));
        age.is_some_and(|age| age >= rotation.publish_ms)
    }
}

impl RingChange {
    /// Whether there is nothing to be done.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// What time has brought: `ring` are the keys of one algorithm, all of which are published now.
pub fn turn(ring: &[RingKey], rotation: &Rotation, now_ms: i64) -> RingChange {
    let mut change = RingChange::default();
    for key in ring.iter().filter(|key| key.stage() == Stage::Retiring) {
        if key.gone_ms.is_none_or(|gone| now_ms >= gone) {
            change.removed.push(key.kid.clone());
        }
    }
    let (active, former) = active(ring);
    change.changed.extend(former.iter().map(|key| key.retired(rotation, now_ms)));
    let next = ring.iter().find(|key| key.stage() == Stage::Next);
    if !rotation.wanted {
        change.changed.extend(active.map(|key| key.retired(rotation, now_ms)));
        let waiting = ring.iter().filter(|key| key.stage() == Stage::Next);
        change.removed.extend(waiting.map(|key| key.kid.clone()));
        return change;
    }
    let Some(next) = next else {
        let at_once = active.is_none() && rotation.alone;
        change.make = Some(if at_once { Make::Active } else { Make::Next });
        return change;
    };
    // A moment to come is none: the machine's clock was put back, and the key waits anew.
    let known = next.published_ms.filter(|published| *published <= now_ms);
    let published = RingKey { published_ms: known.or(Some(now_ms)), ..next.clone() };
    let takes_over = match active {
        None => rotation.alone || published.is_ripe(rotation, now_ms),
        Some(active) => {
            let retiring = ring.iter().filter(|key| key.stage() == Stage::Retiring).count();
            let has_room = retiring.saturating_sub(change.removed.len()) < RETIRING_KEYS_MAX;
            let is_due = is_due(active, &published, rotation, now_ms);
            is_due && has_room && published.is_ripe(rotation, now_ms)
        }
    };
    if takes_over {
        change.changed.extend(active.map(|key| key.retired(rotation, now_ms)));
        change.changed.push(published.activated(now_ms));
    } else if published != *next {
        change.changed.push(published);
    }
    change
}

/// What a rotation that somebody asks for changes, and when the next key signs.
pub fn rotate(
    ring: &[RingKey],
    rotation: &Rotation,
    (ask, now_ms): (Ask, i64),
) -> Result<(RingChange, i64), RotateError> {
    let retiring = ring.iter().filter(|key| key.stage() == Stage::Retiring);
    if retiring.clone().count() >= RETIRING_KEYS_MAX {
        let until_ms = retiring.filter_map(|key| key.gone_ms).min().unwrap_or(now_ms);
        return Err(RotateError::TooMany { until_ms });
    }
    let (active, _) = active(ring);
    let next = ring.iter().find(|key| key.stage() == Stage::Next).ok_or(RotateError::NoNext)?;
    let mut change = RingChange::default();
    if ask == Ask::Now || next.is_ripe(rotation, now_ms) {
        change.changed.extend(active.map(|key| key.retired(rotation, now_ms)));
        change.changed.push(next.activated(now_ms));
        return Ok((change, now_ms));
    }
    let published_ms = next.published_ms.unwrap_or(now_ms).min(now_ms);
    let turn_ms = published_ms.saturating_add(rotation.publish_ms);
    change.changed.push(RingKey { turn_ms: Some(turn_ms), ..next.clone() });
    Ok((change, turn_ms))
}

/// The key that signs, and others that are no longer to, should there be any: of several, the one
/// that began last.
fn active(ring: &[RingKey]) -> (Option<&RingKey>, Vec<&RingKey>) {
    let mut all: Vec<&RingKey> = ring.iter().filter(|key| key.stage() == Stage::Active).collect();
    all.sort_by_key(|key| key.signs_from_ms);
    (all.pop(), all)
}

fn is_due(active: &RingKey, next: &RingKey, rotation: &Rotation, now_ms: i64) -> bool {
    let asked = next.turn_ms.is_some_and(|turn| now_ms >= turn);
    let age = active.signs_from_ms.map_or(0, |from| now_ms.saturating_sub(from));
    asked || rotation.every_ms.is_some_and(|every| age >= every)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rotation = Rotation {
        every_ms: Some(1_000),
        publish_ms: 100,
        keep_ms: 200,
        wanted: true,
        alone: true,
    };

    /// `name published signs_from retired gone`, a dash for none.
    fn ring(keys: &[&str]) -> Vec<RingKey> {
        let key = |text: &&str| {
            let mut parts = text.split(' ');
            let kid = parts.next().unwrap_or_default().to_owned();
            let mut number = || parts.next().and_then(|part| part.parse().ok());
            let (published_ms, signs_from_ms) = (number(), number());
            let (retired_ms, gone_ms) = (number(), number());
            RingKey { kid, published_ms, turn_ms: None, signs_from_ms, retired_ms, gone_ms }
        };
        keys.iter().map(key).collect()
    }

    fn check(
        (keys, rules, now_ms): (&[&str], Rotation, i64),
        changed: &[&str],
        removed: &[&str],
        make: Option<Make>,
    ) {
        let removed = removed.iter().map(|kid| (*kid).to_owned()).collect();
        let expected = RingChange { changed: ring(changed), removed, make };
        assert_eq!(turn(&ring(keys), &rules, now_ms), expected, "{keys:?} at {now_ms}");
    }

    #[test]
    fn a_ring_turns_when_it_is_time() {
        let not_alone = Rotation { alone: false, ..RULES };
        let (active, next) = (Some(Make::Active), Some(Make::Next));
        // The first key signs at once where nothing else can.
        check((&[], RULES, 0), &[], &[], active);
        check((&[], not_alone, 0), &[], &[], next);
        // There is always a next one, and its publication is noted.
        check((&["a 0 0 - -"], RULES, 0), &[], &[], next);
        check((&["a 0 0 - -", "b - - - -"], RULES, 5), &["b 5 - - -"], &[], None);
        check((&["a 0 0 - -", "b 5 - - -"], RULES, 999), &[], &[], None);
        check(
            (&["a 0 0 - -", "b 5 - - -"], RULES, 1_000),
            &["a 0 0 1000 1200", "b 5 1000 - -"],
            &[],
            None,
        );
        // Due, and not published for long enough.
        check((&["a 0 0 - -", "b 950 - - -"], RULES, 1_049), &[], &[], None);
        check(
            (&["a 0 0 - -", "b 950 - - -"], RULES, 1_050),
            &["a 0 0 1050 1250", "b 950 1050 - -"],
            &[],
            None,
        );
        check((&["a 0 0 - -", "b - - - -"], RULES, 5_000), &["b 5000 - - -"], &[], None);
        // The clock was put back.
        check((&["a 0 0 - -", "b 900 - - -"], RULES, 400), &["b 400 - - -"], &[], None);
        // What it signed has ended.
        let three = ["a 0 0 1000 1200", "b 5 1000 - -", "c 1000 - - -"];
        check((&three, RULES, 1_199), &[], &[], None);
        check((&three, RULES, 1_200), &[], &["a"], None);
        // An algorithm that is new waits for verifiers, while another signs.
        check((&["a 0 - - -"], not_alone, 99), &[], &[], None);
        check((&["a 0 - - -"], not_alone, 100), &["a 0 100 - -"], &[], None);
        check((&["a 0 - - -"], RULES, 1), &["a 0 1 - -"], &[], None);
        // One that is no longer asked for goes, when its tokens have ended.
        let unwanted = Rotation { wanted: false, alone: false, ..RULES };
        check((&["a 0 0 - -", "b 5 - - -"], unwanted, 50), &["a 0 0 50 250"], &["b"], None);
        check((&["a 0 0 50 250"], unwanted, 250), &[], &["a"], None);
        check((&[], unwanted, 0), &[], &[], None);
        // Never two.
        check((&["a 0 0 - -", "b 0 9 - -", "c 0 - - -"], RULES, 10), &["a 0 0 10 210"], &[], None);
        let never = Rotation { every_ms: None, ..RULES };
        check((&["a 0 0 - -", "b 5 - - -"], never, i64::MAX), &[], &[], None);
    }

    #[test]
    fn a_rotation_that_is_asked_for_is_at_once_or_as_soon_as_verifiers_know() {
        let keys = ring(&["a 0 0 - -", "b 50 - - -"]);
        let ask = |ask, now_ms| rotate(&keys, &RULES, (ask, now_ms));
        let turned = |now_ms: i64| {
            let old = format!("a 0 0 {now_ms} {}", now_ms + 200);
            let changed = ring(&[&old, &format!("b 50 {now_ms} - -")]);
            Ok((RingChange { changed, ..RingChange::default() }, now_ms))
        };
        assert_eq!(ask(Ask::Now, 60), turned(60));
        assert_eq!(ask(Ask::WhenPublished, 150), turned(150));
        let (change, signs_from) = ask(Ask::WhenPublished, 60).unwrap();
        assert_eq!((signs_from, change.changed[0].turn_ms), (150, Some(150)));
        let later = [keys[0].clone(), change.changed[0].clone()];
        assert!(turn(&later, &RULES, 149).is_nothing());
        assert_eq!(turn(&later, &RULES, 150), turned(150).unwrap().0);
        assert_eq!(rotate(&keys[..1], &RULES, (Ask::Now, 60)), Err(RotateError::NoNext));
        let mut many = keys.clone();
        many.extend((0..8).map(|at| ring(&[&format!("r 0 0 1 {}", 900 - at)]).remove(0)));
        let refused = Err(RotateError::TooMany { until_ms: 893 });
        assert_eq!(rotate(&many, &RULES, (Ask::Now, 60)), refused);
    }
}
