"""`nonlin watch SCRIPT` as a user meets it: real processes, real ends, and a script that does not notice."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import pytest

HEAD = """
import os, sys, torch
from torch import nn
torch.set_num_threads(1)
torch.manual_seed(0)

def net():
    return nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 16), nn.ReLU(), nn.Linear(16, 5))

def train(model, steps, optimizer=None, batches=None):
    optimizer = optimizer or torch.optim.SGD(model.parameters(), 0.01)
    for i in range(steps):
        x = torch.randn(128, 20) if batches is None else batches[i]
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
"""


@pytest.fixture
def script(tmp_path):
    """Writes a script and starts it, plainly or watched; the process."""
    started = []
    # of a job in the background it is ignored, and so it would be in the script
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def start(body, *arguments, watched=True, options=(), environment=None, head=HEAD):
        (tmp_path / "code").mkdir(exist_ok=True)
        (tmp_path / "code" / "train.py").write_text(head + textwrap.dedent(body))
        runner = ["-m", "nonlin", "watch", *options] if watched else []
        command = [sys.executable, *runner, "code/train.py", *arguments]
        process = subprocess.Popen(
            command,
            cwd=tmp_path,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    def finish(*given, **options):
        process = start(*given, **options)
        out, err = process.communicate(timeout=100)
        return process.returncode, out, err

    finish.start = start
    finish.page = tmp_path / "health.html"
    yield finish
    signal.signal(signal.SIGINT, before)
    for process in started:
        process.kill()
        process.communicate()


def test_script_is_run_as_python_runs_it(script):
    body = """
    print(sys.argv, __name__, __file__, sys.path[0], __spec__, os.getcwd())
    print(sys.modules["__main__"].train is train, __builtins__)
    model = net()
    train(model, 40)
    print([p.double().sum().item().hex() for p in model.parameters()])
    sys.exit(7)
    """
    plain = script(body, "3", "--lr", "-h", watched=False)
    code, out, err = script(body, "3", "--lr", "-h", options=("--every", "2"))
    assert plain[0] == code == 7
    assert out == plain[1]
    assert "Sequential: 40 steps, 20 of them looked at" in err
    page = script.page.read_text(encoding="utf-8")
    assert page.rstrip().endswith("</html>")
    assert "Health of Sequential, 40 steps" in page


def test_exception_shows_the_traceback_of_the_script_alone_and_is_reported(script):
    code, _, err = script("""
    def broken():
        train(net(), 3)
        raise KeyError("lost")
    try:
        broken()
    except KeyError as error:
        raise RuntimeError("no data") from error
    """)
    shown, _, report = err.partition("RuntimeError: no data\n")
    files = [line for line in shown.splitlines() if line.startswith("  File ")]
    assert code == 1
    assert len(files) == 3  # <module> and broken of the cause, <module> of the error itself
    assert all("train.py" in line for line in files)
    assert "Sequential: 3 steps" in report
    assert script.page.exists()


def test_interrupt_is_reported(script):
    steps = "train(net(), 1)\nlast = net()\ntrain(last, 1)\nprint('ready', flush=True)\ntrain(last, 10**9)"
    process = script.start(steps)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert "Sequential: 1 step" in err and "Sequential 2: " in err
    assert script.page.exists()


def test_interrupt_that_the_script_catches_is_its_own(script):
    process = script.start("""
    try:
        model = net()
        train(model, 3)
        print("ready", flush=True)
        train(model, 10**9)
    except KeyboardInterrupt:
        print("saved", model[0].weight.isfinite().all().item())
    """)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "saved True\n")
    assert "Sequential: " in err


def test_two_models_of_a_gan_and_json(script):
    body = """
    class Generator(nn.Sequential): pass
    class Discriminator(nn.Sequential): pass
    g = Generator(nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, 20))
    d = Discriminator(nn.Linear(20, 16), nn.LeakyReLU(0.2), nn.Linear(16, 8), nn.Tanh(), nn.Linear(8, 1))
    of_g, of_d = torch.optim.Adam(g.parameters()), torch.optim.Adam(d.parameters())
    for _ in range(6):
        fake = g(torch.randn(512, 4))
        of_d.zero_grad(); (d(fake.detach()).mean() - d(torch.randn(512, 20)).mean()).backward(); of_d.step()
        of_g.zero_grad(); (-d(fake).mean()).backward(); of_g.step()
    print("done")
    """
    code, out, err = script(body, options=("--json", "--every", "1", "-o", "gan.html"))
    first, last = out.splitlines()
    generator, discriminator = json.loads(last)
    assert (code, first) == (0, "done")
    assert (generator["model"], discriminator["model"]) == ("Generator", "Discriminator")
    assert generator["steps"] == discriminator["steps"] == 6
    assert [layer["name"] for layer in discriminator["layers"]] == ["0", "2"]
    assert "gan.html" in err and not script.page.exists()
    page = (script.page.parent / "gan.html").read_text(encoding="utf-8")
    assert page.count("<article") == 2


@pytest.mark.parametrize(
    ("head", "body", "expected"),
    [
        ("", "import sys; print('torch' in sys.modules); sys.exit('no data')", (1, "False\n")),
        (HEAD, "net()(torch.ones(2, 20)); torch.optim.SGD(net().parameters(), 0.1); print(1)", (0, "1\n")),
        ("", "def broken(:\n    pass", (1, "")),
    ],
    ids=["without torch", "no step", "syntax error"],
)
def test_no_training_is_said(script, head, body, expected):
    code, out, err = script(body, head=head)
    assert (code, out) == expected
    assert "nonlin: no training seen in train.py: " in err
    assert not script.page.exists()
    assert "nonlin/" not in err  # of a traceback's lines
    assert ("no data\n" in err) == ("no data" in body)
    assert ("SyntaxError" in err) == ("(:" in body)


def test_one_step_and_os_exit_are_reported(script):
    code, out, err = script("train(net(), 1); os._exit(5); print('y')", options=("--json",))
    (model,) = json.loads(out)
    assert code == 5
    assert model["steps"] == model["sampled"] == 1
    assert len(model["layers"]) == 2
    assert "Sequential: 1 step" in err
    assert script.page.exists()


def test_workers_of_a_loader(script):
    code, out, err = script("""
    from torch.utils.data import DataLoader, Dataset

    class Numbers(Dataset):
        def __len__(self):
            return 8
        def __getitem__(self, i):
            return torch.full((20,), float(i))

    if __name__ == "__main__":
        for how in ("fork", "spawn"):
            batches = DataLoader(Numbers(), batch_size=2, num_workers=1, multiprocessing_context=how)
            train(net(), 4, batches=list(batches))
        print("done")
    """)
    assert (code, out) == (0, "done\n"), err
    assert err.count(": 4 steps") == 2
    assert "no training" not in err


def test_processes_of_torch_report_once(script):
    body = """
    def work(rank, steps):
        import torch.distributed as dist
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=sys.argv[1])
        dist.init_process_group("gloo", rank=rank, world_size=2)
        train(nn.parallel.DistributedDataParallel(net()), steps)
        dist.destroy_process_group()

    if __name__ == "__main__":
        import torch.multiprocessing as mp
        mp.spawn(work, args=(5,), nprocs=2)
        print("done")
    """
    code, out, err = script(body, str(20000 + os.getpid() % 20000))
    assert (code, out) == (0, "done\n"), err
    assert err.count("Sequential: 5 steps") == 1
    assert "no training" not in err
    assert script.page.exists()


def test_other_ranks_are_silent(script):
    body = "train(net(), 3); print('done')"
    code, out, err = script(body, options=("--json",), environment={"RANK": "1", "WORLD_SIZE": "2"})
    assert (code, out, err) == (0, "done\n", "")
    assert not script.page.exists()


def test_models_one_after_the_other_are_let_go_and_searched_for_anew(script):
    body = """
    import gc, weakref
    gone = []
    for _ in range(3):
        model = net()
        gone.append(weakref.ref(model))
        train(model, 3)
        assert not nn.modules.module._global_forward_pre_hooks
    encoder, decoder = nn.Linear(20, 20), net()
    both = torch.optim.SGD([*encoder.parameters(), *decoder.parameters()], 0.1)
    train(lambda x: decoder(torch.relu(encoder(x))), 3, both)
    del model
    gc.collect()
    print([reference() is None for reference in gone])
    """
    code, out, err = script(body)
    assert (code, out) == (0, "[True, True, True]\n"), err
    for name in ("Sequential: 3", "Sequential 2: 3", "Sequential 3: 3", "Linear: 3", "Sequential 4: 3"):
        assert name in err


def test_compiled_model_is_said_and_trains_the_same(script):
    body = """
    results = []
    for compiled in (False, True):
        torch.manual_seed(0)
        model = net()
        train(torch.compile(model, backend="eager") if compiled else model, 4)
        results.append(torch.cat([p.flatten() for p in model.parameters()]))
    print(torch.equal(*results))
    """
    code, out, err = script(body)
    assert (code, out) == (0, "True\n")
    assert "the model is compiled" in err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--every", "0"), "every: 0: "),
        (("-o", "health.txt"), "not the name of such a file: 'health.txt': "),
    ],
)
def test_bad_options_are_refused_before_the_script_runs(script, options, message):
    code, out, err = script("print('ran')", options=options)
    assert (code, out) == (2, "")
    assert err.startswith(f"nonlin: {message}")
    assert err.count("\n") == 1


def test_no_such_script(tmp_path):
    command = [sys.executable, "-m", "nonlin", "watch", "none.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr == "nonlin: no such script: 'none.py': give the path of a Python file\n"
