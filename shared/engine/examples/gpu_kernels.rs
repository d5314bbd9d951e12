//! For `just gpu-check`: every kernel against the CPU's fused pass in f32, with odd and even shapes in every
//! type, then its speed at Qwen2.5-7B's shapes beside the composition of candle operations it replaces.
//!
//! `gpu_kernels` prints `ok …` or `FAILED …` lines and a table; exit code 1 where a kernel is wrong.

#![expect(clippy::print_stdout, reason = "its result goes there")]
#![expect(clippy::disallowed_methods, reason = "a native program: it reads the clock")]

use std::time::Instant;

use foretune_engine::ops::{
    AdamW, AttentionShape, RopeTables, adamw_step, add_assign, cross_entropy, cuda, heads_to_rows, linear,
    matmul_add, merge_heads, rms_norm, rms_norm_backward, rows_to_heads, silu_mul, silu_mul_backward,
    small_share, softmax, softmax_backward, split_heads, spread,
};
use foretune_engine::parameters::inner;
use foretune_engine::{DType, Device, ModelConfig, Tensor};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

/// A smooth, irregular tensor, the same for the same `seed`.
fn wave(shape: &[usize], seed: f64) -> Outcome<Tensor> {
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|i| ((i as f64 * 1.37 + seed).sin() * 1.5) as f32).collect();
    Ok(Tensor::from_vec(values, shape, &Device::Cpu)?)
}

struct Checker {
    gpu: Device,
    dtype: DType,
    failures: usize,
    checked: usize,
}

impl Checker {
    /// The tensor as the GPU's type holds it, on the GPU and, from the same rounded values, on the CPU.
    fn pair(&self, shape: &[usize], seed: f64) -> Outcome<(Tensor, Tensor)> {
        let rounded = wave(shape, seed)?.to_dtype(self.dtype)?;
        Ok((rounded.to_device(&self.gpu)?, rounded.to_dtype(DType::F32)?))
    }

    fn close(&mut self, name: &str, gpu: &Tensor, cpu: &Tensor) -> Outcome<()> {
        let tolerance = match self.dtype {
            DType::F32 => 2e-5,
            DType::F16 => 2e-3,
            _ => 1.6e-2,
        };
        self.close_within(name, gpu, cpu, tolerance)
    }

    fn close_within(&mut self, name: &str, gpu: &Tensor, cpu: &Tensor, tolerance: f32) -> Outcome<()> {
        let to_values = |tensor: &Tensor| -> Outcome<Vec<f32>> {
            Ok(tensor.to_device(&Device::Cpu)?.to_dtype(DType::F32)?.flatten_all()?.to_vec1::<f32>()?)
        };
        let (a, b) = (to_values(gpu)?, to_values(cpu)?);
        let size = b.iter().fold(1e-3f32, |size, value| size.max(value.abs()));
        let worst = a.iter().zip(&b).map(|(a, b)| (a - b).abs() / size).fold(0f32, f32::max);
        let missing = a.iter().any(|value| value.is_nan());
        self.checked += 1;
        if a.len() != b.len() || missing || worst > tolerance {
            self.failures += 1;
            println!(
                "FAILED {name} {:?}: {worst:.2e} of the largest value, allowed {tolerance:.0e}",
                self.dtype
            );
        }
        Ok(())
    }

