//! JSON pointers (RFC 6901), built segment by segment.

/// The pointer to the member or element `segment` of what `base` points to.
pub(crate) fn child(base: &str, segment: &str) -> String {
    let mut pointer = String::with_capacity(base.len() + segment.len() + 1);
    pointer.push_str(base);
    pointer.push('/');
    for next in segment.chars() {
        match next {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
    pointer
}

/// The pointer to the element `index` of what `base` points to.
pub(crate) fn element(base: &str, index: usize) -> String {
    format!("{base}/{index}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_is_escaped() {
        assert_eq!(child("/paths", "/a~b/{c}"), "/paths/~1a~0b~1{c}");
        assert_eq!(child("", ""), "/");
        assert_eq!(element("/a", 7), "/a/7");
    }
}
