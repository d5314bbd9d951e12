//! NVIDIA GPUs: the kernels of `kernels.cu`, and matrix products that add to what is there. The only module
//! of this crate with unsafe code: it hands addresses to the driver. Everything runs on the device's one
//! stream in the order of the calls, so a tensor may be read, changed and freed without waiting.

mod launch;

use candle_core::cuda_backend::CudaDevice;
use candle_core::{D, DType, Device, Tensor};

use super::{AdamW, AttentionShape, Normed, RowLoss};
use crate::error::Result;
use launch::{Argument, Kernel, fresh, upload, zeros};

pub use launch::{matmul_add, open, use_kernels};

/// Whether the kernels apply: to what type and place they apply, and that all values stand together.
pub fn applies(tensor: &Tensor) -> bool {
    launch::wanted()
        && tensor.device().is_cuda()
        && matches!(tensor.dtype(), DType::BF16 | DType::F16 | DType::F32)
        && tensor.is_contiguous()
}

fn device_of(tensor: &Tensor) -> Result<CudaDevice> {
    Ok(tensor.device().as_cuda_device()?.clone())
}

/// Last dimension and all others together.
fn rows_and_width(tensor: &Tensor) -> Result<(usize, usize)> {
    let width = tensor.dim(D::Minus1)?;
    Ok((tensor.elem_count() / width, width))
}

pub fn rms_norm(x: &Tensor, weight: &Tensor, eps: f64) -> Result<Normed> {
    let device = device_of(x)?;
    let (rows, width) = rows_and_width(x)?;
    let y = fresh(x.shape(), x.dtype(), &device)?;
    let inverse_rms = fresh(rows, DType::F32, &device)?;
    Kernel::new("rms_norm", &[x, weight, &y], width)?
        .tensors(&[x, weight, &y, &inverse_rms])?
        .int(width)
        .float(eps)
        .launch_rows(rows, 256)?;
    Ok(Normed { y, inverse_rms })
}

pub fn rms_norm_backward(dy: &Tensor, x: &Tensor, weight: &Tensor, inverse_rms: &Tensor) -> Result<Tensor> {
    let (rows, width) = rows_and_width(x)?;
    let dx = fresh(x.shape(), x.dtype(), &device_of(x)?)?;
    Kernel::new("rms_norm_backward", &[dy, x, weight, &dx], width)?
        .tensors(&[dy, x, weight, inverse_rms, &dx])?
        .int(width)
        .launch_rows(rows, 256)?;
    Ok(dx)
}

pub fn silu_mul(gate_up: &Tensor) -> Result<Tensor> {
    let (rows, double) = gate_up.dims2()?;
    let width = double / 2;
    let y = fresh((rows, width), gate_up.dtype(), &device_of(gate_up)?)?;
    Kernel::new("silu_mul", &[gate_up, &y], width)?
        .tensors(&[gate_up, &y])?
        .int(width)
        .launch_rows(rows, 256)?;
    Ok(y)
}

pub fn silu_mul_backward(dy: &Tensor, gate_up: &Tensor) -> Result<Tensor> {
    let (rows, width) = dy.dims2()?;
    let grad = fresh(gate_up.shape(), gate_up.dtype(), &device_of(gate_up)?)?;
    Kernel::new("silu_mul_backward", &[dy, gate_up, &grad], width)?
        .tensors(&[dy, gate_up, &grad])?
        .int(width)
        .launch_rows(rows, 256)?;
    Ok(grad)
}

/// Share of small entries, left on the device: reading it would wait for everything before it.
pub fn small_share(activation: &Tensor, share: f64) -> Result<Tensor> {
    const BLOCKS: usize = 512;
    let device = device_of(activation)?;
    let count = activation.elem_count();
    let parts = fresh(BLOCKS, DType::F32, &device)?;
    let small = zeros(1, DType::U32, &device)?;
    Kernel::new("inner", &[activation], count)?
        .tensors(&[activation, activation, &parts])?
        .long(count)
        .launch(BLOCKS, 256)?;
    Kernel::new("count_small", &[activation], count)?
        .tensors(&[activation, &parts])?
        .int(BLOCKS)
        .float(share)
        .tensors(&[&small])?
        .long(count)
        .launch(BLOCKS, 256)?;
    Ok((small.to_dtype(DType::F32)? / count as f64)?)
}

/// Parts on the device, their sum in f64: the same at every call.
pub fn inner(a: &Tensor, b: &Tensor) -> Result<f64> {
    const BLOCKS: usize = 1024;
    let parts = fresh(BLOCKS, DType::F32, &device_of(a)?)?;
    let count = a.elem_count();
    Kernel::new("inner", &[a, b], count)?.tensors(&[a, b, &parts])?.long(count).launch(BLOCKS, 256)?;
    Ok(parts.to_vec1::<f32>()?.into_iter().map(f64::from).sum())
}

