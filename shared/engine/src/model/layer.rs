//! One decoder layer: forward that keeps what backward needs, and backward by hand.

use candle_core::{DType, Device, Tensor};

use super::projection::{Dropout, Projection};
use crate::batch::Block;
use crate::config::ModelConfig;
use crate::error::Result;
use crate::ops::{
    AttentionShape, RopeTables, add_assign, heads_to_rows, merge_heads, rms_norm, rms_norm_backward,
    rows_to_heads, silu_mul, silu_mul_backward, softmax, softmax_backward, split_heads, spread,
};
use crate::parameters::Gradients;

#[derive(Debug)]
pub struct Layer {
    pub input_norm: Tensor,
    pub qkv: Projection,
    /// Norms of each head of q and k (Qwen3).
    pub head_norms: Option<[Tensor; 2]>,
    pub o: Projection,
    pub mlp_norm: Tensor,
    pub gate_up: Projection,
    pub down: Projection,
    /// Offsets in the flat run when everything is trained.
    pub full: Option<NormOffsets>,
}

#[derive(Debug, Clone, Copy)]
pub struct NormOffsets {
    pub input: usize,
    pub mlp: usize,
    pub heads: Option<[usize; 2]>,
}

/// What all layers share in one pass.
#[derive(Debug)]
pub struct Pass<'a> {
    pub config: &'a ModelConfig,
    pub rope: &'a RopeTables,
    pub blocks: &'a [Block],
    /// Additive masks, one a block, on devices without the fused softmax.
    pub masks: &'a [Option<Tensor>],
    pub dropout: Option<Dropout<'a>>,
}

/// Rows of the last layer that anyone reads: all that follows attention is computed only there.
#[derive(Debug, Clone)]
pub struct Selection {
    pub indices: Tensor,
    pub total: usize,
}

/// Kept from forward for backward.
#[derive(Debug)]
pub struct Saved {
    x: Tensor,
    inverse_rms: Tensor,
    normed: Tensor,
    qkv_raw: Option<Tensor>,
    head_rms: Option<[Tensor; 2]>,
    attention: Vec<SavedAttention>,
    attended: Tensor,
    middle: Tensor,
    middle_inverse_rms: Tensor,
    middle_normed: Tensor,
    gate_up: Tensor,
    activation: Tensor,
    selection: Option<Selection>,
}

#[derive(Debug)]
struct SavedAttention {
    q: Tensor,
    k: Tensor,
    v: Tensor,
    probs: Tensor,
}

impl Saved {
    /// The MLP's hidden activations, for measuring how sparse they are.
    pub fn activation(&self) -> &Tensor {
        &self.activation
    }
}

impl Layer {
    pub fn forward(
        &self,
        x: &Tensor,
        pass: &Pass<'_>,
        selection: Option<&Selection>,
    ) -> Result<(Tensor, Saved)> {
        let eps = pass.config.rms_eps;
        let normed = rms_norm(x, &self.input_norm, eps)?;
        let mut qkv = self.qkv.forward(&normed.y, pass.dropout)?;
        let (mut qkv_raw, mut head_rms) = (None, None);
        if let Some(norms) = &self.head_norms {
            let (new, rms) = norm_heads(&qkv, norms, pass.config)?;
            qkv_raw = Some(std::mem::replace(&mut qkv, new));
            head_rms = Some(rms);
        }
        let (attended, attention) = attend(&qkv, pass)?;
        let (attended, residual) = match selection {
            None => (attended, x.clone()),
            Some(rows) => (attended.index_select(&rows.indices, 0)?, x.index_select(&rows.indices, 0)?),
        };
        let late = selected_dropout(pass, selection)?;
        let late = late.as_ref().map(|(keys, seed)| Dropout { keys, seed: *seed });
        let middle = add_assign(self.o.forward(&attended, late)?, &residual)?;
        let middle_normed = rms_norm(&middle, &self.mlp_norm, eps)?;
        let gate_up = self.gate_up.forward(&middle_normed.y, late)?;
        let activation = silu_mul(&gate_up)?;
        let y = add_assign(self.down.forward(&activation, late)?, &middle)?;
        let saved = Saved {
            x: x.clone(),
            inverse_rms: normed.inverse_rms,
            normed: normed.y,
            qkv_raw,
            head_rms,
            attention,
            attended,
            middle,
            middle_inverse_rms: middle_normed.inverse_rms,
            middle_normed: middle_normed.y,
            gate_up,
            activation,
            selection: selection.cloned(),
        };
        Ok((y, saved))
    }

