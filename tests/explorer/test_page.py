"""What a user does on the page, in a real browser: each interaction; and that the page is one file, complete."""

import re
import sys
from pathlib import Path

import pytest

import nonlin as nl
from nonlin.cli import main
from nonlin.explore import explorer

PAGE = Path(explorer.__file__).with_name("page")


def shown(page):
    return page.evaluate("state.specs")


def readout(page):
    """The crosshair's numbers by function: f, f', f''."""
    rows = page.locator("#readout tbody tr").all()
    return {row.locator("th").inner_text(): [float(t) for t in row.locator("td").all_inner_texts()] for row in rows}


def lines(page, where="#plot"):
    return page.locator(f"{where} path.line > title").all_text_contents()


def reopened(page, open_page):
    """The page opened anew at the address that it has come to."""
    page.wait_for_timeout(250)
    return open_page(page.url.partition("#")[2])


def slide(page, name, value):
    page.locator(name).evaluate("(e, v) => { e.value = v; e.dispatchEvent(new Event('input')); }", value)


# Choosing -------------------------------------------------------------------------------------------------------


def test_every_entry_is_listed_and_can_be_drawn(page):
    assert page.locator("#list input").count() == len(nl.catalog)
    for name in nl.catalog:
        page.evaluate("(name) => update({ specs: [name], orders: [0, 1, 2] })", name)
        is_axis = bool(nl.catalog[name].definition.along_axis)
        assert len(lines(page)) == (0 if is_axis else 3), name
        assert page.locator("#axis").is_visible() == is_axis


def test_search_and_family_narrow_the_list(page):
    page.keyboard.press("/")
    page.keyboard.type("heaviside")
    assert page.locator("#list b").all_text_contents() == ["step"]
    page.fill("#search", "")
    page.select_option("#family", "gates")
    family = [name for name, a in nl.catalog.items() if a.definition.family == "gates"]
    assert page.locator("#list b").all_text_contents() == family
    assert page.locator("#found").inner_text() == f"{len(family)} of {len(nl.catalog)}"


def test_ticks_and_crosses_add_and_take_away(page):
    page.locator("#list").get_by_role("checkbox", name="tanh tanh(x)").check()
    assert shown(page) == ["relu", "gelu", "tanh"]
    page.get_by_role("button", name="remove relu").click()
    page.locator("#list").get_by_role("checkbox", name="gelu x*normal_cdf(x)").uncheck()
    assert shown(page) == ["tanh"]
    page.get_by_role("button", name="remove tanh").click()
    assert shown(page) == []


def test_a_formula_of_one_s_own_is_drawn(page, open_page):
    page.fill("#formula", "x*tanh(exp(a*x))")
    page.press("#formula", "Enter")
    page.fill("input[aria-label='a, exact']", "0.5")
    page.press("input[aria-label='a, exact']", "Enter")
    own = nl.define("own", "x*tanh(exp(a*x))", a=0.5)
    for seen in (page, reopened(page, open_page)):
        values = readout(seen)["x*tanh(exp(a*x))"]
        assert values == pytest.approx([own(1.0), own.derivative(1.0), own.derivative(1.0, order=2)], rel=1e-12)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("relu(x)", "unknown function relu"),
        ("x**x", "exponent"),
        ("swish(gamma=1)", "no parameter"),
        ("x +", "column 4"),
    ],
)
def test_what_is_no_formula_is_told_and_nothing_is_lost(page, text, said):
    page.fill("#formula", text)
    assert said in page.locator("#complaint").inner_text()
    page.press("#formula", "Enter")
    assert shown(page) == ["relu", "gelu"]
    assert page.input_value("#formula") == text
    assert page.locator("#formula").get_attribute("aria-invalid") == "true"
    page.fill("#formula", "swish(beta=1.5)")
    assert not page.locator("#complaint").is_visible()


def test_text_is_never_code_or_markup(open_page):
    page = open_page("f=<img src=x onerror=alert(1)>&f=x;<b>=1&f=constructor&f=x%2B__proto__&d=01")
    assert shown(page) == ["constructor"]  # a parameter of that name
    assert page.locator("img, #refused b").count() == 0