/// Where the rotation of each token stands in the tables; nothing where each sequence counts from 0.
fn positions_on(list: Option<&[u32]>, device: &Device) -> Result<Option<Tensor>> {
    list.map(|list| upload(list, device)).transpose()
}

pub fn split_heads(
    qkv: &Tensor,
    shape: AttentionShape,
    [cos, sin]: [&Tensor; 2],
    positions: Option<&[u32]>,
) -> Result<[Tensor; 3]> {
    let AttentionShape { rows, len, heads, kv_heads, head_size } = shape;
    let device = device_of(qkv)?;
    let q = fresh((rows * kv_heads, heads / kv_heads * len, head_size), qkv.dtype(), &device)?;
    let k = fresh((rows * kv_heads, len, head_size), qkv.dtype(), &device)?;
    let v = fresh((rows * kv_heads, len, head_size), qkv.dtype(), &device)?;
    let positions = positions_on(positions, qkv.device())?;
    Kernel::new("split_heads", &[qkv, &q, &k, &v], head_size / 2)?
        .tensors(&[qkv, &q, &k, &v, cos, sin])?
        .optional(positions.as_ref())?
        .int(len)
        .int(heads)
        .int(kv_heads)
        .int(head_size / 2)
        .launch_rows(rows * len, 128)?;
    Ok([q, k, v])
}

pub fn merge_heads(
    [q, k, v]: [&Tensor; 3],
    shape: AttentionShape,
    [cos, sin]: [&Tensor; 2],
    positions: Option<&[u32]>,
) -> Result<Tensor> {
    let AttentionShape { rows, len, heads, kv_heads, head_size } = shape;
    let merged = fresh((rows * len, (heads + 2 * kv_heads) * head_size), q.dtype(), &device_of(q)?)?;
    let positions = positions_on(positions, q.device())?;
    Kernel::new("merge_heads", &[&merged, q, k, v], head_size / 2)?
        .tensors(&[&merged, q, k, v, cos, sin])?
        .optional(positions.as_ref())?
        .int(len)
        .int(heads)
        .int(kv_heads)
        .int(head_size / 2)
        .launch_rows(rows * len, 128)?;
    Ok(merged)
}

/// (rows*kv, group*len, d) -> (rows*len, heads*d).
pub fn heads_to_rows(x: &Tensor, shape: AttentionShape) -> Result<Tensor> {
    let AttentionShape { rows, len, heads, head_size, .. } = shape;
    let y = fresh((rows * len, heads * head_size), x.dtype(), &device_of(x)?)?;
    swap_heads("heads_to_rows", x, &y, shape)?;
    Ok(y)
}

/// (rows*len, heads*d) -> (rows*kv, group*len, d).
pub fn rows_to_heads(x: &Tensor, shape: AttentionShape) -> Result<Tensor> {
    let AttentionShape { rows, len, heads, kv_heads, head_size } = shape;
    let y = fresh((rows * kv_heads, heads / kv_heads * len, head_size), x.dtype(), &device_of(x)?)?;
    swap_heads("rows_to_heads", x, &y, shape)?;
    Ok(y)
}

fn swap_heads(name: &'static str, from: &Tensor, to: &Tensor, shape: AttentionShape) -> Result<()> {
    Kernel::new(name, &[from, to], shape.head_size)?
        .tensors(&[from, to])?
        .int(shape.len)
        .int(shape.heads)
        .int(shape.head_size)
        .launch_rows(shape.rows * shape.len, 128)
}

const WARPS: usize = 4;

/// In place over fresh scores.
pub fn softmax(
    scores: Tensor,
    shape: AttentionShape,
    scale: f32,
    first_key: Option<&[u32]>,
) -> Result<Tensor> {
    let AttentionShape { rows, len, heads, .. } = shape;
    let queries = rows * heads * len;
    let first_key = positions_on(first_key, scores.device())?;
    Kernel::new("softmax", &[&scores], len)?
        .tensors(&[&scores])?
        .optional(first_key.as_ref())?
        .int(len)
        .int(heads * len)
        .float(f64::from(scale))
        .int(queries)
        .launch(queries.div_ceil(WARPS), WARPS * 32)?;
    Ok(scores)
}

/// In place over a fresh dP.
pub fn softmax_backward(d_probs: Tensor, probs: &Tensor, scale: f32) -> Result<Tensor> {
    let (queries, len) = rows_and_width(probs)?;
    Kernel::new("softmax_backward", &[&d_probs, probs], len)?
        .tensors(&[&d_probs, probs])?
        .int(len)
        .float(f64::from(scale))
        .int(queries)
        .launch(queries.div_ceil(WARPS), WARPS * 32)?;
    Ok(d_probs)
}

