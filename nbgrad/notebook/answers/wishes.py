"""What the questions about a tensor's elements have in common: which living array is meant, and which part of it. A wish comes from a page and may hold anything."""

from __future__ import annotations


def living(view, wish, value="value", which="which"):
    """The array that a wish names by value id and "data" or "grad"; None where it is gone or there is none."""
    side = wish.get(which)
    return view.source.array(str(wish.get(value)), side) if view.source and side in ("data", "grad") else None


def part(wish) -> dict:
    """The plane that a wish is about: `index` and `dims` as `inspect_array` takes them."""
    return {"index": integers(wish.get("index")), "dims": integers(wish.get("dims"))}


def reduction(wish) -> str:
    """How blocks become cells."""
    return "mean" if wish.get("reduce") == "mean" else "max_abs"


def integers(plain) -> list[int]:
    """What is a list of integers, as a list of them; an empty list for anything else."""
    return [int(i) for i in plain if isinstance(i, (int, float)) and abs(i) < 2**53] if isinstance(plain, list) else []


def pair(plain, default) -> tuple[int, int]:
    """Two integers, or the default where there are not two."""
    found = integers(plain)
    return (found[0], found[1]) if len(found) == 2 else default
