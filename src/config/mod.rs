//! The user's settings as data: the TOML shape, which file applies, and the resolved form.

pub mod settings;
