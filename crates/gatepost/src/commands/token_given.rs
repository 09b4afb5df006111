//! Tokens as people hand them over, in a file or on standard input, one or several: without what was
//! copied along with them.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::fs::File;
use std::io::{IsTerminal as _, Read};
use std::path::Path;

use jwt::{TOKEN_BYTES_MAX, bare};
use model::Secret;
use zeroize::Zeroizing;

use super::{output, unread, wrong_usage};

/// So many tokens are taken at once; the server keeps so many revoked ones of a client.
const TOKENS_MAX: usize = 1000;
/// So much text is read: that of so many tokens, with a word or two before each.
const TEXT_BYTES_MAX: usize = TOKENS_MAX * (TOKEN_BYTES_MAX + 64);

/// A token, and where it stood.
pub(super) struct Given {
    /// Its line, from 1.
    pub(super) line: usize,
    /// Itself, without anything around it.
    pub(super) token: Secret,
}

/// The tokens in a file, or on standard input where none is named: one a line, each once, at least one.
pub(super) fn tokens(file: Option<&Path>) -> anyhow::Result<Vec<Given>> {
    let text = match file {
        Some(path) => {
            let opened = File::open(path).map_err(|error| unread(path.display(), error))?;
            read(opened, path.display())?
        }
        None => of_stdin()?,
    };
    each(&text)
}

/// What stands on standard input.
pub(super) fn of_stdin() -> anyhow::Result<Zeroizing<String>> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        output::complain("Paste the token, then press Enter and Ctrl-D. It shows while you do.");
    }
    read(stdin.lock(), "standard input")
}

fn read(from: impl Read, what: impl Display) -> anyhow::Result<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::new());
    let length = from.take(TEXT_BYTES_MAX as u64 + 1).read_to_string(&mut text);
    if length.map_err(|error| unread(&what, error))? > TEXT_BYTES_MAX {
        let text = format!("{what} is longer than {TOKENS_MAX} tokens can be; nothing was done");
        return Err(wrong_usage(text));
    }
    Ok(text)
}

fn each(text: &str) -> anyhow::Result<Vec<Given>> {
    let (mut seen, mut given) = (BTreeSet::new(), Vec::new());
    for (at, line) in text.lines().enumerate() {
        let token = bare(line).token;
        if token.is_empty() || !seen.insert(token) {
            continue;
        }
        if given.len() >= TOKENS_MAX {
            return Err(wrong_usage(format!(
                "there are more than {TOKENS_MAX} tokens, and nothing was done; give them piece by \
                 piece, or end all of a client: gatepost token revoke --client ID"
            )));
        }
        given.push(Given { line: at + 1, token: Secret::new(token.to_owned()) });
    }
    if given.is_empty() {
        return Err(wrong_usage("there is no token in it; write one a line"));
    }
    Ok(given)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_of(text: &str) -> Vec<(usize, String)> {
        let given = each(text).unwrap();
        given.iter().map(|one| (one.line, one.token.expose().to_owned())).collect()
    }

    #[test]
    fn each_line_is_a_token_without_what_was_copied_along_and_none_comes_twice() {
        let text = "\u{feff}Bearer a.b.c\r\n\n  \"d.e.f\"  \n'DPoP g.h.i'\na.b.c\nAuthorization: bearer j.k.l";
        let expected = [(1, "a.b.c"), (3, "d.e.f"), (4, "g.h.i"), (6, "j.k.l")]
            .map(|(line, token)| (line, token.to_owned()));
        assert_eq!(read_of(text), expected);
    }

    #[test]
    fn so_many_are_taken_at_once_and_none_is_refused() {
        let lines = |count: usize| {
            (0..count).map(|number| number.to_string()).collect::<Vec<_>>().join("\n")
        };
        assert_eq!(read_of(&lines(TOKENS_MAX)).len(), TOKENS_MAX);
        for (text, says) in [
            (lines(TOKENS_MAX + 1), "more than 1000 tokens"),
            ("\n \"\" \n".to_owned(), "no token"),
        ] {
            let error = each(&text).err().unwrap().to_string();
            assert!(error.contains(says), "{error}");
        }
        assert!(read(std::io::repeat(b'a'), "it").is_err());
    }
}
