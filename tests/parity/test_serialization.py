"""Files: what is saved comes back, PyTorch reads ours and we read PyTorch's, and a hostile file raises and does nothing."""

import collections
import io
import os
import pathlib
import pickle
import struct
import zipfile

import numpy as np
import pytest

import nbgrad

oracle = pytest.importorskip("torch")
PAIRS = [(nbgrad, nbgrad), (oracle, oracle), (nbgrad, oracle), (oracle, nbgrad)]
WAYS = pytest.mark.parametrize("writer, reader", PAIRS, ids=["nbgrad", "torch", "nbgrad-to-torch", "torch-to-nbgrad"])


def through(obj, writer, reader, **options):
    buffer = io.BytesIO()
    writer.save(obj, buffer)
    buffer.seek(0)
    return reader.load(buffer, **options)


def same(found, expected):
    assert str(found.dtype) == str(expected.dtype) and tuple(found.shape) == tuple(expected.shape) and found.stride() == expected.stride()
    assert found.requires_grad == expected.requires_grad and found.is_leaf
    assert np.array_equal(found.detach().numpy(), expected.detach().numpy(), equal_nan=found.is_floating_point())


@WAYS
@pytest.mark.parametrize(
    "make",
    [
        lambda torch: torch.tensor([1.0, float("nan"), float("inf")]),
        lambda torch: torch.tensor(3),
        lambda torch: torch.tensor(2.5, dtype=torch.float64),
        lambda torch: torch.zeros(0, 3),
        lambda torch: torch.tensor([True, False]),
        lambda torch: torch.tensor([1 + 2j, -1j]),
        lambda torch: torch.tensor([1 + 2j], dtype=torch.complex128),
        lambda torch: torch.tensor([1.5, -2.0], dtype=torch.float16),
        lambda torch: torch.arange(6).reshape(2, 3).t(),
        lambda torch: torch.arange(24, dtype=torch.int32).reshape(2, 3, 4)[:, 1:, ::2],
        lambda torch: torch.tensor([[1.0], [2.0]]).expand(2, 3),
        lambda torch: torch.tensor([1, 2], dtype=torch.uint8),
        lambda torch: torch.tensor([1, -2], dtype=torch.int8),
        lambda torch: torch.tensor([1, -2], dtype=torch.int16),
        lambda torch: torch.tensor([1, 60000], dtype=torch.uint16),
        lambda torch: torch.tensor([1, 2**40], dtype=torch.int64).to(torch.uint64),
        lambda torch: torch.ones(2, requires_grad=True),
        lambda torch: torch.arange(5.0)[3:],
        lambda torch: torch.as_tensor(np.asfortranarray(np.arange(6.0).reshape(2, 3))),
    ],
)  # fmt: skip
def test_a_tensor_comes_back(writer, reader, make):
    expected = make(writer)
    same(through(expected, writer, reader), expected)
    same(through(expected, writer, reader, weights_only=False), expected)


@WAYS
def test_what_is_no_leaf_comes_back_as_one(writer, reader):
    x = writer.tensor([1.0, 2.0], requires_grad=True)
    found = through(x * 2, writer, reader)
    assert found.tolist() == [2.0, 4.0] and found.requires_grad and found.is_leaf and found.grad is None


@WAYS
def test_containers_and_plain_data_come_back(writer, reader):
    obj = {
        "weights": collections.OrderedDict([("layer.w", writer.ones(2, 2)), ("layer.b", writer.zeros(2))]),
        "optimizer": {"state": {0: {"step": writer.tensor(3.0), "exp_avg": writer.ones(2)}}, "param_groups": [{"lr": 1e-3, "betas": (0.9, 0.999),
        "params": [0]}]},
        "epoch": 12, "loss": 0.25, "big": 2**100, "small": -(2**40), "done": False, "none": None, "text": "héllo\n", "bytes": b"\x00\xff",
        "complex": 1j,
        "set": {1, 2}, "counter": collections.Counter("aab"), 3: [1, [2, (3, ())]], "tuple": (1,), "bytearray": bytearray(b"ab"),
    }  # fmt: skip
    found = through(obj, writer, reader)
    assert list(found) == list(obj) and type(found["weights"]) is collections.OrderedDict
    same(found["weights"]["layer.w"], obj["weights"]["layer.w"])
    same(found["optimizer"]["state"][0]["step"], obj["optimizer"]["state"][0]["step"])
    plain = [k for k in obj if k not in ("weights", "optimizer")]
    assert [found[k] for k in plain] == [obj[k] for k in plain] and [type(found[k]) for k in plain] == [type(obj[k]) for k in plain]
    assert found["optimizer"]["param_groups"] == obj["optimizer"]["param_groups"]


