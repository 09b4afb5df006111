//! Who got which token, who was refused one, and who revoked its own.

use std::collections::BTreeMap;

use model::Timestamp;
use store::{Answer, TokenAct, TokenAudit, TokenEntry, TokenQuery, TokenRow};

use super::MemStore;

/// By place: the moment and, in the last twenty bits, a number.
#[derive(Default)]
pub(super) struct Tokens(BTreeMap<u64, TokenEntry>);

fn first_of(at: Timestamp) -> u64 {
    u64::try_from(at.ms()).unwrap_or(0) << 20
}

impl Tokens {
    fn record(&mut self, entries: Vec<TokenEntry>) {
        for entry in entries {
            let first = first_of(entry.at);
            let last = self.0.range(first..first + (1 << 20)).next_back();
            let place = last.map_or(first, |(place, _)| place + 1);
            self.0.insert(place, entry);
        }
    }

    fn find(&self, query: &TokenQuery) -> Vec<TokenRow> {
        let same =
            |asked: &Option<String>, there: &Option<String>| asked.is_none() || asked == there;
        let fits = |(place, entry): &(&u64, &TokenEntry)| {
            query.before.is_none_or(|before| **place < before)
                && query.from.is_none_or(|from| entry.at >= from)
                && query.until.is_none_or(|until| entry.at < until)
                && query.issued.is_none_or(|at| entry.at == at || entry.act == TokenAct::Revoked)
                && query.outcome.is_none_or(|outcome| outcome == entry.outcome())
                && same(&query.client, &entry.client)
                && same(&query.partner, &entry.partner)
                && same(&query.credential, &entry.credential)
                && same(&query.issuer, &entry.issuer)
                && same(&query.subject, &entry.subject)
                && same(&query.token_id, &entry.token_id)
        };
        let rows = self.0.iter().rev().filter(fits).take(query.limit);
        rows.map(|(place, entry)| TokenRow { place: *place, entry: entry.clone() }).collect()
    }

    fn trim(&mut self, before: Timestamp) -> u64 {
        let all = self.0.len();
        self.0.retain(|_, entry| entry.at >= before);
        (all - self.0.len()) as u64
    }
}

impl TokenAudit for MemStore {
    fn record_tokens(&self, entries: Vec<TokenEntry>) -> Answer<'_, ()> {
        self.call(move |tables| {
            tables.tokens.record(entries);
            Ok(())
        })
    }

    fn tokens(&self, query: TokenQuery) -> Answer<'_, Vec<TokenRow>> {
        self.call(move |tables| Ok(tables.tokens.find(&query)))
    }

    fn trim_tokens(&self, before: Timestamp) -> Answer<'_, u64> {
        self.call(move |tables| Ok(tables.tokens.trim(before)))
    }
}
