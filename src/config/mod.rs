//! The user's settings as data: the TOML shape, which file applies, and the resolved form.
//!
//! What was typed or written is an [`Options`](schema::Options), every field optional; what it means is a
//! [`Settings`](settings::Settings), made by laying one `Options` after the other over the defaults with
//! [`Settings::update`](settings::Settings::update).

mod allow;
pub mod discover;
pub mod schema;
pub mod settings;
pub mod tables;
pub mod values;