@WAYS
def test_types_sizes_and_devices_come_back_as_the_readers(writer, reader):
    found = through([writer.float32, writer.int64, writer.bool, writer.Size([2, 3]), writer.device("cpu"), writer.strided], writer, reader)
    assert found[:3] == [reader.float32, reader.int64, reader.bool] and found[3] == (2, 3) and type(found[3]) is reader.Size
    assert found[4] == reader.device("cpu") and found[5] is reader.strided


@WAYS
def test_what_shares_memory_shares_it_again(writer, reader):
    n = writer.zeros(2, 3)
    whole, row, column, again = through([n, n[1], n.t()[0], n], writer, reader)
    whole[1, 0] = 5
    assert row.tolist() == [5.0, 0.0, 0.0] and column.tolist() == [0.0, 5.0] and again is whole


@WAYS
def test_attributes_of_a_tensor_come_back(writer, reader):
    x = writer.ones(2)
    x.note = {"kept": [1]}
    assert through(x, writer, reader).note == {"kept": [1]}


@WAYS
def test_the_metadata_of_a_state_dict_comes_back(writer, reader):
    state = collections.OrderedDict(w=writer.ones(1))
    state._metadata = collections.OrderedDict([("", {"version": 1})])
    assert through(state, writer, reader)._metadata == {"": {"version": 1}}


def test_parameters_and_state_dicts_of_pytorch_come_here():
    model = oracle.nn.Sequential(oracle.nn.Linear(2, 3), oracle.nn.BatchNorm1d(3))
    optimizer = oracle.optim.Adam(model.parameters())
    model(oracle.ones(4, 2)).sum().backward()
    optimizer.step()
    found = through({"model": model.state_dict(), "optimizer": optimizer.state_dict(), "parameter": model[0].weight}, oracle, nbgrad)
    for name, tensor in model.state_dict().items():
        same(found["model"][name], tensor)
    assert found["optimizer"]["param_groups"] == optimizer.state_dict()["param_groups"]
    parameter = found["parameter"]
    assert isinstance(parameter, nbgrad.Tensor) and parameter.requires_grad and parameter.tolist() == model[0].weight.tolist()
    model.load_state_dict(through(found["model"], nbgrad, oracle))


def test_conjugated_and_negated_memory_is_read_as_its_values():
    z = oracle.tensor([1 + 2j, 3 - 1j])
    both = through([z.conj(), z], oracle, nbgrad)
    assert [t.tolist() for t in both] == [[1 - 2j, 3 + 1j], [1 + 2j, 3 - 1j]]
    assert through(z.conj().imag, oracle, nbgrad).tolist() == [-2.0, 1.0]


def test_a_complex_tensor_and_its_real_view_are_both_kept():
    z = nbgrad.tensor([1 + 2j, 3j])
    found = through([z, nbgrad.from_numpy(z.numpy().real)], nbgrad, oracle)
    assert found[0].tolist() == [1 + 2j, 3j] and found[1].tolist() == [1.0, 0.0]


@WAYS
@pytest.mark.parametrize("kind", [str, pathlib.Path, "open"])
def test_paths_and_open_files(writer, reader, tmp_path, kind):
    path = tmp_path / "some.file.pt"
    if kind == "open":
        with open(path, "wb") as f:
            writer.save([writer.ones(2)], f)
        with open(path, "rb") as f:
            (found,) = reader.load(f)
    else:
        writer.save([writer.ones(2)], kind(path))
        (found,) = reader.load(kind(path))
    assert found.tolist() == [1.0, 1.0]
    (mapped,) = oracle.load(path, mmap=True)
    assert mapped.tolist() == [1.0, 1.0]


def test_where_it_cannot_be_written_or_read(torch, tmp_path):
    with pytest.raises(RuntimeError, match="Parent directory .* does not exist"):
        torch.save(1, tmp_path / "nowhere" / "x.pt")
    with pytest.raises(FileNotFoundError):
        torch.load(tmp_path / "nothing.pt")
    with pytest.raises(AttributeError, match="expected 'f' to be string, path, or a file-like object with a 'write' attribute"):
        torch.save(1, 5)
    with pytest.raises(AttributeError, match="You can only torch.load from a file that is seekable"):
        torch.load(5)
    with pytest.raises(EOFError):
        torch.load(io.BytesIO())
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        torch.load(io.BytesIO(b"garbage"))
    buffer = io.BytesIO()
    torch.save(torch.ones(100), buffer)
    with pytest.raises(RuntimeError, match="PytorchStreamReader failed reading zip archive: failed finding central directory"):
        torch.load(io.BytesIO(buffer.getvalue()[:300]))
    with pytest.raises(RuntimeError, match="Can not safely load weights when explicit pickle_module is specified"):
        torch.load(io.BytesIO(buffer.getvalue()), pickle_module=pickle, weights_only=True)
    with pytest.raises((AttributeError, pickle.PicklingError)):
        torch.save(lambda: 1, tmp_path / "lambda.pt")


