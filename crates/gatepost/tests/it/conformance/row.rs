//! A row of the tables: what is sent on one fresh connection, and what must come of it.

/// Stands in a row's bytes for what `filled` repeats there.
const FILLED: &[u8] = b"@@";
/// A message in pieces.
type Pieces = &'static [&'static [u8]];

/// The beginnings of most requests.
pub(super) const GET: &[u8] = b"GET /t/a HTTP/1.1\r\nHost: gate\r\n";
pub(super) const POST: &[u8] = b"POST /t/a HTTP/1.1\r\nHost: gate\r\n";
/// The end of a head that announces chunks.
pub(super) const CHUNKED: &[u8] = b"Transfer-Encoding: chunked\r\n\r\n";
/// A body of 40 bytes that must never become a request.
pub(super) const SMUGGLED: &[u8] = b"GET /t/smuggled HTTP/1.1\r\nHost: gate\r\n\r\n";
/// The beginning of most answers, and the end of many.
pub(super) const OK: &[u8] = b"HTTP/1.1 200 OK\r\n";
pub(super) const TWO: &[u8] = b"Content-Length: 2\r\n\r\nok";
/// What is asked when a row is about the answer, and what is answered when it is about the request.
const ASK: Pieces = &[GET, b"\r\n"];
const REPLY: Pieces = &[OK, TWO];

/// What must be true of a message.
#[derive(Debug, Clone, Copy)]
pub(super) enum Claim {
    /// Its first line is this.
    Start(&'static str),
    /// It has a field of this name, and the values of all of them, joined by `, `, are this.
    Has(&'static str, &'static str),
    /// It has no field of this name, in the head or behind the body.
    Lacks(&'static str),
    /// Its body, taken out of its frame, is this.
    Body(&'static [u8]),
}

/// Whether the request that follows a row's own on the connection is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// It must be: both sides know where the first one ended.
    Answered,
    /// It must not be, and must not reach the upstream: the connection ends.
    Never,
    /// Both will do.
    Either,
}

/// What the client does when it has sent a row's bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Sends another request at once, in the same packet.
    Another,
    /// Closes its side.
    HalfClosed,
}

/// One row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// The standard's section, and the shape.
    pub(super) name: &'static str,
    send: Pieces,
    fill: (&'static [u8], usize),
    pub(super) ending: Ending,
    /// The statuses it may be refused with, when nothing whole reaches the upstream; 0 stands for
    /// an end without an answer.
    pub(super) refusals: &'static [u16],
    /// How many requests reach the upstream, if it is not refused; with none it must be refused.
    pub(super) passes: usize,
    /// What each of those may be answered with.
    pub(super) statuses: &'static [u16],
    /// Whether the answer must not look whole.
    pub(super) broken: bool,
    pub(super) next: Next,
    /// Of the last request that reached the upstream.
    pub(super) sees: &'static [Claim],
    /// Of the first answer.
    pub(super) gets: &'static [Claim],
    reply: Pieces,
    /// Whether the upstream closes when it has answered.
    pub(super) reply_closes: bool,
}

const EMPTY: Row = Row {
    name: "",
    send: &[],
    fill: (b"", 0),
    ending: Ending::Another,
    refusals: &[],
    passes: 0,
    statuses: &[200],
    broken: false,
    next: Next::Either,
    sees: &[],
    gets: &[],
    reply: REPLY,
    reply_closes: false,
};

/// Must be refused, and the connection must end: nobody can say where the next message begins.
pub(super) const fn refused(name: &'static str, refusals: &'static [u16], send: Pieces) -> Row {
    Row { name, send, refusals, next: Next::Never, ..EMPTY }
}

/// Must be refused; where it ends is known, so the connection may go on.
pub(super) const fn declined(name: &'static str, refusals: &'static [u16], send: Pieces) -> Row {
    Row { name, send, refusals, ..EMPTY }
}

/// Must reach the upstream so.
pub(super) const fn passes(name: &'static str, send: Pieces, sees: &'static [Claim]) -> Row {
    Row { name, send, passes: 1, next: Next::Answered, sees, ..EMPTY }
}

/// May be refused so, or reach the upstream so: the standard leaves both open.
pub(super) const fn may_pass(
    name: &'static str,
    refusals: &'static [u16],
    send: Pieces,
    sees: &'static [Claim],
) -> Row {
    Row { refusals, ..passes(name, send, sees) }
}

/// The upstream answers so, and the client gets this.
pub(super) const fn answer(
    name: &'static str,
    reply: Pieces,
    statuses: &'static [u16],
    gets: &'static [Claim],
) -> Row {
    Row { statuses, gets, reply, ..passes(name, ASK, &[]) }
}

/// The upstream's answer is cut off or cannot be read: the client must not take it for a whole one.
pub(super) const fn broken(name: &'static str, reply: Pieces) -> Row {
    Row { reply, broken: true, next: Next::Either, ..passes(name, ASK, &[]) }
}

impl Row {
    pub(super) const fn then(mut self, next: Next) -> Self {
        self.next = next;
        self
    }

    pub(super) const fn gets(mut self, gets: &'static [Claim]) -> Self {
        self.gets = gets;
        self
    }

    /// Another request than the plain one, for a row about the answer.
    pub(super) const fn asked(mut self, send: Pieces) -> Self {
        self.send = send;
        self
    }

    pub(super) const fn replied(mut self, reply: Pieces) -> Self {
        self.reply = reply;
        self
    }

    /// The upstream closes when it has answered.
    pub(super) const fn closing(mut self) -> Self {
        self.reply_closes = true;
        self
    }

    /// Puts `text`, so many times, where `@@` stands.
    pub(super) const fn filled(mut self, text: &'static [u8], times: usize) -> Self {
        self.fill = (text, times);
        self
    }

    /// The client closes its side instead of sending another request.
    pub(super) const fn half_closed(mut self) -> Self {
        self.ending = Ending::HalfClosed;
        self.next = Next::Never;
        self
    }

    /// Several requests at once.
    pub(super) const fn times(mut self, passes: usize) -> Self {
        self.passes = passes;
        self
    }

    /// What is sent.
    pub(super) fn bytes(&self) -> Vec<u8> {
        self.fill_in(self.send)
    }

    /// What the upstream answers.
    pub(super) fn reply(&self) -> Vec<u8> {
        self.fill_in(self.reply)
    }

    /// Whether its first request is a HEAD, whose answer has no body.
    pub(super) fn asks_head(&self) -> bool {
        self.send.first().is_some_and(|piece| piece.starts_with(b"HEAD "))
    }

    fn fill_in(&self, pieces: Pieces) -> Vec<u8> {
        let bytes = pieces.concat();
        let (text, times) = self.fill;
        let place = bytes.windows(FILLED.len()).position(|window| window == FILLED);
        match place {
            Some(at) if times > 0 => {
                let filled = text.repeat(times);
                [&bytes[..at], filled.as_slice(), &bytes[at + FILLED.len()..]].concat()
            }
            _ => bytes,
        }
    }
}