def test_the_page_s_own_policy_forbids_running_text(browser, address):
    page = browser.new_page()
    page.goto(address)
    run = "try { done(eval('1')); } catch (error) { done(error.name); }"
    assert page.evaluate(f"new Promise((done) => setTimeout(() => {{ {run} }}))") == "EvalError"
    page.close()


# The curves -----------------------------------------------------------------------------------------------------


def test_orders_are_switched(page):
    assert sorted(lines(page)) == sorted(f"{p} of {n}" for n in ("relu", "gelu") for p in ("f", "f\u2032"))
    page.get_by_label("f\u2033", exact=True).check()
    page.get_by_label("f", exact=True).uncheck()
    assert sorted(lines(page)) == sorted(f"{p} of {n}" for n in ("relu", "gelu") for p in ("f\u2032", "f\u2033"))


def test_crosshair_by_pointer_by_keys_and_by_number(page):
    box = page.locator("#plot svg").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.3, box["y"] + 100)
    x = page.evaluate("state.x")
    assert x < 0
    assert readout(page)["gelu"][:2] == pytest.approx([nl.gelu(x), nl.gelu.derivative(x)], rel=1e-12)
    page.mouse.move(0, 0)
    page.focus("#plot")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowRight")
    assert page.evaluate("state.x") == pytest.approx(-5 + 0.05 + 0.5)
    assert page.locator("#plot").get_attribute("aria-valuenow") == "-4.45"
    assert "gelu" in page.locator("#plot").get_attribute("aria-valuetext")
    page.fill("#x", "-1.2345678901234")
    page.press("#x", "Enter")
    assert readout(page)["gelu"][0] == pytest.approx(nl.gelu(-1.2345678901234), rel=1e-12)


def test_zoom_and_interval(page):
    page.focus("#plot")
    page.keyboard.press("+")
    assert page.evaluate("[state.low, state.high]") == [-2, 3]
    page.get_by_role("button", name="zoom out").click()
    page.fill("#low", "-20")
    page.press("#low", "Enter")
    assert page.evaluate("[state.low, state.high]") == [-20, 5]
    page.fill("#high", "-30")
    page.press("#high", "Enter")
    assert page.input_value("#high") == "5"  # an empty interval is not taken


def test_a_parameter_s_slider_changes_the_curve_and_keeps_its_constraint(open_page):
    page = open_page("f=softplus&d=0")
    slide(page, "#p0-beta", "2.5")
    assert shown(page) == ["softplus(beta=2.5)"]
    assert readout(page)["softplus"][0] == pytest.approx(nl.softplus(1.0, beta=2.5), rel=1e-12)
    page.fill("input[aria-label='beta, exact']", "-1")
    page.press("input[aria-label='beta, exact']", "Enter")
    assert shown(page) == ["softplus(beta=2.5)"]
    assert "> 0" in page.locator("#refused").inner_text()


def test_dead_and_saturated_zones(open_page):
    page = open_page("f=relu&f=tanh&f=linear&range=-10,10")
    found = page.locator("#plot .zone title").all_text_contents()
    assert [t for t in found if "relu" in t] == ["relu: the slope is 0 from -10 to 0"]
    ends = [float(n) for t in found if "tanh" in t for n in re.findall(r"-?\d+\.?\d*", t.partition("from")[2])]
    assert sorted(map(abs, ends)) == pytest.approx([4.146, 4.146, 10, 10], abs=2e-3)
    assert nl.tanh.derivative(4.146) == pytest.approx(1e-3, rel=1e-2)
    assert not any("linear" in t for t in found)


def test_functions_of_an_axis_follow_their_inputs(open_page):
    page = open_page("f=softmax&f=hardmax&d=0")
    page.fill("#v1", "3")
    page.press("#v1", "Enter")
    values = [2, 3, 0.5, -1, -2]
    seen = [float(t) for t in page.locator("#bars .bar span").all_text_contents()]
    assert seen == pytest.approx([*nl.softmax(values), *nl.hardmax(values)], abs=1e-3)


# The tabs -------------------------------------------------------------------------------------------------------


