//! Structural checks that need no network: alphabets, embedded account numbers, decoded prefixes. One file each, named
//! by `rules::schema::Validator`.

pub(crate) mod aws_key_id;
pub(crate) mod aws_session_token;
