//! What the others need to check our tokens: the public key in their form, what a token says of
//! itself, and the same token under RS256.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

/// What stands before the two coordinates of a point on P-256 in a `SubjectPublicKeyInfo` (RFC 5480
/// §2): the algorithm, the curve, and that the point is uncompressed.
const P256_PREFIX: [u8; 27] = [
    0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a,
    0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
];
/// How long a line of PEM is (RFC 7468 §2).
const PEM_WIDTH: usize = 64;

/// The part of a token at this place, read.
pub(super) fn part(token: &str, at: usize) -> Value {
    let part = token.split('.').nth(at).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// The key of a JWKS that signed the token, as PEM.
pub(super) fn pem(jwks: &str, token: &str) -> String {
    let jwks: Value = serde_json::from_str(jwks).unwrap();
    let header = part(token, 0);
    let mut keys = jwks["keys"].as_array().unwrap().iter();
    let key = keys.find(|key| key["kid"] == header["kid"]).unwrap();
    let coordinate = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let mut der = P256_PREFIX.to_vec();
    der.extend(coordinate("x"));
    der.extend(coordinate("y"));
    let signs = STANDARD.encode(der);
    let mut pem = "-----BEGIN PUBLIC KEY-----\n".to_owned();
    for line in signs.as_bytes().chunks(PEM_WIDTH) {
        pem.push_str(&String::from_utf8_lossy(line));
        pem.push('\n');
    }
    pem.push_str("-----END PUBLIC KEY-----\n");
    pem
}

/// The token with the same claims under RS256, by a key of 2,048 bits made for it. Leaves the public
/// key as `rs.pem` in the directory.
pub(super) fn under_rs256(directory: &Path, token: &str) -> String {
    openssl(directory, &["genrsa", "-out", "rs.key", "2048"], "");
    openssl(directory, &["rsa", "-in", "rs.key", "-pubout", "-out", "rs.pem"], "");
    let header = json!({ "typ": "at+jwt", "alg": "RS256", "kid": "rs" }).to_string();
    let claims = token.split('.').nth(1).unwrap();
    let signed = format!("{}.{claims}", URL_SAFE_NO_PAD.encode(header));
    let signature = openssl(directory, &["dgst", "-sha256", "-sign", "rs.key", "-binary"], &signed);
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

fn openssl(directory: &Path, arguments: &[&str], input: &str) -> Vec<u8> {
    let mut command = Command::new("openssl");
    command.args(arguments).current_dir(directory);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // One that reads no input may have closed it by now.
    drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
