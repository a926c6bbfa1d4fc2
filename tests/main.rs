//! The end-to-end tests of the workspace, one binary: real HTTP, a real store on disk, the real program.

mod after;
mod bad_input;
mod contended;
mod copies;
mod corrections;
mod county;
mod crash;
mod flow;
mod full_disk;
mod fuzz;
mod hospital;
mod idempotency;
mod inspect;
mod knowledge;
mod mappings;
mod program;
mod queries;
mod replay;
mod review;
mod rules;
mod scenarios;
mod served;
mod stay;
mod store_of_a_test;
mod synced;
mod travel;
