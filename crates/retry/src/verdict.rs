//! What a receiver's status means for the delivery.

/// What to do with a delivery after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// 2xx: done.
    Delivered,
    /// The receiver may take it later.
    Retry,
    /// The receiver will never take it: into the dead letters at once.
    Refused,
}

/// EventBridge's table for API destinations: 401, 407, 409, 429 and 5xx are tried again; other
/// 4xx, 3xx and 1xx are not. Redirects are never followed, so a 3xx is a refusal.
pub fn verdict(status: u16) -> Verdict {
    match status {
        200..=299 => Verdict::Delivered,
        401 | 407 | 409 | 429 | 500..=599 => Verdict::Retry,
        _ => Verdict::Refused,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_judged_as_eventbridge_judges_them() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(verdict(status), Verdict::Delivered, "{status}");
        }
        for status in [401, 407, 409, 429, 500, 502, 503, 504, 599] {
            assert_eq!(verdict(status), Verdict::Retry, "{status}");
        }
        for status in [100, 301, 302, 307, 400, 403, 404, 408, 410, 422, 600] {
            assert_eq!(verdict(status), Verdict::Refused, "{status}");
        }
    }
}
