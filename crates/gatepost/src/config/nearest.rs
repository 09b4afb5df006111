//! "Did you mean": the known name nearest to one that is not known.

/// Longer names are not compared: the work grows with the square of the length.
const LENGTH_MAX: usize = 128;
/// The most names a list shows.
const LISTED_MAX: usize = 12;

/// The nearest of the known names, if one is near: a third of the letters may differ.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > LENGTH_MAX {
        return None;
    }
    let wanted = name.to_lowercase();
    let near = known.into_iter().filter(|candidate| candidate.len() <= LENGTH_MAX).filter_map(
        |candidate| {
            let distance = strsim::osa_distance(&wanted, &candidate.to_lowercase());
            let longest = candidate.chars().count().max(name.chars().count());
            let close = distance <= (longest / 3).max(1) && distance < longest;
            close.then_some((distance, candidate))
        },
    );
    near.min_by_key(|(distance, _)| *distance).map(|(_, candidate)| candidate)
}

/// Names as a list for people: "`a`, `b` and `c`".
pub(crate) fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut quoted: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    if quoted.len() > LISTED_MAX {
        let more = quoted.len() - LISTED_MAX;
        quoted.truncate(LISTED_MAX);
        return format!("{} and {more} more", quoted.join(", "));
    }
    match quoted.pop() {
        Some(last) if quoted.is_empty() => last,
        Some(last) => format!("{} and {last}", quoted.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognised_and_a_stranger_is_not() {
        let known = ["title", "contact", "plan", "allow_ips"];
        for (name, expected) in [
            ("titel", Some("title")), // typos: ignore
            ("Plan", Some("plan")),
            ("allow-ips", Some("allow_ips")),
            ("zebra", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
    }

    #[test]
    fn lists_read_like_a_sentence() {
        assert_eq!(listed(["a"]), "`a`");
        assert_eq!(listed(["a", "b", "c"]), "`a`, `b` and `c`");
    }
}
