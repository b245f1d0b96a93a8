//! Finds the name that stands before (or, among siblings, after) a value, whatever the language.
//!
//! No grammar is parsed. Reading backwards from the value, quotes, operators, brackets and type names are passed over,
//! and the first word that names a part of a credential is taken. What may be passed over is kept small, since a wrong
//! name is worse than none: an unknown name on the value's line ends the search at the line's start, and another
//! value, a closed brace or a list item end it at once.

use super::names::{Name, Strength, is_of_another_kind, normalise};
use super::{blocks, siblings};
use crate::detect::runs::is_base64_class;

/// How far before (and after) a value its name is looked for, in bytes.
pub(crate) const REACH: usize = 400;

/// Lines crossed at most, for `- name:`/`value:` siblings and folded scalars.
const MAX_LINES: usize = 4;

/// Words on the value's line that name nothing we know, at most: "secret key of the build user is ...".
const MAX_UNKNOWN: usize = 3;

/// A run of this length, slashes and all, is a value.
const LONGEST_NAME: usize = 40;

/// Words of a phrase such as "AWS Secret Access Key".
const MAX_PHRASE: usize = 4;

/// Words between a name and its value that are no name themselves: the value slots of name/value siblings, types,
/// keywords, entities.
pub(super) const FILLERS: [&str; 58] = [
    "value",
    "default",
    "string",
    "str",
    "val",
    "content",
    "text",
    "data",
    "type",
    "noecho",
    "true",
    "false",
    "const",
    "let",
    "var",
    "is",
    "are",
    "was",
    "the",
    "to",
    "of",
    "some",
    "new",
    "final",
    "static",
    "char",
    "auto",
    "quot",
    "amp",
    "apos",
    "gt",
    "lt",
    "cdata",
    "export",
    "set",
    "setx",
    "env",
    "arg",
    "name",
    "plaintext",
    "insecure",
    "parametervalue",
    "secretstring",
    "body",
    "varchar",
    "text",
    "nvarchar",
    "none",
    "null",
    "stdstring",
    "sensitive",
    "description",
    "enabled",
    "entry",
    "property",
    "u",
    "b",
    "r",
];

/// Quotes and brackets in HTML, without `&` and `;`.
const ENTITIES: [&[u8]; 6] = [b"quot", b"apos", b"34", b"39", b"lt", b"gt"];

/// Words that only say "here comes the value": the name stands beside them.
const VALUE_SLOTS: [&str; 7] =
    ["value", "default", "string", "val", "content", "text", "parametervalue"];

/// The name of the value that starts at `start` and ends at `end`.
pub(crate) fn name_of(text: &[u8], start: usize, end: usize) -> Option<Name> {
    let before = &text[start.saturating_sub(REACH)..start];
    let mut reader = Backwards::new(before);
    if let Some(name) = reader.search().or(reader.loose.take()) {
        return Some(name);
    }
    let by_block = || {
        let name = Backwards::new(blocks::openings(text, start).next()?).search()?;
        (name.strength > Strength::Generic).then_some(name)
    };
    if reader.in_value_slot {
        let after = &text[end..text.len().min(end + REACH)];
        return siblings::name_after(after)
            .or_else(|| siblings::name_before(before))
            .or_else(by_block);
    }
    let line = memchr::memrchr(b'\n', before).map_or(before, |newline| &before[newline + 1..]);
    let mut words = line.split(|byte| !is_word(*byte)).filter(|word| !word.is_empty());
    let is_item = words.all(|word| ENTITIES.contains(&word) || word == b"-");
    if is_item { by_block() } else { None }
}

/// The word that an operator assigns the value at `start` to, if it is no name of a credential's part: `etag` in
/// `"etag": "..."`. The last word of a phrase is no such word, unless a keyword stands before it or it is telling.
pub(crate) fn assigned_to(text: &[u8], start: usize) -> Option<&[u8]> {
    let before = &text[start.saturating_sub(REACH)..start];
    let is_quote = |byte: u8| matches!(byte, b' ' | b'\t' | b'"' | b'\'' | b'`' | b'\\');
    let operator = trim_end(before, is_quote);
    let operand = trim_end(operator, |byte| matches!(byte, b'=' | b':' | b'>'));
    let named = trim_end(operand, |byte| is_quote(byte) || byte == b']');
    let reader = Backwards::new(named);
    let first = reader.word_start(named.len());
    let word = strip_escape(named, first, named.len());
    let is_name = word.iter().any(u8::is_ascii_alphabetic)
        && !is_long_run(named)
        && !is_value(word)
        && !FILLERS.contains(&normalise(word).as_str());
    let is_phrase = named[..first].ends_with(b" ") && {
        let previous = trim_end(&named[..first], |byte| byte == b' ');
        let previous = &previous[Backwards::new(previous).word_start(previous.len())..];
        !previous.is_empty() && !FILLERS.contains(&normalise(previous).as_str())
    };
    let names_it = is_name && (!is_phrase || is_of_another_kind(&normalise(word)));
    (operand.len() < operator.len() && names_it).then_some(word)
}