def test_tabs_by_pointer_and_keys(page):
    page.get_by_role("tab", name="Depth").click()
    assert page.locator("#depth").is_visible() and not page.locator("#facts").is_visible()
    page.keyboard.press("ArrowRight")
    assert page.locator("#neuron").is_visible()
    assert page.evaluate("document.activeElement.id") == "tab-neuron"


def test_facts_are_those_of_the_catalogue_until_a_parameter_changes(open_page):
    page = open_page("f=swish&f=glu&d=0&tab=facts")
    rows = page.locator("#facts tbody tr")
    gain = rows.filter(has_text="gain").first
    assert f"{nl.swish.facts.gain:.4g}" in gain.inner_text()
    assert "Ramachandran" in page.locator("#facts").inner_text()
    slide(page, "#p0-beta", "2")
    assert f"{nl.swish.bind(beta=2.0).facts.gain:.4g}" in gain.inner_text()
    assert "in this page" in gain.locator("span").first.get_attribute("title")


def test_depth_shows_what_vanishes_and_explodes(open_page):
    page = open_page("f=relu&f=sigmoid&tab=depth&d=0")
    relu, sigmoid = page.locator("#depth-verdict li").all_inner_texts()
    assert "signal stays" in relu and "gradient stays" in relu
    assert "gradient vanishes" in sigmoid
    assert lines(page, "#depth-variance") == ["relu", "sigmoid"]
    slide(page, "#gain", "3")
    assert "explodes" in page.locator("#depth-verdict li").first.inner_text()
    slide(page, "#layers", "5")
    assert "after 5 layers" in page.locator("#depth-verdict li").first.inner_text()
    slide(page, "#scale", "2")
    assert page.evaluate("state.scale") == 2
    page.get_by_role("button", name="matched gain").click()
    assert "gain 1.414" in page.locator("#depth-verdict li").first.inner_text()


def test_neuron_fires_above_its_threshold(open_page):
    page = open_page("f=relu&tab=neuron&d=0")
    assert "41.71 times a second" in page.locator("#neuron-said").inner_text()
    spikes = sum(t.startswith("spike") for t in lines(page, "#neuron-voltage"))
    assert spikes == 8
    slide(page, "#current", "0.9")
    assert "never" in page.locator("#neuron-said").inner_text()
    assert lines(page, "#neuron-rate")[0] == "neuron"
    assert len(lines(page, "#neuron-rate")) == 3
    assert len(lines(page, "#neuron-surrogates")) == 6
    for name in ("#tau", "#rest", "#k"):
        slide(page, name, "5")
    assert page.evaluate("[state.tau, state.rest, state.k]") == [5, 5, 5]


def test_exactness_shows_where_a_gradient_is_lost(open_page):
    page = open_page("f=tanh&f=x*sigmoid(x)&tab=exactness&d=0")
    rows = {row.split("\n")[0]: row for row in page.locator(".strip").first.locator(".strip-row").all_inner_texts()}
    assert re.search(r"lost from -44\.\d+ to -8\.\d+", rows["torch gradient"])
    assert "kept" in rows["float16 value"]
    # The half's own end: the smallest float16 is 2^-24, and half of it rounds to 0.
    lost = float(re.search(r"to (-[\d.]+)", rows["float16 gradient"])[1])
    assert nl.tanh.derivative(lost) < 2.0**-25 < nl.tanh.derivative(lost + 0.1)
    own = page.locator(".strip").last.inner_text()
    assert "bfloat16" in own and "torch" not in own


def test_code_of_every_tab_runs(open_page):
    page = open_page("f=swish(beta=1.5)&f=prelu&f=x*tanh(exp(a*x));a=0.5&f=softmax&f=glu&tab=code&d=0")
    programs = []
    for language in ("numpy", "torch", "keras", "jax"):
        page.select_option("#language", language)
        programs += page.locator("#code pre").all_inner_texts()
    assert len(programs) == 20
    for program in programs:
        exec(program, {})
    page.select_option("#language", "latex")
    assert nl.swish.latex in page.locator("#code pre").first.inner_text()


