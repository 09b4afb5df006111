//! What the line of a request tells: its fields by name, and what the configuration asks for, read
//! once and not for each line.

use gateway::Wanted;

/// A field of a request's line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are the fields; the guide says what they hold")]
pub enum LogField {
    At,
    RequestId,
    TraceId,
    Address,
    Method,
    Path,
    Api,
    Route,
    Partner,
    Client,
    KeyId,
    Status,
    Refusal,
    Reason,
    Passed,
    Observed,
    Replayed,
    DurationMs,
    UpstreamMs,
    BytesIn,
    BytesOut,
    Host,
    HttpVersion,
    Query,
    Referer,
    Retries,
    Tls,
    Upstream,
    UserAgent,
}

impl LogField {
    /// All of them: first those of the usual line, in its order, then those that are asked for by
    /// name.
    pub const ALL: [Self; 29] = [
        Self::At,
        Self::RequestId,
        Self::TraceId,
        Self::Address,
        Self::Method,
        Self::Path,
        Self::Api,
        Self::Route,
        Self::Partner,
        Self::Client,
        Self::KeyId,
        Self::Status,
        Self::Refusal,
        Self::Reason,
        Self::Passed,
        Self::Observed,
        Self::Replayed,
        Self::DurationMs,
        Self::UpstreamMs,
        Self::BytesIn,
        Self::BytesOut,
        Self::Host,
        Self::HttpVersion,
        Self::Query,
        Self::Referer,
        Self::Retries,
        Self::Tls,
        Self::Upstream,
        Self::UserAgent,
    ];

    /// As it stands in the line and in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::At => "at",
            Self::RequestId => "request_id",
            Self::TraceId => "trace_id",
            Self::Address => "address",
            Self::Method => "method",
            Self::Path => "path",
            Self::Api => "api",
            Self::Route => "route",
            Self::Partner => "partner",
            Self::Client => "client",
            Self::KeyId => "key_id",
            Self::Status => "status",
            Self::Refusal => "refusal",
            Self::Reason => "reason",
            Self::Passed => "passed",
            Self::Observed => "observed",
            Self::Replayed => "replayed",
            Self::DurationMs => "duration_ms",
            Self::UpstreamMs => "upstream_ms",
            Self::BytesIn => "bytes_in",
            Self::BytesOut => "bytes_out",
            Self::Host => "host",
            Self::HttpVersion => "http_version",
            Self::Query => "query",
            Self::Referer => "referer",
            Self::Retries => "retries",
            Self::Tls => "tls",
            Self::Upstream => "upstream",
            Self::UserAgent => "user_agent",
        }
    }

    /// The field of this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }
}

/// A part of a line's template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogPart {
    /// A text as it stands.
    Text(String),
    /// A field.
    Field(LogField),
}

/// Why a text is no template of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadTemplate {
    /// There is no field of this name.
    Field(String),
    /// A brace has no partner.
    Brace,
    /// It has a line break or another control.
    Control,
    /// It has no field at all.
    NoField,
}

impl LogPart {
    /// Takes a template apart: `{name}` is a field, `{{` and `}}` are braces.
    pub fn parse(template: &str) -> Result<Vec<Self>, BadTemplate> {
        if template.chars().any(char::is_control) {
            return Err(BadTemplate::Control);
        }
        let (mut parts, mut text, mut rest) = (Vec::new(), String::new(), template);
        while let Some(at) = rest.find(['{', '}']) {
            let (before, from) = rest.split_at(at);
            text.push_str(before);
            let doubled = [("{{", '{'), ("}}", '}')];
            let brace =
                doubled.iter().find_map(|(two, one)| Some((from.strip_prefix(*two)?, *one)));
            if let Some((behind, one)) = brace {
                text.push(one);
                rest = behind;
                continue;
            }
            let inside = from.strip_prefix('{').ok_or(BadTemplate::Brace)?;
            let (name, behind) = inside.split_once('}').ok_or(BadTemplate::Brace)?;
            let field = LogField::parse(name).ok_or_else(|| BadTemplate::Field(name.to_owned()))?;
            if !text.is_empty() {
                parts.push(Self::Text(std::mem::take(&mut text)));
            }
            parts.push(Self::Field(field));
            rest = behind;
        }
        text.push_str(rest);
        if !text.is_empty() {
            parts.push(Self::Text(text));
        }
        let has_field = parts.iter().any(|part| matches!(part, Self::Field(_)));
        if has_field { Ok(parts) } else { Err(BadTemplate::NoField) }
    }
}

/// What lines of requests there are.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum RequestLog {
    /// The usual ones.
    #[default]
    Usual,
    /// None.
    Off,
    /// With these fields.
    Fields(Vec<LogField>),
    /// Texts of this form.
    Template(Vec<LogPart>),
}

impl RequestLog {
    /// What must be kept of a request for it.
    pub(super) fn wanted(&self) -> Wanted {
        let has = |wanted: LogField| match self {
            Self::Usual | Self::Off => false,
            Self::Fields(fields) => fields.contains(&wanted),
            Self::Template(parts) => parts.contains(&LogPart::Field(wanted)),
        };
        Wanted {
            user_agent: has(LogField::UserAgent),
            referer: has(LogField::Referer),
            host: has(LogField::Host),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_by_its_name() {
        for field in LogField::ALL {
            assert_eq!(LogField::parse(field.name()), Some(field));
        }
        assert_eq!(LogField::parse("body"), None);
    }

    #[test]
    fn a_template_is_texts_and_fields() {
        let text = |text: &str| LogPart::Text(text.to_owned());
        let (at, status) = (LogPart::Field(LogField::At), LogPart::Field(LogField::Status));
        for (template, parts) in [
            ("{at}", vec![at.clone()]),
            ("{at}{status}", vec![at.clone(), status.clone()]),
            ("{at} {{{status}}}!", vec![at.clone(), text(" {"), status, text("}!")]),
            ("[{at}]", vec![text("["), at, text("]")]),
        ] {
            assert_eq!(LogPart::parse(template), Ok(parts), "{template}");
        }
    }

    #[test]
    fn what_is_no_template_says_why() {
        for (template, why) in [
            ("{at} {statsu}", BadTemplate::Field("statsu".to_owned())), // typos: ignore
            ("{}", BadTemplate::Field(String::new())),
            ("{at", BadTemplate::Brace),
            ("at}", BadTemplate::Brace),
            ("{at}}", BadTemplate::Brace),
            ("{at}\n{status}", BadTemplate::Control),
            ("{{at}}", BadTemplate::NoField),
            ("", BadTemplate::NoField),
        ] {
            assert_eq!(LogPart::parse(template), Err(why), "{template}");
        }
    }

    #[test]
    fn only_what_a_line_shows_is_wanted() {
        assert_eq!(RequestLog::Usual.wanted(), Wanted::default());
        let fields = RequestLog::Fields(vec![LogField::At, LogField::Host]);
        assert_eq!(fields.wanted(), Wanted { host: true, ..Wanted::default() });
        let template = RequestLog::Template(LogPart::parse("{user_agent}").unwrap());
        assert_eq!(template.wanted(), Wanted { user_agent: true, ..Wanted::default() });
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_a_template_or_says_why(template in "[{}a-t_ \\PC]{0,40}") {
            if let Ok(parts) = LogPart::parse(&template) {
                assert!(parts.iter().any(|part| matches!(part, LogPart::Field(_))));
            }
        }
    }
}
