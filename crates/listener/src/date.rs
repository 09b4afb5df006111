//! The time as answers say it (`Date`, RFC 9110 §6.6.1): written once a second and thread.

use std::cell::Cell;
use std::time::{Duration, UNIX_EPOCH};

use model::Timestamp;

/// `Sun, 06 Nov 1994 08:49:37 GMT`.
type Written = [u8; 29];

thread_local! {
    static LAST: Cell<(u64, Written)> = const { Cell::new((u64::MAX, [0; 29])) };
}

/// A moment; one before 1970 is taken for the beginning of that year.
pub(crate) fn date(at: Timestamp) -> Written {
    let second = u64::try_from(at.seconds()).unwrap_or_default();
    let (last, written) = LAST.get();
    if last == second {
        return written;
    }
    let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(second));
    let written = text.as_bytes().try_into().unwrap_or(written);
    LAST.set((second, written));
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_written_as_http_writes_it() {
        for (ms, text) in [
            (784_111_777_000, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_777_999, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (784_111_778_000, "Sun, 06 Nov 1994 08:49:38 GMT"),
            (-1, "Thu, 01 Jan 1970 00:00:00 GMT"),
        ] {
            assert_eq!(date(Timestamp::from_ms(ms)), text.as_bytes());
        }
    }
}
