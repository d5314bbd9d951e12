//! Columns of a record batch written out row by row as JSON objects.

use std::fmt::Write as _;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal128Type, Decimal256Type, Float16Type, Float32Type,
    Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, BooleanArray, FixedSizeListArray, GenericListArray, LargeStringArray, MapArray,
    OffsetSizeTrait, PrimitiveArray, RecordBatch, StringArray, StringViewArray, StructArray,
};
use arrow_schema::{DataType, TimeUnit};

/// A named column, its key written as JSON already.
pub(super) struct Field {
    key: String,
    column: Column,
}

/// Writes the number of a row.
type WriteNumber = Box<dyn Fn(usize, &mut String)>;

/// One array, taken apart once so that rows need no type tests.
enum Column {
    Null,
    Bool(BooleanArray),
    Text(StringArray),
    LargeText(LargeStringArray),
    TextView(StringViewArray),
    Number(WriteNumber, ArrayRef),
    /// Bytes of unknown meaning: only their number is told.
    Binary(Box<dyn Fn(usize) -> usize>, ArrayRef),
    List(ArrayRef, Box<dyn Fn(usize) -> std::ops::Range<usize>>, Box<Column>),
    Struct(StructArray, Vec<Field>),
    Map(MapArray, Box<Column>, Box<Column>),
    Dictionary(ArrayRef, Vec<usize>, Box<Column>),
    /// A type that no training file has use for.
    Other(ArrayRef, String),
}

/// `names` are those of the report, where repeated ones have become different.
pub(super) fn columns(batch: &RecordBatch, names: &[String]) -> Vec<Field> {
    names.iter().zip(batch.columns()).map(|(name, array)| named(name, array)).collect()
}

fn named(name: &str, array: &ArrayRef) -> Field {
    let mut key = String::new();
    crate::json::write_string(name, &mut key);
    key.push_str(": ");
    Field { key, column: column(array) }
}

fn column(array: &ArrayRef) -> Column {
    match array.data_type() {
        DataType::Null => Column::Null,
        DataType::Boolean => Column::Bool(array.as_boolean().clone()),
        DataType::Utf8 => Column::Text(array.as_string::<i32>().clone()),
        DataType::LargeUtf8 => Column::LargeText(array.as_string::<i64>().clone()),
        DataType::Utf8View => Column::TextView(array.as_string_view().clone()),
        DataType::Int8 => number::<Int8Type>(array),
        DataType::Int16 => number::<Int16Type>(array),
        DataType::Int32 => number::<Int32Type>(array),
        DataType::Int64 => number::<Int64Type>(array),
        DataType::UInt8 => number::<UInt8Type>(array),
        DataType::UInt16 => number::<UInt16Type>(array),
        DataType::UInt32 => number::<UInt32Type>(array),
        DataType::UInt64 => number::<UInt64Type>(array),
        DataType::Float16 => float::<Float16Type>(array, f64::from),
        DataType::Float32 => float::<Float32Type>(array, f64::from),
        DataType::Float64 => float::<Float64Type>(array, |value| value),
        DataType::Date32 => number::<Date32Type>(array),
        DataType::Date64 => number::<Date64Type>(array),
        DataType::Timestamp(unit, _) => timestamp(array, *unit),
        DataType::Decimal128(..) => number::<Decimal128Type>(array),
        DataType::Decimal256(..) => number::<Decimal256Type>(array),
        DataType::Binary => binary(array, {
            let bytes = array.as_binary::<i32>().clone();
            move |row| bytes.value(row).len()
        }),
        DataType::LargeBinary => binary(array, {
            let bytes = array.as_binary::<i64>().clone();
            move |row| bytes.value(row).len()
        }),
        DataType::BinaryView => binary(array, {
            let bytes = array.as_binary_view().clone();
            move |row| bytes.value(row).len()
        }),
        DataType::FixedSizeBinary(width) => {
            let width = usize::try_from(*width).unwrap_or(0);
            binary(array, move |_| width)
        }
        DataType::List(_) => list(array, array.as_list::<i32>()),
        DataType::LargeList(_) => list(array, array.as_list::<i64>()),
        DataType::FixedSizeList(..) => fixed_list(array, array.as_fixed_size_list()),
        DataType::Struct(fields) => {
            let parts = array.as_struct();
            let fields =
                fields.iter().zip(parts.columns()).map(|(field, part)| named(field.name(), part)).collect();
            Column::Struct(parts.clone(), fields)
        }
        DataType::Map(..) => {
            let map = array.as_map();
            Column::Map(map.clone(), Box::new(column(map.keys())), Box::new(column(map.values())))
        }
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            // Keys of an empty dictionary cannot be normalised; then every row is null.
            let empty = dictionary.values().is_empty();
            let keys = if empty { Vec::new() } else { dictionary.normalized_keys() };
            Column::Dictionary(array.clone(), keys, Box::new(column(dictionary.values())))
        }
        other => Column::Other(array.clone(), format!("a value of type {other}")),
    }
}

