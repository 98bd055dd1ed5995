"""What a training came to: the returned summary, report.html and report.json."""

from __future__ import annotations

import base64
import dataclasses
import json
import logging
import re
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
import yaml

import patchmill
from patchmill.config import Configuration
from patchmill.training import EpochRecord, Trainer, TrainingReport
from patchmill.training.callbacks import Callback, FitStart, ReportFiles
from patchmill.training.callbacks.page import render_page

VOID = {"meta", "img", "path", "circle", "br"}
CPU = torch.device("cpu")


class Page(HTMLParser):
    """Reads a page, and fails where tags do not match."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.opened: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert self.opened == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.opened and self.opened[-1] != "style":
            self.texts.append(data)

    def find(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self) -> str:
        return " ".join(self.texts)


def record(epoch: int, val_loss: float | None = 1.0) -> EpochRecord:
    return EpochRecord(epoch, 0.5, val_loss, 1e-3, 2.0, 100.0, 0.1)


@pytest.fixture
def start(n2v_config: Callable[..., Configuration], tmp_path: Path) -> FitStart:
    config = n2v_config(3)
    config.data_config.set_means_and_stds([10.25], [2.5])
    return FitStart(config, tmp_path, num_epochs=3, steps_per_epoch=2)


def write_report(start: FitStart, losses: list[float | None], *, ended: bool = True) -> tuple[dict, Page]:
    """Write a report of these losses of the validation, and read it."""
    report = ReportFiles(CPU)
    report.on_start(start)
    history = list(start.history)
    for epoch, loss in enumerate(losses, start=len(history) + 1):
        history.append(record(epoch, loss))
        report.on_epoch(history[-1], None)
    if ended:
        report.on_end(TrainingReport.from_history(history, seconds=12.5, best=Path("best"), last=Path("last")))
    report.close()
    return read_report(start.work_dir)


def read_report(work_dir: Path) -> tuple[dict, Page]:
    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is not JSON")

    content = json.loads((work_dir / "report.json").read_text("utf-8"), parse_constant=refuse)
    return content, Page((work_dir / "report.html").read_text("utf-8"))


def test_the_summary_weights_speed_by_time() -> None:
    history = [dataclasses.replace(record(1), seconds=3.0, patches_per_s=10.0, waiting_share=0.0), record(2)]
    report = TrainingReport.from_history(history, seconds=9.0, best=Path("best"), last=Path("last"))
    assert report.patches_per_s == pytest.approx((3 * 10 + 2 * 100) / 5)
    assert report.waiting_share == pytest.approx(0.2 / 5)


def test_a_training_without_epochs_has_a_summary() -> None:
    report = TrainingReport.from_history([], seconds=9.0, best=Path("best"), last=Path("last"))
    assert (report.history, report.patches_per_s, report.waiting_share) == ((), 0, 0)


def test_a_training_leaves_a_page_that_needs_nothing_else(
    n2v_config: Callable[..., Configuration], n2v_data: Callable[..., object], tmp_path: Path
) -> None:
    config = n2v_config(4)
    trained = Trainer(config, work_dir=tmp_path, device="cpu", progress=False).fit(n2v_data(config))
    content, page = read_report(tmp_path)
    assert not page.find("script")
    assert not page.find("link")
    assert "://" not in re.sub(r'src="[^"]*"', "", (tmp_path / "report.html").read_text("utf-8"))
    best = min(trained.history, key=lambda one: one.val_loss).epoch
    assert content["panels"] == sorted({1, best, 4})
    for image, epoch in zip(page.find("img"), content["panels"], strict=True):
        png = (tmp_path / "panels" / f"epoch_{epoch:04d}.png").read_bytes()
        assert image["src"] == f"data:image/png;base64,{base64.b64encode(png).decode()}"
        assert image["alt"] == f"Patches of the validation in epoch {epoch}"
    assert len(page.find("svg")) == 3
    assert f"Epoch {best}, the best" in page.texts


def test_the_data_of_the_report_is_all_that_is_known(
    n2v_config: Callable[..., Configuration], n2v_data: Callable[..., object], tmp_path: Path
) -> None:
    config = n2v_config(2)
    data = n2v_data(config)
    trained = Trainer(config, work_dir=tmp_path, device="cpu", progress=False).fit(data)
    content, page = read_report(tmp_path)
    assert content["status"] == "finished"
    assert content["error"] is None
    assert content["epochs"] == [dataclasses.asdict(one) for one in trained.history]
    assert content["seconds"] == pytest.approx(trained.seconds, abs=1e-3)
    assert content["speed"]["patches_per_s"] == pytest.approx(trained.patches_per_s, abs=0.1)
    assert content["speed"]["waiting_share"] == pytest.approx(trained.waiting_share, abs=1e-4)
    kept = ["best", "epoch_0001", "epoch_0002", "last", "training_state"]
    assert content["checkpoints"] == [f"checkpoints/{name}.safetensors" for name in kept]
    assert content["data"]["patches_per_epoch"] == 12
    assert content["data"]["batches_per_epoch"] == 3
    assert content["data"]["statistics"] == {"image_means": [0.1], "image_stds": [0.7]}
    assert content["machine"]["torch"] == torch.__version__
    assert content["machine"]["patchmill"] == patchmill.__version__
    assert content["machine"]["device"] == "cpu"
    expected = config.model_copy(update={"data_config": data.data_config})
    assert Configuration.model_validate(content["configuration"]) == expected
    shown = next(text for text in page.texts if text.startswith("version:"))
    assert Configuration.model_validate(yaml.safe_load(shown)) == expected


@pytest.mark.parametrize(
    ("losses", "ended", "status"),
    [([1.0, 0.9, 0.8], True, "finished"), ([1.0], True, "ended early"), ([1.0], False, "interrupted")],
)
def test_the_report_says_how_the_training_ended(start: FitStart, losses: list[float], ended: bool, status: str) -> None:
    content, page = write_report(start, losses, ended=ended)
    assert content["status"] == status
    assert (content["epochs_done"], content["epochs_planned"]) == (len(losses), 3)
    assert f"Noise2Void · {status} · {len(losses)} of 3 epochs" in page.text


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (ValueError("<b>full</b> & broken"), "broken off", "ValueError: <b>full</b> & broken"),
        (KeyboardInterrupt(), "interrupted", None),
    ],
)
def test_a_training_that_is_broken_off_leaves_a_report_that_says_why(
    n2v_config: Callable[..., Configuration],
    n2v_data: Callable[..., object],
    tmp_path: Path,
    error: BaseException,
    status: str,
    told: str | None,
) -> None:
    class Breaking(Callback):
        def on_epoch(self, record: EpochRecord, patches: object) -> None:
            raise error

    config = n2v_config(3)
    trainer = Trainer(config, work_dir=tmp_path, device="cpu", progress=False, callbacks=[Breaking()])
    with pytest.raises(type(error)):
        trainer.fit(n2v_data(config))
    content, page = read_report(tmp_path)
    assert (content["status"], content["error"]) == (status, told)
    assert content["epochs_done"] == 1
    if told:
        assert told in page.texts


def test_while_a_training_runs_its_report_says_how_far_it_is(start: FitStart) -> None:
    report = ReportFiles(CPU)
    report.on_start(start)
    assert [read_report(start.work_dir)[0][name] for name in ("status", "epochs_done")] == ["running", 0]
    for epoch, reported in ((1, 1), (2, 2), (3, 3), (4, 3), (5, 5), (6, 5)):
        report.on_epoch(record(epoch), None)
        assert [read_report(start.work_dir)[0][name] for name in ("status", "epochs_done")] == ["running", reported]


def test_before_the_first_epoch_ends_there_is_a_report_too(start: FitStart) -> None:
    content, page = write_report(start, [], ended=False)
    assert (content["epochs"], content["best_epoch"], content["speed"]) == ([], None, None)
    assert "No epoch came to its end." in page.texts


def test_a_resumed_training_reports_all_its_epochs(start: FitStart) -> None:
    resumed = dataclasses.replace(start, history=(record(1, 0.25),), steps_done=1)
    content, page = write_report(resumed, [0.75, 0.5])
    assert [epoch["epoch"] for epoch in content["epochs"]] == [1, 2, 3]
    assert (content["resumed_after_epoch"], content["best_epoch"]) == (1, 1)
    assert "resumed after epoch 1" in page.text
    assert "best validation loss, epoch 1" in page.texts


def test_checkpoints_and_the_state_to_resume_from_are_listed(start: FitStart) -> None:
    (start.work_dir / "checkpoints").mkdir()
    for name in ("training_state", "best"):
        (start.work_dir / "checkpoints" / f"{name}.safetensors").touch()
    content, page = write_report(start, [1.0])
    assert content["checkpoints"] == ["checkpoints/best.safetensors", "checkpoints/training_state.safetensors"]
    files = page.texts[page.texts.index("checkpoint") :][:4]
    assert files == ["checkpoint", content["checkpoints"][0], "state to resume from", content["checkpoints"][1]]


def test_the_panel_before_stands_for_one_that_was_not_drawn(start: FitStart) -> None:
    (start.work_dir / "panels").mkdir()
    for epoch in (1, 2):
        (start.work_dir / "panels" / f"epoch_{epoch:04d}.png").write_bytes(b"png")
    content, _ = write_report(start, [1.0, 0.9, 0.8])
    assert content["panels"] == [1, 2]


def test_without_pictures_and_validation_there_are_curves_of_what_there_is(start: FitStart) -> None:
    _, page = write_report(start, [None, None])
    assert not page.find("img")
    assert len(page.find("svg")) == 3
    assert "best training loss, epoch 1" in page.texts
    assert any("There are no pictures" in text for text in page.texts)


def test_names_and_messages_are_text_in_the_page(start: FitStart) -> None:
    write_report(start, [1.0])
    content, _ = read_report(start.work_dir)
    hostile = "<script>alert('x')</script> & \"quoted\""
    content["experiment"] = content["error"] = hostile
    content["checkpoints"] = [hostile]
    content["machine"][hostile] = hostile
    content["configuration"] = {"name": hostile}
    page = Page(render_page(content, {}))
    assert not page.find("script")
    assert page.texts.count(hostile) == 5


def test_the_colours_follow_the_reader(start: FitStart) -> None:
    write_report(start, [1.0])
    text = (start.work_dir / "report.html").read_text("utf-8")
    assert "color-scheme: light dark" in text
    dark = text.partition("@media (prefers-color-scheme: dark)")[2].partition("} }")[0]
    light = text.partition(":root {")[2].partition("}")[0]
    assert set(re.findall(r"--[a-z]+(?=:)", dark)) == set(re.findall(r"--[a-z]+(?=:)", light))


def test_a_report_that_cannot_be_written_is_told_and_ends_no_training(
    start: FitStart, caplog: pytest.LogCaptureFixture
) -> None:
    (start.work_dir / "report.json").mkdir()
    report = ReportFiles(CPU)
    report.on_start(start)
    report.close()
    (line,) = caplog.records
    assert line.levelno == logging.WARNING
    assert line.message.startswith("Report of the training: ")
    assert "report.json" in line.message


def test_a_training_that_never_started_has_no_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ReportFiles(CPU).close()
    assert not list(tmp_path.iterdir())


def test_reporting_needs_no_matplotlib(start: FitStart, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    _, page = write_report(start, [1.0, 0.5])
    assert page.find("svg")
