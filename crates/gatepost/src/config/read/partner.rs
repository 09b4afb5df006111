//! Usage plans, partners, their clients and API keys.

use std::collections::BTreeMap;

use limit::{Limit, Period, Quota};
use model::{ApiKey, Client, DpopRule, Name, Partner, RouteLimit, Status, UsagePlan};

use super::Reader;
use super::credentials::bound_tokens;
use crate::config::fields::Fields;
use crate::config::forms;
use crate::config::nearest::nearest;
use crate::config::node::{Entry, Node};
use crate::config::problem::Problem;
use crate::config::source::Span;

/// Where names stand that are unique over all partners.
#[derive(Default)]
struct Taken {
    clients: BTreeMap<Name, Span>,
    api_keys: BTreeMap<Name, Span>,
}

impl Reader<'_> {
    pub(super) fn plans(&mut self, root: &Fields<'_>) {
        for (entry, fields) in root.children("plans") {
            let Ok(name) = Name::new(&entry.key) else {
                continue;
            };
            let plan = UsagePlan {
                description: fields.text("description").unwrap_or_default(),
                rate: self.limit(&fields),
                quota: self.quota(&fields),
                concurrency: fields.integer("concurrency"),
                routes: self.route_limits(&fields),
                observe: fields.is_true("observe"),
                name: name.clone(),
            };
            self.definitions.plans.insert(name, plan);
        }
    }

    /// The rate and burst of an object that has both keys.
    pub(super) fn limit(&mut self, fields: &Fields<'_>) -> Option<Limit> {
        let rate = fields.parse("rate", |text| forms::rate(text, u32::MAX));
        if rate.is_none() && fields.get("burst").is_some() && fields.get("rate").is_none() {
            let problem = fields.problem("burst", "`burst` is part of a rate, and there is none");
            self.error(problem, "add `rate: 10/s`, or remove `burst`");
        }
        rate.map(|rate| {
            let per_second = (rate.count() / rate.window_seconds()).max(1);
            Limit::new(rate, fields.integer("burst").unwrap_or(per_second))
        })
    }

    /// The rates of single routes, which must be there.
    fn route_limits(&mut self, fields: &Fields<'_>) -> Vec<RouteLimit> {
        let mut limits = Vec::new();
        for (entry, rate) in fields.children("routes") {
            let Ok((api, route)) = forms::plan_route(&entry.key) else { continue };
            let known = self.definitions.apis.get(&api);
            if !known.is_some_and(|api| api.routes.iter().any(|known| known.key() == route)) {
                let keys = known.map(|known| known.routes.iter().map(model::Route::key));
                let keys: Vec<String> = keys.into_iter().flatten().collect();
                let near = nearest(&route, keys.iter().map(String::as_str));
                let help = match near {
                    Some(near) => format!("did you mean `{api} {near}`?"),
                    None => "write it as it stands under `apis.NAME.routes`".to_owned(),
                };
                let message = format!("no API has the route `{}`", entry.key);
                self.error(Problem::new(entry.key_span, &rate.path, &message), &help);
            }
            if let Some(limit) = self.limit(&rate) {
                limits.push(RouteLimit { api, route, limit });
            }
        }
        limits
    }

    fn quota(&mut self, fields: &Fields<'_>) -> Option<Quota> {
        let starts = fields.integer("quota_starts").unwrap_or(0);
        let given = fields.get("quota_starts").is_some();
        if given && fields.get("quota").is_none() {
            let problem =
                fields.problem("quota_starts", "`quota_starts` moves a quota, and there is none");
            self.error(problem, "add `quota: 10000/month`, or remove `quota_starts`");
        }
        let quota = fields.parse("quota", forms::quota)?;
        let (longest, period) = match quota.period() {
            Period::Day => (0, "a day cannot begin late"),
            Period::Week => (6, "a week begins at most 6 days late"),
            Period::Month => (27, "a month begins at most 27 days late"),
        };
        if starts > longest {
            let problem = fields.problem("quota_starts", period);
            self.error(problem, &format!("write a whole number up to {longest}"));
        }
        Some(quota.starting(u8::try_from(starts).unwrap_or(u8::MAX)))
    }

    pub(super) fn partners(&mut self, root: &Fields<'_>) {
        let mut taken = Taken::default();
        for (entry, fields) in root.children("partners") {
            let Ok(name) = Name::new(&entry.key) else {
                continue;
            };
            let partner = Partner {
                title: fields.text("title").unwrap_or_else(|| name.to_string()),
                contact: fields.text("contact"),
                plan: fields.parse("plan", forms::name),
                allow_ips: fields.parse_list("allow_ips", forms::cidr),
                certificates: fields.parse_list("certificates", forms::fingerprint),
                status: status(&fields),
                name: name.clone(),
            };
            self.clients(&partner, &fields, &mut taken);
            self.api_keys(&partner, &fields, &mut taken);
            self.definitions.partners.insert(name, partner);
        }
    }

    fn clients(&mut self, partner: &Partner, fields: &Fields<'_>, taken: &mut Taken) {
        for (entry, client) in fields.children("clients") {
            let Ok(id) = Name::client_id(&entry.key) else {
                continue;
            };
            if let Some(first) = taken.clients.get(&id) {
                self.taken("client id", (entry, &client), *first);
                continue;
            }
            taken.clients.insert(id.clone(), entry.key_span);
            self.federation(&client, &id, partner);
            let credentials = self.credentials(&client, &id);
            let tokens = self.client_tokens(partner, &client);
            let scopes = client.list("scopes").iter().filter_map(Node::text);
            let client = Client {
                partner: partner.name.clone(),
                scopes: scopes.map(str::to_owned).collect(),
                token_lifetime_s: i64::try_from(client.duration_ms("token_lifetime") / 1_000)
                    .unwrap_or(i64::MAX),
                dpop: match client.text("dpop").as_deref() {
                    Some("required") => DpopRule::Required,
                    _ => DpopRule::Optional,
                },
                status: status(&client),
                bound_tokens: bound_tokens(&client, &credentials),
                credentials,
                tokens,
                id: id.clone(),
            };
            self.definitions.clients.insert(id, client);
        }
    }

    fn api_keys(&mut self, partner: &Partner, fields: &Fields<'_>, taken: &mut Taken) {
        for (entry, key) in fields.children("api_keys") {
            let Ok(name) = Name::new(&entry.key) else {
                continue;
            };
            if let Some(first) = taken.api_keys.get(&name) {
                self.taken("API key name", (entry, &key), *first);
                continue;
            }
            taken.api_keys.insert(name.clone(), entry.key_span);
            let plan = key.parse("plan", forms::name);
            if plan.is_none() && partner.plan.is_none() {
                let message = format!("the API key `{name}` has no plan, so no route will take it");
                let problem = Problem::new(entry.key_span, &key.path, &message)
                    .help("add `plan: NAME` to the key or to its partner");
                self.problems.warn(problem);
            }
            let key = ApiKey { partner: partner.name.clone(), plan, name: name.clone() };
            self.definitions.api_keys.insert(name, key);
        }
    }

    fn taken(&mut self, what: &str, (entry, fields): (&Entry, &Fields<'_>), first: Span) {
        let place = self.sources.get(first.source).map_or_else(String::new, |source| {
            format!(" at {}:{}", source.name, source.line(first.start))
        });
        let message = format!("the {what} `{}` is taken{place}", entry.key);
        let problem = Problem::new(entry.key_span, &fields.path, &message).first(first);
        self.error(problem, "choose another: it is unique over all partners");
    }
}

fn status(fields: &Fields<'_>) -> Status {
    match fields.text("status").as_deref() {
        Some("suspended") => Status::Suspended,
        _ => Status::Active,
    }
}