def test_latex_of_formulas_can_be_drawn(open_page):
    from matplotlib.mathtext import MathTextParser

    formulas = [
        "x*tanh(exp(a*x))/2",
        "max(0, x) - abs(x)**3",
        "(1 + x**2)**-1 + pi*sqrt(b_c)",
        "log(1 + exp(x)) - 0.123",
    ]
    page = open_page()
    for formula in formulas:
        for line in page.evaluate("(text) => latexOfFormula(text)", formula):
            assert line.count(r"\begin{cases}") == line.count(r"\end{cases}")
            if "cases" not in line:  # which mathtext does not have
                MathTextParser("path").parse(f"${line}$")


def test_copy(browser, address, open_page):
    page = open_page("tab=code")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.locator("#code button").first.click()
    page.wait_for_function("document.querySelector('#code button').textContent !== 'copy'")
    assert page.locator("#code button").first.inner_text() in ("copied", "select and copy it")


# The address, the file, the eye ----------------------------------------------------------------------------------


def test_the_address_holds_the_view(page, open_page):
    page.get_by_role("tab", name="Neuron").click()
    slide(page, "#current", "2.5")
    page.fill("#low", "-3")
    page.press("#low", "Enter")
    page.get_by_label("f\u2033", exact=True).check()
    page.get_by_role("button", name="remove gelu").click()
    again = reopened(page, open_page)
    for name in ("specs", "orders", "low", "high", "tab", "current", "x"):
        assert again.evaluate(f"state.{name}") == page.evaluate(f"state.{name}"), name


def test_an_address_that_makes_no_sense_shows_what_does(open_page):
    page = open_page("f=relu&f=nonsense(&d=01&range=5,1&tab=what&x=abc&layers=1e9&vector=1,x")
    assert shown(page) == ["relu"]
    assert "nonsense(" in page.locator("#refused").inner_text()
    assert page.evaluate("[state.low, state.high, state.tab, state.x, state.layers]") == [-5, 5, "facts", 1, 200]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("tab", ["facts", "depth", "neuron", "exactness", "code"])
def test_it_fits_a_phone(open_page, tab, scheme):
    page = open_page(f"f=relu&f=swish(beta=2)&f=x*tanh(exp(x))&f=softmax&tab={tab}", width=360, scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")


def test_everything_that_can_be_used_has_a_name(open_page):
    for tab in ("facts", "depth", "neuron", "exactness", "code"):
        page = open_page(f"f=swish&f=softmax&tab={tab}")
        nameless = page.evaluate("""() => [...document.querySelectorAll("input, select, button, svg[role], [tabindex]")]
            .filter((e) => !(e.labels?.length || e.ariaLabel || e.textContent.trim())).map((e) => e.outerHTML)""")
        assert nameless == []


def test_one_file_of_plain_parts():
    page = explorer.html()
    assert len(page.encode()) < 1_500_000
    assert "http" not in re.sub(r'http-equiv|"http://www\.w3\.org/2000/svg"|arXiv', "", page)
    assert {p.name for p in PAGE.iterdir()} == {
        "body.html", *(f"{n}.css" for n in explorer.STYLES), *(f"{n}.js" for n in explorer.SCRIPTS)
    }  # fmt: skip
    for part in PAGE.glob("*.js"):
        text = part.read_text()
        assert not re.search(r"\beval\(|\bFunction\(|innerHTML|setTimeout\(['\"]", text), part.name
        assert len(text.splitlines()) <= 300


def test_command_writes_the_page_and_says_where(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["nonlin", "explore", "--out", "page.html", "--no-open"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    assert capsys.readouterr().out == "page.html\n"
    assert (tmp_path / "page.html").read_text().startswith("<!DOCTYPE html>")
    monkeypatch.setattr(sys, "argv", ["nonlin", "explore", "-o", "page.txt"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert "page.txt" in capsys.readouterr().err


def test_without_a_browser_nothing_fails(monkeypatch, tmp_path):
    import webbrowser

    def none(*_):
        raise webbrowser.Error("could not locate runnable browser")

    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(webbrowser, "open", none)
    assert explorer.open_page(tmp_path / "page.html") is False