def test_map_location(torch):
    x = torch.ones(2)
    for where in (None, "cpu", torch.device("cpu"), {"cpu": "cpu"}, {}, lambda memory, place: memory, lambda memory, place: None):
        assert through(x, torch, torch, map_location=where).tolist() == [1.0, 1.0]
    seen = []
    through(x, torch, torch, map_location=lambda memory, place: seen.append(place))
    assert seen == ["cpu"]
    with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device.*map_location=torch.device\\('cpu'\\)"):
        through(x, torch, torch, map_location="cuda")


def test_what_was_on_a_gpu_is_read_with_map_location():
    data = rewritten(lambda pickled: pickled.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0"))
    with pytest.raises(RuntimeError, match="Attempting to deserialize object on a CUDA device"):
        nbgrad.load(data)
    data.seek(0)
    assert nbgrad.load(data, map_location={"cuda:0": "cpu"}).tolist() == [1.0, 1.0]
    data.seek(0)
    assert nbgrad.load(data, map_location="cpu").tolist() == [1.0, 1.0]


class Point:
    def __init__(self, x):
        self.x = x

    def __eq__(self, other):
        return self.x == other.x

    __hash__ = None


@WAYS
def test_what_is_no_plain_data_is_refused_by_name_and_can_be_trusted(writer, reader):
    name = f"{Point.__module__}.Point".replace(".", r"\.")
    refused = rf"(?s)Weights only load failed.*Unsupported global: GLOBAL {name} was not an allowed global by default"
    with pytest.raises(pickle.UnpicklingError, match=refused):
        through(Point(1), writer, reader)
    with reader.serialization.safe_globals([Point]):
        assert Point in reader.serialization.get_safe_globals()
        assert through(Point([1]), writer, reader) == Point([1])
    assert Point not in reader.serialization.get_safe_globals()
    reader.serialization.add_safe_globals([Point])
    assert through([Point(2)], writer, reader) == [Point(2)]
    reader.serialization.clear_safe_globals()
    with pytest.raises(pickle.UnpicklingError, match="safe_globals"):
        through(Point(1), writer, reader)
    assert through(Point(3), writer, reader, weights_only=False) == Point(3)


OTHERS = [frozenset({1}), range(3), np.ones(2), np.float64(1), collections.defaultdict(int), slice(1)]


@pytest.mark.parametrize("obj", OTHERS, ids=lambda o: type(o).__name__)
def test_other_builtins_are_refused_as_pytorch_refuses_them(torch, obj):
    with pytest.raises(pickle.UnpicklingError, match="Unsupported global"):
        through(obj, torch, torch)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("writer", [nbgrad, oracle])
def test_all_protocols_of_pickle(writer, protocol):
    buffer = io.BytesIO()
    writer.save({"a": (writer.ones(2), "text", b"bytes", 2**70, {1, 2}, bytearray(b"ab"))}, buffer, pickle_protocol=protocol)
    buffer.seek(0)
    found = nbgrad.load(buffer)
    assert found["a"][0].tolist() == [1.0, 1.0] and found["a"][1:] == ("text", b"bytes", 2**70, {1, 2}, bytearray(b"ab"))


# ---- hostile files


def archive(records, compression=zipfile.ZIP_STORED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as z:
        for name, data in records:
            z.writestr(name, data)
    buffer.seek(0)
    return buffer


def rewritten(change=lambda pickled: pickled, records=lambda r: r, obj=None):
    """A file of nbgrad's with its pickle, or its records, changed."""
    buffer = io.BytesIO()
    nbgrad.save(nbgrad.ones(2) if obj is None else obj, buffer)
    with zipfile.ZipFile(buffer) as z:
        kept = {name: z.read(name) for name in z.namelist()}
    kept["archive/data.pkl"] = change(kept["archive/data.pkl"])
    return archive(records(kept).items())


def of_pickle(pickled):
    return archive([("archive/data.pkl", pickled), ("archive/version", "3\n")])


class Runs:
    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "function, args", [(os.system, ("touch {}",)), (eval, ("open({!r}, 'w')",)), (exec, ("open({!r}, 'w')",)), (os.mkdir, ("{}",))]
)  # fmt: skip
def test_a_file_that_wants_to_run_something_raises_and_runs_nothing(tmp_path, protocol, function, args):
    target = str(tmp_path / "pwned")
    args = [a.format(target) for a in args]
    for obj in (Runs(function, *args), [nbgrad.ones(1), {"deep": Runs(function, *args)}]):
        buffer = io.BytesIO()
        nbgrad.save(obj, buffer, pickle_protocol=max(protocol, 2))
        for data in (buffer, of_pickle(pickle.dumps(Runs(function, *args), protocol))):
            data.seek(0)
            with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
                nbgrad.load(data)
    assert not os.path.exists(target)
    nbgrad.load(of_pickle(pickle.dumps(Runs(os.mkdir, target))), weights_only=False)  # it would have worked
    assert os.path.exists(target)


@pytest.mark.parametrize(
    "pickled",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"(S'true'\nios\nsystem\n.",  # INST
        b"(cos\nsystem\nS'true'\no.",  # OBJ
        b"c__builtin__\ngetattr\n(c__builtin__\neval\nS'x'\ntR.",
        b"\x80\x02ctorch\nTensor\n)\x81.",  # a tensor without memory
        b"\x80\x02ctorch\nTensor\n}S'x'\nK\x01sb.",  # an attribute of a class
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}S'__globals__'\n}sb.",  # of a function
        b"\x80\x02ccollections\nOrderedDict\n)R}S'items'\nK\x01sb.",  # one that hides a method
        b"\x80\x02ctorch\nfloat32\n)R.",
        b"\x80\x02c__builtin__\nbytearray\nJ\xff\xff\xff\x7f\x85R.",  # two gigabytes of zeros
        b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00idna8\x86R.",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(K\x01K\x00K\x02\x85K\x01\x85\x89Nt R.",
        b"\x80\x02cnbgrad\nload\nX\x01\x00\x00\x00x\x85R.",
        b"\x80\x02ctorch\nload\nX\x01\x00\x00\x00x\x85R.",
        b"\x80\x02c__main__\n__builtins__\n.",
        b"\x82\x01.",  # EXT1
        b"\x80\x02K\x01K\x02.",
        b"\x80\x02.",
        b"\x80\x02(K\x01s.",
        b"\x80\x02h\x05.",
        b"\x80\x02X\xff\xff\xff\x7fabc",
        b"\x80\x02K\x01",
        b"",
        b"\x80\x02]K\x01K\x02s.",
        b"\x80\x02}K\x01a.",
        b"\x80\x02K\x01Q.",
    ],
)  # fmt: skip
def test_a_pickle_that_asks_for_more_raises(pickled):
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        nbgrad.load(of_pickle(pickled))