fn number<T: ArrowPrimitiveType>(array: &ArrayRef) -> Column
where
    T::Native: std::fmt::Display,
{
    let numbers: PrimitiveArray<T> = array.as_primitive::<T>().clone();
    let write = move |row: usize, out: &mut String| {
        let _ = write!(out, "{}", numbers.value(row));
    };
    Column::Number(Box::new(write), array.clone())
}

fn float<T: ArrowPrimitiveType>(array: &ArrayRef, widen: impl Fn(T::Native) -> f64 + 'static) -> Column {
    let numbers: PrimitiveArray<T> = array.as_primitive::<T>().clone();
    let write = move |row: usize, out: &mut String| {
        let number = widen(numbers.value(row));
        if number.is_finite() {
            let _ = write!(out, "{number:?}");
        } else if number.is_nan() {
            out.push_str("NaN");
        } else {
            out.push_str(if number > 0.0 { "Infinity" } else { "-Infinity" });
        }
    };
    Column::Number(Box::new(write), array.clone())
}

fn timestamp(array: &ArrayRef, unit: TimeUnit) -> Column {
    use arrow_array::types::{
        TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
    };
    match unit {
        TimeUnit::Second => number::<TimestampSecondType>(array),
        TimeUnit::Millisecond => number::<TimestampMillisecondType>(array),
        TimeUnit::Microsecond => number::<TimestampMicrosecondType>(array),
        TimeUnit::Nanosecond => number::<TimestampNanosecondType>(array),
    }
}

fn binary(array: &ArrayRef, length: impl Fn(usize) -> usize + 'static) -> Column {
    Column::Binary(Box::new(length), array.clone())
}

fn list<O: OffsetSizeTrait>(array: &ArrayRef, lists: &GenericListArray<O>) -> Column {
    let offsets = lists.offsets().clone();
    let range = move |row: usize| offsets[row].as_usize()..offsets[row + 1].as_usize();
    Column::List(array.clone(), Box::new(range), Box::new(column(lists.values())))
}

fn fixed_list(array: &ArrayRef, lists: &FixedSizeListArray) -> Column {
    let width = usize::try_from(lists.value_length()).unwrap_or(0);
    let range = move |row: usize| row * width..(row + 1) * width;
    Column::List(array.clone(), Box::new(range), Box::new(column(lists.values())))
}

/// One row as a JSON object without a line break behind it.
pub(super) fn write_row(fields: &[Field], row: usize, out: &mut Vec<u8>) {
    let mut text = String::new();
    write_object(fields, row, &mut text);
    out.extend_from_slice(text.as_bytes());
}

fn write_object(fields: &[Field], row: usize, out: &mut String) {
    out.push('{');
    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        out.push_str(&field.key);
        write_value(&field.column, row, out);
    }
    out.push('}');
}

fn write_value(column: &Column, row: usize, out: &mut String) {
    if column.is_null(row) {
        out.push_str("null");
        return;
    }
    match column {
        Column::Null => out.push_str("null"),
        Column::Bool(flags) => out.push_str(if flags.value(row) { "true" } else { "false" }),
        Column::Text(texts) => crate::json::write_string(texts.value(row), out),
        Column::LargeText(texts) => crate::json::write_string(texts.value(row), out),
        Column::TextView(texts) => crate::json::write_string(texts.value(row), out),
        Column::Number(write, _) => write(row, out),
        Column::Binary(length, _) => {
            let _ = write!(out, "\"<{} bytes>\"", length(row));
        }
        Column::List(_, range, values) => {
            out.push('[');
            for (index, item) in range(row).enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_value(values, item, out);
            }
            out.push(']');
        }
        Column::Struct(_, fields) => write_object(fields, row, out),
        Column::Map(map, keys, values) => {
            let offsets = map.value_offsets();
            out.push('{');
            for (index, item) in (offsets[row] as usize..offsets[row + 1] as usize).enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                write_key(keys, item, out);
                out.push_str(": ");
                write_value(values, item, out);
            }
            out.push('}');
        }
        Column::Dictionary(_, keys, values) => write_value(values, keys[row], out),
        Column::Other(_, named) => crate::json::write_string(named, out),
    }
}

/// Keys of JSON objects are texts; other keys are written as the text of their value.
fn write_key(keys: &Column, row: usize, out: &mut String) {
    let mut key = String::new();
    write_value(keys, row, &mut key);
    if key.starts_with('"') {
        out.push_str(&key);
    } else {
        crate::json::write_string(&key, out);
    }
}

impl Column {
    fn is_null(&self, row: usize) -> bool {
        match self {
            Self::Null => true,
            Self::Bool(array) => array.is_null(row),
            Self::Text(array) => array.is_null(row),
            Self::LargeText(array) => array.is_null(row),
            Self::TextView(array) => array.is_null(row),
            Self::Number(_, array)
            | Self::Binary(_, array)
            | Self::List(array, ..)
            | Self::Other(array, _) => array.is_null(row),
            Self::Struct(array, _) => array.is_null(row),
            Self::Map(array, ..) => array.is_null(row),
            Self::Dictionary(array, keys, _) => keys.is_empty() || array.is_null(row),
        }
    }
}
