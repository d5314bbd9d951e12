"""The peer of `shared/engine/examples/bench_train.rs`: the same steps with PyTorch, transformers and PEFT.

    engine_peer.py SIZE lora|full ROWS LENGTH STEPS [cpu|cuda] [recompute] [autocast]

PEFT keeps adapters in f32 beside a bf16 model; `autocast` multiplies them in bf16, as the Hugging Face trainer
does with `bf16=True`.
"""

import json
import resource
import sys
import time

import torch
from peft import LoraConfig, get_peft_model
from transformers import Qwen2Config, Qwen2ForCausalLM

SHAPES = {
    "1m": dict(vocab_size=2048, hidden_size=128, intermediate_size=352, num_hidden_layers=4, num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True),
    "10m": dict(vocab_size=2048, hidden_size=320, intermediate_size=896, num_hidden_layers=8, num_attention_heads=8, num_key_value_heads=4, tie_word_embeddings=True),
    "7b": dict(vocab_size=152064, hidden_size=3584, intermediate_size=18944, num_hidden_layers=28, num_attention_heads=28, num_key_value_heads=4, tie_word_embeddings=False),
}
TARGETS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def rows(count, length, vocab):
    state, drawn = 1, []
    for _ in range(count * length):
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        drawn.append((state >> 33) % vocab)
    return torch.tensor(drawn).reshape(count, length)


def main():
    size, kind, count, length, steps = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:6])
    device = "cuda" if "cuda" in sys.argv else "cpu"
    if device == "cpu":
        torch.set_num_threads(1)
    torch.manual_seed(1)
    dtype = torch.bfloat16 if device == "cuda" else torch.float32
    torch.set_default_dtype(dtype)
    with torch.device(device):
        model = Qwen2ForCausalLM(Qwen2Config(**SHAPES[size], max_position_embeddings=32768, rope_theta=1e6, attn_implementation="sdpa"))
    torch.set_default_dtype(torch.float32)
    model.config.use_cache = False
    if "recompute" in sys.argv:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    if kind == "lora":
        model = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=16, lora_alpha=32, lora_dropout=0.0, target_modules=TARGETS))
    model.train()
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.0)
    ids = rows(count, length, SHAPES[size]["vocab_size"]).to(device)

    def step():
        optimizer.zero_grad()
        with torch.autocast(device, torch.bfloat16, enabled="autocast" in sys.argv):
            loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        return loss.item()

    def wait():
        if device == "cuda":
            torch.cuda.synchronize()

    first = step()
    wait()
    cpu, wall = time.process_time(), time.monotonic()
    for _ in range(steps):
        last = step()
    wait()
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    tokens = steps * count * length
    peak = torch.cuda.max_memory_allocated() if device == "cuda" else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(dict(tokens=tokens, cpu_seconds=cpu, wall_seconds=wall, tokens_per_cpu_second=tokens / cpu, tokens_per_second=tokens / wall, peak_bytes=peak, first_loss=first, last_loss=last)))


if __name__ == "__main__":
    main()