def pickled_tensor(offset=0, size=(2,), stride=(1,), key="0", count=2, storage="FloatStorage", **more):
    """The pickle of one tensor, whatever it claims."""
    from nbgrad._checkpoints import _Named, _Pickler

    class Memory:
        pass

    class Tensor:
        def __reduce__(self):
            return _Named("torch._utils", "_rebuild_tensor_v2"), (Memory(), offset, size, stride, False, collections.OrderedDict())

    class Lying(_Pickler):
        def persistent_id(self, obj):
            return ("storage", _Named("torch", storage), key, "cpu", count) if type(obj) is Memory else None

    out = io.BytesIO()
    Lying(out, 2).dump(Tensor())
    return out.getvalue()


def claimed(**claims):
    return nbgrad.load(rewritten(lambda _: pickled_tensor(**claims)))


def test_a_tensor_that_claims_what_is_there_is_read():
    assert claimed().tolist() == [1.0, 1.0] and claimed(offset=1, size=(3, 1), stride=(0, 7)).tolist() == [[1.0]] * 3
    assert claimed(size=(0, 5), stride=(100, 100)).shape == (0, 5) and claimed(size=(), stride=()).item() == 1.0


@pytest.mark.parametrize(
    "claims",
    [
        {"size": (3,)}, {"offset": 1}, {"offset": 2, "size": (1,)}, {"offset": -1}, {"stride": (2,)}, {"stride": (-1,), "offset": 1},
        {"size": (2, 2), "stride": (1, 1)},
        {"size": (-2,)}, {"size": (2,), "stride": (1, 1)}, {"size": (2**62,), "stride": (2**62,)}, {"size": (2**31, 2**31, 2**31), "stride": (0,
        0, 0)},
        {"size": (1.0,)}, {"size": ("2",)}, {"count": 3}, {"count": 1}, {"count": -2}, {"count": 2**60}, {"storage": "DoubleStorage"},
        {"key": "1"}, {"key": "../version"},
        {"key": "/etc/passwd"}, {"key": "../../../../etc/passwd"}, {"key": 0}, {"size": (0, 2**70), "stride": (1, 1)}, {"size": (1,) * 100,
        "stride": (1,) * 100}, {"offset": True},
    ],
    ids=str,
)  # fmt: skip
def test_a_tensor_that_reaches_beyond_its_memory_raises(claims):
    with pytest.raises((RuntimeError, pickle.UnpicklingError)):
        claimed(**claims)


