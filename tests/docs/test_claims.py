"""What the README says of the frameworks in words is so."""

CLAIMS = """
import jax
import torch

import nonlin as nl

x = torch.full((64,), 9.1, requires_grad=True)
torch.tanh(x).sum().backward()
print(x.grad[0].item(), jax.grad(jax.numpy.tanh)(9.1).item(), f"{nl.tanh.derivative(9.1):.3g}")
print(f"{torch.nn.functional.gelu(torch.full((64,), -5.5))[0].item() / nl.gelu(-5.5):.2f}")
x = torch.linspace(-20, 20, 5, requires_grad=True)
nl.tanh(x).sum().backward()
print(f"{x.grad[0].item():.2g}")
"""


def test_what_the_readme_says_of_the_frameworks(runner, tmp_path):
    assert runner(tmp_path, code=[CLAIMS]) == ["0.0 0.0 4.99e-08\n1.57\n1.7e-17\n"]
