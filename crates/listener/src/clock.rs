//! The time as answers say it (`Date`, RFC 9110 §6.6.1): written once a second and thread.

use std::cell::Cell;
use std::time::{SystemTime, UNIX_EPOCH};

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
type Written = [u8; 29];

thread_local! {
    static LAST: Cell<(u64, Written)> = const { Cell::new((0, [0; 29])) };
}

/// The time now; nothing where the clock stands before 1970.
pub(crate) fn date() -> Written {
    let now = SystemTime::now();
    let second = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (last, written) = LAST.get();
    if last == second {
        return written;
    }
    let text = httpdate::fmt_http_date(now);
    let written = text.as_bytes().try_into().unwrap_or(written);
    LAST.set((second, written));
    written
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_date_is_written_as_http_writes_it() {
        for _ in 0..2 {
            let date = super::date();
            let text = std::str::from_utf8(&date).unwrap();
            assert!(httpdate::parse_http_date(text).is_ok(), "{text}");
        }
    }
}
