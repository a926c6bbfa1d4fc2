//! A `dingan serve` in a process of its own, which a test can kill.

use dingan_store::Location;
use dingan_test_postgres::bound;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitStatus, Stdio};

/// The program.
pub const DINGAN: &str = env!("CARGO_BIN_EXE_dingan");

/// What says where the books are.
pub fn args(at: &Location) -> [String; 2] {
    match at {
        Location::Postgres(url) => ["--database".to_owned(), url.clone()],
        Location::Folder(f) | Location::File(f) => ["--data".to_owned(), f.display().to_string()],
    }
}

/// A server that is killed with the test at the latest.
pub struct Served {
    child: Child,
    pub address: SocketAddr,
}

impl Served {
    /// Starts one.
    pub fn start(at: &Location) -> Self {
        Self::with(at, &[], "")
    }

    /// Starts one with further arguments and with failpoints.
    pub fn with(at: &Location, more: &[&str], failpoints: &str) -> Self {
        let mut c = bound(DINGAN);
        c.args(["serve", "--listen", "127.0.0.1:0"]).args(args(at)).args(more);
        c.env("FAILPOINTS", failpoints).env("DINGAN_LOG", "off");
        Self::of(&mut c)
    }

    /// Starts a command that says where it listens.
    pub fn of(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split_whitespace().find_map(|w| w.strip_prefix("http://"));
        let address = address.unwrap_or_else(|| panic!("it did not start: {line}")).parse().unwrap();
        Self { child, address }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Ends it as `kill -9` does.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub fn ended(mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }

    /// Ends it by SIGTERM, cleanly.
    pub fn stop(mut self) {
        assert!(Command::new("kill").args(["-TERM", &self.pid().to_string()]).status().unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `dingan replay`: gives how many decisions were rebuilt; all of them equal, and the books in order.
pub fn replayed(at: &Location) -> usize {
    let out = Command::new(DINGAN).arg("replay").args(args(at)).output().unwrap();
    let said = format!("{}{}", String::from_utf8_lossy(&out.stdout), String::from_utf8_lossy(&out.stderr));
    assert!(out.status.success() && said.contains(" 0 differ") && said.contains("the ledger balances"), "{said}");
    said.split(' ').next().and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("{said}"))
}
