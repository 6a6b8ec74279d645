"""The look of the report: one page for wide and narrow screens, light and dark, with the colours of its figures."""

from __future__ import annotations

from nonlin.comparison.drawing import DARK

_FIGURES = " ".join(f"--{colour[1:]}: {colour};" for colour in DARK)
_FIGURES_DARK = " ".join(f"--{colour[1:]}: {dark};" for colour, dark in DARK.items())

CSS = f"""
:root {{ color-scheme: light dark; --text: #1a1a1a; --soft: #595959; --page: #ffffff; --line: #d9d9d9; --code: #f4f4f2;
         {_FIGURES} }}
@media (prefers-color-scheme: dark) {{ :root {{ --text: #e8e6e1; --soft: #a8a6a0; --page: #161615; --line: #3d3c3a;
         --code: #22211f; {_FIGURES_DARK} }} }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 64rem; margin: 2rem auto; padding: 0 1rem;
       color: var(--text); background: var(--page); overflow-wrap: anywhere }}
h1 {{ font-size: 1.1rem; font-weight: 600; color: var(--soft); margin: 0 }}
h2 {{ margin: 2.5rem 0 .5rem; font-size: 1.25rem }}
.verdict {{ font-size: 1.45rem; line-height: 1.35; margin: .5rem 0 1.5rem }}
.note {{ color: var(--soft); font-size: .95rem }} li {{ margin: .2rem 0 }} ul {{ padding-left: 1.3rem }}
.scroll {{ overflow-x: auto }}
table {{ border-collapse: collapse; font-size: .94rem; font-variant-numeric: tabular-nums; width: 100% }}
th, td {{ padding: .3rem .4rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap;
         overflow-wrap: normal }}
td:first-child, th:first-child, .words {{ text-align: left }}
td:first-child {{ white-space: normal; font-weight: 600; min-width: 6rem; overflow-wrap: anywhere }}
th {{ border-bottom: 2px solid var(--soft); font-size: .9rem; vertical-align: bottom; white-space: normal }}
figure {{ margin: 0 }} svg {{ display: block; width: 100%; height: auto }}
.narrow {{ display: none }}
@media (max-width: 40rem) {{ .wide {{ display: none }} .narrow {{ display: block }} }}
pre {{ background: var(--code); padding: .6rem .9rem; font-size: .85rem; white-space: pre-wrap }}
summary {{ cursor: pointer }}
"""
