//! The views, the investigations and an agency's own queries over planted rows; what is refused and stopped.

mod agency;
mod hostile;
mod named;
mod planted;
