//! Where a head ends.

use memchr::memchr;

use crate::Fault;

/// Finds the end of a head while its bytes come, and looks at each of them once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Scan {
    /// So much has been looked at.
    at: usize,
    /// Where the present line begins.
    line: usize,
}

impl Scan {
    /// How long the head is, with the empty line behind it; none as long as that has not come.
    /// `bytes` are those of before and what came since. Every line ends in CR LF (RFC 9112 §2.2):
    /// a bare LF is the end of a line to some and not to others.
    pub fn end(&mut self, bytes: &[u8]) -> Result<Option<usize>, Fault> {
        while let Some(offset) = memchr(b'\n', bytes.get(self.at..).unwrap_or_default()) {
            let end = self.at + offset;
            let line = bytes.get(self.line..end).unwrap_or_default();
            if line.last() != Some(&b'\r') {
                return Err(Fault::BareLf);
            }
            let is_empty = line.len() == 1;
            self.at = end + 1;
            self.line = self.at;
            if is_empty {
                let length = self.at;
                *self = Self::default();
                return Ok(Some(length));
            }
        }
        self.at = bytes.len();
        Ok(None)
    }

    /// Whether nothing has been looked at yet.
    pub fn is_fresh(&self) -> bool {
        self.at == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_with_its_empty_line_however_it_comes() {
        let head = b"GET / HTTP/1.1\r\na: b\r\n\r\nmore\r\n\r\n";
        for step in 1..=head.len() {
            let mut scan = Scan::default();
            let ends = (step..head.len()).step_by(step).chain([head.len()]);
            let found = ends.into_iter().find_map(|end| scan.end(&head[..end]).unwrap());
            assert_eq!(found, Some(24), "{step}");
        }
        assert_eq!(Scan::default().end(b"\r\nx"), Ok(Some(2)));
        assert_eq!(Scan::default().end(b"a: b\r\n\r"), Ok(None));
    }

    #[test]
    fn no_line_ends_in_a_bare_lf() {
        for bytes in ["GET / HTTP/1.1\n", "a: b\r\n\n", "\n", "a: b\r\nc: d\n\r\n"] {
            assert_eq!(Scan::default().end(bytes.as_bytes()), Err(Fault::BareLf), "{bytes:?}");
        }
    }
}
