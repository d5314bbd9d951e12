//! The table of bounds on outside input, read out of the file that holds them: name, value and what they are for
//! stand there once. A constant that cannot be read is an error, so the table is whole.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};

const SOURCE: &str = include_str!("../../../../shared/core/src/limits.rs");

#[derive(Debug, PartialEq, Eq)]
struct Limit {
    name: String,
    value: u64,
    says: String,
}

pub fn markdown() -> Result<String> {
    let mut page = String::from(
        "# Limits\n\nEvery bound on what comes from outside, as `shared/core/src/limits.rs` has them; written by `just docs`. \
         What is beyond one is refused, cut or counted, and said so.\n\n| limit | value | what it bounds |\n|---|---|---|\n",
    );
    for limit in read(SOURCE)? {
        let shown = shown(limit.value, &limit.name);
        writeln!(page, "| `{}` | {shown} | {} |", limit.name, limit.says).expect("writing to a string");
    }
    Ok(page)
}

/// Constants in their order. One without a comment of its own shares that of the one above.
fn read(source: &str) -> Result<Vec<Limit>> {
    let mut limits: Vec<Limit> = Vec::new();
    let mut says = String::new();
    for line in source.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("///") {
            if !says.is_empty() {
                says.push(' ');
            }
            says.push_str(comment.trim());
            continue;
        }
        let Some(constant) = line.strip_prefix("pub const ") else { continue };
        let parts =
            constant.split_once(": ").and_then(|(name, rest)| Some((name, rest.split_once(" = ")?.1)));
        let (name, value) = parts.with_context(|| format!("limits.rs: {line} cannot be read"))?;
        let value = evaluate(value.trim_end_matches(';'))?;
        if says.is_empty() {
            says.clone_from(&limits.last().context("limits.rs begins without a comment")?.says);
        }
        limits.push(Limit { name: name.to_owned(), value, says: std::mem::take(&mut says) });
    }
    Ok(limits)
}

/// `64 << 20` or `229_375`.
fn evaluate(expression: &str) -> Result<u64> {
    let number = |text: &str| text.trim().replace('_', "").parse::<u64>().ok();
    let value = match expression.split_once("<<") {
        None => number(expression),
        Some((left, right)) => number(left).zip(number(right)).map(|(left, right)| left << right),
    };
    match value {
        Some(value) => Ok(value),
        None => bail!("limits.rs: {expression:?} is neither a number nor a shifted one"),
    }
}

fn shown(value: u64, name: &str) -> String {
    let is_bytes = name.ends_with("_BYTES");
    if name.ends_with("_MS") && value.is_multiple_of(1000) {
        return format!("{} s", value / 1000);
    }
    for (unit, shift) in [("GiB", 30), ("MiB", 20), ("KiB", 10)] {
        if is_bytes && value >= 1 << shift && value.trailing_zeros() >= shift {
            return format!("{} {unit}", value >> shift);
        }
    }
    let digits = value.to_string();
    let grouped: Vec<&str> =
        digits.as_bytes().rchunks(3).rev().filter_map(|part| str::from_utf8(part).ok()).collect();
    let number = if digits.len() > 4 { grouped.join(" ") } else { digits.clone() };
    if is_bytes { format!("{number} bytes") } else { number }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_constant_is_in_the_table_with_its_value() {
        let limits = read(SOURCE).unwrap();
        assert_eq!(limits.len(), SOURCE.matches("pub const ").count());
        let value = |name: &str| limits.iter().find(|limit| limit.name == name).map(|limit| limit.value);
        use foretune_core::limits;
        assert_eq!(value("MAX_RECORD_BYTES"), Some(limits::MAX_RECORD_BYTES as u64));
        assert_eq!(value("MAX_TRACKED_ROWS"), Some(limits::MAX_TRACKED_ROWS as u64));
        assert_eq!(value("SILENCE_MS"), Some(limits::SILENCE_MS));
        assert!(read("/// Says\npub const A: u64 = 2 * 3;").is_err());
    }

    #[test]
    fn values_are_shown_with_their_unit() {
        for (value, name, text) in [
            (64 << 20, "MAX_RECORD_BYTES", "64 MiB"),
            (120, "MAX_LINK_NAME_BYTES", "120 bytes"),
            (60_000, "SILENCE_MS", "60 s"),
            (229_375, "MAX_TRACKED_ROWS", "229 375"),
            (2000, "MAX_LINK_CHARS", "2000"),
        ] {
            assert_eq!(shown(value, name), text);
        }
    }
}
