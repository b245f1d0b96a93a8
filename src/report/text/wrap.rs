//! Paragraphs broken at spaces.

use unicode_width::UnicodeWidthStr;

/// The lines of a paragraph that takes at most `room` columns; a longer word (a link, a path) keeps a line of its own.
pub(super) fn wrap(text: &str, room: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut used = 0;
    for word in text.split_whitespace() {
        let columns = word.width();
        match lines.last_mut() {
            Some(line) if used + 1 + columns <= room => {
                line.push(' ');
                line.push_str(word);
                used += 1 + columns;
            }
            _ => {
                lines.push(word.to_owned());
                used = columns;
            }
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_and_lines_stay_within_the_room() {
        assert_eq!(wrap("one two  three\nfour", 9), ["one two", "three", "four"]);
        assert_eq!(
            wrap("see https://example.org/long ok", 8),
            ["see", "https://example.org/long", "ok"]
        );
        assert_eq!(wrap("日本語 日本語", 10), ["日本語", "日本語"]);
        assert!(wrap("  ", 10).is_empty());
    }
}
