//! Paths of operations as a collection has them: what varies in them is a variable of the run.

/// The variables with a meaning of their own; no path parameter's variable is called so.
const RESERVED: [&str; 7] =
    ["base_url", "token_url", "client_id", "client_secret", "api_key", "access_token", "scope"];

/// A segment of an operation's path.
pub(super) enum Part<'a> {
    Literal(&'a str),
    Variable { name: &'a str, variable: String },
}

impl Part<'_> {
    /// As it stands in a request of the collection.
    pub(super) fn sent(self) -> String {
        match self {
            Self::Literal(text) => text.to_owned(),
            Self::Variable { variable, .. } => reference(&variable),
        }
    }
}

pub(super) fn parts(path: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut above = String::new();
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        parts.push(match parameter(segment) {
            Some(name) => Part::Variable { name, variable: variable(&above, name) },
            None => Part::Literal(segment),
        });
        above.push('/');
        above.push_str(segment);
    }
    parts
}

/// The name of the parameter that a segment is.
pub(super) fn parameter(segment: &str) -> Option<&str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// The variable of a parameter below a path: `order_id` for `id` below `/orders`, `orderId` for
/// `orderId` there.
pub(super) fn variable(above: &str, parameter: &str) -> String {
    let literal = |segment: &&str| !segment.is_empty() && !segment.starts_with('{');
    let mut words: Vec<String> = above.split('/').filter(literal).map(plain).collect();
    if let Some(last) = words.last_mut()
        && last.len() > 1
        && last.ends_with('s')
    {
        last.pop();
    }
    let parameter = plain(parameter.trim_end_matches('+'));
    if words.last().is_some_and(|last| parameter.starts_with(last.as_str())) {
        words.pop();
    }
    words.push(parameter);
    let name = words.join("_");
    if RESERVED.contains(&name.as_str()) { format!("path_{name}") } else { name }
}

fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

pub(super) fn reference(variable: &str) -> String {
    format!("{{{{{variable}}}}}")
}

/// Whether a path of so many unheard-of segments would match.
pub(super) fn takes_any(path: &str, depth: usize) -> bool {
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let open = segments.iter().all(|segment| parameter(segment).is_some());
    let rest = segments.last().is_some_and(|last| last.ends_with("+}"));
    open && (segments.len() == depth || (rest && segments.len() < depth))
}
