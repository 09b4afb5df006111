//! The forms of texts: durations, sizes, addresses, names, requests.
//!
//! A function reads a text into a value or says what to write instead; its `is_` twin only judges.

mod address;
mod amount;
mod headers;
mod moment;

use certificate::DistinguishedName;
use model::{Method, Name, PathTemplate, SYSTEM_BUS, SubjectRule};
use retry::{NoStatuses, Statuses};
use transform::JsonPath;

use super::nearest::{listed, nearest};
use super::problem::Wrong;
use crate::telemetry::{BadTemplate, LogField, LogPart};

pub(crate) use address::{
    cidr, ip, is_base_path, is_call, is_cidr, is_ip, is_issuer, is_origin, is_public_url,
    is_request, is_resource, is_socket, is_upstream, is_url, request, socket, upstream,
};
pub(crate) use amount::{
    bytes, duration_ms, duration_text, duration_within, integer, is_bytes, is_quota, quota, rate,
};
pub(crate) use headers::{
    header, header_value, is_header, is_parameter, is_passed_header, is_secret_header,
    is_secret_parameter, parameter_value, passed_header,
};
pub(crate) use moment::{end, every, is_end, is_every, is_time, is_when, time, when};

/// Statuses by their first digit; a 2xx is a delivery.
const STATUS_CLASSES: [&str; 4] = ["1xx", "3xx", "4xx", "5xx"];
/// The longest template of a line, in bytes.
const LOG_TEMPLATE_BYTES_MAX: usize = 4096;

pub(crate) fn version(text: &str) -> Result<(), Wrong> {
    if text == "1" {
        return Ok(());
    }
    Err(Wrong::new("this program reads version 1 of the language").help("write `version: 1`"))
}

pub(crate) fn text(text: &str) -> Result<(), Wrong> {
    if text.trim().is_empty() { Err(Wrong::new("this text is empty")) } else { Ok(()) }
}

pub(crate) fn bool(text: &str) -> Result<(), Wrong> {
    match text {
        "true" | "false" => Ok(()),
        _ => Err(Wrong::new(format!("`{text}` is neither `true` nor `false`"))
            .help("write `true` or `false`")),
    }
}

pub(crate) fn one_of(text: &str, words: &[&str]) -> Result<(), Wrong> {
    if words.contains(&text) {
        return Ok(());
    }
    let help = format!("write {}", listed(words.iter().copied()).replace(" and ", " or "));
    Err(Wrong::new(format!("`{text}` is not known here{}", meant(text, words))).help(help))
}

pub(crate) fn name(text: &str) -> Result<Name, Wrong> {
    Name::new(text).map_err(|error| {
        Wrong::new(format!("`{text}` is not a name: {error}")).help("rename it, as in `car-orders`")
    })
}

pub(crate) fn is_name(text: &str) -> Result<(), Wrong> {
    name(text).map(drop)
}

pub(crate) fn is_client_id(text: &str) -> Result<(), Wrong> {
    Name::client_id(text).map(drop).map_err(|_| {
        Wrong::new(format!("`{text}` is not a client id")).help(
            "it has 1 to 128 letters, digits, `-`, `_`, `.` or `+`, and begins with no `-` or `.`",
        )
    })
}

pub(crate) fn is_bus_name(text: &str) -> Result<(), Wrong> {
    if text == SYSTEM_BUS {
        return Err(Wrong::new(format!("the bus `{SYSTEM_BUS}` is the program's own"))
            .help("give your bus another name"));
    }
    is_name(text)
}

pub(crate) fn is_scope_name(text: &str) -> Result<(), Wrong> {
    if text.contains('/') {
        return Err(Wrong::new(format!("`{text}` has a `/`, which parts the API from the scope"))
            .help("write the scope alone; its API's name is put before it"));
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
    if text.is_empty() || !text.bytes().all(fits) {
        return Err(Wrong::new(format!("`{text}` is not a scope"))
            .help("use letters, digits, `.`, `_`, `:` and `-`, as in `create.order`"));
    }
    Ok(())
}

pub(crate) fn is_variable(text: &str) -> Result<(), Wrong> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-".contains(&byte);
    if text.bytes().all(fits) && text.len() <= 256 {
        return Ok(());
    }
    Err(Wrong::new(format!("`{text}` cannot name a path"))
        .help("use letters, digits, `_` and `-`, at most 256 of them"))
}

