//! How many ways a text can be on through a set of wildcards at once, which is what makes them
//! expensive for an automaton; the measure follows event-ruler's machine complexity.
//!
//! A *spot* is "this character of a wildcard was just read" or "this star is being read". The
//! measure of a set of wildcards is the largest number of spots that one text can occupy at once.

use std::collections::HashSet;

use super::Wildcard;

/// The most spots at once. With ten, `*a*a*a*a*a` is accepted and `*:*:*:*:*:event-bus/*` is not,
/// as by `EventBridge`.
const SPOTS_MAX: usize = 10;

/// The most sets of spots to look at before a set of wildcards is taken to be too complex. A single
/// wildcard with one star has about as many sets as characters, and a pattern at most 4,096.
const SETS_MAX: usize = 20_000;

/// Whether the wildcards of one field are too complex together. Each group holds the wildcards of
/// one operator, which share what they have in common up to their first star.
pub(crate) fn too_complex(groups: &[Vec<&Wildcard>]) -> bool {
    let mut machine = Machine::default();
    let mut start = Vec::new();
    for group in groups {
        start.push(machine.add(group));
    }
    let mut seen: HashSet<Vec<usize>> = HashSet::new();
    let mut waiting = vec![start];
    while let Some(occupied) = waiting.pop() {
        for byte in machine.bytes_of_interest(&occupied) {
            let next = machine.step(&occupied, byte);
            if machine.measure(&next) > SPOTS_MAX || seen.len() > SETS_MAX {
                return true;
            }
            if !next.is_empty() && seen.insert(next.clone()) {
                waiting.push(next);
            }
        }
    }
    false
}

/// A piece of a wildcard.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Token {
    Byte(u8),
    Star,
}

/// A place in the automaton.
#[derive(Default)]
struct Spot {
    /// Where a byte leads.
    bytes: Vec<(u8, usize)>,
    /// The star that follows.
    star: Option<usize>,
    /// Whether this spot is a star, which every byte leaves occupied.
    is_star: bool,
    /// The spots behind this one that wildcards of the same group may share.
    shared: Vec<(Token, usize)>,
}

#[derive(Default)]
struct Machine {
    spots: Vec<Spot>,
}

impl Machine {
    /// Adds the wildcards of one operator and returns the spot at which they start.
    fn add(&mut self, group: &[&Wildcard]) -> usize {
        let start = self.new_spot();
        let end = self.new_spot();
        for wildcard in group {
            self.thread(&tokens(wildcard), start, end);
        }
        start
    }

    fn thread(&mut self, tokens: &[Token], start: usize, end: usize) {
        // The spot before a star that was just passed: a star may be empty, so what follows it can
        // be read from there as well.
        let mut before_star = None;
        let mut sharing = true;
        let mut here = start;
        for (index, &token) in tokens.iter().enumerate() {
            let spot = &self.spots[here];
            let known = spot.shared.iter().find(|(shared, _)| *shared == token).map(|(_, to)| *to);
            let next = match known {
                _ if index + 1 == tokens.len() => end,
                Some(next) if sharing => next,
                _ => self.new_spot(),
            };
            if sharing && known.is_none() && next != end {
                self.spots[here].shared.push((token, next));
            }
            match token {
                Token::Byte(byte) => {
                    self.lead(here, byte, next);
                    if let Some(before) = before_star.take() {
                        self.lead(before, byte, next);
                    }
                }
                Token::Star => {
                    sharing = false;
                    before_star = Some(here);
                    self.spots[here].star = Some(next);
                    self.spots[next].is_star = true;
                }
            }
            here = next;
        }
    }

    fn new_spot(&mut self) -> usize {
        self.spots.push(Spot::default());
        self.spots.len() - 1
    }

    fn lead(&mut self, from: usize, byte: u8, to: usize) {
        let bytes = &mut self.spots[from].bytes;
        if !bytes.contains(&(byte, to)) {
            bytes.push((byte, to));
        }
    }

    /// The bytes that lead anywhere in particular from `occupied`, and `None` for all others.
    fn bytes_of_interest(&self, occupied: &[usize]) -> Vec<Option<u8>> {
        let mut bytes: Vec<Option<u8>> = occupied
            .iter()
            .flat_map(|&spot| self.spots[spot].bytes.iter().map(|(byte, _)| Some(*byte)))
            .collect();
        bytes.push(None);
        bytes.sort_unstable();
        bytes.dedup();
        bytes
    }

    /// The spots occupied after one more byte, in order.
    fn step(&self, occupied: &[usize], byte: Option<u8>) -> Vec<usize> {
        let mut next = Vec::new();
        for &here in occupied {
            let spot = &self.spots[here];
            if spot.is_star {
                next.push(here);
            }
            next.extend(spot.star);
            let led = spot.bytes.iter().filter(|(wanted, _)| Some(*wanted) == byte);
            next.extend(led.map(|(_, to)| *to));
        }
        next.sort_unstable();
        next.dedup();
        next
    }

    /// How many spots `occupied` stands for: a star that follows one counts as well, being empty.
    fn measure(&self, occupied: &[usize]) -> usize {
        let empty_stars = occupied
            .iter()
            .filter_map(|&spot| self.spots[spot].star)
            .filter(|star| occupied.binary_search(star).is_err());
        occupied.len() + empty_stars.count()
    }
}

/// The pieces of a wildcard between the quotes of the JSON string it is compared with; event-ruler
/// counts these too.
fn tokens(wildcard: &Wildcard) -> Vec<Token> {
    let mut tokens = vec![Token::Byte(b'"')];
    for (index, part) in wildcard.parts().enumerate() {
        if index > 0 {
            tokens.push(Token::Star);
        }
        tokens.extend(part.iter().copied().map(Token::Byte));
    }
    tokens.push(Token::Byte(b'"'));
    tokens
}
