"""Formulas as compiled loops over CPU memory, shared by every backend whose arrays live there."""
