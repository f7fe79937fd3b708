//! A CSV table: commas, semicolons or tabs, with or without a byte order mark, kept as it came where nothing was changed.
//!
//! Must stay true: a cell that is written is none that a spreadsheet would run; a message never repeats a cell, for a cell may be an address; a row that is no row is said with its line.

use csv::{ByteRecord, ReaderBuilder, Terminator, WriterBuilder};
use reveille_mission::{cell_in, cell_out};

const MARK: &[u8] = b"\xef\xbb\xbf";

/// A table with named columns.
#[derive(Debug, Clone)]
pub(super) struct Table {
    delimiter: u8,
    mark: bool,
    crlf: bool,
    columns: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// A row of a table.
#[derive(Debug, Clone)]
pub(super) struct Row {
    /// Its line, from 1.
    pub(super) line: u64,
    cells: Vec<String>,
}

/// A row that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct BadRow {
    /// Its line, from 1.
    pub line: u64,
    /// What is wrong, without the row's content.
    pub reason: String,
}

impl Row {
    /// A cell, trimmed, without the apostrophe that keeps a spreadsheet from running it; empty where there is none.
    pub(super) fn cell(&self, column: Option<usize>) -> &str {
        column.and_then(|column| self.cells.get(column)).map_or("", |cell| cell_in(cell.trim()).trim())
    }
}

impl Table {
    /// An empty table with these columns.
    pub(super) fn new(columns: &[&str]) -> Self {
        let columns = columns.iter().map(|&name| name.to_owned()).collect();
        Self { delimiter: b',', mark: false, crlf: false, columns, rows: vec![] }
    }

    /// Reads it; rows that can't be read are set apart. Only a first line that can't be read is an error.
    pub(super) fn parse(bytes: &[u8]) -> Result<(Self, Vec<BadRow>), BadRow> {
        let body = bytes.strip_prefix(MARK).unwrap_or(bytes);
        let first = body.split_inclusive(|byte| *byte == b'\n').next().unwrap_or_default();
        let delimiter = delimiter(first);
        let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).delimiter(delimiter).from_reader(body);
        let mut table = Self { delimiter, mark: body.len() < bytes.len(), crlf: first.ends_with(b"\r\n"), columns: vec![], rows: vec![] };
        let mut bad = Vec::new();
        let mut record = ByteRecord::new();
        let nothing = || BadRow { line: 1, reason: "there are no columns".to_owned() };
        if !reader.read_byte_record(&mut record).map_err(|_| nothing())? {
            return Err(nothing());
        }
        table.columns = texts(&record).ok_or_else(|| BadRow { line: 1, reason: NO_UTF8.to_owned() })?;
        // Reading bytes with rows of any length can't fail: the bytes are in memory.
        while let Ok(true) = reader.read_byte_record(&mut record) {
            let line = line_of(&record, body);
            let reason = match texts(&record) {
                None => NO_UTF8.to_owned(),
                Some(cells) if cells.len() == table.columns.len() => {
                    table.rows.push(Row { line, cells });
                    continue;
                }
                Some(cells) => format!("{} columns, not {}", cells.len(), table.columns.len()),
            };
            bad.push(BadRow { line, reason });
        }
        Ok((table, bad))
    }

    /// The place of the first of these columns that is there. Names are compared without case and surrounding space.
    pub(super) fn column(&self, names: &[&str]) -> Option<usize> {
        let known = |name: &&str| self.columns.iter().position(|column| column.trim().eq_ignore_ascii_case(name));
        names.iter().find_map(known)
    }

    /// Whether all these columns are there.
    pub(super) fn has(&self, names: &[&str]) -> bool {
        names.iter().all(|name| self.column(&[name]).is_some())
    }

    /// Whether the line of names holds an address: then it is no line of names.
    pub(super) fn starts_with_a_row(&self) -> bool {
        self.columns.iter().any(|column| reveille_mission::is_address(column.trim()))
    }

    /// A row with the names of its columns, as it is read.
    pub(super) fn named(&self, row: &Row) -> Vec<(String, String)> {
        self.columns.iter().enumerate().map(|(at, column)| (column.trim().to_owned(), row.cell(Some(at)).to_owned())).collect()
    }

    /// Sets a cell, and makes its column where there is none.
    pub(super) fn set(&mut self, row: usize, column: &str, value: &str) {
        let at = self.column(&[column]).unwrap_or_else(|| {
            self.columns.push(column.to_owned());
            self.rows.iter_mut().for_each(|row| row.cells.push(String::new()));
            self.columns.len() - 1
        });
        if let Some(cell) = self.rows.get_mut(row).and_then(|row| row.cells.get_mut(at)) {
            *cell = cell_out(value).into_owned();
        }
    }

    /// A new row at the end, empty.
    pub(super) fn push(&mut self) {
        self.rows.push(Row { line: 0, cells: vec![String::new(); self.columns.len()] });
    }

    /// The same rows with commas, without a mark: what any program reads, and no spreadsheet runs.
    pub(super) fn plain(&self) -> Self {
        let safe = |cells: &[String]| cells.iter().map(|cell| cell_out(cell_in(cell)).into_owned()).collect();
        let rows = self.rows.iter().map(|row| Row { line: row.line, cells: safe(&row.cells) }).collect();
        Self { delimiter: b',', mark: false, crlf: false, columns: safe(&self.columns), rows }
    }

    /// As bytes.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, csv::Error> {
        let out = if self.mark { MARK.to_vec() } else { vec![] };
        let terminator = if self.crlf { Terminator::CRLF } else { Terminator::Any(b'\n') };
        let mut writer = WriterBuilder::new().delimiter(self.delimiter).terminator(terminator).from_writer(out);
        writer.write_record(&self.columns)?;
        for row in &self.rows {
            writer.write_record(&row.cells)?;
        }
        writer.into_inner().map_err(|error| error.into_error().into())
    }
}

