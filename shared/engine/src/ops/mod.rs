//! Operations that candle lacks or does slowly: one fused pass over slices on the CPU in f32, one kernel on
//! NVIDIA GPUs, and for every other device or type a composition of candle operations. No gradient is recorded.

mod activation;
mod attention;
#[cfg(feature = "cuda")]
pub mod cuda;
mod linear;
mod loss;
mod norm;
mod optimizer;
pub mod simd;

use std::cell::RefCell;

use candle_core::{CpuStorage, DType, InplaceOp1, Layout, Storage, Tensor};

use crate::error::Result;

pub use activation::{SmallShare, silu_mul, silu_mul_backward, small_share};
pub use attention::{
    AttentionShape, RopeTables, heads_to_rows, merge_heads, rows_to_heads, softmax, softmax_backward,
    split_heads,
};
pub use linear::{add_assign, linear, matmul_add, spread, sum_rows};
pub use loss::{RowLoss, cross_entropy};
pub use norm::{Normed, rms_norm, rms_norm_backward};
pub use optimizer::{AdamW, adamw_step};

/// Whether the fused path applies.
pub fn is_fused(tensor: &Tensor) -> bool {
    tensor.device().is_cpu() && tensor.dtype() == DType::F32
}

/// Whether the tensor's device works by key ranges, without masks.
pub fn knows_ranges(tensor: &Tensor) -> bool {
    #[cfg(feature = "cuda")]
    {
        if cuda::applies(tensor) {
            return true;
        }
    }
    is_fused(tensor)
}

/// Reads a contiguous f32 CPU tensor in place.
pub fn with_slice<R>(tensor: &Tensor, body: impl FnOnce(&[f32]) -> R) -> Result<R> {
    if !is_fused(tensor) || !tensor.is_contiguous() {
        let copy = tensor.to_device(&candle_core::Device::Cpu)?.to_dtype(DType::F32)?.contiguous()?;
        return with_slice(&copy, body);
    }
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cpu(CpuStorage::F32(values)) = &*storage else {
        return Err(candle_core::Error::Msg("an f32 CPU tensor without f32 storage".into()).into());
    };
    let start = layout.start_offset();
    Ok(body(&values[start..start + layout.shape().elem_count()]))
}

/// Changes a contiguous f32 CPU tensor in place; every view of it sees the change.
pub fn update(tensor: &Tensor, body: impl FnMut(&mut [f32])) -> Result<()> {
    struct Update<F>(RefCell<F>);
    impl<F: FnMut(&mut [f32])> InplaceOp1 for Update<F> {
        fn name(&self) -> &'static str {
            "update"
        }

        fn cpu_fwd(&self, storage: &mut CpuStorage, layout: &Layout) -> candle_core::Result<()> {
            let Some((start, end)) = layout.contiguous_offsets() else {
                candle_core::bail!("update needs a contiguous tensor");
            };
            match storage {
                CpuStorage::F32(values) => (self.0.borrow_mut())(&mut values[start..end]),
                _ => candle_core::bail!("update needs f32"),
            }
            Ok(())
        }
    }
    Ok(tensor.inplace_op1(&Update(RefCell::new(body)))?)
}

/// A tensor on the CPU from values computed in place.
pub(crate) fn cpu_tensor(values: Vec<f32>, shape: impl Into<candle_core::Shape>) -> Result<Tensor> {
    Ok(Tensor::from_vec(values, shape.into(), &candle_core::Device::Cpu)?)
}
