"""The look of the page. Colours differ in lightness as well, so that they hold for every kind of colour vision."""

from __future__ import annotations

_SHARES = ("#f1eee6", "#fbdb9d", "#f2a93b", "#d5700f", "#98400a", "#511a04")
_SHARES_DARK = ("#2b2a28", "#5c3a12", "#94560f", "#d07f16", "#f4b350", "#ffe9bf")
_GRADIENT = ("#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39", "#fde725")  # viridis
_BAND = ("#08306b", "#2166ac", "#5a9fd0", "#b3d3ea", "#efeee9", "#e2e0d8", "#e88a35", "#8a3a00")
_BAND_DARK = ("#d6eaff", "#85bdf2", "#3f86c6", "#24527f", "#2b2a28", "#3d3b37", "#c8701e", "#ffcf99")
_STATES = ("#ecebe6", "#56b4e9", "#0072b2", "#d55e00")  # Okabe, Ito 2008
_STATES_DARK = ("#2b2a28", "#1d6fa5", "#7cc8f5", "#f0732a")


def _colours(family: str, values: tuple[str, ...]) -> str:
    return " ".join(f".{family}{i} {{ fill: {v}; background: {v} }}" for i, v in enumerate(values))


CSS = f"""
:root {{ color-scheme: light dark; --text: #1a1a1a; --soft: #595959; --page: #fff; --line: #d9d9d9; --code: #f4f4f2;
         --alarm: #b3261e; --warning: #8a5300; --note: #00588a }}
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem;
       color: var(--text); background: var(--page); overflow-wrap: anywhere }}
h1 {{ font-size: 1.1rem; font-weight: 600; color: var(--soft); margin: 0 }}
h2 {{ margin: 2.2rem 0 .6rem; font-size: 1.25rem }} article {{ margin-top: 3rem; border-top: 2px solid var(--line);
padding-top: 1rem }} a {{ color: var(--note) }}
.verdict {{ font-size: 1.4rem; line-height: 1.35; margin: .5rem 0 1.5rem }}
.note {{ color: var(--soft); font-size: .92rem }}
.finding {{ border-left: 4px solid var(--c); padding: .1rem 0 .1rem 1rem; margin: 1.2rem 0; max-width: 62rem }}
.finding p {{ margin: .35rem 0 }} .alarm {{ --c: var(--alarm) }} .warning {{ --c: var(--warning) }}
.finding.note {{ --c: var(--note); color: inherit; font-size: inherit }}
.badge {{ color: var(--page); background: var(--c); border-radius: 3px; padding: .05rem .45rem; font-size: .85rem;
         margin-right: .3rem }}
pre {{ background: var(--code); padding: .5rem .8rem; margin: .4rem 0; font-size: .88rem; white-space: pre-wrap }}
figure {{ margin: 0 0 1.6rem }} figcaption {{ margin-bottom: .4rem }}
.maps {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(min(34rem, 100%), 1fr)); gap: 1rem 2.5rem }}
.map {{ display: grid; grid-template-columns: fit-content(42%) minmax(0, 1fr); gap: .5rem }}
.names span {{ display: block; height: var(--row); line-height: var(--row); font-size: calc(.8 * var(--row));
              white-space: nowrap; overflow: hidden; text-overflow: ellipsis; text-align: right }}
svg {{ display: block; width: 100%; shape-rendering: crispEdges; outline: 1px solid var(--line) }}
.axis {{ position: relative; height: 1.3rem; font-size: .75rem; color: var(--soft) }}
.axis i {{ position: absolute; font-style: normal; border-left: 1px solid var(--soft); padding-left: .2rem;
          line-height: 1.1rem }}
.finding ul, details {{ margin: .3rem 0; padding-left: 1.2rem }} details ul {{ padding-left: 0 }}
li {{ margin: .15rem 0 }}
summary {{ cursor: pointer }}
.legend {{ list-style: none; display: flex; flex-wrap: wrap; gap: .15rem .9rem; margin: .6rem 0; padding: 0;
          font-size: .8rem; color: var(--soft) }}
.legend i {{ display: inline-block; width: 1rem; height: .8rem; margin-right: .35rem; vertical-align: -1px;
            outline: 1px solid var(--line) }}
.scroll {{ overflow-x: auto }}
table {{ border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; width: 100% }}
th, td {{ padding: .25rem .5rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap }}
th:nth-child(-n+2), td:nth-child(-n+2) {{ text-align: left }} th {{ font-size: .85rem }}
dt {{ font-weight: 600 }} dd {{ margin: 0 0 .6rem }} dl {{ max-width: 62rem }}
{_colours("s", _SHARES)}
{_colours("g", _GRADIENT)}
{_colours("u", _BAND)}
{_colours("t", _STATES)}
.x {{ fill: #e0218a; background: linear-gradient(#e0218a 35%, #000 35% 65%, #e0218a 65%) }} .struck {{ fill: #000 }}
@media (prefers-color-scheme: dark) {{
:root {{ --text: #e8e6e1; --soft: #a8a6a0; --page: #161615; --line: #3d3c3a; --code: #22211f; --alarm: #ff8a80;
         --warning: #f2b134; --note: #7cc8f5 }}
{_colours("s", _SHARES_DARK)}
{_colours("u", _BAND_DARK)}
{_colours("t", _STATES_DARK)}
}}
"""