const NO_UTF8: &str = "bytes that are no UTF-8";

fn texts(record: &ByteRecord) -> Option<Vec<String>> {
    record.iter().map(|cell| std::str::from_utf8(cell).ok().map(str::to_owned)).collect()
}

/// What the first line sets its columns apart with, outside of quotation marks; a comma when nothing does.
fn delimiter(first: &[u8]) -> u8 {
    let mut quoted = false;
    let mut counts = [(b',', 0), (b';', 0), (b'\t', 0)];
    for byte in first {
        quoted ^= *byte == b'"';
        for (delimiter, count) in &mut counts {
            *count += usize::from(!quoted && byte == delimiter);
        }
    }
    // Of equals the comma: `max_by_key` takes the last.
    counts.iter().rev().max_by_key(|(_, count)| *count).map_or(b',', |(delimiter, _)| *delimiter)
}

/// The record's line; the reader counts from before the empty lines that it skips.
fn line_of(record: &ByteRecord, body: &[u8]) -> u64 {
    let Some(position) = record.position() else { return 1 };
    let rest = usize::try_from(position.byte()).ok().and_then(|from| body.get(from..)).unwrap_or_default();
    let skipped = rest.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).filter(|byte| **byte == b'\n').count();
    position.line() + skipped as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delimiters_marks_and_line_ends_are_kept() {
        for text in
            ["email;name\nann@home.net;\"B; Ann\"\n", "\u{feff}email,name\r\nann@home.net,Ann\r\n", "email\tname\nann@home.net\tAnn\n"]
        {
            let (table, bad) = Table::parse(text.as_bytes()).expect("a table");
            assert!(bad.is_empty() && table.column(&["name"]) == Some(1) && table.rows.len() == 1, "{text:?}: {table:?}");
            assert_eq!(String::from_utf8(table.bytes().expect("bytes")).expect("text"), text);
        }
        assert_eq!(delimiter(b"\"a;b;c\",d\n"), b',');
        assert_eq!(delimiter(b"email\n"), b',');
    }

    #[test]
    fn bad_rows_are_set_apart_with_their_lines() {
        let text = b"email,name\r\n\r\nann@home.net,Ann\r\nbob@home.net\r\n\"two\nlines\",x\r\nb\xff,x\r\nz,z,z\r\n";
        let (table, bad) = Table::parse(text).expect("a table");
        assert_eq!(table.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [3, 5]);
        let bad: Vec<_> = bad.into_iter().map(|bad| (bad.line, bad.reason)).collect();
        assert_eq!(
            bad,
            [(4, "1 columns, not 2".to_owned()), (7, "bytes that are no UTF-8".to_owned()), (8, "3 columns, not 2".to_owned())]
        );
        assert!(Table::parse(b"").is_err() && Table::parse(b"\xff\xfee\0m\0").is_err());
    }
}
