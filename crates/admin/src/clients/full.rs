//! What an operator is told where a client has no room for one more secret: what there is, when it was
//! used, and each way out.

use model::{
    Client, ClientCredential, CredentialUse, LIVE_CREDENTIALS_MAX, SecretCredential, Timestamp,
};

use super::place_of;

/// What the store keeps of the credentials of all clients.
pub(super) struct Kept<'a> {
    pub(super) secrets: &'a [SecretCredential],
    pub(super) uses: &'a [CredentialUse],
}

impl Kept<'_> {
    fn last_used(&self, client: &Client, credential: &ClientCredential) -> Option<Timestamp> {
        let id = client.credential_id(credential);
        self.uses.iter().find(|used| used.id == id).map(|used| used.day)
    }
}

/// Why the client may have no secret more, and what to do; a rotation may end those before it at once.
pub(super) fn told(
    (client, is_rotation): (&Client, bool),
    kept: &Kept<'_>,
    now: Timestamp,
) -> String {
    let (id, place) = (&client.id, place_of(client));
    let declared: Vec<_> = client.declared().filter(|one| !one.is_over(now)).collect();
    let mut said = vec![format!(
        "The client {id} has as many credentials as it may, {LIVE_CREDENTIALS_MAX} at the most: those \
         that are live count, and those to come."
    )];
    let of_declared = declared.iter().map(|one| {
        let used = kept.last_used(client, one);
        in_words(one.name(), (one.not_before, used), now)
    });
    said.extend(listed(&of_declared.collect::<Vec<_>>(), ["declared in the file"; 2]));
    let of_client = kept.secrets.iter().filter(|secret| secret.client == *id);
    let secrets = of_client
        .filter(|secret| !secret.is_over(now))
        .map(|secret| in_words(&secret.id, (secret.not_before, secret.last_used), now));
    said.extend(listed(&secrets.collect::<Vec<_>>(), ["a secret", "secrets"]));
    if is_rotation {
        let overlap = "With `--overlap 0s` the new secret takes the place of those before it, which end \
                       at once.";
        said.push(overlap.to_owned());
    }
    let revoke = if is_rotation { "Or revoke" } else { "Revoke" };
    said.push(format!(
        "{revoke} a secret that is no longer used: `gatepost client secret list {id}` shows their ids, \
         `gatepost client revoke ID` ends one."
    ));
    let mut idle = declared.iter().filter(|one| one.is_live(now));
    if let Some(idle) = idle.find(|one| kept.last_used(client, one).is_none()) {
        said.push(format!(
            "Or remove {place}.credentials.{}, of which no use is noted, and reload.",
            idle.name()
        ));
    } else if !declared.is_empty() {
        said.push(format!(
            "Or remove an entry of {place}.credentials that is no longer used, and reload."
        ));
    }
    said.join(" ")
}

/// So many of a kind, each by what is told of it; nothing where there is none. `kind` says what one is,
/// and what several are.
fn listed(told: &[String], kind: [&str; 2]) -> Option<String> {
    let (count, [one, several]) = (told.len(), kind);
    let told = told.join(", ");
    match count {
        0 => None,
        1 => Some(format!("1 of them is {one} ({told}).")),
        _ => Some(format!("{count} of them are {several} ({told}).")),
    }
}

fn in_words(
    name: &str,
    (not_before, last_used): (Option<Timestamp>, Option<Timestamp>),
    now: Timestamp,
) -> String {
    let day = |at: Timestamp| at.to_string().chars().take(10).collect::<String>();
    match (not_before.filter(|begin| now < *begin), last_used) {
        (Some(begin), _) => format!("{name} from {} on", day(begin)),
        (None, Some(used)) => format!("{name} used {}", day(used)),
        (None, None) => format!("{name} of no known use"),
    }
}

#[cfg(test)]
mod tests {
    use credential::Digest;
    use model::{Authentication, CredentialKind, Name};

    use super::*;

    fn name(text: &str) -> Name {
        Name::new(text).unwrap()
    }

    fn declared(text: &str, not_before: Option<i64>, expires_at: Option<i64>) -> ClientCredential {
        let at = Timestamp::from_ms;
        ClientCredential {
            name: Some(name(text)),
            not_before: not_before.map(at),
            expires_at: expires_at.map(at),
            ..ClientCredential::only(Authentication::TlsCertificates(Vec::new()))
        }
    }

    fn secret(id: &str, expires_at: Option<i64>, last_used: Option<i64>) -> SecretCredential {
        SecretCredential {
            id: id.to_owned(),
            client: name("orders"),
            digest: Digest::from_bytes([0; 32]),
            last_four: "abcd".to_owned(),
            created_at: Timestamp::from_ms(0),
            not_before: None,
            expires_at: expires_at.map(Timestamp::from_ms),
            revoked_at: None,
            last_used: last_used.map(Timestamp::from_ms),
            imported: false,
        }
    }

    #[test]
    fn what_there_is_and_every_way_out_is_named() {
        let day_ms = 86_400_000;
        let mut client = Client::new(name("orders"), name("cars"));
        client.credentials = vec![
            declared("old", None, Some(1)),
            declared("key", None, None),
            declared("spare", None, None),
            declared("next", Some(9 * day_ms), None),
            ClientCredential {
                name: Some(name("s")),
                ..ClientCredential::only(Authentication::Secret)
            },
        ];
        let used = |id: &str| CredentialUse {
            kind: CredentialKind::Declared,
            id: id.to_owned(),
            day: Timestamp::from_ms(day_ms),
        };
        let secrets = [secret("s1", None, Some(2 * day_ms)), secret("s0", Some(1), None)];
        let now = Timestamp::from_ms(3 * day_ms);
        let uses = [used("orders/key")];
        let kept = Kept { secrets: &secrets, uses: &uses };
        let text = told((&client, true), &kept, now);
        for part in [
            "4 at the most",
            "those to come",
            "3 of them are declared in the file (key used 1970-01-02, spare of no known use, next from \
             1970-01-10 on).",
            "1 of them is a secret (s1 used 1970-01-03).",
            "`--overlap 0s`",
            "`gatepost client secret list orders`",
            "remove partners.cars.clients.orders.credentials.spare, of which no use is noted",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        // What has ended takes no room, so that to remove it makes none.
        assert!(!text.contains("old") && !text.contains("s0"), "{text}");
        // One more secret beside those there are ends none of them.
        assert!(!told((&client, false), &kept, now).contains("--overlap"));
        let uses = [used("orders/key"), used("orders/spare")];
        let text = told((&client, true), &Kept { secrets: &secrets, uses: &uses }, now);
        assert!(
            text.contains("remove an entry of partners.cars.clients.orders.credentials"),
            "{text}"
        );
        client.credentials.truncate(0);
        let text = told((&client, true), &kept, now);
        assert!(!text.contains("declared") && !text.contains("reload"), "{text}");
    }
}
