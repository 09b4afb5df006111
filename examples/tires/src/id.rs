//! Fresh identifiers, shaped as `UUIDv7` (RFC 9562 §5.7): unique, and in the order of
//! their making.

use anyhow::Context as _;
use jiff::Timestamp;

/// Makes an identifier: the one place that reads the clock and draws randomness.
pub(crate) fn fresh() -> anyhow::Result<String> {
    let mut random = [0_u8; 10];
    getrandom::fill(&mut random).context("drawing randomness for an identifier")?;
    let unix_ms = u64::try_from(Timestamp::now().as_millisecond())
        .context("the clock says it is before 1970")?;
    Ok(shaped(unix_ms, random))
}

fn shaped(unix_ms: u64, random: [u8; 10]) -> String {
    let mut bytes = [0_u8; 16];
    // 48 bits of milliseconds, then the version and the variant over the random rest.
    bytes[..6].copy_from_slice(&unix_ms.to_be_bytes()[2..]);
    bytes[6..].copy_from_slice(&random);
    bytes[6] = 0x70 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    let hex = format!("{:032x}", u128::from_be_bytes(bytes));
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::shaped;

    #[test]
    fn the_example_of_rfc_9562_comes_out_as_printed() {
        // RFC 9562, appendix A.6: 017F22E2-79B0-7CC3-98C4-DC0C0C07398F.
        let random = [0x0c, 0xc3, 0x18, 0xc4, 0xdc, 0x0c, 0x0c, 0x07, 0x39, 0x8f];
        assert_eq!(shaped(0x017F_22E2_79B0, random), "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
    }
}
