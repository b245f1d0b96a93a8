//! Names that stand beside a value's slot rather than before the value: `{"value": "...", "key": "secretKey"}`.

use super::lead::{FILLERS, is_word};
use super::names::{Name, Strength, normalise};

/// Words whose value is a name.
const NAME_SLOTS: [&str; 11] = [
    "key",
    "name",
    "property",
    "variable",
    "field",
    "id",
    "parameterkey",
    "outputkey",
    "optionname",
    "label",
    "title",
];

/// Words looked at after a value.
const MAX_WORDS_AFTER: usize = 4;

/// The name after a value, up to the end of its object.
pub(crate) fn name_after(after: &[u8]) -> Option<Name> {
    let end = after.iter().position(|byte| matches!(byte, b'{' | b'}' | b']'));
    in_slot(words(&after[..end.unwrap_or(after.len())]).take(MAX_WORDS_AFTER))
}

/// The name before a value, wherever in its object: what stands between may say anything.
pub(crate) fn name_before(before: &[u8]) -> Option<Name> {
    let mut depth = 0;
    let open = before.iter().rposition(|byte| {
        match byte {
            b'}' => depth += 1,
            b'{' => depth -= 1,
            _ => {}
        }
        depth < 0
    })?;
    in_slot(words(&before[open + 1..]))
}

/// The name that follows on the first name slot.
fn in_slot<'t>(words: impl Iterator<Item = &'t [u8]>) -> Option<Name> {
    let mut is_value = false;
    for word in words {
        let normal = normalise(word);
        if NAME_SLOTS.contains(&normal.as_str()) {
            is_value = true;
        } else if is_value && !FILLERS.contains(&normal.as_str()) {
            return Name::parse(word).filter(|name| name.strength > Strength::Generic);
        }
    }
    None
}

fn words(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| !is_word(*byte)).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_after_values() {
        let name = |after: &str| name_after(after.as_bytes()).map(|name| name.written);
        assert_eq!(name("\",\"key\":\"secretKey\"}").as_deref(), Some("secretKey"));
        assert_eq!(name("' WHERE name = 'aws_secret_key'").as_deref(), Some("aws_secret_key"));
        assert_eq!(name("\"},{\"key\":\"secretKey\"}"), None);
        assert_eq!(name("\naws_secret_key = x"), None, "no slot");
    }

    #[test]
    fn names_before_values() {
        let name = |before: &str| name_before(before.as_bytes()).map(|name| name.written);
        let object = "[{\"Key\": \"secretKey\", \"Description\": \"what, for whom\", \"Value\": \"";
        assert_eq!(name(object).as_deref(), Some("secretKey"));
        assert_eq!(name("{\"key\": \"secretKey\"}, {\"Value\": \""), None);
    }
}
