"""Trees of Python containers: tuples, named tuples, lists, dicts, ordered and default dicts and deques, to any depth. All else is a leaf, also None.

The transforms in `func` take and give such trees of tensors, as PyTorch's do. Knows no tensors.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict, deque


class TreeSpec:
    """The shape of a tree without its leaves: the type of its root, what else is needed to make it again, and the shapes of its children."""

    __slots__ = ("type", "context", "children_specs", "num_leaves")

    def __init__(self, type, context, children_specs):
        self.type = type
        self.context = context
        self.children_specs = children_specs
        self.num_leaves = 1 if type is None else sum(c.num_leaves for c in children_specs)

    def is_leaf(self) -> bool:
        """Whether the tree is a single leaf."""
        return self.type is None

    def __eq__(self, other):
        if not isinstance(other, TreeSpec):
            return NotImplemented
        return self.type is other.type and self.context == other.context and self.children_specs == other.children_specs

    def __hash__(self):
        return hash((self.type, repr(self.context), tuple(self.children_specs)))

    def __repr__(self):
        return self._text(0)

    def _text(self, indent):
        if self.type is None:
            return "*"
        indent += 2
        children = f",\n{' ' * indent}".join(c._text(indent) for c in self.children_specs)
        name = "namedtuple" if self.context is self.type else self.type.__name__
        return f"TreeSpec({name}, {self.context}, [{children}])"


LEAF = TreeSpec(None, None, [])


class _Star:
    def __repr__(self):
        return "*"


def tree_pprint(spec) -> str:
    """The shape as its containers print, with a star for each leaf."""
    return repr(tree_unflatten([_Star()] * spec.num_leaves, spec))


def _is_named_tuple(kind):
    return issubclass(kind, tuple) and isinstance(getattr(kind, "_fields", None), tuple)


def _open(tree):
    """The type, context and children of a container; the type of a leaf is None."""
    kind = type(tree)
    if kind is tuple or kind is list:
        return kind, None, tree
    if kind is dict or kind is OrderedDict:
        return kind, list(tree), tree.values()
    if kind is defaultdict:
        return kind, [tree.default_factory, list(tree)], tree.values()
    if kind is deque:
        return kind, tree.maxlen, tree
    if _is_named_tuple(kind):
        return kind, kind, tree
    return None, None, ()


def _close(spec, children):
    """The container of a shape around these children."""
    kind = spec.type
    if kind is dict or kind is OrderedDict:
        return kind(zip(spec.context, children))
    if kind is defaultdict:
        return defaultdict(spec.context[0], zip(spec.context[1], children))
    if kind is deque:
        return deque(children, maxlen=spec.context)
    return kind(children) if kind in (tuple, list) else kind(*children)


def tree_flatten(tree, is_leaf=None):
    """The leaves of a tree as a list, and its shape. `is_leaf(node)` may declare a container to be a leaf."""
    leaves = []
    return leaves, _flatten(tree, leaves, is_leaf)


def _flatten(tree, leaves, is_leaf):
    kind, context, children = (None, None, ()) if is_leaf is not None and is_leaf(tree) else _open(tree)
    if kind is None:
        leaves.append(tree)
        return LEAF
    return TreeSpec(kind, context, [_flatten(c, leaves, is_leaf) for c in children])


def tree_unflatten(leaves, spec):
    """Make the tree of a shape from its leaves. Raises `ValueError` where their number is not that of the shape."""
    leaves = list(leaves)
    if len(leaves) != spec.num_leaves:
        raise ValueError(
            f"tree_unflatten(leaves, treespec): `leaves` has length {len(leaves)} but the spec refers to a pytree that holds "
            f"{spec.num_leaves} items ({spec})."
        )
    return _unflatten(iter(leaves), spec)


def _unflatten(leaves, spec):
    if spec.type is None:
        return next(leaves)
    return _close(spec, [_unflatten(leaves, c) for c in spec.children_specs])


def tree_leaves(tree, is_leaf=None) -> list:
    """The leaves of a tree as a list."""
    return tree_flatten(tree, is_leaf)[0]


def tree_structure(tree, is_leaf=None) -> TreeSpec:
    """The shape of a tree."""
    return tree_flatten(tree, is_leaf)[1]


def tree_map(function, tree, *rests, is_leaf=None):
    """The tree of what `function` gives for each leaf; with further trees of the same shape, for each leaf and theirs."""
    leaves, spec = tree_flatten(tree, is_leaf)
    others = [_leaves_under(spec, rest) for rest in rests]
    return _unflatten(map(function, leaves, *others), spec)


def _leaves_under(spec, tree):
    """What stands in a tree where `spec` has its leaves. Raises `ValueError` where the containers differ."""
    if spec.type is None:
        return [tree]
    kind, context, children = _open(tree)
    if kind is not spec.type or context != spec.context or len(children) != len(spec.children_specs):
        raise ValueError(f"Node type mismatch; expected {spec}, but got {tree_structure(tree)}.")
    return [leaf for s, c in zip(spec.children_specs, children) for leaf in _leaves_under(s, c)]


def tree_map_only(types, function, tree):
    """The tree with `function` applied to the leaves of these types."""
    return tree_map(lambda leaf: function(leaf) if isinstance(leaf, types) else leaf, tree)


def broadcast_to_and_flatten(tree, spec):
    """The leaves of `tree`, each repeated for all leaves of `spec` that stand below it; None where the two do not fit."""
    kind, context, children = _open(tree)
    if kind is None:
        return [tree] * spec.num_leaves
    if kind is not spec.type or context != spec.context or len(children) != len(spec.children_specs):
        return None
    found = []
    for child, below in zip(children, spec.children_specs):
        part = broadcast_to_and_flatten(child, below)
        if part is None:
            return None
        found += part
    return found
