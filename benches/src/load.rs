//! A load: so many connections, each sending the same request as soon as the last is answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What is sent where.
pub(crate) struct Load {
    pub(crate) address: String,
    pub(crate) request: Vec<u8>,
    pub(crate) connections: usize,
}

/// What came of it.
pub(crate) struct Outcome {
    pub(crate) requests: u64,
    pub(crate) seconds: f64,
    pub(crate) latencies_us: Vec<u32>,
}

impl Load {
    pub(crate) async fn run(&self, time: Duration) -> Outcome {
        let request: Arc<[u8]> = self.request.clone().into();
        let began = Instant::now();
        let mut connections = JoinSet::new();
        for _ in 0..self.connections {
            let (address, request) = (self.address.clone(), Arc::clone(&request));
            connections.spawn(async move {
                let mut stream = connect(&address).await;
                let mut latencies_us = Vec::new();
                while began.elapsed() < time {
                    let sent = Instant::now();
                    exchange(&mut stream, &request).await;
                    latencies_us.push(u32::try_from(sent.elapsed().as_micros()).unwrap());
                }
                latencies_us
            });
        }
        let latencies_us: Vec<u32> = connections.join_all().await.concat();
        let requests = latencies_us.len() as u64;
        Outcome { requests, seconds: began.elapsed().as_secs_f64(), latencies_us }
    }
}

/// Sends one request on a connection of its own.
pub(crate) async fn once(address: &str, request: &[u8]) -> String {
    exchange(&mut connect(address).await, request).await
}

async fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends a request and reads the answer by its length; gives the body. Anything but success ends
/// the measurement: a refusal is no request served.
async fn exchange(stream: &mut TcpStream, request: &[u8]) -> String {
    stream.write_all(request).await.unwrap();
    let mut buffer = Vec::with_capacity(2048);
    loop {
        assert!(stream.read_buf(&mut buffer).await.unwrap() > 0, "the connection was closed");
        let Some(head) = buffer.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let text = String::from_utf8_lossy(&buffer[..head]).to_lowercase();
        assert!(text.starts_with("http/1.1 20"), "{}", String::from_utf8_lossy(&buffer));
        let length = text.split("content-length: ").nth(1).unwrap_or("0");
        let length: usize = length.lines().next().unwrap_or("0").trim().parse().unwrap();
        if buffer.len() >= head + 4 + length {
            return String::from_utf8_lossy(&buffer[head + 4..]).into_owned();
        }
    }
}
