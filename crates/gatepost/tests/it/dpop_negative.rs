//! Proofs of possession that must not count, and those that must for all that they look odd.
//!
//! [`STEPS`] are the 32 steps of the FAPI 2.0 conformance plan's module on bad proofs, in its order
//! and in rows of our own; they follow the checks of RFC 9449 §4.3. They are gone through at an
//! API, as the plan does, and at the token endpoint, as far as they have a meaning there. [`MORE`]
//! is what else a proof can be wrong in. Behind each refusal a proof that is in order passes, so
//! nothing was refused for another reason. Nonces (check 10) are in `dpop.rs`.

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::json;

use crate::claims::now_s;
use crate::client::{HERE, code, raw};
use crate::dpop::{Change, Draft, Key, challenges, encode};
use crate::fapi_client_credentials::{Fapi, ISSUER, ORDERS, RSA};
use crate::program::Answer;
use crate::proofs;

/// What a step sends.
enum Sends {
    /// A proof that says something else.
    Says(Change),
    /// The same by an RSA key, to which its token is bound.
    ByRsa(Change),
    /// A proof whose claims are written otherwise.
    Writes(fn(&str) -> String),
    /// A proof whose text was changed after it was signed.
    Alters(fn(&str) -> String),
    /// A good proof of another key.
    OtherKey,
    /// Two proofs, each of them good.
    Two,
    /// A good proof, in a field whose name is in upper case.
    Loud,
    /// A good proof, to a URL with a query.
    Query,
    /// No proof, and the token under this scheme.
    Nothing(&'static str),
}

use Sends::{Alters, ByRsa, Loud, Nothing, OtherKey, Query, Says, Two, Writes};

/// What comes of it.
enum Comes {
    /// It counts.
    Passes,
    /// The proof is refused, for the reason that has these words.
    Refused(&'static str),
    /// The token is refused under this scheme.
    Bound,
}

use Comes::{Bound, Passes, Refused};

/// Where a step has a meaning.
#[derive(PartialEq, Eq)]
enum At {
    Both,
    Api,
}

use At::{Api, Both};

/// A row: what is shown, what is sent, what comes of it, and where.
type Step = (&'static str, Sends, Comes, At);

const STEPS: [Step; 32] = [
    ("§4.1: the field's name in upper case", Loud, Passes, Api),
    ("§4.3 check 1: two proofs", Two, Refused("more than one"), Both),
    ("check 2: a proof without its signature's part", Alters(unsigned), Refused("malformed"), Both),
    ("check 3: no typ", Says(|draft| draft.without("typ")), Refused("typ"), Both),
    ("check 3: no alg", Says(|draft| draft.without("alg")), Refused("algorithm"), Both),
    ("check 3: no jwk", Says(|draft| draft.without("jwk")), Refused("public key"), Both),
    ("check 3: no jti", Says(|draft| draft.without("jti")), Refused("jti"), Both),
    ("check 3: no htm", Says(|draft| draft.without("htm")), Refused("htm"), Both),
    ("check 3: no htu", Says(|draft| draft.without("htu")), Refused("htu"), Both),
    ("check 3: no iat", Says(|draft| draft.without("iat")), Refused("iat"), Both),
    ("check 3: no ath", Says(|draft| draft.without("ath")), Refused("ath"), Api),
    (
        "check 4: another typ",
        Says(|draft| draft.header["typ"] = "dpop+jwt+more".into()),
        Refused("typ"),
        Both,
    ),
    (
        "check 5, FAPI 2.0 §5.4.1: RS256",
        ByRsa(|draft| draft.header["alg"] = "RS256".into()),
        Refused("algorithm"),
        Both,
    ),
    (
        "check 5: alg none",
        Says(|draft| draft.header["alg"] = "none".into()),
        Refused("algorithm"),
        Both,
    ),
    ("check 6: another's signature", Alters(anothers_signature), Refused("signature"), Both),
    (
        "check 7: a private key",
        Says(|draft| draft.header["jwk"]["d"] = encode([7; 32]).into()),
        Refused("private key"),
        Both,
    ),
    (
        "check 8: another method",
        Says(|draft| draft.claims["htm"] = "PUT".into()),
        Refused("htm"),
        Both,
    ),
    ("check 9: a query and a fragment", Says(|draft| aim(draft, "", "?a=b#c")), Passes, Both),
    ("check 9: a query of the request's alone", Query, Passes, Api),
    ("check 9: another URL", Says(|draft| aim(draft, "", "x")), Refused("htu"), Both),
    (
        "check 11: made in an hour",
        Says(|draft| draft.claims["iat"] = (now_s() + 3_600).into()),
        Refused("in the future"),
        Both,
    ),
    (
        "check 11: made an hour ago",
        Says(|draft| draft.claims["iat"] = (now_s() - 3_600).into()),
        Refused("too old"),
        Both,
    ),
    ("§11.1: a jti for the first time", Says(once), Passes, Both),
    ("§11.1: the same jti in another proof", Says(once), Refused("used before"), Both),
    (
        "check 12: the ath of another token",
        Says(|draft| draft.claims["ath"] = encode(digest(&SHA256, b"another")).into()),
        Refused("ath"),
        Api,
    ),
    ("check 12: another key", OtherKey, Refused("another key"), Api),
    (
        "§4.2: more in header and claims",
        Says(|draft| {
            draft.header["more"] = 7.into();
            draft.claims["more"] = json!({ "a": [1] });
        }),
        Passes,
        Both,
    ),
    (
        "§4.3, RFC 3986 §6.2.2.1: scheme and host in upper case",
        Says(|draft| aim(draft, "HTTP://LOCALHOST", "")),
        Passes,
        Both,
    ),
    (
        "§4.3, RFC 3986 §6.2.3: the scheme's own port",
        Says(|draft| aim(draft, "http://localhost:80", "")),
        Passes,
        Both,
    ),
    ("§7.1: no proof", Nothing("DPoP"), Refused("no DPoP header"), Api),
    ("§7.1: no proof, and the token as a bearer's", Nothing("Bearer"), Bound, Api),
    ("a proof that is in order", Says(|_| {}), Passes, Both),
];

/// What else can be wrong or odd.
const MORE: [Step; 20] = [
    (
        "RFC 7797: a payload that is not encoded",
        Says(|draft| draft.header["b64"] = false.into()),
        Refused("extension"),
        Both,
    ),
    (
        "RFC 7515 §4.1.11: an extension that must be understood",
        Says(|draft| draft.header["crit"] = json!(["more"])),
        Refused("extension"),
        Both,
    ),
    ("RFC 8725 §2.4: a claim twice", Writes(twice), Refused("malformed"), Both),
    ("RFC 7519 §7.2: claims in a list", Writes(listed), Refused("malformed"), Both),
    ("RFC 7515 §2: padding", Alters(padded), Refused("malformed"), Both),
    ("an encrypted one's five parts", Alters(five_parts), Refused("malformed"), Both),
    (
        "check 5: a symmetric alg",
        Says(|draft| draft.header["alg"] = "HS256".into()),
        Refused("algorithm"),
        Both,
    ),
    (
        "check 7: a symmetric key",
        Says(|draft| draft.header["jwk"] = json!({ "kty": "oct", "k": "AAAA" })),
        Refused("private key"),
        Both,
    ),
    (
        "half a key",
        Says(|draft| draft.header["jwk"]["y"] = json!(null)),
        Refused("public key"),
        Both,
    ),
    ("an empty jti", Says(|draft| draft.claims["jti"] = "".into()), Refused("jti"), Both),
    (
        "a jti of more than 512 bytes",
        Says(|draft| draft.claims["jti"] = "x".repeat(513).into()),
        Refused("jti"),
        Both,
    ),
    (
        "RFC 9110 §9.1: the method in lower case",
        Says(|draft| draft.claims["htm"] = "post".into()),
        Refused("htm"),
        Both,
    ),
    ("another scheme", Says(|draft| aim(draft, "https://localhost", "")), Refused("htu"), Both),
    (
        "the socket's name for the program's",
        Says(|draft| aim(draft, "http://127.0.0.1", "")),
        Refused("htu"),
        Both,
    ),
    ("another port", Says(|draft| aim(draft, "http://localhost:81", "")), Refused("htu"), Both),
    ("a user's name", Says(|draft| aim(draft, "http://a@localhost", "")), Refused("htu"), Both),
    ("a path that goes on", Says(|draft| aim(draft, "", "/")), Refused("htu"), Both),
    (
        "RFC 7519 §4.1.5: good in an hour",
        Says(|draft| draft.claims["nbf"] = (now_s() + 3_600).into()),
        Refused("in the future"),
        Both,
    ),
    (
        "RFC 7519 §4.1.4: over",
        Says(|draft| draft.claims["exp"] = (now_s() - 1).into()),
        Refused("too old"),
        Both,
    ),
    (
        "RFC 7515 §4.1.9: the whole media type, in upper case",
        Says(|draft| draft.header["typ"] = "APPLICATION/DPOP+JWT".into()),
        Passes,
        Both,
    ),
];

/// Another origin, unless it is empty, and an end for the URL.
fn aim(draft: &mut Draft, origin: &str, end: &str) {
    let url = draft.claims["htu"].as_str().unwrap();
    let path = url.strip_prefix(ISSUER).unwrap();
    let origin = if origin.is_empty() { ISSUER } else { origin };
    draft.claims["htu"] = format!("{origin}{path}{end}").into();
}

fn once(draft: &mut Draft) {
    draft.claims["jti"] = "once".into();
}

fn unsigned(proof: &str) -> String {
    proof.rsplit_once('.').unwrap().0.to_owned()
}

fn anothers_signature(proof: &str) -> String {
    format!("{}.{}", unsigned(proof), encode([7; 64]))
}

fn padded(proof: &str) -> String {
    format!("{proof}=")
}

fn five_parts(proof: &str) -> String {
    format!("{proof}.{0}.{0}", encode([7; 16]))
}

fn twice(claims: &str) -> String {
    claims.replacen('{', r#"{"jti":"another","#, 1)
}

fn listed(claims: &str) -> String {
    format!("[{claims}]")
}

/// The proofs of a step, out of ones that are in order.
fn proofs_of(key: &Key, draft: &dyn Fn() -> Draft, sends: &Sends) -> Vec<String> {
    let mut first = draft();
    match sends {
        Says(change) | ByRsa(change) => {
            change(&mut first);
            vec![key.sign(&first)]
        }
        Writes(write) => {
            let claims = write(&first.claims.to_string());
            vec![key.sign_written(&first, &claims)]
        }
        Alters(alter) => vec![alter(&key.sign(&first))],
        OtherKey => {
            let other = Key::new();
            first.header["jwk"] = other.jwk.clone();
            vec![other.sign(&first)]
        }
        Two => vec![key.sign(&first), key.sign(&draft())],
        Loud | Query => vec![key.sign(&first)],
        Nothing(_) => Vec::new(),
    }
}

/// The program, and tokens bound to two keys.
struct Stage {
    fapi: Fapi,
    token: String,
    of_rsa: String,
}

impl Stage {
    async fn set() -> Self {
        let fapi = Fapi::start().await;
        let token = fapi.bound(&fapi.own, "orders").await;
        let of_rsa = fapi.bound(&RSA, "rsa").await;
        Self { fapi, token, of_rsa }
    }

    /// Calls the API as a step does.
    async fn call(&self, sends: &Sends) -> Answer {
        let (key, token) = match sends {
            ByRsa(_) => (&*RSA, &self.of_rsa),
            _ => (&self.fapi.own, &self.token),
        };
        let proofs = proofs_of(key, &|| Fapi::call_proof(key, token), sends);
        let scheme = if let Nothing(scheme) = sends { *scheme } else { "DPoP" };
        let path = if let Query = sends { format!("{ORDERS}?a=b") } else { ORDERS.to_owned() };
        let authorization = format!("{scheme} {token}");
        if let Loud = sends {
            return self.call_loudly(&authorization, &proofs[0]).await;
        }
        let mut headers = vec![("authorization", authorization.as_str())];
        headers.extend(proofs.iter().map(|proof| ("dpop", proof.as_str())));
        self.fapi.program.call("POST", &path, &headers, "{}").await
    }

    /// HTTP libraries write the names of fields as they like.
    async fn call_loudly(&self, authorization: &str, proof: &str) -> Answer {
        let request = format!(
            "POST {ORDERS} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
             Authorization: {authorization}\r\nDPOP: {proof}\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        let text = raw(&self.fapi.program, HERE, request.as_bytes()).await;
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        Answer { status, headers: reqwest::header::HeaderMap::new(), body: text }
    }

    /// Asks for a token as a step does.
    async fn ask(&self, sends: &Sends) -> Answer {
        let (key, client) = match sends {
            ByRsa(_) => (&*RSA, "rsa"),
            _ => (&self.fapi.own, "orders"),
        };
        let proofs = proofs_of(key, &|| Fapi::proof(key), sends);
        self.fapi.ask(&Fapi::body(key, client), &proofs).await
    }

    /// Goes through rows at the API; gives how many passed.
    async fn at_api(&self, steps: &[Step]) -> usize {
        let mut passed = 0;
        for (what, sends, comes, _) in steps {
            let answer = self.call(sends).await;
            match comes {
                Passes => assert_eq!(answer.status, 201, "{what}: {}", answer.body),
                Refused(says) => refused_by_api(what, &answer, says),
                Bound => {
                    assert_eq!((answer.status, &*code(&answer)), (401, "token-bound"), "{what}");
                    let challenge = challenges(&answer);
                    assert!(challenge.contains(r#"error="invalid_token""#), "{what}: {challenge}");
                }
            }
            let good = self.call(&Says(|_| {})).await;
            assert_eq!(good.status, 201, "after {what}: {}", good.body);
            passed += 1 + usize::from(answer.status == 201);
        }
        passed
    }

    /// Goes through rows at the token endpoint.
    async fn at_token_endpoint(&self, steps: &[Step]) {
        for (what, sends, comes, _) in steps.iter().filter(|step| step.3 == Both) {
            let answer = self.ask(sends).await;
            let Refused(says) = comes else {
                assert_eq!(answer.status, 200, "{what}: {}", answer.body);
                assert_eq!(answer.json()["token_type"], "DPoP", "{what}");
                continue;
            };
            let body = answer.json();
            let refusal = (answer.status, &body["error"]);
            assert_eq!(refusal, (400, &"invalid_dpop_proof".into()), "{what}");
            let description = body["error_description"].as_str().unwrap();
            assert!(description.contains(says), "{what}: {description}");
            assert_eq!(answer.header("cache-control"), "no-store", "{what}");
            let good = self.ask(&Says(|_| {})).await;
            assert_eq!(good.status, 200, "after {what}: {}", good.body);
        }
    }
}

fn refused_by_api(what: &str, answer: &Answer, says: &str) {
    let refusal = (answer.status, code(answer));
    assert_eq!(refusal, (401, "dpop-proof-invalid".to_owned()), "{what}: {}", answer.body);
    let detail = answer.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains(says), "{what}: {detail}");
    // RFC 9449 §7.1; and no algorithm is offered that the profile forbids.
    let challenge = challenges(answer);
    assert!(challenge.contains(r#"error="invalid_dpop_proof""#), "{what}: {challenge}");
    assert!(challenge.contains(r#"algs="ES256 EdDSA PS256 Ed25519""#), "{what}: {challenge}");
}

#[tokio::test]
async fn rfc9449_4_3_an_api_takes_the_good_steps_alone() {
    let stage = Stage::set().await;
    let passed = stage.at_api(&STEPS).await + stage.at_api(&MORE).await;
    assert_eq!(stage.fapi.upstream.got().len(), passed, "what was refused was passed on");
}

#[tokio::test]
async fn rfc9449_5_the_token_endpoint_takes_the_good_steps_alone() {
    let stage = Stage::set().await;
    stage.at_token_endpoint(&STEPS).await;
    stage.at_token_endpoint(&MORE).await;
}

#[tokio::test]
async fn rfc9449_6_1_a_token_of_the_token_endpoints_proof_is_bound_to_its_key_whoever_asks() {
    // A client may prove itself by one key and its tokens by another, and then needs the other.
    let fapi = Fapi::start().await;
    let key = Key::new();
    let proof = key.sign(&Fapi::proof(&key));
    let answer = fapi.ask(&Fapi::body(&fapi.own, "orders"), &[proof]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let token = answer.json()["access_token"].as_str().unwrap().to_owned();
    let bound = json!({ "jkt": jwt::thumbprint(&key.jwk).unwrap() });
    assert_eq!(proofs::claims(&token)["cnf"], bound);
    let authorization = format!("DPoP {token}");
    for (key, status) in [(&fapi.own, 401), (&key, 201)] {
        let proof = key.sign(&Fapi::call_proof(key, &token));
        let headers = [("authorization", authorization.as_str()), ("dpop", proof.as_str())];
        let answer = fapi.program.call("POST", ORDERS, &headers, "{}").await;
        assert_eq!(answer.status, status, "{}", answer.body);
    }
}
