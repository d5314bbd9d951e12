//! One or more linears that read the same input, as one matrix product, with their adapters: q, k and v
//! together, gate and up together. Forward and backward; frozen weights never get a gradient.

use candle_core::{DType, Device, Tensor};
use foretune_core::hash::combine;

use crate::error::Result;
use crate::lora::{Target, unit};
use crate::ops::{add_assign, linear, matmul_add, sum_rows};
use crate::parameters::{Gradients, Parameters};

/// A frozen matrix: kept as it is, or packed in fewer bits and unpacked when its layer runs.
#[derive(Debug)]
pub enum Matrix {
    Dense(Tensor),
    Quantized { packed: candle_core::quantized::QTensor, dtype: DType },
}

impl Matrix {
    pub fn dense(&self) -> Result<Tensor> {
        match self {
            Self::Dense(tensor) => Ok(tensor.clone()),
            Self::Quantized { packed, dtype } => Ok(packed.dequantize(&packed.device())?.to_dtype(*dtype)?),
        }
    }

    pub fn bytes(&self) -> usize {
        match self {
            Self::Dense(tensor) => tensor.elem_count() * tensor.dtype().size_in_bytes(),
            Self::Quantized { packed, .. } => packed.storage_size_in_bytes(),
        }
    }

    pub fn dims2(&self) -> Result<(usize, usize)> {
        Ok(match self {
            Self::Dense(tensor) => tensor.dims2()?,
            Self::Quantized { packed, .. } => packed.shape().dims2()?,
        })
    }
}

/// One linear's rows in the joined matrix.
#[derive(Debug, Clone, Copy)]
pub struct Part {
    pub target: Target,
    pub start: usize,
    pub rows: usize,
}

/// The adapters of a projection. A's stand below each other in one run of parameters; the B's are laid
/// out block-diagonally, so that all of them are one product too.
#[derive(Debug)]
pub struct ProjectionLora {
    pub parts: Vec<Part>,
    pub rank: usize,
    pub scale: f64,
    pub dropout: f64,
    pub a_offset: usize,
    pub b_offsets: Vec<usize>,
    /// (parts*rank, in) in the compute type; refreshed after each step.
    a: Tensor,
    /// (out, parts*rank), scale included; refreshed after each step.
    b_block: Tensor,
    /// W + B A, where that is exact enough and there is no dropout.
    merged: Option<Tensor>,
}

#[derive(Debug)]
pub struct Projection {
    pub weight: Matrix,
    pub bias: Option<Tensor>,
    pub parts: Vec<Part>,
    pub lora: Option<ProjectionLora>,
    /// Offsets of weight and bias in the flat run when everything is trained.
    pub full: Option<(usize, Option<usize>)>,
}

/// How this pass drops inputs of adapters.
#[derive(Debug, Clone, Copy)]
pub struct Dropout<'a> {
    /// One key a token.
    pub keys: &'a [u64],
    /// Of the run, step and place; the same numbers give the same mask.
    pub seed: u64,
}

impl Projection {
    pub fn attach_lora(&mut self, lora: ProjectionLora, parameters: &Parameters) -> Result<()> {
        self.lora = Some(lora);
        self.refresh(parameters)
    }

    pub fn in_size(&self) -> Result<usize> {
        Ok(self.weight.dims2()?.1)
    }

    /// Copies what the optimizer changed into the forms that forward and backward use.
    pub fn refresh(&mut self, parameters: &Parameters) -> Result<()> {
        let (out, inputs) = self.weight.dims2()?;
        let Some(lora) = &mut self.lora else { return Ok(()) };
        let width = lora.parts.len() * lora.rank;
        let a = parameters.view(lora.a_offset, &[width, inputs])?;
        let dtype = match &self.weight {
            Matrix::Dense(weight) => weight.dtype(),
            Matrix::Quantized { dtype, .. } => *dtype,
        };
        #[cfg(feature = "cuda")]
        {
            if dtype != DType::F32 && crate::ops::cuda::applies(&a) {
                lora.a = a.to_dtype(dtype)?;
                lora.b_block = lora.joined_on_gpu(parameters, (out, width), dtype)?;
                return Ok(());
            }
        }
        let mut columns = Vec::new();
        for (part, offset) in lora.parts.iter().zip(&lora.b_offsets) {
            let b = (parameters.view(*offset, &[part.rows, lora.rank])? * lora.scale)?;
            columns.push(b.pad_with_zeros(0, part.start, out - part.start - part.rows)?);
        }
        let b_block = Tensor::cat(&columns, 1)?.contiguous()?;
        let mergeable = match &self.weight {
            Matrix::Dense(weight) if lora.dropout == 0.0 && weight.dtype() == DType::F32 => Some(weight),
            _ => None,
        };
        lora.merged = match mergeable {
            Some(weight) => Some(add_assign(b_block.matmul(&a)?, weight)?),
            None => None,
        };
        lora.a = a.to_dtype(dtype)?;
        lora.b_block = b_block.to_dtype(dtype)?;
        Ok(())
    }

