//! Signing keys over time: what the rings of the store need, and what an operator asks of them.
//!
//! The decisions are [`jwt::turn`]'s and [`jwt::rotate`]'s; here records become rings, and changes of
//! rings changes of records. Whoever applies one writes it at the revision the records were read at,
//! so that two changes never meet.

use std::collections::{BTreeMap, BTreeSet};

use credential::Vault;
use jwt::{Algorithm, Ask, Make, RingKey, RotateError, Rotation, Stage};
use model::{Definitions, Random, SigningKeyRecord, Timestamp};
use store::{AuditEntry, SigningKeyChange, SigningKeyTurn, Store};

use crate::jwks::MAX_AGE_S;
use crate::ring::{self, RingError};

/// How long a key is published before it signs: as long as a verifier may keep the set, and a minute
/// more for caches that count from when they got it.
const PUBLISH_MS: i64 = (MAX_AGE_S + 60) * 1_000;
/// How long a key is published when it signs no more: the longest life of a token is 24 h; a minute
/// more for clocks.
const KEEP_MS: i64 = (86_400 + 60) * 1_000;
/// What tokens are signed with where nothing else is said, and while another algorithm's first key
/// is not known to verifiers yet.
pub(crate) const USUAL: Algorithm = Algorithm::Es256;

/// Changes of signing keys, ready to be written but for the keys that are to be made.
#[derive(Debug, Default)]
pub struct Turn {
    /// What is written.
    pub change: SigningKeyChange,
    /// What is told of it.
    pub audit: Vec<AuditEntry>,
    make: Vec<(Algorithm, Make)>,
}

/// A rotation that was asked for.
#[derive(Debug)]
pub struct Asked {
    /// What is written.
    pub turn: Turn,
    /// From when on each algorithm's next key signs.
    pub signs_from: Vec<(Algorithm, Timestamp)>,
}

/// Why a rotation that was asked for cannot be.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No API has tokens signed with it.
    #[error("no tokens are signed with {}", .0.as_str())]
    Unused(Algorithm),
    /// Its ring does not allow it now.
    #[error("{algorithm}: {error}", algorithm = .0.as_str(), error = .1)]
    Refused(Algorithm, RotateError),
    /// The stored keys cannot be read.
    #[error(transparent)]
    Ring(#[from] RingError),
}

/// The algorithms that tokens are signed with.
pub fn signing_algorithms(definitions: &Definitions) -> BTreeSet<Algorithm> {
    let mut algorithms: BTreeSet<_> =
        definitions.apis.values().map(|api| api.token_algorithm).collect();
    algorithms.insert(USUAL);
    algorithms
}

/// What a signing key does at present.
pub fn stage(record: &SigningKeyRecord) -> Stage {
    ring_key(record).stage()
}

/// Makes the first signing keys of an installation: those that sign at once, for nobody has seen a
/// set without them, and the next ones. Gives all keys there are.
pub async fn ensure_signing_keys(
    store: &dyn Store,
    (vault, random): (&Vault, &dyn Random),
    now: Timestamp,
    algorithms: &BTreeSet<Algorithm>,
) -> Result<Vec<SigningKeyRecord>, RingError> {
    let keys = store.signing_keys().await?;
    if keys.iter().any(|key| stage(key) == Stage::Active && ring::algorithm(key) == Ok(USUAL)) {
        return Ok(keys);
    }
    let first = keys.is_empty();
    let makes: &[Make] = if first { &[Make::Active, Make::Next] } else { &[Make::Active] };
    for algorithm in algorithms.iter().filter(|algorithm| first || **algorithm == USUAL) {
        for make in makes {
            let key = ring::make(*algorithm, *make, (vault, random), now)?;
            let audit = made(&key, *algorithm, ("system", now));
            store.add_signing_key(key, audit).await?;
        }
    }
    Ok(store.signing_keys().await?)
}

impl Turn {
    /// What time has brought: `records` are all signing keys, and all of them are published.
    pub fn of(
        records: &[SigningKeyRecord],
        definitions: &Definitions,
        now: Timestamp,
    ) -> Result<Self, RingError> {
        let wanted = signing_algorithms(definitions);
        let mut turn = Self::default();
        for (algorithm, ring) in rings(records, &wanted)? {
            let rules = rules(algorithm, &wanted, definitions);
            let change = jwt::turn(&ring, &rules, now.ms());
            turn.make.extend(change.make.map(|make| (algorithm, make)));
            turn.add(&ring, change, (algorithm, "system", now));
        }
        Ok(turn)
    }

    /// Whether there is nothing to be done.
    pub fn is_nothing(&self) -> bool {
        let SigningKeyChange { added, changed, removed } = &self.change;
        added.is_empty() && changed.is_empty() && removed.is_empty() && self.make.is_empty()
    }

