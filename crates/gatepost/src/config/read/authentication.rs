//! How clients prove themselves: which keys belong to which way, and whether it can come to pass.

use std::net::IpAddr;

use certificate::{DistinguishedName, Holder};
use jwt::{Algorithm, KeySet, certificates_of};
use model::{AssertionRule, Authentication, ClientKeys};
use outbound::Guard;

use super::Reader;
use super::credentials::ways;
use super::destination::host;
use crate::config::fields::Fields;
use crate::config::node::{Node, Value};
use crate::config::problem::Problem;
use crate::config::{files, forms, json};

pub(super) const CLIENT_SECRET: &str = "client_secret";
const PRIVATE_KEY_JWT: &str = "private_key_jwt";
const TLS: &str = "tls_client_auth";
const SELF_SIGNED: &str = "self_signed_tls_client_auth";

const WAYS: [&str; 4] = [CLIENT_SECRET, PRIVATE_KEY_JWT, TLS, SELF_SIGNED];

/// The keys that have a meaning for some ways only, and for which.
pub(super) const BELONG: [(&str, &[&str]); 11] = [
    ("jwks", &[PRIVATE_KEY_JWT, SELF_SIGNED]),
    ("jwks_uri", &[PRIVATE_KEY_JWT]),
    ("allow_private", &[PRIVATE_KEY_JWT]),
    ("algorithms", &[PRIVATE_KEY_JWT]),
    ("legacy_audience", &[PRIVATE_KEY_JWT]),
    ("tls_subject", &[TLS]),
    ("tls_san_dns", &[TLS]),
    ("tls_san_uri", &[TLS]),
    ("tls_san_ip", &[TLS]),
    ("tls_san_email", &[TLS]),
    ("certificates", &[SELF_SIGNED]),
];
/// The names by one of which a certificate is known (RFC 8705 §2.1.2).
const NAMES: [&str; 5] =
    ["tls_subject", "tls_san_dns", "tls_san_uri", "tls_san_ip", "tls_san_email"];
/// What is accepted where nothing is said: what libraries sign with by default.
const ALGORITHMS: [Algorithm; 4] =
    [Algorithm::Es256, Algorithm::Rs256, Algorithm::Ps256, Algorithm::EdDsa];

/// What makes a JWK Set of a public key in PEM.
const HOW_TO_SET: &str = "write a JWK Set of its public key, which `node -p 'JSON.stringify({ keys: \
                          [require(\"crypto\").createPublicKey(require(\"fs\").readFileSync(0)).export({ \
                          format: \"jwk\" })] })' < client.pem` makes, with the `kid` that its assertions \
                          name";
/// What makes of a certificate in PEM what is told of it here.
const HOW_TO_FINGERPRINT: &str = "write its fingerprint, `certificates: [FINGERPRINT]`, which `openssl \
                                  x509 -noout -fingerprint -sha256 -in client.pem` tells, in place of \
                                  `jwks`";

fn is_pem(text: &str) -> bool {
    text.trim_start().starts_with("-----BEGIN ")
}

/// Which certificates of callers the file has the public door see.
#[derive(Clone, Copy)]
struct Seen {
    /// Those of authorities.
    of_authorities: bool,
    /// Those of any maker.
    of_anybody: bool,
    /// Those that a proxy passes on.
    by_proxy: bool,
}

