//! The keylint command.
fn main() {}
