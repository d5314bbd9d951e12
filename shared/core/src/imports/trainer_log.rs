//! Console logs of the Hugging Face Trainer and what is built on it: dictionaries as Python prints them, which tell
//! an epoch but no step. The step is that of the progress bar before it, or what the epoch's length makes of it.

use super::console_log::pieces;
use super::gather::{Gathered, Metric, step_of};
use super::{ImportError, ImportedRun};
use crate::limits;

pub(super) fn read(name: &str, text: &str) -> Result<ImportedRun, ImportError> {
    let mut log = Log::default();
    for (index, piece) in pieces(text).enumerate() {
        log.heading(piece);
        log.bar(piece);
        if let Some(values) = dictionary(piece) {
            log.entry(index, values)?;
        }
    }
    let mut run = Gathered::default();
    if log.entries.is_empty() {
        return run.finish(name.to_owned(), "console log");
    }
    let steps = log.steps()?;
    run.notes.push(log.how_steps_are_known());
    for (name, value) in [
        ("total_steps", log.total_steps()),
        ("epochs", log.epochs),
        ("batch_size", log.batch_size),
        ("trained_parameters", log.trained_parameters),
    ] {
        if let Some(value) = value {
            run.recipe.set(name, value);
        }
    }
    for (entry, step) in log.entries.iter().zip(steps) {
        for (name, value) in &entry.values {
            run.add(step, name, *value)?;
        }
    }
    run.finish(name.to_owned(), "console log")
}

#[derive(Default)]
struct Log {
    entries: Vec<Entry>,
    /// What the trainer says before its first step.
    stated_steps: Option<f64>,
    epochs: Option<f64>,
    batch_size: Option<f64>,
    trained_parameters: Option<f64>,
    is_training_heading: bool,
    last_bar: Option<Bar>,
    training_bar: Option<Bar>,
    bar_total: Option<u64>,
}

#[derive(Clone, Copy)]
struct Bar {
    done: u64,
    total: u64,
}

struct Entry {
    values: Vec<(String, f64)>,
    is_training: bool,
    /// With half of the last printed digit's place.
    epoch: Option<(f64, f64)>,
    bar: Option<u64>,
}

impl Log {
    /// `  Total optimization steps = 1,000`, whatever a logger puts before it.
    fn heading(&mut self, piece: &str) {
        if piece.contains("*****") {
            self.is_training_heading = piece.contains("Running training");
        }
        let Some((words, value)) = piece.rsplit_once(" = ") else { return };
        if !self.is_training_heading {
            return;
        }
        let Ok(value) = value.trim().replace(',', "").parse::<f64>() else { return };
        let place = if words.ends_with("Total optimization steps") {
            &mut self.stated_steps
        } else if words.ends_with("Num Epochs") {
            &mut self.epochs
        } else if words.contains("Total train batch size") {
            &mut self.batch_size
        } else if words.ends_with("Number of trainable parameters") {
            &mut self.trained_parameters
        } else {
            return;
        };
        *place = Some(value).filter(|value| *value > 0.0);
    }

    /// ` 10%|#         | 10/100 [00:10<01:30,  1.0it/s]`; bars of other work have words before the percentage.
    fn bar(&mut self, piece: &str) {
        let Some((before, rest)) = piece.split_once("%|") else { return };
        // Terminals are told to move and to colour: `\u{1b}[A`.
        let before = before.rsplit('\u{1b}').next().unwrap_or_default();
        let before = before.trim_start_matches(|sign: char| sign == '[' || sign.is_ascii_uppercase()).trim();
        if before.parse::<u32>().is_err() {
            return;
        }
        let Some((_, counts)) = rest.split_once('|') else { return };
        let counts = counts.split('[').next().unwrap_or_default().trim();
        let Some((done, total)) = counts.split_once('/') else { return };
        let (Ok(done), Ok(total)) = (done.parse(), total.parse()) else { return };
        self.last_bar = Some(Bar { done, total });
        if self.is_of_training(total) {
            self.training_bar = self.last_bar;
        }
    }

