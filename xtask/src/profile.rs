//! What a profile by which the compiler builds releases says of what is busy.
//!
//! A whole profile has every function that ran once. It is large, and a way that was taken once in the
//! loads it was made under would be built as one that is hardly ever taken. Functions that are left out
//! are built as without a profile.

/// Behind this line stand a function's counters, in the text of `llvm-profdata`.
const COUNTERS: &str = "# Counter Values:";

/// The functions of a profile in text form, sparse, of which some part has run so often at least.
pub fn busy(profile: &str, least: u64) -> String {
    let is_head = |line: &&str| line.starts_with(['#', ':']);
    let head: String = profile.split_inclusive('\n').take_while(is_head).collect();
    let functions = profile[head.len()..].split("\n\n").map(|text| text.trim_matches('\n'));
    let busy = functions.filter(|text| busiest(text).is_some_and(|count| count >= least));
    busy.fold(head, |kept, text| kept + text + "\n\n")
}

/// How often the part of a function that ran most did.
fn busiest(function: &str) -> Option<u64> {
    let counters = function.lines().skip_while(|line| *line != COUNTERS).skip(1);
    counters.map_while(|line| line.parse().ok()).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "# IR level Instrumentation Flag\n:ir\n";
    const SELDOM: &str =
        "seldom\n# Func Hash:\n5000\n# Num Counters:\n2\n# Counter Values:\n999\n0\n";
    const OFTEN: &str = "often\n# Func Hash:\n7\n# Num Counters:\n2\n# Counter Values:\n0\n1000\n\
        # Num Value Kinds:\n1\n# ValueKind = IPVK_MemOPSize:\n1\n# NumValueSites:\n1\n1\n8:1000\n";

    #[test]
    fn what_is_busy_is_kept_with_all_that_is_known_of_it() {
        let profile = format!("{HEAD}{SELDOM}\n{OFTEN}\n");
        assert_eq!(busy(&profile, 1000), format!("{HEAD}{OFTEN}\n"));
        assert_eq!(busy(&profile, 1), profile);
    }

    #[test]
    fn numbers_that_are_no_counters_do_not_count() {
        let profile = format!("{HEAD}{SELDOM}\n");
        assert_eq!(busy(&profile, 5000), HEAD, "a hash is none");
        assert_eq!(busy("", 1), "");
    }
}
