//! YAML as a tree that knows its lines, for the two tools that write it.
//!
//! The parser is `saphyr-parser`, event by event: aliases are refused rather than followed, so a document never grows
//! beyond its text, and nesting is bounded.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle};

/// No file that these tools write nests deeper than this by far.
const MAX_DEPTH: usize = 32;

/// A baseline of 100,000 findings takes 25 MiB; a tree of it takes many times its size.
const MAX_BYTES: usize = 32 << 20;

/// A node and its line.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) line: u64,
    pub(super) value: Value,
}

#[derive(Debug)]
pub(super) enum Value {
    /// Text, as any scalar can be read.
    Scalar(String),
    /// A plain `null`, `~` or nothing.
    Null,
    List(Vec<Node>),
    Map(Vec<(String, Node)>),
}

/// A line and what is wrong there.
pub(super) type Problem = (u64, String);

/// Reads the one document of `text`; `None` if there is nothing in it.
pub(super) fn parse(text: &str) -> Result<Option<Node>, Problem> {
    if text.len() > MAX_BYTES {
        return Err((1, format!("it is larger than {} MiB", MAX_BYTES >> 20)));
    }
    let mut parser = Parser::new_from_str(text);
    let mut open: Vec<Open> = Vec::new();
    let mut root = None;
    // Of what ends the text the parser may speak as of a line behind the last, and it has more line ends than editors.
    let last = memchr::memchr_iter(b'\n', text.as_bytes()).count() as u64 + 1;
    let line_of = |marker: &Marker| (marker.line() as u64).clamp(1, last);
    while let Some(event) = parser.next_event() {
        let (event, span) =
            event.map_err(|error| (line_of(error.marker()), "not YAML".to_owned()))?;
        let line = line_of(&span.start);
        let value = match event {
            Event::Alias(_) => return Err((line, "YAML aliases are not supported".into())),
            Event::Scalar(text, style, ..) => scalar(&text, style),
            Event::SequenceStart(..) => {
                open.push(Open { line, key: None, value: Value::List(Vec::new()) });
                if open.len() > MAX_DEPTH {
                    return Err((line, format!("nested deeper than {MAX_DEPTH} levels")));
                }
                continue;
            }
            Event::MappingStart(..) => {
                open.push(Open { line, key: None, value: Value::Map(Vec::new()) });
                if open.len() > MAX_DEPTH {
                    return Err((line, format!("nested deeper than {MAX_DEPTH} levels")));
                }
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let closed = open.pop().ok_or((line, "not YAML".to_owned()))?;
                place(Node { line: closed.line, value: closed.value }, &mut open, &mut root)?;
                continue;
            }
            Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart(_)
            | Event::DocumentEnd => continue,
        };
        place(Node { line, value }, &mut open, &mut root)?;
    }
    Ok(root)
}

/// A list or a map whose end has not come yet, and in a map the key whose value comes next.
struct Open {
    line: u64,
    key: Option<String>,
    value: Value,
}

fn scalar(text: &str, style: ScalarStyle) -> Value {
    if style == ScalarStyle::Plain && matches!(text, "" | "~" | "null" | "Null" | "NULL") {
        return Value::Null;
    }
    Value::Scalar(text.to_owned())
}

/// Puts a node where it belongs.
fn place(node: Node, open: &mut [Open], root: &mut Option<Node>) -> Result<(), Problem> {
    let Some(parent) = open.last_mut() else {
        if root.is_some() {
            return Err((node.line, "more than one YAML document".into()));
        }
        *root = Some(node);
        return Ok(());
    };
    match (&mut parent.value, parent.key.take()) {
        (Value::List(items), _) => items.push(node),
        (Value::Map(items), Some(key)) => items.push((key, node)),
        (_, None) => match node.value {
            Value::Scalar(key) => parent.key = Some(key),
            Value::Null => parent.key = Some(String::new()),
            Value::List(_) | Value::Map(_) => {
                return Err((node.line, "a key must be text".into()));
            }
        },
        (Value::Scalar(_) | Value::Null, Some(_)) => {}
    }
    Ok(())
}

impl Node {
    /// The value of a key of a map, the last one if it stands there more than once; nothing for `null`.
    pub(super) fn get(&self, key: &str) -> Option<&Self> {
        let Value::Map(items) = &self.value else { return None };
        let (_, node) = items.iter().rev().find(|(known, _)| known == key)?;
        (!matches!(node.value, Value::Null)).then_some(node)
    }

    /// The text of a scalar.
    pub(super) fn text(&self) -> Result<&str, Problem> {
        match &self.value {
            Value::Scalar(text) => Ok(text),
            _ => Err((self.line, "expected text".into())),
        }
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Result<&[Self], Problem> {
        match &self.value {
            Value::List(items) => Ok(items),
            _ => Err((self.line, "expected a list".into())),
        }
    }

    /// Checks that this is a map.
    pub(super) fn map(&self) -> Result<&Self, Problem> {
        match &self.value {
            Value::Map(_) => Ok(self),
            _ => Err((self.line, "expected keys and values".into())),
        }
    }

    /// The text under a key of a map.
    pub(super) fn text_of(&self, key: &str) -> Result<Option<&str>, Problem> {
        self.map()?.get(key).map(Self::text).transpose()
    }

    /// The items of the list under a key of a map; none if there is none.
    pub(super) fn items_of(&self, key: &str) -> Result<&[Self], Problem> {
        self.map()?.get(key).map_or(Ok(&[]), Self::items)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_know_their_lines() {
        let text = "# c\na:\n  - x\n  - {b: 'null', c: ~}\n";
        let root = parse(text).unwrap().unwrap();
        let items = root.items_of("a").unwrap();
        assert_eq!((items[0].line, items[0].text().unwrap()), (3, "x"));
        assert_eq!((items[1].line, items[1].text_of("b").unwrap()), (4, Some("null")));
        assert_eq!(items[1].text_of("c").unwrap(), None);
        assert!(parse("# only a comment\n").unwrap().is_none());
    }

    #[test]
    fn what_could_grow_is_refused() {
        assert!(parse("a: &x [1]\nb: *x\n").unwrap_err().1.contains("aliases"));
        assert!(parse(&"[".repeat(100)).is_err());
        assert!(
            parse(&format!("{}{}", "[".repeat(40), "]".repeat(40)))
                .unwrap_err()
                .1
                .contains("deeper")
        );
        assert_eq!(parse("a: 1\nb: [\n").unwrap_err().0, 3);
        // The nothing behind a mark that ends the text is in its line.
        assert_eq!(parse("---").unwrap().unwrap().line, 1);
        assert!(parse("a: 1\n---\nb: 1\n").unwrap_err().1.contains("more than one"));
    }
}