    fn rows(&mut self, rows: usize, width: usize) -> Outcome<()> {
        let label = |name: &str| format!("{name} {rows} x {width}");
        let (x, x_cpu) = self.pair(&[rows, width], 0.1)?;
        let (dy, dy_cpu) = self.pair(&[rows, width], 2.1)?;
        let (weight, weight_cpu) = self.pair(&[width], 4.4)?;
        let (a, b) = (rms_norm(&x, &weight, 1e-6)?, rms_norm(&x_cpu, &weight_cpu, 1e-6)?);
        self.close(&label("rms_norm"), &a.y, &b.y)?;
        let (da, _) = rms_norm_backward(&dy, &x, &weight, &a.inverse_rms, false)?;
        let (db, _) = rms_norm_backward(&dy_cpu, &x_cpu, &weight_cpu, &b.inverse_rms, false)?;
        // One value alone is normed to its sign: its gradient is rounding and nothing else.
        if width > 1 {
            self.close(&label("rms_norm_backward"), &da, &db)?;
        }
        let (gate_up, gate_up_cpu) = self.pair(&[rows, 2 * width], 7.0)?;
        self.close(&label("silu_mul"), &silu_mul(&gate_up)?, &silu_mul(&gate_up_cpu)?)?;
        let (da, db) = (silu_mul_backward(&dy, &gate_up)?, silu_mul_backward(&dy_cpu, &gate_up_cpu)?);
        self.close(&label("silu_mul_backward"), &da, &db)?;
        let (a, b) = (small_share(&x)?.read()?, small_share(&x_cpu)?.read()?);
        self.close_within(
            &label("small_share"),
            &Tensor::new(&[a as f32], &Device::Cpu)?,
            &Tensor::new(&[b as f32], &Device::Cpu)?,
            2e-2,
        )?;
        let (a, b) = (inner(&x, &x)?, inner(&x_cpu, &x_cpu)?);
        self.close_within(
            &label("inner"),
            &Tensor::new(&[1f32], &Device::Cpu)?,
            &Tensor::new(&[(a / b) as f32], &Device::Cpu)?,
            1e-4,
        )?;
        let sum = add_assign(x.copy()?, &dy)?;
        self.close(&label("add_assign"), &sum, &(&x_cpu + &dy_cpu)?)?;
        let indices: Vec<u32> = (0..rows as u32).map(|i| 2 * (rows as u32 - i)).collect();
        let spread_on = |rows_on: &Tensor| -> Outcome<Tensor> {
            Ok(spread(rows_on, &Tensor::new(indices.as_slice(), rows_on.device())?, 2 * rows + 1)?)
        };
        self.close(&label("spread"), &spread_on(&x)?, &spread_on(&x_cpu)?)?;
        let targets: Vec<u32> = (0..rows).map(|i| (i * 5 % width) as u32).collect();
        let a = cross_entropy(x.copy()?, &targets, Some(0.25))?;
        let b = cross_entropy(x_cpu.copy()?, &targets, Some(0.25))?;
        self.close_within(&label("cross_entropy loss"), &a.loss, &b.loss, 1e-4)?;
        self.close_within(&label("cross_entropy correct"), &a.correct, &b.correct, 0.0)?;
        let (a, b) = (a.d_logits.ok_or("no gradient")?, b.d_logits.ok_or("no gradient")?);
        self.close(&label("cross_entropy gradient"), &a, &b)?;
        self.drops(&x, &x_cpu, &label("drop"))?;
        self.products(rows, width)
    }

    fn drops(&mut self, x: &Tensor, x_cpu: &Tensor, name: &str) -> Outcome<()> {
        let (rows, width) = x.dims2()?;
        let (share, keys) = (0.3, (0..rows as u64).map(|i| i * 0x9e37_79b9).collect::<Vec<u64>>());
        let mask: Vec<f32> = keys
            .iter()
            .flat_map(|key| {
                (0..width as u64).map(|i| foretune_engine::lora::unit(foretune_core::hash::combine(*key, i)))
            })
            .map(|drawn| if drawn < share { 0.0 } else { (1.0 / (1.0 - share)) as f32 })
            .collect();
        let wanted = (x_cpu * Tensor::from_vec(mask, (rows, width), &Device::Cpu)?)?;
        self.close(name, &cuda::drop(x, &keys, share)?, &wanted)
    }

    fn products(&mut self, rows: usize, width: usize) -> Outcome<()> {
        let tolerance = if self.dtype == DType::F32 { 2e-3 } else { 2e-2 };
        let (a, a_cpu) = self.pair(&[rows, 6], 1.0)?;
        let (b, b_cpu) = self.pair(&[6, width], 2.0)?;
        let (turned, turned_cpu) = self.pair(&[width, 6], 3.0)?;
        let (y, y_cpu) = self.pair(&[rows, width], 5.0)?;
        let (bias, bias_cpu) = self.pair(&[width], 6.0)?;
        let name = format!("{rows} x {width}");
        let (got, wanted) = (matmul_add(y.copy()?, &a, &b)?, (&y_cpu + a_cpu.matmul(&b_cpu)?)?);
        self.close_within(&format!("matmul_add {name}"), &got, &wanted, tolerance)?;
        let (got, wanted) = (matmul_add(y, &a, &turned.t()?)?, (y_cpu + a_cpu.matmul(&turned_cpu.t()?)?)?);
        self.close_within(&format!("matmul_add turned {name}"), &got, &wanted, tolerance)?;
        let got = linear(&a, &turned, Some(&bias))?;
        self.close_within(
            &format!("add_bias {name}"),
            &got,
            &linear(&a_cpu, &turned_cpu, Some(&bias_cpu))?,
            tolerance,
        )
    }