    /// An evaluation's bar counts its own batches.
    fn is_of_training(&self, total: u64) -> bool {
        match (self.stated_steps, self.bar_total) {
            (Some(stated), _) => (stated - total as f64).abs() < 0.5,
            (None, Some(known)) => known == total,
            (None, None) => false,
        }
    }

    fn entry(&mut self, index: usize, values: Vec<(String, f64, usize)>) -> Result<(), ImportError> {
        if self.entries.len() == limits::MAX_IMPORT_STEPS {
            return Err(ImportError::TooMany { what: "logged lines", most: limits::MAX_IMPORT_STEPS });
        }
        if values.len() > limits::MAX_KEYS {
            let what = "keys in one entry";
            return Err(ImportError::TooMany { what, most: limits::MAX_KEYS });
        }
        // A summary of the whole run.
        if values.iter().any(|(name, ..)| name == "train_runtime") {
            return Ok(());
        }
        let metric = |wanted| values.iter().find(|(name, ..)| Metric::of(name) == Some(wanted));
        let is_training = metric(Metric::Loss).is_some();
        if !is_training && metric(Metric::HeldOutLoss).is_none() {
            return Ok(());
        }
        if is_training && self.stated_steps.is_none() && self.bar_total.is_none() {
            self.bar_total = self.last_bar.map(|bar| bar.total);
            self.training_bar = self.last_bar;
        }
        let epoch = metric(Metric::Epoch)
            .map(|(_, epoch, decimals)| (*epoch, 0.5 * libm::pow(10.0, -(*decimals as f64))));
        let bar = self.training_bar.map(|bar| bar.done);
        if bar.is_none() && epoch.is_none() {
            return Err(ImportError::Malformed {
                place: format!("line {}", index + 1),
                detail: "neither a progress bar nor an epoch tells the step of this loss".to_owned(),
            });
        }
        let values = values.into_iter().map(|(name, value, _)| (name, value)).collect();
        self.entries.push(Entry { values, is_training, epoch, bar });
        Ok(())
    }

    fn total_steps(&self) -> Option<f64> {
        self.stated_steps.or(self.bar_total.map(|total| total as f64))
    }

    fn steps_per_epoch(&self) -> Option<f64> {
        Some(self.total_steps()? / self.epochs?)
    }

    /// The step that an entry tells, and by how much it may be wrong.
    fn told(&self, entry: &Entry) -> Option<(f64, f64)> {
        if let Some((0.0, _)) = entry.epoch
            && !entry.is_training
        {
            return Some((0.0, 0.0));
        }
        // A bar is drawn ten times a second at most: quick steps run ahead of it.
        let by_bar = entry.bar.map(|done| (done as f64, 2.0 + 0.05 * done as f64));
        let by_epoch = entry.epoch.zip(self.steps_per_epoch());
        let by_epoch = by_epoch.map(|((epoch, half), steps)| (epoch * steps, 1.0 + half * steps));
        match (by_bar, by_epoch) {
            (Some(bar), Some(epoch)) => Some(if epoch.1 < bar.1 { epoch } else { bar }),
            (bar, epoch) => bar.or(epoch),
        }
    }

