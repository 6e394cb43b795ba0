"""Muon against torch's own on matrices, against its definition on convolutions, and against Adam elsewhere."""

from dataclasses import replace

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("lightning_fabric")

from learn_samples import interrupt_at, logged_losses, tiny_recipe, without_speed

from refocal.learn.recipe import Phase, Term, from_json, override, to_json
from refocal.learn.recipe_fields import check_fields
from refocal.learn.train import Run, train
from refocal.learn.training import checkpoint
from refocal.learn.training.muon import COEFFICIENTS, Muon, is_orthogonalised, orthogonalised
from refocal.types import InputError

SHAPES = ((8, 8, 3, 3), (64, 16, 3, 3), (12, 40, 1, 1), (256, 8, 1, 1))


def newton_schulz(matrix):
    """The iteration as it is published, on the whole matrix, in float64."""
    tall = matrix.shape[0] > matrix.shape[1]
    x = (matrix.T if tall else matrix).double()
    x = x / x.norm()
    a, b, c = COEFFICIENTS
    for _ in range(5):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return x.T if tall else x


@pytest.mark.parametrize("shape", [(8, 8), (16, 100), (100, 16), (64, 64)])
def test_the_small_side_gives_what_the_whole_matrix_gives(shape):
    matrix = torch.randn(shape)
    torch.testing.assert_close(orthogonalised(matrix).double(), newton_schulz(matrix), atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(8, 72), (64, 144), (200, 16)])
def test_updates_are_nearly_orthogonal_whatever_the_gradient(shape):
    wide = torch.randn(shape) * torch.logspace(-1, 1, shape[1])
    for matrix in (wide, 1e-4 * wide, 1e4 * wide):
        values = torch.linalg.svdvals(orthogonalised(matrix).double())
        assert values.min() > 0.3 and values.max() < 1.25
    assert torch.isfinite(orthogonalised(torch.zeros(shape))).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_a_convolution_is_updated_as_torch_updates_its_matrix(shape):
    """Five steps; torch iterates in bfloat16, which has 8 bits."""
    ours, matrix = torch.nn.Parameter(torch.randn(shape)), torch.nn.Parameter(torch.zeros(shape).flatten(1))
    with torch.no_grad():
        matrix.copy_(ours.flatten(1))
    before = ours.detach().clone()
    muon = Muon([ours], lr=0.02)
    theirs = torch.optim.Muon([matrix], lr=0.02, weight_decay=0.0, adjust_lr_fn="match_rms_adamw")
    for _ in range(5):
        ours.grad = torch.randn(shape)
        matrix.grad = ours.grad.flatten(1)
        muon.step()
        theirs.step()
    moved, wanted = (ours - before).flatten(1), matrix - before.flatten(1)
    assert (moved - wanted).norm() < 0.03 * wanted.norm()


def test_momentum_is_nesterovs():
    weight = torch.nn.Parameter(torch.randn(8, 8, 3, 3))
    muon, before = Muon([weight], lr=0.1), weight.detach().clone()
    first, second = torch.randn(8, 8, 3, 3), torch.randn(8, 8, 3, 3)
    for gradient in (first, second):
        weight.grad = gradient
        muon.step()
    momentum = 0.05 * first
    wanted = newton_schulz((0.05 * first + 0.95 * momentum).flatten(1))
    momentum = 0.95 * momentum + 0.05 * second
    wanted = wanted + newton_schulz((0.05 * second + 0.95 * momentum).flatten(1))
    scale = 0.1 * 0.2 * 72**0.5
    torch.testing.assert_close((before - weight).flatten(1).double(), scale * wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize("shape", [(32, 1, 3, 3), (4, 16, 3, 3), (16, 4, 1, 1), (16,), (16, 16)])
def test_everything_else_is_updated_by_adam(shape):
    ours, theirs = torch.nn.Parameter(torch.randn(shape)), torch.nn.Parameter(torch.zeros(shape))
    with torch.no_grad():
        theirs.copy_(ours)
    muon, adam = Muon([ours], lr=0.01), torch.optim.Adam([theirs], 0.01, fused=True)
    assert not is_orthogonalised(ours)
    for _ in range(4):
        ours.grad = torch.randn(shape)
        theirs.grad = ours.grad.clone()
        muon.step()
        adam.step()
    assert torch.equal(ours, theirs)


def test_parameters_without_a_gradient_stay():
    weights = [torch.nn.Parameter(torch.randn(shape)) for shape in ((8, 8, 3, 3), (8,), (8, 8, 3, 3))]
    before = [weight.detach().clone() for weight in weights]
    weights[2].grad = torch.randn(8, 8, 3, 3)
    Muon(weights, lr=0.1).step()
    assert torch.equal(weights[0], before[0]) and torch.equal(weights[1], before[1])
    assert not torch.equal(weights[2], before[2])


def test_a_training_with_muon_is_resumed_exactly(crops_file, tmp_path):
    recipe = tiny_recipe(
        optimiser="muon",
        config={"widths": (8, 16), "encoder_convs": 1, "decoder_convs": 1},
        phases=(Phase(5, 16, 4), Phase(4, 24, 2)),
        ema=0.9,
    )
    train(recipe, crops_file, Run(tmp_path / "whole", device="cpu", log_steps=1), say=lambda text: None)
    parts = Run(tmp_path / "parts", device="cpu", log_steps=1)
    train(recipe, crops_file, parts, say=interrupt_at(3))
    train(recipe, crops_file, replace(parts, resume=True), say=lambda text: None)
    assert without_speed(logged_losses(tmp_path / "parts")) == without_speed(logged_losses(tmp_path / "whole"))
    ends = [checkpoint.load(tmp_path / name / "checkpoint.safetensors").tensors for name in ("whole", "parts")]
    assert any(name.endswith("/momentum") for name in ends[0]) and any("exp_avg_sq" in name for name in ends[0])
    assert all(torch.equal(ends[0][name], ends[1][name]) for name in ends[0])


def test_the_optimiser_is_a_field_of_the_recipe():
    assert override(tiny_recipe(), {"optimiser": "muon"}).optimiser == "muon"
    with pytest.raises(InputError, match="optimiser is one of adam, adamw, muon, not 'sgd'"):
        override(tiny_recipe(), {"optimiser": "sgd"})


def test_a_phase_may_have_a_loss_of_its_own(crops_file, tmp_path):
    recipe = tiny_recipe(phases=(Phase(2, 16, 4), Phase(2, 16, 4, loss=(Term("l2", 3.0), Term("l1")))))
    assert [[term.loss for term in recipe.loss_at(step)] for step in range(4)] == [["l1"]] * 2 + [["l2", "l1"]] * 2
    assert from_json(to_json(recipe)).phases == recipe.phases
    assert from_json(to_json(recipe).replace(', "loss": []', "")).phases[0] == recipe.phases[0]  # an older file
    train(recipe, crops_file, Run(tmp_path, device="cpu", log_steps=1), say=lambda text: None)
    logged = logged_losses(tmp_path)
    assert ["l2" in line for line in logged] == [False, False, True, True]
    assert logged[2]["loss"] == pytest.approx(logged[2]["l1"] + logged[2]["l2"])
    wrong = replace(recipe, phases=(Phase(2, 16, 4, loss=(Term("l1", options={"epsilon": 1.0}),)),))
    with pytest.raises(InputError, match=r"l1 has no field phases\.0\.loss\.0\.options\.epsilon"):
        check_fields(wrong)
