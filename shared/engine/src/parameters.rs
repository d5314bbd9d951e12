//! Everything that is trained, as one flat f32 run of numbers with Adam's two moments beside it: one pass
//! for the norm, one for the step, one for a checkpoint. Layers hold views into it.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};

use crate::error::{EngineError, Result};
use crate::ops::{AdamW, adamw_step, add_assign, is_fused, simd, with_slice};

/// One named tensor inside the flat run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    pub name: String,
    pub shape: Vec<usize>,
    pub offset: usize,
}

impl Parameter {
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Biases and norm weights are not decayed, as in the Hugging Face trainer.
    fn decays(&self) -> bool {
        self.shape.len() > 1
    }
}

#[derive(Debug)]
pub struct Parameters {
    pub values: Tensor,
    first_moment: Tensor,
    second_moment: Tensor,
    /// In order of offset, without gaps.
    pub list: Vec<Parameter>,
    /// Optimizer steps taken.
    pub steps: u64,
}

/// Collects initial values in order, before the flat run exists.
#[derive(Debug, Default)]
pub struct ParametersBuilder {
    list: Vec<Parameter>,
    pieces: Vec<Tensor>,
    total: usize,
}

impl ParametersBuilder {
    /// Returns the offset at which the parameter will stand.
    pub fn push(&mut self, name: String, value: &Tensor) -> Result<usize> {
        let offset = self.total;
        self.list.push(Parameter { name, shape: value.dims().to_vec(), offset });
        self.pieces.push(value.to_dtype(DType::F32)?.flatten_all()?);
        self.total += value.elem_count();
        Ok(offset)
    }

    pub fn build(self) -> Result<Parameters> {
        if self.total == 0 {
            return Err(EngineError::Recipe {
                field: "target modules",
                expected: "at least one",
                found: "none".into(),
            });
        }
        // `cat` of a single piece hands back that very piece, which the caller may still hold.
        let values = Tensor::cat(&self.pieces, 0)?.copy()?;
        Ok(Parameters {
            first_moment: values.zeros_like()?,
            second_moment: values.zeros_like()?,
            values,
            list: self.list,
            steps: 0,
        })
    }
}

impl Parameters {
    pub fn len(&self) -> usize {
        self.values.elem_count()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A view that sees every later step.
    pub fn view(&self, offset: usize, shape: &[usize]) -> Result<Tensor> {
        Ok(self.values.narrow(0, offset, shape.iter().product())?.reshape(shape)?)
    }

    /// One AdamW step with the whole gradient; `gradient_scale` is the clipping factor.
    pub fn step(
        &mut self,
        settings: &AdamW,
        gradient: &Tensor,
        learning_rate: f64,
        gradient_scale: f64,
    ) -> Result<()> {
        self.steps += 1;
        let runs: Vec<(usize, usize, bool)> = self
            .list
            .chunk_by(|a, b| a.decays() == b.decays())
            .map(|run| (run[0].offset, run.iter().map(Parameter::len).sum(), run[0].decays()))
            .collect();
        for (offset, len, decays) in runs {
            let settings = if decays { *settings } else { AdamW { weight_decay: 0.0, ..*settings } };
            let part = |tensor: &Tensor| tensor.narrow(0, offset, len);
            let state = [part(&self.values)?, part(&self.first_moment)?, part(&self.second_moment)?];
            let [values, first, second] = &state;
            let scale = gradient_scale;
            adamw_step(
                &settings,
                [values, first, second],
                &part(gradient)?,
                learning_rate,
                scale,
                self.steps,
            )?;
        }
        Ok(())
    }

    /// Values and both moments, for a checkpoint.
    pub fn snapshot(&self) -> Result<Vec<u8>> {
        let mut bytes = self.steps.to_le_bytes().to_vec();
        for tensor in [&self.values, &self.first_moment, &self.second_moment] {
            with_slice(tensor, |values| bytes.extend(values.iter().flat_map(|value| value.to_le_bytes())))?;
        }
        Ok(bytes)
    }

    pub fn restore(&mut self, bytes: &[u8]) -> Result<()> {
        let len = self.len();
        if bytes.len() != 8 + 12 * len {
            return Err(EngineError::Checkpoint {
                reason: format!(
                    "{} bytes of state for {len} trained numbers: another model or recipe",
                    bytes.len()
                ),
            });
        }
        let (steps, floats) = bytes.split_first_chunk::<8>().expect("the length was checked above");
        self.steps = u64::from_le_bytes(*steps);
        for (tensor, bytes) in [&self.values, &self.first_moment, &self.second_moment]
            .into_iter()
            .zip(floats.chunks_exact(4 * len))
        {
            self.write(tensor, bytes)?;
        }
        Ok(())
    }

    fn write(&self, target: &Tensor, bytes: &[u8]) -> Result<()> {
        let source = Tensor::from_raw_buffer(bytes, DType::F32, &[self.len()], &Device::Cpu)?;
        Ok(target.slice_set(&source.to_device(target.device())?, 0, 0)?)
    }

    /// Replaces the values and forgets the moments.
    pub fn set_values(&self, values: &Tensor) -> Result<()> {
        Ok(self.values.slice_set(&values.to_device(self.values.device())?, 0, 0)?)
    }
}

/// Gradients of one optimizer step, by offset in the flat run; micro-batches add up.
#[derive(Debug, Default)]
pub struct Gradients {
    pieces: BTreeMap<usize, Tensor>,
}

impl Gradients {
    /// Adds a piece; the same offset always comes with the same size.
    pub fn add(&mut self, offset: usize, gradient: &Tensor) -> Result<()> {
        let flat = gradient.to_dtype(DType::F32)?.contiguous()?.flatten_all()?;
        let sum = match self.pieces.remove(&offset) {
            None => flat,
            Some(before) => add_assign(before, &flat)?,
        };
        self.pieces.insert(offset, sum);
        Ok(())
    }

    /// The whole gradient; parameters that got none are zero.
    pub fn flatten(self, parameters: &Parameters) -> Result<Tensor> {
        let mut parts = Vec::with_capacity(self.pieces.len());
        let mut end = 0;
        let device = parameters.values.device();
        for (offset, piece) in self.pieces {
            assert!(offset >= end, "gradient pieces overlap at {offset}: a layer writes to another's place");
            if offset > end {
                parts.push(Tensor::zeros(offset - end, DType::F32, device)?);
            }
            end = offset + piece.elem_count();
            parts.push(piece);
        }
        assert!(end <= parameters.len(), "gradient pieces reach past the parameters");
        if end < parameters.len() {
            parts.push(Tensor::zeros(parameters.len() - end, DType::F32, device)?);
        }
        Ok(Tensor::cat(&parts, 0)?)
    }
}

/// Inner product of two flat f32 tensors, summed in f64 on the CPU.
pub fn inner(a: &Tensor, b: &Tensor) -> Result<f64> {
    if is_fused(a) && is_fused(b) {
        return with_slice(a, |a| with_slice(b, |b| simd::dot_f64(a, b)))?;
    }
    #[cfg(feature = "cuda")]
    {
        if crate::ops::cuda::applies(a) && b.is_contiguous() {
            return crate::ops::cuda::inner(a, b);
        }
    }
    Ok(f64::from((a * b)?.sum_all()?.to_scalar::<f32>()?))
}
