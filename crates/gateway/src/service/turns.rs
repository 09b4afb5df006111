//! How calls are shared out among addresses of which some have just come back.
//!
//! What an address has under way does not tell it: one that is asked now and then has nothing under
//! way, and gets all calls or none by it. So addresses have turns as well, by their shares, and
//! whose turn it is comes before those that are as loaded.

/// The share of an address that is well, in thousandths.
const WHOLE: u64 = 1_000;
/// A freshly recovered address gets a tenth of that at the least.
const SHARE_LEAST: u64 = WHOLE / 10;
/// The golden section of all `u32`: its multiples are spread more evenly than random numbers, over
/// a few calls as over many.
const SPREAD: u32 = 0x9E37_79B9;

/// The share of an address, in thousandths, that is well again since `back_ns`; since ever if that
/// is 0.
pub(super) fn share(back_ns: u64, now_ns: u64, slow_ns: u64) -> u64 {
    let since_ns = now_ns.saturating_sub(back_ns);
    if back_ns == 0 || since_ns >= slow_ns {
        return WHOLE;
    }
    (since_ns.saturating_mul(WHOLE) / slow_ns).max(SHARE_LEAST)
}

/// A draw for a call: numbers that follow each other give draws that are spread evenly.
pub(super) fn draw(turn: u32) -> u32 {
    turn.wrapping_mul(SPREAD)
}

/// How calls are shared out among the addresses that may be called.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Turns {
    /// The greatest share of one.
    most: u64,
    /// Whose turn it is; nobody's where all have the same share.
    favoured: Option<usize>,
}

impl Turns {
    /// Of addresses, each with its place and its share. It is an address's turn for as much of all
    /// draws as its share is of all shares.
    pub(super) fn of(shares: impl Iterator<Item = (usize, u64)> + Clone, draw: u32) -> Self {
        let (mut least, mut most, mut all) = (WHOLE, 0, 0);
        for (_, share) in shares.clone() {
            (least, most, all) = (least.min(share), most.max(share), all + share);
        }
        if least >= most {
            return Self { most, favoured: None };
        }
        // Always below the sum of all: a draw is below 2^32.
        let mut point = (u64::from(draw) * all) >> 32;
        for (index, share) in shares {
            if point < share {
                return Self { most, favoured: Some(index) };
            }
            point -= share;
        }
        Self { most, favoured: None }
    }

    /// How loaded an address is, in thousandths of a call, that has so many under way.
    pub(super) fn load(&self, index: usize, open: u64, share: u64) -> u64 {
        let load = (open + 1) * WHOLE;
        if self.favoured == Some(index) {
            // Before those that have as many, and behind those that have fewer: it may be slow.
            return load - 1;
        }
        if share >= self.most {
            return load;
        }
        // Out of turn it gets what is too much for the others. Half a call more, or it would get
        // what is the same for them: calls are whole ones, and that is much where there are few.
        (load + WHOLE / 2) * self.most / share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_shared_out_as_the_shares_are() {
        for (shares, draw, favoured) in [
            // Where all have the same, their load alone says who is next.
            (&[(0, 1_000), (1, 1_000)][..], 0, None),
            (&[(0, 400), (1, 400)], 7, None),
            (&[(2, 100)], 7, None),
            (&[], 7, None),
            // An eleventh of all draws.
            (&[(0, 100), (1, 1_000)], 0, Some(0)),
            (&[(0, 100), (1, 1_000)], 390_451_572, Some(0)),
            (&[(0, 100), (1, 1_000)], 390_451_573, Some(1)),
            (&[(0, 100), (1, 1_000)], u32::MAX, Some(1)),
            // The one between them is out.
            (&[(0, 1_000), (2, 500)], u32::MAX / 3, Some(0)),
            (&[(0, 1_000), (2, 500)], u32::MAX / 4 * 3, Some(2)),
        ] {
            let turns = Turns::of(shares.iter().copied(), draw);
            assert_eq!(turns.favoured, favoured, "{shares:?} at {draw}");
        }
    }

    #[test]
    fn a_share_grows_with_the_time_since_an_address_is_back() {
        for (back_ns, now_ns, slow_ns, expected) in [
            (0, 5, 10, 1_000),
            (20, 20, 10, 100),
            (20, 21, 10, 100),
            (20, 22, 10, 200),
            (20, 29, 10, 900),
            (20, 30, 10, 1_000),
            (20, 20, 0, 1_000),
            // Another core's clock may be a little behind.
            (20, 19, 10, 100),
        ] {
            assert_eq!(share(back_ns, now_ns, slow_ns), expected, "{back_ns} {now_ns} {slow_ns}");
        }
    }
}
