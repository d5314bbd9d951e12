"""Reference values from Hugging Face transformers and PEFT for the engine's parity test.

Small models of each architecture with made-up weights; logits of a padded batch, 20 LoRA steps, 5 steps of
full training. Everything runs in float32 on one CPU thread. Remake with

    pip install -r tests/parity/requirements.txt
    python tests/parity/make_fixtures.py tests/parity/fixtures

The Rust side is shared/engine/tests/parity.rs.
"""

import json
import sys
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model, get_peft_model_state_dict
from safetensors.torch import save_file
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

SHAPE = dict(
    vocab_size=56,
    hidden_size=24,
    intermediate_size=40,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=128,
    rms_norm_eps=1e-6,
    attn_implementation="eager",
)
LLAMA_ROPE = dict(
    rope_type="llama3",
    rope_theta=500.0,
    factor=4.0,
    low_freq_factor=1.0,
    high_freq_factor=4.0,
    original_max_position_embeddings=32,
)
MODELS = {
    "qwen2": (Qwen2ForCausalLM, Qwen2Config, dict(tie_word_embeddings=False, rope_theta=1e6)),
    "qwen2_tied": (Qwen2ForCausalLM, Qwen2Config, dict(tie_word_embeddings=True, rope_theta=1e4)),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config, dict(tie_word_embeddings=False, head_dim=8)),
    "llama": (LlamaForCausalLM, LlamaConfig, dict(tie_word_embeddings=False, rope_parameters=LLAMA_ROPE)),
}
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
LORA = dict(r=4, lora_alpha=8, lora_dropout=0.0, target_modules=TARGETS)
ADAMW = dict(lr=2e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.01)
CLIP = 0.5
LORA_STEPS = 20
FULL_STEPS = 5


def make_rows(generator):
    """Batches of rows of different lengths; the loss is taken on the last few tokens only."""
    batches = []
    for _ in range(4):
        rows = []
        for _ in range(4):
            length = int(torch.randint(5, 24, (1,), generator=generator))
            answer = int(torch.randint(1, 4, (1,), generator=generator))
            tokens = torch.randint(0, SHAPE["vocab_size"], (length,), generator=generator).tolist()
            rows.append(dict(tokens=tokens, trained=[i >= length - answer for i in range(length)]))
        batches.append(rows)
    return batches


def collate(rows):
    longest = max(len(row["tokens"]) for row in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    mask = torch.zeros_like(ids)
    labels = torch.full_like(ids, -100)
    for i, row in enumerate(rows):
        n = len(row["tokens"])
        ids[i, :n] = torch.tensor(row["tokens"])
        mask[i, :n] = 1
        for j, trained in enumerate(row["trained"]):
            if trained:
                labels[i, j] = row["tokens"][j]
    return dict(input_ids=ids, attention_mask=mask, labels=labels)


def train(model, parameters, batches, steps):
    """Losses and gradient norms before clipping."""
    decayed = [p for p in parameters if p.dim() > 1]
    rest = [p for p in parameters if p.dim() <= 1]
    groups = [dict(params=decayed), dict(params=rest, weight_decay=0.0)]
    optimizer = torch.optim.AdamW([g for g in groups if g["params"]], **ADAMW)
    losses, norms = [], []
    for step in range(steps):
        optimizer.zero_grad()
        loss = model(**collate(batches[step % len(batches)])).loss
        loss.backward()
        norms.append(float(torch.nn.utils.clip_grad_norm_(parameters, CLIP)))
        losses.append(loss.item())
        optimizer.step()
    return losses, norms


def make_model(name, generator):
    kind, config, extra = MODELS[name]
    model = kind(config(**SHAPE, **extra)).float().eval()
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            around = 1.0 if "norm" in key else 0.0
            noise = torch.randn(parameter.shape, generator=generator) * 0.12
            # Exact in bf16, so that the fixture can store two bytes a weight.
            parameter.copy_((noise + around).bfloat16().float())
    return model


def main(folder):
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(MODELS):
        generator = torch.Generator().manual_seed(seed)
        model = make_model(name, generator)
        batches = make_rows(generator)
        tensors = {key: value.bfloat16().contiguous() for key, value in model.state_dict().items()}
        if model.config.tie_word_embeddings:
            tensors.pop("lm_head.weight", None)
        start = {key: value.clone() for key, value in model.state_dict().items()}
        batch = collate(batches[0])
        with torch.no_grad():
            logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        real = batch["attention_mask"].bool()
        results = {"logits": logits[real].contiguous()}

        full_losses, full_norms = train(model, list(model.parameters()), batches, FULL_STEPS)
        for key in ["model.norm.weight", "model.layers.0.self_attn.v_proj.weight"]:
            results["full." + key] = model.state_dict()[key].clone()
        model.load_state_dict(start)

        torch.manual_seed(seed)
        tuned = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **LORA)).eval()
        adapter = lambda: {k: v.detach().clone().contiguous() for k, v in get_peft_model_state_dict(tuned).items()}
        first = adapter()
        trainable = [p for p in tuned.parameters() if p.requires_grad]
        lora_losses, lora_norms = train(tuned, trainable, batches, LORA_STEPS)
        last = adapter()
        # What PEFT computes with the trained adapter: it must come out the same once our side has read the file.
        with torch.no_grad():
            tuned_logits = tuned(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
        results["adapter.logits"] = tuned_logits[real].contiguous()

        save_file(tensors, folder / f"{name}.model.safetensors")
        save_file(results, folder / f"{name}.results.safetensors")
        # Of the start only A: every B is zero.
        save_file({k: v for k, v in first.items() if "lora_A" in k}, folder / f"{name}.start.safetensors")
        save_file(last, folder / f"{name}.adapter.safetensors")
        text = json.dumps(
            dict(
                config=json.loads(model.config.to_json_string()),
                adapter_config=dict(peft_type="LORA", **LORA),
                adamw=dict(lr=ADAMW["lr"], weight_decay=ADAMW["weight_decay"], clip=CLIP),
                batches=batches,
                lora=dict(losses=lora_losses, norms=lora_norms),
                full=dict(losses=full_losses, norms=full_norms),
            )
        )
        (folder / f"{name}.json").write_text(text + "\n")
        print(name, lora_losses[0], lora_losses[-1], full_losses[-1])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
