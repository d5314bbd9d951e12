//! A small table of results from CSV text (RFC 4180 quoting, comma, semicolon or tab), each cell findable
//! by row and column. Bounded; no guessing of types.

use super::problem::{Problem, Result};
use crate::limits;

#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    header: Vec<String>,
    rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq)]
struct Row {
    line: usize,
    cells: Vec<String>,
}

impl Table {
    pub fn parse(text: &str) -> Result<Self> {
        if text.len() > limits::MAX_TABLE_BYTES {
            return Err(Problem::TooLarge { what: "bytes", most: limits::MAX_TABLE_BYTES });
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let first_line = text.lines().next().unwrap_or_default();
        let separator = separator_of(first_line);
        let mut records = Records { rest: text, separator, line: 1 };
        let header: Vec<String> = records
            .next()
            .transpose()?
            .ok_or(Problem::Empty)?
            .cells
            .into_iter()
            .map(|name| name.trim().to_owned())
            .collect();
        check_header(&header)?;
        let mut rows = Vec::new();
        for record in records {
            let row = record?;
            if row.cells.len() != header.len() {
                return Err(Problem::RaggedRow {
                    row: row.line,
                    found: row.cells.len(),
                    expected: header.len(),
                });
            }
            if rows.len() == limits::MAX_TABLE_ROWS {
                return Err(Problem::TooLarge { what: "rows", most: limits::MAX_TABLE_ROWS });
            }
            rows.push(row);
        }
        if rows.is_empty() {
            return Err(Problem::Empty);
        }
        Ok(Self { header, rows })
    }

    /// With one more column whose values repeat over the first `rows` rows and are missing after them: a
    /// setting of a grid that the file lists in order but does not name.
    pub fn with_cycled_column(mut self, name: &str, values: &[f64], rows: usize) -> Result<Self> {
        if values.is_empty() {
            return Err(Problem::Option(format!("column {name:?} needs at least one value")));
        }
        self.header.push(name.to_owned());
        check_header(&self.header)?;
        for (place, row) in self.rows.iter_mut().enumerate() {
            let value = if place < rows { values[place % values.len()].to_string() } else { String::new() };
            row.cells.push(value);
        }
        Ok(self)
    }

    pub fn header(&self) -> &[String] {
        &self.header
    }

    pub fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The row's number in the file, header = 1.
    pub fn line(&self, row: usize) -> usize {
        self.rows[row].line
    }

    pub fn find(&self, column: &str) -> Option<usize> {
        self.header.iter().position(|name| name == column)
    }

    pub fn column(&self, column: &str) -> Result<usize> {
        self.find(column).ok_or_else(|| Problem::MissingColumn {
            wanted: column.to_owned(),
            present: self.header.join(", "),
        })
    }

    pub fn text(&self, row: usize, column: usize) -> &str {
        self.rows[row].cells[column].trim()
    }

    /// NaN where the cell is empty or says so (`nan`, `na`, `null`, `-`).
    pub fn number_or_missing(&self, row: usize, column: usize) -> Result<f64> {
        let text = self.text(row, column);
        let missing = ["", "nan", "na", "n/a", "null", "none", "-"];
        if missing.contains(&text.to_ascii_lowercase().as_str()) {
            return Ok(f64::NAN);
        }
        match text.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(value),
            _ => Err(Problem::NotANumber {
                row: self.line(row),
                column: self.header[column].clone(),
                found: text.to_owned(),
            }),
        }
    }

    pub fn number(&self, row: usize, column: usize, why_needed: &'static str) -> Result<f64> {
        let value = self.number_or_missing(row, column)?;
        if value.is_nan() {
            return Err(Problem::MissingCell {
                row: self.line(row),
                column: self.header[column].clone(),
                why: why_needed,
            });
        }
        Ok(value)
    }

    /// The names in a column, each non-empty and used once.
    pub fn names(&self, column: usize) -> Result<Vec<String>> {
        let mut seen = std::collections::BTreeMap::new();
        let mut names = Vec::with_capacity(self.rows());
        for row in 0..self.rows() {
            let name = self.text(row, column).to_owned();
            if name.is_empty() {
                let column = self.header[column].clone();
                return Err(Problem::MissingCell {
                    row: self.line(row),
                    column,
                    why: "every row needs a name",
                });
            }
            if let Some(first) = seen.insert(name.clone(), self.line(row)) {
                return Err(Problem::DuplicateName { row: self.line(row), first, name });
            }
            names.push(name);
        }
        Ok(names)
    }
}