fn method(text: &str) -> Result<Method, Wrong> {
    let known = Method::ALL.map(Method::as_str);
    let help = || format!("write one of {}", listed(known));
    if let Some(method) = Method::parse(text) {
        return Ok(method);
    }
    if Method::parse(&text.to_ascii_uppercase()).is_some() {
        let upper = text.to_ascii_uppercase();
        return Err(Wrong::new(format!("write the method in upper case: `{upper}`")).help(help()));
    }
    Err(Wrong::new(format!("`{text}` is not a method{}", meant(text, &known))).help(help()))
}

/// The method, none for any, and the path of `POST /orders`.
pub(crate) fn route(text: &str) -> Result<(Option<Method>, PathTemplate), Wrong> {
    let Some((word, path)) = text.split_once(' ') else {
        return Err(Wrong::new(format!("`{text}` is not a method and a path"))
            .help("write for example `POST /orders/{id}`, or `ANY /orders` for every method"));
    };
    let method = if word == "ANY" { None } else { Some(method(word)?) };
    let path = PathTemplate::parse(path.trim()).map_err(|reason| {
        Wrong::new(format!("`{}` is not a path: {reason}", path.trim()))
            .help("write for example `/orders/{id}`, or `/files/{rest+}` for all below")
    })?;
    Ok((method, path))
}

pub(crate) fn is_route(text: &str) -> Result<(), Wrong> {
    route(text).map(drop)
}

/// An API's name and one of its routes.
pub(crate) fn plan_route(text: &str) -> Result<(Name, String), Wrong> {
    let wrong = || {
        Wrong::new(format!("`{text}` is not an API, a method and a path"))
            .help("write for example `tires POST /orders/{id}`")
    };
    let (api, key) = text.split_once(' ').ok_or_else(wrong)?;
    let api = Name::new(api).map_err(|_| wrong())?;
    let (method, path) = route(key)?;
    Ok((api, format!("{} {}", method.map_or("ANY", Method::as_str), path.as_str())))
}

pub(crate) fn is_plan_route(text: &str) -> Result<(), Wrong> {
    plan_route(text).map(drop)
}

/// A field of a request's line.
pub(crate) fn log_field(text: &str) -> Result<LogField, Wrong> {
    LogField::parse(text).ok_or_else(|| {
        let known: Vec<&str> = LogField::ALL.iter().map(|field| field.name()).collect();
        Wrong::new(format!("`{text}` is no field of a request's line{}", meant(text, &known)))
            .help(format!("choose of {}", known.join(", ")))
    })
}

pub(crate) fn is_log_field(text: &str) -> Result<(), Wrong> {
    log_field(text).map(drop)
}

/// A line's template, taken apart.
pub(crate) fn log_template(text: &str) -> Result<Vec<LogPart>, Wrong> {
    if text.len() > LOG_TEMPLATE_BYTES_MAX {
        return Err(Wrong::new(format!("this is longer than {LOG_TEMPLATE_BYTES_MAX} bytes"))
            .help("leave something out"));
    }
    LogPart::parse(text).map_err(|bad| match bad {
        BadTemplate::Field(name) => match log_field(&name) {
            Err(wrong) => wrong,
            Ok(_) => Wrong::new(format!("`{name}` cannot stand here")),
        },
        BadTemplate::Brace => Wrong::new("a brace stands alone")
            .help("write a field as `{status}`, and a brace itself as `{{` or `}}`"),
        BadTemplate::Control => Wrong::new("a line's template has a line break or another control")
            .help("write it in one line"),
        BadTemplate::NoField => Wrong::new("this template has no field")
            .help("write for example `{at} {status}`, or `requests: off` for no lines"),
    })
}

pub(crate) fn is_log_template(text: &str) -> Result<(), Wrong> {
    log_template(text).map(drop)
}

/// A SHA-256 fingerprint in hex.
pub(crate) fn fingerprint(text: &str) -> Result<[u8; 32], Wrong> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b':').collect();
    let wrong = || {
        Wrong::new("this is not a SHA-256 fingerprint").help(
            "write 64 hex digits, with or without colons, as \
             `openssl x509 -noout -fingerprint -sha256 -in FILE` prints them",
        )
    };
    let mut bytes = [0; 32];
    if digits.len() != 64 {
        return Err(wrong());
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks(2)) {
        let pair = std::str::from_utf8(pair).map_err(|_| wrong())?;
        *byte = u8::from_str_radix(pair, 16).map_err(|_| wrong())?;
    }
    Ok(bytes)
}