def test_archives_that_unpack_to_more_than_they_are_raise():
    records = [("archive/data.pkl", pickled_tensor(count=10**7)), ("archive/version", "3\n"), ("archive/data/0", b"\0" * 4 * 10**7)]
    bomb = archive(records, zipfile.ZIP_DEFLATED)
    assert len(bomb.getvalue()) < 10**5
    with pytest.raises(RuntimeError, match="compressed records"):
        nbgrad.load(bomb)
    stored = archive(records[:2] + [("archive/data/0", b"\0" * 8)]).getvalue()
    central = stored.rindex(b"PK\x01\x02")
    lying = stored[: central + 20] + struct.pack("<II", 10**9, 10**9) + stored[central + 28 :]
    with pytest.raises(RuntimeError, match="larger than the archive"):
        nbgrad.load(io.BytesIO(lying))


def test_archives_without_a_pickle_or_with_two_raise(recwarn):
    with pytest.raises(RuntimeError, match="data.pkl"):
        nbgrad.load(archive([("archive/version", "3\n")]))
    with pytest.warns(UserWarning, match="Duplicate"):
        twice = archive([("archive/data.pkl", b"N."), ("archive/data.pkl", b"K\x01.")])
    with pytest.raises(RuntimeError, match="two records of one name"):
        nbgrad.load(twice)


def test_a_damaged_record_raises():
    buffer = io.BytesIO()
    nbgrad.save(nbgrad.ones(1000), buffer)
    data = bytearray(buffer.getvalue())
    data[len(data) // 2] ^= 255
    with pytest.raises(RuntimeError, match="failed reading file data/0"):
        nbgrad.load(io.BytesIO(bytes(data)))


def test_the_other_byte_order_is_read():
    changed = rewritten(records=lambda r: r | {"archive/byteorder": b"big", "archive/data/0": np.ones(2, ">f4").tobytes()})
    assert nbgrad.load(changed).tolist() == [1.0, 1.0]


def test_random_damage_never_gets_through_to_python():
    """Thousands of files with random bytes changed: each loads plain data or raises one of the errors that are promised."""
    import random

    rng = random.Random(0)
    buffer = io.BytesIO()
    nbgrad.save({"w": nbgrad.ones(2, 3), "names": ["a", ("b", 1.5)], "o": collections.OrderedDict(x=nbgrad.arange(3))}, buffer)
    with zipfile.ZipFile(buffer) as z:
        kept = {name: z.read(name) for name in z.namelist()}
    for _ in range(1500):
        pickled = bytearray(kept["archive/data.pkl"])
        for _ in range(rng.randint(1, 4)):
            pickled[rng.randrange(len(pickled))] = rng.randrange(256)
        try:
            nbgrad.load(archive((kept | {"archive/data.pkl": bytes(pickled)}).items()))
        except (RuntimeError, pickle.UnpicklingError):
            pass


def test_random_damage_to_an_archive_raises_what_is_promised():
    import random

    rng = random.Random(1)
    buffer = io.BytesIO()
    nbgrad.save({"w": nbgrad.ones(2, 3)}, buffer)
    for _ in range(1500):
        data = bytearray(buffer.getvalue())
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        if rng.random() < 0.3:
            del data[rng.randrange(len(data)) :]
        try:
            nbgrad.load(io.BytesIO(bytes(data)))
        except (RuntimeError, pickle.UnpicklingError, EOFError):
            pass


def test_bfloat16_is_refused_in_words():
    with pytest.raises(NotImplementedError, match="bfloat16.*float32"):
        through(oracle.ones(2, dtype=oracle.bfloat16), oracle, nbgrad)
