//! Which functions run, and in what order of weight: what the linker puts side by side.
//!
//! A program's functions lie in the order in which they were compiled, so the few that run share
//! their pages with the many that do not, and the system keeps all of those pages in memory. The
//! profiles that this reads are callgrind's, in words and not compressed; what it gives is read by
//! the program's build script.

use std::collections::{HashMap, HashSet};

/// What rustc puts at the end of a function's name, and what differs with every compiler and every
/// change of a type: a hash of sixteen digits.
const HASH: (&str, usize) = ("17h", 16);
/// What stands in the names of functions that are made for many types.
const GENERIC: &str = "$LT$";

/// The names, one in a line, from a profile of a program that is busy and one of its start. Those that
/// only requests need come first, then those that both need, then those of the start; of each kind
/// those that cost most come first.
pub fn order(busy: &str, start: &str) -> String {
    let (busy, start) = (by_cost(busy), by_cost(start));
    let (of_busy, of_start): (HashSet<_>, HashSet<_>) =
        (busy.iter().copied().collect(), start.iter().copied().collect());
    let only_busy = busy.iter().filter(|name| !of_start.contains(*name));
    let both = busy.iter().filter(|name| of_start.contains(*name));
    let only_start = start.iter().filter(|name| !of_busy.contains(*name));
    let (mut seen, mut lines) = (HashSet::new(), String::new());
    for name in only_busy.chain(both).chain(only_start).filter(|name| can_be_looked_for(name)) {
        let pattern = pattern(name);
        if seen.insert(pattern.clone()) {
            lines.push_str(&pattern);
            lines.push('\n');
        }
    }
    lines
}

/// The functions that a profile has run, those first in which most instructions were.
fn by_cost(profile: &str) -> Vec<&str> {
    let mut costs: HashMap<&str, u64> = HashMap::new();
    let (mut current, mut is_callee, mut is_library) = (None, false, false);
    for line in profile.lines() {
        if let Some(object) = line.strip_prefix("ob=") {
            is_library = object.rsplit('/').next().is_some_and(|file| file.contains(".so"));
        } else if let Some(name) = line.strip_prefix("fn=") {
            current = Some(known(name)).filter(|_| !is_library);
        } else if line.starts_with("calls=") {
            // The line behind it is what the callee cost, and counted there.
            is_callee = true;
        } else if line.starts_with(|first: char| first.is_ascii_digit() || "+-*".contains(first)) {
            let cost = line.split(' ').nth(1).and_then(|cost| cost.parse::<u64>().ok());
            let is_own = !std::mem::take(&mut is_callee);
            if let (Some(name), Some(cost)) = (current.filter(|_| is_own), cost) {
                *costs.entry(name).or_default() += cost;
            }
        }
    }
    let mut names: Vec<_> = costs.into_iter().collect();
    names.sort_by(|(a, a_cost), (b, b_cost)| b_cost.cmp(a_cost).then(a.cmp(b)));
    names.into_iter().map(|(name, _)| name).collect()
}

/// A name without the number of the recursion that callgrind adds to it.
fn known(name: &str) -> &str {
    name.split('\'').next().unwrap_or(name)
}

/// Whether it is a function's name, and not what callgrind calls one that has none.
fn can_be_looked_for(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'$'))
}

/// What the linker is to look for: the name without its hash. One that is made for many types is
/// looked for with it, or the many that do not run would be taken with the one that does; it is not
/// found any more when the compiler has changed, and nothing is lost by that but the order.
fn pattern(name: &str) -> String {
    let (mark, digits) = HASH;
    let begin = name.rfind(mark).map(|at| at + mark.len());
    let hash = begin.and_then(|begin| Some((begin, name.get(begin..begin + digits)?)));
    match hash {
        Some((begin, hash)) if hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            let end = if name.contains(GENERIC) { begin + digits } else { begin };
            format!("{}*", name.get(..end).unwrap_or(name))
        }
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: &str = "\
events: Ir
ob=/lib/libc.so.6
fn=qsort
0 900
calls=1 0
0 900
ob=/bin/gatepost
fn=_ZN4load4file17h0123456789abcdefE
0 10
cfn=strlen
calls=2 0
0 500
fn=strlen
0 40
fn=_ZN4load4file17h0123456789abcdefE'2
0 1
";

    #[test]
    fn those_that_cost_most_come_first_and_callees_count_for_themselves() {
        assert_eq!(order("", START), "strlen\n_ZN4load4file17h*\n");
    }

    #[test]
    fn what_only_requests_need_comes_first_and_a_name_once() {
        let busy = "fn=strlen\n0 70\nfn=answer\n0 1\n";
        assert_eq!(order(busy, START), "answer\nstrlen\n_ZN4load4file17h*\n");
    }

    #[test]
    fn what_has_no_name_is_left_out() {
        assert_eq!(order("fn=(below main)\n0 9\nfn=main\n0 1\n", ""), "main\n");
    }

    #[test]
    fn only_a_hash_at_the_end_is_left_out() {
        let name = "_ZN3a17hb17h0123456789abcdefE.llvm.12";
        assert_eq!(pattern(name), "_ZN3a17hb17h*");
        for name in ["sqlite3_step", "_RNvCs1_3std4main", "_ZN3a17hb3fooE", "a17h0123"] {
            assert_eq!(pattern(name), name);
        }
    }

    #[test]
    fn what_is_made_for_many_types_is_looked_for_as_it_is() {
        let name = "_ZN4core3ptr13drop$LT$u8$GT$17h0123456789abcdefE.llvm.12";
        assert_eq!(pattern(name), "_ZN4core3ptr13drop$LT$u8$GT$17h0123456789abcdef*");
    }
}
