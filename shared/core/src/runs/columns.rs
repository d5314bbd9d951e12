//! The table of moments as a Parquet file, for notebooks and learners of one's own: the columns of the CSV, typed,
//! missing values as nulls.

use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;

use super::record::RunRecord;
use super::table::{AnytimeTable, NAMED_COLUMNS, TARGET_COLUMN};

impl AnytimeTable {
    pub fn parquet(&self, runs: &[RunRecord]) -> Result<Vec<u8>, ParquetError> {
        let rows = 0..self.table.rows.len();
        let named: Vec<[&str; NAMED_COLUMNS.len()]> = rows.map(|row| self.named(row, runs)).collect();
        let texts = NAMED_COLUMNS.iter().enumerate().map(|(at, name)| {
            let cells = StringArray::from_iter_values(named.iter().map(|cells| cells[at]));
            (*name, Arc::new(cells) as ArrayRef)
        });
        let numbers = |values: &mut dyn Iterator<Item = f64>| {
            let cells: Float64Array = values.map(|value| (!value.is_nan()).then_some(value)).collect();
            Arc::new(cells) as ArrayRef
        };
        let target = (TARGET_COLUMN, numbers(&mut self.table.target.iter().copied()));
        let features = self
            .table
            .names
            .iter()
            .enumerate()
            .map(|(at, name)| (name.as_str(), numbers(&mut self.table.rows.iter().map(|row| row[at]))));
        let batch = RecordBatch::try_from_iter(texts.chain([target]).chain(features))?;
        let properties = WriterProperties::builder().set_compression(Compression::SNAPPY).build();
        let mut bytes = Vec::new();
        let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), Some(properties))?;
        writer.write(&batch)?;
        writer.close()?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Float64Type;
    use bytes::Bytes;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    use super::*;
    use crate::runs::Label;

    fn run(id: &str, score: f64) -> RunRecord {
        serde_json::from_value(serde_json::json!({
            "schema": 1, "id": id, "configuration": id, "seed": 1,
            "dataset": { "source": "a, \"quoted\"", "hash": "f" },
            "base_model": { "name": "m", "hash": "m", "parameters": 1 },
            "evaluation": { "name": "a", "harness": "h", "prompt": "p", "rows": 10 },
            "features": { "learning_rate": 0.001, "dropout": null }, "base_score": null, "score": score,
            "total_steps": 10
        }))
        .unwrap()
    }

    #[test]
    fn a_parquet_table_holds_what_the_csv_says() {
        let runs = [run("one", 12.5), run("two", 80.0)];
        let table = AnytimeTable::of(&runs, Label::Score, false);
        let bytes = Bytes::from(table.parquet(&runs).unwrap());
        let mut batches = ParquetRecordBatchReaderBuilder::try_new(bytes).unwrap().build().unwrap();
        let batch = batches.next().unwrap().unwrap();
        let csv = table.csv(&runs);
        let header = csv.lines().next().unwrap();
        let schema = batch.schema();
        let names: Vec<&str> = schema.fields().iter().map(|field| field.name().as_str()).collect();
        assert_eq!(header, names.join(","));
        assert_eq!(batch.num_rows(), csv.lines().count() - 1);
        let column = |name: &str| batch.column_by_name(name).unwrap();
        assert_eq!(column("source").as_string::<i32>().value(0), "a, \"quoted\"");
        let targets = column(TARGET_COLUMN).as_primitive::<Float64Type>();
        assert!((targets.value(0) - 12.5).abs() < 1e-12 && (targets.value(1) - 80.0).abs() < 1e-12);
        for (at, name) in table.table.names.iter().enumerate() {
            let missing = (0..batch.num_rows()).filter(|row| table.table.rows[*row][at].is_nan()).count();
            assert_eq!(column(name).null_count(), missing, "{name}");
        }
    }
}
