# SymPy's own annotations are partial, and wrong for expressions (Basic has no arithmetic): everything is Any here.
from typing import Any

def __getattr__(name: str) -> Any: ...
