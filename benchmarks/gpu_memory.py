"""A transformer's training step on a GPU, with torch's GELU and with ours: `python benchmarks/gpu_memory.py`

The model of benchmarks/transformer.py, 12 layers of width 768 on 16 pieces of 512 characters, in float32 and under
bfloat16 autocast: the most memory allocated during a step beyond what is there between steps, and the time of a step,
median of 10, the three ways of keeping things in turn. Writes benchmarks/results/gpu_memory.json.
"""

import json
import statistics
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from transformer import MODES, Transformer, batch, text

from nonlin.files import write_whole
from nonlin.measure.machine import machine, versions

RESULTS = Path(__file__).parent / "results" / "gpu_memory.json"
STEPS = 10


def main() -> None:
    data = text()
    rows = [row(mode, half, data) for half in (False, True) for mode in MODES]
    about = {**machine(), "gpu": torch.cuda.get_device_name(), "versions": versions()}
    lines = ",\n".join("  " + json.dumps(row) for row in rows)
    write_whole(RESULTS, f'{{"about": {json.dumps(about)},\n "rows": [\n{lines}\n]}}\n')


def row(mode: str, half: bool, data: torch.Tensor) -> dict[str, Any]:
    torch.manual_seed(0)
    model = Transformer(mode, 12, 768, 12, 512).cuda()
    optimizer = torch.optim.AdamW(model.parameters())
    x, target = (part.cuda() for part in batch(data, 16, 512, torch.Generator().manual_seed(0)))
    peaks: list[int] = []
    times: list[float] = []
    for _ in range(STEPS + 3):
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        with torch.autocast("cuda", torch.bfloat16) if half else nullcontext():
            loss = model(x, target)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
        end.record()
        end.synchronize()
        peaks.append(torch.cuda.max_memory_allocated() - before)
        times.append(begin.elapsed_time(end))
    found = {
        "mode": mode,
        "autocast": half,
        "peak_bytes": statistics.median(peaks[3:]),
        "milliseconds": round(statistics.median(times[3:]), 2),
        "loss": round(loss.item(), 4),
    }
    print(found, flush=True)
    return found


if __name__ == "__main__":
    main()
