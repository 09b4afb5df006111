//! What follows a head, as its frame says (RFC 9112 §6).

use bytes::{Bytes, BytesMut};
use http::HeaderMap;

use crate::chunked::Chunked;
use crate::{Fault, Framing};

/// Takes a body out of its frame.
#[derive(Debug)]
pub struct Decoder(State);

#[derive(Debug)]
enum State {
    Done,
    /// So many bytes are missing.
    Length(u64),
    Chunked(Chunked),
    ToEnd,
    /// It could not be read: nothing behind it is anything.
    Broken(Fault),
}

/// A piece of a body.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece {
    /// Bytes of it.
    Data(Bytes),
    /// Fields behind it (RFC 9112 §7.1.2); nothing follows.
    Trailers(HeaderMap),
    /// It has ended.
    End,
    /// More must come first.
    More,
}

impl Decoder {
    /// That of a frame. Trailers may have so many bytes.
    pub fn new(framing: Framing, trailers_max: usize) -> Self {
        Self(match framing {
            Framing::None | Framing::Length(0) => State::Done,
            Framing::Length(length) => State::Length(length),
            Framing::Chunked => State::Chunked(Chunked::new(trailers_max)),
            Framing::ToEnd => State::ToEnd,
        })
    }

    /// That of no body.
    pub fn done() -> Self {
        Self(State::Done)
    }

    /// Whether the body has ended.
    pub fn is_done(&self) -> bool {
        matches!(self.0, State::Done)
    }

    /// How many bytes are missing, where that is known.
    pub fn missing(&self) -> Option<u64> {
        match self.0 {
            State::Done => Some(0),
            State::Length(length) => Some(length),
            State::Chunked(_) | State::ToEnd | State::Broken(_) => None,
        }
    }

    /// The next piece of the body in what has come, without a copy.
    pub fn take(&mut self, buffer: &mut BytesMut) -> Result<Piece, Fault> {
        match &mut self.0 {
            State::Done => Ok(Piece::End),
            State::Broken(fault) => Err(*fault),
            _ if buffer.is_empty() => Ok(Piece::More),
            State::ToEnd => Ok(Piece::Data(buffer.split().freeze())),
            State::Length(missing) => {
                let here = usize::try_from(*missing).unwrap_or(usize::MAX).min(buffer.len());
                *missing -= here as u64;
                if *missing == 0 {
                    self.0 = State::Done;
                }
                Ok(Piece::Data(buffer.split_to(here).freeze()))
            }
            State::Chunked(chunked) => {
                let piece = chunked.take(buffer);
                match &piece {
                    Ok(Piece::End | Piece::Trailers(_)) => self.0 = State::Done,
                    Ok(Piece::Data(_) | Piece::More) => {}
                    Err(fault) => self.0 = State::Broken(*fault),
                }
                piece
            }
        }
    }

    /// The connection has ended: so has a body without another end; another is cut off.
    pub fn ended(&mut self) -> Result<(), Fault> {
        match self.0 {
            State::Done => Ok(()),
            State::ToEnd => {
                self.0 = State::Done;
                Ok(())
            }
            State::Length(_) | State::Chunked(_) => Err(Fault::CutOff),
            State::Broken(fault) => Err(fault),
        }
    }
}