fn trim_end(text: &[u8], of: impl Fn(u8) -> bool) -> &[u8] {
    let end = text.iter().rposition(|byte| !of(*byte)).map_or(0, |at| at + 1);
    &text[..end]
}

/// Reads words backwards from a value.
struct Backwards<'t> {
    text: &'t [u8],
    /// Everything from here on has been passed.
    at: usize,
    lines: usize,
    unknown: usize,
    after_comma: bool,
    in_value_slot: bool,
    /// A generic name without an operator after it, to be taken if nothing better comes: "... of the user is ...".
    loose: Option<Name>,
}

/// What a word does to the search.
enum Step {
    GoOn,
    Stop,
    Found(Name),
}

impl<'t> Backwards<'t> {
    fn new(text: &'t [u8]) -> Self {
        Self {
            text,
            at: text.len(),
            lines: 0,
            unknown: 0,
            after_comma: false,
            in_value_slot: false,
            loose: None,
        }
    }

    fn search(&mut self) -> Option<Name> {
        while self.at > 0 {
            let byte = self.text[self.at - 1];
            match byte {
                b'\n' => {
                    self.lines += 1;
                    if self.unknown > 0 || self.lines > MAX_LINES {
                        return None;
                    }
                    self.at -= 1;
                }
                b';' if !self.ends_entity() => return None,
                b'}' => match self.before_accessors() {
                    Some(at) => self.at = at,
                    None => return None,
                },
                b',' => {
                    if self.after_comma {
                        return None;
                    }
                    self.after_comma = true;
                    self.at -= 1;
                }
                _ if is_word(byte) => match self.word() {
                    Step::GoOn => {}
                    Step::Stop => return None,
                    Step::Found(name) => return Some(name),
                },
                _ => self.at -= 1,
            }
        }
        None
    }

    /// `&quot;` and the like end with a semicolon that separates nothing.
    fn ends_entity(&self) -> bool {
        let tail = &self.text[self.at.saturating_sub(8)..self.at - 1];
        tail.iter().rev().find(|byte| !byte.is_ascii_alphanumeric() && **byte != b'#')
            == Some(&b'&')
    }

    /// Where the accessors of a property start that end before `at`: `{ get; set; }`.
    fn before_accessors(&self) -> Option<usize> {
        const ACCESSORS: [&[u8]; 6] =
            [b"get", b"set", b"init", b"private", b"protected", b"internal"];
        let open = memchr::memrchr(b'{', &self.text[..self.at])?;
        let mut words = self.text[open + 1..self.at - 1]
            .split(|byte| matches!(byte, b';' | b' '))
            .filter(|word| !word.is_empty());
        words.all(|word| ACCESSORS.contains(&word)).then_some(open)
    }

    /// Passes the word before `at`.
    fn word(&mut self) -> Step {
        let end = self.at;
        if is_long_run(&self.text[..end]) {
            return Step::Stop;
        }
        let start = self.word_start(end);
        self.at = start;
        let word = strip_escape(self.text, start, end);
        if word == b"-" && self.is_line_start(start) {
            // One space follows on the dash of a list item, another number on that of a diff.
            let is_item =
                matches!(self.text.get(end..end + 2), Some([b' ', next]) if *next != b' ');
            return if is_item { Step::Stop } else { Step::GoOn };
        }
        if is_percent_escape(self.text, start, word) || !word.iter().any(u8::is_ascii_alphabetic) {
            return Step::GoOn;
        }
        if is_value(word.strip_prefix(b"-").unwrap_or(word)) {
            return Step::Stop;
        }
        let normal = normalise(word);
        if is_of_another_kind(&normal) {
            return Step::Stop;
        }
        let is_filler = FILLERS.contains(&normal.as_str());
        let is_argument = !self.after_comma || self.is_quoted(start);
        self.in_value_slot |= VALUE_SLOTS.contains(&normal.as_str());
        if !is_filler
            && is_argument
            && let Some(name) = self.phrase(start, end)
        {
            if name.strength > Strength::Generic {
                return Step::Found(name);
            }
            if self.unknown == 0 && !self.is_tag(start) {
                if self.is_operand(end) {
                    return Step::Found(name);
                }
                self.loose.get_or_insert(name);
            }
        }
        if !is_argument && !is_filler {
            return Step::Stop;
        }
        if !is_filler && !self.is_tag(start) {
            self.unknown += 1;
        }
        let lost = self.unknown > MAX_UNKNOWN || (self.unknown > 0 && self.lines > 0);
        if lost { Step::Stop } else { Step::GoOn }
    }

