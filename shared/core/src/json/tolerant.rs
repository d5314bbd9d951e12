//! The slow path: reads what Python, JavaScript and hand editing leave behind, and says what and where.
//! Depth, keys and problems are bounded; a text it cannot make sense of gives one fatal problem.

use std::borrow::Cow;

use super::Value;
use super::tolerant_string::{StringFlaw, read_string};
use crate::findings::{Code, Problem};
use crate::limits::{MAX_JSON_DEPTH, MAX_KEYS, MAX_PROBLEMS_PER_RECORD};

/// What could be read, and every departure from strict JSON.
#[derive(Debug, Clone, PartialEq)]
pub struct Parsed<'a> {
    pub value: Option<Value<'a>>,
    pub problems: Vec<Problem>,
}

/// Never panics; `value` is `None` exactly when the last problem says why.
pub fn parse_tolerant(text: &str) -> Parsed<'_> {
    let mut reader = Reader {
        text,
        bytes: text.as_bytes(),
        position: 0,
        path: String::new(),
        depth: 0,
        problems: Vec::new(),
    };
    let value = reader.document();
    let mut problems = reader.problems;
    match value {
        Ok(value) => {
            super::report_duplicate_keys(&value, &mut String::new(), &mut problems);
            Parsed { value: Some(value), problems }
        }
        Err(Fatal(problem)) => {
            problems.push(problem);
            Parsed { value: None, problems }
        }
    }
}

struct Fatal(Problem);