    pub fn forward(&self, x: &Tensor, dropout: Option<Dropout<'_>>) -> Result<Tensor> {
        let Some(lora) = &self.lora else {
            return linear(x, &self.weight.dense()?, self.bias.as_ref());
        };
        if let Some(merged) = &lora.merged {
            return linear(x, merged, self.bias.as_ref());
        }
        let y = linear(x, &self.weight.dense()?, self.bias.as_ref())?;
        let low = lora.drop_inputs(x, dropout)?.matmul(&lora.a.t()?)?;
        matmul_add(y, &low, &lora.b_block.t()?)
    }

    /// Adds this projection's gradients and returns dx, unless the caller has no use for it.
    pub fn backward(
        &self,
        dy: &Tensor,
        x: &Tensor,
        dropout: Option<Dropout<'_>>,
        need_dx: bool,
        gradients: &mut Gradients,
    ) -> Result<Option<Tensor>> {
        if let Some((weight_offset, bias_offset)) = self.full {
            gradients.add(weight_offset, &dy.t()?.matmul(x)?)?;
            if let Some(bias_offset) = bias_offset {
                gradients.add(bias_offset, &sum_rows(dy)?)?;
            }
        }
        let Some(lora) = &self.lora else {
            return if need_dx { Ok(Some(dy.matmul(&self.weight.dense()?)?)) } else { Ok(None) };
        };
        let kept = lora.drop_inputs(x, dropout)?;
        let low = kept.matmul(&lora.a.t()?)?;
        let d_low = dy.matmul(&lora.b_block)?;
        gradients.add(lora.a_offset, &d_low.t()?.matmul(&kept)?)?;
        // A GPU takes no strided factor: there all parts are one product, of which the blocks are used.
        let joined = if dy.device().is_cpu() { None } else { Some(dy.t()?.matmul(&low)?) };
        for (index, (part, offset)) in lora.parts.iter().zip(&lora.b_offsets).enumerate() {
            let columns = |of: &Tensor| of.narrow(1, index * lora.rank, lora.rank);
            let d_b = match &joined {
                Some(joined) => columns(&joined.narrow(0, part.start, part.rows)?)?.contiguous()?,
                None => dy.narrow(1, part.start, part.rows)?.t()?.matmul(&columns(&low)?)?,
            };
            gradients.add(*offset, &(d_b * lora.scale)?)?;
        }
        if !need_dx {
            return Ok(None);
        }
        if let Some(merged) = &lora.merged {
            return Ok(Some(dy.matmul(merged)?));
        }
        let dx = dy.matmul(&self.weight.dense()?)?;
        if dropout.is_none() || lora.dropout == 0.0 {
            return Ok(Some(matmul_add(dx, &d_low, &lora.a)?));
        }
        let through = lora.drop_inputs(&d_low.matmul(&lora.a)?, dropout)?;
        Ok(Some(add_assign(dx, &through)?))
    }
}

impl ProjectionLora {
    pub fn new(
        parts: Vec<Part>,
        rank: usize,
        scale: f64,
        dropout: f64,
        a_offset: usize,
        b_offsets: Vec<usize>,
    ) -> Result<Self> {
        let empty = Tensor::zeros((1, 1), DType::F32, &Device::Cpu)?;
        Ok(Self {
            parts,
            rank,
            scale,
            dropout,
            a_offset,
            b_offsets,
            a: empty.clone(),
            b_block: empty,
            merged: None,
        })
    }

    /// x times the mask of this pass.
    fn drop_inputs(&self, x: &Tensor, dropout: Option<Dropout<'_>>) -> Result<Tensor> {
        let Some(Dropout { keys, seed }) = dropout.filter(|_| self.dropout > 0.0) else {
            return Ok(x.clone());
        };
        let seed = combine(seed, self.a_offset as u64);
        let row_keys: Vec<u64> = keys.iter().map(|key| combine(seed, *key)).collect();
        #[cfg(feature = "cuda")]
        {
            if crate::ops::cuda::applies(x) {
                return crate::ops::cuda::drop(x, &row_keys, self.dropout);
            }
        }
        Ok((x * self.mask(x, &row_keys)?)?)
    }

    #[cfg(feature = "cuda")]
    fn joined_on_gpu(&self, parameters: &Parameters, size: (usize, usize), dtype: DType) -> Result<Tensor> {
        let mut places = Vec::with_capacity(self.parts.len());
        for (index, (part, offset)) in self.parts.iter().zip(&self.b_offsets).enumerate() {
            let b = parameters.view(*offset, &[part.rows, self.rank])?;
            places.push((b, part.start, index * self.rank));
        }
        crate::ops::cuda::join_adapters(&places, size, self.scale, dtype)
    }

    /// 0 or 1/(1-p), from hashes alone: the same in forward, in backward and in any micro-batch. One mask
    /// serves all linears of the projection (PEFT draws one each).
    fn mask(&self, x: &Tensor, row_keys: &[u64]) -> Result<Tensor> {
        let (rows, width) = x.dims2()?;
        let keep = (1.0 / (1.0 - self.dropout)) as f32;
        let mut mask = Vec::with_capacity(rows * width);
        for row in row_keys {
            mask.extend(
                (0..width).map(|i| if unit(combine(*row, i as u64)) < self.dropout { 0.0 } else { keep }),
            );
        }
        let mask = Tensor::from_vec(mask, (rows, width), &Device::Cpu)?;
        Ok(mask.to_device(x.device())?.to_dtype(x.dtype())?)
    }
}
