//! `private_key_jwt`: a client proves itself by an assertion that it has signed (RFC 7523 §2.2,
//! RFC 7521 §4.2), made out to our issuer and nobody else (RFC 10070).

use std::net::IpAddr;

use jwt::{AssertionDemand, AssertionFault, AudienceForm, ClaimedAssertion};
use model::{AssertionRule, Authentication, ClientCredential, ClientKeys, Profile, Timestamp};
use outbound::keys::Place;

use crate::Service;
use crate::authentication::Proving;
use crate::error::Refusal;
use crate::form::Form;
use crate::replay::Unusable;
use crate::state::{ClientEntry, Declared, Own, State};

/// RFC 7523 §2.2.
const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How far a client's clock may be ahead of ours, in seconds.
const LEEWAY_S: i64 = 30;
/// How the parameter is spelled in a body.
const PARAMETER: &[u8] = b"client_assertion=";

/// The assertion of a request, if it has one.
pub(crate) fn of(form: &Form) -> Result<Option<&str>, Refusal> {
    match (form.get("client_assertion_type"), form.get("client_assertion")) {
        (None, None) => Ok(None),
        (Some(TYPE), Some(text)) => Ok(Some(text)),
        (Some(TYPE), None) => Err(Refusal::Malformed("client_assertion is missing")),
        (Some(_), _) => Err(Refusal::Malformed("client_assertion_type must be that of RFC 7523")),
        (None, Some(_)) => Err(Refusal::Malformed("client_assertion_type is missing")),
    }
}

pub(crate) fn demand(state: &State, now: Timestamp) -> AssertionDemand<'_> {
    let (issuer, endpoint) = (&state.issuer, &state.endpoint);
    let audience = match state.profile {
        Profile::OAuth2 => AudienceForm::TextOrList,
        // FAPI 2.0 Security Profile §5.3.2.1.
        Profile::Fapi2 => AudienceForm::Text,
    };
    AssertionDemand { issuer, endpoint, audience, now_s: now.seconds(), leeway_s: LEEWAY_S }
}

/// Gets the keys that a request's assertion may need and that are not here, before the request is
/// judged; none for an assertion that will not be verified. May wait 2 s.
///
/// Keys that are not fresh are got for each credential that publishes its own. For a key that is not
/// known they are got anew only if no credential has one that could be meant, in the file or fresh.
pub(crate) async fn prepare(service: &Service, body: &[u8], (address, now): (IpAddr, Timestamp)) {
    // Who spells the name otherwise gets by with the keys that are here.
    if !body.windows(PARAMETER.len()).any(|part| part == PARAMETER) {
        return;
    }
    let Ok(form) = Form::parse(body) else { return };
    let Ok(Some(text)) = of(&form) else { return };
    let (claimed, published, inline) = {
        let state = service.state.load();
        let Ok(claimed) = ClaimedAssertion::read(text, &demand(&state, now)) else { return };
        let Some(client) = state.client(claimed.client()) else { return };
        let (limits, ticks_ns) = (&service.world.limits, service.world.clock.ticks_ns());
        if !limits.would_verify((address, claimed.client()), ticks_ns) {
            return;
        }
        let (mut published, mut inline) = (Vec::new(), Vec::new());
        for (credential, known) in client.live(now) {
            let Some(rule) = rule(credential) else { continue };
            match place(rule) {
                Some(place) => published.push((known.id.clone(), place)),
                None => inline.extend(known.keys.clone()),
            }
        }
        (claimed, published, inline)
    };
    let keys = &service.world.keys;
    keys.ready(&published, &inline, |keys| claimed.has_key_in(keys)).await;
}

/// The client whose key has signed an assertion that was never used before, and which of its
/// credentials that key is of.
pub(crate) fn prove<'s>(
    service: &Service,
    state: &'s State,
    claimed: &ClaimedAssertion<'_>,
    with: Proving<'_>,
) -> Result<(&'s ClientEntry, Own<'s>), Refusal> {
    let (limits, Proving { address, ticks_ns, .. }) = (&service.world.limits, with);
    let from = (address, claimed.client());
    let may = limits.may_verify(from, ticks_ns);
    may.map_err(|wait| limits.unverified(&unproven(claimed), from, wait, ticks_ns))?;
    let (client, own) = verified(service, state, claimed, with).inspect_err(|refusal| {
        // Also where there was nothing to verify: what is counted, and so who is told to wait, is the
        // same for clients that are there and those that are not.
        if refusal.is_of_wrong_credentials() {
            limits.verified_in_vain(from, ticks_ns);
        }
    })?;
    limits.proven(claimed.client(), ticks_ns);
    if claimed.is_legacy() {
        tracing::warn!(
            client = %client.client.id,
            "a client assertion is for the token endpoint's URL and passes by `legacy_audience`; \
             have the client name the issuer (RFC 10070)"
        );
    }
    Ok((client, own))
}

