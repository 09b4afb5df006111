//! What the environment says of exporting spans: the variables that every program with
//! OpenTelemetry has ("OpenTelemetry Environment Variable Specification", "OTLP Exporter").
//!
//! Only in one thing this differs: without an endpoint nothing is exported, where the standard would
//! try the machine itself.

use std::fs::File;
use std::io::Read as _;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};
use listener::TraceParent;
use model::Secret;
use outbound::Origin;

use super::encode::Form;
use crate::config::Environment;

/// Spans that may wait, spans of one request, and how long one waits (the standard's defaults).
const QUEUE_MAX: u64 = 2048;
const BATCH_MAX: u64 = 512;
const EVERY_MS: u64 = 5000;
/// How long the collector may take (the standard's default).
const TIMEOUT_MS: u64 = 10_000;
/// The largest file of authorities, in bytes.
const AUTHORITIES_BYTES_MAX: u64 = 1 << 20;
/// How many headers or attributes are read.
const PAIRS_MAX: usize = 64;
/// Half of what 64 bits count: the numbers of traces that a ratio is a part of.
const ALL: u64 = 1 << 63;

/// Which traces are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sampling {
    /// Whether a caller that has decided is followed.
    parent_based: bool,
    /// Traces are recorded whose number is below, of those up to [`ALL`].
    below: u64,
}

impl Sampling {
    pub(super) fn takes(self, trace: TraceParent) -> bool {
        if self.parent_based && trace.parent().is_some() {
            return trace.is_sampled();
        }
        // As other programs do it, so that all of them choose the same traces.
        let low = u64::try_from(trace.trace() & u128::from(u64::MAX)).unwrap_or(0);
        (low >> 1) < self.below
    }
}

/// Where spans go, how, and which.
pub struct Settings {
    pub(super) endpoint: Uri,
    pub(super) origin: Origin,
    pub(super) form: Form,
    /// Marked as secret: collectors know their customers by them.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) timeout: Duration,
    /// The authorities that the collector's certificate must lead to; else the public ones.
    pub(super) authorities: Option<Secret>,
    pub(super) resource: Vec<(String, String)>,
    pub(super) sampling: Sampling,
    pub(super) queue_max: usize,
    pub(super) batch_max: usize,
    pub(super) every: Duration,
}

impl Settings {
    /// What the environment says; none where nothing is to be exported. What in it cannot be used is
    /// told beside, and is as if it were not there: a setting of traces must not keep a gateway from
    /// serving, and these variables are often set for many programs at once.
    pub fn read(environment: Environment<'_>) -> (Option<Self>, Vec<String>) {
        let mut reader = Reader { environment, problems: Vec::new() };
        let settings = reader.settings();
        (settings, reader.problems)
    }
}

struct Reader<'a> {
    environment: Environment<'a>,
    problems: Vec<String>,
}