    /// Whether an operator follows on the word that ends at `end`.
    fn is_operand(&self, end: usize) -> bool {
        let next = self.text[end..]
            .iter()
            .find(|byte| !matches!(byte, b' ' | b'\t' | b'"' | b'\'' | b']' | b'\\'));
        next.is_some_and(|byte| matches!(byte, b'=' | b':' | b'>' | b'(' | b',' | b'%' | b'|'))
    }

    fn word_start(&self, end: usize) -> usize {
        self.text[..end].iter().rposition(|byte| !is_word(*byte)).map_or(0, |at| at + 1)
    }

    fn is_line_start(&self, at: usize) -> bool {
        let indent =
            self.text[..at].iter().rev().take_while(|byte| matches!(byte, b' ' | b'\t')).count();
        indent == at || self.text[at - indent - 1] == b'\n'
    }

    /// `<word` or `</word`: markup, whose generic words (`key`, `name`) are slots and no names.
    fn is_tag(&self, start: usize) -> bool {
        let before = self.text[..start].strip_suffix(b"/").unwrap_or(&self.text[..start]);
        before.ends_with(b"<") || before.ends_with(b"&lt;")
    }

    fn is_quoted(&self, start: usize) -> bool {
        let before = &self.text[..start];
        before.last().is_some_and(|byte| matches!(byte, b'"' | b'\'' | b'`' | b':'))
            || before.ends_with(b"&quot;")
    }

    /// The longest phrase of words with single spaces between them that ends with the word at `start..end` and is a
    /// name.
    fn phrase(&self, start: usize, end: usize) -> Option<Name> {
        let mut starts = vec![start];
        while starts.len() < MAX_PHRASE {
            let first = starts[starts.len() - 1];
            let Some(b' ') = first.checked_sub(1).and_then(|at| self.text.get(at)) else { break };
            let next = self.word_start(first - 1);
            let word = &self.text[next..first - 1];
            let is_part = word.iter().all(u8::is_ascii_alphabetic)
                && !FILLERS.contains(&normalise(word).as_str());
            if word.is_empty() || is_value(word) || !is_part {
                break;
            }
            starts.push(next);
        }
        let name = |start: &usize| Name::parse(strip_escape(self.text, *start, end));
        let shortest = name(&start);
        // A longer phrase counts if it says more: "Secret Access Key" over "Key". A name in one word stays alone.
        if shortest.as_ref().is_some_and(|name| name.strength > Strength::Generic) {
            return shortest;
        }
        starts.iter().skip(1).filter_map(name).max_by_key(|name| name.strength).or(shortest)
    }
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'$') || byte >= 0x80
}

/// Another credential's part, or something as long: not a word of a language.
fn is_value(word: &[u8]) -> bool {
    let id = word.len() >= 20
        && (word.starts_with(b"AKIA") || word.starts_with(b"ASIA"))
        && word[..20].iter().all(u8::is_ascii_alphanumeric);
    let opaque = word.len() >= 32
        && word.iter().any(u8::is_ascii_digit)
        && word.iter().all(u8::is_ascii_alphanumeric);
    id || opaque
}

/// Whether a text ends with a run that is too long for a name: `a ? '...' : '...'`.
fn is_long_run(text: &[u8]) -> bool {
    text.iter().rev().take(LONGEST_NAME).take_while(|byte| is_base64_class(**byte)).count()
        == LONGEST_NAME
}

/// A word right after a backslash starts with the escape's letter: `\nAWS_KEY`.
fn strip_escape(text: &[u8], start: usize, end: usize) -> &[u8] {
    let word = &text[start..end];
    match word {
        [b'n' | b'r' | b't', rest @ ..] if start > 0 && text[start - 1] == b'\\' => rest,
        _ => word,
    }
}