struct Reader<'a> {
    text: &'a str,
    bytes: &'a [u8],
    position: usize,
    path: String,
    depth: usize,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    fn document(&mut self) -> Result<Value<'a>, Fatal> {
        self.skip_blank();
        let value = self.value("a JSON value")?;
        self.skip_blank();
        if self.peek() == Some(b',') {
            self.note(Code::TrailingComma, self.position, "`,` after the value", "nothing");
            self.position += 1;
            self.skip_blank();
        }
        if self.position < self.bytes.len() {
            let found = self.snippet(self.position);
            self.note(
                Code::TrailingData,
                self.position,
                &format!("{found} after the value"),
                "one value, then the end",
            );
        }
        Ok(value)
    }

    fn value(&mut self, expected: &str) -> Result<Value<'a>, Fatal> {
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(quote @ (b'"' | b'\'')) => self.string(quote).map(Value::String),
            Some(b'-' | b'+' | b'.' | b'0'..=b'9') => self.number(),
            Some(byte) if byte.is_ascii_alphabetic() => self.word(expected),
            _ => Err(self.fatal(Code::UnreadableRow, expected)),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Result<Value<'a>, Fatal>) -> Result<Value<'a>, Fatal> {
        if self.depth == MAX_JSON_DEPTH {
            return Err(Fatal(Problem::new(
                Code::TooDeep,
                self.path.clone(),
                format!("more than {MAX_JSON_DEPTH} levels of nesting (byte {} of the row)", self.position),
                format!("at most {MAX_JSON_DEPTH} levels"),
            )));
        }
        self.depth += 1;
        self.position += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    fn array(&mut self) -> Result<Value<'a>, Fatal> {
        let mut items = Vec::new();
        loop {
            self.skip_blank();
            self.skip_stray_commas();
            if self.peek() == Some(b']') {
                self.position += 1;
                return Ok(Value::Array(items));
            }
            let path_length = self.path.len();
            self.path.push_str(&format!("[{}]", items.len()));
            items.push(self.value("a value or `]`")?);
            self.path.truncate(path_length);
            self.after_item(b']')?;
        }
    }

    fn object(&mut self) -> Result<Value<'a>, Fatal> {
        let mut entries = Vec::new();
        loop {
            self.skip_blank();
            self.skip_stray_commas();
            if self.peek() == Some(b'}') {
                self.position += 1;
                return Ok(Value::Object(entries));
            }
            if entries.len() == MAX_KEYS {
                return Err(Fatal(Problem::new(
                    Code::TooManyKeys,
                    self.path.clone(),
                    format!("more than {MAX_KEYS} keys (byte {} of the row)", self.position),
                    format!("at most {MAX_KEYS} keys in one object"),
                )));
            }
            let key = self.key()?;
            self.skip_blank();
            if self.peek() != Some(b':') {
                return Err(self.fatal(Code::UnreadableRow, "`:` after the key"));
            }
            self.position += 1;
            self.skip_blank();
            let path_length = self.path.len();
            if path_length > 0 {
                self.path.push('.');
            }
            self.path.push_str(&key);
            let value = self.value("a value after `:`")?;
            self.path.truncate(path_length);
            entries.push((key, value));
            self.after_item(b'}')?;
        }
    }

    fn key(&mut self) -> Result<Cow<'a, str>, Fatal> {
        match self.peek() {
            Some(quote @ (b'"' | b'\'')) => self.string(quote),
            Some(byte) if byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' => {
                let start = self.position;
                while self
                    .peek()
                    .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$' | b'-'))
                {
                    self.position += 1;
                }
                let name = &self.text[start..self.position];
                self.note(
                    Code::NotStrictJson,
                    start,
                    &format!("key {name} without quotes"),
                    "a key in double quotes",
                );
                Ok(Cow::Borrowed(name))
            }
            _ => Err(self.fatal(Code::UnreadableRow, "a key in double quotes or `}`")),
        }
    }

    /// Between two items: a comma, the closing bracket (left in place), or a comma that was forgotten.
    fn after_item(&mut self, close: u8) -> Result<(), Fatal> {
        self.skip_blank();
        match self.peek() {
            Some(b',') => {
                let comma = self.position;
                self.position += 1;
                self.skip_blank();
                if self.peek() == Some(close) {
                    self.note(
                        Code::TrailingComma,
                        comma,
                        &format!("`,` before `{}`", close as char),
                        "no comma after the last item",
                    );
                }
                Ok(())
            }
            Some(byte) if byte == close => Ok(()),
            Some(b'"' | b'{' | b'[') => {
                let found = self.snippet(self.position);
                self.note(Code::MissingComma, self.position, &found, "`,` between two items");
                Ok(())
            }
            _ => {
                Err(self.fatal(Code::UnreadableRow, if close == b']' { "`,` or `]`" } else { "`,` or `}`" }))
            }
        }
    }

    fn skip_stray_commas(&mut self) {
        while self.peek() == Some(b',') {
            self.note(
                Code::TrailingComma,
                self.position,
                "`,` where an item should stand",
                "one comma between two items",
            );
            self.position += 1;
            self.skip_blank();
        }
    }

    fn string(&mut self, quote: u8) -> Result<Cow<'a, str>, Fatal> {
        let start = self.position;
        if quote == b'\'' {
            self.note(Code::NotStrictJson, start, "a string in single quotes", "double quotes");
        }
        let mut flaws = Vec::new();
        let read = read_string(self.text, start + 1, quote, &mut flaws);
        for StringFlaw { code, offset, found, expected } in flaws {
            self.note(code, offset, &found, expected);
        }
        let Some((string, end)) = read else {
            return Err(Fatal(Problem::new(
                Code::UnreadableRow,
                self.path.clone(),
                format!(
                    "the end of the row inside the string that opens at byte {start}: {}",
                    self.snippet(start)
                ),
                "a closing quote",
            )));
        };
        self.position = end;
        Ok(string)
    }

    fn number(&mut self) -> Result<Value<'a>, Fatal> {
        let start = self.position;
        while self
            .peek()
            .is_some_and(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.' | b'_'))
        {
            self.position += 1;
        }
        let token = &self.text[start..self.position];
        match token.trim_start_matches(['-', '+']) {
            "Infinity" | "inf" | "Inf" => {
                self.note(Code::NotANumber, start, token, "a finite number");
                return Ok(Value::Number(if token.starts_with('-') {
                    f64::NEG_INFINITY
                } else {
                    f64::INFINITY
                }));
            }
            "NaN" | "nan" => {
                self.note(Code::NotANumber, start, token, "a finite number");
                return Ok(Value::Number(f64::NAN));
            }
            _ => {}
        }
        if let Ok(number) = serde_json::from_str::<f64>(token) {
            // As the fast path reads them; a minus before 0 is lost in a whole number.
            let signed = || token.parse::<i64>().ok().map(|whole| (whole < 0, whole.unsigned_abs()));
            let whole = token.parse::<u64>().ok().map(|whole| (false, whole)).or_else(signed);
            let whole = whole.filter(|(_, magnitude)| *magnitude > 0);
            return Ok(whole.map_or(Value::Number(number), |(sign, magnitude)| Value::whole(sign, magnitude)));
        }
        match token.replace('_', "").parse::<f64>() {
            Ok(number) if number.is_finite() => {
                self.note(
                    Code::NotStrictJson,
                    start,
                    &format!("the number {}", clip(token)),
                    "a number as JSON writes it",
                );
                Ok(Value::Number(number))
            }
            Ok(number) => {
                self.note(Code::NotANumber, start, &clip(token), "a number that fits 64-bit floating point");
                Ok(Value::Number(number))
            }
            Err(_) => {
                self.position = start;
                Err(self.fatal(Code::UnreadableRow, "a number"))
            }
        }
    }

    fn word(&mut self, expected: &str) -> Result<Value<'a>, Fatal> {
        let start = self.position;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.position += 1;
        }
        let (value, code, strict) = match &self.text[start..self.position] {
            "null" => return Ok(Value::Null),
            "true" => return Ok(Value::Bool(true)),
            "false" => return Ok(Value::Bool(false)),
            "None" | "undefined" | "NULL" | "Null" => (Value::Null, Code::NotStrictJson, "null"),
            "True" | "TRUE" => (Value::Bool(true), Code::NotStrictJson, "true"),
            "False" | "FALSE" => (Value::Bool(false), Code::NotStrictJson, "false"),
            "NaN" | "nan" => (Value::Number(f64::NAN), Code::NotANumber, "a finite number"),
            "Infinity" | "inf" => (Value::Number(f64::INFINITY), Code::NotANumber, "a finite number"),
            _ => {
                self.position = start;
                return Err(self.fatal(Code::UnreadableRow, expected));
            }
        };
        let found = self.text[start..self.position].to_owned();
        self.note(code, start, &found, strict);
        Ok(value)
    }

    /// White space, NUL padding and comments.
    fn skip_blank(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.position += 1,
                Some(0) => {
                    self.note(Code::NulBytes, self.position, "a NUL byte", "text");
                    self.position += 1;
                }
                Some(0xef) if self.bytes[self.position..].starts_with(b"\xef\xbb\xbf") => self.position += 3,
                Some(b'/') if matches!(self.bytes.get(self.position + 1), Some(b'/' | b'*')) => {
                    self.skip_comment();
                }
                _ => return,
            }
        }
    }

    fn skip_comment(&mut self) {
        self.note(Code::NotStrictJson, self.position, "a comment", "no comments");
        let rest = &self.bytes[self.position + 2..];
        let length = if self.bytes[self.position + 1] == b'/' {
            memchr::memchr(b'\n', rest)
        } else {
            memchr::memmem::find(rest, b"*/").map(|at| at + 2)
        };
        self.position += 2 + length.unwrap_or(rest.len());
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    /// One note for each code and place in the tree; a thousand raw line breaks in one string are one.
    fn note(&mut self, code: Code, offset: usize, found: &str, expected: &str) {
        let seen = self.problems.iter().any(|problem| problem.code == code && problem.path == self.path);
        if !seen && self.problems.len() < MAX_PROBLEMS_PER_RECORD {
            self.problems.push(Problem::new(
                code,
                self.path.clone(),
                format!("{found} (byte {offset} of the row)"),
                expected,
            ));
        }
    }

    fn fatal(&self, code: Code, expected: &str) -> Fatal {
        let found = if self.position >= self.bytes.len() {
            format!("the end of the row (byte {})", self.position)
        } else {
            format!("{} (byte {} of the row)", self.snippet(self.position), self.position)
        };
        Fatal(Problem::new(code, self.path.clone(), found, expected))
    }

    fn snippet(&self, start: usize) -> String {
        format!("`{}`", clip(&self.text[start.min(self.text.len())..]))
    }
}

/// The first characters of a text, on one line.
pub(crate) fn clip(text: &str) -> String {
    const SHOWN_CHARS: usize = 32;
    let mut out: String =
        text.chars().take(SHOWN_CHARS).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if text.chars().nth(SHOWN_CHARS).is_some() {
        out.push('…');
    }
    out
}