/// In place over fresh logits.
pub fn cross_entropy(logits: Tensor, targets: &[u32], gradient_scale: Option<f32>) -> Result<RowLoss> {
    let (rows, vocab) = rows_and_width(&logits)?;
    let results = fresh((2, rows), DType::F32, &device_of(&logits)?)?;
    let targets = upload(targets, logits.device())?;
    Kernel::new("cross_entropy", &[&logits], vocab)?
        .tensors(&[&logits, &targets, &results])?
        .int(vocab)
        .float(f64::from(gradient_scale.unwrap_or(0.0)))
        .int(usize::from(gradient_scale.is_some()))
        .launch_rows(rows, 512)?;
    Ok(RowLoss { loss: results.get(0)?, correct: results.get(1)?, d_logits: gradient_scale.map(|_| logits) })
}

/// `y += bias` in every row, in place.
pub fn add_bias(y: &Tensor, bias: &Tensor) -> Result<()> {
    let (rows, width) = rows_and_width(y)?;
    Kernel::new("add_bias", &[y, bias], width)?.tensors(&[y, bias])?.int(width).launch_rows(rows, 256)
}

/// `target += other`, in place.
pub fn add_assign(target: &Tensor, other: &Tensor) -> Result<()> {
    // A flat run has one row; pieces of it give the card's units something to do each.
    let (mut rows, mut width) = rows_and_width(target)?;
    while rows < 1024 && width % 16 == 0 && width > 1024 {
        (rows, width) = (rows * 2, width / 2);
    }
    Kernel::new("add_assign", &[target, other], width)?
        .tensors(&[target, other])?
        .int(width)
        .launch_rows(rows, 256)
}

/// Rows to their places among zeros; no place comes twice.
pub fn spread(rows: &Tensor, indices: &Tensor, total: usize) -> Result<Tensor> {
    let (count, width) = rows.dims2()?;
    let to = zeros((total, width), rows.dtype(), &device_of(rows)?)?;
    Kernel::new("spread", &[rows, &to], width)?
        .tensors(&[rows, indices, &to])?
        .int(width)
        .launch_rows(count, 256)?;
    Ok(to)
}

/// x with a share of its entries dropped and the rest raised by as much; `row_keys` and the column decide.
pub fn drop(x: &Tensor, row_keys: &[u64], share: f64) -> Result<Tensor> {
    let (rows, width) = x.dims2()?;
    let y = fresh(x.shape(), x.dtype(), &device_of(x)?)?;
    let halves: Vec<u32> = row_keys.iter().flat_map(|key| [*key as u32, (*key >> 32) as u32]).collect();
    let keys = upload(&halves, x.device())?;
    let [k0, k1] = foretune_core::hash::CONSTANTS;
    Kernel::new("drop", &[x, &y], width)?
        .tensors(&[x, &keys, &y])?
        .int(width)
        .argument(Argument::Long(k0))
        .argument(Argument::Long(k1))
        .argument(Argument::Double(share))
        .float(1.0 / (1.0 - share))
        .launch_rows(rows, 256)?;
    Ok(y)
}

/// The adapters' B's, each times `scale`, in their rows and columns of a (out, width) matrix of zeros.
/// `places` holds each one's view, first row and first column.
pub fn join_adapters(
    places: &[(Tensor, usize, usize)],
    (out, width): (usize, usize),
    scale: f64,
    dtype: DType,
) -> Result<Tensor> {
    let joined = zeros((out, width), dtype, &device_of(&places[0].0)?)?;
    for (b, row, column) in places {
        let (rows, rank) = b.dims2()?;
        Kernel::plain("place", &joined)?
            .tensors(&[b, &joined])?
            .int(rank)
            .int(*row)
            .int(*column)
            .int(width)
            .float(scale)
            .launch_rows(rows, rank.clamp(32, 256))?;
    }
    Ok(joined)
}

/// Settings as `adamw_step` works them out.
#[derive(Debug, Clone, Copy)]
pub struct AdamWFactors {
    pub keep: f32,
    pub rate: f32,
    pub inverse_root: f32,
    pub gradient_scale: f32,
}

pub fn adamw(
    settings: &AdamW,
    [parameters, first, second]: [&Tensor; 3],
    gradient: &Tensor,
    factors: AdamWFactors,
) -> Result<()> {
    let mut kernel = Kernel::named("adamw", parameters)?
        .tensors(&[parameters, first, second, gradient])?
        .long(parameters.elem_count());
    for factor in [settings.beta1, settings.beta2, 1.0 - settings.beta1, 1.0 - settings.beta2] {
        kernel = kernel.float(factor);
    }
    for factor in [factors.keep, factors.rate, factors.inverse_root] {
        kernel = kernel.float(f64::from(factor));
    }
    kernel.float(settings.eps).float(f64::from(factors.gradient_scale)).launch(2048, 256)
}
