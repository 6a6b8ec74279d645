"""The machine and the releases that a measurement was made with and on."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from nonlin import __version__

PACKAGES = ("numpy", "llvmlite", "torch", "jax", "jaxlib", "onnxruntime", "onnx", "numexpr", "scipy")


def machine() -> dict[str, Any]:
    """Processor, cores that this process may use, system, and how many other processes compute now (`load`)."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None
    return {"processor": processor(), "cores": cores, "system": platform.platform(), "load": load}


def versions() -> dict[str, str]:
    """Python, nonlin, and each library that is installed."""
    found = {"python": platform.python_version(), "nonlin": __version__}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def processor() -> str:
    """The processor's own name with what tells models of one name apart."""
    information = Path("/proc/cpuinfo")
    if not information.exists():
        return platform.processor() or platform.machine()
    text = information.read_text(errors="replace").partition("\n\n")[0]
    fields = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}
    named = fields.get("model name", platform.machine())
    model = f", family {fields['cpu family']} model {fields['model']}" if "cpu family" in fields else ""
    widest = next((name for name in ("avx512f", "avx2") if name in fields.get("flags", "").split()), "")
    return f"{named}{model}" + (f", {widest}" if widest else "")