    /// Losses are logged every so many steps: where all entries agree with that, it tells the steps exactly.
    fn steps(&self) -> Result<Vec<u64>, ImportError> {
        let told: Vec<(f64, f64)> =
            self.entries.iter().map(|entry| self.told(entry)).collect::<Option<_>>().ok_or_else(|| {
                ImportError::Malformed {
                place: "the log".to_owned(),
                detail:
                    "it tells epochs, but not how many steps an epoch has: give it with its progress bars or \
                             the heading \"Total optimization steps\", or give trainer_state.json"
                        .to_owned(),
            }
            })?;
        let training: Vec<usize> = (0..told.len()).filter(|index| self.entries[*index].is_training).collect();
        let whole = |(step, _): &(f64, f64)| {
            step_of(libm::round(*step)).ok_or_else(|| ImportError::Malformed {
                place: "the log".to_owned(),
                detail: format!("it tells of step {step}"),
            })
        };
        let mut steps: Vec<u64> = told.iter().map(whole).collect::<Result<_, _>>()?;
        let told_of_training: Vec<(f64, f64)> = training.iter().map(|index| told[*index]).collect();
        let Some(even) = evenly_spaced(&told_of_training) else { return Ok(steps) };
        for (index, step) in training.iter().zip(&even) {
            steps[*index] = *step;
        }
        // An evaluation follows the loss that was logged in the same step.
        for index in 1..steps.len() {
            let (before, now) = (&self.entries[index - 1], &self.entries[index]);
            let is_same_epoch = match (before.epoch, now.epoch) {
                (Some((before, half)), Some((now, _))) => (before - now).abs() < half,
                _ => (told[index].0 - told[index - 1].0).abs() < 0.5,
            };
            if before.is_training && !now.is_training && is_same_epoch {
                steps[index] = steps[index - 1];
            }
        }
        Ok(steps)
    }

    fn how_steps_are_known(&self) -> String {
        let by_bar = self.entries.iter().filter(|entry| entry.is_training).all(|entry| entry.bar.is_some());
        let how = if by_bar { "its progress bars" } else { "its epochs and their length" };
        format!("the log names no steps: they are told by {how}")
    }
}

/// `every, 2 every, ...`, with step 1 before it where the first step is logged too.
fn evenly_spaced(told: &[(f64, f64)]) -> Option<Vec<u64>> {
    let (last, _) = *told.last()?;
    let fits = |steps: &[u64]| {
        steps.iter().zip(told).all(|(step, (told, error))| (*step as f64 - told).abs() <= *error)
    };
    [0, 1].into_iter().find_map(|first| {
        let intervals = told.len().checked_sub(first).filter(|count| *count > 0)?;
        let every = libm::round(last / intervals as f64) as u64;
        let even = (1..=intervals as u64).map(|index| index * every);
        let steps: Vec<u64> = (0..first as u64).map(|_| 1).chain(even).collect();
        (every > 0 && fits(&steps)).then_some(steps)
    })
}