    /// Makes the keys that are missing. An RSA key takes a noticeable part of a second: not for a
    /// thread that others wait for.
    pub fn make(
        mut self,
        vault: &Vault,
        random: &dyn Random,
        now: Timestamp,
    ) -> Result<Self, RingError> {
        for (algorithm, make) in std::mem::take(&mut self.make) {
            let key = ring::make(algorithm, make, (vault, random), now)?;
            self.audit.push(made(&key, algorithm, ("system", now)));
            self.change.added.push(key);
        }
        Ok(self)
    }

    fn add(
        &mut self,
        ring: &[RingKey],
        change: jwt::RingChange,
        (algorithm, who, now): (Algorithm, &str, Timestamp),
    ) {
        let mut tell = |what: &str, kid: &str| {
            self.audit.push(entry((who, now), what, kid, algorithm.as_str()));
        };
        for key in &change.changed {
            let before = ring.iter().find(|known| known.kid == key.kid).map(RingKey::stage);
            match (before, key.stage()) {
                (Some(Stage::Next), Stage::Active) => tell("signing key signs", &key.kid),
                (Some(Stage::Active), Stage::Retiring) => tell("signing key retires", &key.kid),
                (Some(Stage::Next), Stage::Next) if key.turn_ms.is_some() => {
                    tell("rotate signing key", &key.kid);
                }
                _ => {}
            }
        }
        for kid in &change.removed {
            tell("remove signing key", kid);
        }
        self.change.changed.extend(change.changed.into_iter().map(to_turn));
        self.change.removed.extend(change.removed);
    }
}

/// A rotation of one algorithm's key, or of all of them.
pub fn ask(
    records: &[SigningKeyRecord],
    definitions: &Definitions,
    (only, ask): (Option<Algorithm>, Ask),
    now: Timestamp,
) -> Result<Asked, AskError> {
    let wanted = signing_algorithms(definitions);
    if let Some(only) = only.filter(|only| !wanted.contains(only)) {
        return Err(AskError::Unused(only));
    }
    let mut asked = Asked { turn: Turn::default(), signs_from: Vec::new() };
    for (algorithm, ring) in rings(records, &wanted)? {
        if !wanted.contains(&algorithm) || only.is_some_and(|only| only != algorithm) {
            continue;
        }
        let rules = rules(algorithm, &wanted, definitions);
        let rotated = jwt::rotate(&ring, &rules, (ask, now.ms()));
        let (change, from_ms) = rotated.map_err(|error| AskError::Refused(algorithm, error))?;
        asked.turn.add(&ring, change, (algorithm, "admin", now));
        asked.signs_from.push((algorithm, Timestamp::from_ms(from_ms)));
    }
    Ok(asked)
}

fn rules(
    algorithm: Algorithm,
    wanted: &BTreeSet<Algorithm>,
    definitions: &Definitions,
) -> Rotation {
    Rotation {
        every_ms: Some(definitions.rotate_keys_ms).filter(|every| *every > 0),
        publish_ms: PUBLISH_MS,
        keep_ms: KEEP_MS,
        wanted: wanted.contains(&algorithm),
        alone: algorithm == USUAL,
    }
}

/// The keys by algorithm; of one that is wanted, there is a ring though it may be empty.
fn rings(
    records: &[SigningKeyRecord],
    wanted: &BTreeSet<Algorithm>,
) -> Result<BTreeMap<Algorithm, Vec<RingKey>>, RingError> {
    let mut rings: BTreeMap<Algorithm, Vec<RingKey>> =
        wanted.iter().map(|algorithm| (*algorithm, Vec::new())).collect();
    for record in records {
        rings.entry(ring::algorithm(record)?).or_default().push(ring_key(record));
    }
    Ok(rings)
}

fn ring_key(record: &SigningKeyRecord) -> RingKey {
    let ms = |at: Option<Timestamp>| at.map(Timestamp::ms);
    RingKey {
        kid: record.kid.clone(),
        published_ms: ms(record.published_at),
        turn_ms: ms(record.turn_at),
        signs_from_ms: ms(record.signs_from),
        retired_ms: ms(record.retired_at),
        gone_ms: ms(record.gone_at),
    }
}

fn to_turn(key: RingKey) -> SigningKeyTurn {
    let at = |ms: Option<i64>| ms.map(Timestamp::from_ms);
    SigningKeyTurn {
        published_at: at(key.published_ms),
        turn_at: at(key.turn_ms),
        signs_from: at(key.signs_from_ms),
        retired_at: at(key.retired_ms),
        gone_at: at(key.gone_ms),
        kid: key.kid,
    }
}

fn made(key: &SigningKeyRecord, algorithm: Algorithm, by: (&str, Timestamp)) -> AuditEntry {
    entry(by, "make signing key", &key.kid, algorithm.as_str())
}