    fn attention(&mut self, shape: AttentionShape) -> Outcome<()> {
        let AttentionShape { rows, len, heads, kv_heads, head_size } = shape;
        let name = |of: &str| format!("{of} {shape:?}");
        let config = ModelConfig::from_json(&format!(
            r#"{{"architectures":["Qwen2ForCausalLM"],"hidden_size":{},"intermediate_size":8,"num_hidden_layers":1,
            "num_attention_heads":{heads},"num_key_value_heads":{kv_heads},"vocab_size":8,"rms_norm_eps":1e-6,
            "rope_theta":10000.0,"tie_word_embeddings":true,"hidden_act":"silu","max_position_embeddings":2048}}"#,
            heads * head_size
        ))?;
        let (rope, rope_cpu) =
            (RopeTables::new(&config, len + 3, &self.gpu)?, RopeTables::new(&config, len + 3, &Device::Cpu)?);
        let (qkv, qkv_cpu) = self.pair(&[rows * len, (heads + 2 * kv_heads) * head_size], 1.0)?;
        let positions: Vec<u32> =
            (0..rows * len).map(|i| (i % len + usize::from(i % 3 == 0)) as u32).collect();
        for positions in [None, Some(positions.as_slice())] {
            let parts = split_heads(&qkv, shape, &rope, positions)?;
            let wanted = split_heads(&qkv_cpu, shape, &rope_cpu, positions)?;
            for (a, b) in parts.iter().zip(&wanted) {
                self.close(&name("split_heads"), a, b)?;
            }
            let rounded: Vec<Tensor> =
                wanted.iter().map(|part| part.to_dtype(self.dtype)).collect::<Result<_, _>>()?;
            let on_gpu: Vec<Tensor> =
                rounded.iter().map(|part| part.to_device(&self.gpu)).collect::<Result<_, _>>()?;
            let on_cpu: Vec<Tensor> =
                rounded.iter().map(|part| part.to_dtype(DType::F32)).collect::<Result<_, _>>()?;
            let a = merge_heads([&on_gpu[0], &on_gpu[1], &on_gpu[2]], shape, &rope, positions)?;
            let b = merge_heads([&on_cpu[0], &on_cpu[1], &on_cpu[2]], shape, &rope_cpu, positions)?;
            self.close(&name("merge_heads"), &a, &b)?;
        }
        let stacked = [rows * kv_heads, heads / kv_heads * len, head_size];
        let (x, x_cpu) = self.pair(&stacked, 0.7)?;
        let (flat, flat_cpu) = (heads_to_rows(&x, shape)?, heads_to_rows(&x_cpu, shape)?);
        self.close(&name("heads_to_rows"), &flat, &flat_cpu)?;
        self.close(&name("rows_to_heads"), &rows_to_heads(&flat, shape)?, &rows_to_heads(&flat_cpu, shape)?)?;
        let first_key: Vec<u32> = (0..rows * len).map(|i| (i % len / 3) as u32).collect();
        for first_key in [None, Some(first_key.as_slice())] {
            let (scores, scores_cpu) = self.pair(&[rows * kv_heads, heads / kv_heads * len, len], 3.3)?;
            let probs = softmax(scores, shape, 0.7, first_key, None)?;
            let probs_cpu = softmax(scores_cpu, shape, 0.7, first_key, None)?;
            self.close(&name("softmax"), &probs, &probs_cpu)?;
            let (d, d_cpu) = self.pair(&[rows * kv_heads, heads / kv_heads * len, len], 9.0)?;
            let a = softmax_backward(d, &probs, 0.7)?;
            let b = softmax_backward(d_cpu, &probs.to_device(&Device::Cpu)?.to_dtype(DType::F32)?, 0.7)?;
            self.close(&name("softmax_backward"), &a, &b)?;
        }
        Ok(())
    }

    fn optimizer(&mut self) -> Outcome<()> {
        let on = |device: &Device| -> Outcome<Tensor> {
            let state = [wave(&[1003], 0.0)?, wave(&[1003], 1.0)?, wave(&[1003], 2.0)?.abs()?];
            let state: Vec<Tensor> =
                state.iter().map(|part| part.to_device(device)).collect::<Result<_, _>>()?;
            let gradient = wave(&[1003], 3.0)?.to_device(device)?;
            let settings = AdamW { weight_decay: 0.1, ..AdamW::default() };
            adamw_step(&settings, [&state[0], &state[1], &state[2]], &gradient, 1e-2, 0.5, 3)?;
            Ok(Tensor::cat(&state, 0)?)
        };
        let (a, b) = (on(&self.gpu)?, on(&Device::Cpu)?);
        self.close_within("adamw", &a, &b, 1e-5)
    }
}

