//! Sixteen ways to pretrain the lab's smallest size, so that choosing among checkpoints can be judged on
//! models whose fine-tuned scores we know: three objectives by three rates, six data mixes, one other seed.

/// What running text is turned into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Objective {
    /// The next token, everywhere.
    Causal,
    /// The contents of masked spans (`foretune_engine::indicators::with_gaps`).
    Spans,
    /// Half of the pieces each.
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Variant {
    pub name: &'static str,
    pub objective: Objective,
    /// Peak learning rate; the size's own where `None`.
    pub rate: Option<f64>,
    /// Share of the pieces of running text that is read.
    pub text_share: f64,
    /// How often a pass shows each taught row with its answer.
    pub taught_repeats: usize,
    /// Whether inputs without answers are read.
    pub reads_inputs: bool,
    pub seed: u64,
}

/// How the models under `lab/` are made.
pub const STANDARD: Variant = Variant {
    name: "standard",
    objective: Objective::Causal,
    rate: None,
    text_share: 1.0,
    taught_repeats: 2,
    reads_inputs: true,
    seed: 1,
};

const fn grid(name: &'static str, objective: Objective, rate: f64) -> Variant {
    Variant { name, objective, rate: Some(rate), ..STANDARD }
}

pub const VARIANTS: [Variant; 16] = [
    grid("causal-slow", Objective::Causal, 1e-3),
    grid("causal-middle", Objective::Causal, 4e-3),
    grid("causal-fast", Objective::Causal, 1.2e-2),
    grid("spans-slow", Objective::Spans, 1e-3),
    grid("spans-middle", Objective::Spans, 4e-3),
    grid("spans-fast", Objective::Spans, 1.2e-2),
    grid("both-slow", Objective::Both, 1e-3),
    grid("both-middle", Objective::Both, 4e-3),
    grid("both-fast", Objective::Both, 1.2e-2),
    Variant { name: "text-only", taught_repeats: 0, reads_inputs: false, ..STANDARD },
    Variant { name: "tasks-only", text_share: 0.0, ..STANDARD },
    Variant { name: "no-answers", taught_repeats: 0, ..STANDARD },
    Variant { name: "many-answers", taught_repeats: 6, ..STANDARD },
    Variant { name: "half-text", text_share: 0.5, ..STANDARD },
    Variant { name: "no-inputs", reads_inputs: false, ..STANDARD },
    Variant { name: "other-seed", seed: 2, ..STANDARD },
];

pub fn find(name: &str) -> Option<Variant> {
    VARIANTS.into_iter().chain([STANDARD]).find(|variant| variant.name == name)
}