/// `%3D`, `\u003d`, `\x3d`: an operator written as an escape.
fn is_percent_escape(text: &[u8], start: usize, word: &[u8]) -> bool {
    let is_hex = |digits: &[u8]| digits.iter().all(u8::is_ascii_hexdigit);
    match start.checked_sub(1).map(|at| text[at]) {
        Some(b'%') => word.len() == 2 && is_hex(word),
        Some(b'\\') => match word {
            [b'u', digits @ ..] => digits.len() == 4 && is_hex(digits),
            [b'x', digits @ ..] => digits.len() == 2 && is_hex(digits),
            _ => false,
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::names::Role;
    use super::*;

    /// The name found for the value `@` in `text`, as written.
    fn name(text: &str) -> Option<(String, Role)> {
        let at = text.find('@').unwrap();
        name_of(text.as_bytes(), at, at + 1).map(|name| (name.written, name.role))
    }

    #[track_caller]
    fn is(text: &str, written: &str) {
        assert_eq!(name(text).map(|(name, _)| name).as_deref(), Some(written), "{text}");
    }

    #[test]
    fn assignments_of_many_languages() {
        is("aws_secret_access_key = @", "aws_secret_access_key");
        is("export AWS_SECRET_ACCESS_KEY='@'", "AWS_SECRET_ACCESS_KEY");
        is("{\"secretAccessKey\": \"@\"}", "secretAccessKey");
        is("os.environ['AWS_SECRET_ACCESS_KEY'] = '@'", "AWS_SECRET_ACCESS_KEY");
        is(":secret_access_key => \"@\"", "secret_access_key");
        is("val secretKey: String = \"@\"", "secretKey");
        is("let secret_key: &'static str = \"@\"", "secret_key");
        is("ENV AWS_SECRET_ACCESS_KEY @", "AWS_SECRET_ACCESS_KEY");
        is("Set-AWSCredential -AccessKey x -SecretKey @", "-SecretKey");
        is("aws configure set aws_secret_access_key @", "aws_secret_access_key");
        is("define('AWS_SECRET_KEY', '@')", "AWS_SECRET_KEY");
        is("[[X alloc] initWithAccessKey:k secretKey:@", "secretKey");
        is(".with_secret_access_key(\"@\")", ".with_secret_access_key");
        is("(SecretKey \"@\")", "SecretKey");
        is("aws_secret_access_key%3D@", "aws_secret_access_key");
        is("x=1\\nAWS_SECRET_ACCESS_KEY=@", "AWS_SECRET_ACCESS_KEY");
        is("process.env.AWS_SECRET_ACCESS_KEY || '@'", "process.env.AWS_SECRET_ACCESS_KEY");
        is("secretAccessKey&quot;: &quot;@", "secretAccessKey");
    }

    #[test]
    fn siblings_of_names() {
        is("- name: AWS_SECRET_ACCESS_KEY\n  value: @", "AWS_SECRET_ACCESS_KEY");
        is("<name>fs.s3a.secret.key</name>\n  <value>@", "fs.s3a.secret.key");
        is("<key>SecretKey</key>\n<string>@", "SecretKey");
        is("{\"key\":\"secretKey\",\"value\":\"@\"}", "secretKey");
        is("{\"value\":\"@\",\"key\":\"secretKey\"}", "secretKey");
        is("<add key=\"AWSSecretKey\" value=\"@", "AWSSecretKey");
        is("variable \"aws_secret_key\" {\n  type = string\n  default = \"@\"", "aws_secret_key");
        is("SecretKey:\n    Type: String\n    NoEcho: true\n    Default: @", "SecretKey");
        is("secret_key: >-\n    @", "secret_key");
    }

    #[test]
    fn phrases() {
        is("AWS Secret Access Key: @", "AWS Secret Access Key");
        is("the secret access key is @", "secret access key");
        is("Key ID: @", "Key ID");
        is("The AWS secret of the build user is @", "secret");
        is("user=@", "user");
        is("user @", "user");
    }

    #[test]
    fn names_of_blocks_and_objects() {
        is(
            "variable \"aws_secret_key\" {\n  description = \"see, wiki\"\n  default = \"@",
            "aws_secret_key",
        );
        is("SECRET_KEYS = [\n    \"x\",\n    \"@", "SECRET_KEYS");
        is("{\"Key\":\"SecretKey\",\"Description\":\"a, b\",\"Value\":\"@", "SecretKey");
        is("public string SecretKey { get; private set; } = \"@", "SecretKey");
    }

    #[test]
    fn words_that_a_value_is_assigned_to() {
        let word = |text: &str| {
            let word = assigned_to(text.as_bytes(), text.len());
            word.map(|word| String::from_utf8_lossy(word).into_owned())
        };
        assert_eq!(word("\"etag\": \"").as_deref(), Some("etag"));
        assert_eq!(word("const apiToken = '").as_deref(), Some("apiToken"));
        assert_eq!(word("?sig=").as_deref(), Some("sig"));
        assert_eq!(word("the AWS one: "), None);
        assert_eq!(word("value: "), None);
        assert_eq!(word("f(x, "), None);
    }

    #[test]
    fn other_values_and_unknown_names_end_the_search() {
        assert_eq!(name("secret_key: foo\nchecksum: @"), None);
        assert_eq!(name("S3Connection('AKIAIOSFODNN7EXAMPLE', '@')"), None);
        assert_eq!(name("{\"secretKey\":\"x\"},{\"sum\":\"@\"}"), None);
        assert_eq!(name("aws_secret_access_key=x;digest=@"), None);
        assert_eq!(name("upload(secret_key, digest, \"@\")"), None);
    }
}
