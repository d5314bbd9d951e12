//! From tensors to the driver: addresses, fresh memory, launches, cuBLAS. All unsafe code is here.
#![allow(unsafe_code)]

use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, Ordering};

use candle_core::cuda_backend::cudarc::cublas::{result as cublas, sys as cublas_sys};
use candle_core::cuda_backend::cudarc::driver::{
    DevicePtr, DeviceRepr, LaunchConfig, PushKernelArg, result as driver, sys as driver_sys,
};
use candle_core::cuda_backend::{CudaDType, CudaDevice, CudaStorage};
use candle_core::op::BackpropOp;
use candle_core::{DType, Device, Shape, Storage, Tensor};
use half::{bf16, f16};

use crate::error::Result;

const KERNELS: &str = include_str!(concat!(env!("OUT_DIR"), "/kernels.ptx"));

static WANTED: AtomicBool = AtomicBool::new(true);

/// Off: candle's own operations, so that both can be compared on one card.
pub fn use_kernels(wanted: bool) {
    WANTED.store(wanted, Ordering::Relaxed);
}

pub(super) fn wanted() -> bool {
    WANTED.load(Ordering::Relaxed)
}

/// The GPU with one stream of its own, on which everything happens in order whatever the thread. Freed
/// memory stays with the process: given back at every wait, each step would fetch all of it again.
pub fn open(ordinal: usize) -> Result<Device> {
    let device = Device::new_cuda_with_stream(ordinal)?;
    let cuda = device.as_cuda_device()?;
    // SAFETY: there is no second stream to wait for.
    unsafe { cuda.disable_event_tracking() };
    let stream = cuda.cuda_stream();
    let mut kept_bytes = u64::MAX;
    // SAFETY: the device is open, and the attribute is a u64 that is copied during the call.
    unsafe {
        let pool = driver::device::get_default_mem_pool(stream.context().cu_device()).map_err(wrap)?;
        driver::mem_pool::set_attribute(
            pool,
            driver_sys::CUmemPool_attribute::CU_MEMPOOL_ATTR_RELEASE_THRESHOLD,
            (&raw mut kept_bytes).cast::<c_void>(),
        )
        .map_err(wrap)?;
    }
    Ok(device)
}

fn wrap(error: impl std::error::Error + Send + Sync + 'static) -> candle_core::Error {
    candle_core::Error::Cuda(Box::new(error))
}

fn base<T: CudaDType + DeviceRepr>(storage: &CudaStorage) -> candle_core::Result<u64> {
    let slice = storage.as_cuda_slice::<T>()?;
    Ok(slice.device_ptr(slice.stream()).0)
}

/// Where a contiguous tensor's first value stands on the device.
pub(super) fn address(tensor: &Tensor) -> Result<u64> {
    let (storage, layout) = tensor.storage_and_layout();
    let Storage::Cuda(storage) = &*storage else {
        return Err(candle_core::Error::Msg("a kernel was given a tensor of another device".into()).into());
    };
    let Some((start, _)) = layout.contiguous_offsets() else {
        return Err(candle_core::Error::Msg("a kernel was given a strided tensor".into()).into());
    };
    offset_address(tensor.dtype(), storage, start)
}

fn offset_address(dtype: DType, storage: &CudaStorage, start: usize) -> Result<u64> {
    let base = match dtype {
        DType::BF16 => base::<bf16>(storage)?,
        DType::F16 => base::<f16>(storage)?,
        DType::F32 => base::<f32>(storage)?,
        DType::U32 => base::<u32>(storage)?,
        other => return Err(candle_core::Error::Msg(format!("no kernel takes {other:?}")).into()),
    };
    Ok(base + (start * dtype.size_in_bytes()) as u64)
}

/// Memory that a kernel is about to fill.
pub(super) fn fresh(shape: impl Into<Shape>, dtype: DType, device: &CudaDevice) -> Result<Tensor> {
    fn storage<T: CudaDType + DeviceRepr>(
        count: usize,
        device: &CudaDevice,
    ) -> candle_core::Result<CudaStorage> {
        // SAFETY: the caller's kernel writes every value before anything reads one.
        let slice = unsafe { device.alloc::<T>(count)? };
        Ok(CudaStorage::wrap_cuda_slice(slice, device.clone()))
    }
    let shape = shape.into();
    let count = shape.elem_count();
    let storage = match dtype {
        DType::BF16 => storage::<bf16>(count, device)?,
        DType::F16 => storage::<f16>(count, device)?,
        DType::F32 => storage::<f32>(count, device)?,
        other => return Err(candle_core::Error::Msg(format!("no kernel fills {other:?}")).into()),
    };
    Ok(Tensor::from_storage(Storage::Cuda(storage), shape, BackpropOp::none(), false))
}

pub(super) fn zeros(shape: impl Into<Shape>, dtype: DType, device: &CudaDevice) -> Result<Tensor> {
    Ok(Tensor::zeros(shape, dtype, &Device::Cuda(device.clone()))?)
}

