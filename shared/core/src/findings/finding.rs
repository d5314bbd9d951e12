//! One listed finding: a problem with its place and severity. What it quotes from a file is cut and escaped
//! here, so that neither a huge value nor a hostile one reaches a screen.

use serde::{Deserialize, Serialize};

use super::{Code, Problem, Severity, registry};
use crate::formats::Place;
use crate::limits::MAX_EXCERPT_CHARS;

/// `row`, `line` and `byte_offset` are null for a finding about the whole file; `row` alone for one about what stands
/// before the rows, `line` and `byte_offset` in a columnar file, which has neither. The order of the fields is the order
/// of listing: by place first.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    pub row: Option<u64>,
    pub line: Option<u64>,
    pub byte_offset: Option<u64>,
    pub code: Code,
    pub severity: Severity,
    pub path: String,
    pub found: String,
    pub expected: String,
}

impl Finding {
    pub fn new(place: Option<Place>, problem: &Problem) -> Self {
        Self {
            row: place.map(|place| place.row).filter(|row| *row > 0),
            line: place.map(|place| place.line).filter(|line| *line > 0),
            byte_offset: place.filter(|place| place.line > 0).map(|place| place.byte_offset),
            code: problem.code,
            severity: registry::entry(problem.code).severity,
            path: excerpt(&problem.path, MAX_EXCERPT_CHARS),
            found: excerpt(&problem.found, MAX_EXCERPT_CHARS),
            expected: excerpt(&problem.expected, MAX_EXCERPT_CHARS),
        }
    }
}

/// The first `max_chars` characters, control and direction-changing characters escaped as `\u{…}`; a cut is
/// marked by `…`. Never slices inside a character; reads no more of `text` than it returns.
pub fn excerpt(text: &str, max_chars: usize) -> String {
    let mut shown = String::with_capacity(text.len().min(max_chars * 2));
    for (count, character) in text.chars().enumerate() {
        if count == max_chars {
            shown.push('…');
            break;
        }
        match character {
            '\n' => shown.push_str("\\n"),
            '\r' => shown.push_str("\\r"),
            '\t' => shown.push_str("\\t"),
            _ if character.is_control() || changes_direction(character) => {
                shown.push_str(&format!("\\u{{{:04x}}}", u32::from(character)));
            }
            _ => shown.push(character),
        }
    }
    shown
}

/// Bidirectional marks and isolates, line separators and the byte order mark: invisible, and able to reorder
/// what stands around them.
fn changes_direction(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn json_has_the_keys_of_the_contract() {
        let problem = Problem::new(Code::EmptyAnswer, "output", "\"\"", "text");
        let place = Place { row: 3, line: 4, byte_offset: 90 };
        let value = serde_json::to_value(Finding::new(Some(place), &problem)).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"code": "empty_answer", "severity": "warning", "row": 3, "line": 4,
                "byte_offset": 90, "path": "output", "found": "\"\"", "expected": "text"})
        );
        let whole_file = serde_json::to_value(Finding::new(None, &problem)).unwrap();
        assert!(whole_file["row"].is_null() && whole_file["line"].is_null());
    }

    #[test]
    fn no_place_is_given_where_there_is_none() {
        let problem = Problem::new(Code::EmptyAnswer, "output", "", "");
        let at = |row, line, byte_offset| {
            let finding = Finding::new(Some(Place { row, line, byte_offset }), &problem);
            (finding.row, finding.line, finding.byte_offset)
        };
        assert_eq!(at(2501, 0, 0), (Some(2501), None, None), "a row of a Parquet file");
        assert_eq!(at(0, 1, 0), (None, Some(1), Some(0)), "a header");
    }

    #[test]
    fn excerpts_escape_what_could_mislead() {
        assert_eq!(excerpt("a\u{202e}b\0\n", 10), "a\\u{202e}b\\u{0000}\\n");
        assert_eq!(excerpt("åäö", 2), "åä…");
        assert_eq!(excerpt("åäö", 3), "åäö");
    }

    proptest! {
        #[test]
        fn excerpts_are_short_and_printable(text in any::<String>(), max_chars in 0usize..50) {
            let shown = excerpt(&text, max_chars);
            prop_assert!(shown.chars().count() <= max_chars * 10 + 1);
            prop_assert!(!shown.chars().any(|character| character.is_control() || changes_direction(character)));
        }
    }
}
