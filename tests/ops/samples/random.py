"""Samples for random tensors: that they run; their numbers are held against PyTorch's in tests/test_random.py."""

from . import Maker, Sample

m = Maker(27)


def drawn(*samples, **changes):
    return [s.but(parity=False, smooth=False, **changes) for s in samples]


SAMPLES = {
    **{n: drawn(Sample(m.real(3)), method=True, leaves=()) for n in (
        "uniform_", "normal_", "random_", "bernoulli_", "exponential_", "cauchy_", "log_normal_")},
    "geometric_": drawn(Sample(m.real(3), 0.5), method=True, leaves=()),
    "bernoulli": drawn(Sample(m.real(3, low=0, high=1))),
    "nn.functional.dropout": drawn(Sample(m.real(3, 4), 0.5), Sample(m.real(3, 4), 0.5, training=False)),
    "dropout": drawn(Sample(m.real(3, 4), 0.5, True)),
    "dropout_": drawn(Sample(m.real(3, 4), 0.5, True), leaves=()),
    "nn.functional.dropout1d": drawn(Sample(m.real(2, 3, 4))),
    "nn.functional.dropout2d": drawn(Sample(m.real(2, 3, 2, 2))),
    "nn.functional.dropout3d": drawn(Sample(m.real(2, 3, 2, 2, 2))),
    "nn.functional.alpha_dropout": drawn(Sample(m.real(3, 4), training=True)),
    "nn.functional.feature_alpha_dropout": drawn(Sample(m.real(2, 3, 4), training=True)),
    "nn.functional.rrelu": [
        Sample(m.away(3, 4)), Sample(m.away(3, 4), 0.1, 0.5), Sample(m.away(3), 0.2, 0.2, training=True), *drawn(Sample(m.away(3, 4), training=True)),
    ],
    "rrelu": [Sample(m.away(3, 4), 0.1, 0.5)],
    "rrelu_": drawn(Sample(m.away(3), 0.1, 0.5, True), leaves=()),
    "nn.functional.gumbel_softmax": drawn(Sample(m.real(2, 3)), Sample(m.real(2, 3), hard=True)),
}  # fmt: skip
SAMPLES["normal"] = drawn(Sample(m.real(3), m.real(3, low=0.5)), Sample(m.real(3), 2.0), Sample(0.0, m.real(3, low=0.5)))