pub(super) fn upload(values: &[u32], device: &Device) -> Result<Tensor> {
    Ok(Tensor::new(values, device)?)
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Argument {
    Address(u64),
    Int(i32),
    Long(u64),
    Float(f32),
    Double(f64),
}

/// One launch: the kernel's name for this type and pack, and its arguments in order.
pub(super) struct Kernel {
    name: String,
    device: CudaDevice,
    arguments: Vec<Argument>,
}

impl Kernel {
    /// Packs of 16 bytes where the width divides by them and every tensor starts at one.
    pub fn new(name: &str, tensors: &[&Tensor], width: usize) -> Result<Self> {
        const PACK_BYTES: usize = 16;
        let pack = PACK_BYTES / tensors[0].dtype().size_in_bytes();
        let mut whole = width % pack == 0;
        for tensor in tensors {
            if tensor.dtype() != tensors[0].dtype() {
                return Err(candle_core::Error::DTypeMismatchBinaryOp {
                    lhs: tensors[0].dtype(),
                    rhs: tensor.dtype(),
                    op: "a kernel of this engine",
                }
                .into());
            }
            whole &= address(tensor)? % PACK_BYTES as u64 == 0;
        }
        let pack = if whole { pack } else { 1 };
        Self::named(&format!("{name}_{}_{pack}", type_name(tensors[0].dtype())), tensors[0])
    }

    /// A kernel that is made once for each type.
    pub fn plain(name: &str, of_type: &Tensor) -> Result<Self> {
        Self::named(&format!("{name}_{}", type_name(of_type.dtype())), of_type)
    }

    pub fn named(name: &str, on: &Tensor) -> Result<Self> {
        let device = on.device().as_cuda_device()?.clone();
        Ok(Self { name: name.to_owned(), device, arguments: Vec::with_capacity(12) })
    }

    pub fn argument(mut self, argument: Argument) -> Self {
        self.arguments.push(argument);
        self
    }

    pub fn tensors(mut self, tensors: &[&Tensor]) -> Result<Self> {
        for tensor in tensors {
            self.arguments.push(Argument::Address(address(tensor)?));
        }
        Ok(self)
    }

    pub fn optional(self, tensor: Option<&Tensor>) -> Result<Self> {
        let address = tensor.map(address).transpose()?.unwrap_or(0);
        Ok(self.argument(Argument::Address(address)))
    }

    pub fn int(self, value: usize) -> Self {
        self.argument(Argument::Int(value as i32))
    }

    pub fn long(self, value: usize) -> Self {
        self.argument(Argument::Long(value as u64))
    }

    pub fn float(self, value: f64) -> Self {
        self.argument(Argument::Float(value as f32))
    }

    /// A block a row; none where there is no row.
    pub fn launch_rows(self, rows: usize, threads: usize) -> Result<()> {
        if rows == 0 { Ok(()) } else { self.launch(rows, threads) }
    }

    pub fn launch(self, blocks: usize, threads: usize) -> Result<()> {
        let function = self.device.get_or_load_custom_func(&self.name, "foretune", KERNELS)?;
        let mut builder = function.builder();
        for argument in &self.arguments {
            match argument {
                Argument::Address(value) | Argument::Long(value) => builder.arg(value),
                Argument::Int(value) => builder.arg(value),
                Argument::Float(value) => builder.arg(value),
                Argument::Double(value) => builder.arg(value),
            };
        }
        let shape = LaunchConfig {
            grid_dim: (blocks as u32, 1, 1),
            block_dim: (threads as u32, 1, 1),
            shared_mem_bytes: 0,
        };
        // SAFETY: `kernels.cu` has a kernel of this name with these arguments; every address is of a tensor
        // that lives until the launch is queued, and what is freed later is freed behind it on the stream.
        unsafe { builder.launch(shape) }.map_err(wrap)?;
        Ok(())
    }
}

fn type_name(dtype: DType) -> &'static str {
    match dtype {
        DType::BF16 => "bf16",
        DType::F16 => "f16",
        _ => "f32",
    }
}

/// `target += a x b` over a fresh target, summed in f32. As candle's product: each factor contiguous or exactly transposed.
pub fn matmul_add(target: &Tensor, a: &Tensor, b: &Tensor) -> Result<()> {
    let ((m, k), (_, n)) = (a.dims2()?, b.dims2()?);
    let device = target.device().as_cuda_device()?;
    let (b_address, b_turned) = factor(b)?;
    let (a_address, a_turned) = factor(a)?;
    let kind = match target.dtype() {
        DType::BF16 => cublas_sys::cudaDataType_t::CUDA_R_16BF,
        DType::F16 => cublas_sys::cudaDataType_t::CUDA_R_16F,
        _ => cublas_sys::cudaDataType_t::CUDA_R_32F,
    };
    let turned = |turned: bool| {
        if turned {
            cublas_sys::cublasOperation_t::CUBLAS_OP_T
        } else {
            cublas_sys::cublasOperation_t::CUBLAS_OP_N
        }
    };
    let one = 1f32;
    device.cuda_stream().context().bind_to_thread().map_err(wrap)?;
    // SAFETY: cuBLAS counts columns first, so it is given target^T += b^T a^T; the addresses hold as many
    // values as the shapes say, and the factors live until the product is queued.
    unsafe {
        cublas::gemm_ex(
            *device.cublas_handle().handle(),
            turned(b_turned),
            turned(a_turned),
            n as i32,
            m as i32,
            k as i32,
            (&raw const one).cast(),
            b_address as *const c_void,
            kind,
            (if b_turned { k } else { n }) as i32,
            a_address as *const c_void,
            kind,
            (if a_turned { m } else { k }) as i32,
            (&raw const one).cast(),
            address(target)? as *mut c_void,
            kind,
            n as i32,
            cublas_sys::cublasComputeType_t::CUBLAS_COMPUTE_32F,
            cublas_sys::cublasGemmAlgo_t::CUBLAS_GEMM_DEFAULT,
        )
    }
    .map_err(wrap)?;
    Ok(())
}

/// Address of a matrix, and whether it is stored the other way round.
fn factor(matrix: &Tensor) -> Result<(u64, bool)> {
    if matrix.is_contiguous() {
        return Ok((address(matrix)?, false));
    }
    Ok((address(&matrix.t()?)?, true))
}