fn entry((who, at): (&str, Timestamp), what: &str, kid: &str, detail: &str) -> AuditEntry {
    AuditEntry {
        at,
        who: who.to_owned(),
        what: what.to_owned(),
        subject: format!("signing-key/{kid}"),
        detail: detail.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use credential::{MASTER_BYTES, Master};
    use model::{Api, Name, Upstream};

    use super::*;

    struct Sevens;

    impl Random for Sevens {
        fn fill(&self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    fn at(s: i64) -> Timestamp {
        Timestamp::from_ms(1_800_000_000_000 + s * 1_000)
    }

    fn definitions(algorithm: Algorithm) -> Definitions {
        let name = Name::new("tires").unwrap();
        let upstream = Upstream::parse("http://127.0.0.1:7410").unwrap();
        let api = Api { token_algorithm: algorithm, ..Api::new(name.clone(), upstream) };
        let mut definitions =
            Definitions { rotate_keys_ms: 90 * 86_400_000, ..Definitions::default() };
        definitions.apis.insert(name, api);
        definitions
    }

    /// Takes the rings a turn further, as the store would.
    fn turned(
        records: &mut Vec<SigningKeyRecord>,
        definitions: &Definitions,
        now: Timestamp,
    ) -> Vec<String> {
        let turn = Turn::of(records, definitions, now).unwrap();
        let vault = Master::new([3; MASTER_BYTES]).vault();
        let turn = turn.make(&vault, &Sevens, now).unwrap();
        apply(records, turn)
    }

    fn apply(records: &mut Vec<SigningKeyRecord>, turn: Turn) -> Vec<String> {
        let SigningKeyChange { added, changed, removed } = turn.change;
        records.retain(|record| !removed.contains(&record.kid));
        for turn in changed {
            let record = records.iter_mut().find(|record| record.kid == turn.kid).unwrap();
            record.published_at = turn.published_at;
            record.turn_at = turn.turn_at;
            record.signs_from = turn.signs_from;
            record.retired_at = turn.retired_at;
            record.gone_at = turn.gone_at;
        }
        records.extend(added);
        let told = |entry: AuditEntry| format!("{} {}", entry.what, entry.detail);
        turn.audit.into_iter().map(told).collect()
    }

    fn stages(records: &[SigningKeyRecord]) -> Vec<(Algorithm, Stage)> {
        records.iter().map(|key| (ring::algorithm(key).unwrap(), stage(key))).collect()
    }

    #[test]
    fn another_algorithm_signs_when_verifiers_know_its_key() {
        let (usual, ed) = (definitions(Algorithm::Es256), definitions(Algorithm::EdDsa));
        let mut records = Vec::new();
        assert_eq!(turned(&mut records, &usual, at(0)), ["make signing key ES256"]);
        assert_eq!(turned(&mut records, &usual, at(0)), ["make signing key ES256"]);
        turned(&mut records, &usual, at(0));
        let es = Algorithm::Es256;
        assert_eq!(stages(&records), [(es, Stage::Active), (es, Stage::Next)]);
        assert!(Turn::of(&records, &usual, at(1)).unwrap().is_nothing());
        // The API changes to Ed25519.
        assert_eq!(turned(&mut records, &ed, at(10)), ["make signing key EdDSA"]);
        turned(&mut records, &ed, at(11));
        assert!(Turn::of(&records, &ed, at(370)).unwrap().is_nothing());
        assert_eq!(turned(&mut records, &ed, at(371)), ["signing key signs EdDSA"]);
        assert_eq!(turned(&mut records, &ed, at(371)), ["make signing key EdDSA"]);
        turned(&mut records, &ed, at(372));
        // And back: its key is published for as long as its last token lives.
        let told = turned(&mut records, &usual, at(400));
        assert_eq!(told, ["signing key retires EdDSA", "remove signing key EdDSA"]);
        assert!(Turn::of(&records, &usual, at(400 + 86_459)).unwrap().is_nothing());
        let told = turned(&mut records, &usual, at(400 + 86_460));
        assert_eq!(told, ["remove signing key EdDSA"]);
        assert_eq!(stages(&records), [(es, Stage::Active), (es, Stage::Next)]);
    }

    #[test]
    fn a_rotation_is_asked_for_one_algorithm_or_all() {
        let definitions = definitions(Algorithm::EdDsa);
        let mut records = Vec::new();
        for _ in 0..3 {
            turned(&mut records, &definitions, at(0));
        }
        let asked = ask(&records, &definitions, (None, Ask::WhenPublished), at(1)).unwrap();
        let from = [(Algorithm::Es256, at(360)), (Algorithm::EdDsa, at(360))];
        assert_eq!(asked.signs_from, from);
        let unused = ask(&records, &definitions, (Some(Algorithm::Rs256), Ask::Now), at(1));
        assert!(matches!(unused, Err(AskError::Unused(Algorithm::Rs256))));
        let only = (Some(Algorithm::Es256), Ask::Now);
        let asked = ask(&records, &definitions, only, at(1)).unwrap();
        assert_eq!(asked.signs_from, [(Algorithm::Es256, at(1))]);
        let told = apply(&mut records, asked.turn);
        assert_eq!(told, ["signing key retires ES256", "signing key signs ES256"]);
        let again = ask(&records, &definitions, only, at(1));
        assert!(matches!(again, Err(AskError::Refused(_, RotateError::NoNext))));
    }
}
