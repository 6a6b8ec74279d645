"""The page of a record: complete by itself, right about what it shows, and readable at any size."""

import re
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest
import torch
from torch import nn

import nonlin as nl
from nonlin.errors import OutputError
from nonlin.health import page
from nonlin.health.heatmaps import band, logarithmic, shares
from nonlin.health.record import Record

VOID = {"meta", "br"}


class Checked(HTMLParser):
    """Every tag that is opened is closed, in order; the text and the tags."""

    def __init__(self, source):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(source)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if not {"style", "svg"} & set(self.open):
            self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def trained(model, steps=40, every=1, harm=None, width=20):
    torch.manual_seed(0)
    x, optimizer = torch.randn(128, width), torch.optim.SGD(model.parameters(), 0.01)
    with nl.watch(model, optimizer, every=every) as health:
        for step in range(steps):
            if harm is not None and step == steps // 2:
                with torch.no_grad():
                    harm(model)
            optimizer.zero_grad()
            model(x).square().mean().backward()
            optimizer.step()
    return health.record


def net(hidden=16):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(20, hidden), nn.ReLU(), nn.Linear(hidden, 16), nn.Tanh(), nn.Linear(16, 5))


def killed(model):
    model[0].bias[:12] = -50


@pytest.fixture(scope="module")
def ill():
    return trained(net(), harm=killed)


def test_page_needs_nothing_from_elsewhere(ill, tmp_path):
    written = page.write(ill, tmp_path / "health.html").read_text(encoding="utf-8")
    seen = Checked(written)
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in seen.tags}
    assert not re.search(r"https?:|url\(|@import|\bon\w+=", written)
    assert [p.name for p in tmp_path.iterdir()] == ["health.html"]


def test_findings_come_first_with_advice_code_and_source(ill):
    text = Checked(page.html([("Net", ill)])).text
    seen_of_each = 2 * next(iter(ill.layers.values())).windows[-1].observations
    for words in (
        "Health of Net, 40 steps, 40 of them looked at 1 alarm: 75 % dead units in 0 (relu) since step",
        f"Units 0 to 11; {seen_of_each} observations of each.",
        'nl.swap(model, {"relu": "leaky_relu"})',
        "Source: Dohare et al. 2024",
        "Layers now layer activation dead",
        "How to read it",
    ):
        assert words in text
    order = [text.index(w) for w in ("Findings", "Layers over the steps", "Units of the worst", "Layers now", "How to")]
    assert order == sorted(order)


def test_maps_tell_when_it_began(ill):
    dead, *_ = re.findall(r"<svg.*?</svg>", page.html([("Net", ill)]))
    drawing = ElementTree.fromstring(dead)
    assert drawing.get("viewBox") == "0 0 40 2"
    pieces = {path.get("class"): path.get("d") for path in drawing}
    first = re.match(r"M(\d+) 0h", pieces[f"s{shares().of(0.75)}"])
    assert 20 <= int(first[1]) <= 24  # harmed at step 20; a window holds three samples
    assert "M0 0h" in pieces["s0"] and "M0 1h" in pieces["s0"]


def test_strip_shows_the_units(ill):
    *_, strip = re.findall(r"<svg.*?</svg>", page.html([("Net", ill)]))
    drawing = ElementTree.fromstring(strip)
    rows = {path.get("class"): re.findall(r"M\d+ (\d+)h", path.get("d")) for path in drawing}
    assert sorted(map(int, rows["t3"])) == list(range(12))
    assert set(map(int, rows["t0"])) == set(range(16))


def test_classes_of_values():
    assert [shares().of(v) for v in (0.0, 0.01, 0.05, 0.2, 0.21, 0.5, 0.51, 1.0)] == [0, 1, 1, 2, 3, 3, 4, 5]
    assert [band().names[band().of(v)] for v in (0.0, 5e-5, 5e-4, 0.02, 3.0)] == [
        *("below 1e-7", "1e-5 to 1e-4", "1e-4 to 1e-3", "1e-2 to 1e-1", "above 0.1")
    ]


@pytest.mark.parametrize("values", [(1e-3,), (1e-3, 1.1e-3), (1e-30, 1e3), (0.0, 1e-45, 1e38), (0.0,), ()])
def test_logarithmic_scale_holds_what_there_is(values):
    scale = logarithmic([[(0, 1, v) for v in values]])
    assert 1 <= len(scale.names) <= 8
    for value in values:
        low, high = map(float, scale.names[scale.of(value)].split(" to "))
        assert value == 0 or low * 0.95 <= value <= high * 1.05 or low == 0


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(20, 8)
        self.a_layer_with_a_very_long_name_indeed = nn.ModuleList(nn.Linear(8, 8) for _ in range(60))
        self.last = nn.Linear(8, 1)

    def forward(self, x):
        x = self.first(x)
        for layer in self.a_layer_with_a_very_long_name_indeed:
            x = x + 0.3 * torch.relu(layer(x))
        return self.last(x)


def test_sixty_layers_and_hundreds_of_units_stay_small():
    deep = page.html([("Deep", trained(Deep(), 8))])
    assert len(deep) < 200_000
    assert 'title="a_layer_with_a_very_long_name_indeed.59: ' in deep
    wide = page.html([("Wide", trained(net(900), 10, harm=lambda m: m[0].bias[:500].fill_(-50)))])
    assert len(wide) < 100_000
    assert "96 of 900 units, those that worked least" in wide


def test_nan_has_a_colour_of_its_own_and_is_struck_through():
    source = page.html([("Net", trained(net(), 12, harm=lambda m: m[2].weight[0].fill_(float("nan"))))])
    assert "A nan or an infinity began at" in Checked(source).text
    pieces = dict(re.findall(r'<path class="(x|struck)" d="([^"]*)"', source))
    assert pieces["struck"].count("M") == pieces["x"].count("M") > 0 and "nan or infinite" in source


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (lambda: Record(), "No forward pass in training was seen"),
        (lambda: trained(nn.Linear(20, 5), 3), "No activation was seen between layers of weights."),
        (lambda: trained(net(), 1), "Not enough data yet to judge 2 layers."),
        (lambda: trained(net(), 30), "Nothing is wrong: 2 layers after 30 steps."),
    ],
    ids=["nothing", "no activation", "one step", "healthy"],
)
def test_verdict_where_nothing_is_found(record, words):
    record = record()
    source = page.html([("Net", record)])
    assert words in Checked(source).text
    assert ("How to read it" in source) == bool(record.layers)
    assert "nan%" not in source


def test_text_of_the_model_is_no_markup(ill):
    ill.note("<b>a & b</b>")
    source = page.html([("<script>", ill)])
    ill.notes.clear()
    assert "<script>" not in source
    assert "&lt;b&gt;a &amp; b&lt;/b&gt;" in source


def test_several_models_have_a_list(ill):
    seen = Checked(page.html([("Generator", ill), ("Critic", trained(net(), 30))]))
    links = [given["href"] for tag, given in seen.tags if tag == "a"]
    assert links == [f"#{given['id']}" for tag, given in seen.tags if tag == "article"]
    assert "Critic : Nothing is wrong" in seen.text


def test_place_that_cannot_be_written(ill, tmp_path):
    with pytest.raises(OutputError, match="cannot write"):
        page.write(ill, tmp_path / "none" / "health.html")
