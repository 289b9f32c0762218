"""`optimsche audit` as people and CI call it."""

from pathlib import Path

import pytest
from matplotlib import image

from optimsche import cli

LOGS = Path(__file__).parent / "logs"
HF = "peers.transformers.get_scheduler('linear', 500, 5000, base_lr=1e-5)"


def test_the_exit_status_says_whether_it_is_clean(capsys, tmp_path):
    picture = tmp_path / "log.png"
    assert cli.main(["audit", str(LOGS / "run1.csv"), HF, "--counts", "next", "--png", str(picture)]) == 4
    assert "update 26 should have 5e-07 and has 4.6e-07" in capsys.readouterr().out
    assert image.imread(picture)[0, 0, 3] == 0  # transparent, as all pictures
    assert cli.main(["audit", str(LOGS / "run5.csv"), "cosine(start=2e-4, steps=1_000)"]) == 0
    assert capsys.readouterr().out.startswith("Clean")


def test_without_a_plan_it_finds_one(capsys, tmp_path):
    assert cli.main(["audit", str(LOGS / "run5.csv")]) == 0
    assert capsys.readouterr().out.startswith("cosine(start=0.0002, end=0.0, steps=1000)\n")
    (tmp_path / "noise.csv").write_text("step,lr\n" + "".join(f"{n},{n * 7919 % 101}\n" for n in range(1, 60)))
    assert cli.main(["audit", str(tmp_path / "noise.csv")]) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no-such-file.csv"], "no-such-file.csv"),
        (["run5.csv", "cosin(steps=9)"], "did you mean 'cosine'?"),
        (["run5.csv", "peers.torch.CosineAnealingLR(9, base_lr=0.1)"], "CosineAnnealingLR"),
        (["run5.csv", "peers.torch.CosineAnnealingLR(9, base_lr=open('x'))"], "malformed"),
        (["run5.csv", "peers.torch.StepLR(9, base_lr=0.1) * 2"], "must be one call"),
        (["run5.csv", "cosine(steps=9).by_epoch()"], "steps_per_epoch must be given"),
        (["run5.csv", "cosine(steps=9)", "--rate", "loss"], "has no 'loss'"),
    ],
)
def test_mistakes(arguments, message, capsys, monkeypatch):
    monkeypatch.chdir(LOGS)
    assert cli.main(["audit", *arguments]) == 2
    assert message in capsys.readouterr().err
