//! The service: what the agency does behind the hospital interface, and the HTTP server in front.
//!
//! [`agency::Agency`] implements the operations of `dingan_connectors::desk` over the store: load →
//! `resolve` → `adjudicate` → commit. [`server`] carries messages to it and shows its state.

pub mod access;
pub mod agency;
pub mod bundles;
pub mod inspect;
pub mod metrics;
mod quality;
pub mod server;
