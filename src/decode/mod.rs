//! Bytes → searchable text, with a way back to the original offsets.
//!
//! [`text`] settles a blob's character encoding. Decoders for what is wrapped inside a text (escapes, base64, ...) will
//! stand beside it.

pub mod text;
