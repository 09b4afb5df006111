//! What is wrong with a document, and the list that collects it.

/// The most problems that are told at once: a document of the wrong kind has one in each line.
const PROBLEMS_MAX: usize = 100;

/// One thing in a document for which requests cannot be held against it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("at {pointer:?}: {what}; {remedy}")]
pub struct ContractError {
    /// Where: a JSON pointer (RFC 6901) into the document, empty for all of it.
    pub pointer: String,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub remedy: String,
}

/// The problems found so far; the same one counts once.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    list: Vec<ContractError>,
}

impl Problems {
    pub(crate) fn add(&mut self, at: &str, what: impl Into<String>, remedy: impl Into<String>) {
        let problem =
            ContractError { pointer: at.to_owned(), what: what.into(), remedy: remedy.into() };
        if self.list.len() < PROBLEMS_MAX && !self.list.contains(&problem) {
            self.list.push(problem);
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(crate) fn into_list(self) -> Vec<ContractError> {
        self.list
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_told_once_and_the_list_ends() {
        let mut problems = Problems::default();
        problems.add("/paths", "it is a list", "write an object");
        problems.add("/paths", "it is a list", "write an object");
        assert_eq!(problems.list.len(), 1);
        for number in 0..200 {
            problems.add("", format!("number {number}"), "mend it");
        }
        assert_eq!(problems.into_list().len(), PROBLEMS_MAX);
    }

    #[test]
    fn an_error_says_where_what_and_how() {
        let mut problems = Problems::default();
        problems.add("/paths", "it is a list", "write an object");
        problems.add("", "it is empty", "write it");
        let texts: Vec<_> = problems.into_list().iter().map(ToString::to_string).collect();
        assert_eq!(
            texts,
            ["at \"/paths\": it is a list; write an object", "at \"\": it is empty; write it"]
        );
    }
}