impl Reader<'_> {
    /// One way to prove itself of a client: the one that stands at it, or one of its `credentials`.
    /// Where that is not in order it was reported, and what is given is thrown away.
    pub(super) fn authentication(&mut self, client: &Fields<'_>) -> Authentication {
        // Of a way that is left out, nothing more is worth saying.
        let Some(way) = client.text("auth") else { return Authentication::default() };
        // Of one that there is not, neither: which keys it has follows from what was meant.
        if WAYS.contains(&way.as_str()) {
            self.misplaced(client, &way);
        }
        let read = match way.as_str() {
            CLIENT_SECRET => Some(Authentication::Secret),
            PRIVATE_KEY_JWT => self.assertions(client),
            TLS => self.holder(client),
            SELF_SIGNED => self.own_certificates(client),
            _ => None,
        };
        // By none of no certificates: should anything ever be read on, a secret that is not declared
        // lets nobody in.
        read.unwrap_or(Authentication::TlsCertificates(Vec::new()))
    }

    /// Says which keys have no meaning for the way.
    fn misplaced(&mut self, client: &Fields<'_>, way: &str) {
        for (key, ways) in BELONG {
            let Some(entry) = client.entry(key) else { continue };
            if !ways.contains(&way) {
                let message = format!("`{key}` has no meaning with `auth: {way}`");
                let problem = Problem::new(entry.key_span, &client.path, &message);
                let help = format!("remove it, or write `auth: {}`", ways.join("` or `auth: "));
                self.error(problem, &help);
            }
        }
    }

    fn assertions(&mut self, client: &Fields<'_>) -> Option<Authentication> {
        let example = "`jwks: { file: ./client.jwks.json }` or `jwks_uri: https://…`";
        self.one_of(client, ["jwks", "jwks_uri"], example);
        if client.entry("allow_private").is_some() && client.entry("jwks_uri").is_none() {
            let message = "`allow_private` is for `jwks_uri`, and there is none";
            self.error(client.problem("allow_private", message), "remove it");
        }
        let keys = match client.text("jwks_uri") {
            Some(url) => {
                self.keys_can_be_got_at(client, &url);
                let allow_private = client.parse_list("allow_private", forms::cidr);
                ClientKeys::Url { url, allow_private }
            }
            None => ClientKeys::Inline(self.public_keys(client)?),
        };
        let named = client.list("algorithms").iter().filter_map(Node::text);
        let algorithms: Vec<_> = named.filter_map(Algorithm::parse).collect();
        Some(Authentication::PrivateKeyJwt(AssertionRule {
            keys,
            algorithms: if algorithms.is_empty() { ALGORITHMS.to_vec() } else { algorithms },
            legacy_audience: client.is_true("legacy_audience"),
        }))
    }

    /// The text of `jwks`, if keys that can verify are all it has.
    fn public_keys(&mut self, client: &Fields<'_>) -> Option<String> {
        let text = self.jwks(client)?;
        match KeySet::parse_public(text.as_bytes()) {
            Ok(keys) if keys.skipped() > 0 => {
                let message = format!("{} of the keys cannot verify a signature", keys.skipped());
                let problem = client.problem("jwks", &message);
                let help = "remove those that encrypt, are weak, or of a kind not known here";
                self.problems.warn(problem.help(help));
            }
            Ok(_) => {}
            Err(_) if is_pem(&text) => {
                self.pem(client, (text.as_str(), HOW_TO_SET));
                return None;
            }
            Err(error) => {
                let problem = client.problem("jwks", &format!("it cannot be used: {error}"));
                self.error(problem, "write a JWK Set (RFC 7517) of the client's public keys");
                return None;
            }
        }
        Some(text)
    }

    /// Says of PEM that it is no JWK Set, and how to make one of it.
    fn pem(&mut self, client: &Fields<'_>, (text, how_to): (&str, &str)) {
        let is_private = text.contains("PRIVATE KEY-----");
        let message = if is_private {
            "it cannot be used: it has a private key, which nobody else may have"
        } else {
            "it cannot be used: it is PEM, and should be a JWK Set (RFC 7517)"
        };
        self.error(client.problem("jwks", message), how_to);
    }

    /// The JWK Set that stands in the file, or in the one that it names.
    fn jwks(&mut self, client: &Fields<'_>) -> Option<String> {
        let value = &client.entry("jwks")?.value;
        // What else stands there was reported.
        if !value.is_null() && !matches!(value.value, Value::Map(_)) {
            return None;
        }
        if value.is_null() {
            let problem = client.problem("jwks", "`jwks` has no value");
            let help = "write `jwks: { file: ./client.jwks.json }` or `jwks: { keys: [ … ] }`";
            self.error(problem, help);
            return None;
        }
        let jwks = client.child("jwks");
        self.one_of(&jwks, ["file", "keys"], "`file: ./client.jwks.json` or `keys: [ … ]`");
        if let Some(keys) = jwks.get("keys") {
            return Some(format!("{{\"keys\":{}}}", json::write(keys).text));
        }
        let node = jwks.get("file")?;
        let path = self.beside(node.span, node.text()?);
        match files::text(&path) {
            Ok(text) => Some(text),
            Err(error) => {
                let message = format!("`{}` cannot be read: {error}", path.display());
                let help =
                    "the path is relative to this file; look at the file and its permissions";
                self.error(jwks.problem("file", &message), help);
                None
            }
        }
    }

    fn keys_can_be_got_at(&mut self, client: &Fields<'_>, url: &str) {
        let allow = client.parse_list("allow_private", forms::cidr);
        let host = host(url);
        let address = host.parse::<IpAddr>().ok();
        let is_local = host.eq_ignore_ascii_case("localhost")
            || address.is_some_and(|address| address.is_loopback());
        if url.starts_with("http://") && !is_local && allow.is_empty() {
            let message =
                "keys that come unencrypted can be changed on their way, and anybody be the client";
            let problem = client.problem("jwks_uri", message);
            let help = "write an `https` URL, or list the range under `allow_private` if it is \
                        your own";
            self.error(problem, help);
            return;
        }
        let refused = address.and_then(|address| {
            let refusal = Guard::Public { allow }.judge(address, 443).err()?;
            Some((address, refusal))
        });
        if let Some((address, refusal)) = refused {
            let problem = client.problem("jwks_uri", &format!("keys will not be got: {refusal}"));
            let length = if address.is_ipv4() { 32 } else { 128 };
            let help = format!("add `allow_private: [{address}/{length}]`");
            self.problems.warn(problem.help(&help));
        }
    }

    fn holder(&mut self, client: &Fields<'_>) -> Option<Authentication> {
        let given: Vec<_> = NAMES.iter().filter_map(|name| client.entry(name)).collect();
        let [_] = given.as_slice() else {
            let what = if given.is_empty() { "no name" } else { "more than one name" };
            let message =
                format!("`auth: {TLS}` needs one name of the certificate; here is {what}");
            let at = given.get(1).map_or(client.at, |second| second.key_span);
            let problem = Problem::new(at, &client.path, &message);
            let help = "write `tls_subject: \"CN=…\"`, or one of `tls_san_dns`, `tls_san_uri`, \
                        `tls_san_ip` and `tls_san_email`";
            self.error(problem, help);
            return None;
        };
        let subject = client.text("tls_subject");
        let subject = subject.and_then(|text| DistinguishedName::parse(&text).ok());
        let holder = subject
            .map(Holder::Subject)
            .or_else(|| client.text("tls_san_dns").map(Holder::Dns))
            .or_else(|| client.text("tls_san_uri").map(Holder::Uri))
            .or_else(|| client.parse("tls_san_ip", forms::ip).map(Holder::Ip))
            .or_else(|| client.text("tls_san_email").map(Holder::Email));
        holder.map(Authentication::TlsName)
    }

    fn own_certificates(&mut self, client: &Fields<'_>) -> Option<Authentication> {
        let example = "`certificates: [FINGERPRINT]` or `jwks: { file: ./client.jwks.json }`";
        self.one_of(client, ["certificates", "jwks"], example);
        if client.entry("jwks").is_none() {
            let own = client.parse_list("certificates", forms::fingerprint);
            // What is in it and is no fingerprint was reported, as was what is no list.
            let is_empty = client.entry("certificates").is_some_and(|entry| {
                entry.value.is_null()
                    || matches!(&entry.value.value, Value::List(list) if list.is_empty())
            });
            if is_empty {
                let problem = client.problem("certificates", "there is no certificate in it");
                self.error(problem, "list the fingerprint of at least one");
            }
            return Some(Authentication::TlsCertificates(own));
        }
        let text = self.jwks(client)?;
        match certificates_of(text.as_bytes()) {
            Ok(own) => Some(Authentication::TlsCertificates(own)),
            Err(_) if is_pem(&text) => {
                self.pem(client, (text.as_str(), HOW_TO_FINGERPRINT));
                None
            }
            Err(error) => {
                let problem = client.problem("jwks", &format!("it cannot be used: {error}"));
                self.error(
                    problem,
                    "write a JWK Set whose keys each have an `x5c` (RFC 7517 §4.7)",
                );
                None
            }
        }
    }

    /// Says which clients could never prove themselves, or could be anybody, by what the public
    /// door sees of certificates.
    pub(super) fn seen_certificates(&mut self, root: &Fields<'_>) {
        let (tls, proxies) = (root.child("tls"), root.child("proxies"));
        let seen = Seen {
            of_authorities: tls.get("client_ca").is_some(),
            of_anybody: tls.text("client_certificates").as_deref() == Some("any"),
            by_proxy: proxies.is_true("client_cert"),
        };
        if seen.by_proxy && proxies.is_true("proxy_protocol") {
            let message =
                "with a PROXY header no connection is the proxy's, and no field is believed";
            let problem = proxies.problem("client_cert", message);
            self.error(problem, "keep one of `client_cert` and `proxy_protocol`");
        }
        let clients = || {
            let partners = root.children("partners").into_iter();
            partners.flat_map(|(_, partner)| partner.children("clients"))
        };
        let is_by = |way: &Fields<'_>, wanted: &str| way.text("auth").as_deref() == Some(wanted);
        let by_own = clients().any(|(_, client)| {
            let mut ways = ways(&client).into_iter();
            ways.any(|way| is_by(&way, SELF_SIGNED))
        });
        for (_, client) in clients() {
            self.can_be_seen(&client, seen);
            for way in ways(&client).iter().filter(|way| is_by(way, TLS)) {
                if seen.by_proxy && by_own {
                    let message = "a proxy that passes certificates of any maker on, for a client \
                                   by `self_signed_tls_client_auth`, lets anybody have this name";
                    let problem = way.problem("auth", message);
                    let help = "have this client prove itself by its very certificate too: `auth: \
                                self_signed_tls_client_auth` and `certificates`";
                    self.error(problem, help);
                }
            }
        }
    }

    fn can_be_seen(&mut self, client: &Fields<'_>, seen: Seen) {
        let unseen = "the public door never sees such a certificate";
        let mut has_certificate = false;
        for way in ways(client) {
            let (is_seen, help) = match way.text("auth").as_deref() {
                Some(TLS) => (
                    seen.of_authorities,
                    "name the authorities in `tls.client_ca`, or write `proxies.client_cert: true` \
                     if a proxy speaks TLS and verifies certificates",
                ),
                Some(SELF_SIGNED) => (
                    seen.of_anybody,
                    "write `tls.client_certificates: any`, or `proxies.client_cert: true` if a \
                     proxy speaks TLS and passes certificates on",
                ),
                _ => continue,
            };
            has_certificate = true;
            if !is_seen && !seen.by_proxy {
                self.error(way.problem("auth", unseen), help);
            }
        }
        let is_seen = seen.of_authorities || seen.of_anybody || seen.by_proxy;
        if client.is_true("bound_tokens") && !has_certificate && !is_seen {
            let help = "name authorities in `tls.client_ca`, or write `tls.client_certificates: \
                        any` or `proxies.client_cert: true`";
            self.error(client.problem("bound_tokens", unseen), help);
        }
    }
}