/// Mean milliseconds of a call, after one that warms up.
fn milliseconds(device: &Device, mut body: impl FnMut() -> Outcome<()>) -> Outcome<f64> {
    const CALLS: u32 = 10;
    body()?;
    device.synchronize()?;
    let start = Instant::now();
    for _ in 0..CALLS {
        body()?;
    }
    device.synchronize()?;
    Ok(start.elapsed().as_secs_f64() * 1e3 / f64::from(CALLS))
}

/// One line a layer's operation: kernel, composition.
fn speeds(gpu: &Device) -> Outcome<()> {
    const TOKENS: usize = 4096;
    let shape = AttentionShape { rows: 8, len: 512, heads: 28, kv_heads: 4, head_size: 128 };
    let random = |dims: &[usize]| -> Outcome<Tensor> {
        Ok(Tensor::randn(0f32, 1f32, dims, gpu)?.to_dtype(DType::BF16)?)
    };
    let (x, dy, weight) = (random(&[TOKENS, 3584])?, random(&[TOKENS, 3584])?, random(&[3584])?);
    let inverse = rms_norm(&x, &weight, 1e-6)?.inverse_rms;
    let (gate_up, d_act) = (random(&[TOKENS, 2 * 18_944])?, random(&[TOKENS, 18_944])?);
    let scores = random(&[32, 7 * 512, 512])?;
    let stacked = random(&[32, 7 * 512, 128])?;
    let qkv = random(&[TOKENS, 36 * 128])?;
    let config = ModelConfig::from_json(
        r#"{"architectures":["Qwen2ForCausalLM"],"hidden_size":3584,"intermediate_size":18944,
        "num_hidden_layers":28,"num_attention_heads":28,"num_key_value_heads":4,"vocab_size":152064,
        "rms_norm_eps":1e-6,"rope_theta":1000000.0,"tie_word_embeddings":false,"hidden_act":"silu",
        "max_position_embeddings":32768}"#,
    )?;
    let rope = RopeTables::new(&config, 512, gpu)?;
    let mask = Tensor::zeros((1, 1, 512, 512), DType::F32, gpu)?;
    let (a, b) = (random(&[TOKENS, 32])?, random(&[32, 2 * 18_944])?);
    let logits = random(&[1765, 152_064])?;
    let targets: Vec<u32> = (0..1765).collect();
    let flat: Vec<Tensor> =
        (0..4).map(|_| Tensor::randn(0f32, 1f32, 40_000_000, gpu)?.abs()).collect::<Result<_, _>>()?;
    let mut table: Vec<(&str, [f64; 2])> = Vec::new();
    for (index, kernels) in [true, false].into_iter().enumerate() {
        cuda::use_kernels(kernels);
        let mask = (!kernels).then_some(&mask);
        let mut line = |name: &'static str, time: f64| match table.iter_mut().find(|line| line.0 == name) {
            Some(line) => line.1[index] = time,
            None => table.push((name, [time, 0.0])),
        };
        macro_rules! time {
            ($name:literal, $body:expr) => {
                line(
                    $name,
                    milliseconds(gpu, || {
                        $body;
                        Ok(())
                    })?,
                );
            };
        }
        time!("rms_norm", rms_norm(&x, &weight, 1e-6)?);
        time!("rms_norm_backward", rms_norm_backward(&dy, &x, &weight, &inverse, false)?);
        time!("silu_mul", silu_mul(&gate_up)?);
        time!("silu_mul_backward", silu_mul_backward(&d_act, &gate_up)?);
        time!("small_share", small_share(&d_act)?);
        time!("split_heads", split_heads(&qkv, shape, &rope, None)?);
        let [q, k, v] = split_heads(&qkv, shape, &rope, None)?;
        time!("merge_heads", merge_heads([&q, &k, &v], shape, &rope, None)?);
        time!("softmax, with a copy", softmax(scores.copy()?, shape, 0.1, None, mask)?);
        time!("softmax_backward, with a copy", softmax_backward(scores.copy()?, &scores, 0.1)?);
        time!("heads_to_rows", heads_to_rows(&stacked, shape)?);
        time!("matmul_add, rank 32, with a copy", matmul_add(gate_up.copy()?, &a, &b)?);
        time!("add_assign, with a copy", add_assign(x.copy()?, &dy)?);
        time!("cross_entropy, with a copy", cross_entropy(logits.copy()?, &targets, Some(1.0))?);
        time!("inner, 40 million", inner(&flat[0], &flat[1])?);
        time!(
            "adamw, 40 million",
            adamw_step(&AdamW::default(), [&flat[0], &flat[1], &flat[2]], &flat[3], 0.0, 1.0, 1)?
        );
    }
    cuda::use_kernels(true);
    println!("| operation at 4,096 tokens, bf16 | kernel, ms | composed, ms |\n|---|---|---|");
    for (name, [kernel, composed]) in table {
        println!("| {name} | {kernel:.3} | {composed:.3} |");
    }
    products(gpu)
}