pub(crate) fn is_fingerprint(text: &str) -> Result<(), Wrong> {
    fingerprint(text).map(drop)
}

/// A distinguished name, as RFC 4514 writes it.
pub(crate) fn is_distinguished_name(text: &str) -> Result<(), Wrong> {
    let wrong = |error: certificate::NameError| {
        Wrong::new(format!("this is not a distinguished name: {error}")).help(
            "write it as `openssl x509 -noout -subject -nameopt RFC2253 -in FILE` prints it: \
             `CN=orders,O=Lee James,C=DE`",
        )
    };
    DistinguishedName::parse(text).map(drop).map_err(wrong)
}

/// A status or a class of them that may be tried again or not.
pub(crate) fn is_status(text: &str) -> Result<(), Wrong> {
    let wrong = match Statuses::parse(text) {
        Ok(_) => return Ok(()),
        Err(NoStatuses::Success) => {
            Wrong::new(format!("`{text}` is a success, and a delivery is not tried again"))
        }
        Err(NoStatuses::Unknown) => {
            let near = meant(text, &STATUS_CLASSES);
            Wrong::new(format!("`{text}` is neither a status nor a class of statuses{near}"))
        }
    };
    Err(wrong.help("write a status such as `404`, or one of `1xx`, `3xx`, `4xx` and `5xx`"))
}

/// The name or value of a claim that can be compared byte for byte: visible ASCII and blanks.
pub(crate) fn is_claim_text(text: &str) -> Result<(), Wrong> {
    let fits = text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if fits && (1..=256).contains(&text.len()) && text.trim() == text {
        return Ok(());
    }
    Err(Wrong::new("this is not the text of a claim")
        .help("write from 1 to 256 printable ASCII characters, with no blank at either end"))
}

/// What a token of a workload has in `sub`.
pub(crate) fn subject(text: &str) -> Result<SubjectRule, Wrong> {
    SubjectRule::parse(text).map_err(|error| {
        Wrong::new(error.to_string())
            .help("write the whole subject, or its beginning up to a `:` or `/` with `*` behind it")
    })
}

pub(crate) fn is_subject(text: &str) -> Result<(), Wrong> {
    subject(text).map(drop)
}

pub(crate) fn json_path(text: &str) -> Result<JsonPath, Wrong> {
    JsonPath::parse(text).map_err(|error| {
        Wrong::new(format!("`{text}`: {error}")).help("write for example `$.detail.carOrderId`")
    })
}

pub(crate) fn is_json_path(text: &str) -> Result<(), Wrong> {
    json_path(text).map(drop)
}

/// The name of a claim that may be added to tokens.
pub(crate) fn is_extra_claim(text: &str) -> Result<(), Wrong> {
    if jwt::is_reserved_claim(text) {
        return Err(Wrong::new(format!("the claim `{text}` has a meaning of its own in tokens"))
            .help("choose another name, such as `tenant`"));
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_.:/-".contains(&byte);
    let begins = text.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    if begins && text.len() <= 128 && text.bytes().all(fits) {
        return Ok(());
    }
    Err(Wrong::new("this is not the name of a claim").help(
        "write a letter, then letters, digits, `_`, `.`, `:`, `/` and `-`, at most 128 in all",
    ))
}

fn meant(text: &str, known: &[&str]) -> String {
    let near = nearest(text, known.iter().copied());
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_method_gets_the_list() {
        let wrong = request("PSOT https://x.example/").unwrap_err(); // typos: ignore
        assert_eq!(wrong.message, "`PSOT` is not a method; did you mean `POST`?"); // typos: ignore
        assert!(wrong.help.unwrap().contains("`GET`, `HEAD`, `POST`"));
        let wrong = route("get /orders").unwrap_err();
        assert_eq!(wrong.message, "write the method in upper case: `GET`");
    }

    #[test]
    fn statuses_are_codes_and_classes_but_no_success() {
        for text in ["404", "410", "599", "1xx", "5xx"] {
            assert_eq!(is_status(text), Ok(()), "{text}");
        }
        for (text, message) in [
            ("204", "`204` is a success, and a delivery is not tried again"),
            ("2xx", "`2xx` is a success, and a delivery is not tried again"),
            ("5XX", "`5XX` is neither a status nor a class of statuses; did you mean `5xx`?"),
            ("timeout", "`timeout` is neither a status nor a class of statuses"),
            ("600", "`600` is neither a status nor a class of statuses"),
        ] {
            assert_eq!(is_status(text).unwrap_err().message, message);
        }
    }
}
