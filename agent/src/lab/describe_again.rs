//! Recorded runs with the static features of today's descriptors: the files are made again, nothing is trained.

use anyhow::{Result, anyhow, bail};
use foretune_core::features::{self, Group};
use foretune_core::lab::PlannedRun;
use foretune_core::runs::RunRecord;
use foretune_core::wire::EventBody;
use indicatif::{ProgressBar, ProgressStyle};

use super::Maker;
use crate::terminal;

/// Everything that was measured in training stays as it was recorded.
pub fn describe_again(
    maker: &mut Maker<'_>,
    plan: &[PlannedRun],
    mut records: Vec<RunRecord>,
) -> Result<Vec<RunRecord>> {
    let total = records.len() as u64;
    let bar = if terminal::shows_progress() { ProgressBar::new(total) } else { ProgressBar::hidden() };
    let style = ProgressStyle::with_template("{bar:24} {pos}/{len} files described, {eta} left");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    for (done, record) in (1..).zip(&mut records) {
        let planned = plan.iter().find(|run| run.id == record.id);
        let planned = planned.ok_or_else(|| anyhow!("{} is not in the sweep's list", record.id))?;
        let report = maker.describe_again(planned)?;
        if report.file.fingerprint != record.dataset.hash {
            bail!(
                "the file of {} comes out as {}, recorded is {}: data or preparation have changed, so it cannot be \
                 described for this run",
                record.id,
                report.file.fingerprint,
                record.dataset.hash
            );
        }
        let is_static =
            |name: &str| features::find(name).is_some_and(|feature| feature.group == Group::Static);
        let mut all = std::mem::take(&mut record.features).without(is_static);
        for (name, value) in report.features.iter() {
            all.set(name, value);
        }
        record.features = all;
        bar.set_position(done);
        terminal::event(&EventBody::Progress { done, total: Some(total), unit: "files".into() });
    }
    bar.finish_and_clear();
    Ok(records)
}
