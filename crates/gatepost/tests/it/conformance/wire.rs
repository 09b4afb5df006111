//! A strict reader of HTTP/1.1 messages: whatever has two readings is a fault.

/// A message as it came over the wire.
#[derive(Debug, Clone)]
pub(super) struct Message {
    /// The request line or the status line.
    pub(super) start: String,
    /// Names in lower case; values a byte a letter.
    fields: Vec<(String, String)>,
    trailers: Vec<(String, String)>,
    /// The body out of its frame, as far as it came.
    pub(super) body: Vec<u8>,
    /// Whether all of it is there.
    pub(super) whole: bool,
    /// How many bytes it takes.
    pub(super) length: usize,
}

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Request,
    /// An answer that may have a body.
    Answer,
    /// An answer to HEAD.
    AnswerToHead,
}

/// How the end of a body is found (RFC 9112 §6.3).
enum Frame {
    None,
    Length(usize),
    Chunked,
    ToEnd,
}

type Fields = Vec<(String, String)>;

impl Message {
    /// The values of all fields of a name, joined; none when there is no such field.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        joined(&self.fields, name)
    }

    pub(super) fn has_trailer(&self, name: &str) -> bool {
        joined(&self.trailers, name).is_some()
    }

    /// The status of an answer, 0 if it is none.
    pub(super) fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default()
    }

    /// Whether it is an answer that comes before the final one.
    pub(super) fn is_interim(&self) -> bool {
        (100..200).contains(&self.status()) && self.status() != 101
    }
}

/// Bytes as text, a byte a letter.
pub(super) fn text(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(*byte)).collect()
}

/// The first message of `bytes`; none when its head is not whole. `bytes` is taken for all there is:
/// an answer without a length goes to its end.
pub(super) fn read(bytes: &[u8], side: Side) -> Result<Option<Message>, String> {
    let Some(end) = find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let head = text(&bytes[..end]);
    let (start, rest) = head.split_once("\r\n").unwrap_or((head.as_str(), ""));
    sound(start)?;
    let fields = fields(rest)?;
    let after = end + 4;
    let frame = frame(start, &fields, side)?;
    let mut message = Message {
        start: start.to_owned(),
        fields,
        trailers: Vec::new(),
        body: Vec::new(),
        whole: true,
        length: after,
    };
    let content = &bytes[after..];
    match frame {
        Frame::None => {}
        Frame::Length(length) => {
            message.whole = content.len() >= length;
            message.body = content[..length.min(content.len())].to_vec();
            message.length += message.body.len();
        }
        Frame::ToEnd => {
            message.body = content.to_vec();
            message.length = bytes.len();
        }
        Frame::Chunked => {
            let taken = chunks(content, &mut message)?;
            message.whole = taken.is_some();
            message.length += taken.unwrap_or(content.len());
        }
    }
    Ok(Some(message))
}

/// Takes chunks into the message's body; gives how many bytes they took, none when some are missing.
fn chunks(bytes: &[u8], message: &mut Message) -> Result<Option<usize>, String> {
    let mut at = 0;
    loop {
        let Some(line) = find(&bytes[at..], b"\r\n") else { return Ok(None) };
        let size = text(&bytes[at..at + line]);
        let hex = !size.is_empty() && size.bytes().all(|byte| byte.is_ascii_hexdigit());
        let size = usize::from_str_radix(&size, 16).ok().filter(|_| hex);
        let size = size.ok_or_else(|| format!("a chunk's size is no number: {message:?}"))?;
        at += line + 2;
        if size == 0 {
            break;
        }
        let chunk = &bytes[at..];
        message.body.extend_from_slice(&chunk[..size.min(chunk.len())]);
        if chunk.len() < size + 2 {
            return Ok(None);
        }
        if &chunk[size..size + 2] != b"\r\n" {
            return Err(format!("a chunk does not end with its line: {message:?}"));
        }
        at += size + 2;
    }
    if bytes[at..].starts_with(b"\r\n") {
        return Ok(Some(at + 2));
    }
    let Some(end) = find(&bytes[at..], b"\r\n\r\n") else { return Ok(None) };
    message.trailers = fields(&text(&bytes[at..at + end]))?;
    Ok(Some(at + end + 4))
}

