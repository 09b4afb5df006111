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

/// The machine's cores that this program may run on, by number.
pub(crate) fn cpus() -> Option<Vec<usize>> {
    allowed(&std::fs::read_to_string("/proc/self/status").ok()?)
}

/// Of `status`: numbers and ranges, such as `0-3,8`.
fn allowed(status: &str) -> Option<Vec<usize>> {
    let list = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
    let mut cpus = Vec::new();
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        cpus.extend(first.parse::<usize>().ok()?..=last.parse().ok()?);
    }
    Some(cpus)
}

/// For how long some of the machine's cores had nothing to do since it was started, together, in the
/// unit that they are counted in, and all the time that there was; and how many of them there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Machine {
    pub(crate) idle: u64,
    pub(crate) all: u64,
    pub(crate) cores: u32,
}

impl Machine {
    /// Of these cores.
    pub(crate) fn now(cpus: &[usize]) -> Option<Self> {
        Self::read(&std::fs::read_to_string("/proc/stat").ok()?, cpus)
    }

    /// Of the lines of cores in `stat`: user, nice, system, idle, waiting for a disk, interrupts of two
    /// kinds, and what a hypervisor gave to others. What follows is in the first two already. A core
    /// that is switched off has no line.
    fn read(text: &str, cpus: &[usize]) -> Option<Self> {
        let mut sum = Self { idle: 0, all: 0, cores: 0 };
        for line in text.lines() {
            let Some((number, counts)) =
                line.strip_prefix("cpu").and_then(|line| line.split_once(' '))
            else {
                break;
            };
            if !number.parse().is_ok_and(|number| cpus.contains(&number)) {
                continue;
            }
            let counts = counts.split_ascii_whitespace().take(8).map(str::parse);
            let counts: Vec<u64> = counts.collect::<Result<_, _>>().ok()?;
            sum.idle += counts.get(3)? + counts.get(4)?;
            sum.all += counts.iter().sum::<u64>();
            sum.cores += 1;
        }
        (sum.all > 0).then_some(sum)
    }

    /// How many of them had nothing to do since then, in parts of one.
    pub(crate) fn idle_since(self, then: Self) -> f64 {
        let all = self.all.saturating_sub(then.all);
        share(self.idle.saturating_sub(then.idle), all) * f64::from(self.cores)
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
        let stat = "cpu  300 5 45 900 50 2 3 95 40 0\ncpu0 100 5 45 700 50 2 3 95 40 0\n\
                    cpu1 200 0 0 200 0 0 0 0 0 0\ncpu12 9 9 9 9 9 9 9 9 9 9\nintr 1 2 3\n";
        let first = Machine { idle: 750, all: 1000, cores: 1 };
        assert_eq!(Machine::read(stat, &[0]), Some(first));
        assert_eq!(
            Machine::read(stat, &[0, 1, 99]),
            Some(Machine { idle: 950, all: 1400, cores: 2 })
        );
        assert_eq!(Machine::read(stat, &[7]), None);
        for text in ["", "cpu 1 2 3 4 5 6 7 8", "cpu0 1 2 3", "cpu0 1 2 3 x 5 6 7 8"] {
            assert_eq!(Machine::read(text, &[0]), None, "{text:?}");
        }
        let status =
            |list: &str| allowed(&format!("Name:\tgatepost\nCpus_allowed_list:\t{list}\n"));
        assert_eq!(status("0-2,8"), Some(vec![0, 1, 2, 8]));
        assert_eq!(status("5"), Some(vec![5]));
        for list in ["", "a-b", "1-"] {
            assert_eq!(status(list), None, "{list:?}");
        }
        for text in ["", "1", "x 2 3"] {
            assert_eq!(Times::read(text), None, "{text:?}");
        }
    }

    #[test]
    fn idleness_is_a_part_of_the_time_that_has_passed() {
        let then = Machine { idle: 1000, all: 4000, cores: 2 };
        let now = Machine { idle: 1050, all: 4200, cores: 2 };
        assert!((now.idle_since(then) - 0.5).abs() < 1e-9);
        assert!(then.idle_since(then).abs() < 1e-9);
    }
}
