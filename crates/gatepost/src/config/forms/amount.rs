//! Forms of amounts: whole numbers, durations, sizes, rates, quotas.

use limit::{Quota, Rate};

use crate::config::problem::Wrong;

/// Units of time and their milliseconds, the largest first.
const TIMES: [(&str, u64); 5] =
    [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
/// Units of size and their bytes.
const SIZES: [(&str, u64); 7] = [
    ("B", 1),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];
/// The largest body an API may take; larger things are not requests but uploads.
const BYTES_MAX: u64 = 1 << 30;

pub(crate) fn integer(text: &str, min: u64, max: u64) -> Result<u64, Wrong> {
    match text.parse::<u64>() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(Wrong::new(format!("`{text}` is not a whole number from {min} to {max}"))
            .help(format!("write a whole number from {min} to {max}"))),
    }
}

/// Milliseconds of `500ms`, `5s`, `10m`, `2h` or `7d`.
pub(crate) fn duration_ms(text: &str) -> Result<u64, Wrong> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if digits > 0 && unit.is_empty() {
        return Err(Wrong::new(format!("add a unit: `{text}s`, `{text}m` or `{text}h`")));
    }
    let factor = TIMES.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    let number = number.parse::<u64>().ok();
    number.zip(factor).and_then(|(number, factor)| number.checked_mul(factor)).ok_or_else(|| {
        Wrong::new(format!("`{text}` is not a duration"))
            .help("write a whole number and a unit: `500ms`, `5s`, `10m`, `2h` or `7d`")
    })
}

pub(crate) fn duration_within(text: &str, min_ms: u64, max_ms: u64) -> Result<u64, Wrong> {
    let ms = duration_ms(text)?;
    let (min, max) = (duration_text(min_ms), duration_text(max_ms));
    if ms < min_ms {
        return Err(Wrong::new(format!("`{text}` is too short"))
            .help(format!("write a duration from {min} to {max}")));
    }
    if ms > max_ms {
        return Err(Wrong::new(format!("`{text}` is too long"))
            .help(format!("write a duration from {min} to {max}")));
    }
    Ok(ms)
}

/// A duration in the largest unit that divides it.
pub(crate) fn duration_text(ms: u64) -> String {
    let unit = TIMES.iter().find(|(_, factor)| ms > 0 && ms.is_multiple_of(*factor));
    unit.map_or_else(|| "0s".to_owned(), |(name, factor)| format!("{}{name}", ms / factor))
}

/// Bytes of `64KiB`, `10MB` or plain bytes.
pub(crate) fn bytes(text: &str) -> Result<u64, Wrong> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit = if unit.trim().is_empty() { "B" } else { unit.trim() };
    let factor = SIZES.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
    let number = number.parse::<u64>().ok();
    let bytes = number.zip(factor).and_then(|(number, factor)| number.checked_mul(factor));
    match bytes {
        Some(bytes) if (1..=BYTES_MAX).contains(&bytes) => Ok(bytes),
        Some(_) => Err(Wrong::new(format!("`{text}` is not a size from 1 byte to 1 GiB"))
            .help("write for example `64KiB` or `10MiB`")),
        None => Err(Wrong::new(format!("`{text}` is not a size"))
            .help("write a whole number and one of B, KB, MB, GB, KiB, MiB or GiB: `64KiB`")),
    }
}

pub(crate) fn is_bytes(text: &str) -> Result<(), Wrong> {
    bytes(text).map(drop)
}

pub(crate) fn rate(text: &str, max_per_second: u32) -> Result<Rate, Wrong> {
    let rate = Rate::parse(text).map_err(|error| Wrong::new(error.to_string()))?;
    let allowed = u64::from(max_per_second) * u64::from(rate.window_seconds());
    if u64::from(rate.count()) > allowed {
        return Err(Wrong::new(format!("`{text}` is more than {max_per_second}/s"))
            .help(format!("write at most `{max_per_second}/s`")));
    }
    Ok(rate)
}

pub(crate) fn quota(text: &str) -> Result<Quota, Wrong> {
    Quota::parse(text).map_err(|error| Wrong::new(error.to_string()))
}

pub(crate) fn is_quota(text: &str) -> Result<(), Wrong> {
    quota(text).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit() {
        for (text, ms) in [
            ("500ms", 500),
            ("5s", 5_000),
            ("10m", 600_000),
            ("2h", 7_200_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(duration_ms(text), Ok(ms), "{text}");
            assert_eq!(duration_text(ms), text);
        }
        for text in ["", "5", "m", "5 m", "5w", "-5s", "1.5h", "99999999999999999999s"] {
            assert!(duration_ms(text).is_err(), "{text}");
        }
        let wrong = duration_ms("5").unwrap_err();
        assert_eq!(wrong.message, "add a unit: `5s`, `5m` or `5h`");
    }

    #[test]
    fn sizes_are_decimal_or_binary() {
        for (text, expected) in
            [("64KiB", 65_536), ("10MB", 10_000_000), ("7", 7), ("1 GiB", 1 << 30)]
        {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for text in ["", "0", "KiB", "10kb", "2GiB", "-1"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }
}
