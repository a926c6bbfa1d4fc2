//! The program `dingan`: wires store, rules, interface and server, and is the commands' home.

/// A line on standard output. A reader that went away (`| head`) is no failure of ours.
macro_rules! say {
    ($($arg:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($arg)*);
    }};
}
/// As `say!`, without ending the line.
macro_rules! say_part {
    ($($arg:tt)*) => {{
        use std::io::Write as _;
        let _ = write!(std::io::stdout(), $($arg)*);
    }};
}

pub mod audit;
pub mod backup;
pub mod batch;
pub mod cli;
pub mod demo;
pub mod import;
pub mod inspect;
pub mod knowledge;
pub mod manual;
pub mod people;
pub mod policy;
pub mod remote;
pub mod replay;
pub mod review;
pub mod rules;
pub mod serve;
pub mod threads;