    /// Returns dx unless nothing below is trained.
    pub fn backward(
        &self,
        dy: &Tensor,
        saved: &Saved,
        pass: &Pass<'_>,
        need_dx: bool,
        gradients: &mut Gradients,
    ) -> Result<Option<Tensor>> {
        let late = selected_dropout(pass, saved.selection.as_ref())?;
        let late = late.as_ref().map(|(keys, seed)| Dropout { keys, seed: *seed });
        let wanted = "asked for";
        let d_activation = self.down.backward(dy, &saved.activation, late, true, gradients)?.expect(wanted);
        let d_gate_up = silu_mul_backward(&d_activation, &saved.gate_up)?;
        let d_normed =
            self.gate_up.backward(&d_gate_up, &saved.middle_normed, late, true, gradients)?.expect(wanted);
        let trained = self.full.is_some();
        let (d_middle, d_weight) =
            rms_norm_backward(&d_normed, &saved.middle, &self.mlp_norm, &saved.middle_inverse_rms, trained)?;
        if let (Some(offsets), Some(d_weight)) = (&self.full, d_weight) {
            gradients.add(offsets.mlp, &d_weight)?;
        }
        let d_middle = add_assign(d_middle, dy)?;
        let d_attended = self.o.backward(&d_middle, &saved.attended, late, true, gradients)?.expect(wanted);
        let (d_attended, d_residual) = match &saved.selection {
            None => (d_attended, d_middle),
            Some(rows) => {
                let back = |part: &Tensor| spread(part, &rows.indices, rows.total);
                (back(&d_attended)?, back(&d_middle)?)
            }
        };
        let mut d_qkv = attend_backward(&d_attended, saved, pass)?;
        if let (Some(norms), Some(raw), Some(rms)) = (&self.head_norms, &saved.qkv_raw, &saved.head_rms) {
            let offsets = self.full.and_then(|full| full.heads);
            d_qkv = norm_heads_backward(&d_qkv, raw, norms, rms, pass.config, offsets, gradients)?;
        }
        let need_d_normed = need_dx || trained;
        let d_normed = self.qkv.backward(&d_qkv, &saved.normed, pass.dropout, need_d_normed, gradients)?;
        let Some(d_normed) = d_normed else { return Ok(None) };
        let (dx, d_weight) =
            rms_norm_backward(&d_normed, &saved.x, &self.input_norm, &saved.inverse_rms, trained)?;
        if let (Some(offsets), Some(d_weight)) = (&self.full, d_weight) {
            gradients.add(offsets.input, &d_weight)?;
        }
        Ok(Some(add_assign(dx, &d_residual)?))
    }
}

/// Dropout keys of the selected rows.
fn selected_dropout(pass: &Pass<'_>, selection: Option<&Selection>) -> Result<Option<(Vec<u64>, u64)>> {
    let Some(dropout) = pass.dropout else { return Ok(None) };
    let keys = match selection {
        None => dropout.keys.to_vec(),
        Some(rows) => {
            let indices = rows.indices.to_device(&Device::Cpu)?.to_vec1::<u32>()?;
            indices.iter().map(|index| dropout.keys[*index as usize]).collect()
        }
    };
    Ok(Some((keys, dropout.seed)))
}

fn shape_of(block: &Block, config: &ModelConfig) -> AttentionShape {
    AttentionShape {
        rows: block.rows,
        len: block.len,
        heads: config.heads,
        kv_heads: config.kv_heads,
        head_size: config.head_size,
    }
}

fn score_scale(config: &ModelConfig) -> f32 {
    (1.0 / (config.head_size as f64).sqrt()) as f32
}

fn attend(qkv: &Tensor, pass: &Pass<'_>) -> Result<(Tensor, Vec<SavedAttention>)> {
    let scale = score_scale(pass.config);
    let mut outputs = Vec::with_capacity(pass.blocks.len());
    let mut saved = Vec::with_capacity(pass.blocks.len());
    for (block, mask) in pass.blocks.iter().zip(pass.masks) {
        let shape = shape_of(block, pass.config);
        let rows = qkv.narrow(0, block.start, block.rows * block.len)?;
        let [q, k, v] = split_heads(&rows, shape, pass.rope, block.positions.as_deref())?;
        let scores = q.matmul(&k.t()?)?;
        let probs = softmax(scores, shape, scale, block.first_key.as_deref(), mask.as_ref())?;
        outputs.push(heads_to_rows(&probs.matmul(&v)?, shape)?);
        saved.push(SavedAttention { q, k, v, probs });
    }
    Ok((join(outputs)?, saved))
}

