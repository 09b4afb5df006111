//! What becomes of whoever offers wrong credentials over and over, and whose signatures are verified.

use std::net::IpAddr;
use std::time::Duration;

use super::Limits;
use crate::damping::damped;
use crate::error::Refusal;

impl Limits {
    /// What a refused client is answered with. Wrong credentials are counted; clients that exist and
    /// those that do not are treated alike. Every other refusal stays what it is.
    pub(crate) fn failed(
        &self,
        refusal: Refusal,
        (address, claimed): (IpAddr, &str),
        ticks_ns: u64,
    ) -> Refusal {
        if !refusal.is_of_wrong_credentials() {
            return refusal;
        }
        match self.wrong.count(address, claimed, ticks_ns) {
            None => refusal,
            Some(wait) => damped(&refusal, wait),
        }
    }

    /// Whether the log says why credentials are refused there: not where they are damped, or whoever sends
    /// them would choose how much is written.
    pub(crate) fn is_told(&self, (address, claimed): (IpAddr, &str), ticks_ns: u64) -> bool {
        self.wrong.wait(address, claimed, ticks_ns).is_none()
    }

    /// Lets the signature of somebody who claims to be a client be verified, once; an `Err` says how
    /// long not. Asked before it is known whether there is such a client.
    ///
    /// As with secrets, nobody locks a client out that has proven itself. What is bad in its name
    /// costs us what `address_rate` lets through.
    pub(crate) fn may_verify(
        &self,
        (address, claimed): (IpAddr, &str),
        ticks_ns: u64,
    ) -> Result<(), Duration> {
        if self.is_open((address, claimed), ticks_ns) {
            return Ok(());
        }
        self.shares.take(address, claimed, ticks_ns)
    }

    /// Whether [`Self::may_verify`] would let it, taking nothing.
    pub(crate) fn would_verify(&self, (address, claimed): (IpAddr, &str), ticks_ns: u64) -> bool {
        self.is_open((address, claimed), ticks_ns) || self.shares.has(address, claimed, ticks_ns)
    }

    fn is_open(&self, (address, claimed): (IpAddr, &str), ticks_ns: u64) -> bool {
        self.in_vain.wait(address, claimed, ticks_ns).is_none()
            || self.proven.knows(claimed, ticks_ns)
    }

    /// An assertion or a token was looked at, and is not the client's or was used before; or there is
    /// no such client.
    pub(crate) fn verified_in_vain(&self, (address, claimed): (IpAddr, &str), ticks_ns: u64) {
        // Beyond the bound it is a client that has proven itself, or a share of one that has not, and
        // others there do not pay for it.
        if self.in_vain.wait(address, claimed, ticks_ns).is_none() {
            self.in_vain.count(address, claimed, ticks_ns);
        }
    }

    /// What is answered where nothing was verified ([`Self::may_verify`]): it counts as wrong
    /// credentials do, and says to wait as long as after those.
    pub(crate) fn unverified(
        &self,
        refusal: &Refusal,
        (address, claimed): (IpAddr, &str),
        wait: Duration,
        ticks_ns: u64,
    ) -> Refusal {
        damped(refusal, self.wrong.count(address, claimed, ticks_ns).unwrap_or(wait))
    }

    /// A client has proven itself by its signature, or by a token of its workload.
    pub(crate) fn proven(&self, client: &str, ticks_ns: u64) {
        self.proven.note(client, ticks_ns);
    }
}

#[cfg(test)]
mod tests {
    use jwt::{AssertionFault, Fault};

    use super::*;
    use crate::exchange::{Unexchanged, WorkloadFault};
    use crate::limits::sample::{NOW, SECOND, address};

    #[test]
    fn wrong_credentials_are_damped_where_they_come_from_and_for_the_client_they_name() {
        let limits = Limits::default();
        let is_damped = |text: &str, claimed: &str| {
            limits.failed(Refusal::Client, (address(text), claimed), NOW) != Refusal::Client
        };
        assert!((0..20).all(|_| !is_damped("192.0.2.1", "a")) && is_damped("192.0.2.1", "a"));
        // Another client there, and the same from elsewhere, are not.
        assert!(!is_damped("192.0.2.1", "b") && !is_damped("192.0.2.2", "a"));
        // With ever other names, the address is.
        assert!((0..78).all(|number| !is_damped("192.0.2.1", &format!("c{number}"))));
        assert!(is_damped("192.0.2.1", "d") && !is_damped("192.0.2.2", "d"));
        let here = (address("192.0.2.1"), "a");
        assert_eq!(limits.failed(Refusal::Client, here, NOW + 4 * SECOND), Refusal::Client);
    }

