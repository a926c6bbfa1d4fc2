//! The end-to-end tests of the workspace, one binary.

