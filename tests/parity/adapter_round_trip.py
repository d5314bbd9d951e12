"""An adapter made by `foretune tune`, loaded by PEFT over the same base model: every test row's loss must be the
one that our own evaluation gave. Needs a built `foretune` and the packages of requirements.txt.

    python tests/parity/adapter_round_trip.py target/debug/foretune
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from peft import PeftModel
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

ROOT = Path(__file__).resolve().parents[2]
BASE = ROOT / "lab/base"
TOLERANCE = 1e-4


def rows(first, count):
    words = [("red", "colour"), ("apple", "fruit"), ("seven", "number")]
    return [dict(instruction=f"What is {words[i % 3][0]}? ({first + i})", output=words[i % 3][1]) for i in range(count)]


def main(binary):
    tokenizer = Tokenizer.from_file(str(BASE / "tokenizer.json"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for file, content in (("train.jsonl", rows(0, 90)), ("test.jsonl", rows(500, 30))):
            (folder / file).write_text("".join(json.dumps(row) + "\n" for row in content))
        command = [binary, "tune", folder / "train.jsonl", "--model", BASE, "--eval", folder / "test.jsonl", "--out", folder / "out", "--max-steps", "30", "--batch", "8", "--lr", "5e-3", "--device", "cpu"]
        subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        items = [json.loads(line) for line in (folder / "out/items.jsonl").read_text().splitlines()]
        base = AutoModelForCausalLM.from_pretrained(BASE, torch_dtype=torch.float32, attn_implementation="eager")
        losses = {"base": [], "last": []}
        for state in losses:
            model = base if state == "base" else PeftModel.from_pretrained(base, folder / "out/last").float()
            model.eval()
            for row in rows(500, 30):
                prompt = tokenizer.encode(f"<|user|>{row['instruction']}", add_special_tokens=False).ids + tokenizer.encode("<|assistant|>", add_special_tokens=False).ids
                answer = tokenizer.encode(f"{row['output']}<|end|>", add_special_tokens=False).ids
                ids = torch.tensor([prompt + answer])
                labels = torch.tensor([[-100] * len(prompt) + answer])
                with torch.no_grad():
                    losses[state].append(model(input_ids=ids, labels=labels).loss.item())
    for state, found in losses.items():
        # Rows come in the order of their hashes.
        wanted = sorted(item[state]["loss"] for item in items)
        worst = max(abs(a - b) for a, b in zip(sorted(found), wanted, strict=True))
        good = worst <= TOLERANCE
        print(f"{'ok' if good else 'FAILED'} {state}: losses of {len(found)} rows differ by at most {worst:.1e}")
        if not good:
            sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1])
