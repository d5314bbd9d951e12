//! The recipe's flags, the same for probe and tune.

use anyhow::{Result, bail};
use clap::Args;
use foretune_engine::{LoraConfig, Quantization, Recipe, Schedule, Target};

#[derive(Debug, Clone, Args)]
pub struct RecipeFlags {
    /// Peak learning rate (default: 2e-4; 1e-3 for models of less than 50 million parameters)
    #[arg(long)]
    pub lr: Option<f64>,
    /// Passes over the rows in the full run
    #[arg(long, default_value_t = 3.0)]
    pub epochs: f64,
    /// Steps of the full run, instead of --epochs
    #[arg(long, value_name = "N")]
    pub max_steps: Option<u64>,
    /// Rows of one optimizer step
    #[arg(long, default_value_t = 16)]
    pub batch: usize,
    /// Rank of the adapters
    #[arg(long, default_value_t = 16)]
    pub rank: usize,
    /// Scaling of the adapters (default: twice the rank)
    #[arg(long)]
    pub alpha: Option<f64>,
    /// Dropout on the adapters' inputs
    #[arg(long, default_value_t = 0.0)]
    pub dropout: f64,
    /// Linear layers that get an adapter
    #[arg(long, value_delimiter = ',', default_value = "q,k,v,o,gate,up,down")]
    pub targets: Vec<String>,
    /// Longest row in tokens; longer ones are cut (default: 1024, or as many as the model takes)
    #[arg(long, value_name = "TOKENS")]
    pub max_tokens: Option<usize>,
    /// constant, linear or cosine
    #[arg(long, default_value = "linear")]
    pub schedule: String,
    /// Share of the steps over which the rate rises
    #[arg(long, default_value_t = 0.05)]
    pub warmup: f64,
    #[arg(long, default_value_t = 0.0)]
    pub weight_decay: f64,
    /// Gradient norms above this are scaled down to it
    #[arg(long, default_value_t = 1.0)]
    pub clip: f64,
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Compute activations again in the backward pass: less memory, the same numbers
    #[arg(long)]
    pub recompute: bool,
    /// Keep frozen weights in this many bits (8 or 4)
    #[arg(long, value_name = "BITS")]
    pub quantize: Option<u8>,
}

impl RecipeFlags {
    /// `usual`: what is trained where no flag says otherwise.
    pub fn recipe(&self, usual: &Recipe) -> Result<Recipe> {
        let Some(schedule) = Schedule::parse(&self.schedule) else {
            bail!("--schedule {}: expected constant, linear or cosine", self.schedule);
        };
        let mut targets = Vec::new();
        for name in &self.targets {
            match Target::parse(name) {
                Some(target) => targets.push(target),
                None => bail!("--targets {name}: expected q, k, v, o, gate, up or down"),
            }
        }
        targets.sort_unstable();
        targets.dedup();
        let recipe = Recipe {
            learning_rate: self.lr.unwrap_or(usual.learning_rate),
            batch_size: self.batch,
            epochs: self.epochs,
            max_steps: self.max_steps,
            schedule,
            warmup_share: self.warmup,
            weight_decay: self.weight_decay,
            clip_norm: self.clip,
            sequence_length: self.max_tokens.unwrap_or(usual.sequence_length),
            lora: LoraConfig {
                rank: self.rank,
                alpha: self.alpha.unwrap_or(2.0 * self.rank as f64),
                dropout: self.dropout,
                targets,
            },
            seed: self.seed,
        };
        recipe.check()?;
        Ok(recipe)
    }

    pub fn quantization(&self) -> Result<Quantization> {
        match self.quantize {
            None => Ok(Quantization::None),
            Some(8) => Ok(Quantization::Eight),
            Some(4) => Ok(Quantization::Four),
            Some(bits) => bail!("--quantize {bits}: expected 8 or 4"),
        }
    }
}
