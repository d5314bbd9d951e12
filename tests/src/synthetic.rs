//! Made-up runs with a known law, for tests of fitting and forecasting. They say nothing about real ones.

use foretune_core::numerics::Random;
use serde_json::{Map, Value, json};

/// Standard deviation of the final score between seeds of one configuration.
pub const SEED_NOISE_POINTS: f64 = 1.0;
pub const FAMILIES: usize = 12;
const STEPS: [u64; 8] = [0, 5, 10, 20, 35, 50, 75, 100];
/// Standard deviation of a score read on a few hundred clean rows.
const READING_NOISE_POINTS: f64 = 2.4;

/// A candidate's hidden truth.
struct Law {
    base: f64,
    end: f64,
    speed_steps: f64,
    total_steps: u64,
}

impl Law {
    fn score_at(&self, step: f64) -> f64 {
        let share = |steps: f64| 1.0 - (-steps / self.speed_steps).exp();
        self.base + (self.end - self.base) * share(step) / share(self.total_steps as f64)
    }
}

/// Records as `foretune collect` writes them, one JSON object each; two seeds a configuration.
pub fn runs(count: usize) -> Vec<Value> {
    let mut random = Random::new(21);
    let families: Vec<(f64, f64)> =
        (0..FAMILIES).map(|_| (35.0 * random.uniform(), 45.0 + 50.0 * random.uniform())).collect();
    let mut runs = Vec::with_capacity(count);
    while runs.len() < count {
        let configuration = runs.len() / 2;
        let family = configuration % FAMILIES;
        let (base, ceiling) = families[family];
        let rate = 10f64.powf(-4.0 + 2.0 * random.uniform());
        let label_noise = 0.5 * random.uniform();
        let rows = (50.0 * 80f64.powf(random.uniform())).round();
        let total_steps = 200 + random.below(600) as u64;
        let fitness = (-((rate.log10() + 2.7) / 0.9).powi(2)).exp();
        let law = Law {
            base,
            end: base + (ceiling * (1.0 - 0.6 * label_noise) - base) * fitness,
            speed_steps: 60.0 / fitness.max(0.1),
            total_steps,
        };
        let rank = f64::from(4 << random.below(3));
        let features = json!({
            "learning_rate": rate,
            "batch_size": 16.0,
            "total_steps": total_steps as f64,
            "lora_rank": rank,
            "lora_modules": 7.0,
            "trained_parameters": 3000.0 * rank,
            "dataset_num_items": rows,
            "static_valid_count": rows,
            "naive_bayes_accuracy": (ceiling / 100.0 * (1.0 - label_noise) + 0.05 * random.normal()).clamp(0.0, 1.0),
            "top_label_share": 0.2 + 0.3 * random.uniform(),
        });
        for _ in 0..2 {
            let index = runs.len();
            let final_score = (law.end + SEED_NOISE_POINTS * random.normal()).clamp(0.0, 100.0);
            runs.push(json!({
                "schema": 1,
                "id": format!("synthetic-{index}"),
                "configuration": format!("configuration-{configuration}"),
                "seed": index,
                "dataset": {"source": format!("source-{family}"), "family": format!("family-{family}"), "hash": "0"},
                "base_model": {"name": "synthetic", "hash": "0", "parameters": 1},
                "evaluation": {"name": "synthetic", "harness": "none", "prompt": "none", "rows": 800},
                "features": features,
                "readings": readings(&law, label_noise, &mut random),
                "base_score": law.base,
                "score": final_score,
                "p_gold": 0.9 * final_score,
                "smaller_model_score": (law.end - 6.0 + 3.0 * random.normal()).clamp(0.0, 100.0),
                "total_steps": total_steps,
            }));
        }
    }
    runs.truncate(count);
    runs
}

/// At the standard depths, a third and half of the run.
fn readings(law: &Law, label_noise: f64, random: &mut Random) -> Vec<Value> {
    let mut steps = STEPS.to_vec();
    steps.extend([law.total_steps / 3, law.total_steps / 2]);
    steps.sort_unstable();
    steps.dedup();
    let mut last = f64::NAN;
    steps
        .into_iter()
        .map(|step| {
            let truth = law.score_at(step as f64);
            let now = (truth + READING_NOISE_POINTS * random.normal()).clamp(0.0, 100.0);
            let mut features = Map::new();
            let mut set = |name: &str, value: f64| {
                features.insert(name.to_owned(), if value.is_finite() { value.into() } else { Value::Null });
            };
            set("probe_step", step as f64);
            set("probe_share", step as f64 / law.total_steps as f64);
            set("eval_score", now);
            set("eval_p_gold", (0.9 * truth + random.normal()).clamp(0.0, 100.0));
            set("eval_loss", 3.0 - 0.025 * truth + 0.05 * random.normal());
            set("eval_score_change", now - law.base);
            set("eval_score_trend", now - last);
            set("held_out_loss", 3.0 - 0.02 * truth + label_noise + 0.1 * random.normal());
            set("initial_loss", 3.0 - 0.02 * law.base + label_noise);
            set("neighbour_agreement", 1.0 - label_noise + 0.05 * random.normal());
            last = now;
            json!({"step": step, "features": features})
        })
        .collect()
}

/// As the lines of a run file.
pub fn lines(runs: &[Value]) -> String {
    runs.iter().flat_map(|run| [run.to_string(), "\n".to_owned()]).collect()
}