/// What an assertion is refused with that proves nothing. Who is for the endpoint is told so, whether
/// there is such a client or not.
fn unproven(claimed: &ClaimedAssertion<'_>) -> Refusal {
    if claimed.is_legacy() {
        Refusal::Assertion(AssertionFault::Audience)
    } else {
        Refusal::AssertionUnproven
    }
}

fn verified<'s>(
    service: &Service,
    state: &'s State,
    claimed: &ClaimedAssertion<'_>,
    Proving { address, now, ticks_ns, .. }: Proving<'_>,
) -> Result<(&'s ClientEntry, Own<'s>), Refusal> {
    let unproven = || unproven(claimed);
    let client = state.client(claimed.client()).ok_or_else(unproven)?;
    let id = &client.client.id;
    let own = signer(service, (client, state.profile), claimed, now).map_err(|faults| {
        if service.world.limits.is_told((address, claimed.client()), ticks_ns) {
            tracing::info!(client = %id, faults, "a client assertion is refused");
        }
        unproven()
    })?;
    // By client, so that one that two of its keys could have signed counts once too.
    let used = service.replays.try_use(id, claimed.id(), claimed.exp(), now.seconds());
    used.map_err(|unusable| match unusable {
        Unusable::UsedBefore => Refusal::AssertionReused,
        Unusable::TooMany => Refusal::AssertionsTooMany,
    })?;
    Ok((client, own))
}

/// The credential whose key has signed, each that is live held to its own rule; of several the first.
/// Where none has, why each of those that sign has not, those too whose time it is not: for operators,
/// for it tells what a client has.
pub(crate) fn signer<'s>(
    service: &Service,
    (client, profile): (&'s ClientEntry, Profile),
    claimed: &ClaimedAssertion<'_>,
    now: Timestamp,
) -> Result<Own<'s>, String> {
    let mut faults = Vec::new();
    for (credential, known) in client.own() {
        let Some(rule) = rule(credential) else { continue };
        let fault = match credential.out_of_time(now) {
            Some(reason) => reason,
            None => match verify(service, (known, rule, profile), claimed) {
                Ok(()) => return Ok((credential, known)),
                Err(fault) => fault,
            },
        };
        faults.push(format!("{}: {fault}", credential.name()));
    }
    if faults.is_empty() {
        return Err("the client has no credential of `private_key_jwt`".to_owned());
    }
    Err(faults.join("; "))
}

/// Whether a key of this credential has signed; an `Err` is why not, in words.
fn verify(
    service: &Service,
    (known, rule, profile): (&Declared, &AssertionRule, Profile),
    claimed: &ClaimedAssertion<'_>,
) -> Result<(), String> {
    // FAPI 2.0 Security Profile §5.3.2.1: the issuer is the audience, and nothing else.
    let is_legacy_taken = rule.legacy_audience && profile == Profile::OAuth2;
    if claimed.is_legacy() && !is_legacy_taken {
        return Err(AssertionFault::Audience.to_string());
    }
    let keys = match place(rule) {
        Some(place) => service.world.keys.of(&known.id, &place),
        None => known.keys.clone(),
    };
    let keys = keys.ok_or_else(|| "there are no keys to verify it".to_owned())?;
    let verified = claimed.verify(&keys, &profile.permitted(&rule.algorithms));
    verified.map_err(|fault| fault.to_string())
}

fn rule(credential: &ClientCredential) -> Option<&AssertionRule> {
    match &credential.authentication {
        Authentication::PrivateKeyJwt(rule) => Some(rule),
        _ => None,
    }
}

fn place(rule: &AssertionRule) -> Option<Place> {
    let ClientKeys::Url { url, allow_private } = &rule.keys else { return None };
    let (jwks_url, allow_private) = (Some(url.clone()), allow_private.clone());
    Some(Place { issuer: String::new(), jwks_url, allow_private })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc7521_4_2_an_assertion_comes_with_its_type() {
        let of_type = format!("client_assertion_type={TYPE}");
        let whole = format!("{of_type}&client_assertion=a.b.c");
        let form = Form::parse(whole.as_bytes()).unwrap();
        assert_eq!(of(&form), Ok(Some("a.b.c")));
        assert_eq!(of(&Form::parse(b"client_id=a").unwrap()), Ok(None));
        for body in [
            of_type.as_str(),
            "client_assertion=a.b.c",
            "client_assertion_type=x&client_assertion=a.b.c",
            "client_assertion_type=x",
        ] {
            let form = Form::parse(body.as_bytes()).unwrap();
            assert!(matches!(of(&form), Err(Refusal::Malformed(_))), "{body}");
        }
    }
}