/// `{'loss': 1.25, 'epoch': '0.5'}` anywhere in a line: the names with a number, and its decimals.
fn dictionary(piece: &str) -> Option<Vec<(String, f64, usize)>> {
    let (_, rest) = piece.split_once("{'")?;
    let inner = &rest[..rest.rfind('}')?];
    let pairs = inner.split(", '").filter_map(|pair| {
        let (name, value) = pair.split_once("': ")?;
        let value = value.trim_matches(['\'', ' ']);
        let decimals = value.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        Some((name.to_owned(), value.parse().ok()?, decimals))
    });
    Some(pairs.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn course(log: &str) -> Vec<(u64, Option<f64>, Option<f64>)> {
        let run = read("train.log", log).unwrap();
        run.steps.iter().map(|step| (step.step, step.loss, step.held_out_loss)).collect()
    }

    #[test]
    fn bars_tell_the_steps_of_an_axolotl_console() {
        let log = "Tokenizing Prompts (num_proc=12): 100%|####| 300/300 [00:01<00:00, 300.00 examples/s]\n\
                   \r  0%|          | 0/95 [00:00<?, ?it/s]\n{'eval_loss': 2.5, 'eval_runtime': 1.0, 'epoch': 0}\n\
                   \r  0%|          | 0/30 [00:00<?, ?it/s]\r 33%|###3      | 10/30 [00:10<00:20,  1.00s/it]\n\
                   {'loss': 2.0, 'grad_norm': 1.5, 'learning_rate': 0.0002, 'epoch': 0.67}\n\
                   \r 66%|######    | 20/30 [00:20<00:10,  1.00s/it]{'loss': 1.5, 'grad_norm': nan, 'learning_rate': 0.0001, 'epoch': 1.33}\n\
                   \r100%|##########| 95/95 [00:05<00:00, 19.00it/s]\n{'eval_loss': 1.75, 'eval_runtime': 1.0, 'epoch': 1.33}\n\
                   {'train_runtime': 30.0, 'train_loss': 1.75, 'epoch': 2.0}\n";
        assert_eq!(course(log), [(0, None, Some(2.5)), (10, Some(2.0), None), (20, Some(1.5), Some(1.75))]);
        let run = read("train.log", log).unwrap();
        assert!((run.recipe.get("total_steps") - 30.0).abs() < 1e-9);
        assert_eq!((run.steps[1].grad_norm, run.steps[2].grad_norm), (Some(1.5), None));
    }

    #[test]
    fn the_heading_and_epochs_tell_the_steps_of_a_llama_factory_log() {
        let stamp = |text: &str| format!("[INFO|trainer.py:2519] 2026-05-14 12:00:00,123 >> {text}\n");
        let mut log = stamp("***** Running training *****")
            + &stamp("  Num examples = 8,000")
            + &stamp("  Num Epochs = 3")
            + &stamp("  Total train batch size (w. parallel, distributed & accumulation) = 16")
            + &stamp("  Total optimization steps = 1,500")
            + &stamp("  Number of trainable parameters = 20,185,088");
        // Two decimals of an epoch of 500 steps leave the step open by two and a half.
        for (index, loss) in [2.5, 2.25, 2.0, 1.75].into_iter().enumerate() {
            let epoch = (index + 1) as f64 * 25.0 / 500.0;
            log += &format!(
                "[INFO|callbacks.py:310] >> {{'loss': '{loss}', 'learning_rate': '5e-05', 'epoch': '{epoch:.2}'}}\n"
            );
        }
        log += &stamp("***** Running Evaluation *****");
        log += &stamp("  Num examples = 100");
        log += "{'eval_loss': '1.9', 'epoch': '0.2'}\n";
        let run = read("running_log.txt", &log).unwrap();
        let steps: Vec<u64> = run.steps.iter().map(|step| step.step).collect();
        assert_eq!(steps, [25, 50, 75, 100]);
        assert_eq!(run.steps[3].held_out_loss, Some(1.9));
        for (name, value) in [
            ("total_steps", 1500.0),
            ("epochs", 3.0),
            ("batch_size", 16.0),
            ("trained_parameters", 20_185_088.0),
        ] {
            assert!((run.recipe.get(name) - value).abs() < 1e-9, "{name}");
        }
    }

    #[test]
    fn steps_that_nothing_tells_are_not_guessed() {
        let error = read("x.log", "{'loss': 2.0, 'epoch': 0.1}\n{'loss': 1.0, 'epoch': 0.2}\n").unwrap_err();
        assert!(error.to_string().contains("trainer_state.json"), "{error}");
        let error = read("x.log", "{'loss': 2.0}\n").unwrap_err();
        assert!(error.to_string().contains("line 1"), "{error}");
        assert!(matches!(read("x.log", "Starting\nDone\n"), Err(ImportError::NoLoss { .. })));
    }

    #[test]
    fn a_first_step_logged_beside_every_tenth_is_kept() {
        let told: Vec<(f64, f64)> = [1.0, 9.0, 21.0, 30.0].into_iter().map(|step| (step, 2.5)).collect();
        assert_eq!(evenly_spaced(&told), Some(vec![1, 10, 20, 30]));
        assert_eq!(evenly_spaced(&[(3.0, 1.0), (50.0, 2.0), (60.0, 2.0)]), None);
        assert_eq!(evenly_spaced(&[]), None);
    }
}