impl Reader<'_> {
    fn settings(&mut self) -> Option<Settings> {
        let is_off = self.text("OTEL_SDK_DISABLED").is_some_and(|t| t.eq_ignore_ascii_case("true"));
        let exporter = self.text("OTEL_TRACES_EXPORTER").unwrap_or_else(|| "otlp".to_owned());
        if is_off || exporter == "none" {
            return None;
        }
        let (endpoint, origin) = self.endpoint()?;
        if exporter != "otlp" {
            return self.wrong(
                "OTEL_TRACES_EXPORTER",
                "names an exporter that is not here; write `otlp` or `none`",
            );
        }
        let form = self.form()?;
        let sampling = self.sampling();
        // Who records no trace need not ask a caller either.
        if sampling == (Sampling { parent_based: false, below: 0 }) {
            return None;
        }
        let authorities = match self.authorities() {
            Ok(authorities) => authorities,
            Err((name, why)) => return self.wrong(&name, &why),
        };
        let queue_max = self.number("OTEL_BSP_MAX_QUEUE_SIZE", QUEUE_MAX, 1 << 20);
        let batch_max = self.number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", BATCH_MAX, 1 << 16);
        let every = self.number("OTEL_BSP_SCHEDULE_DELAY", EVERY_MS, 600_000);
        let (name, _) = self.of_signal("TIMEOUT").unwrap_or_default();
        let timeout = self.number(&name, TIMEOUT_MS, 600_000);
        Some(Settings {
            endpoint,
            origin,
            form,
            headers: self.headers(),
            timeout: Duration::from_millis(timeout),
            authorities,
            resource: self.resource(),
            sampling,
            queue_max: usize::try_from(queue_max).unwrap_or(1),
            batch_max: usize::try_from(batch_max.min(queue_max)).unwrap_or(1),
            every: Duration::from_millis(every),
        })
    }

    /// A variable that is set and not empty, which is the same as not set.
    fn text(&self, name: &str) -> Option<String> {
        let text = (self.environment)(name)?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// The variable for traces, else the one for everything; with its name.
    fn of_signal(&self, what: &str) -> Option<(String, String)> {
        ["OTEL_EXPORTER_OTLP_TRACES_", "OTEL_EXPORTER_OTLP_"].into_iter().find_map(|prefix| {
            let name = format!("{prefix}{what}");
            let text = self.text(&name)?;
            Some((name, text))
        })
    }

    /// Tells of a variable that cannot be used. Its value is not repeated: it may hold a secret.
    fn wrong<T>(&mut self, name: &str, why: &str) -> Option<T> {
        self.problems.push(format!("{name} {why}"));
        None
    }

    fn number(&mut self, name: &str, default: u64, max: u64) -> u64 {
        let Some(text) = self.text(name) else { return default };
        match text.parse::<u64>() {
            Ok(number) if (1..=max).contains(&number) => number,
            _ => {
                let why = format!("is no whole number from 1 to {max}; {default} is taken");
                self.wrong::<u64>(name, &why).unwrap_or(default)
            }
        }
    }

    fn endpoint(&mut self) -> Option<(Uri, Origin)> {
        let (name, url) = self.of_signal("ENDPOINT")?;
        // That for traces is taken as it is; below the other one each signal has its place.
        let url = if name.ends_with("_TRACES_ENDPOINT") {
            url
        } else {
            format!("{}/v1/traces", url.trim_end_matches('/'))
        };
        let uri: Option<Uri> = url.parse().ok();
        let found = uri.and_then(|uri| {
            let origin = Origin::of(&uri)?;
            Some((uri, origin))
        });
        found.or_else(|| {
            self.wrong(&name, "is no `http` or `https` URL; no spans are exported. Write for example `http://127.0.0.1:4318`")
        })
    }

    fn form(&mut self) -> Option<Form> {
        let (name, protocol) = self.of_signal("PROTOCOL").unwrap_or_default();
        match protocol.as_str() {
            "" | "http/protobuf" => Some(Form::Protobuf),
            "http/json" => Some(Form::Json),
            _ => self.wrong(
                &name,
                "is neither `http/protobuf` nor `http/json`; no spans are exported. Write one of the two, and the collector's port for HTTP (4318)",
            ),
        }
    }

    fn sampling(&mut self) -> Sampling {
        let name = self.text("OTEL_TRACES_SAMPLER");
        let (parent_based, below) = match name.as_deref() {
            None | Some("parentbased_always_on") => (true, ALL),
            Some("always_on") => (false, ALL),
            Some("always_off") => (false, 0),
            Some("parentbased_always_off") => (true, 0),
            Some("traceidratio") => (false, self.ratio()),
            Some("parentbased_traceidratio") => (true, self.ratio()),
            Some(_) => {
                self.problems.push(
                    "OTEL_TRACES_SAMPLER is not known; `parentbased_always_on` is taken. Write `always_on`, `always_off`, `traceidratio`, or one of them behind `parentbased_`".to_owned(),
                );
                (true, ALL)
            }
        };
        Sampling { parent_based, below }
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a ratio from 0 to 1 of 2^63 is a number from 0 to 2^63"
    )]
    fn ratio(&mut self) -> u64 {
        let Some(text) = self.text("OTEL_TRACES_SAMPLER_ARG") else { return ALL };
        match text.parse::<f64>() {
            Ok(ratio) if (0.0..=1.0).contains(&ratio) => {
                (ratio * 9_223_372_036_854_776_000.0) as u64
            }
            _ => {
                let why = "is no number from 0 to 1; 1 is taken";
                self.wrong::<u64>("OTEL_TRACES_SAMPLER_ARG", why).unwrap_or(ALL)
            }
        }
    }

    /// The authorities; or which variable names some that cannot be read, and why: another authority
    /// is not trusted in their place.
    fn authorities(&self) -> Result<Option<Secret>, (String, String)> {
        let Some((name, path)) = self.of_signal("CERTIFICATE") else { return Ok(None) };
        let mut text = String::new();
        let read = File::open(&path)
            .and_then(|file| file.take(AUTHORITIES_BYTES_MAX).read_to_string(&mut text));
        match read {
            Ok(_) => Ok(Some(Secret::new(text))),
            Err(error) => {
                let why =
                    format!("names a file that cannot be read ({error}); no spans are exported");
                Err((name, why))
            }
        }
    }

    fn headers(&mut self) -> Vec<(HeaderName, HeaderValue)> {
        let Some((name, text)) = self.of_signal("HEADERS") else { return Vec::new() };
        let mut headers = Vec::new();
        for (key, value) in self.pairs(&name, &text) {
            let key = HeaderName::from_bytes(key.to_ascii_lowercase().as_bytes());
            let value = HeaderValue::from_str(&value);
            if let (Ok(key), Ok(mut value)) = (key, value) {
                value.set_sensitive(true);
                headers.push((key, value));
            } else {
                self.wrong::<()>(&name, "has an entry that is no header; it is left out");
            }
        }
        headers
    }

    fn resource(&mut self) -> Vec<(String, String)> {
        const NAME: &str = "OTEL_RESOURCE_ATTRIBUTES";
        let text = self.text(NAME).unwrap_or_default();
        let mut given = self.pairs(NAME, &text);
        let of_attributes = given.iter().find(|(key, _)| key == "service.name");
        let of_attributes = of_attributes.map(|(_, value)| value.clone());
        let service = self.text("OTEL_SERVICE_NAME").or(of_attributes);
        let service = service.unwrap_or_else(|| "gatepost".to_owned());
        given.retain(|(key, _)| key != "service.name");
        let known = |name: &str| given.iter().any(|(key, _)| key == name);
        let mut resource = vec![("service.name".to_owned(), service)];
        for (name, value) in [
            ("service.version", env!("CARGO_PKG_VERSION")),
            ("telemetry.sdk.name", "gatepost"),
            ("telemetry.sdk.language", "rust"),
            ("telemetry.sdk.version", env!("CARGO_PKG_VERSION")),
        ] {
            if !known(name) {
                resource.push((name.to_owned(), value.to_owned()));
            }
        }
        resource.extend(given);
        resource
    }

    /// `key=value,key=value`, percent-encoded (W3C Baggage).
    fn pairs(&mut self, name: &str, text: &str) -> Vec<(String, String)> {
        let mut pairs = Vec::new();
        for entry in text.split(',').filter(|entry| !entry.trim().is_empty()).take(PAIRS_MAX) {
            let pair = entry.split_once('=').and_then(|(key, value)| {
                let key = Some(key.trim()).filter(|key| !key.is_empty())?;
                Some((decoded(key)?, decoded(value.trim())?))
            });
            if let Some(pair) = pair {
                pairs.push(pair);
            } else {
                let why = "has an entry that is not `key=value`, percent-encoded; it is left out";
                self.wrong::<()>(name, why);
            }
        }
        pairs
    }
}

