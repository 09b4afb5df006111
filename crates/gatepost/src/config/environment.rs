//! `${NAME}` and `${NAME:-default}` in texts; `$${` stands for `${` itself.

use super::Environment;
use super::problem::Wrong;

/// The text with its variables replaced; none when it has no variable.
pub(crate) fn replace(text: &str, environment: Environment<'_>) -> Result<Option<String>, Wrong> {
    if !text.contains("${") {
        return Ok(None);
    }
    let (mut replaced, mut rest) = (String::with_capacity(text.len()), text);
    while let Some((before, inside)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            replaced.push_str(before);
            replaced.push_str("${");
            rest = inside;
            continue;
        }
        replaced.push_str(before);
        let (variable, after) = inside.split_once('}').ok_or_else(malformed)?;
        replaced.push_str(&value(variable, environment)?);
        rest = after;
    }
    replaced.push_str(rest);
    Ok(Some(replaced))
}

/// Whether an environment variable may be called this (POSIX.1 §8.1).
pub(crate) fn is_variable(name: &str) -> bool {
    let begins_well = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    begins_well && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn value(variable: &str, environment: Environment<'_>) -> Result<String, Wrong> {
    let (name, default) = match variable.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (variable, None),
    };
    if !is_variable(name) {
        return Err(malformed());
    }
    match (environment(name), default) {
        // As in a shell, `:-` also stands in for an empty value.
        (Some(value), Some(_)) if !value.is_empty() => Ok(value),
        (_, Some(default)) => Ok(default.to_owned()),
        (Some(value), None) => Ok(value),
        (None, None) => Err(Wrong::new(format!("the environment variable `{name}` is not set"))
            .help(format!("set it, or give a default: `${{{name}:-…}}`"))),
    }
}

fn malformed() -> Wrong {
    Wrong::new("`${` does not begin a variable here")
        .help("write `${NAME}` or `${NAME:-default}`; `$${` stands for `${` itself")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(text: &str) -> Result<Option<String>, String> {
        let environment = |name: &str| match name {
            "A" => Some("1".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        };
        replace(text, &environment).map_err(|wrong| wrong.message)
    }

    #[test]
    fn variables_are_replaced() {
        for (text, expected) in [
            ("x${A}y${A}", "x1y1"),
            ("${A:-2}", "1"),
            ("${B:-http://127.0.0.1:7400}", "http://127.0.0.1:7400"),
            ("${EMPTY:-2}${EMPTY}", "2"),
            ("${B:-}", ""),
            ("$${A} ${A}", "${A} 1"),
        ] {
            assert_eq!(replaced(text), Ok(Some(expected.to_owned())), "{text}");
        }
        assert_eq!(replaced("$.detail $A {A}"), Ok(None));
    }

    #[test]
    fn a_variable_that_is_not_there_is_named() {
        assert_eq!(replaced("${B}"), Err("the environment variable `B` is not set".to_owned()));
        for text in ["${", "${}", "${a b}", "${1}", "x ${A"] {
            assert!(replaced(text).is_err(), "{text}");
        }
    }
}