/// dP = dO V^T, dV = P^T dO, dQ = dS K, dK = dS^T Q; stacked query heads make the sums over a group.
fn attend_backward(d_attended: &Tensor, saved: &Saved, pass: &Pass<'_>) -> Result<Tensor> {
    let scale = score_scale(pass.config);
    let mut outputs = Vec::with_capacity(pass.blocks.len());
    for (block, kept) in pass.blocks.iter().zip(&saved.attention) {
        let shape = shape_of(block, pass.config);
        let d_rows = d_attended.narrow(0, block.start, block.rows * block.len)?;
        let d_out = rows_to_heads(&d_rows, shape)?;
        let d_v = kept.probs.t()?.matmul(&d_out)?;
        let d_scores = softmax_backward(d_out.matmul(&kept.v.t()?)?, &kept.probs, scale)?;
        let d_q = d_scores.matmul(&kept.k)?;
        let d_k = d_scores.t()?.matmul(&kept.q)?;
        outputs.push(merge_heads([&d_q, &d_k, &d_v], shape, pass.rope, block.positions.as_deref())?);
    }
    join(outputs)
}

fn join(mut parts: Vec<Tensor>) -> Result<Tensor> {
    Ok(if parts.len() == 1 { parts.remove(0) } else { Tensor::cat(&parts, 0)? })
}

/// RMS norm of each head of q and of k; v stays.
fn norm_heads(qkv: &Tensor, norms: &[Tensor; 2], config: &ModelConfig) -> Result<(Tensor, [Tensor; 2])> {
    let (rows, _) = qkv.dims2()?;
    let (q, k, v) = (config.q_size(), config.kv_size(), config.kv_size());
    let normed = |start: usize, width: usize, weight: &Tensor| -> Result<(Tensor, Tensor)> {
        let heads = qkv.narrow(1, start, width)?.contiguous()?.reshape(((), config.head_size))?;
        let normed = rms_norm(&heads, weight, config.rms_eps)?;
        Ok((normed.y.reshape((rows, width))?, normed.inverse_rms))
    };
    let (new_q, q_rms) = normed(0, q, &norms[0])?;
    let (new_k, k_rms) = normed(q, k, &norms[1])?;
    let v = qkv.narrow(1, q + k, v)?.contiguous()?;
    Ok((Tensor::cat(&[new_q, new_k, v], 1)?.contiguous()?, [q_rms, k_rms]))
}

fn norm_heads_backward(
    d_qkv: &Tensor,
    raw: &Tensor,
    norms: &[Tensor; 2],
    rms: &[Tensor; 2],
    config: &ModelConfig,
    offsets: Option<[usize; 2]>,
    gradients: &mut Gradients,
) -> Result<Tensor> {
    let (rows, _) = d_qkv.dims2()?;
    let (q, kv) = (config.q_size(), config.kv_size());
    let mut parts = Vec::with_capacity(3);
    for (index, (start, width)) in [(0, q), (q, kv)].into_iter().enumerate() {
        let heads = |tensor: &Tensor| -> Result<Tensor> {
            Ok(tensor.narrow(1, start, width)?.contiguous()?.reshape(((), config.head_size))?)
        };
        let (dx, d_weight) =
            rms_norm_backward(&heads(d_qkv)?, &heads(raw)?, &norms[index], &rms[index], offsets.is_some())?;
        if let (Some(offsets), Some(d_weight)) = (offsets, d_weight) {
            gradients.add(offsets[index], &d_weight)?;
        }
        parts.push(dx.reshape((rows, width))?);
    }
    parts.push(d_qkv.narrow(1, q + kv, kv)?.contiguous()?);
    Ok(Tensor::cat(&parts, 1)?.contiguous()?)
}

/// Additive (rows or 1, 1, len, len) mask that says what `softmax` does by ranges on the CPU.
pub fn additive_mask(block: &Block, device: &Device) -> Result<Tensor> {
    let len = block.len;
    let rows = if block.first_key.is_some() { block.rows } else { 1 };
    let mut mask = vec![f32::NEG_INFINITY; rows * len * len];
    for (token, keys) in mask.chunks_exact_mut(len).enumerate() {
        let from = block.first_key.as_ref().map_or(0, |list| list[token] as usize);
        keys[from..=token % len].fill(0.0);
    }
    Ok(Tensor::from_vec(mask, (rows, 1, len, len), &Device::Cpu)?.to_device(device)?.to_dtype(DType::F32)?)
}