/// What is percent-encoded, as it was.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, behind)) = rest.split_first() {
        rest = behind;
        if *byte != b'%' {
            bytes.push(*byte);
            continue;
        }
        let (digits, behind) = rest.split_at_checked(2)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        bytes.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
        rest = behind;
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDPOINT: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/");

    fn read(variables: &[(&str, &str)]) -> (Option<Settings>, Vec<String>) {
        Settings::read(&|name: &str| {
            let found = variables.iter().rev().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    fn good(more: &[(&str, &str)]) -> Settings {
        let (settings, problems) = read(&[&[ENDPOINT][..], more].concat());
        assert_eq!(problems, Vec::<String>::new());
        settings.unwrap()
    }

    #[test]
    fn nothing_is_exported_unless_an_endpoint_is_named() {
        for variables in [
            &[][..],
            &[("OTEL_SERVICE_NAME", "a")],
            &[("OTEL_EXPORTER_OTLP_ENDPOINT", " ")],
            &[ENDPOINT, ("OTEL_SDK_DISABLED", "True")],
            &[ENDPOINT, ("OTEL_TRACES_EXPORTER", "none")],
            &[ENDPOINT, ("OTEL_TRACES_SAMPLER", "always_off")],
        ] {
            let (settings, problems) = read(variables);
            assert!(settings.is_none() && problems.is_empty(), "{variables:?}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_told_without_its_value() {
        for (name, value, goes_on) in [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector-hunter2", false),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc-hunter2", false),
            ("OTEL_TRACES_EXPORTER", "hunter2", false),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/nowhere/hunter2", false),
            ("OTEL_EXPORTER_OTLP_HEADERS", "hunter2", true),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=%hunter2", true),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "hunter2", true),
            ("OTEL_TRACES_SAMPLER", "hunter2", true),
            ("OTEL_BSP_MAX_QUEUE_SIZE", "0", true),
        ] {
            let (settings, problems) = read(&[ENDPOINT, (name, value)]);
            assert_eq!(settings.is_some(), goes_on, "{name}");
            assert_eq!(problems.len(), 1, "{problems:?}");
            assert!(
                problems[0].starts_with(name) && !problems[0].contains("hunter2"),
                "{problems:?}"
            );
        }
    }

    #[test]
    fn the_endpoint_for_traces_is_taken_as_it_is() {
        assert_eq!(good(&[]).endpoint, "http://collector:4318/v1/traces");
        let own = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://other.example/in");
        assert_eq!(good(&[own]).endpoint, "https://other.example/in");
    }

    #[test]
    fn headers_are_read_and_secret() {
        let settings = good(&[("OTEL_EXPORTER_OTLP_HEADERS", "Api-Key=a%20b, x=1")]);
        let texts: Vec<_> =
            settings.headers.iter().map(|(k, v)| (k.as_str(), v.to_str().unwrap())).collect();
        assert_eq!(texts, [("api-key", "a b"), ("x", "1")]);
        assert!(settings.headers.iter().all(|(_, value)| value.is_sensitive()));
    }

    #[test]
    fn the_resource_is_the_service_and_what_is_said_of_it() {
        let said =
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=a,deployment.environment.name=te%73t");
        let resource = good(&[said]).resource;
        assert_eq!(resource[0], ("service.name".to_owned(), "a".to_owned()));
        assert!(resource.contains(&("deployment.environment.name".to_owned(), "test".to_owned())));
        let named = good(&[said, ("OTEL_SERVICE_NAME", "b")]).resource;
        assert_eq!(named[0].1, "b");
        assert_eq!(named.iter().filter(|(key, _)| key == "service.name").count(), 1);
        assert_eq!(good(&[]).resource[0].1, "gatepost");
    }

    #[test]
    fn a_sampler_takes_its_part_and_follows_the_caller_where_it_should() {
        let sampling = |sampler: &str, ratio: &str| {
            good(&[("OTEL_TRACES_SAMPLER", sampler), ("OTEL_TRACES_SAMPLER_ARG", ratio)]).sampling
        };
        let asked = TraceParent::of_number(1).child(1);
        let declined = asked.with_sampled(false);
        for (sampler, of_asked, of_declined) in [
            ("always_on", true, true),
            ("parentbased_always_on", true, false),
            ("parentbased_always_off", true, false),
            ("parentbased_traceidratio", true, false),
            ("traceidratio", false, false),
        ] {
            let sampling = sampling(sampler, "0.000001");
            assert_eq!(sampling.takes(asked), of_asked, "{sampler}");
            assert_eq!(sampling.takes(declined), of_declined, "{sampler}");
        }
        let tenth = sampling("parentbased_traceidratio", "0.1");
        let taken = (0..10_000).filter(|n| tenth.takes(TraceParent::of_number(*n))).count();
        assert!((800..1200).contains(&taken), "{taken}");
        let all = sampling("traceidratio", "1");
        assert!((0..1000).all(|number| all.takes(TraceParent::of_number(number))));
    }
}
