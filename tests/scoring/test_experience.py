"""Experience, hashed features and fitted chances: pure numpy, by hand."""

import numpy as np
import pytest

from edge_sale.scoring import hashed_features, success_chance
from edge_sale.scoring.experience import experience


def test_nearest_tasks_count_by_cosine_squared():
    """Neighbours at 1.0 (done) and 0.5 (failed) and two prior tasks at the mean of one half: (1 + 1) / (1.25 + 2)."""
    found = experience([[1.0, 0.5]], [[1.0], [0.0]], k=2, prior=2.0)
    assert found == pytest.approx(np.array([[2 / 3.25]]))


def test_only_the_k_nearest_count():
    """With k = 1 the far failure is not seen, but for the agent's overall share."""
    assert experience([[1.0, 0.5]], [[1.0], [0.0]], k=1, prior=1.0) == pytest.approx(np.array([[1.5 / 2]]))


def test_a_task_is_not_its_own_neighbour():
    """Left out: the first task is judged by the second alone."""
    near = np.ones((2, 2))
    found = experience(near, [[1.0], [0.0]], k=5, prior=1.0, leave_one_out=True)
    assert found.ravel().tolist() == pytest.approx([0.25, 0.75])
    assert near.tolist() == [[1, 1], [1, 1]]


def test_what_was_never_tried_is_unknown():
    """nan counts neither way; an agent that never worked is given one half, as is everyone in an empty memory."""
    found = experience([[1.0, 1.0]], [[1.0, np.nan], [np.nan, np.nan]], prior=2.0)
    assert found[0].tolist() == pytest.approx([1.0, 0.5])
    assert experience(np.ones((1, 0)), np.ones((0, 2))).tolist() == [[0.5, 0.5]]


def test_chance_learns_a_sign_and_stays_finite():
    """A signal that separates perfectly gets a large but finite weight; a constant one gets none."""
    x = np.column_stack([np.arange(20.0), np.ones(20)])
    model = success_chance.fit(x, x[:, 0] >= 10)
    assert model.of([[0, 1]])[0] < 0.2 < 0.8 < model.of([[19, 1]])[0]
    assert model.weights[2] == pytest.approx(0)
    alike = success_chance.fit(x, np.ones(20))
    assert 0.9 < alike.of([[3, 1]])[0] < 1


def test_chance_without_signal_is_the_share():
    """Noise leaves the overall share of success."""
    rng = np.random.default_rng(0)
    model = success_chance.fit(rng.normal(size=(4000, 1)), rng.random(4000) < 0.3)
    assert model.of([[0.0]])[0] == pytest.approx(0.3, abs=0.03)


def test_hashed_features_tell_forms_apart():
    """Two questions of one form are nearer than one of another form on the same matter; digits are alike."""
    texts = ["What is 3 and 4? Options: A) 7", "What is 8 and 1? Options: B) 9", "Write three plus four."]
    near = hashed_features.vectors(texts) @ hashed_features.vectors(texts).T
    assert near[0, 0] == pytest.approx(1.0)
    assert near[0, 1] > 0.8 > 0.3 > near[0, 2]
    assert hashed_features.vectors([""]).sum() == 0


def test_the_likeliest_weights_are_found_from_far_away():
    """However far the offset is off, the slope of the posterior is zero at what is found."""
    rng = np.random.default_rng(0)
    design = np.column_stack([np.ones(900), rng.normal(size=(900, 3)), np.eye(3)[rng.integers(3, size=900)]])
    right = (rng.random(900) < success_chance.sigmoid(design @ [0, 1, -1, 0, -2, -2, 2])).astype(float)
    penalty = np.array([1e-3, 3, 3, 3, 1, 1, 1])
    for offset in (0.0, 4.0, rng.normal(0, 6, 900)):
        found = success_chance.most_likely(design, right, penalty, offset)
        promised = success_chance.sigmoid(offset + design @ found)
        assert np.abs(design.T @ (promised - right) + penalty * found).max() < 1e-6