    #[test]
    fn what_is_damped_is_not_told_of_in_the_log() {
        let limits = Limits::default();
        let here = (address("192.0.2.1"), "a");
        for _ in 0..20 {
            assert!(limits.is_told(here, NOW));
            limits.failed(Refusal::Certificate, here, NOW);
        }
        assert!(!limits.is_told(here, NOW));
        assert!(limits.is_told((here.0, "b"), NOW) && limits.is_told(here, NOW + 4 * SECOND));
    }

    #[test]
    fn whatever_a_client_fails_to_prove_itself_with_is_damped_and_says_what_is_wrong() {
        let check = |refusal: Refusal, is_counted: bool| {
            let limits = Limits::default();
            let here = (address("192.0.2.1"), "a");
            for _ in 0..20 {
                assert_eq!(limits.failed(refusal.clone(), here, NOW), refusal);
            }
            match limits.failed(refusal.clone(), here, NOW) {
                Refusal::Limited(limited) => {
                    assert!(is_counted, "{refusal:?}");
                    assert!(limited.description.starts_with(&refusal.description()), "{refusal:?}");
                    assert_eq!((limited.reason, limited.wait), ("damped", Duration::from_secs(2)));
                }
                other => assert!(!is_counted && other == refusal, "{other:?}"),
            }
        };
        for refusal in [
            Refusal::Client,
            Refusal::Assertion(AssertionFault::Audience),
            Refusal::Assertion(AssertionFault::Expired),
            Refusal::AssertionUnproven,
            Refusal::AssertionReused,
            Refusal::Certificate,
            Refusal::Exchange(Unexchanged::Subject(WorkloadFault::Token(Fault::Signature))),
            Refusal::Exchange(Unexchanged::Nobody),
        ] {
            check(refusal, true);
        }
        for refusal in [
            Refusal::ClientMissing,
            Refusal::Suspended,
            Refusal::Malformed("x"),
            Refusal::Exchange(Unexchanged::Subject(WorkloadFault::NoKeys)),
            Refusal::Exchange(Unexchanged::Several),
        ] {
            check(refusal, false);
        }
    }

    #[test]
    fn after_many_in_vain_each_client_has_a_share_and_who_has_proven_itself_is_verified() {
        let limits = Limits::default();
        let (here, there) = (address("192.0.2.1"), address("192.0.2.2"));
        let thrice = |from| [0; 3].map(|_| limits.may_verify(from, NOW).is_ok());
        for _ in 0..20 {
            assert_eq!(limits.may_verify((here, "a"), NOW), Ok(()));
            limits.verified_in_vain((here, "a"), NOW);
        }
        assert!(limits.would_verify((here, "a"), NOW));
        assert_eq!(thrice((here, "a")), [true, true, false]);
        assert!(!limits.would_verify((here, "a"), NOW));
        let soon = Duration::from_millis(500);
        assert_eq!(limits.may_verify((here, "a"), NOW), Err(soon));
        assert_eq!(limits.may_verify((here, "a"), NOW + SECOND / 2), Ok(()));
        // Another client there, and the same from elsewhere, are verified.
        assert_eq!(thrice((here, "b")), [true; 3]);
        assert_eq!(thrice((there, "a")), [true; 3]);
        // With bad signatures in many names, the address is damped; a stranger has its share.
        for number in 0..80 {
            limits.verified_in_vain((here, format!("c{number}").as_str()), NOW);
        }
        assert_eq!(thrice((here, "d")), [true, true, false]);
        assert_eq!(thrice((here, "b")), [true, true, false]);
        assert_eq!(thrice((here, "e")), [true, true, false]);
        // Who has proven itself, from wherever, is verified.
        limits.proven("b", NOW);
        assert_eq!(thrice((here, "b")), [true; 3]);
        // Credentials that cost no signature leave the verifying as it is.
        for _ in 0..200 {
            limits.failed(Refusal::Certificate, (there, "a"), NOW);
        }
        assert_eq!(thrice((there, "a")), [true; 3]);
    }

    #[test]
    fn what_is_not_verified_counts_as_wrong_and_waits_as_long() {
        let limits = Limits::default();
        let here = (address("192.0.2.1"), "a");
        let second = Duration::from_secs(1);
        let wait = |refusal| match refusal {
            Refusal::Limited(limited) => Some(limited.wait),
            _ => None,
        };
        for _ in 0..20 {
            let refusal = limits.unverified(&Refusal::AssertionUnproven, here, second, NOW);
            assert_eq!(wait(refusal), Some(second));
        }
        let refusal = limits.unverified(&Refusal::AssertionUnproven, here, second, NOW);
        assert_eq!(wait(refusal), Some(2 * second));
        assert_eq!(wait(limits.failed(Refusal::Client, here, NOW)), Some(2 * second));
    }
}
