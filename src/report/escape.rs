//! Makes scanned text harmless to look at: no character of a file, a path or a name moves the cursor, turns the
//! direction of the text, or hides.

use std::borrow::Cow;
use std::fmt::Write as _;

use unicode_width::UnicodeWidthChar;

/// `text` with every character that could deceive a reader spelled out, such as `\u{202e}`; on one line.
///
/// A backslash of the text itself stays as it is: this is for reading, not for reading back.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(deceives) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if deceives(character) {
            escaped.push_str(&spelled(character));
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// The same for text that is JSON already, without loss: `\u202e` and the like, which every JSON reader undoes.
///
/// Characters below U+0020 are left alone: inside strings a JSON writer has escaped them, outside they are layout.
pub(super) fn escape_json(json: &str) -> Cow<'_, str> {
    let hidden = |character: char| character >= '\u{7f}' && deceives(character);
    if !json.contains(hidden) {
        return Cow::Borrowed(json);
    }
    let mut escaped = String::with_capacity(json.len() + 16);
    for character in json.chars() {
        if hidden(character) {
            for unit in character.encode_utf16(&mut [0; 2]) {
                write!(escaped, "\\u{unit:04x}").expect("a String takes every write");
            }
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// One character of a source line as it is shown, and the columns it takes: a tab becomes four spaces.
pub(super) fn cell(character: char) -> (Cow<'static, str>, usize) {
    if character == '\t' {
        return (Cow::Borrowed("    "), 4);
    }
    if deceives(character) {
        let spelled = spelled(character);
        let columns = spelled.len();
        return (Cow::Owned(spelled), columns);
    }
    (Cow::Owned(character.to_string()), character.width().unwrap_or(0))
}

/// The columns that a character of a source line takes as it is shown.
pub(super) fn columns(character: char) -> usize {
    if character == '\t' || deceives(character) {
        cell(character).1
    } else {
        character.width().unwrap_or(0)
    }
}

fn spelled(character: char) -> String {
    match character {
        '\n' => "\\n".into(),
        '\r' => "\\r".into(),
        '\t' => "\\t".into(),
        _ => format!("\\u{{{:x}}}", u32::from(character)),
    }
}

/// Whether a character acts on its surroundings or cannot be seen: controls, bidirectional controls, joiners, fillers,
/// variation selectors, tags. Combining marks, which writing systems need, are not among them.
fn deceives(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}'
                | '\u{34f}'
                | '\u{61c}'
                | '\u{115f}'..='\u{1160}'
                | '\u{17b4}'..='\u{17b5}'
                | '\u{180b}'..='\u{180f}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{ffa0}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{1d173}'..='\u{1d17a}'
                | '\u{e0000}'..='\u{e0fff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_that_deceive_are_spelled_out() {
        assert_eq!(escape("plain 日本 é"), "plain 日本 é");
        assert_eq!(escape("a\u{1b}[31m\nb\u{9b}c"), "a\\u{1b}[31m\\nb\\u{9b}c");
        assert_eq!(escape("\u{202e}gnp.\u{200b}\u{feff}"), "\\u{202e}gnp.\\u{200b}\\u{feff}");
    }

    #[test]
    fn json_keeps_its_meaning() {
        let text = "a\u{202e}b\u{e0041}c\u{7f}\u{9b}é\u{1b}\n";
        let json = serde_json::to_string_pretty(&[text]).unwrap();
        let escaped = escape_json(&json);
        assert!(!escaped.contains(|c: char| c != '\n' && deceives(c)), "{escaped}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&escaped).unwrap(), [text]);
    }

    #[test]
    fn cells_know_their_columns() {
        assert_eq!(cell('語'), (Cow::Borrowed("語"), 2));
        assert_eq!(cell('\t'), (Cow::Borrowed("    "), 4));
        assert_eq!(cell('\u{202e}'), (Cow::Borrowed("\\u{202e}"), 8));
        for character in ['a', '語', '\t', '\u{1b}', '\u{301}'] {
            assert_eq!(columns(character), cell(character).1);
        }
    }
}
