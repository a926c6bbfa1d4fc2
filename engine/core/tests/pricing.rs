//! Pricing from claim to decision: published examples to the fen, every switch, and what must always hold.

#[path = "pricing/build.rs"]
mod build;
#[path = "pricing/elsewhere.rs"]
mod elsewhere;
#[path = "pricing/examples.rs"]
mod examples;
#[path = "pricing/files.rs"]
mod files;
#[path = "pricing/generate.rs"]
mod generate;
#[path = "pricing/hainan.rs"]
mod hainan;
#[path = "pricing/lines.rs"]
mod lines;
#[path = "pricing/properties.rs"]
mod properties;
#[path = "pricing/switches.rs"]
mod switches;