/// A cell as `parse` reads it back.
pub fn csv_cell(text: &str) -> std::borrow::Cow<'_, str> {
    let is_plain = !text.contains([',', '"', '\n', '\r', ';', '\t']);
    if is_plain { text.into() } else { format!("\"{}\"", text.replace('"', "\"\"")).into() }
}

fn check_header(header: &[String]) -> Result<()> {
    if header.len() > limits::MAX_KEYS {
        return Err(Problem::TooLarge { what: "columns", most: limits::MAX_KEYS });
    }
    for (second, name) in header.iter().enumerate() {
        if let Some(first) = header[..second].iter().position(|other| other == name) {
            return Err(Problem::DuplicateColumn {
                column: name.clone(),
                first: first + 1,
                second: second + 1,
            });
        }
    }
    Ok(())
}

/// The separator that occurs most in the header; a comma when none does.
fn separator_of(header: &str) -> char {
    let count = |separator: char| header.matches(separator).count();
    [';', '\t'].into_iter().find(|separator| count(*separator) > count(',')).unwrap_or(',')
}

struct Records<'a> {
    rest: &'a str,
    separator: char,
    line: usize,
}

impl Iterator for Records<'_> {
    type Item = Result<Row>;

    fn next(&mut self) -> Option<Self::Item> {
        // Blank lines at the end or between blocks are not rows.
        loop {
            if self.rest.is_empty() {
                return None;
            }
            let end = self.rest.find('\n').map_or(self.rest.len(), |at| at + 1);
            if !self.rest[..end].trim().is_empty() {
                break;
            }
            self.rest = &self.rest[end..];
            self.line += 1;
        }
        let line = self.line;
        let mut cells = vec![String::new()];
        let mut quoted = false;
        let mut characters = self.rest.char_indices().peekable();
        let mut used = self.rest.len();
        while let Some((at, character)) = characters.next() {
            let cell = cells.last_mut().expect("starts with one cell");
            match character {
                '"' if quoted && characters.peek().is_some_and(|(_, next)| *next == '"') => {
                    cell.push('"');
                    characters.next();
                }
                '"' if quoted => quoted = false,
                '"' if cell.trim().is_empty() => {
                    cell.clear();
                    quoted = true;
                }
                '\n' if !quoted => {
                    used = at + 1;
                    self.line += 1;
                    break;
                }
                '\r' if !quoted => {}
                separator if separator == self.separator && !quoted => cells.push(String::new()),
                other => {
                    self.line += usize::from(other == '\n');
                    cell.push(other);
                }
            }
            if cells.len() > limits::MAX_KEYS {
                self.rest = "";
                return Some(Err(Problem::TooLarge { what: "columns", most: limits::MAX_KEYS }));
            }
        }
        self.rest = &self.rest[used..];
        if quoted {
            self.rest = "";
            return Some(Err(Problem::OpenQuote { row: line }));
        }
        Some(Ok(Row { line, cells }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_separators_and_blank_lines() {
        let table = Table::parse("\u{feff}name;x\r\n\"a;\"\"b\"\"\n2\";1.5\r\n\r\nc;\n").unwrap();
        assert_eq!(table.header(), ["name", "x"]);
        assert_eq!(table.text(0, 0), "a;\"b\"\n2");
        assert!((table.number(0, 1, "").unwrap() - 1.5).abs() < 1e-12);
        assert_eq!(table.line(1), 5);
        assert!(table.number_or_missing(1, 1).unwrap().is_nan());
    }

    #[test]
    fn every_fault_names_its_place() {
        let message = |text: &str| Table::parse(text).unwrap_err().to_string();
        assert_eq!(message("a,b\n1\n"), "row 2: 1 cells, but the header has 2");
        assert!(message("a,a\n1,2\n").contains("columns 1 and 2"));
        assert!(message("a,b\n1,\"2\n").contains("row 2"));
        assert!(message("").contains("empty") && message("a,b\n").contains("empty"));
        let table = Table::parse("n,x\nm,abc\nm,1\n").unwrap();
        assert!(table.number(0, 1, "").unwrap_err().to_string().contains("row 2, column \"x\""));
        assert!(table.names(0).unwrap_err().to_string().contains("row 3"));
    }
}
