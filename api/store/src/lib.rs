//! The store: the agency's books in SQL. SQLite is the embedded default, PostgreSQL for any number of servers.
//!
//! Reads take a consistent snapshot and say at which commit it was taken; writes are one
//! transaction that compares the books they were decided on and swaps them. What a row means
//! belongs to `dingan-core`; how it lies in a table belongs here; where the databases differ, in [`sql`].

mod access;
mod audit;
mod backup;
mod bill;
mod clerk;
mod corrections;
mod db;
mod lake;
mod lists;
mod mappings;
mod migrate;
mod packed;
mod pool;
mod read;
mod rows;
mod settled;
mod sql;
mod then;
mod visit_lines;
mod write;

pub use access::{AccessChange, AccountRow, KeyRow, Nonce, SessionRow};
pub use audit::{Audit, AuditEntry, AuditHead, AuditRow, Broken, Verified};
pub use backup::{backup, restore};
pub use bill::{Bill, SettledBill};
pub use clerk::{Invoice, TaskChange, TaskRow};
pub use corrections::{ClearedRow, CorrectionKind, OpenProposal, StoredCorrection};
pub use db::{Location, Store, StoreError};
pub use lake::{InspectionRow, LookScan, RawPage, sifts};
pub use lists::{NewReview, StoredList, Verdict};
pub use mappings::MappingRow;
pub use read::{AccountState, PersonState, Snapshot, VisitState};
pub use rows::{BundleParts, FindingRow, MessageRow, ProposalRow, Shown, StoredLine, StoredSettlement, VisitDoc};
pub use settled::{Counts, LedgerLine};
pub use write::{
    AccountMove, CommitError, Committed, EarlyWriteFn, Expect, Guard, MessageKey, NewCorrection, NewFeedback,
    NewFindings, NewSettlement, NewVoid, Write, WriteFn,
};
