//! The receiver's published rate: the `RateLimit-Policy` field of the IETF draft.
//!
//! A receiver that says `"external";q=10;w=1` tells us exactly how fast it wants to be called, so
//! that a sender need not find out by being refused.

/// One rate of a `RateLimit-Policy`: `count` requests in `window_seconds`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advertised {
    /// The quota units of the window.
    pub count: u32,
    /// The window.
    pub window_seconds: u32,
}

/// Windows longer than a minute are quotas to be spent at any speed, not rates.
const WINDOW_MAX_SECONDS: u32 = 60;

/// The strictest rate in the field's value with a window of at most a minute, if it has any.
/// Unknown parameters and unreadable items are passed over.
pub fn advertised(policy: &str) -> Option<Advertised> {
    policy
        .split(',')
        .filter_map(item)
        .filter(|rate| rate.window_seconds <= WINDOW_MAX_SECONDS)
        .min_by_key(|rate| u64::from(rate.count) * 1000 / u64::from(rate.window_seconds))
}

fn item(text: &str) -> Option<Advertised> {
    let (mut count, mut window_seconds) = (None, None);
    for parameter in text.split(';').skip(1) {
        let Some((name, value)) = parameter.split_once('=') else { continue };
        match name.trim() {
            "q" => count = value.trim().parse::<u32>().ok().filter(|n| *n > 0),
            "w" => window_seconds = value.trim().parse::<u32>().ok().filter(|n| *n > 0),
            _ => {}
        }
    }
    Some(Advertised { count: count?, window_seconds: window_seconds? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strictest_short_window_is_the_rate() {
        let ten = Some(Advertised { count: 10, window_seconds: 1 });
        for (policy, rate) in [
            (r#""external";q=10;w=1"#, ten),
            (r#""external";q=10;w=1, "external-month";q=10000;w=2592000"#, ten),
            (r#""a";q=100;w=1, "b";q=10;w=1"#, ten),
            (r#""a"; w=60 ; q=30 "#, Some(Advertised { count: 30, window_seconds: 60 })),
            (r#""month";q=10000;w=2592000"#, None),
            (r#""a";q=0;w=1"#, None),
            (r#""a";q=10"#, None),
            (r#""a";q=10;w=1;"#, ten),
            (r#""a";partition;q=10;w=1"#, ten),
            ("", None),
            ("nonsense", None),
        ] {
            assert_eq!(advertised(policy), rate, "{policy}");
        }
    }
}
