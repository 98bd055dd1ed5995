"""The report of a training as one page of HTML that needs nothing else: no script, no font, no file beside it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from html import escape
from typing import Any

import yaml

from patchmill.plotting.curves import svg_curves

__all__ = ["render_page"]

_STYLE = """
:root { color-scheme: light dark; --ground: #f6f8fa; --card: #ffffff; --line: #d8dee4; --text: #1f2328;
  --muted: #59636e; --one: #0969da; --two: #b35900; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --ground: #0d1117; --card: #151b23; --line: #30363d; --text: #e6edf3;
  --muted: #9aa4af; --one: #6cb6ff; --two: #f2b35d; --bad: #ff8f85; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1080px; padding: 32px 20px 64px; background: var(--ground); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; overflow-wrap: anywhere; }
h1 { margin: 0; font-size: 26px; line-height: 1.2; }
h2 { margin: 36px 0 12px; font-size: 18px; }
p { margin: 6px 0; color: var(--muted); }
.error { color: var(--bad); white-space: pre-wrap; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 24px 0; }
.figures div, .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; }
.figures b { display: block; font-size: 22px; font-weight: 650; font-variant-numeric: tabular-nums; }
.figures span, figcaption, .tick, .legend { color: var(--muted); font-size: 13px; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr)); gap: 12px; }
.panels { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(300px, 100%), 1fr)); gap: 12px;
  align-items: start; }