/// Rates of the matrix products of a layer, as they occur.
fn products(gpu: &Device) -> Outcome<()> {
    println!("| product | TFLOP/s |\n|---|---|");
    let random = |dims: (usize, usize)| -> Outcome<Tensor> {
        Ok(Tensor::randn(0f32, 1f32, dims, gpu)?.to_dtype(DType::BF16)?)
    };
    for (name, m, k, n, turned) in [
        ("8192^3", 8192, 8192, 8192, false),
        ("qkv", 4096, 3584, 4608, true),
        ("o", 4096, 3584, 3584, true),
        ("gate_up", 4096, 3584, 37_888, true),
        ("down", 4096, 18_944, 3584, true),
        ("d gate_up", 4096, 37_888, 3584, false),
        ("d down", 4096, 3584, 18_944, false),
        ("head", 1765, 3584, 152_064, true),
        ("adapter A", 4096, 3584, 32, true),
        ("adapter A of down", 4096, 18_944, 16, true),
        ("d low", 4096, 37_888, 32, false),
    ] {
        let (a, b) = (random((m, k))?, if turned { random((n, k))?.t()? } else { random((k, n))? });
        let time = milliseconds(gpu, || {
            a.matmul(&b)?;
            Ok(())
        })?;
        println!(
            "| {name} {m} x {k} x {n} | {:.0} ({time:.3} ms) |",
            2e-9 * (m * k) as f64 * n as f64 / time
        );
    }
    let (dy, low) = (random((4096, 37_888))?, random((4096, 32))?);
    for (name, a, b) in [("d B", dy.t()?, low.clone()), ("d A", low.t()?, random((4096, 3584))?)] {
        let time = milliseconds(gpu, || {
            a.matmul(&b)?;
            Ok(())
        })?;
        println!("| {name} | {time:.3} ms |");
    }
    Ok(())
}

fn main() -> Outcome<()> {
    let gpu = foretune_engine::open_gpu(0)?;
    let mut checker = Checker { gpu: gpu.clone(), dtype: DType::F32, failures: 0, checked: 0 };
    for dtype in [DType::F32, DType::BF16, DType::F16] {
        checker.dtype = dtype;
        for (rows, width) in [(1, 1), (3, 37), (5, 64), (17, 264), (2, 5003), (9, 3584)] {
            checker.rows(rows, width)?;
        }
        for (rows, len, heads, kv_heads, head_size) in
            [(1, 1, 1, 1, 2), (2, 5, 4, 2, 6), (3, 40, 8, 4, 64), (2, 129, 7, 1, 16), (1, 512, 28, 4, 128)]
        {
            checker.attention(AttentionShape { rows, len, heads, kv_heads, head_size })?;
        }
    }
    checker.optimizer()?;
    let good = checker.checked - checker.failures;
    println!(
        "{} {good} of {} comparisons of kernels with the CPU",
        if checker.failures == 0 { "ok" } else { "FAILED" },
        checker.checked
    );
    speeds(&gpu)?;
    if checker.failures > 0 {
        return Err(format!("{} comparisons failed", checker.failures).into());
    }
    Ok(())
}
