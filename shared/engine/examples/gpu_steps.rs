//! For `just gpu-check`: whole steps of a small model on the GPU against the same steps on the CPU in f32, in every
//! type and every way that a recipe can ask for. Prints `ok …` or `FAILED …` lines; exit code 1 where one is wrong.

#![expect(clippy::print_stdout, reason = "its result goes there")]

use foretune_engine::selftest::{Case, differences, gradient_tolerance};
use foretune_engine::{BatchStyle, DType, Quantization};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// Of a loss; rounding of the narrow types.
const LOSS_TOLERANCE: f64 = 0.01;

fn ways() -> Vec<(&'static str, Case)> {
    let plain = Case::default();
    let packed = BatchStyle::Packed { len: 1024 };
    vec![
        ("rows of their own length", plain),
        ("padded rows", Case { style: BatchStyle::Padded, ..plain }),
        ("packed rows", Case { style: packed, ..plain }),
        ("recomputation", Case { recompute: true, ..plain }),
        ("dropout", Case { dropout: 0.2, ..plain }),
        (
            "dropout, packed rows, recomputation",
            Case { dropout: 0.2, style: packed, recompute: true, ..plain },
        ),
        ("weights in 8 bits", Case { quantization: Quantization::Eight, ..plain }),
        ("weights in 4 bits", Case { quantization: Quantization::Four, ..plain }),
        (
            "weights in 4 bits, dropout, packed rows, recomputation",
            Case { quantization: Quantization::Four, dropout: 0.2, style: packed, recompute: true },
        ),
    ]
}

fn main() -> Outcome<()> {
    let gpu = foretune_engine::open_gpu(0)?;
    let mut failures = 0;
    for dtype in [DType::F32, DType::BF16, DType::F16] {
        for (name, case) in ways() {
            let found = differences(&gpu, dtype, &case)?;
            let good = found.loss <= LOSS_TOLERANCE && found.gradient <= gradient_tolerance(&gpu, dtype);
            failures += usize::from(!good);
            println!(
                "{} whole step in {dtype:?}, {name}: loss {:.1e} off, gradient {:.1e}",
                if good { "ok" } else { "FAILED" },
                found.loss,
                found.gradient
            );
        }
    }
    if failures > 0 {
        return Err(format!("{failures} steps differ from the CPU's").into());
    }
    Ok(())
}
