//! Structural checks that need no network: alphabets, embedded account numbers, decoded prefixes. One file each, named
//! by `rules::schema::Validator`.

pub(crate) mod aws_key_id;
pub(crate) mod aws_session_token;

use self::aws_key_id::Form;
use super::score::shape::Shape;
use crate::rules::schema::Validator;

/// Whether `value` passes a check that a pattern rule names. The matchers written in code ask for more than yes or no
/// and call the checks themselves.
pub(crate) fn accepts(validator: Validator, value: &[u8]) -> bool {
    match validator {
        Validator::AwsKeyId => {
            value.len() == aws_key_id::LEN
                && !matches!(aws_key_id::form(value), Form::NotBase32 | Form::ImpossibleAccount)
        }
        Validator::AwsSecretShape => Shape::of(value).is_random(),
        Validator::AwsTokenPrefix => aws_session_token::has_known_prefix(value),
    }
}
