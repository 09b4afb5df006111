//! Numbers.

use super::fault::{Fault, Named};
use super::reader::{Reader, Token};

impl Reader<'_> {
    /// Reads the number that begins with `first`, which was read.
    pub(super) fn number(&mut self, first: char) -> Result<Token, Fault> {
        let first = if first == '-' { self.digit_behind_minus()? } else { first };
        if first == '0' {
            if self.peek().is_some_and(|next| next.is_ascii_digit()) {
                let message = "Invalid numeric value: Leading zeroes not allowed";
                return Err(Fault::syntax(message, self.at));
            }
        } else {
            self.digits();
        }
        let fraction = self.at;
        if self.peek() == Some('.') {
            self.at += 1;
            if self.digits() == 0 {
                let why = "Decimal point not followed by a digit";
                return Err(self.digit_missing(first, fraction, why));
            }
        }
        if let Some('e' | 'E') = self.peek() {
            self.at += 1;
            if let Some('+' | '-') = self.peek() {
                self.at += 1;
            }
            if self.peek().is_none() {
                return Err(self.too_short("expected a digit for number exponent"));
            }
            if self.digits() == 0 {
                let why = "Exponent indicator not followed by a digit";
                return Err(self.digit_missing(first, fraction, why));
            }
        }
        self.space_at_the_top()?;
        Ok(Token::Number)
    }

    fn digit_behind_minus(&mut self) -> Result<char, Fault> {
        match self.take() {
            Some(digit @ '0'..='9') => Ok(digit),
            Some('.') => Err(self.odd_value('.')),
            Some(other) => Err(self.odd_number(other, '-')),
            None => Err(self.too_short("No digit following sign")),
        }
    }

    /// Steps over digits and says how many there were.
    fn digits(&mut self) -> usize {
        let rest = &self.text.as_bytes()[self.at..];
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += count;
        count
    }

    /// The fault of a number whose next character should be a digit. Jackson has a fast way for
    /// most numbers, which reports the place where the fraction or the exponent begins, and a slow
    /// one for those that begin with a zero and those at the end of the text.
    fn digit_missing(&mut self, first: char, fraction: usize, why: &str) -> Fault {
        let (found, at) = match self.peek() {
            Some(found) if first == '0' => {
                let at = self.at;
                self.at += found.len_utf8();
                (found, at)
            }
            Some(found) => {
                self.at = fraction + 1;
                (found, fraction)
            }
            None => ('.', self.at - 1),
        };
        let message = format!("Unexpected character ({}) in numeric value: {why}", Named(found));
        Fault::syntax(message, at)
    }

    /// Steps over the white space that has to follow a number outside of arrays and objects.
    fn space_at_the_top(&mut self) -> Result<(), Fault> {
        if self.is_inside() {
            return Ok(());
        }
        match self.peek() {
            None | Some('\r') => Ok(()),
            Some(' ' | '\t' | '\n') => {
                self.at += 1;
                Ok(())
            }
            Some(other) => {
                self.at += other.len_utf8();
                Err(self.unexpected(other, "Expected space separating root-level values"))
            }
        }
    }
}
