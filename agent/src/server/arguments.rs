//! A job as the command line that does it. Only absolute paths and `--name=value` come out, so that no text of a
//! client is taken for a flag.

use std::path::{Path, PathBuf};

use clap::CommandFactory;
use foretune_core::check::Wish;
use foretune_core::wire::{
    CheckSpec, CollectSpec, Data, FitSpec, JobSpec, ProbeSpec, RecipeSpec, Refusal, Rule, StopRule, TuneSpec,
};

use super::uploads::Uploads;
use crate::files;

/// Of the trace in a probe's folder.
pub const TRACE: &str = "trace.jsonl";

/// Kinds of jobs that this program can do.
pub fn kinds() -> Vec<String> {
    let can_pull = crate::Arguments::command().find_subcommand("models").is_some();
    let mut kinds: Vec<String> = ["check", "probe", "tune", "collect", "fit"].map(str::to_owned).to_vec();
    kinds.extend(can_pull.then(|| "pull".to_owned()));
    kinds
}

pub fn arguments(spec: &JobSpec, folder: &Path, uploads: &Uploads) -> Result<Vec<String>, Refusal> {
    let mut line = Line { words: Vec::new(), uploads };
    match spec {
        JobSpec::Check(spec) => check(&mut line, spec)?,
        JobSpec::Probe(spec) => probe(&mut line, spec, folder)?,
        JobSpec::Tune(spec) => tune(&mut line, spec, folder)?,
        JobSpec::Collect(spec) => collect(&mut line, spec)?,
        JobSpec::Fit(spec) => fit(&mut line, spec)?,
        JobSpec::Pull(spec) => {
            if !kinds().iter().any(|kind| kind == "pull") {
                return Err(Refusal::new(Rule::Unavailable, "this build fetches no models")
                    .with_fix(format!("fetch it with: hf download {}", spec.model)));
            }
            line.words.extend(["models", "pull", "--json", "--"].map(str::to_owned));
            line.words.push(spec.model.clone());
        }
    }
    Ok(line.words)
}

struct Line<'a> {
    words: Vec<String>,
    uploads: &'a Uploads,
}

impl Line<'_> {
    fn flag(&mut self, name: &str, value: impl std::fmt::Display) {
        self.words.push(format!("--{name}={value}"));
    }

    fn maybe(&mut self, name: &str, value: Option<impl std::fmt::Display>) {
        if let Some(value) = value {
            self.flag(name, value);
        }
    }

    fn file(&self, data: &Data) -> Result<String, Refusal> {
        match data {
            Data::Upload(name) => match self.uploads.path(name) {
                Some(path) => text(&path),
                None => Err(Refusal::new(Rule::UnknownUpload, format!("there is no upload {name:?}"))),
            },
            Data::Path(path) => {
                let path = absolute(path)?;
                if !files::exists(Path::new(&path)) {
                    return Err(Refusal::new(Rule::BadJob, format!("there is no file {path}")));
                }
                Ok(path)
            }
        }
    }

    fn file_flag(&mut self, name: &str, data: Option<&Data>) -> Result<(), Refusal> {
        if let Some(data) = data {
            let path = self.file(data)?;
            self.flag(name, path);
        }
        Ok(())
    }

    /// Of a file of their own, or of the data itself.
    fn clean_rows(
        &mut self,
        eval: Option<&Data>,
        rows: Option<u64>,
        set_aside: Option<Wish>,
    ) -> Result<(), Refusal> {
        self.file_flag("eval", eval)?;
        self.maybe("eval-rows", rows);
        let Some(wish) = set_aside else { return Ok(()) };
        if eval.is_some() {
            return Err(Refusal::new(
                Rule::BadJob,
                "rows are set aside only where there is no evaluation file",
            ));
        }
        self.flag("set-aside", wish.rows.map_or_else(|| "auto".to_owned(), |rows| rows.to_string()));
        self.flag("set-aside-seed", wish.seed);
        Ok(())
    }

    fn recipe(&mut self, recipe: &RecipeSpec) {
        self.maybe("lr", recipe.learning_rate);
        self.maybe("epochs", recipe.epochs);
        self.maybe("max-steps", recipe.max_steps);
        self.maybe("batch", recipe.batch_size);
        self.maybe("rank", recipe.rank);
        self.maybe("alpha", recipe.alpha);
        self.maybe("dropout", recipe.dropout);
        self.maybe("targets", recipe.targets.as_ref().map(|targets| targets.join(",")));
        self.maybe("max-tokens", recipe.sequence_length);
        self.maybe("schedule", recipe.schedule.as_ref());
        self.maybe("warmup", recipe.warmup_share);
        self.maybe("weight-decay", recipe.weight_decay);
        self.maybe("clip", recipe.clip_norm);
        self.maybe("seed", recipe.seed);
        self.maybe("quantize", recipe.quantize);
        if recipe.recompute {
            self.words.push("--recompute".to_owned());
        }
    }
}

