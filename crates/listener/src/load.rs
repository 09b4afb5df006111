//! What the threads of a door do, and what the machine's cores leave over, as Linux counts it.

use std::path::{Path, PathBuf};

/// A thread, as the system keeps its time.
#[derive(Debug)]
pub(crate) struct Thread(PathBuf);

impl Thread {
    /// The calling one; none where the system does not say.
    pub(crate) fn this() -> Option<Self> {
        let own = std::fs::read_link("/proc/thread-self").ok()?;
        let thread = Self(Path::new("/proc").join(own).join("schedstat"));
        thread.times().map(|_| thread)
    }

    /// For how long it has run, and waited for a core while it could have run.
    pub(crate) fn times(&self) -> Option<Times> {
        Times::read(&std::fs::read_to_string(&self.0).ok()?)
    }
}

/// Times of a thread since its start, in nanoseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Times {
    pub(crate) worked_ns: u64,
    pub(crate) waited_ns: u64,
}

impl Times {
    /// Of what stands in `schedstat`: both times, and how often it has run.
    fn read(text: &str) -> Option<Self> {
        let mut numbers = text.split_ascii_whitespace().map(str::parse);
        let mut next = || numbers.next()?.ok();
        Some(Self { worked_ns: next()?, waited_ns: next()? })
    }
}

/// For how long the machine's cores had nothing to do since it was started, together, in the unit that
/// they are counted in, and all the time that there was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) idle: u64,
    pub(crate) all: u64,
}

impl Machine {
    pub(crate) fn now() -> Option<Self> {
        Self::read(&std::fs::read_to_string("/proc/stat").ok()?)
    }

    /// Of the first line of `stat`: user, nice, system, idle, waiting for a disk, interrupts of two
    /// kinds, and what a hypervisor gave to others. What follows is in the first two already.
    fn read(text: &str) -> Option<Self> {
        let first = text.lines().next()?.strip_prefix("cpu ")?;
        let counts = first.split_ascii_whitespace().take(8).map(str::parse);
        let counts: Vec<u64> = counts.collect::<Result<_, _>>().ok()?;
        let (idle, waiting) = (counts.get(3)?, counts.get(4)?);
        Some(Self { idle: idle + waiting, all: counts.iter().sum() })
    }

    /// Which part of the time since then had nothing done in it.
    pub(crate) fn idle_since(self, then: Self) -> f64 {
        let all = self.all.saturating_sub(then.all);
        share(self.idle.saturating_sub(then.idle), all)
    }
}

/// A part of a whole; of no time nothing.
#[expect(clippy::cast_precision_loss, reason = "as much of it as is asked for is exact")]
pub(crate) fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_read() {
        let times = Some(Times { worked_ns: 1_500_000, waited_ns: 20_000 });
        assert_eq!(Times::read("1500000 20000 311\n"), times);
        let stat = "cpu  100 5 45 700 50 2 3 95 40 0\ncpu0 50 2 20 350 25 1 1 47 20 0\nintr 1\n";
        assert_eq!(Machine::read(stat), Some(Machine { idle: 750, all: 1000 }));
        for text in ["", "cpu0 1 2 3 4 5 6 7 8", "cpu  1 2 3", "cpu  1 2 3 x 5 6 7 8"] {
            assert_eq!(Machine::read(text), None, "{text:?}");
        }
        for text in ["", "1", "x 2 3"] {
            assert_eq!(Times::read(text), None, "{text:?}");
        }
    }

    #[test]
    fn idleness_is_a_part_of_the_time_that_has_passed() {
        let then = Machine { idle: 1000, all: 4000 };
        assert!((Machine { idle: 1050, all: 4200 }.idle_since(then) - 0.25).abs() < 1e-9);
        assert!(then.idle_since(then).abs() < 1e-9);
    }
}
