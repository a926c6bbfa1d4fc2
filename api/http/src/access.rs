//! Who may do what: accounts with roles, keys of programs, sessions. Without any account or key everything on the
//! loopback address is allowed, as on a developer's desk; with one, every caller must be known and every route needs
//! its right. Refused rights, sign-ins and what a user reads of persons are put on record.

mod door;
mod people;
mod role;
mod secret;
mod session;

pub use door::{Access, Denied, Sender, Who};
pub use people::{AccessError, NewKey};
pub use role::{Right, Role, RoleError};
pub use secret::{Master, PASSWORD_MAX, PASSWORD_MIN, SecretError, password};
pub use session::SignedIn;
