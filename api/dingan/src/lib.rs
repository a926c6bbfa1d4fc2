//! The program `dingan`: wires store, rules, interface and server, and is the commands' home.

pub mod batch;
pub mod cli;
pub mod demo;
pub mod import;
pub mod policy;
pub mod replay;
pub mod serve;
