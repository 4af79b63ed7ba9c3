"""Trees of containers are taken apart and put together as PyTorch does it."""

from collections import OrderedDict, defaultdict, deque, namedtuple

import pytest

from nbgrad import _pytree as ours

Pair = namedtuple("Pair", "first second")
TREES = [
    1, None, (), [], {}, (1, 2), [1, [2, (3,)]], {"b": 1, "a": (2, None)}, OrderedDict(z=1, y=[2]), defaultdict(list, k=[1]), deque([1, 2], maxlen=3),
    Pair(1, {"x": [2]}), "text", {1, 2}, (Pair(None, 2), [{"a": ()}]),
]  # fmt: skip


@pytest.fixture
def theirs():
    return pytest.importorskip("torch.utils._pytree")


@pytest.mark.parametrize("tree", TREES, ids=repr)
def test_leaves_and_shape_are_those_of_torch(tree, theirs):
    leaves, spec = ours.tree_flatten(tree)
    their_leaves, their_spec = theirs.tree_flatten(tree)
    assert leaves == their_leaves
    assert repr(spec) == repr(their_spec)
    assert ours.tree_pprint(spec) == theirs.treespec_pprint(their_spec)
    again = ours.tree_unflatten(leaves, spec)
    assert again == tree
    assert type(again) is type(tree)
    assert spec == ours.tree_structure(again)


def test_map_walks_trees_of_one_shape_together(theirs):
    for lib in (ours, theirs):
        assert lib.tree_map(lambda a, b: a + b, {"x": 1, "y": [2]}, {"x": 10, "y": [20]}) == {"x": 11, "y": [22]}
        assert lib.tree_map(lambda a: -a, Pair(1, [2])) == Pair(-1, [-2])
        assert lib.tree_map_only(int, lambda a: -a, (1, "a", None)) == (-1, "a", None)
        with pytest.raises(ValueError, match="Node type mismatch"):
            lib.tree_map(lambda a, b: a, [1], (1,))
        with pytest.raises(ValueError, match="holds"):
            lib.tree_unflatten([1, 2, 3], lib.tree_structure((1, 2)))


def test_a_container_may_be_declared_a_leaf(theirs):
    for lib in (ours, theirs):
        assert lib.tree_leaves([(1, 2), 3], is_leaf=lambda n: isinstance(n, tuple)) == [(1, 2), 3]


@pytest.mark.parametrize("tree", [0, (0, None), ([0, 1], 2), ((0, 1), None), [0, 1], (0,), (0, {"a": 1}), ({"a": 1, "b": 2}, 3)], ids=repr)
@pytest.mark.parametrize("shape", [(1, 2), ([1, 2], 3), ((1, 2), 3), ({"a": 1, "b": [2]}, 3)], ids=repr)
def test_a_short_tree_is_spread_over_a_deep_one(tree, shape, theirs):
    got = ours.broadcast_to_and_flatten(tree, ours.tree_structure(shape))
    assert got == theirs._broadcast_to_and_flatten(tree, theirs.tree_structure(shape))