fn check(line: &mut Line<'_>, spec: &CheckSpec) -> Result<(), Refusal> {
    let file = line.file(&spec.data)?;
    line.words.extend(["check".to_owned(), file, "--json".to_owned()]);
    line.file_flag("eval", spec.eval.as_ref())?;
    line.maybe("max-tokens", spec.max_tokens);
    line.maybe("map", spec.map.as_ref());
    Ok(())
}

fn probe(line: &mut Line<'_>, spec: &ProbeSpec, folder: &Path) -> Result<(), Refusal> {
    let file = line.file(&spec.data)?;
    line.words.extend(["probe".to_owned(), file, "--json".to_owned()]);
    line.flag("model", &spec.model);
    line.flag("out", text(&folder.join(TRACE))?);
    line.clean_rows(spec.eval.as_ref(), spec.eval_rows, spec.set_aside)?;
    line.maybe("steps", spec.steps);
    line.maybe(
        "stop",
        spec.stop.map(|stop| match stop {
            StopRule::Auto => "auto",
            StopRule::Never => "never",
        }),
    );
    line.maybe("device", spec.device.map(foretune_core::wire::DeviceWish::name));
    line.maybe("map", spec.map.as_ref());
    if let Some(sampled) = &spec.sampled {
        let digits = &sampled.fingerprint;
        if digits.len() != 16 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let message = format!("the fingerprint {digits:?} is not 16 hexadecimal digits");
            return Err(Refusal::new(Rule::BadJob, message));
        }
        line.flag("sampled-from", sampled.rows);
        line.flag("fingerprint", digits);
    }
    line.recipe(&spec.recipe);
    Ok(())
}

fn tune(line: &mut Line<'_>, spec: &TuneSpec, folder: &Path) -> Result<(), Refusal> {
    let file = line.file(&spec.data)?;
    line.words.extend(["tune".to_owned(), file, "--json".to_owned()]);
    line.flag("model", &spec.model);
    line.flag("out", text(&folder.join("out"))?);
    if spec.eval.is_none() && spec.set_aside.is_none() {
        return Err(Refusal::new(Rule::BadJob, "there are no test rows for the final score")
            .with_fix("give them as eval, or have some of the data set aside with set_aside"));
    }
    line.clean_rows(spec.eval.as_ref(), spec.eval_rows, spec.set_aside)?;
    line.file_flag("dev", spec.dev.as_ref())?;
    line.maybe("patience", spec.patience);
    line.maybe("device", spec.device.map(foretune_core::wire::DeviceWish::name));
    line.maybe("map", spec.map.as_ref());
    line.recipe(&spec.recipe);
    Ok(())
}

fn collect(line: &mut Line<'_>, spec: &CollectSpec) -> Result<(), Refusal> {
    let sweep = line.file(&Data::Path(spec.sweep.clone()))?;
    line.words.extend(["collect".to_owned(), sweep, "--json".to_owned()]);
    line.flag("runs", absolute(&spec.runs)?);
    line.maybe("jobs", spec.jobs);
    line.maybe("device", spec.device.map(foretune_core::wire::DeviceWish::name));
    Ok(())
}

fn fit(line: &mut Line<'_>, spec: &FitSpec) -> Result<(), Refusal> {
    let runs = line.file(&Data::Path(spec.runs.clone()))?;
    line.words.extend(["fit".to_owned(), runs, "--json".to_owned()]);
    line.flag("out", absolute(&spec.out)?);
    if let Some(report) = &spec.report {
        line.flag("report", absolute(report)?);
    }
    Ok(())
}

fn absolute(path: &str) -> Result<String, Refusal> {
    if Path::new(path).is_absolute() {
        return Ok(path.to_owned());
    }
    Err(Refusal::new(Rule::BadJob, format!("{path:?} is not a whole path"))
        .with_fix("give the path from the root on"))
}