fn frame(start: &str, fields: &[(String, String)], side: Side) -> Result<Frame, String> {
    let (codings, lengths) = ("transfer-encoding", "content-length");
    let coding = joined(fields, codings);
    let length = joined(fields, lengths);
    let status = start.split(' ').nth(1).unwrap_or_default();
    let bare = side == Side::AnswerToHead
        || (side == Side::Answer && (status.starts_with('1') || matches!(status, "204" | "304")));
    match (coding, length) {
        (Some(_), Some(_)) => Err(format!("two ways to find the end: {start} {fields:?}")),
        (Some(coding), None) if coding != "chunked" => Err(format!("the coding is {coding:?}")),
        (None, Some(length)) if !length.bytes().all(|byte| byte.is_ascii_digit()) => {
            Err(format!("the length is {length:?}"))
        }
        _ if bare => Ok(Frame::None),
        (Some(_), None) => Ok(Frame::Chunked),
        (None, Some(length)) => {
            length.parse().map(Frame::Length).map_err(|_| format!("the length is {length:?}"))
        }
        (None, None) if side == Side::Request => Ok(Frame::None),
        (None, None) => Ok(Frame::ToEnd),
    }
}

fn fields(lines: &str) -> Result<Fields, String> {
    let lines = lines.split("\r\n").filter(|line| !line.is_empty());
    lines.map(field).collect()
}

fn field(line: &str) -> Result<(String, String), String> {
    sound(line)?;
    let (name, value) = line.split_once(':').ok_or_else(|| format!("no field: {line:?}"))?;
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(format!("no name of a field: {line:?}"));
    }
    Ok((name.to_ascii_lowercase(), value.trim_matches([' ', '\t']).to_owned()))
}

/// Refuses what some servers take for the end of a line or of a text (RFC 9110 §5.5).
fn sound(line: &str) -> Result<(), String> {
    if line.contains(['\r', '\n', '\0']) {
        return Err(format!("a CR, LF or NUL in a line: {line:?}"));
    }
    Ok(())
}

fn joined(fields: &[(String, String)], name: &str) -> Option<String> {
    let values = fields.iter().filter(|(other, _)| other == name);
    let values: Vec<&str> = values.map(|(_, value)| value.as_str()).collect();
    (!values.is_empty()).then(|| values.join(", "))
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[test]
fn the_reader_takes_one_reading_only() {
    for (bytes, body) in [
        ("POST / HTTP/1.1\r\ncontent-length: 3\r\n\r\nabc", "abc"),
        ("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", "abc"),
        ("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: y\r\n\r\n", ""),
        ("GET / HTTP/1.1\r\n\r\n", ""),
    ] {
        let message = read(bytes.as_bytes(), Side::Request).unwrap().unwrap();
        assert_eq!((&*text(&message.body), message.whole), (body, true), "{bytes:?}");
        assert_eq!(message.length, bytes.len(), "{bytes:?}");
    }
    for bytes in [
        "POST / HTTP/1.1\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\ncontent-length: 3\r\ncontent-length: 3\r\n\r\nabc",
        "POST / HTTP/1.1\r\ntransfer-encoding: gzip, chunked\r\n\r\n",
        "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nx : y\r\n\r\n",
        "GET / HTTP/1.1\r\nx: y\nz: 1\r\n\r\n",
        "GET / HTTP/1.1\r\nx: y\r\n z\r\n\r\n",
    ] {
        assert!(read(bytes.as_bytes(), Side::Request).is_err(), "{bytes:?}");
    }
    let cut = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nab";
    assert!(!read(cut.as_bytes(), Side::Answer).unwrap().unwrap().whole);
}