figure { margin: 0; }
figure img { display: block; width: 100%; border-radius: 10px; }
figcaption { margin-top: 6px; }
svg { display: block; width: 100%; height: auto; }
.tick { fill: var(--muted); font-size: 12px; }
.grid { stroke: var(--line); }
.curve { fill: none; stroke-width: 2; stroke-linejoin: round; }
.curve-1 { stroke: var(--one); } .curve-2 { stroke: var(--two); }
.dot-1 { fill: var(--one); } .dot-2 { fill: var(--two); }
.mark { fill: none; stroke: var(--text); stroke-width: 1.5; }
.legend i { display: inline-block; width: 18px; height: 3px; margin: 0 6px 4px 0; border-radius: 2px; }
.legend i + i, .legend span + span { margin-left: 16px; }
.key-1 { background: var(--one); } .key-2 { background: var(--two); }
table { width: 100%; border-collapse: collapse; }
th, td { padding: 5px 0; border-top: 1px solid var(--line); text-align: left; vertical-align: top; font-weight: 400; }
tr:first-child > * { border-top: 0; }
th { width: 42%; padding-right: 12px; color: var(--muted); }
td { font-variant-numeric: tabular-nums; }
summary { cursor: pointer; color: var(--muted); }
pre { overflow-x: auto; margin: 12px 0 0; font: 13px/1.45 ui-monospace, monospace; overflow-wrap: normal; }
@media print { body { background: none; } details > pre { white-space: pre-wrap; } }
"""

_ALGORITHMS = {"n2v": "Noise2Void", "care": "CARE", "n2n": "Noise2Noise"}


def render_page(content: Mapping[str, Any], panels: Mapping[int, bytes]) -> str:
    """Write the page.

    Parameters
    ----------
    content : mapping
        What ``report.json`` holds.
    panels : mapping of int to bytes
        By epoch, the PNG files of the panels.

    Returns
    -------
    str
        The page.
    """
    name = content["experiment"]
    sections = [
        _head(content),
        _figures(content),
        _curves(content["epochs"], content["best_epoch"]),
        _panels(panels, content["best_epoch"]),
        '<div class="pair">',
        _table("Data", _data_rows(content["data"])),
        _table("Machine", content["machine"].items()),
        "</div>",
        _table("Files", _file_rows(content["checkpoints"])),
        _configuration(content["configuration"]),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(name)}: training</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(section for section in sections if section)
        + "\n</body>\n</html>\n"
    )


def _head(content: Mapping[str, Any]) -> str:
    algorithm = _ALGORITHMS.get(content["algorithm"], content["algorithm"])
    lines = [algorithm, content["status"], f"{content['epochs_done']} of {content['epochs_planned']} epochs"]
    if content["resumed_after_epoch"] is not None:
        lines.append(f"resumed after epoch {content['resumed_after_epoch']}")
    lines += [f"{what} {_moment(content[what])}" for what in ("started", "written")]
    error = f'<p class="error">{escape(content["error"])}</p>' if content["error"] else ""
    return f"<header><h1>{escape(content['experiment'])}</h1><p>{escape(' · '.join(lines))}</p>{error}</header>"


def _figures(content: Mapping[str, Any]) -> str:
    """Write the figures that matter most, large."""
    figures = []
    best = next((epoch for epoch in content["epochs"] if epoch["epoch"] == content["best_epoch"]), None)
    if best:
        kind = "training" if best["val_loss"] is None else "validation"
        loss = best["train_loss"] if best["val_loss"] is None else best["val_loss"]
        figures.append((_loss(loss), f"best {kind} loss, epoch {best['epoch']}"))
    if content["speed"]:
        figures.append((f"{content['speed']['patches_per_s']:,.0f}", "patches per second"))
        figures.append((f"{content['speed']['waiting_share']:.1%}", "of the time waiting for data"))
    session = "time since it was resumed" if content["resumed_after_epoch"] is not None else "time of everything"
    figures.append((_time(content["seconds"]), session))
    items = "".join(f"<div><b>{escape(value)}</b><span>{escape(meaning)}</span></div>" for value, meaning in figures)
    return f'<div class="figures">{items}</div>'


def _curves(epochs: Sequence[Mapping[str, Any]], best: int | None) -> str:
    if not epochs:
        return "<p>No epoch came to its end.</p>"
    numbers = [epoch["epoch"] for epoch in epochs]

    def column(name: str) -> list[float | None]:
        return [epoch[name] for epoch in epochs]

    losses, legend = {"training": column("train_loss")}, ["training"]
    if any(value is not None for value in column("val_loss")):
        losses["validation"] = column("val_loss")
        legend.append("validation (best circled)")
    watched = losses["validation" if "validation" in losses else "training"]
    value = watched[numbers.index(best)] if best in numbers else None
    marked = None if best is None or value is None else (best, value)
    pairs = [
        ("Learning rate by epoch", "learning_rate"),
        ("Patches per second by epoch", "patches_per_s"),
    ]
    charts = {title: svg_curves(title, numbers, {name: column(name)}, size=(480, 220)) for title, name in pairs}
    others = "".join(
        f'<section><h2>{title}</h2><div class="card">{svg}</div></section>' for title, svg in charts.items()
    )
    return (
        f'<h2>Loss by epoch</h2><div class="card">{_legend(legend)}'
        f'{svg_curves("Loss by epoch", numbers, losses, marked=marked)}</div><div class="pair">{others}</div>'
    )


def _legend(names: Iterable[str]) -> str:
    keys = (f'<span><i class="key-{number}"></i>{name}</span>' for number, name in enumerate(names, start=1))
    return f'<div class="legend">{"".join(keys)}</div>'


def _panels(panels: Mapping[int, bytes], best: int | None) -> str:
    if not panels:
        return "<p>There are no pictures: they need validation data and matplotlib (the extra <code>plot</code>).</p>"
    figures = []
    for epoch, png in panels.items():
        caption = f"Epoch {epoch}, the best" if epoch == best else f"Epoch {epoch}"
        source = f"data:image/png;base64,{base64.b64encode(png).decode('ascii')}"
        figures.append(
            f'<figure><img alt="Patches of the validation in epoch {epoch}" src="{source}">'
            f"<figcaption>{caption}</figcaption></figure>"
        )
    return f'<h2>Patches of the validation</h2><div class="panels">{"".join(figures)}</div>'


def _table(title: str, rows: Iterable[tuple[str, Any]]) -> str:
    lines = "".join(f"<tr><th>{escape(name)}</th><td>{escape(str(value))}</td></tr>" for name, value in rows)
    return f'<section><h2>{title}</h2><div class="card"><table>{lines}</table></div></section>' if lines else ""


def _data_rows(data: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
    yield "type and axes", f"{data['data_type']}, {data['axes']}"
    yield "patches", f"{' x '.join(map(str, data['patch_size']))}, {data['patching'] or 'as it suits the data'}"
    yield "batches of an epoch", f"{data['batches_per_epoch']:,}, of {data['batch_size']} patches"
    if data["patches_per_epoch"] is not None:
        yield "patches of an epoch", f"{data['patches_per_epoch']:,}"
    if data["has_validation"] is False:
        yield "validation", "none"
    for name, values in data["statistics"].items():
        yield name.replace("_", " "), ", ".join(f"{value:.6g}" for value in values)


def _file_rows(checkpoints: Iterable[str]) -> Iterable[tuple[str, str]]:
    for path in checkpoints:
        yield "state to resume from" if path.endswith("/training_state.safetensors") else "checkpoint", path
    yield "losses of each epoch", "losses.csv"
    yield "this report as data", "report.json"


def _configuration(configuration: Mapping[str, Any]) -> str:
    text = yaml.safe_dump(dict(configuration), sort_keys=False, allow_unicode=True, default_flow_style=None)
    return (
        '<h2>Configuration</h2><details class="card"><summary>Everything that was set, as YAML</summary>'
        f"<pre>{escape(text)}</pre></details>"
    )


def _moment(moment: str) -> str:
    return moment.replace("T", " ").replace("+00:00", " UTC")


def _loss(loss: float | None) -> str:
    return "none" if loss is None else f"{loss:.4g}"


def _time(seconds: float) -> str:
    return f"{seconds:.1f} s" if seconds < 60 else str(timedelta(seconds=round(seconds)))
