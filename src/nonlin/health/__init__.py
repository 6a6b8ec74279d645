"""Health: dead, dormant and saturated units, vanishing and exploding gradients of a model that trains."""

from nonlin.health.findings import Finding
from nonlin.health.watch import Health, watch

__all__ = ["Finding", "Health", "watch"]