fn text(path: &Path) -> Result<String, Refusal> {
    let text = PathBuf::from(path).into_os_string().into_string();
    text.map_err(|path| Refusal::new(Rule::BadJob, format!("{} is not UTF-8", path.display())))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use foretune_core::wire::{DeviceWish, PullSpec, Sampled};

    use super::*;

    #[test]
    fn every_job_is_a_command_line_that_is_understood() {
        let state = tempfile::tempdir().unwrap();
        let uploads = Uploads::open(state.path()).unwrap();
        let path = state.path().join("rows.jsonl");
        files::write_atomically(&path, b"{}\n").unwrap();
        let path = path.to_str().unwrap().to_owned();
        let data = Data::Path(path.clone());
        let recipe = RecipeSpec {
            learning_rate: Some(-1e-4),
            epochs: Some(2.5),
            max_steps: Some(7),
            batch_size: Some(4),
            rank: Some(2),
            alpha: Some(4.0),
            dropout: Some(0.1),
            targets: Some(vec!["q".into(), "v".into()]),
            sequence_length: Some(64),
            schedule: Some("cosine".into()),
            warmup_share: Some(0.1),
            weight_decay: Some(0.0),
            clip_norm: Some(1.0),
            seed: Some(3),
            quantize: Some(8),
            recompute: true,
        };
        let map = Some("instruction=a,output=b".to_owned());
        let tune = TuneSpec {
            data: data.clone(),
            eval: Some(data.clone()),
            eval_rows: Some(3),
            set_aside: None,
            dev: Some(data.clone()),
            model: "tiny".into(),
            patience: Some(2),
            device: None,
            map: map.clone(),
            recipe: recipe.clone(),
        };
        let jobs = [
            JobSpec::Check(CheckSpec {
                data: data.clone(),
                eval: Some(data.clone()),
                max_tokens: Some(9),
                map: map.clone(),
            }),
            JobSpec::Probe(Box::new(ProbeSpec {
                data: data.clone(),
                sampled: Some(Sampled { rows: 9, fingerprint: "90c1f5e2a7d34b68".into() }),
                eval: Some(data.clone()),
                eval_rows: Some(3),
                set_aside: None,
                model: "--device=cuda".into(),
                steps: Some(4),
                stop: Some(StopRule::Never),
                device: Some(DeviceWish::Cpu),
                map,
                recipe,
            })),
            JobSpec::Probe(Box::new(ProbeSpec {
                data: data.clone(),
                sampled: None,
                eval: None,
                eval_rows: None,
                set_aside: Some(Wish { rows: None, seed: 5 }),
                model: "tiny".into(),
                steps: None,
                stop: None,
                device: None,
                map: None,
                recipe: RecipeSpec::default(),
            })),
            JobSpec::Tune(Box::new(TuneSpec {
                eval: None,
                eval_rows: None,
                set_aside: Some(Wish { rows: Some(20), seed: 1 }),
                ..tune.clone()
            })),
            JobSpec::Tune(Box::new(tune.clone())),
            JobSpec::Collect(CollectSpec {
                sweep: path.clone(),
                runs: "/r".into(),
                jobs: Some(2),
                device: None,
            }),
            JobSpec::Fit(FitSpec {
                runs: path.clone(),
                out: "/p.onnx".into(),
                report: Some("/r.html".into()),
            }),
        ];
        for job in jobs {
            let mut words = arguments(&job, state.path(), &uploads).unwrap();
            words.insert(0, "foretune".into());
            if let Err(error) = crate::Arguments::try_parse_from(&words) {
                panic!("{words:?}: {error}");
            }
        }
        let rule = |job: &JobSpec| arguments(job, state.path(), &uploads).map_err(|refusal| refusal.rule);
        if !kinds().contains(&"pull".to_owned()) {
            assert_eq!(rule(&JobSpec::Pull(PullSpec { model: "m".into() })), Err(Rule::Unavailable));
        }
        let both = TuneSpec { set_aside: Some(Wish::default()), ..tune.clone() };
        let neither = TuneSpec { eval: None, ..tune };
        for wrong in [both, neither] {
            assert_eq!(rule(&JobSpec::Tune(Box::new(wrong))), Err(Rule::BadJob));
        }
        let of = |data: Data| JobSpec::Check(CheckSpec { data, eval: None, max_tokens: None, map: None });
        assert_eq!(rule(&of(Data::Path("rows.jsonl".into()))), Err(Rule::BadJob));
        assert_eq!(rule(&of(Data::Path("/no/such/file".into()))), Err(Rule::BadJob));
        assert_eq!(rule(&of(Data::Upload("../secret".into()))), Err(Rule::UnknownUpload));
    }
}
