//! Values back to compact JSON text: tool definitions and calls are texts to a model.

use std::num::FpCategory;

use super::Value;
use super::value::EXACT_WHOLE;

/// Compact JSON. Numbers that JSON cannot say (NaN, infinities) are written as Python writes them.
pub fn to_json_text(value: &Value<'_>) -> String {
    let mut out = String::new();
    write_value(value, &mut out);
    out
}

fn write_value(value: &Value<'_>, out: &mut String) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => write_number(*number, out),
        Value::Wide { is_negative, magnitude } => write_wide(*is_negative, *magnitude, out),
        Value::String(text) => write_string(text, out),
        Value::Array(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_value(item, out);
            }
            out.push(']');
        }
        Value::Object(entries) => {
            out.push('{');
            for (index, (key, item)) in entries.iter().enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_string(key, out);
                out.push_str(": ");
                write_value(item, out);
            }
            out.push('}');
        }
    }
}

pub(crate) fn write_wide(is_negative: bool, magnitude: u64, out: &mut String) {
    if is_negative {
        out.push('-');
    }
    out.push_str(&magnitude.to_string());
}

fn write_number(number: f64, out: &mut String) {
    if number.is_nan() {
        out.push_str("NaN");
    } else if number.is_infinite() {
        out.push_str(if number > 0.0 { "Infinity" } else { "-Infinity" });
    } else if number.classify() == FpCategory::Zero && number.is_sign_negative() {
        out.push_str("-0.0");
    } else if number.fract().classify() == FpCategory::Zero && number.abs() <= EXACT_WHOLE as f64 {
        out.push_str(&format!("{}", number as i64));
    } else {
        out.push_str(&format!("{number:?}"));
    }
}

pub(crate) fn write_string(text: &str, out: &mut String) {
    out.push('"');
    let mut clean_from = 0;
    for (index, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0..0x20 => "",
            _ => continue,
        };
        out.push_str(&text[clean_from..index]);
        if escape.is_empty() {
            out.push_str(&format!("\\u{byte:04x}"));
        } else {
            out.push_str(escape);
        }
        clean_from = index + 1;
    }
    out.push_str(&text[clean_from..]);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_strict;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_finite_number_is_read_back_as_it_was(number in proptest::num::f64::ANY.prop_filter("finite", |number| number.is_finite())) {
            let text = to_json_text(&Value::Number(number));
            prop_assert_eq!(parse_strict(&text), Some(Value::Number(number)), "{}", text);
        }
    }

    #[test]
    fn writing_then_reading_gives_the_value_back() {
        let text = r#"{"a": [1, -2.5, true, null, "x\n\"\\\u0001é"], "b": {}}"#;
        let value = parse_strict(text).unwrap();
        assert_eq!(to_json_text(&value), text);
    }

    /// Ids of 19 digits came out of the cleaned copy rounded, two neighbours as one.
    #[test]
    fn whole_numbers_of_64_bits_keep_every_digit() {
        let text =
            "[1234567890123456789, 9007199254740993, -9223372036854775808, 18446744073709551615, -0.0]";
        assert_eq!(to_json_text(&parse_strict(text).unwrap()), text);
        assert_eq!(crate::json::parse_tolerant(text).value, parse_strict(text));
    }
}
