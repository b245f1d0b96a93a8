//! Header rows of CSV and similar tables: the name of the column that a value stands in.

use std::cell::OnceCell;

use super::names::{Name, Strength};

/// How much of a blob's beginning is kept to look for a header row, in bytes.
pub(crate) const HEAD_LEN: usize = 4 * 1024;

/// How far before a value its row may start, in bytes.
pub(crate) const ROW_REACH: usize = 4 * 1024;

/// A header row holds no word of this length: `awssecretaccesskey` has 18 letters, a key ID 20 characters.
const LONGEST_WORD: usize = 20;

/// A header row stands among this many first lines.
const TITLE_LINES: usize = 6;

const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// A header row that names parts of a credential.
#[derive(Debug)]
pub(crate) struct Table {
    delimiter: u8,
    columns: Vec<Option<Name>>,
}

/// Where the header row of a text may be. It is looked for only when a value asks for its column: most of what is taken
/// for a value at first is dropped before that.
pub(crate) struct Header<'h> {
    head: &'h [u8],
    table: OnceCell<Option<Table>>,
}

impl<'h> Header<'h> {
    /// Of a text that begins with `head`, of which no more than [`HEAD_LEN`] bytes count.
    pub(crate) fn of(head: &'h [u8]) -> Self {
        Self { head: &head[..head.len().min(HEAD_LEN)], table: OnceCell::new() }
    }

    /// What it names, if it names parts of a credential.
    pub(crate) fn table(&self) -> Option<&Table> {
        self.table.get_or_init(|| Table::parse(self.head)).as_ref()
    }
}

impl Table {
    /// Finds the header row of a text: its first line, or one of the next few if what stands above has no columns, that
    /// holds at least one name that is not generic and as many fields as the row below it.
    pub(crate) fn parse(head: &[u8]) -> Option<Self> {
        let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
        let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii_end);
        for number in 0..TITLE_LINES {
            let line = lines.next()?;
            if let Some(table) =
                Self::of_header(line).filter(|table| number == 0 || table.is_sure())
            {
                let row = lines.find(|row| !row.is_empty());
                return row.is_none_or(|row| table.fits(row)).then_some(table);
            }
            if !line.starts_with(b"#") && !line.starts_with(b"sep=") && has_columns(line) {
                return None;
            }
        }
        None
    }

    fn of_header(line: &[u8]) -> Option<Self> {
        let delimiter = DELIMITERS.into_iter().max_by_key(|delimiter| count(line, *delimiter))?;
        // Long words are values, and a row with values heads no column.
        let longest = line.split(|byte| !byte.is_ascii_alphanumeric()).map(<[u8]>::len).max()?;
        if count(line, delimiter) == 0 || longest >= LONGEST_WORD {
            return None;
        }
        let columns: Vec<Option<Name>> = fields(line, delimiter)
            .map(|field| {
                let field = field.trim_ascii();
                let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b" _-.\"'".contains(byte);
                field.iter().all(is_name).then(|| Name::parse(trim_quotes(field))).flatten()
            })
            .collect();
        let named = columns.iter().flatten().any(|name| name.strength > Strength::Generic);
        named.then_some(Self { delimiter, columns })
    }

    /// Whether it names two parts of a credential, which no line of another kind does by accident.
    fn is_sure(&self) -> bool {
        let mut roles = self.columns.iter().flatten().map(|name| name.role);
        roles.next().is_some_and(|first| roles.any(|role| role != first))
    }

    /// Whether `row` has as many fields, give or take one.
    fn fits(&self, row: &[u8]) -> bool {
        let delimiters = count(row, self.delimiter);
        delimiters > 0 && delimiters.abs_diff(self.columns.len() - 1) <= 1
    }

    /// The name of the column that the value after `before` (the text before it) stands in.
    pub(crate) fn column(&self, before: &[u8]) -> Option<&Name> {
        let near = &before[before.len().saturating_sub(ROW_REACH)..];
        let row = match memchr::memrchr(b'\n', near) {
            Some(newline) => &near[newline + 1..],
            None if near.len() == before.len() => near,
            None => return None,
        };
        self.columns.get(fields(row, self.delimiter).count().checked_sub(1)?)?.as_ref()
    }
}

fn has_columns(line: &[u8]) -> bool {
    line.iter().any(|byte| DELIMITERS.contains(byte))
}

fn trim_quotes(field: &[u8]) -> &[u8] {
    let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'');
    let start = field.iter().position(|byte| !is_quote(byte)).unwrap_or(field.len());
    let end = field.iter().rposition(|byte| !is_quote(byte)).map_or(start, |at| at + 1);
    &field[start..end]
}

fn count(line: &[u8], delimiter: u8) -> usize {
    fields(line, delimiter).count() - 1
}

/// The fields of a row; delimiters within double quotes do not count.
fn fields(row: &[u8], delimiter: u8) -> impl Iterator<Item = &[u8]> {
    let mut quoted = false;
    row.split(move |byte| {
        quoted ^= *byte == b'"';
        *byte == delimiter && !quoted
    })
}

#[cfg(test)]
mod tests {
    use super::super::names::Role;
    use super::*;

    #[test]
    fn downloaded_headers() {
        for header in [
            "\u{feff}Access key ID,Secret access key\r\n",
            "User Name,Access Key Id,Secret Access Key\n",
            "\"User name\";\"Password\";\"Access key ID\";\"Secret access key\";\"Console login link\"\n",
        ] {
            let table = Table::parse(header.as_bytes()).unwrap();
            assert!(
                table.columns.iter().flatten().any(|name| name.role == Role::Secret),
                "{header}"
            );
        }
        assert!(Table::parse(b"# Keys\n\nuser,access key,secret key\na,b,c\n").is_some());
        assert!(Table::parse(b"id,name,value\n").is_none());
        assert!(Table::parse(b"from x import ACCESS_KEY, SECRET_KEY\n\ncall(\n").is_none());
        assert!(Table::parse(b"fn f(access_key: &str, secret: &str) {\n").is_none());
    }

    #[test]
    fn columns_of_rows() {
        let table = Table::parse(b"User name,Access key ID,Secret access key\nalice,").unwrap();
        let text = b"User name,Access key ID,Secret access key\n\"a,b\",\"";
        assert_eq!(table.column(text).unwrap().role, Role::Id);
        assert_eq!(table.column(&[&text[..], b"x\",\""].concat()).unwrap().role, Role::Secret);
    }
}
