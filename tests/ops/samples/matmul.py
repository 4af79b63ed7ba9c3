"""Samples for products of vectors and matrices."""

import numpy as np

from . import Maker, Sample

m = Maker(23)

SAMPLES = {
    "mm": [Sample(m.real(2, 3), m.real(3, 4)), Sample(m.whole(2, 3), m.whole(3, 2)), Sample(m.real(2, 0), m.real(0, 3))],
    "mv": [Sample(m.real(2, 3), m.real(3))],
    "dot": [Sample(m.real(3), m.real(3))],
    "vdot": [Sample(m.real(3), m.real(3))],
    "bmm": [Sample(m.real(2, 2, 3), m.real(2, 3, 2))],
    "matmul": [
        Sample(m.real(2, 3), m.real(3, 2)), Sample(m.real(3), m.real(3)), Sample(m.real(2, 3), m.real(3)), Sample(m.real(2), m.real(2, 3)),
        Sample(m.real(2, 2, 3), m.real(3, 2)), Sample(m.real(2, 3), m.real(2, 3, 2)), Sample(m.real(2, 2, 3), m.real(3)),
        Sample(m.real(2), m.real(2, 2, 3)), Sample(m.real(2, 1, 2, 3), m.real(3, 3, 2)), Sample(m.real(2, 3), m.real(2, 3, 2)).but(leaves=(1,)),
        Sample(m.real(2, 2, 3), m.real(3, 2)).but(leaves=(0,)),
    ],
    "linalg.matmul": [Sample(m.real(2, 3), m.real(3, 2))],
    "addmm": [Sample(m.real(4), m.real(2, 3), m.real(3, 4)), Sample(m.real(2, 1), m.real(2, 3), m.real(3, 4), beta=0.5, alpha=2)],
    "addmv": [Sample(m.real(2), m.real(2, 3), m.real(3)), Sample(m.real(), m.real(2, 3), m.real(3), beta=2, alpha=0.5)],
    "addr": [Sample(m.real(2, 3), m.real(2), m.real(3)), Sample(m.real(3), m.real(2), m.real(3), beta=2, alpha=0.5)],
    "addbmm": [Sample(m.real(2, 2), m.real(2, 2, 3), m.real(2, 3, 2)), Sample(m.real(2), m.real(2, 2, 3), m.real(2, 3, 2), beta=2, alpha=0.5)],
    "baddbmm": [Sample(m.real(2, 2, 2), m.real(2, 2, 3), m.real(2, 3, 2)), Sample(m.real(2), m.real(2, 2, 3), m.real(2, 3, 2), beta=2, alpha=0.5)],
    "outer": [Sample(m.real(2), m.real(3))],
    "ger": [Sample(m.real(2), m.real(3))],
    "inner": [Sample(m.real(3), m.real(3)), Sample(m.real(2, 3), m.real(3)), Sample(m.real(2, 2, 3), m.real(2, 3)), Sample(m.real(), m.real(2))],
    "tensordot": [Sample(m.real(2, 3, 2), m.real(3, 2, 2), 2), Sample(m.real(2, 3), m.real(3, 2), ([1, 0], [0, 1])), Sample(m.real(2), m.real(3), 0)],
    "kron": [Sample(m.real(2, 2), m.real(1, 3)), Sample(m.real(2), m.real(2, 2))],
    "linalg.multi_dot": [Sample([m.real(2, 3), m.real(3, 4), m.real(4, 2)]), Sample([m.real(3), m.real(3, 2), m.real(2)])],
    "chain_matmul": [Sample(m.real(2, 3), m.real(3, 4), m.real(4, 2))],
    "linalg.vecdot": [Sample(m.real(2, 3), m.real(2, 3))],
    "linalg.cross": [Sample(m.real(2, 3), m.real(2, 3)), Sample(m.real(3, 2), m.real(3, 1), dim=0)],
    "cross": [Sample(m.real(2, 3), m.real(2, 3)), Sample(m.real(3, 2), m.real(3, 2), dim=0)],
    "einsum": [
        Sample("ij,jk->ik", m.real(2, 3), m.real(3, 4)), Sample("bij,bjk->bik", m.real(2, 2, 3), m.real(2, 3, 2)), Sample("ij->ji", m.real(2, 3)),
        Sample("ii->i", m.real(3, 3)), Sample("ij->", m.real(2, 3)), Sample("i,j->ij", m.real(2), m.real(3)), Sample("ij,ij->i", m.real(2, 3), m.real(2, 3)),
        Sample("...ij,...jk->...ik", m.real(2, 2, 3), m.real(3, 2)), Sample("bi,ij,bj->b", m.real(2, 3), m.real(3, 2), m.real(2, 2)),
        Sample("ij,jk", m.real(2, 3), m.real(3, 2)), Sample("i,i", m.real(3), m.real(3)),
    ],
    "nn.functional.linear": [
        Sample(m.real(2, 3), m.real(4, 3), m.real(4)), Sample(m.real(2, 3), m.real(4, 3)), Sample(m.real(3), m.real(4, 3), m.real(4)),
        Sample(m.real(3), m.real(4, 3)), Sample(m.real(2, 2, 3), m.real(4, 3), m.real(4)), Sample(m.real(2, 2, 3), m.real(4, 3)),
        Sample(m.real(2, 3), m.real(3)), Sample(m.real(2, 3, dtype=np.float32), m.real(4, 3, dtype=np.float32), m.real(4, dtype=np.float32)),
    ],
    "nn.functional.bilinear": [Sample(m.real(2, 3), m.real(2, 4), m.real(2, 3, 4), m.real(2))],
    # PyTorch runs it as one node; here it can be opened
    "nn.functional.scaled_dot_product_attention": [
        s.but(parity=False) for s in (
            Sample(m.real(1, 2, 3), m.real(1, 3, 3), m.real(1, 3, 2)), Sample(m.real(3, 2), m.real(3, 2), m.real(3, 2), is_causal=True),
            Sample(m.real(2, 2), m.real(3, 2), m.real(3, 2), np.array([[True, False, True], [False, True, True]])),
            Sample(m.real(2, 2), m.real(3, 2), m.real(3, 2), m.real(2, 3), scale=0.3),
        )
    ],
}  # fmt: skip
