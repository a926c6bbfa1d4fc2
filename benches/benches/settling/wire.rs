//! A client that costs little: one connection kept open, requests written before they are timed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// A kept connection.
pub struct Connection(BufReader<TcpStream>);

/// A message as the bytes of its request.
pub fn request(body: &str) -> Vec<u8> {
    format!(
        "POST /fsi/api/2207 HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .replace("/fsi/api/2207", "/fsi/api/rsfComIfsService/callService")
    .into_bytes()
}

/// Whether an answer says that it was done.
pub fn is_ok(answer: &[u8]) -> bool {
    let key = b"\"infcode\":";
    answer.windows(key.len()).position(|w| w == key).is_some_and(|at| {
        let rest = answer.get(at + key.len()..).unwrap_or_default();
        rest.starts_with(b"0") || rest.starts_with(b"\"0\"")
    })
}

impl Connection {
    /// Opens one.
    pub fn open(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        Self(BufReader::with_capacity(64 * 1024, stream))
    }

    /// Sends a request; gives the body of the answer.
    pub fn exchange(&mut self, request: &[u8]) -> Vec<u8> {
        self.0.get_mut().write_all(request).expect("sent");
        let mut length = 0;
        let mut line = String::new();
        loop {
            line.clear();
            self.0.read_line(&mut line).expect("a header");
            if line == "\r\n" || line.is_empty() {
                break;
            }
            if let Some(v) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                length = v.trim().parse().expect("a length");
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("a body");
        body
    }
}
